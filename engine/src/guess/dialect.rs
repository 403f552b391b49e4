//! Finds delimiter, quote and escape.
//!
//! Every candidate is tried with the parser's own rules, and scored by how well it turns the text into a table: the share of
//! records with one and the same number of fields, times how much the fields look like values and not like pieces of them,
//! times a factor that grows with the number of columns. A file of one column is a candidate of its own, so that dates are not
//! cut at their colons. The reference's measure, the spread of separator counts per line, is the special case without quotes.

use super::TextSample;
use super::delimiters;
use super::purity::ColumnScore;
use super::split::{Record, SplitOptions, split};
use std::collections::HashMap;

/// Text that is scored, all samples together; more does not change the answer.
const MAX_SCORED_BYTES: usize = 256 * 1024;

/// Bounds of the text scored of one sample.
const SCORED_BYTES_OF_SAMPLE: (usize, usize) = (4 * 1024, 64 * 1024);

/// Quotes that are tried, the likelier first. The last is that of Concordance, whose exports no comma or apostrophe can break.
pub(super) const QUOTES: [char; 3] = ['"', '\'', 'þ'];

/// Records before the first of the common width that may be a preamble.
const MAX_PREAMBLE_RECORDS: usize = 20;

/// Records after the last of the common width that may be a footer.
const MAX_FOOTER_RECORDS: usize = 5;

/// What a preamble or footer record weighs against a record in the middle that does not fit.
const OUTSIDE_WEIGHT: f64 = 0.3;

/// What a file of one column weighs; between two clean columns (0.5) and three.
const SINGLE_COLUMN_WEIGHT: f64 = 0.55;

/// How fields and records are told apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dialect {
    pub(crate) delimiter: String,
    pub(crate) quote: Option<char>,
    pub(crate) escape: Option<char>,
    pub(crate) is_trimmed: bool,
    pub(crate) are_stray_quotes_data: bool,
}

impl Dialect {
    /// As the splitter wants it.
    pub(crate) fn split_options<'a>(&'a self, comment: Option<&'a str>) -> SplitOptions<'a> {
        SplitOptions {
            delimiter: &self.delimiter,
            quote: self.quote,
            escape: self.escape,
            is_trimmed: self.is_trimmed,
            are_stray_quotes_data: self.are_stray_quotes_data,
            comment,
        }
    }
}

/// What the seed fixes; `None`: open.
#[derive(Clone, Debug, Default)]
pub(crate) struct FixedDialect {
    pub(crate) delimiter: Option<String>,
    pub(crate) quote: Option<Option<char>>,
    pub(crate) escape: Option<Option<char>>,
    pub(crate) is_trimmed: Option<bool>,
    pub(crate) num_columns: Option<usize>,
}

/// What a dialect makes of the text.
#[derive(Clone, Debug)]
pub(crate) struct Measure {
    score: f64,
    /// The number of fields most records have.
    pub(crate) width: usize,
    /// Records with that many.
    pub(crate) num_matching: usize,
    /// All records, preamble and footer included.
    num_records: usize,
    /// Records in which a quote is not closed, or something follows it.
    pub(crate) num_broken: usize,
    /// Fields that stand in quotes.
    pub(crate) num_quoted: usize,
    /// Fields not in quotes that hold a `"`.
    pub(crate) num_inner_quotes: usize,
}

/// The dialect of a text.
#[derive(Clone, Debug)]
pub(crate) struct GuessedDialect {
    pub(crate) dialect: Dialect,
    pub(crate) measure: Measure,
    /// The delimiter of the second best reading, if that is nearly as good.
    pub(crate) rival: Option<String>,
}

/// Finds the dialect of all samples together.
pub(crate) fn guess(samples: &[TextSample], comment: Option<&str>, fixed: &FixedDialect) -> GuessedDialect {
    let texts = scored_texts(samples);
    let mut scored: Vec<(Dialect, Measure)> = Vec::new();
    let delimiters: Vec<(&str, f64)> = match &fixed.delimiter {
        Some(delimiter) => vec![(delimiter.as_str(), 1.0)],
        None => delimiters::candidates(&texts),
    };
    for (delimiter, prior) in delimiters {
        if !texts.iter().any(|(text, _)| text.contains(delimiter)) {
            continue;
        }
        for dialect in variants(&texts, delimiter, fixed) {
            let mut measure = measure(&texts, &dialect, comment);
            if measure.width < 2 && fixed.delimiter.is_none() {
                continue;
            }
            measure.score *= prior;
            if fixed.num_columns == Some(measure.width) {
                measure.score *= 1.5;
            }
            scored.push((dialect, measure));
        }
    }
    if fixed.delimiter.is_none() || scored.is_empty() {
        scored.extend(single_column(&texts, comment, fixed));
    }
    let mut best: Option<(Dialect, Measure)> = None;
    for (dialect, measure) in &scored {
        let is_better = best.as_ref().is_none_or(|(other, best)| {
            let is_less_broken = dialect.delimiter == other.delimiter
                && measure.score > best.score * (1.0 - 1e-9)
                && measure.num_broken < best.num_broken;
            is_less_broken || measure.score > best.score * (1.0 + 1e-9)
        });
        if is_better {
            best = Some((dialect.clone(), measure.clone()));
        }
    }
    let (dialect, measure) = best.unwrap_or_else(|| {
        let dialect = Dialect {
            delimiter: fixed.delimiter.clone().unwrap_or_else(|| ",".to_owned()),
            quote: fixed.quote.unwrap_or(Some('"')),
            escape: fixed.escape.unwrap_or(None),
            is_trimmed: fixed.is_trimmed.unwrap_or(false),
            are_stray_quotes_data: false,
        };
        let measure = self::measure(&texts, &dialect, comment);
        (dialect, measure)
    });
    let rival = scored
        .iter()
        .filter(|(other, found)| {
            other.delimiter != dialect.delimiter && found.score > 0.9 * measure.score && found.width > 1
        })
        .max_by(|(_, one), (_, other)| one.score.total_cmp(&other.score))
        .map(|(other, _)| other.delimiter.clone());
    let (dialect, measure) = with_stray_quotes(&texts, dialect, measure, comment, fixed);
    GuessedDialect {
        dialect: settled(dialect, &measure, fixed),
        measure,
        rival,
    }
}

/// The heads of the samples, and whether each is complete.
fn scored_texts(samples: &[TextSample]) -> Vec<(&str, bool)> {
    let (least, most) = SCORED_BYTES_OF_SAMPLE;
    let limit = (MAX_SCORED_BYTES / samples.len().max(1)).clamp(least, most);
    let of_sample = |sample: &TextSample| {
        if sample.text().len() <= limit {
            return (sample.text().len(), sample.is_whole);
        }
        (sample.text().floor_char_boundary(limit), false)
    };
    let max_samples = MAX_SCORED_BYTES / least;
    samples
        .iter()
        .take(max_samples)
        .map(|sample| {
            let (end, is_whole) = of_sample(sample);
            (&sample.text()[..end], is_whole)
        })
        .collect()
}

/// Quotes, escapes and trimming that are worth trying with `delimiter`; the plainer first, so that it wins a tie.
fn variants(texts: &[(&str, bool)], delimiter: &str, fixed: &FixedDialect) -> Vec<Dialect> {
    let contains = |part: &str| texts.iter().any(|(text, _)| text.contains(part));
    let quotes: Vec<Option<char>> = match fixed.quote {
        Some(quote) => vec![quote],
        None => {
            let quotes = QUOTES
                .into_iter()
                .filter(|quote| *quote == '"' || contains(&quote.to_string()));
            quotes.map(Some).chain(contains("\"").then_some(None)).collect()
        }
    };
    let mut variants = Vec::new();
    for quote in quotes {
        let escapes: Vec<Option<char>> = match (fixed.escape, quote) {
            (Some(escape), _) => vec![escape],
            (None, Some(quote)) if contains(&format!("\\{quote}")) => vec![None, Some('\\')],
            (None, _) => vec![None],
        };
        let trims = match (fixed.is_trimmed, quote) {
            (Some(is_trimmed), _) => vec![is_trimmed],
            (None, Some(quote)) if delimiter != " " && contains(&format!("{delimiter} {quote}")) => vec![false, true],
            (None, _) => vec![false],
        };
        for escape in escapes {
            for is_trimmed in &trims {
                variants.push(Dialect {
                    delimiter: delimiter.to_owned(),
                    quote,
                    escape,
                    is_trimmed: *is_trimmed,
                    are_stray_quotes_data: false,
                });
            }
        }
    }
    variants
}

/// The reading as a file of one column, with the first usual delimiter that then cuts nothing.
fn single_column(texts: &[(&str, bool)], comment: Option<&str>, fixed: &FixedDialect) -> Option<(Dialect, Measure)> {
    let delimiters = match &fixed.delimiter {
        Some(delimiter) => vec![delimiter.as_str()],
        None => vec![",", "\t", "|", ";", "\u{1}"],
    };
    for delimiter in delimiters {
        for dialect in variants(texts, delimiter, fixed) {
            let mut measure = measure(texts, &dialect, comment);
            if measure.width == 1 && measure.num_matching == measure.num_records && measure.score > 0.0 {
                measure.score *= SINGLE_COLUMN_WEIGHT;
                return Some((dialect, measure));
            }
        }
    }
    None
}

/// Scores one dialect.
#[expect(clippy::cast_precision_loss, reason = "shares of small counts")]
fn measure(texts: &[(&str, bool)], dialect: &Dialect, comment: Option<&str>) -> Measure {
    let options = dialect.split_options(comment);
    let tables: Vec<(Vec<Record<'_>>, bool)> = texts
        .iter()
        .map(|(text, is_whole)| (split(text, *is_whole, &options), *is_whole))
        .collect();
    let width = common_width(tables.iter().map(|(records, _)| records.as_slice()));
    let mut measure = Measure {
        score: 0.0,
        width,
        num_matching: 0,
        num_records: 0,
        num_broken: 0,
        num_quoted: 0,
        num_inner_quotes: 0,
    };
    if width == 0 {
        return measure;
    }
    let mut num_inside = 0;
    let mut num_outside = 0;
    let mut columns = vec![ColumnScore::default(); width];
    for (records, is_whole) in &tables {
        let inside = inside(records, width, *is_whole);
        num_outside += records.len() - inside.len();
        num_inside += inside.len();
        for record in inside {
            if record.width() != width && is_ruled_line(record) {
                num_inside -= 1;
                num_outside += 1;
                continue;
            }
            measure.num_broken += usize::from(record.is_broken);
            measure.num_quoted += record.cells.iter().filter(|cell| cell.is_quoted).count();
            measure.num_inner_quotes += record
                .cells
                .iter()
                .filter(|cell| !cell.is_quoted && cell.text.contains('"'))
                .count();
            if record.width() != width {
                continue;
            }
            measure.num_matching += 1;
            for (cell, column) in record.cells.iter().zip(&mut columns) {
                column.add(cell, &dialect.delimiter, width == 1);
            }
        }
    }
    measure.num_records = num_inside + num_outside;
    let consistency = measure.num_matching as f64 / (num_inside as f64 + OUTSIDE_WEIGHT * num_outside as f64).max(1.0);
    let purity = columns
        .iter()
        .map(|column| column.purity(&dialect.delimiter, width == 1))
        .sum::<f64>()
        / width as f64;
    let breadth = if width == 1 {
        1.0
    } else {
        (width - 1) as f64 / width as f64
    };
    measure.score = consistency * consistency * purity * breadth;
    measure
}

/// The number of fields most records have; of two as frequent, the larger. One field counts only if it is seen more than twice as
/// often as anything else, since titles, notes and footers have one.
pub(crate) fn common_width<'a, 'r: 'a>(tables: impl Iterator<Item = &'a [Record<'r>]>) -> usize {
    let mut counts: HashMap<usize, usize> = HashMap::new();
    for records in tables {
        for record in records.iter().filter(|record| !record.is_broken) {
            *counts.entry(record.width()).or_default() += 1;
        }
    }
    let num_of_one = counts.remove(&1).unwrap_or(0);
    let most = counts.into_iter().max_by_key(|(width, count)| (*count, *width));
    match most {
        Some((width, count)) if count * 2 >= num_of_one || num_of_one < 2 => width,
        _ => usize::from(num_of_one > 0),
    }
}

/// The records without preamble and footer: those before the first and after the last of the common width, if they are few.
pub(crate) fn inside<'a, 'r>(records: &'a [Record<'r>], width: usize, is_whole: bool) -> &'a [Record<'r>] {
    let first = records.iter().position(|record| record.width() == width);
    let start = first.filter(|first| *first <= MAX_PREAMBLE_RECORDS).unwrap_or(0);
    let last = records.iter().rposition(|record| record.width() == width);
    let end = match last {
        Some(last) if is_whole && records.len() - last - 1 <= MAX_FOOTER_RECORDS => last + 1,
        _ => records.len(),
    };
    &records[start.min(end)..end]
}

/// Whether a record is a line drawn under a header: `----+-----`.
fn is_ruled_line(record: &Record<'_>) -> bool {
    !record.cells.is_empty()
        && record
            .cells
            .iter()
            .all(|cell| cell.text.bytes().all(|byte| b"-+=| :".contains(&byte)))
}

/// Turns to the mode in which stray quotes are data if that mends every broken record.
fn with_stray_quotes(
    texts: &[(&str, bool)],
    dialect: Dialect,
    measure: Measure,
    comment: Option<&str>,
    fixed: &FixedDialect,
) -> (Dialect, Measure) {
    // Without quotes nothing is broken, but fields keep the quotes around them.
    let quote = dialect.quote.or(if fixed.quote.is_none() { Some('"') } else { None });
    if dialect.is_trimmed || measure.width < 2 || (dialect.quote.is_some() && measure.num_broken == 0) {
        return (dialect, measure);
    }
    let stray = Dialect {
        quote,
        escape: None,
        are_stray_quotes_data: true,
        ..dialect.clone()
    };
    let mended = self::measure(texts, &stray, comment);
    let is_better = mended.num_broken == 0
        && mended.num_quoted > 0
        && mended.width == measure.width
        && mended.num_matching >= measure.num_matching
        && (dialect.quote.is_none() || mended.num_matching > measure.num_matching);
    if is_better { (stray, mended) } else { (dialect, measure) }
}

/// Writes down what the measure leaves open.
fn settled(mut dialect: Dialect, measure: &Measure, fixed: &FixedDialect) -> Dialect {
    if fixed.quote.is_none() && measure.num_quoted == 0 {
        // Nothing is quoted: a quote inside a value would else be taken for one as soon as it comes first.
        dialect.quote = if measure.num_inner_quotes > 0 { None } else { Some('"') };
    }
    if fixed.escape.is_none() {
        dialect.escape = match (dialect.quote, dialect.escape) {
            (None, _) => None,
            (Some(_), Some(escape)) => Some(escape),
            (Some('"'), None) => Some('"'),
            (Some(_), None) => None,
        };
    }
    dialect
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guessed(text: &str) -> GuessedDialect {
        guess(&[TextSample::new("k", text, true)], None, &FixedDialect::default())
    }

    #[track_caller]
    fn check(text: &str, delimiter: &str, quote: Option<char>, escape: Option<char>) {
        let found = guessed(text).dialect;
        assert_eq!(
            (found.delimiter.as_str(), found.quote, found.escape),
            (delimiter, quote, escape),
            "{text:?}"
        );
    }

    const Q: Option<char> = Some('"');

    #[test]
    fn usual_delimiters_are_found() {
        for (delimiter, _) in delimiters::DELIMITERS {
            let rows = [
                ["id", "name", "size"],
                ["1", "foo", "2.5"],
                ["2", "bar", "3.5"],
                ["3", "baz", "4.5"],
            ];
            let text: String = rows.iter().map(|row| row.join(delimiter) + "\n").collect();
            check(&text, delimiter, Q, Q);
        }
    }

    #[test]
    fn delimiters_of_several_characters_are_found_in_the_text() {
        for delimiter in ["<|>", "#@#", "=>", "{}", "$$%"] {
            let rows = [
                ["id", "name", "size"],
                ["1", "foo", "2.5"],
                ["2", "", "3.5"],
                ["3", "b.z", "-4.5"],
            ];
            let text: String = rows.iter().map(|row| row.join(delimiter) + "\n").collect();
            check(&text, delimiter, Q, Q);
        }
        check("f(x),1\nf(y),2\nf(z),3\n", ",", Q, Q);
    }

    #[test]
    fn quoted_delimiters_do_not_mislead() {
        check("a;b\n\"x,y,z\";1\n\"u,v\";2\n\"p\";3\n", ";", Q, Q);
        check("1,\"a;b;c\",x\n2,\"a\",y\n3,\"b;c\",z\n", ",", Q, Q);
    }

    #[test]
    fn decimal_commas_are_not_delimiters() {
        check("a;b;c\n1,5;2,5;3,5\n4,5;5,5;6,5\n", ";", Q, Q);
    }

    #[test]
    fn dates_in_one_column_are_not_cut() {
        check("2015-03-31 06:12:37\n2015-03-31 06:12:38\n", ",", Q, Q);
        check("created_at\n2015-03-31 06:12:37\n2015-03-31 06:12:38\n", ",", Q, Q);
        check("http://a.com/x\nhttp://b.com/y\n", ",", Q, Q);
    }

    #[test]
    fn lines_of_prose_are_one_column() {
        let found = guessed("The quick, brown fox\njumps\nover, the, lazy dog\nand so on\nagain and again\n");
        assert_eq!(found.measure.width, 1);
        assert_ne!(found.dialect.delimiter, ",");
    }

    #[test]
    fn single_quotes_are_found() {
        check("1,'a,b','x'\n2,'c','y'\n3,'d,e,f','z'\n", ",", Some('\''), None);
        check("1,it's,x\n2,don't,y\n3,d,z\n", ",", Q, Q);
    }

    #[test]
    fn backslash_is_the_escape_where_it_protects_quotes() {
        check("1,\"say \\\"hi, you\\\" now\"\n2,\"b\"\n", ",", Q, Some('\\'));
        check("1,\"say \"\"hi\"\" now\"\n2,\"b\"\n", ",", Q, Q);
        check("\"A\";B\n\"1\\\" and 2\";3;4\n\"A\";B\n\"A\";B\n", ";", Q, Some('\\'));
        check("1,\"c:\\dir\\\"\n2,\"d:\\\"\n3,\"e\"\n", ",", Q, Q);
    }

    #[test]
    fn quotes_inside_unquoted_values_switch_quoting_off() {
        check("1,5\" disk,x\n2,3\" disk,y\n", ",", None, None);
    }

    #[test]
    fn stray_quotes_inside_quoted_values_are_data() {
        let found = guessed("1,\"a \"big\" one\",x\n2,\"b\",y\n3,\"c \"d\" e\",z\n").dialect;
        assert!(found.are_stray_quotes_data);
        assert_eq!(found.quote, Q);
    }

    #[test]
    fn blanks_before_quotes_ask_for_trimming() {
        let found = guessed("1, \"a, b\", x\n2, \"c, d, e\", y\n3, \"f\", z\n").dialect;
        assert!(found.is_trimmed);
        assert_eq!((found.delimiter.as_str(), found.quote), (",", Q));
    }

    #[test]
    fn fixed_parts_are_kept() {
        let fixed = FixedDialect {
            delimiter: Some(";".to_owned()),
            quote: Some(None),
            ..FixedDialect::default()
        };
        let found = guess(&[TextSample::new("k", "a,b,c\n1,2,3\n", true)], None, &fixed).dialect;
        assert_eq!((found.delimiter.as_str(), found.quote, found.escape), (";", None, None));
    }
}

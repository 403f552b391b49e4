//! Decides whether the first record names the columns.
//!
//! The reference compares types and lengths, and so loads the header of an all-text file as data. Here such a file is judged by
//! how names look - distinct, short, words that name columns - and by whether the other sampled files begin alike.

use super::kind::{Kind, kind_of};
use crate::parse::columns::ColumnType;

/// Whether there is a header, and what says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Whether the first record is the header.
    pub(crate) is_header: bool,
    /// Why, in a few words.
    pub(crate) reason: String,
    /// Whether it could as well be otherwise.
    pub(crate) is_doubtful: bool,
}

impl Verdict {
    fn sure(is_header: bool, reason: impl Into<String>) -> Verdict {
        Verdict {
            is_header,
            reason: reason.into(),
            is_doubtful: false,
        }
    }
}

/// A column below the first record.
#[derive(Clone, Debug)]
pub(crate) struct Below<'a> {
    /// The type of its values.
    pub(crate) column_type: ColumnType,
    /// Its values that are not null.
    pub(crate) values: Vec<&'a str>,
}

/// How the first records of the sampled files compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FirstRecords {
    /// There is one file.
    One,
    /// All of several are equal.
    Equal(usize),
    /// They differ.
    Differ,
}

/// Points from which an all-text record is taken for a header.
const HEADER_POINTS: i32 = 2;

/// What it is worth that only the first record is without quotes, or only it has them.
const QUOTING_POINTS: i32 = 2;

/// A longer text is no name.
const MAX_NAME_CHARS: usize = 64;

/// Variance of the lengths of a column up to which they count as constant, and the share by which the first one must differ.
///
/// **Source**: the reference.
const MAX_LENGTH_VARIANCE: f64 = 0.2;
const MIN_LENGTH_DIFFERENCE: f64 = 0.7;

/// Decides about `first`, with `below` the records after it. `is_quoted_otherwise` says that quotes stand either in the first record
/// or in those after it.
pub(crate) fn decide(
    first: &[&str],
    below: &[Below<'_>],
    first_records: FirstRecords,
    is_quoted_otherwise: bool,
) -> Verdict {
    let num_rows = below.iter().map(|column| column.values.len()).max().unwrap_or(0);
    let kinds: Vec<Kind> = first.iter().map(|cell| kind_of(cell)).collect();
    let num_empty = kinds.iter().filter(|kind| **kind == Kind::Empty).count();
    let is_typed_below = |at: usize| below[at].column_type != ColumnType::String;
    if num_empty == first.len() && num_rows > 0 {
        return Verdict::sure(true, "the first record is empty");
    }
    let is_name = |at: usize| matches!(kinds[at], Kind::String | Kind::Boolean);
    let is_value_at = |at: usize| kinds[at] != Kind::Empty && !is_name(at);
    let are_few_names = (0..first.len()).any(|at| is_name(at) && is_typed_below(at));
    if num_empty * 2 > first.len() && (!are_few_names || (0..first.len()).any(is_value_at)) {
        return Verdict::sure(false, "the first record is mostly empty");
    }
    let is_value = |kind: &Kind| matches!(kind, Kind::Long | Kind::Double | Kind::Timestamp | Kind::Json);
    if are_names_and_years(first, &kinds, below) {
        return Verdict::sure(
            true,
            "the first record has names, and years in order that the columns below do not hold",
        );
    }
    if let Some(at) = kinds.iter().position(is_value) {
        return Verdict::sure(false, format!("field {} of the first record is a value", at + 1));
    }
    if let FirstRecords::Equal(num_files) = first_records
        && (num_rows > 0 || num_files > 2)
        && is_distinct(first)
    {
        return Verdict::sure(true, format!("the first records of {num_files} files are equal"));
    }
    if num_rows == 0 {
        return alone(first, below);
    }
    let num_typed = below
        .iter()
        .zip(&kinds)
        .filter(|(column, kind)| {
            let is_as_below = column.column_type == ColumnType::Boolean && **kind == Kind::Boolean;
            column.column_type != ColumnType::String && !is_as_below && **kind != Kind::Empty
        })
        .count();
    if num_typed > 0 {
        return Verdict::sure(
            true,
            format!("{num_typed} of {} columns have another type below", first.len()),
        );
    }
    if let Some(at) = below
        .iter()
        .zip(first)
        .position(|(column, cell)| is_length_odd(cell, &column.values))
    {
        return Verdict::sure(
            true,
            format!(
                "field {} of the first record is much longer or shorter than below",
                at + 1
            ),
        );
    }
    by_looks(first, below, is_quoted_otherwise)
}

/// Decides about a record that is all there is. A service that had nothing to say writes a header; a row of the same words would be
/// a rare one.
fn alone(first: &[&str], below: &[Below<'_>]) -> Verdict {
    let is_header = points(first, below) >= HEADER_POINTS && is_distinct(first);
    Verdict {
        is_header,
        reason: match is_header {
            true => "nothing else is there, and it looks like names".to_owned(),
            false => "there is only one record".to_owned(),
        },
        is_doubtful: is_header,
    }
}

/// Decides about texts above texts.
fn by_looks(first: &[&str], below: &[Below<'_>], is_quoted_otherwise: bool) -> Verdict {
    let points = points(first, below) + if is_quoted_otherwise { QUOTING_POINTS } else { 0 };
    let is_header = points >= HEADER_POINTS && is_distinct(first);
    let reason = if is_header {
        "all text; the first record looks like names"
    } else {
        "all text; the first record looks like the others"
    };
    Verdict {
        is_header,
        reason: reason.to_owned(),
        is_doubtful: points < HEADER_POINTS + 2,
    }
}

/// Whether the record is the header of a table with a column for each year: names, then years one after the other, above values
/// that are no years. Years may be left out where no column below holds any.
fn are_names_and_years(first: &[&str], kinds: &[Kind], below: &[Below<'_>]) -> bool {
    let year_of = |text: &str| text.parse::<u32>().ok().filter(|year| (1500..=2500).contains(year));
    let mut years = Vec::new();
    let mut num_names = 0;
    for ((cell, kind), column) in first.iter().zip(kinds).zip(below) {
        match (kind, year_of(cell)) {
            (Kind::Long, Some(year)) => years.push((year, column)),
            (Kind::String, _) if years.is_empty() => num_names += 1,
            (Kind::Empty, _) => {}
            _ => return false,
        }
    }
    let all = |is: fn(u32, u32) -> bool| years.windows(2).all(|pair| is(pair[0].0, pair[1].0));
    let num_years_below = |column: &Below<'_>| column.values.iter().filter(|value| year_of(value).is_some()).count();
    let is_next = all(|year, next| year.abs_diff(next) == 1)
        && years
            .iter()
            .any(|(_, column)| num_years_below(column) < column.values.len());
    let is_later = years.len() > 2
        && (all(|year, next| year < next) || all(|year, next| year > next))
        && years.iter().all(|(_, column)| num_years_below(column) == 0);
    num_names > 0 && years.len() > 1 && (is_next || is_later)
}

/// Whether no two cells are equal.
fn is_distinct(cells: &[&str]) -> bool {
    let mut sorted = cells.to_vec();
    sorted.sort_unstable();
    sorted.windows(2).all(|pair| pair[0] != pair[1] || pair[0].is_empty())
}

/// How much an all-text record looks like names.
fn points(first: &[&str], below: &[Below<'_>]) -> i32 {
    let mut points = 0;
    if first.iter().all(|cell| is_name_like(cell)) {
        points += 1;
    }
    if first.iter().any(|cell| is_name_like(cell) && names_a_column(cell)) {
        points += 2;
    }
    let is_code = |cell: &&str| cell.contains('_') && !cell.contains(' ') && is_name_like(cell);
    let is_code_below = below.iter().any(|column| column.values.iter().any(is_code));
    if first.iter().any(is_code) && !is_code_below {
        points += 2;
    }
    let is_cased_alike = |is: fn(&str) -> bool| {
        first.iter().all(|cell| is(cell)) && !below.iter().any(|column| column.values.iter().all(|value| is(value)))
    };
    if is_cased_alike(is_upper) || is_cased_alike(is_lower) {
        points += 1;
    }
    if are_numbered(first) {
        points += 3;
    }
    for (cell, column) in first.iter().zip(below) {
        let num_equal = column.values.iter().filter(|value| *value == cell).count();
        if num_equal > 0 {
            points -= 2;
        } else if has_few_values(&column.values) {
            points += 1;
            break;
        }
    }
    points
}

/// Whether the cells are one word with the numbers that follow each other: `col1`, `col2`.
fn are_numbered(cells: &[&str]) -> bool {
    let parts: Option<Vec<(&str, u64)>> = cells
        .iter()
        .map(|cell| {
            let stem = cell.trim_end_matches(|character: char| character.is_ascii_digit());
            Some((stem, cell[stem.len()..].parse().ok()?))
        })
        .collect();
    parts.is_some_and(|parts| {
        let is_next = |pair: &[(&str, u64)]| pair[0].0 == pair[1].0 && pair[0].1.checked_add(1) == Some(pair[1].1);
        parts.len() > 1 && !parts[0].0.is_empty() && parts.windows(2).all(is_next)
    })
}

fn is_name_like(cell: &str) -> bool {
    let starts = cell
        .chars()
        .next()
        .is_some_and(|first| first.is_alphabetic() || first == '_');
    starts
        && cell.chars().count() <= MAX_NAME_CHARS
        && cell
            .chars()
            .all(|character| character.is_alphanumeric() || "_ -./()#%&:?'".contains(character))
}

fn is_upper(cell: &str) -> bool {
    cell.chars().any(char::is_alphabetic) && !cell.chars().any(char::is_lowercase)
}

fn is_lower(cell: &str) -> bool {
    cell.chars().any(char::is_alphabetic) && !cell.chars().any(char::is_uppercase)
}

/// Whether a column repeats itself so much that one more new value in its first row is odd.
fn has_few_values(values: &[&str]) -> bool {
    const MIN_VALUES: usize = 8;
    if values.len() < MIN_VALUES {
        return false;
    }
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    sorted.len() * 4 <= values.len()
}

/// Words that name columns more often than they are values.
const NAMING_WORDS: [&str; 64] = [
    "id",
    "name",
    "date",
    "time",
    "city",
    "country",
    "email",
    "mail",
    "phone",
    "address",
    "type",
    "status",
    "title",
    "description",
    "code",
    "key",
    "value",
    "user",
    "username",
    "firstname",
    "lastname",
    "surname",
    "price",
    "amount",
    "count",
    "url",
    "uri",
    "host",
    "ip",
    "category",
    "comment",
    "comments",
    "state",
    "zip",
    "gender",
    "sex",
    "age",
    "currency",
    "language",
    "region",
    "product",
    "customer",
    "company",
    "text",
    "message",
    "note",
    "notes",
    "label",
    "created",
    "updated",
    "timestamp",
    "number",
    "no",
    "uuid",
    "class",
    "group",
    "department",
    "street",
    "quantity",
    "color",
    "colour",
    "size",
    "version",
    "path",
];

fn names_a_column(cell: &str) -> bool {
    if cell.chars().count() > MAX_NAME_CHARS || cell.split_whitespace().count() > 3 {
        return false;
    }
    let mut words = Vec::new();
    let mut word = String::new();
    let mut was_lower = false;
    for character in cell.chars() {
        if !character.is_alphanumeric() || (character.is_uppercase() && was_lower) {
            words.push(std::mem::take(&mut word));
        }
        was_lower = character.is_lowercase();
        if character.is_alphanumeric() {
            word.extend(character.to_lowercase());
        }
    }
    words.push(word);
    words.iter().any(|word| NAMING_WORDS.contains(&word.as_str()))
}

/// The reference's rule: lengths below are nearly constant, and the first one is far off.
#[expect(clippy::cast_precision_loss, reason = "lengths of sampled values are small")]
fn is_length_odd(first: &str, values: &[&str]) -> bool {
    if values.len() < 2 {
        return false;
    }
    let lengths: Vec<f64> = values.iter().map(|value| value.chars().count() as f64).collect();
    let mean = lengths.iter().sum::<f64>() / lengths.len() as f64;
    let variance = lengths.iter().map(|length| (length - mean).powi(2)).sum::<f64>() / lengths.len() as f64;
    let first = first.chars().count() as f64;
    if variance > MAX_LENGTH_VARIANCE {
        return false;
    }
    if mean == 0.0 {
        first > 1.0
    } else {
        (first - mean).abs() / mean > MIN_LENGTH_DIFFERENCE
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guess::types;

    #[track_caller]
    fn check_files(rows: &[&str], first_records: FirstRecords, expected: bool) -> Verdict {
        let table: Vec<Vec<&str>> = rows.iter().map(|row| row.split(',').collect()).collect();
        let below: Vec<Below<'_>> = (0..table[0].len())
            .map(|column| {
                let values: Vec<&str> = table[1..]
                    .iter()
                    .map(|row| row[column])
                    .filter(|value| !value.is_empty())
                    .collect();
                Below {
                    column_type: types::column_type(None, &values, 0).column_type,
                    values,
                }
            })
            .collect();
        let verdict = decide(&table[0], &below, first_records, false);
        assert_eq!(verdict.is_header, expected, "{rows:?}: {}", verdict.reason);
        verdict
    }

    #[track_caller]
    fn check(rows: &[&str], expected: bool) -> Verdict {
        check_files(rows, FirstRecords::One, expected)
    }

    #[test]
    fn other_types_below_make_a_header() {
        check(&["id,name", "1,foo", "2,bar"], true);
        check(&["id,name", "1,foo"], true);
        check(&["y,n", "1,2"], true);
        check(&["a,b", "true,x", "no,y"], true);
    }

    #[test]
    fn values_are_no_header() {
        check(&["1,foo", "2,bar"], false);
        check(&["2015-01-01,foo", "2015-01-02,bar"], false);
        check(&["x,1", "y,2"], false);
        check(&[",,a", "x,y,z"], false);
        check(&["1,,", "2,x,3"], false);
    }

    #[test]
    fn record_without_names_or_with_few_is_a_header_above_values() {
        check(&[",,", "1,x,2"], true);
        check(&["a,,", "1,x,2"], true);
        check(&["a,,", "x,y,2"], false);
    }

    #[test]
    fn years_after_names_are_a_header() {
        check(&["country,1960,1961,", "Aruba,54211,55438,", "Angola,5643182,,"], true);
        check(&["country,2001,2000", "Aruba,1.5,2.5"], true);
        check(&["Alice,1960,1961", "Bob,1970,1975"], false);
        check(&["Alice,1960,1964", "Bob,3,4"], false);
    }

    #[test]
    fn lengths_far_from_those_below_make_a_header() {
        check(&["country_code,x", "us,a", "de,b", "jp,c"], true);
    }

    #[test]
    fn names_of_an_all_text_file_are_recognised() {
        check(&["name,city", "Bob,Paris", "Alice,Rome"], true);
        check(&["firstName,homeTown", "Bob,Paris", "Alice,Rome"], true);
        check(&["NAME,TOWN", "Bob,Paris", "Alice,Rome"], true);
        check(&["user_a,user_b", "Bob,Paris", "Alice,Rome"], true);
        check(&["header1,header2", "Bob,Paris"], true);
    }

    #[test]
    fn text_rows_alike_have_no_header() {
        let verdict = check(&["Carol,Oslo", "Bob,Paris", "Alice,Rome"], false);
        assert!(verdict.is_doubtful);
        check(&["alpha,beta", "foo,bar", "qux,quux"], false);
        check(&["name,red", "name,blue", "other,green"], false);
    }

    #[test]
    fn files_that_begin_alike_have_a_header() {
        let verdict = check_files(&["alpha,beta", "foo,bar"], FirstRecords::Equal(3), true);
        assert_eq!(verdict.reason, "the first records of 3 files are equal");
        check_files(&["alpha,beta", "foo,bar"], FirstRecords::Differ, false);
    }

    #[test]
    fn one_record_is_a_header_if_it_looks_like_names() {
        assert!(check(&["id,name"], true).is_doubtful);
        assert!(check(&["created_at"], true).is_doubtful);
        assert!(!check(&["foo,bar"], false).is_doubtful);
        check(&["name,name"], false);
        check(&["id,7"], false);
        check_files(&["id,name"], FirstRecords::Equal(2), true);
        check_files(&["foo,bar"], FirstRecords::Equal(2), false);
        check_files(&["foo,bar"], FirstRecords::Equal(3), true);
    }
}

//! One clean table, spoilt in many ways.

use super::*;

/// One way to spoil a table, and what must still be found.
struct Spoilt {
    what: &'static str,
    bytes: Vec<u8>,
    delimiter: &'static str,
    quote: Option<char>,
    skip: u64,
    columns: usize,
}

/// A table spoilt in a way that leaves its header, its commas, its quotes and its five columns.
fn spoilt(what: &'static str, bytes: impl Into<Vec<u8>>) -> Spoilt {
    Spoilt {
        what,
        bytes: bytes.into(),
        delimiter: ",",
        quote: Some('"'),
        skip: 1,
        columns: 5,
    }
}

impl Spoilt {
    fn cut_by(self, delimiter: &'static str) -> Spoilt {
        Spoilt { delimiter, ..self }
    }

    fn quoted_by(self, quote: Option<char>) -> Spoilt {
        Spoilt { quote, ..self }
    }

    fn skipping(self, skip: u64) -> Spoilt {
        Spoilt { skip, ..self }
    }
}

fn clean() -> String {
    clean_table(",", "\"", 30, true)
}

fn unquoted(delimiter: &str) -> String {
    clean_table(delimiter, "", 30, true)
}

/// The table all variants are made of, its fields joined and quoted as asked for.
fn clean_table(delimiter: &str, quote: &str, num_rows: usize, has_header: bool) -> String {
    let mut text = String::new();
    if has_header {
        text.push_str(&["id", "name", "city", "amount", "day"].join(delimiter));
        text.push('\n');
    }
    let cities = ["Berlin", "New York", "Paris", "São Paulo"];
    for row in 0..num_rows {
        let name = format!("{quote}Person {row}{delimiter} Jr.{quote}");
        let name = if quote.is_empty() {
            format!("Person {row}")
        } else {
            name
        };
        let cells = [
            row.to_string(),
            name,
            cities[row % 4].to_owned(),
            format!("{row}.25"),
            format!("2015-03-{:02}", row % 28 + 1),
        ];
        text.push_str(&cells.join(delimiter));
        text.push('\n');
    }
    text
}

fn delimiters() -> Vec<Spoilt> {
    let named = [
        ("tab", "\t"),
        ("pipe", "|"),
        ("semicolon", ";"),
        ("caret", "^"),
        ("tilde", "~"),
        ("colon", ":"),
        ("double pipe", "||"),
        ("double colon", "::"),
        ("tab pipe", "\t|"),
        ("control a", "\u{1}"),
    ];
    let quoted = named.map(|(what, delimiter)| spoilt(what, clean_table(delimiter, "\"", 30, true)).cut_by(delimiter));
    let by_blanks = clean()
        .replace('"', "'")
        .replace(',', " ")
        .replace("São Paulo", "Sao")
        .replace("New York", "NY");
    let named_on_top = format!("sep=;\r\n{}", unquoted(";").replace('\n', "\r\n"));
    let ruled = " id | name  | n \n----+-------+---\n  1 | alice | 5\n  2 | bob   | 6\n(2 rows)\n";
    let mut all = Vec::from(quoted);
    all.extend([
        spoilt("clean", clean()),
        spoilt("semicolon unquoted", unquoted(";")).cut_by(";"),
        spoilt("tab unquoted", unquoted("\t")).cut_by("\t"),
        spoilt("blank", by_blanks).cut_by(" ").quoted_by(Some('\'')),
        spoilt("delimiter named on top", named_on_top).cut_by(";").skipping(2),
        spoilt("decimal commas", unquoted(";").replace(".25", ",25")).cut_by(";"),
        Spoilt {
            columns: 3,
            ..spoilt("ruled table", ruled).cut_by("|")
        },
    ]);
    all
}

fn quotes() -> Vec<Spoilt> {
    let single = clean_table(",", "'", 30, true);
    let all_quoted: String = unquoted("¦")
        .lines()
        .map(|line| format!("\"{}\"\n", line.replace('¦', "\",\"")))
        .collect();
    vec![
        spoilt("single quotes", single).quoted_by(Some('\'')),
        spoilt("no quotes", unquoted(",")),
        spoilt("inner quotes only", unquoted(",").replace("Person 7", "Person 7\" x")).quoted_by(None),
        spoilt("all quoted", all_quoted),
        spoilt("unclosed quote", clean().replacen("Jr.\"", "Jr.", 1)),
        spoilt("doubled quotes", clean().replace("Jr.", "\"\"Jr.\"\"")),
        spoilt("escaped quotes", clean().replace("Jr.", "\\\"Jr.\\\"")),
        spoilt("line end in quotes", clean().replace(", Jr.", ",\nJr.")),
        spoilt("blank after delimiter", clean().replace(",\"", ", \"")),
    ]
}

fn line_ends_and_charsets() -> Vec<Spoilt> {
    let utf_16 = |to_bytes: fn(u16) -> [u8; 2]| -> Vec<u8> { clean().encode_utf16().flat_map(to_bytes).collect() };
    let windows_1252 = encoding_rs::WINDOWS_1252.encode(&clean()).0.into_owned();
    vec![
        spoilt("CRLF", clean().replace('\n', "\r\n")),
        spoilt("CR", clean().replace('\n', "\r")),
        spoilt("mixed line ends", clean().replacen('\n', "\r\n", 9)),
        spoilt("no last line end", clean().trim_end()),
        spoilt("byte order mark", format!("\u{FEFF}{}", clean())),
        spoilt("UTF-16LE", utf_16(u16::to_le_bytes)),
        spoilt("UTF-16BE", utf_16(u16::to_be_bytes)),
        spoilt("windows-1252", windows_1252),
    ]
}

fn lines_around_rows() -> Vec<Spoilt> {
    let commented = format!("# made by hand\n# on a Monday, late\n{}", clean());
    vec![
        spoilt("no header", clean_table(",", "\"", 30, false)).skipping(0),
        spoilt("one row", clean_table(",", "\"", 1, true)),
        spoilt("two rows", clean_table(",", "\"", 2, true)),
        spoilt("title line", format!("Persons\n{}", clean())).skipping(2),
        spoilt("title and blank line", format!("Persons\n\n{}", clean())).skipping(3),
        spoilt("title of two cells", format!("Persons,2015\nby me\n{}", clean())).skipping(3),
        spoilt("comments on top", commented).skipping(3),
        spoilt("comments between", clean().replacen("7,\"P", "# note\n7,\"P", 1)),
        spoilt("slashes on top", format!("// made by hand\n{}", clean())).skipping(2),
        spoilt("footer", format!("{}Total: 30\n", clean())),
        spoilt("footer of two cells", format!("{}\nTotal,30\n", clean())),
        spoilt("blank lines between", clean().replace("\n1", "\n\n1")),
        spoilt("blank lines on top", format!("\n\n{}", clean())).skipping(3),
    ]
}

fn fields_missing_or_odd() -> Vec<Spoilt> {
    let short = clean().replacen(",2015-03-09", "", 1).replacen(",2015-03-12", "", 1);
    let delimiter_after_rows = clean().replace('\n', ",\n").replacen("day,", "day", 1);
    let null_texts = unquoted(",").replace(".25", "").replace("8,Berlin", "8,NULL");
    vec![
        spoilt("short rows", short),
        spoilt("long rows", clean().replacen(",2015-03-09", ",2015-03-09,x", 1)),
        spoilt("delimiter after rows", delimiter_after_rows),
        Spoilt {
            columns: 6,
            ..spoilt("delimiter after all lines", clean().replace('\n', ",\n"))
        },
        spoilt("header one short", clean().replacen("id,name", "name", 1)),
        spoilt("blanks around values", unquoted(",").replace(',', " , ")),
        spoilt("null texts", null_texts),
    ]
}

/// What is found of a table: delimiter, quote, lines to skip, number of columns.
fn seen(case: &Spoilt) -> Result<(Value, Value, Value, usize), GuessError> {
    let samples = vec![whole(case.what, case.bytes.clone())];
    let found = guess(samples, &Seed::default(), &GuessOptions::default())?;
    let setting = |key| found.parser.setting(key).cloned().unwrap_or_default();
    let num_columns = found.parser.columns.as_ref().map_or(0, Vec::len);
    Ok((
        setting("delimiter"),
        setting("quote"),
        setting("skip_header_lines"),
        num_columns,
    ))
}

#[test]
fn spoilt_tables_are_read_like_the_clean_one() {
    let all = [
        delimiters(),
        quotes(),
        line_ends_and_charsets(),
        lines_around_rows(),
        fields_missing_or_odd(),
    ];
    for case in all.iter().flatten() {
        let expected = (
            json!(case.delimiter),
            json!(case.quote.map(String::from)),
            json!(case.skip),
            case.columns,
        );
        assert_eq!(seen(case), Ok(expected), "{}", case.what);
    }
}

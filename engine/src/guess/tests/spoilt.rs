//! One clean table, spoilt in many ways.

use super::*;

/// One way to spoil a table, and what must still be found.
struct Polluted {
    what: &'static str,
    bytes: Vec<u8>,
    delimiter: &'static str,
    quote: Option<char>,
    skip: u64,
    columns: usize,
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

fn polluted() -> Vec<Polluted> {
    const Q: Option<char> = Some('"');
    let mut all = Vec::new();
    let mut add = |what: &'static str,
                   bytes: Vec<u8>,
                   delimiter: &'static str,
                   quote: Option<char>,
                   skip: u64,
                   columns: usize| {
        all.push(Polluted {
            what,
            bytes,
            delimiter,
            quote,
            skip,
            columns,
        });
    };
    let clean = || clean_table(",", "\"", 30, true);
    add("clean", clean().into(), ",", Q, 1, 5);
    for (what, delimiter) in [
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
    ] {
        add(what, clean_table(delimiter, "\"", 30, true).into(), delimiter, Q, 1, 5);
    }
    add(
        "semicolon unquoted",
        clean_table(";", "", 30, true).into(),
        ";",
        Q,
        1,
        5,
    );
    add("tab unquoted", clean_table("\t", "", 30, true).into(), "\t", Q, 1, 5);
    add(
        "blank",
        clean_table(",", "\"", 30, true)
            .replace("\"", "'")
            .replace(',', " ")
            .replace("São Paulo", "Sao")
            .replace("New York", "NY")
            .into(),
        " ",
        Some('\''),
        1,
        5,
    );
    add(
        "single quotes",
        clean_table(",", "'", 30, true).into(),
        ",",
        Some('\''),
        1,
        5,
    );
    add("no quotes", clean_table(",", "", 30, true).into(), ",", Q, 1, 5);
    add(
        "inner quotes only",
        clean_table(",", "", 30, true)
            .replace("Person 7", "Person 7\" x")
            .into(),
        ",",
        None,
        1,
        5,
    );
    add("CRLF", clean().replace('\n', "\r\n").into(), ",", Q, 1, 5);
    add("CR", clean().replace('\n', "\r").into(), ",", Q, 1, 5);
    add(
        "mixed line ends",
        clean().replacen('\n', "\r\n", 9).into(),
        ",",
        Q,
        1,
        5,
    );
    add("no last line end", clean().trim_end().into(), ",", Q, 1, 5);
    add("byte order mark", format!("\u{FEFF}{}", clean()).into(), ",", Q, 1, 5);
    let utf_16 = |big: bool| -> Vec<u8> {
        clean()
            .encode_utf16()
            .flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() })
            .collect()
    };
    add("UTF-16LE", utf_16(false), ",", Q, 1, 5);
    add("UTF-16BE", utf_16(true), ",", Q, 1, 5);
    add(
        "windows-1252",
        encoding_rs::WINDOWS_1252.encode(&clean()).0.into_owned(),
        ",",
        Q,
        1,
        5,
    );
    add("no header", clean_table(",", "\"", 30, false).into(), ",", Q, 0, 5);
    add("one row", clean_table(",", "\"", 1, true).into(), ",", Q, 1, 5);
    add("two rows", clean_table(",", "\"", 2, true).into(), ",", Q, 1, 5);
    add("title line", format!("Persons\n{}", clean()).into(), ",", Q, 2, 5);
    add(
        "title and blank line",
        format!("Persons\n\n{}", clean()).into(),
        ",",
        Q,
        3,
        5,
    );
    add(
        "title of two cells",
        format!("Persons,2015\nby me\n{}", clean()).into(),
        ",",
        Q,
        3,
        5,
    );
    add(
        "comments on top",
        format!("# made by hand\n# on a Monday, late\n{}", clean()).into(),
        ",",
        Q,
        3,
        5,
    );
    add(
        "comments between",
        clean().replacen("7,\"P", "# note\n7,\"P", 1).into(),
        ",",
        Q,
        1,
        5,
    );
    add(
        "slashes on top",
        format!("// made by hand\n{}", clean()).into(),
        ",",
        Q,
        2,
        5,
    );
    add("footer", format!("{}Total: 30\n", clean()).into(), ",", Q, 1, 5);
    add(
        "footer of two cells",
        format!("{}\nTotal,30\n", clean()).into(),
        ",",
        Q,
        1,
        5,
    );
    add(
        "blank lines between",
        clean().replace("\n1", "\n\n1").into(),
        ",",
        Q,
        1,
        5,
    );
    add("blank lines on top", format!("\n\n{}", clean()).into(), ",", Q, 3, 5);
    add(
        "short rows",
        clean()
            .replacen(",2015-03-09", "", 1)
            .replacen(",2015-03-12", "", 1)
            .into(),
        ",",
        Q,
        1,
        5,
    );
    add(
        "long rows",
        clean().replacen(",2015-03-09", ",2015-03-09,x", 1).into(),
        ",",
        Q,
        1,
        5,
    );
    add(
        "delimiter after rows",
        clean().replace('\n', ",\n").replacen("day,", "day", 1).into(),
        ",",
        Q,
        1,
        5,
    );
    add(
        "delimiter after all lines",
        clean().replace('\n', ",\n").into(),
        ",",
        Q,
        1,
        6,
    );
    add(
        "header one short",
        clean().replacen("id,name", "name", 1).into(),
        ",",
        Q,
        1,
        5,
    );
    add(
        "unclosed quote",
        clean().replacen("Jr.\"", "Jr.", 1).into(),
        ",",
        Q,
        1,
        5,
    );
    add(
        "doubled quotes",
        clean().replace("Jr.", "\"\"Jr.\"\"").into(),
        ",",
        Q,
        1,
        5,
    );
    add(
        "escaped quotes",
        clean().replace("Jr.", "\\\"Jr.\\\"").into(),
        ",",
        Q,
        1,
        5,
    );
    add(
        "line end in quotes",
        clean().replace(", Jr.", ",\nJr.").into(),
        ",",
        Q,
        1,
        5,
    );
    add(
        "blank after delimiter",
        clean().replace(",\"", ", \"").into(),
        ",",
        Q,
        1,
        5,
    );
    add(
        "blanks around values",
        clean_table(",", "", 30, true).replace(',', " , ").into(),
        ",",
        Q,
        1,
        5,
    );
    add(
        "all quoted",
        clean_table("¦", "", 30, true)
            .lines()
            .map(|line| format!("\"{}\"\n", line.replace('¦', "\",\"")))
            .collect::<String>()
            .into(),
        ",",
        Q,
        1,
        5,
    );
    add(
        "decimal commas",
        clean_table(";", "", 30, true).replace(".25", ",25").into(),
        ";",
        Q,
        1,
        5,
    );
    add(
        "null texts",
        clean_table(",", "", 30, true)
            .replace(".25", "")
            .replace("8,Berlin", "8,NULL")
            .into(),
        ",",
        Q,
        1,
        5,
    );
    add(
        "ruled table",
        " id | name  | n \n----+-------+---\n  1 | alice | 5\n  2 | bob   | 6\n(2 rows)\n".into(),
        "|",
        Q,
        1,
        3,
    );
    let german = format!("sep=;\r\n{}", clean_table(";", "", 30, true).replace('\n', "\r\n"));
    add("delimiter named on top", german.into(), ";", Q, 2, 5);
    all
}

#[test]
fn spoilt_tables_are_read_like_the_clean_one() {
    let all = polluted();
    let mut wrong = Vec::new();
    for case in &all {
        let found = guess(
            vec![whole(case.what, case.bytes.clone())],
            &Seed::default(),
            &GuessOptions::default(),
        );
        let seen = match &found {
            Ok(found) => (
                found.parser.setting("delimiter").cloned().unwrap_or_default(),
                found.parser.setting("quote").cloned().unwrap_or_default(),
                found.parser.setting("skip_header_lines").cloned().unwrap_or_default(),
                found.parser.columns.as_ref().map_or(0, Vec::len),
            ),
            Err(error) => (json!(error.to_string()), Value::Null, Value::Null, 0),
        };
        let expected = (
            json!(case.delimiter),
            case.quote.map_or(Value::Null, |quote| json!(quote.to_string())),
            json!(case.skip),
            case.columns,
        );
        if seen != expected {
            wrong.push(format!("{}: {seen:?} instead of {expected:?}", case.what));
        }
    }
    assert!(all.len() >= 40);
    let num_right = all.len() - wrong.len();
    assert!(
        num_right * 100 >= all.len() * 95,
        "{num_right} of {} right\n{}",
        all.len(),
        wrong.join("\n")
    );
}

//! Pollutes the clean table, one way at a time, and says what a person would read in each file.
//!
//! Three groups, as in the paper: the file (its bytes, its dialect, what surrounds the table), the header, and single rows and
//! cells (see `places`). What is expected follows four rules: a delimiter too few joins two fields and leaves the
//! row one field short; a delimiter too many makes an empty field, and the row one field longer; a quote too many is text; what is
//! above and below the table is not part of it.

use super::places;
use super::table::{Style, Table};

/// What a loader is told about a file where it is told anything.
#[derive(Clone, Debug)]
pub(super) struct Parameters {
    pub(super) charset: &'static str,
    pub(super) delimiter: &'static str,
    pub(super) quote: Option<char>,
    pub(super) escape: Option<char>,
    pub(super) skip_header_lines: usize,
    /// The names of the columns, as far as they have any.
    pub(super) header: Vec<String>,
    pub(super) num_columns: usize,
}

/// One polluted file.
#[derive(Clone, Debug)]
pub(super) struct Polluted {
    /// The pollution and where it is.
    pub(super) name: String,
    /// The pollution.
    pub(super) kind: &'static str,
    pub(super) bytes: Vec<u8>,
    pub(super) parameters: Parameters,
    pub(super) has_short_records: bool,
    /// What should be loaded.
    pub(super) expected: Table,
}

impl Polluted {
    /// A file in `style` whose table begins below its header, the first line.
    pub(super) fn new(kind: &'static str, text: impl Into<Vec<u8>>, style: &Style, expected: Table) -> Polluted {
        let num_columns = expected.rows().map(Vec::len).max().unwrap_or_default();
        Polluted {
            name: kind.to_owned(),
            kind,
            bytes: text.into(),
            parameters: Parameters {
                charset: "utf-8",
                delimiter: style.delimiter,
                quote: style.quote,
                escape: style.escape.or(style.quote),
                skip_header_lines: 1,
                header: expected.header.clone(),
                num_columns: num_columns.max(1),
            },
            has_short_records: expected.records.iter().any(|record| record.len() < num_columns),
            expected,
        }
    }

    pub(super) fn skipping(mut self, num_lines: usize) -> Polluted {
        self.parameters.skip_header_lines = num_lines;
        self
    }

    fn in_charset(mut self, charset: &'static str, bytes: Vec<u8>) -> Polluted {
        self.parameters.charset = charset;
        self.bytes = bytes;
        self
    }

    pub(super) fn named(mut self, name: String) -> Polluted {
        self.name = name;
        self
    }
}

/// The clean file and all polluted ones.
pub(super) fn all() -> Vec<Polluted> {
    let mut all = Vec::new();
    files(&mut all);
    dialects(&mut all);
    charsets(&mut all);
    headers(&mut all);
    surroundings(&mut all);
    places::rows(&mut all);
    places::cells(&mut all);
    all
}

fn files(all: &mut Vec<Polluted>) {
    let (clean, style) = (Table::source(), Style::default());
    let text = clean.written(&style);
    all.push(Polluted::new("clean", text.clone(), &style, clean.clone()));
    all.push(Polluted::new("no payload", "", &style, Table::default()));
    all.push(Polluted::new(
        "no trailing line end",
        text.trim_end(),
        &style,
        clean.clone(),
    ));
    all.push(Polluted::new(
        "two trailing line ends",
        text.clone() + "\r\n",
        &style,
        clean.clone(),
    ));
    let few = |num_records: usize| Table {
        records: clean.records[..num_records].to_vec(),
        ..clean.clone()
    };
    all.push(Polluted::new("header only", few(0).written(&style), &style, few(0)));
    all.push(Polluted::new("one record", few(1).written(&style), &style, few(1)));
    all.push(Polluted::new("two records", few(2).written(&style), &style, few(2)));
    all.push(Polluted::new(
        "one record, no trailing line end",
        few(1).written(&style).trim_end(),
        &style,
        few(1),
    ));
    let ends = ["\r\n", "\n", "\r"].into_iter().cycle();
    let rows = clean.rows().map(|fields| style.record(fields));
    let mixed: String = rows.zip(ends).map(|(record, end)| record + end).collect();
    all.push(Polluted::new("line ends mixed", mixed, &style, clean.clone()));
    let blank = text.replace("\r\n2023-05", "\r\n\r\n2023-05");
    all.push(Polluted::new("empty lines between", blank, &style, clean.clone()));
    let all_quoted = Style {
        is_all_quoted: true,
        ..style
    };
    all.push(Polluted::new(
        "all quoted",
        clean.written(&all_quoted),
        &all_quoted,
        clean,
    ));
}

fn dialects(all: &mut Vec<Polluted>) {
    let clean = Table::source();
    for delimiter in [
        ";", "\t", "|", " ", ", ", ":", "^", "~", "||", "::", "\u{1}", "|~|", ";;",
    ] {
        let style = Style {
            delimiter,
            ..Style::default()
        };
        all.push(
            Polluted::new("delimiter", clean.written(&style), &style, clean.clone())
                .named(format!("delimiter {delimiter:?}")),
        );
    }
    for line_end in ["\n", "\r"] {
        let style = Style {
            line_end,
            ..Style::default()
        };
        all.push(
            Polluted::new("line end", clean.written(&style), &style, clean.clone())
                .named(format!("line end {line_end:?}")),
        );
    }
    let single = Style {
        quote: Some('\''),
        ..Style::default()
    };
    all.push(Polluted::new("quote '", clean.written(&single), &single, clean.clone()));
    let backslash = Style {
        escape: Some('\\'),
        ..Style::default()
    };
    all.push(Polluted::new(
        "escape \\",
        clean.written(&backslash),
        &backslash,
        clean.clone(),
    ));
    let single_escaped = Style {
        escape: Some('\\'),
        ..single
    };
    all.push(Polluted::new(
        "quote ', escape \\",
        clean.written(&single_escaped),
        &single_escaped,
        clean.clone(),
    ));
    let semicolon = Style {
        delimiter: ";",
        quote: Some('\''),
        line_end: "\n",
        ..Style::default()
    };
    all.push(Polluted::new(
        "delimiter ;, quote ', LF",
        clean.written(&semicolon),
        &semicolon,
        clean.clone(),
    ));
    let flat = clean.mapped(|field| field.replace(['"', ',', ';', '\''], "").replace("\r\n", " "));
    for delimiter in [",", ";", "\t", "|"] {
        let style = Style {
            delimiter,
            quote: None,
            ..Style::default()
        };
        all.push(
            Polluted::new("no quotes", flat.written(&style), &style, flat.clone())
                .named(format!("no quotes, delimiter {delimiter:?}")),
        );
    }
    let unquoted = clean.mapped(|field| field.replace("\r\n", " "));
    let tabs = Style {
        delimiter: "\t",
        quote: None,
        ..Style::default()
    };
    all.push(Polluted::new(
        "quotes are text",
        unquoted.written(&tabs),
        &tabs,
        unquoted,
    ));
}

fn charsets(all: &mut Vec<Polluted>) {
    let style = Style::default();
    let european = Table::source().mapped(|field| {
        let field = field.replace("Lamp ", "Lämpchen ").replace("white", "weiß");
        field
            .replace("Office", "Büro")
            .replace("Textile", "Tissé à la main")
            .replace("grey", "grün")
    });
    let japanese = Table::source().mapped(|field| {
        let field = field
            .replace("Lamp ", "ランプ ")
            .replace("white", "白い")
            .replace("dark red", "暗赤色の表示能力");
        field
            .replace("Office", "事務所")
            .replace("Textile", "織物")
            .replace("grey", "灰色")
            .replace("Kettle", "やかん")
    });
    let text = european.written(&style);
    let marked = format!("\u{FEFF}{text}").into_bytes();
    let named = |charset: &'static str, table: &Table, bytes: Vec<u8>, name: &str| {
        Polluted::new("charset", "", &style, table.clone())
            .in_charset(charset, bytes)
            .named(format!("charset {name}"))
    };
    all.push(named("utf-8", &european, text.clone().into_bytes(), "UTF-8"));
    all.push(named("utf-8", &european, marked, "UTF-8 with a mark"));
    for (charset, is_big) in [("utf-16le", false), ("utf-16be", true)] {
        for mark in ["", "\u{FEFF}"] {
            let units = mark.encode_utf16().chain(text.encode_utf16());
            let bytes = units.flat_map(|unit| if is_big { unit.to_be_bytes() } else { unit.to_le_bytes() });
            all.push(named(
                charset,
                &european,
                bytes.collect(),
                &format!("{charset} mark {mark:?}"),
            ));
        }
    }
    let encoded = |table: &Table, encoding: &'static encoding_rs::Encoding| {
        let text = table.written(&style);
        let (bytes, _, has_unmappable) = encoding.encode(&text);
        assert!(!has_unmappable, "{} has no such character", encoding.name());
        bytes.into_owned()
    };
    all.push(named(
        "iso-8859-1",
        &european,
        encoded(&european, encoding_rs::WINDOWS_1252),
        "Latin-1",
    ));
    let with_euro = european.mapped(|field| field.replace("Garden", "Garden €"));
    all.push(named(
        "windows-1252",
        &with_euro,
        encoded(&with_euro, encoding_rs::WINDOWS_1252),
        "Windows-1252",
    ));
    all.push(named(
        "MS932",
        &japanese,
        encoded(&japanese, encoding_rs::SHIFT_JIS),
        "Shift_JIS",
    ));
    all.push(named(
        "euc-jp",
        &japanese,
        encoded(&japanese, encoding_rs::EUC_JP),
        "EUC-JP",
    ));
}

fn headers(all: &mut Vec<Polluted>) {
    let (clean, style) = (Table::source(), Style::default());
    let body: String = clean
        .records
        .iter()
        .map(|record| style.record(record) + "\r\n")
        .collect();
    let header_line = style.record(&clean.header) + "\r\n";
    let none = Table {
        header: Vec::new(),
        ..clean.clone()
    };
    all.push(Polluted::new("no header", body.clone(), &style, none).skipping(0));
    let groups = "Order,,,Article,,,,,\r\n";
    let two = format!("{groups}{header_line}{body}");
    all.push(Polluted::new("header of two rows", two, &style, clean.clone()).skipping(2));
    let three = format!("Deliveries,,,,,,,,\r\n{groups}{header_line}{body}");
    all.push(Polluted::new("header of three rows", three, &style, clean.clone()).skipping(3));
    let renamed = |rename: &dyn Fn(usize, &str) -> String| Table {
        header: clean
            .header
            .iter()
            .enumerate()
            .map(|(at, name)| rename(at, name))
            .collect(),
        ..clean.clone()
    };
    let same = renamed(&|at, name| if at == 1 { "Date".to_owned() } else { name.to_owned() });
    all.push(Polluted::new("two names alike", same.written(&style), &style, same));
    let unnamed = renamed(&|at, name| if at == 4 { String::new() } else { name.to_owned() });
    all.push(Polluted::new(
        "a name missing",
        unnamed.written(&style),
        &style,
        unnamed,
    ));
    let odd = renamed(&|_, name| format!("{name} (%), \"x\""));
    all.push(Polluted::new(
        "names with special characters",
        odd.written(&style),
        &style,
        odd,
    ));
    let long = renamed(&|_, name| name.repeat(30));
    all.push(Polluted::new("long names", long.written(&style), &style, long));
}

fn surroundings(all: &mut Vec<Polluted>) {
    let (clean, style) = (Table::source(), Style::default());
    let text = clean.written(&style);
    for (name, lines) in [
        ("preamble of one line", "Deliveries of the year 2023\r\n"),
        ("preamble and an empty line", "Deliveries of the year 2023\r\n\r\n"),
        (
            "preamble of four lines",
            "Deliveries\r\nAuthor: M. Mustermann\r\nExported 2024-01-02 10:00\r\nAll prices in EUR\r\n",
        ),
        (
            "preamble with delimiters",
            "Deliveries, 2023\r\nAuthor,M. Mustermann\r\n",
        ),
        ("preamble of full width", "Deliveries,,,,,,,,\r\n,,,,,,,,\r\n"),
        ("preamble of comments", "# Deliveries\r\n# all prices in EUR, net\r\n"),
    ] {
        let num_lines = lines.matches("\r\n").count();
        all.push(
            Polluted::new("preamble", format!("{lines}{text}"), &style, clean.clone())
                .skipping(num_lines + 1)
                .named(name.to_owned()),
        );
    }
    for (name, lines) in [
        ("footnote", "Source: the warehouse\r\n"),
        ("footnote after an empty line", "\r\nSource: the warehouse\r\n"),
        (
            "footnotes of two lines",
            "Source: the warehouse\r\nNo liability is assumed\r\n",
        ),
        ("footnote with a delimiter", "Total,83\r\n"),
    ] {
        all.push(Polluted::new("footnote", format!("{text}{lines}"), &style, clean.clone()).named(name.to_owned()));
    }
    // Below an empty line stands a second table; all of it is there, as rows.
    for (name, num_columns) in [("as wide", 9), ("narrower", 6), ("wider", 11)] {
        let resized = |fields: &Vec<String>| {
            let mut fields = fields.clone();
            fields.resize_with(num_columns, || "more".to_owned());
            fields
        };
        let second: Vec<Vec<String>> = clean.rows().take(10).map(resized).collect();
        let mut both = clean.clone();
        both.records.extend(second.iter().cloned());
        let lines: String = second.iter().map(|fields| style.record(fields) + "\r\n").collect();
        all.push(
            Polluted::new("two tables", format!("{text}\r\n{lines}"), &style, both)
                .named(format!("two tables, the second {name}")),
        );
    }
}

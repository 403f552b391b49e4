//! The clean table that is polluted, and the ways of writing it.

/// Rows below the header, as many as the paper's source file has.
pub(super) const NUM_ROWS: usize = 83;

/// Columns.
pub(super) const NUM_COLUMNS: usize = 9;

/// A header and records, all of them text. A field that is missing and an empty one are the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) header: Vec<String>,
    pub(super) records: Vec<Vec<String>>,
}

/// How a table is written.
#[derive(Clone, Debug)]
pub(super) struct Style {
    pub(super) delimiter: &'static str,
    /// `None`: nothing is quoted.
    pub(super) quote: Option<char>,
    /// Before a quote inside a quoted field; `None`: such a quote is doubled.
    pub(super) escape: Option<char>,
    pub(super) line_end: &'static str,
    /// Every field is quoted, and not only those that must be.
    pub(super) is_all_quoted: bool,
}

impl Default for Style {
    fn default() -> Self {
        Style {
            delimiter: ",",
            quote: Some('"'),
            escape: None,
            line_end: "\r\n",
            is_all_quoted: false,
        }
    }
}

impl Table {
    /// Deliveries of a warehouse: dates, times, numbers, codes, prices, texts with delimiters, quotes and line ends in them, links,
    /// and a column that is often empty.
    pub(super) fn source() -> Table {
        const KINDS: [&str; 5] = ["Lighting", "Garden", "Kitchen", "Office", "Textile"];
        const THINGS: [&str; 7] = ["Lamp", "Bench", "Kettle", "Stapler", "Curtain", "Shelf", "Rug"];
        const COLOURS: [&str; 4] = ["white", "dark red", "oak, oiled", "grey"];
        let names = [
            "Date",
            "Time",
            "Qty",
            "ArticleID",
            "Price",
            "Kind",
            "Description",
            "Link",
            "Remark",
        ];
        let row = |row: usize| {
            let thing = THINGS[row % THINGS.len()];
            let description = match row % 6 {
                0 => format!("{thing} \"Oslo {}\", {}", row % 10, COLOURS[row % 4]),
                3 => format!("{thing}\r\n{}", COLOURS[row % 4]),
                _ => format!("{thing} {}", COLOURS[row % 4]),
            };
            let remark = match row % 5 {
                0 => "call first; ring twice".to_owned(),
                1 => format!("O'Neill, gate {}", row % 9),
                _ => String::new(),
            };
            vec![
                format!("2023-{:02}-{:02}", row % 12 + 1, row % 28 + 1),
                format!("{:02}:{:02}:00", row % 24, row * 7 % 60),
                (row % 40 + 1).to_string(),
                format!("{}-{:04}", ["LX", "GA", "KI", "OF", "TX"][row % 5], row * 37 % 10_000),
                format!("{}.{:02}", row * 13 % 400 + 5, row * 29 % 100),
                KINDS[row % 5].to_owned(),
                description,
                format!("https://shop.example.org/{}?id={row}", thing.to_lowercase()),
                remark,
            ]
        };
        Table {
            header: names.map(str::to_owned).to_vec(),
            records: (0..NUM_ROWS).map(row).collect(),
        }
    }

    /// The same with every field changed.
    pub(super) fn mapped(&self, change: impl Fn(&str) -> String) -> Table {
        let all = |fields: &Vec<String>| fields.iter().map(|field| change(field)).collect();
        Table {
            header: all(&self.header),
            records: self.records.iter().map(all).collect(),
        }
    }

    /// Header and records as one.
    pub(super) fn rows(&self) -> impl Iterator<Item = &Vec<String>> {
        std::iter::once(&self.header).chain(&self.records)
    }

    /// The file's text, with a line end after the last record.
    pub(super) fn written(&self, style: &Style) -> String {
        self.rows()
            .map(|fields| style.record(fields) + style.line_end)
            .collect()
    }
}

impl Style {
    /// One record, without its line end.
    pub(super) fn record(&self, fields: &[String]) -> String {
        let fields: Vec<String> = fields.iter().map(|field| self.field(field)).collect();
        fields.join(self.delimiter)
    }

    /// One field, quoted if it must be.
    pub(super) fn field(&self, field: &str) -> String {
        let Some(quote) = self.quote else {
            return field.to_owned();
        };
        let is_special = field.contains(self.delimiter)
            || field.contains([quote, '\r', '\n'])
            || self.delimiter.contains(' ') && field.contains(self.delimiter.trim());
        if !is_special && !self.is_all_quoted {
            return field.to_owned();
        }
        let escaped = match self.escape {
            None => field.replace(quote, &format!("{quote}{quote}")),
            Some(escape) => field
                .replace(escape, &format!("{escape}{escape}"))
                .replace(quote, &format!("{escape}{quote}")),
        };
        format!("{quote}{escaped}{quote}")
    }
}

//! Records made from a seed, and how they are spelled as CSV, TSV and JSON.
//!
//! Every run on every machine sees the same bytes. Most records are those of an access log, because that is what is loaded most: a
//! time, some words that repeat, some that never do, whole and broken numbers, about 200 bytes a record. The other shapes are what a
//! reader may be slow at.

use bucketload_engine::parse::columns::ColumnType;
use serde_json::json;
use std::fmt::Write;

/// 2026-11-20T00:00:00Z, where all records begin.
pub const START_MICROS: i64 = 1_795_132_800_000_000;

/// Microseconds of an hour.
pub const HOUR_MICROS: i64 = 3_600_000_000;

/// Format of the times.
pub const TIME_FORMAT: &str = "%Y-%m-%dT%H:%M:%S.%L%z";

/// Columns of the wide shape: as many as a table of a hundred sensors has, with three values of each.
const WIDE_COLUMNS: usize = 300;

/// Sentences of a long text: two kilobytes of it on average.
const MAX_SENTENCES: u64 = 60;

/// A sequence of numbers that looks random and is the same everywhere (SplitMix64).
#[derive(Clone, Debug)]
pub struct Numbers(u64);

impl Numbers {
    /// The sequence of a seed.
    pub fn new(seed: u64) -> Numbers {
        Numbers(seed)
    }

    /// The next number.
    pub fn next_number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// The next number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next_number() % end
    }

    fn one_of<'t>(&mut self, texts: &[&'t str]) -> &'t str {
        texts[self.below(texts.len() as u64) as usize]
    }

    /// `1.250000`
    fn decimal(&mut self, end_millionths: u64) -> String {
        let millionths = self.below(end_millionths);
        format!("{}.{:06}", millionths / 1_000_000, millionths % 1_000_000)
    }
}

/// What kind of records. In all of them the first column is the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// An access log of eleven columns.
    Log,
    /// Three hundred short columns of all types.
    Wide,
    /// A time and a number.
    Narrow,
    /// Long texts with quotes, commas and line ends in them.
    LongText,
    /// The access log with most fields missing.
    Nulls,
}

impl Shape {
    /// All of them, with a name.
    pub const ALL: [(&'static str, Shape); 5] = [
        ("log", Shape::Log),
        ("wide", Shape::Wide),
        ("narrow", Shape::Narrow),
        ("long_text", Shape::LongText),
        ("nulls", Shape::Nulls),
    ];

    /// Names and types of the columns, in order.
    pub fn columns(self) -> Vec<(String, ColumnType)> {
        let named = |columns: &[(&str, ColumnType)]| {
            columns
                .iter()
                .map(|(name, column_type)| ((*name).to_owned(), *column_type))
                .collect()
        };
        match self {
            Shape::Log | Shape::Nulls => named(&[
                ("time", ColumnType::Timestamp),
                ("request_id", ColumnType::String),
                ("client_ip", ColumnType::String),
                ("method", ColumnType::String),
                ("path", ColumnType::String),
                ("status", ColumnType::Long),
                ("bytes", ColumnType::Long),
                ("duration", ColumnType::Double),
                ("region", ColumnType::String),
                ("user_agent", ColumnType::String),
                ("message", ColumnType::String),
            ]),
            Shape::Narrow => named(&[("time", ColumnType::Timestamp), ("value", ColumnType::Double)]),
            Shape::LongText => named(&[
                ("time", ColumnType::Timestamp),
                ("id", ColumnType::Long),
                ("body", ColumnType::String),
            ]),
            Shape::Wide => {
                let wide = (1..WIDE_COLUMNS).map(|index| (format!("c{index:03}"), wide_type(index)));
                std::iter::once(("time".to_owned(), ColumnType::Timestamp))
                    .chain(wide)
                    .collect()
            }
        }
    }

    fn record(self, numbers: &mut Numbers, micros: i64) -> Vec<Cell> {
        let mut cells = vec![Cell::Text(iso(micros))];
        match self {
            Shape::Log => log_record(numbers, &mut cells),
            Shape::Nulls => {
                log_record(numbers, &mut cells);
                for cell in &mut cells[1..] {
                    if numbers.below(10) < 7 {
                        *cell = Cell::Null;
                    }
                }
            }
            Shape::Narrow => cells.push(Cell::Number(numbers.decimal(90_000_000))),
            Shape::LongText => {
                cells.push(Cell::Number(numbers.below(1 << 40).to_string()));
                cells.push(Cell::Text(long_text(numbers)));
            }
            Shape::Wide => cells.extend((1..WIDE_COLUMNS).map(|index| match wide_type(index) {
                ColumnType::Long => Cell::Number(numbers.below(10_000).to_string()),
                ColumnType::Double => Cell::Number(numbers.decimal(100_000_000)),
                ColumnType::Boolean => Cell::Number(numbers.one_of(&["true", "false"]).to_owned()),
                _ => Cell::Text(numbers.one_of(&["on", "off", "idle", "fault"]).to_owned()),
            })),
        }
        cells
    }
}

fn wide_type(index: usize) -> ColumnType {
    match index % 4 {
        0 => ColumnType::Boolean,
        1 => ColumnType::Long,
        2 => ColumnType::String,
        _ => ColumnType::Double,
    }
}

fn log_record(numbers: &mut Numbers, cells: &mut Vec<Cell>) {
    let status = [200, 200, 200, 200, 304, 404, 500][numbers.below(7) as usize];
    cells.extend([
        Cell::Text(format!("{:016x}", numbers.next_number())),
        Cell::Text(format!("198.51.{}.{}", numbers.below(250), numbers.below(250))),
        Cell::Text(numbers.one_of(&["GET", "GET", "GET", "POST", "PUT", "HEAD"]).to_owned()),
        Cell::Text(format!(
            "/api/v1/items/{}?page={}",
            numbers.below(40_000),
            numbers.below(20)
        )),
        Cell::Number(status.to_string()),
        Cell::Number(numbers.below(90_000).to_string()),
        Cell::Number(numbers.decimal(3_000_000)),
        Cell::Text(numbers.one_of(&["eu-west-1", "us-east-1", "ap-northeast-1"]).to_owned()),
        Cell::Text(
            numbers
                .one_of(&[
                    "Mozilla/5.0 (X11; Linux x86_64) Firefox/144.0",
                    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X)",
                    "curl/8.11.0",
                    "Feed \"Reader\" 2.1, +https://reader.example/about",
                ])
                .to_owned(),
        ),
        Cell::Text(format!(
            "served by node-{:03} in {} steps",
            numbers.below(200),
            numbers.below(30)
        )),
    ]);
}

fn long_text(numbers: &mut Numbers) -> String {
    let mut text = String::new();
    for _ in 0..=numbers.below(MAX_SENTENCES) {
        let sentence = numbers.one_of(&[
            "The parcel, which nobody had asked for, arrived on a Tuesday. ",
            "\"That is not mine\", she said, and closed the door.\n",
            "A second one came an hour later; it was heavier by half. ",
            "Nothing on the label could be read but a number: 4,711.\n",
        ]);
        text.push_str(sentence);
    }
    text
}

/// `2026-11-20T00:00:00.000Z`
fn iso(micros: i64) -> String {
    let time = jiff::Timestamp::from_microsecond(micros).expect("a time of these years");
    format!("{time:.3}")
}

/// One field before it is spelled.
enum Cell {
    Null,
    /// Spelled the same everywhere, without quotes.
    Number(String),
    Text(String),
}

/// How the times of records run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Forward, as a server writes them.
    ByTime,
    /// Back and forth over all hours.
    Shuffled,
}

/// What one file holds.
#[derive(Clone, Copy, Debug)]
pub struct Records {
    /// What kind of records.
    pub shape: Shape,
    /// Other seeds give other records.
    pub seed: u64,
    /// How many.
    pub num_records: usize,
    /// The earliest time, microseconds since the epoch.
    pub start_micros: i64,
    /// How many hours the times are spread over.
    pub num_hours: u64,
    /// How they run.
    pub order: Order,
}

impl Records {
    /// Records of one hour in time order.
    pub fn new(shape: Shape, num_records: usize) -> Records {
        Records {
            shape,
            seed: 1,
            num_records,
            start_micros: START_MICROS,
            num_hours: 1,
            order: Order::ByTime,
        }
    }

    /// The access log.
    pub fn log(num_records: usize) -> Records {
        Records::new(Shape::Log, num_records)
    }

    /// As CSV without a header.
    pub fn csv(&self) -> Vec<u8> {
        let mut text = String::new();
        for cells in self.cells() {
            for (index, cell) in cells.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                match cell {
                    Cell::Null => {}
                    Cell::Text(value) if value.contains(['"', ',', '\n']) => {
                        write!(text, "\"{}\"", value.replace('"', "\"\"")).expect("text has room");
                    }
                    Cell::Text(value) | Cell::Number(value) => text.push_str(value),
                }
            }
            text.push('\n');
        }
        text.into_bytes()
    }

    /// As TSV without a header and without quoting; `-` is null. Line ends within a text become spaces.
    pub fn tsv(&self) -> Vec<u8> {
        let mut text = String::new();
        for cells in self.cells() {
            for (index, cell) in cells.iter().enumerate() {
                if index > 0 {
                    text.push('\t');
                }
                match cell {
                    Cell::Null => text.push('-'),
                    Cell::Text(value) => text.push_str(&value.replace('\n', " ")),
                    Cell::Number(value) => text.push_str(value),
                }
            }
            text.push('\n');
        }
        text.into_bytes()
    }

    /// As JSON lines.
    pub fn jsonl(&self) -> Vec<u8> {
        self.json("", "\n", "\n")
    }

    /// As one JSON array.
    pub fn json_array(&self) -> Vec<u8> {
        self.json("[", ",", "]")
    }

    fn json(&self, start: &str, between: &str, end: &str) -> Vec<u8> {
        let columns = self.shape.columns();
        let mut text = start.to_owned();
        for (row, cells) in self.cells().enumerate() {
            if row > 0 {
                text.push_str(between);
            }
            for (index, ((name, _), cell)) in columns.iter().zip(&cells).enumerate() {
                text.push_str(if index == 0 { "{" } else { "," });
                match cell {
                    Cell::Null => write!(text, "\"{name}\":null"),
                    Cell::Number(value) => write!(text, "\"{name}\":{value}"),
                    Cell::Text(value) => write!(text, "\"{name}\":{}", json!(value)),
                }
                .expect("text has room");
            }
            text.push('}');
        }
        text.push_str(end);
        text.into_bytes()
    }

    fn cells(&self) -> impl Iterator<Item = Vec<Cell>> {
        let Records { shape, num_records, .. } = *self;
        let mut numbers = Numbers::new(self.seed);
        let mut times = self.times();
        (0..num_records).map(move |_| {
            let micros = times(&mut numbers);
            shape.record(&mut numbers, micros)
        })
    }

    fn times(&self) -> impl FnMut(&mut Numbers) -> i64 + use<> {
        let span_millis = self.num_hours * 3_600_000;
        let (order, start_micros, num_records) = (self.order, self.start_micros, self.num_records as u64);
        let mut index = 0;
        move |numbers| {
            let millis = match order {
                Order::ByTime => index * span_millis / num_records,
                Order::Shuffled => numbers.below(span_millis),
            };
            index += 1;
            start_micros + i64::try_from(millis).expect("hours fit") * 1_000
        }
    }
}

/// Columns of [`events`], with the place of each value.
pub const EVENT_COLUMNS: [(&str, ColumnType, &str); 12] = [
    ("time", ColumnType::Timestamp, "/created_at"),
    ("id", ColumnType::Long, "/id"),
    ("type", ColumnType::String, "/type"),
    ("actor_id", ColumnType::Long, "/actor/id"),
    ("actor_login", ColumnType::String, "/actor/login"),
    ("repo_id", ColumnType::Long, "/repo/id"),
    ("repo_name", ColumnType::String, "/repo/name"),
    ("ref", ColumnType::String, "/payload/ref"),
    ("size", ColumnType::Long, "/payload/size"),
    ("status", ColumnType::Long, "/payload/status"),
    ("is_public", ColumnType::Boolean, "/public"),
    ("commits", ColumnType::Json, "/payload/commits"),
];

/// Nested events of one hour as JSON lines, about 900 bytes each, of which [`EVENT_COLUMNS`] is less than half.
pub fn events(records: &Records) -> Vec<u8> {
    let mut numbers = Numbers::new(records.seed);
    let mut times = records.times();
    let mut text = Vec::new();
    for index in 0..records.num_records {
        let micros = times(&mut numbers);
        let login = format!("user{}", numbers.below(90_000));
        let repo = format!("{login}/project-{}", numbers.below(300));
        let status = [200, 304, 404][numbers.below(3) as usize];
        let commits: Vec<_> = (0..=numbers.below(3))
            .map(|_| {
                json!({
                    "sha": format!("{:016x}{:016x}", numbers.next_number(), numbers.next_number()),
                    "message": numbers.one_of(&["fix the \"last\" test", "first line\n\nsecond line", "caf\u{e9}", "wip"]),
                    "distinct": numbers.below(10) > 0,
                })
            })
            .collect();
        let event = json!({
            "id": (20_000_000_000 + index).to_string(),
            "type": numbers.one_of(&["PushEvent", "WatchEvent", "IssuesEvent"]),
            "actor": {
                "id": numbers.below(100_000_000),
                "login": login,
                "gravatar_id": "",
                "url": format!("https://api.example.com/users/{login}"),
                "avatar_url": format!("https://avatars.example.com/u/{}?", numbers.below(100_000_000)),
            },
            "repo": {
                "id": numbers.below(600_000_000),
                "name": repo,
                "url": format!("https://api.example.com/repos/{repo}"),
            },
            "payload": {
                "ref": "refs/heads/main",
                "status": status,
                "size": commits.len(),
                "head": format!("{:016x}", numbers.next_number()),
                "commits": commits,
                "issue": {"title": long_text(&mut numbers).chars().take(200).collect::<String>(), "labels": ["bug", "later"]},
            },
            "public": true,
            "created_at": iso(micros),
        });
        serde_json::to_writer(&mut text, &event).expect("memory takes everything");
        text.push(b'\n');
    }
    text
}

//! What a guess consists of: values for keys of the configuration, each with what speaks for it, and doubts.

use super::time::DateAndTime;
use crate::decode::DecoderOptions;
use crate::parse::columns::ColumnType;
use serde_json::Value;

/// What was guessed.
#[derive(Clone, Debug, PartialEq)]
pub struct Guess {
    /// `in.decoders`, with what speaks for it. `None`: the key is left as the seed has it.
    pub decoders: Option<(Vec<DecoderOptions>, String)>,
    /// `in.parser`.
    pub parser: GuessedParser,
    /// Filters to add, with what speaks for each: the one that cleans column names, the one that makes one column of date and
    /// time.
    pub filters: Vec<(Value, String)>,
    /// The keys of `out` that the seed lacks and the load needs.
    pub output: Vec<Setting>,
    /// What could as well be otherwise, and in which files; one sentence each.
    pub doubts: Vec<String>,
    /// Keys of the files looked at, and how many of their bytes as stored.
    pub sampled: Vec<(String, u64)>,
}

/// The keys of `in.parser` that the seed lacks.
#[derive(Clone, Debug, PartialEq)]
pub struct GuessedParser {
    /// `csv`, `json` or `jsonl`, also if the seed names it.
    pub format: &'static str,
    /// All keys but `columns`, in the order they are written.
    pub settings: Vec<Setting>,
    /// `columns`; `None`: the seed has them, or there are none to be had.
    pub columns: Option<Vec<GuessedColumn>>,
    /// What speaks for number and names of the columns.
    pub columns_note: String,
    /// Sampled records that were looked at for the columns.
    pub num_records: usize,
    /// A column of dates and one of times of day.
    pub(crate) date_and_time: Option<DateAndTime>,
}

impl GuessedParser {
    /// The guessed value of `key`, if there is one.
    pub fn setting(&self, key: &str) -> Option<&Value> {
        self.settings
            .iter()
            .find(|setting| setting.key == key)
            .map(|setting| &setting.value)
    }
}

/// One guessed key of the parser, or of the output.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// Its name.
    pub key: &'static str,
    /// Its value.
    pub value: Value,
    /// What speaks for it; may be empty.
    pub note: String,
}

/// One guessed column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuessedColumn {
    /// Its name: of the header, or the member's.
    pub name: String,
    /// Its type.
    pub column_type: ColumnType,
    /// For timestamps, in the order they are tried.
    pub formats: Vec<String>,
    /// What speaks for the type.
    pub note: String,
    /// Sampled records that have no value of it.
    pub num_missing: usize,
    /// For integers that count since 1970, what they count, in the words of `unix_timestamp_unit`.
    pub epoch_unit: Option<&'static str>,
}

impl Guess {
    /// What speaks for each key: its path in the configuration, and the note written beside it.
    pub fn evidence(&self) -> Vec<(String, &str)> {
        let mut evidence: Vec<(String, &str)> = Vec::new();
        if let Some((_, note)) = &self.decoders {
            evidence.push(("in.decoders".to_owned(), note));
        }
        for setting in &self.parser.settings {
            evidence.push((format!("in.parser.{}", setting.key), &setting.note));
        }
        if let Some(columns) = &self.parser.columns {
            evidence.push(("in.parser.columns".to_owned(), &self.parser.columns_note));
            for (at, column) in columns.iter().enumerate() {
                evidence.push((format!("in.parser.columns[{at}]"), &column.note));
            }
        }
        for (at, (_, note)) in self.filters.iter().enumerate() {
            evidence.push((format!("filters[{at}]"), note));
        }
        for setting in &self.output {
            evidence.push((format!("out.{}", setting.key), &setting.note));
        }
        evidence
    }
}

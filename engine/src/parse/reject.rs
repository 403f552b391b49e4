//! A record that could not become a row: where it stands, why, and its text.

use crate::position::Position;
use std::sync::Arc;

/// Characters of a value that a reason quotes: enough to recognise it, little enough for one line of a log.
const MAX_EXCERPT_CHARS: usize = 100;

/// Why a record was rejected, in a word that stays what it is from version to version.
#[expect(missing_docs, reason = "each is the word that `name` gives")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RejectCode {
    TooFewColumns,
    TooManyColumns,
    TextAfterQuote,
    UnclosedQuote,
    QuotedFieldTooLong,
    BadValue,
    NotJson,
    NotAnObject,
    NotAnArray,
    RootMissing,
    BadValueInFilter,
    NoTime,
}

impl RejectCode {
    /// Every code, in the order in which the stages of a job find them.
    pub const ALL: [RejectCode; 12] = [
        RejectCode::TooFewColumns,
        RejectCode::TooManyColumns,
        RejectCode::TextAfterQuote,
        RejectCode::UnclosedQuote,
        RejectCode::QuotedFieldTooLong,
        RejectCode::BadValue,
        RejectCode::NotJson,
        RejectCode::NotAnObject,
        RejectCode::NotAnArray,
        RejectCode::RootMissing,
        RejectCode::BadValueInFilter,
        RejectCode::NoTime,
    ];

    /// The word in the table of rejects and in reports. Programs compare it, so it never changes.
    pub fn name(self) -> &'static str {
        match self {
            RejectCode::TooFewColumns => "too_few_columns",
            RejectCode::TooManyColumns => "too_many_columns",
            RejectCode::TextAfterQuote => "text_after_quote",
            RejectCode::UnclosedQuote => "unclosed_quote",
            RejectCode::QuotedFieldTooLong => "quoted_field_too_long",
            RejectCode::BadValue => "bad_value",
            RejectCode::NotJson => "not_json",
            RejectCode::NotAnObject => "not_an_object",
            RejectCode::NotAnArray => "not_an_array",
            RejectCode::RootMissing => "root_missing",
            RejectCode::BadValueInFilter => "bad_value_in_filter",
            RejectCode::NoTime => "no_time",
        }
    }

    /// The code called `name`, if there is one.
    pub fn from_name(name: &str) -> Option<RejectCode> {
        RejectCode::ALL.into_iter().find(|code| code.name() == name)
    }
}

/// One skipped record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// Where the record begins.
    pub position: Position,
    /// The column whose field could not be typed; `None` if the record as a whole is at fault.
    pub column: Option<String>,
    /// The text of that field, at most [`Reject::MAX_VALUE_BYTES`] of it; `None` where there is no column.
    pub value: Option<String>,
    /// Why, for programs.
    pub code: RejectCode,
    /// The header of its file, where columns are found by it: without it the record means nothing.
    pub header: Option<Arc<str>>,
    /// What is wrong, in the words a user reads: lowercase, values in backticks, no final period.
    pub reason: String,
    /// The raw text of the record, decoded to UTF-8, at most [`Reject::MAX_RECORD_BYTES`] of it.
    pub record: String,
}

impl Reject {
    /// Bytes of raw text kept of one reject: enough to recognise any record, little enough that a file made of nothing but
    /// rejects does not fill the memory.
    pub const MAX_RECORD_BYTES: usize = 64 * 1024;

    /// Bytes kept of the field at fault. The record has the rest.
    pub const MAX_VALUE_BYTES: usize = 4 * 1024;

    /// As much of the text of a field as a reject keeps, cut between characters.
    pub fn value_text(raw: &str) -> String {
        raw[..raw.floor_char_boundary(Reject::MAX_VALUE_BYTES)].to_owned()
    }

    /// As much of the raw text of a record as a reject keeps, cut between characters.
    pub fn record_text(raw: &str) -> String {
        raw[..raw.floor_char_boundary(Reject::MAX_RECORD_BYTES)].to_owned()
    }
}

/// The beginning of a value, as a reason quotes it: on one line, and cut after 100 characters.
pub fn excerpt(value: &str) -> String {
    let mut excerpt = String::new();
    for (index, character) in value.chars().enumerate() {
        if index == MAX_EXCERPT_CHARS {
            excerpt.push('…');
            break;
        }
        if character.is_control() {
            excerpt.extend(character.escape_default());
        } else {
            excerpt.push(character);
        }
    }
    excerpt
}

/// Where rejects go while a job runs.
///
/// Rejects may come from several threads at a time; their order between partitions means nothing.
pub trait RejectSink: std::fmt::Debug + Send + Sync {
    /// Takes rejects.
    fn push(&self, rejects: Vec<Reject>);

    /// Why the job must not go on, once the rejects are more than it allows. Whoever pushes or reads rows asks now and then.
    fn verdict(&self) -> Option<TooManyRejects> {
        None
    }
}

/// More rejects than the job allows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TooManyRejects {
    /// What is wrong, naming the limit.
    pub message: String,
    /// The first reject, for the person who has to mend it.
    pub first: Option<Reject>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn excerpts_are_short_and_on_one_line() {
        assert_eq!(excerpt("12,5"), "12,5");
        assert_eq!(excerpt("a\r\n\tb\0é"), "a\\r\\n\\tb\\u{0}é");
        assert_eq!(excerpt(&"é".repeat(100)), "é".repeat(100));
        assert_eq!(excerpt(&"é".repeat(101)), "é".repeat(100) + "…");
    }

    #[test]
    fn codes_are_found_by_their_names() {
        for code in RejectCode::ALL {
            assert_eq!(RejectCode::from_name(code.name()), Some(code));
        }
        assert_eq!(RejectCode::from_name("other"), None);
    }

    #[test]
    fn record_text_is_cut_between_characters() {
        let raw = "é".repeat(Reject::MAX_RECORD_BYTES) + "x";
        let odd = "x".to_owned() + &raw;
        assert_eq!(Reject::record_text(&raw).len(), Reject::MAX_RECORD_BYTES);
        assert_eq!(Reject::record_text(&odd).len(), Reject::MAX_RECORD_BYTES - 1);
        assert_eq!(Reject::record_text("short"), "short");
    }
}

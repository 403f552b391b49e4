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
    /// The raw text of the record, as much as is kept.
    pub record: RecordText,
}

/// The raw text of a record, decoded to UTF-8: all of it but of the very longest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordText {
    /// The text, at most [`RecordText::MAX_BYTES`] of it.
    pub kept: String,
    /// Bytes of the whole. More than are kept say that the rest is missing, so that the record cannot be read again.
    pub num_bytes: u64,
}

impl RecordText {
    /// Bytes that are kept of one record. Several are held at a time on their way to the table of rejects, by every thread; no record that
    /// somebody means to mend is longer.
    pub const MAX_BYTES: usize = 16 * 1024 * 1024;

    /// As much of `raw` as is kept, cut between characters.
    pub fn new(raw: &str) -> RecordText {
        RecordText {
            kept: RecordText::cut(raw).to_owned(),
            num_bytes: raw.len() as u64,
        }
    }

    /// The part of `raw` that is kept.
    pub(super) fn cut(raw: &str) -> &str {
        &raw[..raw.floor_char_boundary(RecordText::MAX_BYTES)]
    }

    /// The same of bytes that may be malformed, which become U+FFFD.
    pub fn of_bytes(raw: &[u8]) -> RecordText {
        if raw.len() <= RecordText::MAX_BYTES {
            return RecordText::new(&String::from_utf8_lossy(raw));
        }
        let mut start = &raw[..RecordText::MAX_BYTES];
        // Drops the character that was cut, if one was.
        let length = |lead: u8| if lead >= 0xF0 { 4 } else { 2 + usize::from(lead >= 0xE0) };
        let lead = (1..=3).find(|back| start[start.len() - back] >= 0xC0);
        if let Some(back) = lead
            && length(start[start.len() - back]) > back
        {
            start = &start[..start.len() - back];
        }
        RecordText {
            num_bytes: raw.len() as u64,
            ..RecordText::new(&String::from_utf8_lossy(start))
        }
    }

    /// Whether nothing is missing.
    pub fn is_whole(&self) -> bool {
        self.kept.len() as u64 == self.num_bytes
    }
}

impl Reject {
    /// Bytes kept of the field at fault. The record has the rest.
    pub const MAX_VALUE_BYTES: usize = 4 * 1024;

    /// As much of the text of a field as a reject keeps, cut between characters.
    pub fn value_text(raw: &str) -> String {
        raw[..raw.floor_char_boundary(Reject::MAX_VALUE_BYTES)].to_owned()
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
    /// The key of that limit; `None`: the first reject was one too many.
    pub limit_key: Option<&'static str>,
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
        let raw = "é".repeat(RecordText::MAX_BYTES / 2) + "x";
        let odd = "x".to_owned() + &raw;
        for (raw, kept_bytes) in [(&raw, RecordText::MAX_BYTES), (&odd, RecordText::MAX_BYTES - 1)] {
            let text = RecordText::new(raw);
            assert_eq!(text.kept.len(), kept_bytes);
            assert_eq!(text.num_bytes, raw.len() as u64);
            assert!(!text.is_whole());
            assert_eq!(RecordText::of_bytes(raw.as_bytes()), text);
        }
    }

    #[test]
    fn record_text_is_whole_unless_it_is_cut() {
        let text = RecordText::new("short");
        assert_eq!((text.kept.as_str(), text.num_bytes), ("short", 5));
        assert!(text.is_whole());
        let malformed = RecordText::of_bytes(b"a\xFFb");
        assert_eq!(malformed.kept, "a\u{FFFD}b");
        assert!(malformed.is_whole());
    }
}

//! A record that could not become a row: where it stands, why, and its text.

use crate::position::Position;

/// Characters of a value that a reason quotes: enough to recognise it, little enough for one line of a log.
const MAX_EXCERPT_CHARS: usize = 100;

/// One skipped record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// Where the record begins.
    pub position: Position,
    /// The column whose field could not be typed; `None` if the record as a whole is at fault.
    pub column: Option<String>,
    /// What is wrong, in the words a user reads: lowercase, values in backticks, no final period.
    pub reason: String,
    /// The raw text of the record, decoded to UTF-8, at most [`Reject::MAX_RECORD_BYTES`] of it.
    pub record: String,
}

impl Reject {
    /// Bytes of raw text kept of one reject: enough to recognise any record, little enough that a file made of nothing but
    /// rejects does not fill the memory.
    pub const MAX_RECORD_BYTES: usize = 64 * 1024;

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
    fn record_text_is_cut_between_characters() {
        let raw = "é".repeat(Reject::MAX_RECORD_BYTES) + "x";
        let odd = "x".to_owned() + &raw;
        assert_eq!(Reject::record_text(&raw).len(), Reject::MAX_RECORD_BYTES);
        assert_eq!(Reject::record_text(&odd).len(), Reject::MAX_RECORD_BYTES - 1);
        assert_eq!(Reject::record_text("short"), "short");
    }
}

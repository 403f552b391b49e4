//! What a caller gets when a command fails: what is wrong, where, who can mend it, and what to do.

use std::error::Error as StdError;
use std::fmt;

/// The outcome of everything the engine offers.
pub type Result<T> = std::result::Result<T, Error>;

/// Who has to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The command line or the configuration file: nothing was read.
    Config,
    /// A file or a record.
    Data,
    /// The bucket, the warehouse, the network or the disk.
    Storage,
    /// The person at the keyboard asked for it.
    Interrupted,
    /// A broken invariant of ours, or of a library.
    Internal,
}

/// How hints put it that a failed job has changed nothing.
pub(crate) const NOTHING_COMMITTED: &str = "nothing was committed";

/// A failed command. `Display` is one line; the chain of causes is in `source`.
#[derive(Debug)]
pub struct Error {
    blame: Blame,
    message: String,
    place: Option<String>,
    hint: Option<String>,
    is_retryable: bool,
    is_input_changed: bool,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error with nothing but its message: what, where, which value; lowercase, no final period.
    pub fn new(blame: Blame, message: impl Into<String>) -> Error {
        Error {
            blame,
            message: message.into(),
            place: None,
            hint: None,
            is_retryable: false,
            is_input_changed: false,
            source: None,
        }
    }

    /// A mistake in the configuration or on the command line.
    pub fn config(message: impl Into<String>) -> Error {
        Error::new(Blame::Config, message)
    }

    /// A broken invariant.
    pub fn internal(message: impl Into<String>) -> Error {
        Error::new(Blame::Internal, message)
    }

    /// Adds where it happened: file and line, bucket and key, or configuration key.
    pub fn at(mut self, place: impl Into<String>) -> Error {
        self.place = Some(place.into());
        self
    }

    /// Adds what to do.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Error {
        self.hint = Some(hint.into());
        self
    }

    /// Adds what to do, if anything is known.
    pub fn with_optional_hint(mut self, hint: Option<String>) -> Error {
        self.hint = hint;
        self
    }

    /// Marks a failure that may pass when tried again.
    pub fn retryable(mut self, is_retryable: bool) -> Error {
        self.is_retryable = is_retryable;
        self
    }

    /// Marks a failure of a job whose files are not any more what it has listed.
    pub fn with_changed_input(mut self, is_input_changed: bool) -> Error {
        self.is_input_changed = is_input_changed;
        self
    }

    /// Adds the cause.
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        self.source = Some(source.into());
        self
    }

    /// Corrects a hint that knows only of what failed, for a job that had committed something before: `what` says how much.
    pub(crate) fn after_commits(mut self, what: &str) -> Error {
        self.hint = self.hint.map(|hint| hint.replace(NOTHING_COMMITTED, what));
        self
    }

    /// The same error for a second reader, without its chain of causes, which cannot be shared.
    pub fn restated(&self) -> Error {
        Error {
            blame: self.blame,
            message: self.message.clone(),
            place: self.place.clone(),
            hint: self.hint.clone(),
            is_retryable: self.is_retryable,
            is_input_changed: self.is_input_changed,
            source: None,
        }
    }

    /// Who has to act.
    pub fn blame(&self) -> Blame {
        self.blame
    }

    /// Where it happened.
    pub fn place(&self) -> Option<&str> {
        self.place.as_deref()
    }

    /// What to do.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Whether the same command may succeed when tried again.
    pub fn is_retryable(&self) -> bool {
        self.is_retryable
    }

    /// Whether files of the job are not any more what it has listed, so that it can only begin anew.
    pub fn is_input_changed(&self) -> bool {
        self.is_input_changed
    }
}

/// The last cause of an error, which mostly names the reason in the fewest words.
pub fn innermost(error: &(dyn StdError + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

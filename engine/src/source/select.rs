//! Decides which listed files a job reads.
//!
//! Files come in key order, one by one, and each gets a verdict at once, so that a listing can stop as soon as enough files have
//! been selected. The one exception is time mode with a limit and a cursor: the cursor is then a time, so what is left over must
//! be newer than what is taken, and the oldest files are chosen after all have been seen ([`Selector::finish`]).
//!
//! Nothing is logged here: the verdict says why a file was passed over.

use super::file::{ArchiveClass, FileList, ListedFile, SourceFile};
use crate::pattern::{MatchError, Pattern};
use std::fmt;
use std::sync::Arc;

/// What is asked for in section 1 of the configuration reference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SelectOptions {
    /// Exactly this key; wins over `path_prefix`.
    pub path: Option<String>,
    /// Literal prefix of keys.
    pub path_prefix: String,
    /// Found anywhere in the whole key; `None`: every key.
    pub path_match_pattern: Option<Pattern>,
    /// Only keys strictly greater, in byte order (name mode).
    pub last_path: Option<String>,
    /// Time mode: files are chosen by their modified time.
    pub use_modified_time: bool,
    /// Time mode: inclusive lower bound, microseconds since the epoch.
    pub last_modified_micros: Option<i64>,
    /// Whether archived files are passed over instead of failing the job.
    pub skip_glacier_objects: bool,
    /// At most this many files.
    pub total_file_count_limit: Option<u64>,
    /// Whether it is an error that nothing was selected.
    pub stop_when_file_not_found: bool,
    /// Whether the next run goes on where this one ended.
    pub incremental: bool,
}

/// A condition on files by what a listing says of them. What it means is known to whoever made it.
pub trait FileCondition: fmt::Debug + Send + Sync {
    /// Whether it holds, for each of the files of a page.
    ///
    /// **Errors**: it cannot be evaluated.
    fn holds(&self, files: &[ListedFile]) -> Result<Vec<bool>, ConditionError>;
}

/// A condition on files that cannot be evaluated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct ConditionError {
    /// Why.
    pub reason: String,
}

/// What becomes of one listed file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The job reads it.
    Selected,
    /// It was not asked for, or is empty.
    Passed,
    /// It is archived, and archived files are passed over. To be logged.
    SkippedArchived(ArchiveClass),
}

/// Why no verdict can be given.
#[derive(Debug, thiserror::Error)]
pub enum SelectError {
    /// `path_match_pattern` gave up on a key.
    #[error("`path_match_pattern` cannot be decided")]
    Match(#[from] MatchError),
    /// `where` failed on a page.
    #[error("`where` cannot be evaluated: {0}")]
    Condition(#[from] ConditionError),
    /// A wanted file is archived.
    #[error("`{key}` is stored in the archive class `{}`", class.name())]
    Archived {
        /// Its key.
        key: String,
        /// Its class.
        class: ArchiveClass,
    },
}

impl SelectError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            SelectError::Match(_) => Some("write `path_match_pattern` without nested repetitions".to_owned()),
            SelectError::Condition(_) => {
                Some("write `in.where` so that it cannot fail, with `TRY_CAST` instead of `CAST`".to_owned())
            }
            SelectError::Archived { .. } => None,
        }
    }
}

/// What was selected in the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// In key order.
    pub files: Arc<FileList>,
    /// Whether `total_file_count_limit` was reached.
    pub is_limit_reached: bool,
    /// Time mode: every file asked for but left over was modified at or after this moment, and every file taken before it.
    /// `None`: none is left over. Whole milliseconds.
    pub left_over_from_micros: Option<i64>,
}

/// Gives verdicts on the files of one listing.
#[derive(Clone, Debug)]
pub struct Selector {
    options: SelectOptions,
    /// Exclusive; whole milliseconds, because that is what a cursor can remember.
    window_end_micros: i64,
    num_selected: u64,
}

impl Selector {
    /// Prepares to judge files. `job_start_micros` is the moment before the first request, in microseconds since the epoch.
    pub fn new(options: &SelectOptions, job_start_micros: i64) -> Selector {
        Selector {
            options: options.clone(),
            window_end_micros: whole_millis(job_start_micros),
            num_selected: 0,
        }
    }

    /// Judges the next file.
    ///
    /// **Errors**: the file is wanted, archived, and archived files are not to be passed over; or the pattern gave up.
    pub fn admit(&mut self, listed: &ListedFile) -> Result<Verdict, SelectError> {
        let file = &listed.file;
        if self.is_full() || !self.is_asked_for(file)? {
            return Ok(Verdict::Passed);
        }
        if self.options.path.is_none() {
            match listed.archive {
                Some(class) if self.options.skip_glacier_objects => return Ok(Verdict::SkippedArchived(class)),
                Some(class) => {
                    return Err(SelectError::Archived {
                        key: file.key.to_string(),
                        class,
                    });
                }
                None => {}
            }
            // Directory markers and the like of `_SUCCESS`.
            if file.size_bytes == 0 {
                return Ok(Verdict::Passed);
            }
        }
        self.num_selected += 1;
        Ok(Verdict::Selected)
    }

    /// Whether no further file can be selected, so that listing may stop.
    pub fn is_full(&self) -> bool {
        !self.takes_oldest()
            && self
                .options
                .total_file_count_limit
                .is_some_and(|limit| self.num_selected >= limit)
    }

    /// Turns all files that were selected, in key order, into what the job reads.
    pub fn finish(self, files: FileList) -> Selection {
        match self.options.total_file_count_limit {
            Some(limit) if self.takes_oldest() => oldest(files, limit),
            _ => Selection {
                is_limit_reached: self.is_full(),
                files: Arc::new(files),
                left_over_from_micros: None,
            },
        }
    }

    fn is_asked_for(&self, file: &SourceFile) -> Result<bool, MatchError> {
        let key: &str = &file.key;
        if self.options.path.is_none() {
            if self.options.use_modified_time {
                let is_new = self
                    .options
                    .last_modified_micros
                    .is_none_or(|bound| file.modified_micros >= bound);
                if !is_new || file.modified_micros >= self.window_end_micros {
                    return Ok(false);
                }
            } else if self
                .options
                .last_path
                .as_deref()
                .is_some_and(|last_path| key <= last_path)
            {
                return Ok(false);
            }
        }
        match &self.options.path_match_pattern {
            Some(pattern) => pattern.is_found_in(key),
            None => Ok(true),
        }
    }

    fn takes_oldest(&self) -> bool {
        self.options.use_modified_time && self.options.incremental && self.options.path.is_none()
    }
}

/// Takes the oldest `limit` files, but never some of those of one millisecond without the others: no cursor could tell them
/// apart. Only if already the first millisecond has more files than the limit, all of these are taken.
fn oldest(files: FileList, limit: u64) -> Selection {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    if files.len() <= limit {
        let is_limit_reached = files.len() == limit;
        return Selection {
            files: Arc::new(files),
            is_limit_reached,
            left_over_from_micros: None,
        };
    }
    let mut times: Vec<i64> = files.iter().map(|file| whole_millis(file.modified_micros)).collect();
    times.sort_unstable();
    let first_left_over = times[limit];
    let end = if limit > 0 && times[0] == first_left_over {
        times.iter().copied().find(|time| *time > first_left_over)
    } else {
        Some(first_left_over)
    };
    let is_taken = |file: &SourceFile| end.is_none_or(|end| file.modified_micros < end);
    Selection {
        files: Arc::new(files.iter().filter(is_taken).collect()),
        is_limit_reached: true,
        left_over_from_micros: end,
    }
}

/// The last whole millisecond at or before `micros`.
pub(super) fn whole_millis(micros: i64) -> i64 {
    micros.saturating_sub(micros.rem_euclid(1_000))
}

#[cfg(test)]
mod tests;

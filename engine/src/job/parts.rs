//! What is done of a step that is broken off, and what is left of it.
//!
//! A job that is stopped keeps the files that it has read. Whoever goes on with it reads the others, and both together are the step.

use super::notes::StepOutput;
use crate::source::file::{FileList, SourceFile};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::sync::Arc;

/// What was staged of some files of a step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StepPart {
    pub(super) output: StepOutput,
    /// Places of the files in the step, ascending.
    done: Vec<Range<usize>>,
}

impl StepPart {
    /// A part of the files `done` of a step of `files`.
    pub(super) fn new(output: StepOutput, files: &FileList, done: impl Iterator<Item = SourceFile>) -> StepPart {
        let mut ranges: Vec<Range<usize>> = Vec::new();
        for place in done.filter_map(|file| files.place_of(&file.key)) {
            match ranges.last_mut() {
                Some(last) if last.end == place => last.end += 1,
                _ => ranges.push(place..place + 1),
            }
        }
        StepPart { output, done: ranges }
    }

    /// Files that are done.
    pub(super) fn num_files(&self) -> usize {
        self.done.iter().map(ExactSizeIterator::len).sum()
    }
}

/// The parts of one step.
#[derive(Clone, Debug, Default)]
pub(super) struct Parts {
    /// How many there are.
    pub(super) num_parts: usize,
    pub(super) output: StepOutput,
    is_done: Vec<bool>,
}

impl Parts {
    /// Puts parts of a step of `num_files` together.
    pub(super) fn join(parts: Vec<StepPart>, num_files: usize) -> Parts {
        let mut joined = Parts {
            num_parts: parts.len(),
            output: StepOutput::default(),
            is_done: vec![false; num_files],
        };
        for part in parts {
            joined.output.join(part.output);
            for place in part.done.into_iter().flatten() {
                if let Some(is_done) = joined.is_done.get_mut(place) {
                    *is_done = true;
                }
            }
        }
        joined
    }

    /// Files that are done.
    pub(super) fn num_files(&self) -> usize {
        self.is_done.iter().filter(|is_done| **is_done).count()
    }

    /// The files of the step that are not done.
    pub(super) fn left_of(&self, files: &Arc<FileList>) -> Arc<FileList> {
        if self.num_files() == 0 {
            return Arc::clone(files);
        }
        let left = files.iter().zip(&self.is_done).filter(|(_, is_done)| !**is_done);
        Arc::new(left.map(|(file, _)| file).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(keys: &[&str]) -> Arc<FileList> {
        let file = |key: &&str| SourceFile {
            key: (*key).into(),
            size_bytes: 1,
            modified_micros: 0,
            etag: None,
        };
        Arc::new(keys.iter().map(file).collect())
    }

    #[test]
    fn what_two_processes_have_done_is_not_left() {
        let step = files(&["a", "b", "c", "d", "e"]);
        let part = |keys: &[&str], num_read| {
            let output = StepOutput {
                num_read,
                ..StepOutput::default()
            };
            StepPart::new(output, &step, files(keys).iter())
        };
        let first = part(&["a", "b", "e"], 3);
        assert_eq!(
            (first.num_files(), first.done.len()),
            (3, 2),
            "runs of neighbours are one"
        );
        let parts = Parts::join(vec![first, part(&["d"], 1)], step.len());
        let left: Vec<String> = parts.left_of(&step).iter().map(|file| file.key.to_string()).collect();
        assert_eq!(left, ["c"]);
        assert_eq!((parts.output.num_read, parts.num_files()), (4, 4));
        assert_eq!(Parts::join(Vec::new(), step.len()).left_of(&step).len(), step.len());
    }
}

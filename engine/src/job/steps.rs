//! Cuts the files of a job into steps that are done one after the other: each is committed, or written down, before the next begins.
//!
//! Steps follow the cursor. One by name goes on after a key, so its steps are runs of keys; one by time goes on from a moment, so its
//! steps are spans of time. Whatever is loaded when a step is done is then exactly what its cursor says.

use crate::pack::{StepSize, steps};
use crate::source::cursor::format_time;
use crate::source::file::FileList;
use crate::source::select::SelectOptions;
use serde_json::{Value, json};
use std::ops::Range;
use std::sync::Arc;

/// Microseconds of what a cursor by time can tell apart.
const MILLI: i64 = 1_000;

/// The files of a job in steps; at least one, which may be empty.
#[derive(Debug)]
pub(super) struct Steps {
    files: Arc<FileList>,
    cut: Cut,
}

#[derive(Debug)]
enum Cut {
    /// One step of everything.
    Whole,
    /// Places in the list, one after the other.
    Places(Vec<Range<usize>>),
    /// Moments at which steps end, in whole milliseconds; the last has no end.
    Times(Vec<i64>),
}

impl Steps {
    /// One step.
    pub(super) fn whole(files: Arc<FileList>) -> Steps {
        Steps { files, cut: Cut::Whole }
    }

    /// Steps of keys.
    pub(super) fn by_key(files: Arc<FileList>, size: StepSize) -> Steps {
        let places = steps(&files, size);
        match places.len() {
            0 | 1 => Steps::whole(files),
            _ => Steps {
                files,
                cut: Cut::Places(places),
            },
        }
    }

    /// Steps that a cursor can stand between.
    pub(super) fn by_cursor(files: Arc<FileList>, size: StepSize, select: &SelectOptions) -> Steps {
        let is_by_time = select.incremental && select.use_modified_time && select.path.is_none();
        if !is_by_time {
            return Steps::by_key(files, size);
        }
        let mut times: Vec<(i64, u64)> = files
            .iter()
            .map(|file| (file.modified_micros.div_euclid(MILLI), file.size_bytes))
            .collect();
        times.sort_unstable();
        let (mut ends, mut size_bytes, mut num_files) = (Vec::new(), 0u64, 0);
        for pair in times.windows(2) {
            size_bytes = size_bytes.saturating_add(pair[0].1);
            num_files += 1;
            let is_full = match size {
                StepSize::Bytes(bytes) => size_bytes >= bytes,
                StepSize::Files(files) => num_files >= files,
            };
            // Files of one moment cannot be told apart by a time.
            if is_full && pair[0].0 < pair[1].0 {
                ends.push(pair[1].0 * MILLI);
                (size_bytes, num_files) = (0, 0);
            }
        }
        Steps {
            files,
            cut: if ends.is_empty() { Cut::Whole } else { Cut::Times(ends) },
        }
    }

    /// Number of steps.
    pub(super) fn len(&self) -> usize {
        match &self.cut {
            Cut::Whole => 1,
            Cut::Places(places) => places.len(),
            Cut::Times(ends) => ends.len() + 1,
        }
    }

    /// The files of all steps.
    pub(super) fn all_files(&self) -> &Arc<FileList> {
        &self.files
    }

    /// The files of one step, in key order.
    pub(super) fn files(&self, step: usize) -> Arc<FileList> {
        match &self.cut {
            Cut::Whole => Arc::clone(&self.files),
            Cut::Places(places) => Arc::new(self.files.slice(places[step].clone())),
            Cut::Times(ends) => {
                let from = step.checked_sub(1).map_or(i64::MIN, |before| ends[before]);
                let until = ends.get(step).copied().unwrap_or(i64::MAX);
                let files = self.files.iter();
                Arc::new(
                    files
                        .filter(|file| {
                            (from..until).contains(&file.modified_micros)
                                || file.modified_micros == until && until == i64::MAX
                        })
                        .collect(),
                )
            }
        }
    }

    /// What the next run must add to its configuration if this step is the last that is done; `whole` is what it is for all.
    pub(super) fn next(&self, step: usize, whole: &Value, select: &SelectOptions) -> Value {
        if step + 1 == self.len() || !select.incremental {
            return whole.clone();
        }
        match &self.cut {
            Cut::Whole => whole.clone(),
            Cut::Places(places) => {
                let last = self.files.get(places[step].end - 1);
                json!({"in": {"last_path": last.map(|file| file.key.to_string())}})
            }
            Cut::Times(ends) => json!({"in": {"last_modified_time": format_time(ends[step])}}),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::file::SourceFile;
    use proptest::prelude::*;

    fn files(times_millis: &[i64]) -> Arc<FileList> {
        let file = |(index, millis): (usize, &i64)| SourceFile {
            key: format!("{index:04}").into(),
            size_bytes: 1,
            modified_micros: millis * MILLI + 7,
            etag: None,
        };
        Arc::new(times_millis.iter().enumerate().map(file).collect())
    }

    fn by_time() -> SelectOptions {
        SelectOptions {
            incremental: true,
            use_modified_time: true,
            ..SelectOptions::default()
        }
    }

    fn keys(files: &FileList) -> Vec<String> {
        files.iter().map(|file| file.key.to_string()).collect()
    }

    #[test]
    fn a_step_of_keys_ends_with_its_last_key() {
        let select = SelectOptions {
            incremental: true,
            ..SelectOptions::default()
        };
        let steps = Steps::by_cursor(files(&[1, 1, 1, 1, 1]), StepSize::Files(2), &select);
        let whole = json!({"in": {"last_path": "0004"}});
        let nexts: Vec<Value> = (0..steps.len()).map(|step| steps.next(step, &whole, &select)).collect();
        assert_eq!(
            nexts,
            [
                json!({"in": {"last_path": "0001"}}),
                json!({"in": {"last_path": "0003"}}),
                whole
            ]
        );
        assert_eq!(keys(&steps.files(1)), ["0002", "0003"]);
    }

    #[test]
    fn a_step_of_time_never_parts_files_of_one_moment() {
        let steps = Steps::by_cursor(files(&[9, 1, 5, 1, 1, 9]), StepSize::Files(2), &by_time());
        assert_eq!(steps.len(), 2);
        assert_eq!(keys(&steps.files(0)), ["0001", "0003", "0004"]);
        assert_eq!(keys(&steps.files(1)), ["0000", "0002", "0005"]);
        let next = steps.next(0, &json!({}), &by_time());
        assert_eq!(next, json!({"in": {"last_modified_time": "1970-01-01T00:00:00.005Z"}}));
    }

    #[test]
    fn no_files_are_one_step() {
        let steps = Steps::by_cursor(files(&[]), StepSize::Files(1), &by_time());
        assert_eq!((steps.len(), steps.files(0).len()), (1, 0));
    }

    proptest! {
        #[test]
        fn steps_lose_nothing(times in proptest::collection::vec(-3i64..9, 0..40), num_files in 1u64..7, is_by_time: bool) {
            let select = SelectOptions { use_modified_time: is_by_time, ..by_time() };
            let files = files(&times);
            let steps = Steps::by_cursor(Arc::clone(&files), StepSize::Files(num_files), &select);
            let mut found: Vec<String> = (0..steps.len()).flat_map(|step| keys(&steps.files(step))).collect();
            found.sort();
            prop_assert_eq!(found, keys(&files));
        }
    }
}

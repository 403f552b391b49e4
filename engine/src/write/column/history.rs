//! What a writer knows of a column before a file has any of its values.

use super::kinds::{Double, Kind, Long, Text};
use arrow::array::Array;
use arrow::datatypes::{DataType, TimeUnit};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Values of a batch that are looked at, in runs of neighbours that stand at no regular distance: values may come again in turns, which
/// one run would not show, nor values at even distances.
const LOOKED_AT: usize = 1_024;
const NUM_RUNS: usize = 8;

/// Where a run begins in its part of the batch, in 256ths of the room there.
const RUN_OFFSETS: [usize; NUM_RUNS] = [0, 190, 10, 120, 230, 60, 130, 20];

/// Fewer values tell nothing.
const MIN_LOOKED_AT: usize = 256;

/// With more different values than this, [a file's own look](super::values) would find that a dictionary does not pay.
const MAX_DIFFERENT: usize = 2_560;

/// Whether a dictionary pays for a column. It was found not to in the file before, so that the next need not take as long to find it
/// out; or the batch at hand shows it, so that its files need not even begin one. The first is a guess: a file whose first values say
/// something else gets what they say.
#[derive(Clone, Debug, Default)]
pub struct ColumnHistory(Arc<Known>);

#[derive(Debug, Default)]
struct Known {
    was_plain: AtomicBool,
    is_new: AtomicBool,
}

impl ColumnHistory {
    /// Whether most values of the column were different in the file before.
    pub(super) fn was_plain(&self) -> bool {
        self.0.was_plain.load(Ordering::Relaxed)
    }

    /// Remembers whether most values were different.
    pub(super) fn remember(&self, is_plain: bool) {
        self.0.was_plain.store(is_plain, Ordering::Relaxed);
    }

    /// Whether nearly all values of the batch that was looked at last are different.
    pub(super) fn is_new(&self) -> bool {
        self.0.is_new.load(Ordering::Relaxed)
    }

    /// Looks at the values of a batch, some of which will be the first of a file.
    ///
    /// **Cost**: some microseconds.
    pub fn look_at(&self, array: &dyn Array) {
        let is_new = match array.data_type() {
            DataType::Int64 | DataType::Timestamp(TimeUnit::Microsecond, _) => is_nearly_all_new::<Long>(array),
            DataType::Float64 => is_nearly_all_new::<Double>(array),
            DataType::Utf8 => is_nearly_all_new::<Text>(array),
            _ => false,
        };
        self.0.is_new.store(is_new, Ordering::Relaxed);
    }
}

/// Whether an array has too many different values for a dictionary, by how many of those looked at come again.
///
/// Of `n` values drawn from `d` different ones, about `n * n / 2d` have come before.
fn is_nearly_all_new<K: Kind>(array: &dyn Array) -> bool {
    if array.len() < MIN_LOOKED_AT {
        return false;
    }
    let values = K::values(array);
    let part_rows = array.len() / NUM_RUNS;
    let run_rows = (LOOKED_AT / NUM_RUNS).min(part_rows);
    let mut seen = Seen::new();
    let mut digests = Vec::new();
    let (mut num_values, mut num_repeated) = (0, 0);
    for (run, offset) in RUN_OFFSETS.into_iter().enumerate() {
        let first = run * part_rows + offset * (part_rows - run_rows) / 256;
        for row in (first..first + run_rows).filter(|row| array.is_valid(*row)) {
            let value = K::value(values, row);
            num_values += 1;
            num_repeated += usize::from(!seen.add(K::hash(value)));
            if num_values <= K::DIGESTS_LOOKED_AT {
                K::put(value, &mut digests);
            }
        }
    }
    // Few digests that come again are worth more than other values: no compression makes them smaller.
    num_values >= MIN_LOOKED_AT
        && num_repeated * 2 * MAX_DIFFERENT <= num_values * num_values
        && !K::has_digests(&digests)
}

/// Hashes seen so far.
struct Seen {
    /// Open addressing, at most half full. Zero: the place is free.
    places: [u32; 2 * LOOKED_AT],
}

impl Seen {
    fn new() -> Seen {
        Seen {
            places: [0; 2 * LOOKED_AT],
        }
    }

    /// Adds a hash. Says whether it is new.
    fn add(&mut self, hash: u64) -> bool {
        let hash = (hash >> 32) as u32 | 1;
        let mut at = (hash >> 1) as usize % self.places.len();
        loop {
            match self.places[at] {
                0 => {
                    self.places[at] = hash;
                    return true;
                }
                seen if seen == hash => return false,
                _ => at = (at + 1) % self.places.len(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{BooleanArray, Int64Array, StringArray};

    fn is_new(array: impl Array) -> bool {
        let history = ColumnHistory::default();
        history.look_at(&array);
        history.is_new()
    }

    #[test]
    fn columns_of_different_values_are_told_from_others() {
        let numbers = |different: i64| Int64Array::from_iter_values((0..8_000).map(move |row| row * 7_919 % different));
        assert!(is_new(numbers(100_000)));
        assert!(is_new(numbers(10_007)));
        assert!(!is_new(numbers(1_009)));
        assert!(!is_new(numbers(3)));
        let texts = |different: usize| {
            StringArray::from_iter_values((0..8_000_usize).map(move |row| format!("text {}", row * 7_919 % different)))
        };
        assert!(is_new(texts(100_000)));
        assert!(!is_new(texts(1_009)));
        assert!(!is_new(BooleanArray::from(vec![true; 8_000])));
    }

    #[test]
    fn values_that_come_again_in_turns_are_seen() {
        for different in [100, 128, 300, 512, 600, 777, 1_000] {
            let turns = (0..8_000).map(|row| row % different);
            assert!(!is_new(Int64Array::from_iter_values(turns)), "{different}");
        }
    }

    #[test]
    fn few_values_tell_nothing() {
        assert!(!is_new(Int64Array::from_iter_values(0..200)));
        assert!(is_new(Int64Array::from_iter_values(0..300)));
        let sparse = (0..8_000).map(|row| (row % 5 == 0).then_some(row));
        assert!(!is_new(Int64Array::from_iter(sparse)));
        assert!(!is_new(Int64Array::from(vec![None; 8_000])));
    }

    #[test]
    fn digests_are_left_to_the_file() {
        let digests =
            (0..8_000_u64).map(|row| format!("{:032x}", u128::from(row.wrapping_mul(0x9E37_79B9_7F4A_7C15)).pow(2)));
        assert!(!is_new(StringArray::from_iter_values(digests)));
    }
}

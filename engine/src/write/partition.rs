//! Finds the time partition that each row of a batch belongs to.
//!
//! A partition is named by an ordinal: the number of hours, days, months or years since 1970 on the wall clock of the output's
//! time zone. Two hours that a wall clock shows twice (the end of daylight saving) are one partition.
//!
//! Most batches lie in one partition altogether, and that shows at their least and greatest time. Otherwise a counting sort brings
//! the numbers of the rows into partition order. The rows themselves stay where they are: the encoders take them from the batch.

use super::rows::Rows;
use arrow::array::{Array, ArrayRef, TimestampMicrosecondArray};
use arrow::compute::{max, min};
use arrow::error::ArrowError;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::ops::RangeInclusive;

/// Width of a partition; the words of `out.partition_by`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PartitionBy {
    /// `date=2026-11-22/hour=07/`
    #[default]
    Hour,
    /// `date=2026-11-22/`
    Day,
    /// `month=2026-11/`
    Month,
    /// `year=2026/`
    Year,
    /// No folders.
    None,
}

impl PartitionBy {
    /// The word of the configuration.
    pub fn name(self) -> &'static str {
        match self {
            PartitionBy::Hour => "hour",
            PartitionBy::Day => "day",
            PartitionBy::Month => "month",
            PartitionBy::Year => "year",
            PartitionBy::None => "none",
        }
    }

    /// Names of the partition columns, outermost first, for data that has none of them itself.
    pub fn column_names(self) -> &'static [&'static str] {
        match self {
            PartitionBy::Hour => &["date", "hour"],
            PartitionBy::Day => &["date"],
            PartitionBy::Month => &["month"],
            PartitionBy::Year => &["year"],
            PartitionBy::None => &[],
        }
    }
}

/// The latest and earliest time a partition can have a name for, microseconds since the epoch: the years 0001 to 9998.
const NAMEABLE_MICROS: std::ops::Range<i64> = -62_135_596_800_000_000..253_370_764_800_000_000;

/// Microseconds of a second.
pub const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_HOUR: i64 = 3_600 * MICROS_PER_SECOND;
const MICROS_PER_DAY: i64 = 24 * MICROS_PER_HOUR;

/// One time partition, as a number that orders like its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionKey(i64);

impl PartitionKey {
    /// One of `num_buckets` numbers. Keys that share one at a level are spread over all at the next.
    pub(super) fn bucket(self, level: u32, num_buckets: usize) -> usize {
        // The multiplier is odd and without pattern; the shift brings other bits of the product down for each level.
        let mixed = (self.0 as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (mixed.rotate_left(16 + 11 * level) as usize) % num_buckets
    }
}

/// Finds the partition of times, and cuts batches.
#[derive(Clone, Debug)]
pub struct Partitioner {
    partition_by: PartitionBy,
    timezone: TimeZone,
    /// The last partition found and the times it covers for certain: neighbouring rows mostly share it.
    last: Option<(std::ops::Range<i64>, PartitionKey)>,
}

impl Partitioner {
    /// Partitions of this width on the wall clock of `timezone`.
    pub fn new(partition_by: PartitionBy, timezone: TimeZone) -> Partitioner {
        Partitioner {
            partition_by,
            timezone,
            last: None,
        }
    }

    /// Whether a time can be put into a partition at all.
    pub fn has_name(&self, micros: i64) -> bool {
        self.partition_by == PartitionBy::None || NAMEABLE_MICROS.contains(&micros)
    }

    /// The partition of a time for which [`Partitioner::has_name`] holds.
    pub fn key(&mut self, micros: i64) -> PartitionKey {
        if let Some((range, key)) = &self.last
            && range.contains(&micros)
        {
            return *key;
        }
        let (range, key) = self.find(micros);
        self.last = Some((range, key));
        key
    }

    /// Computes the partition of a time, and a span of times around it that certainly share it.
    fn find(&self, micros: i64) -> (std::ops::Range<i64>, PartitionKey) {
        if self.partition_by == PartitionBy::None {
            return (i64::MIN..i64::MAX, PartitionKey(0));
        }
        let is_utc = self.timezone == TimeZone::UTC;
        let offset_micros = match is_utc {
            true => 0,
            false => {
                let timestamp = Timestamp::from_microsecond(micros).expect("only nameable times get here");
                i64::from(self.timezone.to_offset(timestamp).seconds()) * MICROS_PER_SECOND
            }
        };
        let local = micros + offset_micros;
        // An offset holds at least to the end of its quarter of an hour: no zone ever changed its clock within one.
        let quarter = MICROS_PER_HOUR / 4;
        let certain = {
            let start = micros.div_euclid(quarter) * quarter;
            start..start + quarter
        };
        match self.partition_by {
            PartitionBy::Hour => {
                let ordinal = local.div_euclid(MICROS_PER_HOUR);
                let start = ordinal * MICROS_PER_HOUR;
                (
                    if is_utc {
                        start..start + MICROS_PER_HOUR
                    } else {
                        certain
                    },
                    PartitionKey(ordinal),
                )
            }
            PartitionBy::Day => {
                let ordinal = local.div_euclid(MICROS_PER_DAY);
                let start = ordinal * MICROS_PER_DAY;
                (
                    if is_utc { start..start + MICROS_PER_DAY } else { certain },
                    PartitionKey(ordinal),
                )
            }
            PartitionBy::Month | PartitionBy::Year => {
                let date = jiff::civil::Date::constant(1970, 1, 1)
                    .checked_add(jiff::Span::new().days(local.div_euclid(MICROS_PER_DAY)))
                    .expect("only nameable times get here");
                let ordinal = match self.partition_by {
                    PartitionBy::Month => i64::from(date.year()) * 12 + i64::from(date.month()) - 1,
                    _ => i64::from(date.year()),
                };
                (certain, PartitionKey(ordinal))
            }
            PartitionBy::None => unreachable!("handled above"),
        }
    }

    /// Values of the partition columns, in the order of [`PartitionBy::column_names`], as text.
    pub fn values(&self, key: PartitionKey) -> Vec<String> {
        let day = |ordinal: i64| {
            jiff::civil::Date::constant(1970, 1, 1)
                .checked_add(jiff::Span::new().days(ordinal))
                .expect("only nameable times become keys")
                .to_string()
        };
        match self.partition_by {
            PartitionBy::Hour => vec![day(key.0.div_euclid(24)), format!("{:02}", key.0.rem_euclid(24))],
            PartitionBy::Day => vec![day(key.0)],
            PartitionBy::Month => vec![format!("{:04}-{:02}", key.0.div_euclid(12), key.0.rem_euclid(12) + 1)],
            PartitionBy::Year => vec![format!("{:04}", key.0)],
            PartitionBy::None => Vec::new(),
        }
    }

    /// Sorts rows by partition; `times` holds a nameable time for each row and no null.
    ///
    /// **Shape**: partitions in time order, rows of each in input order; together every row exactly once.
    /// **Cost**: no row is moved. Four bytes a row, unless all rows share a partition.
    pub fn split(&mut self, times: &TimestampMicrosecondArray) -> Parts {
        debug_assert_eq!(times.null_count(), 0, "the caller rejects rows without a time");
        let (Some(first), Some(last)) = (min(times), max(times)) else {
            return Parts::default();
        };
        let first_key = self.key(first);
        let last_key = self.key(last);
        // A wall clock that is set back shows an hour twice in a row; it never leaves a partition and returns to it. So equal
        // keys at both ends mean that all rows between share the key.
        if first_key == last_key {
            return Parts {
                rows: Vec::new(),
                ends: vec![(first_key, times.len())],
            };
        }
        let keys: Vec<PartitionKey> = times.values().iter().map(|micros| self.key(*micros)).collect();
        match usize::try_from(last_key.0 - first_key.0) {
            Ok(span) if span <= DENSE_KEYS_PER_ROW * keys.len() => dense_parts(&keys, first_key, span + 1),
            _ => sparse_parts(&keys),
        }
    }
}

/// Keys between the first and the last, for each row, up to which counting is faster than sorting.
const DENSE_KEYS_PER_ROW: usize = 4;

/// Parts of keys that lie close together, by counting them.
fn dense_parts(keys: &[PartitionKey], first_key: PartitionKey, num_keys: usize) -> Parts {
    let place = |key: &PartitionKey| (key.0 - first_key.0) as usize;
    let mut next_index = vec![0u32; num_keys];
    for key in keys {
        next_index[place(key)] += 1;
    }
    let mut ends = Vec::new();
    let mut end = 0;
    for (ordinal, slot) in (first_key.0..).zip(&mut next_index) {
        let num_rows = std::mem::replace(slot, end);
        if num_rows > 0 {
            end += num_rows;
            ends.push((PartitionKey(ordinal), end as usize));
        }
    }
    let mut rows = vec![0u32; keys.len()];
    for (row, key) in (0u32..).zip(keys) {
        let slot = &mut next_index[place(key)];
        rows[*slot as usize] = row;
        *slot += 1;
    }
    Parts { rows, ends }
}

/// Parts of keys that may lie anywhere, by sorting the rows.
fn sparse_parts(keys: &[PartitionKey]) -> Parts {
    let mut rows: Vec<u32> = (0u32..).zip(keys).map(|(row, _)| row).collect();
    rows.sort_by_key(|row| keys[*row as usize]);
    let mut ends: Vec<(PartitionKey, usize)> = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        let key = keys[*row as usize];
        match ends.last_mut() {
            Some((last, end)) if *last == key => *end = index + 1,
            _ => ends.push((key, index + 1)),
        }
    }
    Parts { rows, ends }
}

/// The rows of a batch by partition.
#[derive(Debug, Default)]
pub struct Parts {
    /// Rows, those of one partition together; empty if one partition has them all.
    rows: Vec<u32>,
    /// The partitions, and where each ends in `rows`.
    ends: Vec<(PartitionKey, usize)>,
}

impl Parts {
    /// All rows of a batch in the one partition there is.
    pub fn whole(num_rows: usize) -> Parts {
        Parts {
            rows: Vec::new(),
            ends: vec![(PartitionKey(0), num_rows)],
        }
    }

    /// The partitions in time order, each with its rows.
    pub fn iter(&self) -> impl Iterator<Item = (PartitionKey, Rows<'_>)> {
        let mut start = 0;
        self.ends.iter().map(move |(key, end)| {
            let rows = match self.rows.get(start..*end) {
                Some(rows) => Rows::of(rows),
                None => Rows::Run {
                    start,
                    num_rows: *end - start,
                },
            };
            start = *end;
            (*key, rows)
        })
    }
}

/// The numbers, in units of which so many make a second, that [`times_of`] makes times of which a partition can be named after.
pub fn usable_numbers(partition_by: PartitionBy, units_per_second: i64) -> RangeInclusive<i64> {
    if partition_by == PartitionBy::None {
        return i64::MIN..=i64::MAX;
    }
    let (first, last) = (NAMEABLE_MICROS.start, NAMEABLE_MICROS.end - 1);
    if units_per_second <= MICROS_PER_SECOND {
        // Division cuts toward zero, which is toward the inside of the range at both of its ends.
        let micros_per_unit = MICROS_PER_SECOND / units_per_second;
        return first / micros_per_unit..=last / micros_per_unit;
    }
    let units_per_micro = i128::from(units_per_second / MICROS_PER_SECOND);
    let fitted = |number: i128| number.clamp(i64::MIN.into(), i64::MAX.into()) as i64;
    fitted(i128::from(first) * units_per_micro)..=fitted((i128::from(last) + 1) * units_per_micro - 1)
}

/// Turns the time column of a batch into microseconds since the epoch.
///
/// **Shape**: as long as `column`; null where it is null. A number that is beyond the range is the end of the range, which is in no
/// partition.
/// **Errors**: a column that is neither long nor timestamp.
pub fn times_of(column: &ArrayRef, units_per_second: i64) -> Result<TimestampMicrosecondArray, ArrowError> {
    use arrow::array::{AsArray, Int64Array};
    use arrow::datatypes::{DataType, Int64Type, TimeUnit};
    match column.data_type() {
        DataType::Timestamp(TimeUnit::Microsecond, _) => Ok(column
            .as_primitive::<arrow::datatypes::TimestampMicrosecondType>()
            .clone()),
        DataType::Timestamp(_, zone) => {
            let micros = arrow::compute::cast(column, &DataType::Timestamp(TimeUnit::Microsecond, zone.clone()))?;
            Ok(micros
                .as_primitive::<arrow::datatypes::TimestampMicrosecondType>()
                .clone())
        }
        DataType::Int64 => {
            let numbers: &Int64Array = column.as_primitive::<Int64Type>();
            Ok(numbers
                .iter()
                .map(|number| {
                    let number = number?;
                    // A time beyond the range is in no partition; it is not a time that is missing.
                    Some(match units_per_second <= MICROS_PER_SECOND {
                        true => number.saturating_mul(MICROS_PER_SECOND / units_per_second),
                        false => number.div_euclid(units_per_second / MICROS_PER_SECOND),
                    })
                })
                .collect())
        }
        other => Err(ArrowError::InvalidArgumentError(format!(
            "a time column cannot have the type {other}"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::Int64Array;
    use std::sync::Arc;

    #[test]
    fn usable_numbers_are_those_that_become_times_with_a_name() {
        for partition_by in [PartitionBy::Day, PartitionBy::None] {
            let partitioner = Partitioner::new(partition_by, TimeZone::UTC);
            for units_per_second in [1, 1_000, 1_000_000, 1_000_000_000] {
                let usable = usable_numbers(partition_by, units_per_second);
                let near = |number: i64| [number.saturating_sub(1), number, number.saturating_add(1)];
                for number in near(*usable.start()).into_iter().chain(near(*usable.end())).chain([0]) {
                    let column: ArrayRef = Arc::new(Int64Array::from(vec![number]));
                    let times = times_of(&column, units_per_second).expect("a long column");
                    let is_timed = times.is_valid(0) && partitioner.has_name(times.value(0));
                    assert_eq!(
                        usable.contains(&number),
                        is_timed,
                        "{number} of {units_per_second} by {}",
                        partition_by.name()
                    );
                }
            }
        }
    }

    fn micros(text: &str) -> i64 {
        text.parse::<Timestamp>().expect("a valid time").as_microsecond()
    }

    fn folder(partition_by: PartitionBy, timezone: &str, time: &str) -> String {
        let mut partitioner = Partitioner::new(partition_by, TimeZone::get(timezone).expect("a zone"));
        let key = partitioner.key(micros(time));
        partitioner.values(key).join("/")
    }

    #[test]
    fn each_width_names_its_folders() {
        assert_eq!(
            folder(PartitionBy::Hour, "UTC", "2026-11-22T07:59:59.999999Z"),
            "2026-11-22/07"
        );
        assert_eq!(folder(PartitionBy::Day, "UTC", "2026-11-22T23:59:59Z"), "2026-11-22");
        assert_eq!(folder(PartitionBy::Month, "UTC", "2026-12-31T23:00:00Z"), "2026-12");
        assert_eq!(folder(PartitionBy::Year, "UTC", "1969-12-31T23:00:00Z"), "1969");
        assert_eq!(folder(PartitionBy::None, "UTC", "1969-12-31T23:00:00Z"), "");
    }

    #[test]
    fn partitions_are_cut_on_the_wall_clock_of_the_zone() {
        assert_eq!(
            folder(PartitionBy::Hour, "Asia/Tokyo", "2026-11-22T15:30:00Z"),
            "2026-11-23/00"
        );
        assert_eq!(
            folder(PartitionBy::Hour, "Asia/Kolkata", "2026-11-22T18:29:59Z"),
            "2026-11-22/23"
        );
        assert_eq!(
            folder(PartitionBy::Hour, "Asia/Kolkata", "2026-11-22T18:30:00Z"),
            "2026-11-23/00"
        );
        assert_eq!(
            folder(PartitionBy::Month, "America/New_York", "2026-12-01T04:59:59Z"),
            "2026-11"
        );
    }

    #[test]
    fn an_hour_shown_twice_is_one_partition() {
        assert_eq!(
            folder(PartitionBy::Hour, "America/New_York", "2026-11-01T05:30:00Z"),
            "2026-11-01/01"
        );
        assert_eq!(
            folder(PartitionBy::Hour, "America/New_York", "2026-11-01T06:30:00Z"),
            "2026-11-01/01"
        );
    }

    #[test]
    fn splitting_and_joining_keeps_every_row_once() {
        let mut state = 7u64;
        let times: Vec<i64> = (0..5_000)
            .map(|_| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                micros("2026-01-01T00:00:00Z") + i64::try_from(state >> 40).expect("24 bits") * 11_000
            })
            .collect();
        let check = |partition_by| {
            let mut partitioner = Partitioner::new(partition_by, TimeZone::UTC);
            let parts = partitioner.split(&TimestampMicrosecondArray::from(times.clone()));
            let mut seen = Vec::new();
            let mut keys = Vec::new();
            for (key, rows) in parts.iter() {
                let rows: Vec<usize> = (0..rows.num_rows()).map(|index| rows.row(index)).collect();
                assert!(rows.is_sorted(), "input order is kept");
                assert!(rows.iter().all(|row| partitioner.key(times[*row]) == key));
                keys.push(key);
                seen.extend(rows);
            }
            assert!(keys.is_sorted(), "partitions come in time order");
            seen.sort_unstable();
            assert_eq!(seen, (0..5_000).collect::<Vec<usize>>());
            keys.len()
        };
        assert!(check(PartitionBy::Hour) > 40, "48 hours are hit");
        assert_eq!(check(PartitionBy::Year), 1);
    }

    #[test]
    fn times_far_apart_are_sorted_as_well() {
        let day = |days: i64| days * MICROS_PER_DAY;
        let times = TimestampMicrosecondArray::from(vec![day(20_000), day(-20_000), day(20_000), day(0)]);
        let mut partitioner = Partitioner::new(PartitionBy::Hour, TimeZone::UTC);
        let parts = partitioner.split(&times);
        let rows: Vec<Rows<'_>> = parts.iter().map(|(_, rows)| rows).collect();
        let run = |start| Rows::Run { start, num_rows: 1 };
        assert_eq!(rows, [run(1), run(3), Rows::Listed(&[0, 2])]);
    }

    #[test]
    fn rows_within_one_hour_are_a_run() {
        let start = micros("2026-01-01T00:00:00Z");
        let times = TimestampMicrosecondArray::from(vec![start, start + 3_599_999_999, start + 5]);
        let parts = Partitioner::new(PartitionBy::Hour, TimeZone::UTC).split(&times);
        let rows: Vec<Rows<'_>> = parts.iter().map(|(_, rows)| rows).collect();
        assert_eq!(rows, [Rows::Run { start: 0, num_rows: 3 }]);
    }

    #[test]
    fn long_times_are_read_in_their_unit() {
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None, Some(-1_500), Some(i64::MAX)]));
        let check = |units_per_second: i64, expected: [Option<i64>; 4]| {
            let times = times_of(&numbers, units_per_second).expect("a long column");
            assert_eq!(times.iter().collect::<Vec<_>>(), expected);
        };
        check(1, [Some(1_000_000), None, Some(-1_500_000_000), Some(i64::MAX)]);
        check(1_000_000_000, [Some(0), None, Some(-2), Some(i64::MAX / 1_000)]);
    }
}

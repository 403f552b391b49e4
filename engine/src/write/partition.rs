//! Cuts a batch into the time partitions its rows belong to.
//!
//! A partition is named by an ordinal: the number of hours, days, months or years since 1970 on the wall clock of the output's
//! time zone. Two hours that a wall clock shows twice (the end of daylight saving) are one partition.
//!
//! Most batches lie in one partition altogether; they pass without a copy. Otherwise the rows are brought into partition order by
//! one counting sort, and each part is taken out as a batch of its own.

use arrow::array::{Array, ArrayRef, RecordBatch, TimestampMicrosecondArray, UInt32Array};
use arrow::compute::{max, min, take_record_batch};
use arrow::error::ArrowError;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::collections::HashMap;

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

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_HOUR: i64 = 3_600 * MICROS_PER_SECOND;
const MICROS_PER_DAY: i64 = 24 * MICROS_PER_HOUR;

/// One time partition, as a number that orders like its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionKey(i64);

/// Rows of one partition.
#[derive(Debug)]
pub struct PartitionedRows {
    /// Where they belong.
    pub key: PartitionKey,
    /// The rows, in input order.
    pub batch: RecordBatch,
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
        let timestamp = Timestamp::from_microsecond(micros).expect("only nameable times get here");
        let offset_micros = i64::from(self.timezone.to_offset(timestamp).seconds()) * MICROS_PER_SECOND;
        let local = micros + offset_micros;
        // An offset holds at least to the end of its quarter of an hour: no zone ever changed its clock within one.
        let quarter = MICROS_PER_HOUR / 4;
        let certain = {
            let start = micros.div_euclid(quarter) * quarter;
            start..start + quarter
        };
        let is_utc = self.timezone == TimeZone::UTC;
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

    /// Cuts `batch` by `times`, which holds a nameable time for each row and no null.
    ///
    /// **Shape**: partitions in time order, rows of each in input order; together every row exactly once.
    /// **Cost**: no copy if all rows share a partition, else one copy of the batch.
    pub fn split(
        &mut self,
        batch: &RecordBatch,
        times: &TimestampMicrosecondArray,
    ) -> Result<Vec<PartitionedRows>, ArrowError> {
        debug_assert_eq!(times.null_count(), 0, "the caller rejects rows without a time");
        let (Some(first), Some(last)) = (min(times), max(times)) else {
            return Ok(Vec::new());
        };
        let first_key = self.key(first);
        // A wall clock that is set back shows an hour twice in a row; it never leaves a partition and returns to it. So equal
        // keys at both ends mean that all rows between share the key.
        if first_key == self.key(last) {
            return Ok(vec![PartitionedRows {
                key: first_key,
                batch: batch.clone(),
            }]);
        }
        let keys: Vec<PartitionKey> = times.values().iter().map(|micros| self.key(*micros)).collect();
        let mut counts: HashMap<PartitionKey, u32> = HashMap::new();
        for key in &keys {
            *counts.entry(*key).or_default() += 1;
        }
        let mut ordered: Vec<(PartitionKey, u32)> = counts.into_iter().collect();
        ordered.sort_unstable();
        let mut next_index: HashMap<PartitionKey, u32> = HashMap::with_capacity(ordered.len());
        let mut start = 0;
        for (key, count) in &ordered {
            next_index.insert(*key, start);
            start += count;
        }
        let mut indices = vec![0u32; keys.len()];
        for (row, key) in (0u32..).zip(&keys) {
            let slot = next_index.get_mut(key).expect("every key was counted");
            indices[*slot as usize] = row;
            *slot += 1;
        }
        // Each part is a copy of its own: a few late rows that wait for company must not keep the whole batch alive.
        let mut parts = Vec::with_capacity(ordered.len());
        let mut rest = indices.as_slice();
        for (key, count) in ordered {
            let (rows, others) = rest.split_at(count as usize);
            rest = others;
            let batch = take_record_batch(batch, &UInt32Array::from(rows.to_vec()))?;
            parts.push(PartitionedRows { key, batch });
        }
        Ok(parts)
    }
}

/// Turns the time column of a batch into microseconds since the epoch.
///
/// **Shape**: as long as `column`; null where it is null, or where a number does not fit.
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
                    if units_per_second <= MICROS_PER_SECOND {
                        number.checked_mul(MICROS_PER_SECOND / units_per_second)
                    } else {
                        Some(number.div_euclid(units_per_second / MICROS_PER_SECOND))
                    }
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
    use arrow::array::{AsArray, Int64Array};
    use arrow::datatypes::{DataType, Field, Int64Type, Schema};
    use std::sync::Arc;

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
        let rows = Int64Array::from_iter_values(0..5_000);
        let schema = Arc::new(Schema::new(vec![Field::new("row", DataType::Int64, true)]));
        let batch = RecordBatch::try_new(schema, vec![Arc::new(rows)]).expect("a batch");
        let mut partitioner = Partitioner::new(PartitionBy::Hour, TimeZone::UTC);
        let parts = partitioner
            .split(&batch, &TimestampMicrosecondArray::from(times.clone()))
            .expect("a batch can be split");
        assert!(parts.len() > 40, "48 hours are hit");
        let mut seen = Vec::new();
        for part in &parts {
            let rows = part.batch.column(0).as_primitive::<Int64Type>().values();
            assert!(rows.is_sorted(), "input order is kept");
            for row in rows {
                assert_eq!(partitioner.key(times[usize::try_from(*row).expect("a row")]), part.key);
                seen.push(*row);
            }
        }
        seen.sort_unstable();
        assert_eq!(seen, (0..5_000).collect::<Vec<i64>>());
    }

    #[test]
    fn a_batch_within_one_hour_is_not_copied() {
        let rows: ArrayRef = Arc::new(Int64Array::from_iter_values(0..3));
        let batch = RecordBatch::try_from_iter([("row", Arc::clone(&rows))]).expect("a batch");
        let start = micros("2026-01-01T00:00:00Z");
        let parts = Partitioner::new(PartitionBy::Hour, TimeZone::UTC)
            .split(
                &batch,
                &TimestampMicrosecondArray::from(vec![start, start + 3_599_999_999, start + 5]),
            )
            .expect("a batch can be split");
        assert_eq!(parts.len(), 1);
        assert!(Arc::ptr_eq(parts[0].batch.column(0), &rows));
    }

    #[test]
    fn long_times_are_read_in_their_unit() {
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None, Some(-1_500), Some(i64::MAX)]));
        let check = |units_per_second: i64, expected: [Option<i64>; 4]| {
            let times = times_of(&numbers, units_per_second).expect("a long column");
            assert_eq!(times.iter().collect::<Vec<_>>(), expected);
        };
        check(1, [Some(1_000_000), None, Some(-1_500_000_000), None]);
        check(1_000_000_000, [Some(0), None, Some(-2), Some(i64::MAX / 1_000)]);
    }
}

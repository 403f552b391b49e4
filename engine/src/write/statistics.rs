//! Turns the footer of a finished Parquet file into the statistics that a table's log keeps of it.
//!
//! Source: Delta Lake protocol, "Per-file Statistics".

use parquet::basic::{LogicalType, TimeUnit};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::statistics::Statistics;
use parquet::schema::types::ColumnDescriptor;
use serde_json::{Map, Value, json};

/// Columns that get minimum and maximum, counted from the left: the default of other writers. More would make the log large
/// without helping readers, who filter by the first columns and by time.
const MAX_COLUMNS: usize = 32;

/// The statistics as the JSON text that an `add` action carries.
pub fn delta_statistics(metadata: &ParquetMetaData, time_column: Option<&str>) -> String {
    let mut minimums = Map::new();
    let mut maximums = Map::new();
    let mut null_counts = Map::new();
    for (index, column) in metadata.file_metadata().schema_descr().columns().iter().enumerate() {
        let [name] = column.path().parts() else { continue };
        if index >= MAX_COLUMNS && time_column != Some(name) {
            continue;
        }
        let mut summary = Summary::default();
        for row_group in metadata.row_groups() {
            summary.add(row_group.column(index).statistics(), column);
        }
        if let Some(null_count) = summary.null_count {
            null_counts.insert(name.clone(), json!(null_count));
        }
        if let (Some(minimum), Some(maximum), false) = (summary.minimum, summary.maximum, summary.is_incomplete) {
            minimums.insert(name.clone(), minimum.to_json());
            maximums.insert(name.clone(), maximum.to_json());
        }
    }
    json!({
        "numRecords": metadata.file_metadata().num_rows(),
        "minValues": minimums,
        "maxValues": maximums,
        "nullCount": null_counts,
    })
    .to_string()
}

/// A bound of a column, in the order of its type.
#[derive(Clone, Debug, PartialEq, PartialOrd)]
enum Bound {
    Long(i64),
    Double(f64),
    Text(String),
    Timestamp(i64),
}

impl Bound {
    fn to_json(&self) -> Value {
        match self {
            Bound::Long(number) => json!(number),
            Bound::Double(number) => json!(number),
            Bound::Text(text) => json!(text),
            Bound::Timestamp(micros) => match jiff::Timestamp::from_microsecond(*micros) {
                Ok(timestamp) => json!(format!("{timestamp:.6}")),
                Err(_) => Value::Null,
            },
        }
    }
}

/// What is known of one column over the row groups seen so far.
#[derive(Default)]
struct Summary {
    minimum: Option<Bound>,
    maximum: Option<Bound>,
    null_count: Option<u64>,
    /// Set when a row group may hold values outside the bounds.
    is_incomplete: bool,
}

impl Summary {
    fn add(&mut self, statistics: Option<&Statistics>, column: &ColumnDescriptor) {
        let Some(statistics) = statistics else {
            self.is_incomplete = true;
            return;
        };
        if let Some(null_count) = statistics.null_count_opt() {
            *self.null_count.get_or_insert(0) += null_count;
        }
        let Some((minimum, maximum)) = bounds(statistics, column) else {
            // A row group of nulls has no bounds and hides nothing. Whether this is one, the null count does not say here:
            // bounds that are there but of no use (an infinity, a type without order) certainly hide values.
            self.is_incomplete |= statistics.min_bytes_opt().is_some();
            return;
        };
        if self.minimum.as_ref().is_none_or(|known| minimum < *known) {
            self.minimum = Some(minimum);
        }
        if self.maximum.as_ref().is_none_or(|known| maximum > *known) {
            self.maximum = Some(maximum);
        }
    }
}

/// Smallest and largest value of a column in one row group, for the types that have an order readers agree on.
fn bounds(statistics: &Statistics, column: &ColumnDescriptor) -> Option<(Bound, Bound)> {
    let logical_type = column.logical_type_ref();
    match statistics {
        Statistics::Int64(values) => {
            let (minimum, maximum) = (*values.min_opt()?, *values.max_opt()?);
            match logical_type {
                Some(LogicalType::Timestamp(timestamp)) if timestamp.unit == TimeUnit::MICROS => {
                    Some((Bound::Timestamp(minimum), Bound::Timestamp(maximum)))
                }
                None => Some((Bound::Long(minimum), Bound::Long(maximum))),
                Some(_) => None,
            }
        }
        Statistics::Double(values) => {
            let (minimum, maximum) = (*values.min_opt()?, *values.max_opt()?);
            (minimum.is_finite() && maximum.is_finite()).then_some((Bound::Double(minimum), Bound::Double(maximum)))
        }
        Statistics::ByteArray(values) if logical_type == Some(&LogicalType::String) => Some((
            Bound::Text(values.min_opt()?.as_utf8().ok()?.to_owned()),
            Bound::Text(values.max_opt()?.as_utf8().ok()?.to_owned()),
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::TimestampMicrosecondArray;
    use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
    use parquet::arrow::ArrowWriter;
    use std::sync::Arc;

    #[track_caller]
    fn check(column: ArrayRef, expected: Value) {
        let batch = RecordBatch::try_from_iter([("c", column)]).expect("a batch");
        let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).expect("a writer");
        writer.write(&batch).expect("a written batch");
        writer.flush().expect("a row group");
        writer.write(&batch).expect("a written batch");
        let metadata = writer.close().expect("a file");
        let statistics: Value = serde_json::from_str(&delta_statistics(&metadata, None)).expect("JSON");
        assert_eq!(statistics, expected);
    }

    #[test]
    fn bounds_and_nulls_are_kept_per_type() {
        check(
            Arc::new(Int64Array::from(vec![Some(3), None, Some(-7)])),
            json!({"numRecords": 6, "minValues": {"c": -7}, "maxValues": {"c": 3}, "nullCount": {"c": 2}}),
        );
        check(
            Arc::new(StringArray::from(vec![Some("b"), Some("a")])),
            json!({"numRecords": 4, "minValues": {"c": "a"}, "maxValues": {"c": "b"}, "nullCount": {"c": 0}}),
        );
        check(
            Arc::new(TimestampMicrosecondArray::from(vec![1, 1_767_225_600_000_001]).with_timezone("UTC")),
            json!({"numRecords": 4, "minValues": {"c": "1970-01-01T00:00:00.000001Z"},
                   "maxValues": {"c": "2026-01-01T00:00:00.000001Z"}, "nullCount": {"c": 0}}),
        );
    }

    #[test]
    fn values_without_an_order_have_no_bounds() {
        let none = json!({"numRecords": 4, "minValues": {}, "maxValues": {}, "nullCount": {"c": 0}});
        check(Arc::new(BooleanArray::from(vec![true, false])), none.clone());
        check(Arc::new(Float64Array::from(vec![1.0, f64::INFINITY])), none);
    }

    #[test]
    fn a_column_of_nulls_has_only_its_count() {
        check(
            Arc::new(Int64Array::from(vec![None::<i64>, None])),
            json!({"numRecords": 4, "minValues": {}, "maxValues": {}, "nullCount": {"c": 4}}),
        );
    }
}

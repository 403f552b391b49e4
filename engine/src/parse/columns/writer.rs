//! Appends the fields of one column to an Arrow array under construction.
//!
//! Values go straight into the buffers of the array. Nulls are rare in most columns, so their rows are kept as a list and become
//! a bitmap when the array is finished. A field that does not fit the type is a null for the moment; the caller hears of it
//! and takes the row out of every column with [`ColumnWriter::keep_rows`].
//!
//! What a null looks like in the text, and what quoting means, is known to the caller only.

use super::super::timestamp::{FormatError, TimestampParser};
use super::texts::Texts;
use super::{ColumnOptions, ColumnType, boolean, double, json, long};
use crate::parse::condition::keep_values;
use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, TimestampMicrosecondArray};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, ScalarBuffer};
use std::ops::RangeInclusive;
use std::sync::Arc;

pub use super::texts::FieldText;

/// The fields of some rows in one column.
pub trait Fields {
    /// Number of rows.
    fn num_rows(&self) -> usize;

    /// The field in the row `row_index`, counted from 0; `None` if it is null.
    fn field(&mut self, row_index: usize) -> Option<FieldText<'_>>;
}

/// One field, as [`ColumnWriter::append`] takes it.
struct OneField<'a>(Option<FieldText<'a>>);

impl Fields for OneField<'_> {
    fn num_rows(&self) -> usize {
        1
    }

    fn field(&mut self, _row_index: usize) -> Option<FieldText<'_>> {
        self.0
    }
}

/// Builds the arrays of one column, one after the other.
#[derive(Debug)]
pub struct ColumnWriter {
    values: Values,
    /// Rows that are null, ascending.
    null_rows: Vec<usize>,
    /// How a value is refused, after the value: ``as timestamp with format `%Y` ``.
    wanted: String,
}

#[derive(Debug)]
enum Values {
    Boolean(Vec<bool>),
    Long(Vec<i64>),
    Double(Vec<f64>),
    String(Texts),
    Timestamp(Vec<i64>, TimestampParser),
    Json(Texts),
}

impl ColumnWriter {
    /// A writer for the column that `options` describe, without rows.
    ///
    /// **Errors**: the formats, zone or date of a timestamp column cannot be used.
    pub fn new(options: &ColumnOptions) -> Result<ColumnWriter, FormatError> {
        let mut wanted = format!("as {}", options.column_type.name());
        let values = match options.column_type {
            ColumnType::Boolean => Values::Boolean(Vec::new()),
            ColumnType::Long => Values::Long(Vec::new()),
            ColumnType::Double => Values::Double(Vec::new()),
            ColumnType::String => Values::String(Texts::default()),
            ColumnType::Json => Values::Json(Texts::default()),
            ColumnType::Timestamp => {
                wanted.push_str(&format!(" with format `{}`", options.timestamp.formats.join("` or `")));
                Values::Timestamp(Vec::new(), TimestampParser::new(&options.timestamp)?)
            }
        };
        Ok(ColumnWriter {
            values,
            null_rows: Vec::new(),
            wanted,
        })
    }

    /// Rows appended since the last array was finished.
    pub fn num_rows(&self) -> usize {
        match &self.values {
            Values::Boolean(values) => values.len(),
            Values::Long(values) | Values::Timestamp(values, _) => values.len(),
            Values::Double(values) => values.len(),
            Values::String(texts) | Values::Json(texts) => texts.num_rows(),
        }
    }

    /// Bytes of text held, 0 for other types. The caller finishes the array before this gets near 2 GiB.
    pub fn text_bytes(&self) -> usize {
        match &self.values {
            Values::String(texts) | Values::Json(texts) => texts.num_bytes(),
            _ => 0,
        }
    }

    /// Appends one field. Gives `false`, with nothing appended, if its text does not fit the type.
    pub fn append(&mut self, text: Option<FieldText<'_>>) -> bool {
        let num_rows = self.num_rows();
        let mut has_fitted = true;
        self.append_all(&mut OneField(text), |_| has_fitted = false);
        if !has_fitted {
            self.truncate(num_rows);
        }
        has_fitted
    }

    /// Appends `fields`, and tells `refuse` the index in `fields` of each that does not fit the type; these are null.
    pub fn append_all<F: Fields>(&mut self, fields: &mut F, mut refuse: impl FnMut(usize)) {
        let num_rows = fields.num_rows();
        let null_rows = &mut self.null_rows;
        match &mut self.values {
            Values::Boolean(values) => {
                append_values(values, null_rows, fields, |text| Some(boolean::read(text)), refuse);
            }
            Values::Long(values) => append_values(values, null_rows, fields, long::read, refuse),
            Values::Double(values) => append_values(values, null_rows, fields, double::read, refuse),
            Values::Timestamp(values, parser) => {
                append_values(values, null_rows, fields, |text| parser.parse(text), refuse);
            }
            Values::String(texts) => {
                let first_row = texts.num_rows();
                texts.reserve_rows(num_rows);
                for row_index in 0..num_rows {
                    match fields.field(row_index) {
                        Some(text) => texts.push(text),
                        None => {
                            null_rows.push(first_row + row_index);
                            texts.end_row();
                        }
                    }
                }
            }
            Values::Json(texts) => {
                for row_index in 0..num_rows {
                    let text = fields.field(row_index);
                    let is_refused = text.is_some_and(|text| !json::compact(text.bytes(), texts.data_mut()));
                    if is_refused {
                        refuse(row_index);
                    }
                    if text.is_none() || is_refused {
                        null_rows.push(texts.num_rows());
                    }
                    texts.end_row();
                }
            }
        }
    }

    /// The rows from `first_row` on with a null or a number that is not `usable`, ascending; none in a column that is neither long nor
    /// timestamp.
    pub fn unusable_rows(&self, first_row: usize, usable: &RangeInclusive<i64>) -> Vec<usize> {
        let (Values::Long(values) | Values::Timestamp(values, _)) = &self.values else {
            return Vec::new();
        };
        let null_rows = &self.null_rows[self.null_rows.partition_point(|row| *row < first_row)..];
        if null_rows.is_empty() && values[first_row..].iter().all(|value| usable.contains(value)) {
            return Vec::new();
        }
        let is_unusable = |row: &usize| null_rows.binary_search(row).is_ok() || !usable.contains(&values[*row]);
        (first_row..values.len()).filter(is_unusable).collect()
    }

    /// Of the rows from `first` on, leaves those whose indices, counted from there, `kept` lists, ascending.
    ///
    /// **Cost**: of the rows kept.
    pub fn keep_rows(&mut self, first: usize, kept: &[usize]) {
        match &mut self.values {
            Values::Boolean(values) => keep_values(values, first, kept),
            Values::Long(values) | Values::Timestamp(values, _) => keep_values(values, first, kept),
            Values::Double(values) => keep_values(values, first, kept),
            Values::String(texts) | Values::Json(texts) => texts.keep_rows(first, kept),
        }
        let first_null = self.null_rows.partition_point(|row| *row < first);
        if first_null == self.null_rows.len() {
            return;
        }
        let mut kept = kept.iter().enumerate().peekable();
        let mut num_nulls = first_null;
        for index in first_null..self.null_rows.len() {
            let row = self.null_rows[index] - first;
            while kept.next_if(|(_, kept)| **kept < row).is_some() {}
            if let Some((place, _)) = kept.next_if(|(_, kept)| **kept == row) {
                self.null_rows[num_nulls] = first + place;
                num_nulls += 1;
            }
        }
        self.null_rows.truncate(num_nulls);
    }

    /// Takes out the rows from `num_rows` on.
    pub fn truncate(&mut self, num_rows: usize) {
        match &mut self.values {
            Values::Boolean(values) => values.truncate(num_rows),
            Values::Long(values) | Values::Timestamp(values, _) => values.truncate(num_rows),
            Values::Double(values) => values.truncate(num_rows),
            Values::String(texts) | Values::Json(texts) => texts.truncate(num_rows),
        }
        self.null_rows
            .truncate(self.null_rows.partition_point(|row| *row < num_rows));
    }

    /// Why `value` is refused, in the words of a reject's reason.
    pub fn refusal(&self, value: &str) -> String {
        format!("cannot read `{}` {}", super::super::reject::excerpt(value), self.wanted)
    }

    /// An array of the rows from `first` on, which stay where they are.
    pub fn tail(&self, first: usize) -> ArrayRef {
        let num_rows = self.num_rows() - first;
        let first_null = self.null_rows.partition_point(|row| *row < first);
        let nulls = null_buffer(num_rows, self.null_rows[first_null..].iter().map(|row| row - first));
        match &self.values {
            Values::Boolean(values) => {
                let bits = BooleanBuffer::collect_bool(num_rows, |row| values[first + row]);
                Arc::new(BooleanArray::new(bits, nulls))
            }
            Values::Long(values) => Arc::new(Int64Array::new(values[first..].to_vec().into(), nulls)),
            Values::Double(values) => Arc::new(Float64Array::new(values[first..].to_vec().into(), nulls)),
            Values::Timestamp(values, _) => {
                let micros = values[first..].to_vec().into();
                Arc::new(TimestampMicrosecondArray::new(micros, nulls).with_timezone("UTC"))
            }
            Values::String(texts) | Values::Json(texts) => Arc::new(texts.tail(first, nulls)),
        }
    }

    /// The array of the rows appended so far; the writer starts anew.
    pub fn finish(&mut self) -> ArrayRef {
        let num_rows = self.num_rows();
        let nulls = null_buffer(num_rows, self.null_rows.iter().copied());
        self.null_rows.clear();
        match &mut self.values {
            Values::Boolean(values) => {
                let bits = BooleanBuffer::collect_bool(num_rows, |row| values[row]);
                values.clear();
                Arc::new(BooleanArray::new(bits, nulls))
            }
            Values::Long(values) => Arc::new(Int64Array::new(taken(values), nulls)),
            Values::Double(values) => Arc::new(Float64Array::new(taken(values), nulls)),
            Values::Timestamp(values, _) => {
                Arc::new(TimestampMicrosecondArray::new(taken(values), nulls).with_timezone("UTC"))
            }
            Values::String(texts) | Values::Json(texts) => Arc::new(texts.finish(nulls)),
        }
    }
}

#[inline]
fn append_values<T: Default, F: Fields>(
    values: &mut Vec<T>,
    null_rows: &mut Vec<usize>,
    fields: &mut F,
    mut read: impl FnMut(&[u8]) -> Option<T>,
    mut refuse: impl FnMut(usize),
) {
    let first_row = values.len();
    let num_rows = fields.num_rows();
    values.reserve(num_rows);
    for row_index in 0..num_rows {
        let value = match fields.field(row_index) {
            Some(text) => {
                let value = read(text.bytes());
                if value.is_none() {
                    refuse(row_index);
                }
                value
            }
            None => None,
        };
        values.push(value.unwrap_or_else(|| {
            null_rows.push(first_row + row_index);
            T::default()
        }));
    }
}

/// The values as a buffer; room for as many is left in their place.
fn taken<T: arrow::datatypes::ArrowNativeType>(values: &mut Vec<T>) -> ScalarBuffer<T> {
    let capacity = values.len();
    ScalarBuffer::from(std::mem::replace(values, Vec::with_capacity(capacity)))
}

fn null_buffer(num_rows: usize, null_rows: impl ExactSizeIterator<Item = usize>) -> Option<NullBuffer> {
    if null_rows.len() == 0 {
        return None;
    }
    let mut bits = vec![0xFF_u8; num_rows.div_ceil(8)];
    for row in null_rows {
        bits[row / 8] &= !(1 << (row % 8));
    }
    Some(NullBuffer::new(BooleanBuffer::new(Buffer::from_vec(bits), 0, num_rows)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::util::display::array_value_to_string;

    fn writer(column_type: ColumnType) -> ColumnWriter {
        ColumnWriter::new(&ColumnOptions {
            name: "a".to_owned(),
            column_type,
            timestamp: Default::default(),
            element_at: None,
            members: Vec::new(),
        })
        .unwrap()
    }

    fn shown(array: &ArrayRef) -> String {
        let cells: Vec<String> = (0..array.len())
            .map(|row| {
                if array.is_null(row) {
                    "null".to_owned()
                } else {
                    array_value_to_string(array, row).unwrap()
                }
            })
            .collect();
        cells.join("|")
    }

    /// Appends the texts (`~` is null), takes `removed` out, and compares the array, then does the same again. Rows are taken out
    /// of the whole, and of what comes after each row that stays.
    #[track_caller]
    fn check(column_type: ColumnType, texts: &[&str], removed: &[usize], expected: &str) {
        let first_removed = removed.first().copied().unwrap_or(texts.len());
        let mut writer = writer(column_type);
        for first in 0..=first_removed {
            for text in texts {
                assert!(writer.append((*text != "~").then(|| FieldText::from(*text))), "{text}");
            }
            let kept = (first..texts.len()).filter(|row| !removed.contains(row));
            let kept: Vec<usize> = kept.map(|row| row - first).collect();
            let whole = writer.tail(first);
            writer.keep_rows(first, &kept);
            assert_eq!(writer.num_rows(), texts.len() - removed.len());
            let tail = writer.tail(first);
            let array = writer.finish();
            assert_eq!(shown(&tail), shown(&array.slice(first, array.len() - first)));
            assert_eq!(whole.len(), texts.len() - first);
            assert_eq!(whole.data_type(), &column_type.data_type());
            assert_eq!(array.data_type(), &column_type.data_type());
            assert_eq!(shown(&array), expected);
        }
    }

    #[test]
    fn values_and_nulls_become_arrays() {
        check(
            ColumnType::Boolean,
            &["true", "~", "no", "1"],
            &[],
            "true|null|false|true",
        );
        check(ColumnType::Long, &["1", "~", "-2"], &[], "1|null|-2");
        check(ColumnType::Double, &["1.5", "~", "1e999"], &[], "1.5|null|inf");
        check(ColumnType::String, &["a", "~", "", "é€"], &[], "a|null||é€");
        check(ColumnType::Json, &["[ 1 ]", "~", "null"], &[], "[1]|null|null");
        check(ColumnType::Long, &[], &[], "");
    }

    #[test]
    fn removed_rows_leave_no_trace() {
        check(
            ColumnType::Long,
            &["1", "~", "3", "~", "5", "~"],
            &[0, 3],
            "null|3|5|null",
        );
        check(
            ColumnType::String,
            &["a", "~", "ccc", "~", "", "ff", "~"],
            &[1, 2, 6],
            "a|null||ff",
        );
        check(ColumnType::Boolean, &["1", "0", "1"], &[0, 1, 2], "");
        check(ColumnType::String, &["a", "b"], &[1], "a");
    }

    #[test]
    fn a_field_that_does_not_fit_is_not_appended() {
        for (column_type, bad, good) in [
            (ColumnType::Long, "x", "1"),
            (ColumnType::Double, "x", "1.0"),
            (ColumnType::Timestamp, "x", "2015-03-31T06:12:37Z"),
            (ColumnType::Json, "{", "1"),
        ] {
            let mut writer = writer(column_type);
            assert!(!writer.append(Some(bad.into())), "{column_type:?}");
            assert!(writer.append(None));
            if column_type != ColumnType::Timestamp {
                assert!(writer.append(Some(good.into())));
                assert_eq!(shown(&writer.finish()), format!("null|{good}"));
            }
        }
    }

    #[test]
    fn long_texts_are_copied_whole() {
        let text = "0123456789".repeat(20);
        for length in 0..text.len() {
            let mut writer = writer(ColumnType::String);
            writer.append(Some(FieldText::new(text.as_bytes(), length)));
            writer.append(Some(FieldText::new(&text.as_bytes()[1..], length.saturating_sub(1))));
            let expected = format!("{}|{}", &text[..length], &text[1..length.max(1)]);
            assert_eq!(shown(&writer.finish()), expected);
        }
    }

    #[test]
    fn refusals_name_value_type_and_format() {
        assert_eq!(writer(ColumnType::Long).refusal("12,5"), "cannot read `12,5` as long");
        let timestamp = writer(ColumnType::Timestamp).refusal("x");
        assert_eq!(
            timestamp,
            "cannot read `x` as timestamp with format `%Y-%m-%d %H:%M:%S.%N %z`"
        );
    }
}

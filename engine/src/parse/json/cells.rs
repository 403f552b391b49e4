//! The unfinished array of one column: values are appended, taken back when their record is rejected, and made an Arrow array.

use super::JsonOptionsError;
use crate::parse::columns::texts::{FieldText, Texts};
use crate::parse::columns::{ColumnOptions, ColumnType, double, long};
use crate::parse::condition::keep_values;
use crate::parse::timestamp::TimestampParser;
use arrow::array::{
    ArrayRef, BooleanArray, BooleanBufferBuilder, Float64Array, Int64Array, NullBufferBuilder,
    TimestampMicrosecondArray,
};
use arrow::buffer::BooleanBuffer;
use arrow::error::ArrowError;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// The values of one column of an unfinished batch.
pub(super) struct Cells {
    name: String,
    values: Values,
    nulls: NullBufferBuilder,
    num_rows: usize,
    batch_rows: usize,
}

enum Values {
    Boolean(BooleanBufferBuilder),
    Long(Vec<i64>),
    Double(Vec<f64>),
    Text { is_json: bool, texts: Texts },
    Timestamp { micros: Vec<i64>, parser: TimestampParser },
}

impl Values {
    /// Appends what `text` means for the type.
    fn push(&mut self, text: &[u8]) -> Result<(), Untypable> {
        match self {
            Values::Text { texts, .. } => texts.push(FieldText::of(text)),
            Values::Boolean(values) => values.append(text.eq_ignore_ascii_case(b"true")),
            Values::Long(values) => values.push(long::read(text).ok_or(Untypable)?),
            Values::Double(values) => values.push(double::read(text).ok_or(Untypable)?),
            Values::Timestamp { micros, parser } => micros.push(parser.parse(text).ok_or(Untypable)?),
        }
        Ok(())
    }
}

/// The value is not of the column's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Untypable;

impl Cells {
    /// An empty column.
    ///
    /// **Errors**: the formats of a timestamp column cannot be used.
    pub(super) fn new(options: &ColumnOptions, batch_rows: usize) -> Result<Cells, JsonOptionsError> {
        let values = match options.column_type {
            ColumnType::Boolean => Values::Boolean(BooleanBufferBuilder::new(batch_rows)),
            ColumnType::Long => Values::Long(Vec::new()),
            ColumnType::Double => Values::Double(Vec::new()),
            ColumnType::String | ColumnType::Json => Values::Text {
                is_json: options.column_type == ColumnType::Json,
                texts: Texts::default(),
            },
            ColumnType::Timestamp => {
                let parser =
                    TimestampParser::new(&options.timestamp).map_err(|source| JsonOptionsError::Timestamp {
                        column: options.name.clone(),
                        source,
                    })?;
                Values::Timestamp {
                    micros: Vec::new(),
                    parser,
                }
            }
        };
        Ok(Cells {
            name: options.name.clone(),
            values,
            nulls: NullBufferBuilder::new(batch_rows),
            num_rows: 0,
            batch_rows,
        })
    }

    /// Name of the column.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The type in the configuration's words.
    pub(super) fn column_type(&self) -> ColumnType {
        match &self.values {
            Values::Boolean(_) => ColumnType::Boolean,
            Values::Long(_) => ColumnType::Long,
            Values::Double(_) => ColumnType::Double,
            Values::Text { is_json: false, .. } => ColumnType::String,
            Values::Text { is_json: true, .. } => ColumnType::Json,
            Values::Timestamp { .. } => ColumnType::Timestamp,
        }
    }

    /// Rows so far.
    pub(super) fn num_rows(&self) -> usize {
        self.num_rows
    }

    /// Bytes of text held.
    pub(super) fn text_bytes(&self) -> usize {
        match &self.values {
            Values::Text { texts, .. } => texts.num_bytes(),
            _ => 0,
        }
    }

    /// Appends a null.
    pub(super) fn push_null(&mut self) {
        match &mut self.values {
            Values::Boolean(values) => values.append(false),
            Values::Long(values) => values.push(0),
            Values::Double(values) => values.push(0.0),
            Values::Text { texts, .. } => texts.end_row(),
            Values::Timestamp { micros, .. } => micros.push(0),
        }
        self.nulls.append_null();
        self.num_rows += 1;
    }

    /// Appends what `text` - the content of a string, or the text of another value - means for the column's type.
    ///
    /// **Errors**: it means nothing; nothing was appended.
    /// **Cost**: texts, of which most columns are, are appended without a call.
    #[inline(always)]
    pub(super) fn push_text(&mut self, text: FieldText<'_>) -> Result<(), Untypable> {
        match &mut self.values {
            Values::Text { texts, .. } => texts.push(text),
            typed => typed.push(text.bytes())?,
        }
        self.nulls.append_non_null();
        self.num_rows += 1;
        Ok(())
    }

    /// Whether the last value is a number among `usable`; so are all values of a column that is neither long nor timestamp.
    pub(super) fn ends_with_one_of(&self, usable: &RangeInclusive<i64>) -> bool {
        let last = match &self.values {
            Values::Long(values) => values.last(),
            Values::Timestamp { micros, .. } => micros.last(),
            _ => return true,
        };
        let Some(last) = last else { return false };
        self.nulls.is_valid(self.num_rows - 1) && usable.contains(last)
    }

    /// Takes back everything but the first `num_rows` rows.
    pub(super) fn truncate(&mut self, num_rows: usize) {
        if num_rows >= self.num_rows {
            return;
        }
        match &mut self.values {
            Values::Boolean(values) => values.truncate(num_rows),
            Values::Long(values) => values.truncate(num_rows),
            Values::Double(values) => values.truncate(num_rows),
            Values::Text { texts, .. } => texts.truncate(num_rows),
            Values::Timestamp { micros, .. } => micros.truncate(num_rows),
        }
        self.nulls.truncate(num_rows);
        self.num_rows = num_rows;
    }

    /// Of the rows from `first` on, leaves those whose indices, counted from there, `kept` lists, ascending.
    pub(super) fn keep_rows(&mut self, first: usize, kept: &[usize]) {
        let num_rows = first + kept.len();
        match &mut self.values {
            Values::Boolean(values) => {
                for (to, from) in kept.iter().enumerate() {
                    values.set_bit(first + to, values.get_bit(first + from));
                }
                values.truncate(num_rows);
            }
            Values::Long(values) => keep_values(values, first, kept),
            Values::Double(values) => keep_values(values, first, kept),
            Values::Text { texts, .. } => texts.keep_rows(first, kept),
            Values::Timestamp { micros, .. } => keep_values(micros, first, kept),
        }
        if self.nulls.as_slice().is_some() {
            for (to, from) in kept.iter().enumerate() {
                self.nulls.set_bit(first + to, self.nulls.is_valid(first + from));
            }
        }
        self.nulls.truncate(num_rows);
        self.num_rows = num_rows;
    }

    /// An array of the rows from `first` on, which stay where they are.
    pub(super) fn tail(&self, first: usize) -> ArrayRef {
        let rows = first..self.num_rows;
        let has_nulls = self.nulls.as_slice().is_some();
        let nulls = has_nulls.then(|| rows.clone().map(|row| self.nulls.is_valid(row)).collect());
        match &self.values {
            Values::Boolean(values) => {
                let bits = BooleanBuffer::collect_bool(rows.len(), |row| values.get_bit(first + row));
                Arc::new(BooleanArray::new(bits, nulls))
            }
            Values::Long(values) => Arc::new(Int64Array::new(values[rows].to_vec().into(), nulls)),
            Values::Double(values) => Arc::new(Float64Array::new(values[rows].to_vec().into(), nulls)),
            Values::Text { texts, .. } => Arc::new(texts.tail(first, nulls)),
            Values::Timestamp { micros, .. } => {
                Arc::new(TimestampMicrosecondArray::new(micros[rows].to_vec().into(), nulls).with_timezone("UTC"))
            }
        }
    }

    /// Gives the rows as an array, and starts anew.
    pub(super) fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let nulls = self.nulls.finish();
        self.num_rows = 0;
        let num_rows = self.batch_rows;
        Ok(match &mut self.values {
            Values::Boolean(values) => Arc::new(BooleanArray::new(values.finish(), nulls)),
            Values::Long(values) => Arc::new(Int64Array::try_new(renewed(values, num_rows).into(), nulls)?),
            Values::Double(values) => Arc::new(Float64Array::try_new(renewed(values, num_rows).into(), nulls)?),
            Values::Text { texts, .. } => Arc::new(texts.finish(nulls)),
            Values::Timestamp { micros, .. } => Arc::new(
                TimestampMicrosecondArray::try_new(renewed(micros, num_rows).into(), nulls)?.with_timezone("UTC"),
            ),
        })
    }
}

/// Takes `values` and leaves room for as many rows as a batch may have.
fn renewed<T>(values: &mut Vec<T>, num_rows: usize) -> Vec<T> {
    let next = Vec::with_capacity(num_rows.min(values.len().saturating_mul(2)));
    std::mem::replace(values, next)
}

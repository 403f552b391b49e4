//! Says of each row which record it was made of, for stages that may still reject it.
//!
//! A filter that rejects a row wants to say what a parser says of a record: where it stands, and its text. So, where the options
//! ask for it, a batch comes with one more column, a structure, which passes through the filters beside the others and is seen by
//! nobody else. Names of files and their headers are dictionaries: few values, however many rows.

use super::columns::texts::Texts;
use super::condition::keep_values;
use super::reject::Reject;
use crate::position::Position;
use arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, Int32Array, Int64Array, StringArray, StructArray};
use arrow::datatypes::{DataType, Field, Fields, Int32Type, Int64Type};
use arrow::error::ArrowError;
use std::sync::{Arc, LazyLock};

/// Name of the column. Where a file has a column of that name, rows come without their origins.
pub const ORIGIN_COLUMN_NAME: &str = "__origin";

static FIELDS: LazyLock<Fields> = LazyLock::new(|| {
    let dictionary = || DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    Fields::from(vec![
        Field::new("file", dictionary(), true),
        Field::new("header", dictionary(), true),
        Field::new("line", DataType::Int64, true),
        Field::new("byte", DataType::Int64, true),
        Field::new("record", DataType::Int64, true),
        Field::new("text", DataType::Utf8, true),
    ])
});

/// The Arrow field of the column.
pub fn origin_field() -> Field {
    Field::new(ORIGIN_COLUMN_NAME, DataType::Struct(FIELDS.clone()), true)
}

/// Gathers the origins of the rows of a batch.
#[derive(Debug, Default)]
pub(super) struct Origins {
    /// Each file with rows in the batch, and its header.
    files: Vec<(Arc<str>, Option<Arc<str>>)>,
    keys: Vec<i32>,
    lines: Vec<i64>,
    bytes: Vec<i64>,
    records: Vec<i64>,
    text: Texts,
}

impl Origins {
    /// Adds the origin of the next row; `text` is that of its record.
    pub(super) fn push(&mut self, position: &Position, header: Option<&Arc<str>>, text: &str) {
        let is_last = |(file, known): &(Arc<str>, Option<Arc<str>>)| {
            Arc::ptr_eq(file, &position.file)
                && match (known, header) {
                    (Some(known), Some(header)) => Arc::ptr_eq(known, header),
                    (None, None) => true,
                    _ => false,
                }
        };
        if !self.files.last().is_some_and(is_last) {
            self.files.push((Arc::clone(&position.file), header.cloned()));
        }
        let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        self.keys.push(self.files.len() as i32 - 1);
        self.lines.push(signed(position.line));
        self.bytes.push(signed(position.byte));
        self.records.push(signed(position.record));
        let text = &text[..text.floor_char_boundary(Reject::MAX_RECORD_BYTES)];
        self.text.push(text.into());
    }

    /// Of the rows from `first` on, leaves those whose indices, counted from there, `kept` lists, ascending.
    pub(super) fn keep_rows(&mut self, first: usize, kept: &[usize]) {
        keep_values(&mut self.keys, first, kept);
        for numbers in [&mut self.lines, &mut self.bytes, &mut self.records] {
            keep_values(numbers, first, kept);
        }
        self.text.keep_rows(first, kept);
    }

    /// Rows so far.
    pub(super) fn num_rows(&self) -> usize {
        self.keys.len()
    }

    /// Bytes of text held.
    pub(super) fn text_bytes(&self) -> usize {
        self.text.num_bytes()
    }

    /// The column of the rows added so far; the next batch begins.
    pub(super) fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let origins = std::mem::take(self);
        let keys = Int32Array::from(origins.keys);
        let files: StringArray = origins.files.iter().map(|(file, _)| Some(file.as_ref())).collect();
        let headers: StringArray = origins.files.iter().map(|(_, header)| header.as_deref()).collect();
        let mut text = origins.text;
        let columns: Vec<ArrayRef> = vec![
            Arc::new(DictionaryArray::try_new(keys.clone(), Arc::new(files))?),
            Arc::new(DictionaryArray::try_new(keys, Arc::new(headers))?),
            Arc::new(Int64Array::from(origins.lines)),
            Arc::new(Int64Array::from(origins.bytes)),
            Arc::new(Int64Array::from(origins.records)),
            Arc::new(text.finish(None)),
        ];
        Ok(Arc::new(StructArray::try_new(FIELDS.clone(), columns, None)?))
    }
}

/// Where a row comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Where its record begins.
    pub position: Position,
    /// The header of its file, where columns are found by it.
    pub header: Option<Arc<str>>,
    /// The text of its record, as much as a reject keeps.
    pub text: String,
}

impl Origin {
    /// The origin of one row of the column; `None` if the column is not what [`origin_field`] says or says nothing of the row.
    pub fn of_row(column: &dyn Array, row: usize) -> Option<Origin> {
        let origins = column.as_struct_opt()?;
        let text_of = |index: usize| -> Option<&str> {
            let dictionary = origins.column(index).as_dictionary_opt::<Int32Type>()?;
            let key = dictionary.key(row)?;
            let values = dictionary.values().as_string_opt::<i32>()?;
            values.is_valid(key).then(|| values.value(key))
        };
        let number_of = |index: usize| -> Option<u64> {
            let numbers = origins.column(index).as_primitive_opt::<Int64Type>()?;
            numbers
                .is_valid(row)
                .then(|| u64::try_from(numbers.value(row)).ok())
                .flatten()
        };
        if origins.num_columns() != FIELDS.len() || origins.is_null(row) {
            return None;
        }
        let text = origins.column(5).as_string_opt::<i32>()?;
        Some(Origin {
            position: Position {
                file: Arc::from(text_of(0)?),
                line: number_of(2)?,
                byte: number_of(3)?,
                record: number_of(4)?,
            },
            header: text_of(1).map(Arc::from),
            text: text.is_valid(row).then(|| text.value(row).to_owned())?,
        })
    }
}

/// The column with other places: so many lines, bytes and records further on.
///
/// **Errors**: it is not what [`origin_field`] says.
pub fn moved(column: &ArrayRef, lines: i64, bytes: i64, records: i64) -> Result<ArrayRef, ArrowError> {
    let origins = column
        .as_struct_opt()
        .ok_or_else(|| ArrowError::SchemaError("the origin of rows is a structure".to_owned()))?;
    let (fields, mut columns, nulls) = origins.clone().into_parts();
    for (index, by) in [(2, lines), (3, bytes), (4, records)] {
        let numbers = columns
            .get(index)
            .and_then(|numbers| numbers.as_primitive_opt::<Int64Type>())
            .ok_or_else(|| ArrowError::SchemaError("places of rows are numbers".to_owned()))?;
        let moved: Int64Array = numbers.unary(|number| number.saturating_add(by));
        columns[index] = Arc::new(moved);
    }
    Ok(Arc::new(StructArray::try_new(fields, columns, nulls)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(file: &Arc<str>, line: u64) -> Position {
        Position {
            file: Arc::clone(file),
            line,
            byte: 10 * line,
            record: line - 1,
        }
    }

    #[test]
    fn origins_are_what_was_added() {
        let (first, second): (Arc<str>, Arc<str>) = (Arc::from("a"), Arc::from("b"));
        let header: Arc<str> = Arc::from("x,y");
        let mut origins = Origins::default();
        origins.push(&position(&first, 2), None, "1,2");
        origins.push(&position(&second, 3), Some(&header), "");
        origins.push(&position(&second, 4), Some(&header), "3,4");
        let column = origins.finish().unwrap();
        assert_eq!(column.data_type(), origin_field().data_type());
        let expected = Origin {
            position: position(&second, 4),
            header: Some(Arc::clone(&header)),
            text: "3,4".to_owned(),
        };
        assert_eq!(Origin::of_row(&column, 2), Some(expected));
        assert_eq!(Origin::of_row(&column, 0).unwrap().header, None);
        let moved = moved(&column, 5, -20, 1).unwrap();
        let place = Origin::of_row(&moved, 0).unwrap().position;
        assert_eq!((place.line, place.byte, place.record), (7, 0, 2));
        assert_eq!(origins.finish().unwrap().len(), 0, "the next batch begins");
    }

    #[test]
    fn other_columns_are_no_origins() {
        assert_eq!(Origin::of_row(&Int64Array::from(vec![1]), 0), None);
    }
}

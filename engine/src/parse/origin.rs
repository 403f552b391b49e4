//! Says of each row which record it was made of, for stages that may still reject it.
//!
//! A filter that rejects a row wants to say what a parser says of a record: where it stands, and its text. So, where the options
//! ask for it, a batch comes with one more column, a structure, which passes through the filters beside the others and is seen by
//! nobody else. Names of files and their headers are dictionaries: few values, however many rows.
//!
//! The writer rejects rows without a time. Where the time is a column of the file, the parser sees which rows these will be, and says of
//! those alone where they come from: all other rows have a null, which costs next to nothing.

mod record_texts;

pub(super) use record_texts::SharedText;

use super::condition::keep_values;
use super::reject::RecordText;
use crate::position::{PlaceInFile, Position};
use arrow::array::{
    Array, ArrayRef, AsArray, DictionaryArray, Int32Array, Int64Array, StringArray, StructArray, UInt32Array,
    new_null_array,
};
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, Fields, Int32Type, Int64Type, Schema};
use arrow::error::ArrowError;
use record_texts::RecordTexts;
use std::ops::{Range, RangeInclusive};
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
        Field::new("text", DataType::Utf8View, true),
        Field::new("text_bytes", DataType::Int64, true),
    ])
});

/// Ends the reason of a reject of a row without an origin.
pub const UNKNOWN_ORIGIN: &str = "; which record the row was made of is not known, as behind a query or an aggregation";

/// The Arrow field of the column.
pub fn origin_field() -> Field {
    Field::new(ORIGIN_COLUMN_NAME, DataType::Struct(FIELDS.clone()), true)
}

/// Where the column is in a schema, if there is one.
pub fn origin_index(schema: &Schema) -> Option<usize> {
    let (index, field) = schema.column_with_name(ORIGIN_COLUMN_NAME)?;
    (*field.data_type() == DataType::Struct(FIELDS.clone())).then_some(index)
}

/// A schema without the column.
pub fn without_origins(schema: &Schema) -> Schema {
    let Some(index) = origin_index(schema) else {
        return schema.clone();
    };
    let fields = schema.fields().iter().enumerate();
    let others: Fields = fields
        .filter(|(place, _)| *place != index)
        .map(|(_, field)| Arc::clone(field))
        .collect();
    Schema::new_with_metadata(others, schema.metadata().clone())
}

/// Of which rows a parser says where they come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum OriginRows {
    /// Of none; there is no column for it.
    #[default]
    None,
    /// Of all.
    All,
    /// Of those that will have no time.
    Untimed(TimeSource),
}

/// What a row's time is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeSource {
    /// Index of a long or timestamp column among all that the parser has.
    pub column: usize,
    /// Numbers (for timestamps, microseconds) that make a time.
    pub usable: RangeInclusive<i64>,
}

impl OriginRows {
    /// Whether batches have the column.
    pub fn has_column(&self) -> bool {
        *self != OriginRows::None
    }

    /// The source of time as a parser of some of the columns has it: its place among them. `None`: each row has an origin, or none has.
    pub(super) fn time_source(&self, mut position: impl FnMut(usize) -> Option<usize>) -> Option<TimeSource> {
        match self {
            OriginRows::Untimed(source) => Some(TimeSource {
                column: position(source.column)?,
                usable: source.usable.clone(),
            }),
            OriginRows::None | OriginRows::All => None,
        }
    }
}

/// Gathers the origins of the rows of a batch.
#[derive(Debug, Default)]
pub(super) struct Origins {
    /// Rows, with an origin or without.
    num_rows: u32,
    /// The rows with an origin.
    rows: Vec<u32>,
    /// Each file with such rows in the batch, and its header.
    files: Vec<(Arc<str>, Option<Arc<str>>)>,
    keys: Vec<i32>,
    lines: Vec<i64>,
    bytes: Vec<i64>,
    records: Vec<i64>,
    texts: RecordTexts,
    num_text_bytes: Vec<i64>,
    /// The column of rows without origins, as long as any batch needed it so far.
    blank: Option<ArrayRef>,
}

impl Origins {
    /// Says that the next rows are those of a file.
    pub(super) fn begin_file(&mut self, file: &Arc<str>, header: Option<&Arc<str>>) {
        let is_last = |(last, last_header): &(Arc<str>, Option<Arc<str>>)| {
            Arc::ptr_eq(last, file)
                && match (last_header, header) {
                    (Some(last_header), Some(header)) => Arc::ptr_eq(last_header, header),
                    (None, None) => true,
                    _ => false,
                }
        };
        if !self.files.last().is_some_and(is_last) {
            self.files.push((Arc::clone(file), header.cloned()));
        }
    }

    /// Adds the origin of the next row: `text` is what is kept of the `num_text_bytes` bytes of its record.
    pub(super) fn push(&mut self, place: PlaceInFile, text: &str, num_text_bytes: u64) {
        self.texts.push(text);
        self.push_place(place, num_text_bytes);
    }

    /// Holds a text that has records of the next rows.
    pub(super) fn share(&mut self, text: &Arc<String>) -> SharedText {
        self.texts.share(text)
    }

    /// Adds the origin of the next row, whose record stands at `record` of a shared text.
    #[inline]
    pub(super) fn push_shared(&mut self, place: PlaceInFile, text: SharedText, record: Range<usize>) {
        self.texts.push_part(text, record.start, record.len());
        self.push_place(place, record.len() as u64);
    }

    #[inline]
    fn push_place(&mut self, place: PlaceInFile, num_text_bytes: u64) {
        let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        self.rows.push(self.num_rows);
        self.num_rows += 1;
        self.keys.push(self.files.len() as i32 - 1);
        self.lines.push(signed(place.line));
        self.bytes.push(signed(place.byte));
        self.records.push(signed(place.record));
        self.num_text_bytes.push(signed(num_text_bytes));
    }

    /// Adds rows of which nobody will ask where they come from.
    pub(super) fn pass(&mut self, num_rows: usize) {
        self.num_rows += num_rows as u32;
    }

    /// Of the rows from `first` on, leaves those whose indices, counted from there, `kept` lists, ascending.
    pub(super) fn keep_rows(&mut self, first: usize, kept: &[usize]) {
        let first_known = self.rows.partition_point(|row| (*row as usize) < first);
        let mut kept_rows = kept.iter().enumerate().peekable();
        let mut still_known = Vec::new();
        let mut rows = Vec::new();
        for (index, row) in self.rows[first_known..].iter().enumerate() {
            let row = *row as usize - first;
            while kept_rows.next_if(|(_, kept)| **kept < row).is_some() {}
            if let Some((place, _)) = kept_rows.next_if(|(_, kept)| **kept == row) {
                still_known.push(index);
                rows.push((first + place) as u32);
            }
        }
        self.rows.truncate(first_known);
        self.rows.extend(rows);
        keep_values(&mut self.keys, first_known, &still_known);
        for numbers in [
            &mut self.lines,
            &mut self.bytes,
            &mut self.records,
            &mut self.num_text_bytes,
        ] {
            keep_values(numbers, first_known, &still_known);
        }
        self.texts.keep_rows(first_known, &still_known);
        self.num_rows = (first + kept.len()) as u32;
    }

    /// Rows so far, with an origin or without.
    pub(super) fn num_rows(&self) -> usize {
        self.num_rows as usize
    }

    /// Bytes of text held.
    pub(super) fn text_bytes(&self) -> usize {
        self.texts.num_bytes()
    }

    /// The column of the rows added so far; the next batch begins.
    pub(super) fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let num_rows = self.num_rows as usize;
        if self.rows.is_empty() {
            self.num_rows = 0;
            self.files.clear();
            let is_enough = |blank: &&ArrayRef| blank.len() >= num_rows;
            let blank = self.blank.as_ref().filter(is_enough).cloned();
            let blank = blank.unwrap_or_else(|| new_null_array(&DataType::Struct(FIELDS.clone()), num_rows));
            self.blank = Some(Arc::clone(&blank));
            return Ok(blank.slice(0, num_rows));
        }
        let origins = std::mem::take(self);
        // Batches are alike, and nothing need grow anew.
        let room = origins.rows.len();
        *self = Origins {
            rows: Vec::with_capacity(room),
            keys: Vec::with_capacity(room),
            lines: Vec::with_capacity(room),
            bytes: Vec::with_capacity(room),
            records: Vec::with_capacity(room),
            num_text_bytes: Vec::with_capacity(room),
            texts: RecordTexts::with_capacity(room),
            blank: origins.blank,
            ..Origins::default()
        };
        let keys = Int32Array::from(origins.keys);
        let files: StringArray = origins.files.iter().map(|(file, _)| Some(file.as_ref())).collect();
        let headers: StringArray = origins.files.iter().map(|(_, header)| header.as_deref()).collect();
        let columns: Vec<ArrayRef> = vec![
            Arc::new(DictionaryArray::try_new(keys.clone(), Arc::new(files))?),
            Arc::new(DictionaryArray::try_new(keys, Arc::new(headers))?),
            Arc::new(Int64Array::from(origins.lines)),
            Arc::new(Int64Array::from(origins.bytes)),
            Arc::new(Int64Array::from(origins.records)),
            Arc::new(origins.texts.finish()),
            Arc::new(Int64Array::from(origins.num_text_bytes)),
        ];
        let known: ArrayRef = Arc::new(StructArray::try_new(FIELDS.clone(), columns, None)?);
        if known.len() == num_rows {
            return Ok(known);
        }
        let mut places: Vec<Option<u32>> = vec![None; num_rows];
        for (place, row) in (0..).zip(&origins.rows) {
            places[*row as usize] = Some(place);
        }
        take(&known, &UInt32Array::from(places), None)
    }
}

/// Where a row comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Where its record begins.
    pub position: Position,
    /// The header of its file, where columns are found by it.
    pub header: Option<Arc<str>>,
    /// The text of its record.
    pub text: RecordText,
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
        let text = origins.column(5).as_string_view_opt()?;
        let kept = text.is_valid(row).then(|| text.value(row).to_owned())?;
        Some(Origin {
            position: Position {
                file: Arc::from(text_of(0)?),
                line: number_of(2)?,
                byte: number_of(3)?,
                record: number_of(4)?,
            },
            header: text_of(1).map(Arc::from),
            text: RecordText {
                kept,
                num_bytes: number_of(6)?,
            },
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
        origins.begin_file(&first, None);
        origins.push(position(&first, 2).place(), "1,2", 3);
        origins.begin_file(&second, Some(&header));
        origins.push(position(&second, 3).place(), "", 0);
        origins.begin_file(&second, Some(&header));
        let text = origins.share(&Arc::new("1,2\n3,4\n".to_owned()));
        origins.push_shared(position(&second, 4).place(), text, 4..7);
        let column = origins.finish().unwrap();
        assert_eq!(column.data_type(), origin_field().data_type());
        let expected = Origin {
            position: position(&second, 4),
            header: Some(Arc::clone(&header)),
            text: RecordText::new("3,4"),
        };
        assert_eq!(Origin::of_row(&column, 2), Some(expected));
        assert_eq!(Origin::of_row(&column, 0).unwrap().header, None);
        let moved = moved(&column, 5, -20, 1).unwrap();
        let place = Origin::of_row(&moved, 0).unwrap().position;
        assert_eq!((place.line, place.byte, place.record), (7, 0, 2));
        assert_eq!(origins.finish().unwrap().len(), 0, "the next batch begins");
    }

    #[test]
    fn rows_that_are_passed_have_no_origin() {
        let file: Arc<str> = Arc::from("a");
        let mut origins = Origins::default();
        origins.pass(3);
        let blank = origins.finish().unwrap();
        assert_eq!((blank.len(), blank.null_count()), (3, 3));
        assert_eq!(blank.data_type(), origin_field().data_type());
        origins.pass(1);
        origins.begin_file(&file, None);
        origins.push(position(&file, 2).place(), "x", 1);
        origins.pass(2);
        let column = origins.finish().unwrap();
        let known: Vec<bool> = (0..4).map(|row| Origin::of_row(&column, row).is_some()).collect();
        assert_eq!(known, [false, true, false, false]);
        assert_eq!(Origin::of_row(&column, 1).unwrap().text, RecordText::new("x"));
        let moved = moved(&column, 1, 0, 0).unwrap();
        assert_eq!(Origin::of_row(&moved, 1).unwrap().position.line, 3);
        assert_eq!(Origin::of_row(&moved, 0), None);
        origins.pass(2);
        assert_eq!(origins.finish().unwrap().len(), 2, "a shorter batch");
        origins.pass(5);
        assert_eq!(origins.finish().unwrap().null_count(), 5, "a longer one");
    }

    #[test]
    fn other_columns_are_no_origins() {
        assert_eq!(Origin::of_row(&Int64Array::from(vec![1]), 0), None);
    }
}

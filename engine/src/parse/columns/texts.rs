//! The buffers of a string array that grows: texts are appended, looked at, taken out again, and become an array.

use crate::append::{STEP_BYTES, append};
use arrow::array::StringArray;
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};

/// Text of one field, inside a longer text.
#[derive(Clone, Copy, Debug)]
pub struct FieldText<'a> {
    /// The field and, if there is more, what lies behind it in memory: readable, but not part of the field.
    pub(super) tail: &'a [u8],
    pub(super) length: usize,
}

impl<'a> FieldText<'a> {
    /// The first `length` bytes of `tail`, which must be valid UTF-8.
    #[inline]
    pub fn new(tail: &'a [u8], length: usize) -> FieldText<'a> {
        debug_assert!(std::str::from_utf8(&tail[..length]).is_ok());
        FieldText { tail, length }
    }

    /// The whole of `text`, which must be valid UTF-8.
    #[inline]
    pub fn of(text: &'a [u8]) -> FieldText<'a> {
        FieldText::new(text, text.len())
    }

    /// The field.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        &self.tail[..self.length]
    }
}

impl<'a> From<&'a str> for FieldText<'a> {
    fn from(text: &'a str) -> FieldText<'a> {
        FieldText {
            tail: text.as_bytes(),
            length: text.len(),
        }
    }
}

/// The texts of a string array under construction.
#[derive(Debug)]
pub(crate) struct Texts {
    data: Vec<u8>,
    /// Where each row ends in `data`, after a leading 0.
    offsets: Vec<i32>,
}

impl Default for Texts {
    fn default() -> Texts {
        Texts {
            data: Vec::new(),
            offsets: vec![0],
        }
    }
}

impl Texts {
    /// Rows so far.
    pub(crate) fn num_rows(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Bytes of all rows.
    pub(crate) fn num_bytes(&self) -> usize {
        self.data.len()
    }

    /// Where the text of the next row is written; see [`Texts::end_row`].
    pub(crate) fn data_mut(&mut self) -> &mut Vec<u8> {
        &mut self.data
    }

    /// Makes room for so many rows more.
    pub(crate) fn reserve_rows(&mut self, num_rows: usize) {
        self.offsets.reserve(num_rows);
    }

    /// Appends a row.
    #[inline]
    pub(crate) fn push(&mut self, text: FieldText<'_>) {
        append(&mut self.data, text.tail, text.length);
        self.end_row();
    }

    /// Makes a row of what was written since the last one.
    #[inline]
    pub(crate) fn end_row(&mut self) {
        // The caller keeps the data far below the limit; see `text_bytes`.
        debug_assert!(i32::try_from(self.data.len()).is_ok());
        self.offsets.push(self.data.len() as i32);
    }

    /// Takes out the rows from `num_rows` on.
    pub(crate) fn truncate(&mut self, num_rows: usize) {
        self.offsets.truncate(num_rows + 1);
        self.data.truncate(self.offsets[num_rows] as usize);
    }

    /// Of the rows from `first` on, leaves those whose indices, counted from there, `kept` lists, ascending.
    pub(crate) fn keep_rows(&mut self, first: usize, kept: &[usize]) {
        let mut end = self.offsets[first];
        let mut place = first;
        // Neighbours move together.
        for run in kept.chunk_by(|row, next| row + 1 == *next) {
            let row = first + run[0];
            let (start, run_end) = (self.offsets[row], self.offsets[row + run.len()]);
            if start != end {
                self.data.copy_within(start as usize..run_end as usize, end as usize);
            }
            for index in 1..=run.len() {
                self.offsets[place + index] = self.offsets[row + index] - start + end;
            }
            end += run_end - start;
            place += run.len();
        }
        self.truncate(first + kept.len());
    }

    /// An array of the rows from `first` on, which stay where they are.
    pub(crate) fn tail(&self, first: usize, nulls: Option<NullBuffer>) -> StringArray {
        let begin = self.offsets[first];
        let offsets: Vec<i32> = self.offsets[first..].iter().map(|offset| offset - begin).collect();
        let data = self.data[begin as usize..].to_vec();
        string_array(offsets, data, nulls)
    }

    /// The array of all rows; the next one begins.
    pub(crate) fn finish(&mut self, nulls: Option<NullBuffer>) -> StringArray {
        let mut next = Texts {
            // Batches are alike; a little more saves the last one from growing for a few bytes.
            data: Vec::with_capacity(self.data.len() + self.data.len() / 16 + STEP_BYTES),
            offsets: Vec::with_capacity(self.offsets.len()),
        };
        next.offsets.push(0);
        let texts = std::mem::replace(self, next);
        string_array(texts.offsets, texts.data, nulls)
    }
}

/// An array of the texts that end at `offsets` in `data`, after a leading 0.
///
/// **Cost**: one check of all texts by vectors, where that of the library takes several times as long.
fn string_array(offsets: Vec<i32>, data: Vec<u8>, nulls: Option<NullBuffer>) -> StringArray {
    let text = simdutf8::basic::from_utf8(&data).expect("parsers give UTF-8");
    let is_cut_well = |offset: &i32| text.is_char_boundary(*offset as usize);
    assert!(
        text.is_ascii() || offsets.iter().all(is_cut_well),
        "texts end between characters"
    );
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    assert!(offsets.last().is_some_and(|end| *end as usize <= data.len()));
    assert!(nulls.as_ref().is_none_or(|nulls| nulls.len() + 1 == offsets.len()));
    // SAFETY: The offsets rise, which their buffer has checked, and end in the data; all of the data is UTF-8 and no offset lies inside of a
    // character; there are as many nulls as texts.
    unsafe { StringArray::new_unchecked(offsets, Buffer::from_vec(data), nulls) }
}

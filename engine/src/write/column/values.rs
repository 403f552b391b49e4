//! The values of the open page of a column, and which encoding they get.
//!
//! A column begins with a dictionary, unless the batch at hand shows that it would not pay. Where nearly every value is new, the
//! dictionary costs more than all the rest and saves nothing; that shows after a few thousand values at the latest, which are then
//! written out and followed by plain ones.

use super::bounds::{BooleanBounds, BoundBytes, Bounds, PageBounds};
use super::dictionary::{Dictionary, MAX_DIGEST_DICTIONARY_BYTES, VALUES_TOGETHER};
use super::history::ColumnHistory;
use super::hybrid::{code_width, write_codes};
use super::kinds::{Kind, ValueOf};
use super::levels::Levels;
use super::{PAGE_BYTES, PAGE_ROWS, Place};
use crate::write::rows::Rows;
use arrow::array::{Array, AsArray};
use parquet::basic::{BoundaryOrder, Encoding};

/// Values after which a column's encoding is chosen; more do not change the choice.
const SAMPLE_VALUES: usize = 4_096;

/// The same where the column was written plain in the file before.
const SAMPLE_VALUES_AFTER_PLAIN: usize = 512;

/// With fewer values than this for each different one, a column is written plain. Measured on access logs: at two, encoding
/// with and without a dictionary cost the same.
const MIN_VALUES_PER_ENTRY: usize = 2;

/// Fewer rows than this of a batch say that it has rows of many files, whose dictionaries take turns in the caches.
const MIN_WARM_ROWS: usize = 1024;

/// The values of one column, page by page.
pub(super) trait PageValues: Send {
    /// Takes some of `rows`, from the first on and at least one, and says how many. Their levels go to `levels`.
    fn append(&mut self, array: &dyn Array, rows: Rows<'_>, levels: &mut Levels) -> usize;

    /// The same for rows of several arrays.
    fn append_interleaved(&mut self, arrays: &[&dyn Array], places: &[Place], levels: &mut Levels) -> usize;

    /// Whether the page should be closed.
    fn is_full(&self) -> bool;

    /// Appends the values of the page to `body`; the next page begins.
    fn close_page(&mut self, body: &mut Vec<u8>) -> ClosedPage;

    /// Body of the dictionary page and number of its values, if a page refers to it.
    fn dictionary(&self) -> Option<(&[u8], usize)>;

    /// The bounds of all pages.
    fn bounds(&self) -> Option<BoundBytes>;

    /// How the bounds of the pages follow each other.
    fn page_order(&self) -> BoundaryOrder;

    /// Bytes held in memory.
    fn held_bytes(&self) -> usize;

    /// Gives back the memory that is kept for the next page.
    fn shrink(&mut self);
}

/// What is known of a page whose values are written.
pub(super) struct ClosedPage {
    pub(super) encoding: Encoding,
    /// It or its dictionary may well be as large compressed as it is.
    pub(super) is_doubtful: bool,
    /// `None`: no value of the page has an order.
    pub(super) bounds: Option<BoundBytes>,
}

/// Values that are written plain or through a dictionary.
pub(super) struct TypedValues<K: Kind> {
    dictionary: Dictionary<K>,
    /// The values of the open page: codes as long as the column is written through the dictionary, plain ones after.
    codes: Vec<u32>,
    plain: Vec<u8>,
    choice: Choice,
    history: ColumnHistory,
    /// Values after which the encoding is chosen.
    sample_values: usize,
    /// Values of the closed pages that refer to the dictionary.
    num_coded: usize,
    /// A page refers to the dictionary.
    is_dictionary_used: bool,
    bounds: PageBounds<K::Bounds>,
}

/// A value, by the row of a batch in which it stands.
struct Cell<'c, 'a, K: Kind> {
    values: &'c K::Values<'a>,
    row: usize,
}

/// The encoding of a column, as far as it is chosen.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Choice {
    /// A dictionary as yet.
    Open,
    /// A dictionary as long as it has room.
    Dictionary,
    Plain,
}

impl<K: Kind> TypedValues<K> {
    pub(super) fn new(history: ColumnHistory) -> TypedValues<K> {
        TypedValues {
            sample_values: match history.was_plain() {
                true => SAMPLE_VALUES_AFTER_PLAIN,
                false => SAMPLE_VALUES,
            },
            choice: match history.is_new() {
                true => Choice::Plain,
                false => Choice::Open,
            },
            history,
            dictionary: Dictionary::default(),
            codes: Vec::new(),
            plain: Vec::new(),
            num_coded: 0,
            is_dictionary_used: false,
            bounds: PageBounds::default(),
        }
    }

    /// Appends as many cells as the page has room for, and says how many. `None` is a null. `is_cold`: those before came long ago.
    fn append_cells<'c, 'a: 'c>(
        &mut self,
        cells: impl Iterator<Item = Option<Cell<'c, 'a, K>>>,
        levels: &mut Levels,
        is_cold: bool,
    ) -> usize {
        let room = PAGE_ROWS - levels.num_rows();
        let values = |cell: Option<Cell<'c, 'a, K>>| cell.map(|cell| K::value(*cell.values, cell.row));
        let num_taken = match self.choice {
            Choice::Plain => self.append_plain(cells.take(room), levels),
            Choice::Dictionary => self.append_codes(cells.take(room).map(values), levels, is_cold),
            Choice::Open => {
                let room = room.min(self.sample_values - self.codes.len());
                self.append_codes(cells.take(room).map(values), levels, is_cold)
            }
        };
        let is_sampled = self.codes.len() >= self.sample_values || self.dictionary.entries().len() >= PAGE_BYTES;
        if self.choice == Choice::Open && is_sampled {
            self.choose();
        }
        num_taken
    }

    fn append_codes<'a>(
        &mut self,
        mut cells: impl Iterator<Item = Option<ValueOf<'a, K>>>,
        levels: &mut Levels,
        is_cold: bool,
    ) -> usize {
        let mut num_taken = 0;
        while !self.dictionary.is_slow(is_cold) {
            let Some(cell) = cells.next() else { return num_taken };
            num_taken += 1;
            levels.push(cell.is_some(), 1);
            if let Some(value) = cell {
                let code = self.dictionary.code(value, self.bounds.page());
                if !self.push_code(code) {
                    return num_taken;
                }
            }
        }
        loop {
            let mut together = [None; VALUES_TOGETHER];
            let mut num_cells = 0;
            for (place, cell) in together.iter_mut().zip(&mut cells) {
                *place = cell;
                num_cells += 1;
            }
            let codes = self.dictionary.known_codes(&together);
            for (cell, code) in together.into_iter().zip(codes).take(num_cells) {
                num_taken += 1;
                levels.push(cell.is_some(), 1);
                if let Some(value) = cell {
                    let code = code.unwrap_or_else(|| self.dictionary.code(value, self.bounds.page()));
                    if !self.push_code(code) {
                        return num_taken;
                    }
                }
            }
            if num_cells < VALUES_TOGETHER {
                return num_taken;
            }
        }
    }

    /// Adds a code to the page. Says whether there is room for another.
    #[inline]
    fn push_code(&mut self, code: u32) -> bool {
        self.codes.push(code);
        let is_full = self.choice == Choice::Open || self.dictionary.is_full();
        !is_full || self.dictionary.entries().len() < PAGE_BYTES
    }

    fn append_plain<'c, 'a: 'c>(
        &mut self,
        cells: impl Iterator<Item = Option<Cell<'c, 'a, K>>>,
        levels: &mut Levels,
    ) -> usize {
        let mut num_taken = 0;
        for cell in cells {
            num_taken += 1;
            levels.push(cell.is_some(), 1);
            if let Some(cell) = cell {
                let value = K::put_row(*cell.values, cell.row, &mut self.plain);
                self.bounds.page().add(value);
                if self.plain.len() >= PAGE_BYTES {
                    break;
                }
            }
        }
        num_taken
    }

    /// Whether the values are digests that are few enough for a dictionary, by how many of the first `num_values` came again.
    ///
    /// Of `n` values drawn from `d` different ones, about `n * n / 2d` have come before. Twice the room is allowed for, since a few
    /// thousand values do not tell it exactly, and most of a dictionary is worth having.
    fn has_digests_that_repeat(&self, num_values: usize) -> bool {
        let num_different = self.dictionary.len();
        let entry_bytes = self.dictionary.entries().len() / num_different.max(1);
        let most = 2 * MAX_DIGEST_DICTIONARY_BYTES / entry_bytes.max(1);
        let num_repeated = num_values - num_different;
        if num_different * MIN_VALUES_PER_ENTRY <= num_values {
            // Beyond that the estimate does not hold, and is not needed.
            return num_different <= most && K::has_digests(self.dictionary.entries());
        }
        K::has_digests(self.dictionary.entries()) && num_values * num_values <= 2 * num_repeated * most
    }

    /// Chooses by what was seen so far.
    fn choose(&mut self) {
        self.history.remember(false);
        if self.has_digests_that_repeat(self.codes.len()) {
            self.dictionary.expect_digests();
            self.choice = Choice::Dictionary;
            return;
        }
        if self.dictionary.len() * MIN_VALUES_PER_ENTRY <= self.codes.len() {
            self.choice = Choice::Dictionary;
            return;
        }
        // A few values of a small file tell nothing of the next one.
        let is_telling = self.codes.len() >= self.sample_values;
        self.history
            .remember(is_telling && !K::has_digests(self.dictionary.entries()));
        self.choice = Choice::Plain;
        for code in std::mem::take(&mut self.codes) {
            let value: ValueOf<'_, K> = self.dictionary.value(code);
            K::put(value, &mut self.plain);
        }
        self.dictionary = Dictionary::default();
    }
}

impl<K: Kind> PageValues for TypedValues<K>
where
    Dictionary<K>: Send,
{
    fn append(&mut self, array: &dyn Array, rows: Rows<'_>, levels: &mut Levels) -> usize {
        let values = K::values(array);
        let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0);
        // The other rows of the batch go to other files.
        let is_cold = rows.num_rows() < MIN_WARM_ROWS;
        match (rows, nulls) {
            (Rows::Run { start, num_rows }, None) if self.choice == Choice::Plain => {
                let num_rows = num_rows.min(PAGE_ROWS - levels.num_rows());
                let num_taken = K::put_run(
                    values,
                    start..start + num_rows,
                    PAGE_BYTES,
                    &mut self.plain,
                    self.bounds.page(),
                );
                levels.push(true, num_taken);
                num_taken
            }
            (Rows::Run { start, num_rows }, None) => {
                let cells = (start..start + num_rows).map(|row| Some(Cell { values: &values, row }));
                self.append_cells(cells, levels, is_cold)
            }
            (Rows::Run { start, num_rows }, Some(nulls)) => {
                let cells =
                    (start..start + num_rows).map(|row| nulls.is_valid(row).then_some(Cell { values: &values, row }));
                self.append_cells(cells, levels, is_cold)
            }
            (Rows::Listed(rows), None) => {
                let cells = rows.iter().map(|row| *row as usize);
                let cells = cells.map(|row| Some(Cell { values: &values, row }));
                self.append_cells(cells, levels, is_cold)
            }
            (Rows::Listed(rows), Some(nulls)) => {
                let cells = rows.iter().map(|row| *row as usize);
                let cells = cells.map(|row| nulls.is_valid(row).then_some(Cell { values: &values, row }));
                self.append_cells(cells, levels, is_cold)
            }
        }
    }

    fn append_interleaved(&mut self, arrays: &[&dyn Array], places: &[Place], levels: &mut Levels) -> usize {
        let sources: Vec<_> = arrays.iter().map(|array| (K::values(*array), array.nulls())).collect();
        let cells = places.iter().map(|place| {
            let (values, nulls) = &sources[place.batch as usize];
            let row = place.row as usize;
            let is_valid = nulls.is_none_or(|nulls| nulls.is_valid(row));
            is_valid.then_some(Cell { values, row })
        });
        self.append_cells(cells, levels, false)
    }

    fn is_full(&self) -> bool {
        self.plain.len() >= PAGE_BYTES || self.dictionary.is_full()
    }

    fn close_page(&mut self, body: &mut Vec<u8>) -> ClosedPage {
        if self.choice == Choice::Open {
            self.choose();
        }
        let encoding = match self.choice {
            Choice::Plain => {
                let encoding = K::close_page(&self.plain, body);
                self.plain.clear();
                encoding
            }
            Choice::Dictionary | Choice::Open => {
                let width = code_width(self.dictionary.len());
                body.push(width as u8);
                write_codes(&self.codes, width, body);
                self.num_coded += self.codes.len();
                self.codes.clear();
                self.is_dictionary_used = true;
                self.dictionary.begin_page();
                let has_too_many = self.dictionary.expects_digests() && !self.has_digests_that_repeat(self.num_coded);
                if self.dictionary.is_full() || has_too_many {
                    self.choice = Choice::Plain;
                }
                Encoding::RLE_DICTIONARY
            }
        };
        ClosedPage {
            encoding,
            is_doubtful: encoding != Encoding::RLE_DICTIONARY || self.dictionary.expects_digests(),
            bounds: self.bounds.close_page(),
        }
    }

    fn dictionary(&self) -> Option<(&[u8], usize)> {
        self.is_dictionary_used
            .then(|| (self.dictionary.entries(), self.dictionary.len()))
    }

    fn bounds(&self) -> Option<BoundBytes> {
        self.bounds.chunk()
    }

    fn page_order(&self) -> BoundaryOrder {
        self.bounds.order()
    }

    fn held_bytes(&self) -> usize {
        self.dictionary.held_bytes() + self.plain.capacity() + self.codes.capacity() * size_of::<u32>()
    }

    fn shrink(&mut self) {
        self.plain.shrink_to_fit();
        self.codes.shrink_to_fit();
    }
}

/// Truth values, packed as bits.
#[derive(Default)]
pub(super) struct BooleanValues {
    bytes: Vec<u8>,
    num_values: usize,
    bounds: PageBounds<BooleanBounds>,
}

impl BooleanValues {
    fn push(&mut self, cell: Option<bool>, levels: &mut Levels) {
        levels.push(cell.is_some(), 1);
        if let Some(value) = cell {
            if self.num_values.is_multiple_of(8) {
                self.bytes.push(0);
            }
            if let Some(byte) = self.bytes.last_mut() {
                *byte |= u8::from(value) << (self.num_values % 8);
            }
            self.num_values += 1;
            self.bounds.page().add(value);
        }
    }
}

impl PageValues for BooleanValues {
    fn append(&mut self, array: &dyn Array, rows: Rows<'_>, levels: &mut Levels) -> usize {
        let array = array.as_boolean();
        let rows = rows.first(PAGE_ROWS - levels.num_rows());
        for index in 0..rows.num_rows() {
            let row = rows.row(index);
            self.push(array.is_valid(row).then(|| array.value(row)), levels);
        }
        rows.num_rows()
    }

    fn append_interleaved(&mut self, arrays: &[&dyn Array], places: &[Place], levels: &mut Levels) -> usize {
        let arrays: Vec<_> = arrays.iter().map(|array| array.as_boolean()).collect();
        let places = &places[..places.len().min(PAGE_ROWS - levels.num_rows())];
        for place in places {
            let (array, row) = (arrays[place.batch as usize], place.row as usize);
            self.push(array.is_valid(row).then(|| array.value(row)), levels);
        }
        places.len()
    }

    fn is_full(&self) -> bool {
        false
    }

    fn close_page(&mut self, body: &mut Vec<u8>) -> ClosedPage {
        body.append(&mut self.bytes);
        self.num_values = 0;
        ClosedPage {
            encoding: Encoding::PLAIN,
            is_doubtful: true,
            bounds: self.bounds.close_page(),
        }
    }

    fn dictionary(&self) -> Option<(&[u8], usize)> {
        None
    }

    fn bounds(&self) -> Option<BoundBytes> {
        self.bounds.chunk()
    }

    fn page_order(&self) -> BoundaryOrder {
        self.bounds.order()
    }

    fn held_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
    }
}

//! Turns the values of one column into the pages of a Parquet column chunk.
//!
//! Encoding is where a load spends most of its time, so the types that files are made of - boolean, long, double, text and
//! timestamp - have an encoder of our own: rows go from the batch straight into the open page, whether they are a run of the batch or
//! scattered over it, so that no partition needs a copy of its rows first. Page headers and the order of things inside a page
//! are those of data pages of version 1, which every reader knows. Columns of other types (a query can produce any) are
//! left to the `parquet` crate, which also writes the footer.
//!
//! What is not decided here: when a row group ends (see `file`), which rows come (see `partition`).
//!
//! Reading order: [`page`] (what a page is on disk), [`snappy`], [`levels`] (nulls), [`hybrid`] (small numbers), [`delta`] (numbers near each other), [`bounds`] (least and greatest
//! value), [`kinds`] (the types), [`dictionary`], [`history`] (of columns in earlier files), [`values`] (the open page), [`chunk`] (the finished
//! pages).
//!
//! **Source**: Apache Parquet format 2.x, `parquet.thrift`, `Encodings.md`, `PageIndex.md`.

mod bounds;
mod chunk;
mod delta;
mod dictionary;
mod history;
mod hybrid;
mod kinds;
mod levels;
mod page;
mod snappy;
#[cfg(test)]
mod tests;
mod values;

pub use chunk::EncodedColumn;
pub use history::ColumnHistory;
pub use page::PageCompressor;

use super::rows::Rows;
use super::scratch::ScratchStream;
use arrow::array::Array;
use arrow::datatypes::{DataType, TimeUnit};
use chunk::Chunk;
use kinds::{Double, Long, Text};
use levels::Levels;
use parquet::errors::ParquetError;
use parquet::schema::types::ColumnDescPtr;
use values::{BooleanValues, PageValues, TypedValues};

/// Rows of a page at most, as other writers have it: a reader that looks for one row decodes no more.
const PAGE_ROWS: usize = 20_000;

/// Bytes of a page at which it is closed, before compression. Each column of each open file holds one open page, so its size
/// decides what hundreds of open files take; above 64 KiB, the window of Snappy, pages do not get smaller by growing.
const PAGE_BYTES: usize = 128 * 1024;

/// A row of one of several batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// Index of the batch.
    pub(super) batch: u32,
    /// Index of the row in it.
    pub(super) row: u32,
}

/// One column of one row group under construction.
pub struct ColumnEncoder {
    values: Box<dyn PageValues>,
    levels: Levels,
    chunk: Chunk,
}

impl ColumnEncoder {
    /// An encoder for a column of this type, of which `history` tells; `None` if the type is not one of ours.
    pub fn new(data_type: &DataType, descriptor: ColumnDescPtr, history: ColumnHistory) -> Option<ColumnEncoder> {
        let values: Box<dyn PageValues> = match data_type {
            DataType::Boolean => Box::new(BooleanValues::default()),
            DataType::Int64 => Box::new(TypedValues::<Long>::new(history)),
            DataType::Timestamp(TimeUnit::Microsecond, _) => Box::new(TypedValues::<Long>::new(history)),
            DataType::Float64 => Box::new(TypedValues::<Double>::new(history)),
            DataType::Utf8 => Box::new(TypedValues::<Text>::new(history)),
            _ => return None,
        };
        debug_assert!(
            descriptor.max_rep_level() == 0 && descriptor.max_def_level() <= 1,
            "a column of these types is flat"
        );
        Some(ColumnEncoder {
            values,
            levels: Levels::new(descriptor.max_def_level() == 1),
            chunk: Chunk::new(descriptor),
        })
    }

    /// Appends `rows` of `array`, which has the type that the encoder was made for.
    ///
    /// **Errors**: a page too large for the format.
    pub fn append(
        &mut self,
        array: &dyn Array,
        mut rows: Rows<'_>,
        compressor: &mut PageCompressor,
    ) -> Result<(), ParquetError> {
        while rows.num_rows() > 0 {
            let num_taken = self.values.append(array, rows, &mut self.levels);
            rows = rows.after(num_taken);
            self.close_full_page(compressor)?;
        }
        Ok(())
    }

    /// Appends rows of several arrays of that type.
    ///
    /// **Errors**: a page too large for the format.
    pub(super) fn append_interleaved(
        &mut self,
        arrays: &[&dyn Array],
        mut places: &[Place],
        compressor: &mut PageCompressor,
    ) -> Result<(), ParquetError> {
        while !places.is_empty() {
            let num_taken = self.values.append_interleaved(arrays, places, &mut self.levels);
            places = &places[num_taken..];
            self.close_full_page(compressor)?;
        }
        Ok(())
    }

    /// Bytes held in memory: the open page, its dictionary, and the finished pages.
    pub(super) fn held_bytes(&self) -> usize {
        self.values.held_bytes() + self.chunk.held_bytes()
    }

    /// Frees memory: moves the finished pages to `scratch`. With `has_open_page` also the open one, which ends early then.
    pub(super) fn set_aside(
        &mut self,
        has_open_page: bool,
        scratch: &mut ScratchStream,
        compressor: &mut PageCompressor,
    ) -> Result<(), ParquetError> {
        if has_open_page && self.levels.num_rows() > 0 {
            self.close_page(compressor)?;
            self.values.shrink();
        }
        self.chunk.set_aside(scratch)?;
        Ok(())
    }

    /// Bytes that the column chunk takes in the file, as far as it is known.
    pub(super) fn encoded_bytes(&self) -> usize {
        self.chunk.num_bytes()
    }

    /// Ends the column chunk.
    ///
    /// **Errors**: a page too large for the format.
    pub fn finish(mut self, compressor: &mut PageCompressor) -> Result<EncodedColumn, ParquetError> {
        if self.levels.num_rows() > 0 {
            self.close_page(compressor)?;
        }
        let dictionary = self.values.dictionary();
        self.chunk
            .finish(dictionary, self.values.bounds(), self.values.page_order(), compressor)
    }

    fn close_full_page(&mut self, compressor: &mut PageCompressor) -> Result<(), ParquetError> {
        if self.values.is_full() || self.levels.num_rows() >= PAGE_ROWS {
            self.close_page(compressor)?;
        }
        Ok(())
    }

    fn close_page(&mut self, compressor: &mut PageCompressor) -> Result<(), ParquetError> {
        let body = compressor.begin_body();
        self.levels.write(body);
        let page = self.values.close_page(body);
        self.chunk
            .add_page(page, self.levels.num_rows(), self.levels.num_nulls(), compressor)?;
        self.levels.clear();
        Ok(())
    }
}

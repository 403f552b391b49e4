//! Turns rows of batches into one Parquet file in a store, staged: written, listed nowhere, and so not visible.

use super::column::{ColumnEncoder, ColumnHistory, PageCompressor, Place};
use super::encoding::{Compression, writer_properties};
use super::outlet::{Outlet, Waiting};
use super::pages::LibraryPages;
use super::rows::Rows;
use super::scratch::{Scratch, ScratchStream};
use super::sort::SortedRows;
use super::statistics::delta_statistics;
use super::{StagedFile, WriteError};
use arrow::array::{Array, ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::{interleave, take};
use arrow::datatypes::{FieldRef, SchemaRef};
use object_store::ObjectStore;
use object_store::buffered::BufWriter;
use object_store::path::Path;
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, ArrowWriterOptions, compute_leaves};
use parquet::arrow::{ArrowSchemaConverter, ArrowWriter};
use parquet::errors::ParquetError;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use std::sync::Arc;
use tokio::io::AsyncWriteExt;

/// Bytes of one part of an upload. Files below it are one request; S3 allows 10,000 parts, so 80 GB a file.
const PART_BYTES: usize = 8 * 1024 * 1024;

/// Parts of one file on their way to the store at a time; each is held in memory.
const MAX_PARTS_IN_FLIGHT: usize = 2;

/// Bytes of a row group at which it ends, if its rows are large: a reader of one column reads it as a whole.
const MAX_ROW_GROUP_BYTES: usize = 128 * 1024 * 1024;

/// Most rows of a row group: enough for good compression, few enough that a reader's cores share a file.
const MAX_ROW_GROUP_ROWS: usize = 1_048_576;

/// Written into every file's footer.
const CREATED_BY: &str = concat!("bucketload version ", env!("CARGO_PKG_VERSION"));

/// One open file.
pub(super) struct FileWriter {
    schema: SchemaRef,
    /// Writes what is between the row groups.
    output: SerializedFileWriter<Outlet>,
    /// What the writer above has written and the store has not got yet.
    outlet: Outlet,
    library: ArrowRowGroupWriterFactory,
    library_pages: LibraryPages,
    row_group: Option<RowGroup>,
    num_row_groups: usize,
    /// One for each column.
    histories: Arc<[ColumnHistory]>,
    upload: BufWriter,
    path: Path,
    size_bytes: u64,
}

/// The row group under construction.
struct RowGroup {
    columns: Vec<ColumnWriter>,
    num_rows: usize,
    /// Pages that memory had no room for.
    scratch: Option<ScratchStream>,
}

/// How a column of a row group is encoded.
enum ColumnWriter {
    /// By our own encoder.
    Own(Box<ColumnEncoder>),
    /// By the `parquet` crate.
    Library(LibraryColumn),
}

/// A column of a type that our encoder does not know.
struct LibraryColumn {
    field: FieldRef,
    /// One for each leaf of the column.
    leaves: Vec<ArrowColumnWriter>,
}

impl LibraryColumn {
    fn write(&mut self, array: &ArrayRef) -> Result<(), ParquetError> {
        for (writer, leaf) in self.leaves.iter_mut().zip(&compute_leaves(&self.field, array)?) {
            writer.write(leaf)?;
        }
        Ok(())
    }
}

impl FileWriter {
    /// Opens a file at `path` for rows of `schema`, which will come in the order of column `sorted_by` if there is one. `histories`
    /// has one for each column. Nothing is requested before the first part is full.
    pub(super) fn new(
        store: Arc<dyn ObjectStore>,
        path: Path,
        schema: SchemaRef,
        compression: Compression,
        sorted_by: Option<usize>,
        histories: Arc<[ColumnHistory]>,
    ) -> Result<FileWriter, WriteError> {
        let sorted_by = match sorted_by {
            None => None,
            Some(column) => {
                let descriptor = ArrowSchemaConverter::new()
                    .convert(&schema)
                    .map_err(WriteError::encode)?;
                (0..descriptor.num_columns()).find(|leaf| descriptor.get_column_root_idx(*leaf) == column)
            }
        };
        let properties = writer_properties(compression, sorted_by, CREATED_BY);
        let library_pages = LibraryPages::default();
        let options = ArrowWriterOptions::new()
            .with_properties(properties)
            .with_page_store_factory(Arc::new(library_pages.clone()));
        let outlet = Outlet::default();
        let (output, library) = ArrowWriter::try_new_with_options(outlet.clone(), Arc::clone(&schema), options)
            .and_then(ArrowWriter::into_serialized_writer)
            .map_err(WriteError::encode)?;
        Ok(FileWriter {
            schema,
            output,
            outlet,
            library,
            library_pages,
            row_group: None,
            num_row_groups: 0,
            histories,
            upload: BufWriter::with_capacity(store, path.clone(), PART_BYTES).with_max_concurrency(MAX_PARTS_IN_FLIGHT),
            path,
            size_bytes: 0,
        })
    }

    /// Bytes held in memory: the open row group, and finished ones that are not a part yet.
    pub(super) fn held_bytes(&self) -> usize {
        let waiting_bytes = self.size_bytes % PART_BYTES as u64;
        self.row_group_bytes() + self.library_pages.held_bytes() + waiting_bytes as usize + self.outlet.len()
    }

    /// Bytes of memory that the open row group holds.
    pub(super) fn row_group_bytes(&self) -> usize {
        self.row_group.as_ref().map_or(0, RowGroup::held_bytes)
    }

    /// Frees memory: sets pages of the open row group aside on disk. With `has_open_pages` also those not full yet, which
    /// makes them smaller than they might be.
    pub(super) fn set_aside(
        &mut self,
        has_open_pages: bool,
        scratch: &Arc<Scratch>,
        compressor: &mut PageCompressor,
    ) -> Result<(), WriteError> {
        let Some(row_group) = &mut self.row_group else {
            return Ok(());
        };
        let stream = row_group.scratch.get_or_insert_with(|| scratch.stream());
        for column in &mut row_group.columns {
            if let ColumnWriter::Own(encoder) = column {
                encoder
                    .set_aside(has_open_pages, stream, compressor)
                    .map_err(WriteError::encode)?;
            }
        }
        self.library_pages
            .set_aside(scratch)
            .map_err(|error| WriteError::Scratch(Box::new(error)))
    }

    /// Bytes the file has or will have, as far as is known.
    pub(super) fn estimated_bytes(&self) -> u64 {
        let encoded = self.row_group.as_ref().map_or(0, RowGroup::encoded_bytes) + self.outlet.len();
        self.size_bytes + encoded as u64
    }

    /// Appends some rows of a batch.
    ///
    /// **Errors**: the store refused bytes, or the encoder refused the rows; the file must be given up then.
    pub(super) async fn write(
        &mut self,
        batch: &RecordBatch,
        mut rows: Rows<'_>,
        compressor: &mut PageCompressor,
    ) -> Result<(), WriteError> {
        while rows.num_rows() > 0 {
            let num_taken = self.append(batch, rows, compressor).map_err(WriteError::encode)?;
            rows = rows.after(num_taken);
            if self.row_group.as_ref().is_some_and(RowGroup::is_full) {
                self.end_row_group(compressor).await?;
            }
        }
        Ok(())
    }

    /// Appends rows of several batches.
    pub(super) async fn write_sorted(
        &mut self,
        rows: SortedRows,
        compressor: &mut PageCompressor,
    ) -> Result<(), WriteError> {
        let mut places = rows.places.as_slice();
        while !places.is_empty() {
            let num_taken = self
                .append_interleaved(&rows.batches, places, compressor)
                .map_err(WriteError::encode)?;
            places = &places[num_taken..];
            if self.row_group.as_ref().is_some_and(RowGroup::is_full) {
                self.end_row_group(compressor).await?;
            }
        }
        Ok(())
    }

    /// Ends the open row group, so that its memory becomes free.
    pub(super) async fn end_row_group(&mut self, compressor: &mut PageCompressor) -> Result<(), WriteError> {
        let Some(row_group) = self.row_group.take() else {
            return Ok(());
        };
        self.num_row_groups += 1;
        self.outlet.expect(row_group.encoded_bytes());
        let scratch = row_group.scratch.map(Arc::new);
        let mut output = self.output.next_row_group().map_err(WriteError::encode)?;
        for column in row_group.columns {
            column
                .append_to(&mut output, scratch.as_ref(), compressor)
                .map_err(WriteError::encode)?;
            if self.outlet.len() >= PART_BYTES {
                let waiting = self.outlet.take_full();
                self.size_bytes += waiting.num_bytes as u64;
                waiting.send(&mut self.upload, &self.path).await?;
            }
        }
        output.close().map(drop).map_err(WriteError::encode)
    }

    /// Encodes what is left, and gives the file to be sent to its end.
    ///
    /// **Shape**: `None` if no row was written; then there is no file either.
    pub(super) async fn finish(
        mut self,
        partition_values: Vec<(String, String)>,
        time_column: Option<&str>,
        compressor: &mut PageCompressor,
    ) -> Result<Option<Upload>, WriteError> {
        self.end_row_group(compressor).await?;
        if self.num_row_groups == 0 {
            return Ok(None);
        }
        let metadata = self.output.finish().map_err(WriteError::encode)?;
        let rest = self.outlet.take();
        Ok(Some(Upload {
            file: StagedFile {
                path: self.path.to_string(),
                partition_values,
                num_rows: metadata.file_metadata().num_rows().unsigned_abs(),
                size_bytes: self.size_bytes + rest.num_bytes as u64,
                statistics: delta_statistics(&metadata, time_column),
            },
            num_bytes: rest.num_bytes + (self.size_bytes % PART_BYTES as u64) as usize,
            rest,
            writer: self.upload,
            path: self.path,
        }))
    }

    /// Gives the file up; a multipart upload under way is aborted.
    pub(super) async fn abort(mut self) {
        if let Err(error) = self.upload.abort().await {
            tracing::debug!(path = %self.path, %error, "an upload could not be aborted");
        }
    }

    /// Appends as many rows as the row group has room for, and says how many.
    fn append(
        &mut self,
        batch: &RecordBatch,
        rows: Rows<'_>,
        compressor: &mut PageCompressor,
    ) -> Result<usize, ParquetError> {
        let row_group = self.row_group()?;
        let rows = rows.first(MAX_ROW_GROUP_ROWS - row_group.num_rows);
        for (column, array) in row_group.columns.iter_mut().zip(batch.columns()) {
            match column {
                ColumnWriter::Own(encoder) => encoder.append(array.as_ref(), rows, compressor)?,
                ColumnWriter::Library(column) => column.write(&taken(array, rows)?)?,
            }
        }
        row_group.num_rows += rows.num_rows();
        Ok(rows.num_rows())
    }

    /// Appends as many rows of several batches as the row group has room for, and says how many.
    fn append_interleaved(
        &mut self,
        batches: &[RecordBatch],
        places: &[Place],
        compressor: &mut PageCompressor,
    ) -> Result<usize, ParquetError> {
        let row_group = self.row_group()?;
        let places = &places[..places.len().min(MAX_ROW_GROUP_ROWS - row_group.num_rows)];
        for (index, column) in row_group.columns.iter_mut().enumerate() {
            let arrays: Vec<&dyn Array> = batches.iter().map(|batch| batch.column(index).as_ref()).collect();
            match column {
                ColumnWriter::Own(encoder) => encoder.append_interleaved(&arrays, places, compressor)?,
                ColumnWriter::Library(column) => {
                    let indices: Vec<(usize, usize)> = places
                        .iter()
                        .map(|place| (place.batch as usize, place.row as usize))
                        .collect();
                    column.write(&interleave(&arrays, &indices)?)?;
                }
            }
        }
        row_group.num_rows += places.len();
        Ok(places.len())
    }

    /// The open row group, begun if there is none.
    fn row_group(&mut self) -> Result<&mut RowGroup, ParquetError> {
        if self.row_group.is_none() {
            self.row_group = Some(RowGroup {
                columns: self.new_columns()?,
                num_rows: 0,
                scratch: None,
            });
        }
        Ok(self.row_group.as_mut().expect("begun above"))
    }

    /// The columns of a new row group.
    fn new_columns(&self) -> Result<Vec<ColumnWriter>, ParquetError> {
        let descriptor = self.output.schema_descr();
        let mut library: Option<Vec<Option<ArrowColumnWriter>>> = None;
        let mut columns = Vec::with_capacity(self.schema.fields().len());
        let mut leaf = 0;
        for (index, field) in self.schema.fields().iter().enumerate() {
            let first_leaf = leaf;
            while leaf < descriptor.num_columns() && descriptor.get_column_root_idx(leaf) == index {
                leaf += 1;
            }
            let history = self.histories[index].clone();
            if let Some(encoder) = ColumnEncoder::new(field.data_type(), descriptor.column(first_leaf), history) {
                columns.push(ColumnWriter::Own(Box::new(encoder)));
                continue;
            }
            let writers = match &mut library {
                Some(writers) => writers,
                None => {
                    let writers = self.library.create_column_writers(self.num_row_groups)?;
                    library.insert(writers.into_iter().map(Some).collect())
                }
            };
            columns.push(ColumnWriter::Library(LibraryColumn {
                field: Arc::clone(field),
                leaves: writers[first_leaf..leaf].iter_mut().filter_map(Option::take).collect(),
            }));
        }
        Ok(columns)
    }
}

/// A file whose bytes are all made and partly on their way.
pub(super) struct Upload {
    file: StagedFile,
    rest: Waiting,
    num_bytes: usize,
    writer: BufWriter,
    path: Path,
}

impl Upload {
    /// Bytes held in memory.
    pub(super) fn held_bytes(&self) -> usize {
        self.num_bytes
    }

    /// Sends the file to its end.
    ///
    /// **Cancel**: what the store has of the file stays there, listed nowhere.
    pub(super) async fn complete(mut self) -> Result<StagedFile, WriteError> {
        self.rest.send(&mut self.writer, &self.path).await?;
        self.writer.shutdown().await.map_err(|source| WriteError::Store {
            path: self.path.to_string(),
            source: Box::new(source),
        })?;
        Ok(self.file)
    }
}

impl RowGroup {
    fn held_bytes(&self) -> usize {
        self.columns
            .iter()
            .map(|column| match column {
                ColumnWriter::Own(encoder) => encoder.held_bytes(),
                ColumnWriter::Library(column) => column.leaves.iter().map(ArrowColumnWriter::memory_size).sum(),
            })
            .sum()
    }

    fn encoded_bytes(&self) -> usize {
        self.columns
            .iter()
            .map(|column| match column {
                ColumnWriter::Own(encoder) => encoder.encoded_bytes(),
                ColumnWriter::Library(column) => column
                    .leaves
                    .iter()
                    .map(ArrowColumnWriter::get_estimated_total_bytes)
                    .sum(),
            })
            .sum()
    }

    fn is_full(&self) -> bool {
        self.num_rows >= MAX_ROW_GROUP_ROWS || self.encoded_bytes() >= MAX_ROW_GROUP_BYTES
    }
}

impl ColumnWriter {
    fn append_to(
        self,
        output: &mut SerializedRowGroupWriter<'_, Outlet>,
        scratch: Option<&Arc<ScratchStream>>,
        compressor: &mut PageCompressor,
    ) -> Result<(), ParquetError> {
        match self {
            ColumnWriter::Own(encoder) => encoder.finish(compressor)?.append_to(output, scratch),
            ColumnWriter::Library(column) => {
                for writer in column.leaves {
                    writer.close()?.append_to_row_group(output)?;
                }
                Ok(())
            }
        }
    }
}

/// Rows of an array as an array of their own.
fn taken(array: &ArrayRef, rows: Rows<'_>) -> Result<ArrayRef, ParquetError> {
    match rows {
        Rows::Run { start, num_rows } => Ok(array.slice(start, num_rows)),
        Rows::Listed(rows) => Ok(take(array, &UInt32Array::from(rows.to_vec()), None)?),
    }
}

//! Turns batches into one Parquet file in a store, staged: written, listed nowhere, and so not visible.

use super::encoding::{Compression, writer_properties};
use super::statistics::delta_statistics;
use super::{StagedFile, WriteError};
use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use bytes::Bytes;
use object_store::ObjectStore;
use object_store::buffered::BufWriter;
use object_store::path::Path;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use std::sync::Arc;
use tokio::io::AsyncWriteExt;

/// Bytes of one part of an upload. Files below it are one request; S3 allows 10,000 parts, so 80 GB a file.
const PART_BYTES: usize = 8 * 1024 * 1024;

/// Rows gathered before they are encoded: below it the fixed cost of a batch in the encoder outweighs a copy.
const MIN_ENCODE_ROWS: usize = 4_096;

/// Written into every file's footer.
const CREATED_BY: &str = concat!("bucketload version ", env!("CARGO_PKG_VERSION"));

/// One open file.
pub(super) struct FileWriter {
    encoder: Option<ArrowWriter<Vec<u8>>>,
    upload: BufWriter,
    path: Path,
    compression: Compression,
    /// Small batches that wait to be encoded together.
    waiting: Vec<RecordBatch>,
    num_waiting_rows: usize,
    waiting_bytes: usize,
    size_bytes: u64,
}

impl FileWriter {
    /// Opens a file at `path`. Nothing is requested before the first part is full.
    pub(super) fn new(store: Arc<dyn ObjectStore>, path: Path, compression: Compression) -> FileWriter {
        FileWriter {
            encoder: None,
            upload: BufWriter::with_capacity(store, path.clone(), PART_BYTES),
            path,
            compression,
            waiting: Vec::new(),
            num_waiting_rows: 0,
            waiting_bytes: 0,
            size_bytes: 0,
        }
    }

    /// Bytes held in memory: rows that wait, pages of the open row group, and finished row groups that are not a part yet.
    pub(super) fn held_bytes(&self) -> usize {
        let encoder = self.encoder.as_ref();
        self.waiting_bytes + encoder.map_or(0, |encoder| encoder.memory_size() + encoder.inner().len())
    }

    /// Bytes the file has or will have, as far as is known.
    pub(super) fn estimated_bytes(&self) -> u64 {
        let encoded = self
            .encoder
            .as_ref()
            .map_or(0, |encoder| encoder.inner().len() + encoder.in_progress_size());
        self.size_bytes + encoded as u64
    }

    /// Appends rows.
    ///
    /// **Errors**: the store refused bytes, or the encoder refused the batch; the file must be given up then.
    pub(super) async fn write(&mut self, batch: RecordBatch) -> Result<(), WriteError> {
        self.num_waiting_rows += batch.num_rows();
        self.waiting_bytes += batch.get_array_memory_size();
        self.waiting.push(batch);
        if self.num_waiting_rows >= MIN_ENCODE_ROWS {
            self.encode_waiting()?;
            self.send().await?;
        }
        Ok(())
    }

    /// Ends the open row group, so that its memory becomes free.
    pub(super) async fn flush(&mut self) -> Result<(), WriteError> {
        self.encode_waiting()?;
        if let Some(encoder) = &mut self.encoder {
            encoder.flush().map_err(WriteError::Encode)?;
        }
        self.send().await
    }

    /// Completes the file.
    ///
    /// **Shape**: `None` if no row was written; then there is no file either.
    pub(super) async fn finish(
        mut self,
        partition_values: Vec<(String, String)>,
        time_column: Option<&str>,
    ) -> Result<Option<StagedFile>, WriteError> {
        self.encode_waiting()?;
        let Some(mut encoder) = self.encoder.take() else {
            return Ok(None);
        };
        let metadata = encoder.finish().map_err(WriteError::Encode)?;
        let rest = std::mem::take(encoder.inner_mut());
        self.size_bytes += rest.len() as u64;
        self.put(rest).await?;
        self.upload
            .shutdown()
            .await
            .map_err(|source| self.store_error(source))?;
        Ok(Some(StagedFile {
            path: self.path.to_string(),
            partition_values,
            num_rows: u64::try_from(metadata.file_metadata().num_rows()).unwrap_or_default(),
            size_bytes: self.size_bytes,
            statistics: delta_statistics(&metadata, time_column),
        }))
    }

    /// Gives the file up; a multipart upload under way is aborted.
    pub(super) async fn abort(mut self) {
        if let Err(error) = self.upload.abort().await {
            tracing::debug!(path = %self.path, %error, "an upload could not be aborted");
        }
    }

    fn encode_waiting(&mut self) -> Result<(), WriteError> {
        let Some(first) = self.waiting.first() else {
            return Ok(());
        };
        let batch = match self.waiting.len() {
            1 => first.clone(),
            _ => concat_batches(&first.schema(), &self.waiting).map_err(WriteError::Batch)?,
        };
        self.waiting.clear();
        self.num_waiting_rows = 0;
        self.waiting_bytes = 0;
        let encoder = match &mut self.encoder {
            Some(encoder) => encoder,
            None => {
                let options =
                    ArrowWriterOptions::new().with_properties(writer_properties(&batch, self.compression, CREATED_BY));
                let encoder = ArrowWriter::try_new_with_options(Vec::new(), batch.schema(), options)
                    .map_err(WriteError::Encode)?;
                self.encoder.insert(encoder)
            }
        };
        encoder.write(&batch).map_err(WriteError::Encode)
    }

    /// Sends what the encoder has finished.
    async fn send(&mut self) -> Result<(), WriteError> {
        let Some(encoder) = &mut self.encoder else {
            return Ok(());
        };
        // Only whole row groups are in the encoder's buffer; before the first is done there is nothing to send but the magic.
        if encoder.inner().len() < PART_BYTES {
            return Ok(());
        }
        let bytes = std::mem::take(encoder.inner_mut());
        self.size_bytes += bytes.len() as u64;
        self.put(bytes).await
    }

    async fn put(&mut self, bytes: Vec<u8>) -> Result<(), WriteError> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.upload
            .put(Bytes::from(bytes))
            .await
            .map_err(|source| WriteError::Store {
                path: self.path.to_string(),
                source: Box::new(source),
            })
    }

    fn store_error(&self, source: std::io::Error) -> WriteError {
        WriteError::Store {
            path: self.path.to_string(),
            source: Box::new(source),
        }
    }
}

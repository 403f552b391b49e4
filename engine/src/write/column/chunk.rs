//! The finished pages of a column chunk and what the footer says of them.

use super::bounds::BoundBytes;
use super::page::{PageCompressor, PageKind};
use super::values::ClosedPage;
use crate::write::encoding::Compression;
use crate::write::scratch::ScratchStream;
use bytes::Bytes;
use parquet::basic::{BoundaryOrder, Encoding, PageType, Type};
use parquet::column::writer::ColumnCloseResult;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ColumnIndexBuilder, OffsetIndexBuilder, PageEncodingStats};
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::statistics::{Statistics, ValueStatistics};
use parquet::file::writer::SerializedRowGroupWriter;
use parquet::schema::types::ColumnDescPtr;
use std::io::{Cursor, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// A column chunk that grows page by page.
pub(super) struct Chunk {
    descriptor: ColumnDescPtr,
    pages: Vec<Page>,
    column_index: ColumnIndexBuilder,
    /// Chosen with the first page, since a chunk has one compression.
    compression: Option<Compression>,
    num_bytes: usize,
    /// Those of them that are in memory.
    num_held_bytes: usize,
    num_plain_bytes: usize,
    num_rows: usize,
    num_nulls: usize,
}

/// A page as it will stand in the file.
struct Page {
    place: PagePlace,
    num_bytes: usize,
    num_rows: usize,
    encoding: Encoding,
}

/// Where the bytes of a page are until they go into the file.
enum PagePlace {
    Memory(Bytes),
    /// In the scratch stream of the row group.
    Scratch {
        offset: u64,
        num_bytes: usize,
    },
}

impl Chunk {
    pub(super) fn new(descriptor: ColumnDescPtr) -> Chunk {
        Chunk {
            column_index: ColumnIndexBuilder::new(descriptor.physical_type()),
            descriptor,
            compression: None,
            pages: Vec::new(),
            num_bytes: 0,
            num_held_bytes: 0,
            num_plain_bytes: 0,
            num_rows: 0,
            num_nulls: 0,
        }
    }

    /// Bytes of the pages.
    pub(super) fn num_bytes(&self) -> usize {
        self.num_bytes
    }

    /// Bytes of the pages that are in memory.
    pub(super) fn held_bytes(&self) -> usize {
        self.num_held_bytes
    }

    /// Moves the pages that are in memory to `scratch`.
    pub(super) fn set_aside(&mut self, scratch: &mut ScratchStream) -> std::io::Result<()> {
        for page in &mut self.pages {
            if let PagePlace::Memory(bytes) = &page.place {
                let offset = scratch.append(bytes)?;
                page.place = PagePlace::Scratch {
                    offset,
                    num_bytes: page.num_bytes,
                };
            }
        }
        self.num_held_bytes = 0;
        Ok(())
    }

    /// Adds the page whose body `compressor` has.
    pub(super) fn add_page(
        &mut self,
        closed: ClosedPage,
        num_rows: usize,
        num_nulls: usize,
        compressor: &mut PageCompressor,
    ) -> Result<(), ParquetError> {
        let compression = match self.compression {
            Some(compression) => compression,
            None if !closed.is_doubtful || compressor.is_worth_it()? => compressor.compression(),
            None => Compression::None,
        };
        self.compression = Some(compression);
        let (bytes, num_plain_bytes) = compressor.page(&PageKind::Data, num_rows, closed.encoding, compression)?;
        self.num_bytes += bytes.len();
        self.num_held_bytes += bytes.len();
        self.num_plain_bytes += num_plain_bytes;
        self.num_rows += num_rows;
        self.num_nulls += num_nulls;
        self.pages.push(Page {
            num_bytes: bytes.len(),
            place: PagePlace::Memory(Bytes::from(bytes)),
            num_rows,
            encoding: closed.encoding,
        });
        let null_count = num_nulls as i64;
        match closed.bounds {
            Some(bounds) => self
                .column_index
                .append(false, bounds.minimum, bounds.maximum, null_count),
            None if num_nulls == num_rows => self.column_index.append(true, Vec::new(), Vec::new(), null_count),
            // A page of nothing but NaN has values and no bounds; an index cannot say that.
            None => self.column_index.to_invalid(),
        }
        Ok(())
    }

    /// Ends the chunk, with the dictionary that its pages refer to.
    pub(super) fn finish(
        mut self,
        dictionary: Option<(&[u8], usize)>,
        bounds: Option<BoundBytes>,
        page_order: BoundaryOrder,
        compressor: &mut PageCompressor,
    ) -> Result<EncodedColumn, ParquetError> {
        let mut pages = Vec::with_capacity(self.pages.len() + 1);
        let mut encoding_stats = Vec::new();
        let mut dictionary_length = None;
        let compression = self.compression.unwrap_or(compressor.compression());
        if let Some((entries, num_values)) = dictionary {
            compressor.begin_body().extend_from_slice(entries);
            let (bytes, num_plain_bytes) =
                compressor.page(&PageKind::Dictionary, num_values, Encoding::PLAIN, compression)?;
            self.num_bytes += bytes.len();
            self.num_plain_bytes += num_plain_bytes;
            dictionary_length = Some(bytes.len());
            pages.push(PagePlace::Memory(Bytes::from(bytes)));
            encoding_stats.push(PageEncodingStats {
                page_type: PageType::DICTIONARY_PAGE,
                encoding: Encoding::PLAIN,
                count: 1,
            });
        }
        let mut encodings = vec![Encoding::RLE, Encoding::PLAIN];
        for encoding in [Encoding::RLE_DICTIONARY, Encoding::DELTA_BINARY_PACKED, Encoding::PLAIN] {
            let count = self.pages.iter().filter(|page| page.encoding == encoding).count();
            if count > 0 {
                encoding_stats.push(PageEncodingStats {
                    page_type: PageType::DATA_PAGE,
                    encoding,
                    count: i32::try_from(count).unwrap_or(i32::MAX),
                });
                if encoding != Encoding::PLAIN {
                    encodings.push(encoding);
                }
            }
        }

        let mut offset_index = OffsetIndexBuilder::new();
        let mut offset = dictionary_length.unwrap_or(0);
        for page in self.pages {
            let length = i32::try_from(page.num_bytes)
                .map_err(|_| ParquetError::General("a page of more than 2 GiB".to_owned()))?;
            offset_index.append_offset_and_size(offset as i64, length);
            offset_index.append_row_count(page.num_rows as i64);
            offset += page.num_bytes;
            pages.push(page.place);
        }
        self.column_index.set_boundary_order(page_order);

        let metadata = ColumnChunkMetaData::builder(self.descriptor.clone())
            .set_compression_codec(compression.codec())
            .set_encodings(encodings)
            .set_page_encoding_stats(encoding_stats)
            .set_num_values(self.num_rows as i64)
            .set_total_compressed_size(self.num_bytes as i64)
            .set_total_uncompressed_size(self.num_plain_bytes as i64)
            .set_dictionary_page_offset(dictionary_length.map(|_| 0))
            .set_data_page_offset(dictionary_length.unwrap_or(0) as i64)
            .set_statistics(statistics(
                self.descriptor.physical_type(),
                bounds,
                self.num_nulls as u64,
            ))
            .build()?;
        let column_index = match self.column_index.valid() {
            true => Some(self.column_index.build()?),
            false => None,
        };
        Ok(EncodedColumn {
            close: ColumnCloseResult {
                bytes_written: self.num_bytes as u64,
                rows_written: self.num_rows as u64,
                metadata,
                bloom_filter: None,
                column_index,
                offset_index: Some(offset_index.build()),
            },
            pages,
        })
    }
}

/// The statistics of a chunk with these bounds.
fn statistics(physical_type: Type, bounds: Option<BoundBytes>, null_count: u64) -> Statistics {
    let Some(bounds) = bounds else {
        return match physical_type {
            Type::BOOLEAN => Statistics::boolean(None, None, None, Some(null_count), false),
            Type::INT64 => Statistics::int64(None, None, None, Some(null_count), false),
            Type::DOUBLE => Statistics::double(None, None, None, Some(null_count), false),
            _ => Statistics::byte_array(None, None, None, Some(null_count), false),
        };
    };
    let eight = |bytes: &[u8]| *bytes.first_chunk::<8>().expect("a bound of a number has eight bytes");
    let null_count = Some(null_count);
    match physical_type {
        Type::BOOLEAN => Statistics::boolean(
            Some(bounds.minimum == [1]),
            Some(bounds.maximum == [1]),
            None,
            null_count,
            false,
        ),
        Type::INT64 => Statistics::int64(
            Some(i64::from_le_bytes(eight(&bounds.minimum))),
            Some(i64::from_le_bytes(eight(&bounds.maximum))),
            None,
            null_count,
            false,
        ),
        Type::DOUBLE => Statistics::double(
            Some(f64::from_le_bytes(eight(&bounds.minimum))),
            Some(f64::from_le_bytes(eight(&bounds.maximum))),
            None,
            null_count,
            false,
        ),
        _ => Statistics::ByteArray(
            ValueStatistics::new(
                Some(ByteArray::from(bounds.minimum)),
                Some(ByteArray::from(bounds.maximum)),
                None,
                null_count,
                false,
            )
            .with_min_is_exact(bounds.is_minimum_exact)
            .with_max_is_exact(bounds.is_maximum_exact),
        ),
    }
}

/// A column chunk, ready to become part of a file.
pub struct EncodedColumn {
    pages: Vec<PagePlace>,
    close: ColumnCloseResult,
}

impl EncodedColumn {
    /// Bytes of the chunk in the file.
    pub fn num_bytes(&self) -> u64 {
        self.close.bytes_written
    }

    /// Appends the chunk to an open row group. `scratch` has the pages that were set aside.
    pub(in crate::write) fn append_to<W: Write + Send>(
        self,
        row_group: &mut SerializedRowGroupWriter<'_, W>,
        scratch: Option<&Arc<ScratchStream>>,
    ) -> Result<(), ParquetError> {
        let pages = Pages {
            num_bytes: self.close.bytes_written,
            pages: Mutex::new(self.pages),
            scratch: scratch.cloned(),
        };
        row_group.append_column(&pages, self.close)
    }
}

/// Pages as one run of bytes, as the file writer wants to read them: once, from the first byte to the last.
struct Pages {
    num_bytes: u64,
    /// Empty once a reader has them, which frees each page as soon as it is read.
    pages: Mutex<Vec<PagePlace>>,
    scratch: Option<Arc<ScratchStream>>,
}

impl Length for Pages {
    fn len(&self) -> u64 {
        self.num_bytes
    }
}

impl ChunkReader for Pages {
    type T = PagesReader;

    fn get_read(&self, start: u64) -> Result<PagesReader, ParquetError> {
        let pages = std::mem::take(&mut *self.pages.lock().unwrap_or_else(PoisonError::into_inner));
        if start != 0 || pages.is_empty() {
            return Err(ParquetError::General(
                "pages can be read once, from the first on".to_owned(),
            ));
        }
        Ok(PagesReader {
            pages: pages.into_iter(),
            scratch: self.scratch.clone(),
            current: Cursor::new(Bytes::new()),
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let mut bytes = vec![0; length];
        self.get_read(start)?.read_exact(&mut bytes)?;
        Ok(Bytes::from(bytes))
    }
}

/// Reads page after page.
struct PagesReader {
    pages: std::vec::IntoIter<PagePlace>,
    scratch: Option<Arc<ScratchStream>>,
    current: Cursor<Bytes>,
}

impl Read for PagesReader {
    fn read(&mut self, output: &mut [u8]) -> std::io::Result<usize> {
        loop {
            let num_bytes = self.current.read(output)?;
            if num_bytes > 0 || output.is_empty() {
                return Ok(num_bytes);
            }
            let page = match (self.pages.next(), &self.scratch) {
                (None, _) => return Ok(0),
                (Some(PagePlace::Memory(bytes)), _) => bytes,
                (Some(PagePlace::Scratch { offset, num_bytes }), Some(scratch)) => {
                    let mut bytes = vec![0; num_bytes];
                    scratch.read(offset, &mut bytes)?;
                    Bytes::from(bytes)
                }
                (Some(PagePlace::Scratch { .. }), None) => {
                    return Err(std::io::Error::other("pages were set aside and are not at hand"));
                }
            };
            self.current = Cursor::new(page);
        }
    }
}

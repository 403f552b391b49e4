//! A page as it stands in the file: a header and a compressed body.
//!
//! **Source**: `parquet.thrift`, `PageHeader`; Thrift compact protocol.

use super::snappy::{self, Snappy};
use crate::write::encoding::Compression;
use parquet::basic::Encoding;
use parquet::errors::ParquetError;

/// What a page holds.
pub(super) enum PageKind {
    /// Values of a number of rows, nulls included.
    Data,
    /// The values that data pages refer to.
    Dictionary,
}

/// A column is stored without compression if that would save less than one in so many bytes: digests and random identifiers.
const MIN_SAVED_SHARE: usize = 8;

/// Compresses bodies and writes headers. The room for both is kept from page to page; all columns of all open files of a
/// writer share one.
pub struct PageCompressor {
    compression: Compression,
    body: Vec<u8>,
    compressed: Vec<u8>,
    /// Bytes of `compressed` that are those of the body, once it was compressed.
    num_compressed_bytes: Option<usize>,
    snappy: Snappy,
    zstd: Option<zstd::bulk::Compressor<'static>>,
}

impl PageCompressor {
    /// A compressor for pages of a file with this compression.
    ///
    /// **Errors**: zstd has no room for its tables.
    pub fn new(compression: Compression) -> Result<PageCompressor, ParquetError> {
        let zstd = match compression {
            Compression::Zstd { level } => Some(zstd::bulk::Compressor::new(level).map_err(failed)?),
            _ => None,
        };
        Ok(PageCompressor {
            compression,
            body: Vec::new(),
            compressed: Vec::new(),
            num_compressed_bytes: None,
            snappy: Snappy::new(),
            zstd,
        })
    }

    /// What pages are compressed with where that makes them smaller.
    pub(super) fn compression(&self) -> Compression {
        self.compression
    }

    /// Whether compression makes the body that was written into [`begin_body`](Self::begin_body) smaller by enough to be worth the
    /// time of its readers.
    pub(super) fn is_worth_it(&mut self) -> Result<bool, ParquetError> {
        let num_body_bytes = self.body.len();
        let num_compressed_bytes = self.compress(self.compression)?.len();
        Ok(num_compressed_bytes + num_body_bytes / MIN_SAVED_SHARE < num_body_bytes)
    }

    /// Room for the body of the next page, empty.
    pub(super) fn begin_body(&mut self) -> &mut Vec<u8> {
        self.body.clear();
        self.num_compressed_bytes = None;
        &mut self.body
    }

    /// The page of the body that was written into [`begin_body`](Self::begin_body), and its size before compression, with the
    /// header in both.
    pub(super) fn page(
        &mut self,
        kind: &PageKind,
        num_values: usize,
        encoding: Encoding,
        compression: Compression,
    ) -> Result<(Box<[u8]>, usize), ParquetError> {
        let num_body_bytes = self.body.len();
        let stored = self.compress(compression)?;
        let header = header(kind, num_values, encoding, num_body_bytes, stored.len())?;
        let mut page = Vec::with_capacity(header.len() + stored.len());
        page.extend_from_slice(&header);
        page.extend_from_slice(stored);
        Ok((page.into_boxed_slice(), header.len() + num_body_bytes))
    }

    /// The body as it is stored, with the compression of all pages or with none.
    fn compress(&mut self, compression: Compression) -> Result<&[u8], ParquetError> {
        if let (Some(num_bytes), true) = (self.num_compressed_bytes, compression == self.compression) {
            return Ok(&self.compressed[..num_bytes]);
        }
        let num_body_bytes = self.body.len();
        let limit = match compression {
            Compression::None => return Ok(&self.body),
            Compression::Snappy => snappy::max_compressed_bytes(num_body_bytes),
            Compression::Lz4 => lz4_flex::block::get_maximum_output_size(num_body_bytes),
            Compression::Zstd { .. } => zstd::zstd_safe::compress_bound(num_body_bytes),
        };
        // Never shortened, so that its bytes are zeroed once and not for every page.
        if self.compressed.len() < limit {
            self.compressed.resize(limit, 0);
        }
        let num_bytes = match (compression, &mut self.zstd) {
            (Compression::Lz4, _) => {
                lz4_flex::block::compress_into(&self.body, &mut self.compressed).map_err(failed)?
            }
            (Compression::Zstd { .. }, Some(zstd)) => zstd
                .compress_to_buffer(&self.body, &mut self.compressed)
                .map_err(failed)?,
            _ => self.snappy.compress(&self.body, &mut self.compressed),
        };
        self.num_compressed_bytes = Some(num_bytes);
        Ok(&self.compressed[..num_bytes])
    }
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> ParquetError {
    ParquetError::External(Box::new(error))
}

/// The bytes of a `PageHeader`.
///
/// **Errors**: a page of more than 2 GiB, which the format cannot hold.
fn header(
    kind: &PageKind,
    num_values: usize,
    encoding: Encoding,
    num_plain_bytes: usize,
    num_stored_bytes: usize,
) -> Result<Vec<u8>, ParquetError> {
    let fits = |number: usize| {
        i32::try_from(number).map_err(|_| ParquetError::General(format!("a page of {number} bytes is too large")))
    };
    let mut header = StructWriter::default();
    header.i32(
        1,
        match kind {
            PageKind::Data => 0,
            PageKind::Dictionary => 2,
        },
    );
    header.i32(2, fits(num_plain_bytes)?);
    header.i32(3, fits(num_stored_bytes)?);
    match kind {
        PageKind::Data => {
            header.begin_struct(5);
            header.i32(1, fits(num_values)?);
            header.i32(2, encoding as i32);
            header.i32(3, Encoding::RLE as i32);
            header.i32(4, Encoding::RLE as i32);
        }
        PageKind::Dictionary => {
            header.begin_struct(7);
            header.i32(1, fits(num_values)?);
            header.i32(2, encoding as i32);
        }
    }
    header.end_struct();
    header.end_struct();
    Ok(header.bytes)
}

/// Writes the few parts of the Thrift compact protocol that a page header has.
#[derive(Default)]
struct StructWriter {
    bytes: Vec<u8>,
    last_field: u8,
}

const TYPE_I32: u8 = 5;
const TYPE_STRUCT: u8 = 12;

impl StructWriter {
    fn i32(&mut self, field: u8, number: i32) {
        self.field(field, TYPE_I32);
        let zigzag = ((number << 1) ^ (number >> 31)) as u32;
        write_varint(u64::from(zigzag), &mut self.bytes);
    }

    fn begin_struct(&mut self, field: u8) {
        self.field(field, TYPE_STRUCT);
        // No field follows an inner struct, so the number of the outer field need not be kept.
        self.last_field = 0;
    }

    fn end_struct(&mut self) {
        self.bytes.push(0);
    }

    fn field(&mut self, field: u8, field_type: u8) {
        self.bytes.push((field - self.last_field) << 4 | field_type);
        self.last_field = field;
    }
}

/// Appends a number in the base-128 form that Thrift and the hybrid encoding share.
pub(super) fn write_varint(mut number: u64, output: &mut Vec<u8>) {
    while number >= 0x80 {
        output.push(number as u8 | 0x80);
        number >>= 7;
    }
    output.push(number as u8);
}

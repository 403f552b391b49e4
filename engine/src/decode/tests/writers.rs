//! Writes small files of every format.

use std::io::Write;

pub(super) fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

/// A member with every optional field, and a header checksum that is right or not.
pub(super) fn gzip_with_all_fields(data: &[u8], is_checksum_right: bool) -> Vec<u8> {
    let mut bytes = vec![0x1f, 0x8b, 8, 0b0001_1110, 1, 2, 3, 4, 0, 3];
    bytes.extend(b"\x05\0extra");
    bytes.extend(b"name.csv\0");
    bytes.extend(b"a comment\0");
    let checksum = crc32fast::hash(&bytes) as u16 ^ u16::from(!is_checksum_right);
    bytes.extend(checksum.to_le_bytes());
    bytes.extend(deflate(data));
    bytes.extend(crc32fast::hash(data).to_le_bytes());
    bytes.extend((data.len() as u32).to_le_bytes());
    bytes
}

pub(super) fn deflate(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn zlib(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn bzip2(data: &[u8]) -> Vec<u8> {
    let mut encoder = ::bzip2::write::BzEncoder::new(Vec::new(), ::bzip2::Compression::new(1));
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

/// One stream with the check that `xz` writes.
pub(super) fn xz(data: &[u8]) -> Vec<u8> {
    let mut encoder = ::liblzma::write::XzEncoder::new(Vec::new(), 1);
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

/// One frame with a checksum.
pub(super) fn zstd(data: &[u8]) -> Vec<u8> {
    let mut encoder = ::zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn zstd_skippable(data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x53, 0x2a, 0x4d, 0x18];
    bytes.extend((data.len() as u32).to_le_bytes());
    bytes.extend(data);
    bytes
}

/// What stands behind an entry's data.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Descriptor {
    None,
    Signed,
    Unsigned,
    Signed64,
    Unsigned64,
}

/// An entry of a zip archive, described field by field so that a test can make one of them wrong.
#[derive(Clone)]
pub(super) struct ZipEntry {
    pub(super) name: Vec<u8>,
    pub(super) flags: u16,
    pub(super) method: u16,
    pub(super) body: Vec<u8>,
    pub(super) crc: u32,
    pub(super) size: u64,
    pub(super) compressed_size: u64,
    pub(super) descriptor: Descriptor,
    pub(super) is_zip64: bool,
    pub(super) extra: Vec<u8>,
}

pub(super) fn zip_entry(name: &str, method: u16, data: &[u8]) -> ZipEntry {
    let body = match method {
        8 => deflate(data),
        12 => bzip2(data),
        93 => zstd(data),
        _ => data.to_vec(),
    };
    ZipEntry {
        name: name.as_bytes().to_vec(),
        flags: 0,
        method,
        crc: crc32fast::hash(data),
        size: data.len() as u64,
        compressed_size: body.len() as u64,
        body,
        descriptor: Descriptor::None,
        is_zip64: false,
        extra: Vec::new(),
    }
}

impl ZipEntry {
    pub(super) fn with_descriptor(mut self, descriptor: Descriptor) -> Self {
        self.descriptor = descriptor;
        self
    }

    fn header_fields(&self, is_local: bool) -> Vec<u8> {
        let has_descriptor = self.descriptor != Descriptor::None;
        let is_blank = is_local && has_descriptor;
        let (crc, compressed_size, size) = if is_blank {
            (0, 0, 0)
        } else {
            (self.crc, self.compressed_size, self.size)
        };
        let mut extra = self.extra.clone();
        let mut bytes = Vec::new();
        bytes.extend(20_u16.to_le_bytes());
        bytes.extend((self.flags | u16::from(has_descriptor) << 3).to_le_bytes());
        bytes.extend(self.method.to_le_bytes());
        bytes.extend([0; 4]);
        bytes.extend(crc.to_le_bytes());
        if self.is_zip64 {
            bytes.extend([0xff; 8]);
            extra.extend(b"\x01\0\x10\0");
            extra.extend(size.to_le_bytes());
            extra.extend(compressed_size.to_le_bytes());
        } else {
            bytes.extend((compressed_size as u32).to_le_bytes());
            bytes.extend((size as u32).to_le_bytes());
        }
        bytes.extend((self.name.len() as u16).to_le_bytes());
        bytes.extend((extra.len() as u16).to_le_bytes());
        if !is_local {
            bytes.extend([0; 14]);
        }
        bytes.extend(&self.name);
        bytes.extend(extra);
        bytes
    }

    pub(super) fn local_bytes(&self) -> Vec<u8> {
        let mut bytes = b"PK\x03\x04".to_vec();
        bytes.extend(self.header_fields(true));
        bytes.extend(&self.body);
        let (is_signed, is_long) = match self.descriptor {
            Descriptor::None => return bytes,
            Descriptor::Signed => (true, false),
            Descriptor::Unsigned => (false, false),
            Descriptor::Signed64 => (true, true),
            Descriptor::Unsigned64 => (false, true),
        };
        if is_signed {
            bytes.extend(b"PK\x07\x08");
        }
        bytes.extend(self.crc.to_le_bytes());
        for size in [self.compressed_size, self.size] {
            bytes.extend(&size.to_le_bytes()[..if is_long { 8 } else { 4 }]);
        }
        bytes
    }

    pub(super) fn central_bytes(&self) -> Vec<u8> {
        let mut bytes = b"PK\x01\x02\x14\0".to_vec();
        bytes.extend(self.header_fields(false));
        bytes
    }
}

pub(super) fn zip(entries: &[ZipEntry]) -> Vec<u8> {
    zip_with_end(entries, entries.len() as u16, b"", false)
}

pub(super) fn zip_with_end(entries: &[ZipEntry], declared: u16, comment: &[u8], is_zip64: bool) -> Vec<u8> {
    let mut bytes: Vec<u8> = entries.iter().flat_map(ZipEntry::local_bytes).collect();
    bytes.extend(entries.iter().flat_map(ZipEntry::central_bytes));
    if is_zip64 {
        bytes.extend(b"PK\x06\x06");
        bytes.extend(44_u64.to_le_bytes());
        bytes.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend((entries.len() as u64).to_le_bytes());
        bytes.extend((entries.len() as u64).to_le_bytes());
        bytes.extend([0; 16]);
        bytes.extend(b"PK\x06\x07");
        bytes.extend([0; 16]);
    }
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    bytes.extend(declared.to_le_bytes());
    bytes.extend(declared.to_le_bytes());
    bytes.extend([0; 8]);
    bytes.extend((comment.len() as u16).to_le_bytes());
    bytes.extend(comment);
    bytes
}

/// The flavour of a tar header.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Flavour {
    Ustar,
    Gnu,
    /// Before POSIX: no magic.
    V7,
}

/// A header block and its entry's blocks.
pub(super) fn tar_entry(flavour: Flavour, type_flag: u8, name: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = tar_header(flavour, type_flag, name, data.len() as u64).to_vec();
    bytes.extend(data);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

pub(super) fn tar_header(flavour: Flavour, type_flag: u8, name: &str, size: u64) -> [u8; 512] {
    let mut block = [0; 512];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[100..108].copy_from_slice(b"0000644\0");
    block[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
    block[136..148].copy_from_slice(b"14545001646\0");
    block[156] = type_flag;
    match flavour {
        Flavour::Ustar => block[257..265].copy_from_slice(b"ustar\x0000"),
        Flavour::Gnu => block[257..265].copy_from_slice(b"ustar  \0"),
        Flavour::V7 => {}
    }
    set_tar_checksum(&mut block);
    block
}

pub(super) fn set_tar_checksum(block: &mut [u8; 512]) {
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

pub(super) fn pax_record(key: &str, value: &str) -> Vec<u8> {
    let rest = format!(" {key}={value}\n");
    let mut length = rest.len() + 1;
    while format!("{length}{rest}").len() != length {
        length += 1;
    }
    format!("{length}{rest}").into_bytes()
}

/// Entries and the end mark.
pub(super) fn tar(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = entries.concat();
    bytes.extend([0; 1024]);
    bytes
}

/// Text that compresses like text.
pub(super) fn csv(num_rows: usize) -> Vec<u8> {
    let mut state = 12345_u32;
    let mut bytes = b"id,time,name,value\n".to_vec();
    for row in 0..num_rows {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (name, value) = (state >> 20, state % 1000);
        bytes.extend(format!("{row},2024-01-02T03:04:05.{value:03}Z,name-{name:x},{value}\n").bytes());
    }
    bytes
}

//! Turns the records of a zip archive into what they say.
//!
//! **Source**: PKWARE APPNOTE 6.3.10, sections 4.3 (records), 4.4 (fields), 4.5 (extra fields).

use super::super::codec::Fault;
use super::name::decode_name;

/// An entry begins.
pub(super) const LOCAL_HEADER: u32 = 0x0403_4b50;
/// Stands before a data descriptor, as a rule.
pub(super) const DESCRIPTOR: u32 = 0x0807_4b50;
/// An entry of the directory at the archive's end.
pub(super) const CENTRAL_HEADER: u32 = 0x0201_4b50;
/// A signature over the directory.
pub(super) const DIGITAL_SIGNATURE: u32 = 0x0505_4b50;
/// Says how the directory is encrypted.
pub(super) const ARCHIVE_EXTRA_DATA: u32 = 0x0806_4b50;
/// The end of the directory with large numbers.
pub(super) const ZIP64_END: u32 = 0x0606_4b50;
/// Says where that is.
pub(super) const ZIP64_LOCATOR: u32 = 0x0706_4b50;
/// The archive ends.
pub(super) const END: u32 = 0x0605_4b50;

/// Bytes of a local header before name and extra fields.
pub(super) const LOCAL_HEADER_BYTES: usize = 30;

/// Bytes of a header of the directory before name, extra fields and comment.
pub(super) const CENTRAL_HEADER_BYTES: usize = 46;

/// The longest data descriptor: signature, checksum, two sizes of eight bytes.
pub(super) const MAX_DESCRIPTOR_BYTES: usize = 24;

const FLAG_ENCRYPTED: u16 = 1;
const FLAG_DESCRIPTOR: u16 = 1 << 3;
const FLAG_PATCHED: u16 = 1 << 5;
const FLAG_UTF8: u16 = 1 << 11;
const FLAG_MASKED: u16 = 1 << 13;

const EXTRA_ZIP64: u16 = 0x0001;
/// Info-ZIP's name in UTF-8, with the checksum of the name that it replaces.
const EXTRA_UNICODE_PATH: u16 = 0x7075;

/// How an entry is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Stored,
    Deflate,
    Bzip2,
    Zstd,
}

/// A local header.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    /// Or why it cannot be read.
    pub(super) method: Result<Method, String>,
    /// Checksum and sizes follow the data.
    pub(super) has_descriptor: bool,
    pub(super) crc: u32,
    pub(super) compressed_size: u64,
    pub(super) size: u64,
}

impl Entry {
    /// Reads a whole local header, name and extra fields included.
    pub(super) fn parse(record: &[u8]) -> Result<Entry, Fault> {
        let flags = u16_at(record, 6);
        let (name_bytes, extra) = record[LOCAL_HEADER_BYTES..].split_at(usize::from(u16_at(record, 26)));
        let mut entry = Entry {
            name: entry_name(name_bytes, flags, extra),
            method: method(flags, u16_at(record, 8)),
            has_descriptor: flags & FLAG_DESCRIPTOR != 0,
            crc: u32_at(record, 14),
            compressed_size: u64::from(u32_at(record, 18)),
            size: u64::from(u32_at(record, 22)),
        };
        entry.read_zip64(extra)?;
        Ok(entry)
    }

    fn read_zip64(&mut self, extra: &[u8]) -> Result<(), Fault> {
        const IN_ZIP64: u64 = u32::MAX as u64;
        for (_, field) in extra_fields(extra).filter(|(id, _)| *id == EXTRA_ZIP64) {
            let mut numbers = field.chunks_exact(8).map(|number| u64_at(number, 0));
            for size in [&mut self.size, &mut self.compressed_size] {
                if *size == IN_ZIP64 {
                    *size = numbers
                        .next()
                        .ok_or_else(|| Fault::Corrupt(format!("zip64 field of entry `{}` is too short", self.name)))?;
                }
            }
        }
        Ok(())
    }
}

/// The name that a header of the directory gives its entry; `record` is the whole header.
pub(super) fn listed_name(record: &[u8]) -> String {
    let (name_bytes, rest) = record[CENTRAL_HEADER_BYTES..].split_at(usize::from(u16_at(record, 28)));
    let extra = &rest[..usize::from(u16_at(record, 30))];
    entry_name(name_bytes, u16_at(record, 8), extra)
}

/// Whether an entry of this name is a folder.
pub(super) fn is_directory(name: &str) -> bool {
    name.ends_with('/')
}

fn entry_name(name_bytes: &[u8], flags: u16, extra: &[u8]) -> String {
    for (_, field) in extra_fields(extra).filter(|(id, _)| *id == EXTRA_UNICODE_PATH) {
        let [1, c0, c1, c2, c3, name @ ..] = field else {
            continue;
        };
        if u32::from_le_bytes([*c0, *c1, *c2, *c3]) == crc32fast::hash(name_bytes) {
            return String::from_utf8_lossy(name).into_owned();
        }
    }
    decode_name(name_bytes, flags & FLAG_UTF8 != 0)
}

/// The extra fields, each with its id. What is no whole field at their end is let be: some writers align data with zeros there.
fn extra_fields(mut extra: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let (head, rest) = extra.split_at_checked(4)?;
        let (field, rest) = rest.split_at_checked(usize::from(u16_at(head, 2)))?;
        extra = rest;
        Some((u16_at(head, 0), field))
    })
}

fn method(flags: u16, method: u16) -> Result<Method, String> {
    if flags & (FLAG_ENCRYPTED | FLAG_MASKED) != 0 {
        return Err("encryption".to_owned());
    }
    if flags & FLAG_PATCHED != 0 {
        return Err("patched data".to_owned());
    }
    match method {
        0 => Ok(Method::Stored),
        8 => Ok(Method::Deflate),
        12 => Ok(Method::Bzip2),
        // 20 is what 93 was called for a while.
        20 | 93 => Ok(Method::Zstd),
        1 => Err("compression method `1` (shrink)".to_owned()),
        6 => Err("compression method `6` (implode)".to_owned()),
        9 => Err("compression method `9` (deflate64)".to_owned()),
        14 => Err("compression method `14` (lzma)".to_owned()),
        95 => Err("compression method `95` (xz)".to_owned()),
        98 => Err("compression method `98` (ppmd)".to_owned()),
        99 => Err("encryption".to_owned()),
        other => Err(format!("compression method `{other}`")),
    }
}

/// What an entry turned out to be, to be compared with its data descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Measured {
    pub(super) crc: u32,
    pub(super) compressed_size: u64,
    pub(super) size: u64,
}

/// Says how many of these bytes are a data descriptor of an entry that measured so; `None`: it does not agree with the data.
///
/// The signature may be missing and sizes may have four or eight bytes, and no field says which; so it is the form that agrees
/// with the data and is followed by another record.
pub(super) fn descriptor_bytes(bytes: &[u8; MAX_DESCRIPTOR_BYTES], measured: Measured) -> Option<usize> {
    for (signature_bytes, size_bytes) in [(4, 4), (4, 8), (0, 8), (0, 4)] {
        let length = signature_bytes + 4 + 2 * size_bytes;
        if signature_bytes == 4 && u32_at(bytes, 0) != DESCRIPTOR {
            continue;
        }
        let size_at = |at: usize| {
            if size_bytes == 8 {
                u64_at(bytes, at)
            } else {
                u64::from(u32_at(bytes, at))
            }
        };
        let mask = if size_bytes == 8 { u64::MAX } else { u64::from(u32::MAX) };
        let agrees = u32_at(bytes, signature_bytes) == measured.crc
            && size_at(signature_bytes + 4) == measured.compressed_size & mask
            && size_at(signature_bytes + 4 + size_bytes) == measured.size & mask;
        let next = &bytes[length..];
        if agrees && (next.len() < 2 || next.starts_with(b"PK")) {
            return Some(length);
        }
    }
    None
}

/// Little-endian number; the caller has made sure that it lies within the bytes.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

/// See [`u16_at`].
pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

/// See [`u16_at`].
pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_descriptor(bytes: &[u8], expected: Option<usize>) {
        let mut window = [0; MAX_DESCRIPTOR_BYTES];
        window[..bytes.len()].copy_from_slice(bytes);
        let measured = Measured {
            crc: 0x0403_0201,
            compressed_size: 5,
            size: 7,
        };
        assert_eq!(descriptor_bytes(&window, measured), expected);
    }

    #[test]
    fn every_form_of_descriptor_is_recognised() {
        check_descriptor(
            b"PK\x07\x08\x01\x02\x03\x04\x05\0\0\0\x07\0\0\0PK\x01\x02\0\0\0\0",
            Some(16),
        );
        check_descriptor(
            b"PK\x07\x08\x01\x02\x03\x04\x05\0\0\0\0\0\0\0\x07\0\0\0\0\0\0\0",
            Some(24),
        );
        check_descriptor(
            b"\x01\x02\x03\x04\x05\0\0\0\x07\0\0\0PK\x01\x02\0\0\0\0\0\0\0\0",
            Some(12),
        );
        check_descriptor(
            b"\x01\x02\x03\x04\x05\0\0\0\0\0\0\0\x07\0\0\0\0\0\0\0PK\x01\x02",
            Some(20),
        );
    }

    #[test]
    fn a_descriptor_that_disagrees_is_none() {
        check_descriptor(b"PK\x07\x08\x01\x02\x03\x05\x05\0\0\0\x07\0\0\0PK\x01\x02", None);
        check_descriptor(b"PK\x07\x08\x01\x02\x03\x04\x06\0\0\0\x07\0\0\0PK\x01\x02", None);
        check_descriptor(b"PK\x07\x08\x01\x02\x03\x04\x05\0\0\0\x08\0\0\0PK\x01\x02", None);
        check_descriptor(b"\x01\x02\x03\x04\x05\0\0\0\x07\0\0\0XX\x01\x02", None);
    }

    #[test]
    fn a_descriptor_of_an_empty_entry_is_as_long_as_what_follows_says() {
        let measured = Measured {
            crc: 0,
            compressed_size: 0,
            size: 0,
        };
        let mut window = [0; MAX_DESCRIPTOR_BYTES];
        window[..4].copy_from_slice(b"PK\x07\x08");
        assert_eq!(descriptor_bytes(&window, measured), Some(24));
        window[16..18].copy_from_slice(b"PK");
        assert_eq!(descriptor_bytes(&window, measured), Some(16));
    }
}

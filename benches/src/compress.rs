//! Files in every format that is decoded.

use std::io::Write;

const IN_MEMORY: &str = "memory takes everything";

/// As `gzip -6` does.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    encoder.write_all(bytes).expect(IN_MEMORY);
    encoder.finish().expect(IN_MEMORY)
}

/// As several files made by `gzip -6` and put together with `cat`; services that rotate logs write such files.
pub fn gzip_members(bytes: &[u8], member_bytes: usize) -> Vec<u8> {
    bytes.chunks(member_bytes).flat_map(gzip).collect()
}

/// As `zstd -3` does.
pub fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(bytes, 3).expect(IN_MEMORY)
}

/// As `bzip2 -9` does.
pub fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
    encoder.write_all(bytes).expect(IN_MEMORY);
    encoder.finish().expect(IN_MEMORY)
}

/// An archive with one deflated entry.
///
/// **Source**: APPNOTE.TXT, sections 4.3.7 (local header), 4.3.12 (central directory), 4.3.16 (its end).
pub fn zip(bytes: &[u8]) -> Vec<u8> {
    const NAME: &[u8] = b"log.csv";
    let size = |length: usize| u32::try_from(length).expect("a small archive").to_le_bytes();
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::new(6));
    encoder.write_all(bytes).expect(IN_MEMORY);
    let body = encoder.finish().expect(IN_MEMORY);
    let mut checksum = flate2::Crc::new();
    checksum.update(bytes);

    let mut header = Vec::new();
    // Version 2.0, no flags, deflated, no date.
    header.extend([20, 0, 0, 0, 8, 0, 0, 0, 0, 0]);
    header.extend(checksum.sum().to_le_bytes());
    header.extend(size(body.len()));
    header.extend(size(bytes.len()));
    // Length of the name, no extra field.
    header.extend([NAME.len() as u8, 0, 0, 0]);

    let mut archive = b"PK\x03\x04".to_vec();
    archive.extend(&header);
    archive.extend(NAME);
    archive.extend(&body);
    let directory_offset = archive.len();
    archive.extend(b"PK\x01\x02\x14\0");
    archive.extend(&header);
    // No comment, first disk, no attributes, at the beginning of the archive.
    archive.extend([0; 14]);
    archive.extend(NAME);
    let directory_length = archive.len() - directory_offset;
    archive.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    archive.extend(size(directory_length));
    archive.extend(size(directory_offset));
    archive.extend([0; 2]);
    archive
}

//! Turns the first bytes of a file into the format they announce.
//!
//! Formats without a magic worth the name (zlib, old tar) are not detected. Text must never be taken for one of the others, so
//! where a magic is printable (bzip2, tar) what follows it is looked at too.

use super::tar::header;
use super::{DecoderOptions, EntryOptions};

/// Bytes that [`detect`] can use: the header of a tar archive, the longest magic.
pub(super) const HEAD_BYTES: usize = header::BLOCK_BYTES;

/// Says which format begins with `head`, the first 512 bytes or the whole of a shorter file; `None`: plain.
pub fn detect(head: &[u8]) -> Option<DecoderOptions> {
    if head.starts_with(&[0x1f, 0x8b, 0x08]) {
        return Some(DecoderOptions::Gzip);
    }
    if is_bzip2(head) {
        return Some(DecoderOptions::Bzip2);
    }
    if is_zstd(head) {
        return Some(DecoderOptions::Zstd);
    }
    if head.starts_with(b"\xfd7zXZ\0") {
        return Some(DecoderOptions::Xz);
    }
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        return Some(DecoderOptions::Zip(EntryOptions::default()));
    }
    if is_tar(head) {
        return Some(DecoderOptions::Tar(EntryOptions::default()));
    }
    None
}

/// A stream's header is followed by the header of a block or by the end of an empty stream.
fn is_bzip2(head: &[u8]) -> bool {
    let [b'B', b'Z', b'h', level @ b'1'..=b'9', rest @ ..] = head else {
        return false;
    };
    if rest.starts_with(&[0x17, 0x72, 0x45, 0x38, 0x50, 0x90]) {
        return true;
    }
    // `BZh91AY&SY` could be text. After the checksum of the block stand a bit that no bzip2 of this century sets and 24 bits of
    // an index into the block, which is below 900,000: so their first byte is below 7, which text never has.
    let [b'1', b'A', b'Y', b'&', b'S', b'Y', _, _, _, _, i0, i1, i2, i3, ..] = *rest else {
        return false;
    };
    let index = u32::from_be_bytes([i0, i1, i2, i3]) >> 7;
    index < u32::from(level - b'0') * 100_000
}

/// A frame, or a skippable frame, whose magic has sixteen values.
fn is_zstd(head: &[u8]) -> bool {
    matches!(head, [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}

fn is_tar(head: &[u8]) -> bool {
    let Some(block) = head.first_chunk::<{ header::BLOCK_BYTES }>() else {
        return false;
    };
    header::has_magic(block) && header::is_checksum_valid(block)
}

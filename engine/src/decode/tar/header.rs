//! Turns a header block into name, size and type.
//!
//! **Source**: POSIX.1-2024 `pax`, "ustar Interchange Format"; GNU tar manual, "Basic Tar Format".

use super::super::codec::Fault;

/// Everything in an archive is a multiple of it.
pub(in crate::decode) const BLOCK_BYTES: usize = 512;

/// What a header says.
pub(super) struct Header {
    pub(super) name: String,
    /// At most `i64::MAX`, so that sums with paddings cannot overflow.
    pub(super) size: u64,
    pub(super) type_flag: u8,
}

impl Header {
    pub(super) fn parse(block: &[u8; BLOCK_BYTES]) -> Result<Header, Fault> {
        if !is_checksum_valid(block) {
            return Err(Fault::Corrupt("a header's checksum is wrong".to_owned()));
        }
        let Some(size) = number(&block[124..136]).filter(|size| *size <= i64::MAX as u64) else {
            let reason = format!("size `{}` of an entry is not a number", block[124..136].escape_ascii());
            return Err(Fault::Corrupt(reason));
        };
        let mut name = text(&block[..100]);
        // GNU keeps times where POSIX has the prefix; its magic goes on with a space.
        if block[257..263] == *b"ustar\0" && block[345] != 0 {
            name = format!("{}/{name}", text(&block[345..500]));
        }
        Ok(Header {
            name,
            size,
            type_flag: block[156],
        })
    }
}

/// Whether a POSIX or GNU magic stands in its place.
pub(in crate::decode) fn has_magic(block: &[u8; BLOCK_BYTES]) -> bool {
    block[257..262] == *b"ustar"
}

/// Compares the sum of all bytes, those of the checksum taken as spaces; some old writers summed signed bytes.
pub(in crate::decode) fn is_checksum_valid(block: &[u8; BLOCK_BYTES]) -> bool {
    let Some(declared) = number(&block[148..156]) else {
        return false;
    };
    let (mut unsigned, mut signed) = (0_u64, 0_i64);
    for (index, &byte) in block.iter().enumerate() {
        let byte = if (148..156).contains(&index) { b' ' } else { byte };
        unsigned += u64::from(byte);
        signed += i64::from(byte.cast_signed());
    }
    declared == unsigned || i64::try_from(declared) == Ok(signed)
}

/// Text up to the first zero byte.
fn text(field: &[u8]) -> String {
    let text = field.split(|&byte| byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text).into_owned()
}

/// Octal digits between spaces and zero bytes, or GNU's big-endian number behind a set first bit.
fn number(field: &[u8]) -> Option<u64> {
    let (&first, rest) = field.split_first()?;
    if first & 0x80 != 0 {
        // Negative numbers begin with 0xff.
        return rest.iter().try_fold(u64::from(first & 0x7f), |number, &byte| {
            (number >> 56 == 0).then(|| number << 8 | u64::from(byte))
        });
    }
    let is_filler = |byte: &u8| *byte == b' ' || *byte == 0;
    let start = field.iter().position(|byte| !is_filler(byte)).unwrap_or(field.len());
    let digits = &field[start..];
    let end = digits.iter().position(is_filler).unwrap_or(digits.len());
    if !digits[end..].iter().all(is_filler) {
        return None;
    }
    digits[..end].iter().try_fold(0_u64, |number, &byte| match byte {
        b'0'..=b'7' if number >> 61 == 0 => Some(number << 3 | u64::from(byte - b'0')),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(field: &[u8], expected: Option<u64>) {
        assert_eq!(number(field), expected, "{}", field.escape_ascii());
    }

    #[test]
    fn octal_numbers_may_be_padded_on_both_sides() {
        check(b"00000000017\0", Some(15));
        check(b"     17 \0", Some(15));
        check(b"777777777777", Some(0o777_777_777_777));
        check(b"\0\0\0\0", Some(0));
        check(b"    ", Some(0));
    }

    #[test]
    fn other_characters_make_no_number() {
        check(b"0000008\0", None);
        check(b"-000001\0", None);
        check(b"17 17\0", None);
        check(b"7777777777777777777777777", None);
    }

    #[test]
    fn base_256_numbers_are_read_while_they_fit() {
        check(&[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2], Some(258));
        check(&[0x80, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0], Some(1 << 63));
        check(&[0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0], None);
        check(&[0xff; 12], None);
    }
}

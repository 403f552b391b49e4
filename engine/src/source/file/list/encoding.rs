//! How files are written in a block, and read from it again: numbers, what two keys have in common, entity tags.

use std::fmt;

/// An MD5 in hexadecimal, which is what most entity tags begin with.
const MD5_DIGITS: usize = 32;

/// Own lengths and numbers are read back as they were written.
const WRITTEN_HERE: &str = "a list of files reads only what it has written";

/// An entity tag as it is written: perhaps an MD5, and text.
pub(super) struct Etag<'block> {
    md5: &'block [u8],
    text: &'block str,
}

impl fmt::Display for Etag<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.md5 {
            write!(formatter, "{byte:02x}")?;
        }
        formatter.write_str(self.text)
    }
}

pub(super) fn write_etag(block: &mut Vec<u8>, etag: Option<&str>) {
    let Some(etag) = etag else {
        return write_number(block, 0);
    };
    let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let md5 = etag.as_bytes().get(..MD5_DIGITS);
    let md5 = md5.filter(|digits| digits.iter().all(is_digit)).unwrap_or_default();
    let text = &etag[md5.len()..];
    write_number(block, 1 + 2 * text.len() as u64 + u64::from(!md5.is_empty()));
    let value = |digit: u8| if digit < b'a' { digit - b'0' } else { digit - b'a' + 10 };
    block.extend(md5.chunks_exact(2).map(|pair| value(pair[0]) << 4 | value(pair[1])));
    block.extend_from_slice(text.as_bytes());
}

/// What of a block is still to be read.
pub(super) struct Unread<'block>(pub(super) &'block [u8]);

impl<'block> Unread<'block> {
    fn bytes(&mut self, length: usize) -> &'block [u8] {
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken
    }

    pub(super) fn number(&mut self) -> u64 {
        let mut number = 0;
        let mut shift = 0;
        loop {
            let byte = self.bytes(1)[0];
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return number;
            }
            shift += 7;
        }
    }

    /// The key of the first file of a block, which is written whole.
    pub(super) fn first_key(mut self) -> &'block str {
        for _ in 0..4 {
            self.number();
        }
        self.text()
    }

    pub(super) fn length(&mut self) -> usize {
        usize::try_from(self.number()).expect(WRITTEN_HERE)
    }

    pub(super) fn text(&mut self) -> &'block str {
        let length = self.length();
        self.text_of(length)
    }

    fn text_of(&mut self, length: usize) -> &'block str {
        std::str::from_utf8(self.bytes(length)).expect(WRITTEN_HERE)
    }

    pub(super) fn etag(&mut self) -> Option<Etag<'block>> {
        let coded = self.length().checked_sub(1)?;
        let md5 = self.bytes(if coded % 2 == 1 { MD5_DIGITS / 2 } else { 0 });
        let text = self.text_of(coded / 2);
        Some(Etag { md5, text })
    }
}

/// Seven bits a byte, the lowest first; the highest bit says that more follow.
pub(super) fn write_number(block: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        block.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    block.push(number.to_le_bytes()[0]);
}

/// Makes small numbers of those near zero.
pub(super) fn zigzag(number: i64) -> u64 {
    (number << 1 ^ number >> 63).cast_unsigned()
}

pub(super) fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

/// How many bytes two keys have in common at their beginning and, of the rest, at their end; whole characters.
pub(super) fn in_common(one: &str, other: &str) -> (usize, usize) {
    let is_same = |(one, other): &(&u8, &u8)| one == other;
    let mut head = one
        .bytes()
        .zip(other.bytes())
        .take_while(|(one, other)| one == other)
        .count();
    while !other.is_char_boundary(head) {
        head -= 1;
    }
    let (one, other) = (&one.as_bytes()[head..], &other[head..]);
    let mut tail = one
        .iter()
        .rev()
        .zip(other.as_bytes().iter().rev())
        .take_while(is_same)
        .count();
    while !other.is_char_boundary(other.len() - tail) {
        tail -= 1;
    }
    (head, tail)
}

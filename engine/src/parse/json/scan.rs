//! Finds the few bytes that matter in JSON text: the ends of strings, and the end of a value cut into pieces.

/// Finds the first `"` or `\` of `text` at or after `from`; the length of `text` if there is none.
///
/// **Cost**: most strings are shorter than two blocks, so a call into a general search would cost more than the search.
#[inline]
pub(super) fn quote_or_backslash(text: &[u8], from: usize) -> usize {
    first_special::<false>(text, from)
}

/// Finds the first `"`, `\` or control character of `text` at or after `from`; the length of `text` if there is none.
#[inline]
pub(super) fn quote_backslash_or_control(text: &[u8], from: usize) -> usize {
    first_special::<true>(text, from)
}

#[inline]
fn first_special<const HAS_CONTROL: bool>(text: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(block) = text.get(at..).and_then(|rest| rest.first_chunk()) {
        if let Some(place) = block::first_special::<HAS_CONTROL>(block) {
            return at + place;
        }
        at += block.len();
    }
    while at < text.len() && !is_special::<HAS_CONTROL>(text[at]) {
        at += 1;
    }
    at
}

#[inline]
fn is_special<const HAS_CONTROL: bool>(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\') || (HAS_CONTROL && byte < b' ')
}

/// Looks at many bytes at once: with the vectors that every x86-64 has.
#[cfg(target_arch = "x86_64")]
mod block {
    use std::arch::x86_64::{
        _mm_cmpeq_epi8, _mm_loadu_si128, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128, _mm_set1_epi8,
    };

    /// The place of the first special byte.
    #[inline]
    pub(super) fn first_special<const HAS_CONTROL: bool>(block: &[u8; 16]) -> Option<usize> {
        // SAFETY: every x86-64 has SSE2.
        let mask = unsafe { special_mask::<HAS_CONTROL>(block) };
        (mask != 0).then(|| mask.trailing_zeros() as usize)
    }

    /// One bit for each byte, set for those that are special.
    #[inline]
    #[target_feature(enable = "sse2")]
    fn special_mask<const HAS_CONTROL: bool>(block: &[u8; 16]) -> u32 {
        // SAFETY: the block has the 16 bytes that are read, and the load asks for no alignment.
        let bytes = unsafe { _mm_loadu_si128(block.as_ptr().cast()) };
        let quotes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'"'.cast_signed()));
        let backslashes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'\\'.cast_signed()));
        let mut special = _mm_or_si128(quotes, backslashes);
        if HAS_CONTROL {
            let controls = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(31)), bytes);
            special = _mm_or_si128(special, controls);
        }
        _mm_movemask_epi8(special).cast_unsigned()
    }
}

/// Looks at many bytes at once: with the arithmetic of a word.
#[cfg(not(target_arch = "x86_64"))]
mod block {
    /// The place of the first special byte.
    #[inline]
    pub(super) fn first_special<const HAS_CONTROL: bool>(block: &[u8; 8]) -> Option<usize> {
        const ONES: u64 = 0x0101_0101_0101_0101;
        let block = u64::from_le_bytes(*block);
        // A byte borrows from its neighbour's only if it is special itself, so the first one is right.
        let less_than = |bytes: u64, limit: u8| bytes.wrapping_sub(ONES * u64::from(limit)) & !bytes;
        let mut mask = less_than(block ^ (ONES * u64::from(b'"')), 1) | less_than(block ^ (ONES * u64::from(b'\\')), 1);
        if HAS_CONTROL {
            mask |= less_than(block, b' ');
        }
        let mask = mask & (ONES << 7);
        (mask != 0).then(|| mask.trailing_zeros() as usize / 8)
    }
}

/// Finds the first byte of `text` at or after `from` that is not white space.
#[inline]
pub(super) fn past_space(text: &[u8], from: usize) -> usize {
    match text.get(from) {
        Some(byte) if *byte <= b' ' => past_long_space(text, from),
        _ => from,
    }
}

/// The same for the rare place that has white space: indentation comes in long runs.
fn past_long_space(text: &[u8], from: usize) -> usize {
    let mut at = from;
    loop {
        while text.get(at..).and_then(|rest| rest.first_chunk::<8>()) == Some(b"        ") {
            at += 8;
        }
        match text.get(at) {
            Some(b' ' | b'\n' | b'\r' | b'\t') => at += 1,
            _ => return at,
        }
    }
}

/// Finds where a value ends that arrives in pieces, without looking at a byte twice.
///
/// It counts brackets and leaves out strings; whether the value is valid is asked when it is complete. For valid text its
/// answer is right, for other text the question comes later but has the same answer.
#[derive(Debug, Default)]
pub(super) struct ValueEnd {
    kind: Option<ValueKind>,
    depth: usize,
    is_in_string: bool,
    is_escaped: bool,
}

/// What decides where a value ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ValueKind {
    Container,
    String,
    Scalar,
}

impl ValueEnd {
    /// Looks at the next piece of the value; the first piece begins with the value's first byte.
    ///
    /// **Shape**: the number of bytes of `piece` that complete the value - for a number or a word with the byte behind it, which
    /// shows that it is complete - and `None` if the value goes on. Also `Some` when the value is nested too deeply: its end is of
    /// no interest any more.
    pub(super) fn push(&mut self, piece: &[u8]) -> Option<usize> {
        let first = *piece.first()?;
        let kind = *self.kind.get_or_insert(match first {
            b'{' | b'[' => ValueKind::Container,
            b'"' => ValueKind::String,
            _ => ValueKind::Scalar,
        });
        if kind == ValueKind::Scalar {
            return piece.iter().position(|byte| !is_scalar_byte(*byte)).map(|end| end + 1);
        }
        let mut at = 0;
        loop {
            if self.is_in_string {
                if self.is_escaped {
                    piece.get(at)?;
                    self.is_escaped = false;
                    at += 1;
                }
                at = quote_or_backslash(piece, at);
                match piece.get(at)? {
                    b'"' => {
                        self.is_in_string = false;
                        if kind == ValueKind::String {
                            return Some(at + 1);
                        }
                    }
                    _ => self.is_escaped = true,
                }
            } else {
                match piece.get(at)? {
                    b'"' => self.is_in_string = true,
                    b'{' | b'[' => {
                        self.depth += 1;
                        if self.depth > super::MAX_DEPTH {
                            return Some(at + 1);
                        }
                    }
                    b'}' | b']' => {
                        self.depth -= 1;
                        if self.depth == 0 {
                            return Some(at + 1);
                        }
                    }
                    _ => {}
                }
            }
            at += 1;
        }
    }
}

/// True for the bytes of numbers and of `true`, `NaN` and the like.
fn is_scalar_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_backslashes_are_found_at_every_place() {
        for length in 0..70 {
            for place in 0..length {
                for special in [b'"', b'\\'] {
                    let mut text = vec![b'a'; length];
                    text[place] = special;
                    for from in 0..length {
                        let expected = if from <= place { place } else { length };
                        assert_eq!(quote_or_backslash(&text, from), expected);
                    }
                }
            }
        }
    }

    #[test]
    fn bytes_that_differ_in_one_bit_are_not_taken_for_special() {
        for byte in 0..=u8::MAX {
            let text = [byte; 16];
            let is_quote_or_backslash = matches!(byte, b'"' | b'\\');
            assert_eq!(quote_or_backslash(&text, 0), if is_quote_or_backslash { 0 } else { 16 });
            let is_special = is_quote_or_backslash || byte < b' ';
            assert_eq!(quote_backslash_or_control(&text, 0), if is_special { 0 } else { 16 });
        }
    }

    #[test]
    fn space_of_any_length_is_passed() {
        for length in 0..40 {
            let text = format!("{}x", " \n".repeat(length) + &" ".repeat(length));
            assert_eq!(past_space(text.as_bytes(), 0), 3 * length);
            assert_eq!(past_space(&text.as_bytes()[..3 * length], 0), 3 * length);
        }
    }

    #[track_caller]
    fn check_end(text: &str, expected: Option<usize>) {
        for cut in 1..=text.len() {
            let mut value_end = ValueEnd::default();
            let mut found = None;
            let mut passed = 0;
            for piece in text.as_bytes().chunks(cut) {
                if let Some(end) = value_end.push(piece) {
                    found = Some(passed + end);
                    break;
                }
                passed += piece.len();
            }
            assert_eq!(found, expected, "cut {cut}");
        }
    }

    #[test]
    fn the_end_of_a_value_is_found_in_pieces() {
        check_end(r#"{"a":[1,"}\"]"]} {"#, Some(16));
        check_end(r#""a\\" "b""#, Some(5));
        check_end(r#""a\"b"#, None);
        check_end("12.5e3,", Some(7));
        check_end("-12", None);
        check_end("[[]", None);
    }
}

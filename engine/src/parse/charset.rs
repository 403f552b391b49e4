//! Turns bytes of a declared character set into UTF-8.
//!
//! Text comes out as valid UTF-8 whatever went in, so that parsers need not think about encodings: malformed bytes become
//! U+FFFD, one for each maximal malformed part, as the WHATWG encoding standard has it. Nearly all input is UTF-8 already; it
//! is validated at memory speed and appended as it is. Only a chunk that fails is looked at byte by byte.
//!
//! A byte order mark at the start of a file is no text and is left out: that of UTF-8 for every character set, that of UTF-16
//! if UTF-16 is declared (it then also decides the byte order).

use encoding_rs::{Decoder, Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// The byte order mark of UTF-8.
const UTF_8_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Longest prefix of a UTF-8 character that can be cut off at the end of a chunk.
const MAX_CUT_BYTES: usize = 3;

/// A streaming decoder for the files of one character set.
///
/// **Units**: source offsets count the bytes handed in, from 0, a byte order mark included.
pub struct Transcoder {
    encoding: &'static Encoding,
    /// `None` for UTF-8, which needs none.
    decoder: Option<Decoder>,
    /// First bytes of the file, or of a character, that cannot be judged before more come.
    held: Vec<u8>,
    /// The start of the file has not been searched for a byte order mark yet.
    is_at_start: bool,
    /// Bytes of text made of this file so far.
    text_offset: u64,
    /// Places where the distance between source and text changes: from this text offset on, add this to get the source offset.
    /// Only for UTF-8, where malformed bytes and their replacement differ in length.
    shifts: Vec<(u64, i64)>,
}

impl Transcoder {
    /// A decoder that stands at the start of a file.
    pub fn new(encoding: &'static Encoding) -> Transcoder {
        let mut transcoder = Transcoder {
            encoding,
            decoder: None,
            held: Vec::new(),
            is_at_start: true,
            text_offset: 0,
            shifts: Vec::new(),
        };
        transcoder.begin();
        transcoder
    }

    /// Forgets the file so far and starts another one.
    pub fn begin(&mut self) {
        self.decoder = if self.encoding == UTF_8 {
            None
        } else if is_utf_16(self.encoding) {
            Some(self.encoding.new_decoder())
        } else {
            Some(self.encoding.new_decoder_without_bom_handling())
        };
        self.held.clear();
        // The decoders of UTF-16 look for the mark themselves.
        self.is_at_start = !is_utf_16(self.encoding);
        self.text_offset = 0;
        self.shifts.clear();
    }

    /// Appends the text of `chunk` to `text`. A character cut at the end of the chunk comes with the next call.
    ///
    /// **Cost**: one validation and one copy if the text is well-formed UTF-8.
    pub fn decode(&mut self, chunk: &[u8], text: &mut String) {
        if self.held.is_empty() && !self.is_at_start {
            self.decode_held(chunk, text);
            return;
        }
        // At most a few bytes are held: complete them with the least that decides them, then go on with the chunk itself.
        let mut rest = chunk;
        while self.is_at_start || !self.held.is_empty() {
            let Some((&byte, after)) = rest.split_first() else {
                return;
            };
            rest = after;
            self.held.push(byte);
            if self.is_at_start {
                if UTF_8_MARK.starts_with(&self.held) && self.held.len() < UTF_8_MARK.len() {
                    continue;
                }
                self.is_at_start = false;
                if self.held == UTF_8_MARK {
                    self.held.clear();
                    self.shift(UTF_8_MARK.len() as i64);
                    continue;
                }
            }
            let held = std::mem::take(&mut self.held);
            self.decode_held(&held, text);
        }
        self.decode_held(rest, text);
    }

    /// Appends what was held back: the file ends here, and a character cut at its end is malformed.
    pub fn finish(&mut self, text: &mut String) {
        self.is_at_start = false;
        let held = std::mem::take(&mut self.held);
        let length_before = text.len();
        match &mut self.decoder {
            None => {
                // Offsets stay right without a shift: nothing but the end of the file comes after.
                text.push_str(&String::from_utf8_lossy(&held));
            }
            Some(decoder) => decode_all(decoder, &held, text, true),
        }
        self.text_offset += (text.len() - length_before) as u64;
    }

    /// The offset in the decoded file of the text byte at `text_offset`.
    ///
    /// For character sets other than UTF-8 this is `text_offset` itself: their decoders do not tell how many bytes a
    /// character had.
    pub fn source_offset(&self, text_offset: u64) -> u64 {
        let index = self.shifts.partition_point(|(from, _)| *from <= text_offset);
        match index.checked_sub(1) {
            Some(last) => text_offset.saturating_add_signed(self.shifts[last].1),
            None => text_offset,
        }
    }

    /// Says that no offset before `text_offset` will be asked for, so that what is remembered does not grow with the file.
    pub fn forget_before(&mut self, text_offset: u64) {
        let index = self.shifts.partition_point(|(from, _)| *from <= text_offset);
        if index > 1 {
            self.shifts.drain(..index - 1);
        }
    }

    fn decode_held(&mut self, bytes: &[u8], text: &mut String) {
        let length_before = text.len();
        if let Some(decoder) = &mut self.decoder {
            decode_all(decoder, bytes, text, false);
            self.text_offset += (text.len() - length_before) as u64;
            return;
        }
        let (whole, cut) = bytes.split_at(bytes.len() - num_cut_bytes(bytes));
        match simdutf8::basic::from_utf8(whole) {
            Ok(valid) => {
                text.push_str(valid);
                self.text_offset += valid.len() as u64;
            }
            Err(_) => self.decode_malformed(whole, text),
        }
        self.held.extend_from_slice(cut);
    }

    #[cold]
    fn decode_malformed(&mut self, bytes: &[u8], text: &mut String) {
        for part in bytes.utf8_chunks() {
            text.push_str(part.valid());
            self.text_offset += part.valid().len() as u64;
            if !part.invalid().is_empty() {
                text.push(char::REPLACEMENT_CHARACTER);
                let replacement_bytes = char::REPLACEMENT_CHARACTER.len_utf8();
                self.text_offset += replacement_bytes as u64;
                self.shift(part.invalid().len() as i64 - replacement_bytes as i64);
            }
        }
    }

    fn shift(&mut self, by: i64) {
        if by != 0 {
            let before = self.shifts.last().map_or(0, |(_, shift)| *shift);
            self.shifts.push((self.text_offset, before + by));
        }
    }
}

fn is_utf_16(encoding: &'static Encoding) -> bool {
    encoding == UTF_16LE || encoding == UTF_16BE
}

fn decode_all(decoder: &mut Decoder, bytes: &[u8], text: &mut String, is_last: bool) {
    let needed = decoder
        .max_utf8_buffer_length(bytes.len())
        .expect("chunks are far smaller than the address space");
    text.reserve(needed);
    // With that much room the decoder takes everything in one call.
    let _ = decoder.decode_to_string(bytes, text, is_last);
}

/// Bytes at the end of `bytes` that may be the start of a character whose other bytes are still to come.
fn num_cut_bytes(bytes: &[u8]) -> usize {
    for length in 1..=MAX_CUT_BYTES.min(bytes.len()) {
        let byte = bytes[bytes.len() - length];
        let character_bytes = match byte {
            0x80..=0xBF => continue,
            0xC2..=0xDF => 2,
            0xE0..=0xEF => 3,
            0xF0..=0xF4 => 4,
            _ => 1,
        };
        if length >= character_bytes {
            return 0;
        }
        // A start that nothing can complete is malformed already: judge it now, it will not get better.
        let is_hopeless = std::str::from_utf8(&bytes[bytes.len() - length..])
            .err()
            .is_some_and(|error| error.error_len().is_some());
        return if is_hopeless { 0 } else { length };
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use encoding_rs::{SHIFT_JIS, WINDOWS_1252};

    #[track_caller]
    fn check(encoding: &'static Encoding, bytes: &[u8], expected: &str) {
        for chunk_bytes in [1, 2, 3, 5, 4096] {
            let mut transcoder = Transcoder::new(encoding);
            for _ in 0..2 {
                transcoder.begin();
                let mut text = String::new();
                for chunk in bytes.chunks(chunk_bytes) {
                    transcoder.decode(chunk, &mut text);
                }
                transcoder.finish(&mut text);
                assert_eq!(text, expected, "in chunks of {chunk_bytes}");
            }
        }
    }

    #[test]
    fn utf_8_passes() {
        check(UTF_8, "a é € 𝄞".as_bytes(), "a é € 𝄞");
    }

    #[test]
    fn byte_order_mark_is_left_out_once() {
        check(UTF_8, b"\xEF\xBB\xBFa\xEF\xBB\xBFb", "a\u{FEFF}b");
        check(WINDOWS_1252, b"\xEF\xBB\xBFa\xE9", "aé");
        check(UTF_8, b"\xEF\xBB", "\u{FFFD}");
        check(UTF_8, b"", "");
    }

    #[test]
    fn each_malformed_part_becomes_one_replacement() {
        let bytes = b"a\xFFb\xE2\x82c\xF0\x9F\x98\xE2\x82\xAC\xC0\x80\xED\xA0\x80";
        check(UTF_8, bytes, &String::from_utf8_lossy(bytes));
        check(UTF_8, b"a\xE2\x82", "a\u{FFFD}");
    }

    #[test]
    fn declared_character_sets_are_decoded() {
        check(SHIFT_JIS, b"\x93\xFA\x96{,a", "日本,a");
        check(UTF_16LE, b"\xFF\xFEa\x00\xE9\x00", "aé");
        check(UTF_16LE, b"\xFE\xFF\x00a\x00\xE9", "aé");
        check(UTF_16BE, b"\x00a\x00\xE9", "aé");
    }

    #[test]
    fn source_offsets_count_the_bytes_of_the_file() {
        let bytes = b"\xEF\xBB\xBFab\xFFcd\xF0\x9F\x98x\xE2\x82y";
        for chunk_bytes in [1, 2, 4096] {
            let mut transcoder = Transcoder::new(UTF_8);
            let mut text = String::new();
            for chunk in bytes.chunks(chunk_bytes) {
                transcoder.decode(chunk, &mut text);
            }
            for letter in ["a", "b", "c", "d", "x", "y"] {
                let text_offset = text.find(letter).unwrap() as u64;
                let expected = bytes.iter().position(|byte| [*byte] == letter.as_bytes()).unwrap() as u64;
                assert_eq!(transcoder.source_offset(text_offset), expected, "of {letter}");
            }
            transcoder.forget_before(text.len() as u64);
            assert_eq!(transcoder.shifts.len(), 1);
        }
    }
}

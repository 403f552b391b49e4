//! Turns bytes of a declared character set into UTF-8.
//!
//! Text comes out as valid UTF-8 whatever went in, so that parsers need not think about encodings: malformed bytes become
//! U+FFFD, one for each maximal malformed part, as the WHATWG encoding standard has it, and are counted. Nearly all input is UTF-8
//! already; it is validated at memory speed and appended as it is. Only a chunk that fails is looked at byte by byte.
//!
//! A byte order mark at the start of a file is no text and is left out: that of UTF-8 for every character set, that of UTF-16
//! if UTF-16 is declared (it then also decides the byte order).

use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// The byte order mark of UTF-8.
const UTF_8_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Longest prefix of a UTF-8 character that can be cut off at the end of a chunk.
const MAX_CUT_BYTES: usize = 3;

/// Parts of a file that are no text in its character set; each of them became one U+FFFD.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Malformed {
    /// How many.
    pub num_parts: u64,
    /// Offset in the decoded file of the first of them.
    pub first_byte: Option<u64>,
}

impl Malformed {
    /// Counts one more part, which begins at `byte`.
    pub(super) fn add(&mut self, byte: u64) {
        self.num_parts += 1;
        self.first_byte.get_or_insert(byte);
    }
}

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
    /// Bytes of this file handed to `decoder` so far.
    decoder_offset: u64,
    malformed: Malformed,
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
            decoder_offset: 0,
            malformed: Malformed::default(),
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
        self.decoder_offset = 0;
        self.malformed = Malformed::default();
    }

    /// What was malformed in this file since the last time this was asked.
    pub fn take_malformed(&mut self) -> Malformed {
        std::mem::take(&mut self.malformed)
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
        match self.decoder {
            None => self.decode_malformed(&held, text),
            Some(_) => self.decode_other(&held, text, true),
        }
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
        if self.decoder.is_some() {
            return self.decode_other(bytes, text, false);
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
                self.malformed.add(self.source_offset(self.text_offset));
                text.push(char::REPLACEMENT_CHARACTER);
                let replacement_bytes = char::REPLACEMENT_CHARACTER.len_utf8();
                self.text_offset += replacement_bytes as u64;
                self.shift(part.invalid().len() as i64 - replacement_bytes as i64);
            }
        }
    }

    /// Decodes bytes of any character set but UTF-8.
    fn decode_other(&mut self, bytes: &[u8], text: &mut String, is_last: bool) {
        // A mark of UTF-8, which the decoder does not see, was 3 bytes of the file.
        let mark_bytes = self.source_offset(0);
        let Some(decoder) = &mut self.decoder else { return };
        let length_before = text.len();
        let mut rest = bytes;
        loop {
            let needed = decoder.max_utf8_buffer_length_without_replacement(rest.len());
            text.reserve(needed.expect("chunks are far smaller than the address space"));
            let (result, num_read) = decoder.decode_to_string_without_replacement(rest, text, is_last);
            rest = &rest[num_read..];
            self.decoder_offset += num_read as u64;
            match result {
                DecoderResult::InputEmpty => break,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(num_bytes, num_bytes_after) => {
                    let num_back = u64::from(num_bytes) + u64::from(num_bytes_after);
                    self.malformed
                        .add((mark_bytes + self.decoder_offset).saturating_sub(num_back));
                    text.push(char::REPLACEMENT_CHARACTER);
                }
            }
        }
        self.text_offset += (text.len() - length_before) as u64;
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

/// Counts what is malformed in UTF-8 text that somebody else decodes.
#[derive(Debug, Default)]
pub(super) struct Utf8Check {
    /// The start of a character that was cut at the end of a chunk.
    held: Vec<u8>,
    /// Bytes checked so far.
    offset: u64,
}

impl Utf8Check {
    /// Checks the next bytes of a file, and with `is_last` what was held of it.
    ///
    /// **Cost**: one validation if the text is well-formed.
    pub(super) fn push(&mut self, chunk: &[u8], is_last: bool, malformed: &mut Malformed) {
        let mut rest = chunk;
        while !self.held.is_empty() {
            let Some((&byte, after)) = rest.split_first() else {
                break;
            };
            rest = after;
            self.held.push(byte);
            let held = std::mem::take(&mut self.held);
            self.check(&held, false, malformed);
        }
        if !self.held.is_empty() {
            if is_last {
                let held = std::mem::take(&mut self.held);
                self.check(&held, true, malformed);
            }
            return;
        }
        self.check(rest, is_last, malformed);
    }

    /// Passes over the byte order mark.
    pub(super) fn skip(&mut self, num_bytes: usize) {
        self.offset += num_bytes as u64;
    }

    fn check(&mut self, bytes: &[u8], is_last: bool, malformed: &mut Malformed) {
        let num_cut = if is_last { 0 } else { num_cut_bytes(bytes) };
        let (whole, cut) = bytes.split_at(bytes.len() - num_cut);
        if simdutf8::basic::from_utf8(whole).is_err() {
            let mut at = self.offset;
            for part in whole.utf8_chunks() {
                at += part.valid().len() as u64;
                if !part.invalid().is_empty() {
                    malformed.add(at);
                }
                at += part.invalid().len() as u64;
            }
        }
        self.offset += whole.len() as u64;
        self.held.extend_from_slice(cut);
    }
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
    use encoding_rs::{EUC_JP, GB18030, GBK, ISO_2022_JP, ISO_8859_15, SHIFT_JIS, WINDOWS_1252};

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

    #[track_caller]
    fn check_malformed(encoding: &'static Encoding, bytes: &[u8], num_parts: u64, first_byte: u64) {
        for chunk_bytes in [1, 2, 3, 5, 4096] {
            let mut transcoder = Transcoder::new(encoding);
            let mut text = String::new();
            for chunk in bytes.chunks(chunk_bytes) {
                transcoder.decode(chunk, &mut text);
            }
            transcoder.finish(&mut text);
            let expected = Malformed {
                num_parts,
                first_byte: Some(first_byte),
            };
            assert_eq!(transcoder.take_malformed(), expected, "in chunks of {chunk_bytes}");
            assert_eq!(text.matches(char::REPLACEMENT_CHARACTER).count() as u64, num_parts);
            assert_eq!(transcoder.take_malformed(), Malformed::default());
        }
    }

    #[test]
    fn malformed_parts_are_counted_and_placed() {
        check_malformed(UTF_8, b"ab\xFFc\xE2\x82d", 2, 2);
        check_malformed(UTF_8, b"\xEF\xBB\xBFa\xC0b", 1, 4);
        check_malformed(UTF_8, b"abc\xE2\x82", 1, 3);
        check_malformed(SHIFT_JIS, b"\x93\xFAa\xFF,\x93", 2, 3);
        check_malformed(EUC_JP, b"a,\xC6\xFCb\xA0\xA0c", 2, 5);
        check_malformed(UTF_16LE, b"a\x00\x00\xD8b\x00", 1, 2);
        check_malformed(UTF_16BE, b"\x00a\x00b\x00", 1, 4);
    }

    #[test]
    fn utf_8_that_others_decode_is_counted_alike() {
        let bytes = b"ab\xFFc\xE2\x82d\xF0\x9F\x98\x80\xC3\xA9\xF0\x9F";
        for chunk_bytes in [1, 2, 3, 5, 4096] {
            let (mut check, mut malformed) = (Utf8Check::default(), Malformed::default());
            for chunk in bytes.chunks(chunk_bytes) {
                check.push(chunk, false, &mut malformed);
            }
            check.push(&[], true, &mut malformed);
            assert_eq!((malformed.num_parts, malformed.first_byte), (3, Some(2)));
        }
    }

    #[test]
    fn every_character_set_is_decoded_in_chunks_cut_anywhere() {
        let text = "日付,名前\r\n1,\"表,示\"\r\n2,ソース能力\r\n";
        for encoding in [SHIFT_JIS, EUC_JP, ISO_2022_JP, GBK, GB18030] {
            let (bytes, _, has_unmappable) = encoding.encode(text);
            assert!(!has_unmappable);
            check(encoding, &bytes, text);
        }
        let text = "naïve,Größe,£5\n";
        for encoding in [WINDOWS_1252, ISO_8859_15, UTF_8] {
            check(encoding, &encoding.encode(text).0, text);
        }
        let units: Vec<u16> = "a,日,𝄞\n".encode_utf16().collect();
        let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        check(UTF_16LE, &little, "a,日,𝄞\n");
        check(UTF_16BE, &big, "a,日,𝄞\n");
        check(UTF_16BE, &[b"\xFF\xFE", &little[..]].concat(), "a,日,𝄞\n");
        check(UTF_16LE, &[b"\xFE\xFF", &big[..]].concat(), "a,日,𝄞\n");
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

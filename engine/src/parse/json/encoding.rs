//! Turns the bytes of a JSON file into UTF-8 text: finds the encoding, drops the byte order mark, transcodes.
//!
//! UTF-8 is handed through without a copy, and only checked to count what is ill-formed: the grammar of JSON is ASCII, and no ill-formed sequence hides an
//! ASCII byte, so records are found first and repaired (U+FFFD) only where they need it. Positions in UTF-8 files are exact.
//! Positions in other encodings are counted back from the text: exact for UTF-16, UTF-32 and single-byte sets, and for the other
//! sets as long as the file is well-formed.

use crate::parse::charset::{Malformed, Utf8Check};
use encoding_rs::{Decoder, DecoderResult, EncoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// Bytes that decide the encoding.
const START_BYTES: usize = 4;

/// How characters are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Utf8,
    Utf16 {
        is_big_endian: bool,
    },
    Utf32 {
        is_big_endian: bool,
    },
    /// Any other character set.
    Legacy(&'static Encoding),
}

impl Form {
    /// Bytes that `text` takes in this form.
    pub(super) fn num_bytes(self, text: &[u8]) -> u64 {
        let num_characters = || text.iter().filter(|byte| **byte & 0xC0 != 0x80).count() as u64;
        match self {
            Form::Utf8 => text.len() as u64,
            Form::Utf16 { .. } => 2 * (num_characters() + text.iter().filter(|byte| **byte >= 0xF0).count() as u64),
            Form::Utf32 { .. } => 4 * num_characters(),
            Form::Legacy(encoding) if encoding.is_single_byte() => num_characters(),
            Form::Legacy(encoding) => encoded_bytes(encoding, text),
        }
    }
}

fn encoded_bytes(encoding: &'static Encoding, text: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(text);
    let mut rest = text.as_ref();
    let mut encoder = encoding.new_encoder();
    let mut out = [0; 4096];
    let mut total = 0;
    loop {
        let (result, num_read, num_written) = encoder.encode_from_utf8_without_replacement(rest, &mut out, false);
        total += num_written as u64;
        rest = &rest[num_read..];
        match result {
            EncoderResult::InputEmpty => return total,
            EncoderResult::OutputFull => {}
            // Stands for an ill-formed byte.
            EncoderResult::Unmappable(_) => total += 1,
        }
    }
}

/// Text that was decoded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decoded<'a> {
    pub(super) form: Form,
    /// Length of the byte order mark that stood before the text; 0 for all but the first text of a file.
    pub(super) mark_bytes: u64,
    /// UTF-8, but for what is ill-formed in a UTF-8 file.
    pub(super) text: &'a [u8],
}

/// Decodes the bytes of one file after the other.
pub(super) struct Transcoder {
    charset: Option<&'static Encoding>,
    form: Option<Form>,
    /// The first bytes of the file until its form is known; after that, those of a UTF-32 character that was cut.
    held: Vec<u8>,
    decoder: Option<Decoder>,
    text: Vec<u8>,
    utf8_check: Utf8Check,
    /// Bytes of the file that were transcoded so far, mark included.
    offset: u64,
    malformed: Malformed,
}

impl Transcoder {
    /// Decodes files of `charset`; `None`: UTF-8, UTF-16 or UTF-32, as the first bytes of each file tell.
    pub(super) fn new(charset: Option<&'static Encoding>) -> Transcoder {
        Transcoder {
            charset,
            form: None,
            held: Vec::new(),
            decoder: None,
            text: Vec::new(),
            utf8_check: Utf8Check::default(),
            offset: 0,
            malformed: Malformed::default(),
        }
    }

    /// Starts a file.
    pub(super) fn begin_file(&mut self) {
        self.form = None;
        self.held.clear();
        self.decoder = None;
        self.utf8_check = Utf8Check::default();
        self.offset = 0;
        self.malformed = Malformed::default();
    }

    /// What was malformed in this file since the last time this was asked.
    pub(super) fn take_malformed(&mut self) -> Malformed {
        std::mem::take(&mut self.malformed)
    }

    /// Decodes the next bytes of the file; a character that is cut comes with the next call.
    pub(super) fn push<'a>(&'a mut self, chunk: &'a [u8]) -> Decoded<'a> {
        self.decode(chunk, false)
    }

    /// Ends the file, and gives what was still held.
    pub(super) fn finish(&mut self) -> Decoded<'_> {
        self.decode(&[], true)
    }

    fn decode<'a>(&'a mut self, chunk: &'a [u8], is_last: bool) -> Decoded<'a> {
        let mut num_mark_bytes = 0;
        self.text.clear();
        if self.form.is_some() || (self.held.is_empty() && chunk.len() >= START_BYTES) {
            if self.form.is_none() {
                num_mark_bytes = self.decide(chunk);
            }
            if self.form == Some(Form::Utf8) {
                self.utf8_check
                    .push(&chunk[num_mark_bytes..], is_last, &mut self.malformed);
                return Decoded {
                    form: Form::Utf8,
                    mark_bytes: num_mark_bytes as u64,
                    text: &chunk[num_mark_bytes..],
                };
            }
            self.transcode(&chunk[num_mark_bytes..], is_last);
        } else {
            self.held.extend_from_slice(chunk);
            if self.held.len() >= START_BYTES || is_last {
                let start = std::mem::take(&mut self.held);
                num_mark_bytes = self.decide(&start);
                self.transcode(&start[num_mark_bytes..], is_last);
            }
        }
        let form = self.form.unwrap_or(Form::Utf8);
        Decoded {
            form,
            mark_bytes: num_mark_bytes as u64,
            text: &self.text,
        }
    }

    /// Settles the form by the first bytes of the file, and gives the length of the mark.
    fn decide(&mut self, start: &[u8]) -> usize {
        let (form, num_mark_bytes) = match self.charset {
            None => detected(start),
            Some(charset) => declared(charset, start),
        };
        self.form = Some(form);
        self.decoder = match form {
            Form::Utf16 { is_big_endian: true } => Some(UTF_16BE.new_decoder_without_bom_handling()),
            Form::Utf16 { is_big_endian: false } => Some(UTF_16LE.new_decoder_without_bom_handling()),
            Form::Legacy(encoding) => Some(encoding.new_decoder_without_bom_handling()),
            Form::Utf8 | Form::Utf32 { .. } => None,
        };
        self.offset = num_mark_bytes as u64;
        self.utf8_check.skip(num_mark_bytes);
        num_mark_bytes
    }

    /// Appends the text of `chunk` to `self.text`.
    fn transcode(&mut self, chunk: &[u8], is_last: bool) {
        if self.form == Some(Form::Utf8) {
            self.utf8_check.push(chunk, is_last, &mut self.malformed);
            return self.text.extend_from_slice(chunk);
        }
        let Some(decoder) = &mut self.decoder else {
            return self.transcode_utf32(chunk, is_last);
        };
        let mut rest = chunk;
        loop {
            let room = decoder
                .max_utf8_buffer_length_without_replacement(rest.len())
                .unwrap_or(rest.len())
                .max(16);
            let length = self.text.len();
            self.text.resize(length + room, 0);
            let (result, num_read, num_written) =
                decoder.decode_to_utf8_without_replacement(rest, &mut self.text[length..], is_last);
            self.text.truncate(length + num_written);
            rest = &rest[num_read..];
            self.offset += num_read as u64;
            match result {
                DecoderResult::InputEmpty => return,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(num_bytes, num_bytes_after) => {
                    let num_back = u64::from(num_bytes) + u64::from(num_bytes_after);
                    self.malformed.add(self.offset.saturating_sub(num_back));
                    self.text.extend_from_slice("\u{FFFD}".as_bytes());
                }
            }
        }
    }

    fn transcode_utf32(&mut self, chunk: &[u8], is_last: bool) {
        let is_big_endian = self.form == Some(Form::Utf32 { is_big_endian: true });
        self.held.extend_from_slice(chunk);
        let (units, rest) = self.held.as_chunks::<4>();
        for unit in units {
            let code = if is_big_endian {
                u32::from_be_bytes(*unit)
            } else {
                u32::from_le_bytes(*unit)
            };
            let character = char::from_u32(code).unwrap_or_else(|| {
                self.malformed.add(self.offset);
                char::REPLACEMENT_CHARACTER
            });
            self.offset += 4;
            self.text
                .extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
        if is_last && !rest.is_empty() {
            self.malformed.add(self.offset);
            self.text.extend_from_slice("\u{FFFD}".as_bytes());
        }
        let num_decoded = 4 * units.len();
        self.held.drain(..num_decoded);
    }
}

/// The form that the first bytes of a file tell, and the length of its byte order mark.
///
/// Without a mark the place of NUL bytes tells, as no JSON text begins with a NUL and the first character of each is ASCII.
///
/// **Source**: RFC 4627, section 3; Unicode, section 23.8.
fn detected(start: &[u8]) -> (Form, usize) {
    match start {
        [0x00, 0x00, 0xFE, 0xFF, ..] => (Form::Utf32 { is_big_endian: true }, 4),
        [0xFF, 0xFE, 0x00, 0x00, ..] => (Form::Utf32 { is_big_endian: false }, 4),
        [0xFE, 0xFF, ..] => (Form::Utf16 { is_big_endian: true }, 2),
        [0xFF, 0xFE, ..] => (Form::Utf16 { is_big_endian: false }, 2),
        [0xEF, 0xBB, 0xBF, ..] => (Form::Utf8, 3),
        [0x00, 0x00, 0x00, _, ..] => (Form::Utf32 { is_big_endian: true }, 0),
        [_, 0x00, 0x00, 0x00, ..] => (Form::Utf32 { is_big_endian: false }, 0),
        [0x00, second, ..] if *second != 0 => (Form::Utf16 { is_big_endian: true }, 0),
        [first, 0x00, ..] if *first != 0 => (Form::Utf16 { is_big_endian: false }, 0),
        _ => (Form::Utf8, 0),
    }
}

/// The form of a file in `charset`, and the length of its byte order mark. A mark of UTF-16 tells the byte order.
fn declared(charset: &'static Encoding, start: &[u8]) -> (Form, usize) {
    if charset == UTF_8 {
        return (Form::Utf8, if start.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 });
    }
    if charset == UTF_16BE || charset == UTF_16LE {
        return match start {
            [0xFE, 0xFF, ..] => (Form::Utf16 { is_big_endian: true }, 2),
            [0xFF, 0xFE, ..] => (Form::Utf16 { is_big_endian: false }, 2),
            _ => (
                Form::Utf16 {
                    is_big_endian: charset == UTF_16BE,
                },
                0,
            ),
        };
    }
    (Form::Legacy(charset), 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use encoding_rs::{GBK, SHIFT_JIS, WINDOWS_1252};

    #[track_caller]
    fn check(charset: Option<&'static Encoding>, bytes: &[u8], expected: &str, form: Form) {
        let unit = form.num_bytes(b" ");
        for cut in 1..=bytes.len().max(1) {
            let mut transcoder = Transcoder::new(charset);
            transcoder.begin_file();
            let mut text = Vec::new();
            let mut mark_bytes = 0;
            for chunk in bytes.chunks(cut) {
                let decoded = transcoder.push(chunk);
                text.extend_from_slice(decoded.text);
                mark_bytes += decoded.mark_bytes;
            }
            let decoded = transcoder.finish();
            text.extend_from_slice(decoded.text);
            mark_bytes += decoded.mark_bytes;
            assert_eq!(String::from_utf8_lossy(&text), expected, "cut {cut}");
            assert_eq!(decoded.form, form, "cut {cut}");
            let num_bytes = mark_bytes + form.num_bytes(expected.as_bytes());
            assert_eq!(num_bytes, bytes.len() as u64 / unit * unit, "cut {cut}");
        }
    }

    fn utf16(text: &str, is_big_endian: bool) -> Vec<u8> {
        let to_bytes = if is_big_endian {
            u16::to_be_bytes
        } else {
            u16::to_le_bytes
        };
        text.encode_utf16().flat_map(to_bytes).collect()
    }

    fn utf32(text: &str, is_big_endian: bool) -> Vec<u8> {
        let to_bytes = if is_big_endian {
            u32::to_be_bytes
        } else {
            u32::to_le_bytes
        };
        text.chars().map(u32::from).flat_map(to_bytes).collect()
    }

    const TEXT: &str = "{\"a\":\"é日😀\"}";

    #[test]
    fn every_unicode_form_is_detected_with_and_without_a_mark() {
        check(None, TEXT.as_bytes(), TEXT, Form::Utf8);
        check(None, format!("\u{FEFF}{TEXT}").as_bytes(), TEXT, Form::Utf8);
        for is_big_endian in [false, true] {
            for mark in ["", "\u{FEFF}"] {
                let marked = format!("{mark}{TEXT}");
                check(
                    None,
                    &utf16(&marked, is_big_endian),
                    TEXT,
                    Form::Utf16 { is_big_endian },
                );
                check(
                    None,
                    &utf32(&marked, is_big_endian),
                    TEXT,
                    Form::Utf32 { is_big_endian },
                );
            }
        }
    }

    #[test]
    fn files_shorter_than_the_detection_are_read() {
        check(None, b"", "", Form::Utf8);
        check(None, b"1", "1", Form::Utf8);
        check(None, b"{}", "{}", Form::Utf8);
        check(None, b"{\0", "{", Form::Utf16 { is_big_endian: false });
        check(None, b"\0{", "{", Form::Utf16 { is_big_endian: true });
    }

    #[test]
    fn the_first_character_outside_ascii_does_not_mislead() {
        check(
            None,
            &utf16("\"日\"", false),
            "\"日\"",
            Form::Utf16 { is_big_endian: false },
        );
        check(
            None,
            &utf16("\"日\"", true),
            "\"日\"",
            Form::Utf16 { is_big_endian: true },
        );
    }

    #[test]
    fn a_lone_surrogate_is_replaced() {
        check(
            None,
            b"\"\0\x00\xD8\"\0",
            "\"\u{FFFD}\"",
            Form::Utf16 { is_big_endian: false },
        );
        check(
            None,
            b"\"\0\0\0\x00\xD8\0\0",
            "\"\u{FFFD}",
            Form::Utf32 { is_big_endian: false },
        );
    }

    #[test]
    fn a_declared_set_is_used() {
        check(Some(UTF_8), b"\xEF\xBB\xBF{}", "{}", Form::Utf8);
        check(
            Some(UTF_16LE),
            &utf16("\u{FEFF}{}", true),
            "{}",
            Form::Utf16 { is_big_endian: true },
        );
        check(
            Some(UTF_16BE),
            &utf16("{}", true),
            "{}",
            Form::Utf16 { is_big_endian: true },
        );
        check(Some(WINDOWS_1252), b"\"\xE9\"", "\"é\"", Form::Legacy(WINDOWS_1252));
        check(
            Some(SHIFT_JIS),
            b"\"\x83\x5C\x93\xFA\"",
            "\"ソ日\"",
            Form::Legacy(SHIFT_JIS),
        );
        check(Some(GBK), b"\"\xC4\xE3\"", "\"你\"", Form::Legacy(GBK));
    }
}

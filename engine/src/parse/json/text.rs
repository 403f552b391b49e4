//! Turns valid JSON text into the text of a field: the content of a string, or one value without white space.

use super::{InvalidStringEscapes, scan};

/// What stands for a surrogate escape without its other half, which no Unicode text can hold.
const REPLACEMENT: char = char::REPLACEMENT_CHARACTER;

/// Appends to `out` the characters that the string `raw` (what stands between the quotes) means.
///
/// `raw` has passed a walk with the same `escapes`. Surrogate pairs become one character, a lone surrogate becomes U+FFFD.
pub(super) fn decode(raw: &[u8], escapes: InvalidStringEscapes, out: &mut Vec<u8>) {
    let mut rest = raw;
    while let Some(backslash) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..backslash]);
        rest = decode_escape(&rest[backslash + 1..], escapes, out);
    }
    out.extend_from_slice(rest);
}

/// Appends what the escape means whose backslash stands before `rest`; gives what follows the escape.
fn decode_escape<'t>(rest: &'t [u8], escapes: InvalidStringEscapes, out: &mut Vec<u8>) -> &'t [u8] {
    let Some((letter, behind)) = rest.split_first() else {
        return rest;
    };
    let meaning = match letter {
        b'"' | b'\\' | b'/' => *letter,
        b'b' => 0x08,
        b'f' => 0x0C,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'u' => {
            if let Some((unit, behind)) = hex_unit(behind) {
                return decode_unit(unit, behind, out);
            }
            return decode_invalid(rest, escapes, out);
        }
        _ => return decode_invalid(rest, escapes, out),
    };
    out.push(meaning);
    behind
}

/// Appends what is left of an invalid escape.
fn decode_invalid<'t>(rest: &'t [u8], escapes: InvalidStringEscapes, out: &mut Vec<u8>) -> &'t [u8] {
    let character_bytes = match rest[0] {
        0xF0.. => 4,
        0xE0.. => 3,
        0xC0.. => 2,
        _ => 1,
    };
    let (character, behind) = rest.split_at(character_bytes.min(rest.len()));
    if escapes == InvalidStringEscapes::Unescape {
        out.extend_from_slice(character);
    }
    behind
}

/// Appends the character of the UTF-16 `unit`, or of it and the unit that follows.
fn decode_unit<'t>(unit: u16, behind: &'t [u8], out: &mut Vec<u8>) -> &'t [u8] {
    let mut behind = behind;
    let mut character = char::from_u32(u32::from(unit)).unwrap_or(REPLACEMENT);
    if matches!(unit, 0xD800..=0xDBFF)
        && let Some((low @ 0xDC00..=0xDFFF, behind_pair)) = behind.strip_prefix(b"\\u").and_then(hex_unit)
    {
        let code = 0x10000 + ((u32::from(unit) - 0xD800) << 10) + (u32::from(low) - 0xDC00);
        character = char::from_u32(code).unwrap_or(REPLACEMENT);
        behind = behind_pair;
    }
    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    behind
}

/// Reads four hexadecimal digits.
fn hex_unit(text: &[u8]) -> Option<(u16, &[u8])> {
    let (digits, behind) = text.split_first_chunk::<4>()?;
    let mut unit = 0;
    for digit in digits {
        unit = unit << 4 | char::from(*digit).to_digit(16)? as u16;
    }
    Some((unit, behind))
}

/// Appends to `out` the value `raw` as compact JSON text that every JSON reader takes.
///
/// White space outside strings is left out. Numbers keep their text. Strings keep their characters, escaped only where JSON
/// demands it. `NaN`, `Infinity` and `-Infinity` become strings, members that come twice stay. `raw` has passed a walk with the
/// same `escapes`.
pub(super) fn compact(raw: &[u8], escapes: InvalidStringEscapes, out: &mut Vec<u8>) {
    // What is as it should be is copied in runs as long as possible.
    let mut copied = 0;
    let mut at = 0;
    while let Some(byte) = raw.get(at) {
        match byte {
            b'"' => {
                let string = string_at(raw, at);
                if !string.is_compact {
                    out.extend_from_slice(&raw[copied..=at]);
                    encode(&raw[at + 1..string.end], escapes, out);
                    copied = string.end;
                }
                at = string.end + 1;
            }
            b' ' | b'\n' | b'\r' | b'\t' => {
                out.extend_from_slice(&raw[copied..at]);
                at = scan::past_space(raw, at);
                copied = at;
            }
            b'N' | b'I' | b'-' => {
                let end = at
                    + raw[at..]
                        .iter()
                        .position(|byte| !is_word_byte(*byte))
                        .unwrap_or(raw.len() - at);
                let word = &raw[at..end];
                if word != b"-" {
                    out.extend_from_slice(&raw[copied..at]);
                    out.push(b'"');
                    out.extend_from_slice(word);
                    out.push(b'"');
                    copied = end;
                }
                at = end;
            }
            _ => at += 1,
        }
    }
    out.extend_from_slice(raw.get(copied..).unwrap_or_default());
}

/// True for the bytes of `NaN` and `-Infinity`.
fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'-'
}

/// A string in valid JSON text.
struct StringPlace {
    /// Offset of the closing quote.
    end: usize,
    /// It is escaped where JSON demands it, and in the shortest way.
    is_compact: bool,
}

/// Finds the end of the string that begins at `start`.
fn string_at(raw: &[u8], start: usize) -> StringPlace {
    let mut at = start + 1;
    let mut is_compact = true;
    loop {
        at = scan::quote_backslash_or_control(raw, at);
        match raw.get(at) {
            Some(b'\\') => {
                is_compact &= raw.get(at + 1).is_some_and(|letter| is_compact_escape(*letter));
                at += 2;
            }
            Some(b'"') | None => {
                return StringPlace {
                    end: at.min(raw.len() - 1),
                    is_compact,
                };
            }
            Some(_) => {
                is_compact = false;
                at += 1;
            }
        }
    }
}

/// True for the letters of escapes that compact text has.
pub(super) fn is_compact_escape(letter: u8) -> bool {
    matches!(letter, b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't')
}

/// Appends the content of the string `raw` with the escapes that JSON demands and no others.
fn encode(raw: &[u8], escapes: InvalidStringEscapes, out: &mut Vec<u8>) {
    if memchr::memchr(b'\\', raw).is_some() {
        let mut content = Vec::with_capacity(raw.len());
        decode(raw, escapes, &mut content);
        encode_content(&content, out);
    } else {
        encode_content(raw, out);
    }
}

fn encode_content(content: &[u8], out: &mut Vec<u8>) {
    let mut copied = 0;
    loop {
        let at = scan::quote_backslash_or_control(content, copied);
        out.extend_from_slice(&content[copied..at]);
        let Some(byte) = content.get(at) else {
            return;
        };
        copied = at + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0C => out.extend_from_slice(b"\\f"),
            _ => {
                const DIGITS: &[u8; 16] = b"0123456789abcdef";
                out.extend_from_slice(b"\\u00");
                out.push(DIGITS[usize::from(byte >> 4)]);
                out.push(DIGITS[usize::from(byte & 15)]);
            }
        }
    }
}

/// True if `text` has a control character: a raw one in a string must be escaped, others need not be looked for.
pub(super) fn has_control(text: &[u8]) -> bool {
    // Whole blocks without an early exit, so that the compiler compares many bytes at once.
    text.chunks(64)
        .any(|block| block.iter().fold(false, |has, byte| has | (*byte < b' ')))
}

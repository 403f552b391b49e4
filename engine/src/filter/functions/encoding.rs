//! Encodings and digests in a form that a column can hold: DataFusion's own give bytes, and fail on what they cannot decode.

use super::text_function::{Compiled, Gives, Spec};
use crate::parse::columns::ColumnType;
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};
use std::fmt::Write;

/// The text that base64 or hexadecimal digits stand for.
pub(super) static TRY_DECODE: Spec = Spec {
    name: "try_decode",
    num_arguments: 2..=2,
    constants: "`base64` or `hex`",
    gives: Gives::One(ColumnType::String),
    compile: |constants| {
        let decode: fn(&str) -> Option<Vec<u8>> = match constants[0].as_str() {
            "base64" => bytes_of_base64,
            "hex" => bytes_of_hex,
            other => return Err(format!("`{other}` is no encoding, write `base64` or `hex`")),
        };
        Ok(Compiled::Text(Box::new(move |text, out| {
            let decoded = decode(text).and_then(|bytes| String::from_utf8(bytes).ok());
            out.push_str(decoded.as_deref().unwrap_or_default());
            decoded.is_some()
        })))
    },
};

/// A digest in lowercase hexadecimal digits.
pub(super) static DIGEST_HEX: Spec = Spec {
    name: "digest_hex",
    num_arguments: 2..=2,
    constants: "`md5`, `sha1`, `sha256`, `sha384` or `sha512`",
    gives: Gives::One(ColumnType::String),
    compile: |constants| {
        let digest: fn(&str, &mut String) = match constants[0].to_ascii_lowercase().replace('-', "").as_str() {
            "md5" => write_digest::<Md5>,
            "sha1" => write_digest::<Sha1>,
            "sha256" => write_digest::<Sha256>,
            "sha384" => write_digest::<Sha384>,
            "sha512" => write_digest::<Sha512>,
            _ => {
                return Err(format!(
                    "`{}` is no digest, write one of md5, sha1, sha256, sha384 and sha512; keyed ones are for the filter `hash`",
                    constants[0]
                ));
            }
        };
        Ok(Compiled::Text(Box::new(move |text, out| {
            digest(text, out);
            true
        })))
    },
};

fn write_digest<D: Digest>(text: &str, out: &mut String) {
    for byte in D::digest(text.as_bytes()) {
        write!(out, "{byte:02x}").expect("a String takes all text");
    }
}

fn bytes_of_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let bytes = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?));
    bytes.collect::<Option<_>>().filter(|_| rest.is_empty())
}

/// Of both alphabets, with and without padding.
///
/// **Source**: RFC 4648, sections 4 and 5.
fn bytes_of_base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=');
    if text.len() - digits.len() > 2 || digits.len() % 4 == 1 {
        return None;
    }
    let mut bytes = Vec::with_capacity(digits.len() / 4 * 3 + 2);
    let (mut bits, mut num_bits) = (0_u32, 0);
    for digit in digits.bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        num_bits += 6;
        if num_bits >= 8 {
            num_bits -= 8;
            bytes.push((bits >> num_bits) as u8);
            bits &= (1 << num_bits) - 1;
        }
    }
    Some(bytes)
}

//! Finds the character set of a text, and turns its bytes into UTF-8.
//!
//! Text that is valid UTF-8 and has no NUL bytes is UTF-8; byte order marks and the NUL pattern tell UTF-16; the rest is left
//! to a statistical detector. Bytes that are no text at all are an error that says what they look like.

use super::GuessError;
use super::agreement::num_of;
use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{DecoderResult, EUC_JP, Encoding, SHIFT_JIS, UTF_8, UTF_16BE, UTF_16LE};

/// Share of control characters from which bytes are no text.
const MAX_CONTROL_SHARE: f64 = 0.02;

/// The character set of one sample.
#[derive(Clone, Debug)]
pub(crate) struct GuessedCharset {
    /// What the bytes are decoded with.
    pub(crate) encoding: &'static Encoding,
    /// What speaks for it.
    pub(crate) note: String,
    /// Whether nothing beyond ASCII was seen, so that any other sample's answer weighs more.
    pub(crate) is_ascii: bool,
    /// What could as well be otherwise.
    pub(crate) doubt: Option<String>,
}

impl GuessedCharset {
    fn of(encoding: &'static Encoding, note: impl Into<String>) -> GuessedCharset {
        GuessedCharset {
            encoding,
            note: note.into(),
            is_ascii: false,
            doubt: None,
        }
    }
}

/// The name the reference gives to `encoding`: `MS932` where the web says `Shift_JIS`.
pub(crate) fn name(encoding: &'static Encoding) -> &'static str {
    if encoding == SHIFT_JIS {
        "MS932"
    } else {
        encoding.name()
    }
}

/// Finds the character set of `bytes`, the plain bytes of `key`.
///
/// **Errors**: the bytes are no text.
pub(crate) fn detect(key: &str, bytes: &[u8], is_whole: bool) -> Result<GuessedCharset, GuessError> {
    if let Some(seen) = known_binary(bytes) {
        return Err(GuessError::cannot(format!("`{key}` is {seen}")));
    }
    if bytes.starts_with(&[0xEF, 0xBB, 0xBF]) {
        return Ok(GuessedCharset::of(UTF_8, "a byte order mark"));
    }
    if bytes.starts_with(&[0xFF, 0xFE, 0, 0]) || bytes.starts_with(&[0, 0, 0xFE, 0xFF]) {
        return Err(GuessError::cannot(format!(
            "`{key}` is UTF-32 text, which is not supported"
        )));
    }
    if bytes.starts_with(&[0xFF, 0xFE]) {
        return Ok(GuessedCharset::of(UTF_16LE, "a byte order mark"));
    }
    if bytes.starts_with(&[0xFE, 0xFF]) {
        return Ok(GuessedCharset::of(UTF_16BE, "a byte order mark"));
    }
    if let Some(encoding) = utf_16_by_nuls(bytes) {
        return Ok(GuessedCharset::of(encoding, "NUL bytes in every other place"));
    }
    check_is_text(key, bytes)?;
    if bytes.is_ascii() && !bytes.contains(&0x1B) {
        return Ok(GuessedCharset {
            is_ascii: true,
            ..GuessedCharset::of(UTF_8, "only ASCII seen")
        });
    }
    let (num_valid, num_invalid) = count_utf_8(bytes, is_whole);
    if num_invalid == 0 && num_valid > 0 {
        return Ok(GuessedCharset::of(
            UTF_8,
            format!("valid, with {} beyond ASCII", num_of(num_valid, "character")),
        ));
    }
    if num_valid >= 4 * num_invalid && num_valid > 0 {
        let mut guessed = GuessedCharset::of(
            UTF_8,
            format!("{num_valid} valid characters beyond ASCII, {num_invalid} bytes not valid"),
        );
        guessed.doubt = Some(format!(
            "charset: {num_invalid} bytes of `{key}` are not valid UTF-8 and will be read as U+FFFD"
        ));
        return Ok(guessed);
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(bytes, true);
    let detected = detector.guess(None, Utf8Detection::Deny);
    let encoding = match detected.is_single_byte() {
        true => japanese(bytes, is_whole).unwrap_or(detected),
        false => detected,
    };
    let num_beyond = bytes.iter().filter(|byte| !byte.is_ascii()).count();
    let mut guessed = GuessedCharset::of(
        encoding,
        format!("not UTF-8; {num_beyond} bytes beyond ASCII look like it"),
    );
    if num_beyond < 20 || encoding.is_single_byte() {
        guessed.doubt = Some(format!(
            "charset: `{}` is the likeliest reading of {num_beyond} bytes beyond ASCII in `{key}`, which are not UTF-8",
            name(encoding)
        ));
    }
    Ok(guessed)
}

/// Japanese that the detector takes for a Western text, as it does with few characters: without a fault, and hardly a character
/// beyond ASCII alone. An apostrophe or an accent that would be a kanji stands between letters.
fn japanese(bytes: &[u8], is_whole: bool) -> Option<&'static Encoding> {
    let is_japanese = |encoding: &'static Encoding| {
        let mut decoder = encoding.new_decoder_without_bom_handling();
        let mut text = String::with_capacity(decoder.max_utf8_buffer_length(bytes.len())?);
        let (result, _) = decoder.decode_to_string_without_replacement(bytes, &mut text, is_whole);
        if result != DecoderResult::InputEmpty {
            return None;
        }
        let (mut num_characters, mut num_alone) = (0, 0);
        for run in text.split(|character: char| character.is_ascii()) {
            let length = run.chars().count();
            num_characters += length;
            num_alone += usize::from(length == 1);
            if !run.chars().all(is_japanese_character) {
                return None;
            }
        }
        (num_characters > 0 && num_alone * 5 <= num_characters).then_some(encoding)
    };
    [SHIFT_JIS, EUC_JP].into_iter().find_map(is_japanese)
}

/// Kana, kanji, punctuation and full width; no half-width kana, which every other Western text would be.
fn is_japanese_character(character: char) -> bool {
    matches!(character, '\u{3000}'..='\u{30FF}' | '\u{4E00}'..='\u{9FFF}' | '\u{FF01}'..='\u{FF5E}' | '\u{2010}'..='\u{2026}')
}

/// Decodes `bytes`, without a byte order mark; a character cut off at the end of a sample is dropped.
pub(crate) fn decode(encoding: &'static Encoding, bytes: &[u8], is_whole: bool) -> String {
    let mut decoder = encoding.new_decoder_with_bom_removal();
    let mut text = String::with_capacity(decoder.max_utf8_buffer_length(bytes.len()).unwrap_or(bytes.len()));
    let mut rest = bytes;
    loop {
        let (result, read, _) = decoder.decode_to_string(rest, &mut text, is_whole);
        rest = &rest[read..];
        match result {
            encoding_rs::CoderResult::InputEmpty => return text,
            encoding_rs::CoderResult::OutputFull => text.reserve(rest.len().max(64) * 3),
        }
    }
}

/// What well-known binary file starts like this.
fn known_binary(bytes: &[u8]) -> Option<&'static str> {
    const MAGICS: [(&[u8], &str); 13] = [
        (b"PAR1", "a Parquet file"),
        (b"Obj\x01", "an Avro file"),
        (b"ORC", "an ORC file"),
        (b"\x89PNG", "a PNG image"),
        (b"\xFF\xD8\xFF", "a JPEG image"),
        (b"GIF8", "a GIF image"),
        (b"%PDF-", "a PDF document"),
        (b"7z\xBC\xAF\x27\x1C", "a 7-Zip archive, which is not supported"),
        (b"\x04\x22\x4D\x18", "lz4 data, which is not supported"),
        (b"\xFF\x06\0\0sNaPpY", "snappy data, which is not supported"),
        (b"\xD0\xCF\x11\xE0", "an Excel or Word document of the old kind"),
        (b"SQLite format 3\0", "an SQLite database"),
        (b"\x7FELF", "a program"),
    ];
    if super::compression::is_office_document(bytes) {
        return Some("an office document (a workbook must be saved as CSV first)");
    }
    let (magic, seen) = MAGICS.iter().find(|(magic, _)| bytes.starts_with(magic))?;
    // `ORC` alone may begin a table; the file itself has a binary byte next.
    if *magic == b"ORC"
        && bytes
            .get(3)
            .is_none_or(|byte| (0x20..0x7F).contains(byte) || matches!(byte, b'\n' | b'\r' | b'\t'))
    {
        return None;
    }
    Some(seen)
}

/// UTF-16 without a byte order mark: delimiters, digits and line ends have a NUL in one of their bytes, always the same one, and
/// there are many of them even in a Japanese table. No other text has NULs.
fn utf_16_by_nuls(bytes: &[u8]) -> Option<&'static Encoding> {
    const MIN_SHARE: usize = 20;
    let pairs = bytes.as_chunks::<2>().0;
    if pairs.len() < 2 {
        return None;
    }
    let is_sign = |byte: u8| (b' '..0x7F).contains(&byte) || matches!(byte, b'\t' | b'\r' | b'\n');
    let num_first = pairs.iter().filter(|pair| pair[0] == 0 && is_sign(pair[1])).count();
    let num_second = pairs.iter().filter(|pair| pair[1] == 0 && is_sign(pair[0])).count();
    let is_pattern = |many: usize, few: usize| many * MIN_SHARE >= pairs.len() && few * MIN_SHARE <= many;
    if is_pattern(num_second, num_first) {
        Some(UTF_16LE)
    } else if is_pattern(num_first, num_second) {
        Some(UTF_16BE)
    } else {
        None
    }
}

/// Control characters other than white space, escapes and the separators some tables use.
fn is_control(byte: u8) -> bool {
    byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0C | 0x1B | 0x01 | 0x02 | 0x1C..=0x1F) || byte == 0x7F
}

fn check_is_text(key: &str, bytes: &[u8]) -> Result<(), GuessError> {
    let mut counts = [0_usize; 256];
    for byte in bytes.iter().filter(|byte| is_control(**byte)) {
        counts[usize::from(*byte)] += 1;
    }
    // One of them, but for NUL, may be the delimiter.
    let most = counts[1..]
        .iter()
        .filter(|count| **count > 1)
        .max()
        .copied()
        .unwrap_or_default();
    let num_control = counts.iter().sum::<usize>() - most;
    #[expect(clippy::cast_precision_loss, reason = "a share needs no exact count")]
    let share = num_control as f64 / bytes.len().max(1) as f64;
    if share <= MAX_CONTROL_SHARE {
        return Ok(());
    }
    let start: Vec<String> = bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    Err(GuessError::cannot(format!(
        "`{key}` is not text: it begins with the bytes `{}`, and {:.0} % of its bytes are control characters",
        start.join(" "),
        share * 100.0
    )))
}

/// Counts valid characters beyond ASCII, and bytes that are not UTF-8. A character cut off by the end of a sample is neither.
fn count_utf_8(bytes: &[u8], is_whole: bool) -> (usize, usize) {
    let mut num_valid = 0;
    let mut num_invalid = 0;
    let mut rest = bytes;
    loop {
        let (valid, skip) = match std::str::from_utf8(rest) {
            Ok(_) => (rest, None),
            Err(error) => (
                &rest[..error.valid_up_to()],
                Some((error.valid_up_to(), error.error_len())),
            ),
        };
        // Every character beyond ASCII has exactly one first byte.
        num_valid += valid.iter().filter(|byte| **byte >= 0xC0).count();
        match skip {
            None => return (num_valid, num_invalid),
            Some((_, None)) => return (num_valid, num_invalid + usize::from(is_whole)),
            Some((valid_up_to, Some(len))) => {
                num_invalid += len;
                rest = &rest[valid_up_to + len..];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], expected: &str) {
        let guessed = detect("k", bytes, true).unwrap();
        assert_eq!(name(guessed.encoding), expected, "{}", guessed.note);
    }

    fn encoded(encoding: &'static Encoding, text: &str) -> Vec<u8> {
        encoding.encode(text).0.into_owned()
    }

    const JAPANESE: &str =
        "番号,名前,住所\n1,山田太郎,東京都千代田区丸の内\n2,鈴木花子,大阪府大阪市北区梅田\n3,カタカナ,ひらがな\n";
    const RUSSIAN: &str =
        "номер,имя,город\n1,Иван Петров,Москва и область\n2,Ольга Смирнова,Новосибирск\n3,Сергей,Казань\n";
    const GERMAN: &str =
        "nr,name,straße\n1,Jürgen Müller,Große Straße\n2,Käthe Schröder,Königsallee\n3,Jörg Weiß,Mühlweg\n";

    #[test]
    fn unicode_is_recognised() {
        check(b"a,b\n", "UTF-8");
        check(JAPANESE.as_bytes(), "UTF-8");
        check("\u{FEFF}a,b\n".as_bytes(), "UTF-8");
        let utf_16: Vec<u16> = "id,name\n1,foo\n".encode_utf16().collect();
        let le: Vec<u8> = utf_16.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let be: Vec<u8> = utf_16.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        check(&le, "UTF-16LE");
        check(&be, "UTF-16BE");
        check(&[&[0xFF, 0xFE], &le[..]].concat(), "UTF-16LE");
        check(&[&[0xFE, 0xFF], &be[..]].concat(), "UTF-16BE");
    }

    #[test]
    fn legacy_sets_are_detected() {
        check(&encoded(SHIFT_JIS, JAPANESE), "MS932");
        check(&encoded(encoding_rs::EUC_JP, JAPANESE), "EUC-JP");
        check(&encoded(encoding_rs::ISO_2022_JP, JAPANESE), "ISO-2022-JP");
        check(&encoded(encoding_rs::WINDOWS_1251, RUSSIAN), "windows-1251");
        check(&encoded(encoding_rs::WINDOWS_1252, GERMAN), "windows-1252");
    }

    #[test]
    fn character_cut_at_the_end_of_a_sample_is_no_error() {
        let bytes = &JAPANESE.as_bytes()[..JAPANESE.len() - 2];
        let guessed = detect("k", bytes, false).unwrap();
        assert_eq!((name(guessed.encoding), guessed.doubt), ("UTF-8", None));
        assert!(JAPANESE.starts_with(&decode(UTF_8, bytes, false)));
    }

    #[test]
    fn few_bad_bytes_leave_utf_8_with_a_doubt() {
        let mut bytes = JAPANESE.as_bytes().to_vec();
        bytes.extend_from_slice(b"4,\xFF,x\n");
        let guessed = detect("k", &bytes, true).unwrap();
        assert_eq!(name(guessed.encoding), "UTF-8");
        assert!(guessed.doubt.unwrap().contains("1 bytes of `k` are not valid UTF-8"));
    }

    #[test]
    fn byte_order_mark_is_removed() {
        assert_eq!(decode(UTF_8, "\u{FEFF}a".as_bytes(), true), "a");
        assert_eq!(decode(UTF_16LE, &[0xFF, 0xFE, b'a', 0], true), "a");
    }

    #[test]
    fn few_japanese_characters_are_japanese_and_accents_are_not() {
        let of = |bytes: &[u8]| detect("k", bytes, true).unwrap().encoding.name();
        for text in ["1,能力\n2,表示\n", "id,品名\n1,ランプ\n"] {
            assert_eq!(of(&SHIFT_JIS.encode(text).0), "Shift_JIS", "{text}");
        }
        assert_eq!(of(&EUC_JP.encode("id,品名\n1,ランプ\n").0), "EUC-JP");
        for text in ["a,it’s\nb,don’t\n", "élan,café\n", "Größe,für\n", "a – b,c…\n"] {
            assert_eq!(of(&encoding_rs::WINDOWS_1252.encode(text).0), "windows-1252", "{text}");
        }
    }

    #[test]
    fn what_is_no_text_is_named() {
        #[track_caller]
        fn check(bytes: &[u8], expected: &str) {
            assert_eq!(detect("k", bytes, true).unwrap_err().to_string(), expected);
        }
        check(b"\x89PNG\r\n\x1a\n", "cannot guess: `k` is a PNG image");
        check(b"PAR1\x15\x04", "cannot guess: `k` is a Parquet file");
        check(
            &[0, 1, 2, 3, 4, 5, 6, 7, 8, 200],
            "cannot guess: `k` is not text: it begins with the bytes `00 01 02 03 04 05 06 07`, and 70 % of its bytes are control characters",
        );
        assert!(detect("k", b"ORC,1\n", true).is_ok());
    }
}

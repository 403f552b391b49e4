//! Turns the bytes of an entry's name into text.
//!
//! The format knows two charsets: UTF-8 if a flag says so, else code page 437. Some writers (macOS among them) write UTF-8 without
//! the flag; names in code page 437 are practically never valid UTF-8 unless they are ASCII, so that is tried first.

/// What the bytes from 0x80 stand for in code page 437.
const CP437_HIGH: [char; 128] = [
    'Ç', 'ü', 'é', 'â', 'ä', 'à', 'å', 'ç', 'ê', 'ë', 'è', 'ï', 'î', 'ì', 'Ä', 'Å', 'É', 'æ', 'Æ', 'ô', 'ö', 'ò', 'û',
    'ù', 'ÿ', 'Ö', 'Ü', '¢', '£', '¥', '₧', 'ƒ', 'á', 'í', 'ó', 'ú', 'ñ', 'Ñ', 'ª', 'º', '¿', '⌐', '¬', '½', '¼', '¡',
    '«', '»', '░', '▒', '▓', '│', '┤', '╡', '╢', '╖', '╕', '╣', '║', '╗', '╝', '╜', '╛', '┐', '└', '┴', '┬', '├', '─',
    '┼', '╞', '╟', '╚', '╔', '╩', '╦', '╠', '═', '╬', '╧', '╨', '╤', '╥', '╙', '╘', '╒', '╓', '╫', '╪', '┘', '┌', '█',
    '▄', '▌', '▐', '▀', 'α', 'ß', 'Γ', 'π', 'Σ', 'σ', 'µ', 'τ', 'Φ', 'Θ', 'Ω', 'δ', '∞', 'φ', 'ε', '∩', '≡', '±', '≥',
    '≤', '⌠', '⌡', '÷', '≈', '°', '∙', '·', '√', 'ⁿ', '²', '■', '\u{a0}',
];

pub(super) fn decode_name(bytes: &[u8], is_utf8: bool) -> String {
    if is_utf8 {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    match std::str::from_utf8(bytes) {
        Ok(name) => name.to_owned(),
        Err(_) => bytes.iter().map(|&byte| decode_cp437(byte)).collect(),
    }
}

fn decode_cp437(byte: u8) -> char {
    if byte.is_ascii() {
        char::from(byte)
    } else {
        CP437_HIGH[usize::from(byte & 0x7f)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], is_utf8: bool, expected: &str) {
        assert_eq!(decode_name(bytes, is_utf8), expected);
    }

    #[test]
    fn names_are_code_page_437_unless_they_are_utf8() {
        check(b"a.csv", false, "a.csv");
        check(b"Z\x81rich \x9c\xff.csv", false, "Zürich £\u{a0}.csv");
        check("Zürich.csv".as_bytes(), false, "Zürich.csv");
        check("Zürich.csv".as_bytes(), true, "Zürich.csv");
        check(b"Z\x81rich.csv", true, "Z\u{fffd}rich.csv");
    }
}

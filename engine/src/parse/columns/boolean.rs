//! Which texts are true; every other text is false, never an error.

/// Whether `text` is one of the spellings of true.
pub fn read(text: &[u8]) -> bool {
    matches!(
        text,
        b"true"
            | b"True"
            | b"TRUE"
            | b"yes"
            | b"Yes"
            | b"YES"
            | b"t"
            | b"T"
            | b"y"
            | b"Y"
            | b"on"
            | b"On"
            | b"ON"
            | b"1"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_listed_spellings_are_true() {
        for text in "true True TRUE yes Yes YES t T y Y on On ON 1".split(' ') {
            assert!(read(text.as_bytes()), "{text}");
        }
        for text in ["tRuE", "2", "abc", "", "yES", "oN", "false", " true", "01"] {
            assert!(!read(text.as_bytes()), "{text}");
        }
    }
}

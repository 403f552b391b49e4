//! Checks that a text is one JSON value, and writes it without the white space between its tokens.
//!
//! The value is not built: numbers keep their digits, strings their escapes, objects the order of their members and members
//! of the same name (whoever reads them later decides which counts). One thing is more lenient than RFC 8259, as the original
//! is: control characters inside strings are accepted; they are written as escapes, so that the result is strict JSON.

/// Arrays and objects inside each other. Readers of the result often give up far earlier; a limit keeps a hostile text
/// from using memory.
const MAX_DEPTH: usize = 1_000;

/// Appends `text`, compacted, to `output`. Gives `false`, with `output` as it was, if `text` is not one JSON value.
pub fn compact(text: &[u8], output: &mut Vec<u8>) -> bool {
    let length_before = output.len();
    let mut compactor = Compactor {
        text,
        position: 0,
        output,
    };
    let is_value = compactor.value().is_some();
    if !is_value {
        output.truncate(length_before);
    }
    is_value
}

struct Compactor<'a> {
    text: &'a [u8],
    position: usize,
    output: &'a mut Vec<u8>,
}

impl Compactor<'_> {
    /// Copies one value and requires that nothing follows it. `None`: the text is malformed.
    fn value(&mut self) -> Option<()> {
        // The closing bracket of each array and object that is open.
        let mut open: Vec<u8> = Vec::new();
        loop {
            // A value begins here.
            self.skip_white_space();
            match self.peek()? {
                opening @ (b'{' | b'[') => {
                    if open.len() == MAX_DEPTH {
                        return None;
                    }
                    let closing = if opening == b'{' { b'}' } else { b']' };
                    self.take();
                    self.skip_white_space();
                    if self.peek()? == closing {
                        self.take();
                    } else {
                        open.push(closing);
                        if closing == b'}' {
                            self.member_name()?;
                        }
                        continue;
                    }
                }
                b'"' => self.string()?,
                b'-' | b'0'..=b'9' => self.number()?,
                b't' => self.word(b"true")?,
                b'f' => self.word(b"false")?,
                b'n' => self.word(b"null")?,
                _ => return None,
            }
            // A value ended here.
            loop {
                self.skip_white_space();
                let Some(&closing) = open.last() else {
                    return (self.position == self.text.len()).then_some(());
                };
                match self.peek()? {
                    b',' => {
                        self.take();
                        if closing == b'}' {
                            self.skip_white_space();
                            self.member_name()?;
                        }
                        break;
                    }
                    byte if byte == closing => {
                        self.take();
                        open.pop();
                    }
                    _ => return None,
                }
            }
        }
    }

    fn member_name(&mut self) -> Option<()> {
        if self.peek()? != b'"' {
            return None;
        }
        self.string()?;
        self.skip_white_space();
        if self.peek()? != b':' {
            return None;
        }
        self.take();
        Some(())
    }

    fn string(&mut self) -> Option<()> {
        self.take();
        loop {
            let start = self.position;
            while !matches!(self.peek()?, b'"' | b'\\' | 0..0x20) {
                self.position += 1;
            }
            self.output.extend_from_slice(&self.text[start..self.position]);
            match self.peek()? {
                b'"' => {
                    self.take();
                    return Some(());
                }
                b'\\' => {
                    self.take();
                    match self.peek()? {
                        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.take(),
                        b'u' => {
                            self.take();
                            for _ in 0..4 {
                                if !self.peek()?.is_ascii_hexdigit() {
                                    return None;
                                }
                                self.take();
                            }
                        }
                        _ => return None,
                    }
                }
                control => {
                    self.position += 1;
                    match control {
                        b'\n' => self.output.extend_from_slice(b"\\n"),
                        b'\r' => self.output.extend_from_slice(b"\\r"),
                        b'\t' => self.output.extend_from_slice(b"\\t"),
                        _ => self.output.extend_from_slice(format!("\\u{control:04x}").as_bytes()),
                    }
                }
            }
        }
    }

    fn number(&mut self) -> Option<()> {
        if self.peek() == Some(b'-') {
            self.take();
        }
        if self.peek()? == b'0' {
            self.take();
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.take();
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.take();
            if let Some(b'+' | b'-') = self.peek() {
                self.take();
            }
            self.digits()?;
        }
        Some(())
    }

    fn digits(&mut self) -> Option<()> {
        if !self.peek()?.is_ascii_digit() {
            return None;
        }
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.take();
        }
        Some(())
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        if !self.text[self.position..].starts_with(word) {
            return None;
        }
        self.output.extend_from_slice(word);
        self.position += word.len();
        Some(())
    }

    fn skip_white_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.position += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.position).copied()
    }

    /// Copies the byte that `peek` showed.
    fn take(&mut self) {
        self.output.push(self.text[self.position]);
        self.position += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        let mut output = b"before".to_vec();
        let is_value = compact(text.as_bytes(), &mut output);
        let actual = String::from_utf8(output).unwrap();
        assert_eq!(
            is_value.then_some(actual.as_str()),
            expected.map(|text| format!("before{text}")).as_deref(),
            "{text}"
        );
        assert!(is_value || actual == "before");
    }

    #[test]
    fn white_space_between_tokens_is_removed() {
        check(
            " { \"a b\" : [ 1 , 2.50 , { } , [ ] ] ,\r\n\t\"c\" : null } ",
            Some(r#"{"a b":[1,2.50,{},[]],"c":null}"#),
        );
        check("[[[]],[{\"a\":{}}]]", Some("[[[]],[{\"a\":{}}]]"));
    }

    #[test]
    fn scalars_are_values() {
        for text in [
            "true",
            "false",
            "null",
            "0",
            "-0.0e+10",
            "1E5",
            "123456789012345678901234567890.10",
            "\"\"",
            "\"\\u00e9é\\n\"",
        ] {
            check(text, Some(text));
        }
    }

    #[test]
    fn members_keep_order_and_repetition() {
        check(r#"{"b":1,"a":2,"b":3}"#, Some(r#"{"b":1,"a":2,"b":3}"#));
    }

    #[test]
    fn control_characters_in_strings_are_escaped() {
        check("\"a\nb\r\t\u{1}\"", Some("\"a\\nb\\r\\t\\u0001\""));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            " ",
            "{",
            "}",
            "[1",
            "[1,]",
            "[,1]",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{a:1}",
            "{'a':1}",
            "01",
            "1.",
            ".5",
            "+1",
            "1e",
            "-",
            "tru",
            "truex",
            "NaN",
            "Infinity",
            "1 2",
            "\"a",
            "\"\\x\"",
            "\"\\u12g4\"",
            "[1}",
            "{\"a\":1]",
            "\u{FEFF}1",
            "\u{A0}1",
            "[1 2]",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn depth_has_a_limit() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        check(&nested(MAX_DEPTH), Some(&nested(MAX_DEPTH)));
        check(&nested(MAX_DEPTH + 1), None);
    }

    proptest! {
        #[test]
        fn agrees_with_another_reader(text in r#"([\[\]{},:"\\ ]|"a"|1|-|\.|e|0|true|null|\\n|é){0,12}"#) {
            let mut output = Vec::new();
            let is_value = compact(text.as_bytes(), &mut output);
            let other: Result<serde_json::Value, _> = serde_json::from_str(&text);
            // The other reader refuses numbers beyond binary64.
            prop_assert_eq!(is_value, other.is_ok() || text.contains('e') && is_value);
            if let Ok(value) = other {
                prop_assert_eq!(serde_json::from_slice::<serde_json::Value>(&output).unwrap(), value);
            }
        }
    }
}

//! Character classes of Java patterns, written for the `regex` syntax.
//!
//! Both syntaxes have nested classes, negation and `&&`, with the same precedence. What differs is which characters need an
//! escape, so every character that is not a letter or digit is written as a number, and that `(?i)` reaches only ASCII in Java, so
//! the other case is written out.

use super::PatternError;
use super::translate::Translator;
use std::fmt::Write;

/// One member of a class.
enum Item {
    Char(char),
    /// A class in brackets, or an escape for several characters.
    Set(String),
}

/// What stands for several characters after a backslash, outside and inside classes.
pub(super) fn predefined(letter: char) -> Option<&'static str> {
    Some(match letter {
        'd' => "[0-9]",
        'D' => "[^0-9]",
        'w' => "[0-9A-Z_a-z]",
        'W' => "[^0-9A-Z_a-z]",
        's' => r"[\t-\r ]",
        'S' => r"[^\t-\r ]",
        'h' => r"[\t \x{a0}\x{1680}\x{180e}\x{2000}-\x{200a}\x{202f}\x{205f}\x{3000}]",
        'H' => r"[^\t \x{a0}\x{1680}\x{180e}\x{2000}-\x{200a}\x{202f}\x{205f}\x{3000}]",
        'v' => r"[\n-\r\x{85}\x{2028}\x{2029}]",
        'V' => r"[^\n-\r\x{85}\x{2028}\x{2029}]",
        _ => return None,
    })
}

/// The POSIX classes, which are ASCII in Java.
fn posix(name: &str, is_negated: bool) -> Option<String> {
    let members = match name {
        "Lower" => "a-z",
        "Upper" => "A-Z",
        "ASCII" => r"\x{0}-\x{7f}",
        "Alpha" => "A-Za-z",
        "Digit" => "0-9",
        "Alnum" => "0-9A-Za-z",
        "Punct" => r"\x{21}-\x{2f}\x{3a}-\x{40}\x{5b}-\x{60}\x{7b}-\x{7e}",
        "Graph" => r"\x{21}-\x{7e}",
        "Print" => r"\x{20}-\x{7e}",
        "Blank" => r"\t ",
        "Cntrl" => r"\x{0}-\x{1f}\x{7f}",
        "XDigit" => "0-9A-Fa-f",
        "Space" => r"\t-\r ",
        _ => return None,
    };
    Some(if is_negated {
        format!("[^{members}]")
    } else {
        format!("[{members}]")
    })
}

/// Writes one character so that it means itself, inside a class and outside.
pub(super) fn push_literal(character: char, out: &mut String) {
    if character.is_ascii_alphanumeric() || matches!(character, '/' | '_' | '=' | ',') {
        out.push(character);
    } else {
        push_number(character, out);
    }
}

fn push_number(character: char, out: &mut String) {
    write!(out, "\\x{{{:x}}}", u32::from(character)).expect("a string takes everything");
}

/// The same letter in the other case, for ASCII letters.
pub(super) fn other_case(character: char) -> Option<char> {
    if character.is_ascii_lowercase() {
        Some(character.to_ascii_uppercase())
    } else if character.is_ascii_uppercase() {
        Some(character.to_ascii_lowercase())
    } else {
        None
    }
}

impl Translator<'_> {
    /// Reads a class whose `[` has just been read, and gives it with its brackets.
    pub(super) fn class(&mut self, depth: usize) -> Result<String, PatternError> {
        self.check_depth(depth)?;
        let mut out = String::from("[");
        if self.take('^') {
            out.push('^');
        }
        let mut is_operand_empty = true;
        loop {
            self.skip_comments();
            let start = self.position;
            let Some(character) = self.next() else {
                return Err(self.syntax(start, "the class is not closed with `]`"));
            };
            match character {
                ']' if !is_operand_empty => {
                    out.push(']');
                    return Ok(out);
                }
                '&' if self.take('&') => {
                    if is_operand_empty || matches!(self.peek(), None | Some(']' | '&')) {
                        return Err(self.syntax(start, "`&&` needs a class on both sides"));
                    }
                    out.push_str("&&");
                    is_operand_empty = true;
                    continue;
                }
                _ => {}
            }
            match self.class_item(character, start, depth)? {
                Item::Set(set) => out.push_str(&set),
                Item::Char(low) => match self.range_end(depth)? {
                    None => self.push_range(low, low, &mut out),
                    Some(high) if low <= high => self.push_range(low, high, &mut out),
                    Some(_) => return Err(self.syntax(start, "the range is backwards")),
                },
            }
            is_operand_empty = false;
        }
    }

    fn class_item(&mut self, character: char, start: usize, depth: usize) -> Result<Item, PatternError> {
        match character {
            '[' => self.class(depth + 1).map(Item::Set),
            '\\' => {
                let Some(letter) = self.next() else {
                    return Err(self.syntax(start, "the pattern ends in a backslash"));
                };
                if let Some(set) = predefined(letter) {
                    return Ok(Item::Set(set.to_owned()));
                }
                match letter {
                    'p' | 'P' => self.property(letter == 'P', start).map(Item::Set),
                    'Q' => self.quoted_in_class(start).map(Item::Set),
                    _ => self.escaped_char(letter, start).map(Item::Char),
                }
            }
            other => Ok(Item::Char(other)),
        }
    }

    /// The end of a range, if a hyphen that makes one follows.
    fn range_end(&mut self, depth: usize) -> Result<Option<char>, PatternError> {
        self.skip_comments();
        if self.peek() != Some('-') || matches!(self.peek_at(1), None | Some(']' | '[')) {
            return Ok(None);
        }
        self.position += 1;
        self.skip_comments();
        let start = self.position;
        let Some(character) = self.next() else {
            return Err(self.syntax(start, "the class is not closed with `]`"));
        };
        match self.class_item(character, start, depth)? {
            Item::Char(high) => Ok(Some(high)),
            Item::Set(_) => Err(self.syntax(start, "a range cannot end in a class")),
        }
    }

    fn push_range(&self, low: char, high: char, out: &mut String) {
        push_span(low, high, out);
        if !self.flags.is_ascii_case_insensitive() {
            return;
        }
        for (first, last) in [('a', 'z'), ('A', 'Z')] {
            let (low, high) = (low.max(first), high.min(last));
            if low <= high
                && let (Some(low), Some(high)) = (other_case(low), other_case(high))
            {
                push_span(low, high, out);
            }
        }
    }

    /// `\Q...\E` inside a class: its characters, one by one.
    fn quoted_in_class(&mut self, start: usize) -> Result<String, PatternError> {
        let mut out = String::from("[");
        for character in self.quoted() {
            self.push_range(character, character, &mut out);
        }
        if out.len() == 1 {
            return Err(self.syntax(start, "the quotation is empty"));
        }
        out.push(']');
        Ok(out)
    }

    /// `\p{...}` or `\pL` after its letter.
    pub(super) fn property(&mut self, is_negated: bool, start: usize) -> Result<String, PatternError> {
        let mut name = String::new();
        if self.take('{') {
            loop {
                match self.next() {
                    Some('}') => break,
                    Some(character) => name.push(character),
                    None => return Err(self.syntax(start, "the property is not closed with `}`")),
                }
            }
        } else if let Some(character) = self.next() {
            name.push(character);
        }
        if let Some(set) = posix(&name, is_negated) {
            return Ok(set);
        }
        // Java's prefix `Is` goes before scripts, categories and binary properties alike; blocks (`In`) have no counterpart.
        let plain_name = name.strip_prefix("Is").unwrap_or(&name);
        let text = format!(r"\{}{{{plain_name}}}", if is_negated { 'P' } else { 'p' });
        let is_word = |name: &str| {
            !name.is_empty()
                && name
                    .chars()
                    .all(|character| character.is_ascii_alphanumeric() || "_= -".contains(character))
        };
        let is_unknown = name.starts_with("In") || name.starts_with("java") || !is_word(plain_name);
        if is_unknown || regex::Regex::new(&text).is_err() {
            return Err(self.unsupported(start));
        }
        Ok(text)
    }
}

fn push_span(low: char, high: char, out: &mut String) {
    push_literal(low, out);
    if low != high {
        out.push('-');
        push_literal(high, out);
    }
}

//! Rewrites what a backslash begins: sets, anchors, references to groups, quotations and characters by number.

use super::PatternError;
use super::class::predefined;
use super::translate::{ASCII_BOUNDARY, Translator, WORD};

impl Translator<'_> {
    /// What follows a backslash; `false` if it takes no quantifier.
    pub(super) fn escape(&mut self, start: usize) -> Result<bool, PatternError> {
        let Some(letter) = self.next() else {
            return Err(self.syntax(start, "the pattern ends in a backslash"));
        };
        if let Some(set) = predefined(letter) {
            self.out.push_str(set);
            return Ok(true);
        }
        match letter {
            'Q' => return self.quotation(),
            'E' => return Ok(false),
            'A' => self.out.push_str(r"\A"),
            'G' => {
                self.has_previous_end = true;
                self.open_fancy(r"\G");
            }
            'z' => self.out.push_str(r"\z"),
            'Z' => self.line_end(false),
            'b' if self.peek() == Some('{') => return Err(self.unsupported(start)),
            'b' => self.out.push_str(ASCII_BOUNDARY),
            'B' => self.open_fancy(&format!("(?:(?<={WORD})(?={WORD})|(?<!{WORD})(?!{WORD}))")),
            'R' => self.open_fancy(r"(?:(?>\r\n)|[\n-\r\x{85}\x{2028}\x{2029}])"),
            'p' | 'P' => {
                let property = self.property(letter == 'P', start)?;
                self.push_folded(&property);
            }
            'k' => {
                if !self.take('<') {
                    return Err(self.syntax(start, "`\\k` needs the name of a group in `<` and `>`"));
                }
                let name = self.name(start)?;
                if !self.names.contains(&name) {
                    return Err(self.syntax(start, "no group before it has this name"));
                }
                self.back_reference(&format!(r"\k<{name}>"));
            }
            '1'..='9' => {
                let number = self.group_number(letter);
                if number > self.num_groups {
                    // A group that has not been entered matches nothing, so neither does a reference to it.
                    self.open_fancy("(?!)");
                } else {
                    self.back_reference(&format!(r"\{number}"));
                }
            }
            _ => {
                let character = self.escaped_char(letter, start)?;
                self.literal(character);
            }
        }
        Ok(true)
    }

    /// Java takes more digits only as long as there are that many groups.
    fn group_number(&mut self, first: char) -> usize {
        let mut number = first.to_digit(10).expect("the caller has seen a digit") as usize;
        while let Some(digit) = self.peek().and_then(|character| character.to_digit(10)) {
            let longer = number * 10 + digit as usize;
            if longer > self.num_groups {
                break;
            }
            number = longer;
            self.position += 1;
        }
        number
    }

    fn back_reference(&mut self, reference: &str) {
        self.needs_backtracking = true;
        self.out
            .push_str(if self.flags.is_case_insensitive { "(?i:" } else { "(?:" });
        self.out.push_str(reference);
        self.out.push(')');
    }

    /// `\Q...\E`. A quantifier after it belongs to its last character.
    fn quotation(&mut self) -> Result<bool, PatternError> {
        let characters = self.quoted();
        let Some((last, others)) = characters.split_last() else {
            return Ok(false);
        };
        for character in others {
            self.literal(*character);
        }
        let atom_start = self.out.len();
        self.literal(*last);
        self.quantifiers(atom_start)?;
        Ok(false)
    }

    /// The characters up to `\E`, or to the end of the pattern.
    pub(super) fn quoted(&mut self) -> Vec<char> {
        let start = self.position;
        let rest = &self.characters[start..];
        let length = rest.windows(2).position(|pair| pair == ['\\', 'E']);
        self.position = start + length.map_or(rest.len(), |length| length + 2);
        rest[..length.unwrap_or(rest.len())].to_vec()
    }

    /// A single character written as an escape, whose letter has been read.
    pub(super) fn escaped_char(&mut self, letter: char, start: usize) -> Result<char, PatternError> {
        Ok(match letter {
            't' => '\t',
            'n' => '\n',
            'r' => '\r',
            'f' => '\u{c}',
            'a' => '\u{7}',
            'e' => '\u{1b}',
            'c' => {
                let Some(character) = self.next().filter(char::is_ascii) else {
                    return Err(self.syntax(start, "`\\c` needs a character"));
                };
                char::from(u8::try_from(character).expect("it is ASCII") ^ 64)
            }
            '0' => self.octal(start)?,
            'x' if self.take('{') => {
                let digits: String = self.characters[self.position..]
                    .iter()
                    .take_while(|c| **c != '}')
                    .collect();
                self.position += digits.chars().count() + 1;
                self.code_point(&digits, start)?
            }
            'x' => self.hexadecimal(2, start)?,
            'u' => self.hexadecimal(4, start)?,
            'N' | 'X' => return Err(self.unsupported(start)),
            other if other.is_ascii_alphabetic() => {
                return Err(self.syntax(start, "there is no such escape"));
            }
            other => other,
        })
    }

    fn octal(&mut self, start: usize) -> Result<char, PatternError> {
        let mut value = 0;
        let mut num_digits = 0;
        while let Some(digit) = self.peek().and_then(|character| character.to_digit(8)) {
            if num_digits == 3 || value * 8 + digit > 0o377 {
                break;
            }
            value = value * 8 + digit;
            num_digits += 1;
            self.position += 1;
        }
        match char::from_u32(value) {
            Some(character) if num_digits > 0 => Ok(character),
            _ => Err(self.syntax(start, "`\\0` needs octal digits")),
        }
    }

    fn hexadecimal(&mut self, num_digits: usize, start: usize) -> Result<char, PatternError> {
        let digits: String = self.characters[self.position..].iter().take(num_digits).collect();
        if digits.chars().count() < num_digits {
            return Err(self.syntax(start, "the escape needs more hexadecimal digits"));
        }
        self.position += num_digits;
        self.code_point(&digits, start)
    }

    fn code_point(&self, digits: &str, start: usize) -> Result<char, PatternError> {
        let is_hexadecimal = !digits.is_empty() && digits.chars().all(|digit| digit.is_ascii_hexdigit());
        let value = if is_hexadecimal {
            u32::from_str_radix(digits, 16).ok()
        } else {
            None
        };
        value
            .and_then(char::from_u32)
            .ok_or_else(|| self.syntax(start, "the escape is no character"))
    }
}

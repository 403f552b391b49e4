//! Rewrites a Java pattern in the syntax that `regex` and `fancy_regex` share.
//!
//! A recursive descent over the pattern that writes as it reads. Everything is written out: classes as ASCII sets, case
//! folding as both letters, anchors as what they mean, so that no flag of the engines is relied upon. Groups are never added
//! nor removed as far as they capture, so back references keep their numbers.

use super::PatternError;
use super::class::{other_case, predefined, push_literal};

/// Groups and classes within each other; more would only be written to exhaust the stack.
const MAX_DEPTH: usize = 200;

/// Java's `\w`.
const WORD: &str = "[0-9A-Z_a-z]";

/// A boundary of such words, for the linear engine. No literal is written like this.
const ASCII_BOUNDARY: &str = r"(?-u:\b)";

/// What is known about the text to be searched.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Lines {
    /// It has no line terminator.
    None,
    /// It may have some.
    Several,
}

/// A rewritten pattern.
pub(super) struct Translation {
    pub(super) text: String,
    pub(super) needs_backtracking: bool,
    /// Whether `\G` stands in it.
    pub(super) has_previous_end: bool,
}

/// Java's inline flags.
#[derive(Clone, Copy, Default)]
pub(super) struct Flags {
    is_case_insensitive: bool,
    is_unicode_case: bool,
    is_multiline: bool,
    is_dotall: bool,
    is_comments: bool,
    is_unix_lines: bool,
}

impl Flags {
    pub(super) fn is_ascii_case_insensitive(self) -> bool {
        self.is_case_insensitive && !self.is_unicode_case
    }
}

pub(super) struct Translator<'a> {
    pattern: &'a str,
    characters: Vec<char>,
    /// Of the next character to read.
    pub(super) position: usize,
    pub(super) flags: Flags,
    lines: Lines,
    num_groups: usize,
    /// Of the groups opened so far.
    names: Vec<String>,
    out: String,
    needs_backtracking: bool,
    has_previous_end: bool,
}

pub(super) fn translate(pattern: &str, lines: Lines) -> Result<Translation, PatternError> {
    let mut translator = Translator {
        pattern,
        characters: pattern.chars().collect(),
        position: 0,
        flags: Flags::default(),
        lines,
        num_groups: 0,
        names: Vec::new(),
        out: String::with_capacity(pattern.len() * 2),
        needs_backtracking: false,
        has_previous_end: false,
    };
    translator.alternatives(0)?;
    if translator.position < translator.characters.len() {
        return Err(translator.syntax(translator.position, "`)` closes no group"));
    }
    let mut text = translator.out;
    if translator.needs_backtracking {
        // The backtracking engine has only the Unicode boundary.
        text = text.replace(
            ASCII_BOUNDARY,
            &format!("(?:(?<={WORD})(?!{WORD})|(?<!{WORD})(?={WORD}))"),
        );
    }
    Ok(Translation {
        text,
        needs_backtracking: translator.needs_backtracking,
        has_previous_end: translator.has_previous_end,
    })
}

impl Translator<'_> {
    /// Everything up to the end of the group or the pattern.
    fn alternatives(&mut self, depth: usize) -> Result<(), PatternError> {
        self.check_depth(depth)?;
        loop {
            self.skip_comments();
            match self.peek() {
                None | Some(')') => return Ok(()),
                Some('|') => {
                    self.position += 1;
                    self.out.push('|');
                }
                Some(_) => {
                    let atom_start = self.out.len();
                    if self.atom(depth)? {
                        self.quantifiers(atom_start)?;
                    }
                }
            }
        }
    }

    /// One atom; `false` if it was something that takes no quantifier.
    fn atom(&mut self, depth: usize) -> Result<bool, PatternError> {
        let start = self.position;
        let Some(character) = self.next() else { return Ok(false) };
        match character {
            '(' => return self.group(depth, start),
            '[' => {
                let class = self.class(depth)?;
                self.push_folded(&class);
            }
            '.' => self.dot(),
            '^' => self.line_start(),
            '$' => self.line_end(self.flags.is_multiline),
            '\\' => return self.escape(start),
            '*' | '+' | '?' => return Err(self.syntax(start, "the quantifier has nothing to repeat")),
            '{' => return Err(self.syntax(start, "the repetition has nothing to repeat")),
            other => self.literal(other),
        }
        Ok(true)
    }

    fn quantifiers(&mut self, atom_start: usize) -> Result<(), PatternError> {
        self.skip_comments();
        let start = self.position;
        let mut quantifier = String::new();
        match self.peek() {
            Some(character @ ('*' | '+' | '?')) => {
                self.position += 1;
                quantifier.push(character);
            }
            Some('{') => self.counts(&mut quantifier)?,
            _ => return Ok(()),
        }
        // The engines read a group where Java reads an anchor or a literal; brackets make it one thing to repeat.
        self.out.insert_str(atom_start, "(?:");
        self.out.push(')');
        self.out.push_str(&quantifier);
        if self.take('?') {
            self.out.push('?');
        } else if self.take('+') {
            self.needs_backtracking = true;
            self.out.insert_str(atom_start, "(?>");
            self.out.push(')');
        }
        self.skip_comments();
        if matches!(self.peek(), Some('*' | '+' | '?' | '{')) {
            return Err(self.syntax(start, "a quantifier cannot be repeated"));
        }
        Ok(())
    }

    /// `{n}`, `{n,}` or `{n,m}`.
    fn counts(&mut self, quantifier: &mut String) -> Result<(), PatternError> {
        let start = self.position;
        self.position += 1;
        let mut bounds: [Option<u32>; 2] = [None, None];
        let mut num_bounds = 0;
        loop {
            match self.next() {
                Some(digit @ '0'..='9') => {
                    let digit = digit.to_digit(10).expect("the arm takes digits only");
                    let bound = bounds[num_bounds]
                        .unwrap_or(0)
                        .checked_mul(10)
                        .and_then(|bound| bound.checked_add(digit));
                    let Some(bound) = bound else {
                        return Err(self.syntax(start, "the count is too large"));
                    };
                    bounds[num_bounds] = Some(bound);
                }
                Some(',') if num_bounds == 0 && bounds[0].is_some() => num_bounds = 1,
                Some('}') if bounds[0].is_some() => break,
                _ => return Err(self.syntax(start, "`{` begins no count; write `\\{` for the character")),
            }
        }
        if bounds[1].is_some_and(|maximum| Some(maximum) < bounds[0]) {
            return Err(self.syntax(start, "the greatest count is below the least"));
        }
        quantifier.extend(&self.characters[start..self.position]);
        Ok(())
    }

    fn group(&mut self, depth: usize, start: usize) -> Result<bool, PatternError> {
        let outer_flags = self.flags;
        if self.take('?') {
            match self.next() {
                Some(':') => self.out.push_str("(?:"),
                Some('=') => self.open_fancy("(?="),
                Some('!') => self.open_fancy("(?!"),
                Some('>') => self.open_fancy("(?>"),
                Some('<') => match self.peek() {
                    Some('=') => {
                        self.position += 1;
                        self.open_fancy("(?<=");
                    }
                    Some('!') => {
                        self.position += 1;
                        self.open_fancy("(?<!");
                    }
                    _ => {
                        let name = self.name(start)?;
                        if self.names.contains(&name) {
                            return Err(self.syntax(start, "another group has this name"));
                        }
                        self.num_groups += 1;
                        self.out.push_str("(?P<");
                        self.out.push_str(&name);
                        self.out.push('>');
                        self.names.push(name);
                    }
                },
                _ => {
                    self.position -= 1;
                    if self.inline_flags(start)? {
                        return Ok(false);
                    }
                    self.out.push_str("(?:");
                }
            }
        } else {
            self.num_groups += 1;
            self.out.push('(');
        }
        self.alternatives(depth + 1)?;
        if !self.take(')') {
            return Err(self.syntax(start, "the group is not closed with `)`"));
        }
        self.out.push(')');
        self.flags = outer_flags;
        Ok(true)
    }

    fn open_fancy(&mut self, text: &str) {
        self.needs_backtracking = true;
        self.out.push_str(text);
    }

    /// The flags of `(?...)` or `(?...:`; `true` if the former, which reaches to the end of the enclosing group.
    fn inline_flags(&mut self, start: usize) -> Result<bool, PatternError> {
        let mut is_set = true;
        loop {
            let Some(letter) = self.next() else {
                return Err(self.syntax(start, "the group is not closed with `)`"));
            };
            match letter {
                'i' => self.flags.is_case_insensitive = is_set,
                'u' => self.flags.is_unicode_case = is_set,
                'm' => self.flags.is_multiline = is_set,
                's' => self.flags.is_dotall = is_set,
                'x' => self.flags.is_comments = is_set,
                'd' => self.flags.is_unix_lines = is_set,
                '-' if is_set => is_set = false,
                ')' => return Ok(true),
                ':' => return Ok(false),
                'U' => return Err(self.unsupported(start)),
                _ => return Err(self.syntax(start, "there is no such group or flag")),
            }
        }
    }

    /// The name of a group up to its `>`.
    fn name(&mut self, start: usize) -> Result<String, PatternError> {
        let mut name = String::new();
        loop {
            match self.next() {
                Some('>') if !name.is_empty() => return Ok(name),
                Some(character)
                    if character.is_ascii_alphabetic() || (character.is_ascii_digit() && !name.is_empty()) =>
                {
                    name.push(character);
                }
                _ => return Err(self.syntax(start, "the name of a group is letters and digits in `<` and `>`")),
            }
        }
    }

    /// What follows a backslash; `false` if it takes no quantifier.
    fn escape(&mut self, start: usize) -> Result<bool, PatternError> {
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

    fn literal(&mut self, character: char) {
        if self.flags.is_ascii_case_insensitive()
            && let Some(other) = other_case(character)
        {
            self.out.extend(['[', character, other, ']']);
            return;
        }
        let mut text = String::new();
        push_literal(character, &mut text);
        self.push_folded(&text);
    }

    /// Text that the engine folds itself where Java would fold all of Unicode.
    fn push_folded(&mut self, text: &str) {
        if self.flags.is_case_insensitive && self.flags.is_unicode_case {
            self.out.push_str("(?i:");
            self.out.push_str(text);
            self.out.push(')');
        } else {
            self.out.push_str(text);
        }
    }

    fn dot(&mut self) {
        let text = match self.lines {
            _ if self.flags.is_dotall => "(?s:.)",
            Lines::None => "(?s:.)",
            Lines::Several if self.flags.is_unix_lines => r"[^\n]",
            Lines::Several => r"[^\n\r\x{85}\x{2028}\x{2029}]",
        };
        self.out.push_str(text);
    }

    fn line_start(&mut self) {
        if !self.flags.is_multiline || self.lines == Lines::None {
            self.out.push_str(r"\A");
        } else if self.flags.is_unix_lines {
            self.open_fancy(r"(?:\A|(?<=\n)(?!\z))");
        } else {
            // Between CR and LF no line begins, and none after the last terminator.
            self.open_fancy(r"(?:\A|(?:(?<=[\n\x{85}\x{2028}\x{2029}])|(?<=\r)(?!\n))(?!\z))");
        }
    }

    fn line_end(&mut self, is_multiline: bool) {
        if self.lines == Lines::None {
            self.out.push_str(r"\z");
            return;
        }
        self.open_fancy(match (is_multiline, self.flags.is_unix_lines) {
            (false, false) => r"(?:(?<!\r)(?=\n\z)|(?=(?:\r\n|[\r\x{85}\x{2028}\x{2029}])?\z))",
            (false, true) => r"(?=\n?\z)",
            (true, false) => r"(?:(?<!\r)(?=\n)|(?=[\r\x{85}\x{2028}\x{2029}]|\z))",
            (true, true) => r"(?=\n|\z)",
        });
    }

    /// With `(?x)`: white space and comments.
    pub(super) fn skip_comments(&mut self) {
        while self.flags.is_comments {
            match self.peek() {
                Some('\t'..='\r' | ' ') => self.position += 1,
                Some('#') => {
                    while self.peek().is_some_and(|character| character != '\n') {
                        self.position += 1;
                    }
                }
                _ => return,
            }
        }
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.peek_at(0)
    }

    pub(super) fn peek_at(&self, distance: usize) -> Option<char> {
        self.characters.get(self.position + distance).copied()
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let character = self.peek()?;
        self.position += 1;
        Some(character)
    }

    pub(super) fn take(&mut self, expected: char) -> bool {
        let is_there = self.peek() == Some(expected);
        if is_there {
            self.position += 1;
        }
        is_there
    }

    pub(super) fn check_depth(&self, depth: usize) -> Result<(), PatternError> {
        if depth > MAX_DEPTH {
            return Err(self.syntax(self.position, "too many groups or classes within each other"));
        }
        Ok(())
    }

    pub(super) fn syntax(&self, position: usize, problem: &'static str) -> PatternError {
        PatternError::Syntax {
            pattern: self.pattern.to_owned(),
            position: position + 1,
            problem,
        }
    }

    /// Names what was read since `start`.
    pub(super) fn unsupported(&self, start: usize) -> PatternError {
        let end = self.position.min(self.characters.len());
        PatternError::Unsupported {
            pattern: self.pattern.to_owned(),
            construct: self.characters[start..end].iter().collect(),
            position: start + 1,
        }
    }
}

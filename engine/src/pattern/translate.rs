//! Rewrites a Java pattern in the syntax that `regex` and `fancy_regex` share.
//!
//! A recursive descent over the pattern that writes as it reads. Everything is written out: classes as ASCII sets, case
//! folding as both letters, anchors as what they mean, so that no flag of the engines is relied upon. Groups are never added
//! nor removed as far as they capture, so back references keep their numbers.

use super::PatternError;
use super::class::{other_case, push_literal};

/// Groups and classes within each other; more would only be written to exhaust the stack.
const MAX_DEPTH: usize = 200;

/// Java's `\w`.
pub(super) const WORD: &str = "[0-9A-Z_a-z]";

/// A boundary of such words, for the linear engine. No literal is written like this.
pub(super) const ASCII_BOUNDARY: &str = r"(?-u:\b)";

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
    pub(super) is_case_insensitive: bool,
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
    pub(super) characters: Vec<char>,
    /// Of the next character to read.
    pub(super) position: usize,
    pub(super) flags: Flags,
    lines: Lines,
    pub(super) num_groups: usize,
    /// Of the groups opened so far.
    pub(super) names: Vec<String>,
    pub(super) out: String,
    pub(super) needs_backtracking: bool,
    pub(super) has_previous_end: bool,
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

    pub(super) fn quantifiers(&mut self, atom_start: usize) -> Result<(), PatternError> {
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

    pub(super) fn open_fancy(&mut self, text: &str) {
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
    pub(super) fn name(&mut self, start: usize) -> Result<String, PatternError> {
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

    pub(super) fn literal(&mut self, character: char) {
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
    pub(super) fn push_folded(&mut self, text: &str) {
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

    pub(super) fn line_end(&mut self, is_multiline: bool) {
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

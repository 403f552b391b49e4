//! The grammar of JSON once more, byte by byte, into a tree that keeps the text of numbers and members that come twice.

use super::Reader;
use crate::parse::json::fault::{Expected, Fault, Word};
use crate::parse::json::pointer::{Pointer, Token};
use crate::parse::json::walk::Kind;
use crate::parse::json::{InvalidStringEscapes, MAX_DEPTH};
use std::ops::Range;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) range: Range<usize>,
    pub(super) value: Value,
}

#[derive(Clone, Debug)]
pub(super) enum Value {
    Null,
    Boolean(bool),
    Number {
        text: String,
        kind: Kind,
    },
    String(String),
    Array(Vec<Node>),
    /// In the order of the text, with members that come twice.
    Object(Vec<(String, Node)>),
}

/// What is found on the way through the values of a stream.
pub(super) enum Found {
    Record(Node),
    NotAnArray(Node),
    NoRoot(Range<usize>),
}

/// Why reading a stream stopped.
pub(super) enum Stopped {
    Fault(Fault),
    TooLong { start: usize },
}

impl Node {
    pub(super) fn kind(&self) -> Kind {
        match &self.value {
            Value::Null => Kind::Null,
            Value::Boolean(false) => Kind::False,
            Value::Boolean(true) => Kind::True,
            Value::Number { kind, .. } => *kind,
            Value::String(_) => Kind::String,
            Value::Array(_) => Kind::Array,
            Value::Object(_) => Kind::Object,
        }
    }

    pub(super) fn at(&self, pointer: &Pointer) -> Option<&Node> {
        let mut node = self;
        for token in &pointer.tokens {
            node = match &node.value {
                Value::Object(members) => &members.iter().rev().find(|(name, _)| *name == token.name)?.1,
                Value::Array(elements) => elements.get(token.index?)?,
                _ => return None,
            };
        }
        Some(node)
    }

    /// The value as compact JSON, without the members of objects that `names` leave out.
    pub(super) fn json_of(&self, names: &[String]) -> String {
        match &self.value {
            Value::Array(elements) => {
                let elements: Vec<String> = elements.iter().map(|element| element.json_of(names)).collect();
                format!("[{}]", elements.join(","))
            }
            Value::Object(members) => {
                let members = members.iter().filter(|(name, _)| names.contains(name));
                let members = members.map(|(name, member)| format!("{}:{}", quoted(name), member.json()));
                format!("{{{}}}", members.collect::<Vec<_>>().join(","))
            }
            _ => self.json(),
        }
    }

    /// The value as compact JSON.
    pub(super) fn json(&self) -> String {
        match &self.value {
            Value::Null => "null".to_owned(),
            Value::Boolean(value) => value.to_string(),
            Value::Number {
                text,
                kind: Kind::NonFinite,
            } => quoted(text),
            Value::Number { text, .. } => text.clone(),
            Value::String(content) => quoted(content),
            Value::Array(elements) => {
                let elements: Vec<String> = elements.iter().map(Node::json).collect();
                format!("[{}]", elements.join(","))
            }
            Value::Object(members) => {
                let members: Vec<String> = members
                    .iter()
                    .map(|(name, member)| format!("{}:{}", quoted(name), member.json()))
                    .collect();
                format!("{{{}}}", members.join(","))
            }
        }
    }
}

/// The string `text` as JSON.
fn quoted(text: &str) -> String {
    serde_json::Value::String(text.to_owned()).to_string()
}

/// A place in a text, and the rules by which the text is read.
pub(super) struct Grammar<'t> {
    text: &'t [u8],
    pub(super) at: usize,
    reader: &'t Reader,
}

impl<'t> Grammar<'t> {
    pub(super) fn new(text: &'t [u8], reader: &'t Reader) -> Grammar<'t> {
        Grammar { text, at: 0, reader }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    pub(super) fn fault(&self, expected: Expected) -> Fault {
        Fault {
            expected,
            offset: self.at,
        }
    }

    pub(super) fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Reads all values of the text; what was found before the text stopped being JSON stays in `found`.
    pub(super) fn stream(&mut self, found: &mut Vec<Found>) -> Result<(), Stopped> {
        loop {
            self.space();
            if self.peek().is_none() {
                return Ok(());
            }
            let start = self.at;
            if self.reader.is_flattened {
                let mut has_root = false;
                let tokens = &self.reader.root.tokens;
                self.on_way(tokens, found, &mut has_root)?;
                if !has_root {
                    found.push(Found::NoRoot(start..self.at));
                }
            } else {
                let record = self.whole(|grammar| grammar.value(0))?;
                found.push(Found::Record(record));
            }
        }
    }

    /// Reads a value on the way to the array of records.
    fn on_way(&mut self, tokens: &'t [Token], found: &mut Vec<Found>, has_root: &mut bool) -> Result<(), Stopped> {
        let next = tokens.split_first();
        *has_root |= next.is_none();
        match (next, self.peek()) {
            (None, Some(b'[')) => self.array(|grammar, _| {
                let record = grammar.whole(|grammar| grammar.value(0))?;
                found.push(Found::Record(record));
                Ok(())
            }),
            (None, _) => {
                let node = self.whole(|grammar| grammar.value(0))?;
                found.push(Found::NotAnArray(node));
                Ok(())
            }
            (Some((token, tokens)), Some(b'[')) => self.array(|grammar, index| {
                if token.index == Some(index) {
                    return grammar.on_way(tokens, found, has_root);
                }
                grammar.whole(|grammar| grammar.value(0)).map(drop)
            }),
            (Some((token, tokens)), Some(b'{')) => self.object(
                |grammar| grammar.whole(Grammar::string),
                |grammar, name| {
                    if token.name == name {
                        return grammar.on_way(tokens, found, has_root);
                    }
                    grammar.whole(|grammar| grammar.value(0)).map(drop)
                },
            ),
            (Some(_), _) => self.whole(|grammar| grammar.value(0)).map(drop),
        }
    }

    /// Reads what may not be longer than a record.
    fn whole<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Stopped> {
        let start = self.at;
        let max_end = start.saturating_add(self.reader.max_record_bytes);
        match read(self) {
            Ok(_) if self.at > max_end => Err(Stopped::TooLong { start }),
            Err(fault) if fault.offset > max_end => Err(Stopped::TooLong { start }),
            Ok(value) => Ok(value),
            Err(fault) => Err(Stopped::Fault(fault)),
        }
    }

    pub(super) fn value(&mut self, depth: usize) -> Result<Node, Fault> {
        let start = self.at;
        if matches!(self.peek(), Some(b'{' | b'[')) && depth == MAX_DEPTH {
            return Err(self.fault(Expected::LessNesting));
        }
        let value = match self.peek() {
            Some(b'"') => Value::String(self.string()?),
            Some(b'{') => {
                let mut members = Vec::new();
                self.object(Grammar::string, |grammar, name| -> Result<(), Fault> {
                    members.push((name, grammar.value(depth + 1)?));
                    Ok(())
                })?;
                Value::Object(members)
            }
            Some(b'[') => {
                let mut elements = Vec::new();
                self.array(|grammar, _| -> Result<(), Fault> {
                    elements.push(grammar.value(depth + 1)?);
                    Ok(())
                })?;
                Value::Array(elements)
            }
            Some(b't') => {
                self.word(Word::True)?;
                Value::Boolean(true)
            }
            Some(b'f') => {
                self.word(Word::False)?;
                Value::Boolean(false)
            }
            Some(b'n') => {
                self.word(Word::Null)?;
                Value::Null
            }
            Some(b'-' | b'0'..=b'9' | b'N' | b'I') => {
                let kind = self.number()?;
                Value::Number {
                    text: String::from_utf8_lossy(&self.text[start..self.at]).into_owned(),
                    kind,
                }
            }
            _ => return Err(self.fault(Expected::Value)),
        };
        Ok(Node {
            range: start..self.at,
            value,
        })
    }

    /// Reads an object; `member` reads the value of each member.
    fn object<E: From<Fault>>(
        &mut self,
        read_name: impl Fn(&mut Self) -> Result<String, E>,
        mut member: impl FnMut(&mut Self, String) -> Result<(), E>,
    ) -> Result<(), E> {
        self.at += 1;
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        let mut expected = Expected::NameOrClose;
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.fault(expected).into());
            }
            expected = Expected::Name;
            let name = read_name(self)?;
            self.space();
            if self.peek() != Some(b':') {
                return Err(self.fault(Expected::Colon).into());
            }
            self.at += 1;
            self.space();
            member(self, name)?;
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(self.fault(Expected::CommaOrBrace).into()),
            }
            self.space();
        }
    }

    /// Reads an array; `element` reads each element.
    fn array<E: From<Fault>>(&mut self, mut element: impl FnMut(&mut Self, usize) -> Result<(), E>) -> Result<(), E> {
        self.at += 1;
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        for index in 0.. {
            self.space();
            element(self, index)?;
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                _ => return Err(self.fault(Expected::CommaOrBracket).into()),
            }
        }
        self.at += 1;
        Ok(())
    }

    fn word(&mut self, word: Word) -> Result<(), Fault> {
        for byte in word.text().bytes() {
            if self.peek() != Some(byte) {
                return Err(self.fault(Expected::Word(word)));
            }
            self.at += 1;
        }
        Ok(())
    }

    fn number(&mut self) -> Result<Kind, Fault> {
        if self.peek() == Some(b'N') {
            self.word(Word::NaN)?;
            return Ok(Kind::NonFinite);
        }
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'I') {
            self.word(Word::Infinity)?;
            return Ok(Kind::NonFinite);
        }
        let mut kind = Kind::Integer;
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
            kind = Kind::Float;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
            kind = Kind::Float;
        }
        Ok(kind)
    }

    fn digits(&mut self) -> Result<(), Fault> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start {
            Err(self.fault(Expected::Digit))
        } else {
            Ok(())
        }
    }

    fn string(&mut self) -> Result<String, Fault> {
        self.at += 1;
        // UTF-16 shows which surrogates are a pair; `None` stands for nothing at all, which keeps two halves apart.
        let mut units: Vec<u16> = Vec::new();
        loop {
            let rest = &self.text[self.at..];
            let end = rest
                .iter()
                .position(|byte| matches!(byte, b'"' | b'\\'))
                .unwrap_or(rest.len());
            units.extend(String::from_utf8_lossy(&rest[..end]).encode_utf16());
            self.at += end;
            match self.peek() {
                None => return Err(self.fault(Expected::Quote)),
                Some(b'"') => {
                    self.at += 1;
                    return Ok(String::from_utf16_lossy(&units));
                }
                Some(_) => {
                    self.at += 1;
                    self.escape(&mut units)?;
                }
            }
        }
    }

    fn escape(&mut self, units: &mut Vec<u16>) -> Result<(), Fault> {
        let letter = self.peek().ok_or(self.fault(Expected::Escape))?;
        let meaning = match letter {
            b'"' | b'\\' | b'/' => Some(u16::from(letter)),
            b'b' => Some(8),
            b'f' => Some(12),
            b'n' => Some(10),
            b'r' => Some(13),
            b't' => Some(9),
            b'u' => {
                let mut unit = Some(0);
                for offset in self.at + 1..self.at + 5 {
                    let digit = self.text.get(offset).copied().ok_or(Fault {
                        expected: Expected::HexDigit,
                        offset,
                    })?;
                    match char::from(digit).to_digit(16) {
                        Some(digit) => unit = unit.map(|unit| unit * 16 + digit as u16),
                        None if self.reader.escapes == InvalidStringEscapes::Passthrough => {
                            return Err(Fault {
                                expected: Expected::HexDigit,
                                offset,
                            });
                        }
                        None => {
                            unit = None;
                            break;
                        }
                    }
                }
                if unit.is_some() {
                    self.at += 4;
                }
                unit
            }
            _ => None,
        };
        if let Some(unit) = meaning {
            self.at += 1;
            units.push(unit);
            return Ok(());
        }
        match self.reader.escapes {
            InvalidStringEscapes::Passthrough => Err(self.fault(Expected::Escape)),
            // Everything up to the next special byte is content.
            InvalidStringEscapes::Unescape => Ok(()),
            InvalidStringEscapes::Skip => {
                let rest = String::from_utf8_lossy(&self.text[self.at..]);
                let skipped = rest.chars().next().unwrap_or_default();
                // What is not UTF-8 is one U+FFFD, of as many bytes as the first chunk says.
                self.at += match self.text[self.at..].utf8_chunks().next() {
                    Some(chunk) if chunk.valid().is_empty() => chunk.invalid().len(),
                    _ => skipped.len_utf8(),
                };
                Ok(())
            }
        }
    }
}

impl From<Fault> for Stopped {
    fn from(fault: Fault) -> Stopped {
        Stopped::Fault(fault)
    }
}

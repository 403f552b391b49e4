//! Walks over one JSON value once: checks its grammar, and notes where the wanted parts stand.
//!
//! Nothing is built. What a configuration wants is a small tree of names ([`Wanted`]); the walk follows the text and that tree
//! side by side, and leaves a [`Slot`] - a kind and two offsets - at each node it meets. Everything else is passed over, but
//! checked as strictly as the rest, so that a record is either valid as a whole or rejected as a whole.
//!
//! Beyond strict JSON it takes raw control characters in strings, `NaN`, `Infinity` and `-Infinity`; what it does with an invalid
//! escape is an option. The text need not be valid UTF-8: outside strings the grammar is ASCII.
//!
//! `scalar` passes numbers and words; `kept` makes the texts that have some members only.
//!
//! What breaks when touched: the loop of `container` keeps one bit for each open level (`{` or `[`), which is why
//! [`super::MAX_DEPTH`] is the number of bits of `u128`.

mod kept;
mod scalar;

use super::fault::{Expected, Fault};
use super::scan;
use super::wanted::{NodeIndex, Slot, Slots, Wanted};
use super::{InvalidStringEscapes, MAX_DEPTH, text};
use std::ops::Range;

/// Bytes of `"name":` that are not the name's.
const KEY_MARKS: usize = 3;

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    False,
    True,
    /// A number without fraction and exponent.
    Integer,
    /// A number with one of them.
    Float,
    /// `NaN`, `Infinity`, `-Infinity`.
    NonFinite,
    String,
    Array,
    Object,
}

impl Kind {
    /// The kind in the words of a message.
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Null => "null",
            Kind::False | Kind::True => "a boolean",
            Kind::Integer | Kind::Float | Kind::NonFinite => "a number",
            Kind::String => "a string",
            Kind::Array => "an array",
            Kind::Object => "an object",
        }
    }
}

/// A place in a text that is being walked over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walker<'t> {
    text: &'t [u8],
    at: usize,
    escapes: InvalidStringEscapes,
    /// Behind the last backslash; a value that begins there or later has none. See [`Slot::is_plain`].
    past_escape: usize,
    /// Behind the last white space, `NaN` or needless escape; a value that begins there or later has none. See [`Slot::is_compact`].
    past_loose: usize,
}

impl<'t> Walker<'t> {
    /// Stands at the beginning of `text`.
    pub(super) fn new(text: &'t [u8], escapes: InvalidStringEscapes) -> Walker<'t> {
        Walker {
            text,
            at: 0,
            escapes,
            past_escape: 0,
            past_loose: 0,
        }
    }

    /// Offset in the text of the next byte.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Passes the value that begins here, and notes its wanted parts.
    ///
    /// **Errors**: the text is not the beginning of a value, or ends within one; the slots then mean nothing.
    pub(super) fn value(&mut self, wanted: &Wanted, slots: &mut Slots) -> Result<Kind, Fault> {
        slots.clear();
        self.noted(wanted, 0, slots, 0)
    }

    /// Passes the value that begins here.
    ///
    /// **Errors**: as with [`Walker::value`].
    pub(super) fn any_value(&mut self) -> Result<Kind, Fault> {
        self.skip(0)
    }

    /// Passes white space.
    #[inline]
    pub(super) fn space(&mut self) {
        let past = scan::past_space(self.text, self.at);
        if past != self.at {
            self.past_loose = past;
            self.at = past;
        }
    }

    /// Passes white space and gives the byte behind it, at which the walk then stands.
    #[inline]
    fn next(&mut self) -> u8 {
        let byte = self.peek();
        if byte > b' ' {
            return byte;
        }
        self.space();
        self.peek()
    }

    /// Passes white space and asks for the end of the text.
    pub(super) fn end(&mut self) -> Result<(), Fault> {
        self.space();
        if self.at < self.text.len() {
            Err(self.fault(Expected::End))
        } else {
            Ok(())
        }
    }

    /// Passes a string and gives the place of what stands between its quotes.
    #[inline]
    pub(super) fn string(&mut self) -> Result<Range<usize>, Fault> {
        let start = self.at + 1;
        let end = scan::quote_or_backslash(self.text, start);
        if self.text.get(end) != Some(&b'"') {
            return self.string_with_escapes(start, end);
        }
        self.at = end + 1;
        Ok(start..end)
    }

    /// Passes the rest of a string that begins at `start`, from its first backslash on, or finds that it does not end.
    #[inline(never)]
    fn string_with_escapes(&mut self, start: usize, backslash: usize) -> Result<Range<usize>, Fault> {
        let mut at = backslash;
        loop {
            match self.text.get(at) {
                Some(b'"') => {
                    self.at = at + 1;
                    return Ok(start..at);
                }
                Some(_) => {
                    self.past_escape = at + 1;
                    let letter = self.text.get(at + 1);
                    if !letter.is_some_and(|letter| text::is_compact_escape(*letter)) {
                        self.past_loose = at + 1;
                    }
                    at = self.escape(at)?;
                }
                None => {
                    return Err(Fault {
                        expected: Expected::Quote,
                        offset: at,
                    });
                }
            }
            at = scan::quote_or_backslash(self.text, at);
        }
    }

    #[inline]
    fn peek(&self) -> u8 {
        // NUL is allowed nowhere between values, so it can stand for the end.
        self.text.get(self.at).copied().unwrap_or(0)
    }

    fn fault(&self, expected: Expected) -> Fault {
        Fault {
            expected,
            offset: self.at,
        }
    }

    /// The offset after the escape whose backslash stands at `backslash`.
    fn escape(&self, backslash: usize) -> Result<usize, Fault> {
        let is_lenient = self.escapes != InvalidStringEscapes::Passthrough;
        match self.text.get(backslash + 1) {
            None => Err(Fault {
                expected: Expected::Escape,
                offset: backslash + 1,
            }),
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(backslash + 2),
            Some(b'u') => {
                for offset in backslash + 2..backslash + 6 {
                    match self.text.get(offset) {
                        Some(digit) if digit.is_ascii_hexdigit() => {}
                        Some(_) if is_lenient => return Ok(backslash + 2),
                        _ => {
                            return Err(Fault {
                                expected: Expected::HexDigit,
                                offset,
                            });
                        }
                    }
                }
                Ok(backslash + 6)
            }
            // The rest of a character of several bytes is content like any other.
            Some(_) if is_lenient => Ok(backslash + 2),
            Some(_) => Err(Fault {
                expected: Expected::Escape,
                offset: backslash + 1,
            }),
        }
    }

    /// Passes a value and fills the slot of `node`.
    #[inline(always)]
    fn noted(&mut self, wanted: &Wanted, node: NodeIndex, slots: &mut Slots, depth: usize) -> Result<Kind, Fault> {
        let first = self.next();
        let start = self.at;
        let kind = match first {
            b'"' => {
                self.string()?;
                Kind::String
            }
            b'{' | b'[' => self.noted_container(wanted, node, slots, depth)?,
            _ => self.scalar()?,
        };
        slots.set(
            node,
            Slot {
                kind,
                range: start..self.at,
                is_plain: self.past_escape <= start,
                is_compact: self.past_loose <= start,
            },
        );
        Ok(kind)
    }

    /// Passes the object or array that begins here, and notes its wanted parts.
    #[inline(never)]
    fn noted_container(
        &mut self,
        wanted: &Wanted,
        node: NodeIndex,
        slots: &mut Slots,
        depth: usize,
    ) -> Result<Kind, Fault> {
        match self.peek() {
            _ if !wanted.kept(node).is_empty() => self.kept(wanted, node, slots, depth),
            _ if wanted.is_leaf(node) => self.skip(depth),
            b'{' => self.wanted_object(wanted, node, slots, depth),
            _ => self.wanted_array(wanted, node, slots, depth),
        }
    }

    fn wanted_object(
        &mut self,
        wanted: &Wanted,
        node: NodeIndex,
        slots: &mut Slots,
        depth: usize,
    ) -> Result<Kind, Fault> {
        if depth >= MAX_DEPTH {
            return Err(self.fault(Expected::LessNesting));
        }
        self.at += 1;
        if self.next() == b'}' {
            self.at += 1;
            return Ok(Kind::Object);
        }
        let mut expected = Expected::NameOrClose;
        let mut turn = 0;
        loop {
            if let Some(known) = slots.known_member(node, turn, &self.text[self.at..]) {
                self.at += known.key_bytes;
                turn = known.next;
                match known.node {
                    Some(child) => self.child(wanted, child, slots, depth)?,
                    None => self.skip(depth + 1)?,
                };
            } else {
                self.new_member(wanted, node, turn, expected, slots, depth)?;
                turn += 1;
            }
            match self.next() {
                b',' => {
                    self.at += 1;
                    self.space();
                }
                b'}' => {
                    self.at += 1;
                    return Ok(Kind::Object);
                }
                _ => return Err(self.fault(Expected::CommaOrBrace)),
            }
            expected = Expected::Name;
        }
    }

    /// Passes a member that has not come before in its turn.
    fn new_member(
        &mut self,
        wanted: &Wanted,
        node: NodeIndex,
        turn: usize,
        expected: Expected,
        slots: &mut Slots,
        depth: usize,
    ) -> Result<Kind, Fault> {
        let start = self.at;
        let name = self.member_name(expected)?;
        let key = &self.text[start..self.at];
        let name = &self.text[name];
        if memchr::memchr(b'\\', name).is_some() {
            let mut decoded = Vec::with_capacity(name.len());
            text::decode(name, self.escapes, &mut decoded);
            return self.each(wanted, wanted.members(node, &decoded), slots, depth);
        }
        let mut children = wanted.members(node, name);
        let child = children.next();
        if children.next().is_some() {
            return self.each(wanted, wanted.members(node, name), slots, depth);
        }
        if key.len() == name.len() + KEY_MARKS {
            slots.remember_member(node, turn, key, child);
        }
        match child {
            Some(child) => self.child(wanted, child, slots, depth),
            None => self.skip(depth + 1),
        }
    }

    /// Passes the value of a member, which is wanted at `child` and may have come before.
    #[inline(always)]
    fn child(&mut self, wanted: &Wanted, child: NodeIndex, slots: &mut Slots, depth: usize) -> Result<Kind, Fault> {
        if slots.get(child).is_some() {
            slots.forget(wanted, child);
        }
        self.noted(wanted, child, slots, depth + 1)
    }

    fn wanted_array(
        &mut self,
        wanted: &Wanted,
        node: NodeIndex,
        slots: &mut Slots,
        depth: usize,
    ) -> Result<Kind, Fault> {
        if depth >= MAX_DEPTH {
            return Err(self.fault(Expected::LessNesting));
        }
        self.at += 1;
        if self.next() == b']' {
            self.at += 1;
            return Ok(Kind::Array);
        }
        let mut index = 0;
        loop {
            self.each(wanted, wanted.elements(node, index), slots, depth)?;
            match self.next() {
                b',' => self.at += 1,
                b']' => {
                    self.at += 1;
                    return Ok(Kind::Array);
                }
                _ => return Err(self.fault(Expected::CommaOrBracket)),
            }
            index += 1;
        }
    }

    /// Passes one value that is wanted at each of `nodes`.
    #[inline]
    fn each(
        &mut self,
        wanted: &Wanted,
        mut nodes: impl Iterator<Item = NodeIndex>,
        slots: &mut Slots,
        depth: usize,
    ) -> Result<Kind, Fault> {
        let Some(first) = nodes.next() else {
            return self.skip(depth + 1);
        };
        let before = *self;
        let mut kind = self.child(wanted, first, slots, depth)?;
        for other in nodes {
            *self = before;
            kind = self.child(wanted, other, slots, depth)?;
        }
        Ok(kind)
    }

    /// Passes the brace or the comma before a member of an object that is known to be valid. Gives `false` where none follows.
    pub(super) fn enter_member(&mut self) -> bool {
        if !matches!(self.peek(), b'{' | b',') {
            return false;
        }
        self.at += 1;
        self.next() == b'"'
    }

    /// Passes `"name" :` and gives the place of the name between its quotes.
    #[inline]
    pub(super) fn member_name(&mut self, expected: Expected) -> Result<Range<usize>, Fault> {
        if self.peek() != b'"' {
            return Err(self.fault(expected));
        }
        let name = self.string()?;
        if self.next() != b':' {
            return Err(self.fault(Expected::Colon));
        }
        self.at += 1;
        Ok(name)
    }

    /// Passes a value, at `depth` levels of nesting.
    #[inline]
    fn skip(&mut self, depth: usize) -> Result<Kind, Fault> {
        match self.next() {
            b'"' => {
                self.string()?;
                Ok(Kind::String)
            }
            b'{' => {
                self.container(depth)?;
                Ok(Kind::Object)
            }
            b'[' => {
                self.container(depth)?;
                Ok(Kind::Array)
            }
            _ => self.scalar(),
        }
    }

    /// Passes the object or array that begins here, without recursion.
    fn container(&mut self, depth: usize) -> Result<(), Fault> {
        let max_open = MAX_DEPTH.saturating_sub(depth);
        let mut num_open = 0;
        // Bit 0: the innermost open level is an object.
        let mut objects: u128 = 0;
        'open: loop {
            if num_open == max_open {
                return Err(self.fault(Expected::LessNesting));
            }
            let is_object = self.peek() == b'{';
            num_open += 1;
            objects = objects << 1 | u128::from(is_object);
            self.at += 1;
            let mut is_empty = match self.next() {
                b'}' => is_object,
                b']' => !is_object,
                _ => false,
            };
            if is_object && !is_empty {
                self.member_name(Expected::NameOrClose)?;
            }
            loop {
                if !is_empty {
                    match self.next() {
                        b'"' => {
                            self.string()?;
                        }
                        b'{' | b'[' => continue 'open,
                        _ => {
                            self.scalar()?;
                        }
                    }
                }
                // Behind a value, or before the closing bracket of an empty level.
                loop {
                    let is_object = objects & 1 == 1;
                    if !is_empty {
                        match self.next() {
                            b',' => {
                                self.at += 1;
                                if is_object {
                                    self.space();
                                    self.member_name(Expected::Name)?;
                                }
                                break;
                            }
                            b'}' if is_object => {}
                            b']' if !is_object => {}
                            _ if is_object => return Err(self.fault(Expected::CommaOrBrace)),
                            _ => return Err(self.fault(Expected::CommaOrBracket)),
                        }
                    }
                    is_empty = false;
                    self.at += 1;
                    num_open -= 1;
                    objects >>= 1;
                    if num_open == 0 {
                        return Ok(());
                    }
                }
            }
        }
    }
}

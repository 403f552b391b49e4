//! Finds where records begin in a stream of values: each value, or each element of the array that `root` leads to.
//!
//! The array may be larger than the memory, so what surrounds the elements is read as a state machine that can stop at any
//! token. A value that is neither a record nor on the way to one is passed as a whole, and so has the length limit of a record.
//! Where `root` names a member that comes twice, the elements of both are records: the first are gone when the second comes.

use super::fault::{Expected, Fault};
use super::pointer::Pointer;
use super::walk::{Kind, Walker};
use super::{InvalidStringEscapes, scan};
use std::ops::Range;

/// Stands in a stream of values.
#[derive(Debug)]
pub(super) struct Elements {
    root: Pointer,
    is_flattened: bool,
    escapes: InvalidStringEscapes,
    max_record_bytes: usize,
    state: State,
    /// The containers that are open on the way to the records.
    open: Vec<Level>,
    has_begun: bool,
    has_root: bool,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Value,
    ValueOrBracket,
    NameOrBrace,
    Name,
    Colon,
    Behind,
}

#[derive(Debug)]
struct Level {
    is_object: bool,
    /// Index of the element that is next, in an array.
    index: usize,
    /// The value that is next is on the way to the records.
    is_on_way: bool,
}

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A value of the stream begins at the place.
    Begin,
    /// A record begins at the place; the caller passes it and calls [`Elements::passed`].
    Record,
    /// A value that should be an array of records, at this range.
    NotAnArray(Kind, Range<usize>),
    /// The value of the stream that ends here had nothing at `root`.
    NoRoot,
    /// The text is used up to the place; the rest is the beginning of a token.
    More,
}

/// Why a stream cannot be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// It is not JSON; the offset counts from the beginning of the text.
    Fault(Fault),
    /// The value that begins at this offset is too long.
    TooLong(usize),
}

impl Elements {
    /// Stands at the beginning of a stream.
    pub(super) fn new(
        root: Pointer,
        is_flattened: bool,
        escapes: InvalidStringEscapes,
        max_record_bytes: usize,
    ) -> Elements {
        Elements {
            root,
            is_flattened,
            escapes,
            max_record_bytes,
            state: State::Value,
            open: Vec::new(),
            has_begun: false,
            has_root: false,
        }
    }

    /// Goes back to the beginning of a stream.
    pub(super) fn reset(&mut self) {
        self.state = State::Value;
        self.open.clear();
        self.has_begun = false;
        self.has_root = false;
    }

    /// Reads on in `text` from `at`, which is moved to the place of what was found.
    ///
    /// `is_last`: nothing follows `text`.
    pub(super) fn step(&mut self, text: &[u8], at: &mut usize, is_last: bool) -> Result<Step, Stop> {
        loop {
            if self.open.is_empty() && self.has_begun && self.state == State::Behind {
                self.state = State::Value;
                self.has_begun = false;
                let has_root = std::mem::replace(&mut self.has_root, false);
                if self.is_flattened && !has_root {
                    return Ok(Step::NoRoot);
                }
            }
            *at = scan::past_space(text, *at);
            let Some(byte) = text.get(*at).copied() else {
                if is_last && !self.open.is_empty() {
                    return Err(self.fault(*at));
                }
                return Ok(Step::More);
            };
            match self.state {
                State::Value if !self.has_begun => {
                    self.has_begun = true;
                    return Ok(Step::Begin);
                }
                State::ValueOrBracket if byte == b']' => self.close(at),
                State::Value | State::ValueOrBracket => {
                    if let Some(step) = self.value(text, at, is_last, byte)? {
                        return Ok(step);
                    }
                }
                State::NameOrBrace if byte == b'}' => self.close(at),
                State::NameOrBrace | State::Name => {
                    if byte != b'"' {
                        return Err(self.fault(*at));
                    }
                    let Some((name, end)) = self.whole(text, *at, is_last, |walker| walker.string())? else {
                        return Ok(Step::More);
                    };
                    let name = &text[*at + name.start..*at + name.end];
                    let mut decoded = Vec::with_capacity(name.len());
                    super::text::decode(name, self.escapes, &mut decoded);
                    let token = self.root.tokens.get(self.open.len() - 1);
                    let is_on_way = token.is_some_and(|token| token.name == String::from_utf8_lossy(&decoded));
                    if let Some(level) = self.open.last_mut() {
                        level.is_on_way = is_on_way;
                    }
                    self.state = State::Colon;
                    *at = end;
                }
                State::Colon => {
                    if byte != b':' {
                        return Err(self.fault(*at));
                    }
                    self.state = State::Value;
                    *at += 1;
                }
                State::Behind => self.behind(at, byte)?,
            }
        }
    }

    /// Says that the caller has passed a record.
    pub(super) fn passed(&mut self) {
        self.state = State::Behind;
    }

    /// Lets `walk` pass one token at `at`, and gives what it gave and the token's end. `None`: the token is not complete.
    pub(super) fn whole<T>(
        &self,
        text: &[u8],
        at: usize,
        is_last: bool,
        walk: impl FnOnce(&mut Walker<'_>) -> Result<T, Fault>,
    ) -> Result<Option<(T, usize)>, Stop> {
        let rest = &text[at..];
        // One more than allowed, so that what does not fit is seen to be too long wherever the text was cut.
        let window = &rest[..rest.len().min(self.max_record_bytes.saturating_add(1))];
        let mut walker = Walker::new(window, self.escapes);
        match walk(&mut walker) {
            Ok(_) if walker.at() > self.max_record_bytes => Err(Stop::TooLong(at)),
            // Numbers and words have no last character.
            Ok(_) if walker.at() == window.len() && !is_last && !matches!(window[0], b'"' | b'{' | b'[') => Ok(None),
            Ok(found) => Ok(Some((found, at + walker.at()))),
            Err(fault) if fault.offset > self.max_record_bytes => Err(Stop::TooLong(at)),
            Err(fault) if fault.offset == window.len() && !is_last => Ok(None),
            Err(fault) => Err(Stop::Fault(Fault {
                expected: fault.expected,
                offset: at + fault.offset,
            })),
        }
    }

    /// Reads the beginning of a value, or all of one that holds no records.
    fn value(&mut self, text: &[u8], at: &mut usize, is_last: bool, byte: u8) -> Result<Option<Step>, Stop> {
        let depth = self.open.len();
        let num_tokens = self.root.tokens.len();
        if !self.is_flattened || depth > num_tokens {
            return Ok(Some(Step::Record));
        }
        let is_on_way = match self.open.last() {
            None => true,
            Some(level) if level.is_object => level.is_on_way,
            Some(level) => self.root.tokens[depth - 1].index == Some(level.index),
        };
        let is_root = is_on_way && depth == num_tokens;
        self.has_root |= is_root;
        let is_entered = is_on_way && (byte == b'[' || (byte == b'{' && !is_root));
        if is_entered {
            let is_object = byte == b'{';
            self.open.push(Level {
                is_object,
                index: 0,
                is_on_way: false,
            });
            self.state = if is_object {
                State::NameOrBrace
            } else {
                State::ValueOrBracket
            };
            *at += 1;
            return Ok(None);
        }
        let Some((kind, end)) = self.whole(text, *at, is_last, |walker| walker.any_value())? else {
            return Ok(Some(Step::More));
        };
        let start = std::mem::replace(at, end);
        self.state = State::Behind;
        Ok(is_root.then_some(Step::NotAnArray(kind, start..end)))
    }

    fn behind(&mut self, at: &mut usize, byte: u8) -> Result<(), Stop> {
        let fault = self.fault(*at);
        let level = self.open.last_mut().ok_or(fault)?;
        match byte {
            b',' => {
                level.index += 1;
                self.state = if level.is_object { State::Name } else { State::Value };
                *at += 1;
                Ok(())
            }
            b'}' if level.is_object => {
                self.close(at);
                Ok(())
            }
            b']' if !level.is_object => {
                self.close(at);
                Ok(())
            }
            _ => Err(fault),
        }
    }

    fn close(&mut self, at: &mut usize) {
        self.open.pop();
        self.state = State::Behind;
        *at += 1;
    }

    fn fault(&self, offset: usize) -> Stop {
        let is_in_object = self.open.last().is_some_and(|level| level.is_object);
        let expected = match self.state {
            State::Value | State::ValueOrBracket => Expected::Value,
            State::NameOrBrace => Expected::NameOrClose,
            State::Name => Expected::Name,
            State::Colon => Expected::Colon,
            State::Behind if is_in_object => Expected::CommaOrBrace,
            State::Behind => Expected::CommaOrBracket,
        };
        Stop::Fault(Fault { expected, offset })
    }
}

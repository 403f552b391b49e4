//! Says why a text is not JSON, and where it stopped being JSON.

use std::fmt;

/// What the grammar allows at the place of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    /// Any value.
    Value,
    /// A member's name or the end of the object.
    NameOrClose,
    /// A member's name.
    Name,
    /// `:`.
    Colon,
    /// `,` or `}`.
    CommaOrBrace,
    /// `,` or `]`.
    CommaOrBracket,
    /// The rest of a word.
    Word(Word),
    /// A digit of a number.
    Digit,
    /// The end of a string.
    Quote,
    /// One of the characters that may follow a backslash.
    Escape,
    /// A hexadecimal digit after `\u`.
    HexDigit,
    /// Nothing more.
    End,
    /// No further level of nesting.
    LessNesting,
}

/// A value that is written as a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    True,
    False,
    Null,
    NaN,
    Infinity,
}

impl Word {
    /// How it is written.
    #[inline]
    pub(super) fn text(self) -> &'static str {
        match self {
            Word::True => "true",
            Word::False => "false",
            Word::Null => "null",
            Word::NaN => "NaN",
            Word::Infinity => "Infinity",
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Expected::Value => "a value",
            Expected::NameOrClose => "a member name or `}`",
            Expected::Name => "a member name",
            Expected::Colon => "`:`",
            Expected::CommaOrBrace => "`,` or `}`",
            Expected::CommaOrBracket => "`,` or `]`",
            Expected::Word(word) => return write!(formatter, "`{}`", word.text()),
            Expected::Digit => "a digit",
            Expected::Quote => "`\"`",
            Expected::Escape => "one of `\"\\/bfnrtu` after `\\`",
            Expected::HexDigit => "a hexadecimal digit",
            Expected::End => "the end of the line",
            Expected::LessNesting => "less nesting",
        })
    }
}

/// The first byte at which a text can no longer be the beginning of a JSON value.
///
/// It is small enough to be returned in registers, and so is what it is returned instead of. Every step of a walk returns one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) expected: Expected,
    /// Offset in the text. Equal to its length: the text ends too early.
    pub(super) offset: usize,
}

impl Fault {
    /// Says in words what is wrong with `text`; `end` is what a user calls its end.
    pub(super) fn reason(&self, text: &[u8], end: &str) -> String {
        if self.expected == Expected::LessNesting {
            return format!("values are nested more than {} levels deep", super::MAX_DEPTH);
        }
        match text.get(self.offset) {
            None => format!("expected {}, found {end}", self.expected),
            Some(byte @ b' '..=b'~') => format!("expected {}, found `{}`", self.expected, char::from(*byte)),
            // The rest of a character may be in the next chunk, so only its first byte is shown.
            Some(byte) => format!("expected {}, found byte 0x{byte:02X}", self.expected),
        }
    }
}

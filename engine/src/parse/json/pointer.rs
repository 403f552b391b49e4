//! Reads a JSON Pointer, the path to a value inside a value.

use std::fmt;

/// One step of a pointer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    /// Name of the member, where the step meets an object.
    pub(super) name: String,
    /// Index from 0 of the element, where the step meets an array; `None` if the text is not an index.
    pub(super) index: Option<usize>,
}

impl Token {
    /// The step that means the member called `name`, whatever characters the name has.
    pub(super) fn member(name: &str) -> Token {
        Token {
            name: name.to_owned(),
            index: None,
        }
    }
}

/// The steps from a value to a value inside it; none: the value itself.
///
/// **Source**: RFC 6901.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pointer {
    pub(super) tokens: Vec<Token>,
}

/// Why a text is not a JSON Pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PointerFault {
    /// Neither empty nor beginning with a slash.
    NoSlash,
    /// A `~` that is followed by neither `0` nor `1`.
    Tilde,
    /// More steps than a value may have levels.
    TooLong,
}

impl fmt::Display for PointerFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            PointerFault::NoSlash => "it must be empty or begin with `/`",
            PointerFault::Tilde => "`~` must be followed by `0` (for `~`) or `1` (for `/`)",
            PointerFault::TooLong => "it has more steps than a value may have levels",
        })
    }
}

impl Pointer {
    /// Reads `text`.
    ///
    /// **Errors**: `text` is not a JSON Pointer, or is longer than any value is deep.
    pub(super) fn parse(text: &str) -> Result<Pointer, PointerFault> {
        let mut tokens = Vec::new();
        if text.is_empty() {
            return Ok(Pointer { tokens });
        }
        let steps = text.strip_prefix('/').ok_or(PointerFault::NoSlash)?;
        for step in steps.split('/') {
            tokens.push(Token {
                name: unescape(step)?,
                index: index(step),
            });
        }
        if tokens.len() >= super::MAX_DEPTH {
            return Err(PointerFault::TooLong);
        }
        Ok(Pointer { tokens })
    }
}

/// Puts `/` for `~1` and `~` for `~0`.
fn unescape(step: &str) -> Result<String, PointerFault> {
    let mut name = String::with_capacity(step.len());
    let mut characters = step.chars();
    while let Some(character) = characters.next() {
        match character {
            '~' => match characters.next() {
                Some('0') => name.push('~'),
                Some('1') => name.push('/'),
                _ => return Err(PointerFault::Tilde),
            },
            _ => name.push(character),
        }
    }
    Ok(name)
}

/// The array index that `step` spells: decimal digits, no leading zero.
fn index(step: &str) -> Option<usize> {
    let is_index = step == "0" || (!step.starts_with('0') && step.bytes().all(|byte| byte.is_ascii_digit()));
    if is_index { step.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[(&str, Option<usize>)]) {
        let tokens: Vec<Token> = expected
            .iter()
            .map(|(name, index)| Token {
                name: (*name).to_owned(),
                index: *index,
            })
            .collect();
        assert_eq!(Pointer::parse(text), Ok(Pointer { tokens }));
    }

    #[test]
    fn examples_of_the_rfc_are_read() {
        check("", &[]);
        check("/foo", &[("foo", None)]);
        check("/foo/0", &[("foo", None), ("0", Some(0))]);
        check("/", &[("", None)]);
        check("/a~1b", &[("a/b", None)]);
        check("/m~0n", &[("m~n", None)]);
        check("/~01", &[("~1", None)]);
        check("/ /c%d", &[(" ", None), ("c%d", None)]);
    }

    #[test]
    fn only_plain_decimals_are_indices() {
        check("/10", &[("10", Some(10))]);
        check("/01", &[("01", None)]);
        check("/-", &[("-", None)]);
        check("/+1", &[("+1", None)]);
        check("/99999999999999999999999", &[("99999999999999999999999", None)]);
    }

    #[test]
    fn what_is_no_pointer_is_refused() {
        assert_eq!(Pointer::parse("a"), Err(PointerFault::NoSlash));
        assert_eq!(Pointer::parse("/a~"), Err(PointerFault::Tilde));
        assert_eq!(Pointer::parse("/a~2"), Err(PointerFault::Tilde));
        assert_eq!(Pointer::parse(&"/a".repeat(128)), Err(PointerFault::TooLong));
    }
}

//! Turns a `strptime` format into the items that the interpreter follows.
//!
//! Compounds such as `%F` become their parts here, and whether a number takes all digits or only its usual ones is decided
//! here too, since it depends on the item that follows. Flags and widths (`%-m`, `%3N`) are accepted and mean nothing: they are
//! for formatting, and do not split digits.

use crate::parse::timestamp::FormatError;

/// Digits of a number that takes all there are.
pub(super) const ALL_DIGITS: usize = usize::MAX;

/// The years that java.time has, and with it the original.
const MAX_YEAR: i64 = 999_999_999;

/// One step through the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// Bytes that must stand there.
    Text(Box<[u8]>),
    /// Any amount of white space, none included.
    White,
    Number(Number),
    MonthName,
    WeekdayName,
    /// `am`, `pm`, `a.m.` or `p.m.`.
    Meridiem,
    /// Digits of a fraction of the second, of which this many are taken.
    Fraction(usize),
    /// All digits, with an optional minus.
    EpochSeconds,
    /// All digits, with an optional minus.
    EpochMillis,
    Zone,
}

/// What number is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    Century,
    Year,
    /// The last two digits, from 1969 to 2068 unless a century is given.
    YearOfCentury,
    Month,
    Day,
    DayOfYear,
    Hour,
    Minute,
    Second,
    /// Weeks and weekdays, which the date does not follow.
    Ignored,
}

/// A run of digits with a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Number {
    pub(super) meaning: Meaning,
    pub(super) max_digits: usize,
    pub(super) low: i64,
    pub(super) high: i64,
    /// A blank may stand for the first digit.
    pub(super) is_blank_allowed: bool,
    pub(super) is_sign_allowed: bool,
}

/// Compiles `pattern`, the end of `format` without its prefix. Positions in errors are characters of `format`, from 1.
pub(super) fn compile(format: &str, pattern: &str) -> Result<Box<[Item]>, FormatError> {
    if pattern.is_empty() {
        return Err(FormatError::new(format!("the timestamp format `{format}` is empty")));
    }
    let mut items = Vec::new();
    let mut rest = pattern;
    while let Some(percent) = rest.find('%') {
        push_text(&mut items, &rest[..percent]);
        let start = &rest[percent..];
        let (directive, after) = directive(start).map_err(|directive| {
            let position = format[..format.len() - start.len()].chars().count() + 1;
            FormatError::new(format!(
                "unknown directive `{directive}` at position {position} of the timestamp format `{format}`"
            ))
        })?;
        push_directive(&mut items, directive);
        rest = after;
    }
    push_text(&mut items, rest);
    limit_digits(&mut items);
    Ok(items.into_boxed_slice())
}

/// The letter of the directive at the start of `text` and what follows it, or the directive as far as it can be told.
fn directive(text: &str) -> Result<(char, &str), &str> {
    let mut characters = text.char_indices().skip(1).peekable();
    let mut num_colons = 0;
    let mut modifier = None;
    while let Some((_, character)) = characters.peek() {
        match character {
            '-' | '_' | '0'..='9' | '^' | '#' if modifier.is_none() && num_colons == 0 => {}
            ':' if modifier.is_none() && num_colons < 3 => num_colons += 1,
            'E' | 'O' if modifier.is_none() && num_colons == 0 => modifier = Some(*character),
            _ => break,
        }
        characters.next();
    }
    let Some((start, letter)) = characters.next() else {
        return Err(text);
    };
    let end = start + letter.len_utf8();
    let letters = match modifier {
        Some('E') => "cCxXyY",
        Some(_) => "deHkIlmMSuUVwWy",
        None if num_colons > 0 => "z",
        None => "YCymBbhdejHkIlPpMSLNzZAaUuwGgVWsQcDxFnRrTXtv+%",
    };
    if letters.contains(letter) {
        Ok((letter, &text[end..]))
    } else {
        Err(&text[..end])
    }
}

fn push_directive(items: &mut Vec<Item>, directive: char) {
    let parts = match directive {
        'c' => "a b e H:M:S Y",
        'D' | 'x' => "m/d/y",
        'F' => "Y-m-d",
        'R' => "H:M",
        'r' => "I:M:S p",
        'T' | 'X' => "H:M:S",
        'v' => "e-b-Y",
        '+' => "a b e H:M:S Z Y",
        'n' | 't' => return push_text(items, " "),
        '%' => return push_text(items, "%"),
        _ => return items.push(single(directive)),
    };
    for part in parts.chars() {
        if part.is_ascii_alphabetic() {
            items.push(single(part));
        } else {
            push_text(items, part.encode_utf8(&mut [0; 4]));
        }
    }
}

/// The item of a directive that is not a compound.
fn single(directive: char) -> Item {
    let number = |meaning, max_digits, low, high| Number {
        meaning,
        max_digits,
        low,
        high,
        is_blank_allowed: false,
        is_sign_allowed: false,
    };
    Item::Number(match directive {
        'Y' => Number {
            is_sign_allowed: true,
            ..number(Meaning::Year, ALL_DIGITS, 0, MAX_YEAR)
        },
        'C' => number(Meaning::Century, ALL_DIGITS, 0, MAX_YEAR / 100),
        'y' => number(Meaning::YearOfCentury, 2, 0, 99),
        'm' => number(Meaning::Month, 2, 1, 12),
        'd' | 'e' => Number {
            is_blank_allowed: true,
            ..number(Meaning::Day, 2, 1, 31)
        },
        'j' => number(Meaning::DayOfYear, 3, 1, 366),
        'H' | 'k' => Number {
            is_blank_allowed: true,
            ..number(Meaning::Hour, 2, 0, 24)
        },
        'I' | 'l' => Number {
            is_blank_allowed: true,
            ..number(Meaning::Hour, 2, 1, 12)
        },
        'M' => number(Meaning::Minute, 2, 0, 59),
        'S' => number(Meaning::Second, 2, 0, 60),
        'u' => number(Meaning::Ignored, 1, 1, 7),
        'w' => number(Meaning::Ignored, 1, 0, 6),
        'U' | 'W' => number(Meaning::Ignored, 2, 0, 53),
        'V' => number(Meaning::Ignored, 2, 1, 53),
        'g' => number(Meaning::Ignored, 2, 0, 99),
        'G' => Number {
            is_sign_allowed: true,
            ..number(Meaning::Ignored, ALL_DIGITS, 0, MAX_YEAR)
        },
        'B' | 'b' | 'h' => return Item::MonthName,
        'A' | 'a' => return Item::WeekdayName,
        'P' | 'p' => return Item::Meridiem,
        'L' => return Item::Fraction(3),
        'N' => return Item::Fraction(9),
        's' => return Item::EpochSeconds,
        'Q' => return Item::EpochMillis,
        'z' | 'Z' => return Item::Zone,
        _ => unreachable!("`directive` lets no other letter through"),
    })
}

fn push_text(items: &mut Vec<Item>, text: &str) {
    let mut text = text.as_bytes();
    while !text.is_empty() {
        let num_white = text.iter().take_while(|byte| super::zone::is_white(**byte)).count();
        let num_other = text[num_white..]
            .iter()
            .take_while(|byte| !super::zone::is_white(**byte))
            .count();
        if num_white > 0 && items.last() != Some(&Item::White) {
            items.push(Item::White);
        }
        if num_other > 0 {
            items.push(Item::Text(text[num_white..num_white + num_other].into()));
        }
        text = &text[num_white + num_other..];
    }
}

/// Lets numbers that take all digits stop early where the next item needs some.
fn limit_digits(items: &mut [Item]) {
    for index in 0..items.len() {
        let is_next_numeric = match items.get(index + 1) {
            Some(Item::Number(_) | Item::Fraction(_) | Item::EpochSeconds) => true,
            Some(Item::Text(text)) => text[0].is_ascii_digit(),
            _ => false,
        };
        match &mut items[index] {
            Item::Number(number) if number.max_digits == ALL_DIGITS && is_next_numeric => {
                (number.max_digits, number.high) = if number.meaning == Meaning::Century {
                    (2, 99)
                } else {
                    (4, 9999)
                };
            }
            Item::Fraction(max_digits) if !is_next_numeric => *max_digits = ALL_DIGITS,
            _ => {}
        }
    }
}

//! Turns a `DateTimeFormatter` pattern into the items that the interpreter follows.
//!
//! Numbers that follow each other without anything between them share their digits the way java.time has it: the first may
//! take any number of digits, those after it have a fixed width, and the first leaves them theirs.

use super::Field;
use crate::parse::timestamp::FormatError;

/// Optional sections inside each other; a pattern with more is a mistake, and reading one must not exhaust the stack.
const MAX_NESTING: usize = 16;

/// Digits of the longest number java.time reads.
const MAX_DIGITS: usize = 19;

/// One step through the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// Bytes that must stand there.
    Text(Box<[u8]>),
    Number(Number),
    /// A month, weekday, quarter, half day or era in words.
    Word {
        field: Field,
        /// Words and their values; no word is the start of a later one.
        words: &'static [(&'static str, i64)],
    },
    Offset(OffsetForm),
    /// `GMT` and perhaps an offset after it, in full or in short.
    LocalizedOffset {
        is_full: bool,
    },
    /// `Z`, an offset, or `UTC`, `GMT` or `UT` with or without an offset.
    AnyZone,
    /// A section that need not be there.
    Optional(Box<[Item]>),
}

/// A run of digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Number {
    pub(super) field: Field,
    pub(super) min_digits: usize,
    pub(super) max_digits: usize,
    pub(super) sign: Sign,
    pub(super) kind: Kind,
    /// Digits that belong to the numbers right after this one.
    pub(super) following_digits: usize,
}

/// Which signs a number may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// A minus.
    Normal,
    Never,
    /// A minus; a plus, if and only if there are more digits than the least number.
    ExceedsPad,
}

/// How digits become a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    /// Two digits of a year from 2000 to 2099.
    ShortYear,
    /// Digits after the decimal point of a second, in billionths.
    Fraction,
    /// Day of the week counted from Sunday, 1.
    FromSunday,
}

/// How an offset is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OffsetForm {
    /// `Z` stands for zero.
    pub(super) is_z_allowed: bool,
    pub(super) has_colons: bool,
    pub(super) are_minutes_optional: bool,
    /// Seconds may follow.
    pub(super) has_seconds: bool,
}

/// Compiles `pattern`, the end of `format` without its prefix. Positions in errors are characters of `format`, from 1.
pub(super) fn compile(format: &str, pattern: &str) -> Result<Box<[Item]>, FormatError> {
    if pattern.is_empty() {
        return Err(FormatError::new(format!("the timestamp format `{format}` is empty")));
    }
    let prefix_characters = format[..format.len() - pattern.len()].chars().count();
    let mut compiler = Compiler {
        format,
        prefix_characters,
        pattern: pattern.chars().collect(),
        sections: vec![Section::default()],
        hour_of_half_day: None,
        has_half_day: false,
    };
    compiler.run()
}

struct Compiler<'format> {
    format: &'format str,
    prefix_characters: usize,
    pattern: Vec<char>,
    /// The open sections, outermost first; the first is the pattern itself.
    sections: Vec<Section>,
    /// Place of the first hour that needs `a`.
    hour_of_half_day: Option<usize>,
    has_half_day: bool,
}

#[derive(Default)]
struct Section {
    items: Vec<Item>,
    /// The number that adjacent numbers take digits from.
    first_adjacent: Option<usize>,
}

impl Section {
    fn push(&mut self, item: Item) {
        self.first_adjacent = None;
        self.items.push(item);
    }

    fn push_number(&mut self, number: Number) {
        let is_fixed = number.min_digits == number.max_digits && number.sign == Sign::Never;
        match self.first_adjacent {
            Some(first) if is_fixed => {
                if let Item::Number(first) = &mut self.items[first] {
                    first.following_digits += number.max_digits;
                }
            }
            _ => self.first_adjacent = Some(self.items.len()),
        }
        self.items.push(Item::Number(number));
    }

    fn push_text(&mut self, text: &str) {
        self.push(Item::Text(text.as_bytes().into()));
    }
}

impl Compiler<'_> {
    fn run(&mut self) -> Result<Box<[Item]>, FormatError> {
        let mut place = 0;
        while let Some(&character) = self.pattern.get(place) {
            match character {
                '\'' => place = self.quoted(place)?,
                '[' => {
                    if self.sections.len() > MAX_NESTING {
                        return Err(self.error(place, "too many optional sections inside each other, at `[`"));
                    }
                    self.sections.push(Section::default());
                    place += 1;
                }
                ']' => {
                    if self.sections.len() == 1 {
                        return Err(self.error(place, "`]` without `[`"));
                    }
                    self.close_section();
                    place += 1;
                }
                '{' | '}' | '#' => return Err(self.error(place, &format!("reserved character `{character}`"))),
                'A'..='Z' | 'a'..='z' => {
                    let count = self.pattern[place..]
                        .iter()
                        .take_while(|next| **next == character)
                        .count();
                    self.letter(character, count, place)?;
                    place += count;
                }
                other => {
                    self.section().push_text(other.encode_utf8(&mut [0; 4]));
                    place += 1;
                }
            }
        }
        if let Some(place) = self.hour_of_half_day
            && !self.has_half_day
        {
            let letter = self.pattern[place];
            return Err(self.error(place, &format!("`{letter}` without `a` (`H` counts to 23)")));
        }
        // As in java.time, a section that is still open ends with the pattern.
        while self.sections.len() > 1 {
            self.close_section();
        }
        Ok(std::mem::take(&mut self.section().items).into_boxed_slice())
    }

    fn section(&mut self) -> &mut Section {
        self.sections.last_mut().expect("the first section is never closed")
    }

    fn close_section(&mut self) {
        let section = self.sections.pop().expect("callers check that a section is open");
        self.section().push(Item::Optional(section.items.into_boxed_slice()));
    }

    /// Text in quotes that start at `start`; gives the place after them. Two quotes are one, inside and outside.
    fn quoted(&mut self, start: usize) -> Result<usize, FormatError> {
        let mut text = String::new();
        let mut place = start + 1;
        loop {
            match (self.pattern.get(place), self.pattern.get(place + 1)) {
                (None, _) => return Err(self.error(start, "quote `'` without an end")),
                (Some('\''), Some('\'')) => {
                    text.push('\'');
                    place += 2;
                }
                (Some('\''), _) => break,
                (Some(character), _) => {
                    text.push(*character);
                    place += 1;
                }
            }
        }
        self.section().push_text(if text.is_empty() { "'" } else { &text });
        Ok(place + 1)
    }

    fn letter(&mut self, letter: char, count: usize, place: usize) -> Result<(), FormatError> {
        use Field::*;
        let number = |field, min_digits, max_digits, sign, kind| {
            Some(Item::Number(Number {
                field,
                min_digits,
                max_digits,
                sign,
                kind,
                following_digits: 0,
            }))
        };
        let any_digits = |field| number(field, 1, MAX_DIGITS, Sign::Normal, Kind::Plain);
        let one_or_two = |field| match count {
            1 => any_digits(field),
            2 => number(field, 2, 2, Sign::Never, Kind::Plain),
            _ => None,
        };
        let word = |field, words| Some(Item::Word { field, words });
        let item = match letter {
            'G' => match count {
                1..=3 => word(Era, ERAS),
                4 => word(Era, LONG_ERAS),
                _ => None,
            },
            'u' | 'y' => {
                let field = if letter == 'u' { Year } else { YearOfEra };
                match count {
                    1 => any_digits(field),
                    2 => number(field, 2, 2, Sign::Never, Kind::ShortYear),
                    3 => number(field, 3, MAX_DIGITS, Sign::Normal, Kind::Plain),
                    4..=MAX_DIGITS => number(field, count, MAX_DIGITS, Sign::ExceedsPad, Kind::Plain),
                    _ => None,
                }
            }
            'M' | 'L' => match count {
                1 | 2 => one_or_two(Month),
                3 => word(Month, SHORT_MONTHS),
                4 => word(Month, LONG_MONTHS),
                _ => None,
            },
            'Q' | 'q' => match count {
                1 | 2 => one_or_two(Quarter),
                3 => word(Quarter, SHORT_QUARTERS),
                4 => word(Quarter, LONG_QUARTERS),
                _ => None,
            },
            'd' => one_or_two(Day),
            'D' => match count {
                1 => any_digits(DayOfYear),
                2 | 3 => number(DayOfYear, count, 3, Sign::Never, Kind::Plain),
                _ => None,
            },
            'E' => match count {
                1..=3 => word(DayOfWeek, SHORT_WEEKDAYS),
                4 => word(DayOfWeek, LONG_WEEKDAYS),
                _ => None,
            },
            'e' | 'c' => match count {
                1 => number(DayOfWeek, 1, MAX_DIGITS, Sign::Normal, Kind::FromSunday),
                2 if letter == 'e' => number(DayOfWeek, 2, 2, Sign::Never, Kind::FromSunday),
                3 => word(DayOfWeek, SHORT_WEEKDAYS),
                4 => word(DayOfWeek, LONG_WEEKDAYS),
                _ => None,
            },
            'a' => {
                self.has_half_day = true;
                if count == 1 { word(HalfDay, HALF_DAYS) } else { None }
            }
            'H' => one_or_two(HourOfDay),
            'k' => one_or_two(ClockHourOfDay),
            'h' | 'K' => {
                self.hour_of_half_day.get_or_insert(place);
                one_or_two(if letter == 'h' {
                    ClockHourOfHalfDay
                } else {
                    HourOfHalfDay
                })
            }
            'm' => one_or_two(Minute),
            's' => one_or_two(Second),
            'S' if count <= 9 => number(Nano, count, count, Sign::Never, Kind::Fraction),
            'S' => None,
            'n' | 'A' | 'N' if count <= MAX_DIGITS => {
                let field = match letter {
                    'n' => Nano,
                    'A' => MilliOfDay,
                    _ => NanoOfDay,
                };
                number(field, count, MAX_DIGITS, Sign::Never, Kind::Plain)
            }
            'n' | 'A' | 'N' => None,
            'X' | 'x' => OffsetForm::of_x(count, letter == 'X').map(Item::Offset),
            'Z' => match count {
                1..=3 => OffsetForm::of_x(2, false).map(Item::Offset),
                4 => Some(Item::LocalizedOffset { is_full: true }),
                5 => OffsetForm::of_x(5, true).map(Item::Offset),
                _ => None,
            },
            'O' if matches!(count, 1 | 4) => Some(Item::LocalizedOffset { is_full: count == 4 }),
            'O' => None,
            'V' => (count == 2).then_some(Item::AnyZone),
            'z' => (count <= 4).then_some(Item::AnyZone),
            _ => return Err(self.error(place, &format!("unsupported pattern letter `{letter}`"))),
        };
        match item {
            Some(Item::Number(number)) => self.section().push_number(number),
            Some(item) => self.section().push(item),
            None => {
                let letters: String = self.pattern[place..place + count].iter().collect();
                return Err(self.error(place, &format!("unsupported number of pattern letters `{letters}`")));
            }
        }
        Ok(())
    }

    fn error(&self, place: usize, what: &str) -> FormatError {
        let position = self.prefix_characters + place + 1;
        FormatError::new(format!(
            "{what} at position {position} of the timestamp format `{}`",
            self.format
        ))
    }
}

impl OffsetForm {
    /// The form that `count` letters `X` stand for.
    fn of_x(count: usize, is_z_allowed: bool) -> Option<OffsetForm> {
        (1..=5).contains(&count).then_some(OffsetForm {
            is_z_allowed,
            has_colons: matches!(count, 3 | 5),
            are_minutes_optional: count == 1,
            has_seconds: count >= 4,
        })
    }
}

const ERAS: &[(&str, i64)] = &[("BC", 0), ("AD", 1)];
const LONG_ERAS: &[(&str, i64)] = &[("Before Christ", 0), ("Anno Domini", 1)];
const HALF_DAYS: &[(&str, i64)] = &[("AM", 0), ("PM", 1)];
const SHORT_QUARTERS: &[(&str, i64)] = &[("Q1", 1), ("Q2", 2), ("Q3", 3), ("Q4", 4)];
const LONG_QUARTERS: &[(&str, i64)] = &[
    ("1st quarter", 1),
    ("2nd quarter", 2),
    ("3rd quarter", 3),
    ("4th quarter", 4),
];
const SHORT_WEEKDAYS: &[(&str, i64)] = &[
    ("Mon", 1),
    ("Tue", 2),
    ("Wed", 3),
    ("Thu", 4),
    ("Fri", 5),
    ("Sat", 6),
    ("Sun", 7),
];
const LONG_WEEKDAYS: &[(&str, i64)] = &[
    ("Monday", 1),
    ("Tuesday", 2),
    ("Wednesday", 3),
    ("Thursday", 4),
    ("Friday", 5),
    ("Saturday", 6),
    ("Sunday", 7),
];
const SHORT_MONTHS: &[(&str, i64)] = &[
    ("Jan", 1),
    ("Feb", 2),
    ("Mar", 3),
    ("Apr", 4),
    ("May", 5),
    ("Jun", 6),
    ("Jul", 7),
    ("Aug", 8),
    ("Sep", 9),
    ("Oct", 10),
    ("Nov", 11),
    ("Dec", 12),
];
const LONG_MONTHS: &[(&str, i64)] = &[
    ("January", 1),
    ("February", 2),
    ("March", 3),
    ("April", 4),
    ("May", 5),
    ("June", 6),
    ("July", 7),
    ("August", 8),
    ("September", 9),
    ("October", 10),
    ("November", 11),
    ("December", 12),
];

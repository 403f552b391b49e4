//! Reads timestamps in java.time `DateTimeFormatter` patterns, formats with the prefix `java:`.
//!
//! A pattern is compiled to [`compile::Item`]s with the rules of `DateTimeFormatterBuilder`, adjacent numbers included
//! (`yyyyMMddHHmmssSSS`). The interpreter ([`read`]) collects [`Fields`], and the resolver ([`resolve`]) makes an instant of them
//! nearly as java.time's smart resolver does. Patterns of fixed widths also have a [`layout::Layout`], tried first. Unlike Ruby's
//! formats, a pattern has to fit the whole text.
//!
//! What does not happen here: week-based years, region ids in the text, locales other than English.
//!
//! Reading order: this file, [`compile`], [`read`], [`resolve`], [`layout`].

mod compile;
mod layout;
mod read;
mod resolve;

use self::compile::Item;
use self::layout::Layout;
use super::FormatError;

/// A field of java.time's that a pattern can set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
enum Field {
    /// 0 is before Christ.
    Era,
    YearOfEra,
    Year,
    Quarter,
    Month,
    Day,
    DayOfYear,
    /// Monday is 1.
    DayOfWeek,
    /// 0 is before noon.
    HalfDay,
    HourOfDay,
    /// 24 is midnight.
    ClockHourOfDay,
    HourOfHalfDay,
    /// 12 is midnight and noon.
    ClockHourOfHalfDay,
    Minute,
    Second,
    Nano,
    MilliOfDay,
    NanoOfDay,
    OffsetSeconds,
}

const NUM_FIELDS: usize = Field::OffsetSeconds as usize + 1;

/// A value no field can have: numbers are read from at most 19 digits and a sign.
const ABSENT: i64 = i64::MIN;

/// What one text said.
#[derive(Clone, Copy, Debug)]
struct Fields {
    values: [i64; NUM_FIELDS],
}

impl Fields {
    const NONE: Fields = Fields {
        values: [ABSENT; NUM_FIELDS],
    };

    fn get(&self, field: Field) -> Option<i64> {
        let value = self.values[field as usize];
        (value != ABSENT).then_some(value)
    }

    /// Sets a field; `None` if the text already said otherwise.
    fn set(&mut self, field: Field, value: i64) -> Option<()> {
        let slot = &mut self.values[field as usize];
        if *slot != ABSENT && *slot != value {
            return None;
        }
        *slot = value;
        Some(())
    }
}

/// A compiled pattern with the offset of texts that name none.
#[derive(Clone, Debug)]
pub(super) struct JavaFormat {
    items: Box<[Item]>,
    layout: Option<Layout>,
    default_offset_seconds: i64,
}

impl JavaFormat {
    /// Compiles `pattern`, which is `format` without its prefix.
    pub(super) fn new(format: &str, pattern: &str, default_offset_seconds: i64) -> Result<JavaFormat, FormatError> {
        let items = compile::compile(format, pattern)?;
        Ok(JavaFormat {
            layout: Layout::new(&items),
            items,
            default_offset_seconds,
        })
    }

    #[inline]
    pub(super) fn parse(&mut self, text: &[u8]) -> Option<i64> {
        if let Some(layout) = &mut self.layout
            && let Some(micros) = layout.parse(text, self.default_offset_seconds)
        {
            return Some(micros);
        }
        self.interpret(text)
    }

    #[cfg(test)]
    pub(super) fn has_layout(&self) -> bool {
        self.layout.is_some()
    }

    /// Reads `text` without the help of a layout.
    pub(super) fn interpret(&self, text: &[u8]) -> Option<i64> {
        let mut fields = Fields::NONE;
        let end = read::read(&self.items, text, 0, &mut fields)?;
        if end < text.len() {
            return None;
        }
        resolve::resolve(&fields, self.default_offset_seconds)
    }
}

//! Turns the text of a timestamp into microseconds since the epoch, by a format compiled once.
//!
//! A format has one of three dialects, told apart by its prefix: none is Ruby's `strptime` with the rules that existing load
//! files rely on (a day beyond the month's end rolls over, daylight abbreviations are an hour wrong), `ruby:` is the same
//! with strict dates and zones, `java:` is a `DateTimeFormatter` pattern. Formats are compiled because this runs once per
//! row: interpreting a format text takes longer than everything else that happens to the row. Formats whose fields sit at
//! fixed places are read eight bytes at a time (`head`); whatever does not fit there goes through the
//! interpreter, which alone defines what a format means.
//!
//! What does not happen here: writing timestamps, and the choice of a format (see `guess`).
//!
//! Reading order: `calendar`, `head`, `zone`, `ruby`, `java`.

mod calendar;
mod head;
mod java;
mod ruby;
mod zone;

#[cfg(test)]
mod tests;

pub use self::calendar::{MONTHS, WEEKDAYS, date_of_day};

use self::calendar::Date;
use self::java::JavaFormat;
use self::ruby::{RubyFormat, ZoneRules};
use super::columns::TimestampOptions;

/// Why a format, a zone or a date of the configuration cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct FormatError {
    /// What is wrong, naming the construct and its place in the format.
    pub reason: String,
}

impl FormatError {
    fn new(reason: impl Into<String>) -> FormatError {
        FormatError { reason: reason.into() }
    }
}

/// The compiled formats of one timestamp column.
#[derive(Clone, Debug)]
pub struct TimestampParser {
    formats: Vec<Format>,
}

/// A compiled format of either language.
#[derive(Clone, Debug)]
enum Format {
    Ruby(Box<RubyFormat>),
    Java(Box<JavaFormat>),
}

impl TimestampParser {
    /// Compiles the formats of `options`.
    ///
    /// **Errors**: an unknown directive, zone or date; with `ruby:` or `java:` also a zone that is not a fixed offset and a
    /// date other than 1970-01-01.
    pub fn new(options: &TimestampOptions) -> Result<TimestampParser, FormatError> {
        let date = Date::from_option(&options.date)?;
        let formats = options
            .formats
            .iter()
            .map(|format| Format::new(format, &options.timezone, date));
        Ok(TimestampParser {
            formats: formats.collect::<Result<_, _>>()?,
        })
    }

    /// Reads `text` with the first format that fits.
    ///
    /// **Units**: microseconds since 1970-01-01T00:00:00Z; finer digits are cut off. `None`: no format fits.
    /// **Cost**: no allocation. `&mut`: the last date and zone offset are remembered, neighbours usually share them.
    #[inline]
    pub fn parse(&mut self, text: &[u8]) -> Option<i64> {
        if text.is_empty() {
            return None;
        }
        for format in &mut self.formats {
            let micros = match format {
                Format::Ruby(format) => format.parse(text),
                Format::Java(format) => format.parse(text),
            };
            if micros.is_some() {
                return micros;
            }
        }
        None
    }
}

impl Format {
    fn new(format: &str, timezone: &str, date: Date) -> Result<Format, FormatError> {
        if let Some(pattern) = format.strip_prefix("java:") {
            check_default_date(date, "java:")?;
            let offset_seconds = zone::fixed_default(timezone, "java:")?;
            return Ok(Format::Java(Box::new(JavaFormat::new(
                format,
                pattern,
                offset_seconds,
            )?)));
        }
        if let Some(pattern) = format.strip_prefix("ruby:") {
            check_default_date(date, "ruby:")?;
            let default_zone = zone::DefaultZone::Fixed(zone::fixed_default(timezone, "ruby:")?);
            return Ok(Format::Ruby(Box::new(RubyFormat::new(
                format,
                pattern,
                ZoneRules::Strict,
                default_zone,
                date,
            )?)));
        }
        let default_zone = zone::DefaultZone::from_option(timezone)?;
        Ok(Format::Ruby(Box::new(RubyFormat::new(
            format,
            format,
            ZoneRules::Legacy,
            default_zone,
            date,
        )?)))
    }
}

/// The prefixed dialects have no place for a default date: the original refuses one, and so do we.
fn check_default_date(date: Date, prefix: &str) -> Result<(), FormatError> {
    if date == Date::EPOCH {
        return Ok(());
    }
    Err(FormatError::new(format!(
        "a default date other than `1970-01-01` cannot be used with the format prefix `{prefix}`"
    )))
}

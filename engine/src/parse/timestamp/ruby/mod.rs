//! Reads timestamps in Ruby's `strptime` formats, unprefixed and with the prefix `ruby:`.
//!
//! A format is compiled to [`compile::Item`]s. The interpreter ([`read`]) follows them through the text and collects
//! [`Fields`]; here the fields become an instant. If the items are a date and perhaps a time of fixed widths, there is also a
//! [`layout::Layout`], tried first: it reads what is written exactly so and leaves everything else to the interpreter.
//!
//! Text left over after the format is ignored, as in the original: `%Y-%m-%d` reads `2015-01-27 19:23:49`.
//!
//! Reading order: this file, [`compile`], [`read`], [`layout`].

mod compile;
mod layout;
mod read;

use self::compile::Item;
use self::layout::Layout;
use super::FormatError;
use super::calendar::{self, Date, SECONDS_PER_DAY};
use super::zone::{self, DefaultZone, RegionZone, TextZone};

/// What a zone in the text means, and whether a date has to exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ZoneRules {
    /// Unprefixed formats: lenient offsets, Ruby's long table of names, daylight names of America wrong; days roll over.
    Legacy,
    /// `ruby:`: well-formed offsets, the names of RFC 822; days have to exist.
    Strict,
}

/// What one text said, before defaults.
#[derive(Clone, Copy, Debug, Default)]
struct Fields {
    century: Option<i64>,
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    hour: Option<i64>,
    /// 0 or 12, to be added to the hour of the half day.
    meridiem: Option<i64>,
    minute: i64,
    second: i64,
    /// With the sign that was written.
    nanos: i64,
    epoch_seconds: Option<i64>,
    epoch_millis: Option<i64>,
    /// Start and end of the zone in the text.
    zone: Option<(usize, usize)>,
}

/// A compiled format with what it takes to turn its fields into an instant.
#[derive(Clone, Debug)]
pub(super) struct RubyFormat {
    items: Box<[Item]>,
    layout: Option<Layout>,
    resolver: Resolver,
}

/// Turns fields into an instant, and remembers what neighbouring rows are likely to share.
#[derive(Clone, Debug)]
struct Resolver {
    rules: ZoneRules,
    default_zone: DefaultZone,
    default_date: Date,
    /// What `ROC` means in the text; only legacy formats with a zone need it.
    taipei: Option<RegionZone>,
    recent_zone: RecentZone,
}

/// The short zone text last read, and its offset.
#[derive(Clone, Copy, Debug, Default)]
struct RecentZone {
    name: [u8; 8],
    length: usize,
    offset: i64,
}

impl RubyFormat {
    /// Compiles `pattern`, which is `format` without its prefix.
    pub(super) fn new(
        format: &str,
        pattern: &str,
        rules: ZoneRules,
        default_zone: DefaultZone,
        default_date: Date,
    ) -> Result<RubyFormat, FormatError> {
        let items = compile::compile(format, pattern)?;
        let layout = Layout::new(&items);
        let taipei = match rules {
            ZoneRules::Legacy if items.contains(&Item::Zone) => RegionZone::from_id("Asia/Taipei"),
            _ => None,
        };
        let resolver = Resolver {
            rules,
            default_zone,
            default_date,
            taipei,
            recent_zone: RecentZone::default(),
        };
        Ok(RubyFormat {
            items,
            layout,
            resolver,
        })
    }

    #[inline]
    pub(super) fn parse(&mut self, text: &[u8]) -> Option<i64> {
        if let Some(layout) = &mut self.layout
            && let Some(micros) = layout.parse(text, &mut self.resolver)
        {
            return Some(micros);
        }
        self.interpret(text)
    }

    /// Reads `text` without the help of a layout.
    pub(super) fn interpret(&mut self, text: &[u8]) -> Option<i64> {
        let mut fields = Fields::default();
        read::read(&self.items, text, &mut fields)?;
        self.resolver.resolve(&fields, text)
    }

    #[cfg(test)]
    pub(super) fn has_layout(&self) -> bool {
        self.layout.is_some()
    }
}

impl Resolver {
    fn resolve(&mut self, fields: &Fields, text: &[u8]) -> Option<i64> {
        if let Some(micros) = epoch_micros(fields) {
            return micros;
        }
        // A fraction may carry a sign, but no second has less than nothing added to it.
        if fields.nanos < 0 {
            return None;
        }
        let days = self.days(fields)?;
        let (hour, excess_days) = match (fields.hour, fields.meridiem) {
            (Some(hour), Some(meridiem)) => (hour % 12 + meridiem, 0),
            (Some(24), None) => (0, 1),
            (Some(hour), None) => (hour, 0),
            (None, _) => (0, 0),
        };
        let second = fields.second.min(59);
        let local_seconds = (days + excess_days) * SECONDS_PER_DAY + hour * 3600 + fields.minute * 60 + second;
        let offset = match fields.zone {
            Some((start, end)) => self.text_offset(&text[start..end], local_seconds)?,
            None => self.default_zone.offset_at(local_seconds),
        };
        calendar::micros_since_epoch(local_seconds - offset, fields.nanos / 1000)
    }

    fn days(&self, fields: &Fields) -> Option<i64> {
        let year = match (fields.century, fields.year) {
            (Some(century), Some(year)) => century * 100 + year,
            (None, Some(year)) => year,
            (_, None) => self.default_date.year,
        };
        if let Some(day_of_year) = fields.day_of_year {
            return calendar::days_since_epoch_of_year_day(year, day_of_year);
        }
        let month = fields.month.unwrap_or(self.default_date.month);
        let day = fields.day.unwrap_or(self.default_date.day);
        if self.rules == ZoneRules::Strict && day > calendar::days_in_month(year, month) {
            return None;
        }
        Some(calendar::days_since_epoch(year, month, day))
    }

    /// The offset that `name` means at a local time.
    #[inline]
    fn text_offset(&mut self, name: &[u8], local_seconds: i64) -> Option<i64> {
        if name.len() == self.recent_zone.length && *name == self.recent_zone.name[..name.len()] {
            return Some(self.recent_zone.offset);
        }
        let zone = match self.rules {
            ZoneRules::Legacy => zone::legacy_zone(name)?,
            ZoneRules::Strict => TextZone::Offset(zone::strict_zone(name)?),
        };
        match zone {
            TextZone::Offset(offset) => {
                if let Some(target) = self.recent_zone.name.get_mut(..name.len()) {
                    target.copy_from_slice(name);
                    self.recent_zone.length = name.len();
                    self.recent_zone.offset = offset;
                }
                Some(offset)
            }
            TextZone::Taipei => Some(self.taipei.as_mut()?.offset_at(local_seconds)),
        }
    }
}

/// The instant of `%s` or `%Q`, which win over every calendar field and ignore zones; the inner `None` is one out of range.
fn epoch_micros(fields: &Fields) -> Option<Option<i64>> {
    let micros = match (fields.epoch_millis, fields.epoch_seconds) {
        (Some(millis), _) => millis.checked_mul(1000),
        (None, Some(seconds)) => seconds.checked_mul(1_000_000),
        (None, None) => return None,
    };
    let fraction = fields.nanos / 1000;
    // The fraction is digits of the number that was written, so it moves a negative number further from zero.
    Some(micros.and_then(|micros| micros.checked_add(if micros < 0 { -fraction } else { fraction })))
}

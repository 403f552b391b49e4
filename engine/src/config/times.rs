//! Reads where a time comes from: the filter `add_time` and `out.time_value`; sections 7.5 and 8.2 of the configuration
//! reference.

use super::columns::{check_timestamp, read_formats};
use super::document::{Node, Value};
use super::reader::Reader;
use crate::filter::rules::{AddTimeRule, AddTimeSource, UnixUnit};
use crate::parse::columns::TimestampOptions;
use crate::parse::timestamp::TimestampParser;

/// Format of times when nothing is said; section 7.5.
const DEFAULT_FORMAT: &str = "%Y-%m-%d %H:%M:%S %z";

const UNITS: [(&str, UnixUnit); 4] = [
    ("sec", UnixUnit::Sec),
    ("milli", UnixUnit::Milli),
    ("micro", UnixUnit::Micro),
    ("nano", UnixUnit::Nano),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Fixed,
    Incremental,
    Upload,
}

const MODES: [(&str, Mode); 3] = [
    ("fixed_time", Mode::Fixed),
    ("incremental_time", Mode::Incremental),
    ("upload_time", Mode::Upload),
];

/// Reads the unit of numbers.
pub(crate) fn read_unit(section: &Reader<'_>) -> UnixUnit {
    let complain = |value: &str, _: &str| {
        format!("unknown unix_timestamp_unit '{value}'. Supported units are sec, milli, micro, and nano")
    };
    section
        .choice("unix_timestamp_unit", &UNITS, complain)
        .unwrap_or_default()
}

/// Reads the filter `add_time`.
pub(crate) fn read_add_time(filter: &Reader<'_>) -> Option<AddTimeRule> {
    let to_column = read_to_column(filter);
    let (has_column, has_value) = (
        filter.value("from_column").is_some(),
        filter.value("from_value").is_some(),
    );
    let from_column = filter.map("from_column").and_then(|section| read_from_column(&section));
    let from_value = filter.map("from_value").and_then(|section| read_time_value(&section));
    match (has_column, has_value) {
        (true, true) => {
            filter.error("from_value", "setting both from_column and from_value is invalid");
            return None;
        }
        (false, false) => {
            filter.error_here("setting from_column or from_value is required");
            return None;
        }
        _ => {}
    }
    let (to_column, to_unit) = to_column?;
    Some(AddTimeRule {
        to_column,
        to_unit,
        source: from_column.or(from_value)?,
    })
}

fn read_to_column(filter: &Reader<'_>) -> Option<(String, Option<UnixUnit>)> {
    if filter.value("to_column").is_none() {
        filter.error("to_column", "`to_column` is required");
    }
    let section = filter.map("to_column")?;
    let name = section.required_name("name").map(str::to_owned);
    let words = [("timestamp", false), ("long", true)];
    let complain = |value: &str, list: &str| format!("unknown type '{value}'. Supported types are [{list}]");
    let is_long = section.choice("type", &words, complain).unwrap_or(false);
    let unit = read_unit(&section);
    section.finish();
    Some((name?, is_long.then_some(unit)))
}

/// Formats, zone and date of texts; the column's own keys win over those called default.
fn read_text_options(section: &Reader<'_>) -> TimestampOptions {
    let default = TimestampOptions::default();
    let (timezone, default_timezone) = (section.name("timezone"), section.name("default_timezone"));
    let (date, default_date) = (section.name("date"), section.name("default_date"));
    TimestampOptions {
        formats: read_formats(section, "timestamp_format").unwrap_or_else(|| vec![DEFAULT_FORMAT.to_owned()]),
        timezone: timezone.or(default_timezone).map_or(default.timezone, str::to_owned),
        date: date.or(default_date).map_or(default.date, str::to_owned),
    }
}

fn read_from_column(section: &Reader<'_>) -> Option<AddTimeSource> {
    let name = section.required_name("name").map(str::to_owned);
    let unit = read_unit(section);
    let timestamp = read_text_options(section);
    check_timestamp(section, "timestamp_format", &timestamp);
    let json_key = section.name("json_key").map(str::to_owned);
    section.finish();
    Some(AddTimeSource::FromColumn {
        name: name?,
        unit,
        timestamp,
        json_key,
    })
}

/// Reads a constant or counted time.
pub(crate) fn read_time_value(section: &Reader<'_>) -> Option<AddTimeSource> {
    let complain = |value: &str, list: &str| format!("unknown mode '{value}'. Supported modes are [{list}]");
    let mode = match section.is_set("mode") {
        true => section.choice("mode", &MODES, complain),
        false => Some(Mode::Fixed),
    };
    let unit = read_unit(section);
    let timestamp = read_text_options(section);
    check_timestamp(section, "timestamp_format", &timestamp);
    let forbidden: &[&'static str] = match mode {
        Some(Mode::Fixed | Mode::Upload) => &["from", "to"],
        Some(Mode::Incremental) => &["value"],
        None => &[],
    };
    for key in forbidden.iter().filter(|key| section.is_set(key)) {
        section.error(key, format!("invalid option is set: '{key}'"));
    }
    let required: &[&'static str] = match mode {
        Some(Mode::Fixed) => &["value"],
        Some(Mode::Incremental) => &["from", "to"],
        _ => &[],
    };
    let missing: Vec<String> = required
        .iter()
        .filter(|key| !section.is_set(key))
        .map(|key| format!("'{key}'"))
        .collect();
    if !missing.is_empty() {
        section.error_here(format!("required option is not set: {}", missing.join(", ")));
    }
    let read = |key| {
        section
            .value(key)
            .and_then(|node| read_time(section, key, node, unit, &timestamp))
    };
    let source = match mode {
        Some(Mode::Fixed) => read("value").map(AddTimeSource::FixedTime),
        Some(Mode::Incremental) => read_span(section, read("from"), read("to")),
        Some(Mode::Upload) => {
            if section.is_set("value") {
                section.warn("value", "`value` means nothing in the mode upload_time");
            }
            Some(AddTimeSource::UploadTime)
        }
        None => None,
    };
    section.finish();
    source
}

fn read_span(section: &Reader<'_>, from: Option<i64>, to: Option<i64>) -> Option<AddTimeSource> {
    let (from, to) = (from?.div_euclid(1_000_000), to?.div_euclid(1_000_000));
    if to < from {
        section.error("to", "`to` must not be before `from`");
        return None;
    }
    Some(AddTimeSource::IncrementalTime { from, to })
}

/// A number in `unit`, or text, as microseconds since the epoch.
fn read_time(
    section: &Reader<'_>,
    key: &'static str,
    node: &Node,
    unit: UnixUnit,
    timestamp: &TimestampOptions,
) -> Option<i64> {
    let micros = match (&node.value, node.text()) {
        (Value::Int(number, _), _) => to_micros(*number, unit),
        (_, Some(text)) => match text.parse::<i64>() {
            Ok(number) => to_micros(number, unit),
            // A format that does not compile is reported where it stands.
            Err(_) => TimestampParser::new(timestamp).ok()?.parse(text.as_bytes()),
        },
        _ => None,
    };
    if micros.is_none() {
        let text = node.text().unwrap_or(node.kind());
        let format = timestamp.formats.join("`, `");
        section
            .error(key, format!("`{text}` cannot be read as a time"))
            .hint(format!(
                "write a number of the `unix_timestamp_unit`, or text in the format `{format}`"
            ));
    }
    micros
}

fn to_micros(number: i64, unit: UnixUnit) -> Option<i64> {
    match unit {
        UnixUnit::Sec => number.checked_mul(1_000_000),
        UnixUnit::Milli => number.checked_mul(1_000),
        UnixUnit::Micro => Some(number),
        UnixUnit::Nano => Some(number.div_euclid(1_000)),
    }
}

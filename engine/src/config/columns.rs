//! Reads what parsers and filters say about columns: names, types and formats of timestamps.

use super::reader::Reader;
use crate::parse::columns::{ColumnOptions, ColumnType, TimestampOptions};
use crate::parse::timestamp::TimestampParser;

/// Reads the key `type` of a column.
pub(crate) fn read_type(entry: &Reader<'_>, key: &'static str) -> Option<ColumnType> {
    let words = ColumnType::ALL.map(|column_type| (column_type.name(), column_type));
    entry.choice(key, &words, |value, list| {
        format!("unknown type '{value}'. Supported types are [{list}]")
    })
}

/// Reads the key `type` of a column where it must be there.
pub(crate) fn read_required_type(entry: &Reader<'_>) -> Option<ColumnType> {
    if entry.value("type").is_none() {
        entry.error("type", "`type` is required");
        return None;
    }
    read_type(entry, "type")
}

/// Formats, which are texts that are not empty; reported if there are none.
pub(crate) fn read_formats(entry: &Reader<'_>, key: &'static str) -> Option<Vec<String>> {
    let formats = entry.texts(key)?;
    if formats.is_empty() || formats.iter().any(String::is_empty) {
        entry.error(key, "a timestamp format must not be empty");
        return None;
    }
    Some(formats)
}

/// What holds for columns that do not say it themselves; `has_date` tells whether the section knows `default_date`.
pub(crate) fn read_timestamp_defaults(section: &Reader<'_>, has_date: bool) -> TimestampOptions {
    let default = TimestampOptions::default();
    let date = if has_date { section.name("default_date") } else { None };
    TimestampOptions {
        formats: read_formats(section, "default_timestamp_format").unwrap_or(default.formats),
        timezone: section.name("default_timezone").map_or(default.timezone, str::to_owned),
        date: date.map_or(default.date, str::to_owned),
    }
}

/// How a column's timestamps are read; `has_date` tells whether the entry knows `date`.
pub(crate) fn read_timestamp(entry: &Reader<'_>, defaults: &TimestampOptions, has_date: bool) -> TimestampOptions {
    let date = if has_date { entry.name("date") } else { None };
    TimestampOptions {
        formats: read_formats(entry, "format").unwrap_or_else(|| defaults.formats.clone()),
        timezone: entry
            .name("timezone")
            .map_or_else(|| defaults.timezone.clone(), str::to_owned),
        date: date.map_or_else(|| defaults.date.clone(), str::to_owned),
    }
}

/// Compiles formats to see whether they can be; reported at `key`.
pub(crate) fn check_timestamp(entry: &Reader<'_>, key: &'static str, options: &TimestampOptions) {
    if let Err(error) = TimestampParser::new(options) {
        entry.error(key, error.to_string());
    }
}

/// Complains of the format of a timestamp column: where it is written, or else where the type asks for the usual one.
pub(crate) fn check_column_format(entry: &Reader<'_>, column_type: Option<ColumnType>, options: &TimestampOptions) {
    if column_type == Some(ColumnType::Timestamp) {
        let key = match entry.value("format") {
            Some(_) => "format",
            None => "type",
        };
        check_timestamp(entry, key, options);
    }
}

/// Reads the columns of a parser.
pub(crate) fn read_columns(
    parser: &Reader<'_>,
    key: &'static str,
    defaults: &TimestampOptions,
) -> Option<Vec<ColumnOptions>> {
    let is_json = matches!(parser.kind(), "json" | "jsonl");
    let mut columns = Vec::new();
    for entry in parser.maps(key)? {
        let name = entry.required_name("name").map(str::to_owned);
        let column_type = read_required_type(&entry);
        let timestamp = read_timestamp(&entry, defaults, true);
        let element_at = match is_json {
            true => read_pointer(&entry, "element_at"),
            false => None,
        };
        let members = match is_json {
            true => read_members(&entry, column_type),
            false => Vec::new(),
        };
        if parser.kind() == "jsonl" && entry.bool("typecast") == Some(false) {
            entry.warn("typecast", "values are always converted to the type of their column");
        }
        check_column_format(&entry, column_type, &timestamp);
        entry.finish();
        if let (Some(name), Some(column_type)) = (name, column_type) {
            columns.push(ColumnOptions {
                name,
                column_type,
                timestamp,
                element_at,
                members,
            });
        }
    }
    Some(columns)
}

/// Reads the members that a column of type json keeps.
fn read_members(entry: &Reader<'_>, column_type: Option<ColumnType>) -> Vec<String> {
    let Some(members) = entry.texts("members") else {
        return Vec::new();
    };
    if column_type.is_some_and(|column_type| column_type != ColumnType::Json) {
        entry
            .error("members", "only a column of type `json` has members")
            .hint("write `type: json`, or take one member with `element_at`");
    }
    if members.is_empty() {
        entry
            .error("members", "names no member")
            .hint("leave it out to keep all of them");
    }
    members
}

/// Reads a JSON Pointer; an empty one is the whole value.
///
/// **Source**: RFC 6901, section 3.
pub(crate) fn read_pointer(entry: &Reader<'_>, key: &'static str) -> Option<String> {
    let pointer = entry.text(key)?;
    if !pointer.is_empty() && !pointer.starts_with('/') {
        entry
            .error(key, format!("`{pointer}` is not a JSON Pointer"))
            .hint(format!(
                "write `/{}`",
                pointer.trim_start_matches("$.").replace('.', "/")
            ));
        return None;
    }
    Some(pointer.to_owned())
}

//! Reads the `out` section; section 8 of the configuration reference.

use super::columns::read_type;
use super::plan::{
    BooleanStorage, ColumnStorage, Compression, OutputLayout, OutputMode, OutputPlan, PartitionBy, StorageOptions,
    TimestampStorage,
};
use super::reader::Reader;
use super::times::{read_time_value, read_unit};
use crate::filter::rules::UnixUnit;

/// Format of timestamps written as text; section 8.3.
const DEFAULT_TEXT_FORMAT: &str = "%Y-%m-%d %H:%M:%S.%6N";

/// What `zstd` means without a level: the one its makers chose.
const DEFAULT_ZSTD_LEVEL: i32 = 3;

/// The names of the original's own output.
const ORIGINAL_TYPES: [&str; 2] = ["td", "td_internal"];

impl Default for OutputPlan {
    /// What an empty `out` means.
    fn default() -> Self {
        OutputPlan {
            layout: OutputLayout::default(),
            mode: OutputMode::default(),
            time_column: None,
            is_first_time_column_taken: false,
            time_value: None,
            unix_timestamp_unit: UnixUnit::default(),
            partition_by: PartitionBy::default(),
            timezone: "UTC".to_owned(),
            stop_on_invalid_record: false,
            auto_create_table: false,
            compression: Compression::default(),
            is_sorted_by_time: false,
            is_existing_time_preferred: false,
            storage: StorageOptions::default(),
        }
    }
}

/// Reads where rows go.
pub(crate) fn read_output(root: &Reader<'_>) -> OutputPlan {
    let Some(out) = root.map("out") else {
        return OutputPlan::default();
    };
    let modes = [
        ("append", OutputMode::Append),
        ("replace", OutputMode::Replace),
        ("replace_on_new_data", OutputMode::ReplaceOnNewData),
    ];
    let mode = out.choice("mode", &modes, |value, list| {
        format!("unknown mode '{value}'. Supported modes are [{list}]")
    });
    let widths = [
        ("hour", PartitionBy::Hour),
        ("day", PartitionBy::Day),
        ("month", PartitionBy::Month),
        ("year", PartitionBy::Year),
        ("none", PartitionBy::None),
    ];
    let partition_by = out.choice("partition_by", &widths, |value, list| {
        format!("unknown partition_by '{value}'. Supported values are [{list}]")
    });
    let fallbacks = [("upload_time", false), ("first", true)];
    let is_first = out.choice("time_column_fallback", &fallbacks, |value, list| {
        format!("unknown time_column_fallback '{value}'. Supported values are [{list}]")
    });
    let time_column = out.name("time_column").map(str::to_owned);
    if time_column.is_some() && out.value("time_value").is_some() {
        out.error("time_value", "setting both time_column and time_value is invalid");
    }
    let plan = OutputPlan {
        layout: read_layout(&out),
        mode: mode.unwrap_or_default(),
        time_column,
        is_first_time_column_taken: is_first.unwrap_or(false),
        time_value: out.map("time_value").and_then(|section| read_time_value(&section)),
        unix_timestamp_unit: read_unit(&out),
        partition_by: partition_by.unwrap_or_default(),
        timezone: read_timezone(&out, "timezone").unwrap_or_else(|| "UTC".to_owned()),
        stop_on_invalid_record: out.bool("stop_on_invalid_record").unwrap_or(false),
        auto_create_table: out.bool("auto_create_table").unwrap_or(false),
        compression: read_compression(&out),
        is_sorted_by_time: out.bool("sort_by_time").unwrap_or(false),
        is_existing_time_preferred: out.bool("ignore_alternative_time_if_time_exists").unwrap_or(false),
        storage: read_storage(&out),
    };
    out.finish();
    plan
}

fn read_layout(out: &Reader<'_>) -> OutputLayout {
    if let Some(text) = out.text("type")
        && ORIGINAL_TYPES.contains(&text)
    {
        out.warn(
            "type",
            format!("`{text}` is the original's own output, the rows go to a Delta table"),
        )
        .hint("write `type: delta`, or leave it out");
        return OutputLayout::Delta;
    }
    let layouts = [("delta", OutputLayout::Delta), ("parquet", OutputLayout::Parquet)];
    let complain = |value: &str, list: &str| format!("unknown output type '{value}'. Supported types are [{list}]");
    out.choice("type", &layouts, complain).unwrap_or_default()
}

/// Reads an IANA zone name.
fn read_timezone(section: &Reader<'_>, key: &'static str) -> Option<String> {
    let name = section.name(key)?;
    match jiff::tz::TimeZone::get(name) {
        Ok(_) => Some(name.to_owned()),
        Err(_) => {
            section
                .error(key, format!("unknown time zone '{name}'"))
                .hint("write a name of the IANA database, such as `Asia/Tokyo` or `UTC`");
            None
        }
    }
}

fn read_compression(out: &Reader<'_>) -> Compression {
    let Some(text) = out.name("compression") else {
        return Compression::default();
    };
    let compression = parse_compression(text);
    if compression.is_none() {
        let message = format!("unknown compression '{text}'. Supported are [none, snappy, lz4, zstd, zstd(LEVEL)]");
        out.error("compression", message)
            .hint("the level of zstd is from 1 to 22");
    }
    compression.unwrap_or_default()
}

fn parse_compression(text: &str) -> Option<Compression> {
    let lower = text.to_ascii_lowercase();
    match lower.as_str() {
        "none" | "uncompressed" => return Some(Compression::None),
        "snappy" => return Some(Compression::Snappy),
        "lz4" => return Some(Compression::Lz4),
        "zstd" => {
            return Some(Compression::Zstd {
                level: DEFAULT_ZSTD_LEVEL,
            });
        }
        _ => {}
    }
    let level = lower.strip_prefix("zstd(")?.strip_suffix(')')?;
    let level: i32 = level.trim().parse().ok()?;
    (1..=22).contains(&level).then_some(Compression::Zstd { level })
}

fn read_storage(out: &Reader<'_>) -> StorageOptions {
    let timestamps = [
        ("native", TimestampStorage::Native),
        ("string", TimestampStorage::String),
        ("sec", TimestampStorage::Sec),
    ];
    let booleans = [
        ("native", BooleanStorage::Native),
        ("long", BooleanStorage::Long),
        ("string", BooleanStorage::String),
    ];
    let complain = |value: &str, list: &str| format!("unknown conversion '{value}'. Supported are [{list}]");
    let mut columns = Vec::new();
    for (name, options) in out.named_maps("column_options") {
        let column_type = read_type(&options, "type");
        let value_type = read_type(&options, "value_type");
        columns.push(ColumnStorage {
            name: name.to_owned(),
            column_type: column_type.or(value_type),
            timezone: read_timezone(&options, "timezone"),
            format: options.name("format").unwrap_or(DEFAULT_TEXT_FORMAT).to_owned(),
        });
        options.finish();
    }
    StorageOptions {
        timezone: read_timezone(out, "default_timezone").unwrap_or_else(|| "UTC".to_owned()),
        timestamps: out
            .choice("default_timestamp_type_convert_to", &timestamps, complain)
            .unwrap_or_default(),
        booleans: out
            .choice("default_boolean_type_convert_to", &booleans, complain)
            .unwrap_or_default(),
        columns,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<Compression>) {
        assert_eq!(parse_compression(text), expected, "{text}");
    }

    #[test]
    fn compressions_may_have_a_level() {
        check("snappy", Some(Compression::Snappy));
        check("NONE", Some(Compression::None));
        check("lz4", Some(Compression::Lz4));
        check("zstd", Some(Compression::Zstd { level: 3 }));
        check("zstd(19)", Some(Compression::Zstd { level: 19 }));
        for text in ["gzip", "zstd(0)", "zstd(23)", "zstd()", "zstd(x", ""] {
            check(text, None);
        }
    }
}

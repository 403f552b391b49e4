//! Reads the `in` section but for its parser; section 1 of the configuration reference.

use super::credentials::read_credentials;
use super::decoders::read_decoders;
use super::document::{Node, Value};
use super::plan::{
    InputPlan, Location, MetadataColumn, MetadataKind, OnChangedFile, OnError, OnFileError, ProxyOptions, RetryOptions,
    S3Options,
};
use super::reader::{Reader, nearest};
use crate::source::select::SelectOptions;
use jiff::civil::DateTime;
use std::time::Duration;

/// Bytes of a task when nothing is said: the value the original's console sets, which its makers advise for many files.
pub(crate) const DEFAULT_MIN_TASK_SIZE_BYTES: u64 = 268_435_456;

/// What a limit on the number of files is when it is no limit.
const NO_FILE_COUNT_LIMIT: i64 = i32::MAX as i64;

const METADATA: [(&str, MetadataKind); 6] = [
    ("_file_path", MetadataKind::FilePath),
    ("_file_name", MetadataKind::FileName),
    ("_file_size", MetadataKind::FileSize),
    ("_file_modified", MetadataKind::FileModified),
    ("_file_etag", MetadataKind::FileEtag),
    ("_row_number", MetadataKind::RowNumber),
];

/// Reads everything of `in` but the parser, which is left `None`, and without looking for unknown keys.
///
/// The plan is whole even if problems were reported: it must not be used then.
pub(crate) fn read_input(input: &mut Reader<'_>) -> InputPlan {
    let complain = |value: &str, list: &str| format!("unknown input type '{value}'. Supported types are [{list}]");
    let kind = match input.is_set("type") {
        true => input.choice("type", &[("s3", "s3"), ("file", "file")], complain),
        false => Some("s3"),
    };
    input.set_kind(kind.unwrap_or(""));
    let location = match kind {
        Some("s3") => Location::S3(Box::new(read_s3(input))),
        _ => Location::Local,
    };
    if input.value("__end_modified_time").is_some() {
        input.error("__end_modified_time", "'__end_modified_time' must not be set");
    }
    let on_file_error = [("fail", OnFileError::Fail), ("skip", OnFileError::Skip)];
    let complain = |value: &str, list: &str| format!("unknown on_file_error '{value}'. Supported values are [{list}]");
    InputPlan {
        location,
        select: read_select(input, kind == Some("s3")),
        min_task_size_bytes: input.size("min_task_size").unwrap_or(DEFAULT_MIN_TASK_SIZE_BYTES),
        decode: read_decoders(input),
        parser: None,
        where_clause: input.sql("where").map(str::to_owned),
        metadata_columns: read_metadata_columns(input),
        on_error: OnError {
            is_fail: false,
            has_rejects_table: true,
            max_errors: None,
            max_error_ratio: None,
        },
        on_file_error: input
            .choice("on_file_error", &on_file_error, complain)
            .unwrap_or_default(),
        charset_errors: Default::default(),
        ledger: read_ledger(input),
    }
}

fn read_s3(input: &Reader<'_>) -> S3Options {
    let text = |key| input.text(key).filter(|text| !text.is_empty()).map(str::to_owned);
    let bucket = input.required_name("bucket").unwrap_or_default().to_owned();
    if bucket.contains('/') {
        input
            .error("bucket", format!("`{bucket}` is not the name of a bucket"))
            .hint("write the name alone, the path goes to `path_prefix` and the address to `endpoint`");
    }
    let endpoint = text("endpoint");
    let region = text("region");
    if endpoint
        .as_deref()
        .is_some_and(|endpoint| endpoint.contains(".amazonaws.com"))
        && region.is_some()
    {
        input.warn("region", "`endpoint` wins over `region`");
    }
    S3Options {
        bucket,
        endpoint,
        region,
        virtual_hosted_style: input.bool("virtual_hosted_style"),
        credentials: read_credentials(input),
        proxy: input.map("http_proxy").map(|proxy| read_proxy(&proxy)),
        retry: read_retry(input),
    }
}

fn read_proxy(proxy: &Reader<'_>) -> ProxyOptions {
    let options = ProxyOptions {
        host: proxy.required_name("host").unwrap_or_default().to_owned(),
        port: proxy
            .integer_within("port", 1, i64::from(u16::MAX))
            .and_then(|port| u16::try_from(port).ok()),
        is_https: proxy.bool("https").unwrap_or(true),
        user: proxy.text("user").filter(|user| !user.is_empty()).map(str::to_owned),
        password: proxy.secret("password"),
    };
    proxy.finish();
    options
}

fn read_retry(input: &Reader<'_>) -> RetryOptions {
    let default = RetryOptions::default();
    let millisecond = Duration::from_millis(1);
    let maximum_retries = input.integer_within("maximum_retries", 0, i64::from(u32::MAX));
    let initial = input.duration("initial_retry_interval_millis", millisecond);
    let maximum = input.duration("maximum_retry_interval_millis", millisecond);
    RetryOptions {
        maximum_retries: maximum_retries
            .and_then(|retries| u32::try_from(retries).ok())
            .unwrap_or(default.maximum_retries),
        initial_interval: initial.unwrap_or(default.initial_interval),
        maximum_interval: maximum.unwrap_or(default.maximum_interval),
    }
}

fn read_select(input: &Reader<'_>, is_s3: bool) -> SelectOptions {
    let text = |key| input.text(key).filter(|text| !text.is_empty()).map(str::to_owned);
    let path = text("path");
    // Present but not text is reported by `text`, and must not be reported as missing too.
    let has_prefix = input.value("path_prefix").is_some();
    let path_prefix = input.text("path_prefix").unwrap_or_default().to_owned();
    if path.is_none() && !has_prefix && input.value("path").is_none_or(|node| node.text() == Some("")) {
        input.error("path_prefix", "either path or path_prefix is required");
    }
    if is_s3 && path.is_none() && path_prefix == "/" {
        input
            .warn("path_prefix", "`/` selects keys that begin with a slash")
            .hint("write `''` for the whole bucket");
    }
    // A ledger takes the place of a cursor.
    let incremental = !is_ledger(input) && input.bool("incremental").unwrap_or(true);
    let use_modified_time = input.bool("use_modified_time").unwrap_or(false);
    let limit = input
        .integer("total_file_count_limit")
        .filter(|limit| *limit < NO_FILE_COUNT_LIMIT);
    if limit.is_some() && use_modified_time && incremental {
        input
            .error(
                "total_file_count_limit",
                "`total_file_count_limit` would lose files when `use_modified_time` and `incremental` are on",
            )
            .hint("files beyond the limit would be older than the saved time: remove the limit, or set `incremental: ledger`");
    }
    SelectOptions {
        path,
        path_prefix,
        path_match_pattern: input
            .pattern("path_match_pattern")
            .filter(|pattern| pattern.as_str() != ".*"),
        last_path: text("last_path"),
        use_modified_time,
        last_modified_micros: read_last_modified_time(input),
        skip_glacier_objects: is_s3 && input.bool("skip_glacier_objects").unwrap_or(false),
        total_file_count_limit: limit.map(|limit| u64::try_from(limit).unwrap_or(0)),
        stop_when_file_not_found: input.bool("stop_when_file_not_found").unwrap_or(false),
        incremental,
    }
}

fn is_ledger(input: &Reader<'_>) -> bool {
    let text = input.value("incremental").and_then(Node::text);
    text.is_some_and(|text| text.eq_ignore_ascii_case("ledger"))
}

/// What a ledger does with a rewritten file; `None`: there is no ledger to be asked.
fn read_ledger(input: &Reader<'_>) -> Option<OnChangedFile> {
    let words = [
        ("ignore", OnChangedFile::Ignore),
        ("load", OnChangedFile::Load),
        ("replace", OnChangedFile::Replace),
    ];
    let complain =
        |value: &str, list: &str| format!("unknown on_changed_file '{value}'. Supported values are [{list}]");
    let on_changed_file = input.choice("on_changed_file", &words, complain);
    if !is_ledger(input) {
        if on_changed_file.is_some() {
            input
                .warn("on_changed_file", "has no effect without `incremental: ledger`")
                .hint("set `in.incremental: ledger`");
        }
        return None;
    }
    if input.bool("use_modified_time") == Some(true) {
        input
            .error("use_modified_time", "a ledger knows every file, it does not go by time")
            .hint("remove `use_modified_time`, or set `incremental: true`");
    }
    Some(on_changed_file.unwrap_or_default())
}

fn read_last_modified_time(input: &Reader<'_>) -> Option<i64> {
    let text = input.text("last_modified_time").filter(|text| !text.is_empty())?;
    let micros = parse_modified_time(text);
    if micros.is_none() {
        let message =
            format!("unsupported DateTime value: '{text}', supported formats: [yyyy-MM-dd'T'HH:mm:ss.SSS'Z']");
        input
            .error("last_modified_time", message)
            .hint("write it as `2026-11-22T00:00:00.000Z`");
    }
    micros
}

/// Reads `yyyy-MM-dd'T'HH:mm:ss.SSS'Z'`, fewer digits and up to nine of the fraction allowed.
fn parse_modified_time(text: &str) -> Option<i64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let (time, fraction) = time.split_once('.')?;
    let mut date = date.split('-').map(parse_digits);
    let mut time = time.split(':').map(parse_digits);
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let (hour, minute, second) = (time.next()??, time.next()??, time.next()??);
    if date.next().is_some() || time.next().is_some() || fraction.len() > 9 {
        return None;
    }
    parse_digits(fraction)?;
    let nanosecond = format!("{fraction:0<9}").parse::<i32>().ok()?;
    let small = |number: i32| i8::try_from(number).ok();
    let year = i16::try_from(year).ok()?;
    let civil = DateTime::new(
        year,
        small(month)?,
        small(day)?,
        small(hour)?,
        small(minute)?,
        small(second)?,
        nanosecond,
    )
    .ok()?;
    Some(
        civil
            .to_zoned(jiff::tz::TimeZone::UTC)
            .ok()?
            .timestamp()
            .as_microsecond(),
    )
}

fn parse_digits(text: &str) -> Option<i32> {
    let is_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_digits.then(|| text.parse().ok()).flatten()
}

fn read_metadata_columns(input: &Reader<'_>) -> Vec<MetadataColumn> {
    let mut columns = Vec::new();
    if let Some(node) = input.value("metadata_columns") {
        let items = match &node.value {
            Value::List(items) => items.as_slice(),
            _ => std::slice::from_ref(node),
        };
        for item in items {
            read_metadata_entry(input, item, &mut columns);
        }
    }
    let modes = [("name", MetadataKind::FileName), ("key", MetadataKind::FilePath)];
    let complain = |value: &str, list: &str| format!("unknown filename_mode '{value}'. Supported modes are [{list}]");
    let kind = input
        .choice("filename_mode", &modes, complain)
        .unwrap_or(MetadataKind::FileName);
    if let Some(name) = input.name("filename_column") {
        columns.push(MetadataColumn {
            kind,
            name: name.to_owned(),
        });
    }
    columns
}

/// A name, or a map from names to names in the table.
fn read_metadata_entry(input: &Reader<'_>, item: &Node, columns: &mut Vec<MetadataColumn>) {
    let path = input.path_of("metadata_columns");
    let report = |node: &Node, message: String| input.report().error(&path, node.line, node.column, message);
    let kind_of = |text: &str, node: &Node| {
        let found = METADATA.iter().find(|(name, _)| *name == text).map(|(_, kind)| *kind);
        if found.is_none() {
            let names = METADATA.map(|(name, _)| name);
            let reported = report(
                node,
                format!(
                    "unknown metadata column '{text}'. Supported columns are [{}]",
                    names.join(", ")
                ),
            );
            if let Some(nearest) = nearest(text, names.into_iter()) {
                reported.hint(format!("did you mean `{nearest}`?"));
            }
        }
        found
    };
    match &item.value {
        Value::Map(entries) => {
            for (key, node) in entries {
                let Some(kind) = kind_of(&key.name, node) else { continue };
                match node.text() {
                    Some(name) if !name.is_empty() => columns.push(MetadataColumn {
                        kind,
                        name: name.to_owned(),
                    }),
                    None if node.is_null() => columns.push(MetadataColumn {
                        kind,
                        name: key.name.clone(),
                    }),
                    _ => drop(report(node, format!("the name of `{}` must be text", key.name))),
                }
            }
        }
        _ => match item.text() {
            Some(text) => {
                if let Some(kind) = kind_of(text, item) {
                    columns.push(MetadataColumn {
                        kind,
                        name: text.to_owned(),
                    });
                }
            }
            None => drop(report(
                item,
                format!("{} cannot be read as a metadata column", item.kind()),
            )),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        let expected = expected.map(|text| text.parse::<jiff::Timestamp>().unwrap().as_microsecond());
        assert_eq!(parse_modified_time(text), expected, "{text}");
    }

    #[test]
    fn modified_times_are_read_in_the_one_format() {
        check("2026-11-22T01:02:03.004Z", Some("2026-11-22T01:02:03.004Z"));
        check("2026-1-2T1:2:3.4Z", Some("2026-01-02T01:02:03.4Z"));
        check("2026-11-22T01:02:03.000001Z", Some("2026-11-22T01:02:03.000001Z"));
    }

    #[test]
    fn other_formats_are_refused() {
        for text in [
            "2026-11-22",
            "2026-11-22T01:02:03Z",
            "2026-11-22 01:02:03.004",
            "2026-11-22T01:02:03.004+00:00",
            "2026-13-22T01:02:03.004Z",
            "2026-11-22T01:02:03.Z",
            "-1-1T",
            "",
        ] {
            check(text, None);
        }
    }
}

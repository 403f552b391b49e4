//! Reads the `filters` list; section 7 of the configuration reference.
//!
//! What can be said without knowing the input's columns is checked here; the rest is for whoever compiles the rules.
//!
//! Reading order: here which filters there are, and the short ones; `columns`, `digest`, `sql`. Three are files beside this folder:
//! `rename`, `times` and `conditions`.

mod columns;
mod digest;
mod sql;

use self::columns::{read_column, read_remove_columns};
use self::digest::read_digest;
use self::sql::read_sql;
use super::columns::{check_column_format, read_required_type, read_timestamp, read_timestamp_defaults};
use super::conditions::read_row;
use super::document::Value;
use super::reader::Reader;
use super::rename::read_rename;
use super::times::read_add_time;
use crate::filter::rules::{
    CastRule, ColumnEntry, DedupOrder, DedupRule, ExpandJsonRule, ExpandedColumn, Filter, FilterRule, Keep,
};
use crate::parse::columns::{ColumnType, TimestampOptions};
use std::collections::HashSet;

const TYPES: [&str; 15] = [
    "column",
    "retain_columns",
    "add_columns",
    "drop_columns",
    "remove_columns",
    "expand_json",
    "hash",
    "digest",
    "add_time",
    "rename",
    "cast",
    "typecast",
    "row",
    "dedup",
    "sql",
];

/// Reads every filter of a job; one with a problem is left out.
pub(crate) fn read_filters(root: &Reader<'_>) -> Vec<Filter> {
    let filters = root.maps("filters").unwrap_or_default();
    filters
        .into_iter()
        .filter_map(|mut filter| read_filter(&mut filter))
        .collect()
}

fn read_filter(filter: &mut Reader<'_>) -> Option<Filter> {
    if filter.value("type").is_none() {
        filter.error("type", "`type` is required");
        return None;
    }
    let words = TYPES.map(|kind| (kind, kind));
    let complain = |value: &str, list: &str| format!("unknown filter type '{value}'. Supported types are [{list}]");
    let kind = filter.choice("type", &words, complain)?;
    filter.set_kind(kind);
    let rule = match kind {
        "column" | "retain_columns" | "add_columns" | "drop_columns" => read_column(filter).map(FilterRule::Column),
        "remove_columns" => read_remove_columns(filter).map(FilterRule::RemoveColumns),
        "expand_json" => read_expand_json(filter).map(FilterRule::ExpandJson),
        "hash" | "digest" => read_digest(filter).map(FilterRule::Digest),
        "add_time" => read_add_time(filter).map(FilterRule::AddTime),
        "rename" => Some(FilterRule::Rename(read_rename(filter))),
        "cast" | "typecast" => read_cast(filter).map(FilterRule::Cast),
        "row" => read_row(filter),
        "dedup" => read_dedup(filter).map(FilterRule::Dedup),
        _ => read_sql(filter).map(FilterRule::Sql),
    };
    filter.finish();
    Some(Filter { kind, rule: rule? })
}

fn read_expand_json(filter: &Reader<'_>) -> Option<ExpandJsonRule> {
    let json_column_name = filter.required_name("json_column_name").map(str::to_owned);
    let root = filter.text("root").unwrap_or("$.").to_owned();
    let defaults = read_timestamp_defaults(filter, true);
    if filter.value("time_zone").is_some() {
        filter
            .error("time_zone", "'time_zone' option will be deprecated")
            .hint("use `default_timezone`");
    }
    let cache = [("LRU", ()), ("NOOP", ())];
    filter.choice("cache_provider", &cache, |value, list| {
        format!("unknown cache_provider '{value}'. Supported providers are [{list}]")
    });
    let mut expanded_columns = Vec::new();
    let mut names = HashSet::new();
    if filter.value("expanded_columns").is_none() {
        filter.error("expanded_columns", "`expanded_columns` is required");
    }
    for entry in filter.maps("expanded_columns").unwrap_or_default() {
        let name = entry.required_name("name");
        let column_type = read_required_type(&entry);
        let timestamp = read_timestamp(&entry, &defaults, true);
        check_column_format(&entry, column_type, &timestamp);
        entry.finish();
        let Some(name) = name else { continue };
        if !names.insert(name) {
            entry.error(
                "name",
                format!("Column config for '{name}' is duplicated at 'expanded_columns' option"),
            );
        }
        if let Some(column_type) = column_type {
            expanded_columns.push(ExpandedColumn {
                name: name.to_owned(),
                column_type,
                timestamp,
            });
        }
    }
    let keep_expanding_json_column = filter.bool("keep_expanding_json_column").unwrap_or(false);
    let stop_on_invalid_record = filter.bool("stop_on_invalid_record").unwrap_or(false);
    Some(ExpandJsonRule {
        json_column_name: json_column_name?,
        root,
        expanded_columns,
        keep_expanding_json_column,
        stop_on_invalid_record,
    })
}

fn read_cast(filter: &Reader<'_>) -> Option<CastRule> {
    let defaults = read_timestamp_defaults(filter, true);
    let node = filter.value("columns");
    let Some(node) = node else {
        filter.error("columns", "`columns` is required");
        return None;
    };
    let mut columns = Vec::new();
    if matches!(node.value, Value::Map(_)) {
        for (name, column_type) in read_types(filter, "columns") {
            columns.push(cast_entry(name, column_type, defaults.clone()));
        }
        return Some(CastRule { columns });
    }
    for entry in filter.maps("columns")? {
        let name = entry.required_name("name");
        let column_type = read_required_type(&entry);
        let timestamp = read_timestamp(&entry, &defaults, true);
        check_column_format(&entry, column_type, &timestamp);
        entry.finish();
        if let (Some(name), Some(column_type)) = (name, column_type) {
            columns.push(cast_entry(name.to_owned(), column_type, timestamp));
        }
    }
    Some(CastRule { columns })
}

fn cast_entry(name: String, column_type: ColumnType, timestamp: TimestampOptions) -> ColumnEntry {
    ColumnEntry {
        name,
        source: None,
        column_type: Some(column_type),
        default: None,
        timestamp,
    }
}

fn read_dedup(filter: &Reader<'_>) -> Option<DedupRule> {
    let columns = filter.texts("columns");
    if columns.as_ref().is_none_or(Vec::is_empty) {
        filter.error("columns", "the columns of the key are required, as `columns`");
    }
    let words = [("first", Keep::First), ("last", Keep::Last)];
    let keep = filter.choice("keep", &words, |value, list| {
        format!("unknown keep '{value}'. Supported are [{list}]")
    });
    let by = filter.name("by").map(str::to_owned);
    if filter.value("keep").is_some() && filter.value("by").is_none() {
        filter
            .error(
                "keep",
                "rows come in no promised order, so that there is no first and no last of them",
            )
            .hint("name the column that orders them with `by`");
    }
    Some(DedupRule {
        columns: columns?,
        order: by.map(|by| DedupOrder {
            by,
            keep: keep.unwrap_or(Keep::First),
        }),
    })
}

/// A map from column names to types.
fn read_types(section: &Reader<'_>, key: &'static str) -> Vec<(String, ColumnType)> {
    let mut columns = Vec::new();
    for (name, type_name) in section.named_texts(key) {
        match ColumnType::from_name(&type_name) {
            Some(column_type) => columns.push((name, column_type)),
            None => {
                let types = ColumnType::ALL.map(ColumnType::name).join(", ");
                section.error(
                    key,
                    format!("unknown type '{type_name}' of `{name}`. Supported types are [{types}]"),
                );
            }
        }
    }
    columns
}

//! The filters that choose and add columns: `column` and its parts, `remove_columns`.

use crate::config::columns::{check_timestamp, read_timestamp, read_timestamp_defaults, read_type};
use crate::config::document::{Node, Value};
use crate::config::reader::Reader;
use crate::filter::rules::{ColumnEntry, ColumnRule, RemoveColumnsRule, RemoveOrKeep};
use crate::parse::columns::{ColumnType, TimestampOptions};
use std::collections::HashSet;

/// What an entry of a list of columns must say.
#[derive(Clone, Copy, PartialEq, Eq)]
enum EntryNeeds {
    /// A name.
    Name,
    /// A source, or type and default together.
    SourceOrConstant,
}

pub(super) fn read_column(filter: &Reader<'_>) -> Option<ColumnRule> {
    if filter.kind() == "drop_columns" {
        let (columns, drop_columns) = (read_names(filter, "columns"), read_names(filter, "drop_columns"));
        if columns.is_some() == drop_columns.is_some() {
            filter.error("columns", "the columns to drop are required, as `columns`");
        }
        return Some(ColumnRule {
            drop_columns: columns.or(drop_columns)?,
            ..ColumnRule::default()
        });
    }
    let defaults = read_timestamp_defaults(filter, false);
    if filter.kind() == "add_columns" {
        let columns = read_entries(filter, "columns", &defaults, EntryNeeds::SourceOrConstant);
        let add_columns = read_entries(filter, "add_columns", &defaults, EntryNeeds::SourceOrConstant);
        if columns.is_some() == add_columns.is_some() {
            filter.error("columns", "the columns to add are required, as `columns`");
        }
        return Some(ColumnRule {
            add_columns: columns.or(add_columns)?,
            ..ColumnRule::default()
        });
    }
    let columns = read_entries(filter, "columns", &defaults, EntryNeeds::Name);
    if filter.kind() == "retain_columns" {
        if columns.is_none() {
            filter.error("columns", "the columns to retain are required, as `columns`");
        }
        return Some(ColumnRule {
            columns: Some(columns?),
            ..ColumnRule::default()
        });
    }
    let add_columns = read_entries(filter, "add_columns", &defaults, EntryNeeds::SourceOrConstant);
    let drop_columns = read_names(filter, "drop_columns");
    if columns.is_some() && drop_columns.is_some() {
        filter.error(
            "drop_columns",
            "either of \"columns\", \"drop_columns\" can be specified",
        );
    }
    if columns.is_none() && add_columns.is_none() && drop_columns.is_none() {
        filter.error_here("one of \"columns\", \"add_columns\", \"drop_columns\" must be specified");
    }
    Some(ColumnRule {
        columns,
        add_columns: add_columns.unwrap_or_default(),
        drop_columns: drop_columns.unwrap_or_default(),
    })
}

/// Names, each as text or as a map with `name`.
fn read_names(filter: &Reader<'_>, key: &'static str) -> Option<Vec<String>> {
    let mut names = Vec::new();
    for (index, item) in filter.list(key)?.iter().enumerate() {
        let entry = filter.element(key, index, item);
        match &item.value {
            Value::Map(_) => {
                names.extend(entry.required_name("name").map(str::to_owned));
                entry.finish();
            }
            _ => names.extend(plain_name(&entry, item)),
        }
    }
    Some(names)
}

fn plain_name(entry: &Reader<'_>, item: &Node) -> Option<String> {
    let name = item.text().filter(|name| !name.is_empty());
    if name.is_none() {
        entry.error_here("a column needs a name");
    }
    name.map(str::to_owned)
}

fn read_entries(
    filter: &Reader<'_>,
    key: &'static str,
    defaults: &TimestampOptions,
    needs: EntryNeeds,
) -> Option<Vec<ColumnEntry>> {
    let items = filter.list(key)?;
    let mut entries = Vec::with_capacity(items.len());
    let mut names = HashSet::new();
    for (index, item) in items.iter().enumerate() {
        let reader = filter.element(key, index, item);
        let entry = match &item.value {
            Value::Map(_) => read_entry(&reader, key, defaults, needs),
            _ if needs == EntryNeeds::SourceOrConstant => {
                reader.error_here("a column to add needs `name` with `src`, or with `type` and `default`");
                None
            }
            _ => plain_name(&reader, item).map(|name| ColumnEntry {
                name,
                source: None,
                column_type: None,
                default: None,
                timestamp: defaults.clone(),
            }),
        };
        let Some(entry) = entry else { continue };
        if !names.insert(entry.name.clone()) {
            reader.error_here(format!("the column `{}` stands twice in `{key}`", entry.name));
        }
        entries.push(entry);
    }
    Some(entries)
}

fn read_entry(
    entry: &Reader<'_>,
    list: &'static str,
    defaults: &TimestampOptions,
    needs: EntryNeeds,
) -> Option<ColumnEntry> {
    let name = entry.required_name("name");
    let source = entry.name("src").map(str::to_owned);
    let column_type = read_type(entry, "type");
    let default = entry.value("default").map(default_text);
    let timestamp = read_timestamp(entry, defaults, false);
    entry.finish();
    let name = name?.to_owned();
    if column_type == Some(ColumnType::Timestamp) {
        if name.starts_with("$.") || name.starts_with("$[") {
            entry.error("type", "a path into a json column cannot be a timestamp");
        } else if default.is_some() {
            check_timestamp(entry, "type", &timestamp);
        }
    }
    let is_constant = entry.value("type").is_some() && default.is_some();
    if needs == EntryNeeds::SourceOrConstant && source.is_none() && !is_constant {
        let message = format!(
            "{list}: Column src '{name}' is not found in inputSchema. Column '{name}' does not have \"type\" and \"default\""
        );
        entry
            .error("name", message)
            .hint("give `src`, or both `type` and `default`");
        return None;
    }
    Some(ColumnEntry {
        name,
        source,
        column_type,
        default,
        timestamp,
    })
}

/// A default as text; lists and maps, for json columns, as JSON.
fn default_text(node: &Node) -> String {
    node.text().map_or_else(|| node.to_json().to_string(), str::to_owned)
}

pub(super) fn read_remove_columns(filter: &Reader<'_>) -> Option<RemoveColumnsRule> {
    let remove = filter.texts("remove");
    let keep = filter.texts("keep");
    let accept_unmatched_columns = filter.bool("accept_unmatched_columns").unwrap_or(false);
    let (action, names) = match (remove, keep) {
        (Some(_), Some(_)) => {
            filter.error("keep", "remove: and keep: must not be multi-select");
            return None;
        }
        (None, None) => {
            filter.error_here("must require remove: or keep:");
            return None;
        }
        (Some(names), None) => (RemoveOrKeep::Remove, names),
        (None, Some(names)) => (RemoveOrKeep::Keep, names),
    };
    Some(RemoveColumnsRule {
        action,
        names,
        accept_unmatched_columns,
    })
}

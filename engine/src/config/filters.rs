//! Reads the `filters` list; section 7 of the configuration reference.
//!
//! What can be said without knowing the input's columns is checked here; the rest is for whoever compiles the rules.

use super::columns::{
    check_column_format, check_timestamp, read_required_type, read_timestamp, read_timestamp_defaults, read_type,
};
use super::conditions::read_row;
use super::document::{Node, Value};
use super::reader::Reader;
use super::rename::read_rename;
use super::times::read_add_time;
use crate::filter::rules::{
    CastRule, ColumnEntry, ColumnRule, DedupOrder, DedupRule, DigestAlgorithm, DigestColumn, DigestRule,
    ExpandJsonRule, ExpandedColumn, Filter, FilterRule, Keep, LookupFile, LookupFormat, RemoveColumnsRule,
    RemoveOrKeep, SqlRule, SqlText,
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

const ALGORITHMS: [(&str, DigestAlgorithm); 12] = [
    ("MD5", DigestAlgorithm::Md5),
    ("SHA-1", DigestAlgorithm::Sha1),
    ("SHA-224", DigestAlgorithm::Sha224),
    ("SHA-256", DigestAlgorithm::Sha256),
    ("SHA-384", DigestAlgorithm::Sha384),
    ("SHA-512", DigestAlgorithm::Sha512),
    ("HmacMD5", DigestAlgorithm::HmacMd5),
    ("HmacSHA1", DigestAlgorithm::HmacSha1),
    ("HmacSHA224", DigestAlgorithm::HmacSha224),
    ("HmacSHA256", DigestAlgorithm::HmacSha256),
    ("HmacSHA384", DigestAlgorithm::HmacSha384),
    ("HmacSHA512", DigestAlgorithm::HmacSha512),
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

/// What an entry of a list of columns must say.
#[derive(Clone, Copy, PartialEq, Eq)]
enum EntryNeeds {
    /// A name.
    Name,
    /// A source, or type and default together.
    SourceOrConstant,
}

fn read_column(filter: &Reader<'_>) -> Option<ColumnRule> {
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

fn read_remove_columns(filter: &Reader<'_>) -> Option<RemoveColumnsRule> {
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

fn read_digest(filter: &Reader<'_>) -> Option<DigestRule> {
    if filter.value("columns").is_none() {
        filter.error("columns", "`columns` is required");
    }
    let mut columns = Vec::new();
    for entry in filter.maps("columns")? {
        let name = entry.required_name("name").map(str::to_owned);
        let algorithm = read_algorithm(&entry);
        let secret_key = entry.text("secret_key").map(str::to_owned);
        let key_file = entry.name("key_file").map(str::to_owned);
        let new_name = entry.name("new_name").map(str::to_owned);
        entry.finish();
        let Some(algorithm) = algorithm else { continue };
        let has_key = secret_key.as_deref().is_some_and(|key| !key.is_empty());
        if is_keyed(algorithm) && !has_key && entry.value("key_file").is_none() {
            entry
                .error("secret_key", "secret key must not be null")
                .hint("set `secret_key: ${secret:NAME}`, or `key_file`");
        }
        if has_key && key_file.is_some() {
            entry.error("key_file", "either `secret_key` or `key_file` can be set");
        }
        for (key, is_set) in [("secret_key", secret_key.is_some()), ("key_file", key_file.is_some())] {
            if is_set && !is_keyed(algorithm) {
                entry
                    .warn(key, format!("the algorithm has no key, `{key}` is not used"))
                    .hint("use an Hmac algorithm");
            }
        }
        let Some(name) = name else { continue };
        let secret_key = secret_key.filter(|key| is_keyed(algorithm) && !key.is_empty());
        let key_file = key_file.filter(|_| is_keyed(algorithm));
        columns.push(DigestColumn {
            name,
            algorithm,
            secret_key,
            key_file,
            new_name,
        });
    }
    Some(DigestRule { columns })
}

/// Algorithms are named in any case, with and without the hyphen.
fn read_algorithm(entry: &Reader<'_>) -> Option<DigestAlgorithm> {
    let Some(text) = entry.name("algorithm") else {
        return Some(DigestAlgorithm::Sha256);
    };
    let simple = |name: &str| name.replace('-', "").to_ascii_lowercase();
    let wanted = match simple(text).as_str() {
        "sha" => "sha1".to_owned(),
        other => other.to_owned(),
    };
    let found = ALGORITHMS
        .iter()
        .find(|(name, _)| simple(name) == wanted)
        .map(|(_, algorithm)| *algorithm);
    if found.is_none() {
        let names = ALGORITHMS.map(|(name, _)| name).join(", ");
        entry
            .error("algorithm", format!("no such algorithm: {text}"))
            .hint(format!("supported are {names}"));
    }
    found
}

fn is_keyed(algorithm: DigestAlgorithm) -> bool {
    match algorithm {
        DigestAlgorithm::Md5
        | DigestAlgorithm::Sha1
        | DigestAlgorithm::Sha224
        | DigestAlgorithm::Sha256
        | DigestAlgorithm::Sha384
        | DigestAlgorithm::Sha512 => false,
        DigestAlgorithm::HmacMd5
        | DigestAlgorithm::HmacSha1
        | DigestAlgorithm::HmacSha224
        | DigestAlgorithm::HmacSha256
        | DigestAlgorithm::HmacSha384
        | DigestAlgorithm::HmacSha512 => true,
    }
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

fn read_sql(filter: &Reader<'_>) -> Option<SqlRule> {
    let text = |key| filter.sql(key).map(str::to_owned);
    let (where_clause, select, query) = (text("where"), text("select"), text("query"));
    let tables = read_lookup_files(filter);
    let text = match (query, where_clause.is_some() || select.is_some()) {
        (Some(_), true) => {
            filter.error("query", "`query` stands alone, without `where` and `select`");
            return None;
        }
        (Some(query), false) => SqlText::Query(query),
        (None, true) => SqlText::Clauses { where_clause, select },
        (None, false) => {
            filter.error_here("either `where`, `select` or `query` is required");
            return None;
        }
    };
    Some(SqlRule { text, tables })
}

/// Formats by the words of the configuration, which are the ends of file names too.
const LOOKUP_FORMATS: [(&str, LookupFormat); 6] = [
    ("csv", LookupFormat::Csv { delimiter: b',' }),
    ("tsv", LookupFormat::Csv { delimiter: b'\t' }),
    ("json", LookupFormat::Json),
    ("jsonl", LookupFormat::Json),
    ("ndjson", LookupFormat::Json),
    ("parquet", LookupFormat::Parquet),
];

/// Ends of names behind those that tell the format. They say nothing else: how a file is packed is seen in its first bytes.
const PACKED_ENDS: [&str; 6] = ["gz", "gzip", "bz2", "zst", "zstd", "zip"];

fn read_lookup_files(filter: &Reader<'_>) -> Vec<(String, LookupFile)> {
    let mut files = Vec::new();
    for (name, entry) in filter.named_maps("tables") {
        let path = entry.required_name("path");
        let written = entry.choice("format", &LOOKUP_FORMATS, |value, list| {
            format!("unknown format '{value}'. Supported formats are [{list}]")
        });
        let format = match (written, path) {
            (Some(format), _) => Some(format),
            (None, Some(path)) if entry.value("format").is_none() => {
                let end_of = |name: &str| {
                    name.rsplit_once('.')
                        .map_or(String::new(), |(_, end)| end.to_ascii_lowercase())
                };
                let mut end = end_of(path);
                if PACKED_ENDS.contains(&end.as_str()) {
                    end = end_of(&path[..path.len() - end.len() - 1]);
                }
                let known = LOOKUP_FORMATS.iter().find(|(word, _)| *word == end);
                if known.is_none() {
                    entry
                        .error(
                            "path",
                            format!("the name `{path}` does not tell the format of the file"),
                        )
                        .hint("add `format`: csv, tsv, json or parquet");
                }
                known.map(|(_, format)| *format)
            }
            (None, _) => None,
        };
        let columns = read_types(&entry, "columns");
        if !columns.is_empty() && matches!(format, Some(LookupFormat::Json | LookupFormat::Parquet)) {
            entry.error(
                "columns",
                "types can be given for csv files only, the others have their own",
            );
        }
        entry.finish();
        if let (Some(path), Some(format)) = (path, format) {
            files.push((
                name.to_owned(),
                LookupFile {
                    path: path.to_owned(),
                    format,
                    columns,
                },
            ));
        }
    }
    files
}

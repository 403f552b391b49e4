//! The filter `sql`, and the files that it joins with.

use super::read_types;
use crate::config::reader::Reader;
use crate::filter::rules::{LookupFile, LookupFormat, SqlRule, SqlText};

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

pub(super) fn read_sql(filter: &Reader<'_>) -> Option<SqlRule> {
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

fn read_lookup_files(filter: &Reader<'_>) -> Vec<(String, LookupFile)> {
    let mut files = Vec::new();
    for (name, entry) in filter.named_maps("tables") {
        let path = entry.required_name("path");
        let format = read_format(&entry, path);
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

/// The format that is written, or else that the end of the name tells.
fn read_format(entry: &Reader<'_>, path: Option<&str>) -> Option<LookupFormat> {
    if entry.value("format").is_some() {
        return entry.choice("format", &LOOKUP_FORMATS, |value, list| {
            format!("unknown format '{value}'. Supported formats are [{list}]")
        });
    }
    let path = path?;
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

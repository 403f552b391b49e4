//! Loads a polluted file, with its parameters or as `guess` says.

use super::polluters::{Parameters, Polluted};
use super::table::Table;
use crate::in_process::{guess_files, load_files};
use serde_json::{Value, json};

/// Loads with the parameters that belong to the file.
pub(super) fn with_parameters(polluted: &Polluted) -> Result<Table, String> {
    let Parameters {
        charset,
        delimiter,
        quote,
        escape,
        skip_header_lines,
        header,
        num_columns,
    } = &polluted.parameters;
    // A table cannot have two columns of one name, nor one without.
    let is_usable = |at: usize, name: &String| !name.is_empty() && !header[..at].contains(name);
    let columns: Vec<Value> = (0..*num_columns)
        .map(|at| {
            let name = header.get(at).filter(|name| is_usable(at, name));
            let name = name.map_or_else(|| format!("column {at}"), String::clone);
            json!({"name": name, "type": "string"})
        })
        .collect();
    let header = (0..header.len()).map(|at| columns[at]["name"].as_str().unwrap_or_default().to_owned());
    let config = json!({
        "in": {
            "type": "file",
            "path_prefix": "/polluted",
            "parser": {
                "type": "csv",
                "charset": charset,
                "newline": "LF",
                "delimiter": delimiter,
                "quote": quote.map(String::from),
                "escape": escape.map(String::from),
                "skip_header_lines": skip_header_lines,
                "columns": columns,
                "allow_optional_columns": polluted.has_short_records,
            },
        },
    });
    load(&config, header.collect(), polluted)
}

/// Loads as `guess` says, of which only the types are left out: all columns are strings, since the measures compare texts.
pub(super) fn by_guess(polluted: &Polluted) -> Result<Table, String> {
    let (guess, config) = guess_files(&[(&polluted.name, &polluted.bytes)], &["csv_all_strings"])?;
    let has_header = guess.parser.columns_note.contains("names from");
    let columns = guess.parser.columns.iter().flatten().filter(|_| has_header);
    let header = columns.map(|column| column.name.clone()).collect();
    load(&config, header, polluted)
}

/// The configuration `guess` would write for the file, for a person who wonders.
pub(super) fn guessed_yaml(polluted: &Polluted) -> String {
    guess_files(&[(&polluted.name, &polluted.bytes)], &[]).map_or_else(
        |error| error,
        |(guess, _)| bucketload_engine::guess::render_yaml(&json!({}), &guess),
    )
}

fn load(config: &Value, header: Vec<String>, polluted: &Polluted) -> Result<Table, String> {
    let loaded = load_files(config, &[(&polluted.name, &polluted.bytes)])?;
    let texts = |row: Vec<Option<String>>| row.into_iter().map(Option::unwrap_or_default).collect();
    Ok(Table {
        header,
        records: loaded.rows.into_iter().map(texts).collect(),
    })
}

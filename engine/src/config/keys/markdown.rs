//! Writes the reference page of the configuration from the table of keys.

use super::{KEYS, KeyDoc, KeyKind};
use std::fmt::Write;

/// The sections of the page, in its order, with what is said above their keys.
const SECTIONS: [(&str, &str, &str); 6] = [
    (
        "",
        "The file",
        "The four sections of a file, and one key that stands beside them.",
    ),
    (
        "in",
        "`in`",
        "Where rows come from. Keys that say \"s3\" mean nothing with `type: file`.",
    ),
    ("in.parser", "`in.parser`", "How the bytes of a file become rows."),
    (
        "filters[]",
        "`filters`",
        "What happens to the rows, in list order. Each entry has a `type`.",
    ),
    ("out", "`out`", "Where the rows go."),
    ("exec", "`exec`", "Tuning. What is left out sets itself."),
];

/// The text of `docs/config.md`: every key with type, unit, default, meaning and an example.
pub fn reference_markdown() -> String {
    let mut page = String::from(concat!(
        "# Configuration keys\n\n",
        "A configuration is YAML (JSON is YAML too). `${VAR}`, `${VAR:-default}`, `${env:VAR}` and `${secret:VAR}` in a value\n",
        "are replaced from the environment; `$${VAR}` stands for the text itself. In the names below `[]` is an element of a\n",
        "list and `*` a name of yours. Numbers and booleans may be written as text; a size is a number of bytes or has a unit\n",
        "(`64MiB`, `256MB`), a duration is a number in the unit given or has its own (`1500ms`, `30s`, `1h`).\n\n",
        "This page is written from the table of keys in the source.\n",
    ));
    for (section, title, introduction) in SECTIONS {
        let _ = write!(page, "\n## {title}\n\n{introduction}\n\n");
        page.push_str("| key | type | default | meaning | example |\n| --- | --- | --- | --- | --- |\n");
        for key in KEYS.iter().filter(|key| section_of(key) == section) {
            write_row(&mut page, section, key);
        }
    }
    page
}

/// The longest section of the page that the key stands in.
fn section_of(key: &KeyDoc) -> &'static str {
    let is_inside = |section: &str| key.path.strip_prefix(section).is_some_and(|rest| rest.starts_with('.'));
    SECTIONS
        .iter()
        .map(|(section, _, _)| *section)
        .filter(|section| !section.is_empty() && is_inside(section))
        .max_by_key(|section| section.len())
        .unwrap_or("")
}

fn write_row(page: &mut String, section: &str, key: &KeyDoc) {
    let name = key
        .path
        .strip_prefix(section)
        .map_or(key.path, |rest| rest.trim_start_matches('.'));
    let mut kind = key.kind.name().to_owned();
    if !key.unit.is_empty() {
        let _ = write!(kind, ", {}", key.unit);
    }
    let default = match (key.is_required, key.default) {
        (true, _) => "required".to_owned(),
        (false, "") => "none".to_owned(),
        (false, default) => code(default),
    };
    let mut meaning = key.description.to_owned();
    // What a word means beside `true` and `false` is in the description.
    if !key.values.is_empty() && key.kind != KeyKind::BoolOrWord {
        let words: Vec<String> = key.values.iter().map(|word| code(word)).collect();
        let _ = write!(meaning, ". One of {}", words.join(", "));
    }
    if !key.applies_to.is_empty() {
        let _ = write!(meaning, ". For {}", key.applies_to.join(", "));
    }
    if key.is_secret {
        meaning.push_str(". Never shown");
    }
    let cells = [code(name), kind, default, meaning, code(key.example)];
    let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    let _ = writeln!(page, "| {} |", cells.join(" | "));
}

/// A code span; doubled backticks when the text holds one.
fn code(text: &str) -> String {
    match text.contains('`') {
        true => format!("`` {text} ``"),
        false => format!("`{text}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_on_the_page() {
        let page = reference_markdown();
        assert_eq!(page.lines().filter(|line| line.starts_with("| `")).count(), KEYS.len());
    }

    #[test]
    fn a_row_has_type_unit_default_and_example() {
        let page = reference_markdown();
        let row = page.lines().find(|line| line.starts_with("| `min_task_size`")).unwrap();
        assert!(
            row.contains("size, bytes") && row.contains("`268435456`") && row.contains("`64MiB`"),
            "{row}"
        );
    }

    #[test]
    fn tables_are_not_broken_by_their_cells() {
        for line in reference_markdown().lines().filter(|line| line.starts_with("| ")) {
            assert_eq!(line.replace("\\|", "").matches('|').count(), 6, "{line}");
        }
    }
}

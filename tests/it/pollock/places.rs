//! Pollutes one row or one cell, in a file for every row and every cell.

use super::polluters::Polluted;
use super::table::{NUM_COLUMNS, Style, Table};

/// The clean table and its lines.
struct Clean {
    table: Table,
    style: Style,
    lines: Vec<String>,
}

impl Clean {
    fn new() -> Clean {
        let (table, style) = (Table::source(), Style::default());
        Clean {
            lines: table.rows().map(|fields| style.record(fields)).collect(),
            table,
            style,
        }
    }
}

/// The clean rows, of which the one at `row` (0 is the header) is written by `line` and read as `fields`.
fn with_row(clean: &Clean, kind: &'static str, row: usize, line: &str, fields: Vec<String>) -> Polluted {
    let mut expected = clean.table.clone();
    let lines = clean.lines.iter().enumerate();
    let text: String = lines
        .flat_map(|(at, clean)| [if at == row { line } else { clean }, "\r\n"])
        .collect();
    match row.checked_sub(1) {
        None => expected.header = fields,
        Some(at) => expected.records[at] = fields,
    }
    // A header of two lines is skipped as such.
    let num_header_lines = if row == 0 { line.matches("\r\n").count() + 1 } else { 1 };
    Polluted::new(kind, text, &clean.style, expected).skipping(num_header_lines)
}

/// Delimiters too few, too many, and other ones.
pub(super) fn rows(all: &mut Vec<Polluted>) {
    let clean = Clean::new();
    let style = &clean.style;
    for (row, fields) in clean.table.rows().enumerate() {
        let texts: Vec<String> = fields.iter().map(|field| style.field(field)).collect();
        for column in 0..NUM_COLUMNS {
            let with = |mut fields: Vec<String>| {
                fields.insert(column + 1, String::new());
                fields
            };
            let line = with(texts.clone()).join(",");
            all.push(
                with_row(&clean, "a delimiter more", row, &line, with(fields.clone()))
                    .named(format!("a delimiter more in row {row} after field {column}")),
            );
        }
        for column in 0..NUM_COLUMNS - 1 {
            let without = |mut fields: Vec<String>| {
                let next = fields.remove(column + 1);
                fields[column].push_str(&next);
                fields
            };
            let line = without(texts.clone()).join(",");
            all.push(
                with_row(&clean, "a delimiter less", row, &line, without(fields.clone()))
                    .named(format!("a delimiter less in row {row} after field {column}")),
            );
        }
        let delimiter = [";", "\t", " ", "|"][row % 4];
        let line = Style {
            delimiter,
            ..style.clone()
        }
        .record(fields);
        all.push(
            with_row(&clean, "another delimiter in a row", row, &line, fields.clone())
                .named(format!("delimiter {delimiter:?} in row {row}")),
        );
    }
}

/// Quotes too many, and quotes that lack their escape.
pub(super) fn cells(all: &mut Vec<Polluted>) {
    let clean = Clean::new();
    let style = &clean.style;
    for (row, fields) in clean.table.rows().enumerate() {
        for column in 0..NUM_COLUMNS {
            // At the start, at the end, or in the middle of the field, inside its quotes if it has any.
            let field = &fields[column];
            let at = match (row + column) % 3 {
                0 => 0,
                1 => field.len(),
                _ => field.floor_char_boundary(field.len() / 2),
            };
            let text = style.field(field);
            let is_quoted = text.starts_with('"');
            let before = if is_quoted {
                style
                    .field(&format!("{}\n", &field[..at]))
                    .trim_end_matches("\n\"")
                    .len()
            } else {
                at
            };
            let line_of = |piece: String| {
                let mut texts: Vec<String> = fields.iter().map(|field| style.field(field)).collect();
                texts[column] = piece;
                texts.join(",")
            };
            let mut with_quote = fields.clone();
            with_quote[column].insert(at, '"');
            let mut piece = text.clone();
            piece.insert(before, '"');
            all.push(
                with_row(&clean, "a quote more", row, &line_of(piece), with_quote)
                    .named(format!("a quote more in row {row} field {column}")),
            );
            if is_quoted && field.contains('"') {
                let piece = text.replace("\"\"", "\"");
                all.push(
                    with_row(&clean, "quotes not escaped", row, &line_of(piece), fields.clone())
                        .named(format!("quotes not escaped in row {row} field {column}")),
                );
            }
        }
    }
}

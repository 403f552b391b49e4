//! Finds a header that has a field less or a field more than the rows below it, or is cut by another delimiter.
//!
//! The record of the common width that opens the table is then the first row, and the header stands right above it.

use super::kind::{Kind, kind_of};
use super::null_string::Field;
use super::shown::shorten;
use super::split::Record;
use super::table::{Names, Table, fields, preamble_lines, values};
use super::types;
use crate::parse::columns::ColumnType;

/// Names of the columns from a header of another width than the rows; `None` if there is no such header.
pub(crate) fn find(tables: &[Table<'_>], width: usize, doubts: &mut Vec<String>) -> Option<Names> {
    if width < 3 {
        return None;
    }
    narrower(tables, width)
        .or_else(|| wider(tables, width, doubts))
        .or_else(|| otherwise_cut(tables, width, doubts))
}

/// A header whose names are cut by another delimiter than the rows.
fn otherwise_cut(tables: &[Table<'_>], width: usize, doubts: &mut Vec<String>) -> Option<Names> {
    let mut names: Option<Vec<String>> = None;
    for table in tables {
        let above = table.records.get(table.first?.checked_sub(1)?)?;
        let [cell] = above.cells.as_slice() else { return None };
        let cut = [",", ";", "\t", "|", " "].into_iter().find_map(|delimiter| {
            let cells: Vec<String> = cell
                .text
                .split(delimiter)
                .map(|name| name.trim().trim_matches('"').to_owned())
                .collect();
            (cells.len() == width && cells.iter().all(|name| is_name(name))).then_some(cells)
        })?;
        if names.get_or_insert_with(|| cut.clone()) != &cut {
            return None;
        }
    }
    // Below a title with as many words stands a header, so that no column has values only.
    if !fields(tables, width, &Names::none())
        .iter()
        .any(|column| is_typed(column))
    {
        return None;
    }
    let note = "names from the header, which is cut by another delimiter than the rows".to_owned();
    doubts.push(format!("columns: {note}; it may be a title"));
    Some(Names {
        cells: names,
        skip: (preamble_lines(tables, false), note.clone()),
        note,
        ..Names::none()
    })
}

/// Whether a column holds values, and not only texts.
fn is_typed(column: &[Field<'_>]) -> bool {
    let values = values(column, None, true);
    !values.is_empty() && types::column_type(None, &values, 0).column_type != ColumnType::String
}

fn is_name(text: &str) -> bool {
    matches!(kind_of(text), Kind::String | Kind::Boolean)
}

/// A header with one field less than the rows: every row ends with a delimiter, or begins with an unnamed row name.
fn narrower(tables: &[Table<'_>], width: usize) -> Option<Names> {
    let mut header: Option<&Record<'_>> = None;
    for table in tables {
        let above = table.records.get(table.first?.checked_sub(1)?)?;
        if above.width() + 1 != width || !above.cells.iter().all(|cell| is_name(&cell.text)) {
            return None;
        }
        header.get_or_insert(above);
    }
    let header = header?;
    let columns = fields(tables, width, &Names::none());
    let is_last_empty = columns
        .last()?
        .iter()
        .all(|(text, is_quoted)| text.is_empty() && !is_quoted);
    if !is_last_empty && !columns.iter().any(|column| is_typed(column)) {
        return None;
    }
    let mut cells: Vec<String> = header.cells.iter().map(|cell| cell.text.to_string()).collect();
    let note = if is_last_empty {
        "names from the header; every row ends with one more delimiter".to_owned()
    } else {
        cells.insert(0, String::new());
        "names from the header, which does not name the first column".to_owned()
    };
    Some(Names {
        cells: Some(cells),
        skip: (preamble_lines(tables, false), note.clone()),
        note,
        is_first_header: false,
        num_surplus: usize::from(is_last_empty),
        is_log: false,
    })
}

/// A header with one field more than the rows: an empty one among the names, or a delimiter after the last.
fn wider(tables: &[Table<'_>], width: usize, doubts: &mut Vec<String>) -> Option<Names> {
    let mut header: Option<&Record<'_>> = None;
    for table in tables {
        let above = table.records.get(table.first?.checked_sub(1)?)?;
        let num_names = above.cells.iter().filter(|cell| is_name(&cell.text)).count();
        if above.width() != width + 1 || num_names < width {
            return None;
        }
        header.get_or_insert(above);
    }
    let header = header?;
    if !fields(tables, width, &Names::none())
        .iter()
        .any(|column| is_typed(column))
    {
        return None;
    }
    let mut cells: Vec<String> = header.cells.iter().map(|cell| cell.text.to_string()).collect();
    let surplus = cells.iter().position(|cell| cell.is_empty()).unwrap_or(width);
    let left_out = cells.remove(surplus);
    let what = if left_out.is_empty() {
        format!("empty field {}", surplus + 1)
    } else {
        format!("last name `{}`", shorten(&left_out))
    };
    doubts.push(format!(
        "columns: the header has {} fields and the rows have {width}; its {what} was left out, so names may stand at the wrong columns",
        width + 1
    ));
    let note = "names from the header, which has one field more than the rows".to_owned();
    Some(Names {
        cells: Some(cells),
        skip: (preamble_lines(tables, false), note.clone()),
        note,
        ..Names::none()
    })
}

//! Finds where the rows of each sample begin, how the columns are called, and what their fields are.

use super::header::{Below, FirstRecords, Verdict};
use super::kind::{Kind, kind_of};
use super::null_string::{self, Field};
use super::split::Record;
use super::types::{GuessedType, shorten};
use super::{Seed, comment, disagreement, header, majority, num_of, types};
use crate::parse::columns::ColumnType;

/// The records of one sample.
pub(crate) struct Table<'a> {
    pub(crate) key: &'a str,
    pub(crate) text: &'a str,
    pub(crate) records: Vec<Record<'a>>,
    /// The record that opens the table, if it has one of the common width: the header or the first row.
    pub(crate) first: Option<usize>,
    pub(crate) is_whole: bool,
}

impl<'a> Table<'a> {
    fn first_cells(&self) -> Option<Vec<&str>> {
        self.first.map(|first| {
            self.records[first]
                .cells
                .iter()
                .map(|cell| cell.text.as_ref())
                .collect()
        })
    }
}

/// Where the names come from.
pub(crate) struct Names {
    pub(crate) cells: Option<Vec<String>>,
    pub(crate) note: String,
    /// Whether the first record of each table is the header.
    pub(crate) is_first_header: bool,
    /// `skip_header_lines` and what speaks for it.
    pub(crate) skip: (u64, String),
    /// Fields at the end of every record that belong to no column.
    pub(crate) num_surplus: usize,
}

/// Finds the header of the tables and what must be skipped to reach the first row.
#[expect(clippy::too_many_arguments, reason = "one step of the guess, called from one place")]
pub(crate) fn names_of(
    tables: &[Table<'_>],
    width: usize,
    seed: &Seed,
    marker: Option<&str>,
    delimiter: &str,
    skipped: &[Option<&str>],
    null: Option<&str>,
    doubts: &mut Vec<String>,
) -> Names {
    let mut names = Names {
        cells: None,
        note: "no header: names are made up".to_owned(),
        is_first_header: false,
        skip: (0, String::new()),
        num_surplus: 0,
    };
    if seed.skip_header_lines.is_some() {
        let line = skipped.iter().flatten().next();
        let cells: Vec<String> = line
            .iter()
            .flat_map(|line| line.split(delimiter))
            .map(|cell| cell.trim().trim_matches('"').to_owned())
            .collect();
        if cells.len() == width
            && cells
                .iter()
                .all(|cell| matches!(kind_of(cell), Kind::String | Kind::Boolean))
        {
            names.cells = Some(cells);
            names.note = "names from the last of the skipped lines".to_owned();
        }
        return names;
    }
    if let Some(marker) = marker {
        let told = tables
            .iter()
            .find_map(|table| comment::names_in_comments(table.text, marker, delimiter, width));
        if let Some((cells, origin)) = told {
            names.cells = Some(cells);
            names.note = format!("names from {origin}");
            names.skip = (
                preamble_lines(tables, false),
                "no header line beside the comments".to_owned(),
            );
            return names;
        }
    }
    if let Some(shifted) = narrower_header(tables, width) {
        return shifted;
    }
    let verdict = verdict(tables, width, null);
    if verdict.is_doubtful && !verdict.is_header {
        doubts.push(format!(
            "skip_header_lines: the first record was read as a row ({}), it may be the header",
            verdict.reason
        ));
    } else if verdict.is_doubtful {
        doubts.push(format!(
            "skip_header_lines: the first record was taken for the header ({}), it may be a row",
            verdict.reason
        ));
    }
    names.is_first_header = verdict.is_header;
    let per_file: Vec<(String, u64)> = tables
        .iter()
        .filter_map(|table| Some((table.key.to_owned(), lines_before_rows(table, verdict.is_header)?)))
        .collect();
    if let Some(doubt) = disagreement("lines before the first row", &per_file) {
        doubts.push(format!("skip_header_lines: {doubt}"));
    }
    let skip = preamble_lines(tables, verdict.is_header);
    let mut note = verdict.reason.clone();
    let num_above = skip.saturating_sub(u64::from(verdict.is_header));
    if num_above > 0 {
        note = format!(
            "{} above the table; {note}",
            num_of(usize::try_from(num_above).unwrap_or(usize::MAX), "line")
        );
    }
    names.skip = (skip, note);
    if verdict.is_header {
        let header = majority(&headers(tables)).unwrap_or_default();
        names.note = "names from the header".to_owned();
        header_doubts(tables, &header, doubts);
        names.cells = Some(header);
    }
    names
}

fn headers(tables: &[Table<'_>]) -> Vec<(String, Vec<String>)> {
    tables
        .iter()
        .filter_map(|table| {
            let cells = table.first_cells()?;
            Some((table.key.to_owned(), cells.into_iter().map(str::to_owned).collect()))
        })
        .collect()
}

/// Physical lines before the first row of one table; `None` if it has none.
fn lines_before_rows(table: &Table<'_>, is_first_header: bool) -> Option<u64> {
    let first = table.first?;
    let record = &table.records[first];
    let lines = if is_first_header {
        record.line + record.num_lines - 1
    } else if first > 0 {
        record.line - 1
    } else {
        // Blank and comment lines are skipped anyway.
        0
    };
    u64::try_from(lines).ok()
}

fn preamble_lines(tables: &[Table<'_>], is_first_header: bool) -> u64 {
    let lines: Vec<(String, u64)> = tables
        .iter()
        .filter_map(|table| Some((String::new(), lines_before_rows(table, is_first_header)?)))
        .collect();
    majority(&lines).unwrap_or(0)
}

/// Whether the first records are headers.
fn verdict(tables: &[Table<'_>], width: usize, null: Option<&str>) -> Verdict {
    let all = headers(tables);
    let first = majority(&all).unwrap_or_default();
    let num_equal = all.iter().filter(|(_, cells)| *cells == first).count();
    let first_records = match all.len() {
        1 => FirstRecords::One,
        // One file in five may be odd; which one it is, is a doubt.
        num_files if num_equal > 1 && num_equal * 5 >= num_files * 4 => FirstRecords::Equal(num_equal),
        _ => FirstRecords::Differ,
    };
    let names = Names {
        cells: None,
        note: String::new(),
        is_first_header: true,
        skip: (0, String::new()),
        num_surplus: 0,
    };
    let columns = fields(tables, width, &names);
    let guessed_null = null_string::guess(&columns);
    let null = null.or(guessed_null.as_ref().map(|null| null.text));
    let below: Vec<Below<'_>> = columns
        .iter()
        .map(|column| Below {
            column_type: column_type(column, None, null, true).column_type,
            values: values(column, null, true),
        })
        .collect();
    let first: Vec<&str> = first.iter().map(|cell| cell.trim()).collect();
    header::decide(&first, &below, first_records)
}

/// A header with one field less than the rows: every row ends with a delimiter, or begins with an unnamed row name.
fn narrower_header(tables: &[Table<'_>], width: usize) -> Option<Names> {
    if width < 3 {
        return None;
    }
    let is_name = |text: &str| matches!(kind_of(text), Kind::String | Kind::Boolean);
    let mut header: Option<&Record<'_>> = None;
    for table in tables {
        let above = table.records.get(table.first?.checked_sub(1)?)?;
        if above.width() + 1 != width || !above.cells.iter().all(|cell| is_name(&cell.text)) {
            return None;
        }
        header.get_or_insert(above);
    }
    let header = header?;
    let names = Names {
        cells: None,
        note: String::new(),
        is_first_header: false,
        skip: (0, String::new()),
        num_surplus: 0,
    };
    let columns = fields(tables, width, &names);
    let is_last_empty = columns
        .last()?
        .iter()
        .all(|(text, is_quoted)| text.is_empty() && !is_quoted);
    let has_values = columns.iter().any(|column| {
        let values = values(column, None, true);
        !values.is_empty() && types::column_type(None, &values, 0).column_type != ColumnType::String
    });
    if !is_last_empty && !has_values {
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
    })
}

/// Files whose header is another one, or that have none.
fn header_doubts(tables: &[Table<'_>], header: &[String], doubts: &mut Vec<String>) {
    let all = headers(tables);
    for (key, cells) in all.iter().filter(|(_, cells)| cells != header).take(3) {
        let has_value = cells
            .iter()
            .any(|cell| !matches!(kind_of(cell), Kind::String | Kind::Boolean | Kind::Empty));
        if has_value {
            doubts.push(format!(
                "skip_header_lines: `{key}` seems to have no header, its first row would be lost"
            ));
        } else {
            let at = cells
                .iter()
                .zip(header)
                .position(|(one, other)| one != other)
                .unwrap_or(0);
            doubts.push(format!(
                "columns: column {} is called `{}` in `{key}` and `{}` elsewhere; columns are read by position",
                at + 1,
                shorten(&cells[at]),
                shorten(&header[at])
            ));
        }
    }
}

/// The fields of each column, rows of the common width only.
pub(crate) fn fields<'t>(tables: &'t [Table<'_>], width: usize, names: &Names) -> Vec<Vec<Field<'t>>> {
    let mut columns: Vec<Vec<Field<'t>>> = vec![Vec::new(); width - names.num_surplus];
    for table in tables {
        for record in rows(table, names).filter(|record| record.width() == width) {
            for (column, cell) in columns.iter_mut().zip(&record.cells) {
                column.push((cell.text.as_ref(), cell.is_quoted));
            }
        }
    }
    columns
}

/// The records of a table that are rows: after preamble and header.
pub(crate) fn rows<'t, 'a>(table: &'t Table<'a>, names: &Names) -> impl Iterator<Item = &'t Record<'a>> {
    let start = match table.first {
        Some(first) => first + usize::from(names.is_first_header),
        None => 0,
    };
    table.records.get(start..).unwrap_or_default().iter()
}

/// The values of a column that are neither empty nor null.
pub(crate) fn values<'t>(column: &[Field<'t>], null: Option<&str>, is_trimmed: bool) -> Vec<&'t str> {
    column
        .iter()
        .filter_map(|field| text_of(field, null, is_trimmed))
        .collect()
}

/// The text of a field as it is read; `None` if it is empty or null.
pub(crate) fn text_of<'t>((text, is_quoted): &Field<'t>, null: Option<&str>, is_trimmed: bool) -> Option<&'t str> {
    let text = if is_trimmed && !is_quoted {
        text.trim_matches(' ')
    } else {
        text
    };
    (!text.is_empty() && Some(text) != null).then_some(text)
}

pub(crate) fn column_type(
    column: &[Field<'_>],
    name: Option<&str>,
    null: Option<&str>,
    is_trimmed: bool,
) -> GuessedType {
    let values = values(column, null, is_trimmed);
    types::column_type(name, &values, column.len() - values.len())
}

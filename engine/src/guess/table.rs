//! Finds where the rows of each sample begin, how the columns are called, and what their fields are.

use super::agreement::{disagreement, majority, num_of};
use super::columns::column_type;
use super::header::{Below, FirstRecords, Verdict};
use super::kind::{Kind, kind_of};
use super::null_string::{self, Field};
use super::shown::shorten;
use super::split::Record;
use super::{Seed, comment, header, uneven_header};

/// Records above a header that may be titles.
const MAX_TITLES: usize = 5;

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
    /// The record that opens the table.
    fn header(&self) -> Option<&Record<'a>> {
        self.records.get(self.first?)
    }

    /// The last record of the header that opens the table: one that is written several times is skipped as a whole.
    fn last_of_header(&self) -> Option<&Record<'a>> {
        let first = self.first?;
        let header = self.records.get(first)?;
        let num_again = self.records[first + 1..]
            .iter()
            .take_while(|record| is_repeated(record, header))
            .count();
        self.records.get(first + num_again)
    }

    /// How often the record that opens the table stands in it once more, below the first row.
    fn num_repeated(&self) -> usize {
        let (Some(header), Some(last)) = (self.header(), self.last_of_header()) else {
            return 0;
        };
        let later = self.records.iter().filter(|record| record.start > last.start);
        later.filter(|record| is_repeated(record, header)).count()
    }

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
    /// Whether the names are those that a log declares.
    pub(crate) is_log: bool,
}

impl Names {
    /// No header, and nothing to be skipped.
    fn made_up() -> Names {
        Names {
            note: "no header: names are made up".to_owned(),
            ..Names::none()
        }
    }

    /// No names, and nothing known of them yet.
    pub(crate) fn none() -> Names {
        Names {
            cells: None,
            note: String::new(),
            is_first_header: false,
            skip: (0, String::new()),
            num_surplus: 0,
            is_log: false,
        }
    }
}

/// The tables of all samples.
#[derive(Clone, Copy)]
pub(crate) struct CutTables<'a> {
    pub(crate) tables: &'a [Table<'a>],
    /// The number of fields most records have.
    pub(crate) width: usize,
    pub(crate) names: &'a Names,
}

/// What is known before a header is looked for.
pub(crate) struct KnownOfHeader<'a> {
    pub(crate) seed: &'a Seed,
    /// What comment lines begin with.
    pub(crate) marker: Option<&'a str>,
    pub(crate) delimiter: &'a str,
    /// The last of the lines that the seed skips, of each sample.
    pub(crate) skipped: &'a [Option<&'a str>],
    /// The text that stands for null.
    pub(crate) null: Option<&'a str>,
}

/// Finds the header of the tables and what must be skipped to reach the first row.
pub(crate) fn names_of(
    tables: &[Table<'_>],
    width: usize,
    known: &KnownOfHeader<'_>,
    doubts: &mut Vec<String>,
) -> Names {
    if known.seed.has_header_by_name {
        return Names {
            cells: majority(&headers(tables)),
            note: "names from the header, by which columns are found".to_owned(),
            is_first_header: true,
            skip: (preamble_lines(tables, false), "the header is not skipped".to_owned()),
            ..Names::none()
        };
    }
    if known.seed.skip_header_lines.is_some() {
        return names_in_skipped_line(width, known);
    }
    names_in_comments(tables, width, known)
        .or_else(|| uneven_header::find(tables, width, doubts))
        .unwrap_or_else(|| names_in_first_record(tables, width, known, doubts))
}

/// The names of the last line that the seed skips, if it has as many as there are columns.
fn names_in_skipped_line(width: usize, known: &KnownOfHeader<'_>) -> Names {
    let line = known.skipped.iter().flatten().next();
    let cells: Vec<String> = line
        .iter()
        .flat_map(|line| line.split(known.delimiter))
        .map(|cell| cell.trim().trim_matches('"').to_owned())
        .collect();
    let are_names = cells.len() == width
        && cells
            .iter()
            .all(|cell| matches!(kind_of(cell), Kind::String | Kind::Boolean));
    match are_names {
        true => Names {
            cells: Some(cells),
            note: "names from the last of the skipped lines".to_owned(),
            ..Names::none()
        },
        false => Names::made_up(),
    }
}

fn names_in_comments(tables: &[Table<'_>], width: usize, known: &KnownOfHeader<'_>) -> Option<Names> {
    let marker = known.marker?;
    let (cells, origin) = tables
        .iter()
        .find_map(|table| comment::names_in_comments(table.text, marker, known.delimiter, width))?;
    Some(Names {
        cells: Some(cells),
        is_log: origin == comment::FIELDS_LINE,
        note: format!("names from {origin}"),
        skip: (
            preamble_lines(tables, false),
            "no header line beside the comments".to_owned(),
        ),
        ..Names::none()
    })
}

/// Judges whether the records that open the tables are headers, and tells what is doubtful about that.
fn names_in_first_record(
    tables: &[Table<'_>],
    width: usize,
    known: &KnownOfHeader<'_>,
    doubts: &mut Vec<String>,
) -> Names {
    let verdict = verdict(tables, width, known.null);
    if verdict.is_doubtful {
        let (taken_for, may_be) = match verdict.is_header {
            true => ("taken for the header", "a row"),
            false => ("read as a row", "the header"),
        };
        doubts.push(format!(
            "skip_header_lines: the first record was {taken_for} ({}), it may be {may_be}",
            verdict.reason
        ));
    }
    let per_file: Vec<(String, u64)> = tables
        .iter()
        .filter_map(|table| Some((table.key.to_owned(), lines_before_rows(table, verdict.is_header)?)))
        .collect();
    if let Some(doubt) = disagreement("lines before the first row", &per_file) {
        doubts.push(format!("skip_header_lines: {doubt}"));
    }
    let skip = preamble_lines(tables, verdict.is_header);
    let num_above = skip.saturating_sub(u64::from(verdict.is_header));
    let note = match usize::try_from(num_above).unwrap_or(usize::MAX) {
        0 => verdict.reason,
        num_above => format!("{} above the table; {}", num_of(num_above, "line"), verdict.reason),
    };
    let names = Names {
        skip: (skip, note),
        ..Names::made_up()
    };
    if !verdict.is_header {
        return names;
    }
    let header = majority(&headers(tables)).unwrap_or_default();
    header_doubts(tables, &header, doubts);
    if let Some(table) = tables.iter().find(|table| table.num_repeated() > 0) {
        doubts.push(format!(
            "skip_header_lines: the header stands in `{}` {} more below the first row and will be read as a record",
            table.key,
            num_of(table.num_repeated(), "time")
        ));
    }
    Names {
        cells: Some(header),
        note: "names from the header".to_owned(),
        is_first_header: true,
        ..names
    }
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
        let last = table.last_of_header()?;
        last.line + last.num_lines - 1
    } else if first > 0 {
        record.line - 1
    } else {
        // Blank and comment lines are skipped anyway.
        0
    };
    u64::try_from(lines).ok()
}

pub(crate) fn preamble_lines(tables: &[Table<'_>], is_first_header: bool) -> u64 {
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
        is_first_header: true,
        ..Names::none()
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
    header::decide(&first, &below, first_records, is_quoted_otherwise(tables, &columns))
}

/// Whether quotes stand round the values of a column and not in the first records, or round those and nothing below.
fn is_quoted_otherwise(tables: &[Table<'_>], columns: &[Vec<Field<'_>>]) -> bool {
    let first_cells = || tables.iter().filter_map(Table::header).flat_map(|first| &first.cells);
    let is_quoted_column = |column: &Vec<Field<'_>>| {
        let mut filled = column.iter().filter(|(text, is_quoted)| *is_quoted || !text.is_empty());
        column.len() > 1 && filled.all(|(_, is_quoted)| *is_quoted)
    };
    let is_only_below = !first_cells().any(|cell| cell.is_quoted) && columns.iter().any(is_quoted_column);
    let is_only_above =
        first_cells().all(|cell| cell.is_quoted) && columns.iter().flatten().all(|(_, is_quoted)| !is_quoted);
    is_only_below || is_only_above
}

/// Passes over the first records of each table that have its width but are mostly empty - a title written by a spreadsheet, names
/// of groups of columns - if what comes after them is a header for sure.
pub(crate) fn pass_over_titles(tables: &mut [Table<'_>], width: usize, null: Option<&str>) {
    let before: Vec<Option<usize>> = tables.iter().map(|table| table.first).collect();
    let mut has_titles = false;
    for table in tables.iter_mut() {
        let Some(first) = table.first else { continue };
        let is_title = |record: &Record<'_>| {
            let num_filled = record.cells.iter().filter(|cell| !cell.text.trim().is_empty()).count();
            record.width() == width && num_filled * 2 <= width
        };
        let num_titles = table.records[first..]
            .iter()
            .take(MAX_TITLES)
            .take_while(|record| is_title(record))
            .count();
        let is_below_titles = |record: &&Record<'_>| num_titles > 0 && record.width() == width;
        if table.records.get(first + num_titles).filter(is_below_titles).is_some() {
            table.first = Some(first + num_titles);
            has_titles = true;
        }
    }
    let verdict = has_titles.then(|| verdict(tables, width, null));
    if verdict.is_none_or(|verdict| !verdict.is_header || verdict.is_doubtful) {
        for (table, first) in tables.iter_mut().zip(before) {
            table.first = first;
        }
    }
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

/// The records of a table that are rows: after preamble and header, and not the header once more.
pub(crate) fn rows<'t, 'a>(table: &'t Table<'a>, names: &Names) -> impl Iterator<Item = &'t Record<'a>> {
    let start = match table.first {
        Some(first) => first + usize::from(names.is_first_header),
        None => 0,
    };
    let header = table.header().filter(|_| names.is_first_header);
    let is_row = move |record: &&Record<'a>| header.is_none_or(|header| !is_repeated(record, header));
    table.records.get(start..).unwrap_or_default().iter().filter(is_row)
}

/// Whether a record is the header once more. Of one or two texts, a row may well be like the first.
fn is_repeated(record: &Record<'_>, header: &Record<'_>) -> bool {
    record.width() > 2 && record.cells == header.cells
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

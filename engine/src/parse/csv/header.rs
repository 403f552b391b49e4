//! Finds the columns of a file by the names in its header.
//!
//! Names are taken as `guess` takes them: without white space around them, numbered where they are empty, and told apart where
//! they are repeated. A header that names none of the configured columns is hardly one: then its file is an error, since all its
//! records would become nulls.

use super::automaton::RecordFields;
use super::reference::{RecordReader, Step};
use super::{ColumnMatch, CsvOptions, CsvOptionsError};
use crate::parse::ParseError;
use crate::parse::drift::OnNewColumns;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Field of a column that a file does not have: no record is that long.
pub(super) const NO_FIELD: usize = usize::MAX;

/// Names that a message shows: enough to see which columns are meant.
const SHOWN_NAMES: usize = 5;

/// Names for `num_columns` columns from header cells: trimmed, empty ones numbered from 0 (`c0`), and repeated ones told apart
/// (`a`, `a_2`), because a table cannot hold them otherwise.
pub fn column_names(cells: &[&str], num_columns: usize) -> Vec<String> {
    let raw: Vec<String> = (0..num_columns)
        .map(|column| {
            let cell = cells.get(column).map(|cell| cell.trim()).unwrap_or_default();
            if cell.is_empty() {
                nameless(column)
            } else {
                cell.to_owned()
            }
        })
        .collect();
    let taken: HashSet<String> = raw.iter().cloned().collect();
    let mut used: HashSet<String> = HashSet::new();
    raw.into_iter()
        .map(|name| {
            if used.insert(name.clone()) {
                return name;
            }
            let unique = numbered(&name, |candidate| {
                !taken.contains(candidate) && !used.contains(candidate)
            });
            used.insert(unique.clone());
            unique
        })
        .collect()
}

fn numbered(name: &str, is_free: impl Fn(&str) -> bool) -> String {
    (2_u64..)
        .map(|number| format!("{name}_{number}"))
        .find(|candidate| is_free(candidate))
        .expect("there are more numbers than columns")
}

/// What a column without a name is called, by its index from 0.
pub(super) fn nameless(index: usize) -> String {
    format!("c{index}")
}

/// Looks for the header of a file, fed with the beginning of its text.
pub struct HeaderFinder {
    reader: RecordReader,
}

impl HeaderFinder {
    /// A finder for files that are read with these options, which find columns by their names.
    ///
    /// **Errors**: as of a parser.
    pub fn new(options: &CsvOptions) -> Result<HeaderFinder, CsvOptionsError> {
        let options = CsvOptions {
            // Nothing but names is wanted.
            projection: Some(Vec::new()),
            on_new_columns: OnNewColumns::Ignore,
            ..options.clone()
        };
        Ok(HeaderFinder {
            reader: RecordReader::new(&options)?,
        })
    }

    /// Starts a file.
    pub fn begin_file(&mut self) {
        self.reader.begin_file(Arc::from(""));
    }

    /// Hands in the next decoded bytes, cut anywhere, and says whether the header is there.
    ///
    /// **Errors**: what comes first is no header of these columns.
    pub fn push(&mut self, chunk: &[u8]) -> Result<bool, ParseError> {
        self.reader.input.push(chunk);
        self.look()
    }

    /// Says that the file is complete, and whether it has a header.
    ///
    /// **Errors**: as of [`HeaderFinder::push`].
    pub fn finish_file(&mut self) -> Result<bool, ParseError> {
        self.reader.input.finish();
        self.look()
    }

    fn look(&mut self) -> Result<bool, ParseError> {
        while self.reader.is_before_records() {
            if self.reader.read_one()? == Step::NeedsMore {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The names in the header that no column has, in their order.
    pub fn new_names(&self) -> &[String] {
        self.reader.new_names()
    }
}

/// Knows the configured columns by their names.
#[derive(Debug)]
pub(super) struct HeaderMatcher {
    ignores_case: bool,
    /// Index of each configured column, by the name that a header is searched for.
    columns: HashMap<String, usize>,
    names: Vec<String>,
    on_new_columns: OnNewColumns,
}

/// Which fields of a file are which columns.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct FileColumns {
    /// For each configured column the index of its field, or [`NO_FIELD`].
    pub(super) fields: Vec<usize>,
    /// Fields that no column takes, and their names; in their order.
    pub(super) new: Vec<(usize, String)>,
    /// Names in the header.
    pub(super) num_fields: usize,
}

/// Why the records after a header cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum HeaderFault {
    /// A column that is not expected.
    NewColumn(String),
    /// It is no header of these columns.
    NoKnownColumn(String),
}

impl HeaderMatcher {
    /// `None`: columns are found by their place.
    pub(super) fn new(options: &CsvOptions) -> Option<HeaderMatcher> {
        let ColumnMatch::ByName { ignores_case } = options.column_match else {
            return None;
        };
        let names: Vec<String> = options.columns.iter().map(|column| column.name.clone()).collect();
        let columns = names.iter().enumerate();
        Some(HeaderMatcher {
            ignores_case,
            columns: columns
                .map(|(index, name)| (searched_name(name, ignores_case), index))
                .collect(),
            names,
            on_new_columns: options.on_new_columns,
        })
    }

    /// Finds the columns in the record that is the header.
    pub(super) fn read(&self, header: &RecordFields) -> Result<FileColumns, HeaderFault> {
        let mut columns = FileColumns {
            fields: vec![NO_FIELD; self.names.len()],
            new: Vec::new(),
            num_fields: header.len(),
        };
        let mut has_known_column = false;
        for (field, name) in header_names(header).into_iter().enumerate() {
            let known = self.columns.get(&searched_name(&name, self.ignores_case));
            // Of names that differ in case only the first takes the column.
            match known.filter(|column| columns.fields[**column] == NO_FIELD) {
                Some(column) => {
                    has_known_column = true;
                    columns.fields[*column] = field;
                }
                None => columns.new.push((field, name)),
            }
        }
        if !has_known_column {
            let shown = &self.names[..self.names.len().min(SHOWN_NAMES)];
            let more = match self.names.len() - shown.len() {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            return Err(HeaderFault::NoKnownColumn(format!(
                "it names none of the columns `{}`{more}",
                shown.join("`, `")
            )));
        }
        if let Some((_, name)) = columns.new.first()
            && self.on_new_columns == OnNewColumns::Fail
        {
            return Err(HeaderFault::NewColumn(name.clone()));
        }
        Ok(columns)
    }
}

/// The names in a record that is a header.
pub(super) fn header_names(header: &RecordFields) -> Vec<String> {
    let cells: Vec<&str> = (0..header.len())
        .filter_map(|index| header.get(index).map(|(text, _)| text))
        .collect();
    column_names(&cells, cells.len())
}

/// The form in which names are compared: two that have one form are one name.
pub fn searched_name(name: &str, ignores_case: bool) -> String {
    let name = name.trim();
    if ignores_case {
        name.to_lowercase()
    } else {
        name.to_owned()
    }
}

//! The columns of CSV files: from the fields of all tables to names and types.

use super::agreement::num_of;
use super::dialect::Dialect;
use super::null_string::Field;
use super::table::{Names, text_of, values};
use super::time::{self, DateAndTime};
use super::types::{self, GuessedType};
use super::{GuessedColumn, Seed, names};
use crate::parse::columns::ColumnType;

/// Share of the fields after the first that must begin with a blank for it to be padding.
const PADDED_SHARE: (usize, usize) = (9, 10);

/// What stands in the columns of all tables, and how it is read.
pub(crate) struct Columns<'t> {
    fields: Vec<Vec<Field<'t>>>,
    pub(crate) names: Vec<String>,
    /// Whether the files name them.
    are_named: bool,
    /// The text that stands for null.
    null: Option<String>,
    /// Whether unquoted fields are trimmed.
    is_trimmed: bool,
}

impl<'t> Columns<'t> {
    /// The fields under their names, not trimmed yet.
    pub(crate) fn new(fields: Vec<Vec<Field<'t>>>, names: &Names, null: Option<String>) -> Columns<'t> {
        let cells: Option<Vec<&str>> = names
            .cells
            .as_ref()
            .map(|cells| cells.iter().map(String::as_str).collect());
        Columns {
            names: names::column_names(cells.as_deref(), fields.len()),
            are_named: cells.is_some(),
            fields,
            null,
            is_trimmed: false,
        }
    }

    /// Decides whether unquoted fields are trimmed, and says what speaks for it.
    pub(crate) fn choose_trim(&mut self, seed: &Seed, dialect: &Dialect) -> (bool, String) {
        let trim = self.trim(seed, dialect);
        self.is_trimmed = trim.0;
        trim
    }

    fn trim(&self, seed: &Seed, dialect: &Dialect) -> (bool, String) {
        if let Some(is_trimmed) = seed.trim_if_not_quoted {
            return (is_trimmed, String::new());
        }
        if dialect.is_trimmed {
            return (true, "blanks stand before quotes".to_owned());
        }
        if dialect.are_stray_quotes_data {
            return (false, "not possible with stray quotes".to_owned());
        }
        let unquoted = || self.fields.iter().flatten().filter(|(_, is_quoted)| !is_quoted);
        let num_blank = unquoted()
            .filter(|(text, _)| text.starts_with(' ') || text.ends_with(' '))
            .count();
        if num_blank == 0 {
            return (false, "no blanks around values".to_owned());
        }
        let is_other = |(plain, trimmed): &(GuessedType, GuessedType)| {
            plain.column_type != trimmed.column_type || plain.num_misfits != trimmed.num_misfits
        };
        let num_others = self
            .types_if(false)
            .into_iter()
            .zip(self.types_if(true))
            .filter(is_other)
            .count();
        if num_others > 0 {
            return (
                true,
                format!("{} have another type when trimmed", num_of(num_others, "column")),
            );
        }
        let later = || {
            self.fields
                .iter()
                .skip(1)
                .flatten()
                .filter(|(text, is_quoted)| !is_quoted && !text.is_empty())
        };
        let num_padded = later().filter(|(text, _)| text.starts_with(' ')).count();
        let (part, of) = PADDED_SHARE;
        if num_padded > 1 && num_padded * of >= later().count() * part {
            return (true, format!("a blank follows the delimiter {num_padded} times"));
        }
        (false, format!("{num_blank} values with blanks around them, all text"))
    }

    /// The type of each column.
    pub(crate) fn types(&self) -> Vec<GuessedType> {
        self.types_if(self.is_trimmed)
    }

    fn types_if(&self, is_trimmed: bool) -> Vec<GuessedType> {
        self.fields
            .iter()
            .zip(&self.names)
            .map(|(column, name)| {
                let name = self.are_named.then_some(name.as_str());
                column_type(column, name, self.null.as_deref(), is_trimmed)
            })
            .collect()
    }

    /// The types of other columns, without looking at names.
    pub(crate) fn types_of(&self, fields: &[Vec<Field<'_>>]) -> Vec<GuessedType> {
        let null = self.null.as_deref();
        fields
            .iter()
            .map(|column| column_type(column, None, null, self.is_trimmed))
            .collect()
    }

    /// Strings throughout.
    pub(crate) fn all_strings(&self) -> Vec<GuessedType> {
        let string = GuessedType {
            column_type: ColumnType::String,
            formats: Vec::new(),
            note: "all strings asked for".to_owned(),
            epoch_unit: None,
            num_misfits: 0,
            doubts: Vec::new(),
        };
        vec![string; self.fields.len()]
    }

    /// A column of dates and one of times of day, if they tell a time together.
    pub(crate) fn date_and_time(&self, is_log: bool) -> Option<DateAndTime> {
        let text_of = |field| text_of(field, self.null.as_deref(), self.is_trimmed);
        time::date_and_time(&self.names, is_log, |date, time| {
            let (dates, times) = (self.fields[date].iter(), self.fields[time].iter());
            dates
                .zip(times)
                .map(|(date, time)| (text_of(date), text_of(time)))
                .collect()
        })
    }

    /// Records that the fields are of.
    pub(crate) fn num_records(&self) -> usize {
        self.fields.first().map_or(0, Vec::len)
    }

    /// The columns as they are written into a configuration.
    pub(crate) fn guessed(self, types: Vec<GuessedType>) -> Vec<GuessedColumn> {
        let num_records = self.num_records();
        let null = self.null.as_deref();
        let missing = self
            .fields
            .iter()
            .map(|column| num_records - values(column, null, self.is_trimmed).len());
        let named = self.names.into_iter().zip(types);
        named
            .zip(missing)
            .map(|((name, guessed), num_missing)| GuessedColumn {
                name,
                column_type: guessed.column_type,
                formats: guessed.formats,
                note: guessed.note,
                num_missing,
                epoch_unit: guessed.epoch_unit,
            })
            .collect()
    }
}

/// The type that the fields of a column are read as.
pub(crate) fn column_type(
    column: &[Field<'_>],
    name: Option<&str>,
    null: Option<&str>,
    is_trimmed: bool,
) -> GuessedType {
    let values = values(column, null, is_trimmed);
    types::column_type(name, &values, column.len() - values.len())
}

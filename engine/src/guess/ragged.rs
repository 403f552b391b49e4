//! Decides what becomes of records that are shorter or longer than the table is wide.
//!
//! A record whose empty fields at the end were not written is complete; one that lost a delimiter is not, and its values stand in
//! wrong columns. The values tell: short records are read if all they have fits the types of their columns, long ones if what they
//! have too much is empty. All others stay rejects, which nobody overlooks; so do a very few short ones among many, which are rather
//! cut off than written so.

use super::agreement::num_of;
use super::dialect;
use super::kind::{Kind, kind_of};
use super::split::Record;
use super::table::{Names, Table, rows};
use crate::parse::columns::ColumnType;

/// With fewer short records than one in so many, they are taken to be damaged.
const MAX_ROWS_PER_SHORT: usize = 200;

/// What short and long records are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ragged {
    /// What speaks for reading short records; `None`: they are rejected, or there are none.
    pub(crate) short: Option<String>,
    /// The same of long ones.
    pub(crate) long: Option<String>,
}

/// Looks at the records of all tables that are not `width` fields wide.
pub(crate) fn judge(tables: &[Table<'_>], width: usize, names: &Names, column_types: &[ColumnType]) -> Ragged {
    let (mut num_rows, mut num_short, mut num_long) = (0, 0, 0);
    let (mut is_short_complete, mut is_long_empty) = (true, true);
    for table in tables {
        let footer_start = footer_start(table, width);
        for record in rows(table, names).filter(|record| !record.is_broken) {
            num_rows += 1;
            if record.width() == width {
                continue;
            }
            if record.width() > width {
                num_long += 1;
                is_long_empty &= record.cells[width..].iter().all(|cell| cell.text.is_empty());
            } else {
                num_short += 1;
                // A footer would become a row too.
                let is_row = record.start < footer_start || is_like_row(record, width, column_types);
                is_short_complete &= is_row && fits(record, column_types);
            }
        }
    }
    let is_short_usual = num_short > 0 && num_short * MAX_ROWS_PER_SHORT >= num_rows;
    Ragged {
        short: (is_short_usual && is_short_complete).then(|| {
            format!(
                "{} without the last fields, whose values fit",
                num_of(num_short, "record")
            )
        }),
        long: (num_long > 0 && is_long_empty).then(|| {
            format!(
                "{} with empty fields behind the last column",
                num_of(num_long, "record")
            )
        }),
    }
}

/// Where what follows the table begins in the text.
fn footer_start(table: &Table<'_>, width: usize) -> usize {
    let inside = dialect::inside(&table.records, width, table.is_whole);
    let last = inside.last().map_or(0, |last| last.start);
    let behind = table.records.iter().find(|record| record.start > last);
    behind.map_or(usize::MAX, |record| record.start)
}

/// Whether the last short record is a row and no footer: it lacks one field, and begins with a value that no text can be.
fn is_like_row(record: &Record<'_>, width: usize, column_types: &[ColumnType]) -> bool {
    record.width() + 1 == width
        && column_types.first().is_some_and(|first| *first != ColumnType::String)
        && record.cells.first().is_some_and(|first| !first.text.is_empty())
}

/// Whether all values of a short record are of the types of their columns, and more than one field is left of it.
fn fits(record: &Record<'_>, column_types: &[ColumnType]) -> bool {
    let is_of = |text: &str, column_type: ColumnType| {
        let kind = kind_of(text);
        kind == Kind::Empty
            || match column_type {
                ColumnType::String => true,
                ColumnType::Boolean => kind == Kind::Boolean,
                ColumnType::Long => kind == Kind::Long,
                ColumnType::Double => matches!(kind, Kind::Long | Kind::Double),
                ColumnType::Timestamp => kind == Kind::Timestamp,
                ColumnType::Json => kind == Kind::Json,
            }
    };
    record.width() > 1
        && record
            .cells
            .iter()
            .zip(column_types)
            .all(|(cell, column_type)| is_of(&cell.text, *column_type))
}

//! Makes rejects of the rows that have no partition because they have no time.
//!
//! Where a row says which record it was made of, the reject is that of the record: with its place and its text, so that it can be replayed. A
//! row that a query made of many records has none, and is kept as text for people.

use super::WriteError;
use super::writer::{TimeFault, UntimedRow, WriteOptions};
use crate::parse::origin::{Origin, UNKNOWN_ORIGIN};
use crate::parse::reject::{RecordText, Reject, RejectCode};
use crate::position::Position;
use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use std::sync::Arc;

/// The rejects of rows of `batch`, of which `origins` says where they come from.
///
/// **Errors**: there is one, and the options want that to end the job; a value has no text.
pub(super) fn rejects(
    untimed: &[UntimedRow],
    batch: &RecordBatch,
    origins: Option<&ArrayRef>,
    options: &WriteOptions,
) -> Result<Vec<Reject>, WriteError> {
    let time_column = options.time_column.as_deref().unwrap_or_default();
    let mut rejects = Vec::with_capacity(untimed.len());
    for untimed in untimed {
        let reject = reject(*untimed, batch, origins, time_column).map_err(WriteError::Batch)?;
        if options.is_missing_time_fatal {
            return Err(WriteError::NoTime(Box::new(reject)));
        }
        rejects.push(reject);
    }
    Ok(rejects)
}

fn reject(
    untimed: UntimedRow,
    batch: &RecordBatch,
    origins: Option<&ArrayRef>,
    time_column: &str,
) -> Result<Reject, ArrowError> {
    let UntimedRow { row, fault } = untimed;
    let value = match batch.column_by_name(time_column) {
        Some(times) if times.is_valid(row) => Some(value_text(times, row)?),
        _ => None,
    };
    let mut reason = match fault {
        TimeFault::Missing => format!("time column `{time_column}` is null"),
        TimeFault::OutOfRange => format!("time column `{time_column}` is outside the years 1 to 9998"),
    };
    let origin = origins.and_then(|origins| Origin::of_row(origins, row));
    let origin = match origin {
        Some(origin) => origin,
        None => {
            reason.push_str(UNKNOWN_ORIGIN);
            Origin {
                position: Position {
                    file: Arc::from(""),
                    line: 0,
                    byte: 0,
                    record: 0,
                },
                header: None,
                text: RecordText::new(&row_text(batch, row)?),
            }
        }
    };
    Ok(Reject {
        position: origin.position,
        column: Some(time_column.to_owned()),
        value,
        code: RejectCode::NoTime,
        header: origin.header,
        reason,
        record: origin.text,
    })
}

fn value_text(column: &ArrayRef, row: usize) -> Result<String, ArrowError> {
    let options = FormatOptions::default().with_null("null");
    let formatter = ArrayFormatter::try_new(column, &options)?;
    Ok(formatter.value(row).to_string())
}

/// A row as text, for people to find it again.
fn row_text(batch: &RecordBatch, row: usize) -> Result<String, ArrowError> {
    let mut text = String::from("{");
    for (field, column) in batch.schema_ref().fields().iter().zip(batch.columns()) {
        if text.len() > 1 {
            text.push_str(", ");
        }
        text.push_str(&format!("{}: {}", field.name(), value_text(column, row)?));
    }
    text.push('}');
    Ok(text)
}

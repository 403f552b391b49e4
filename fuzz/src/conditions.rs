//! A condition that is true of about every third value of a column, and what it must leave of the rows of a reader.

use crate::readers::Outcome;
use arrow::array::{Array, ArrayRef, BooleanArray, Int64Array};
use arrow::compute::{filter, filter_record_batch};
use arrow::util::display::array_value_to_string;
use bucketload_engine::parse::condition::RowCondition;
use std::error::Error;

/// True where the bytes of a value, as it is shown, add up to a multiple of three; null where it is null.
#[derive(Clone, Copy, Debug)]
pub struct EveryThird {
    columns: [usize; 1],
}

impl EveryThird {
    /// The condition on one of the columns.
    pub fn of(column: usize) -> EveryThird {
        EveryThird { columns: [column] }
    }

    /// The same rows without those of which it is not true.
    ///
    /// **Panics** if the column does not exist.
    pub fn applied_to(&self, outcome: &Outcome) -> Outcome {
        let holds = holds(outcome.rows.column(self.columns[0])).unwrap_or_else(|error| panic!("{error}"));
        let numbers = Int64Array::from(outcome.record_numbers.clone());
        let numbers: Int64Array = filter(&numbers, &holds)
            .unwrap_or_else(|error| panic!("{error}"))
            .to_data()
            .into();
        Outcome {
            rows: filter_record_batch(&outcome.rows, &holds).unwrap_or_else(|error| panic!("{error}")),
            record_numbers: numbers.values().to_vec(),
            rejects: outcome.rejects.clone(),
            errors: outcome.errors.clone(),
        }
    }
}

fn holds(values: &ArrayRef) -> Result<BooleanArray, arrow::error::ArrowError> {
    (0..values.len())
        .map(|row| {
            let text = array_value_to_string(values, row)?;
            let sum: u64 = text.bytes().map(u64::from).sum();
            Ok(values.is_valid(row).then_some(sum.is_multiple_of(3)))
        })
        .collect()
}

impl RowCondition for EveryThird {
    fn columns(&self) -> &[usize] {
        &self.columns
    }

    fn evaluate(&mut self, columns: Vec<ArrayRef>) -> Result<BooleanArray, Box<dyn Error + Send + Sync>> {
        Ok(holds(&columns[0])?)
    }
}

//! What a parser with a condition gives is what it gives without, less the rows for which the condition is not true.

use super::*;
use crate::parse::columns::{ColumnOptions, TimestampOptions};
use crate::parse::csv::{ColumnMatch, CsvOptions};
use crate::parse::drift::OnNewColumns;
use crate::parse::json::{JsonLayout, JsonOptions};
use crate::parse::origin::{Origin, OriginRows, TimeSource};
use crate::parse::{Parsed, Parser, ParserOptions, Reject};
use arrow::array::RecordBatch;
use arrow::compute::{concat_batches, filter_record_batch};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::util::display::array_value_to_string;
use std::sync::Arc;

/// True where the bytes of the values shown add up to a multiple of `divisor`; null where the first is.
#[derive(Clone)]
struct Divisible {
    columns: Vec<usize>,
    divisor: u64,
}

impl Divisible {
    fn holds(&self, columns: &[ArrayRef]) -> BooleanArray {
        let shown = |column: &ArrayRef, row| array_value_to_string(column, row).unwrap();
        (0..columns[0].len())
            .map(|row| {
                let texts = columns.iter().map(|column| shown(column, row));
                let sum: u64 = texts.flat_map(String::into_bytes).map(u64::from).sum();
                columns[0].is_valid(row).then_some(sum.is_multiple_of(self.divisor))
            })
            .collect()
    }
}

impl RowCondition for Divisible {
    fn columns(&self) -> &[usize] {
        &self.columns
    }

    fn evaluate(&mut self, columns: Vec<ArrayRef>) -> Result<BooleanArray, Box<dyn Error + Send + Sync>> {
        match self.divisor {
            0 => Err("divided by zero".into()),
            _ => Ok(self.holds(&columns)),
        }
    }
}

#[derive(Debug, PartialEq)]
struct Outcome {
    rows: RecordBatch,
    record_numbers: Vec<i64>,
    origins: Vec<Option<Origin>>,
    rejects: Vec<Reject>,
    errors: Vec<String>,
}

#[derive(Default)]
struct Gathered {
    batches: Vec<RecordBatch>,
    record_numbers: Vec<i64>,
    origins: Vec<Option<Origin>>,
    rejects: Vec<Reject>,
    num_dropped: usize,
}

impl Gathered {
    fn take(&mut self, parsed: Parsed) {
        let num_rows = parsed.batch.num_rows();
        let origins = parsed.origins.expect("origins were asked for");
        self.origins
            .extend((0..num_rows).map(|row| Origin::of_row(&origins, row)));
        self.record_numbers
            .extend(parsed.record_numbers.expect("numbers were asked for"));
        self.num_dropped += parsed.num_dropped_rows;
        self.rejects.extend(parsed.rejects);
        self.batches.push(parsed.batch);
    }

    fn num_rows(&self) -> usize {
        self.record_numbers.len() + self.num_dropped
    }
}

/// What a parser makes of some files, and how many rows there were before the condition.
fn outcome(mut parser: Box<dyn Parser>, fields: &[Field], files: &[&[u8]], cut: usize) -> (Outcome, usize) {
    let mut gathered = Gathered::default();
    let mut errors = Vec::new();
    for file in files {
        parser.begin_file("f".into());
        let mut chunks = file.chunks(cut).map(Some).chain([None]);
        let result = chunks.try_for_each(|chunk| {
            match chunk {
                Some(chunk) => parser.push(chunk),
                None => parser.finish_file(),
            }
            while let Some(parsed) = parser.next_batch()? {
                gathered.take(parsed);
            }
            Ok(())
        });
        errors.extend(result.map_err(|error: ParseError| error.to_string()).err());
    }
    let num_held = parser.num_held_rows();
    let num_before = gathered.num_rows();
    while let Some(parsed) = parser.flush().unwrap() {
        gathered.take(parsed);
    }
    assert_eq!(gathered.num_rows() - num_before, num_held, "rows held are counted");
    let num_rows = gathered.num_rows();
    let schema = Arc::new(Schema::new(fields.to_vec()));
    let outcome = Outcome {
        rows: concat_batches(&schema, &gathered.batches).unwrap(),
        record_numbers: gathered.record_numbers,
        origins: gathered.origins,
        rejects: gathered.rejects,
        errors,
    };
    (outcome, num_rows)
}

/// Checks both readers, with conditions on each of the columns and on pairs of them that keep all rows, a third or hardly any.
#[track_caller]
pub(in crate::parse) fn check(options: &ParserOptions, files: &[&[u8]], cuts: &[usize]) {
    check_with_origins(options, OriginRows::All, files, cuts);
    let fields = options.fields();
    let is_time = |field: &Field| matches!(field.data_type(), DataType::Int64 | DataType::Timestamp(..));
    if let Some(column) = fields.iter().position(is_time) {
        let usable = 0..=i64::MAX / 2;
        check_with_origins(options, OriginRows::Untimed(TimeSource { column, usable }), files, cuts);
    }
}

#[track_caller]
fn check_with_origins(options: &ParserOptions, origins: OriginRows, files: &[&[u8]], cuts: &[usize]) {
    const BATCH_ROWS: usize = 20;
    let options = options.with_origins(origins);
    let fields = options.fields();
    let projection: Vec<usize> = (0..fields.len()).collect();
    let parser = |is_fast: bool| match is_fast {
        true => options.new_parser(&projection, BATCH_ROWS, true).unwrap(),
        false => options.new_reference_parser(&projection, BATCH_ROWS, true).unwrap(),
    };
    let (whole, num_rows) = outcome(parser(false), &fields, files, usize::MAX);
    let pairs = projection.chunks_exact(2).map(<[usize]>::to_vec);
    for columns in projection.iter().map(|column| vec![*column]).chain(pairs) {
        for divisor in [1, 3, u64::MAX] {
            let condition = Divisible {
                columns: columns.clone(),
                divisor,
            };
            let looked_at: Vec<ArrayRef> = columns
                .iter()
                .map(|column| Arc::clone(whole.rows.column(*column)))
                .collect();
            let holds = condition.holds(&looked_at);
            let kept = |row: &usize| holds.is_valid(*row) && holds.value(*row);
            let expected = Outcome {
                rows: filter_record_batch(&whole.rows, &holds).unwrap(),
                record_numbers: (0..num_rows)
                    .filter(kept)
                    .map(|row| whole.record_numbers[row])
                    .collect(),
                origins: (0..num_rows)
                    .filter(kept)
                    .map(|row| whole.origins[row].clone())
                    .collect(),
                rejects: whole.rejects.clone(),
                errors: whole.errors.clone(),
            };
            for (is_fast, cut) in cuts.iter().flat_map(|cut| [(true, *cut), (false, *cut)]) {
                let mut parser = parser(is_fast);
                parser.set_condition(Box::new(condition.clone()));
                let (found, num_read) = outcome(parser, &fields, files, cut);
                let of = format!("columns {columns:?}, divisor {divisor}, fast {is_fast}, chunks of {cut}");
                assert_eq!(found, expected, "{of}");
                assert_eq!(num_read, num_rows, "{of}");
            }
        }
    }
}

fn columns() -> Vec<ColumnOptions> {
    ColumnType::ALL
        .map(|column_type| ColumnOptions {
            name: column_type.name().to_owned(),
            column_type,
            timestamp: TimestampOptions {
                formats: vec!["%s".to_owned()],
                ..TimestampOptions::default()
            },
            element_at: None,
            members: Vec::new(),
        })
        .to_vec()
}

const ON_BAD_VALUE: [OnBadValue; 3] = [OnBadValue::Reject, OnBadValue::Null, OnBadValue::Rescue];

/// Values of all types, here and there one that does not fit, or none.
fn values(index: usize) -> [String; 6] {
    let bad = |step: usize, text: String| match index % step {
        0 => String::new(),
        1 => format!("bad {index}"),
        _ => text,
    };
    [
        index.is_multiple_of(3).to_string(),
        bad(17, (index * 7).to_string()),
        bad(23, format!("{index}.5")),
        bad(5, format!("text {}", "x".repeat(index % 40))),
        bad(29, (1_700_000_000 + index).to_string()),
        bad(31, format!("[{index}]")),
    ]
}

#[test]
fn csv_rows_are_left_out_and_nothing_else() {
    let mut text = "boolean,long,double,string,timestamp,json,more\n".to_owned();
    for index in 0..60 {
        let mut fields = values(index);
        if index % 4 == 0 {
            fields[3] = format!("\"{}, \"\"{index}\"\"\nand more\"", fields[3]);
        }
        text += &fields.join(",");
        // What some records have too many or too few, and a quote out of place.
        text += ["\n", ",m\n", "\n", "\n\n", "\n\"a\"b\n", "\n1,2\n"][index % 13 % 6];
    }
    for on_bad_value in ON_BAD_VALUE {
        let options = CsvOptions {
            columns: columns(),
            column_match: ColumnMatch::ByName { ignores_case: false },
            on_new_columns: OnNewColumns::Rescue,
            on_bad_value,
            allow_optional_columns: true,
            ..CsvOptions::default()
        };
        let files = [text.as_bytes(), text.as_bytes()];
        check(&ParserOptions::Csv(options), &files, &[1, 7, 4096, usize::MAX]);
    }
}

#[test]
fn json_rows_are_left_out_and_nothing_else() {
    let mut text = String::new();
    for index in 0..60 {
        let members = columns().into_iter().zip(values(index));
        let members = members.filter(|(_, value)| !value.is_empty()).map(|(column, value)| {
            let is_text = matches!(column.column_type, ColumnType::String) || value.starts_with("bad");
            match is_text {
                true => format!("\"{}\": \"{value} \\u00e9\"", column.name),
                false => format!("\"{}\": {value}", column.name),
            }
        });
        text += &format!("{{{}}}", members.collect::<Vec<_>>().join(", "));
        text += ["\n", "\r\n", "\n\n"][index % 3];
    }
    let lines = text.replacen('\n', "\n[1]\n{\"more\": 1}\n", 1) + "{\"string\": \"the end\"}";
    for (layout, text) in [(JsonLayout::Lines, &lines), (JsonLayout::Values, &text)] {
        for on_bad_value in ON_BAD_VALUE {
            let options = JsonOptions {
                layout,
                columns: columns(),
                on_new_columns: OnNewColumns::Rescue,
                on_bad_value,
                ..JsonOptions::default()
            };
            let files = [text.as_bytes(), text.as_bytes()];
            check(&ParserOptions::Json(options), &files, &[1, 7, 4096, usize::MAX]);
        }
    }
}

#[test]
fn a_condition_that_cannot_be_evaluated_is_an_error() {
    for options in [
        ParserOptions::Csv(CsvOptions {
            columns: columns()[3..4].to_vec(),
            ..CsvOptions::default()
        }),
        ParserOptions::Json(JsonOptions::default()),
    ] {
        for mut parser in [
            options.new_parser(&[0], 2, false).unwrap(),
            options.new_reference_parser(&[0], 2, false).unwrap(),
        ] {
            let condition = Divisible {
                columns: vec![0],
                divisor: 0,
            };
            parser.set_condition(Box::new(condition));
            parser.begin_file("f".into());
            parser.push(b"{}\n{}\n{}\n");
            parser.finish_file();
            let error = match parser.next_batch() {
                Ok(_) => parser.flush().unwrap_err(),
                Err(error) => error,
            };
            assert!(matches!(error, ParseError::Condition(_)), "{error}");
        }
    }
}

#[test]
fn places_are_those_of_the_set_bits() {
    for num_bits in [0, 1, 63, 64, 65, 200] {
        for divisor in [1, 2, 3, 64, 1_000] {
            let bits = BooleanBuffer::collect_bool(num_bits + 3, |bit| bit % divisor == 0).slice(3, num_bits);
            let expected: Vec<usize> = bits.set_indices().collect();
            assert_eq!(places(&bits, expected.len()), expected, "{num_bits} {divisor}");
        }
    }
}

//! Both readers on the same cases: the table of section 3 of the configuration reference, and whatever chance makes up.

mod cutting;
mod drift;
mod twins;

use super::*;
use crate::parse::columns::ColumnType;
use crate::parse::drift::{OnBadValue, OnNewColumns};
use crate::parse::origin::{Origin, OriginRows, TimeSource};
use crate::parse::{ParseError, Parsed, Parser, ParserOptions, condition};
use arrow::array::{Array, AsArray};
use arrow::datatypes::TimestampMicrosecondType;
use arrow::util::display::array_value_to_string;
use proptest::prelude::*;

/// Columns named `a`, `b`, ... of the types that the letters stand for.
fn columns(types: &str) -> Vec<ColumnOptions> {
    let column = |(index, letter): (usize, char)| ColumnOptions {
        name: char::from(b'a' + index as u8).to_string(),
        column_type: match letter {
            's' => ColumnType::String,
            'l' => ColumnType::Long,
            'd' => ColumnType::Double,
            'b' => ColumnType::Boolean,
            't' => ColumnType::Timestamp,
            'j' => ColumnType::Json,
            _ => panic!("no type has the letter {letter}"),
        },
        timestamp: Default::default(),
        element_at: None,
        members: Vec::new(),
    };
    types.chars().enumerate().map(column).collect()
}

fn options(types: &str) -> CsvOptions {
    CsvOptions {
        columns: columns(types),
        has_record_numbers: true,
        origins: OriginRows::All,
        ..CsvOptions::default()
    }
}

/// What a reader made of some files: rows as `1: a|b`, with the number of the record, then rejects as
/// `! line 2 byte 3 record 4 (column): reason: text`, then how the files ended.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    rows: Vec<String>,
    rejects: Vec<String>,
    error: Option<String>,
    batch_sizes: Vec<(usize, usize)>,
    origins: Vec<Option<Origin>>,
}

impl Outcome {
    fn take(&mut self, parsed: Parsed) {
        let batch = parsed.batch;
        for row in 0..batch.num_rows() {
            let cells: Vec<String> = batch
                .columns()
                .iter()
                .map(|array| match array.as_primitive_opt::<TimestampMicrosecondType>() {
                    _ if array.is_null(row) => "NULL".to_owned(),
                    Some(micros) => micros.value(row).to_string(),
                    None => array_value_to_string(array, row).unwrap(),
                })
                .collect();
            let number = parsed.record_numbers.as_ref().map_or(0, |numbers| numbers[row]);
            self.rows.push(format!("{number}: {}", cells.join("|")));
        }
        if let Some(numbers) = &parsed.record_numbers {
            assert_eq!(numbers.len(), batch.num_rows());
        }
        if let Some(origins) = &parsed.origins {
            assert_eq!(origins.len(), batch.num_rows());
            self.origins
                .extend((0..batch.num_rows()).map(|row| Origin::of_row(origins, row)));
        }
        self.batch_sizes.push((batch.num_rows(), parsed.rejects.len()));
        for reject in parsed.rejects {
            let position = reject.position;
            let column = reject.column.map_or(String::new(), |column| format!(" {column}"));
            let (line, byte, record) = (position.line, position.byte, position.record);
            let text = reject.record.kept;
            self.rejects.push(format!(
                "line {line} byte {byte} record {record}{column}: {}: {text}",
                reject.reason
            ));
        }
    }

    fn flat(&self) -> String {
        let mut lines = self.rows.clone();
        lines.extend(self.rejects.iter().map(|reject| format!("! {reject}")));
        lines.extend(self.error.iter().map(|error| format!("! {error}")));
        lines.join("\n")
    }
}

fn drain(parser: &mut dyn Parser, outcome: &mut Outcome) -> Result<(), ParseError> {
    while let Some(parsed) = parser.next_batch()? {
        outcome.take(parsed);
    }
    Ok(())
}

/// Parses files; a file of which a record is too long is left, and the next one begun.
fn outcome(parser: &mut dyn Parser, files: &[&[u8]], cuts: &mut dyn FnMut() -> usize) -> Outcome {
    let mut outcome = Outcome::default();
    for file in files {
        parser.begin_file("f".into());
        let mut rest = *file;
        let mut result = Ok(());
        while !rest.is_empty() && result.is_ok() {
            let (chunk, after) = rest.split_at(cuts().clamp(1, rest.len()));
            rest = after;
            parser.push(chunk);
            result = drain(parser, &mut outcome);
        }
        if result.is_ok() {
            parser.finish_file();
            result = drain(parser, &mut outcome);
        }
        if let Err(error) = result {
            outcome.error = Some(error.to_string());
        }
    }
    if let Some(parsed) = parser.flush().unwrap() {
        outcome.take(parsed);
    }
    outcome
}

/// Checks the outcome of both readers, with the files cut into chunks of several sizes.
#[track_caller]
fn check_files(options: &CsvOptions, files: &[&[u8]], expected: &str) {
    for chunk_bytes in [1, 7, 4096, usize::MAX] {
        let mut reference = ReferenceCsvParser::new(options).unwrap();
        let by_reference = outcome(&mut reference, files, &mut || chunk_bytes);
        assert_eq!(
            by_reference.flat(),
            expected,
            "the reference, in chunks of {chunk_bytes}"
        );
        let mut parser = CsvParser::new(options).unwrap();
        let by_parser = outcome(&mut parser, files, &mut || chunk_bytes);
        assert_eq!(by_parser, by_reference, "the fast reader, in chunks of {chunk_bytes}");
    }
}

#[track_caller]
fn check(options: &CsvOptions, text: &str, expected: &str) {
    check_files(options, &[text.as_bytes()], expected);
}

#[test]
fn rows_without_a_time_know_where_they_come_from() {
    let options = CsvOptions {
        origins: OriginRows::Untimed(TimeSource {
            column: 1,
            usable: 0..=9,
        }),
        batch_rows: 4,
        ..options("sl")
    };
    let text = "a,1\nb,\nc,x\nd,10\n\ne,9\n\"f\"\"\",-1\ng,2\nh,3\n";
    for mut parser in [
        Box::new(CsvParser::new(&options).unwrap()) as Box<dyn Parser>,
        Box::new(ReferenceCsvParser::new(&options).unwrap()),
    ] {
        let outcome = outcome(parser.as_mut(), &[text.as_bytes()], &mut || usize::MAX);
        let shown: Vec<String> = outcome
            .origins
            .iter()
            .map(|origin| match origin {
                None => String::new(),
                Some(origin) => format!("{}:{}", origin.position.line, origin.text.kept),
            })
            .collect();
        assert_eq!(shown, ["", "2:b,", "4:d,10", "", "7:\"f\"\"\",-1", "", ""]);
    }
}

#[test]
fn rows_know_where_they_come_from() {
    let text = "a,1\n\"b\r\nc\",2\n\nd,x\ne,3\n".to_owned() + &"f,4\n".repeat(20);
    let mut parser = CsvParser::new(&options("sl")).unwrap();
    let outcome = outcome(&mut parser, &[text.as_bytes()], &mut || usize::MAX);
    let shown: Vec<String> = outcome
        .origins
        .iter()
        .flatten()
        .map(|origin| {
            let place = &origin.position;
            format!(
                "{}:{}:{}:{} {}",
                place.file, place.line, place.byte, place.record, origin.text.kept
            )
        })
        .collect();
    let first = ["f:1:0:1 a,1", "f:2:4:2 \"b\r\nc\",2", "f:6:18:4 e,3", "f:7:22:5 f,4"];
    assert_eq!(shown[..4], first);
    assert_eq!(shown.last().map(String::as_str), Some("f:26:98:24 f,4"));
}

#[test]
fn empty_and_null_are_told_apart() {
    let text = "a,,b\na,\"\",b\na,\\N,b\na,\"\\N\",b\n";
    let with = |null_string: Option<&str>| CsvOptions {
        null_string: null_string.map(str::to_owned),
        ..options("sss")
    };
    check(&with(None), text, "1: a|NULL|b\n2: a||b\n3: a|\\N|b\n4: a|\\N|b");
    check(
        &with(Some("")),
        text,
        "1: a|NULL|b\n2: a|NULL|b\n3: a|\\N|b\n4: a|\\N|b",
    );
    check(&with(Some("\\N")), text, "1: a||b\n2: a||b\n3: a|NULL|b\n4: a|NULL|b");
    let trimmed = CsvOptions {
        trim_if_not_quoted: true,
        ..with(Some("-"))
    };
    check(&trimmed, "a, - ,\" - \"\n", "1: a|NULL| - ");
}

#[test]
fn a_null_string_makes_empty_fields_invalid() {
    let options = CsvOptions {
        null_string: Some("-".to_owned()),
        ..options("lb")
    };
    check(
        &options,
        "-,-\n1,\n,1\n",
        "1: NULL|NULL\n2: 1|false\n! line 3 byte 7 record 3 a: cannot read `` as long: ,1",
    );
}

#[test]
fn values_are_converted_by_type() {
    let text = "1,1.5,yes,2015-03-31 06:12:37.000 +0000,\"{ \"\"a\"\" : [ 1 ] }\"\n,,,,\n";
    check(
        &options("ldbtj"),
        text,
        "1: 1|1.5|true|1427782357000000|{\"a\":[1]}\n2: NULL|NULL|NULL|NULL|NULL",
    );
}

#[test]
fn the_first_field_that_does_not_fit_rejects_the_record() {
    check(
        &options("lds"),
        "1,2,a\nx,y,b\n3,1e999,c\n4,y,d\n5,6,e\n",
        "1: 1|2.0|a\n3: 3|inf|c\n5: 5|6.0|e\n\
         ! line 2 byte 6 record 2 a: cannot read `x` as long: x,y,b\n\
         ! line 4 byte 22 record 4 b: cannot read `y` as double: 4,y,d",
    );
    check(
        &options("j"),
        "{\n",
        "! line 1 byte 0 record 1 a: cannot read `{` as json: {",
    );
    check(
        &options("t"),
        "x",
        "! line 1 byte 0 record 1 a: cannot read `x` as timestamp with format `%Y-%m-%d %H:%M:%S.%N %z`: x",
    );
}

#[test]
fn the_number_of_columns_is_checked_unless_allowed() {
    let text = "a,b\nc\nd,e,f\n\"g\",\n";
    let few = "! line 2 byte 4 record 2: too few columns: expected 2, found 1: c";
    let many = "! line 3 byte 6 record 3: too many columns: expected 2, found 3: d,e,f";
    check(&options("ss"), text, &format!("1: a|b\n4: g|NULL\n{few}\n{many}"));
    let optional = CsvOptions {
        allow_optional_columns: true,
        null_string: Some("x".to_owned()),
        ..options("ss")
    };
    check(&optional, text, &format!("1: a|b\n2: c|NULL\n4: g|\n{many}"));
    let extra = CsvOptions {
        allow_extra_columns: true,
        ..options("ss")
    };
    check(&extra, text, &format!("1: a|b\n3: d|e\n4: g|NULL\n{few}"));
}

#[test]
fn columns_left_out_cannot_reject() {
    let options = CsvOptions {
        projection: Some(vec![2, 0, 0]),
        ..options("lls")
    };
    check(
        &options,
        "1,x,a\ny,x,b\n2,3\n",
        "1: a|1|1\n! line 2 byte 6 record 2 a: cannot read `y` as long: y,x,b\n\
         ! line 3 byte 12 record 3: too few columns: expected 3, found 2: 2,3",
    );
    let none = CsvOptions {
        projection: Some(Vec::new()),
        ..options
    };
    check(&none, "1,x,a\ny,x,b\n", "1: \n2: ");
}

#[test]
fn malformed_utf_8_is_replaced_and_offsets_stay() {
    check_files(
        &options("sl"),
        &[b"\xFF\xE2\x82,1\n\xF0\x9F\x98,x\n\"\xE9\",2\n"],
        "1: \u{FFFD}\u{FFFD}|1\n3: \u{FFFD}|2\n! line 2 byte 6 record 2 b: cannot read `x` as long: \u{FFFD},x",
    );
}

#[test]
fn other_character_sets_are_decoded() {
    let options = CsvOptions {
        charset: encoding_rs::UTF_16LE,
        ..options("ss")
    };
    check_files(&options, &[b"\xFF\xFEa\0,\0\xE9\0\n\0", b"b\0,\0c\0"], "1: a|é\n1: b|c");
    let options = CsvOptions {
        charset: encoding_rs::SHIFT_JIS,
        ..options
    };
    check_files(&options, &[b"\x93\xFA,\x96{\n"], "1: 日|本");
}

#[test]
fn rows_are_gathered_across_files() {
    let options = CsvOptions {
        skip_header_lines: 1,
        batch_rows: 3,
        ..options("s")
    };
    let files: [&[u8]; 5] = [b"h\na\nb", b"h\n", b"", b"h\nc\nd\n", b"\xEF\xBB\xBFh\r\n\"e"];
    check_files(
        &options,
        &files,
        "1: a\n2: b\n1: c\n2: d\n! line 2 byte 6 record 1: unclosed quote: the file ends inside a quoted field: \"e",
    );
    let mut parser = CsvParser::new(&options).unwrap();
    assert_eq!(outcome(&mut parser, &files, &mut || 2).batch_sizes, [(3, 0), (1, 1)]);
}

#[test]
fn a_record_has_a_greatest_length() {
    for text in [
        "a,b\nccccccccccccc,d\n",
        "a,b\n\"cccc\nccccccccc\",d\ne,f",
        "a,b\n#ccccccccccccccccccccc\n",
    ] {
        for chunk_bytes in [1, 3, 100] {
            let options = CsvOptions {
                comment_line_marker: Some("#".to_owned()),
                ..options("ss")
            };
            let mut reference = ReferenceCsvParser::new(&options).unwrap();
            reference.set_max_record_bytes(10);
            let mut parser = CsvParser::new(&options).unwrap();
            parser.set_max_record_bytes(10);
            let files = [text.as_bytes(), b"x,y"];
            let expected = "1: a|b\n1: x|y\n! a record is longer than 268435456 bytes at line 2, byte 4";
            assert_eq!(outcome(&mut reference, &files, &mut || chunk_bytes).flat(), expected);
            assert_eq!(outcome(&mut parser, &files, &mut || chunk_bytes).flat(), expected);
        }
    }
}

#[test]
fn records_longer_than_a_block_are_read() {
    let long = "x".repeat(300_000);
    let quoted = format!("\"{}\"", "y\n".repeat(40_000));
    let text = format!("{long},1\n{quoted},2\nz,3\n");
    let options = CsvOptions {
        newline: Newline::Lf,
        ..options("sl")
    };
    let expected = format!("1: {long}|1\n2: {}|2\n3: z|3", "y\n".repeat(40_000));
    for chunk_bytes in [4096, 50_000, usize::MAX] {
        let mut reference = ReferenceCsvParser::new(&options).unwrap();
        let mut parser = CsvParser::new(&options).unwrap();
        for parser in [&mut reference as &mut dyn Parser, &mut parser] {
            assert!(outcome(parser, &[text.as_bytes()], &mut || chunk_bytes).flat() == expected);
        }
    }
}

#[test]
fn options_that_make_no_sense_are_refused() {
    let refused = |options: CsvOptions| {
        let error = CsvParser::new(&options).err();
        assert_eq!(ReferenceCsvParser::new(&options).err(), error);
        error.unwrap().to_string()
    };
    assert_eq!(
        refused(CsvOptions {
            delimiter: String::new(),
            ..options("s")
        }),
        "`delimiter` is empty"
    );
    assert_eq!(
        refused(CsvOptions {
            delimiter: "a\n".to_owned(),
            ..options("s")
        }),
        "`delimiter` contains a line end"
    );
    assert_eq!(
        refused(CsvOptions {
            quote: Some('\r'),
            ..options("s")
        }),
        "`quote` contains a line end"
    );
    assert_eq!(
        refused(CsvOptions {
            batch_rows: 0,
            ..options("s")
        }),
        "batches of 0 rows"
    );
    let options = CsvOptions {
        projection: Some(vec![1]),
        ..options("s")
    };
    assert_eq!(refused(options), "projection of column 1, but there are 1 columns");
}

#[test]
fn text_is_split_without_types() {
    let options = CsvOptions {
        skip_header_lines: 1,
        ..CsvOptions::default()
    };
    let records = split_records("h\na,\"b\"\"\"\n\n\"x\"y\nc", &options);
    let shown: Vec<Vec<(&str, bool)>> = records
        .iter()
        .map(|record| {
            record
                .iter()
                .map(|field| (field.text.as_str(), field.is_quoted))
                .collect()
        })
        .collect();
    assert_eq!(shown, [vec![("a", false), ("b\"", true)], vec![("c", false)]]);
    assert!(
        split_records(
            "a",
            &CsvOptions {
                delimiter: String::new(),
                ..options
            }
        )
        .is_empty()
    );
}

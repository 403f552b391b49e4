//! What both readers make of the same text, however it is cut.

mod drift;

use super::*;
use crate::parse::origin::Origin;
use crate::parse::{Parsed, Reject};
use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimestampMicrosecondType};
use encoding_rs::{SHIFT_JIS, UTF_16LE};
use proptest::prelude::*;
use std::sync::Arc;

/// What came of one or more files.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    /// A row's fields, separated by ` | `, with its record number in front if it was asked for.
    rows: Vec<String>,
    /// Where each row comes from, if that was asked for.
    origins: Vec<Option<Origin>>,
    rejects: Vec<Reject>,
    errors: Vec<String>,
}

impl Outcome {
    fn add(&mut self, parsed: Parsed, batch_rows: usize) {
        assert!(parsed.batch.num_rows() <= batch_rows);
        for row in 0..parsed.batch.num_rows() {
            let mut fields = Vec::new();
            if let Some(record_numbers) = &parsed.record_numbers {
                assert_eq!(record_numbers.len(), parsed.batch.num_rows());
                fields.push(format!("#{}", record_numbers[row]));
            }
            fields.extend(parsed.batch.columns().iter().map(|column| shown(column.as_ref(), row)));
            self.rows.push(fields.join(" | "));
        }
        if let Some(origins) = &parsed.origins {
            let rows = 0..parsed.batch.num_rows();
            self.origins.extend(rows.map(|row| Origin::of_row(origins, row)));
        }
        self.rejects.extend(parsed.rejects);
    }
}

fn shown(array: &dyn Array, row: usize) -> String {
    if array.is_null(row) {
        return "null".to_owned();
    }
    match array.data_type() {
        DataType::Boolean => array.as_boolean().value(row).to_string(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::Float64 => format!("{:?}", array.as_primitive::<Float64Type>().value(row)),
        DataType::Utf8 => array.as_string::<i32>().value(row).to_owned(),
        DataType::Timestamp(_, _) => format!("{}us", array.as_primitive::<TimestampMicrosecondType>().value(row)),
        other => panic!("no column has type {other}"),
    }
}

fn drain(parser: &mut dyn Parser, outcome: &mut Outcome, batch_rows: usize) {
    loop {
        match parser.next_batch() {
            Ok(Some(parsed)) => outcome.add(parsed, batch_rows),
            Ok(None) => return,
            Err(error) => outcome.errors.push(error.to_string()),
        }
    }
}

/// Parses `files` in chunks whose lengths are taken from `cuts` over and over.
fn parse(mut parser: Box<dyn Parser>, batch_rows: usize, files: &[&[u8]], cuts: &[usize]) -> Outcome {
    let mut outcome = Outcome::default();
    for (index, file) in files.iter().enumerate() {
        parser.begin_file(Arc::from(format!("file{index}")));
        let mut rest = *file;
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (chunk, behind) = rest.split_at((*cut).min(rest.len()));
            parser.push(chunk);
            drain(parser.as_mut(), &mut outcome, batch_rows);
            rest = behind;
        }
        parser.finish_file();
        drain(parser.as_mut(), &mut outcome, batch_rows);
    }
    while let Some(parsed) = parser.flush().unwrap() {
        outcome.add(parsed, batch_rows);
    }
    outcome
}

/// Parses with both readers and many ways of cutting, and demands one outcome of all.
#[track_caller]
fn outcome_of(options: &JsonOptions, files: &[&[u8]]) -> Outcome {
    let whole = files.iter().map(|file| file.len()).max().unwrap_or(0).max(1);
    let expected = parse(
        new_reference_parser(options).unwrap(),
        options.batch_rows,
        files,
        &[whole],
    );
    for cut in [1, 7, 4096, whole] {
        let reference = parse(
            new_reference_parser(options).unwrap(),
            options.batch_rows,
            files,
            &[cut],
        );
        assert_eq!(reference, expected, "reference, chunks of {cut}");
        let fast = parse(new_parser(options).unwrap(), options.batch_rows, files, &[cut]);
        assert_eq!(fast, expected, "fast, chunks of {cut}");
    }
    expected
}

/// Rejects as `line:byte:record column: reason: record`.
fn shown_rejects(outcome: &Outcome) -> Vec<String> {
    let mut shown = Vec::new();
    for Reject {
        position,
        column,
        reason,
        record,
        ..
    } in &outcome.rejects
    {
        let column = column.as_ref().map(|name| format!("{name}: ")).unwrap_or_default();
        shown.push(format!(
            "{}:{}:{} {column}{reason}: {record}",
            position.line, position.byte, position.record
        ));
    }
    shown
}

#[track_caller]
fn check(options: &JsonOptions, input: impl AsRef<[u8]>, rows: &[&str], rejects: &[&str]) {
    check_with_error(options, input, rows, rejects, &[]);
}

#[track_caller]
fn check_with_error(options: &JsonOptions, input: impl AsRef<[u8]>, rows: &[&str], rejects: &[&str], errors: &[&str]) {
    let outcome = outcome_of(options, &[input.as_ref()]);
    assert_eq!(outcome.rows, rows);
    assert_eq!(shown_rejects(&outcome), rejects);
    assert_eq!(outcome.errors, errors);
}

fn column(name: &str, column_type: ColumnType) -> ColumnOptions {
    ColumnOptions {
        name: name.to_owned(),
        column_type,
        timestamp: TimestampOptions {
            formats: vec!["%Y-%m-%dT%H:%M:%S%z".to_owned(), "%s".to_owned()],
            ..TimestampOptions::default()
        },
        element_at: None,
        members: Vec::new(),
    }
}

fn column_at(name: &str, column_type: ColumnType, pointer: &str) -> ColumnOptions {
    ColumnOptions {
        element_at: Some(pointer.to_owned()),
        ..column(name, column_type)
    }
}

fn keeping(members: &[&str], column: ColumnOptions) -> ColumnOptions {
    ColumnOptions {
        members: members.iter().map(|member| (*member).to_owned()).collect(),
        ..column
    }
}

fn lines(columns: Vec<ColumnOptions>) -> JsonOptions {
    JsonOptions {
        layout: JsonLayout::Lines,
        columns,
        ..JsonOptions::default()
    }
}

fn values(columns: Vec<ColumnOptions>) -> JsonOptions {
    JsonOptions {
        layout: JsonLayout::Values,
        columns,
        ..JsonOptions::default()
    }
}

/// Reads `field` as column `a` of `column_type`, in both layouts: `Ok` the value shown, `Err` the reason.
#[track_caller]
fn check_field(column_type: ColumnType, field: &str, expected: Result<&str, &str>) {
    for options in [
        lines(vec![column("a", column_type)]),
        values(vec![column("a", column_type)]),
    ] {
        let input = format!("{{\"a\":{field}}}");
        match expected {
            Ok(row) => check(&options, &input, &[row], &[]),
            Err(reason) => check(&options, &input, &[], &[&format!("1:0:1 a: {reason}: {input}")]),
        }
    }
}

/// Reads a line that is no JSON value.
#[track_caller]
fn check_bad_line(line: &str, reason: &str) {
    let input = format!("{{}}\n{line}\n{{}}");
    check(
        &lines(vec![column("a", ColumnType::Long)]),
        &input,
        &["null", "null"],
        &[&format!("2:3:2 not valid JSON: {reason}: {line}")],
    );
}

mod fields {
    use super::*;

    #[test]
    fn null_and_absent_are_null_in_every_type() {
        for column_type in ColumnType::ALL {
            check_field(column_type, "null", Ok("null"));
            check(
                &lines(vec![column("a", column_type)]),
                "{}\n{\"b\":1}",
                &["null", "null"],
                &[],
            );
        }
    }

    #[test]
    fn boolean_is_the_word_true_in_any_case() {
        for (field, expected) in [
            ("true", "true"),
            ("false", "false"),
            ("\"true\"", "true"),
            ("\"TrUe\"", "true"),
            ("\"\\u0074rue\"", "true"),
            ("\"yes\"", "false"),
            ("\"\"", "false"),
            ("1", "false"),
            ("[true]", "false"),
            ("{}", "false"),
        ] {
            check_field(ColumnType::Boolean, field, Ok(expected));
        }
    }

    #[test]
    fn long_is_an_integer_or_the_text_of_one() {
        for (field, expected) in [
            ("0", "0"),
            ("-0", "0"),
            ("-12", "-12"),
            ("9223372036854775807", "9223372036854775807"),
            ("-9223372036854775808", "-9223372036854775808"),
            ("\"+5\"", "5"),
            ("\"007\"", "7"),
            ("\"\\u0037\"", "7"),
            ("\"１２\"", "12"),
        ] {
            check_field(ColumnType::Long, field, Ok(expected));
        }
        for (field, text) in [
            ("1.0", "1.0"),
            ("1e3", "1e3"),
            ("9223372036854775808", "9223372036854775808"),
            ("true", "true"),
            ("NaN", "NaN"),
            ("\" 1\"", " 1"),
            ("\"\"", ""),
            ("\"abc\"", "abc"),
            ("[ 1 ]", "[1]"),
            ("{\"b\": null}", "{\"b\":null}"),
        ] {
            check_field(ColumnType::Long, field, Err(&format!("cannot read `{text}` as long")));
        }
    }

    #[test]
    fn double_is_any_number_or_the_text_of_one() {
        for (field, expected) in [
            ("1", "1.0"),
            ("-1.5e3", "-1500.0"),
            ("1E400", "inf"),
            ("NaN", "NaN"),
            ("Infinity", "inf"),
            ("-Infinity", "-inf"),
            ("\" 1.5f \"", "1.5"),
            ("\"0x1p4\"", "16.0"),
            ("\"NaN\"", "NaN"),
            ("18446744073709551616", "1.8446744073709552e19"),
        ] {
            check_field(ColumnType::Double, field, Ok(expected));
        }
        for (field, text) in [("\"\"", ""), ("\"inf\"", "inf"), ("true", "true"), ("[]", "[]")] {
            check_field(
                ColumnType::Double,
                field,
                Err(&format!("cannot read `{text}` as double")),
            );
        }
    }

    #[test]
    fn string_is_the_content_of_a_string_or_the_text_of_a_value() {
        for (field, expected) in [
            ("\"\"", ""),
            ("\"a b\"", "a b"),
            (r#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"),
            ("\"\u{1}\tx\"", "\u{1}\tx"),
            ("true", "true"),
            ("1.50", "1.50"),
            ("123456789012345678901234567890", "123456789012345678901234567890"),
            ("NaN", "NaN"),
            ("[1, \"x\\u0041\" ]", "[1,\"xA\"]"),
            ("{ \"k\" : [ ] }", "{\"k\":[]}"),
        ] {
            check_field(ColumnType::String, field, Ok(expected));
        }
    }

    #[test]
    fn surrogates_become_a_character_or_are_replaced() {
        for (field, expected) in [
            (r#""\ud83d\ude00""#, "😀"),
            (r#""\uD83D""#, "\u{FFFD}"),
            (r#""\ude00""#, "\u{FFFD}"),
            (r#""\ude00\ud83d""#, "\u{FFFD}\u{FFFD}"),
            (r#""\ud83d\ud83d\ude00""#, "\u{FFFD}😀"),
            (r#""\ud83dx\ude00""#, "\u{FFFD}x\u{FFFD}"),
            (r#""\ud83d\n""#, "\u{FFFD}\n"),
        ] {
            check_field(ColumnType::String, field, Ok(expected));
        }
        check_field(ColumnType::Json, r#""\ud83d""#, Ok("\"\u{FFFD}\""));
    }

    #[test]
    fn timestamp_is_the_text_of_a_string_or_number() {
        check_field(ColumnType::Timestamp, "\"1970-01-02T00:00:00Z\"", Ok("86400000000us"));
        check_field(
            ColumnType::Timestamp,
            "\"1970-01-02\\u005400:00:00Z\"",
            Ok("86400000000us"),
        );
        check_field(ColumnType::Timestamp, "1", Ok("1000000us"));
        check_field(ColumnType::Timestamp, "\"x\"", Err("cannot read `x` as timestamp"));
        check_field(ColumnType::Timestamp, "\"\"", Err("cannot read `` as timestamp"));
        check_field(ColumnType::Timestamp, "[ ]", Err("cannot read `[]` as timestamp"));
    }

    #[test]
    fn json_is_compact_text_that_every_reader_takes() {
        for (field, expected) in [
            ("1.50", "1.50"),
            ("-0", "-0"),
            ("1E+2", "1E+2"),
            ("123456789012345678901234567890", "123456789012345678901234567890"),
            ("true", "true"),
            ("\"x\"", "\"x\""),
            ("\"a b\"", "\"a b\""),
            (r#""\u0041\/\u00e9\"\\""#, r#""A/é\"\\""#),
            ("\"\u{1}\u{1f}\t\"", r#""\u0001\u001f\t""#),
            (r#""\b\f\n\r\t\u000b""#, r#""\b\f\n\r\t\u000b""#),
            ("[ 1 , -2 ,\t\"a  b\" ]", "[1,-2,\"a  b\"]"),
            (
                "[NaN, Infinity,-Infinity,-1]",
                "[\"NaN\",\"Infinity\",\"-Infinity\",-1]",
            ),
            ("NaN", "\"NaN\""),
            ("-Infinity", "\"-Infinity\""),
            ("{\"b\":1,\"a\":2,\"b\":3}", "{\"b\":1,\"a\":2,\"b\":3}"),
            ("{\"\\u0062\":{}}", "{\"b\":{}}"),
            ("[]", "[]"),
        ] {
            check_field(ColumnType::Json, field, Ok(expected));
        }
    }

    #[test]
    fn long_values_are_cut_in_messages() {
        let field = "x".repeat(150);
        let reason = format!("cannot read `{}...` as long", "x".repeat(100));
        check_field(ColumnType::Long, &format!("\"{field}\""), Err(&reason));
        let field = "é".repeat(150);
        let reason = format!("cannot read `{}...` as long", "é".repeat(100));
        check_field(ColumnType::Long, &format!("\"{field}\""), Err(&reason));
    }

    #[test]
    fn long_strings_with_escapes_are_read() {
        let content = "0123456789abcdef\\n".repeat(5000);
        let expected = "0123456789abcdef\n".repeat(5000);
        check_field(ColumnType::String, &format!("\"{content}\""), Ok(&expected));
        check_field(
            ColumnType::Json,
            &format!("\"{content}\""),
            Ok(&format!("\"{content}\"")),
        );
    }
}

mod records {
    use super::*;

    #[test]
    fn fields_are_found_by_name_and_by_pointer() {
        let columns = vec![
            column("a", ColumnType::Long),
            column_at("b", ColumnType::String, "/x/y"),
            column_at("c", ColumnType::Long, "/list/1"),
            column_at("d", ColumnType::Json, "/x"),
            column_at("e", ColumnType::Json, ""),
            column_at("f", ColumnType::Long, "/list/1/deep"),
            column("a/b~c", ColumnType::Long),
            column_at("g", ColumnType::Long, "/a~1b~0c"),
        ];
        let record = r#"{"x":{"y":"z"},"list":[1,2,3],"a":5,"a/b~c":7}"#;
        let expected = format!("5 | z | 2 | {} | {record} | null | 7 | 7", "{\"y\":\"z\"}");
        for options in [lines(columns.clone()), values(columns)] {
            check(&options, record, &[&expected], &[]);
        }
    }

    #[test]
    fn an_index_in_a_pointer_is_a_name_in_an_object() {
        let columns = vec![column_at("a", ColumnType::Long, "/0"), column("0", ColumnType::Long)];
        check(&lines(columns), r#"{"0":1,"1":2}"#, &["1 | 1"], &[]);
        let columns = vec![
            column_at("a", ColumnType::Long, "/x/0"),
            column_at("b", ColumnType::Long, "/x/01"),
        ];
        check(
            &lines(columns),
            "{\"x\":{\"0\":1,\"01\":3}}\n{\"x\":[2]}",
            &["1 | 3", "2 | null"],
            &[],
        );
    }

    #[test]
    fn names_with_escapes_are_found() {
        check(
            &lines(vec![column("aé", ColumnType::Long)]),
            r#"{"\u0061\u00e9":1}"#,
            &["1"],
            &[],
        );
    }

    #[test]
    fn the_last_of_several_members_counts() {
        let columns = vec![column("a", ColumnType::Long), column_at("b", ColumnType::Long, "/x/b")];
        let input = concat!(
            r#"{"a":1,"a":2,"x":{"b":1},"x":{"c":2}}"#,
            "\n",
            r#"{"a":1,"\u0061":null,"x":{"b":1},"x":3}"#,
            "\n",
            r#"{"a":"bad","a":4,"x":{"b":1,"b":2}}"#,
        );
        check(&lines(columns), input, &["2 | null", "null | null", "4 | 2"], &[]);
    }

    #[test]
    fn a_json_column_keeps_the_members_that_it_names() {
        let columns = || {
            vec![
                keeping(&["sha", "n"], column("c", ColumnType::Json)),
                keeping(&["é\""], column_at("d", ColumnType::Json, "/c")),
                column_at("e", ColumnType::String, "/c/0/sha"),
            ]
        };
        for options in [lines(columns()), values(columns())] {
            check(
                &options,
                concat!(
                    r#"{"c": [ {"sha":"a", "x":{"sha":1}, "n" : {"x": NaN}}, 7, [{"n":[ ]}], {} ]}"#,
                    "\n",
                    r#"{"c": {"x":1,"\u0073ha":"\u0041","sha":2,"\u00e9\"":null}}"#,
                    "\n",
                    r#"{"c":"sha"}"#,
                    "\n",
                    r#"{"c":null}"#,
                ),
                &[
                    r#"[{"sha":"a","n":{"x":"NaN"}},7,[{"n":[]}],{}] | [{},7,[{}],{}] | a"#,
                    r#"{"sha":"A","sha":2} | {"é\"":null} | null"#,
                    r#""sha" | "sha" | null"#,
                    "null | null | null",
                ],
                &[],
            );
        }
    }

    #[test]
    fn without_columns_the_record_is_one_column() {
        let input = "{ \"a\" : [1, 2.0] }\n{\"record\":1}\n[1]";
        for layout in [JsonLayout::Lines, JsonLayout::Values] {
            let options = JsonOptions {
                layout,
                ..JsonOptions::default()
            };
            let rejects = ["3:32:3 value is an array, expected an object: [1]"];
            check(&options, input, &["{\"a\":[1,2.0]}", "{\"record\":1}"], &rejects);
        }
    }

    #[test]
    fn what_is_no_object_is_a_reject() {
        let columns = vec![column("a", ColumnType::Long)];
        for options in [lines(columns.clone()), values(columns)] {
            let input = "{\"a\":1}\n[{\"a\":2}]\nnull\n7\n\"x\"\ntrue\nNaN\n{\"a\":3}";
            let rejects = [
                "2:8:2 value is an array, expected an object: [{\"a\":2}]",
                "3:18:3 value is null, expected an object: null",
                "4:23:4 value is a number, expected an object: 7",
                "5:25:5 value is a string, expected an object: \"x\"",
                "6:29:6 value is a boolean, expected an object: true",
                "7:34:7 value is a number, expected an object: NaN",
            ];
            check(&options, input, &["1", "3"], &rejects);
        }
    }

    #[test]
    fn a_rejected_record_leaves_no_column_behind() {
        let columns: Vec<ColumnOptions> = ColumnType::ALL
            .into_iter()
            .map(|column_type| column(column_type.name(), column_type))
            .collect();
        let good = r#"{"boolean":true,"long":1,"double":1,"string":"s","timestamp":1,"json":{}}"#;
        let bad = r#"{"boolean":true,"long":1,"double":1,"string":"s","timestamp":"?","json":{}}"#;
        let worse = r#"{"boolean":true,"long":"?","double":1,"string":"s","timestamp":1,"json":{}}"#;
        let input = [good, bad, worse, good].join("\n");
        let row = "true | 1 | 1.0 | s | 1000000us | {}";
        let rejects = [
            format!("2:74:2 timestamp: cannot read `?` as timestamp: {bad}"),
            format!("3:150:3 long: cannot read `?` as long: {worse}"),
        ];
        check(&lines(columns), input, &[row, row], &[&rejects[0], &rejects[1]]);
    }

    #[test]
    fn only_the_projected_columns_are_converted() {
        let columns = vec![
            column("a", ColumnType::Long),
            column("b", ColumnType::String),
            column("c", ColumnType::Long),
        ];
        let mut options = lines(columns);
        options.projection = Some(vec![2, 1]);
        check(&options, r#"{"a":"not a number","b":"x","c":3}"#, &["3 | x"], &[]);
        options.projection = Some(Vec::new());
        options.has_record_numbers = true;
        check(&options, "{}\n{}", &["#1", "#2"], &[]);
        options.projection = Some(vec![3]);
        let error = new_parser(&options).err().unwrap();
        assert_eq!(
            error,
            JsonOptionsError::Projection {
                index: 3,
                num_columns: 3
            }
        );
    }

    #[test]
    fn record_numbers_count_rejects_and_start_anew_in_each_file() {
        let mut options = lines(vec![column("a", ColumnType::Long)]);
        options.has_record_numbers = true;
        options.batch_rows = 2;
        let outcome = outcome_of(
            &options,
            &[b"{\"a\":1}\nx\n\n{\"a\":2}\n", b"{\"a\":3}", b"", b"y\n{\"a\":4}"],
        );
        assert_eq!(outcome.rows, ["#1 | 1", "#3 | 2", "#1 | 3", "#2 | 4"]);
        let places: Vec<_> = outcome
            .rejects
            .iter()
            .map(|reject| (reject.position.file.to_string(), reject.position.record))
            .collect();
        assert_eq!(places, [("file0".to_owned(), 2), ("file3".to_owned(), 1)]);
    }

    #[test]
    fn rows_are_gathered_across_files() {
        let options = JsonOptions {
            batch_rows: 3,
            ..values(vec![column("a", ColumnType::Long)])
        };
        let mut parser = new_parser(&options).unwrap();
        let mut num_rows = Vec::new();
        for file in 0..4 {
            parser.begin_file(Arc::from(format!("{file}")));
            parser.push(b"{\"a\":1}{\"a\":2}");
            parser.finish_file();
            while let Some(parsed) = parser.next_batch().unwrap() {
                num_rows.push(parsed.batch.num_rows());
            }
        }
        while let Some(parsed) = parser.flush().unwrap() {
            num_rows.push(parsed.batch.num_rows());
        }
        assert_eq!(num_rows, [3, 3, 2]);
    }

    #[test]
    fn json_columns_are_marked_in_the_schema() {
        let mut parser = new_parser(&lines(vec![
            column("a", ColumnType::Json),
            column("b", ColumnType::Timestamp),
        ]))
        .unwrap();
        parser.begin_file(Arc::from("f"));
        parser.push(b"{}");
        parser.finish_file();
        let batch = parser.flush().unwrap().unwrap().batch;
        assert_eq!(*batch.schema().field(0), ColumnType::Json.field("a"));
        assert_eq!(*batch.schema().field(1), ColumnType::Timestamp.field("b"));
        assert!(parser.flush().unwrap().is_none());
    }

    #[test]
    fn many_names_of_one_length_are_told_apart() {
        let names: Vec<String> = (0..40).map(|number| format!("c{:02}", (number * 7) % 40)).collect();
        let columns = names.iter().map(|name| column(name, ColumnType::Long)).collect();
        // Every other column is there, one that nobody wants among them, and one twice.
        let members: Vec<String> = (0..42)
            .step_by(2)
            .map(|number| format!("\"c{number:02}\":{number}"))
            .collect();
        let record = format!("{{\"c04\":99,{}}}\n", members.join(","));
        let expected: Vec<String> = (0..40)
            .map(|number| (number * 7) % 40)
            .map(|number| {
                if number % 2 == 0 {
                    number.to_string()
                } else {
                    "null".to_owned()
                }
            })
            .collect();
        check(&lines(columns), record, &[&expected.join(" | ")], &[]);
    }

    #[test]
    fn options_that_cannot_be_used_are_refused() {
        let check_error = |options: JsonOptions, expected: &str| {
            for error in [
                new_parser(&options).err().unwrap(),
                new_reference_parser(&options).err().unwrap(),
            ] {
                assert_eq!(error.to_string(), expected);
            }
        };
        check_error(
            JsonOptions {
                root: Some("a".to_owned()),
                ..lines(Vec::new())
            },
            "root: `a` is not a JSON Pointer: it must be empty or begin with `/`",
        );
        check_error(
            values(vec![column_at("c", ColumnType::Long, "/~")]),
            "element_at of column `c`: `/~` is not a JSON Pointer: `~` must be followed by `0` (for `~`) or `1` (for `/`)",
        );
        let mut timestamp = column("t", ColumnType::Timestamp);
        timestamp.timestamp.formats = vec!["%*".to_owned()];
        check_error(lines(vec![timestamp]), "column `t` cannot be read as timestamp");
    }

    #[test]
    fn the_text_of_a_reject_is_cut() {
        for (layout, filler) in [
            (JsonLayout::Lines, "é"),
            (JsonLayout::Values, "é"),
            (JsonLayout::Values, "\u{FFFD}"),
        ] {
            let options = JsonOptions {
                layout,
                ..lines(vec![column("a", ColumnType::Long)])
            };
            let outcome = outcome_of(
                &options,
                &[format!("{{\"a\":\"{}\"}}", filler.repeat(40_000)).as_bytes()],
            );
            let record = &outcome.rejects[0].record;
            assert!(record.len() <= Reject::MAX_RECORD_BYTES && record.len() > Reject::MAX_RECORD_BYTES - 4);
            assert!(record.ends_with(filler));
        }
    }

    #[test]
    fn a_file_of_rejects_does_not_wait_for_rows() {
        let options = JsonOptions {
            batch_rows: 10,
            ..lines(vec![column("a", ColumnType::Long)])
        };
        let mut parser = new_parser(&options).unwrap();
        parser.begin_file(Arc::from("f"));
        parser.push(&b"x\n".repeat(25));
        assert_eq!(parser.next_batch().unwrap().unwrap().rejects.len(), 10);
        assert_eq!(parser.next_batch().unwrap().unwrap().rejects.len(), 10);
        assert!(parser.next_batch().unwrap().is_none());
        let parsed = parser.flush().unwrap().unwrap();
        assert_eq!((parsed.rejects.len(), parsed.batch.num_rows()), (5, 0));
    }

    #[test]
    fn a_batch_is_cut_before_its_text_is_too_large() {
        let options = lines(Vec::new());
        let mut parser = new_parser(&options).unwrap();
        parser.begin_file(Arc::from("f"));
        let line = format!("{{\"a\":\"{}\"}}\n", "x".repeat(30 * 1024 * 1024));
        for _ in 0..3 {
            parser.push(line.as_bytes());
        }
        assert_eq!(parser.next_batch().unwrap().unwrap().batch.num_rows(), 3);
    }
}

mod line_layout {
    use super::*;

    #[test]
    fn every_line_end_ends_a_line() {
        let input = "{\"a\":1}\n{\"a\":2}\r\n{\"a\":3}\r{\"a\":4}\n\r\n\r\r{\"a\":\"?\"}";
        let rejects = ["8:37:5 a: cannot read `?` as long: {\"a\":\"?\"}"];
        check(
            &lines(vec![column("a", ColumnType::Long)]),
            input,
            &["1", "2", "3", "4"],
            &rejects,
        );
    }

    #[test]
    fn blank_lines_are_no_records() {
        let input = "\n \t \n{\"a\":1}\n\n  {\"a\":2}  \n   ";
        check(&lines(vec![column("a", ColumnType::Long)]), input, &["1", "2"], &[]);
        check(&lines(Vec::new()), "", &[], &[]);
    }

    #[test]
    fn a_bad_line_is_a_reject_and_the_next_is_read() {
        check_bad_line(
            "{",
            "expected a member name or `}`, found the end of the line at character 2",
        );
        check_bad_line(
            "{\"a\":1",
            "expected `,` or `}`, found the end of the line at character 7",
        );
        check_bad_line("{\"a\":1,}", "expected a member name, found `}` at character 8");
        check_bad_line("{\"a\" 1}", "expected `:`, found `1` at character 6");
        check_bad_line("{\"a\":}", "expected a value, found `}` at character 6");
        check_bad_line("{a:1}", "expected a member name or `}`, found `a` at character 2");
        check_bad_line("{'a':1}", "expected a member name or `}`, found `'` at character 2");
        check_bad_line("[1 2]", "expected `,` or `]`, found `2` at character 4");
        check_bad_line("[1,]", "expected a value, found `]` at character 4");
        check_bad_line("[1}", "expected `,` or `]`, found `}` at character 3");
        check_bad_line("{\"é\":tru}", "expected `true`, found `}` at character 9");
        check_bad_line("{\"a\":1}}", "expected the end of the line, found `}` at character 8");
        check_bad_line("{} {}", "expected the end of the line, found `{` at character 4");
        check_bad_line("{\"a\":\"x", "expected `\"`, found the end of the line at character 8");
        check_bad_line("{\"a\":01}", "expected `,` or `}`, found `1` at character 7");
        check_bad_line("{\"a\":1.}", "expected a digit, found `}` at character 8");
        check_bad_line("{\"a\":-}", "expected a digit, found `}` at character 7");
        check_bad_line("{\"a\":1e+}", "expected a digit, found `}` at character 9");
        check_bad_line("{\"a\":+1}", "expected a value, found `+` at character 6");
        check_bad_line("{\"a\":nan}", "expected `null`, found `a` at character 7");
        check_bad_line(
            "{\"a\":\"\\x\"}",
            "expected one of `\"\\/bfnrtu` after `\\`, found `x` at character 8",
        );
        check_bad_line(
            "{\"a\":\"\\u12G4\"}",
            "expected a hexadecimal digit, found `G` at character 11",
        );
        check_bad_line("{\"a\":\u{1}}", "expected a value, found byte 0x01 at character 6");
        check_bad_line("日", "expected a value, found byte 0xE6 at character 1");
        check_bad_line("// comment", "expected a value, found `/` at character 1");
    }

    #[test]
    fn a_line_end_inside_a_value_ends_the_line() {
        let rejects = [
            "1:0:1 not valid JSON: expected a value, found the end of the line at character 6: {\"a\":",
            "2:6:2 not valid JSON: expected the end of the line, found `}` at character 2: 1}",
        ];
        check(
            &lines(vec![column("a", ColumnType::Long)]),
            "{\"a\":\n1}",
            &[],
            &rejects,
        );
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_first_line() {
        let rejects = ["1:3:1 a: cannot read `?` as long: {\"a\":\"?\"}"];
        check(
            &lines(vec![column("a", ColumnType::Long)]),
            "\u{FEFF}{\"a\":\"?\"}\n{\"a\":2}",
            &["2"],
            &rejects,
        );
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_replaced() {
        let input = b"{\"a\":\"x\xFFy\"}\n{\"a\":\"\xE3\x81\"}\n{\"a\":\xFF}\n{\"a\":\"\xE3\x81\x82\"}";
        let reject = "3:23:3 not valid JSON: expected a value, found byte 0xEF at character 6: {\"a\":\u{FFFD}}";
        check(
            &lines(vec![column("a", ColumnType::String)]),
            input,
            &["x\u{FFFD}y", "\u{FFFD}", "あ"],
            &[reject],
        );
    }

    #[test]
    fn other_character_sets_are_decoded_and_positions_are_those_of_the_file() {
        let options = JsonOptions {
            charset: Some(SHIFT_JIS),
            ..lines(vec![column("日", ColumnType::Long)])
        };
        let (input, _, _) = SHIFT_JIS.encode("{\"日\":1}\n{\"日\":\"ソ\"}\r\n{\"日\":\"x\"}");
        let rejects = [
            "2:9:2 日: cannot read `ソ` as long: {\"日\":\"ソ\"}",
            "3:22:3 日: cannot read `x` as long: {\"日\":\"x\"}",
        ];
        check(&options, &input, &["1"], &rejects);
        let options = JsonOptions {
            charset: Some(UTF_16LE),
            ..options
        };
        let input: Vec<u8> = "\u{FEFF}{\"日\":1}\r\n{\"日\":\"😀\"}"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        check(
            &options,
            &input,
            &["1"],
            &["2:20:2 日: cannot read `😀` as long: {\"日\":\"😀\"}"],
        );
    }

    #[test]
    fn root_and_flattening_work_within_a_line() {
        let options = JsonOptions {
            root: Some("/r".to_owned()),
            flatten_json_array: true,
            ..lines(vec![column("a", ColumnType::Long)])
        };
        let input =
            "{\"r\":[{\"a\":1},{\"a\":\"?\"},3]}\n{\"r\":[]}\n{\"r\":{}}\n{}\n{\"r\":[{\"a\":4}]\n{\"r\":[{\"a\":5}]}";
        let rejects = [
            "1:0:2 a: cannot read `?` as long: {\"a\":\"?\"}",
            "1:0:3 value is a number, expected an object: 3",
            "3:37:4 value is an object, expected an array: {}",
            "4:46:5 no value at root `/r`: {}",
            "5:49:6 not valid JSON: expected `,` or `}`, found the end of the line at character 15: {\"r\":[{\"a\":4}]",
        ];
        check(&options, input, &["1", "5"], &rejects);
    }

    #[test]
    fn a_line_that_is_too_long_ends_the_file() {
        let options = JsonOptions {
            max_record_bytes: 10,
            ..lines(vec![column("a", ColumnType::Long)])
        };
        check(&options, "{\"a\":1234}\n", &["1234"], &[]);
        let error = "a record is longer than 10 bytes at line 2, byte 8";
        check_with_error(&options, "{\"a\":1}\n{\"a\":12345}\n{\"a\":2}", &["1"], &[], &[error]);
        check_with_error(&options, "{\"a\":1}\n{\"a\":123456", &["1"], &[], &[error]);
    }

    #[test]
    fn a_line_that_repairing_makes_too_long_is_read() {
        let options = JsonOptions {
            max_record_bytes: 16,
            flatten_json_array: true,
            ..lines(vec![column("a", ColumnType::String)])
        };
        check(
            &options,
            b"[{\"a\":\"\xFF\xFF\xFF\"}]",
            &["\u{FFFD}\u{FFFD}\u{FFFD}"],
            &[],
        );
    }

    #[test]
    fn a_file_after_a_failed_one_is_read() {
        let options = JsonOptions {
            max_record_bytes: 10,
            ..lines(vec![column("a", ColumnType::Long)])
        };
        let outcome = outcome_of(&options, &[b"{\"a\":1}\n{\"a\":123456}", b"{\"a\":2}"]);
        assert_eq!(outcome.rows, ["1", "2"]);
        assert_eq!(outcome.errors.len(), 1);
    }

    #[test]
    fn a_million_brackets_are_a_reject() {
        for bracket in ["[", "{\"a\":"] {
            let line = bracket.repeat(1_000_000);
            let outcome = outcome_of(&lines(Vec::new()), &[format!("{line}\n{{}}").as_bytes()]);
            assert_eq!(outcome.rows, ["{}"]);
            let place = 128 * bracket.len() + 1;
            let reason = format!("not valid JSON: values are nested more than 128 levels deep at character {place}");
            assert_eq!(outcome.rejects[0].reason, reason);
        }
    }

    #[test]
    fn the_deepest_nesting_allowed_is_read() {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let deepest = format!("{}1{}", open.repeat(127), close.repeat(127));
            check(
                &lines(vec![column("a", ColumnType::Json)]),
                format!("{{\"a\":{deepest}}}"),
                &[&deepest],
                &[],
            );
            let columns = vec![column_at("b", ColumnType::Json, &"/a".repeat(127))];
            assert!(
                outcome_of(&lines(columns), &[format!("{{\"a\":{deepest}}}").as_bytes()])
                    .rejects
                    .is_empty()
            );
            let deeper = format!("{{\"a\":[{deepest}]}}");
            assert_eq!(outcome_of(&lines(Vec::new()), &[deeper.as_bytes()]).rejects.len(), 1);
        }
    }
}

mod value_layout {
    use super::*;

    fn flattened(root: &str) -> JsonOptions {
        let root = (!root.is_empty()).then(|| root.to_owned());
        JsonOptions {
            root,
            flatten_json_array: true,
            ..values(vec![column("a", ColumnType::Long)])
        }
    }

    #[test]
    fn values_follow_each_other_with_any_space_between() {
        let input = "{\"a\":1}{\"a\":2} {\"a\":3}\r\n\t{\n  \"a\"\n:\n4\n}\n\n";
        check(
            &values(vec![column("a", ColumnType::Long)]),
            input,
            &["1", "2", "3", "4"],
            &[],
        );
        check(&values(Vec::new()), "", &[], &[]);
        check(&values(Vec::new()), " \n ", &[], &[]);
    }

    #[test]
    fn positions_are_those_of_the_value() {
        let input = "{\"a\":1}\r\n\r\n  {\n\"a\":\r\"?\"}\n5 6\n\"x\"";
        let rejects = [
            "3:13:2 a: cannot read `?` as long: {\n\"a\":\r\"?\"}",
            "6:25:3 value is a number, expected an object: 5",
            "6:27:4 value is a number, expected an object: 6",
            "7:29:5 value is a string, expected an object: \"x\"",
        ];
        check(&values(vec![column("a", ColumnType::Long)]), input, &["1"], &rejects);
    }

    #[test]
    fn a_syntax_error_ends_the_file_and_what_came_before_counts() {
        let options = values(vec![column("a", ColumnType::Long)]);
        for (input, rows, error) in [
            (
                "{\"a\":1}\n{\"a\":2",
                &["1"][..],
                "expected `,` or `}`, found the end of the file at line 2, byte 14",
            ),
            (
                "{\"a\":1}\n{\"a\"x} {\"a\":3}",
                &["1"],
                "expected `:`, found `x` at line 2, byte 12",
            ),
            (
                "{\"a\":1},{\"a\":2}",
                &["1"],
                "expected a value, found `,` at line 1, byte 7",
            ),
            ("{\"a\":1}]", &["1"], "expected a value, found `]` at line 1, byte 7"),
            ("{\"a\":[1}}", &[], "expected `,` or `]`, found `}` at line 1, byte 7"),
            ("{\"a\":tru ", &[], "expected `true`, found ` ` at line 1, byte 8"),
            (
                "tru",
                &[],
                "expected `true`, found the end of the file at line 1, byte 3",
            ),
            (
                "{} -",
                &["null"],
                "expected a digit, found the end of the file at line 1, byte 4",
            ),
            (
                "{} 1.5e",
                &["null"],
                "expected a digit, found the end of the file at line 1, byte 7",
            ),
            (
                "\"abc",
                &[],
                "expected `\"`, found the end of the file at line 1, byte 4",
            ),
            (
                "\"abc\\",
                &[],
                "expected one of `\"\\/bfnrtu` after `\\`, found the end of the file at line 1, byte 5",
            ),
            (
                "\"\\u12",
                &[],
                "expected a hexadecimal digit, found the end of the file at line 1, byte 5",
            ),
            (
                "{\"a\":\"\\q\"}",
                &[],
                "expected one of `\"\\/bfnrtu` after `\\`, found `q` at line 1, byte 7",
            ),
            ("日", &[], "expected a value, found byte 0xE6 at line 1, byte 0"),
        ] {
            let error = format!("cannot parse json: {error}");
            let outcome = outcome_of(&options, &[input.as_bytes()]);
            assert_eq!(outcome.rows, rows, "{input}");
            assert_eq!(outcome.errors, [error], "{input}");
        }
    }

    #[test]
    fn the_next_file_is_read_after_a_syntax_error() {
        let outcome = outcome_of(
            &values(vec![column("a", ColumnType::Long)]),
            &[b"{\"a\":1}{", b"{\"a\":2}"],
        );
        assert_eq!(outcome.rows, ["1", "2"]);
        assert_eq!(outcome.errors.len(), 1);
    }

    #[test]
    fn numbers_and_words_need_no_space_after_them() {
        let outcome = outcome_of(
            &values(Vec::new()),
            &[b"1 -2\"x\"3[4]5.5e1{}truefalse null NaN-Infinity"],
        );
        assert_eq!(outcome.rows, ["{}"]);
        let records: Vec<&str> = outcome.rejects.iter().map(|reject| reject.record.as_str()).collect();
        assert_eq!(
            records,
            [
                "1",
                "-2",
                "\"x\"",
                "3",
                "[4]",
                "5.5e1",
                "true",
                "false",
                "null",
                "NaN",
                "-Infinity"
            ]
        );
        assert!(outcome.errors.is_empty());
    }

    #[test]
    fn control_characters_in_strings_are_content() {
        check(
            &values(vec![column("a", ColumnType::String)]),
            "{\"a\":\"x\ny\u{0}\"}",
            &["x\ny\u{0}"],
            &[],
        );
        check(
            &values(vec![column("a", ColumnType::Json)]),
            "{\"a\":\"x\ny\u{0}\"}",
            &["\"x\\ny\\u0000\""],
            &[],
        );
    }

    #[test]
    fn root_leads_to_the_record() {
        let options = JsonOptions {
            root: Some("/r/1".to_owned()),
            ..values(vec![column("a", ColumnType::Long)])
        };
        let input = "{\"r\":[{},{\"a\":1}]}{\"r\":[]}{\"r\":[1,2]}{\"r\":{\"1\":{\"a\":3}}}{\"r\":[0,{\"a\":\"?\"}]}5";
        let rejects = [
            "1:18:2 no value at root `/r/1`: {\"r\":[]}",
            "1:26:3 value is a number, expected an object: {\"r\":[1,2]}",
            "1:56:5 a: cannot read `?` as long: {\"r\":[0,{\"a\":\"?\"}]}",
            "1:75:6 no value at root `/r/1`: 5",
        ];
        check(&options, input, &["1", "3"], &rejects);
    }

    #[test]
    fn each_element_of_a_flattened_array_is_a_record() {
        let input = "[{\"a\":1},\n{\"a\":2}]\n[] [{\"a\":\"?\"} , 3,[4]]\n{\"a\":5}\n6";
        let rejects = [
            "3:23:3 a: cannot read `?` as long: {\"a\":\"?\"}",
            "3:35:4 value is a number, expected an object: 3",
            "3:37:5 value is an array, expected an object: [4]",
            "4:42:6 value is an object, expected an array: {\"a\":5}",
            "5:50:7 value is a number, expected an array: 6",
        ];
        check(&flattened(""), input, &["1", "2"], &rejects);
    }

    #[test]
    fn the_array_to_flatten_is_found_below_members_and_elements() {
        let input =
            r#"{"x":{"r":[{"a":9}]},"r":{"s":[1,[{"a":1},{"a":2}],3],"t":[]},"y":[]} {"r":{"s":{"1":[{"a":3}]}}}"#;
        check(&flattened("/r/s/1"), input, &["1", "2", "3"], &[]);
    }

    #[test]
    fn a_value_without_the_array_is_a_reject() {
        let input = "{\"r\":[{\"a\":1}]}\n{\"x\": [1]}\n{\"r\":null}\n7\n{\"r\":[]}\n{}[]";
        let rejects = [
            "2:16:2 no value at root `/r`: {\"x\": [1]}",
            "3:32:3 value is null, expected an array: null",
            "4:38:4 no value at root `/r`: 7",
            "6:49:5 no value at root `/r`: {}",
            "6:51:6 no value at root `/r`: []",
        ];
        check(&flattened("/r"), input, &["1"], &rejects);
    }

    #[test]
    fn both_arrays_of_a_member_that_comes_twice_are_flattened() {
        check(&flattened("/r"), r#"{"r":[{"a":1}],"r":[{"a":2}]}"#, &["1", "2"], &[]);
    }

    #[test]
    fn elements_before_a_syntax_error_count() {
        for (root, input, error) in [
            (
                "",
                "[{\"a\":1},{\"a\":2},]",
                "expected a value, found `]` at line 1, byte 17",
            ),
            (
                "",
                "[{\"a\":1},{\"a\":2} {",
                "expected `,` or `]`, found `{` at line 1, byte 17",
            ),
            (
                "",
                "[{\"a\":1},{\"a\":2}",
                "expected `,` or `]`, found the end of the file at line 1, byte 16",
            ),
            (
                "",
                "[{\"a\":1},{\"a\":2},",
                "expected a value, found the end of the file at line 1, byte 17",
            ),
            (
                "",
                "[{\"a\":1},{\"a\":2},{",
                "expected a member name or `}`, found the end of the file at line 1, byte 18",
            ),
            (
                "/r",
                "{\"r\":[{\"a\":1},{\"a\":2}]",
                "expected `,` or `}`, found the end of the file at line 1, byte 22",
            ),
            (
                "/r",
                "{\"r\":[{\"a\":1},{\"a\":2}],}",
                "expected a member name, found `}` at line 1, byte 23",
            ),
            (
                "/r",
                "{\"r\":[{\"a\":1},{\"a\":2}],\"x\"}",
                "expected `:`, found `}` at line 1, byte 26",
            ),
            (
                "/r",
                "{\"r\":[{\"a\":1},{\"a\":2}],\"x\":[1,}",
                "expected a value, found `}` at line 1, byte 30",
            ),
        ] {
            let outcome = outcome_of(&flattened(root), &[input.as_bytes()]);
            assert_eq!(outcome.rows, ["1", "2"], "{input}");
            assert_eq!(outcome.errors, [format!("cannot parse json: {error}")], "{input}");
        }
    }

    #[test]
    fn the_text_of_a_long_value_without_root_is_cut() {
        let input = format!("{{\"x\":[{}1]}}", "1,".repeat(50_000));
        let outcome = outcome_of(&flattened("/r"), &[input.as_bytes()]);
        assert_eq!(outcome.rejects[0].record, input[..Reject::MAX_RECORD_BYTES]);
    }

    #[test]
    fn a_flattened_array_may_be_longer_than_a_record() {
        let options = JsonOptions {
            max_record_bytes: 20,
            ..flattened("/r")
        };
        let input = format!("{{\"r\":[{}{{\"a\":1}}]}}", "{\"a\":1},".repeat(500));
        let outcome = outcome_of(&options, &[input.as_bytes()]);
        assert_eq!(outcome.rows.len(), 501);
    }

    #[test]
    fn a_value_that_is_too_long_ends_the_file() {
        let options = JsonOptions {
            max_record_bytes: 10,
            ..values(vec![column("a", ColumnType::Long)])
        };
        let error = ["a record is longer than 10 bytes at line 2, byte 12"];
        check_with_error(&options, "{\"a\":1234}\n {\"a\":12345} {}", &["1234"], &[], &error);
        check_with_error(&options, "{\"a\":1234}\n {\"a\":123456", &["1234"], &[], &error);
        check_with_error(&options, "{\"a\":1234}\n 12345678901 ", &["1234"], &[], &error);
        check_with_error(&options, "{\"a\":1234}\n 12345678901", &["1234"], &[], &error);
        check_with_error(&options, "{\"a\":1234}\n \"345678901\"", &["1234"], &[], &error);
        let rejects = ["2:11:2 value is a number, expected an object: 1234567890"];
        check(&options, "{\"a\":1234}\n1234567890", &["1234"], &rejects);
        check(&options, "{\"a\":1234}\n1234567890\n", &["1234"], &rejects);
        let error = ["cannot parse json: expected `,` or `}`, found `x` at line 2, byte 20"];
        check_with_error(&options, "{\"a\":1234}\n{\"a\":1234x1111}", &["1234"], &[], &error);
    }

    #[test]
    fn a_million_brackets_are_an_error() {
        for (bracket, options) in [
            ("[", values(Vec::new())),
            ("{\"a\":", values(Vec::new())),
            ("[", flattened("/0/0/0/0")),
            ("[", flattened("")),
        ] {
            let input = bracket.repeat(1_000_000);
            let outcome = outcome_of(&options, &[input.as_bytes()]);
            let error = &outcome.errors[0];
            assert!(
                error.starts_with("cannot parse json: values are nested more than 128 levels deep at line 1"),
                "{error}"
            );
        }
    }

    #[test]
    fn every_unicode_encoding_is_detected() {
        let text = "{\"a\":\"é日😀\"}\n{\"a\":[}";
        let utf16: Vec<u16> = text.encode_utf16().collect();
        let utf32: Vec<u32> = text.chars().map(u32::from).collect();
        let options = values(vec![column("a", ColumnType::String)]);
        let error = |byte: usize| format!("cannot parse json: expected a value, found `}}` at line 2, byte {byte}");
        for (input, byte) in [
            (text.as_bytes().to_vec(), 24),
            (format!("\u{FEFF}{text}").into_bytes(), 27),
            (utf16.iter().flat_map(|unit| unit.to_le_bytes()).collect(), 38),
            (utf16.iter().flat_map(|unit| unit.to_be_bytes()).collect(), 38),
            (utf32.iter().flat_map(|unit| unit.to_le_bytes()).collect(), 72),
            (utf32.iter().flat_map(|unit| unit.to_be_bytes()).collect(), 72),
        ] {
            check_with_error(&options, &input, &["é日😀"], &[], &[&error(byte)]);
        }
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_replaced_and_positions_stay() {
        let input = b"{\"a\":\"x\xFF\"} {\"a\":\"\xE3\x81\",\"b\\n\":\"\xFF\"} {\"a\":[\"\xF0\x9F\"],\"c\":1}\xFF";
        let error = "cannot parse json: expected a value, found byte 0xFF at line 1, byte 50";
        let rows = ["x\u{FFFD}", "\u{FFFD}", "[\"\u{FFFD}\"]"];
        check_with_error(
            &values(vec![column("a", ColumnType::String)]),
            input,
            &rows,
            &[],
            &[error],
        );
    }
}

mod invalid_escapes {
    use super::*;

    #[track_caller]
    fn check_escape(content: &str, skipped: &str, unescaped: &str) {
        for layout in [JsonLayout::Lines, JsonLayout::Values] {
            for (invalid_string_escapes, expected) in [
                (InvalidStringEscapes::Skip, skipped),
                (InvalidStringEscapes::Unescape, unescaped),
            ] {
                let columns = vec![column("a", ColumnType::String), column_at("j", ColumnType::Json, "/a")];
                let options = JsonOptions {
                    layout,
                    invalid_string_escapes,
                    ..lines(columns)
                };
                let json = serde_json::Value::from(expected).to_string();
                let input = format!("{{\"a\":\"{content}\"}}");
                check(&options, &input, &[&format!("{expected} | {json}")], &[]);
            }
        }
    }

    #[test]
    fn are_skipped_or_lose_their_backslash() {
        check_escape(r"x\ay", "xy", "xay");
        check_escape(r"\'", "", "'");
        check_escape(r"\日x", "x", "日x");
        check_escape(r"\\a\\", r"\a\", r"\a\");
        check_escape(r"\\\a", r"\", r"\a");
        check_escape(r#"\a\"b"#, "\"b", "a\"b");
        check_escape(r"\u12", "12", "u12");
        check_escape(r"\u", "", "u");
        check_escape(r"\u12\n", "12\n", "u12\n");
        check_escape(r"\uD83D\uDE0", "\u{FFFD}DE0", "\u{FFFD}uDE0");
        check_escape(r"\x41\u0041", "41A", "x41A");
    }

    #[test]
    fn in_names_are_treated_alike() {
        let options = JsonOptions {
            invalid_string_escapes: InvalidStringEscapes::Unescape,
            ..values(vec![column("a", ColumnType::Long)])
        };
        check(&options, r#"{"\a":1}"#, &["1"], &[]);
        let options = JsonOptions {
            root: Some("/a".to_owned()),
            flatten_json_array: true,
            ..options
        };
        check(&options, r#"{"\a":[{"\a":2}]}"#, &["2"], &[]);
    }

    #[test]
    fn outside_strings_stay_errors() {
        let options = JsonOptions {
            invalid_string_escapes: InvalidStringEscapes::Skip,
            ..values(Vec::new())
        };
        let error = "cannot parse json: expected a member name or `}`, found `\\` at line 1, byte 1";
        check_with_error(&options, r"{\a}", &[], &[], &[error]);
    }
}

mod properties {
    use super::*;
    use serde_json::Value;

    /// Names that columns want, and others; few, so that they meet.
    fn name() -> impl Strategy<Value = String> {
        prop_oneof![
            4 => prop_oneof![Just("a"), Just("b"), Just("c"), Just("0"), Just("1"), Just("r")].prop_map(str::to_owned),
            1 => "[a-c\\\\\"é日\\n]{0,3}",
        ]
    }

    fn document() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "[0-9]{1,3}".prop_map(Value::from),
            "\\PC{0,20}".prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::vec((name(), inner), 0..6).prop_map(|members| members.into_iter().collect()),
            ]
        })
    }

    fn object() -> impl Strategy<Value = Value> {
        prop::collection::vec((name(), document()), 0..6).prop_map(|members| members.into_iter().collect())
    }

    #[derive(Clone, Debug)]
    enum Mutation {
        Insert(prop::sample::Index, Vec<u8>),
        Delete(prop::sample::Index),
        Truncate(prop::sample::Index),
        Double(prop::sample::Index, prop::sample::Index),
    }

    fn mutation() -> impl Strategy<Value = Mutation> {
        let piece = prop_oneof![
            prop::sample::select(vec![
                "{",
                "}",
                "[",
                "]",
                ",",
                ":",
                "\"",
                "\\",
                "\\u",
                "\\ud83d",
                "\\udE00",
                "\\a",
                "\n",
                "\r",
                "\r\n",
                " ",
                "NaN",
                "-Infinity",
                "1",
                "-",
                ".",
                "e",
                "0",
                "true",
                "null",
                "{}",
                "\u{1}",
                "日",
                "\"a\":",
            ])
            .prop_map(|piece| piece.as_bytes().to_vec()),
            any::<u8>().prop_map(|byte| vec![byte]),
        ];
        prop_oneof![
            4 => (any::<prop::sample::Index>(), piece).prop_map(|(place, piece)| Mutation::Insert(place, piece)),
            2 => any::<prop::sample::Index>().prop_map(Mutation::Delete),
            1 => any::<prop::sample::Index>().prop_map(Mutation::Truncate),
            1 => any::<(prop::sample::Index, prop::sample::Index)>().prop_map(|(from, to)| Mutation::Double(from, to)),
        ]
    }

    fn mutated(mut text: Vec<u8>, mutations: &[Mutation]) -> Vec<u8> {
        for mutation in mutations {
            let length = text.len();
            match mutation {
                Mutation::Insert(place, piece) => {
                    let place = place.index(length + 1);
                    text.splice(place..place, piece.iter().copied());
                }
                Mutation::Delete(place) if length > 0 => {
                    text.remove(place.index(length));
                }
                Mutation::Truncate(place) => text.truncate(place.index(length + 1)),
                Mutation::Double(from, to) => {
                    let (from, to) = (from.index(length + 1), to.index(length + 1));
                    let piece = text[from.min(to)..from.max(to)].to_vec();
                    text.splice(from..from, piece);
                }
                Mutation::Delete(_) => {}
            }
        }
        text
    }

    fn columns() -> Vec<ColumnOptions> {
        vec![
            column("a", ColumnType::String),
            column("b", ColumnType::Json),
            column_at("c", ColumnType::Json, "/a/b"),
            column_at("d", ColumnType::String, "/b/0"),
            column_at("e", ColumnType::Boolean, "/c"),
            column_at("f", ColumnType::Long, "/r/a"),
            column_at("g", ColumnType::Double, "/0/1"),
            keeping(&["a", "r"], column_at("h", ColumnType::Json, "")),
            keeping(&["b", "é"], column_at("i", ColumnType::Json, "/b")),
        ]
    }

    fn options() -> impl Strategy<Value = JsonOptions> {
        let root = prop_oneof![
            3 => Just(None),
            1 => prop::sample::select(vec!["", "/r", "/a/b", "/0", "/b/0"]).prop_map(|root| Some(root.to_owned())),
        ];
        let escapes = prop::sample::select(vec![
            InvalidStringEscapes::Passthrough,
            InvalidStringEscapes::Skip,
            InvalidStringEscapes::Unescape,
        ]);
        let layout = prop::sample::select(vec![JsonLayout::Lines, JsonLayout::Values]);
        let limit = prop::sample::select(vec![usize::MAX, usize::MAX, 5, 40]);
        let drift = super::drift::any_drift();
        (
            layout,
            root,
            any::<bool>(),
            escapes,
            limit,
            1..10_usize,
            any::<bool>(),
            drift,
        )
            .prop_map(
                |(
                    layout,
                    root,
                    flatten_json_array,
                    invalid_string_escapes,
                    max_record_bytes,
                    batch_rows,
                    has_columns,
                    drift,
                )| {
                    JsonOptions {
                        layout,
                        on_new_columns: drift.0,
                        on_bad_value: drift.1,
                        columns: if has_columns { columns() } else { Vec::new() },
                        root,
                        flatten_json_array,
                        invalid_string_escapes,
                        batch_rows,
                        max_record_bytes,
                        has_record_numbers: true,
                        has_origins: true,
                        ..JsonOptions::default()
                    }
                },
            )
    }

    fn file() -> impl Strategy<Value = Vec<u8>> {
        let documents = prop::collection::vec(
            (
                prop_oneof![3 => object().boxed(), 1 => document().boxed()],
                any::<bool>(),
            ),
            0..6,
        );
        (documents, prop::collection::vec(mutation(), 0..4)).prop_map(|(documents, mutations)| {
            let mut text = String::new();
            for (document, is_pretty) in documents {
                text += &if is_pretty {
                    serde_json::to_string_pretty(&document).unwrap()
                } else {
                    document.to_string()
                };
                text.push('\n');
            }
            mutated(text.into_bytes(), &mutations)
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

        #[test]
        fn both_readers_agree_on_any_text_and_any_cut(
            options in options(),
            files in prop::collection::vec(file(), 1..3),
            cuts in prop::collection::vec(1..60_usize, 1..5),
        ) {
            let files: Vec<&[u8]> = files.iter().map(Vec::as_slice).collect();
            let expected = parse(new_reference_parser(&options).unwrap(), options.batch_rows, &files, &[usize::MAX]);
            let whole = parse(new_parser(&options).unwrap(), options.batch_rows, &files, &[usize::MAX]);
            prop_assert_eq!(&whole, &expected);
            let cut = parse(new_parser(&options).unwrap(), options.batch_rows, &files, &cuts);
            prop_assert_eq!(&cut, &expected);
        }

        #[test]
        fn what_serde_json_writes_comes_back(document in object(), is_pretty in any::<bool>()) {
            let text = if is_pretty { serde_json::to_string_pretty(&document) } else { serde_json::to_string(&document) };
            let outcome = parse(new_parser(&values(Vec::new())).unwrap(), 8192, &[text.unwrap().as_bytes()], &[17]);
            prop_assert_eq!(outcome.rows, [document.to_string()]);
        }

        #[test]
        fn a_line_is_valid_exactly_if_serde_json_takes_it(file in file()) {
            let text = String::from_utf8_lossy(&file).replace(['\n', '\r'], " ");
            // What is taken beyond strict JSON.
            let is_strict = !text.contains(|character: char| character.is_control())
                && ["NaN", "Infinity", "\\ud", "\\uD"].iter().all(|word| !text.contains(word));
            prop_assume!(is_strict && !text.trim().is_empty());
            let outcome = parse(new_parser(&lines(Vec::new())).unwrap(), 8192, &[text.as_bytes()], &[1 << 20]);
            let is_valid = outcome.rejects.first().is_none_or(|reject| !reject.reason.starts_with("not valid JSON"));
            prop_assert_eq!(is_valid, serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok(), "{}", text);
        }
    }
}

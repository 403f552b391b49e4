//! Both readers on the same cases: the table of section 3 of the configuration reference, and whatever chance makes up.

mod drift;

use super::*;
use crate::parse::columns::ColumnType;
use crate::parse::drift::{OnBadValue, OnNewColumns};
use crate::parse::origin::Origin;
use crate::parse::{ParseError, Parsed, Parser};
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
        has_origins: true,
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
            let text = reject.record;
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
fn every_line_end_ends_a_record() {
    check(&options("ss"), "a,b\nc,d\re,f\r\ng,h", "1: a|b\n2: c|d\n3: e|f\n4: g|h");
    check(&options("ss"), "a,b\r\nc,d\r\n", "1: a|b\n2: c|d");
    check(&options("s"), "", "");
}

#[test]
fn only_the_recognized_line_end_ends_a_record() {
    let recognized = |newline| CsvOptions {
        line_delimiter_recognized: Some(newline),
        ..options("s")
    };
    check(&recognized(Newline::Lf), "a\rb\nc\r\nd\n", "1: a\rb\n2: c\r\nd");
    check(&recognized(Newline::Crlf), "a\rb\nc\r\nd", "1: a\rb\nc\n2: d");
    check(&recognized(Newline::Cr), "a\rb\nc\r\nd\r", "1: a\n2: b\nc\r\nd");
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
                place.file, place.line, place.byte, place.record, origin.text
            )
        })
        .collect();
    let first = ["f:1:0:1 a,1", "f:2:4:2 \"b\r\nc\",2", "f:6:18:4 e,3", "f:7:22:5 f,4"];
    assert_eq!(shown[..4], first);
    assert_eq!(shown.last().map(String::as_str), Some("f:26:98:24 f,4"));
}

#[test]
fn empty_lines_are_no_records() {
    check(&options("s"), "\n\r\na\n\n\nb\n \n\n", "1: a\n2: b\n3:  ");
    check(
        &options("ss"),
        "\n\na\n\nb,c\n",
        "2: b|c\n! line 3 byte 2 record 1: too few columns: expected 2, found 1: a",
    );
}

#[test]
fn empty_lines_inside_quotes_are_kept() {
    check(&options("ss"), "a,\"b\n\n\nc\"\nd,e", "1: a|b\r\n\r\n\r\nc\n2: d|e");
}

#[test]
fn header_lines_are_physical_lines() {
    let options = CsvOptions {
        skip_header_lines: 3,
        ..options("s")
    };
    check(&options, "\"a\n\n#b\nc\n", "1: c");
    check(&options, "a\r\nb\rc\n\nd", "1: d");
    check(&options, "a\nb", "");
}

#[test]
fn a_field_is_quoted_only_if_it_begins_with_the_quote() {
    check(&options("ss"), "ab\"c\",d\"\n", "1: ab\"c\"|d\"");
    check(&options("ss"), "x, \"a\"\ny,z\n", "1: x| \"a\"\n2: y|z");
    check(&options("sss"), " \"a,b\",c\n", "1:  \"a|b\"|c");
    check(&options("ss"), "\"a,b\",\",\"\n", "1: a,b|,");
}

#[test]
fn trimming_strips_spaces_of_unquoted_fields() {
    let options = CsvOptions {
        trim_if_not_quoted: true,
        ..options("sss")
    };
    check(&options, " a b , \"c \"  ,\td \n", "1: a b|c |\td");
    check(&options, "  ,\" \",x\n", "1: NULL| |x");
}

#[test]
fn a_doubled_quote_is_one_quote_whatever_the_escape() {
    check(&options("s"), "\"a\"\"b\"\n", "1: a\"b");
    check(
        &CsvOptions {
            escape: None,
            ..options("s")
        },
        "\"a\"\"b\"\"\"\n",
        "1: a\"b\"",
    );
    check(
        &CsvOptions {
            escape: Some('"'),
            ..options("ss")
        },
        "\"\"\"\",\"\"\n",
        "1: \"|",
    );
}

#[test]
fn an_escape_counts_inside_quotes_before_a_quote_or_itself() {
    check(&options("sss"), r#""a\"b","\\","c\n""#, r#"1: a"b|\|c\n"#);
    check(&options("ss"), "a\\,b\\\"\n", "1: a\\|b\\\"");
    check(
        &CsvOptions {
            escape: Some('e'),
            ..options("ss")
        },
        "\"ae\"\",\"exee\"",
        "1: a\"|exe",
    );
    check(
        &CsvOptions {
            escape: Some('^'),
            ..options("s")
        },
        "\"^\"^^^x\"",
        "1: \"^^x",
    );
}

#[test]
fn spaces_after_a_closing_quote_are_skipped() {
    check(&options("ss"), "\"a\"  ,\"b\" \n", "1: a|b");
    check(
        &options("ss"),
        "\"a\"b,c\nd,e\n",
        "2: d|e\n! line 1 byte 0 record 1: unexpected character `b` after a closing quote in field 1: \"a\"b,c",
    );
    check(
        &options("ss"),
        "a,\"b\"\tc\n",
        "! line 1 byte 0 record 1: unexpected character `\\t` after a closing quote in field 2: a,\"b\"\tc",
    );
}

#[test]
fn lines_inside_quotes_are_joined_with_the_newline_option() {
    for (newline, expected) in [
        (Newline::Crlf, "1: a\r\nb\r\nc"),
        (Newline::Lf, "1: a\nb\nc"),
        (Newline::Cr, "1: a\rb\rc"),
    ] {
        check(
            &CsvOptions {
                newline,
                ..options("s")
            },
            "\"a\r\nb\nc\"\n",
            expected,
        );
    }
}

#[test]
fn stray_quotes_are_data_if_asked_for() {
    let quotes_in_quoted_fields = QuotesInQuotedFields::AcceptStrayQuotesAssumingNoDelimitersInFields;
    let options = CsvOptions {
        quotes_in_quoted_fields,
        ..options("ss")
    };
    check(&options, "\"a\"b\",\"c\"\"\n", "1: a\"b|c\"");
    check(&options, "\"a\"\"b\",\"\"\n", "1: a\"b|");
    check(&options, "\"a\" ,\"b\",c\n", "1: a\" ,\"b|c");
    let trimmed = CsvOptions {
        trim_if_not_quoted: true,
        ..options
    };
    assert_eq!(
        CsvParser::new(&trimmed).err(),
        Some(CsvOptionsError::TrimWithStrayQuotes)
    );
}

#[test]
fn a_delimiter_may_have_several_characters() {
    let options = CsvOptions {
        delimiter: "||".to_owned(),
        ..options("ss")
    };
    check(&options, "a|b||c|\n\"d||\"||e", "1: a|b|c|\n2: d|||e");
    let options = CsvOptions {
        delimiter: "é".to_owned(),
        ..options
    };
    check(&options, "aébè\n", "1: a|bè");
}

#[test]
fn without_quote_quotes_are_data() {
    let options = CsvOptions {
        quote: None,
        delimiter: "\t".to_owned(),
        ..options("ss")
    };
    check(&options, "\"a\t\"b\"\n\t\\\"\n", "1: \"a|\"b\"\n2: NULL|\\\"");
}

#[test]
fn nul_is_data() {
    check(&options("ss"), "a\0b,\"\0\"\n", "1: a\0b|\0");
}

#[test]
fn a_byte_order_mark_is_left_out() {
    check(
        &options("ss"),
        "\u{FEFF}\"a\",b\nx",
        "1: a|b\n! line 2 byte 9 record 2: too few columns: expected 2, found 1: x",
    );
}

#[test]
fn comments_are_lines_that_begin_with_the_marker() {
    let options = CsvOptions {
        comment_line_marker: Some("//".to_owned()),
        ..options("ss")
    };
    check(
        &options,
        "// x\na,b\n//,\"c\nd,e\n /f,g\n//\"\"\"",
        "1: a|b\n2: d|e\n3:  /f|g",
    );
    check(
        &options,
        "\"a\n//\",b\n//x,\"\n\"\"",
        "1: a\r\n//|b\n! line 4 byte 15 record 2: too few columns: expected 2, found 1: \"\"",
    );
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
fn only_the_first_line_of_an_unclosed_field_is_dropped() {
    check(
        &options("ss"),
        "a,b\nc,\"d\ne,f\ng,h\n",
        "1: a|b\n3: e|f\n4: g|h\n! line 2 byte 4 record 2: unclosed quote: the file ends inside a quoted field: c,\"d",
    );
    check(
        &options("ss"),
        "a,\"b\nc,\"d\"\ne,f",
        "2: c|d\n3: e|f\n! line 1 byte 0 record 1: unexpected character `d` after a closing quote in field 2: a,\"b",
    );
}

#[test]
fn a_field_over_several_lines_that_does_not_fit_rejects_the_whole_record() {
    check(
        &options("sl"),
        "\"a\nb\",x\n\"c\n\n\",1\n",
        "2: c\r\n\r\n|1\n! line 1 byte 0 record 1 b: cannot read `x` as long: \"a\nb\",x",
    );
    check(
        &options("ss"),
        "\"a\nb\",\"c\nd\"e\nf,g\n",
        "3: f|g\n! line 1 byte 0 record 1: unexpected character `e` after a closing quote in field 2: \"a\nb\",\"c\n\
         ! line 3 byte 9 record 2: too few columns: expected 2, found 1: d\"e",
    );
}

#[test]
fn quoted_fields_have_a_limit_in_utf_16_units() {
    let options = CsvOptions {
        max_quoted_size_limit: 4,
        ..options("s")
    };
    let too_long = "quoted field longer than 4 characters";
    check(&options, "\"abcd\"\nabcde\n", "1: abcd\n2: abcde");
    check(&options, "\"𝄞𝄞\"\n\"a\"\"bc\"\n\"a\nb\"", "1: 𝄞𝄞\n2: a\"bc\n3: a\r\nb");
    check(
        &options,
        "\"abcde\"\n\"𝄞𝄞\"",
        &format!("2: 𝄞𝄞\n! line 1 byte 0 record 1: {too_long}: \"abcde\""),
    );
    check(
        &options,
        "\"a\nbc\"\nd",
        &format!("2: bc\"\n3: d\n! line 1 byte 0 record 1: {too_long}: \"a"),
    );
    check(
        &options,
        "\"abc\n\nd",
        &format!("2: d\n! line 1 byte 0 record 1: {too_long}: \"abc"),
    );
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

/// Bytes that are mostly well-formed CSV, and bytes that mostly are not.
fn text() -> impl Strategy<Value = Vec<u8>> {
    let piece = |pieces: &'static [&'static [u8]]| prop::sample::select(pieces);
    let wild = piece(&[
        b",",
        b",",
        b"\"",
        b"\"",
        b"\\",
        b"\n",
        b"\r",
        b"\r\n",
        b" ",
        b"a",
        b"1",
        b"\t",
        b"#",
        b"\0",
        b"\xc3\xa9",
        b"\xff",
        b"\xe2",
        b"\"\"",
        b",\"",
        b"\",",
        b"\"\n",
        b"-",
        b";;",
        b"a;",
    ]);
    let tame = piece(&[
        b"1,",
        b"22,",
        b"\"a\",",
        b"\"b\"\"c\",",
        b"\"d,e\",",
        b"\n",
        b"\r\n",
        b"\"f\\\"g\",",
        b"\"x\ny\",",
        b"1\n",
        b"\"a\"\n",
        b"-,",
        b",",
        b"1.5,",
        b"#c\n",
        b"longer text than thirty-two bytes it is,",
        b"\"longer text than thirty-two bytes it is\"\n",
        b"true,1,a\n",
        b"2,3,4\r\n",
        b"2,3,4\n",
        b"\"\\\\\",",
        b"\n\n",
    ]);
    prop_oneof![
        prop::collection::vec(wild.clone(), 0..60),
        prop::collection::vec(tame.clone(), 0..120),
        prop::collection::vec(prop_oneof![1 => wild, 8 => tame], 0..120),
    ]
    .prop_map(|pieces| pieces.concat())
}

prop_compose! {
    fn any_options()(
        types in "[slbdj]{0,4}",
        delimiter in prop::sample::select(&[",", ",", ",", ",", "\t", ";;", " ", "é", "\"", "\\", "a"][..]),
        quote in prop::sample::select(&[Some('"'), Some('"'), Some('"'), Some('"'), None, Some('\''), Some('a'), Some('é'), Some(' ')][..]),
        escape in prop::sample::select(&[Some('\\'), Some('\\'), Some('"'), None, Some('a'), Some('é'), Some(' '), Some(',')][..]),
        has_stray_quotes in prop::bool::weighted(0.1),
        null_string in prop::sample::select(&[None, None, Some(""), Some("-"), Some("a"), Some("\u{FFFD}")][..]),
        trim_if_not_quoted in prop::bool::weighted(0.2),
        max_quoted_size_limit in prop::sample::select(&[131_072, 131_072, 131_072, 3, 20, 100, 0][..]),
        comment_line_marker in prop::sample::select(&[None, None, Some("#"), Some("a"), Some("\"#"), Some("1,")][..]),
        (skip_header_lines, line_delimiter_recognized) in (
            prop::sample::select(&[0, 0, 0, 1, 2][..]),
            prop::sample::select(&[None, None, None, None, Some(Newline::Lf), Some(Newline::Crlf), Some(Newline::Cr)][..]),
        ),
        (allow_optional_columns, allow_extra_columns) in any::<(bool, bool)>(),
        (column_match, on_new_columns, on_bad_value) in drift::any_drift(),
        newline in prop::sample::select(&[Newline::Crlf, Newline::Lf, Newline::Cr][..]),
        batch_rows in prop::sample::select(&[1_usize, 2, 3, 100][..]),
        projection in prop::option::weighted(0.2, prop::collection::vec(0..4_usize, 0..4)),
        has_record_numbers: bool,
    ) -> CsvOptions {
        let columns = columns(&types);
        let projection = projection
            .map(|projection| projection.into_iter().filter(|index| *index < columns.len()).collect());
        CsvOptions {
            columns,
            column_match,
            on_new_columns,
            on_bad_value,
            projection,
            delimiter: delimiter.to_owned(),
            quote,
            escape,
            quotes_in_quoted_fields: match has_stray_quotes {
                true => QuotesInQuotedFields::AcceptStrayQuotesAssumingNoDelimitersInFields,
                false => QuotesInQuotedFields::AcceptOnlyRfc4180Escaped,
            },
            null_string: null_string.map(str::to_owned),
            trim_if_not_quoted: trim_if_not_quoted && !has_stray_quotes,
            max_quoted_size_limit,
            comment_line_marker: comment_line_marker.map(str::to_owned),
            skip_header_lines,
            allow_optional_columns,
            allow_extra_columns,
            charset: encoding_rs::UTF_8,
            newline,
            line_delimiter_recognized,
            batch_rows,
            has_record_numbers,
            has_origins: has_record_numbers,
        }
    }
}

/// A field as a well-behaved writer would write it, of a type that mostly fits any column.
fn tidy_field() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[0-9]{1,9}",
        2 => "-?[0-9]{1,5}[.][0-9]{1,3}",
        3 => "[a-z ]{0,40}",
        1 => Just("-".to_owned()),
        2 => "[a-z, #]{0,70}".prop_map(|text| format!("\"{text}\"")),
        2 => r#"([a-z]{0,9}(""|,|\\"|\\\\|\\n|\r\n|\n|\r|é| )){0,6}"#.prop_map(|text| format!("\"{text}\"")),
    ]
}

/// Files of records with three fields, as they are in practice, with now and then a byte put in where it does harm.
fn tidy_text() -> impl Strategy<Value = Vec<u8>> {
    let record = [tidy_field(), tidy_field(), tidy_field()].prop_map(|fields| fields.join(","));
    let injury = (
        any::<prop::sample::Index>(),
        prop::sample::select(b"\"\"\"\\,\n\r# \xff".to_vec()),
    );
    (
        prop::collection::vec(record, 1..60),
        prop::sample::select(&["\n", "\r\n", "\r"][..]),
        prop::collection::vec(injury, 0..3),
    )
        .prop_map(|(records, line_end, injuries)| {
            let mut text = (records.join(line_end) + line_end).into_bytes();
            for (index, byte) in injuries {
                text.insert(index.index(text.len()), byte);
            }
            text
        })
}

prop_compose! {
    fn usual_options()(
        types in prop::sample::select(&["sss", "sss", "sls", "dss", "bsb"][..]),
        escape in prop::sample::select(&[Some('\\'), Some('"'), None][..]),
        null_string in prop::sample::select(&[None, Some("-")][..]),
        comment_line_marker in prop::sample::select(&[None, None, Some("#")][..]),
        newline in prop::sample::select(&[Newline::Crlf, Newline::Lf][..]),
        batch_rows in prop::sample::select(&[5_usize, 8_192][..]),
        (allow_optional_columns, allow_extra_columns, trim_if_not_quoted) in any::<(bool, bool, bool)>(),
        (column_match, on_new_columns, on_bad_value) in drift::any_drift(),
    ) -> CsvOptions {
        CsvOptions {
            column_match,
            on_new_columns,
            on_bad_value,
            escape,
            null_string: null_string.map(str::to_owned),
            comment_line_marker: comment_line_marker.map(str::to_owned),
            newline,
            batch_rows,
            allow_optional_columns,
            allow_extra_columns,
            trim_if_not_quoted,
            ..options(types)
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn both_readers_agree_however_the_files_are_cut(
        options in any_options(),
        files in prop::collection::vec(text(), 1..3),
        chunk_bytes in prop::collection::vec(1..200_usize, 1..6),
    ) {
        let files: Vec<&[u8]> = files.iter().map(Vec::as_slice).collect();
        let whole = outcome(&mut ReferenceCsvParser::new(&options).unwrap(), &files, &mut || usize::MAX);
        let mut next = chunk_bytes.iter().copied().cycle();
        let mut cuts = || next.next().unwrap_or(1);
        let cut = outcome(&mut ReferenceCsvParser::new(&options).unwrap(), &files, &mut cuts);
        prop_assert_eq!(&cut, &whole, "the reference depends on the cuts");
        let fast_whole = outcome(&mut CsvParser::new(&options).unwrap(), &files, &mut || usize::MAX);
        prop_assert_eq!(&fast_whole, &whole);
        let fast_cut = outcome(&mut CsvParser::new(&options).unwrap(), &files, &mut cuts);
        prop_assert_eq!(&fast_cut, &whole);
    }

    #[test]
    fn both_readers_agree_on_what_writers_write(
        options in usual_options(),
        header in prop::sample::select(&["", "a,b,c\n", "b,a,x\n", "\"c\",,a\r\n", "a,a\n", "B,C\n", "x\n"][..]),
        text in tidy_text(),
        chunk_bytes in 1..3_000_usize,
    ) {
        let text = [header.as_bytes(), &text].concat();
        let files = [text.as_slice()];
        let whole = outcome(&mut ReferenceCsvParser::new(&options).unwrap(), &files, &mut || usize::MAX);
        for chunk_bytes in [chunk_bytes, usize::MAX] {
            let fast = outcome(&mut CsvParser::new(&options).unwrap(), &files, &mut || chunk_bytes);
            prop_assert_eq!(&fast, &whole);
        }
    }
}

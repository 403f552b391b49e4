//! Where records and fields end: line ends, quotes, escapes, delimiters, comments.

use super::*;

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

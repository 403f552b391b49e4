//! Columns found by the header, and what becomes of columns and values that are not expected.

use super::*;

fn by_name(types: &str) -> CsvOptions {
    CsvOptions {
        column_match: ColumnMatch::ByName { ignores_case: false },
        ..options(types)
    }
}

fn with_new_columns(types: &str, on_new_columns: OnNewColumns) -> CsvOptions {
    CsvOptions {
        on_new_columns,
        ..by_name(types)
    }
}

/// How columns are found and what becomes of what is not expected, by chance.
pub(super) fn any_drift() -> impl Strategy<Value = (ColumnMatch, OnNewColumns, OnBadValue)> {
    let column_match = prop::sample::select(vec![
        ColumnMatch::ByPosition,
        ColumnMatch::ByName { ignores_case: false },
        ColumnMatch::ByName { ignores_case: true },
    ]);
    let on_new_columns = prop::sample::select(vec![
        OnNewColumns::Ignore,
        OnNewColumns::Fail,
        OnNewColumns::Add,
        OnNewColumns::Rescue,
    ]);
    let on_bad_value = prop::sample::select(vec![OnBadValue::Reject, OnBadValue::Null, OnBadValue::Rescue]);
    (column_match, on_new_columns, on_bad_value)
}

#[test]
fn columns_come_in_any_order() {
    check(&by_name("ls"), "b,a\nx,1\ny,2\n", "1: 1|x\n2: 2|y");
    check(&by_name("ls"), "\"b\",\" a \"\r\nx,1", "1: 1|x");
}

#[test]
fn every_file_has_a_header_of_its_own() {
    let files: [&[u8]; 3] = [b"a,b,c\n1,x,z\n", b"c,a\ny,2\n", b"b\nw\n"];
    check_files(&by_name("lss"), &files, "1: 1|x|z\n1: 2|NULL|y\n1: NULL|w|NULL");
}

#[test]
fn many_rows_go_the_fast_way_with_each_header() {
    let wide = "c,a,b\n".to_owned() + &"z,1,x\n".repeat(50);
    let narrow = "b,a\n".to_owned() + &"y,2\n".repeat(50);
    let expected: Vec<String> = (1..=50)
        .map(|row| format!("{row}: 1|x"))
        .chain((1..=50).map(|row| format!("{row}: 2|y")))
        .collect();
    check_files(
        &by_name("ls"),
        &[wide.as_bytes(), narrow.as_bytes()],
        &expected.join("\n"),
    );
}

#[test]
fn the_width_of_records_is_that_of_the_header() {
    check(
        &by_name("ls"),
        "a,x,b\n1,2\n1,2,3\n1,2,3,4\n",
        "2: 1|3\n\
         ! line 2 byte 6 record 1: too few columns: expected 3, found 2: 1,2\n\
         ! line 4 byte 16 record 3: too many columns: expected 3, found 4: 1,2,3,4",
    );
}

#[test]
fn the_header_comes_after_skipped_lines_comments_and_empty_lines() {
    let options = CsvOptions {
        skip_header_lines: 2,
        comment_line_marker: Some("#".to_owned()),
        ..by_name("ls")
    };
    check(&options, "report\n\"of\n\n#b,b\nb,a\n#x\nx,1\n", "1: 1|x");
}

#[test]
fn a_byte_order_mark_is_no_part_of_a_name() {
    check(&by_name("l"), "\u{FEFF}a\n1\n", "1: 1");
    check(&by_name("l"), "\u{FEFF}\"a\"\n1\n", "1: 1");
}

#[test]
fn a_file_without_records_has_no_rows() {
    check(&by_name("l"), "", "");
    check(&by_name("l"), "\n\n", "");
    check(&by_name("l"), "a", "");
    check(&by_name("l"), "x,a\n", "");
}

#[test]
fn a_header_that_names_no_column_is_an_error() {
    let error = "! cannot find the columns by the header at line 2: it names none of the columns `a`, `b`";
    check(&by_name("ls"), "\n1,x\n2,y\n", error);
    let unclosed =
        "! cannot find the columns by the header at line 1: unclosed quote: the file ends inside a quoted field";
    check(&by_name("ls"), "a,\"b\n1,x\n", unclosed);
    let many = "! cannot find the columns by the header at line 1: it names none of the columns `a`, `b`, `c`, `d`, `e` and 2 more";
    check(&by_name("lssssss"), "1,x\n", many);
    // The next file is read.
    check_files(
        &by_name("l"),
        &[b"x\n1\n", b"a\n2\n"],
        "1: 2\n! cannot find the columns by the header at line 1: it names none of the columns `a`",
    );
}

#[test]
fn of_names_that_come_twice_the_first_is_the_column() {
    let rescuing = with_new_columns("ls", OnNewColumns::Rescue);
    check(&rescuing, "a,b,a\n1,x,2\n", "1: 1|x|{\"a_2\":\"2\"}");
    check(&rescuing, "a,a_2,a\n1,x,2\n", "1: 1|NULL|{\"a_2\":\"x\",\"a_3\":\"2\"}");
}

#[test]
fn columns_without_a_name_are_numbered() {
    let rescuing = with_new_columns("l", OnNewColumns::Rescue);
    check(&rescuing, ",a,\nx,1,\n", "1: 1|{\"c0\":\"x\"}");
    check(&rescuing, "a, \n1,y\n", "1: 1|{\"c1\":\"y\"}");
}

#[test]
fn case_counts_unless_it_is_ignored() {
    let ignoring = CsvOptions {
        column_match: ColumnMatch::ByName { ignores_case: true },
        ..with_new_columns("ls", OnNewColumns::Rescue)
    };
    check(&ignoring, "B,A\nx,1\n", "1: 1|x|NULL");
    check(&ignoring, "A,a,b\n1,2,x\n", "1: 1|x|{\"a\":\"2\"}");
    check(
        &with_new_columns("ls", OnNewColumns::Rescue),
        "B,a\nx,1\n",
        "1: 1|NULL|{\"B\":\"x\"}",
    );
}

#[test]
fn new_columns_are_passed_over() {
    for on_new_columns in [OnNewColumns::Ignore, OnNewColumns::Add] {
        check(&with_new_columns("l", on_new_columns), "x,a,y\n7,1,8\n", "1: 1");
    }
}

#[test]
fn a_new_column_fails_its_file() {
    let failing = with_new_columns("l", OnNewColumns::Fail);
    check(&failing, "a,x,y\n1,2,3\n", "! new column `x` at line 1");
    check(&failing, "a\n1\n", "1: 1");
}

#[test]
fn values_of_new_columns_are_rescued() {
    let rescuing = CsvOptions {
        null_string: Some("-".to_owned()),
        allow_extra_columns: true,
        allow_optional_columns: true,
        ..with_new_columns("l", OnNewColumns::Rescue)
    };
    let text = "x,a,y \"z\"\np,1,\"q\"\"\"\n-,2,-\n,3,-\n,4\ns,5,t,u,-,v\n";
    let rows = "1: 1|{\"x\":\"p\",\"y \\\"z\\\"\":\"q\\\"\"}\n\
                2: 2|NULL\n\
                3: 3|{\"x\":\"\"}\n\
                4: 4|{\"x\":\"\"}\n\
                5: 5|{\"x\":\"s\",\"y \\\"z\\\"\":\"t\",\"c3\":\"u\",\"c5\":\"v\"}";
    check(&rescuing, text, rows);
}

#[test]
fn bad_values_are_null_or_rescued() {
    let text = "1,x,2.5\no,y,p\n3,z,q\n";
    let with = |on_bad_value| CsvOptions {
        on_bad_value,
        ..options("lsd")
    };
    check(&with(OnBadValue::Null), text, "1: 1|x|2.5\n2: NULL|y|NULL\n3: 3|z|NULL");
    check(
        &with(OnBadValue::Rescue),
        text,
        "1: 1|x|2.5|NULL\n2: NULL|y|NULL|{\"a\":\"o\",\"c\":\"p\"}\n3: 3|z|NULL|{\"c\":\"q\"}",
    );
}

#[test]
fn new_columns_and_bad_values_are_rescued_in_the_order_of_their_fields() {
    let options = CsvOptions {
        on_bad_value: OnBadValue::Rescue,
        ..with_new_columns("ll", OnNewColumns::Rescue)
    };
    check(
        &options,
        "x,b,y,a\n1,o,2,p\n",
        "1: NULL|NULL|{\"x\":\"1\",\"b\":\"o\",\"y\":\"2\",\"a\":\"p\"}",
    );
}

#[test]
fn a_reject_leaves_nothing_to_rescue_behind() {
    let rescuing = with_new_columns("l", OnNewColumns::Rescue);
    check(
        &rescuing,
        "a,x\no,1\n2,\n",
        "2: 2|NULL\n! line 2 byte 4 record 1 a: cannot read `o` as long: o,1",
    );
}

#[test]
fn nothing_is_rescued_where_nobody_asks_for_it() {
    let rescuing = CsvOptions {
        projection: Some(vec![0]),
        on_bad_value: OnBadValue::Rescue,
        ..with_new_columns("l", OnNewColumns::Rescue)
    };
    check(&rescuing, "a,x\no,1\n2,y\n", "1: NULL\n2: 2");
    let only_rescued = CsvOptions {
        projection: Some(vec![1]),
        ..rescuing
    };
    check(&only_rescued, "a,x\no,1\n2,\n", "1: {\"x\":\"1\"}\n2: NULL");
}

#[test]
fn rejects_know_the_header_of_their_file() {
    let mut parser = CsvParser::new(&by_name("l")).unwrap();
    for file in ["x,a\n1,o\n", "\"a\"\no\n"] {
        parser.begin_file("f".into());
        parser.push(file.as_bytes());
        parser.finish_file();
        assert!(parser.next_batch().unwrap().is_none());
    }
    let parsed = parser.flush().unwrap().unwrap();
    let headers: Vec<Option<&str>> = parsed.rejects.iter().map(|reject| reject.header.as_deref()).collect();
    assert_eq!(headers, [Some("x,a"), Some("\"a\"")]);
}

//! Records, wherever they come from.

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
fn what_is_kept_of_bytes_that_are_not_utf_8_is_repaired() {
    for options in [lines as fn(_) -> _, values] {
        let options = options(vec![keeping(&["a"], column("c", ColumnType::Json))]);
        // As many bytes as the character that stands for them.
        check(
            &options,
            b"{\"c\":{\"a\":\"\xF0\x9F\x98\",\"b\":1}}",
            &["{\"a\":\"\u{FFFD}\"}"],
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
            &[format!("{{\"a\":\"{}\"}}", filler.repeat(RecordText::MAX_BYTES / 2)).as_bytes()],
        );
        let record = &outcome.rejects[0].record;
        assert!(!record.is_whole());
        let num_bytes = record.kept.len();
        assert!(num_bytes <= RecordText::MAX_BYTES && num_bytes > RecordText::MAX_BYTES - 4);
        assert!(record.kept.ends_with(filler));
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
    let line = format!("{{\"a\":\"{}\"}}\n", "x".repeat(3 * 1024 * 1024));
    for _ in 0..3 {
        parser.push(line.as_bytes());
    }
    assert_eq!(parser.next_batch().unwrap().unwrap().batch.num_rows(), 3);
}

//! JSON and JSON lines.

use super::*;

#[test]
fn json_lines_have_columns_of_all_records() {
    let text = r#"{"id":1,"name":"a","at":"2015-03-31T06:12:37Z","score":1}
{"id":2,"tags":["x"],"at":"2015-03-31T06:12:37.5Z","score":1.5,"name":null}
{"id":3,"ok":true,"code":"007","mixed":1,"big":18446744073709551615,"day":20150331}
{"id":4,"mixed":"x","nothing":null}
"#;
    check_columns(
        text,
        "id:long, name:string, at:timestamp %Y-%m-%dT%H:%M:%S.%L%z | %Y-%m-%dT%H:%M:%S%z, score:double, tags:json, ok:boolean, \
         code:string, mixed:string, big:string, day:timestamp %Y%m%d, nothing:string",
    );
    let guess = guess_one(text);
    check_setting(&guess, "type", json!("jsonl"));
    check_setting(&guess, "charset", json!("(none)"));
}

#[test]
fn one_odd_json_value_in_a_hundred_does_not_make_text_of_a_column() {
    let good = "{\"n\":1,\"x\":1.5,\"ok\":true,\"at\":\"2015-03-31T06:12:37Z\",\"code\":5}\n".repeat(99);
    let bad = "{\"n\":\"many\",\"x\":false,\"ok\":\"maybe\",\"at\":\"0\",\"code\":\"007\"}\n";
    let guess = guess_one(format!("{good}{bad}"));
    assert_eq!(
        columns_of(&guess),
        "n:long, x:double, ok:boolean, at:timestamp %Y-%m-%dT%H:%M:%S%z, code:string"
    );
    let rejected = "such records will be rejected; `type: string` keeps them";
    assert_eq!(
        guess.doubts,
        [
            format!("column `n`: 1 of 100 values is no long: `many`; {rejected}"),
            format!("column `x`: 1 of 100 values is no double: `false`; {rejected}"),
            "column `ok`: 1 of 100 values is no boolean: `maybe`; such values will be read as false; `type: string` keeps them"
                .to_owned(),
            format!("column `at`: 1 of 100 values is no timestamp: `0`; {rejected}"),
        ]
    );
    let columns = guess.parser.columns.as_ref().unwrap();
    assert_eq!(columns[0].note, "in 100 of 100 records, 1 of them no long: `many`");
    assert!(columns_of(&guess_one(format!("{}{bad}", good.replacen("{\"n\"", "{\"m\"", 98)))).contains("n:string"));
}

#[test]
fn json_layouts_are_told_apart() {
    #[track_caller]
    fn check(text: &str, format: &str, is_flattened: bool) {
        let guess = guess_one(text);
        let flattened = guess.parser.setting("flatten_json_array").is_some();
        assert_eq!((guess.parser.format, flattened), (format, is_flattened), "{text:?}");
    }
    check("{\"a\":1}\n{\"a\":2}\n", "jsonl", false);
    check("{\"a\":1}", "jsonl", false);
    check("{\n  \"a\": 1\n}\n{\n  \"a\": 2\n}\n", "json", false);
    check("{\"a\":1}{\"a\":2}", "json", false);
    check("[{\"a\":1},\n{\"a\":2}]", "json", true);
    check("[1,2]\n[3,4]\n", "csv", false);
    check("1\n2\n", "csv", false);
    check("{\"a\":1},x\n{\"a\":2},y\n", "csv", false);
}

#[test]
fn cut_json_is_read_as_far_as_it_goes() {
    for (text, format) in [
        ("{\"a\":1}\n{\"a\":", "jsonl"),
        ("{\n\"a\":1}\n{\"a\":", "json"),
        ("[{\"a\":1},{\"a\"", "json"),
    ] {
        let sample = Sample {
            key: "k".to_owned(),
            size_bytes: 1000,
            bytes: text.into(),
            is_whole: false,
        };
        let guess = guess(vec![sample], &Seed::default(), &GuessOptions::default()).unwrap();
        assert_eq!(
            (guess.parser.format, columns_of(&guess).as_str()),
            (format, "a:long"),
            "{text:?}"
        );
    }
}

#[test]
fn bad_json_lines_are_a_doubt() {
    let guess = guess_one("{\"a\":1}\n".repeat(20) + "{\"a\":\n");
    assert_eq!(guess.parser.format, "jsonl");
    check_doubt(
        &guess,
        "records that will be rejected: 1 are not valid JSON, the first in `k`",
    );
}

#[test]
fn wrapped_records_beside_other_members_are_pointed_out() {
    let guess = guess_one("{\"next\":null,\"Records\":[{\"a\":1},{\"a\":2}]}");
    check_doubt(
        &guess,
        "root: the file is one object with 2 objects under `Records`; `root: /Records` and `flatten_json_array: true` make each of \
         them a record",
    );
    let seed = Seed::from_document(
        &json!({"in": {"parser": {"type": "json", "root": "/Records", "flatten_json_array": true}}}),
    );
    let samples = vec![whole("k", "{\"Records\":[{\"a\":1},{\"a\":2}]}")];
    assert_eq!(
        columns_of(&super::guess(samples, &seed, &GuessOptions::default()).unwrap()),
        "a:long"
    );
}

#[test]
fn wrapped_records_of_a_cut_sample_are_found() {
    let text = format!("{{\"Records\": [{}", "{\"a\":1,\"b\":[{\"c\":2}]},\n".repeat(2000));
    let sample = Sample {
        size_bytes: 1 << 20,
        is_whole: false,
        ..whole("k", text)
    };
    let guess = guess(vec![sample], &Seed::default(), &GuessOptions::default()).unwrap();
    check_setting(&guess, "root", json!("/Records"));
    check_setting(&guess, "flatten_json_array", json!(true));
    assert_eq!(columns_of(&guess), "a:long, b:json");
}

#[test]
fn arrays_wrapped_under_different_names_are_left_alone() {
    let samples = vec![whole("a", "{\"x\":[{\"n\":1}]}"), whole("b", "{\"y\":[{\"n\":1}]}")];
    let guess = guess(samples, &Seed::default(), &GuessOptions::default()).unwrap();
    check_setting(&guess, "root", json!("(none)"));
    assert_eq!(columns_of(&guess), "x:json, y:json");
}

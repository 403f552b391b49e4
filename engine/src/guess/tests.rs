//! Whole samples, end to end.

use super::*;
use proptest::prelude::*;
use serde_json::json;

fn whole(key: &str, bytes: impl Into<Vec<u8>>) -> Sample {
    let bytes = bytes.into();
    Sample {
        key: key.to_owned(),
        size_bytes: bytes.len() as u64,
        bytes,
        is_whole: true,
    }
}

fn guess_one(text: impl Into<Vec<u8>>) -> Guess {
    guess(vec![whole("k", text)], &Seed::default(), &GuessOptions::default()).unwrap()
}

fn columns_of(guess: &Guess) -> String {
    let columns = guess.parser.columns.as_ref().expect("columns are guessed");
    let shown: Vec<String> = columns
        .iter()
        .map(|column| {
            let formats = if column.formats.is_empty() {
                String::new()
            } else {
                format!(" {}", column.formats.join(" | "))
            };
            format!("{}:{}{formats}", column.name, column.column_type.name())
        })
        .collect();
    shown.join(", ")
}

#[track_caller]
fn check_columns(text: &str, expected: &str) {
    let guess = guess_one(text);
    assert_eq!(
        columns_of(&guess),
        expected,
        "{text:?}\n{}",
        render_yaml(&json!({}), &guess)
    );
}

#[track_caller]
fn check_setting(guess: &Guess, key: &str, expected: Value) {
    let found = guess.parser.setting(key).cloned().unwrap_or(json!("(none)"));
    assert_eq!(found, expected, "{key}\n{}", render_yaml(&json!({}), guess));
}

#[track_caller]
fn check_doubt(guess: &Guess, expected: &str) {
    assert!(
        guess.doubts.iter().any(|doubt| doubt == expected),
        "{expected}\nnot in {:#?}",
        guess.doubts
    );
}

const QUICK_START: &str = "id,company,customer,created_at\n\
    1,Treasure Data,Alice,2015-03-31 06:12:37\n\
    2,\"Acme, Inc.\",Bob,2015-04-01 01:00:07\n\
    3,Umbrella,Carol,2015-04-02 11:20:00\n";

#[test]
fn documented_example_is_written_as_documented() {
    let seed = json!({
        "in": {
            "type": "s3",
            "access_key_id": "${KEY}",
            "secret_access_key": "SECRET",
            "endpoint": "s3-us-west-1.amazonaws.com",
            "bucket": "sample_bucket",
            "path_prefix": "path/to/sample_file",
        },
        "out": {"mode": "append"},
    });
    let samples = vec![whole("path/to/sample_file.csv", QUICK_START)];
    let guess = guess(samples, &Seed::from_document(&seed), &GuessOptions::default()).unwrap();
    let expected = r#"# guessed from path/to/sample_file.csv (149 bytes)
in:
  type: s3
  access_key_id: ${KEY}
  secret_access_key: SECRET
  endpoint: s3-us-west-1.amazonaws.com
  bucket: sample_bucket
  path_prefix: path/to/sample_file
  parser:
    charset: UTF-8   # only ASCII seen
    newline: LF   # 4 LF seen
    type: csv
    delimiter: ","   # 4 fields in 4 of 4 sampled records
    quote: '"'   # 1 field in quotes
    escape: '"'   # a quote inside a quoted field is doubled
    trim_if_not_quoted: false   # no blanks around values
    skip_header_lines: 1   # 2 of 4 columns have another type below
    allow_extra_columns: false
    allow_optional_columns: false
    columns:   # 4 columns; names from the header
    - {name: id, type: long}   # 3 values
    - {name: company, type: string}   # 3 values
    - {name: customer, type: string}   # 3 values
    - {name: created_at, type: timestamp, format: "%Y-%m-%d %H:%M:%S"}   # 3 values, no zone in the text: UTC
out:
  mode: append
  time_column: created_at   # the only timestamp column with a value in every record
exec: {}
"#;
    assert_eq!(render_yaml(&seed, &guess), expected);
    let read: Value = serde_saphyr::from_str(expected).unwrap();
    let mut document = render_json(&seed, &guess);
    let sampled = document.as_object_mut().unwrap().remove("guess").unwrap();
    assert_eq!(read, document);
    assert_eq!(
        sampled,
        json!({"sampled": [{"key": "path/to/sample_file.csv", "bytes": 149}], "doubts": []})
    );
}

#[test]
fn line_end_follows_the_data() {
    let guess = guess_one(QUICK_START.replace('\n', "\r\n"));
    check_setting(&guess, "newline", json!("CRLF"));
    assert_eq!(
        columns_of(&guess),
        "id:long, company:string, customer:string, created_at:timestamp %Y-%m-%d %H:%M:%S"
    );
}

#[test]
fn cloudfront_log_takes_its_names_from_the_fields_line() {
    let text = "#Version: 1.0\n\
        #Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) cs-uri-query\n\
        2014-05-23\t01:13:11\tFRA2\t182\t192.0.2.10\tGET\td1.cloudfront.net\t/view/my/file.html\t200\twww.displaymyfiles.com\tMozilla/4.0%20(compatible;%20MSIE%205.0b1;%20Mac_PowerPC)\t-\n\
        2014-05-23\t01:13:12\tLAX1\t2390282\t192.0.2.202\tGET\td1.cloudfront.net\t/soundtrack/happy.mp3\t304\t-\tcurl\"7\"\ta=b&c=d\n\
        2014-05-23\t01:14:12\tNRT\t-\t192.0.2.203\tGET\td1.cloudfront.net\t/x\t-\t-\tcurl\t-\n";
    let guess = guess_one(text);
    check_setting(&guess, "delimiter", json!("\t"));
    check_setting(&guess, "quote", Value::Null);
    check_setting(&guess, "escape", Value::Null);
    check_setting(&guess, "null_string", json!("-"));
    check_setting(&guess, "comment_line_marker", json!("#"));
    check_setting(&guess, "skip_header_lines", json!(0));
    assert_eq!(
        columns_of(&guess),
        "date:string, time:string, x-edge-location:string, sc-bytes:long, c-ip:string, cs-method:string, \
         cs(Host):string, cs-uri-stem:string, sc-status:long, cs(Referer):string, cs(User-Agent):string, cs-uri-query:string"
    );
    assert_eq!(guess.parser.columns_note, "12 columns; names from the `#Fields:` line");
    assert_eq!(
        guess.filters[0].1,
        "10 of 12 names need it: `x-edge-location` becomes `x_edge_location`"
    );
    let yaml = render_yaml(&json!({}), &guess);
    assert!(
        yaml.contains("    delimiter: \"\\t\"   # 12 fields in 3 of 3 sampled records\n"),
        "{yaml}"
    );
    assert!(
        yaml.contains(
            "filters:\n- type: rename   # 10 of 12 names need it: `x-edge-location` becomes `x_edge_location`\n  rules:\n  \
             - {rule: upper_to_lower}\n"
        ),
        "{yaml}"
    );
}

#[test]
fn access_log_is_cut_at_blanks_with_a_doubt() {
    let line = "127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] \"GET /a.gif HTTP/1.0\" 200 2326 \"http://a/\" \"Mozilla/4.08 [en] (Win98; I)\"\n";
    let guess = guess_one(line.repeat(5));
    check_setting(&guess, "delimiter", json!(" "));
    check_doubt(
        &guess,
        "type: the lines look like an Apache access log, which is not CSV; cut at blanks, the time makes two columns",
    );
}

#[test]
fn compressed_files_have_their_decoders_written() {
    use std::io::Write;
    let gzip = |text: &str| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let samples = vec![whole("a.gz", gzip(QUICK_START)), whole("b.gz", gzip(QUICK_START))];
    let both = guess(samples, &Seed::default(), &GuessOptions::default()).unwrap();
    let yaml = render_yaml(&json!({"in": {"type": "s3", "parser": {}}}), &both);
    assert!(
        yaml.contains("  decoders: [{type: gzip}]   # by the magic bytes of 2 sampled files\n  parser:\n"),
        "{yaml}"
    );

    let samples = vec![
        whole("a.gz", gzip(QUICK_START)),
        whole("b", QUICK_START),
        whole("c.gz", gzip(QUICK_START)),
    ];
    let mixed = guess(samples, &Seed::default(), &GuessOptions::default()).unwrap();
    assert_eq!(mixed.decoders, None);
    check_doubt(
        &mixed,
        "decoders: left out, so that each file is decoded by its magic bytes: gzip in 2 of 3 sampled files, no compression in `b`",
    );
}

#[test]
fn two_narrow_columns_are_two() {
    check_columns("id,n\n1,2\n3,4\n", "id:long, n:long");
    check_columns("1,5;2,5\n3,25;4,5\n7,5;8,5\n", "c0:string, c1:string");
    check_columns("Doe, John\tx\nRoe, Jane\ty\nPoe, Jim\tz\n", "c0:string, c1:string");
    check_columns("1,a;b,x\n2,c;d,y\n3,e;f,z\n", "c0:long, c1:string, c2:string");
}

#[test]
fn small_files_are_read_to_their_end() {
    check_columns("id,name\n1,foo", "id:long, name:string");
    check_columns("1,foo", "c0:long, c1:string");
    check_columns("1,foo\n", "c0:long, c1:string");
    check_columns("1\n2\n3\n", "c0:long");
    check_columns("a\n1\n2\n", "a:long");
    check_columns(
        "id,at\n1,2015-01-01 00:00:00\n2,2015-01-01 00:00:01.5",
        "id:long, at:timestamp %Y-%m-%d %H:%M:%S.%L | %Y-%m-%d %H:%M:%S",
    );
}

#[test]
fn cut_last_record_is_not_looked_at() {
    let text = b"id,v\n1,10\n2,20\n3,3".to_vec();
    let sample = Sample {
        key: "k".to_owned(),
        size_bytes: 1000,
        bytes: text,
        is_whole: false,
    };
    let guess = guess(vec![sample], &Seed::default(), &GuessOptions::default()).unwrap();
    assert_eq!(guess.parser.columns.unwrap()[0].note, "2 values");
}

#[test]
fn names_are_made_usable() {
    check_columns("id,,id, Name \n1,2,3,4\n", "id:long, c1:long, id_2:long, Name:long");
    assert!(guess_one("id,name\n1,a\n").filters.is_empty());
    assert_eq!(guess_one("Id,name\n1,a\n").filters.len(), 1);
}

#[test]
fn rows_that_end_with_one_more_delimiter_are_read() {
    let guess = guess_one("id,name,size\n1,a,2,\n2,b,3,\n3,c,4,\n");
    assert_eq!(columns_of(&guess), "id:long, name:string, size:long");
    check_setting(&guess, "allow_extra_columns", json!(true));
    check_setting(&guess, "skip_header_lines", json!(1));
}

#[test]
fn header_without_the_row_name_is_shifted() {
    check_columns(
        "mpg,cyl\nMazda,21.0,6\nDatsun,22.8,4\n",
        "c0:string, mpg:double, cyl:long",
    );
}

#[test]
fn settings_of_a_file_are_not_its_header() {
    let guess = guess_one("host=a status=200 bytes=5\nhost=b status=404 bytes=6\n");
    check_setting(&guess, "skip_header_lines", json!(0));
}

#[test]
fn preamble_is_skipped() {
    let guess = guess_one("Sales report\n\nid,name,size\n1,a,2\n2,b,3\n");
    assert_eq!(columns_of(&guess), "id:long, name:string, size:long");
    check_setting(&guess, "skip_header_lines", json!(3));
}

#[test]
fn seed_is_kept_and_steers() {
    let document = json!({"in": {"parser": {"type": "csv", "delimiter": "|", "quote": null, "skip_header_lines": 1, "columns": []}}});
    let seed = Seed::from_document(&document);
    let guess = guess(
        vec![whole("k", "id|a,b\n1|\"x\n2|y\n")],
        &seed,
        &GuessOptions::default(),
    )
    .unwrap();
    assert_eq!(columns_of(&guess), "id:long, a,b:string");
    for key in ["type", "delimiter", "quote", "skip_header_lines"] {
        check_setting(&guess, key, json!("(none)"));
    }
    let rendered = render_json(&document, &guess);
    let parser = rendered.pointer("/in/parser").unwrap();
    let keys: Vec<&String> = parser.as_object().unwrap().keys().collect();
    assert_eq!(keys[..4], ["type", "delimiter", "quote", "skip_header_lines"]);
    assert_eq!((&parser["delimiter"], &parser["quote"]), (&json!("|"), &Value::Null));
}

#[test]
fn header_that_a_seed_finds_columns_by_is_not_skipped() {
    let seed = Seed::from_document(&json!({"in": {"parser": {"type": "csv", "header": "by_name"}}}));
    for (above, num_lines) in [("", 0), ("Deliveries of May\n", 1)] {
        let text = format!("{above}name,town,day\nBob,Paris,2024-01-01\nAlice,Rome,2024-01-02\n");
        let guess = guess(vec![whole("k", text)], &seed, &GuessOptions::default()).unwrap();
        check_setting(&guess, "skip_header_lines", json!(num_lines));
        assert_eq!(columns_of(&guess), "name:string, town:string, day:timestamp %Y-%m-%d");
    }
}

#[test]
fn listed_columns_of_a_seed_stay() {
    let document = json!({"in": {"parser": {"type": "csv", "columns": [{"name": "x", "type": "string"}, {"name": "y", "type": "long"}]}}});
    let guess = guess(
        vec![whole("k", "a,1,2\nb,3,4\n")],
        &Seed::from_document(&document),
        &GuessOptions::default(),
    )
    .unwrap();
    assert_eq!(guess.parser.columns, None);
    check_doubt(
        &guess,
        "columns: the seed lists 2, but most sampled records have 3 fields",
    );
    assert_eq!(
        render_json(&document, &guess).pointer("/in/parser/columns"),
        document.pointer("/in/parser/columns")
    );
}

#[test]
fn files_that_disagree_are_named() {
    let row = |count: usize| (0..count).map(|n| n.to_string()).collect::<Vec<String>>().join(",") + "\n";
    let mut samples: Vec<Sample> = (0..39)
        .map(|n| whole(&format!("logs/{n}.csv"), row(11).repeat(5)))
        .collect();
    samples.push(whole("logs/x.csv", row(10).repeat(5)));
    let guess = guess(samples, &Seed::default(), &GuessOptions::default()).unwrap();
    check_doubt(
        &guess,
        "columns: 11 columns in 39 of 40 sampled files, 10 in `logs/x.csv`",
    );
    check_setting(&guess, "allow_optional_columns", json!(true));
    assert!(!guess.doubts.iter().any(|doubt| doubt.contains("rejected")));
}

#[test]
fn short_records_are_read_if_their_values_fit() {
    let table = "id,name,day,amount,note\n1,a,2024-01-01,1.5,x\n2,b,2024-01-02,2.5,y\n3,c,2024-01-03,3.5,z\n";
    let fitting = guess_one(format!("{table}4,d,2024-01-04\n5,e,2024-01-05,5.5,v\n"));
    check_setting(&fitting, "allow_optional_columns", json!(true));
    // A delimiter is lost, and the values stand in the columns before theirs.
    let shifted = guess_one(format!("{table}4,2024-01-04,4.5,w\n5,e,2024-01-05,5.5,v\n"));
    check_setting(&shifted, "allow_optional_columns", json!(false));
    check_doubt(
        &shifted,
        "records that will be rejected: 1 with fewer than 5 fields (`allow_optional_columns: true` reads them), \
         the first in `k` line 5",
    );
    let footer = guess_one(format!("{table}Total,3\n"));
    check_setting(&footer, "allow_optional_columns", json!(false));
    // One among hundreds was rather cut off.
    let many: String = (6..400).map(|n| format!("{n},e,2024-01-05,{n}.5,v\n")).collect();
    let cut_off = guess_one(format!("{table}4,d,2024-01-04\n{many}"));
    check_setting(&cut_off, "allow_optional_columns", json!(false));
}

#[test]
fn long_records_are_read_if_what_is_too_much_is_empty() {
    let table = "id,name,day\n1,a,2024-01-01\n2,b,2024-01-02,,\n3,c,2024-01-03\n";
    check_setting(&guess_one(table), "allow_extra_columns", json!(true));
    check_setting(
        &guess_one(table.replace(",,", ",?,")),
        "allow_extra_columns",
        json!(false),
    );
}

#[test]
fn titles_of_full_width_stand_above_the_header() {
    let table = "id,name,day,amount\n1,a,2024-01-01,1.5\n2,b,2024-01-02,2.5\n";
    for titles in ["Deliveries,,,\n", ",,,\n", "Deliveries,,,\n,,,\nkeys,,when,\n"] {
        let guess = guess_one(format!("{titles}{table}"));
        let num_lines = titles.lines().count();
        check_setting(&guess, "skip_header_lines", json!(num_lines + 1));
        assert_eq!(
            columns_of(&guess),
            "id:long, name:string, day:timestamp %Y-%m-%d, amount:double"
        );
    }
    // Without a header the first record is a row like others.
    let guess = guess_one("1,,,\n2,b,2024-01-02,2.5\n3,c,2024-01-03,3.5\n");
    check_setting(&guess, "skip_header_lines", json!(0));
}

#[test]
fn header_one_field_longer_than_the_rows_still_gives_the_names() {
    check_columns(
        "id,name,,day\n1,a,2024-01-01\n2,b,2024-01-02\n",
        "id:long, name:string, day:timestamp %Y-%m-%d",
    );
    check_columns(
        "id,name,day,\n1,a,2024-01-01\n2,b,2024-01-02\n",
        "id:long, name:string, day:timestamp %Y-%m-%d",
    );
}

#[test]
fn header_of_every_part_of_a_joined_file_is_no_value() {
    let part = "id,name,day\n1,a,2024-01-01\n2,b,2024-01-02\n";
    let guess = guess_one(part.repeat(3));
    assert_eq!(columns_of(&guess), "id:long, name:string, day:timestamp %Y-%m-%d");
    check_doubt(
        &guess,
        "skip_header_lines: the header stands in `k` 2 times more below the first row and will be read as a record",
    );
}

#[test]
fn utf_16_without_a_mark_is_found_in_any_script() {
    let text = "番号,名前,日付\n1,山田太郎様,2024-01-01\n2,鈴木花子様,2024-01-02\n3,佐藤次郎様,2024-01-03\n";
    for is_big in [false, true] {
        let units = text.encode_utf16();
        let bytes: Vec<u8> = units
            .flat_map(|unit| if is_big { unit.to_be_bytes() } else { unit.to_le_bytes() })
            .collect();
        let guess = guess_one(bytes);
        check_setting(&guess, "charset", json!(if is_big { "UTF-16BE" } else { "UTF-16LE" }));
        assert_eq!(columns_of(&guess), "番号:long, 名前:string, 日付:timestamp %Y-%m-%d");
    }
}

#[test]
fn file_without_the_header_of_the_others_is_named() {
    let samples = vec![
        whole("a", "id,name\n1,x\n"),
        whole("b", "id,name\n2,y\n"),
        whole("c", "id,name\n2,y\n"),
        whole("d", "id,name\n2,y\n"),
        whole("e", "3,z\n4,w\n"),
    ];
    let guess = guess(samples, &Seed::default(), &GuessOptions::default()).unwrap();
    check_setting(&guess, "skip_header_lines", json!(1));
    check_doubt(
        &guess,
        "skip_header_lines: `e` seems to have no header, its first row would be lost",
    );
}

#[test]
fn type_that_differs_in_one_file_is_named() {
    let samples = vec![
        whole("a", "id,v\n1,5\n"),
        whole("b", "id,v\n2,6\n"),
        whole("c", "id,v\n2,none\n"),
    ];
    let guess = guess(samples, &Seed::default(), &GuessOptions::default()).unwrap();
    check_doubt(&guess, "column `v`: long in 2 of 3 sampled files, string in `c`");
}

#[test]
fn empty_input_has_the_messages_of_the_reference() {
    let error = |samples: Vec<Sample>| {
        guess(samples, &Seed::default(), &GuessOptions::default())
            .unwrap_err()
            .to_string()
    };
    assert_eq!(error(vec![]), "No input files to read sample data");
    assert_eq!(error(vec![whole("a", ""), whole("b", "")]), "All input files are empty");
    assert!(
        guess(
            vec![whole("a", ""), whole("b", "1,2\n")],
            &Seed::default(),
            &GuessOptions::default()
        )
        .is_ok()
    );
}

#[test]
fn what_cannot_be_read_says_what_was_seen() {
    let error = |text: &[u8]| {
        guess(vec![whole("k", text)], &Seed::default(), &GuessOptions::default())
            .unwrap_err()
            .to_string()
    };
    assert_eq!(error(b"\x89PNG\r\n\x1a\n\0\0\0"), "cannot guess: `k` is a PNG image");
    assert_eq!(
        error(b"\n\n"),
        "cannot guess: `k` has no record, it begins with `\\n\\n`"
    );
    assert_eq!(
        error(b"PK\x03\x04 nothing"),
        "cannot guess: `k` begins like zip but cannot be decoded"
    );
    let samples = vec![whole("x.png", &b"\x89PNG\r\n\x1a\n\0\0\0"[..]), whole("a", "1,2\n")];
    check_doubt(
        &guess(samples, &Seed::default(), &GuessOptions::default()).unwrap(),
        "left out: `x.png` is a PNG image",
    );
}

#[test]
fn record_longer_than_the_sample_says_what_to_do() {
    let options = GuessOptions {
        sample_bytes: 10,
        ..GuessOptions::default()
    };
    let error = |text: &str| {
        guess(vec![whole("k", text)], &Seed::default(), &options)
            .unwrap_err()
            .to_string()
    };
    let expected = "cannot guess: the first record of `k` does not end within the 10 bytes sampled; \
                    a larger `exec.guess_sample_buffer_bytes` is needed";
    assert_eq!(error("aaaaaaaaaaaaaaaaaaaaa,b\n"), expected);
    assert!(error("{\"a\": \"bbbbbbbbbbbbbbbbbb\"}\n").contains("the first JSON object of `k` does not end"));
}

#[test]
fn everything_is_a_string_when_asked_for() {
    let options = GuessOptions {
        added_plugins: vec!["csv_all_strings".to_owned()],
        ..GuessOptions::default()
    };
    let guess = guess(vec![whole("k", "id,n\n1,2\n3,4\n")], &Seed::default(), &options).unwrap();
    assert_eq!(columns_of(&guess), "id:string, n:string");
}

#[test]
fn excluded_steps_are_left_out() {
    let options = |excluded: &str| GuessOptions {
        excluded_plugins: vec![excluded.to_owned()],
        ..GuessOptions::default()
    };
    let text = "{\"a\":1}\n{\"a\":2}\n";
    let format = |excluded: &str| {
        guess(vec![whole("k", text)], &Seed::default(), &options(excluded))
            .unwrap()
            .parser
            .format
    };
    assert_eq!((format("jsonl"), format("json"), format("")), ("json", "csv", "jsonl"));
    let error = guess(vec![whole("k", "1,2\n")], &Seed::default(), &options("csv")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot guess: `k` is no JSON, and the guess plugin `csv` is excluded"
    );
}

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
fn blanks_around_few_numbers_are_trimmed_and_not_tolerated() {
    let guess = guess_one("id,n\n".to_owned() + &"1,5\n".repeat(199) + "2, 5\n");
    assert_eq!(columns_of(&guess), "id:long, n:long");
    check_setting(&guess, "trim_if_not_quoted", json!(true));
    assert!(guess.doubts.is_empty());
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
fn wrapped_records_are_pointed_out() {
    let guess = guess_one("{\"Records\":[{\"a\":1},{\"a\":2}]}");
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
fn seed_type_that_does_not_fit_is_an_error() {
    let seed = Seed {
        parser_type: Some("json".to_owned()),
        ..Seed::default()
    };
    let error = guess(vec![whole("k", "a,b\n1,2\n")], &seed, &GuessOptions::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot guess: `in.parser.type` is `json` but `k` begins with `a,b\\n1,2\\n`"
    );
    let seed = Seed {
        parser_type: Some("xml".to_owned()),
        ..Seed::default()
    };
    let error = guess(vec![whole("k", "a,b\n1,2\n")], &seed, &GuessOptions::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot guess: `in.parser.type` is `xml`; `csv`, `tsv`, `json` and `jsonl` can be guessed"
    );
}

#[test]
fn samples_are_spread_over_the_files() {
    assert_eq!(sampled_indices(101, 5), [0, 25, 50, 75, 100]);
    let of = |sizes: &[u64], max_samples: usize| sampled_by_size(sizes.iter().copied(), max_samples);
    assert_eq!(of(&[], 5), Vec::<usize>::new());
    assert_eq!(of(&[3], 5), [0]);
    assert_eq!(of(&[3, 0, 2], 5), [0, 1, 2]);
    let mut sizes = [100; 101];
    (sizes[10], sizes[17], sizes[60]) = (0, 900, 3);
    assert_eq!(of(&sizes, 7), [0, 17, 25, 50, 60, 75, 100]);
    assert_eq!(of(&sizes, 2), [17, 60]);
    assert_eq!(of(&[0; 40], 3), [0, 39]);
}

#[test]
fn shift_jis_is_named_as_in_the_reference() {
    let text = "番号,名前,住所\n1,山田太郎,東京都千代田区丸の内\n2,鈴木花子,大阪府大阪市北区梅田\n";
    let guess = guess_one(encoding_rs::SHIFT_JIS.encode(text).0.into_owned());
    check_setting(&guess, "charset", json!("MS932"));
    assert_eq!(columns_of(&guess), "番号:long, 名前:string, 住所:string");
}

/// One way to spoil a table, and what must still be found.
struct Polluted {
    what: &'static str,
    bytes: Vec<u8>,
    delimiter: &'static str,
    quote: Option<char>,
    skip: u64,
    columns: usize,
}

/// The table all variants are made of, its fields joined and quoted as asked for.
fn clean_table(delimiter: &str, quote: &str, num_rows: usize, has_header: bool) -> String {
    let mut text = String::new();
    if has_header {
        text.push_str(&["id", "name", "city", "amount", "day"].join(delimiter));
        text.push('\n');
    }
    let cities = ["Berlin", "New York", "Paris", "São Paulo"];
    for row in 0..num_rows {
        let name = format!("{quote}Person {row}{delimiter} Jr.{quote}");
        let name = if quote.is_empty() {
            format!("Person {row}")
        } else {
            name
        };
        let cells = [
            row.to_string(),
            name,
            cities[row % 4].to_owned(),
            format!("{row}.25"),
            format!("2015-03-{:02}", row % 28 + 1),
        ];
        text.push_str(&cells.join(delimiter));
        text.push('\n');
    }
    text
}

fn polluted() -> Vec<Polluted> {
    const Q: Option<char> = Some('"');
    let mut all = Vec::new();
    let mut add = |what: &'static str,
                   bytes: Vec<u8>,
                   delimiter: &'static str,
                   quote: Option<char>,
                   skip: u64,
                   columns: usize| {
        all.push(Polluted {
            what,
            bytes,
            delimiter,
            quote,
            skip,
            columns,
        });
    };
    let clean = || clean_table(",", "\"", 30, true);
    add("clean", clean().into(), ",", Q, 1, 5);
    for (what, delimiter) in [
        ("tab", "\t"),
        ("pipe", "|"),
        ("semicolon", ";"),
        ("caret", "^"),
        ("tilde", "~"),
        ("colon", ":"),
        ("double pipe", "||"),
        ("double colon", "::"),
        ("tab pipe", "\t|"),
        ("control a", "\u{1}"),
    ] {
        add(what, clean_table(delimiter, "\"", 30, true).into(), delimiter, Q, 1, 5);
    }
    add(
        "semicolon unquoted",
        clean_table(";", "", 30, true).into(),
        ";",
        Q,
        1,
        5,
    );
    add("tab unquoted", clean_table("\t", "", 30, true).into(), "\t", Q, 1, 5);
    add(
        "blank",
        clean_table(",", "\"", 30, true)
            .replace("\"", "'")
            .replace(',', " ")
            .replace("São Paulo", "Sao")
            .replace("New York", "NY")
            .into(),
        " ",
        Some('\''),
        1,
        5,
    );
    add(
        "single quotes",
        clean_table(",", "'", 30, true).into(),
        ",",
        Some('\''),
        1,
        5,
    );
    add("no quotes", clean_table(",", "", 30, true).into(), ",", Q, 1, 5);
    add(
        "inner quotes only",
        clean_table(",", "", 30, true)
            .replace("Person 7", "Person 7\" x")
            .into(),
        ",",
        None,
        1,
        5,
    );
    add("CRLF", clean().replace('\n', "\r\n").into(), ",", Q, 1, 5);
    add("CR", clean().replace('\n', "\r").into(), ",", Q, 1, 5);
    add(
        "mixed line ends",
        clean().replacen('\n', "\r\n", 9).into(),
        ",",
        Q,
        1,
        5,
    );
    add("no last line end", clean().trim_end().into(), ",", Q, 1, 5);
    add("byte order mark", format!("\u{FEFF}{}", clean()).into(), ",", Q, 1, 5);
    let utf_16 = |big: bool| -> Vec<u8> {
        clean()
            .encode_utf16()
            .flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() })
            .collect()
    };
    add("UTF-16LE", utf_16(false), ",", Q, 1, 5);
    add("UTF-16BE", utf_16(true), ",", Q, 1, 5);
    add(
        "windows-1252",
        encoding_rs::WINDOWS_1252.encode(&clean()).0.into_owned(),
        ",",
        Q,
        1,
        5,
    );
    add("no header", clean_table(",", "\"", 30, false).into(), ",", Q, 0, 5);
    add("one row", clean_table(",", "\"", 1, true).into(), ",", Q, 1, 5);
    add("two rows", clean_table(",", "\"", 2, true).into(), ",", Q, 1, 5);
    add("title line", format!("Persons\n{}", clean()).into(), ",", Q, 2, 5);
    add(
        "title and blank line",
        format!("Persons\n\n{}", clean()).into(),
        ",",
        Q,
        3,
        5,
    );
    add(
        "title of two cells",
        format!("Persons,2015\nby me\n{}", clean()).into(),
        ",",
        Q,
        3,
        5,
    );
    add(
        "comments on top",
        format!("# made by hand\n# on a Monday, late\n{}", clean()).into(),
        ",",
        Q,
        3,
        5,
    );
    add(
        "comments between",
        clean().replacen("7,\"P", "# note\n7,\"P", 1).into(),
        ",",
        Q,
        1,
        5,
    );
    add(
        "slashes on top",
        format!("// made by hand\n{}", clean()).into(),
        ",",
        Q,
        2,
        5,
    );
    add("footer", format!("{}Total: 30\n", clean()).into(), ",", Q, 1, 5);
    add(
        "footer of two cells",
        format!("{}\nTotal,30\n", clean()).into(),
        ",",
        Q,
        1,
        5,
    );
    add(
        "blank lines between",
        clean().replace("\n1", "\n\n1").into(),
        ",",
        Q,
        1,
        5,
    );
    add("blank lines on top", format!("\n\n{}", clean()).into(), ",", Q, 3, 5);
    add(
        "short rows",
        clean()
            .replacen(",2015-03-09", "", 1)
            .replacen(",2015-03-12", "", 1)
            .into(),
        ",",
        Q,
        1,
        5,
    );
    add(
        "long rows",
        clean().replacen(",2015-03-09", ",2015-03-09,x", 1).into(),
        ",",
        Q,
        1,
        5,
    );
    add(
        "delimiter after rows",
        clean().replace('\n', ",\n").replacen("day,", "day", 1).into(),
        ",",
        Q,
        1,
        5,
    );
    add(
        "delimiter after all lines",
        clean().replace('\n', ",\n").into(),
        ",",
        Q,
        1,
        6,
    );
    add(
        "header one short",
        clean().replacen("id,name", "name", 1).into(),
        ",",
        Q,
        1,
        5,
    );
    add(
        "unclosed quote",
        clean().replacen("Jr.\"", "Jr.", 1).into(),
        ",",
        Q,
        1,
        5,
    );
    add(
        "doubled quotes",
        clean().replace("Jr.", "\"\"Jr.\"\"").into(),
        ",",
        Q,
        1,
        5,
    );
    add(
        "escaped quotes",
        clean().replace("Jr.", "\\\"Jr.\\\"").into(),
        ",",
        Q,
        1,
        5,
    );
    add(
        "line end in quotes",
        clean().replace(", Jr.", ",\nJr.").into(),
        ",",
        Q,
        1,
        5,
    );
    add(
        "blank after delimiter",
        clean().replace(",\"", ", \"").into(),
        ",",
        Q,
        1,
        5,
    );
    add(
        "blanks around values",
        clean_table(",", "", 30, true).replace(',', " , ").into(),
        ",",
        Q,
        1,
        5,
    );
    add(
        "all quoted",
        clean_table("¦", "", 30, true)
            .lines()
            .map(|line| format!("\"{}\"\n", line.replace('¦', "\",\"")))
            .collect::<String>()
            .into(),
        ",",
        Q,
        1,
        5,
    );
    add(
        "decimal commas",
        clean_table(";", "", 30, true).replace(".25", ",25").into(),
        ";",
        Q,
        1,
        5,
    );
    add(
        "null texts",
        clean_table(",", "", 30, true)
            .replace(".25", "")
            .replace("8,Berlin", "8,NULL")
            .into(),
        ",",
        Q,
        1,
        5,
    );
    add(
        "ruled table",
        " id | name  | n \n----+-------+---\n  1 | alice | 5\n  2 | bob   | 6\n(2 rows)\n".into(),
        "|",
        Q,
        1,
        3,
    );
    let german = format!("sep=;\r\n{}", clean_table(";", "", 30, true).replace('\n', "\r\n"));
    add("delimiter named on top", german.into(), ";", Q, 2, 5);
    all
}

#[test]
fn spoilt_tables_are_read_like_the_clean_one() {
    let all = polluted();
    let mut wrong = Vec::new();
    for case in &all {
        let found = guess(
            vec![whole(case.what, case.bytes.clone())],
            &Seed::default(),
            &GuessOptions::default(),
        );
        let seen = match &found {
            Ok(found) => (
                found.parser.setting("delimiter").cloned().unwrap_or_default(),
                found.parser.setting("quote").cloned().unwrap_or_default(),
                found.parser.setting("skip_header_lines").cloned().unwrap_or_default(),
                found.parser.columns.as_ref().map_or(0, Vec::len),
            ),
            Err(error) => (json!(error.to_string()), Value::Null, Value::Null, 0),
        };
        let expected = (
            json!(case.delimiter),
            case.quote.map_or(Value::Null, |quote| json!(quote.to_string())),
            json!(case.skip),
            case.columns,
        );
        if seen != expected {
            wrong.push(format!("{}: {seen:?} instead of {expected:?}", case.what));
        }
    }
    assert!(all.len() >= 40);
    let num_right = all.len() - wrong.len();
    assert!(
        num_right * 100 >= all.len() * 95,
        "{num_right} of {} right\n{}",
        all.len(),
        wrong.join("\n")
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600), is_whole: bool) {
        let sample = Sample { key: "k".to_owned(), size_bytes: 1000, bytes, is_whole };
        let _ = guess(vec![sample], &Seed::default(), &GuessOptions::default());
    }

    #[test]
    fn no_compressed_garbage_makes_it_panic(magic in 0_usize..5, bytes in proptest::collection::vec(any::<u8>(), 0..600), is_whole: bool) {
        let magics: [&[u8]; 5] = [b"\x1F\x8B\x08\0", b"BZh91AY&SY", b"\x28\xB5\x2F\xFD", b"PK\x03\x04\x14\0\0\0\x08\0", b"PK\x03\x04\x14\0\x08\0\x08\0"];
        let bytes = [magics[magic], &bytes].concat();
        let sample = Sample { key: "k".to_owned(), size_bytes: 1000, bytes, is_whole };
        let _ = guess(vec![sample], &Seed::default(), &GuessOptions::default());
    }

    #[test]
    fn no_table_like_text_makes_it_panic_and_all_yaml_is_read_back(text in "[a-c1-9,;|\t\"'\\\\ #/:{}\\[\\]éあ\n\r-]{1,200}", is_whole: bool) {
        let sample = Sample { key: "k\n#".to_owned(), size_bytes: 1000, bytes: text.into_bytes(), is_whole };
        let seed = json!({"in": {"type": "s3", "bucket": "b"}});
        if let Ok(guess) = guess(vec![sample], &Seed::default(), &GuessOptions::default()) {
            let yaml = render_yaml(&seed, &guess);
            let read: Value = serde_saphyr::from_str(&yaml).unwrap_or_else(|error| panic!("{error}\n{yaml}"));
            let mut expected = render_json(&seed, &guess);
            expected.as_object_mut().unwrap().remove("guess");
            prop_assert_eq!(read, expected, "{}", yaml);
        }
    }
}

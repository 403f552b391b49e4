//! Whole samples, end to end.

mod csv;
mod json;
mod seeds;
mod several;
mod spoilt;
mod suites;

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
fn shift_jis_is_named_as_in_the_reference() {
    let text = "番号,名前,住所\n1,山田太郎,東京都千代田区丸の内\n2,鈴木花子,大阪府大阪市北区梅田\n";
    let guess = guess_one(encoding_rs::SHIFT_JIS.encode(text).0.into_owned());
    check_setting(&guess, "charset", json!("MS932"));
    assert_eq!(columns_of(&guess), "番号:long, 名前:string, 住所:string");
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

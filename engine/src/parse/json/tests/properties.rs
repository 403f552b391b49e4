//! Both readers on whatever chance makes up.

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
    let origins = prop_oneof![
        Just(OriginRows::All),
        (0..9_usize).prop_map(|column| OriginRows::Untimed(TimeSource { column, usable: -5..=5 })),
    ];
    (
        layout,
        root,
        any::<bool>(),
        escapes,
        limit,
        1..10_usize,
        any::<bool>(),
        (drift, origins),
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
                (drift, origins),
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
                    origins,
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

//! The text as a whole: all its problems, unknown keys, variables, overrides, seeds, and no text that panics.

use super::*;

#[test]
fn all_problems_come_at_once_in_the_order_of_the_file() {
    check_problems(
        "in:\n  type: s3\n  auth_method: nope\n  min_task_size: x\n  parser:\n    type: csv\n    quote: abc\nfilters:\n- type: sql\nout:\n  mode: upsert\n",
        &[
            ("in.bucket", 2, "required"),
            ("in.path_prefix", 2, "required"),
            (
                "in.auth_method",
                3,
                "unknown auth_method 'nope'. Supported methods are basic",
            ),
            ("in.min_task_size", 4, "number of bytes"),
            ("in.parser.columns", 6, "attribute 'columns' is required but not set"),
            ("in.parser.quote", 7, "\"quote\" option accepts only 1 character"),
            ("filters.0", 9, "required"),
            (
                "out.mode",
                11,
                "unknown mode 'upsert'. Supported modes are [append, replace, replace_on_new_data]",
            ),
        ],
    );
}

#[test]
fn unknown_keys_are_warned_about_with_line_and_nearest() {
    let text = "in:\n  bucket: b\n  path: p\n  auth_method: anonymous\n  parser:\n    type: csv\n    skip_header_line: 1\n    columns:\n    - {name: a, type: long, frmat: x}\nexce: {}\n";
    let warnings = resolved(text).warnings;
    let found: Vec<(&str, usize, Option<&str>)> = warnings
        .iter()
        .map(|warning| (warning.path.as_str(), warning.line, warning.hint.as_deref()))
        .collect();
    assert_eq!(
        found,
        [
            (
                "in.parser.skip_header_line",
                7,
                Some("did you mean `skip_header_lines`?")
            ),
            ("in.parser.columns.0.frmat", 9, Some("did you mean `format`?")),
            ("exce", 10, Some("did you mean `exec`?")),
        ]
    );
    let errors = try_resolve(text, true).unwrap_err();
    assert_eq!(errors.problems.len(), 3);
    assert_eq!(errors.problems[0].message, "unknown key `skip_header_line`");
}

#[test]
fn keys_of_another_type_are_told_apart() {
    let text = file("", "type: json, delimiter: ','", "");
    check_warning(&text, "in.parser.delimiter", "has no effect with type `json`", None);
}

#[test]
fn a_misspelled_key_is_shown_beside_the_missing_one() {
    let errors = try_resolve(
        "in: {buckt: b, path: p, auth_method: anonymous, parser: {type: json}}",
        false,
    )
    .unwrap_err();
    assert_eq!(errors.problems[0].path, "in.bucket");
    assert_eq!(errors.warnings[0].hint.as_deref(), Some("did you mean `bucket`?"));
}

#[test]
fn variables_are_replaced_before_reading() {
    assert_eq!(input("min_task_size: '${SIZE}',").min_task_size_bytes, 64 << 20);
    assert_eq!(input("last_path: '${NOPE:-}',").select.last_path, None);
    check_input_error("region: '${NOPE}',", "in.region", "the variable `NOPE` is not set");
}

#[test]
fn overrides_win_over_the_file() {
    let mut document = Document::parse(&file("min_task_size: 1,", CSV, ""), "load.yml").unwrap();
    for assignment in [
        "in.min_task_size=64MiB",
        "in.decoders.0.type=gzip",
        "out.mode=replace",
        "in.parser.delimiter=|",
    ] {
        document.set(assignment).unwrap();
    }
    let plan = resolve(
        &document,
        &ResolveOptions {
            is_strict: true,
            lookup: &lookup,
        },
    )
    .unwrap()
    .plan;
    assert_eq!(plan.input.min_task_size_bytes, 64 << 20);
    assert_eq!(plan.input.decode, DecodeOptions::Listed(vec![DecoderOptions::Gzip]));
    assert_eq!(plan.output.mode, OutputMode::Replace);
    let Some(ParserOptions::Csv(options)) = plan.input.parser else {
        panic!()
    };
    assert_eq!(options.delimiter, "|");
    document.set("in.min_task_size=huge").unwrap();
    let errors = resolve(
        &document,
        &ResolveOptions {
            is_strict: true,
            lookup: &lookup,
        },
    )
    .unwrap_err();
    assert_eq!(
        (errors.problems[0].path.as_str(), errors.problems[0].line),
        ("in.min_task_size", 0)
    );
}

#[test]
fn a_seed_needs_no_parser() {
    let seed = |text: &str| {
        let document = Document::parse(text, "seed.yml").unwrap();
        resolve_seed(
            &document,
            &ResolveOptions {
                is_strict: true,
                lookup: &lookup,
            },
        )
    };
    let plain = seed("bucket: b\npath_prefix: p\nauth_method: anonymous\n").unwrap();
    assert!(plain.input.parser.is_none() && plain.parser.is_none() && !plain.has_decoders);
    let partial = seed(
        "in: {bucket: b, path_prefix: p, auth_method: anonymous, decoders: [gzip], parser: {type: csv, charset: '${SIZE}'}}\nexec: {guess_plugins: [jsonl]}\nout: {}\n",
    )
    .unwrap();
    assert!(partial.has_decoders);
    assert_eq!(partial.parser.unwrap().get("charset").unwrap().text(), Some("64MiB"));
    assert_eq!(partial.exec.guess_plugins, ["jsonl"]);
    assert_eq!(seed("in: {path: p}").unwrap_err().problems[0].path, "in.bucket");
    assert_eq!(seed("out: {}").unwrap_err().problems[0].path, "in");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}") {
        if let Ok(document) = Document::parse(&text, "load.yml") {
            let _ = resolve(&document, &ResolveOptions { is_strict: true, lookup: &lookup });
        }
    }

    #[test]
    fn no_text_of_yaml_characters_makes_it_panic(text in "[a-c\\[\\]{}:,&*#'\"\\-\\n |>!$0-9.~<?%]{0,120}") {
        let _ = Document::parse(&text, "load.yml");
    }

    #[test]
    fn no_value_of_any_key_makes_it_panic(index in 0..keys::KEYS.len(), choice in 0usize..9, text in "\\PC{0,20}") {
        let values = ["null", "[]", "{}", "-1", "1.5", "[{}]", "[a, {b: c}]", "true", ""];
        let path = keys::KEYS[index].path.replace("[]", ".0").replace('*', "x");
        for kind in keys::KEYS[index].applies_to.iter().copied().chain([""]) {
            let mut document = Document::parse(&file("", CSV, ""), "load.yml").unwrap();
            let (section, _) = path.rsplit_once('.').unwrap_or(("", ""));
            if !kind.is_empty() {
                let _ = document.set(&format!("{section}.type={kind}"));
            }
            let value = if choice == 8 { text.as_str() } else { values[choice] };
            let _ = document.set(&format!("{path}={value}"));
            let _ = resolve(&document, &ResolveOptions { is_strict: false, lookup: &lookup });
        }
    }
}

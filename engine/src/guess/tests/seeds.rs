//! What the seed fixes, and what the options leave out.

use super::*;

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

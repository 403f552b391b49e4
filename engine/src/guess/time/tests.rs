use crate::guess::{Guess, GuessOptions, Sample, Seed, guess, render_json, render_yaml};
use serde_json::{Value, json};

fn guess_with(seed: &Value, text: &str, options: &GuessOptions) -> Guess {
    let sample = Sample {
        key: "k".to_owned(),
        size_bytes: text.len() as u64,
        bytes: text.into(),
        is_whole: true,
    };
    guess(vec![sample], &Seed::from_document(seed), options).unwrap()
}

/// What is written as `out`, and the doubts that are about time.
#[track_caller]
fn check(seed: &Value, text: &str, expected_out: Value, expected_doubts: &[&str]) {
    let guess = guess_with(seed, text, &GuessOptions::default());
    let document = render_json(seed, &guess);
    let yaml = render_yaml(seed, &guess);
    assert_eq!(document["out"], expected_out, "{yaml}");
    assert_eq!(guess.doubts, expected_doubts, "{yaml}");
    let read: Value = serde_saphyr::from_str(&yaml).unwrap();
    assert_eq!(read["out"], expected_out, "{yaml}");
}

/// The last filter, and the types of the first columns.
#[track_caller]
fn check_select(seed: &Value, text: &str, expected: &str, expected_types: &[&str]) {
    let guess = guess_with(seed, text, &GuessOptions::default());
    let document = render_json(seed, &guess);
    let filters = document["filters"].as_array().expect("there are filters");
    assert_eq!(filters.last().unwrap(), &json!({"type": "sql", "select": expected}));
    let types: Vec<&str> = document["in"]["parser"]["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|column| column["type"].as_str().unwrap())
        .collect();
    assert_eq!(types, expected_types);
    assert_eq!(guess.output, [], "the filter makes the time");
    assert_eq!(guess.doubts, Vec::<String>::new());
}

const ONE_TIMESTAMP: &str = "id,at\n1,2015-01-27 01:02:03\n2,2015-01-28 01:02:03\n";

const TEXT_AS_TIME: &str = "id,time\n1,soon\n2,late\n3,never\n";

const DATE_AND_TIME: &str = "date,time,n\n2015-01-27,01:02:03,1\n2015-01-28,23:59:59,2\n";

const LOG: &str = "#Fields: date time n\n2015-01-27,01:02:03,1\n2015-01-28,23:59:59,2\n";

#[test]
fn only_timestamp_column_is_the_time() {
    let expected = json!({"mode": "append", "time_column": "at"});
    check(&json!({"in": {}}), ONE_TIMESTAMP, expected.clone(), &[]);
    check(&json!({"in": {}, "out": null}), ONE_TIMESTAMP, expected.clone(), &[]);
    check(
        &json!({"in": {}, "out": {"mode": "append"}}),
        ONE_TIMESTAMP,
        expected,
        &[],
    );
    check(
        &json!({"in": {}, "out": {}}),
        ONE_TIMESTAMP,
        json!({"time_column": "at"}),
        &[],
    );
    let guess = guess_with(&json!({}), ONE_TIMESTAMP, &GuessOptions::default());
    let yaml = render_yaml(&json!({"in": {}, "out": {}}), &guess);
    let line = "out:\n  time_column: at   # the only timestamp column with a value in every record\n";
    assert!(yaml.contains(line), "{yaml}");
}

#[test]
fn first_of_several_timestamp_columns_is_the_time_with_a_doubt() {
    check(
        &json!({"in": {}, "out": {}}),
        "id,Made At,sent,read\n1,2015-01-27,2015-01-28,2015-01-29\n2,2015-01-27,2015-01-28,2015-01-29\n",
        json!({"time_column": "made_at"}),
        &["out.time_column: `made_at` was chosen because it comes first; timestamps too: `sent`, `read`"],
    );
}

#[test]
fn timestamp_column_with_gaps_would_cost_records() {
    check(
        &json!({"in": {}, "out": {}}),
        "id,sent,made\n1,,2015-01-27\n2,2015-01-28,2015-01-27\n",
        json!({"time_column": "made"}),
        &[],
    );
    check(
        &json!({"in": {}, "out": {}}),
        "id,sent\n1,\n2,2015-01-28\n",
        json!({}),
        &[
            "out.time_column: partitions are by the time of the load; timestamps without a value in some records, which \
           would be rejected: `sent`",
        ],
    );
}

#[test]
fn column_called_time_is_the_time_if_it_tells_one() {
    check(
        &json!({"in": {}, "out": {}}),
        "time,at\n5,2015-01-27\n6,2015-01-27\n",
        json!({}),
        &[],
    );
    check(
        &json!({"in": {}, "out": {}}),
        "Time,at\n2015-01-27,2015-01-27\n2015-01-28,2015-01-27\n",
        json!({}),
        &[],
    );
    let rows: String = (0..199).map(|row| format!("{row},2015-01-27\n")).collect();
    check(
        &json!({"in": {}, "out": {}}),
        &format!("id,time\n{rows}9,\n"),
        json!({}),
        &[
            "column `time`: 1 of 200 sampled records have no value; such records will be rejected; \
           `out.partition_by: none` keeps them",
        ],
    );
}

#[test]
fn integers_called_time_have_their_unit_written() {
    for (value, unit) in [
        ("1470148959542", "milli"),
        ("1470148959542000", "micro"),
        ("1470148959542000000", "nano"),
    ] {
        let expected = json!({"unix_timestamp_unit": unit});
        let text = format!("time,n\n{value},1\n{value},2\n");
        check(&json!({"in": {}, "out": {}}), &text, expected.clone(), &[]);
        let lines = format!("{{\"time\":{value}}}\n").repeat(2);
        check(&json!({"in": {}, "out": {}}), &lines, expected, &[]);
        let seeded = json!({"unix_timestamp_unit": "sec"});
        check(&json!({"in": {}, "out": seeded}), &text, seeded.clone(), &[]);
    }
    check(
        &json!({"in": {}, "out": {}}),
        "time,n\n1470148959,1\n1470148960,2\n",
        json!({}),
        &[],
    );
}

#[test]
fn column_called_time_that_tells_none_gives_way() {
    check(
        &json!({"in": {}, "out": {}}),
        "id,time,at\n1,soon,2015-01-27\n2,late,2015-01-28\n",
        json!({"time_column": "at"}),
        &[],
    );
    check(
        &json!({"in": {}, "out": {"mode": "replace"}}),
        TEXT_AS_TIME,
        json!({"mode": "replace", "partition_by": "none"}),
        &[
            "out.partition_by: `time` is a string, which tells no time, and there is no timestamp column with a value in \
           every record, so that there are no partitions; a filter could make a time",
        ],
    );
    check(
        &json!({"in": {}, "out": {}}),
        "time,n\n1.5,1\n,2\n",
        json!({"partition_by": "none"}),
        &[
            "out.partition_by: `time` is a double, which tells no time, and there is no timestamp column with a value in \
           every record, so that there are no partitions; a filter could make a time",
        ],
    );
    check(
        &json!({"in": {}, "out": {}}),
        "time,n\n2015-01-27,1\n,2\n",
        json!({"partition_by": "none"}),
        &[
            "out.partition_by: `time` has no value in 1 of 2 sampled records, and there is no timestamp column with a \
           value in every record, so that there are no partitions; a filter could make a time",
        ],
    );
    let text = "{\"time\":\"soon\",\"at\":\"2015-01-27\"}\n{\"time\":\"late\",\"at\":\"2015-01-27\"}\n";
    check(&json!({"in": {}, "out": {}}), text, json!({"time_column": "at"}), &[]);
}

#[test]
fn what_the_seed_says_of_time_stays() {
    for out in [
        json!({"time_column": "id"}),
        json!({"time_value": {"mode": "upload_time"}}),
        json!({"partition_by": "none"}),
        json!({"time_column_fallback": "first"}),
    ] {
        check(&json!({"in": {}, "out": out}), ONE_TIMESTAMP, out.clone(), &[]);
    }
    check(
        &json!({"in": {}, "out": {"partition_by": "day"}}),
        TEXT_AS_TIME,
        json!({"partition_by": "day"}),
        &[
            "out.partition_by: `time` is a string, which tells no time, and there is no timestamp column with a value in \
           every record; the load will fail without `partition_by: none` or another `time`",
        ],
    );
    let seed = json!({"in": {}, "out": {"time_column": "date"}});
    let guess = guess_with(&seed, DATE_AND_TIME, &GuessOptions::default());
    assert_eq!((guess.filters.len(), guess.output.len()), (0, 0));
}

#[test]
fn listed_columns_and_filters_of_a_seed_are_left_alone() {
    let columns = json!([{"name": "id", "type": "long"}, {"name": "at", "type": "string"}]);
    let seed = json!({"in": {"parser": {"type": "csv", "skip_header_lines": 1, "columns": columns}}, "out": {}});
    check(&seed, ONE_TIMESTAMP, json!({}), &[]);
    let filters = json!([{"type": "sql", "where": "id > 1"}]);
    check(
        &json!({"in": {}, "filters": filters, "out": {}}),
        ONE_TIMESTAMP,
        json!({}),
        &[],
    );
    check(
        &json!({"in": {}, "filters": filters, "out": {}}),
        TEXT_AS_TIME,
        json!({}),
        &[
            "column `time`: it is a string; unless the filters change that, the load needs `out.time_column` or \
           `out.partition_by: none`",
        ],
    );
}

#[test]
fn date_and_time_of_a_log_become_one_column() {
    const SELECT: &str = "parse_timestamp(date || 'T' || time, '%Y-%m-%dT%H:%M:%S') AS time, * EXCEPT (date, time)";
    let types = ["string", "string", "long"];
    let seed = json!({"in": {}, "out": {}});
    check_select(&seed, LOG, SELECT, &types);
    check_select(&seed, &LOG.replace("date time", "Date Time"), SELECT, &types);
    check_select(
        &json!({"in": {}, "out": {"time_column": "time"}}),
        DATE_AND_TIME,
        SELECT,
        &types,
    );
    let lines = "{\"date\":\"2015-01-27\",\"time\":\"01:02:03\",\"n\":1}\n".repeat(3);
    check_select(&seed, &lines, SELECT, &types);
    check_select(
        &seed,
        &LOG.replace(":03,", ":03.25,").replace(":59,", ":59.5,"),
        "parse_timestamp(date || 'T' || time, '%Y-%m-%dT%H:%M:%S.%L') AS time, * EXCEPT (date, time)",
        &types,
    );
    check_select(
        &json!({"in": {"parser": {"default_timezone": "Asia/Tokyo"}}}),
        &LOG.replace(":03,", ":03.25,"),
        "coalesce(parse_timestamp(date || 'T' || time, '%Y-%m-%dT%H:%M:%S.%L', 'Asia/Tokyo'), \
         parse_timestamp(date || 'T' || time, '%Y-%m-%dT%H:%M:%S', 'Asia/Tokyo')) AS time, * EXCEPT (date, time)",
        &types,
    );
}

#[test]
fn date_and_time_of_a_table_stay_and_a_doubt_shows_the_filter() {
    check(
        &json!({"in": {}, "out": {}}),
        DATE_AND_TIME,
        json!({"time_column": "date"}),
        &[
            "columns `date` and `time`: together they are the time of a row; the filter `{type: sql, select: \
             \"parse_timestamp(date || 'T' || time, '%Y-%m-%dT%H:%M:%S') AS time, * EXCEPT (date, time)\"}` makes one column \
             of them",
        ],
    );
}

#[test]
fn filter_of_date_and_time_says_why() {
    let guess = guess_with(&json!({}), &LOG.replace("date ", "Date "), &GuessOptions::default());
    assert_eq!(guess.filters.len(), 2, "names are cleaned first");
    let yaml = render_yaml(&json!({"in": {}, "out": {}}), &guess);
    let expected = "- {type: sql, select: \"parse_timestamp(date || 'T' || time, '%Y-%m-%dT%H:%M:%S') AS time, \
                    * EXCEPT (date, time)\"}   # `Date` has the date and `time` the time of day; together they are the \
                    time of the row\n";
    assert!(yaml.contains(expected), "{yaml}");
    let columns = "    - {name: Date, type: string}   # one half of the time, see `filters`\n    \
                   - {name: time, type: string}   # one half of the time, see `filters`\n";
    assert!(yaml.contains(columns), "{yaml}");
}

#[test]
fn date_and_time_with_a_few_bad_records_become_one_column() {
    let rows = "2015-01-27,01:02:03,1\n".repeat(199);
    let text = format!("#Fields: date time n\n{rows}2015-01-27,later,2\n");
    let guess = guess_with(&json!({}), &text, &GuessOptions::default());
    assert_eq!(guess.filters.len(), 1);
    assert_eq!(
        guess.doubts,
        [
            "columns `date` and `time`: 1 of 200 sampled records are no date and time of day; such records will be rejected"
        ]
    );
}

#[test]
fn date_and_something_else_stay_apart() {
    let out = json!({"in": {}, "out": {}});
    let expected = json!({"time_column": "date"});
    check(&out, &DATE_AND_TIME.replace("23:59:59", "soon"), expected.clone(), &[]);
    check(&out, &DATE_AND_TIME.replace("23:59:59", ""), expected.clone(), &[]);
    check(
        &out,
        "date,time,n\n2015-01-27 00:00:00,01:02:03,1\n2015-01-28 00:00:00,01:02:03,2\n",
        expected,
        &[],
    );
    let options = GuessOptions {
        added_plugins: vec!["csv_all_strings".to_owned()],
        ..GuessOptions::default()
    };
    let guess = guess_with(&json!({}), DATE_AND_TIME, &options);
    assert!(guess.filters.is_empty());
    assert_eq!(guess.output[0].key, "partition_by");
}

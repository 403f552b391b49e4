//! Batches to batches, by type of filter, as part of a plan that reads them from memory.
//!
//! `none` is what a plan costs by itself; it is part of every other figure. Plans are made outside of what is measured.

use crate::NUM_RECORDS;
use arrow::array::RecordBatch;
use bucketload_benches::job::Filtering;
use bucketload_benches::reading::{batches, event_options, parse};
use bucketload_benches::records::{EVENT_COLUMNS, Records, events};
use bucketload_engine::parse::columns::{ColumnOptions, ColumnType, TimestampOptions};
use bucketload_engine::parse::json::{JsonOptions, new_parser};
use criterion::{BatchSize, Criterion, Throughput};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

pub(crate) fn bench(criterion: &mut Criterion, runtime: &Runtime) {
    let log = Records::log(NUM_RECORDS);
    let (log_batches, event_batches) = (batches(&log), actors());
    let mut group = criterion.benchmark_group("filter");
    for (name, filters) in filters() {
        let batches = match name {
            "expand_json" => &event_batches,
            _ => &log_batches,
        };
        let num_rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
        group.throughput(Throughput::Elements(num_rows as u64));
        let filtering = Filtering::new(&filters).expect("sound filters");
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || {
                    let plan = runtime.block_on(filtering.plan(batches.clone()));
                    plan.expect("filters that fit the columns")
                },
                |plan| {
                    runtime
                        .block_on(filtering.run(plan))
                        .expect("rows that are not rejected")
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
    bench_members(criterion, runtime);
}

/// Ten members of documents of 1.5 KB: taken by the filter from a json column, and by the parser from the same text.
fn bench_members(criterion: &mut Criterion, runtime: &Runtime) {
    let text = documents(NUM_RECORDS / 10);
    let mut group = criterion.benchmark_group("ten_members");
    group.throughput(Throughput::Bytes(text.len() as u64));
    let members: Vec<(String, ColumnType)> = (0..10)
        .map(|number| match number % 2 {
            0 => (format!("m{number}"), ColumnType::Long),
            _ => (format!("m{number}"), ColumnType::String),
        })
        .collect();
    let column = |name: &str, column_type: ColumnType, element_at: Option<String>| ColumnOptions {
        name: name.to_owned(),
        column_type,
        timestamp: TimestampOptions::default(),
        element_at,
        members: Vec::new(),
    };
    let whole = JsonOptions {
        columns: vec![column("doc", ColumnType::Json, Some(String::new()))],
        ..JsonOptions::default()
    };
    let mut parser = new_parser(&whole).expect("sound options");
    let batches: Vec<RecordBatch> = parse(parser.as_mut(), &text)
        .into_iter()
        .map(|parsed| parsed.batch)
        .collect();
    let expanded: Vec<Value> = members
        .iter()
        .map(|(name, column_type)| json!({"name": name, "type": column_type.name()}))
        .collect();
    let filter = json!([{"type": "expand_json", "json_column_name": "doc", "expanded_columns": expanded}]);
    let filtering = Filtering::new(&filter).expect("sound filters");
    group.bench_function("filter", |bencher| {
        bencher.iter_batched(
            || {
                let plan = runtime.block_on(filtering.plan(batches.clone()));
                plan.expect("filters that fit the columns")
            },
            |plan| {
                runtime
                    .block_on(filtering.run(plan))
                    .expect("rows that are not rejected")
            },
            BatchSize::PerIteration,
        );
    });
    let options = JsonOptions {
        columns: members
            .iter()
            .map(|(name, column_type)| column(name, *column_type, None))
            .collect(),
        ..JsonOptions::default()
    };
    group.bench_function("parser", |bencher| {
        bencher.iter(|| {
            let mut parser = new_parser(&options).expect("sound options");
            parse(parser.as_mut(), &text)
        });
    });
    group.finish();
}

/// Documents of 1.5 KB, one a line, with members `m0` to `m9` among others.
fn documents(num_documents: usize) -> Vec<u8> {
    let mut text = String::new();
    for document in 0..num_documents {
        text.push('{');
        for member in 0..10 {
            let filler = "x".repeat(105 + document % 7);
            let value = match member % 2 {
                0 => format!("{}", document * 31 + member),
                _ => format!("\"value {member} of {document}\""),
            };
            text.push_str(&format!("\"m{member}\":{value},\"filler{member}\":\"{filler}\","));
        }
        text.push_str("\"last\":null}\n");
    }
    text.into_bytes()
}

/// The `filters` sections.
fn filters() -> [(&'static str, Value); 17] {
    let where_clause = json!({"type": "sql", "where": "status <> 304"});
    let digest = json!({"type": "digest", "columns": [{"name": "client_ip", "algorithm": "SHA-256"}]});
    let add_columns = json!({
        "type": "add_columns",
        "columns": [{"name": "address", "src": "client_ip"}, {"name": "source", "type": "string", "default": "web"}],
    });
    let cast = json!({"type": "cast", "columns": {"bytes": "double", "status": "string"}});
    let remove = json!({"type": "remove_columns", "remove": ["message", "user_agent"]});
    [
        ("none", json!([])),
        ("sql_where", json!([where_clause])),
        ("row", json!([{"type": "row", "where": "status <> 304"}])),
        (
            "dedup",
            json!([{"type": "dedup", "columns": ["client_ip"], "keep": "last", "by": "time"}]),
        ),
        (
            "sql_functions",
            json!([{"type": "sql", "select": "ip_anonymize(client_ip) AS ip, ip_in_cidr(client_ip, '10.0.0.0/8') AS internal"}]),
        ),
        (
            "sql_select",
            json!([{"type": "sql", "select": "*, bytes / 1024.0 AS kib, upper(method) AS verb"}]),
        ),
        (
            "sql_query",
            json!([{"type": "sql", "query": "SELECT status, count(*) AS hits FROM input GROUP BY status"}]),
        ),
        (
            "retain_columns",
            json!([{"type": "retain_columns", "columns": ["time", "status", "bytes"]}]),
        ),
        ("add_columns", json!([add_columns])),
        ("remove_columns", json!([remove])),
        (
            "rename",
            json!([{"type": "rename", "rules": [{"rule": "lower_to_upper"}]}]),
        ),
        ("digest_sha256", json!([digest])),
        (
            "digest_md5",
            json!([{"type": "hash", "columns": [{"name": "client_ip", "algorithm": "MD5"}]}]),
        ),
        (
            "add_time",
            json!([{"type": "add_time", "to_column": {"name": "seen"}, "from_column": {"name": "bytes"}}]),
        ),
        ("cast", json!([cast])),
        (
            "expand_json",
            json!([{
                "type": "expand_json", "json_column_name": "actor",
                "expanded_columns": [{"name": "id", "type": "long"}, {"name": "login", "type": "string"}],
            }]),
        ),
        (
            "pipeline_of_five",
            json!([where_clause, add_columns, digest, cast, remove]),
        ),
    ]
}

/// Events with their actor as a json column.
fn actors() -> Vec<RecordBatch> {
    let actor = ColumnOptions {
        name: "actor".to_owned(),
        column_type: ColumnType::Json,
        timestamp: TimestampOptions::default(),
        element_at: None,
        members: Vec::new(),
    };
    let options = event_options();
    let time = options.columns[0].clone();
    assert_eq!(time.name, EVENT_COLUMNS[0].0);
    let options = JsonOptions {
        columns: vec![time, actor],
        ..options
    };
    let mut parser = new_parser(&options).expect("sound options");
    parse(parser.as_mut(), &events(&Records::log(NUM_RECORDS / 5)))
        .into_iter()
        .map(|parsed| parsed.batch)
        .collect()
}

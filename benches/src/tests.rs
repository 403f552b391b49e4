use crate::compress::{bzip2, gzip, gzip_members, zip, zstd};
use crate::job::{Filtering, csv_parser, event_parser, load_config, plan, tsv_parser};
use crate::reading::{
    CHUNK_BYTES, batches, csv_options, decode_stream, decoder, event_options, json_array_options, jsonl_options, parse,
    tsv_options,
};
use crate::records::{Order, Records, Shape, events};
use crate::server::Server;
use bucketload_engine::parse::csv::CsvParser;
use bucketload_engine::parse::json::new_parser;
use bucketload_engine::parse::{Parser, ParserOptions};
use bucketload_engine::source::budget::ByteBudget;
use bucketload_engine::source::fetch::{FetchOptions, fetch};
use bucketload_engine::source::file::Files;
use bucketload_engine::source::list::list;
use bucketload_engine::source::options::Location;
use bucketload_engine::source::select::SelectOptions;
use bucketload_engine::source::store::open_store;
use serde_json::{Value, json};
use std::process::Command;
use std::sync::Arc;

#[track_caller]
fn check_rows(mut parser: Box<dyn Parser>, text: &[u8]) {
    let parsed = parse(parser.as_mut(), text);
    let num_rows: usize = parsed.iter().map(|parsed| parsed.batch.num_rows()).sum();
    let rejects: Vec<_> = parsed.iter().flat_map(|parsed| &parsed.rejects).collect();
    assert_eq!(rejects, Vec::<&bucketload_engine::parse::Reject>::new());
    assert_eq!(num_rows, 200);
}

#[test]
fn every_record_of_every_shape_becomes_a_row() {
    for (_, shape) in Shape::ALL {
        let records = Records::new(shape, 200);
        check_rows(Box::new(CsvParser::new(&csv_options(shape)).unwrap()), &records.csv());
        check_rows(Box::new(CsvParser::new(&tsv_options(shape)).unwrap()), &records.tsv());
        check_rows(new_parser(&jsonl_options(shape)).unwrap(), &records.jsonl());
        check_rows(new_parser(&json_array_options(shape)).unwrap(), &records.json_array());
    }
    check_rows(new_parser(&event_options()).unwrap(), &events(&Records::log(200)));
}

#[test]
fn events_have_a_value_in_every_column() {
    let mut parser = new_parser(&event_options()).unwrap();
    let parsed = parse(parser.as_mut(), &events(&Records::log(200)));
    for column in parsed[0].batch.columns() {
        assert_eq!(column.null_count(), 0);
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let records = Records {
        num_hours: 2,
        order: Order::Shuffled,
        ..Records::log(100)
    };
    assert_eq!(records.csv(), records.csv());
    assert_ne!(records.csv(), Records { seed: 2, ..records }.csv());
}

#[test]
fn every_format_decodes_to_what_was_compressed() {
    let plain = Records::log(2_000).csv();
    for file in [
        plain.clone(),
        gzip(&plain),
        gzip_members(&plain, 10_000),
        zstd(&plain),
        bzip2(&plain),
        zip(&plain),
    ] {
        let mut decoded = Vec::new();
        decode_stream(&mut decoder(), &mut vec![0; CHUNK_BYTES], &file, |piece| {
            decoded.extend_from_slice(piece);
        });
        assert_eq!(decoded, plain);
    }
}

#[test]
fn the_configured_parsers_are_those_of_the_stages() {
    for (parser, expected) in [
        (csv_parser(Shape::Log), ParserOptions::Csv(csv_options(Shape::Log))),
        (tsv_parser(Shape::Log), ParserOptions::Csv(tsv_options(Shape::Log))),
        (event_parser(), ParserOptions::Json(event_options())),
    ] {
        let plan = plan(&load_config("", &parser, &json!([]))).unwrap();
        // The charset of JSON is settled by the configuration.
        let configured =
            format!("{:?}", plan.input.parser.unwrap()).replace("Some(Encoding { name: \"UTF-8\", .. })", "None");
        assert_eq!(configured, format!("{expected:?}"));
    }
}

#[tokio::test]
async fn filters_run_over_batches_in_memory() {
    let filtering = Filtering::new(&json!([{"type": "sql", "where": "status = 304"}])).unwrap();
    let plan = filtering.plan(batches(&Records::log(2_000))).await.unwrap();
    let num_rows: usize = filtering
        .run(plan)
        .await
        .unwrap()
        .iter()
        .map(|batch| batch.num_rows())
        .sum();
    assert!((200..400).contains(&num_rows), "a seventh of 2,000 is not {num_rows}");
}

#[tokio::test]
async fn the_server_lists_and_gives_its_files() {
    let large: Vec<u8> = (0..20_000_000_u32).map(|index| (index % 251) as u8).collect();
    let mut files = std::collections::BTreeMap::from([("large".to_owned(), Arc::new(large))]);
    files.extend((0..2_500).map(|index| (format!("small/{index:04}"), Arc::new(index.to_string().into_bytes()))));
    let server = Server::start(files.clone()).unwrap();
    let store = open_store(&Location::S3(Box::new(server.options()))).unwrap();

    let listing = list(Arc::clone(&store), &SelectOptions::default(), None, 0)
        .await
        .unwrap();
    assert_eq!(listing.files.len(), 2_501);
    assert!(listing.num_requests >= 3, "pages of at most 1,000 keys");

    let budget = Arc::new(ByteBudget::new(64 * 1024 * 1024));
    let runtime = tokio::runtime::Handle::current();
    let mut fetched = fetch(
        store,
        Files::new(listing.files),
        FetchOptions::default(),
        budget,
        &runtime,
    );
    for (key, content) in &files {
        let mut file = fetched.next().await.unwrap().unwrap();
        assert_eq!(*file.file.key, **key);
        let mut bytes = Vec::new();
        while let Some(chunk) = file.chunks.next().await {
            bytes.extend_from_slice(&chunk.unwrap());
        }
        assert!(bytes == **content, "`{key}` has other bytes");
    }
    assert!(fetched.next().await.is_none());
}

/// Runs `compare diff` on a count of 1,000 instructions and one of this many, and gives its exit status and what it said.
fn compared(now: u64, change: impl FnOnce(&mut Value)) -> (Option<i32>, String) {
    let count = |instructions: u64| {
        json!({
            "commit": "a", "rustc": "1", "cc": "1", "machine": "m", "counter": "c",
            "kernels": {"csv/fast": {"instructions": instructions, "amount": 100, "unit": "bytes"}},
        })
    };
    let mut new = count(now);
    change(&mut new);
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str, result: &Value| {
        let path = folder.path().join(name);
        std::fs::write(&path, result.to_string()).unwrap();
        path
    };
    let output = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/compare"))
        .arg("diff")
        .args([path("old", &count(1_000)), path("new", &new)])
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn a_loss_of_more_than_a_tenth_fails() {
    assert_eq!(compared(1_100, |_| {}).0, Some(0));
    let (status, said) = compared(1_110, |_| {});
    assert_eq!(status, Some(1));
    assert!(said.contains("`csv/fast` takes 11% more instructions"), "{said}");
}

#[test]
fn counts_of_another_compiler_are_shown_and_not_judged() {
    let (status, said) = compared(2_000, |new| new["rustc"] = json!("2"));
    assert_eq!(status, Some(0));
    assert!(said.contains("not judged, since rustc differ"), "{said}");
}

#[test]
fn a_kernel_that_is_no_longer_counted_fails() {
    let (status, said) = compared(1_000, |new| new["kernels"] = json!({}));
    assert_eq!(status, Some(1));
    assert!(said.contains("`csv/fast` is no longer counted"), "{said}");
}

#[test]
fn more_work_for_more_data_is_no_loss() {
    let double = |new: &mut Value| new["kernels"]["csv/fast"]["amount"] = json!(200);
    assert_eq!(compared(2_000, double).0, Some(0));
}

//! Documentation that must agree with the code.

use bucketload_engine::config::keys::KEYS;
use bucketload_engine::config::reference_markdown;
use bucketload_engine::filter::functions_markdown;
use bucketload_tests::filter_page::filter_page;
use bucketload_tests::folders;
use std::{env, fs};

/// Compares a page with what the code makes of it; `BLESS=1` writes it anew.
#[track_caller]
fn check(page: &str, made: &str) {
    let path = folders::repository().join(page);
    if env::var_os("BLESS").is_some() {
        fs::write(&path, made).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == made,
        "{page} differs from the code; write it anew with `BLESS=1 cargo test -p bucketload-tests --test it -- documentation`"
    );
}

#[test]
fn the_reference_of_keys_is_that_of_the_code() {
    check("docs/config.md", &reference_markdown());
}

#[test]
fn the_reference_of_functions_is_that_of_the_code() {
    check("docs/functions.md", &functions_markdown());
}

#[test]
fn the_page_of_filters_is_made_of_cases() {
    check("docs/filters.md", &filter_page());
}

#[test]
fn every_filter_has_a_chapter() {
    let page = filter_page();
    let headings: Vec<&str> = page.lines().filter(|line| line.starts_with("## ")).collect();
    let kinds = KEYS.iter().find(|key| key.path == "filters[].type");
    for kind in kinds.expect("filters have types").values {
        let name = format!("`{kind}`");
        assert!(
            headings.iter().any(|heading| heading.contains(&name)),
            "{kind} has no chapter"
        );
    }
}

//! Documentation that must agree with the code.

use bucketload_engine::config::reference_markdown;
use bucketload_tests::folders;
use std::{env, fs};

#[test]
fn the_reference_of_keys_is_that_of_the_code() {
    let path = folders::repository().join("docs/config.md");
    if env::var_os("BLESS").is_some() {
        fs::write(&path, reference_markdown()).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == reference_markdown(),
        "docs/config.md differs from the table of keys; write it anew with `BLESS=1 cargo test -p bucketload-tests`"
    );
}

//! Java patterns: compiled or refused, and searched for in any text.

use crate::inputs::{kind_of, skeleton};
use bucketload_engine::pattern::Pattern;
use bucketload_fuzz::driver::{KERNEL_MUTATIONS, Target, fuzz};

const TARGET: Target = Target {
    name: "pattern",
    dictionary: &[
        b"\\Q",
        b"\\E",
        b"(?i)",
        b"(?<a>",
        b"(?=",
        b"(?<!",
        b"(?>",
        b"*+",
        b"\\1",
        b"\\k<a>",
        b"\\h",
        b"\\R",
        b"\\p{L}",
        b"\\p{javaLowerCase}",
        b"[^a&&[b-d]]",
        b"[[:alpha:]]",
        b"\\x{1F600}",
        b"\\cA",
        b"{2,}",
        b"{,3}",
        b"$",
        b"^",
        b"\\z",
        b"\\Z",
        b"\\G",
        b"\\b",
        b"(?x) # c",
        b"\\0101",
        b"|",
        b"]",
        b"[",
        b"\\u00e9",
        b"(?d)",
        b"\\X",
        b"\n",
        b"\r\n",
    ],
    max_bytes: 120,
    max_memory_bytes: 64 * 1024 * 1024,
    num_mutations: KERNEL_MUTATIONS,
};

/// First line: the pattern. The rest: the text that is searched.
#[test]
fn every_pattern_compiles_or_is_refused() {
    let done = fuzz(&TARGET, Vec::new(), |input| {
        let text = String::from_utf8_lossy(input);
        let (pattern, searched) = text.split_once('\n').unwrap_or((&text, ""));
        let pattern = match Pattern::new(pattern) {
            Ok(pattern) => pattern,
            Err(error) => return kind_of(skeleton(&error.to_string())),
        };
        let found = pattern.is_found_in(searched);
        kind_of((found.is_ok(), found.ok()))
    });
    println!("{done}");
}

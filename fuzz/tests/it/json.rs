//! `jsonl` and `json`: the fast readers give what the reference gives, wherever the file is cut.

use crate::inputs::{self, kind_of, skeleton};
use bucketload_fuzz::corpus::fingerprint;
use bucketload_fuzz::driver::{KERNEL_MUTATIONS, Target, fuzz};
use bucketload_fuzz::readers::read_all_ways;

const WORDS: &[&[u8]] = &[
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b"\"",
    b"\"a\":",
    b"null",
    b"true",
    b"false",
    b"NaN",
    b"-Infinity",
    b"\\u0000",
    b"\\ud800",
    b"\\udc00",
    b"\\u",
    b"\\a",
    b"1e400",
    b"-0",
    b"0.1",
    b"1E+2",
    b"9223372036854775807",
    b"[[[[",
    b"{\"a\":{\"a\":",
    b"\r\n",
    b"\xEF\xBB\xBF",
    b"\xFE\xFF\0{",
    b"{}\n",
    b"//",
    b"/*",
    b"\x1e",
];

fn check(target: &Target, format: &str) -> String {
    let formats = [format];
    fuzz(target, inputs::seeds(&formats), |input| {
        let Some((options, file)) = inputs::split(input, &formats) else {
            return 0;
        };
        let chunk_bytes = 1 + (fingerprint(file) % 70) as usize;
        let outcome = read_all_ways(&options, &[file, b"{\"a\": 1}\n"], &[chunk_bytes, usize::MAX]);
        let mut reasons: Vec<_> = outcome.rejects.iter().map(|reject| skeleton(&reject.reason)).collect();
        reasons.extend(outcome.errors.iter().map(|error| skeleton(error)));
        reasons.sort();
        reasons.dedup();
        kind_of((reasons, outcome.rows.num_rows().min(20)))
    })
}

#[test]
fn fast_and_reference_reader_of_lines_agree() {
    let target = Target {
        name: "jsonl",
        dictionary: WORDS,
        max_bytes: 4_000,
        max_memory_bytes: 32 * 1024 * 1024,
        num_mutations: KERNEL_MUTATIONS,
    };
    println!("{}", check(&target, "jsonl"));
}

#[test]
fn fast_and_reference_reader_of_values_agree() {
    let target = Target {
        name: "json",
        dictionary: WORDS,
        max_bytes: 4_000,
        max_memory_bytes: 32 * 1024 * 1024,
        num_mutations: KERNEL_MUTATIONS,
    };
    println!("{}", check(&target, "json"));
}

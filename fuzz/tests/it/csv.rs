//! CSV: the fast reader gives what the reference gives, wherever the file is cut.

use crate::inputs::{self, kind_of, skeleton};
use bucketload_fuzz::corpus::fingerprint;
use bucketload_fuzz::driver::{KERNEL_MUTATIONS, Target, fuzz};
use bucketload_fuzz::readers::read_all_ways;

const TARGET: Target = Target {
    name: "csv",
    dictionary: &[
        b",",
        b"\"",
        b"\",\"",
        b"\"\"",
        b"\\\"",
        b"\"\n\"",
        b"\r\n",
        b",,",
        b"\t",
        b";",
        b"\\N",
        b"#",
        b" \"",
        b"\" ",
        b"1.5",
        b"true",
        b"2015-03-31 06:12:37.000 +0000",
        b"{\"a\":[1]}",
        b"NaN",
        b"0x1p3",
        b"\xC3\xA9",
    ],
    max_bytes: 4_000,
    max_memory_bytes: 32 * 1024 * 1024,
    num_mutations: KERNEL_MUTATIONS,
};

#[test]
fn fast_and_reference_reader_agree() {
    let formats = ["csv"];
    let done = fuzz(&TARGET, inputs::seeds(&formats), |input| {
        let Some((options, file)) = inputs::split(input, &formats) else {
            return 0;
        };
        // Two files, since what one leaves behind may not change the next.
        let (first, second) = file.split_at(file.len() / 3);
        let chunk_bytes = 1 + (fingerprint(file) % 70) as usize;
        let outcome = read_all_ways(&options, &[first, second, file], &[chunk_bytes, usize::MAX]);
        let mut reasons: Vec<_> = outcome.rejects.iter().map(|reject| skeleton(&reject.reason)).collect();
        reasons.sort();
        reasons.dedup();
        kind_of((reasons, outcome.rows.num_rows().min(20), outcome.errors.len()))
    });
    println!("{done}");
}

//! Every case of `tests/cases`, with its own parser, through both readers and cut in every way, with and without conditions on rows.

use crate::inputs::{self, Case};
use bucketload_fuzz::readers::{CHUNK_BYTES, read_all_ways, read_where_all_ways};

/// Files longer than this are cut into large chunks only: the largest cases would take longer than all the others.
const MAX_FINE_BYTES: usize = 100_000;

#[test]
fn both_readers_agree_on_every_case_however_it_is_cut() {
    let cases = inputs::cases();
    assert!(cases.len() > 50, "only {} cases were found", cases.len());
    let mut num_rows = 0;
    let mut num_rejects = 0;
    for Case {
        name, options, files, ..
    } in &cases
    {
        let num_bytes: usize = files.iter().map(Vec::len).sum();
        let cuts = if num_bytes > MAX_FINE_BYTES {
            &CHUNK_BYTES[2..]
        } else {
            &CHUNK_BYTES
        };
        // The name of a case that panics stands above the panic.
        println!("{name}");
        let files: Vec<&[u8]> = files.iter().map(Vec::as_slice).collect();
        let outcome = read_all_ways(options, &files, cuts);
        if num_bytes <= MAX_FINE_BYTES {
            read_where_all_ways(options, &files, &[7, usize::MAX]);
        }
        num_rows += outcome.rows.num_rows();
        num_rejects += outcome.rejects.len();
    }
    assert!(
        num_rows > 100 && num_rejects > 20,
        "{num_rows} rows, {num_rejects} rejects"
    );
}

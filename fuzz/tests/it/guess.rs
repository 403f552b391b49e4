//! The guess on samples of any bytes.

use crate::inputs::{self, kind_of, skeleton};
use bucketload_engine::config::{Document, ResolveOptions, resolve};
use bucketload_engine::guess::{GuessOptions, Sample, Seed, guess, render_json, render_yaml};
use bucketload_fuzz::corpus::{self, fingerprint};
use bucketload_fuzz::driver::{KERNEL_MUTATIONS, Target, fuzz};

const TARGET: Target = Target {
    name: "guess",
    dictionary: &[
        b",",
        b"\t",
        b"|",
        b";",
        b"\"",
        b"'",
        b"\\",
        b"\n",
        b"\r\n",
        b"\r",
        b"#",
        b"//",
        b"NULL",
        b"\\N",
        b"true",
        b"no",
        b"2015-01-27 19:23:49",
        b"20150127",
        b"27/Jan/2015:19:23:49 +0900",
        b"1.5",
        b"007",
        b"{\"a\":1}",
        b"[",
        b"\xEF\xBB\xBF",
        b"\xFF\xFEa\0",
        b"\x82\xA0",
        b"\xA4\xA2",
        b"id,name,time\n",
        b"\x1f\x8b\x08\0",
    ],
    max_bytes: 3_000,
    max_memory_bytes: 64 * 1024 * 1024,
    num_mutations: KERNEL_MUTATIONS,
};

fn seeds() -> Vec<Vec<u8>> {
    let cases = inputs::cases().into_iter().flat_map(|case| case.files);
    let archives = corpus::kept("decode").into_iter().map(|(_, bytes)| bytes);
    cases.chain(archives).filter(|file| file.len() < 3_000).collect()
}

#[test]
fn every_sample_gives_a_guess_or_a_reason() {
    let done = fuzz(&TARGET, seeds(), |input| {
        let half = input.len() / 2;
        // One file, cut off or not, or two of which the second goes on where the first ends.
        let (parts, is_whole): (Vec<&[u8]>, bool) = match fingerprint(input) % 3 {
            0 => (vec![input], true),
            1 => (vec![input], false),
            _ => (vec![&input[..half], &input[half..]], true),
        };
        let samples: Vec<Sample> = parts
            .iter()
            .enumerate()
            .map(|(index, bytes)| Sample {
                key: format!("file{index}"),
                size_bytes: bytes.len() as u64,
                bytes: bytes.to_vec(),
                is_whole,
            })
            .collect();
        let document = serde_json::json!({"in": {"type": "file", "path_prefix": "p"}});
        let seed = Seed::from_document(&document);
        let guessed = match guess(samples, &seed, &GuessOptions::default()) {
            Ok(guessed) => guessed,
            Err(error) => return kind_of(skeleton(&error.to_string())),
        };
        // What is written is a configuration, and both ways of writing it say the same.
        let yaml = render_yaml(&document, &guessed);
        let written = Document::parse(&yaml, "load.yml").unwrap_or_else(|errors| panic!("{yaml}\n{errors}"));
        let options = ResolveOptions {
            is_strict: true,
            lookup: &|_| None,
        };
        if let Err(errors) = resolve(&written, &options) {
            panic!("{yaml}\n{errors}");
        }
        assert_eq!(
            written.root().to_json()["in"],
            render_json(&document, &guessed)["in"],
            "{yaml}"
        );
        let settings: Vec<_> = guessed
            .parser
            .settings
            .iter()
            .map(|setting| (setting.key, setting.value.to_string()))
            .filter(|(key, _)| *key != "skip_header_lines")
            .collect();
        let num_columns = guessed.parser.columns.map_or(0, |columns| columns.len().min(4));
        kind_of((guessed.parser.format, settings, num_columns))
    });
    println!("{done}");
}

//! `in.decoders`.

use super::*;

#[track_caller]
fn check_decoders(text: &str, expected: &[DecoderOptions]) {
    assert_eq!(
        input(&format!("decoders: {text},")).decode,
        DecodeOptions::Listed(expected.to_vec())
    );
}

#[test]
fn decoders_are_listed_outermost_first() {
    let entries = |pattern: Option<&str>| EntryOptions {
        match_name: pattern.map(|pattern| Pattern::new(pattern).unwrap()),
    };
    check_decoders("[]", &[]);
    check_decoders("none", &[]);
    check_decoders(
        "[{type: gzip}, {type: bzip2}]",
        &[DecoderOptions::Gzip, DecoderOptions::Bzip2],
    );
    check_decoders("[gzip]", &[DecoderOptions::Gzip]);
    check_decoders("gzip", &[DecoderOptions::Gzip]);
    check_decoders(
        "[{type: zstd}, {type: zlib}]",
        &[DecoderOptions::Zstd, DecoderOptions::Zlib],
    );
    check_decoders(
        "[{type: zip, match_name: x}]",
        &[DecoderOptions::Zip(entries(Some("x")))],
    );
    check_decoders("[{type: tar}]", &[DecoderOptions::Tar(entries(None))]);
    check_decoders(
        "[{type: commons-compress, format: tgz, match_name: x}]",
        &[DecoderOptions::Gzip, DecoderOptions::Tar(entries(Some(r"\A(?:x)\z")))],
    );
    check_decoders(
        "[{type: commons-compress, format: tar.bz2}]",
        &[DecoderOptions::Bzip2, DecoderOptions::Tar(entries(None))],
    );
    check_decoders("[{type: commons-compress, format: deflate}]", &[DecoderOptions::Zlib]);
}

#[test]
fn decoders_may_be_found_by_magic() {
    for text in ["auto", "null", "[auto]", "[{type: auto}]", "[{type: commons-compress}]"] {
        assert_eq!(
            input(&format!("decoders: {text},")).decode,
            DecodeOptions::Auto,
            "{text}"
        );
    }
}

#[test]
fn wrong_decoders_are_errors() {
    check_input_error(
        "decoders: [{type: gzpi}],",
        "in.decoders.0.type",
        "unknown decoder type 'gzpi'. Supported types are",
    );
    check_input_error("decoders: [{format: x}],", "in.decoders.0.type", "`type` is required");
    check_input_error("decoders: [[]],", "in.decoders.0", "a list cannot be read as a decoder");
    check_input_error(
        "decoders: [{type: commons-compress, format: tar.Z}],",
        "in.decoders.0.format",
        "unsupported format 'tar.Z'",
    );
    check_input_error(
        "decoders: [{type: commons-compress, match_name: x}],",
        "in.decoders.0.format",
        "`match_name` needs a `format`",
    );
    check_input_error(
        "decoders: [gzip, {type: tar, match_name: 'a(b'}],",
        "in.decoders.1.match_name",
        "pattern `a(b` is wrong at character 2: the group is not closed with `)`",
    );
}

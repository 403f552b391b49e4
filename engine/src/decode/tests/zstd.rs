//! zstd.

use super::*;

const ZSTD: [DecoderOptions; 1] = [DecoderOptions::Zstd];

#[test]
fn skippable_frames_are_passed_over() {
    let data = csv(40);
    let file = [
        zstd_skippable(b"index"),
        zstd(&data),
        zstd_skippable(b""),
        zstd_skippable(&[7; 3000]),
    ]
    .concat();
    check_file(&ZSTD, &file, &data);
    check_file(&ZSTD, &zstd_skippable(b"only"), b"");
    let lengths = [
        zstd_skippable(b"index").len(),
        zstd_skippable(b"index").len() + zstd(&data).len(),
    ];
    check_prefixes(&ZSTD, &file[..file.len() - 3016], &lengths);
}

#[test]
fn garbage_after_a_frame_is_an_error() {
    let file = [&zstd(b"data")[..], b"garbage"].concat();
    let mut decoder = FileDecoder::new(&AUTO);
    let error = decode_at_once(&mut decoder, &file).unwrap_err().to_string();
    assert!(
        error.ends_with("not the first bytes of a zstd frame (complete streams before it: `1`)"),
        "{error}"
    );
}

#[test]
fn a_window_of_more_than_128_mib_is_refused() {
    // No single segment; exponent 18 of the window is 256 MiB, 17 is 128 MiB.
    let frame = |exponent: u8| [0x28, 0xb5, 0x2f, 0xfd, 0, exponent << 3, 0x19, 0, 0, b'a', b'b', b'c'];
    check_error(
        &AUTO,
        &frame(18),
        "unsupported zstd feature at byte 0: a window of more than `128` MiB",
    );
    check_file(&ZSTD, &frame(17), b"abc");
}

#[test]
fn a_dictionary_is_refused() {
    let frame = [0x28, 0xb5, 0x2f, 0xfd, 1, 0x20, 0x77, 0x19, 0, 0, b'a', b'b', b'c'];
    let mut decoder = FileDecoder::new(&AUTO);
    let error = decode_at_once(&mut decoder, &frame).unwrap_err();
    assert!(
        matches!(&error, DecodeError::Unsupported { reason, .. } if reason == "a dictionary"),
        "{error}"
    );
}

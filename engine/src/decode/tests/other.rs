//! bzip2 and zlib.

use super::*;

#[test]
fn garbage_after_bzip2_and_zlib_is_an_error() {
    let file = [&bzip2(b"data")[..], b"garbage"].concat();
    let mut decoder = FileDecoder::new(&AUTO);
    let error = decode_at_once(&mut decoder, &file).unwrap_err().to_string();
    assert!(
        error.ends_with("not the first bytes of a bzip2 stream (complete streams before it: `1`)"),
        "{error}"
    );

    let file = [zlib(b"data"), zlib(b"data")].concat();
    let expected = format!(
        "corrupt zlib data at byte {}: the stream is complete but more bytes follow",
        zlib(b"data").len()
    );
    check_error(&listed(&[DecoderOptions::Zlib]), &file, &expected);
}

#[test]
fn a_preset_dictionary_is_refused() {
    check_error(
        &listed(&[DecoderOptions::Zlib]),
        &[0x78, 0xbb, 1, 2, 3, 4, 0x4b],
        "unsupported zlib feature at byte 6: a preset dictionary",
    );
}

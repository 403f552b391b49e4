//! Streams of xz and the padding behind them.

use super::*;

const XZ: [DecoderOptions; 1] = [DecoderOptions::Xz];

#[test]
fn streams_and_padding_follow_each_other() {
    let (one, two) = (csv(40), csv(7));
    let file = [&xz(&one)[..], &xz(&two), &[0; 8], &xz(b""), &[0; 4]].concat();
    check_file(&XZ, &file, &[one, two].concat());
}

#[test]
fn what_is_no_stream_is_an_error() {
    check_error(
        &DecodeOptions::Listed(XZ.to_vec()),
        b"a,b\n1,2\n1,2\n",
        "corrupt xz data at byte 0: not the first bytes of an xz stream",
    );
    check_error(
        &DecodeOptions::Listed(XZ.to_vec()),
        &[0; 16],
        "corrupt xz data at byte 0: not the first bytes of an xz stream",
    );
    let file = [&xz(b"data")[..], b"garbage------"].concat();
    let error = decode_at_once(&mut FileDecoder::new(&AUTO), &file)
        .unwrap_err()
        .to_string();
    assert!(
        error.ends_with("not the first bytes of an xz stream (complete streams before it: `1`)"),
        "{error}"
    );
}

#[test]
fn a_dictionary_of_more_than_128_mib_is_refused() {
    let mut options = ::liblzma::stream::LzmaOptions::new_preset(0).unwrap();
    options.dict_size(256 << 20);
    let mut filters = ::liblzma::stream::Filters::new();
    filters.lzma2(&options);
    let stream = ::liblzma::stream::Stream::new_stream_encoder(&filters, ::liblzma::stream::Check::Crc64).unwrap();
    let mut encoder = ::liblzma::write::XzEncoder::new_stream(Vec::new(), stream);
    std::io::Write::write_all(&mut encoder, b"abc").unwrap();
    let file = encoder.finish().unwrap();
    let error = decode_at_once(&mut FileDecoder::new(&AUTO), &file)
        .unwrap_err()
        .to_string();
    assert!(error.ends_with("a dictionary of more than `128` MiB"), "{error}");
}

//! What holds for every format of one stream.

use super::*;

type Write = fn(&[u8]) -> Vec<u8>;

fn all() -> [(DecoderOptions, Write); 5] {
    [
        (DecoderOptions::Gzip, gzip),
        (DecoderOptions::Bzip2, bzip2),
        (DecoderOptions::Zstd, zstd),
        (DecoderOptions::Xz, xz),
        (DecoderOptions::Zlib, zlib),
    ]
}

#[test]
fn plain_bytes_come_out_as_they_are() {
    check_file(&[], &csv(900), &csv(900));
    check_file(&[], b"", b"");
    check_file(&[], b"a", b"a");
    check_file(&[], &[b'x'; 512], &[b'x'; 512]);
}

#[test]
fn every_format_gives_back_what_was_written() {
    for (options, write) in all() {
        for data in [csv(900), csv(1), Vec::new()] {
            check_file(std::slice::from_ref(&options), &write(&data), &data);
        }
    }
}

#[test]
fn every_prefix_is_cut_short() {
    for (options, write) in all() {
        for data in [csv(30), Vec::new()] {
            check_prefixes(std::slice::from_ref(&options), &write(&data), &[]);
        }
    }
}

#[test]
fn flipped_bits_never_change_the_bytes() {
    for (options, write) in all() {
        check_flips(&[options], &write(&csv(8)));
    }
}

#[test]
fn concatenated_streams_are_one_file() {
    let (first, second) = (csv(40), csv(900));
    let both = [&first[..], &second].concat();
    for (options, write) in all().into_iter().take(3) {
        check_file(
            std::slice::from_ref(&options),
            &[write(&first), write(&second)].concat(),
            &both,
        );
        let with_empty = [
            write(b""),
            write(&first),
            write(b""),
            write(b""),
            write(&second),
            write(b""),
        ]
        .concat();
        check_file(std::slice::from_ref(&options), &with_empty, &both);
        let twice = [write(&first), write(&first)].concat();
        check_file(std::slice::from_ref(&options), &twice, &[&first[..], &first].concat());
        check_prefixes(&[options], &twice, &[write(&first).len()]);
    }
}

#[test]
fn other_bytes_are_named() {
    for (options, reason) in [
        (
            DecoderOptions::Gzip,
            "corrupt gzip data at byte 0: not the first bytes of a gzip member",
        ),
        (
            DecoderOptions::Bzip2,
            "corrupt bzip2 data at byte 0: not the first bytes of a bzip2 stream",
        ),
        (
            DecoderOptions::Zstd,
            "corrupt zstd data at byte 0: not the first bytes of a zstd frame",
        ),
        (
            DecoderOptions::Zlib,
            "corrupt zlib data at byte 2: incorrect header check",
        ),
    ] {
        check_error(&listed(&[options]), b"id,name\n1,a\n", reason);
    }
}

#[test]
fn an_empty_file_is_plain_unless_a_format_is_listed() {
    for (options, _) in all() {
        let expected = format!("{} data ends too early, after 0 bytes", name_of(&options));
        check_error(&listed(&[options]), b"", &expected);
    }
    check(&AUTO, b"", &vec![(None, Vec::new())]);
}

fn name_of(options: &DecoderOptions) -> String {
    format!("{options:?}").to_lowercase()
}

//! Formats told by their first bytes.

use super::*;

#[track_caller]
fn check_detected(head: &[u8], expected: Option<DecoderOptions>) {
    assert_eq!(detect(head), expected, "{}", head.escape_ascii());
}

#[test]
fn formats_are_told_by_their_first_bytes() {
    check_detected(&gzip(b"x"), Some(DecoderOptions::Gzip));
    check_detected(&bzip2(b"x"), Some(DecoderOptions::Bzip2));
    check_detected(&bzip2(b""), Some(DecoderOptions::Bzip2));
    check_detected(&bzip2(&csv(3000)), Some(DecoderOptions::Bzip2));
    check_detected(&zstd(b"x"), Some(DecoderOptions::Zstd));
    check_detected(&zstd_skippable(b"x"), Some(DecoderOptions::Zstd));
    check_detected(&xz(b"x"), Some(DecoderOptions::Xz));
    check_detected(&zip(&[]), Some(zip_options()));
    check_detected(&zip(&[zip_entry("a", 0, b"")]), Some(zip_options()));
    for flavour in [Flavour::Ustar, Flavour::Gnu] {
        check_detected(&tar_entry(flavour, b'0', "a", b"x"), Some(tar_options()));
    }
}

#[test]
fn what_is_shorter_than_a_magic_is_plain() {
    check_detected(b"", None);
    check_detected(&gzip(b"x")[..2], None);
    check_detected(&bzip2(b"x")[..17], None);
    check_detected(&zstd(b"x")[..3], None);
    check_detected(&xz(b"x")[..5], None);
    check_detected(&zip(&[])[..3], None);
    check_detected(&tar_entry(Flavour::Ustar, b'0', "a", b"")[..511], None);
}

#[test]
fn zlib_and_old_tar_are_not_detected() {
    check_detected(&zlib(b"x"), None);
    check_detected(&tar_entry(Flavour::V7, b'0', "a", b""), None);
}

#[test]
fn text_is_plain() {
    check_detected(&csv(30), None);
    check_detected(b"BZh9,1,2,3\n4,5,6\n", None);
    check_detected(b"BZh91AY&SY,name,value,other\n1,2,3\n", None);
    check_detected(b"BZh91AY&SYabcd\t\n\r\n1,2,3,4\n", None);
    check_detected("BZh91AY&SYabcdäöü,1,2,3,4\n".as_bytes(), None);
    check_detected(b"PK,id\n1,2\n", None);
    let mut text = [b'x'; 512];
    text[257..262].copy_from_slice(b"ustar");
    check_detected(&text, None);
}

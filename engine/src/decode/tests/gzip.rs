//! gzip.

use super::*;

const GZIP: [DecoderOptions; 1] = [DecoderOptions::Gzip];

#[test]
fn optional_header_fields_are_passed_over() {
    let data = csv(20);
    let file = gzip_with_all_fields(&data, true);
    check_file(&GZIP, &file, &data);
    check_prefixes(&GZIP, &file, &[]);
    check_flips(&GZIP, &file);
}

#[test]
fn a_wrong_header_checksum_is_an_error() {
    let file = gzip_with_all_fields(b"data", false);
    let mut decoder = FileDecoder::new(&AUTO);
    let error = decode_at_once(&mut decoder, &file).unwrap_err();
    assert!(
        matches!(&error, DecodeError::Corrupt { format: "gzip", byte: 37, reason } if reason.starts_with("header"))
    );
}

#[test]
fn zero_padding_is_ignored() {
    for num_zeros in [1, 7, 8, 511, 5000] {
        let mut file = gzip(&csv(40));
        file.resize(file.len() + num_zeros, 0);
        check_file(&GZIP, &file, &csv(40));
    }
}

#[test]
fn garbage_after_a_member_is_an_error() {
    let member = gzip(&csv(4));
    let text = |byte| {
        format!(
            "corrupt gzip data at byte {byte}: garbage after a complete member: neither another member nor zero padding"
        )
    };
    for (garbage, offset) in [
        (&b"x"[..], 0),
        (b"\0\0\0x", 3),
        (b"\x1fx", 1),
        (b"\0\x1f\x8b\x08\0\0", 1),
    ] {
        check_error(
            &listed(&GZIP),
            &[&member[..], garbage].concat(),
            &text(member.len() + offset),
        );
    }
    // The same trailer again.
    check_error(
        &AUTO,
        &[&member[..], &member[member.len() - 20..]].concat(),
        &text(member.len()),
    );
}

#[test]
fn a_wrong_trailer_is_an_error() {
    let data = b"id\n1\n";
    let mut file = gzip(data);
    let length = file.len();
    file[length - 4] += 1;
    let expected = format!("corrupt gzip data at byte {length}: member has `5` bytes but the trailer says `6`");
    check_error(&AUTO, &file, &expected);
    file[length - 8] ^= 0xff;
    let crc = crc32fast::hash(data);
    let expected = format!(
        "corrupt gzip data at byte {length}: checksum is `{crc:08x}` but the trailer says `{:08x}`",
        crc ^ 0xff
    );
    check_error(&AUTO, &file, &expected);
}

#[test]
fn a_damaged_trailer_between_equal_members_is_an_error() {
    let member = gzip(&csv(40));
    let mut file = [&member[..], &member].concat();
    file[member.len() - 5] ^= 1;
    let mut decoder = FileDecoder::new(&AUTO);
    assert!(decode_at_once(&mut decoder, &file).is_err());
}

#[test]
fn unknown_methods_and_flags_are_errors() {
    check_error(
        &listed(&GZIP),
        b"\x1f\x8b\x07\0",
        "unsupported gzip feature at byte 2: compression method `7`",
    );
    check_error(
        &AUTO,
        b"\x1f\x8b\x08\x20",
        "corrupt gzip data at byte 3: reserved flags are set in `00100000`",
    );
}

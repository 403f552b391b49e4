//! tar archives.

use super::*;

#[test]
fn regular_files_are_read_and_others_passed_over() {
    for flavour in [Flavour::Ustar, Flavour::Gnu] {
        let archive = tar(&[
            tar_entry(flavour, b'5', "dir/", b""),
            tar_entry(flavour, b'0', "dir/a.csv", &csv(30)),
            tar_entry(flavour, b'2', "link", b""),
            tar_header(flavour, b'1', "hard link", 5000).to_vec(),
            tar_entry(flavour, b'\0', "block.csv", &[b'x'; 1024]),
            tar_entry(flavour, b'7', "contiguous.csv", b"1"),
            tar_entry(flavour, b'V', "volume", b"label"),
            tar_entry(flavour, b'0', "empty.csv", b""),
        ]);
        let expected = [
            ("dir/a.csv", &csv(30)[..]),
            ("block.csv", &[b'x'; 1024]),
            ("contiguous.csv", b"1"),
            ("empty.csv", b""),
        ];
        check_entries(&AUTO, &archive, &expected);
        check_entries(&listed(&[tar_options()]), &archive, &expected);
    }
}

#[test]
fn old_archives_are_read_if_they_are_listed() {
    let archive = tar(&[
        tar_entry(Flavour::V7, 0, "dir/", b""),
        tar_entry(Flavour::V7, 0, "a.csv", b"1\n"),
    ]);
    check_entries(&listed(&[tar_options()]), &archive, &[("a.csv", b"1\n")]);
    check(&AUTO, &archive, &vec![(None, archive.clone())]);
}

#[test]
fn archives_of_python_are_read() {
    let long = format!("{}/{}.csv", "n".repeat(60), "m".repeat(60));
    let expected = [("d/a.csv", &b"1,2\n3,4\n"[..]), (&long, b"long"), ("é.csv", b"")];
    for fixture in [fixtures::TAR_GNU_GZ, fixtures::TAR_PAX_GZ] {
        check_entries(&AUTO, &fixtures::bytes(fixture), &expected);
        check_entries(
            &listed(&[DecoderOptions::Gzip, tar_options()]),
            &fixtures::bytes(fixture),
            &expected,
        );
    }
    let prefixed = format!("{}/{}", "p".repeat(90), "q".repeat(90));
    let expected = [("d/a.csv", &b"1,2\n3,4\n"[..]), (&prefixed, b"ustar prefix")];
    check_entries(&AUTO, &fixtures::bytes(fixtures::TAR_USTAR_BZ2), &expected);
}

#[test]
fn names_and_sizes_come_from_extended_headers() {
    let long = "x/".repeat(200) + "a.csv";
    let pax = [pax_record("path", "from pax.csv"), pax_record("size", "5")].concat();
    let mut base_256 = tar_header(Flavour::Gnu, b'0', "base 256.csv", 0);
    base_256[124..136].copy_from_slice(&[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3]);
    set_tar_checksum(&mut base_256);
    let archive = tar(&[
        tar_entry(Flavour::Gnu, b'L', "././@LongLink", format!("{long}\0").as_bytes()),
        tar_entry(Flavour::Gnu, b'0', "x/x/", b"gnu"),
        tar_entry(Flavour::Gnu, b'K', "././@LongLink", b"target\0"),
        tar_entry(Flavour::Gnu, b'2', "link", b""),
        tar_entry(Flavour::Ustar, b'g', "global", &pax_record("comment", "0123abc")),
        tar_entry(Flavour::Ustar, b'x', "pax", &pax),
        tar_header(Flavour::Ustar, b'0', "short.csv", 0).to_vec(),
        [&b"12345"[..], &[0; 507]].concat(),
        base_256.to_vec(),
        [&b"678"[..], &[0; 509]].concat(),
        tar_entry(Flavour::Ustar, b'0', "last.csv", b"9"),
    ]);
    let expected = [
        (&long[..], &b"gnu"[..]),
        ("from pax.csv", b"12345"),
        ("base 256.csv", b"678"),
        ("last.csv", b"9"),
    ];
    check_entries(&AUTO, &archive, &expected);
}

#[test]
fn an_archive_may_end_after_an_entry_and_nowhere_else() {
    let entries = [
        tar_entry(Flavour::Ustar, b'0', "a.csv", &[b'x'; 700]),
        tar_entry(Flavour::Ustar, b'0', "b.csv", b""),
    ];
    // After each entry, and after one of the two blocks of zeros.
    check_prefixes(&[tar_options()], &tar(&entries), &[1536, 2048, 2560]);
    let entries = [
        tar_entry(Flavour::Ustar, b'x', "pax", &pax_record("path", "b.csv")),
        tar_entry(Flavour::Ustar, b'0', "a.csv", b"1"),
    ];
    check_prefixes(&[tar_options()], &tar(&entries), &[2048, 2560]);
    check_prefixes(&[tar_options()], &tar(&[]), &[]);
    let archive = [tar(&entries), vec![0; 7168]].concat();
    check_entries(&AUTO, &archive, &[("b.csv", b"1")]);
}

#[test]
fn wrong_headers_are_errors() {
    let list = listed(&[tar_options()]);
    let entry = tar_entry(Flavour::Ustar, b'0', "a.csv", b"1");
    let mut damaged = tar(&[entry.clone(), entry.clone()]);
    damaged[1024] ^= 1;
    check_error(
        &list,
        &damaged,
        "corrupt tar data at byte 1536: a header's checksum is wrong",
    );
    check_error(
        &list,
        &csv(50),
        "corrupt tar data at byte 512: a header's checksum is wrong",
    );
    let lone = [&entry[..], &[0; 512], &entry].concat();
    check_error(
        &list,
        &lone,
        "corrupt tar data at byte 2048: a lone block of zeros before an entry",
    );
    let after = [tar(std::slice::from_ref(&entry)), entry].concat();
    check_error(
        &list,
        &after,
        "corrupt tar data at byte 2048: data after the end of the archive",
    );

    let mut no_size = tar_header(Flavour::Ustar, b'0', "a.csv", 0);
    no_size[124..136].copy_from_slice(b"0000000012x\0");
    set_tar_checksum(&mut no_size);
    let expected = "corrupt tar data at byte 512: size `0000000012x\\x00` of an entry is not a number";
    check_error(&list, &no_size, expected);
    let pax = tar(&[tar_entry(Flavour::Ustar, b'x', "pax", b"12 path=b.csv")]);
    check_error(
        &list,
        &pax,
        "corrupt tar data at byte 525: a record of an extended header is malformed",
    );
    let pax = tar(&[tar_entry(Flavour::Ustar, b'x', "pax", &pax_record("path", "b.csv"))]);
    check_error(
        &list,
        &pax,
        "corrupt tar data at byte 1536: an extended header without an entry",
    );
}

#[test]
fn unsupported_entries_are_named() {
    for (entries, expected) in [
        (
            vec![tar_entry(Flavour::Gnu, b'S', "a.csv", b"1")],
            "byte 512: sparse entry `a.csv`",
        ),
        (
            vec![
                tar_entry(Flavour::Ustar, b'x', "pax", &pax_record("GNU.sparse.major", "1")),
                tar_entry(Flavour::Ustar, b'0', "a.csv", b"1"),
            ],
            "byte 1536: sparse entry `a.csv`",
        ),
        (
            vec![tar_entry(Flavour::Gnu, b'M', "a.csv", b"1")],
            "byte 512: entry `a.csv` goes on from another volume",
        ),
        (
            vec![tar_entry(Flavour::Gnu, b'\n', "a.csv", b"1")],
            "byte 512: type `\\n` of entry `a.csv`",
        ),
        (
            vec![tar_header(Flavour::Gnu, b'L', "long", (1 << 20) + 1).to_vec()],
            "byte 512: an extended header of `1048577` bytes, more than `1048576`",
        ),
    ] {
        let expected = format!("unsupported tar feature at {expected}");
        check_error(&listed(&[tar_options()]), &tar(&entries), &expected);
    }
}

#[test]
fn match_name_looks_at_the_long_name() {
    let long = "x/".repeat(100) + "a.csv";
    let archive = tar(&[
        tar_entry(Flavour::Gnu, b'L', "././@LongLink", long.as_bytes()),
        tar_entry(Flavour::Gnu, b'0', "x/x/", b"gnu"),
        tar_entry(Flavour::Gnu, b'0', "b.csv", b"b"),
        tar_entry(Flavour::Gnu, b'0', "c.txt", &csv(50)),
    ]);
    let options = |pattern: &str| listed(&[DecoderOptions::Tar(matching(pattern))]);
    check_entries(&options("a\\.csv$"), &archive, &[(&long, b"gnu")]);
    check_entries(&options("csv"), &archive, &[(&long, b"gnu"), ("b.csv", b"b")]);
    check(&options("^csv"), &archive, &vec![(None, Vec::new())]);
}

#[test]
fn flipped_bits_never_panic() {
    let mut decoder = FileDecoder::new(&listed(&[tar_options()]));
    let archive = tar(&[
        tar_entry(Flavour::Ustar, b'x', "pax", &pax_record("path", "b.csv")),
        tar_entry(Flavour::Ustar, b'0', "a.csv", b"1"),
    ]);
    let mut damaged = archive.clone();
    for bit in 0..archive.len() * 8 {
        damaged[bit / 8] ^= 1 << (bit % 8);
        let result = decode_at_once(&mut decoder, &damaged);
        // In the checksum's own digits a zero may become a space.
        let is_header = bit / 8 % 1024 < 512 && bit / 8 < 1536 && !(148..156).contains(&(bit / 8 % 1024));
        assert!(!is_header || result.is_err(), "byte {}", bit / 8);
        damaged[bit / 8] ^= 1 << (bit % 8);
    }
}

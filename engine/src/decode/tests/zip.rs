//! zip archives.

use super::*;

fn sample() -> Vec<ZipEntry> {
    vec![
        zip_entry("dir/", 0, b""),
        zip_entry("dir/stored.csv", 0, &csv(20)),
        zip_entry("deflated.csv", 8, &csv(300)),
        zip_entry("empty.csv", 0, b""),
        zip_entry("bzip2.csv", 12, &csv(30)),
        zip_entry("zstd.csv", 93, &csv(40)),
    ]
}

#[test]
fn every_method_is_read() {
    let expected = [
        ("dir/stored.csv", &csv(20)[..]),
        ("deflated.csv", &csv(300)),
        ("empty.csv", b""),
        ("bzip2.csv", &csv(30)),
        ("zstd.csv", &csv(40)),
    ];
    check_entries(&AUTO, &zip(&sample()), &expected);
    check_entries(&listed(&[zip_options()]), &zip(&sample()), &expected);
}

#[test]
fn every_form_of_descriptor_is_read() {
    for form in [
        Descriptor::Signed,
        Descriptor::Unsigned,
        Descriptor::Signed64,
        Descriptor::Unsigned64,
    ] {
        let entries: Vec<ZipEntry> = [("a.csv", 8, 30), ("b/", 8, 0), ("c.csv", 12, 4), ("d.csv", 93, 50)]
            .into_iter()
            .map(|(name, method, num_rows)| {
                let data = if num_rows == 0 { Vec::new() } else { csv(num_rows) };
                zip_entry(name, method, &data).with_descriptor(form)
            })
            .collect();
        let expected = [("a.csv", &csv(30)[..]), ("c.csv", &csv(4)), ("d.csv", &csv(50))];
        check_entries(&AUTO, &zip(&entries), &expected);
    }
}

#[test]
fn zip64_sizes_and_counts_are_read() {
    let mut entry = zip_entry("a.csv", 8, &csv(30));
    entry.is_zip64 = true;
    check_entries(
        &AUTO,
        &zip_with_end(&[entry.clone()], 1, b"", false),
        &[("a.csv", &csv(30))],
    );
    check_entries(
        &AUTO,
        &zip_with_end(&[entry.clone()], 0xffff, b"comment", true),
        &[("a.csv", &csv(30))],
    );
    check_prefixes(&[zip_options()], &zip_with_end(&[entry], 0xffff, b"comment", true), &[]);
}

#[test]
fn a_zip64_field_that_is_too_short_is_an_error() {
    let mut entry = zip_entry("a.csv", 0, b"x");
    entry.compressed_size = u64::from(u32::MAX);
    entry.extra = b"\x01\0\0\0".to_vec();
    check_error(
        &AUTO,
        &zip(&[entry]),
        "corrupt zip data at byte 39: zip64 field of entry `a.csv` is too short",
    );
}

#[test]
fn archives_of_python_are_read() {
    let expected = [
        ("dir/a.csv", &b"id,name\n1,a\n2,b\n".repeat(4)[..]),
        ("stored.csv", b"x,y\n"),
        ("zürich.csv", b"bz,bz\nbz,bz\nbz,bz\n"),
    ];
    check_entries(&AUTO, &fixtures::bytes(fixtures::ZIP), &expected);
    let expected = [
        ("a.csv", &b"id,name\n1,a\n".repeat(3)[..]),
        ("big.csv", &b"zip64,descriptor\n".repeat(3)),
        ("empty.csv", b""),
    ];
    check_entries(&AUTO, &fixtures::bytes(fixtures::ZIP_ON_PIPE), &expected);
}

#[test]
fn every_prefix_is_cut_short() {
    check_prefixes(&[zip_options()], &zip(&sample()), &[]);
    check_prefixes(&[zip_options()], &fixtures::bytes(fixtures::ZIP), &[]);
    check_prefixes(&[zip_options()], &fixtures::bytes(fixtures::ZIP_ON_PIPE), &[]);
    check_prefixes(&[zip_options()], &zip(&[]), &[]);
}

#[test]
fn flipped_bits_never_change_the_bytes() {
    check_flips(&[zip_options()], &fixtures::bytes(fixtures::ZIP));
    check_flips(&[zip_options()], &fixtures::bytes(fixtures::ZIP_ON_PIPE));
    check_flips(
        &[zip_options()],
        &zip(&[zip_entry("z.csv", 93, &csv(3)), zip_entry("d.csv", 8, &csv(3))]),
    );
}

#[test]
fn an_archive_without_entries_is_complete() {
    check(&AUTO, &zip(&[]), &vec![(None, Vec::new())]);
}

#[test]
fn names_are_utf8_or_code_page_437() {
    let mut cp437 = zip_entry("", 0, b"1");
    cp437.name = b"Z\x81rich.csv".to_vec();
    let mut utf8 = zip_entry("Genève.csv", 0, b"2");
    utf8.flags = 1 << 11;
    let mut unicode_path = zip_entry("?.csv", 0, b"3");
    unicode_path.extra = b"up\x0c\0\x01".to_vec();
    unicode_path.extra.extend(crc32fast::hash(b"?.csv").to_le_bytes());
    unicode_path.extra.extend("東.csv".bytes());
    unicode_path.extra[2] = 5 + "東.csv".len() as u8;
    let expected = [("Zürich.csv", &b"1"[..]), ("Genève.csv", b"2"), ("東.csv", b"3")];
    check_entries(&AUTO, &zip(&[cp437, utf8, unicode_path]), &expected);
}

#[test]
fn match_name_is_found_anywhere_in_the_name() {
    let options = |pattern: &str| listed(&[DecoderOptions::Zip(matching(pattern))]);
    check_entries(&options("b.*2"), &zip(&sample()), &[("bzip2.csv", &csv(30))]);
    check_entries(&options("^dir/"), &zip(&sample()), &[("dir/stored.csv", &csv(20))]);
    // Java's look-around.
    check_entries(
        &options("^(?!dir|deflated|zstd).*(?<!2)\\.csv$"),
        &zip(&sample()),
        &[("empty.csv", b"")],
    );
    check(&options("none"), &zip(&sample()), &vec![(None, Vec::new())]);
    // Without a size, an entry has to be decoded to be passed over.
    let entries: Vec<ZipEntry> = sample()
        .into_iter()
        .skip(2)
        .map(|entry| entry.with_descriptor(Descriptor::Signed))
        .collect();
    check_entries(&options("zstd"), &zip(&entries), &[("zstd.csv", &csv(40))]);
}

#[test]
fn a_pattern_that_never_ends_is_an_error() {
    let name = "a".repeat(60);
    let options = listed(&[DecoderOptions::Zip(matching("(a+)+(?=b)c"))]);
    let mut decoder = FileDecoder::new(&options);
    let error = decode_at_once(&mut decoder, &zip(&[zip_entry(&name, 0, b"")])).unwrap_err();
    assert!(matches!(error, DecodeError::Unsupported { .. }), "{error}");
}

#[test]
fn unsupported_entries_are_named_unless_they_are_passed_over() {
    let mut encrypted = zip_entry("secret.csv", 0, b"12345");
    encrypted.flags = 1;
    let expected = "unsupported zip feature at byte 40: encryption of entry `secret.csv`";
    check_error(&AUTO, &zip(&[encrypted.clone()]), expected);
    let lzma = zip_entry("lzma.csv", 14, b"12345");
    let expected = "unsupported zip feature at byte 38: compression method `14` (lzma) of entry `lzma.csv`";
    check_error(&AUTO, &zip(std::slice::from_ref(&lzma)), expected);

    let options = listed(&[DecoderOptions::Zip(matching("^good"))]);
    let entries = [encrypted.clone(), lzma, zip_entry("good.csv", 8, b"good")];
    check_entries(&options, &zip(&entries), &[("good.csv", b"good")]);
    let entries = [encrypted.with_descriptor(Descriptor::Signed)];
    let mut decoder = FileDecoder::new(&options);
    assert!(matches!(
        decode_at_once(&mut decoder, &zip(&entries)),
        Err(DecodeError::Unsupported { .. })
    ));
}

#[test]
fn stored_entries_need_their_size_first() {
    let entry = zip_entry("a.csv", 0, b"id\n1\n").with_descriptor(Descriptor::Signed);
    let expected = "unsupported zip feature at byte 59: stored data whose size comes after it, in entry `a.csv`";
    check_error(&AUTO, &zip(&[entry]), expected);
    let entry = zip_entry("a.csv", 0, b"").with_descriptor(Descriptor::Unsigned);
    check_entries(&AUTO, &zip(&[entry]), &[("a.csv", b"")]);
}

#[test]
fn wrong_checksums_and_sizes_are_errors() {
    let entry = zip_entry("a.csv", 8, b"id\n1\n");
    let end = 30 + 5 + entry.body.len();
    let change = |change: fn(&mut ZipEntry)| {
        let mut entry = entry.clone();
        change(&mut entry);
        zip(&[entry])
    };
    let text = |byte: usize, reason: &str| format!("corrupt zip data at byte {byte}: {reason}, in entry `a.csv`");
    let crc = entry.crc;
    let reason = format!("checksum is `{crc:08x}` but the header says `{:08x}`", crc ^ 1);
    check_error(&AUTO, &change(|entry| entry.crc ^= 1), &text(end, &reason));
    check_error(
        &AUTO,
        &change(|entry| entry.size += 1),
        &text(end, "`5` bytes instead of the `6` declared"),
    );
    check_error(
        &AUTO,
        &change(|entry| entry.size -= 1),
        &text(end, "more bytes than the `4` declared"),
    );
    let reason = "compressed data ends `1` bytes before its declared size";
    check_error(&AUTO, &change(|entry| entry.compressed_size += 1), &text(end, reason));
    let reason = "compressed data does not end at its declared size";
    check_error(
        &AUTO,
        &change(|entry| entry.compressed_size -= 1),
        &text(end - 1, reason),
    );
    let descriptor = |entry: &mut ZipEntry| {
        entry.descriptor = Descriptor::Signed;
        entry.size += 1;
    };
    let reason = format!("data descriptor does not agree with the data, which has `5` bytes and checksum `{crc:08x}`");
    check_error(&AUTO, &change(descriptor), &text(end + 24, &reason));
}

#[test]
fn the_directory_must_list_every_entry() {
    let entries = [zip_entry("a.csv", 0, b"1"), zip_entry("b.csv", 0, b"2")];
    let file = zip_with_end(&entries, 1, b"", false);
    let expected = "the archive has `2` entries, its directory `2` and its end record counts `1`";
    check_error(
        &AUTO,
        &file,
        &format!("corrupt zip data at byte {}: {expected}", file.len()),
    );

    // Deleted by leaving it out of the directory.
    let file = [entries[0].local_bytes(), zip(&entries[1..])].concat();
    let expected = "the archive has `2` entries, its directory `1` and its end record counts `1`";
    check_error(
        &AUTO,
        &file,
        &format!("corrupt zip data at byte {}: {expected}", file.len()),
    );
}

#[test]
fn a_damaged_name_leaves_no_entry_out() {
    // One bit makes a folder of it.
    let entry = zip_entry("-", 8, b"id\n1\n").with_descriptor(Descriptor::Signed);
    let mut file = zip(&[entry]);
    assert_eq!(file[30], b'-');
    file[30] ^= 2;
    let reason = "`0` entries are wanted by their own names, and `1` by the names in the directory";
    let expected = format!("corrupt zip data at byte {}: {reason}", file.len());
    check_error(&AUTO, &file, &expected);
    // Another name that is wanted too does no harm.
    let mut file = zip(&[zip_entry("a.csv", 0, b"1")]);
    file[30] = b'b';
    check_entries(&AUTO, &file, &[("b.csv", b"1")]);
    let options = listed(&[DecoderOptions::Zip(matching("^b"))]);
    assert!(decode_at_once(&mut FileDecoder::new(&options), &file).is_err());
}

#[test]
fn other_bytes_are_errors() {
    let list = listed(&[zip_options()]);
    check_error(
        &list,
        b"id,name\n",
        "corrupt zip data at byte 4: not the first bytes of a zip archive: `6e2c6469`",
    );
    let archive = zip(&[zip_entry("a.csv", 0, b"1")]);
    let expected = format!(
        "corrupt zip data at byte {}: data after the end of the archive",
        archive.len()
    );
    check_error(&list, &[&archive[..], b"\0"].concat(), &expected);
    let file = [&zip_entry("a.csv", 0, b"1").local_bytes()[..], b"????"].concat();
    let expected = "corrupt zip data at byte 40: `3f3f3f3f` is not the signature of a zip record";
    check_error(&list, &file, expected);
}

#[test]
fn entries_of_several_zstd_frames_are_read() {
    let mut entry = zip_entry("a.csv", 93, &[csv(5), csv(6)].concat());
    entry.body = [zstd(&csv(5)), zstd(&csv(6))].concat();
    entry.compressed_size = entry.body.len() as u64;
    check_entries(&AUTO, &zip(&[entry]), &[("a.csv", &[csv(5), csv(6)].concat())]);
}

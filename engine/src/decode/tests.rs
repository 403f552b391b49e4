//! Every format through every way of cutting, cut short, damaged, nested.

mod fixtures;
mod writers;

use proptest::prelude::*;

use self::writers::*;
use super::*;

/// The entries of a file with their names; bytes outside any entry have none.
type Entries = Vec<(Option<String>, Vec<u8>)>;

const AUTO: DecodeOptions = DecodeOptions::Auto;

fn listed(list: &[DecoderOptions]) -> DecodeOptions {
    DecodeOptions::Listed(list.to_vec())
}

fn zip_options() -> DecoderOptions {
    DecoderOptions::Zip(EntryOptions::default())
}

fn tar_options() -> DecoderOptions {
    DecoderOptions::Tar(EntryOptions::default())
}

fn matching(pattern: &str) -> EntryOptions {
    EntryOptions {
        match_name: Some(Pattern::new(pattern).unwrap()),
    }
}

/// Decodes a file in input chunks and output buffers of these lengths, taken in turn.
fn decode(
    decoder: &mut FileDecoder,
    input: &[u8],
    chunk_bytes: &[usize],
    output_bytes: &[usize],
) -> Result<Entries, DecodeError> {
    let mut entries: Entries = vec![(None, Vec::new())];
    let mut outputs = output_bytes.iter().cycle().map(|&length| vec![0; length]);
    let mut take = |progress: &Progress, output: &[u8]| {
        entries.last_mut().unwrap().1.extend(&output[..progress.produced]);
        if let Event::Entry(name) = &progress.event {
            entries.push((Some(name.clone()), Vec::new()));
        }
    };

    decoder.begin();
    let mut chunks = chunk_bytes.iter().cycle();
    let mut rest = input;
    while !rest.is_empty() {
        let (mut chunk, after) = rest.split_at(rest.len().min(*chunks.next().unwrap()));
        rest = after;
        loop {
            let mut output = outputs.next().unwrap();
            let progress = decoder.decode(chunk, &mut output)?;
            take(&progress, &output);
            chunk = &chunk[progress.consumed..];
            match progress.event {
                Event::NeedsInput => break assert!(chunk.is_empty()),
                Event::OutputFull => assert_eq!(progress.produced, output.len()),
                Event::Entry(_) => {}
            }
        }
    }
    loop {
        let mut output = outputs.next().unwrap();
        let progress = decoder.finish(&mut output)?;
        assert_eq!(progress.consumed, 0);
        take(&progress, &output);
        match progress.event {
            Event::NeedsInput => break,
            Event::OutputFull => assert_eq!(progress.produced, output.len()),
            Event::Entry(_) => {}
        }
    }
    // What stands outside all entries exists only where there are no entries.
    if entries.len() > 1 {
        assert_eq!(entries.remove(0), (None, Vec::new()));
    }
    Ok(entries)
}

/// Decodes in one piece, and compares with the fast path where that claims the file.
fn decode_at_once(decoder: &mut FileDecoder, input: &[u8]) -> Result<Entries, DecodeError> {
    let result = decode(decoder, input, &[usize::MAX], &[64 * 1024]);
    let mut output = b"what was there before".to_vec();
    if decoder.decode_whole(input, &mut output)? {
        assert_eq!(result, Ok(vec![(None, output)]), "the fast path says something else");
    }
    result
}

#[track_caller]
fn check(options: &DecodeOptions, input: &[u8], expected: &Entries) {
    let mut decoder = FileDecoder::new(options);
    assert_eq!(&decode_at_once(&mut decoder, input).unwrap(), expected);
    for chunk_bytes in [1, 7, 4096, usize::MAX] {
        for output_bytes in [1, 13, 64 * 1024] {
            let entries = decode(&mut decoder, input, &[chunk_bytes], &[output_bytes]).unwrap();
            assert!(
                &entries == expected,
                "chunks of {chunk_bytes}, output of {output_bytes}"
            );
        }
    }
}

/// A file that is no archive, both listed and detected.
#[track_caller]
fn check_file(list: &[DecoderOptions], input: &[u8], expected: &[u8]) {
    check(&listed(list), input, &vec![(None, expected.to_vec())]);
    if !list.contains(&DecoderOptions::Zlib) {
        check(&AUTO, input, &vec![(None, expected.to_vec())]);
    }
}

#[track_caller]
fn check_entries(options: &DecodeOptions, input: &[u8], expected: &[(&str, &[u8])]) {
    let expected = expected
        .iter()
        .map(|(name, data)| (Some((*name).to_owned()), data.to_vec()))
        .collect();
    check(options, input, &expected);
}

/// The message is the one expected, and no way of cutting makes the file good.
#[track_caller]
fn check_error(options: &DecodeOptions, input: &[u8], expected: &str) {
    let mut decoder = FileDecoder::new(options);
    let error = decode_at_once(&mut decoder, input).unwrap_err();
    assert_eq!(error.to_string(), expected);
    for chunk_bytes in [1, 7, 4096] {
        for output_bytes in [1, 13, 64 * 1024] {
            let other = decode(&mut decoder, input, &[chunk_bytes], &[output_bytes]).unwrap_err();
            assert_eq!(std::mem::discriminant(&other), std::mem::discriminant(&error));
        }
    }
}

/// Every proper prefix is cut short, except those of these lengths.
#[track_caller]
fn check_prefixes(list: &[DecoderOptions], input: &[u8], complete: &[usize]) {
    let mut decoder = FileDecoder::new(&listed(list));
    for length in 0..input.len() {
        let result = decode_at_once(&mut decoder, &input[..length]);
        if complete.contains(&length) {
            assert!(result.is_ok(), "prefix of {length} bytes: {result:?}");
        } else {
            assert!(
                matches!(result, Err(DecodeError::Truncated { .. })),
                "prefix of {length} bytes: {result:?}"
            );
        }
    }
    assert!(decode_at_once(&mut decoder, input).is_ok());
}

/// Every flipped bit is an error or makes no difference to the bytes.
#[track_caller]
fn check_flips(list: &[DecoderOptions], input: &[u8]) {
    let bytes = |entries: Entries| entries.into_iter().flat_map(|(_, data)| data).collect::<Vec<u8>>();
    let mut decoder = FileDecoder::new(&listed(list));
    let expected = bytes(decode_at_once(&mut decoder, input).unwrap());
    let mut damaged = input.to_vec();
    for bit in 0..input.len() * 8 {
        damaged[bit / 8] ^= 1 << (bit % 8);
        if let Ok(entries) = decode_at_once(&mut decoder, &damaged) {
            assert_eq!(bytes(entries), expected, "bit {} of byte {}", bit % 8, bit / 8);
        }
        damaged[bit / 8] ^= 1 << (bit % 8);
    }
}

mod single {
    use super::*;

    type Write = fn(&[u8]) -> Vec<u8>;

    fn all() -> [(DecoderOptions, Write); 4] {
        [
            (DecoderOptions::Gzip, gzip),
            (DecoderOptions::Bzip2, bzip2),
            (DecoderOptions::Zstd, zstd),
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
}

mod gzip_files {
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

    #[test]
    fn the_fast_path_takes_what_is_gzip_only() {
        let data = csv(900);
        let mut output = Vec::new();
        let mut auto = FileDecoder::new(&AUTO);
        let mut once = FileDecoder::new(&listed(&GZIP));
        let mut twice = FileDecoder::new(&listed(&[DecoderOptions::Gzip, DecoderOptions::Gzip]));
        let members = [gzip(&csv(30)), gzip(&data), gzip_with_all_fields(b"x", true)].concat();
        for (file, expected) in [
            (gzip(&data), data.clone()),
            (members, [&csv(30)[..], &data, b"x"].concat()),
        ] {
            assert_eq!(auto.decode_whole(&file, &mut output), Ok(true));
            assert!(output == expected);
            assert_eq!(once.decode_whole(&file, &mut output), Ok(true));
            assert!(output == expected);
            assert_eq!(twice.decode_whole(&file, &mut output), Ok(false));
        }
        // Shorter than what the buffer holds already.
        assert_eq!(auto.decode_whole(&gzip(b"id\n"), &mut output), Ok(true));
        assert_eq!(output, b"id\n");

        let nested = gzip(&gzip(&data));
        assert_eq!(auto.decode_whole(&nested, &mut output), Ok(false));
        for file in [&b""[..], b"id\n", b"\x1f\x8b\x08", &gzip(&data)[..100], &bzip2(&data)] {
            assert_eq!(auto.decode_whole(file, &mut output), Ok(false));
        }
    }

    #[test]
    fn the_fast_path_refuses_large_files_and_forged_sizes() {
        let mut decoder = FileDecoder::new(&AUTO);
        let mut output = Vec::new();
        let large = vec![b'x'; (16 << 20) + 1];
        assert_eq!(decoder.decode_whole(&gzip(&large), &mut output), Ok(false));
        assert_eq!(decoder.decode_whole(&gzip(&large[1..]), &mut output), Ok(true));
        // Two members that are small each.
        let members = [gzip(&large[..9 << 20]), gzip(&large[..9 << 20])].concat();
        assert_eq!(decoder.decode_whole(&members, &mut output), Ok(false));

        let mut forged = gzip(b"id\n");
        let length = forged.len();
        forged[length - 4..].copy_from_slice(&(16_u32 << 20).to_le_bytes());
        let mut output = Vec::new();
        assert_eq!(decoder.decode_whole(&forged, &mut output), Ok(false));
        assert!(output.capacity() < 64 * 1024);
    }
}

mod zstd_files {
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
}

mod other_files {
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
}

mod zip_archives {
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
        let reason =
            format!("data descriptor does not agree with the data, which has `5` bytes and checksum `{crc:08x}`");
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
}

mod tar_archives {
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
}

mod layers {
    use super::*;

    #[test]
    fn layers_inside_each_other_are_found() {
        let data = csv(300);
        check_file(
            &[DecoderOptions::Gzip, DecoderOptions::Gzip],
            &gzip(&gzip(&data)),
            &data,
        );
        check_file(
            &[DecoderOptions::Gzip, DecoderOptions::Bzip2],
            &gzip(&bzip2(&data)),
            &data,
        );
        let list = [
            DecoderOptions::Zstd,
            DecoderOptions::Bzip2,
            DecoderOptions::Gzip,
            DecoderOptions::Zstd,
        ];
        check_file(&list, &zstd(&bzip2(&gzip(&zstd(&data)))), &data);
        check_file(&[DecoderOptions::Gzip, DecoderOptions::Gzip], &gzip(&gzip(b"")), b"");
    }

    #[test]
    fn a_fifth_layer_is_an_error_unless_it_is_listed() {
        let mut file = csv(3);
        for _ in 0..5 {
            file = gzip(&file);
        }
        let expected = format!(
            "unsupported gzip feature at byte {}: more than `4` layers of compression inside each other",
            file.len()
        );
        check_error(&AUTO, &file, &expected);
        let list = vec![DecoderOptions::Gzip; 5];
        check(&DecodeOptions::Listed(list), &file, &vec![(None, csv(3))]);
    }

    #[test]
    fn every_entry_is_detected_for_itself() {
        let archive = zip(&[
            zip_entry("a.csv.gz", 0, &gzip(&csv(30))),
            zip_entry("b.csv", 8, &csv(40)),
            zip_entry("empty.csv", 0, b""),
            zip_entry("c.csv.gz", 8, &gzip(&gzip(&csv(5)))),
            zip_entry("d.csv.zst", 0, &zstd(&csv(6))).with_descriptor(Descriptor::None),
        ]);
        let expected = [
            ("a.csv.gz", &csv(30)[..]),
            ("b.csv", &csv(40)),
            ("empty.csv", b""),
            ("c.csv.gz", &csv(5)),
            ("d.csv.zst", &csv(6)),
        ];
        check_entries(&AUTO, &archive, &expected);
    }

    #[test]
    fn listed_decoders_behind_an_archive_are_for_its_entries() {
        let archive = tar(&[
            tar_entry(Flavour::Ustar, b'0', "a.csv.gz", &gzip(&csv(30))),
            tar_entry(Flavour::Ustar, b'0', "b.csv.gz", &gzip(b"")),
        ]);
        let list = [DecoderOptions::Zstd, tar_options(), DecoderOptions::Gzip];
        check_entries(
            &listed(&list),
            &zstd(&archive),
            &[("a.csv.gz", &csv(30)), ("b.csv.gz", b"")],
        );

        let plain_entry = tar(&[tar_entry(Flavour::Ustar, b'0', "a.csv", b"id\n")]);
        check_error(
            &listed(&[tar_options(), DecoderOptions::Gzip]),
            &plain_entry,
            "corrupt gzip data at byte 2048: not the first bytes of a gzip member (at byte 0 of entry `a.csv`)",
        );
    }

    #[test]
    fn archives_inside_archives_give_their_entries() {
        let inner = tar(&[
            tar_entry(Flavour::Ustar, b'0', "x.csv", b"x\n"),
            tar_entry(Flavour::Ustar, b'0', "y.csv.gz", &gzip(b"y\n")),
        ]);
        let archive = zip(&[
            zip_entry("first.csv", 0, b"1\n"),
            zip_entry("inner.tar.gz", 0, &gzip(&inner)),
            zip_entry("none.zip", 8, &zip(&[])),
            zip_entry("last.csv", 8, b"2\n"),
        ]);
        let expected = [
            ("first.csv", &b"1\n"[..]),
            ("inner.tar.gz!x.csv", b"x\n"),
            ("inner.tar.gz!y.csv.gz", b"y\n"),
            ("last.csv", b"2\n"),
        ];
        check_entries(&AUTO, &archive, &expected);
        let twice = listed(&[tar_options(), tar_options()]);
        let outer = tar(&[tar_entry(Flavour::Ustar, b'0', "inner.tar", &inner)]);
        check_entries(
            &twice,
            &outer,
            &[("inner.tar!x.csv", b"x\n"), ("inner.tar!y.csv.gz", &gzip(b"y\n"))],
        );
    }

    #[test]
    fn an_entry_that_is_cut_short_is_an_error() {
        let member = gzip(&csv(30));
        let archive = zip(&[
            zip_entry("a.gz", 0, &member[..member.len() - 1]),
            zip_entry("b.csv", 0, b"1"),
        ]);
        let mut decoder = FileDecoder::new(&AUTO);
        let error = decode_at_once(&mut decoder, &archive).unwrap_err();
        assert!(
            matches!(error, DecodeError::Truncated { format: "gzip", .. }),
            "{error}"
        );
    }

    #[test]
    fn every_prefix_of_nested_files_is_an_error() {
        let archive = tar(&[tar_entry(Flavour::Ustar, b'0', "a.csv.gz", &gzip(&csv(8)))]);
        check_prefixes(
            &[DecoderOptions::Gzip, tar_options(), DecoderOptions::Gzip],
            &gzip(&archive),
            &[],
        );
        let archive = zip(&[
            zip_entry("a.csv.gz", 8, &gzip(&csv(8))),
            zip_entry("b.csv.gz", 0, &gzip(b"b")),
        ]);
        check_prefixes(&[zip_options(), DecoderOptions::Gzip], &archive, &[]);
        check_flips(&[zip_options(), DecoderOptions::Gzip], &archive);
    }

    #[test]
    fn one_decoder_serves_files_of_all_kinds() {
        let mut decoder = FileDecoder::new(&AUTO);
        let data = csv(30);
        for _ in 0..2 {
            for file in [gzip(&data), data.clone(), bzip2(&data), zstd(&data), gzip(&gzip(&data))] {
                assert_eq!(decode_at_once(&mut decoder, &file), Ok(vec![(None, data.clone())]));
                // One that breaks off leaves nothing behind.
                let _ = decode_at_once(&mut decoder, &file[..file.len() / 2]);
            }
            let archive = tar(&[tar_entry(Flavour::Gnu, b'0', "a", &gzip(&data))]);
            assert_eq!(
                decode_at_once(&mut decoder, &archive),
                Ok(vec![(Some("a".to_owned()), data.clone())])
            );
            assert!(decode_at_once(&mut decoder, &archive[..700]).is_err());
        }
    }

    #[test]
    fn finish_may_be_repeated() {
        let mut decoder = FileDecoder::new(&AUTO);
        let mut output = [0; 64];
        decoder.decode(&gzip(b"data"), &mut output).unwrap();
        let done = Progress {
            consumed: 0,
            produced: 4,
            event: Event::NeedsInput,
        };
        assert_eq!(decoder.finish(&mut output), Ok(done.clone()));
        assert_eq!(decoder.finish(&mut output), Ok(Progress { produced: 0, ..done }));
    }

    #[test]
    fn a_bomb_costs_no_memory() {
        let zeros = vec![0; 4 << 20];
        let file = gzip(&gzip(&zeros));
        let mut decoder = FileDecoder::new(&AUTO);
        let (mut output, mut rest, mut total) = ([0; 1024], &file[..], 0);
        while !rest.is_empty() {
            let progress = decoder.decode(rest, &mut output).unwrap();
            rest = &rest[progress.consumed..];
            total += progress.produced;
        }
        loop {
            let progress = decoder.finish(&mut output).unwrap();
            total += progress.produced;
            if progress.event == Event::NeedsInput {
                break;
            }
        }
        assert_eq!(total, zeros.len());
    }
}

mod detection {
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
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_cut_gives_the_same_entries(
        data in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..2000), 0..6_usize), 1..5),
        outer in 0..6_usize,
        is_archive in 0..3_u8,
        chunk_bytes in prop::collection::vec(1..700_usize, 1..8),
        output_bytes in prop::collection::vec(1..900_usize, 1..8),
    ) {
        let wrap = |kind: usize, data: &[u8]| match kind {
            0 => gzip(data),
            1 => bzip2(data),
            2 => zstd(data),
            3 => gzip(&zstd(data)),
            _ => data.to_vec(),
        };
        let name = |index: usize| format!("{index}.csv");
        // Text in front, so that no data is taken for a format.
        let plain: Vec<Vec<u8>> = data.iter().map(|(data, _)| [b"id\n", &data[..]].concat()).collect();
        let files: Vec<Vec<u8>> = plain.iter().zip(&data).map(|(plain, (_, kind))| wrap(*kind, plain)).collect();
        let (file, expected): (Vec<u8>, Entries) = match is_archive {
            0 => (files[0].clone(), vec![(None, plain[0].clone())]),
            1 => {
                let entries: Vec<Vec<u8>> = files
                    .iter()
                    .enumerate()
                    .map(|(index, file)| tar_entry(Flavour::Ustar, b'0', &name(index), file))
                    .collect();
                (tar(&entries), plain.iter().enumerate().map(|(i, plain)| (Some(name(i)), plain.clone())).collect())
            }
            _ => {
                let entries: Vec<ZipEntry> = files
                    .iter()
                    .zip(&data)
                    .enumerate()
                    .map(|(index, (file, (_, kind)))| match kind {
                        5 => zip_entry(&name(index), 0, file),
                        _ => zip_entry(&name(index), 8, file).with_descriptor(Descriptor::Signed),
                    })
                    .collect();
                (zip(&entries), plain.iter().enumerate().map(|(i, plain)| (Some(name(i)), plain.clone())).collect())
            }
        };
        // Two layers around an archive of twofold entries would be more than are detected.
        let file = wrap(if is_archive == 0 { outer } else { outer % 3 }, &file);
        let mut decoder = FileDecoder::new(&AUTO);
        prop_assert_eq!(decode(&mut decoder, &file, &chunk_bytes, &output_bytes), Ok(expected.clone()));
        prop_assert_eq!(decode_at_once(&mut decoder, &file), Ok(expected));
    }

    #[test]
    fn no_input_panics(
        kind in 0..7_usize,
        garbage in prop::collection::vec(any::<u8>(), 0..900),
        cut in any::<prop::sample::Index>(),
        chunk_bytes in 1..100_usize,
        output_bytes in 1..100_usize,
    ) {
        let archive = [
            gzip(&csv(10)),
            bzip2(&csv(10)),
            zstd(&csv(10)),
            zlib(&csv(10)),
            fixtures::bytes(fixtures::ZIP_ON_PIPE),
            tar(&[tar_entry(Flavour::Ustar, b'x', "pax", &pax_record("path", "a")), tar_entry(Flavour::Ustar, b'0', "a", b"1")]),
            Vec::new(),
        ];
        let head = &archive[kind][..cut.index(archive[kind].len() + 1)];
        let file = [head, &garbage].concat();
        let options = [DecoderOptions::Gzip, DecoderOptions::Bzip2, DecoderOptions::Zstd, DecoderOptions::Zlib, zip_options(), tar_options()];
        for options in options.iter().map(|options| listed(std::slice::from_ref(options))).chain([AUTO]) {
            let mut decoder = FileDecoder::new(&options);
            let at_once = decode_at_once(&mut decoder, &file);
            let in_pieces = decode(&mut decoder, &file, &[chunk_bytes], &[output_bytes]);
            prop_assert_eq!(at_once.ok(), in_pieces.ok());
        }
    }
}

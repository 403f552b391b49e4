//! Formats inside each other.

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

#[test]
fn plain_bytes_are_passed_once_they_are_known_to_be_plain() {
    let mut decoder = FileDecoder::new(&AUTO);
    let text = vec![b'a'; 2_000];
    assert_eq!(decoder.pass(&text), 0, "it may be compressed");
    let mut output = [0; 4_096];
    let produced = decoder.decode(&text[..600], &mut output).unwrap().produced;
    assert_eq!(produced, 600);
    assert_eq!(decoder.pass(&text[600..]), 1_400);

    decoder.begin();
    let file = gzip(&text);
    decoder.decode(&file[..file.len() - 1], &mut output).unwrap();
    assert_eq!(decoder.pass(&file[file.len() - 1..]), 0);
}

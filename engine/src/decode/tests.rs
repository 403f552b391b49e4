//! Every format through every way of cutting, cut short, damaged, nested.

mod detection;
mod fixtures;
mod gzip;
mod layers;
mod other;
mod single;
mod tar;
mod writers;
mod xz;
mod zip;
mod zstd;

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

/// Decodes a file in input chunks and output buffers of these lengths, taken in turn. What is plain is passed every other time.
fn decode(
    decoder: &mut FileDecoder,
    input: &[u8],
    chunk_bytes: &[usize],
    output_bytes: &[usize],
) -> Result<Entries, DecodeError> {
    let mut entries: Entries = vec![(None, Vec::new())];
    let mut outputs = output_bytes.iter().cycle().map(|&length| vec![0; length]);
    let mut take = |bytes: &[u8], event: &Event| {
        entries.last_mut().unwrap().1.extend(bytes);
        if let Event::Entry(name) = event {
            entries.push((Some(name.clone()), Vec::new()));
        }
    };
    let mut may_pass = false;

    decoder.begin();
    let mut chunks = chunk_bytes.iter().cycle();
    let mut rest = input;
    while !rest.is_empty() {
        let (mut chunk, after) = rest.split_at(rest.len().min(*chunks.next().unwrap()));
        rest = after;
        loop {
            may_pass = !may_pass;
            if may_pass {
                let (passed, after) = chunk.split_at(decoder.pass(chunk));
                take(passed, &Event::NeedsInput);
                chunk = after;
            }
            let mut output = outputs.next().unwrap();
            let progress = decoder.decode(chunk, &mut output)?;
            take(&output[..progress.produced], &progress.event);
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
        take(&output[..progress.produced], &progress.event);
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

/// Decodes in one piece.
fn decode_at_once(decoder: &mut FileDecoder, input: &[u8]) -> Result<Entries, DecodeError> {
    decode(decoder, input, &[usize::MAX], &[64 * 1024])
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

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_cut_gives_the_same_entries(
        data in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..2000), 0..6_usize), 1..5),
        outer in 0..7_usize,
        is_archive in 0..3_u8,
        chunk_bytes in prop::collection::vec(1..700_usize, 1..8),
        output_bytes in prop::collection::vec(1..900_usize, 1..8),
    ) {
        let wrap = |kind: usize, data: &[u8]| match kind {
            0 => gzip(data),
            1 => bzip2(data),
            2 => zstd(data),
            3 => gzip(&zstd(data)),
            4 => xz(data),
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

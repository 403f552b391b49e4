//! Decoders: real archives whole, cut short, with flipped bits, and whatever becomes of them when they are mutated.

use crate::inputs::{kind_of, skeleton};
use bucketload_engine::decode::{DecodeError, DecodeOptions, DecoderOptions, EntryOptions};
use bucketload_fuzz::archives::{Entries, decode};
use bucketload_fuzz::corpus::{self, fingerprint};
use bucketload_fuzz::driver::{KERNEL_MUTATIONS, Target, fuzz};

const TARGET: Target = Target {
    name: "decode",
    dictionary: &[
        b"\x1f\x8b\x08\0",
        b"BZh9",
        b"1AY&SY",
        b"\x17\x72\x45\x38\x50\x90",
        b"\x28\xB5\x2F\xFD",
        b"\x50\x2A\x4D\x18",
        b"PK\x03\x04",
        b"PK\x01\x02",
        b"PK\x05\x06",
        b"PK\x07\x08",
        b"PK\x06\x06",
        b"ustar\x0000",
        b"ustar  \0",
        b"\0\0\0\0\0\0\0\0",
        b"\x78\x9c",
        b"00000000000\0",
        b"path=",
        b"\xFF\xFF\xFF\x7F",
    ],
    max_bytes: 20_000,
    // The greatest window of zstd that is allowed, and room for the buffers of several layers.
    max_memory_bytes: 160 * 1024 * 1024,
    num_mutations: KERNEL_MUTATIONS,
};

fn layers() -> Vec<DecodeOptions> {
    let entries = EntryOptions::default;
    let mut layers = vec![DecodeOptions::Auto];
    let single = [
        DecoderOptions::Gzip,
        DecoderOptions::Bzip2,
        DecoderOptions::Zstd,
        DecoderOptions::Zlib,
        DecoderOptions::Zip(entries()),
        DecoderOptions::Tar(entries()),
    ];
    layers.extend(single.map(|decoder| DecodeOptions::Listed(vec![decoder])));
    layers.push(DecodeOptions::Listed(vec![
        DecoderOptions::Gzip,
        DecoderOptions::Tar(entries()),
    ]));
    layers
}

fn whole(options: &DecodeOptions, file: &[u8]) -> Result<Option<Entries>, DecodeError> {
    decode(options, file, usize::MAX, 64 * 1024)
}

/// The plain bytes, without regard to the names of entries, which have no checksum in some formats.
fn plain_bytes(entries: Option<Entries>) -> Vec<u8> {
    entries.into_iter().flatten().flat_map(|(_, bytes)| bytes).collect()
}

/// The decoders of a kept archive, by the name of its file.
fn decoders_of(name: &str) -> Option<DecodeOptions> {
    let entries = EntryOptions::default;
    let list = match name.split_once('.').map_or("", |(_, extension)| extension) {
        "gz" => vec![DecoderOptions::Gzip],
        "bz2" => vec![DecoderOptions::Bzip2],
        "zst" => vec![DecoderOptions::Zstd],
        "zlib" => vec![DecoderOptions::Zlib],
        "zip" => vec![DecoderOptions::Zip(entries())],
        "tar" => vec![DecoderOptions::Tar(entries())],
        "tar.gz" => vec![DecoderOptions::Gzip, DecoderOptions::Tar(entries())],
        "tar.bz2" => vec![DecoderOptions::Bzip2, DecoderOptions::Tar(entries())],
        _ => return None,
    };
    Some(DecodeOptions::Listed(list))
}

/// The kept files that are good archives, with their decoders.
fn archives() -> Vec<(String, DecodeOptions, Vec<u8>)> {
    let kept = corpus::kept(TARGET.name).into_iter();
    let archives: Vec<_> = kept
        .filter_map(|(name, bytes)| Some((name.clone(), decoders_of(&name)?, bytes)))
        .collect();
    assert!(archives.len() >= 10, "only {} archives are kept", archives.len());
    archives
}

#[test]
fn every_archive_is_read_in_any_pieces() {
    for (name, options, file) in archives() {
        let expected = whole(&options, &file).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(!plain_bytes(expected.clone()).is_empty(), "{name} is empty");
        for chunk_bytes in [1, 7, 4096] {
            for output_bytes in [1, 13, 4096] {
                let entries = decode(&options, &file, chunk_bytes, output_bytes);
                assert!(
                    entries.as_ref() == Ok(&expected),
                    "{name} in chunks of {chunk_bytes}, {output_bytes} bytes of output: {entries:?}"
                );
            }
        }
    }
}

#[test]
fn every_archive_that_is_cut_short_is_an_error() {
    for (name, options, file) in archives() {
        for length in 0..file.len() {
            let result = whole(&options, &file[..length]);
            if let Ok(entries) = &result {
                // A tar archive may end after an entry, and a stream of several members after any of them: no reader can tell.
                let complete = whole(&options, &file).unwrap_or_default().unwrap_or_default();
                let is_end_of_part = entries.as_ref().is_some_and(|entries| {
                    let bytes = plain_bytes(Some(entries.clone()));
                    let is_some_entries = complete.starts_with(entries);
                    let is_some_members =
                        name.contains("members") && plain_bytes(Some(complete.clone())).starts_with(&bytes);
                    (is_some_entries && name.ends_with(".tar")) || is_some_members
                });
                assert!(
                    is_end_of_part,
                    "{name} cut after {length} of {} bytes: {result:?}",
                    file.len()
                );
            }
        }
    }
}

#[test]
fn a_flipped_bit_is_an_error_or_changes_no_byte() {
    for (name, options, file) in archives() {
        // Nothing checks the bytes of a tar archive but its headers.
        if name.ends_with(".tar") {
            continue;
        }
        let expected = plain_bytes(whole(&options, &file).unwrap_or_default());
        let mut damaged = file.clone();
        for bit in 0..file.len() * 8 {
            damaged[bit / 8] ^= 1 << (bit % 8);
            if let Ok(entries) = whole(&options, &damaged) {
                let bytes = plain_bytes(entries);
                assert!(
                    bytes == expected,
                    "{name}: bit {} of byte {} changes the bytes",
                    bit % 8,
                    bit / 8
                );
            }
            damaged[bit / 8] ^= 1 << (bit % 8);
        }
    }
}

#[test]
fn no_file_makes_a_decoder_panic_hang_or_take_all_memory() {
    let done = fuzz(&TARGET, Vec::new(), |input| {
        let mut kinds = Vec::new();
        for options in layers() {
            let at_once = whole(&options, input);
            let chunk_bytes = 1 + (fingerprint(input) % 300) as usize;
            let in_pieces = decode(&options, input, chunk_bytes, chunk_bytes + 10);
            let is_same = match (&at_once, &in_pieces) {
                // Where the bytes that are taken end, an error may be seen or not.
                (Ok(None), _) | (_, Ok(None)) => true,
                (Ok(at_once), Ok(in_pieces)) => at_once == in_pieces,
                (Err(at_once), Err(in_pieces)) => std::mem::discriminant(at_once) == std::mem::discriminant(in_pieces),
                _ => false,
            };
            assert!(
                is_same,
                "{options:?}: at once {at_once:?}, in pieces of {chunk_bytes} {in_pieces:?}"
            );
            kinds.push(match at_once {
                Ok(None) => "more than is taken".to_owned(),
                Ok(Some(entries)) => format!("{} entries", entries.len().min(4)),
                Err(error) => skeleton(&error.to_string()),
            });
        }
        kind_of(kinds)
    });
    println!("{done}");
}

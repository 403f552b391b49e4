//! Finds compressions and archives by their first bytes, and decodes the head of a cut sample.
//!
//! The decoders of a job insist on the end of a stream; a sample is cut anywhere, so here the end is whatever can still be
//! decoded. Which entry of an archive is meant, the job's own decoders say. Layers are peeled until plain bytes are left: a gzip
//! that holds a tar is two decoders.

use super::GuessError;
use crate::decode::{self, DecodeError, DecodeOptions, DecoderOptions, Event, FileDecoder};

/// Decoded bytes kept of one sample. A sample of 32 KiB that holds nothing but blanks would else become 32 MiB.
const MAX_DECODED_BYTES: usize = 1024 * 1024;

/// Layers peeled off one file; more than two are not met, an archive made to nest without end is.
const MAX_LAYERS: usize = 5;

/// Plain bytes of a sample, and how they were had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decompressed {
    /// The head of the plain bytes.
    pub(crate) bytes: Vec<u8>,
    /// Whether that is all of them.
    pub(crate) is_whole: bool,
    /// Decoders found by magic bytes, outermost first; those the seed lists are not among them.
    pub(crate) found: Vec<DecoderOptions>,
}

/// The format whose first bytes these are. An office document, which is a zip archive, is none; zlib, which a job never looks for, is
/// one if its bytes can be read.
pub(crate) fn detect(bytes: &[u8]) -> Option<DecoderOptions> {
    match decode::detect(bytes) {
        Some(DecoderOptions::Zip(_)) if is_office_document(bytes) => None,
        None => is_zlib(bytes).then_some(DecoderOptions::Zlib),
        found => found,
    }
}

/// Whether these are zlib data. Their two first bytes alone may be text, so what they begin must be readable.
fn is_zlib(bytes: &[u8]) -> bool {
    const MIN_BYTES: usize = 64;
    if !matches!(bytes, [0x78, 0x01 | 0x9C | 0xDA, ..]) {
        return false;
    }
    let head = decoded_head(bytes, &DecoderOptions::Zlib);
    head.is_ok_and(|head| head.is_complete || head.bytes.len() >= MIN_BYTES)
}

/// Whether a zip archive is a workbook or the like, whose entries are no tables.
pub(crate) fn is_office_document(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04")
        && (bytes.get(30..49) == Some(b"[Content_Types].xml") || bytes.get(30..38) == Some(b"mimetype"))
}

/// Decodes the head of a sample: first the seed's decoders, then whatever the bytes show and is not excluded.
///
/// **Errors**: the seed's decoder does not fit, the archive cannot be read, or nothing can be decoded of so short a sample.
pub(crate) fn decompress(
    key: &str,
    bytes: &[u8],
    is_whole: bool,
    seeded: &[DecoderOptions],
    is_excluded: &dyn Fn(&DecoderOptions) -> bool,
) -> Result<Decompressed, GuessError> {
    let mut current = Decompressed {
        bytes: bytes.to_vec(),
        is_whole,
        found: Vec::new(),
    };
    for decoder in seeded {
        let fits = matches!(decoder, DecoderOptions::Zlib)
            || detect(&current.bytes).is_some_and(|found| found.name() == decoder.name());
        if !fits {
            return Err(GuessError::cannot(format!(
                "`in.decoders` lists `{}` but the bytes of `{key}` are not {}",
                decoder.name(),
                decoder.name()
            )));
        }
        let (bytes, is_whole) = decode_layer(key, decoder, &current.bytes, current.is_whole)?;
        current = Decompressed {
            bytes,
            is_whole,
            found: Vec::new(),
        };
    }
    for _ in 0..MAX_LAYERS {
        let Some(decoder) = detect(&current.bytes).filter(|decoder| !is_excluded(decoder)) else {
            break;
        };
        let (bytes, is_whole) = decode_layer(key, &decoder, &current.bytes, current.is_whole)?;
        current.bytes = bytes;
        current.is_whole = is_whole;
        current.found.push(decoder);
    }
    Ok(current)
}

fn decode_layer(
    key: &str,
    decoder: &DecoderOptions,
    bytes: &[u8],
    is_whole: bool,
) -> Result<(Vec<u8>, bool), GuessError> {
    let head = decoded_head(bytes, decoder).map_err(|error| GuessError::cannot(format!("`{key}`: {error}")))?;
    if head.bytes.is_empty() && !head.is_complete {
        let name = decoder.name();
        return Err(GuessError::cannot(if is_whole {
            format!("`{key}` begins like {name} but cannot be decoded")
        } else {
            format!(
                "the first {} bytes of `{key}` are {name} data of which nothing can be decoded yet; \
                 a larger `exec.guess_sample_buffer_bytes` (1 MiB for bzip2) is needed",
                bytes.len()
            )
        }));
    }
    Ok((head.bytes, head.is_complete && is_whole))
}

/// What could be decoded.
#[derive(Debug, Default)]
struct Head {
    bytes: Vec<u8>,
    /// Whether the end of the stream was reached.
    is_complete: bool,
}

/// What the decoder of the job gives; of an archive the first wanted entry that has bytes.
///
/// **Errors**: the format has something that is not supported.
fn decoded_head(bytes: &[u8], options: &DecoderOptions) -> Result<Head, DecodeError> {
    let mut decoder = FileDecoder::new(&DecodeOptions::Listed(vec![options.clone()]));
    let mut head = Head::default();
    let mut buffer = [0_u8; 8 * 1024];
    let mut rest = bytes;
    while head.bytes.len() < MAX_DECODED_BYTES {
        let is_finishing = rest.is_empty();
        let progress = match is_finishing {
            true => decoder.finish(&mut buffer),
            false => decoder.decode(rest, &mut buffer),
        };
        let progress = match progress {
            Ok(progress) => progress,
            Err(error @ DecodeError::Unsupported { .. }) if head.bytes.is_empty() => return Err(error),
            // The cut end of the sample.
            Err(_) => return Ok(head),
        };
        rest = &rest[progress.consumed..];
        head.bytes.extend_from_slice(&buffer[..progress.produced]);
        match progress.event {
            Event::Entry(_) if head.bytes.is_empty() => {}
            Event::NeedsInput if !is_finishing => {}
            Event::Entry(_) | Event::NeedsInput => {
                head.is_complete = true;
                return Ok(head);
            }
            Event::OutputFull => {}
        }
    }
    Ok(head)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::EntryOptions;
    use crate::pattern::Pattern;
    use std::io::Write;

    fn table(num_rows: usize) -> Vec<u8> {
        (0..num_rows)
            .flat_map(|row| format!("{row},name {},{}\n", row * 7919 % 1013, row * 31).into_bytes())
            .collect()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn bzip2(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::new(1));
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zip(name: &str, bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        let data = encoder.finish().unwrap();
        let crc = {
            let mut hasher = crc32fast::Hasher::new();
            hasher.update(bytes);
            hasher.finalize()
        };
        let described = [
            b"\x14\0\0\0\x08\0\0\0\0\0".as_slice(),
            &crc.to_le_bytes(),
            &u32::try_from(data.len()).unwrap().to_le_bytes(),
            &u32::try_from(bytes.len()).unwrap().to_le_bytes(),
            &u16::try_from(name.len()).unwrap().to_le_bytes(),
            &[0, 0],
        ]
        .concat();
        let entry = [b"PK\x03\x04", described.as_slice(), name.as_bytes(), &data].concat();
        let listed = [b"PK\x01\x02\x14\0", described.as_slice(), &[0; 14], name.as_bytes()].concat();
        let end = [
            b"PK\x05\x06\0\0\0\0\x01\0\x01\0".as_slice(),
            &u32::try_from(listed.len()).unwrap().to_le_bytes(),
            &u32::try_from(entry.len()).unwrap().to_le_bytes(),
            &[0, 0],
        ]
        .concat();
        [entry, listed, end].concat()
    }

    fn tar(name: &str, bytes: &[u8]) -> Vec<u8> {
        let mut header = vec![0; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[124..135].copy_from_slice(format!("{:011o}", bytes.len()).as_bytes());
        header[156] = b'0';
        header[257..263].copy_from_slice(b"ustar\0");
        header[263..265].copy_from_slice(b"00");
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        header.extend_from_slice(bytes);
        header.resize(header.len().next_multiple_of(512) + 1024, 0);
        header
    }

    #[track_caller]
    fn check(compressed: &[u8], plain: &[u8], expected: &[&str]) {
        let whole = decompress("k", compressed, true, &[], &|_| false).unwrap();
        let names: Vec<&str> = whole.found.iter().map(DecoderOptions::name).collect();
        assert_eq!(names, expected);
        assert!(whole.is_whole);
        assert!(whole.bytes == plain);
    }

    #[test]
    fn every_format_is_known_by_its_magic() {
        let plain = table(500);
        check(&plain, &plain, &[]);
        check(&gzip(&plain), &plain, &["gzip"]);
        check(&bzip2(&plain), &plain, &["bzip2"]);
        check(&zstd::encode_all(&plain[..], 3).unwrap(), &plain, &["zstd"]);
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        std::io::Write::write_all(&mut zlib, &plain).unwrap();
        check(&zlib.finish().unwrap(), &plain, &["zlib"]);
        check(b"x\x01y,z\n", b"x\x01y,z\n", &[]);
        let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 1);
        std::io::Write::write_all(&mut xz, &plain).unwrap();
        check(&xz.finish().unwrap(), &plain, &["xz"]);
        check(&zip("a/b.csv", &plain), &plain, &["zip"]);
        check(&tar("a.csv", &plain), &plain, &["tar"]);
    }

    #[test]
    fn layers_are_peeled_one_by_one() {
        let plain = table(500);
        check(&gzip(&tar("a.csv", &plain)), &plain, &["gzip", "tar"]);
        check(&gzip(&bzip2(&plain)), &plain, &["gzip", "bzip2"]);
    }

    #[test]
    fn members_of_a_gzip_are_one_text() {
        let mut joined = gzip(b"a\n");
        joined.extend(gzip(b"b\n"));
        check(&joined, b"a\nb\n", &["gzip"]);
    }

    #[test]
    fn cut_stream_gives_what_it_holds() {
        let plain = table(50_000);
        for compressed in [
            gzip(&plain),
            bzip2(&plain),
            zstd::encode_all(&plain[..], 3).unwrap(),
            zip("x", &plain),
        ] {
            let head = decompress("k", &compressed[..compressed.len() / 2], false, &[], &|_| false).unwrap();
            assert!(!head.is_whole && head.bytes.len() > 1000, "{}", head.bytes.len());
            assert!(plain.starts_with(&head.bytes));
        }
    }

    #[test]
    fn decoded_bytes_are_limited() {
        let head = decompress("k", &gzip(&vec![b' '; 8 << 20]), true, &[], &|_| false).unwrap();
        assert!(head.bytes.len() <= MAX_DECODED_BYTES + 8 * 1024 && !head.is_whole);
    }

    #[test]
    fn too_short_a_bzip2_sample_says_what_to_do() {
        let error = decompress("logs/a.bz2", &bzip2(&table(50_000))[..1000], false, &[], &|_| false).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot guess: the first 1000 bytes of `logs/a.bz2` are bzip2 data of which nothing can be decoded yet; \
             a larger `exec.guess_sample_buffer_bytes` (1 MiB for bzip2) is needed"
        );
    }

    #[test]
    fn seeded_decoders_must_fit() {
        let error = decompress("k", b"a,b\n", true, &[DecoderOptions::Gzip], &|_| false).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot guess: `in.decoders` lists `gzip` but the bytes of `k` are not gzip"
        );
        let kept = decompress("k", &gzip(b"a\n"), true, &[DecoderOptions::Gzip], &|_| false).unwrap();
        assert_eq!((kept.bytes.as_slice(), kept.found.len()), (&b"a\n"[..], 0));
    }

    #[test]
    fn entry_names_are_matched() {
        let mut archive = tar("readme.txt", b"hello");
        archive.truncate(1024);
        archive.extend(tar("a.csv", b"1,2\n"));
        let options = EntryOptions {
            match_name: Some(Pattern::new(r"\.csv$").unwrap()),
        };
        let found = decompress("k", &archive, true, &[DecoderOptions::Tar(options)], &|_| false).unwrap();
        assert_eq!(found.bytes, b"1,2\n");
    }
}

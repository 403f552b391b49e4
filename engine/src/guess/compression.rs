//! Finds compressions and archives by their first bytes, and decodes the head of a cut sample.
//!
//! The decoders of a job insist on the end of a stream; a sample is cut anywhere, so here the end is whatever can still be
//! decoded. Layers are peeled until plain bytes are left: a gzip that holds a tar is two decoders.

use super::GuessError;
use crate::decode::{DecoderOptions, EntryOptions};
use flate2::{Decompress, FlushDecompress, Status};
use std::io::Read;

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

/// The word of the configuration for a decoder.
pub(crate) fn name(decoder: &DecoderOptions) -> &'static str {
    match decoder {
        DecoderOptions::Gzip => "gzip",
        DecoderOptions::Bzip2 => "bzip2",
        DecoderOptions::Zstd => "zstd",
        DecoderOptions::Zlib => "zlib",
        DecoderOptions::Zip(_) => "zip",
        DecoderOptions::Tar(_) => "tar",
    }
}

/// The format whose first bytes these are. An office document, which is a zip archive, is none.
pub(crate) fn detect(bytes: &[u8]) -> Option<DecoderOptions> {
    if bytes.starts_with(&[0x1F, 0x8B]) {
        return Some(DecoderOptions::Gzip);
    }
    if bytes.starts_with(b"BZh")
        && matches!(bytes.get(3), Some(b'1'..=b'9'))
        && bytes.get(4..10) == Some(&[0x31, 0x41, 0x59, 0x26, 0x53, 0x59])
    {
        return Some(DecoderOptions::Bzip2);
    }
    let is_zstd_skippable = matches!(bytes.first(), Some(0x50..=0x5F)) && bytes.get(1..4) == Some(&[0x2A, 0x4D, 0x18]);
    if bytes.starts_with(&[0x28, 0xB5, 0x2F, 0xFD]) || is_zstd_skippable {
        return Some(DecoderOptions::Zstd);
    }
    if bytes.starts_with(b"PK\x03\x04") && !is_office_document(bytes) {
        return Some(DecoderOptions::Zip(Default::default()));
    }
    if bytes.get(257..262) == Some(b"ustar") {
        return Some(DecoderOptions::Tar(Default::default()));
    }
    None
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
            || detect(&current.bytes).is_some_and(|found| name(&found) == name(decoder));
        if !fits {
            return Err(GuessError::cannot(format!(
                "`in.decoders` lists `{}` but the bytes of `{key}` are not {}",
                name(decoder),
                name(decoder)
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
    let head = match decoder {
        DecoderOptions::Gzip => read_head(flate2::read::MultiGzDecoder::new(bytes)),
        DecoderOptions::Bzip2 => read_head(bzip2::read::MultiBzDecoder::new(bytes)),
        DecoderOptions::Zlib => read_head(flate2::read::ZlibDecoder::new(bytes)),
        DecoderOptions::Zstd => match zstd::stream::read::Decoder::with_buffer(bytes) {
            Ok(decoder) => read_head(decoder),
            Err(_) => Head::default(),
        },
        DecoderOptions::Zip(options) => zip_head(key, bytes, options)?,
        DecoderOptions::Tar(options) => tar_head(bytes, options),
    };
    if head.bytes.is_empty() && !head.is_complete {
        let name = name(decoder);
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

fn read_head(mut reader: impl Read) -> Head {
    let mut head = Head::default();
    let mut buffer = [0_u8; 8 * 1024];
    while head.bytes.len() < MAX_DECODED_BYTES {
        match reader.read(&mut buffer) {
            Ok(0) => {
                head.is_complete = true;
                break;
            }
            Ok(count) => head.bytes.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            // The cut end of the sample.
            Err(_) => break,
        }
    }
    head
}

/// Whether an entry of an archive counts.
fn is_wanted(options: &EntryOptions, name: &[u8]) -> bool {
    let name = String::from_utf8_lossy(name);
    !name.ends_with('/')
        && options
            .match_name
            .as_ref()
            .is_none_or(|pattern| pattern.is_found_in(&name).unwrap_or(false))
}

fn le(bytes: &[u8], at: usize, len: usize) -> Option<usize> {
    let field = bytes.get(at..at.checked_add(len)?)?;
    Some(
        field
            .iter()
            .rev()
            .fold(0, |value, byte| (value << 8) | usize::from(*byte)),
    )
}

/// The first entry of a zip archive that has bytes, read from the local headers since a sample lacks the directory.
fn zip_head(key: &str, bytes: &[u8], options: &EntryOptions) -> Result<Head, GuessError> {
    let mut at = 0;
    loop {
        if le(bytes, at, 4) != Some(0x0403_4B50) {
            let is_end = le(bytes, at, 4).is_some();
            return Ok(Head {
                bytes: Vec::new(),
                is_complete: is_end,
            });
        }
        let header = (|| {
            Some((
                le(bytes, at + 6, 2)?,
                le(bytes, at + 8, 2)?,
                le(bytes, at + 18, 4)?,
                le(bytes, at + 26, 2)?,
                le(bytes, at + 28, 2)?,
            ))
        })();
        let Some((flags, method, compressed_size, name_len, extra_len)) = header else {
            return Ok(Head::default());
        };
        let data_at = at + 30 + name_len + extra_len;
        let Some(data) = bytes.get(data_at..) else {
            return Ok(Head::default());
        };
        let name = &bytes[at + 30..at + 30 + name_len];
        if flags & 1 != 0 {
            return Err(GuessError::cannot(format!("`{key}` is an encrypted zip archive")));
        }
        let (head, consumed) = match method {
            0 => {
                let end = compressed_size.min(data.len());
                let kept = end.min(MAX_DECODED_BYTES);
                (
                    Head {
                        bytes: data[..kept].to_vec(),
                        is_complete: kept == compressed_size,
                    },
                    compressed_size,
                )
            }
            8 => inflate_head(data),
            _ => {
                return Err(GuessError::cannot(format!(
                    "`{key}` is a zip archive with compression method {method}"
                )));
            }
        };
        if is_wanted(options, name) && !head.bytes.is_empty() {
            return Ok(head);
        }
        if !head.is_complete {
            return Ok(Head::default());
        }
        at = data_at + consumed;
        // A data descriptor follows entries whose size was not known when they were written.
        if flags & 8 != 0 {
            at += if le(bytes, at, 4) == Some(0x0807_4B50) { 16 } else { 12 };
        }
    }
}

/// Inflates raw deflate data; also says how many bytes of it were taken.
fn inflate_head(data: &[u8]) -> (Head, usize) {
    let mut inflater = Decompress::new(false);
    let mut head = Head {
        bytes: Vec::with_capacity(64 * 1024),
        is_complete: false,
    };
    loop {
        let taken = usize::try_from(inflater.total_in())
            .unwrap_or(usize::MAX)
            .min(data.len());
        let before = (inflater.total_in(), inflater.total_out());
        head.bytes.reserve(16 * 1024);
        match inflater.decompress_vec(&data[taken..], &mut head.bytes, FlushDecompress::None) {
            Ok(Status::StreamEnd) => head.is_complete = true,
            Ok(_) if before != (inflater.total_in(), inflater.total_out()) && head.bytes.len() < MAX_DECODED_BYTES => {
                continue;
            }
            _ => {}
        }
        let taken = usize::try_from(inflater.total_in())
            .unwrap_or(usize::MAX)
            .min(data.len());
        return (head, taken);
    }
}

/// The first regular entry of a tar archive that has bytes.
fn tar_head(bytes: &[u8], options: &EntryOptions) -> Head {
    let mut at = 0;
    while let Some(header) = bytes.get(at..at + 512) {
        if header[0] == 0 {
            return Head {
                bytes: Vec::new(),
                is_complete: true,
            };
        }
        let digits = header[124..136].iter().filter(|byte| (b'0'..=b'7').contains(*byte));
        let size = digits.fold(0_usize, |size, digit| {
            size.saturating_mul(8).saturating_add(usize::from(digit - b'0'))
        });
        let name_end = header[..100].iter().position(|byte| *byte == 0).unwrap_or(100);
        let data = bytes.get(at + 512..).unwrap_or_default();
        let is_regular = matches!(header[156], b'0' | 0);
        if is_regular && size > 0 && is_wanted(options, &header[..name_end]) {
            let kept = size.min(data.len()).min(MAX_DECODED_BYTES);
            return Head {
                bytes: data[..kept].to_vec(),
                is_complete: kept == size,
            };
        }
        at = at
            .saturating_add(512)
            .saturating_add(size.div_ceil(512).saturating_mul(512));
        if at > bytes.len() {
            break;
        }
    }
    Head::default()
}

#[cfg(test)]
mod tests {
    use super::*;
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
        let mut archive = b"PK\x03\x04\x14\0\0\0\x08\0\0\0\0\0\0\0\0\0".to_vec();
        archive.extend_from_slice(&u32::try_from(data.len()).unwrap().to_le_bytes());
        archive.extend_from_slice(&u32::try_from(bytes.len()).unwrap().to_le_bytes());
        archive.extend_from_slice(&u16::try_from(name.len()).unwrap().to_le_bytes());
        archive.extend_from_slice(&[0, 0]);
        archive.extend_from_slice(name.as_bytes());
        archive.extend_from_slice(&data);
        archive.extend_from_slice(b"PK\x01\x02");
        archive
    }

    fn tar(name: &str, bytes: &[u8]) -> Vec<u8> {
        let mut header = vec![0; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[124..135].copy_from_slice(format!("{:011o}", bytes.len()).as_bytes());
        header[156] = b'0';
        header[257..262].copy_from_slice(b"ustar");
        header.extend_from_slice(bytes);
        header.resize(header.len().next_multiple_of(512) + 1024, 0);
        header
    }

    #[track_caller]
    fn check(compressed: &[u8], plain: &[u8], expected: &[&str]) {
        let whole = decompress("k", compressed, true, &[], &|_| false).unwrap();
        let names: Vec<&str> = whole.found.iter().map(name).collect();
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

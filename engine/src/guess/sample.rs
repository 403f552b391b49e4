//! Which files are looked at, and the way from the bytes of their heads to text.

use super::agreement::{disagreement, majority, num_of};
use super::{GuessError, GuessOptions, Seed, charset, compression, split};
use crate::decode::DecoderOptions;
use encoding_rs::Encoding;

/// The head of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The file's key.
    pub key: String,
    /// Bytes of the whole file as stored.
    pub size_bytes: u64,
    /// Its first bytes as stored.
    pub bytes: Vec<u8>,
    /// Whether `bytes` are all of it.
    pub is_whole: bool,
}

/// One sample as text.
#[derive(Clone, Debug)]
pub(crate) struct TextSample {
    pub(super) key: String,
    pub(super) text: String,
    /// Bytes of lines that the seed's `skip_header_lines` drops.
    skipped_bytes: usize,
    pub(super) is_whole: bool,
}

impl TextSample {
    pub(super) fn new(key: impl Into<String>, text: impl Into<String>, is_whole: bool) -> TextSample {
        TextSample {
            key: key.into(),
            text: text.into(),
            skipped_bytes: 0,
            is_whole,
        }
    }

    pub(super) fn text(&self) -> &str {
        &self.text[self.skipped_bytes..]
    }

    /// The same without its first `num_lines` lines, and the last of those.
    pub(super) fn without_lines(&self, num_lines: u64) -> (TextSample, Option<&str>) {
        let mut last = None;
        let mut at = 0;
        for line in split::lines(&self.text, true)
            .into_iter()
            .take(usize::try_from(num_lines).unwrap_or(usize::MAX))
        {
            at += line.len();
            at += if self.text[at..].starts_with("\r\n") {
                2
            } else {
                usize::from(at < self.text.len())
            };
            last = Some(line);
        }
        (
            TextSample {
                skipped_bytes: at,
                ..self.clone()
            },
            last,
        )
    }
}

/// Which of `num_files` files to look at when at most `max_samples` are: the first, the last, and some between, evenly spread.
pub fn sampled_indices(num_files: usize, max_samples: usize) -> Vec<usize> {
    let num_samples = num_files.min(max_samples);
    match num_samples {
        0 => Vec::new(),
        1 => vec![0],
        _ => (0..num_samples)
            .map(|sample| sample * (num_files - 1) / (num_samples - 1))
            .collect(),
    }
}

/// Which of the files of these sizes, in the order of their keys, to sample when at most `max_samples` are read: the first, the
/// last, the largest, the smallest that is not empty, and others evenly spread between them.
pub fn sampled_by_size(sizes: impl Iterator<Item = u64>, max_samples: usize) -> Vec<usize> {
    let mut num_files = 0;
    let mut largest: Option<(u64, usize)> = None;
    let mut smallest: Option<(u64, usize)> = None;
    for (index, size) in sizes.enumerate() {
        num_files = index + 1;
        if largest.is_none_or(|(most, _)| size > most) {
            largest = Some((size, index));
        }
        if size > 0 && smallest.is_none_or(|(least, _)| size < least) {
            smallest = Some((size, index));
        }
    }
    if num_files <= max_samples {
        return (0..num_files).collect();
    }
    let odd_sizes = [largest, smallest].into_iter().flatten().map(|(_, index)| index);
    let mut chosen: Vec<usize> = odd_sizes.take(max_samples).collect();
    chosen.extend(sampled_indices(num_files, max_samples - chosen.len()));
    chosen.sort_unstable();
    chosen.dedup();
    chosen
}

/// The sample as far as it is looked at; `None` if it is empty.
pub(super) fn shortened(mut sample: Sample, options: &GuessOptions) -> Option<Sample> {
    if sample.size_bytes == 0 || sample.bytes.is_empty() {
        return None;
    }
    let limit = usize::try_from(options.sample_bytes).unwrap_or(usize::MAX).max(1);
    if sample.bytes.len() > limit {
        sample.bytes.truncate(limit);
        sample.is_whole = false;
    }
    Some(sample)
}

/// Plain bytes of one sample.
pub(super) struct Plain {
    key: String,
    bytes: Vec<u8>,
    is_whole: bool,
}

pub(super) type GuessedDecoders = Option<(Vec<DecoderOptions>, String)>;

pub(super) fn decompress_all(
    samples: &[Sample],
    seed: &Seed,
    options: &GuessOptions,
    doubts: &mut Vec<String>,
) -> Result<(GuessedDecoders, Vec<Plain>), GuessError> {
    let seeded = seed.decoders.clone().unwrap_or_default();
    let is_excluded = |decoder: &DecoderOptions| !options.has(decoder.name());
    let mut plain = Vec::new();
    let mut found: Vec<(String, String)> = Vec::new();
    let mut decoders: Vec<Vec<DecoderOptions>> = Vec::new();
    let mut failure = None;
    for sample in samples {
        let head = compression::decompress(&sample.key, &sample.bytes, sample.is_whole, &seeded, &is_excluded);
        match head {
            Err(error) => left_out(error, &mut failure, doubts),
            Ok(head) => {
                if head.bytes.is_empty() {
                    continue;
                }
                let names: Vec<&str> = head.found.iter().map(DecoderOptions::name).collect();
                found.push((
                    sample.key.clone(),
                    if names.is_empty() {
                        "no compression".to_owned()
                    } else {
                        names.join(" + ")
                    },
                ));
                decoders.push(head.found);
                plain.push(Plain {
                    key: sample.key.clone(),
                    bytes: head.bytes,
                    is_whole: head.is_whole,
                });
            }
        }
    }
    if plain.is_empty() {
        return Err(failure.unwrap_or(GuessError::AllEmpty));
    }
    if let Some(doubt) = disagreement("", &found) {
        doubts.push(format!(
            "decoders: left out, so that each file is decoded by its magic bytes: {doubt}"
        ));
        return Ok((None, plain));
    }
    let found = decoders.swap_remove(0);
    if found.is_empty() || seed.has_automatic_decoders {
        return Ok((None, plain));
    }
    let note = format!("by the magic bytes of {}", num_of(plain.len(), "sampled file"));
    Ok((Some((seeded.into_iter().chain(found).collect(), note)), plain))
}

pub(super) fn decode_all(
    plain: Vec<Plain>,
    seed: &Seed,
    doubts: &mut Vec<String>,
) -> Result<(&'static Encoding, String, Vec<TextSample>), GuessError> {
    if let Some(label) = &seed.charset {
        let encoding = Encoding::for_label(label.as_bytes())
            .ok_or_else(|| GuessError::cannot(format!("`in.parser.charset` is not known: `{label}`")))?;
        let texts = plain
            .iter()
            .map(|plain| {
                TextSample::new(
                    &plain.key,
                    charset::decode(encoding, &plain.bytes, plain.is_whole),
                    plain.is_whole,
                )
            })
            .filter(|sample| !sample.text.is_empty())
            .collect::<Vec<TextSample>>();
        return if texts.is_empty() {
            Err(GuessError::AllEmpty)
        } else {
            Ok((encoding, String::new(), texts))
        };
    }
    let mut failure = None;
    let mut guessed = Vec::new();
    for plain in plain {
        match charset::detect(&plain.key, &plain.bytes, plain.is_whole) {
            Ok(charset) => guessed.push((plain, charset)),
            Err(error) => left_out(error, &mut failure, doubts),
        }
    }
    let told: Vec<(String, String)> = guessed
        .iter()
        .filter(|(_, charset)| !charset.is_ascii)
        .map(|(plain, charset)| (plain.key.clone(), charset::name(charset.encoding).to_owned()))
        .collect();
    let likeliest = majority(&told).unwrap_or_else(|| "UTF-8".to_owned());
    if let Some(doubt) = disagreement("", &told) {
        doubts.push(format!("charset: {doubt}"));
    }
    let chosen = guessed
        .iter()
        .find(|(_, charset)| charset::name(charset.encoding) == likeliest && (!charset.is_ascii || told.is_empty()));
    let (encoding, note) = chosen.map_or((encoding_rs::UTF_8, String::new()), |(_, charset)| {
        (charset.encoding, charset.note.clone())
    });
    let mut texts = Vec::new();
    for (plain, charset) in guessed {
        if charset::name(charset.encoding) == likeliest {
            doubts.extend(charset.doubt);
        }
        let own = if charset.is_ascii {
            encoding_rs::UTF_8
        } else {
            charset.encoding
        };
        let text = charset::decode(own, &plain.bytes, plain.is_whole);
        if !text.is_empty() {
            texts.push(TextSample::new(plain.key, text, plain.is_whole));
        }
    }
    if texts.is_empty() {
        return Err(failure.unwrap_or(GuessError::AllEmpty));
    }
    Ok((encoding, note, texts))
}

/// Notes a file that cannot be read: a doubt beside files that can, the error if there are none.
fn left_out(error: GuessError, failure: &mut Option<GuessError>, doubts: &mut Vec<String>) {
    doubts.push(format!("left out: {}", error.clone().into_reason()));
    failure.get_or_insert(error);
}

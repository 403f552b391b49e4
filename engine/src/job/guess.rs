//! Guesses a configuration from the heads of a few files.

use super::environment::{Budgets, Environment};
use super::input::{self, OpenInput, Wanted};
use crate::config::{Document, Seed};
use crate::decode::{DecodeOptions, DecoderOptions};
use crate::error::{Blame, Error, Result};
use crate::guess::{self, GuessError, GuessOptions, Sample};
use crate::source::file::SourceFile;
use crate::source::store::FileStore;
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::Value;
use std::sync::Arc;

/// Files looked at: the first, the last, and some between. More have not changed a guess in our tests, each costs a request.
const MAX_SAMPLES: usize = 12;

/// Requests for samples in flight.
const MAX_REQUESTS: usize = 12;

/// Bytes that surely hold a whole block of a bzip2 file, without which nothing of it can be read, and likely more than one entry of
/// an archive.
const LARGE_SAMPLE_BYTES: u64 = 1024 * 1024;

/// A guessed configuration.
#[derive(Clone, Debug)]
pub struct GuessedConfig {
    /// The whole `load.yml`, with the evidence for each key as comments.
    pub yaml: String,
    /// The same as JSON, with what was looked at and what is doubtful under `guess`.
    pub json: Value,
    /// What could as well have been something else.
    pub doubts: Vec<String>,
    /// Files looked at.
    pub num_sampled: usize,
}

/// Lists the files of a seed, reads the heads of some, and guesses. `document` is the seed as it was written, which the result
/// keeps; `seed` is what was made of it.
///
/// **Errors**: nothing to look at, or nothing that can be read as a table.
/// **Cost**: the listing, and one request a sample (a second one for bzip2).
pub async fn guess(environment: &Environment, document: &Document, seed: &Seed) -> Result<GuessedConfig> {
    let budgets = Budgets::new(&seed.exec);
    let input = input::open(environment, &seed.input, &budgets, environment.now(), Wanted::Selected).await?;
    let files = &input.listing.files;
    let mut options = GuessOptions {
        sample_bytes: seed
            .exec
            .guess_sample_buffer_bytes
            .unwrap_or(guess::DEFAULT_SAMPLE_BYTES),
        excluded_plugins: seed.exec.exclude_guess_plugins.clone(),
        added_plugins: seed.exec.guess_plugins.clone(),
    };
    let sizes = files.iter().map(|file| file.size_bytes);
    let wanted: Vec<SourceFile> = guess::sampled_by_size(sizes, MAX_SAMPLES)
        .into_iter()
        .filter_map(|index| files.get(index))
        .collect();
    let (store, sample_bytes) = (Arc::clone(&input.store), first_sample_bytes(seed, options.sample_bytes));
    let samples: Vec<Sample> = environment
        .io_runtime()
        .spawn(async move {
            let samples = wanted
                .into_iter()
                .map(|file| read_sample(Arc::clone(&store), file, sample_bytes));
            stream::iter(samples).buffered(MAX_REQUESTS).try_collect().await
        })
        .await
        .map_err(|error| Error::internal("reading the samples stopped").caused_by(error))??;
    if samples
        .iter()
        .any(|sample| sample.bytes.len() as u64 > options.sample_bytes)
    {
        options.sample_bytes = LARGE_SAMPLE_BYTES;
    }
    let num_sampled = samples.len();
    let written = document.root().to_json();
    let mut known = written.clone();
    if let Some(parser) = &seed.parser {
        known["in"]["parser"] = parser.to_json();
    }
    let mut guess_seed = guess::Seed::from_document(&known);
    if let (true, DecodeOptions::Listed(decoders)) = (seed.has_decoders, &seed.input.decode) {
        // As the job will understand them, whatever they are called.
        guess_seed.decoders = Some(decoders.clone());
    }
    let guessed = guess::guess(samples, &guess_seed, &options)
        .map_err(|error| guess_error(error, &input))
        .map_err(|error| error.at(input.store.url(&seed.input.select.path_prefix)))?;
    Ok(GuessedConfig {
        yaml: guess::render_yaml(&written, &guessed),
        json: guess::render_json(&written, &guessed),
        doubts: guessed.doubts,
        num_sampled,
    })
}

/// Bytes of each file to begin with: where only some entries of an archive are wanted, the first of them may begin far behind.
fn first_sample_bytes(seed: &Seed, sample_bytes: u64) -> u64 {
    let chooses_entries = match &seed.input.decode {
        DecodeOptions::Auto => false,
        DecodeOptions::Listed(decoders) => decoders.iter().any(|decoder| match decoder {
            DecoderOptions::Zip(entries) | DecoderOptions::Tar(entries) => entries.match_name.is_some(),
            _ => false,
        }),
    };
    if chooses_entries {
        sample_bytes.max(LARGE_SAMPLE_BYTES)
    } else {
        sample_bytes
    }
}

/// The head of a file, as stored.
async fn read_sample(store: Arc<dyn FileStore>, file: SourceFile, sample_bytes: u64) -> Result<Sample> {
    let mut bytes = read_head(store.as_ref(), &file, sample_bytes).await?;
    if bytes.starts_with(b"BZh") && file.size_bytes > sample_bytes && sample_bytes < LARGE_SAMPLE_BYTES {
        bytes = read_head(store.as_ref(), &file, LARGE_SAMPLE_BYTES).await?;
    }
    Ok(Sample {
        key: file.key.to_string(),
        size_bytes: file.size_bytes,
        is_whole: bytes.len() as u64 == file.size_bytes,
        bytes,
    })
}

/// The first bytes of a file, as stored.
pub(super) async fn read_head(store: &dyn FileStore, file: &SourceFile, num_bytes: u64) -> Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut stream = store.get(file, 0..file.size_bytes.min(num_bytes)).await?;
    while let Some(bytes) = stream.next().await {
        head.extend_from_slice(&bytes?);
    }
    Ok(head)
}

fn guess_error(error: GuessError, input: &OpenInput) -> Error {
    let hint = match &error {
        GuessError::NoFiles => match input.listing.num_listed {
            0 => "check `in.path_prefix`, no file has such a key".to_owned(),
            num_listed => format!(
                "{num_listed} listed, none selected: check `in.path_match_pattern` and the lower bounds; files of 0 bytes are passed over"
            ),
        },
        GuessError::AllEmpty => {
            "there is nothing to learn from; write `in.parser` by hand, or wait for a file with records".to_owned()
        }
        GuessError::Unreadable { .. } => {
            "write what is known of the format under `in.parser`, the rest is guessed".to_owned()
        }
    };
    Error::new(Blame::Data, error.to_string())
        .with_hint(hint)
        .caused_by(error)
}

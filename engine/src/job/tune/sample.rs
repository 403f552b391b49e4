//! Runs the job's own plan over a sample of its files that lies in memory, and writes the rows with each compression.
//!
//! Nothing of it leaves memory: no table is touched.

use crate::config::plan::{Compression, JobPlan};
use crate::error::{Error, Result};
use crate::guess::sampled_indices;
use crate::job::environment::{Budgets, Environment};
use crate::job::filters::{FilterContext, filtered_rows};
use crate::job::input::OpenInput;
use crate::job::output::{self, ArrangedOutput};
use crate::job::plan_error;
use crate::parse::Reject;
use crate::parse::reject::RejectSink;
use crate::scan::ScanCounters;
use crate::source::error::SourceError;
use crate::source::file::SourceFile;
use crate::source::store::{ByteStream, FileStore, ListPage, ListRequest};
use crate::stages::{Lap, StageClocks, StageSeconds, timed};
use crate::write::WriteError;
use crate::write::writer::{PartitionedWriter, WriteOptions};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::memory::InMemory;
use serde::Serialize;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

/// Bytes of all sampled files, as stored: some seconds of a core, and a tenth of the memory that a job takes by default even where
/// they unpack to ten times as many.
const SAMPLE_BYTES: u64 = 8 * 1024 * 1024;

/// Files sampled at most; each is a request.
const MAX_FILES: u64 = 64;

/// Requests for samples in flight.
const REQUESTS_AT_A_TIME: usize = 16;

/// Bytes of rows kept to be written.
const MAX_ROW_BYTES: usize = 64 * 1024 * 1024;

/// Rows handled at a time where files are cut: rows that do not fill a batch are lost at the cut.
const CUT_BATCH_ROWS: usize = 1_024;

/// Compressions that are tried besides the configured one.
const COMPRESSIONS: [Compression; 5] = [
    Compression::None,
    Compression::Snappy,
    Compression::Lz4,
    Compression::Zstd { level: 1 },
    Compression::Zstd { level: 3 },
];

/// A sample that takes one thread less time than this tells nothing about several.
const LEAST_SCALING_SECONDS: f64 = 0.2;

/// What the sample took.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Sample {
    /// Files read.
    pub files: u64,
    /// Their bytes as stored.
    pub bytes: u64,
    /// Their bytes after decoding.
    pub decoded_bytes: u64,
    /// Rows after the filters.
    pub rows: u64,
    /// Records that could not become rows.
    pub rejects: u64,
    /// Seconds of one core; `write` is that of the configured compression.
    pub stages: StageSeconds,
    /// Reading with all threads; `None`: the sample is too small to tell.
    pub scaling: Option<Scaling>,
    /// Writing with each compression, the configured one first.
    pub compressions: Vec<CompressionTrial>,
}

/// How much faster several threads read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Scaling {
    /// Threads.
    pub threads: usize,
    /// Wall time of one thread, divided by theirs.
    pub speedup: f64,
}

/// What writing the sampled rows with a compression took.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CompressionTrial {
    /// As `out.compression` spells it.
    pub compression: String,
    /// Seconds of one core.
    pub seconds: f64,
    /// Bytes of the files.
    pub bytes: u64,
}

/// Fetches a sample of the files and runs the job over it.
///
/// **Errors**: as a job's, without those of the table.
/// **Cost**: at most [`MAX_FILES`] requests, [`SAMPLE_BYTES`] and the rows they hold in memory.
pub(super) async fn measure(
    environment: &Environment,
    plan: &JobPlan,
    input: &OpenInput,
    started: jiff::Timestamp,
) -> Result<Sample> {
    let sampled = fetch(environment, input).await?;
    let one = Budgets {
        num_partitions: 1,
        ..Budgets::new(&plan.exec)
    };
    let trial = Trial {
        environment,
        plan,
        sampled: &sampled,
        started,
    };
    let read = trial.read(&one).await?;
    let mut sample = Sample {
        files: sampled.input.listing.files.len() as u64,
        bytes: read.bytes,
        decoded_bytes: read.decoded_bytes,
        rows: read.batches.iter().map(|batch| batch.num_rows() as u64).sum(),
        rejects: read.num_rejects,
        stages: read.stages,
        scaling: None,
        compressions: Vec::new(),
    };
    let configured = Budgets::new(&plan.exec);
    let all = Budgets {
        num_partitions: configured.num_partitions.max(Budgets::num_cores()),
        ..configured
    };
    if all.num_partitions > 1
        && sampled.input.listing.files.len() >= all.num_partitions
        && !sampled.is_cut
        && read.seconds >= LEAST_SCALING_SECONDS
    {
        let by_all = trial.read(&all).await?;
        sample.scaling = Some(Scaling {
            threads: all.num_partitions,
            speedup: read.seconds / by_all.seconds.max(f64::MIN_POSITIVE),
        });
    }
    let configured = plan.output.compression;
    let others = COMPRESSIONS.into_iter().filter(|other| *other != configured);
    let options = read.arranged.write_options(plan, &one, "sample".to_owned());
    // The first one is written twice: the memory that it is the first to touch would count as its own.
    write(&read.batches, &read.schema, &options).await?;
    for compression in std::iter::once(configured).chain(others) {
        let options = WriteOptions {
            compression,
            ..options.clone()
        };
        sample
            .compressions
            .push(write(&read.batches, &read.schema, &options).await?);
    }
    sample.stages.write = sample.compressions[0].seconds;
    Ok(sample)
}

/// Sampled files in memory.
struct Sampled {
    input: OpenInput,
    /// Whether the end of a file is missing.
    is_cut: bool,
}

async fn fetch(environment: &Environment, input: &OpenInput) -> Result<Sampled> {
    let files = &input.listing.files;
    let mean_bytes = (input.size_bytes() / files.len().max(1) as u64).max(1);
    let num_wanted = (SAMPLE_BYTES / mean_bytes).clamp(2, MAX_FILES);
    let picked: Vec<SourceFile> = sampled_indices(files.len(), usize::try_from(num_wanted).unwrap_or(usize::MAX))
        .into_iter()
        .filter_map(|index| files.get(index))
        .collect();
    let most_bytes = (SAMPLE_BYTES / picked.len().max(1) as u64).max(2 * mean_bytes.min(SAMPLE_BYTES / 4));
    let store = Arc::clone(&input.store);
    let contents: Vec<(SourceFile, Bytes)> = environment
        .io_runtime()
        .spawn(async move {
            let requests = picked.into_iter().map(|file| {
                let store = Arc::clone(&store);
                async move {
                    let bytes = read_head(store.as_ref(), &file, most_bytes).await?;
                    Ok::<_, SourceError>((file, bytes))
                }
            });
            stream::iter(requests).buffered(REQUESTS_AT_A_TIME).try_collect().await
        })
        .await
        .map_err(|error| Error::internal("reading the sample stopped").caused_by(error))??;
    let mut listed: Vec<SourceFile> = Vec::new();
    let mut cut: Vec<SourceFile> = Vec::new();
    let mut in_memory = HashMap::new();
    for (file, bytes) in contents {
        let is_whole = bytes.len() as u64 == file.size_bytes;
        let list = if is_whole { &mut listed } else { &mut cut };
        list.push(SourceFile {
            size_bytes: bytes.len() as u64,
            ..file.clone()
        });
        in_memory.insert(file.key, bytes);
    }
    // A partition may read no further than the first cut file.
    let is_cut = !cut.is_empty();
    listed.append(&mut cut);
    let store = SampleStore {
        origin: Arc::clone(&input.store),
        files: in_memory,
    };
    Ok(Sampled {
        input: input.with_files(Arc::new(store), listed.into_iter().collect()),
        is_cut,
    })
}

async fn read_head(
    store: &dyn FileStore,
    file: &SourceFile,
    num_bytes: u64,
) -> std::result::Result<Bytes, SourceError> {
    let wanted = file.size_bytes.min(num_bytes);
    let mut head = Vec::new();
    if wanted > 0 {
        let mut stream = store.get(file, 0..wanted).await?;
        while let Some(bytes) = stream.next().await {
            head.extend_from_slice(&bytes?);
        }
    }
    Ok(Bytes::from(head))
}

/// Files of another store whose bytes are in memory.
#[derive(Debug)]
struct SampleStore {
    origin: Arc<dyn FileStore>,
    files: HashMap<Arc<str>, Bytes>,
}

#[async_trait]
impl FileStore for SampleStore {
    async fn list_page(&self, request: &ListRequest) -> std::result::Result<ListPage, SourceError> {
        self.origin.list_page(request).await
    }

    async fn head(&self, key: &str) -> std::result::Result<SourceFile, SourceError> {
        self.origin.head(key).await
    }

    async fn get(&self, file: &SourceFile, range: Range<u64>) -> std::result::Result<ByteStream, SourceError> {
        let Some(bytes) = self.files.get(&file.key) else {
            return self.origin.get(file, range).await;
        };
        let place = |byte: u64| usize::try_from(byte).unwrap_or(usize::MAX).min(bytes.len());
        let part = bytes.slice(place(range.start)..place(range.end));
        Ok(stream::once(async move { Ok(part) }).boxed())
    }

    fn url(&self, key: &str) -> String {
        self.origin.url(key)
    }
}

/// A run of the job over the sample.
struct Trial<'a> {
    environment: &'a Environment,
    plan: &'a JobPlan,
    sampled: &'a Sampled,
    started: jiff::Timestamp,
}

/// What reading the sample gave.
struct Read {
    batches: Vec<RecordBatch>,
    schema: SchemaRef,
    arranged: ArrangedOutput,
    bytes: u64,
    decoded_bytes: u64,
    num_rejects: u64,
    stages: StageSeconds,
    /// Wall time.
    seconds: f64,
}

impl Trial<'_> {
    /// Reads the sample through the job's filters.
    async fn read(&self, budgets: &Budgets) -> Result<Read> {
        let mut budgets = budgets.clone();
        if self.sampled.is_cut {
            budgets.batch_rows = budgets.batch_rows.min(CUT_BATCH_ROWS);
        }
        let rejects = Arc::new(CountedRejects::default());
        let sink: Arc<dyn RejectSink> = Arc::clone(&rejects) as _;
        let counters: Arc<ScanCounters> = Arc::default();
        let table = self.sampled.input.table(
            self.plan,
            self.environment,
            &budgets,
            Arc::clone(&sink),
            Arc::clone(&counters),
        )?;
        let session = self.environment.session(&budgets)?;
        let context = FilterContext {
            environment: self.environment,
            session: &session,
            plan: self.plan,
            started: self.started,
            keeps_origins: false,
        };
        let rows = filtered_rows(&context, table, Arc::clone(&sink)).await?;
        let arranged = output::arrange(&session, rows, &self.plan.output, self.started, sink).await?;
        let schema = Arc::clone(&arranged.layout.schema);
        let partitions = arranged
            .rows
            .clone()
            .execute_stream_partitioned()
            .await
            .map_err(plan_error)?;
        let consumers: Arc<StageClocks> = Arc::default();
        let held_bytes = Arc::new(AtomicUsize::new(0));
        let begun = Instant::now();
        let mut tasks = tokio::task::JoinSet::new();
        for (index, mut rows) in partitions.into_iter().enumerate() {
            let (clock, held_bytes, is_cut) = (consumers.of(index), Arc::clone(&held_bytes), self.sampled.is_cut);
            tasks.spawn(async move {
                let mut batches = Vec::new();
                while held_bytes.load(Ordering::Relaxed) < MAX_ROW_BYTES {
                    let (batch, spent) = timed(rows.next()).await;
                    clock.add(Lap::Input, spent.computing);
                    match batch {
                        None => break,
                        Some(Ok(batch)) => {
                            held_bytes.fetch_add(batch.get_array_memory_size(), Ordering::Relaxed);
                            batches.push(batch);
                        }
                        // The end of the sample, where a file was cut.
                        Some(Err(_)) if is_cut && !batches.is_empty() => break,
                        Some(Err(error)) => return Err(plan_error(error)),
                    }
                }
                Ok(batches)
            });
        }
        let mut batches = Vec::new();
        while let Some(ended) = tasks.join_next().await {
            let read = ended.map_err(|error| Error::internal("reading the sample stopped").caused_by(error))?;
            batches.extend(read?);
        }
        let seconds = begun.elapsed().as_secs_f64();
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let partitions = counters.clocks.seconds(&consumers);
        let none = StageSeconds::default();
        Ok(Read {
            batches,
            schema,
            arranged,
            bytes: count(&counters.fetched_bytes),
            decoded_bytes: count(&counters.decoded_bytes),
            num_rejects: rejects.count.load(Ordering::Relaxed),
            stages: partitions.iter().fold(none, |sum, partition| sum.plus(partition)),
            seconds,
        })
    }
}

/// Writes rows into memory.
async fn write(batches: &[RecordBatch], schema: &SchemaRef, options: &WriteOptions) -> Result<CompressionTrial> {
    let mut seconds = 0.0;
    let failed = |error: WriteError| crate::job::write_error(&error);
    let mut writer = PartitionedWriter::new(Arc::new(InMemory::new()), options.clone(), schema, 0).map_err(failed)?;
    for batch in batches {
        let (written, spent) = timed(writer.write(batch.clone())).await;
        seconds += spent.computing.as_secs_f64();
        written.map_err(failed)?;
    }
    let (files, spent) = timed(writer.finish()).await;
    seconds += spent.computing.as_secs_f64();
    Ok(CompressionTrial {
        compression: options.compression.to_string(),
        seconds,
        bytes: files.map_err(failed)?.iter().map(|file| file.size_bytes).sum(),
    })
}

/// Rejects are counted and forgotten; no limit on them ends a sample.
#[derive(Debug, Default)]
struct CountedRejects {
    count: AtomicU64,
}

impl RejectSink for CountedRejects {
    fn push(&self, rejects: Vec<Reject>) {
        self.count.fetch_add(rejects.len() as u64, Ordering::Relaxed);
    }
}

//! A whole load, and how far it is from the sum of its stages.
//!
//! Makes some gzip-compressed CSV files, loads them into a new table a few times, and prints the throughput of the best run in
//! bytes of plain text. Then the same files go through the stages one after the other on one thread - read, gunzip, parse, write - and
//! their times are added up: that is what a load would take if cores shared the work perfectly and nothing was in between.
//!
//! `BUCKETLOAD_BENCH_FILES` and `BUCKETLOAD_BENCH_ROWS` (of one file) change the size. Results go to standard output as the rows
//! of a Markdown table, ready for `benches/results`.

use bucketload_benches::{HOUR_MICROS, Order, START_MICROS, csv, csv_options, gzip, load_config, parse, write_options};
use bucketload_engine::config::plan::JobPlan;
use bucketload_engine::config::{Document, Node, ResolveOptions, resolve};
use bucketload_engine::decode::{DecodeOptions, FileDecoder};
use bucketload_engine::job::progress::Progress;
use bucketload_engine::parse::csv::CsvParser;
use bucketload_engine::table::warehouse::TableName;
use bucketload_engine::write::encoding::Compression;
use bucketload_engine::write::writer::PartitionedWriter;
use bucketload_engine::{Environment, run_job};
use object_store::local::LocalFileSystem;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The allocator of the program, which is part of what a load costs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Loads of which the best counts: whatever else the machine does makes a run slower, never faster.
const NUM_RUNS: usize = 5;

/// Hours that the rows of one file cover, so that files follow each other as the hours do.
const HOURS_PER_FILE: u64 = 1;

/// Files that share an hour's worth of names: 96 files are four servers over a day.
const FILES_PER_HOUR: usize = 4;

fn main() -> Result<(), Box<dyn Error>> {
    // `cargo test --all-targets` only wants to know that it runs.
    let is_test = std::env::args().any(|argument| argument == "--test");
    let (num_files, num_rows) = match is_test {
        true => (2, 100),
        false => (
            from_environment("BUCKETLOAD_BENCH_FILES", 96)?,
            from_environment("BUCKETLOAD_BENCH_ROWS", 10_000)?,
        ),
    };
    let folder = tempfile::tempdir()?;
    let input = folder.path().join("input");
    let plain_bytes = write_input(&input, num_files, num_rows)?;
    let megabytes = plain_bytes as f64 / 1e6;
    let num_cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!(
        "{num_files} files of {num_rows} rows, {megabytes:.0} MB of text, {num_cores} cores, best of {NUM_RUNS}\n"
    );

    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let plan = plan(&input)?;
    let (mut load, mut stages) = (Duration::MAX, Stages::default());
    for run in 0..NUM_RUNS {
        load = load.min(runtime.block_on(load_once(&plan, &folder.path().join(format!("warehouse-{run}"))))?);
        stages = stages.best(runtime.block_on(stage_by_stage(&input, &folder.path().join(format!("stages-{run}"))))?);
    }

    println!("| what | seconds | MB/s | MB/s a core | share of the sum |");
    println!("|---|---|---|---|---|");
    let sum = stages.sum();
    for (name, time) in [
        ("read", stages.read),
        ("gunzip", stages.decode),
        ("parse", stages.parse),
        ("write", stages.write),
        ("sum of the stages, one thread", sum),
    ] {
        let rate = megabytes / time.as_secs_f64();
        let share = time.as_secs_f64() / sum.as_secs_f64() * 100.0;
        println!(
            "| {name} | {:.3} | {rate:.0} | {rate:.0} | {share:.0} % |",
            time.as_secs_f64()
        );
    }
    let rate = megabytes / load.as_secs_f64();
    let rate_per_core = rate / num_cores as f64;
    let reached = sum.as_secs_f64() / (load.as_secs_f64() * num_cores as f64) * 100.0;
    println!(
        "| whole load, {num_cores} cores | {:.3} | {rate:.0} | {rate_per_core:.0} | |",
        load.as_secs_f64()
    );
    println!("\nThe load reaches {reached:.0} % of what its stages allow.");
    Ok(())
}

fn from_environment(name: &str, default: usize) -> Result<usize, Box<dyn Error>> {
    match std::env::var(name) {
        Ok(text) => Ok(text
            .parse()
            .map_err(|_| format!("`{name}` must be a number, not `{text}`"))?),
        Err(_) => Ok(default),
    }
}

/// Writes the files. Gives the bytes of their text.
fn write_input(directory: &Path, num_files: usize, num_rows: usize) -> Result<usize, Box<dyn Error>> {
    fs::create_dir_all(directory)?;
    let mut plain_bytes = 0;
    for file in 0..num_files {
        let hour = file / FILES_PER_HOUR;
        let start_micros = START_MICROS + i64::try_from(hour)? * HOUR_MICROS;
        let text = csv(file as u64, num_rows, start_micros, HOURS_PER_FILE, Order::ByTime);
        plain_bytes += text.len();
        fs::write(
            directory.join(format!("{hour:04}-{}.csv.gz", file % FILES_PER_HOUR)),
            gzip(&text),
        )?;
    }
    Ok(plain_bytes)
}

fn plan(input: &Path) -> Result<JobPlan, Box<dyn Error>> {
    let directory = format!("{}/", input.to_str().ok_or("a temporary directory without a name")?);
    let document = Document::from_node(Node::from_json(&load_config(&directory)), "bench")?;
    let mut plan = resolve(
        &document,
        &ResolveOptions {
            is_strict: true,
            lookup: &|_| None,
        },
    )?
    .plan;
    plan.output.auto_create_table = true;
    Ok(plan)
}

async fn load_once(plan: &JobPlan, warehouse: &Path) -> Result<Duration, Box<dyn Error>> {
    let location = warehouse.to_str().ok_or("a temporary directory without a name")?;
    let environment = Environment::new(location, jiff::Timestamp::now)?;
    let target = TableName::new("bench", "log")?;
    let begun = Instant::now();
    let report = run_job(&environment, plan, &target, &Progress::new())
        .await
        .map_err(|failed| failed.error)?;
    let time = begun.elapsed();
    assert_eq!(
        (report.rows.rejected, report.rows.written),
        (0, report.rows.read),
        "every record is a row"
    );
    fs::remove_dir_all(warehouse)?;
    Ok(time)
}

/// Time in each stage, all files together.
#[derive(Clone, Copy, Debug, Default)]
struct Stages {
    read: Duration,
    decode: Duration,
    parse: Duration,
    write: Duration,
}

impl Stages {
    fn sum(&self) -> Duration {
        self.read + self.decode + self.parse + self.write
    }

    fn best(self, other: Stages) -> Stages {
        match self.sum().is_zero() || other.sum() < self.sum() {
            true => other,
            false => self,
        }
    }
}

async fn stage_by_stage(input: &Path, table: &Path) -> Result<Stages, Box<dyn Error>> {
    let mut files: Vec<_> = fs::read_dir(input)?
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<_>>()?;
    files.sort();
    fs::create_dir_all(table)?;
    let mut decoder = FileDecoder::new(&DecodeOptions::Auto);
    let mut parser = CsvParser::new(&csv_options())?;
    let mut writer: Option<PartitionedWriter> = None;
    let (mut text, mut stages) = (Vec::new(), Stages::default());
    for file in files {
        let begun = Instant::now();
        let bytes = fs::read(file)?;
        let read = Instant::now();
        assert!(decoder.decode_whole(&bytes, &mut text)?, "the files are small");
        let decoded = Instant::now();
        let parsed = parse(&mut parser, &text);
        let parsed_at = Instant::now();
        for parsed in parsed {
            let writer = match &mut writer {
                Some(writer) => writer,
                None => {
                    let store = Arc::new(LocalFileSystem::new_with_prefix(table)?);
                    writer.insert(PartitionedWriter::new(
                        store,
                        write_options(Compression::Snappy),
                        &parsed.batch.schema(),
                        0,
                    )?)
                }
            };
            writer.write(parsed.batch).await?;
        }
        stages.read += read - begun;
        stages.decode += decoded - read;
        stages.parse += parsed_at - decoded;
        stages.write += parsed_at.elapsed();
    }
    let begun = Instant::now();
    if let Some(writer) = writer {
        writer.finish().await?;
    }
    stages.write += begun.elapsed();
    fs::remove_dir_all(table)?;
    Ok(stages)
}

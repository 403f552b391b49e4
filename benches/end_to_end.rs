//! Whole loads of several shapes of input, and how far each is from the sum of its stages.
//!
//! Makes files, loads them into a new table a few times with filters as jobs have them (a condition, a digest, a column dropped), and
//! takes the best run. In between, the same files go through the stages one after the other on one thread - read, decode, parse,
//! filter, write - and the best times are added up: shared out to all cores, that is what a load would take if nothing was in between.
//!
//! ```text
//! end_to_end                 every shape
//! end_to_end few_big         those whose name contains a word
//! ```
//!
//! `BUCKETLOAD_BENCH_SCALE` makes the inputs larger or smaller, `BUCKETLOAD_BENCH_RUNS` says how often each is loaded. Results go to
//! standard output as the rows of a Markdown table, ready for `benches/results`.

use arrow::array::RecordBatch;
use bucketload_benches::asked::Asked;
use bucketload_benches::compress::gzip;
use bucketload_benches::job::{Filtering, csv_parser, event_parser, load_config, plan, tsv_parser, write_options};
use bucketload_benches::reading::{CHUNK_BYTES, csv_options, decode_stream, decoder, event_options, tsv_options};
use bucketload_benches::records::{HOUR_MICROS, Order, Records, START_MICROS, Shape, events};
use bucketload_engine::config::plan::JobPlan;
use bucketload_engine::job::progress::Progress;
use bucketload_engine::job::report::JobReport;
use bucketload_engine::parse::{Parsed, Parser, ParserOptions};
use bucketload_engine::table::warehouse::TableName;
use bucketload_engine::write::encoding::Compression;
use bucketload_engine::write::writer::PartitionedWriter;
use bucketload_engine::{Environment, run_job};
use object_store::local::LocalFileSystem;
use serde_json::{Value, json};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// Loads of which the best counts: whatever else the machine does makes a run slower, never faster.
const NUM_RUNS: usize = 3;

/// Hours that the files of an input are spread over.
const NUM_HOURS: usize = 48;

/// Rows that are filtered and written at a time when the stages run one after the other; what is between two stages is held.
const GROUP_ROWS: usize = 128 * 1024;

/// Clock ticks of a second in the accounts of Linux, on every architecture.
const TICKS_PER_SECOND: f64 = 100.0;

/// What the files hold and how they are spelled.
#[derive(Clone, Copy)]
enum Content {
    Csv(Shape),
    Tsv(Shape),
    Events,
}

/// One input.
struct Input {
    name: &'static str,
    content: Content,
    num_files: usize,
    /// Of one file.
    num_records: usize,
    is_compressed: bool,
}

/// Of each about 100 MB of text. The first five are those of the comparison with other engines.
const INPUTS: [Input; 9] = [
    input("many_small", Content::Csv(Shape::Log), 600, 1_000, true),
    input("few_big_gz", Content::Csv(Shape::Log), 2, 300_000, true),
    input("plain_csv", Content::Csv(Shape::Log), 2, 300_000, false),
    input("tsv_mixed", Content::Tsv(Shape::Log), 300, 2_000, true),
    input("ndjson_gz", Content::Events, 16, 8_000, true),
    input("wide", Content::Csv(Shape::Wide), 16, 3_000, true),
    input("narrow", Content::Csv(Shape::Narrow), 16, 150_000, true),
    input("long_text", Content::Csv(Shape::LongText), 16, 3_500, true),
    input("nulls", Content::Csv(Shape::Nulls), 16, 60_000, true),
];

const fn input(
    name: &'static str,
    content: Content,
    num_files: usize,
    num_records: usize,
    is_compressed: bool,
) -> Input {
    Input {
        name,
        content,
        num_files,
        num_records,
        is_compressed,
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let asked = Asked::new(NUM_RUNS)?;
    let num_cores = std::thread::available_parallelism().map_or(1, usize::from);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    println!(
        "{num_cores} cores, best of {}; seconds; MB are 10^6 bytes of plain text\n",
        asked.num_runs
    );
    println!(
        "| input | files | MB | wall | MB/s | CPU | busy | list, commit | read | decode | parse | filter | write | sum of the stages | of the wall time | of the CPU time |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|");
    for input in INPUTS.iter().filter(|input| asked.is_wanted(input.name)) {
        let (load, stages) = measure(&runtime, &input.scaled(asked.scale), asked.num_runs)?;
        let megabytes = load.report.bytes.decoded as f64 / 1e6;
        let (wall, sum) = (load.wall.as_secs_f64(), stages.sum().as_secs_f64());
        let cpu = load.cpu_seconds.unwrap_or(f64::NAN);
        println!(
            "| {} | {} | {megabytes:.0} | {wall:.2} | {:.0} | {cpu:.2} | {:.0} % | {:.3}, {:.3} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} | {sum:.2} | {:.0} % | {:.0} % |",
            input.name,
            load.report.files.read,
            megabytes / wall,
            cpu / (wall * num_cores as f64) * 100.0,
            load.report.seconds.list,
            load.report.seconds.commit,
            stages.read.as_secs_f64(),
            stages.decode.as_secs_f64(),
            stages.parse.as_secs_f64(),
            stages.filter.as_secs_f64(),
            stages.write.as_secs_f64(),
            sum / (wall * num_cores as f64) * 100.0,
            sum / cpu * 100.0,
        );
    }
    Ok(())
}

/// Loads and goes through the stages in turn, and gives the best of both.
fn measure(runtime: &Runtime, input: &Input, num_runs: usize) -> Result<(Load, Stages), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let files = input.write(&folder.path().join("input"))?;
    let plan = plan(&input.config(&folder.path().join("input")))?;
    let filtering = Filtering::new(&input.filters())?;
    let (mut best_load, mut best_stages): (Option<Load>, Option<Stages>) = (None, None);
    for run in 0..num_runs {
        let load = runtime.block_on(load(&plan, &folder.path().join(format!("warehouse-{run}"))))?;
        if best_load.as_ref().is_none_or(|best| load.wall < best.wall) {
            best_load = Some(load);
        }
        let table = folder.path().join(format!("stages-{run}"));
        let stages = runtime.block_on(stage_by_stage(input, &files, &filtering, &table))?;
        best_stages = Some(best_stages.map_or(stages, |best| best.least(stages)));
    }
    let (Some(load), Some(stages)) = (best_load, best_stages) else {
        return Err("nothing was loaded".into());
    };
    assert_eq!(
        load.report.rows.written, stages.num_rows,
        "the stages do what the load does"
    );
    Ok((load, stages))
}

impl Input {
    fn scaled(&self, scale: f64) -> Input {
        let scaled = |number: usize, scale: f64| ((number as f64 * scale) as usize).max(1);
        // Many files stay many: first the number of files is scaled, and records only where files are few.
        match self.num_files > 100 {
            true => Input {
                num_files: scaled(self.num_files, scale),
                ..*self
            },
            false => Input {
                num_records: scaled(self.num_records, scale),
                ..*self
            },
        }
    }

    /// Writes the files and gives their paths, in order.
    fn write(&self, directory: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
        fs::create_dir_all(directory)?;
        let num_hours = NUM_HOURS.div_ceil(self.num_files);
        let mut paths = Vec::new();
        for file in 0..self.num_files {
            let hour = file * NUM_HOURS / self.num_files;
            let records = Records {
                shape: match self.content {
                    Content::Csv(shape) | Content::Tsv(shape) => shape,
                    Content::Events => Shape::Log,
                },
                seed: file as u64,
                num_records: self.num_records,
                start_micros: START_MICROS + i64::try_from(hour)? * HOUR_MICROS,
                num_hours: num_hours as u64,
                order: Order::ByTime,
            };
            let text = match self.content {
                Content::Csv(_) => records.csv(),
                Content::Tsv(_) => records.tsv(),
                Content::Events => events(&records),
            };
            let path = directory.join(format!("{file:06}"));
            fs::write(&path, if self.is_compressed { gzip(&text) } else { text })?;
            paths.push(path);
        }
        Ok(paths)
    }

    /// The configuration of a load of the files.
    fn config(&self, directory: &Path) -> Value {
        let parser = match self.content {
            Content::Csv(shape) => csv_parser(shape),
            Content::Tsv(shape) => tsv_parser(shape),
            Content::Events => event_parser(),
        };
        let mut filters = self.filters();
        if let (Some(list), Some(dropped)) = (filters.as_array_mut(), self.dropped()) {
            list.push(json!({"type": "drop_columns", "columns": [{"name": dropped}]}));
        }
        load_config(&format!("{}/", directory.display()), &parser, &filters)
    }

    /// The filters of a load but for the dropped column, which is not even parsed.
    fn filters(&self) -> Value {
        let digested = match self.content {
            Content::Csv(Shape::Log | Shape::Nulls) | Content::Tsv(_) => "client_ip",
            Content::Events => "actor_login",
            // There is nothing to filter by in the other shapes.
            Content::Csv(_) => return json!([]),
        };
        json!([
            {"type": "sql", "where": "status <> 304"},
            {"type": "add_columns", "columns": [{"name": "digested", "src": digested}]},
            {"type": "digest", "columns": [{"name": "digested", "algorithm": "SHA-256"}]},
        ])
    }

    /// The column that is dropped.
    fn dropped(&self) -> Option<&'static str> {
        match self.content {
            Content::Csv(Shape::Log | Shape::Nulls) | Content::Tsv(_) => Some("message"),
            Content::Events => Some("repo_name"),
            Content::Csv(_) => None,
        }
    }

    /// A parser of the columns that the load needs.
    fn parser(&self) -> Result<Box<dyn Parser>, Box<dyn Error>> {
        let options = match self.content {
            Content::Csv(shape) => ParserOptions::Csv(csv_options(shape)),
            Content::Tsv(shape) => ParserOptions::Csv(tsv_options(shape)),
            Content::Events => ParserOptions::Json(event_options()),
        };
        let fields = options.fields();
        let wanted: Vec<usize> = (0..fields.len())
            .filter(|index| Some(fields[*index].name().as_str()) != self.dropped())
            .collect();
        Ok(options.new_parser(&wanted, 8_192, false)?)
    }
}

/// One load.
struct Load {
    wall: Duration,
    /// Seconds of all cores together; `None` on systems that do not tell.
    cpu_seconds: Option<f64>,
    report: JobReport,
}

/// Seconds of user and system time of this process so far.
fn cpu_seconds() -> Option<f64> {
    let account = fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program may hold anything; what is after its closing parenthesis is numbers.
    let mut numbers = account.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || numbers.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / TICKS_PER_SECOND)
}

async fn load(plan: &JobPlan, warehouse: &Path) -> Result<Load, Box<dyn Error>> {
    let location = warehouse.to_str().ok_or("a temporary directory without a name")?;
    let environment = Environment::new(location, jiff::Timestamp::now)?;
    let target = TableName::new("bench", "log")?;
    let (begun, cpu_begun) = (Instant::now(), cpu_seconds());
    let report = run_job(&environment, plan, &target, &Progress::new())
        .await
        .map_err(|failed| failed.error)?;
    let wall = begun.elapsed();
    let cpu_seconds = cpu_begun.and_then(|begun| Some(cpu_seconds()? - begun));
    assert_eq!(report.rows.rejected, 0, "every record is a row");
    fs::remove_dir_all(warehouse)?;
    Ok(Load {
        wall,
        cpu_seconds,
        report,
    })
}

/// Time in each stage, all files together.
#[derive(Clone, Copy, Default)]
struct Stages {
    read: Duration,
    decode: Duration,
    parse: Duration,
    filter: Duration,
    write: Duration,
    /// Rows written.
    num_rows: u64,
}

impl Stages {
    fn sum(&self) -> Duration {
        self.read + self.decode + self.parse + self.filter + self.write
    }

    /// Each stage as it was when it was disturbed least.
    fn least(self, other: Stages) -> Stages {
        Stages {
            read: self.read.min(other.read),
            decode: self.decode.min(other.decode),
            parse: self.parse.min(other.parse),
            filter: self.filter.min(other.filter),
            write: self.write.min(other.write),
            num_rows: self.num_rows,
        }
    }
}

/// Adds the time since the last call to one of the stages.
struct Clock(Instant);

impl Clock {
    fn stop(&mut self, stage: &mut Duration) {
        let now = Instant::now();
        *stage += now - self.0;
        self.0 = now;
    }
}

async fn stage_by_stage(
    input: &Input,
    files: &[PathBuf],
    filtering: &Filtering,
    table: &Path,
) -> Result<Stages, Box<dyn Error>> {
    fs::create_dir_all(table)?;
    let mut stages = Stages::default();
    let mut writing = Writing {
        filtering,
        table,
        writer: None,
        group: Vec::new(),
        num_group_rows: 0,
    };
    let mut parser = input.parser()?;
    let (mut decoder, mut room) = (decoder(), vec![0; CHUNK_BYTES]);
    let mut parsed = Vec::new();
    for path in files {
        let mut clock = Clock(Instant::now());
        let bytes = fs::read(path)?;
        clock.stop(&mut stages.read);
        parser.begin_file(Arc::from("bench"));
        decode_stream(&mut decoder, &mut room, &bytes, |piece| {
            clock.stop(&mut stages.decode);
            parser.push(piece);
            parsed.extend(ready(parser.as_mut()));
            clock.stop(&mut stages.parse);
        });
        clock.stop(&mut stages.decode);
        parser.finish_file();
        parsed.extend(ready(parser.as_mut()));
        clock.stop(&mut stages.parse);
        writing.take(&mut parsed, &mut stages).await?;
    }
    let mut clock = Clock(Instant::now());
    parsed.extend(parser.flush()?);
    clock.stop(&mut stages.parse);
    writing.take(&mut parsed, &mut stages).await?;
    writing.finish(&mut stages).await?;
    fs::remove_dir_all(table)?;
    Ok(stages)
}

fn ready(parser: &mut dyn Parser) -> Vec<Parsed> {
    std::iter::from_fn(|| parser.next_batch().expect("the data is sound")).collect()
}

/// The stages after the parser, which see groups of batches, so that what a plan costs by itself does not show.
struct Writing<'a> {
    filtering: &'a Filtering,
    table: &'a Path,
    writer: Option<PartitionedWriter>,
    group: Vec<RecordBatch>,
    num_group_rows: usize,
}

impl Writing<'_> {
    async fn take(&mut self, parsed: &mut Vec<Parsed>, stages: &mut Stages) -> Result<(), Box<dyn Error>> {
        for parsed in parsed.drain(..) {
            self.num_group_rows += parsed.batch.num_rows();
            self.group.push(parsed.batch);
        }
        if self.num_group_rows >= GROUP_ROWS {
            self.filter_and_write(stages).await?;
        }
        Ok(())
    }

    async fn filter_and_write(&mut self, stages: &mut Stages) -> Result<(), Box<dyn Error>> {
        if self.group.is_empty() {
            return Ok(());
        }
        self.num_group_rows = 0;
        let plan = self.filtering.plan(std::mem::take(&mut self.group)).await?;
        let mut clock = Clock(Instant::now());
        let batches = self.filtering.run(plan).await?;
        clock.stop(&mut stages.filter);
        for batch in batches {
            let writer = match &mut self.writer {
                Some(writer) => writer,
                None => {
                    let store = Arc::new(LocalFileSystem::new_with_prefix(self.table)?);
                    let options = write_options(Compression::Snappy);
                    self.writer
                        .insert(PartitionedWriter::new(store, options, &batch.schema(), 0)?)
                }
            };
            stages.num_rows += batch.num_rows() as u64;
            writer.write(batch).await?;
        }
        clock.stop(&mut stages.write);
        Ok(())
    }

    async fn finish(mut self, stages: &mut Stages) -> Result<(), Box<dyn Error>> {
        self.filter_and_write(stages).await?;
        let mut clock = Clock(Instant::now());
        if let Some(writer) = self.writer {
            writer.finish().await?;
        }
        clock.stop(&mut stages.write);
        Ok(())
    }
}

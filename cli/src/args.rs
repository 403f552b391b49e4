//! What can be typed.

pub(crate) mod service;

use bucketload_engine::job::present::RowFormat;
use bucketload_engine::parse::columns::ColumnType;
use bucketload_engine::parse::reject::RejectCode;
use bucketload_engine::table::OutputMode;
use bucketload_engine::write::partition::PartitionBy;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use service::{
    CreateArguments, HistoryArguments, JobArguments, JobIdArguments, JobsArguments, ListArguments, RunArguments,
    ScheduleArguments, ServeArguments, UpdateArguments,
};
use std::path::PathBuf;

/// Loads CSV, TSV and JSON files from object storage into typed, time-partitioned tables.
#[derive(Debug, Parser)]
#[command(
    name = "bucketload",
    version,
    arg_required_else_help = true,
    disable_help_subcommand = true
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: GlobalArguments,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Understood by every command.
#[derive(Clone, Debug, Args)]
pub(crate) struct GlobalArguments {
    /// Directory or s3://BUCKET/PREFIX that holds the tables
    #[arg(
        long,
        global = true,
        env = "BUCKETLOAD_WAREHOUSE",
        default_value = "./warehouse",
        value_name = "PLACE"
    )]
    pub(crate) warehouse: String,
    /// File that keeps jobs and schedules [default: bucketload/state.db in the user's state directory]
    #[arg(long, global = true, env = "BUCKETLOAD_STATE", value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,
    /// Days that finished jobs are kept [default: 30]
    #[arg(long, global = true, env = "BUCKETLOAD_KEEP", value_name = "DAYS")]
    pub(crate) keep: Option<u32>,
    /// Print one JSON document on standard output, and nothing else there
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Make unknown configuration keys an error
    #[arg(long, global = true)]
    pub(crate) strict: bool,
    /// Say less; twice: errors only
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) quiet: u8,
    /// Say more; twice: every file
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// How log lines on standard error are written
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text, value_name = "FORMAT")]
    pub(crate) log_format: LogFormat,
    /// Whether progress is drawn; `auto` does so on a terminal
    #[arg(long, global = true, value_enum, default_value_t = ProgressMode::Auto, value_name = "WHEN")]
    pub(crate) progress: ProgressMode,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProgressMode {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write a complete configuration from a seed and samples of the files
    #[command(alias = "connector:guess")]
    Guess(GuessArguments),
    /// Show the first rows of a job
    #[command(alias = "connector:preview")]
    Preview(PreviewArguments),
    /// Load the files into a table, all or nothing
    #[command(alias = "connector:issue")]
    Issue(IssueArguments),
    /// Show the files, the tasks and the plan of a job, with nothing fetched
    Explain(ConfigArguments),
    /// Measure this bucket and this machine, and advise how to tune a job; writes to no table
    Tune(TuneArguments),
    /// List jobs, the newest first
    #[command(alias = "job:list")]
    Jobs(JobsArguments),
    /// Show a job: how far it is, what it did, why it failed
    #[command(alias = "job:show")]
    Job(JobArguments),
    /// Stop a job, wherever it runs; nothing of it is committed
    #[command(alias = "job:kill")]
    Cancel(JobIdArguments),
    /// Make a schedule, which `serve` runs at the times of a cron expression
    #[command(alias = "connector:create")]
    Create(CreateArguments),
    /// List schedules
    #[command(alias = "connector:list")]
    List(ListArguments),
    /// Show a schedule with its configuration and what its runs left for the next one
    #[command(alias = "connector:show")]
    Show(ScheduleArguments),
    /// List the jobs of a schedule, the newest first
    #[command(alias = "connector:history")]
    History(HistoryArguments),
    /// Change a schedule
    #[command(alias = "connector:update")]
    Update(UpdateArguments),
    /// Run a schedule now, here
    #[command(alias = "connector:run")]
    Run(RunArguments),
    /// Delete a schedule; its jobs and its table stay
    #[command(alias = "connector:delete")]
    Delete(ScheduleArguments),
    /// Run the schedules, and answer on HTTP
    Serve(ServeArguments),
    /// Answer SQL over the tables, named DATABASE.TABLE
    Query(QueryArguments),
    /// List the tables
    Tables,
    /// Show, make or delete a table
    #[command(subcommand)]
    Table(TableCommand),
    /// Show records that could not be loaded, or load them again
    #[command(subcommand)]
    Rejects(RejectsCommand),
    /// Remove what killed jobs have left behind and what was replaced long ago
    Vacuum(VacuumArguments),
    /// Print the JSON Schema of the configuration file
    Schema,
    /// Print the completion script of a shell
    Completions(CompletionsArguments),
}

/// A configuration file and what is changed in it.
#[derive(Clone, Debug, Args)]
pub(crate) struct ConfigArguments {
    /// Configuration file, YAML or JSON
    #[arg(value_name = "LOAD.yml")]
    pub(crate) config: PathBuf,
    /// Change a key, as in `--set in.min_task_size=64MiB`; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) overrides: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct GuessArguments {
    /// Configuration with at least `in`: where the files are
    #[arg(value_name = "SEED.yml")]
    pub(crate) seed: PathBuf,
    /// Change a key of the seed; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) overrides: Vec<String>,
    /// File to write; its old content is kept beside it. Left out: standard output. A name in .json gives JSON
    #[arg(short, long, value_name = "LOAD.yml")]
    pub(crate) out: Option<PathBuf>,
    /// Guess steps to add, as in `-g csv_all_strings`
    #[arg(short, long, value_delimiter = ',', value_name = "STEPS")]
    pub(crate) guess: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct PreviewArguments {
    #[command(flatten)]
    pub(crate) config: ConfigArguments,
    /// Rows to show [default: 15]
    #[arg(short = 'n', long, value_name = "ROWS")]
    pub(crate) rows: Option<usize>,
    /// Show the rows after the first N filters only; 0 shows them as they are read
    #[arg(long, value_name = "N")]
    pub(crate) after: Option<usize>,
    /// How rows are printed
    #[arg(short, long, value_enum, default_value_t = FormatName::Table)]
    pub(crate) format: FormatName,
}

#[derive(Debug, Args)]
pub(crate) struct IssueArguments {
    #[command(flatten)]
    pub(crate) config: ConfigArguments,
    /// Database of the table
    #[arg(long, value_name = "DB")]
    pub(crate) database: String,
    /// Table to load into
    #[arg(long, value_name = "TABLE")]
    pub(crate) table: String,
    /// Column that partitions are made of; wins over `out.time_column`
    #[arg(long, value_name = "COLUMN")]
    pub(crate) time_column: Option<String>,
    /// Create the table if there is none
    #[arg(long)]
    pub(crate) auto_create_table: bool,
    /// What happens to the rows already there; wins over `out.mode`
    #[arg(long, value_enum)]
    pub(crate) mode: Option<ModeName>,
    /// Show what would be done, as `explain` does
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Go on with a job that was killed or failed: nothing that it has finished is read again
    #[arg(long, value_name = "JOB", conflicts_with = "dry_run")]
    pub(crate) resume: Option<String>,
    /// Understood for the sake of old scripts: a job always runs to its end before the command returns
    #[arg(short, long, hide = true)]
    pub(crate) wait: bool,
}

#[derive(Debug, Args)]
pub(crate) struct TuneArguments {
    #[command(flatten)]
    pub(crate) config: ConfigArguments,
    /// Write the advised `exec` block into the file; its old content is kept beside it
    #[arg(long)]
    pub(crate) apply: bool,
}

#[derive(Debug, Args)]
pub(crate) struct QueryArguments {
    /// One SELECT
    pub(crate) sql: String,
    /// How rows are printed
    #[arg(short, long, value_enum, default_value_t = FormatName::Table)]
    pub(crate) format: FormatName,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TableCommand {
    /// Show columns, partitions and size
    Show(TableNameArguments),
    /// Make an empty table
    Create(TableCreateArguments),
    /// Delete a table with all its files, its table of rejects and its ledger
    Delete(TableDeleteArguments),
}

#[derive(Debug, Args)]
pub(crate) struct TableNameArguments {
    /// DATABASE.TABLE
    #[arg(value_name = "DB.TABLE")]
    pub(crate) name: String,
}

#[derive(Debug, Args)]
pub(crate) struct TableCreateArguments {
    /// DATABASE.TABLE
    #[arg(value_name = "DB.TABLE")]
    pub(crate) name: String,
    /// A column, as in `--column status:long`; may be repeated. None: the table takes the columns of its first load
    #[arg(long = "column", value_name = "NAME:TYPE", value_parser = parse_column)]
    pub(crate) columns: Vec<(String, ColumnType)>,
    /// Width of a partition
    #[arg(long, value_enum, default_value_t = PartitionName::Hour)]
    pub(crate) partition_by: PartitionName,
    /// Column that partitions are made of [default: time]
    #[arg(long, value_name = "COLUMN")]
    pub(crate) time_column: Option<String>,
    /// Zone in which partitions are cut [default: UTC]
    #[arg(short, long, value_name = "ZONE")]
    pub(crate) timezone: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct TableDeleteArguments {
    /// DATABASE.TABLE
    #[arg(value_name = "DB.TABLE")]
    pub(crate) name: String,
    /// Do not ask
    #[arg(short = 'f', long)]
    pub(crate) force: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RejectsCommand {
    /// Show the records on the list of rejects
    Show(RejectsShowArguments),
    /// Load the records again with another configuration; those that become rows go from the list
    Replay(RejectsReplayArguments),
}

#[derive(Debug, Args)]
pub(crate) struct RejectsShowArguments {
    /// DATABASE.TABLE that the records were meant for
    #[arg(value_name = "DB.TABLE")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) filter: RejectFilterArguments,
    /// Records to show
    #[arg(short = 'n', long, value_name = "RECORDS", default_value_t = 100)]
    pub(crate) limit: usize,
    /// How they are printed
    #[arg(short, long, value_enum, default_value_t = FormatName::Table)]
    pub(crate) format: FormatName,
}

#[derive(Debug, Args)]
pub(crate) struct RejectsReplayArguments {
    /// DATABASE.TABLE that the records were meant for
    #[arg(value_name = "DB.TABLE")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) config: ConfigArguments,
    #[command(flatten)]
    pub(crate) filter: RejectFilterArguments,
    /// Column that partitions are made of; wins over `out.time_column`
    #[arg(long, value_name = "COLUMN")]
    pub(crate) time_column: Option<String>,
}

/// Which rejects are meant.
#[derive(Clone, Debug, Args)]
pub(crate) struct RejectFilterArguments {
    /// Only those of this job
    #[arg(long, value_name = "JOB")]
    pub(crate) job: Option<String>,
    /// Only those of this reason, as `reason_code` has it
    #[arg(long, value_name = "CODE", value_parser = parse_reject_code)]
    pub(crate) reason: Option<RejectCode>,
}

#[derive(Debug, Args)]
pub(crate) struct VacuumArguments {
    /// DATABASE.TABLE, with the tables beside it; left out: every table of the warehouse
    #[arg(value_name = "DB.TABLE")]
    pub(crate) name: Option<String>,
    /// Only what nobody has listed for so long. Readers of older versions and jobs to be resumed need what is younger
    #[arg(long, value_name = "AGE", default_value = "7d")]
    pub(crate) older_than: String,
    /// Show what would be removed
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArguments {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

fn parse_reject_code(text: &str) -> Result<RejectCode, String> {
    let names = RejectCode::ALL.map(RejectCode::name);
    RejectCode::from_name(text).ok_or_else(|| format!("the reasons are {}", names.join(", ")))
}

fn parse_column(text: &str) -> Result<(String, ColumnType), String> {
    let (name, kind) = text.rsplit_once(':').ok_or("write NAME:TYPE")?;
    let names: Vec<&str> = ColumnType::ALL.into_iter().map(ColumnType::name).collect();
    match ColumnType::from_name(kind) {
        Some(kind) if !name.is_empty() => Ok((name.to_owned(), kind)),
        Some(_) => Err("write NAME:TYPE".to_owned()),
        None => Err(format!("`{kind}` is no type; the types are {}", names.join(", "))),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormatName {
    Table,
    Json,
    Csv,
}

impl From<FormatName> for RowFormat {
    fn from(name: FormatName) -> RowFormat {
        match name {
            FormatName::Table => RowFormat::Table,
            FormatName::Json => RowFormat::Json,
            FormatName::Csv => RowFormat::Csv,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum ModeName {
    Append,
    Replace,
    ReplaceOnNewData,
}

impl From<ModeName> for OutputMode {
    fn from(name: ModeName) -> OutputMode {
        match name {
            ModeName::Append => OutputMode::Append,
            ModeName::Replace => OutputMode::Replace,
            ModeName::ReplaceOnNewData => OutputMode::ReplaceOnNewData,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PartitionName {
    Hour,
    Day,
    Month,
    Year,
    None,
}

impl From<PartitionName> for PartitionBy {
    fn from(name: PartitionName) -> PartitionBy {
        match name {
            PartitionName::Hour => PartitionBy::Hour,
            PartitionName::Day => PartitionBy::Day,
            PartitionName::Month => PartitionBy::Month,
            PartitionName::Year => PartitionBy::Year,
            PartitionName::None => PartitionBy::None,
        }
    }
}

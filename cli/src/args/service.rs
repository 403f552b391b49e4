//! What can be typed about jobs and schedules.

use super::{ConfigArguments, FormatName};
use bucketload_state::jobs::JobStatus;
use bucketload_state::timing::CatchUp;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// How a list is printed; as the original spells it.
#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    /// How the list is printed
    #[arg(short, long, value_enum, default_value_t = FormatName::Table)]
    pub(crate) format: FormatName,
}

#[derive(Debug, Args)]
pub(crate) struct JobsArguments {
    /// Jobs to list, the newest
    #[arg(short = 'n', long, value_name = "JOBS", default_value_t = 20)]
    pub(crate) limit: u32,
    /// Only jobs of this status
    #[arg(long, value_enum)]
    pub(crate) status: Option<StatusName>,
    #[command(flatten)]
    pub(crate) list: ListArguments,
}

#[derive(Debug, Args)]
pub(crate) struct JobArguments {
    /// The job
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// Show what it logged
    #[arg(long)]
    pub(crate) log: bool,
    /// Wait until it has ended
    #[arg(short, long)]
    pub(crate) wait: bool,
}

#[derive(Debug, Args)]
pub(crate) struct JobIdArguments {
    /// The job
    #[arg(value_name = "ID")]
    pub(crate) id: String,
}

#[derive(Debug, Args)]
pub(crate) struct CreateArguments {
    /// Name of the schedule
    pub(crate) name: String,
    /// Five fields, as in `0 2 * * *`, or @hourly, @daily, @monthly; empty: only `run` starts it
    pub(crate) cron: String,
    /// Database of the table
    #[arg(value_name = "DB")]
    pub(crate) database: String,
    /// Table to load into; it must exist, or the configuration must create it
    pub(crate) table: String,
    #[command(flatten)]
    pub(crate) config: ConfigArguments,
    /// Column that partitions are made of; wins over `out.time_column`
    #[arg(long, value_name = "COLUMN")]
    pub(crate) time_column: Option<String>,
    /// Zone of the cron expression, as in Asia/Tokyo
    #[arg(short, long, value_name = "ZONE", default_value = "UTC")]
    pub(crate) timezone: String,
    /// Seconds from the scheduled time to the start of the run
    #[arg(short = 'D', long, value_name = "SECONDS", default_value_t = 0)]
    pub(crate) delay: u32,
    /// Which runs are made up for that were missed
    #[arg(long, value_enum, default_value_t = CatchUpName::Last)]
    pub(crate) catch_up: CatchUpName,
}

#[derive(Debug, Args)]
pub(crate) struct ScheduleArguments {
    /// Name of the schedule
    pub(crate) name: String,
}

#[derive(Debug, Args)]
pub(crate) struct HistoryArguments {
    /// Name of the schedule
    pub(crate) name: String,
    /// Jobs to list, the newest
    #[arg(short = 'n', long, value_name = "JOBS", default_value_t = 20)]
    pub(crate) limit: u32,
    #[command(flatten)]
    pub(crate) list: ListArguments,
}

#[derive(Debug, Args)]
pub(crate) struct UpdateArguments {
    /// Name of the schedule
    pub(crate) name: String,
    /// New configuration; `--config` is the same
    #[arg(value_name = "LOAD.yml")]
    pub(crate) config_file: Option<PathBuf>,
    /// New name
    #[arg(short = 'n', long, value_name = "NAME")]
    pub(crate) newname: Option<String>,
    /// New database
    #[arg(short, long, value_name = "DB")]
    pub(crate) database: Option<String>,
    /// New table
    #[arg(short, long, value_name = "TABLE")]
    pub(crate) table: Option<String>,
    /// New cron expression; nothing: only `run` starts it from now on
    #[arg(short, long, value_name = "CRON", num_args = 0..=1, default_missing_value = "")]
    pub(crate) schedule: Option<String>,
    /// New zone
    #[arg(short = 'z', long, value_name = "ZONE")]
    pub(crate) timezone: Option<String>,
    /// New delay
    #[arg(short = 'D', long, value_name = "SECONDS")]
    pub(crate) delay: Option<u32>,
    /// New time column
    #[arg(short = 'T', long, value_name = "COLUMN")]
    pub(crate) time_column: Option<String>,
    /// New configuration; what earlier runs left stays
    #[arg(short, long, value_name = "LOAD.yml", conflicts_with = "config_file")]
    pub(crate) config: Option<PathBuf>,
    /// File with what is to stand for what earlier runs left; `{}` begins anew
    #[arg(long, value_name = "FILE")]
    pub(crate) config_diff: Option<PathBuf>,
    /// Which runs are made up for that were missed
    #[arg(long, value_enum)]
    pub(crate) catch_up: Option<CatchUpName>,
}

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// Name of the schedule
    pub(crate) name: String,
    /// The time that the run stands for, as in 2026-11-28T02:00:00 [default: now]
    pub(crate) time: Option<String>,
    /// Understood for the sake of old scripts: a run always comes to its end before the command returns
    #[arg(short, long, hide = true)]
    pub(crate) wait: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    /// Where the API answers; port 0 takes a free one, `none` answers nowhere
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8750")]
    pub(crate) listen: String,
    /// Jobs that servers of this state file run at once
    #[arg(long, value_name = "JOBS", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) max_jobs: u32,
    /// Seconds that running jobs get to end when the server is asked to; then they are stopped, and begun again by the next server
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub(crate) shutdown_wait: u32,
    /// Start what is due, wait until it has ended, and end
    #[arg(long)]
    pub(crate) once: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CatchUpName {
    Last,
    All,
    None,
}

impl From<CatchUpName> for CatchUp {
    fn from(name: CatchUpName) -> CatchUp {
        match name {
            CatchUpName::Last => CatchUp::Last,
            CatchUpName::All => CatchUp::All,
            CatchUpName::None => CatchUp::None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum StatusName {
    Queued,
    Running,
    Success,
    Error,
    Killed,
}

impl From<StatusName> for JobStatus {
    fn from(name: StatusName) -> JobStatus {
        match name {
            StatusName::Queued => JobStatus::Queued,
            StatusName::Running => JobStatus::Running,
            StatusName::Success => JobStatus::Success,
            StatusName::Error => JobStatus::Error,
            StatusName::Killed => JobStatus::Killed,
        }
    }
}

//! Why the state file did not do what it was asked for.

use crate::jobs::JobStatus;
use crate::timing::TimingError;
use rusqlite::ErrorCode;
use std::path::PathBuf;

/// The outcome of what is asked of the state file.
pub type StateResult<T> = Result<T, StateError>;

/// One variant per cause.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The folder or the lock files cannot be made.
    #[error("cannot use `{}`: {source}", path.display())]
    Files {
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// SQLite refused.
    #[error("cannot use the state file `{}`: {source}", path.display())]
    Sqlite {
        /// The state file.
        path: PathBuf,
        /// SQLite's answer.
        source: rusqlite::Error,
    },
    /// It is not any more what its name stands for.
    #[error("the state file `{}` was deleted, or another was put in its place", path.display())]
    Replaced {
        /// The state file.
        path: PathBuf,
    },
    /// A later version of the program has written it.
    #[error("the state file `{}` is of version {found}, this program knows versions up to {known}", path.display())]
    TooNew {
        /// The state file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest that is known here.
        known: u32,
    },
    /// It holds something that no version of the program writes.
    #[error("the state file `{}` holds {what}", path.display())]
    Broken {
        /// The state file.
        path: PathBuf,
        /// What, and where.
        what: String,
    },
    /// A process has this job, or will have it.
    #[error("job `{0}` is queued or running")]
    JobRuns(String),
    /// No more jobs may wait.
    #[error("{0} jobs wait already")]
    QueueFull(u32),
    /// There is no job of this id.
    #[error("there is no job `{0}`")]
    NoJob(String),
    /// There is no schedule of this name.
    #[error("there is no schedule `{0}`")]
    NoSchedule(String),
    /// A schedule of this name is there already.
    #[error("there is a schedule `{0}` already")]
    ScheduleExists(String),
    /// No name for a schedule.
    #[error("`{0}` cannot be the name of a schedule")]
    ScheduleName(String),
    /// Its times make no sense.
    #[error(transparent)]
    Timing(#[from] TimingError),
    /// A job of the schedule is queued or running.
    #[error("schedule `{name}` has a job already, `{job_id}`, which is {}", status.name())]
    ScheduleBusy {
        /// The schedule.
        name: String,
        /// Its job.
        job_id: String,
        /// What it does: it is queued or running.
        status: JobStatus,
    },
}

impl StateError {
    /// Whether the person who asked named something that is not there, or is in the way.
    pub fn is_mistake(&self) -> bool {
        matches!(
            self,
            StateError::NoJob(_)
                | StateError::JobRuns(_)
                | StateError::NoSchedule(_)
                | StateError::ScheduleExists(_)
                | StateError::ScheduleName(_)
                | StateError::Timing(_)
                | StateError::ScheduleBusy { .. }
        )
    }

    /// What to do.
    pub fn hint(&self) -> Option<String> {
        match self {
            StateError::Sqlite { source, .. } => Some(sqlite_hint(source.sqlite_error_code()).to_owned()),
            StateError::Files { .. } => Some(ELSEWHERE.to_owned()),
            StateError::Replaced { .. } => {
                Some("put the file back, or start the server again with the one that is there now".to_owned())
            }
            StateError::TooNew { .. } => Some("use the program that wrote it, or another file (`--state`)".to_owned()),
            StateError::Broken { .. } => {
                Some("put the file aside: that loses history and schedules, and no data".to_owned())
            }
            StateError::JobRuns(job_id) => Some(format!("wait for it, or stop it with `bucketload cancel {job_id}`")),
            StateError::QueueFull(_) => Some(
                "wait until some of them have run, let more run at once (`serve --max-jobs`), or cancel some"
                    .to_owned(),
            ),
            StateError::NoJob(_) => Some("`bucketload jobs` lists them".to_owned()),
            StateError::NoSchedule(_) => Some("`bucketload list` lists them".to_owned()),
            StateError::ScheduleExists(name) => Some(format!(
                "`bucketload update {name}` changes it, `bucketload delete {name}` deletes it"
            )),
            StateError::ScheduleName(_) => Some("give it 1 to 200 characters, no `/` and no line breaks".to_owned()),
            StateError::Timing(error) => Some(error.hint().to_owned()),
            StateError::ScheduleBusy {
                name,
                job_id,
                status: JobStatus::Queued,
            } => Some(format!(
                "it stands for another time: `bucketload run {name}` without a time begins it, `bucketload cancel {job_id}` gives it up"
            )),
            StateError::ScheduleBusy { job_id, .. } => {
                Some(format!("wait for it, or stop it with `bucketload cancel {job_id}`"))
            }
        }
    }
}

/// What to do where nothing more is known.
const ELSEWHERE: &str = "check who may write there, or name another file with `--state`";

fn sqlite_hint(code: Option<ErrorCode>) -> &'static str {
    match code {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another program holds it for longer than ours ever do: end that one, or name another file with `--state`"
        }
        Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure) => {
            "see whether the disk is full or broken, or name another file with `--state`"
        }
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            "put the file aside: that loses history and schedules, and no data; or name another file with `--state`"
        }
        _ => ELSEWHERE,
    }
}

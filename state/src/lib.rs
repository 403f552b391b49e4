//! Keeps what outlives a job: its record and log, and the schedules that start jobs, in one SQLite file.
//!
//! The tables are the truth about what was loaded. Whoever deletes the file loses history and schedules, never data, and nothing here
//! knows of buckets, plans or tables: configurations and reports are JSON that others made.
//!
//! Several processes use the file at once. What they decide is decided inside one transaction each, and whether a process is still
//! there is asked of the operating system, which gives up the locks of those that died (`owner`).
//!
//! Reading order: [`cron`] and [`timing`] (when a schedule runs; pure), `database` (the file and its versions), `owner` (who is alive),
//! [`jobs`] and [`log`] (records and what was logged), [`history`] (lists of them), [`schedules`], [`queue`] (which run is next), [`settle`]
//! (what became of jobs that were left alone).

pub mod cron;
mod database;
mod error;
pub mod history;
pub mod jobs;
pub mod log;
mod owner;
pub mod queue;
pub mod schedules;
pub mod settle;
pub mod timing;

pub use database::State;
pub use error::{StateError, StateResult};

//! Runs jobs that are recorded, starts those of schedules, and answers on HTTP.
//!
//! The engine loads and knows nothing of records; the state file keeps records and knows nothing of loading. This crate is where the
//! two meet.
//!
//! Reading order: [`stored`] (configurations that can be kept), [`log`] (what a job logs), [`record`] (a job of this process and its
//! record), [`service`] (what everything stands on), [`run`] (one job from the queue to its end) with [`settle`] (what came
//! before it) and [`ended`] (what is said of its end), [`scheduler`] (all of them, until the server ends) with [`totals`] and
//! [`traces`], [`http`] (answers), `percent` (encoded text).

pub mod ended;
pub mod http;
pub mod log;
mod percent;
pub mod record;
pub mod run;
pub mod scheduler;
pub mod service;
pub mod settle;
pub mod stored;
pub mod totals;
pub mod traces;

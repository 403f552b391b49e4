//! The product from outside: one binary for all of it, so that the S3 servers start once.
//!
//! [`layering`] reads the engine's sources, [`guessing`] and [`pollock`] call the engine. Everything else runs the program.

mod addressing;
mod api;
mod atomicity;
mod bare;
mod cases;
mod crashes;
mod credentials;
mod documentation;
mod drift;
mod errors;
mod examples;
mod filters;
mod guessing;
mod in_process;
mod interactions;
mod jobs;
mod json;
mod kept;
mod keys;
mod layering;
mod ledger;
mod left;
mod loops;
mod outages;
mod pollock;
mod quick_start;
mod races;
mod readers;
mod rejects;
mod resume;
mod retries;
mod s3;
mod schedules;
mod serve;
mod served_loops;
mod servers;
mod stop;
mod terminal;
mod tune;
mod untimed;
mod vacuum;

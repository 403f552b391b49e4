//! Loads files from object storage into typed, time-partitioned tables.
//!
//! ```text
//! load.yml ─► config ─► source ─► pack ─► scan: fetch ─► decode ─► parse
//!                                                          │
//!                               table ◄─ write ◄─ filter ◄─┘
//! ```
//!
//! A job is one DataFusion plan: a prefix of files is its leaf ([`PrefixTable`]), the configured filters are expressions over it,
//! the partitioned writer is its root, and one commit of the table decides what readers see. [`run_job`] is the story of it.
//!
//! Reading order: [`error`], [`position`], [`pattern`] and `append` know nobody; then as the data flows, [`config`] to [`table`]; [`guess`] beside
//! them; [`job`], which knows every stage, with [`stages`], the clocks of a running plan, and `crash`, places where tests end a process.
//!
//! The prefix can be registered in any session; `engine/examples/query_prefix.rs` does so and runs SQL over raw files.

mod append;
pub mod config;
mod crash;
pub mod decode;
pub mod error;
pub mod filter;
pub mod guess;
pub mod job;
pub mod pack;
pub mod parse;
pub mod pattern;
pub mod position;
pub mod scan;
pub mod source;
pub mod stages;
pub mod table;
pub mod write;

pub use error::{Blame, Error, Result};
pub use job::environment::Environment;
pub use job::run::run_job;
pub use scan::table::PrefixTable;

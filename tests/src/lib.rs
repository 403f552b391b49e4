//! Runs the finished program against real servers, real files and real faults.
//!
//! Tests here know the command line and what lies on disk, nothing of the engine. In reading order: [`folders`], [`wait`],
//! [`process`], [`python`], [`servers`], [`bucket`], `message`, [`proxy`], [`metadata`], [`bucketload`], [`description`], [`api`],
//! [`case`], [`filter_page`] (documentation made of cases).

pub mod api;
pub mod bucket;
pub mod bucketload;
pub mod case;
pub mod description;
pub mod filter_page;
pub mod folders;
mod message;
pub mod metadata;
pub mod process;
pub mod proxy;
pub mod python;
pub mod servers;
pub mod wait;

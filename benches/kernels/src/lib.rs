//! The kernels of the engine, and the records they are measured with, without what stands around them.
//!
//! A kernel is synchronous and knows no store and no DataFusion (see ARCHITECTURE.md). So its sources make a crate of their own, which
//! can be built with optimisation in minutes, where the whole engine takes half an hour. That is what lets every change be checked
//! for lost speed. It also means that a kernel which comes to know somebody it must not know does not compile here.

// The tests beside the sources run in the engine, with what only the engine's tests have.
#![cfg(not(test))]
#![allow(
    dead_code,
    reason = "some of it is for parts of the engine that are not here, or for other benches"
)]

// Sources that are shared with the benches name the engine.
extern crate self as bucketload_engine;

#[path = "../../../engine/src/append.rs"]
mod append;
#[path = "../../../engine/src/decode/mod.rs"]
pub mod decode;
#[path = "../../../engine/src/parse/mod.rs"]
pub mod parse;
#[path = "../../../engine/src/pattern/mod.rs"]
pub mod pattern;
#[path = "../../../engine/src/position.rs"]
pub mod position;

/// Of the files of a job, the pure part.
#[path = "../../../engine/src/source"]
pub mod source {
    pub mod file;
    pub mod select;
}

/// Of the writer, the pure part.
#[path = "../../../engine/src/write"]
pub mod write {
    pub mod column;
    pub mod encoding;
    pub mod partition;
    pub mod rows;
    mod scratch;
}

#[path = "../../src/compress.rs"]
pub mod compress;
#[path = "../../src/reading.rs"]
pub mod reading;
#[path = "../../src/records.rs"]
pub mod records;

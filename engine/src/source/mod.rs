//! Finds the files of a job and fetches their bytes.
//!
//! Reading order: [`mod@file`] (what a file is), [`options`] (where files are and who asks), [`store`] (where files live), [`list`], [`select`], [`cursor`], [`known`],
//! [`fetch`] with [`budget`] and `window`, [`error`]. `select` and `cursor` are pure; the rest waits for stores.

pub mod budget;
pub mod cursor;
pub mod error;
pub mod fetch;
pub mod file;
pub mod known;
pub mod list;
pub mod options;
pub mod select;
pub mod store;
mod window;

//! Sends finished files to the store while the writer goes on with others.

use super::file::Upload;
use super::{StagedFile, WriteError};
use std::collections::HashMap;
use tokio::task::{Id, JoinError, JoinSet};

/// Files on their way to the store at a time. A store answers the end of a file after some ten milliseconds, however small the file
/// is; with thousands of hours these must not add up.
const MAX_UPLOADS: usize = 16;

/// The uploads of one writer. Dropping it ends them.
pub(super) struct Uploads {
    tasks: JoinSet<Result<StagedFile, WriteError>>,
    /// Bytes that each of them holds.
    held_bytes: HashMap<Id, usize>,
    max_held_bytes: usize,
}

impl Uploads {
    /// Uploads that hold so many bytes together; one is always allowed.
    pub(super) fn new(max_held_bytes: usize) -> Uploads {
        Uploads {
            tasks: JoinSet::new(),
            held_bytes: HashMap::new(),
            max_held_bytes,
        }
    }

    /// Starts an upload as soon as there is room for it, and gives the files that are done.
    ///
    /// **Errors**: an upload failed, this or one before it.
    pub(super) async fn start(&mut self, upload: Upload) -> Result<Vec<StagedFile>, WriteError> {
        let mut done = Vec::new();
        while let Some(joined) = self.tasks.try_join_next_with_id() {
            done.push(self.ended(joined)?);
        }
        while self.tasks.len() >= MAX_UPLOADS
            || self.held_bytes.values().sum::<usize>() + upload.held_bytes() > self.max_held_bytes
        {
            match self.tasks.join_next_with_id().await {
                Some(joined) => done.push(self.ended(joined)?),
                None => break,
            }
        }
        let held_bytes = upload.held_bytes();
        let task = self.tasks.spawn(upload.complete());
        self.held_bytes.insert(task.id(), held_bytes);
        // The task waits on this very worker, where it would begin only when the writer has nothing to do.
        tokio::task::yield_now().await;
        Ok(done)
    }

    /// The files of all uploads, once they are done.
    pub(super) async fn wait_for_all(&mut self) -> Result<Vec<StagedFile>, WriteError> {
        let mut done = Vec::new();
        while let Some(joined) = self.tasks.join_next_with_id().await {
            done.push(self.ended(joined)?);
        }
        Ok(done)
    }

    /// The same without those that fail, for a writer that gives up.
    pub(super) async fn wait_for_those_that_succeed(&mut self) -> Vec<StagedFile> {
        let mut done = Vec::new();
        while let Some(joined) = self.tasks.join_next_with_id().await {
            done.extend(self.ended(joined));
        }
        done
    }

    fn ended(
        &mut self,
        joined: Result<(Id, Result<StagedFile, WriteError>), JoinError>,
    ) -> Result<StagedFile, WriteError> {
        match joined {
            Ok((id, result)) => {
                self.held_bytes.remove(&id);
                result
            }
            Err(error) => {
                self.held_bytes.remove(&error.id());
                Err(WriteError::Store {
                    path: "a staged file".to_owned(),
                    source: Box::new(error),
                })
            }
        }
    }
}

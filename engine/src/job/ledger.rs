//! What a job asks of the ledger of its table, and what it adds to it.
//!
//! Files are remembered by the names users know: `s3://bucket/key`, or the absolute path, so that a job that is started from another
//! folder finds its files again.

use crate::config::plan::{InputPlan, Location, MetadataKind};
use crate::error::{Error, Result};
use crate::scan::file_rows::FileRows;
use crate::source::error::SourceError;
use crate::source::file::{FileList, ListedFile};
use crate::source::known::{KnownCursor, KnownFile, KnownFiles, OnChangedFile, ReplacedFile};
use crate::source::store::FileStore;
use crate::table::ledger::{Ledger, LedgerWriter};
use crate::table::runs::LedgerCursor;
use crate::write::StagedFile;
use async_trait::async_trait;
use std::sync::Arc;

/// Names files as the ledger does.
#[derive(Clone, Debug)]
pub(super) struct FileNames {
    store: Arc<dyn FileStore>,
    /// Put before relative paths; `None`: keys are named by the store.
    working_folder: Option<String>,
}

impl FileNames {
    /// **Errors**: no working directory.
    pub(super) fn new(store: Arc<dyn FileStore>, location: &Location) -> Result<FileNames> {
        let working_folder = match location {
            Location::S3(_) => None,
            Location::Local => {
                let folder = std::env::current_dir()
                    .map_err(|error| Error::config("there is no working directory").caused_by(error))?;
                Some(folder.to_string_lossy().trim_end_matches('/').to_owned())
            }
        };
        Ok(FileNames { store, working_folder })
    }

    /// Names as a store gives them.
    pub(super) fn of_store(store: Arc<dyn FileStore>) -> FileNames {
        FileNames {
            store,
            working_folder: None,
        }
    }

    /// The name of a file. Names are in the order of their keys.
    pub(super) fn name(&self, key: &str) -> String {
        let name = self.store.url(key);
        match &self.working_folder {
            Some(folder) if !name.starts_with('/') => format!("{folder}/{}", name.trim_start_matches("./")),
            _ => name,
        }
    }

    /// What a metadata column `_file_path` holds for a file.
    pub(super) fn path(&self, key: &str) -> String {
        self.store.url(key)
    }
}

/// The ledger as a listing asks it.
#[derive(Debug)]
pub(super) struct AskedLedger {
    ledger: Ledger,
    names: FileNames,
    on_changed_file: OnChangedFile,
}

impl AskedLedger {
    pub(super) fn new(ledger: Ledger, names: FileNames, on_changed_file: OnChangedFile) -> AskedLedger {
        AskedLedger {
            ledger,
            names,
            on_changed_file,
        }
    }

    /// The versions that files of a list take the place of.
    pub(super) async fn replaced_by(&self, files: &FileList) -> Result<Vec<ReplacedFile>> {
        let mut replaced = Vec::new();
        if self.on_changed_file != OnChangedFile::Replace {
            return Ok(replaced);
        }
        let mut cursor = self.ledger.cursor();
        for file in files.iter() {
            let known = cursor.find(&self.names.name(&file.key)).await?;
            if let Some(known) = known.filter(|known| !known.is_same_as(&file)) {
                replaced.push(ReplacedFile {
                    key: file.key.to_string(),
                    known,
                });
            }
        }
        Ok(replaced)
    }
}

impl KnownFiles for AskedLedger {
    fn cursor(&self) -> Box<dyn KnownCursor> {
        Box::new(ListingCursor {
            cursor: self.ledger.cursor(),
            names: self.names.clone(),
        })
    }

    fn on_changed_file(&self) -> OnChangedFile {
        self.on_changed_file
    }
}

struct ListingCursor {
    cursor: LedgerCursor,
    names: FileNames,
}

#[async_trait]
impl KnownCursor for ListingCursor {
    async fn look_up(&mut self, files: &[ListedFile]) -> std::result::Result<Vec<Option<KnownFile>>, SourceError> {
        let mut known = Vec::with_capacity(files.len());
        for listed in files {
            let found = self.cursor.find(&self.names.name(&listed.file.key)).await;
            known.push(found.map_err(|error| SourceError::Known(Box::new(error)))?);
        }
        Ok(known)
    }
}

/// Writes the entries of the files `read`, without those that were left out; gives the staged file, if there are any.
pub(super) async fn write_entries(
    mut writer: LedgerWriter,
    names: &FileNames,
    file_rows: &FileRows,
    read: &FileList,
) -> Result<Vec<StagedFile>> {
    let mut read = read.iter().peekable();
    for (file, num_rows) in file_rows.iter() {
        // Both are in key order.
        while read.next_if(|read| read.key < file.key).is_some() {}
        if read.next_if(|read| read.key == file.key).is_none() {
            continue;
        }
        writer.push(&names.name(&file.key), &file, num_rows).await?;
    }
    Ok(writer.finish().await?.into_iter().collect())
}

/// The column of the scan that holds the file of each row, as the configuration names it.
pub(super) fn file_column(input: &InputPlan) -> Option<&str> {
    let mut columns = input.metadata_columns.iter();
    let column = columns.find(|column| column.kind == MetadataKind::FilePath)?;
    Some(column.name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::store::DirectoryStore;

    #[test]
    fn a_local_file_is_named_by_its_absolute_path() {
        let store = Arc::new(DirectoryStore::new(std::env::temp_dir()));
        let names = FileNames {
            store,
            working_folder: Some("/home/me".to_owned()),
        };
        assert_eq!(names.name("data/a.csv"), "/home/me/data/a.csv");
        assert_eq!(names.name("./data/a.csv"), "/home/me/data/a.csv");
        assert_eq!(names.name("/data/a.csv"), "/data/a.csv");
        assert_eq!(names.path("data/a.csv"), "data/a.csv");
    }
}

//! A table as bare Parquet files in folders, for tools that only glob.
//!
//! There is no log, so there is no version. A file `_bucketload.json` says that the folder is a table and how it is laid out;
//! without it, files in a folder may be what a load of a Delta table staged and nobody may see yet. Files are staged under names that start with `_`, which every globbing reader passes
//! over, and are renamed when all of them are there; a replace removes the old files once the new ones are in place, so a glob
//! sees the new data alone. A process that dies while it renames leaves some files visible: that is the price of having no log,
//! and the reason why a Delta table is the default.

use super::warehouse::{TableFolder, storage_error};
use super::{CommittedLoad, OutputMode, StagedLoad};
use crate::error::Result;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use serde_json::json;

/// In front of the name of a staged file.
pub const STAGED_PREFIX: &str = "_staged-";

/// The file that makes a folder a table.
const MARKER: &str = "_bucketload.json";

/// Makes a staged load visible.
///
/// **Errors**: the store refused; a load that failed while renaming may be visible in part.
pub async fn commit(folder: &TableFolder, load: &StagedLoad) -> Result<CommittedLoad> {
    let failed = |error| storage_error(&format!("cannot place files in `{}`", folder.url), error);
    let store = folder.store();
    if load.mode == OutputMode::ReplaceOnNewData && load.files.is_empty() {
        return Ok(CommittedLoad { version: None });
    }
    let old_files: Vec<Path> = match load.mode {
        OutputMode::Append => Vec::new(),
        OutputMode::Replace | OutputMode::ReplaceOnNewData => {
            files(folder).await?.into_iter().map(|file| file.location).collect()
        }
    };
    let marker = json!({
        "type": "parquet",
        "partition_by": load.layout.partition_by.name(),
        "partition_columns": load.layout.partition_columns,
        "time_column": load.layout.time_column,
        "timezone": load.layout.timezone,
    });
    store
        .put(&Path::from(MARKER), marker.to_string().into())
        .await
        .map_err(failed)?;
    for file in &load.files {
        let staged = Path::from(file.path.as_str());
        store.rename(&staged, &visible_path(&file.path)).await.map_err(failed)?;
    }
    for path in old_files {
        store.delete(&path).await.map_err(failed)?;
    }
    Ok(CommittedLoad { version: None })
}

/// Where a staged file will be seen.
fn visible_path(staged: &str) -> Path {
    Path::from(staged.replacen(STAGED_PREFIX, "", 1))
}

/// Whether the folder is a table of bare files.
pub async fn exists(folder: &TableFolder) -> Result<bool> {
    match folder.store().head(&Path::from(MARKER)).await {
        Ok(_) => Ok(true),
        Err(object_store::Error::NotFound { .. }) => Ok(false),
        Err(error) => Err(storage_error(&format!("cannot look into `{}`", folder.place()), error)),
    }
}

/// The Parquet files readers see.
pub async fn files(folder: &TableFolder) -> Result<Vec<ObjectMeta>> {
    let failed = |error| storage_error(&format!("cannot list `{}`", folder.place()), error);
    let files: Vec<_> = folder.store().list(None).try_collect().await.map_err(failed)?;
    Ok(files.into_iter().filter(|file| is_visible(&file.location)).collect())
}

fn is_visible(path: &Path) -> bool {
    path.extension() == Some("parquet") && !path.filename().unwrap_or_default().starts_with('_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_staged_name_loses_its_mark_only() {
        assert_eq!(
            visible_path("date=2026-01-01/_staged-j-0-0.parquet"),
            Path::from("date=2026-01-01/j-0-0.parquet")
        );
    }
}

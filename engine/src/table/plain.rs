//! A table as bare Parquet files in folders, for tools that only glob.
//!
//! There is no log, so there is no version. Files are staged under names that start with `_`, which every globbing reader passes
//! over, and are renamed when all of them are there; a replace removes the old files once the new ones are in place, so a glob
//! sees the new data alone. A process that dies while it renames leaves some files visible: that is the price of having no log,
//! and the reason why a Delta table is the default.

use super::warehouse::{TableFolder, storage_error};
use super::{CommittedLoad, OutputMode, StagedLoad};
use crate::error::Result;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

/// In front of the name of a staged file.
pub const STAGED_PREFIX: &str = "_staged-";

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
        OutputMode::Replace | OutputMode::ReplaceOnNewData => visible_files(store.as_ref()).await.map_err(failed)?,
    };
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

/// Whether anything can be seen in the folder.
pub async fn exists(folder: &TableFolder) -> Result<bool> {
    let files = visible_files(folder.store().as_ref()).await;
    Ok(!files.map_err(|error| storage_error(&format!("cannot list `{}`", folder.url), error))?.is_empty())
}

async fn visible_files(store: &dyn ObjectStore) -> object_store::Result<Vec<Path>> {
    let files: Vec<_> = store.list(None).try_collect().await?;
    let is_visible =
        |path: &Path| path.extension() == Some("parquet") && !path.filename().unwrap_or_default().starts_with('_');
    Ok(files.into_iter().map(|file| file.location).filter(is_visible).collect())
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

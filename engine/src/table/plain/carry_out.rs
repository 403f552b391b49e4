//! Does what a record says: files get their names, replaced ones go, rejects are shown.
//!
//! All of it can be done again, and by several processes at once. In a bucket a file is copied to its name before the staged one goes, so
//! at every moment it is under one of the two.

use super::super::promise::{Companion, keep};
use super::super::warehouse::{TableFolder, Warehouse, storage_error};
use super::log::Log;
use super::record::{PlacedFile, Record};
use crate::crash::crash_point;
use crate::error::{Error, Result};
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use std::collections::HashSet;
use std::sync::Arc;

/// Files that are named or removed at a time.
const MAX_REQUESTS: usize = 16;

/// Carries out commit `number`, after all those before it.
///
/// **Errors**: the store refused. The commit stands all the same, and whoever comes next goes on here.
pub(super) async fn carry_out(warehouse: &Warehouse, folder: &TableFolder, log: &Log, number: u64) -> Result<()> {
    // Who folds a log has carried it out.
    let Some(record) = log.record(number).await? else {
        return Ok(());
    };
    let store = folder.store();
    let placing = record.added.iter().cloned().map(|added| {
        let (folder, store) = (folder.clone(), Arc::clone(&store));
        async move {
            let is_there = place(&folder, &*store, &added).await?;
            Ok::<_, Error>((!is_there).then_some(added))
        }
        .boxed()
    });
    let placed: Vec<Option<PlacedFile>> = stream::iter(placing.collect::<Vec<_>>())
        .buffer_unordered(MAX_REQUESTS)
        .try_collect()
        .await?;
    crash_point("after_names");
    remove(folder, &store, &record.removed).await?;
    crash_point("after_replaced");
    if let Some(rejects) = record.rejects.clone() {
        let job_id = record.job["job_id"].as_str().unwrap_or_default();
        let rejects_folder = warehouse.table(&Companion::Rejects.name(&folder.name));
        keep(&rejects_folder, Companion::Rejects, rejects, job_id).await?;
    }
    crash_point("after_rejects");
    let now = Log::list(folder).await?;
    if !now.is_done(number) {
        for lost in placed.into_iter().flatten() {
            tracing::warn!(
                table = %folder.name,
                file = lost.file.path,
                "a file of commit {number} is gone, somebody else has deleted it"
            );
        }
        log.note_done(number).await?;
    }
    crash_point("after_done");
    match now.latest() > number {
        true => remove_late(folder, &store, &record).await,
        false => Ok(()),
    }
}

/// Gives a staged file its name; `false`: it is under neither of its names.
async fn place(folder: &TableFolder, store: &dyn ObjectStore, added: &PlacedFile) -> Result<bool> {
    let failed = |error| {
        storage_error(
            &format!("cannot place `{}` in `{}`", added.file.path, folder.place()),
            error,
        )
    };
    let staged = Path::from(added.staged.as_str());
    let visible = Path::from(added.file.path.as_str());
    // A copy on a disk is another link to the same file, and nothing takes the place of itself.
    let named = match folder.is_local() {
        true => store.rename(&staged, &visible).await,
        false => store.copy(&staged, &visible).await,
    };
    if let Err(error) = named {
        // Servers have several ways to say that there is no such file.
        return match exists(store, &staged).await.map_err(failed)? {
            true => Err(failed(error)),
            false => exists(store, &visible).await.map_err(failed),
        };
    }
    if !folder.is_local() {
        crash_point("after_copy");
        delete(store, &staged).await.map_err(failed)?;
    }
    crash_point("after_name");
    Ok(true)
}

async fn remove(folder: &TableFolder, store: &Arc<dyn ObjectStore>, paths: &[String]) -> Result<()> {
    let failed = |error| storage_error(&format!("cannot remove replaced files in `{}`", folder.place()), error);
    let removing = paths.iter().map(|path| {
        let (store, path) = (Arc::clone(store), Path::from(path.as_str()));
        async move {
            delete(&*store, &path).await?;
            crash_point("after_replaced_file");
            Ok(())
        }
        .boxed()
    });
    let removing = stream::iter(removing.collect::<Vec<_>>()).buffer_unordered(MAX_REQUESTS);
    removing.try_collect().await.map_err(failed)
}

/// Takes files away again that got their names here when a later commit had removed them: another process had carried out both.
async fn remove_late(folder: &TableFolder, store: &Arc<dyn ObjectStore>, record: &Record) -> Result<()> {
    let (_, state) = Log::read_table(folder).await?;
    let listed: HashSet<&str> = state.files.iter().map(|file| file.path.as_str()).collect();
    let added = record.added.iter().map(|added| &added.file.path);
    let late: Vec<String> = added.filter(|path| !listed.contains(path.as_str())).cloned().collect();
    remove(folder, store, &late).await
}

async fn exists(store: &dyn ObjectStore, path: &Path) -> object_store::Result<bool> {
    match store.head(path).await {
        Ok(_) => Ok(true),
        Err(object_store::Error::NotFound { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

async fn delete(store: &dyn ObjectStore, path: &Path) -> object_store::Result<()> {
    match store.delete(path).await {
        Err(object_store::Error::NotFound { .. }) => Ok(()),
        done => done,
    }
}

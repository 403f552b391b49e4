//! Where tables live: a directory, or a prefix of a bucket.

use super::local::LocalFiles;
use crate::error::{Blame, Error, Result, innermost};
use futures::TryStreamExt;
use object_store::aws::AmazonS3Builder;
use object_store::client::SpawnedReqwestConnector;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ObjectStore, ObjectStoreExt};
use std::fmt;
use std::sync::Arc;
use tokio::runtime::Handle;
use url::Url;

/// `database.table`
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableName {
    /// Folder of the warehouse.
    pub database: String,
    /// Folder of the database.
    pub table: String,
}

impl TableName {
    /// Checks both parts.
    ///
    /// **Errors**: a part that is empty, longer than 128 characters, or holds anything but letters, digits, `_` and `-`.
    pub fn new(database: &str, table: &str) -> Result<TableName> {
        for (what, name) in [("database", database), ("table", table)] {
            let is_allowed = |character: char| character.is_alphanumeric() || character == '_' || character == '-';
            if name.is_empty() || name.chars().count() > 128 || !name.chars().all(is_allowed) {
                return Err(Error::config(format!("`{name}` cannot be the name of a {what}"))
                    .with_hint("use letters, digits, `_` and `-`, at most 128 of them"));
            }
        }
        Ok(TableName {
            database: database.to_owned(),
            table: table.to_owned(),
        })
    }

    /// Reads `DB.TABLE`.
    pub fn parse(text: &str) -> Result<TableName> {
        match text.split_once('.') {
            Some((database, table)) => TableName::new(database, table),
            None => {
                Err(Error::config(format!("`{text}` is not the name of a table")).with_hint("write `DATABASE.TABLE`"))
            }
        }
    }

    /// The table that keeps the rejects of this one.
    pub fn rejects(&self) -> TableName {
        TableName {
            database: self.database.clone(),
            table: format!("{}__rejects", self.table),
        }
    }

    /// The table that keeps which files were loaded into this one.
    pub fn files(&self) -> TableName {
        TableName {
            database: self.database.clone(),
            table: format!("{}__files", self.table),
        }
    }

    /// The table beside which this one is kept, if it is kept beside one.
    pub fn data(&self) -> Option<TableName> {
        let base = ["__rejects", "__files"]
            .into_iter()
            .find_map(|suffix| self.table.strip_suffix(suffix));
        Some(TableName {
            database: self.database.clone(),
            table: base.filter(|base| !base.is_empty())?.to_owned(),
        })
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.database, self.table)
    }
}

/// Signs that get lost where the path of a table goes through a URL: its log would be written in one place and read in another.
const LOST_SIGNS: [char; 4] = ['#', '%', '?', '\\'];

/// A directory or an S3 prefix with a folder for each database, and in it one for each table.
#[derive(Clone, Debug)]
pub struct Warehouse {
    root_url: Url,
    root_store: Arc<dyn ObjectStore>,
    prefix: Path,
}

impl Warehouse {
    /// Opens a warehouse at a directory, or at `s3://bucket/prefix` with the credentials, region and endpoint of the
    /// `AWS_*` variables. Nothing is requested and no directory is made.
    ///
    /// **Errors**: a location of another kind, or variables that do not make sense together.
    pub fn open(location: &str, io_runtime: &Handle) -> Result<Warehouse> {
        let broken = |reason: String| {
            Error::config(format!("`{location}` cannot be a warehouse: {reason}"))
                .with_hint("give a directory or `s3://BUCKET/PREFIX`")
        };
        let check_path = |path: &Path| match path.as_ref().chars().find(|sign| LOST_SIGNS.contains(sign)) {
            Some(sign) => Err(broken(format!(
                "its path holds `{sign}`, which gets lost in the URLs of tables"
            ))),
            None => Ok(()),
        };
        if location.contains("://") && !location.starts_with("file://") {
            let mut url = Url::parse(location).map_err(|error| broken(error.to_string()))?;
            if url.scheme() != "s3" {
                return Err(broken(format!("`{}` is not supported", url.scheme())));
            }
            let bucket = url.host_str().filter(|bucket| !bucket.is_empty());
            let bucket = bucket
                .ok_or_else(|| broken("it names no bucket".to_owned()))?
                .to_owned();
            let store = AmazonS3Builder::from_env()
                .with_bucket_name(bucket)
                .with_allow_http(true)
                .with_http_connector(SpawnedReqwestConnector::new(io_runtime.clone()))
                .build()
                .map_err(|error| broken(error.to_string()))?;
            let prefix = Path::from_url_path(url.path()).map_err(|error| broken(error.to_string()))?;
            check_path(&prefix)?;
            url.set_path(&format!("{}/", prefix.as_ref().trim_end_matches('/')));
            return Ok(Warehouse {
                root_url: url,
                root_store: Arc::new(store),
                prefix,
            });
        }
        let directory = location.strip_prefix("file://").unwrap_or(location);
        let directory = std::path::absolute(directory).map_err(|error| broken(error.to_string()))?;
        let root_url =
            Url::from_directory_path(&directory).map_err(|()| broken("it is not a path of this system".to_owned()))?;
        let prefix = Path::from_absolute_path(&directory).map_err(|error| broken(error.to_string()))?;
        check_path(&prefix)?;
        Ok(Warehouse {
            root_url,
            root_store: Arc::new(LocalFiles::default()),
            prefix,
        })
    }

    /// How users know it, absolute: a path, or `s3://bucket/prefix`.
    pub fn place(&self) -> String {
        place_of(&self.root_url)
    }

    /// The folder of a table.
    pub fn table(&self, name: &TableName) -> TableFolder {
        let path = self
            .prefix
            .clone()
            .join(name.database.as_str())
            .join(name.table.as_str());
        let url = self
            .root_url
            .join(&format!("{}/{}/", name.database, name.table))
            .expect("checked names join any folder's URL");
        TableFolder {
            name: name.clone(),
            url,
            root_store: Arc::clone(&self.root_store),
            path,
        }
    }

    /// The folders where tables may be, by name. What is in them has to be looked at.
    pub async fn folders_of_tables(&self) -> Result<Vec<TableName>> {
        let mut names = Vec::new();
        for database in self.folders(&self.prefix).await? {
            for table in self.folders(&self.prefix.clone().join(database.as_str())).await? {
                names.extend(TableName::new(&database, &table));
            }
        }
        names.sort();
        Ok(names)
    }

    async fn folders(&self, path: &Path) -> Result<Vec<String>> {
        match self.root_store.list_with_delimiter(Some(path)).await {
            Ok(listing) => Ok(listing
                .common_prefixes
                .iter()
                .filter_map(|prefix| prefix.filename().map(str::to_owned))
                .collect()),
            Err(object_store::Error::NotFound { .. }) => Ok(Vec::new()),
            Err(error) => Err(storage_error(
                &format!("cannot list the warehouse `{}`", self.root_url),
                error,
            )),
        }
    }
}

/// The folder of one table, whether or not there is a table in it.
#[derive(Clone, Debug)]
pub struct TableFolder {
    /// The table.
    pub name: TableName,
    /// Its place, with a slash at the end.
    pub url: Url,
    /// The store whose root is that of `url`'s scheme and host.
    pub root_store: Arc<dyn ObjectStore>,
    /// The folder in `root_store`.
    pub path: Path,
}

impl TableFolder {
    /// How users know the folder: a path, or `s3://bucket/prefix`.
    pub fn place(&self) -> String {
        place_of(&self.url)
    }

    /// Whether it is on a disk of this machine, where a file gets another name in one step.
    pub fn is_local(&self) -> bool {
        self.url.scheme() == "file"
    }

    /// The folder as a store of its own.
    pub fn store(&self) -> Arc<dyn ObjectStore> {
        Arc::new(PrefixStore::new(Arc::clone(&self.root_store), self.path.clone()))
    }

    /// Whether anything is in the folder.
    pub async fn has_any_file(&self) -> Result<bool> {
        let first = self.root_store.list(Some(&self.path)).try_next().await;
        match first {
            Ok(found) => Ok(found.is_some()),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(storage_error(&format!("cannot list `{}`", self.url), error)),
        }
    }

    /// Deletes the files that a job staged, by its id in their names.
    pub async fn delete_staged(&self, job_id: &str) -> Result<()> {
        let failed = |error| storage_error(&format!("cannot delete staged files in `{}`", self.url), error);
        let files: Vec<_> = match self.root_store.list(Some(&self.path)).try_collect().await {
            Err(object_store::Error::NotFound { .. }) => return Ok(()),
            listing => listing.map_err(failed)?,
        };
        for file in files {
            if file.location.filename().is_some_and(|name| name.contains(job_id)) {
                self.root_store.delete(&file.location).await.map_err(failed)?;
            }
        }
        Ok(())
    }

    /// Deletes everything in the folder, its logs last, so that a deletion that dies can be repeated.
    ///
    /// **Shape**: the number of files deleted.
    pub async fn delete_all(&self) -> Result<u64> {
        let failed = |error| storage_error(&format!("cannot delete `{}`", self.url), error);
        let files: Vec<_> = self
            .root_store
            .list(Some(&self.path))
            .try_collect()
            .await
            .map_err(failed)?;
        let logs = ["_delta_log", super::plain::LOG_FOLDER].map(|log| self.path.clone().join(log));
        let (log_files, data_files): (Vec<_>, Vec<_>) = files
            .into_iter()
            .map(|file| file.location)
            .partition(|path| logs.iter().any(|log| path.prefix_matches(log)));
        let mut num_deleted = 0;
        for path in data_files.into_iter().chain(log_files) {
            self.root_store.delete(&path).await.map_err(failed)?;
            num_deleted += 1;
        }
        Ok(num_deleted)
    }
}

fn place_of(url: &Url) -> String {
    match url.to_file_path() {
        Ok(path) => path.display().to_string(),
        Err(()) => url.to_string(),
    }
}

/// Wraps an answer of the store.
pub(crate) fn storage_error(message: &str, error: object_store::Error) -> Error {
    let hint = match &error {
        object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => {
            Some("check who may write there".to_owned())
        }
        _ => None,
    };
    let text = innermost(&error);
    let hint = hint.or_else(|| match () {
        () if text.contains("Permission denied") || text.contains("Not a directory") => {
            Some("check who may write there".to_owned())
        }
        () if text.contains("No space left") => Some("free some space; nothing was committed".to_owned()),
        () => None,
    });
    Error::new(Blame::Storage, format!("{message}: {}", innermost(&error)))
        .with_optional_hint(hint)
        .caused_by(error)
}

//! The state file: opened, brought to the newest version, and used by one thread at a time.

use crate::error::{StateError, StateResult};
use crate::owner::Owner;
use jiff::Timestamp;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use serde_json::Value;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// How long a write waits for the writes of other processes, each of which takes milliseconds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// `blod`: tells our files from those of other programs.
const APPLICATION_ID: i32 = 0x626c_6f64;

/// What each version adds to the one before. The number of those applied is the file's `user_version`; a migration that was released is
/// never changed. `compat/` keeps a file of each earlier version.
const MIGRATIONS: [&str; 5] = [
    // 1: jobs
    "CREATE TABLE jobs (
        id TEXT PRIMARY KEY,
        status TEXT NOT NULL CHECK (status IN ('queued', 'running', 'success', 'error', 'killed')),
        warehouse TEXT NOT NULL,
        database TEXT NOT NULL,
        table_name TEXT NOT NULL,
        config TEXT NOT NULL,
        owner TEXT NOT NULL,
        created_ms INTEGER NOT NULL,
        started_ms INTEGER,
        seen_ms INTEGER,
        ended_ms INTEGER,
        is_cancelled INTEGER NOT NULL DEFAULT 0,
        progress TEXT,
        report TEXT,
        error TEXT
    ) STRICT;
    CREATE INDEX jobs_by_status ON jobs (status);
    CREATE TABLE log_lines (
        job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
        number INTEGER NOT NULL,
        time_ms INTEGER NOT NULL,
        level TEXT NOT NULL,
        text TEXT NOT NULL,
        PRIMARY KEY (job_id, number)
    ) STRICT, WITHOUT ROWID;",
    // 2: schedules
    "CREATE TABLE schedules (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL UNIQUE,
        cron TEXT NOT NULL,
        timezone TEXT NOT NULL,
        delay_seconds INTEGER NOT NULL,
        catch_up TEXT NOT NULL,
        warehouse TEXT NOT NULL,
        database TEXT NOT NULL,
        table_name TEXT NOT NULL,
        time_column TEXT,
        config TEXT NOT NULL,
        config_diff TEXT NOT NULL,
        created_ms INTEGER NOT NULL,
        considered_ms INTEGER NOT NULL
    ) STRICT;
    ALTER TABLE jobs ADD COLUMN origin TEXT NOT NULL DEFAULT 'issue';
    ALTER TABLE jobs ADD COLUMN schedule_id INTEGER;
    ALTER TABLE jobs ADD COLUMN schedule_name TEXT;
    ALTER TABLE jobs ADD COLUMN scheduled_ms INTEGER;
    ALTER TABLE jobs ADD COLUMN attempt INTEGER NOT NULL DEFAULT 1;
    ALTER TABLE jobs ADD COLUMN queued_ms INTEGER;
    ALTER TABLE jobs ADD COLUMN not_before_ms INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE jobs ADD COLUMN is_settled INTEGER NOT NULL DEFAULT 1;
    CREATE INDEX jobs_by_schedule ON jobs (schedule_id, status);",
    // 3: other names of jobs
    "CREATE TABLE job_names (
        name TEXT PRIMARY KEY,
        job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE
    ) STRICT, WITHOUT ROWID;",
    // 4: lists of many jobs
    "DROP INDEX jobs_by_status;
    DROP INDEX jobs_by_schedule;
    CREATE INDEX jobs_by_age ON jobs (created_ms, id);
    CREATE INDEX jobs_by_status ON jobs (status, created_ms, id);
    CREATE INDEX jobs_by_schedule ON jobs (schedule_id, created_ms, id);
    CREATE INDEX jobs_by_schedule_and_status ON jobs (schedule_id, status, created_ms, id);
    CREATE INDEX jobs_by_end ON jobs (ended_ms);
    CREATE INDEX jobs_unsettled ON jobs (created_ms, id) WHERE NOT is_settled;
    CREATE INDEX job_names_by_job ON job_names (job_id);",
    // 5: which run has said last where to go on from
    "ALTER TABLE schedules ADD COLUMN num_begun INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE schedules ADD COLUMN told_by INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE jobs ADD COLUMN run_number INTEGER NOT NULL DEFAULT 0;",
];

/// An open state file. Every method is one transaction; all of them block, for milliseconds as a rule and for ten seconds at most.
#[derive(Debug)]
pub struct State {
    path: PathBuf,
    connection: Mutex<Connection>,
    owner: OnceLock<Owner>,
    /// The file that was opened, whatever is found under its name later.
    file_id: Option<FileId>,
}

impl State {
    /// Opens a file, which is made if there is none, with its folder, and brings it to the newest version.
    ///
    /// **Errors**: it cannot be written; it is no file of ours; a later version of the program has written it.
    pub fn open(path: &Path) -> StateResult<State> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|source| StateError::Files {
                path: folder.to_owned(),
                source,
            })?;
        }
        let failed = |source| StateError::Sqlite {
            path: path.to_owned(),
            source,
        };
        let mut connection = Connection::open(path).map_err(failed)?;
        connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
        migrate(&mut connection, path)?;
        // What a crash of the machine may take back is found out from the tables again.
        connection
            .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;")
            .map_err(failed)?;
        Ok(State {
            path: path.to_owned(),
            connection: Mutex::new(connection),
            owner: OnceLock::new(),
            file_id: FileId::of(path),
        })
    }

    /// Makes sure that the file is still the one that others open under its name. One that was deleted can be read and written for as
    /// long as a process has it, but nobody else sees it, and two servers would run the same schedules.
    ///
    /// **Errors**: it is not.
    pub fn check_in_place(&self) -> StateResult<()> {
        match FileId::of(&self.path) == self.file_id {
            true => Ok(()),
            false => Err(StateError::Replaced {
                path: self.path.clone(),
            }),
        }
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder of the locks that say which processes are alive.
    pub(crate) fn locks(&self) -> PathBuf {
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(".locks");
        self.path.with_file_name(name)
    }

    /// The name that the jobs of this process carry; its lock is taken with the first of them.
    pub(crate) fn owner_id(&self) -> StateResult<&str> {
        if self.owner.get().is_none() {
            // Should another thread be faster, this lock is given up again at once.
            let _ = self.owner.set(Owner::new(&self.locks())?);
        }
        Ok(self.owner.get().expect("it was just set").id())
    }

    /// Runs one transaction. It takes the right to write at its begin, so that what it read still holds when it writes.
    pub(crate) fn transaction<T>(
        &self,
        body: impl FnOnce(&Transaction<'_>) -> Result<T, TransactionError>,
    ) -> StateResult<T> {
        let mut connection = self.lock();
        let failed = |source| self.sqlite(source);
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(failed)?;
        let value = body(&transaction).map_err(|error| match error {
            TransactionError::Sqlite(source) => self.sqlite(source),
            TransactionError::State(error) => error,
        })?;
        transaction.commit().map_err(failed)?;
        Ok(value)
    }

    /// Reads.
    pub(crate) fn read<T>(&self, body: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> StateResult<T> {
        body(&self.lock()).map_err(|source| self.sqlite(source))
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A transaction that panicked was rolled back when it was dropped.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sqlite(&self, source: rusqlite::Error) -> StateError {
        match source {
            rusqlite::Error::FromSqlConversionFailure(_, _, reason) => StateError::Broken {
                path: self.path.clone(),
                what: reason.to_string(),
            },
            source => StateError::Sqlite {
                path: self.path.clone(),
                source,
            },
        }
    }
}

/// Tells a file from all others of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileId {
    device: u64,
    number: u64,
}

impl FileId {
    /// The file of a name; `None`: there is none.
    fn of(path: &Path) -> Option<FileId> {
        let metadata = std::fs::metadata(path).ok()?;
        Some(FileId {
            device: metadata.dev(),
            number: metadata.ino(),
        })
    }
}

/// Why a transaction was given up.
#[derive(Debug)]
pub(crate) enum TransactionError {
    Sqlite(rusqlite::Error),
    State(StateError),
}

impl From<rusqlite::Error> for TransactionError {
    fn from(error: rusqlite::Error) -> TransactionError {
        TransactionError::Sqlite(error)
    }
}

impl From<StateError> for TransactionError {
    fn from(error: StateError) -> TransactionError {
        TransactionError::State(error)
    }
}

fn migrate(connection: &mut Connection, path: &Path) -> StateResult<()> {
    let failed = |source| StateError::Sqlite {
        path: path.to_owned(),
        source,
    };
    let known = u32::try_from(MIGRATIONS.len()).expect("there are few versions");
    let version = |connection: &Connection| connection.query_row("PRAGMA user_version", [], |row| row.get::<_, u32>(0));
    if version(connection).map_err(failed)? == known {
        return Ok(());
    }
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(failed)?;
    // Another process may have been faster.
    let found = version(&transaction).map_err(failed)?;
    if found > known {
        return Err(StateError::TooNew {
            path: path.to_owned(),
            found,
            known,
        });
    }
    let (application, num_tables): (i32, u32) = transaction
        .query_row(
            "SELECT (SELECT application_id FROM pragma_application_id), (SELECT count(*) FROM sqlite_schema)",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .map_err(failed)?;
    if num_tables > 0 && application != APPLICATION_ID {
        return Err(StateError::Broken {
            path: path.to_owned(),
            what: "the tables of another program".to_owned(),
        });
    }
    for migration in &MIGRATIONS[found as usize..] {
        transaction.execute_batch(migration).map_err(failed)?;
    }
    transaction
        .execute_batch(&format!(
            "PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {known};"
        ))
        .map_err(failed)?;
    transaction.commit().map_err(failed)
}

/// How an instant is stored.
pub(crate) fn millis(instant: Timestamp) -> i64 {
    instant.as_millisecond()
}

/// An instant as it is stored.
pub(crate) fn instant(millis: i64) -> rusqlite::Result<Timestamp> {
    Timestamp::from_millisecond(millis).map_err(|error| broken(format!("a time that is none ({millis}: {error})")))
}

/// A JSON text as it is stored.
pub(crate) fn json(text: &str) -> rusqlite::Result<Value> {
    serde_json::from_str(text).map_err(|error| broken(format!("a text that is no JSON ({error})")))
}

/// What is stored there is none of our values.
pub(crate) fn broken(what: String) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, what.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::{JobStatus, NewJob, Origin};
    use crate::settle::Settled;
    use rusqlite::OptionalExtension;
    use serde_json::json;

    #[test]
    fn a_file_is_made_with_its_folder_and_opened_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/er/state.db");
        let state = State::open(&path).unwrap();
        let mode: String = state
            .read(|connection| connection.query_row("PRAGMA journal_mode", [], |row| row.get(0)))
            .unwrap();
        assert_eq!(mode, "wal");
        drop(state);
        State::open(&path).unwrap();
    }

    #[test]
    fn a_file_that_was_deleted_or_put_in_the_place_of_another_is_not_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.db");
        let state = State::open(&path).unwrap();
        state.check_in_place().unwrap();
        std::fs::rename(&path, folder.path().join("aside")).unwrap();
        assert!(matches!(state.check_in_place(), Err(StateError::Replaced { .. })));
        drop(State::open(&path).unwrap());
        assert!(matches!(state.check_in_place(), Err(StateError::Replaced { .. })));
    }

    #[test]
    fn a_file_of_a_later_program_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.db");
        drop(State::open(&path).unwrap());
        Connection::open(&path)
            .unwrap()
            .execute_batch("PRAGMA user_version = 99")
            .unwrap();
        let error = State::open(&path).unwrap_err();
        assert!(matches!(error, StateError::TooNew { found: 99, .. }), "{error}");
    }

    #[test]
    fn files_of_others_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("theirs.db");
        Connection::open(&path)
            .unwrap()
            .execute_batch("CREATE TABLE t (a)")
            .unwrap();
        let error = State::open(&path).unwrap_err();
        assert!(matches!(error, StateError::Broken { .. }), "{error}");
        let path = folder.path().join("text");
        std::fs::write(&path, "in: {type: s3}\n".repeat(1000)).unwrap();
        let error = State::open(&path).unwrap_err();
        assert!(matches!(error, StateError::Sqlite { .. }), "{error}");
    }

    /// What a write says in a connection that was restricted by a pragma.
    #[track_caller]
    fn check_refused(pragma: &str, said: &str, hint: &str) {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(&folder.path().join("state.db")).unwrap();
        let job = NewJob {
            id: "a".to_owned(),
            origin: Origin::Issue,
            warehouse: "/w".to_owned(),
            database: "d".to_owned(),
            table: "t".to_owned(),
            config: Value::Null,
        };
        state.enqueue_job(&job, Timestamp::UNIX_EPOCH).unwrap();
        state.lock().query_row(pragma, [], |_| Ok(())).optional().unwrap();
        let config = Value::String("x".repeat(1 << 20));
        let error = state.note_config("a", &config).unwrap_err();
        assert!(!error.is_mistake() && error.to_string().contains(said), "{error}");
        assert!(error.to_string().contains("state.db"), "{error}");
        assert!(error.hint().unwrap_or_default().contains(hint), "{error}");
    }

    #[test]
    fn a_file_that_may_not_be_written_says_what_to_do() {
        check_refused("PRAGMA query_only = ON", "readonly", "check who may write there");
    }

    #[test]
    fn a_file_that_has_no_room_to_grow_says_what_to_do() {
        // No page more than there are.
        check_refused(
            "PRAGMA max_page_count = 1",
            "disk is full",
            "see whether the disk is full",
        );
    }

    /// A copy of the file that is kept of a version, opened.
    fn kept(version: u32) -> (tempfile::TempDir, State) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.db");
        let compat = Path::new(env!("CARGO_MANIFEST_DIR")).join("compat");
        std::fs::copy(compat.join(format!("version-{version}.db")), &path).unwrap();
        let state = State::open(&path).unwrap();
        (folder, state)
    }

    #[test]
    fn a_file_of_version_1_keeps_its_jobs() {
        let (_folder, state) = kept(1);
        let done = state.job("0190-success").unwrap();
        assert_eq!(
            (done.status, done.num_records(), done.attempt),
            (JobStatus::Success, 6644, 1)
        );
        assert_eq!((done.job.origin, done.run), (Origin::Issue, None));
        assert_eq!(done.job.config["in"]["bucket"], "logs");
        assert_eq!(state.log("0190-success", 0).unwrap()[0].text, "found total [26] files");
        // What a process of that time left behind is found out too.
        let buried = state.bury_dead(Timestamp::now()).unwrap();
        assert_eq!(buried[0].job.id, "0191-running");
        assert_eq!(state.schedules().unwrap(), []);
    }

    #[test]
    fn a_file_of_version_2_keeps_its_schedules() {
        let (_folder, state) = kept(2);
        let schedule = state.schedule("nightly").unwrap();
        assert_eq!(schedule.definition.cron, "0 2 * * *");
        let unsettled = state.unsettled(schedule.id).unwrap();
        assert_eq!(unsettled[0].job.id, "0192-killed");
        assert_eq!(state.job("0193-success").unwrap().num_records(), 3);
        assert_eq!(state.log("0193-success", 0).unwrap()[0].text, "job done");
    }

    #[test]
    fn a_file_of_version_3_keeps_the_names_of_jobs() {
        let (_folder, state) = kept(3);
        assert_eq!(state.job("0194-attempt").unwrap().job.id, "0193-success");
        assert_eq!(state.schedule("nightly").unwrap().id, 1);
        assert_eq!(state.unasked().unwrap()[0].job.id, "0192-killed");
    }

    #[test]
    fn a_file_of_version_4_knows_where_to_go_on_from() {
        let (_folder, state) = kept(4);
        let last_path = || state.schedule("nightly").unwrap().config_diff["in"]["last_path"].clone();
        assert_eq!(last_path(), "logs/b");
        // What a job of that time turns out to have committed still counts, as long as no later run has said more.
        let settled = Settled::Part(json!({"in": {"last_path": "logs/c"}}));
        state.settle_job("0192-killed", &settled, Timestamp::now()).unwrap();
        assert_eq!(last_path(), "logs/c");
    }

    #[test]
    fn a_migration_that_fails_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.db");
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch(MIGRATIONS[0]).unwrap();
        connection
            .execute_batch(&format!(
                "PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 1; ALTER TABLE jobs ADD COLUMN attempt TEXT;"
            ))
            .unwrap();
        assert!(State::open(&path).is_err());
        let version: u32 = connection
            .query_row("PRAGMA user_version", [], |row| row.get(0))
            .unwrap();
        assert_eq!(version, 1);
        let num_tables: u32 = connection
            .query_row(
                "SELECT count(*) FROM sqlite_schema WHERE name = 'schedules'",
                [],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(num_tables, 0);
    }
}

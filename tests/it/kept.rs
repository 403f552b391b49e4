//! What the tests of exactly-once loading share: small files with numbered rows, and another engine that counts them.

use bucketload_tests::bucketload::{Bucketload, Workplace};
use bucketload_tests::python;
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::time::SystemTime;

/// Rows of each file.
pub(crate) const ROWS: usize = 10;

/// A place with input files, from which tables are loaded.
pub(crate) struct Store {
    pub(crate) workplace: Workplace,
    job: String,
}

impl Store {
    /// Without a file. `options` are more lines of the `in` section, indented by two.
    pub(crate) fn new(options: &str) -> Store {
        Store::with_type(options, "delta")
    }

    /// The same for tables of a type.
    pub(crate) fn with_type(options: &str, table_type: &str) -> Store {
        let workplace = Workplace::new();
        fs::create_dir_all(workplace.path("in")).unwrap();
        let prefix = workplace.path("in/");
        let job = format!(
            "in:\n  type: file\n  path_prefix: {}\n  metadata_columns: [_file_path]\n{options}  parser:\n    type: csv\n    columns:\n    \
             - {{name: id, type: string}}\n    - {{name: version, type: long}}\nout: {{type: {table_type}, partition_by: none, auto_create_table: true}}\n",
            prefix.display()
        );
        let job = workplace.write("load.yml", job);
        Store { workplace, job }
    }

    /// The same job for records whose version is no number, which it takes for 9.
    pub(crate) fn mended(&self) -> String {
        let job = fs::read_to_string(&self.job).unwrap();
        let job = job.replace("name: version, type: long", "name: version, type: string");
        let filter = "filters:\n- {type: sql, select: \"id, coalesce(try_cast(version AS BIGINT), 9) AS version, _file_path\"}\n";
        self.workplace.write("mended.yml", format!("{job}{filter}"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.workplace.path("in").join(format!("{name}.csv"))
    }

    /// The job's configuration.
    pub(crate) fn job(&self) -> &str {
        &self.job
    }

    /// Writes a file of which every third row has no number for its version.
    pub(crate) fn put_spoilt(&self, name: &str) {
        let version = |row| if row % 3 == 0 { "none" } else { "1" };
        self.put_rows(
            name,
            (0..ROWS)
                .map(|row| format!("{name}/{row},{}\n", version(row)))
                .collect(),
        );
    }

    /// Writes a file, whole at once, with rows `name/0` to `name/9`. A rewritten one has another version in its rows.
    pub(crate) fn put(&self, name: &str, version: usize) {
        self.put_rows(name, (0..ROWS).map(|row| format!("{name}/{row},{version}\n")).collect());
    }

    /// The same with a time of its own.
    pub(crate) fn put_at(&self, name: &str, modified: SystemTime) {
        let rows = (0..ROWS).map(|row| format!("{name}/{row},0\n")).collect();
        self.put_rows_at(name, rows, Some(modified));
    }

    fn put_rows(&self, name: &str, rows: String) {
        self.put_rows_at(name, rows, None);
    }

    fn put_rows_at(&self, name: &str, rows: String, modified: Option<SystemTime>) {
        let unfinished = self.workplace.path(&format!("unfinished-{name}"));
        fs::write(&unfinished, rows).unwrap();
        if let Some(modified) = modified {
            let file = fs::File::options().write(true).open(&unfinished).unwrap();
            file.set_modified(modified).unwrap();
        }
        fs::rename(unfinished, self.path(name)).unwrap();
    }

    /// Takes a file away.
    pub(crate) fn delete(&self, name: &str) {
        fs::remove_file(self.path(name)).unwrap();
    }

    /// A load into `d.TABLE`, not yet run.
    pub(crate) fn issuing(&self, table: &str, more: &[&str]) -> Bucketload {
        self.workplace
            .bucketload(["issue", &self.job, "--database", "d", "--table", table, "--json"])
            .args(more)
    }

    /// Loads into `d.t` and gives the report.
    #[track_caller]
    pub(crate) fn issue(&self, more: &[&str]) -> Value {
        self.issuing("t", more).run().succeeded().json()
    }

    /// The jobs that have left notes beside a table.
    pub(crate) fn open_jobs(&self, table: &str) -> Vec<String> {
        let prefix = format!("d/{table}/_bucketload/");
        let files = self.workplace.stored_files().into_iter();
        let mut jobs: Vec<String> = files
            .filter_map(|file| Some(file.strip_prefix(&prefix)?.split('.').next()?.to_owned()))
            .collect();
        jobs.dedup();
        jobs
    }

    /// Rows of tables and different ids among them, as another engine counts them.
    pub(crate) fn count(&self, reader: &str, tables: &[String]) -> Vec<(u64, u64)> {
        let folders: Vec<String> = tables
            .iter()
            .map(|table| self.workplace.warehouse().join("d").join(table).display().to_string())
            .collect();
        count_in(reader, &folders)
    }
}

/// Rows of the tables in some folders and different ids among them.
pub(crate) fn count_in(reader: &str, folders: &[String]) -> Vec<(u64, u64)> {
    let arguments = [reader.to_owned()].into_iter().chain(folders.iter().cloned());
    let printed: Value = serde_json::from_str(&python::run(include_str!("count_ids.py"), arguments)).unwrap();
    let number = |folder: &String, what: &str| printed[folder][what].as_u64().unwrap();
    folders
        .iter()
        .map(|folder| (number(folder, "rows"), number(folder, "ids")))
        .collect()
}

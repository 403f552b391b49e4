use super::*;
use crate::table::TableLayout;
use crate::table::warehouse::TableName;
use crate::write::StagedFile;
use crate::write::partition::PartitionBy;
use arrow::datatypes::Schema;
use serde_json::json;
use std::sync::Arc;

#[test]
fn a_staged_name_is_no_name_of_a_parquet_file() {
    let staged = "date=2026-01-01/_staged-j-0-0.snappy.staged";
    assert_eq!(visible_path(staged), "date=2026-01-01/j-0-0.snappy.parquet");
}

/// A warehouse with the table `d.t`, whose files are empty.
struct Place {
    warehouse: Warehouse,
    folder: TableFolder,
    _place: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        let place = tempfile::tempdir().unwrap();
        let warehouse =
            Warehouse::open(&place.path().display().to_string(), &tokio::runtime::Handle::current()).unwrap();
        Place {
            folder: warehouse.table(&TableName::new("d", "t").unwrap()),
            warehouse,
            _place: place,
        }
    }

    async fn staged(&self, job_id: &str, mode: OutputMode) -> StagedLoad {
        let path = format!("{STAGED_PREFIX}{job_id}-0.{STAGED_EXTENSION}");
        let put = self.folder.store().put(&Path::from(path.as_str()), "".into()).await;
        put.unwrap();
        let layout = TableLayout {
            schema: Arc::new(Schema::empty()),
            partition_by: PartitionBy::None,
            partition_columns: Vec::new(),
            timezone: "UTC".to_owned(),
            time_column: None,
        };
        StagedLoad {
            files: vec![StagedFile {
                path,
                partition_values: Vec::new(),
                num_rows: 1,
                size_bytes: 0,
                statistics: "{}".to_owned(),
            }],
            ..StagedLoad::new(job_id, mode, layout)
        }
    }

    async fn commit(&self, job_id: &str, mode: OutputMode) {
        let load = self.staged(job_id, mode).await;
        commit(&self.warehouse, &self.folder, &load).await.unwrap();
    }

    /// Paths of the files that the log lists, and of those that a glob finds.
    async fn files(&self) -> (Vec<String>, Vec<String>) {
        let paths = |files: Vec<VisibleFile>| {
            let mut paths: Vec<String> = files.into_iter().map(|file| file.path).collect();
            paths.sort();
            paths
        };
        let listed = read(&self.folder).await.unwrap().unwrap().files;
        (paths(listed), paths(adopted(&self.folder).await.unwrap()))
    }

    async fn num_log_files(&self) -> usize {
        let files: Vec<ObjectMeta> = self
            .folder
            .store()
            .list(Some(&Path::from(LOG_FOLDER)))
            .try_collect()
            .await
            .unwrap();
        // Scripts that glob for anything, and pass over names with an underscore, must not meet them.
        let is_passed_over = |file: &ObjectMeta| file.location.filename().unwrap().starts_with('_');
        assert!(files.iter().all(is_passed_over), "{files:?}");
        files.len()
    }
}

#[tokio::test]
async fn a_log_is_bounded_and_forgets_neither_files_nor_jobs() {
    let place = Place::new();
    for number in 0..330 {
        place.commit(&format!("job{number:03}"), OutputMode::Append).await;
    }
    // Two checkpoints, and the records with their notes since the first of these.
    assert!(place.num_log_files().await <= 2 + 2 * 200);
    let (listed, seen) = place.files().await;
    assert_eq!((listed.len(), &listed), (330, &seen));
    let state = read(&place.folder).await.unwrap().unwrap();
    let jobs: Vec<&str> = state.bookkeeping().filter_map(|job| job["job_id"].as_str()).collect();
    assert_eq!((jobs.len(), jobs[0], jobs[329]), (330, "job329", "job000"));
    place.commit("last", OutputMode::Replace).await;
    assert_eq!(
        place.files().await,
        (vec!["last-0.parquet".to_owned()], vec!["last-0.parquet".to_owned()])
    );
}

#[tokio::test]
async fn a_record_under_a_number_that_has_gone_is_none() {
    let place = Place::new();
    let asleep = Log::list(&place.folder).await.unwrap();
    for number in 0..250 {
        place.commit(&format!("job{number:03}"), OutputMode::Append).await;
    }
    let load = place.staged("late", OutputMode::Append).await;
    let record = Record::new(1, &load, &[], Vec::new());
    assert!(
        matches!(asleep.create(1, &record).await, Ok(Created::Yes)),
        "nobody has the number"
    );
    let log = Log::list(&place.folder).await.unwrap();
    assert!(!log.holds(1, |job| is_of(job, &load)).await.unwrap());
    assert_eq!((log.latest(), place.files().await.0.len()), (250, 250));
    // A record that was folded before its process looked is one.
    let folded = place.staged("job100", OutputMode::Append).await;
    assert!(log.holds(101, |job| is_of(job, &folded)).await.unwrap());
}

#[tokio::test]
async fn what_a_later_replace_removed_does_not_come_back() {
    let place = Place::new();
    place.commit("first", OutputMode::Append).await;
    let asleep = Log::list(&place.folder).await.unwrap();
    place.commit("second", OutputMode::Replace).await;
    // A copy that was under way while another process carried out both commits.
    let store = place.folder.store();
    store.put(&Path::from("first-0.parquet"), "".into()).await.unwrap();
    carry_out(&place.warehouse, &place.folder, &asleep, 1).await.unwrap();
    let only = vec!["second-0.parquet".to_owned()];
    assert_eq!(place.files().await, (only.clone(), only));
}

#[tokio::test]
async fn a_missing_record_is_told() {
    let place = Place::new();
    for job in ["a", "b", "c"] {
        place.commit(job, OutputMode::Append).await;
    }
    let record = format!("{LOG_FOLDER}/_{:020}.json", 2);
    place.folder.store().delete(&Path::from(record.as_str())).await.unwrap();
    let error = read(&place.folder).await.unwrap_err();
    assert_eq!(error.to_string(), "a record is missing in the log of table `d.t`");
    assert!(
        error
            .place()
            .is_some_and(|place| place.ends_with(&format!("/d/t/{record}")))
    );
}

#[tokio::test]
async fn a_record_of_another_version_is_not_guessed_at() {
    let place = Place::new();
    place.commit("a", OutputMode::Append).await;
    let record = json!({
        "format": 9, "mode": "append", "job": {}, "added": [],
        "layout": {"partition_by": "none", "partition_columns": [], "time_column": null, "timezone": "UTC"},
    });
    let path = format!("{LOG_FOLDER}/_{:020}.json", 2);
    let put = place
        .folder
        .store()
        .put(&Path::from(path.as_str()), record.to_string().into())
        .await;
    put.unwrap();
    let error = read(&place.folder).await.unwrap_err();
    assert!(
        error.to_string().ends_with("has format 9, and this program knows 1"),
        "{error}"
    );
}

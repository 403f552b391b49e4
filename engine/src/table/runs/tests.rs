use super::super::ledger::{LedgerJob, LedgerWriter};
use super::super::warehouse::{TableName, Warehouse};
use super::*;
use crate::source::file::SourceFile;
use tokio::runtime::Runtime;

/// More than two row groups.
const NUM_ENTRIES: usize = 40_000;

struct Place {
    _directory: tempfile::TempDir,
    runtime: Runtime,
    folder: TableFolder,
}

impl Place {
    fn new() -> Place {
        let directory = tempfile::tempdir().unwrap();
        let runtime = Runtime::new().unwrap();
        let warehouse = Warehouse::open(directory.path().to_str().unwrap(), runtime.handle()).unwrap();
        let folder = warehouse.table(&TableName::new("d", "t__files").unwrap());
        Place {
            _directory: directory,
            runtime,
            folder,
        }
    }

    /// A run of entries with these numbers, loaded as the `sequence`th.
    fn run(&self, sequence: i64, numbers: impl IntoIterator<Item = usize>) -> Run {
        let job = LedgerJob {
            job_id: "job".to_owned(),
            loaded_at_micros: 0,
            sequence,
            file_column: None,
        };
        self.runtime.block_on(async {
            let mut writer = LedgerWriter::new(&self.folder, format!("run{sequence}-files.parquet"), job).unwrap();
            for number in numbers {
                let file = SourceFile {
                    key: name(number).into(),
                    size_bytes: number as u64,
                    modified_micros: sequence,
                    etag: None,
                };
                writer.push(&name(number), &file, 1).await.unwrap();
            }
            let staged = writer.finish().await.unwrap().unwrap();
            Run::open(&self.folder, &staged.path).await.unwrap()
        })
    }

    /// The load that each of the numbers was found to be of.
    fn found(&self, runs: &[Run], numbers: impl IntoIterator<Item = usize>) -> Vec<Option<i64>> {
        let mut cursor = LedgerCursor::new(Arc::new(runs.to_vec()));
        self.runtime.block_on(async {
            let mut found = Vec::new();
            for number in numbers {
                let known = cursor.find(&name(number)).await.unwrap();
                if let Some(known) = &known {
                    assert_eq!(known.size_bytes, number as u64);
                }
                found.push(known.map(|known| known.modified_micros));
            }
            found
        })
    }
}

fn name(number: usize) -> String {
    format!("s3://bucket/part-{number:06}")
}

#[test]
fn entries_are_found_in_order_and_the_latest_counts() {
    let place = Place::new();
    let runs = [
        place.run(1, (0..NUM_ENTRIES).map(|number| 2 * number)),
        place.run(2, [4, 5, 60_000]),
        place.run(3, [5, 79_999]),
    ];
    let found = place.found(&runs, 0..2 * NUM_ENTRIES + 5);
    let expected = |number: usize| match number {
        5 | 79_999 => Some(3),
        4 | 60_000 => Some(2),
        _ if number.is_multiple_of(2) && number < 2 * NUM_ENTRIES => Some(1),
        _ => None,
    };
    assert_eq!(found, (0..found.len()).map(expected).collect::<Vec<_>>());
}

#[test]
fn entries_are_found_out_of_order_too() {
    let place = Place::new();
    let runs = [place.run(1, 0..NUM_ENTRIES), place.run(2, [7])];
    let numbers = [30_000, 7, 7, 39_999, 0, 16_384, 16_383, 50_000, 7];
    let found = place.found(&runs, numbers);
    assert_eq!(
        found,
        [1, 2, 2, 1, 1, 1, 1, 0, 2].map(|load| Some(load).filter(|load| *load > 0))
    );
    assert_eq!(place.found(&[], [1]), [None]);
}

#[test]
fn merged_runs_keep_every_entry_in_order() {
    let place = Place::new();
    let runs = [
        place.run(1, (0..5_000).map(|number| 3 * number)),
        place.run(2, 4_000..9_000),
        place.run(3, [0, 14_997]),
    ];
    let merged = place
        .runtime
        .block_on(merge(&place.folder, &runs, "merged.parquet"))
        .unwrap();
    assert_eq!(merged.num_rows, 10_002);
    let names = place.runtime.block_on(async {
        let mut entries = Run::open(&place.folder, "merged.parquet")
            .await
            .unwrap()
            .entries()
            .unwrap();
        let mut names = Vec::new();
        while let Some(entry) = entries.next().await.unwrap() {
            names.push(entry.key);
        }
        names
    });
    assert_eq!(names.len(), 10_002);
    assert!(names.is_sorted());
    let merged = place
        .runtime
        .block_on(Run::open(&place.folder, "merged.parquet"))
        .unwrap();
    let all = 0..15_000;
    assert_eq!(place.found(&[merged], all.clone()), place.found(&runs, all));
}

#[test]
fn a_name_that_two_runs_have_is_told() {
    let place = Place::new();
    let (one, other, third) = (
        place.run(1, 0..3_000),
        place.run(2, [2_999, 5_000]),
        place.run(3, 3_000..3_010),
    );
    let common = |one: &Run, other: &Run| place.runtime.block_on(one.first_in_common(other)).unwrap();
    assert_eq!(common(&one, &other), Some(name(2_999)));
    assert_eq!(common(&other, &one), Some(name(2_999)));
    assert_eq!(common(&one, &third), None);
}

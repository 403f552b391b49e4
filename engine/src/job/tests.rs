//! A property of the ledger: whatever is uploaded, rewritten, deleted and run in whatever order, the table is what the rules say.

use super::environment::Environment;
use super::progress::Progress;
use super::query::query;
use super::run::{FailedJob, run_job};
use crate::config::plan::JobPlan;
use crate::config::{Document, ResolveOptions, resolve};
use crate::error::Blame;
use crate::table::warehouse::TableName;
use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// What happens next.
#[derive(Clone, Debug)]
enum Event {
    /// A file is written or rewritten.
    Put(u8),
    Delete(u8),
    Run {
        on_changed_file: &'static str,
        mode: &'static str,
        commit_every: Option<u8>,
        /// When so many files are read it is stopped, and then gone on with.
        stopped_after: Option<u8>,
    },
}

fn event() -> impl Strategy<Value = Event> {
    let policy = prop_oneof![Just("ignore"), Just("load"), Just("replace")];
    let mode = prop_oneof![6 => Just("append"), 1 => Just("replace")];
    prop_oneof![
        4 => (0u8..6).prop_map(Event::Put),
        1 => (0u8..6).prop_map(Event::Delete),
        3 => (policy, mode, proptest::option::of(1u8..3), proptest::option::of(0u8..4)).prop_map(
            |(on_changed_file, mode, commit_every, stopped_after)| Event::Run {
                on_changed_file,
                mode,
                commit_every: commit_every.filter(|_| mode == "append"),
                stopped_after,
            }
        ),
    ]
}

/// What the rules say: files as they are, versions that the ledger knows, and rows of the table by file and version.
#[derive(Debug, Default)]
struct Model {
    files: BTreeMap<u8, i64>,
    known: BTreeMap<u8, i64>,
    rows: BTreeMap<(u8, i64), i64>,
}

impl Model {
    fn run(&mut self, on_changed_file: &str, mode: &str) {
        if mode == "replace" {
            self.known.clear();
            self.rows.clear();
        }
        for (file, version) in &self.files {
            let known = self.known.get(file);
            if known == Some(version) || known.is_some() && on_changed_file == "ignore" {
                continue;
            }
            if known.is_some() && on_changed_file == "replace" {
                self.rows.retain(|(loaded, _), _| loaded != file);
            }
            *self.rows.entry((*file, *version)).or_default() += 1;
            self.known.insert(*file, *version);
        }
    }
}

/// A version is as long as its number, so that it differs in size whatever the clock of the disk says.
fn put(folder: &Path, file: u8, version: i64) {
    let padding = "x".repeat(usize::try_from(version).unwrap());
    fs::write(
        folder.join(format!("{file}.csv")),
        format!("{file},{version},{padding}\n"),
    )
    .unwrap();
}

fn plan(folder: &Path, on_changed_file: &str, mode: &str, commit_every: Option<u8>) -> JobPlan {
    let steps = commit_every.map_or_else(String::new, |files| format!("commit_every: {files} files"));
    let text = format!(
        "in:\n  type: file\n  path_prefix: {}/\n  incremental: ledger\n  on_changed_file: {on_changed_file}\n  metadata_columns: [_file_path]\n  \
         parser:\n    type: csv\n    columns:\n    - {{name: file, type: long}}\n    - {{name: version, type: long}}\n    - {{name: padding, type: string}}\n\
         out: {{mode: {mode}, partition_by: none, auto_create_table: true}}\nexec: {{max_threads: 1, {steps}}}\n",
        folder.display()
    );
    let document = Document::parse(&text, "load.yml").unwrap();
    let options = ResolveOptions {
        is_strict: true,
        lookup: &|_| None,
    };
    resolve(&document, &options)
        .unwrap_or_else(|errors| panic!("{errors}"))
        .plan
}

async fn rows(environment: &Environment) -> BTreeMap<(u8, i64), i64> {
    let sql = "SELECT file, version, count(*) FROM d.t GROUP BY file, version";
    let mut answer = query(environment, sql).await.unwrap();
    let mut rows = BTreeMap::new();
    while let Some(batch) = answer.next().await.unwrap() {
        let number = |column: usize, row: usize| batch.column(column).as_primitive::<Int64Type>().value(row);
        for row in 0..batch.num_rows() {
            rows.insert((u8::try_from(number(0, row)).unwrap(), number(1, row)), number(2, row));
        }
    }
    rows
}

/// Runs a job; one that is stopped is gone on with, if it has left anything to go on with.
async fn run_to_the_end(
    environment: &Environment,
    plan: &JobPlan,
    target: &TableName,
    stopped_after: Option<u8>,
) -> Result<(), Box<FailedJob>> {
    let progress = Progress::new();
    let stopping = async {
        let Some(num_files) = stopped_after else {
            return std::future::pending().await;
        };
        while progress.snapshot().num_files_read < u64::from(num_files) {
            tokio::task::yield_now().await;
        }
        progress.stop();
        std::future::pending::<()>().await;
    };
    let ended = tokio::select! {
        ended = run_job(environment, plan, target, &progress) => ended,
        () = stopping => unreachable!("it waits for ever"),
    };
    let is_done = match &ended {
        Ok(_) => true,
        Err(failed) => failed.error.blame() != Blame::Interrupted,
    };
    if is_done {
        return ended.map(drop);
    }
    let is_left = progress.num_files_kept() > 0 || progress.steps().done > 0;
    let next = match is_left {
        true => Progress::resuming(&progress.job_id),
        false => Progress::new(),
    };
    run_job(environment, plan, target, &next).await.map(drop)
}

#[track_caller]
fn check(events: &[Event]) {
    // The planner is deeply recursive, and a build for development has large frames.
    let checker = || check_events(events);
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(16 << 20);
        let checked = thread.spawn_scoped(scope, checker).unwrap().join();
        checked.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
}

fn check_events(events: &[Event]) {
    let folder = tempfile::tempdir().unwrap();
    let (input, warehouse) = (folder.path().join("in"), folder.path().join("warehouse"));
    fs::create_dir(&input).unwrap();
    let environment = Environment::new(warehouse.to_str().unwrap(), jiff::Timestamp::now).unwrap();
    let target = TableName::new("d", "t").unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_stack_size(16 << 20)
        .enable_all()
        .build()
        .unwrap();
    let mut model = Model::default();
    let mut last_version = 0;
    let mut has_run = false;
    for event in events {
        match event {
            Event::Put(file) => {
                last_version += 1;
                put(&input, *file, last_version);
                model.files.insert(*file, last_version);
            }
            Event::Delete(file) => {
                if model.files.remove(file).is_some() {
                    fs::remove_file(input.join(format!("{file}.csv"))).unwrap();
                }
            }
            Event::Run {
                on_changed_file,
                mode,
                commit_every,
                stopped_after,
            } => {
                let plan = plan(&input, on_changed_file, mode, *commit_every);
                let run = run_to_the_end(&environment, &plan, &target, *stopped_after);
                runtime.block_on(run).unwrap();
                model.run(on_changed_file, mode);
                has_run = true;
            }
        }
    }
    if has_run {
        assert_eq!(runtime.block_on(rows(&environment)), model.rows, "{events:?}");
    }
}

/// `PROPTEST_CASES` makes it long.
fn num_cases() -> u32 {
    let asked = std::env::var("PROPTEST_CASES").ok();
    asked.and_then(|cases| cases.parse().ok()).unwrap_or(12)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: num_cases(), ..ProptestConfig::default() })]

    #[test]
    fn any_events_make_the_table_that_the_rules_of_the_ledger_say(events in proptest::collection::vec(event(), 1..14)) {
        check(&events);
    }
}

#[test]
fn a_file_that_comes_back_is_compared_with_what_was_loaded() {
    let run = |on_changed_file| Event::Run {
        on_changed_file,
        mode: "append",
        commit_every: None,
        stopped_after: None,
    };
    check(&[
        Event::Put(1),
        Event::Put(2),
        run("ignore"),
        Event::Delete(1),
        run("replace"),
        Event::Put(1),
        run("ignore"),
        run("load"),
        Event::Put(1),
        run("replace"),
    ]);
}

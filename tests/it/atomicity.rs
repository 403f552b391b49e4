//! A load that dies shows nothing or everything, and the next one loads each row once.

use crate::examples::ACCESS_LOGS;
use bucketload_tests::bucket::Bucket;
use bucketload_tests::bucketload::{Running, Workplace};
use bucketload_tests::folders;
use bucketload_tests::proxy::{Fault, Proxy, RequestKind};
use bucketload_tests::servers;
use bucketload_tests::wait::wait_until;
use std::time::Duration;

const LOCAL_JOB: &str = "examples/access-logs/load.yml";
const LIMIT: Duration = Duration::from_secs(120);

/// The access logs in a bucket whose files do not come, but for the first ten, so that there are rows to be lost or shown.
pub(crate) fn stuck_bucket() -> (Bucket, Proxy) {
    let bucket = Bucket::new(servers::seaweedfs());
    bucket.put_folder("web/", &folders::repository().join("examples/access-logs/web"));
    let proxy = Proxy::start(bucket.server().address())
        .with_fault(RequestKind::Get, Fault::Delay(Duration::ZERO), 10)
        .with_fault(RequestKind::Get, Fault::Hold, usize::MAX);
    (bucket, proxy)
}

/// A load that cannot end: files that it asks for do not come. Returns once it has begun to ask.
pub(crate) fn stuck_load(workplace: &Workplace) -> (Proxy, Running) {
    let (bucket, proxy) = stuck_bucket();
    let mut running = workplace
        .issuing("examples/s3/load.yml", &[])
        .s3(&proxy.endpoint(), bucket.name())
        .spawn();
    let is_stuck = wait_until(LIMIT, || proxy.num_held() > 0 || running.has_ended());
    assert!(is_stuck && !running.has_ended(), "{}", running.wait());
    (proxy, running)
}

/// Loads the same rows from the directory and demands that they, and nothing else, are there.
#[track_caller]
fn check_next_load(workplace: &Workplace) {
    workplace.issue(LOCAL_JOB, &[]);
    assert_eq!(workplace.num_rows(), ACCESS_LOGS.written);
    assert_eq!(workplace.number("SELECT sum(bytes) FROM d.t"), ACCESS_LOGS.sum_of_bytes);
    assert_eq!(
        workplace.number("SELECT count(*) FROM d.t__rejects"),
        ACCESS_LOGS.rejects
    );
}

#[test]
fn a_load_killed_while_it_reads_shows_nothing() {
    let workplace = Workplace::new();
    let (proxy, mut running) = stuck_load(&workplace);
    running.kill();
    assert_eq!(running.wait().status, None, "it was killed");
    drop(proxy);
    assert_eq!(workplace.num_rows(), 0);
    check_next_load(&workplace);
}

#[test]
fn an_interrupted_load_says_so_and_shows_nothing() {
    for interrupt in [Running::interrupt, Running::terminate] {
        let workplace = Workplace::new();
        let (_proxy, running) = stuck_load(&workplace);
        interrupt(&running);
        running.wait().exited_with(130).kept_secrets();
        assert_eq!(workplace.num_rows(), 0);
        check_next_load(&workplace);
    }
}

/// Kills the load at a moment that `has_come` sees in the warehouse, or lets it end if it was faster.
#[track_caller]
fn check_killed_when(has_come: impl Fn(&[String]) -> bool) {
    let workplace = Workplace::new();
    let mut running = workplace.issuing(LOCAL_JOB, &["--set", "exec.max_threads=1"]).spawn();
    let is_over = wait_until(LIMIT, || has_come(&workplace.stored_files()) || running.has_ended());
    assert!(is_over, "neither did the moment come nor did the load end");
    running.kill();
    let finished = running.wait();
    assert!(matches!(finished.status, None | Some(0)), "{finished}");
    match workplace.num_rows() {
        0 => {
            assert_eq!(finished.status, None, "a success shows its rows: {finished}");
            check_next_load(&workplace);
        }
        num_rows => {
            assert_eq!(num_rows, ACCESS_LOGS.written, "a part of the rows is visible");
            // Whoever comes next completes the rejects that were promised with the rows.
            workplace.issue(LOCAL_JOB, &["--set", "in.path_prefix=examples/nothing/"]);
            assert_eq!(
                workplace.number("SELECT count(*) FROM d.t__rejects"),
                ACCESS_LOGS.rejects
            );
            assert_eq!(workplace.num_rows(), ACCESS_LOGS.written);
        }
    }
}

#[test]
fn a_load_killed_at_its_first_staged_file_shows_nothing_or_everything() {
    check_killed_when(|files| {
        files
            .iter()
            .any(|file| file.starts_with("d/t/") && !file.contains("_delta_log"))
    });
}

#[test]
fn a_load_killed_among_its_staged_files_shows_nothing_or_everything() {
    check_killed_when(|files| {
        files.iter().filter(|file| file.starts_with("d/t/date=")).count() > ACCESS_LOGS.hours / 2
    });
}

#[test]
fn a_load_killed_after_its_last_staged_file_shows_nothing_or_everything() {
    check_killed_when(|files| {
        let staged = files
            .iter()
            .filter(|file| file.starts_with("d/t/date=") && file.ends_with(".parquet"));
        staged.count() >= ACCESS_LOGS.hours
    });
}

#[test]
fn a_load_killed_at_its_rejects_shows_nothing_or_everything() {
    check_killed_when(|files| files.iter().any(|file| file.starts_with("d/t__rejects/")));
}

#[test]
fn two_appends_at_once_both_succeed() {
    let workplace = Workplace::new();
    workplace.issue(LOCAL_JOB, &[]);
    let loads = [(); 2].map(|()| workplace.issuing(LOCAL_JOB, &[]).spawn());
    for load in loads {
        load.wait().succeeded();
    }
    assert_eq!(workplace.num_rows(), 3 * ACCESS_LOGS.written);
    assert_eq!(
        workplace.number("SELECT count(*) FROM d.t__rejects"),
        3 * ACCESS_LOGS.rejects
    );
}

//! What stands on a terminal while a job runs, and what is left when it is done.

use crate::examples::ACCESS_LOGS;
use bucketload_tests::bucket::Bucket;
use bucketload_tests::bucketload::Workplace;
use bucketload_tests::folders;
use bucketload_tests::proxy::{Fault, Proxy, RequestKind};
use bucketload_tests::servers;
use std::time::Duration;

/// What the program writes before it draws its line anew: to the left, and clear.
const CLEARED: &str = "\r\u{1b}[2K";

/// Loads the access logs, slowly enough to be watched, and gives what was said.
fn watch(columns: Option<u16>, max_requests: usize, flags: &[&str]) -> String {
    let bucket = Bucket::new(servers::seaweedfs());
    bucket.put_folder("web/", &folders::repository().join("examples/access-logs/web"));
    let delay = Fault::Delay(Duration::from_millis(150));
    let proxy = Proxy::start(bucket.server().address()).with_fault(RequestKind::Get, delay, usize::MAX);
    let workplace = Workplace::new();
    let loading = workplace
        .issuing("examples/s3/load.yml", flags)
        .set(format!("exec.max_requests={max_requests}"))
        .s3(&proxy.endpoint(), bucket.name());
    let loading = match columns {
        Some(columns) => loading.on_terminal(columns),
        None => loading,
    };
    let finished = loading.run().succeeded();
    assert_eq!(
        finished.json()["rows"]["written"],
        ACCESS_LOGS.written,
        "standard output is none of it"
    );
    finished.stderr
}

/// Everything that stood in the line, in turn; log lines above it are left out.
fn lines_drawn(shown: &str) -> Vec<&str> {
    shown
        .split(CLEARED)
        .filter_map(|drawn| drawn.rsplit('\n').next())
        .filter(|line| !line.is_empty())
        .collect()
}

#[test]
fn files_bytes_rows_rate_and_time_left_are_shown_in_one_line() {
    let shown = watch(Some(80), 4, &[]);
    let lines = lines_drawn(&shown);
    assert!(lines.len() > 2, "{shown}");
    for line in &lines {
        assert!(line.chars().count() < 80, "{line}");
    }
    let loading: Vec<_> = lines.iter().filter(|line| line.contains("/26 files, ")).collect();
    assert!(
        loading
            .iter()
            .any(|line| line.contains(" of 164 kB, ") && line.contains(" rows, ") && line.contains(" rows/s")),
        "{lines:#?}"
    );
    assert!(
        loading
            .iter()
            .any(|line| line.starts_with(['█', '░']) && line.ends_with(" left")),
        "{lines:#?}"
    );
}

#[test]
fn log_lines_scroll_above_the_line() {
    let shown = watch(Some(80), 4, &[]);
    let num_warnings = shown.matches(" WARN skipped a record").count();
    assert_eq!(num_warnings, usize::try_from(ACCESS_LOGS.rejects).unwrap(), "{shown}");
    for (at, _) in shown.match_indices(" WARN ") {
        let before = &shown[..at];
        assert!(
            before.is_empty() || before.ends_with(CLEARED) || before.ends_with('\n'),
            "{shown:?}"
        );
    }
}

#[test]
fn nothing_is_left_in_the_line_at_the_end() {
    let shown = watch(Some(80), 4, &[]);
    let (_, rest) = shown.rsplit_once(CLEARED).unwrap();
    assert_eq!(rest, "", "{shown:?}");
}

#[test]
fn a_narrow_terminal_gets_a_shorter_line() {
    for line in lines_drawn(&watch(Some(40), 4, &[])) {
        assert!(line.chars().count() < 40, "{line}");
    }
}

#[test]
fn nothing_is_drawn_when_it_is_not_wanted() {
    for flags in [&["--progress", "never"][..], &["-q"]] {
        let shown = watch(Some(80), 4, flags);
        assert!(!shown.contains(CLEARED) && !shown.contains("files"), "{shown:?}");
    }
}

#[test]
fn what_is_no_terminal_gets_plain_lines_on_request() {
    assert_eq!(watch(None, 4, &["-q"]), "");
    let told = watch(None, 1, &["-q", "--progress", "always"]);
    assert!(
        told.lines()
            .any(|line| line.contains("/26 files, ") && line.contains(" rows/s")),
        "{told}"
    );
    assert!(!told.contains(['\r', '\u{1b}']), "{told:?}");
}

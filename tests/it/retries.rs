//! Requests that fail are repeated as the reference says: which are, how often, and what is told in the end.

use crate::s3::{QUICK_RETRIES, small_job};
use bucketload_tests::bucket::Bucket;
use bucketload_tests::bucketload::{Bucketload, Workplace};
use bucketload_tests::proxy::{Answer, Fault, Proxy, RequestKind};
use bucketload_tests::servers;

/// An answer with this status, whose message is `message`.
const fn answer(status: &'static str, body: &'static str) -> Fault {
    Fault::Answer(Answer {
        status,
        headers: &[],
        body,
    })
}

const BROKEN: Fault = answer(
    "500 Internal Server Error",
    "<Error><Code>InternalError</Code><Message>the first of all</Message></Error>",
);

/// A small job over one file behind `proxy`, which may repeat each request twice.
fn repeating(workplace: &Workplace, proxy: &Proxy, bucket: &Bucket) -> Bucketload {
    bucket.put("data/1.csv", b"1\n2\n");
    workplace
        .issuing(&small_job(workplace), &QUICK_RETRIES)
        .s3(&proxy.endpoint(), bucket.name())
        .set("in.maximum_retries=2")
}

#[test]
fn the_first_of_several_failures_is_told() {
    for kind in [RequestKind::List, RequestKind::Get] {
        let bucket = Bucket::new(servers::seaweedfs());
        let proxy = Proxy::start(bucket.server().address())
            .with_fault(kind, BROKEN, 1)
            .with_fault(kind, Fault::SlowDown, usize::MAX);
        let workplace = Workplace::new();
        let failed = repeating(&workplace, &proxy, &bucket)
            .run()
            .exited_with(1)
            .kept_secrets();
        let error = failed.json()["error"].as_str().unwrap().to_owned();
        assert!(error.contains("the first of all"), "{kind:?}: {failed}");
        assert!(
            failed.stderr.contains("gave up after the last retry"),
            "{kind:?}: {failed}"
        );
        assert_eq!(proxy.count(kind), 3, "{kind:?}: the first attempt and two retries");
    }
}

#[test]
fn a_failure_that_no_repetition_mends_is_told_instead_of_the_first() {
    let refusals = [
        (
            "403 Forbidden",
            "<Error><Code>AccessDenied</Code><Message>refused</Message></Error>",
        ),
        (
            "405 Method Not Allowed",
            "<Error><Code>MethodNotAllowed</Code><Message>refused</Message></Error>",
        ),
        (
            "400 Bad Request",
            "<Error><Code>ExpiredToken</Code><Message>refused</Message></Error>",
        ),
    ];
    for (status, body) in refusals {
        let bucket = Bucket::new(servers::seaweedfs());
        let proxy = Proxy::start(bucket.server().address())
            .with_fault(RequestKind::Get, BROKEN, 1)
            .with_fault(RequestKind::Get, answer(status, body), usize::MAX);
        let workplace = Workplace::new();
        let failed = repeating(&workplace, &proxy, &bucket)
            .run()
            .exited_with(1)
            .kept_secrets();
        assert_eq!(proxy.count(RequestKind::Get), 2, "{status}: {failed}");
        let error = failed.json()["error"].as_str().unwrap().to_owned();
        assert!(!error.contains("the first of all"), "{status}: {error}");
    }
}

#[test]
fn a_file_that_is_listed_and_not_there_yet_is_asked_for_again() {
    let missing = answer(
        "404 Not Found",
        "<Error><Code>NoSuchKey</Code><Message>not there yet</Message></Error>",
    );
    let bucket = Bucket::new(servers::seaweedfs());
    let proxy = Proxy::start(bucket.server().address()).with_fault(RequestKind::Get, missing, 2);
    let workplace = Workplace::new();
    let report = repeating(&workplace, &proxy, &bucket).run().succeeded().json();
    assert_eq!(report["rows"]["written"], 2);
    assert_eq!(proxy.count(RequestKind::Get), 3);
}

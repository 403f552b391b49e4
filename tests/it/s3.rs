//! Loads from S3 servers: the same rows as from a directory, few requests, and errors that say what and where.

use crate::examples::{ACCESS_LOGS, figures_of_access_logs};
use bucketload_tests::bucket::Bucket;
use bucketload_tests::bucketload::{Bucketload, Workplace};
use bucketload_tests::folders;
use bucketload_tests::proxy::{Fault, Proxy, RequestKind};
use bucketload_tests::servers::{self, ACCESS_KEY, REGION, ROLE, SECRET_KEY};
use bucketload_tests::{python, wait};
use serde_json::{Value, json};
use std::fs;
use std::time::Duration;

const JOB: &str = "examples/s3/load.yml";
/// What a test adds so that it need not wait for retries as long as a user would.
pub(crate) const QUICK_RETRIES: [&str; 4] = [
    "--set",
    "in.initial_retry_interval_millis=10",
    "--set",
    "in.maximum_retry_interval_millis=50",
];

/// Credentials that expire, of the role that SeaweedFS knows.
pub(crate) struct Session {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
    pub(crate) session_token: String,
}

impl Session {
    /// Asks SeaweedFS for them.
    pub(crate) fn assume() -> Session {
        let script = "
import boto3, json, sys
endpoint, key, secret, region, role = sys.argv[1:]
sts = boto3.client('sts', endpoint_url=endpoint, region_name=region, aws_access_key_id=key, aws_secret_access_key=secret)
print(json.dumps(sts.assume_role(RoleArn=role, RoleSessionName='tests')['Credentials'], default=str))
";
        let role = format!("arn:aws:iam::{}:role/{}", ROLE.0, ROLE.1);
        let endpoint = servers::seaweedfs().endpoint();
        let printed = python::run(script, [endpoint.as_str(), ACCESS_KEY, SECRET_KEY, REGION, &role]);
        let printed: Value = serde_json::from_str(&printed).unwrap();
        let text = |name: &str| printed[name].as_str().unwrap().to_owned();
        Session {
            access_key_id: text("AccessKeyId"),
            secret_access_key: text("SecretAccessKey"),
            session_token: text("SessionToken"),
        }
    }
}

/// A bucket with the access logs under `web/`.
fn bucket_of_access_logs() -> Bucket {
    let bucket = Bucket::new(servers::seaweedfs());
    bucket.put_folder("web/", &folders::repository().join("examples/access-logs/web"));
    bucket
}

fn load(workplace: &Workplace, endpoint: &str, bucket: &str) -> Bucketload {
    workplace.issuing(JOB, &QUICK_RETRIES).s3(endpoint, bucket)
}

/// A small job: one long column, no header.
pub(crate) fn small_job(workplace: &Workplace) -> String {
    workplace.write(
        "small.yml",
        "in:\n  type: s3\n  endpoint: ${S3_ENDPOINT}\n  region: us-east-1\n  bucket: ${S3_BUCKET}\n  \
         access_key_id: ${AWS_ACCESS_KEY_ID}\n  secret_access_key: ${AWS_SECRET_ACCESS_KEY}\n  path_prefix: data/\n  \
         parser: {type: csv, columns: [{name: n, type: long}]}\nout: {partition_by: none}\n",
    )
}

#[test]
fn a_bucket_gives_the_rows_of_the_directory() {
    let bucket = bucket_of_access_logs();
    let (local, remote) = (Workplace::new(), Workplace::new());
    let from_directory = local.issue("examples/access-logs/load.yml", &[]);
    let from_bucket = load(&remote, &bucket.server().endpoint(), bucket.name())
        .run()
        .succeeded()
        .kept_secrets()
        .json();
    assert_eq!(from_bucket["rows"], from_directory["rows"]);
    assert_eq!(from_bucket["files"], from_directory["files"]);
    assert_eq!(from_bucket["bytes"]["fetched"], from_directory["bytes"]["fetched"]);
    assert_eq!(
        from_bucket["next"],
        json!({"in": {"last_path": "web/2026-11-21-01.csv.gz"}})
    );
    assert_eq!(figures_of_access_logs(&remote), figures_of_access_logs(&local));
    let rejects = "SELECT line, column_name, reason, record FROM d.t__rejects ORDER BY record";
    assert_eq!(remote.query(rejects), local.query(rejects));
    let file = format!(
        "SELECT count(*) FROM d.t__rejects WHERE file = 's3://{}/web/2026-11-20-05.csv.gz'",
        bucket.name()
    );
    assert_eq!(remote.number(&file), 3);
}

#[test]
fn a_job_lists_once_and_gets_each_file_once() {
    let bucket = bucket_of_access_logs();
    let proxy = Proxy::start(bucket.server().address());
    let workplace = Workplace::new();
    load(&workplace, &proxy.endpoint(), bucket.name()).run().succeeded();
    let counts =
        [RequestKind::List, RequestKind::Get, RequestKind::Head, RequestKind::Put].map(|kind| proxy.count(kind));
    assert_eq!(counts, [1, ACCESS_LOGS.files, 0, 0], "{:#?}", proxy.requests());
}

#[test]
fn listing_takes_one_request_for_a_thousand_keys() {
    let bucket = Bucket::new(servers::seaweedfs());
    for number in 0..1050 {
        bucket.put(&format!("data/{number:04}.csv"), format!("{number}\n"));
    }
    let proxy = Proxy::start(bucket.server().address());
    let workplace = Workplace::new();
    let job = small_job(&workplace);
    let explained = workplace
        .bucketload(["explain", &job, "--json"])
        .s3(&proxy.endpoint(), bucket.name())
        .run();
    assert_eq!(explained.succeeded().json()["files"].as_array().unwrap().len(), 1050);
    assert_eq!(
        (proxy.count(RequestKind::List), proxy.count(RequestKind::Get)),
        (2, 0),
        "{:#?}",
        proxy.requests()
    );
    workplace
        .issuing(&job, &[])
        .s3(&proxy.endpoint(), bucket.name())
        .run()
        .succeeded();
    assert_eq!(
        (proxy.count(RequestKind::List), proxy.count(RequestKind::Get)),
        (4, 1050)
    );
    assert_eq!(workplace.number("SELECT sum(n) FROM d.t"), 1049 * 1050 / 2);
}

#[test]
fn a_server_that_asks_for_patience_gets_it() {
    let bucket = bucket_of_access_logs();
    let proxy = Proxy::start(bucket.server().address())
        .with_fault(RequestKind::List, Fault::SlowDown, 2)
        .with_fault(RequestKind::Get, Fault::SlowDown, 3);
    let workplace = Workplace::new();
    load(&workplace, &proxy.endpoint(), bucket.name()).run().succeeded();
    assert_eq!(workplace.num_rows(), ACCESS_LOGS.written);
    assert_eq!(
        (proxy.count(RequestKind::List), proxy.count(RequestKind::Get)),
        (3, ACCESS_LOGS.files + 3)
    );
}

#[test]
fn a_body_cut_short_is_resumed_where_it_ended() {
    let bucket = bucket_of_access_logs();
    let proxy = Proxy::start(bucket.server().address()).with_fault(RequestKind::Get, Fault::CutBody(1000), 4);
    let workplace = Workplace::new();
    load(&workplace, &proxy.endpoint(), bucket.name()).run().succeeded();
    assert_eq!(workplace.num_rows(), ACCESS_LOGS.written);
    let resumed: Vec<_> = proxy
        .requests()
        .into_iter()
        .filter_map(|request| request.range)
        .collect();
    let resumed = resumed.iter().filter(|range| range.starts_with("bytes=1000-")).count();
    assert_eq!(
        (proxy.count(RequestKind::Get), resumed),
        (ACCESS_LOGS.files + 4, 4),
        "{:#?}",
        proxy.requests()
    );
}

#[test]
fn a_server_that_never_recovers_fails_the_job() {
    let bucket = bucket_of_access_logs();
    let proxy = Proxy::start(bucket.server().address()).with_fault(RequestKind::Get, Fault::SlowDown, usize::MAX);
    let workplace = Workplace::new();
    let failed = load(&workplace, &proxy.endpoint(), bucket.name())
        .set("in.maximum_retries=2")
        .run();
    let failed = failed.exited_with(1).kept_secrets();
    assert!(failed.error_line().contains("web/2026-11-2"), "{failed}");
    assert_eq!(workplace.num_rows(), 0);
}

#[test]
fn files_in_flight_do_not_wait_for_each_other() {
    let bucket = bucket_of_access_logs();
    let delay = Duration::from_millis(200);
    let proxy = Proxy::start(bucket.server().address()).with_fault(RequestKind::Get, Fault::Delay(delay), usize::MAX);
    let workplace = Workplace::new();
    let report = load(&workplace, &proxy.endpoint(), bucket.name())
        .run()
        .succeeded()
        .json();
    let one_by_one = delay.as_secs_f64() * ACCESS_LOGS.files as f64;
    let run = report["seconds"]["run"].as_f64().unwrap();
    assert!(run < one_by_one, "{run} s, as many as one after the other");
}

#[test]
fn refused_keys_name_the_bucket_and_no_secret() {
    let bucket = bucket_of_access_logs();
    for (name, value) in [
        ("AWS_ACCESS_KEY_ID", "AKIAUNKNOWNUNKNOWN00"),
        ("AWS_SECRET_ACCESS_KEY", "wr0ng+secret/of=mine"),
    ] {
        let workplace = Workplace::new();
        let refused = load(&workplace, &bucket.server().endpoint(), bucket.name())
            .env(name, value)
            .run();
        let refused = refused.exited_with(1).kept_secrets();
        assert!(refused.error_line().contains(bucket.name()), "{refused}");
        assert!(!refused.stderr.contains("wr0ng+secret"), "{refused}");
        assert_eq!(workplace.num_rows(), 0);
    }
}

#[test]
fn keys_are_not_retried_when_they_are_refused() {
    let bucket = bucket_of_access_logs();
    let proxy = Proxy::start(bucket.server().address());
    let workplace = Workplace::new();
    load(&workplace, &proxy.endpoint(), bucket.name())
        .env("AWS_SECRET_ACCESS_KEY", "wrong")
        .run()
        .exited_with(1);
    assert_eq!(proxy.requests().len(), 1, "{:#?}", proxy.requests());
}

#[test]
fn a_missing_bucket_is_named() {
    let workplace = Workplace::new();
    let failed = load(&workplace, &servers::seaweedfs().endpoint(), "no-such-bucket")
        .run()
        .exited_with(1)
        .kept_secrets();
    assert!(failed.error_line().contains("no-such-bucket"), "{failed}");
}

#[test]
fn an_endpoint_where_nobody_listens_is_named() {
    let address = servers::unused_address();
    let workplace = Workplace::new();
    let endpoint = format!("http://{address}");
    let failed = load(&workplace, &endpoint, "logs")
        .set("in.maximum_retries=1")
        .run()
        .exited_with(1)
        .kept_secrets();
    assert!(failed.stderr.contains(&address.to_string()), "{failed}");
    failed.error_line();
}

#[test]
fn a_prefix_without_files_succeeds_with_nothing() {
    let bucket = bucket_of_access_logs();
    let workplace = Workplace::new();
    let report = load(&workplace, &bucket.server().endpoint(), bucket.name())
        .set("in.path_prefix=nothing/")
        .set("in.last_path=nothing/before")
        .run()
        .succeeded()
        .json();
    assert_eq!(report["files"]["selected"], 0);
    assert_eq!(report["rows"]["written"], 0);
    assert_eq!(report["next"], json!({"in": {"last_path": "nothing/before"}}));
}

#[test]
fn a_prefix_without_files_fails_where_that_is_asked() {
    let bucket = bucket_of_access_logs();
    let workplace = Workplace::new();
    let failed = load(&workplace, &bucket.server().endpoint(), bucket.name())
        .set("in.path_prefix=nothing/")
        .set("in.stop_when_file_not_found=true")
        .run();
    assert_ne!(failed.status, Some(0), "{failed}");
    assert!(
        failed.error_line().to_lowercase().contains("no input files matched"),
        "{failed}"
    );
}

#[test]
fn an_open_bucket_needs_no_keys() {
    let bucket = Bucket::open();
    bucket.put("anonymous/data/a.csv", "1\n2\n");
    let workplace = Workplace::new();
    let job = workplace.write(
        "open.yml",
        "in: {type: s3, endpoint: '${S3_ENDPOINT}', region: us-east-1, auth_method: anonymous, bucket: open, \
         path_prefix: anonymous/data/, parser: {type: csv, columns: [{name: n, type: long}]}}\n\
         out: {partition_by: none}\n",
    );
    workplace
        .issuing(&job, &[])
        .env("S3_ENDPOINT", bucket.server().endpoint())
        .run()
        .succeeded();
    assert_eq!(workplace.number("SELECT sum(n) FROM d.t"), 3);
    let closed = Bucket::new(servers::seaweedfs());
    closed.put("anonymous/data/a.csv", "1\n");
    let refused = workplace
        .issuing(&job, &[])
        .set(format!("in.bucket={}", closed.name()))
        .env("S3_ENDPOINT", bucket.server().endpoint())
        .run();
    assert!(refused.exited_with(1).error_line().contains(closed.name()));
}

#[test]
fn sessions_are_used_with_their_token() {
    let bucket = bucket_of_access_logs();
    let session = Session::assume();
    let basic = fs::read_to_string(folders::repository().join(JOB)).unwrap();
    let with_session = basic.replace(
        "auth_method: basic",
        "auth_method: session\n  session_token: ${AWS_SESSION_TOKEN}",
    );
    assert_ne!(with_session, basic);
    let with_token = |token: &str| {
        let workplace = Workplace::new();
        let job = workplace.write("session.yml", &with_session);
        let finished = workplace
            .issuing(&job, &QUICK_RETRIES)
            .s3(&bucket.server().endpoint(), bucket.name())
            .env("AWS_ACCESS_KEY_ID", &session.access_key_id)
            .env("AWS_SECRET_ACCESS_KEY", &session.secret_access_key)
            .env("AWS_SESSION_TOKEN", token)
            .run();
        assert!(!finished.stderr.contains(&session.secret_access_key), "{finished}");
        assert!(!finished.stderr.contains(token), "{finished}");
        finished
    };
    with_token(&session.session_token).succeeded();
    let refused = with_token("bm90IGEgdG9rZW4gb2YgdGhpcyBzZXJ2ZXI").exited_with(1);
    assert!(refused.error_line().contains(bucket.name()), "{refused}");
}

#[test]
fn archived_files_are_passed_over_when_asked() {
    let bucket = Bucket::new(servers::moto());
    bucket.put("data/1.csv", "1\n");
    bucket.put_in_class("data/2.csv", "2\n", "GLACIER");
    bucket.put_in_class("data/3.csv", "4\n", "DEEP_ARCHIVE");
    bucket.put("data/4.csv", "8\n");
    let workplace = Workplace::new();
    let job = small_job(&workplace);
    let endpoint = bucket.server().endpoint();
    let failed = workplace
        .issuing(&job, &QUICK_RETRIES)
        .s3(&endpoint, bucket.name())
        .run();
    assert!(matches!(failed.status, Some(1 | 2)), "{failed}");
    let failed = failed.said(&["Glacier", "data/2.csv", "skip_glacier_objects"]);
    failed.error_line();
    let report = workplace
        .issuing(&job, &QUICK_RETRIES)
        .set("in.skip_glacier_objects=true")
        .s3(&endpoint, bucket.name())
        .run()
        .succeeded()
        .json();
    assert_eq!(report["files"]["skipped_glacier"], 2);
    assert_eq!(report["files"]["read"], 2);
    assert_eq!(workplace.number("SELECT sum(n) FROM d.t"), 9);
}

#[test]
fn a_backlog_is_drained_in_steps_without_loss() {
    let bucket = Bucket::new(servers::seaweedfs());
    for (number, key) in ["a", "b", "c", "d", "e"].iter().enumerate() {
        bucket.put(&format!("data/{key}.csv"), format!("{}\n", 1 << number));
    }
    bucket.put("data/f.csv", "");
    let workplace = Workplace::new();
    let job = small_job(&workplace);
    let mut last_path: Option<String> = None;
    for (num_selected, last) in [
        (2, "data/b.csv"),
        (2, "data/d.csv"),
        (1, "data/e.csv"),
        (0, "data/e.csv"),
    ] {
        let mut issue = workplace.issuing(&job, &[]).set("in.total_file_count_limit=2");
        if let Some(last_path) = &last_path {
            issue = issue.set(format!("in.last_path={last_path}"));
        }
        let report = issue
            .s3(&bucket.server().endpoint(), bucket.name())
            .run()
            .succeeded()
            .json();
        assert_eq!(report["files"]["selected"], num_selected);
        assert_eq!(
            report["next"]["in"]["last_path"], last,
            "a file of 0 bytes is not selected"
        );
        last_path = Some(last.to_owned());
    }
    assert_eq!(workplace.number("SELECT sum(n) FROM d.t"), 31);
    assert_eq!(workplace.num_rows(), 5);
}

#[test]
fn files_can_be_chosen_by_their_modified_time() {
    let bucket = Bucket::new(servers::seaweedfs());
    for (key, number) in [("a", 1), ("b", 2)] {
        bucket.put(&format!("data/{key}.csv"), format!("{number}\n"));
    }
    let workplace = Workplace::new();
    let job = small_job(&workplace);
    let load = |since: &str| {
        workplace
            .issuing(&job, &[])
            .set("in.use_modified_time=true")
            .set(format!("in.last_modified_time={since}"))
            .s3(&bucket.server().endpoint(), bucket.name())
            .run()
            .succeeded()
            .json()
    };
    let first = load("2020-01-01T00:00:00.000Z");
    assert_eq!(first["files"]["selected"], 2);
    let begun = first["next"]["in"]["last_modified_time"].as_str().unwrap();
    assert!(begun.starts_with("20") && begun.ends_with('Z'), "{begun}");
    assert_eq!(load(begun)["files"]["selected"], 0, "what was there is not new");
    assert_eq!(load("2099-01-01T00:00:00.000Z")["files"]["selected"], 0);
    assert_eq!(workplace.number("SELECT sum(n) FROM d.t"), 3);
}

#[test]
fn a_client_that_goes_away_stops_asking() {
    let bucket = bucket_of_access_logs();
    let proxy = Proxy::start(bucket.server().address()).with_fault(RequestKind::Get, Fault::Hold, usize::MAX);
    let workplace = Workplace::new();
    let mut running = load(&workplace, &proxy.endpoint(), bucket.name()).spawn();
    assert!(wait::wait_until(Duration::from_secs(60), || proxy.num_held() > 0 || running.has_ended()));
    running.interrupt();
    running.wait().exited_with(130);
    let num_requests = proxy.requests().len();
    assert!(num_requests <= 1 + ACCESS_LOGS.files, "{num_requests} requests");
}

#[test]
fn a_warehouse_in_a_bucket_holds_tables_as_a_directory_does() {
    let bucket = Bucket::new(servers::seaweedfs());
    let place = format!("s3://{}/warehouse", bucket.name());
    let workplace = Workplace::new();
    let run = |arguments: &[&str]| {
        workplace
            .bucketload(arguments)
            .args(["--warehouse", &place])
            .env("AWS_ENDPOINT_URL", bucket.server().endpoint())
            .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
            .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
            .env("AWS_REGION", REGION)
            .run()
    };
    let issue = |mode: &str| {
        let load = "examples/access-logs/load.yml";
        let flags = [
            "--database",
            "d",
            "--table",
            "t",
            "--auto-create-table",
            "--json",
            "--mode",
            mode,
        ];
        run(&[&["issue", load][..], &flags].concat())
            .succeeded()
            .kept_secrets()
            .json()
    };
    assert_eq!(issue("append")["table_version"], json!(0));
    assert_eq!(issue("append")["table_version"], json!(1));
    let count = |table: &str| {
        let sql = format!("SELECT count(*) AS n FROM {table}");
        run(&["query", &sql, "--json"]).succeeded().json()[0]["n"].clone()
    };
    assert_eq!(count("d.t"), json!(2 * ACCESS_LOGS.written));
    issue("replace");
    assert_eq!(count("d.t"), json!(ACCESS_LOGS.written));
    assert_eq!(count("d.t__rejects"), json!(3 * ACCESS_LOGS.rejects));
    let tables = run(&["tables", "--json"]).succeeded().json();
    assert_eq!(tables.as_array().map(Vec::len), Some(3), "rows, rejects and ledger");
}

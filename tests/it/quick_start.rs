//! The quick start of the original, step by step: a seed, the guessed configuration, the preview, the load.

use bucketload_tests::bucket::Bucket;
use bucketload_tests::bucketload::{Bucketload, Workplace};
use bucketload_tests::python;
use bucketload_tests::servers;
use serde_json::{Value, json};
use std::fs;

/// The file of the vendor's page on loading from S3.
const CUSTOMERS: &str = "id,company,customer,created_at\r\n11200,AA Inc.,David,2015-03-31 06:12:37\r\n20313,BB Inc.,Tom,2015-04-01 \
                         05:01:07\r\n32132,CC Inc.,Fernando,2015-04-01 10:33:41\r\n40133,DD Inc.,Cesar,2015-04-02 \
                         05:12:32\r\n93133,EE Inc.,Jake,2015-04-02 14:11:13\r\n";

/// The file that Embulk makes as an example.
const PURCHASES: &str = "id,account,time,purchase,comment\n1,32864,2015-01-27 19:23:49,20150127,embulk\n2,14824,2015-01-27 \
                         19:01:23,20150127,embulk jruby\n3,27559,2015-01-28 02:20:02,20150128,\"Embulk \"\"csv\"\" parser \
                         plugin\"\n4,11270,2015-01-29 11:54:36,20150129,NULL\n\n";

/// A seed as users of the original have it, for the only file of a bucket.
struct QuickStart {
    bucket: Bucket,
    workplace: Workplace,
}

impl QuickStart {
    fn new(key: &str, bytes: Vec<u8>) -> QuickStart {
        let bucket = Bucket::new(servers::seaweedfs());
        bucket.put(key, bytes);
        let workplace = Workplace::new();
        workplace.write(
            "seed.yml",
            "in:\n  type: s3\n  access_key_id: ${AWS_ACCESS_KEY_ID}\n  secret_access_key: ${AWS_SECRET_ACCESS_KEY}\n  \
             endpoint: ${S3_ENDPOINT}\n  bucket: ${S3_BUCKET}\n  path_prefix: path/to/sample_\nout:\n  mode: append\n",
        );
        QuickStart { bucket, workplace }
    }

    fn run(&self, command: &str, file: &str, more: &[&str]) -> Bucketload {
        self.workplace
            .bucketload([command, self.workplace.path(file).to_str().unwrap()])
            .args(more)
            .s3(&self.bucket.server().endpoint(), self.bucket.name())
    }

    /// Guesses `load.yml`, checks its parser and gives the whole of it.
    #[track_caller]
    fn check_guess(&self, parser: &Value) -> Value {
        let load = self.workplace.path("load.yml");
        let guessed = self
            .run("connector:guess", "seed.yml", &["-o", load.to_str().unwrap(), "--json"])
            .run()
            .succeeded()
            .kept_secrets()
            .json();
        assert_eq!(&guessed["in"]["parser"], parser, "{guessed:#}");
        let written = fs::read_to_string(load).unwrap();
        assert!(
            written.contains("${AWS_SECRET_ACCESS_KEY}"),
            "variables stay variables: {written}"
        );
        guessed
    }

    /// Loads `load.yml` and gives what a query prints.
    #[track_caller]
    fn load(&self, sql: &str) -> String {
        let flags = ["--database", "d", "--table", "t", "--auto-create-table", "--json"];
        let report = self.run("connector:issue", "load.yml", &flags).run().succeeded().json();
        assert_eq!(report["rows"]["rejected"], 0, "{report}");
        self.workplace.query(sql)
    }
}

#[test]
fn customers_are_guessed_previewed_and_loaded() {
    let start = QuickStart::new("path/to/sample_file", CUSTOMERS.into());
    start.check_guess(&json!({
        "charset": "UTF-8", "newline": "CRLF", "type": "csv", "delimiter": ",", "quote": "\"", "escape": "\"",
        "trim_if_not_quoted": false, "skip_header_lines": 1, "allow_extra_columns": false, "allow_optional_columns": false,
        "columns": [
            {"name": "id", "type": "long"},
            {"name": "company", "type": "string"},
            {"name": "customer", "type": "string"},
            {"name": "created_at", "type": "timestamp", "format": "%Y-%m-%d %H:%M:%S"},
        ],
    }));
    let preview = start.run("connector:preview", "load.yml", &[]).run().succeeded().stdout;
    assert!(
        preview.contains("| id:long | company:string | customer:string | created_at:timestamp |")
            && preview.contains("|   11200 | AA Inc.        | David           | 2015-03-31T06:12:37Z |"),
        "{preview}"
    );
    assert_eq!(
        start.load("SELECT * FROM d.t ORDER BY id LIMIT 1"),
        "id,company,customer,created_at,date,hour\n11200,AA Inc.,David,2015-03-31T06:12:37Z,2015-03-31,6\n"
    );
}

#[test]
fn purchases_are_guessed_and_loaded() {
    let script = "import gzip, sys; sys.stdout.write(gzip.compress(sys.argv[1].encode(), mtime=0).hex())";
    let gzip = python::run(script, [PURCHASES]);
    let gzip: Vec<u8> = (0..gzip.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&gzip[at..at + 2], 16).unwrap())
        .collect();
    let start = QuickStart::new("path/to/sample_01.csv.gz", gzip);
    let guessed = start.check_guess(&json!({
        "charset": "UTF-8", "newline": "LF", "type": "csv", "delimiter": ",", "quote": "\"", "escape": "\"",
        "null_string": "NULL", "trim_if_not_quoted": false, "skip_header_lines": 1, "allow_extra_columns": false,
        "allow_optional_columns": false,
        "columns": [
            {"name": "id", "type": "long"},
            {"name": "account", "type": "long"},
            {"name": "time", "type": "timestamp", "format": "%Y-%m-%d %H:%M:%S"},
            {"name": "purchase", "type": "timestamp", "format": "%Y%m%d"},
            {"name": "comment", "type": "string"},
        ],
    }));
    assert_eq!(guessed["in"]["decoders"], json!([{"type": "gzip"}]));
    let doubts = guessed["guess"]["doubts"].to_string();
    assert!(
        doubts.contains("`purchase`") && doubts.contains("type: long"),
        "{doubts}"
    );
    assert_eq!(
        start.load("SELECT id, account, time, purchase, comment FROM d.t ORDER BY id"),
        "id,account,time,purchase,comment\n\
         1,32864,2015-01-27T19:23:49Z,2015-01-27T00:00:00Z,embulk\n\
         2,14824,2015-01-27T19:01:23Z,2015-01-27T00:00:00Z,embulk jruby\n\
         3,27559,2015-01-28T02:20:02Z,2015-01-28T00:00:00Z,\"Embulk \"\"csv\"\" parser plugin\"\n\
         4,11270,2015-01-29T11:54:36Z,2015-01-29T00:00:00Z,\n"
    );
}

//! Filters that need more than a case has: tables of the warehouse, conditions on files, rows between filters, secrets.

use bucketload_tests::bucket::Bucket;
use bucketload_tests::bucketload::Workplace;
use bucketload_tests::folders;
use bucketload_tests::proxy::{Proxy, RequestKind};
use bucketload_tests::servers;
use serde_json::json;
use std::fs;

const IDS: &str = "in:\n  type: file\n  path_prefix: PATH\n  parser: {type: csv, columns: [{name: id, type: long}, {name: name, type: string}]}\n";

fn job(workplace: &Workplace, name: &str, rows: &str, more: &str) -> String {
    let path = workplace.write(&format!("{name}.csv"), rows);
    workplace.write(&format!("{name}.yml"), format!("{}{more}", IDS.replace("PATH", &path)))
}

#[test]
fn rows_are_joined_with_tables_of_the_warehouse_by_name() {
    let workplace = Workplace::new();
    let known = job(&workplace, "known", "1,one\n2,two\n", "out: {partition_by: none}\n");
    let issue = |job: &str, table: &str| {
        let arguments = [
            "issue",
            job,
            "--database",
            "crm",
            "--table",
            table,
            "--auto-create-table",
            "--json",
        ];
        workplace.bucketload(arguments).run()
    };
    issue(&known, "users").succeeded();
    let joined = job(
        &workplace,
        "joined",
        "2,\n3,three\n",
        "filters:\n- {type: row, where: id NOT IN (SELECT id FROM crm.users) OR name IS NULL}\n\
         - {type: sql, query: 'SELECT input.id, coalesce(input.name, users.name) AS name FROM input LEFT JOIN crm.users ON input.id = users.id'}\n\
         out: {partition_by: none}\n",
    );
    issue(&joined, "joined").succeeded();
    let rows = workplace.query("SELECT * FROM crm.joined ORDER BY id");
    assert_eq!(rows, "id,name\n2,two\n3,three\n");
    // The table that is loaded into may be asked too: rows that it has are not loaded again.
    let new = "filters: [{type: row, where: 'id NOT IN (SELECT id FROM crm.users)'}]\nout: {partition_by: none}\n";
    let again = job(&workplace, "again", "1,uno\n4,four\n", new);
    let report = issue(&again, "users").succeeded().json();
    assert_eq!(
        report["rows"],
        json!({"read": 2, "rejected": 0, "filtered": 1, "written": 1})
    );
}

#[test]
fn a_table_that_does_not_exist_is_told_before_anything_is_read() {
    let workplace = Workplace::new();
    let known = job(&workplace, "known", "1,one\n", "out: {partition_by: none}\n");
    workplace
        .bucketload([
            "issue",
            &known,
            "--database",
            "crm",
            "--table",
            "users",
            "--auto-create-table",
        ])
        .run()
        .succeeded();
    let wrong = job(
        &workplace,
        "wrong",
        "1,one\n",
        "filters: [{type: drop_columns, columns: [name]}, {type: row, where: 'id IN (SELECT id FROM crm.user)'}]\n",
    );
    workplace.bucketload(["explain", &wrong]).run().exited_with(2).said(&[
        "table `crm.user` doesn't exist",
        "filters[1]",
        "did you mean `crm.users`?",
    ]);
}

/// A job over a bucket, one long column, with `in.where`.
fn job_where(workplace: &Workplace, condition: &str, more: &str) -> String {
    workplace.write(
        "where.yml",
        format!(
            "in:\n  type: s3\n  endpoint: ${{S3_ENDPOINT}}\n  region: us-east-1\n  bucket: ${{S3_BUCKET}}\n  \
             access_key_id: ${{AWS_ACCESS_KEY_ID}}\n  secret_access_key: ${{AWS_SECRET_ACCESS_KEY}}\n  path_prefix: data/\n  \
             where: \"{condition}\"\n  {more}\n  parser: {{type: csv, columns: [{{name: n, type: long}}]}}\nout: {{partition_by: none}}\n"
        ),
    )
}

#[test]
fn files_are_chosen_by_a_condition_before_any_is_fetched() {
    let bucket = Bucket::new(servers::seaweedfs());
    for (key, text) in [
        ("data/1.csv", "1\n"),
        ("data/2.csv", "2\n22222\n"),
        ("data/3.csv", "3\n"),
        ("data/4.txt", "4\n"),
    ] {
        bucket.put(key, text);
    }
    // Passed over, it is not even an archived file that would fail the job.
    bucket.put_in_class("data/5.csv", "5\n", "GLACIER");
    let proxy = Proxy::start(bucket.server().address());
    let workplace = Workplace::new();
    let condition = "_file_size < 5 AND _file_name LIKE '%.csv' AND coalesce(_storage_class, '') <> 'GLACIER' AND _file_modified > now() - INTERVAL '1 day'";
    let job = job_where(&workplace, condition, "");
    let explained = workplace
        .bucketload(["explain", &job, "--json"])
        .s3(&proxy.endpoint(), bucket.name());
    let explained = explained.run().succeeded().json();
    assert_eq!(explained["where"], json!({"condition": condition, "passed_over": 3}));
    assert_eq!(explained["files"].as_array().unwrap().len(), 2);
    assert_eq!((proxy.count(RequestKind::List), proxy.count(RequestKind::Get)), (1, 0));
    let shown = workplace
        .bucketload(["explain", &job])
        .s3(&proxy.endpoint(), bucket.name());
    let shown = shown.run().succeeded();
    assert!(
        shown
            .stdout
            .contains(&format!("where      {condition} (3 files passed over)")),
        "{shown}"
    );
    let loaded = workplace.issuing(&job, &[]).s3(&proxy.endpoint(), bucket.name());
    let report = loaded.run().succeeded().json();
    assert_eq!((proxy.count(RequestKind::List), proxy.count(RequestKind::Get)), (3, 2));
    assert_eq!(report["files"]["listed"], 5);
    assert_eq!(workplace.query("SELECT * FROM d.t ORDER BY n"), "n\n1\n3\n");
    // The cursor stands at the last file that was selected, as it does with a pattern.
    assert_eq!(report["next"], json!({"in": {"last_path": "data/3.csv"}}));
}

#[test]
fn a_condition_counts_before_the_limit_on_files() {
    let bucket = Bucket::new(servers::seaweedfs());
    for number in 1..=6 {
        bucket.put(&format!("data/{number}.csv"), format!("{number}\n"));
    }
    let workplace = Workplace::new();
    let job = job_where(
        &workplace,
        "_file_path NOT LIKE '%/data/1.csv' AND _file_etag IS NOT NULL",
        "total_file_count_limit: 2",
    );
    let report = workplace
        .issuing(&job, &[])
        .s3(&bucket.server().endpoint(), bucket.name())
        .run();
    assert_eq!(
        report.succeeded().json()["next"],
        json!({"in": {"last_path": "data/3.csv"}})
    );
    assert_eq!(workplace.query("SELECT * FROM d.t ORDER BY n"), "n\n2\n3\n");
}

#[test]
fn wrong_conditions_on_files_say_where_and_what() {
    let workplace = Workplace::new();
    let path = workplace.write("a.csv", "1\n");
    for (condition, fragments) in [
        (
            "_file_sise > 1",
            vec![
                "in.where",
                "column `_file_sise` not found",
                "did you mean `_file_size`?",
            ],
        ),
        (
            "_file_size",
            vec!["in.where", "the condition gives `Int64` instead of true or false"],
        ),
        ("_file_size >", vec!["in.where", "cannot parse the SQL"]),
        ("_file_size > (SELECT 1)", vec!["in.where"]),
        ("count(*) > 1", vec!["in.where"]),
    ] {
        let job = workplace.write(
            "wrong.yml",
            format!(
                "in: {{type: file, path_prefix: '{path}', where: '{condition}', parser: {{type: csv, columns: [{{name: n, type: long}}]}}}}\n"
            ),
        );
        workplace
            .bucketload(["explain", &job])
            .run()
            .exited_with(2)
            .said(&fragments);
    }
}

#[test]
fn rows_are_joined_with_files_of_the_bucket() {
    let bucket = Bucket::new(servers::seaweedfs());
    bucket.put("data/1.csv", "049\n81\n");
    let packed = folders::repository().join("tests/cases/filters/sql_joins_with_packed_files");
    for name in ["table_geo.csv.gz", "table_hits_1.csv", "table_hits_2.csv"] {
        bucket.put(&format!("lookup/{name}"), fs::read(packed.join(name)).unwrap());
    }
    let proxy = Proxy::start(bucket.server().address());
    let workplace = Workplace::new();
    let job = |geo: &str| {
        workplace.write(
            "joined.yml",
            format!(
                "in:\n  type: s3\n  endpoint: ${{S3_ENDPOINT}}\n  region: us-east-1\n  bucket: ${{S3_BUCKET}}\n  \
                 access_key_id: ${{AWS_ACCESS_KEY_ID}}\n  secret_access_key: ${{AWS_SECRET_ACCESS_KEY}}\n  path_prefix: data/\n  \
                 parser: {{type: csv, columns: [{{name: code, type: string}}]}}\n\
                 filters:\n- type: sql\n  query: SELECT input.code, name, hits FROM input JOIN geo ON input.code = geo.code \
                 JOIN hits ON input.code = hits.code ORDER BY code, hits\n  tables:\n    geo: {{path: '{geo}', columns: {{code: string}}}}\n    \
                 hits: {{path: 's3://${{S3_BUCKET}}/lookup/table_hits_*.csv', columns: {{code: string}}}}\nout: {{partition_by: none}}\n"
            ),
        )
    };
    let missing = job("s3://${S3_BUCKET}/lookup/table_gone.csv");
    let failed = workplace
        .issuing(&missing, &[])
        .s3(&proxy.endpoint(), bucket.name())
        .run();
    assert!(failed.stderr.contains("table_gone.csv"), "{failed}");
    assert!(failed.stderr.contains("filters[0]"), "{failed}");
    assert_eq!(proxy.count(RequestKind::Get), 0, "nothing of the input was fetched");
    let found = job("s3://${S3_BUCKET}/lookup/table_geo.csv.gz");
    workplace
        .issuing(&found, &[])
        .s3(&proxy.endpoint(), bucket.name())
        .run()
        .succeeded();
    assert_eq!(
        workplace.query("SELECT * FROM d.t ORDER BY code, hits"),
        "code,name,hits\n049,Germany,7\n049,Germany,10\n81,Japan,5\n"
    );
    // Memory for such files has a limit.
    let limited = workplace
        .issuing(&found, &[])
        .set("exec.memory_limit=100")
        .s3(&proxy.endpoint(), bucket.name());
    limited
        .run()
        .exited_with(2)
        .said(&["take more memory than there is for them: 25 bytes"]);
    // A job on local files has no credentials for a bucket.
    let local = workplace.write("in/1.csv", "049\n");
    let found = fs::read_to_string(&found).unwrap();
    let job = format!(
        "in: {{type: file, path_prefix: '{local}', parser: {{type: csv, columns: [{{name: code, type: string}}]}}}}\n{}",
        &found[found.find("filters:").unwrap()..]
    );
    let job = workplace.write("local.yml", job);
    let refused = workplace.issuing(&job, &[]).s3(&proxy.endpoint(), bucket.name()).run();
    refused
        .exited_with(2)
        .said(&["is in a bucket, and the input is not", "`in.type` must be `s3`"]);
}

#[test]
fn dedup_fits_into_little_memory_with_the_records_that_it_takes_along() {
    let workplace = Workplace::new();
    let text = "t".repeat(150);
    let rows: String = (0..60_000_u64)
        .map(|row| {
            format!(
                "{},{}\n",
                row * 7919 % 20_000,
                if row == 59_000 {
                    "x".to_owned()
                } else {
                    format!("{row},{text}")
                }
            )
        })
        .collect();
    let rows = rows.replace(",x\n", &format!(",x,{text}\n"));
    let path = workplace.write("rows.csv", rows);
    let job = workplace.write(
        "dedup.yml",
        format!(
            "in: {{type: file, path_prefix: '{path}', parser: {{type: csv, columns: [{{name: id, type: long}}, {{name: n, type: string}}, \
             {{name: text, type: string}}]}}}}\nfilters: [{{type: dedup, columns: [id], keep: last, by: n}}, {{type: cast, columns: {{n: long}}}}]\n\
             out: {{partition_by: none}}\nexec: {{memory_limit: 64MiB, max_threads: 2}}\n"
        ),
    );
    let report = workplace.issuing(&job, &[]).run().succeeded().json();
    assert_eq!(
        report["rows"],
        json!({"read": 60_000, "rejected": 1, "filtered": 40_000, "written": 19_999})
    );
    let line = workplace.query("SELECT line, length(record) > 150 AS is_whole FROM d.t__rejects");
    assert_eq!(line, "line,is_whole\n59001,true\n");
}

#[test]
fn rows_are_shown_after_each_filter_and_the_filters_by_their_names() {
    let workplace = Workplace::new();
    let job = job(
        &workplace,
        "steps",
        "1,a\n2,b\n",
        "filters:\n- {type: row, where: id > 1 AND _row_number > 0}\n- {type: digest, columns: [{name: name, algorithm: MD5}]}\n\
         - {type: drop_columns, columns: [id]}\nout: {partition_by: none, time_value: {value: 0}}\n",
    );
    let after = |number: &str| {
        let shown = workplace
            .bucketload(["preview", &job, "--after", number, "--format", "csv"])
            .run();
        shown.succeeded().stdout
    };
    assert_eq!(after("0"), "id,name\n1,a\n2,b\n");
    assert_eq!(after("1"), "id,name\n2,b\n");
    assert_eq!(after("2"), "id,name\n2,92eb5ffee6ae2fec3ad71c777531578f\n");
    assert_eq!(after("3"), "name\n92eb5ffee6ae2fec3ad71c777531578f\n");
    workplace
        .bucketload(["preview", &job, "--after", "4"])
        .run()
        .exited_with(2)
        .said(&["rows after 4 filters cannot be shown: the job has 3 filters"]);
    let explained = workplace
        .bucketload(["explain", &job, "--json"])
        .run()
        .succeeded()
        .json();
    assert_eq!(
        explained["filters"],
        json!([
            {"type": "row", "columns": ["id", "name"]},
            {"type": "digest", "columns": ["id", "name"]},
            {"type": "drop_columns", "columns": ["name"]},
        ])
    );
    let plan = explained["plan"].as_str().unwrap();
    assert!(
        plan.contains("projection=[name, __hidden_row_number], where=[id > 1]"),
        "{plan}"
    );
    let shown = workplace.bucketload(["explain", &job]).run().succeeded().stdout;
    assert!(
        shown.contains(
            "filters    0 row -> id name\n           1 digest -> id name\n           2 drop_columns -> name\n"
        ),
        "{shown}"
    );
}

/// Nothing that a job prints or stores holds the key of a keyed digest, wherever the key comes from and however the job ends.
#[test]
fn keys_of_digests_appear_nowhere() {
    const KEY: &str = "hush-hush-27-key";
    let workplace = Workplace::new();
    let key_file = workplace.write("key", format!("{KEY}\n"));
    let mut digests = Vec::new();
    for key in [
        "secret_key: '${secret:HASH_KEY}'",
        "secret_key: '${env:HASH_KEY}'",
        &format!("key_file: '{key_file}'"),
    ] {
        let filters = format!(
            "filters:\n- {{type: hash, columns: [{{name: name, algorithm: HmacSHA256, {key}}}]}}\n\
             - {{type: sql, where: \"name <> 'x'\"}}\nout: {{partition_by: none}}\n"
        );
        let good = job(&workplace, "good", "1,a\n", &filters);
        let wrong = job(
            &workplace,
            "wrong",
            "1,a\n",
            &filters.replace("name <> 'x'", "nmae <> 'x'"),
        );
        let failing = job(&workplace, "failing", "x,a\n", &filters);
        let run = |arguments: &[&str]| {
            let finished = workplace.bucketload(arguments).env("HASH_KEY", KEY).run();
            for printed in [&finished.stdout, &finished.stderr] {
                assert!(!printed.contains(KEY), "the key was printed: {finished}");
            }
            finished
        };
        run(&["explain", &good, "-vv"]).succeeded();
        run(&["explain", &good, "--json"]).succeeded();
        run(&["preview", &good, "-vv"]).succeeded();
        run(&["explain", &wrong, "-vv"]).exited_with(2);
        let load = |job: &str, more: &[&str]| {
            let issue = [
                "issue",
                job,
                "--database",
                "d",
                "--table",
                "t",
                "--auto-create-table",
                "--json",
                "-vv",
            ];
            run(&[&issue, more].concat())
        };
        load(&good, &[]).succeeded();
        load(&failing, &["--set", "in.parser.on_error=fail"]).exited_with(1);
        digests.push(workplace.query("SELECT DISTINCT name FROM d.t"));
    }
    assert!(digests.iter().all(|digest| *digest == digests[0]), "{digests:?}");
    let stored = workplace
        .stored_files()
        .into_iter()
        .map(|file| workplace.warehouse().join(file));
    let state = ["state.db", "state.db-wal"].map(|file| workplace.path(file));
    for file in stored.chain(state.into_iter().filter(|file| file.exists())) {
        let bytes = std::fs::read(&file).unwrap();
        let holds_key = bytes.windows(KEY.len()).any(|bytes| bytes == KEY.as_bytes());
        assert!(!holds_key, "{} holds the key", file.display());
    }
    let missing = job(
        &workplace,
        "missing",
        "1,a\n",
        "filters: [{type: hash, columns: [{name: name, algorithm: HmacMD5, key_file: nowhere/key}]}]\n",
    );
    workplace.bucketload(["explain", &missing]).run().exited_with(2).said(&[
        "filters[0]",
        "the key file `nowhere/key` of column `name` cannot be read",
    ]);
    let in_sql = job(
        &workplace,
        "in_sql",
        "1,a\n",
        "filters: [{type: row, where: \"name <> '${secret:HASH_KEY}'\"}]\n",
    );
    let refused = workplace.bucketload(["explain", &in_sql]).env("HASH_KEY", KEY).run();
    assert!(!refused.stderr.contains(KEY), "{refused}");
    refused.exited_with(2).said(&["filters.0.where", "cannot stand in SQL"]);
}

//! Files whose columns differ from each other and from the configuration, beyond what a case can show.

use bucketload_tests::bucket::Bucket;
use bucketload_tests::bucketload::Workplace;
use bucketload_tests::proxy::{Proxy, RequestKind};
use bucketload_tests::servers;

/// A job over the folder `input` of the workplace, with a long column `id`, that adds new columns.
fn adding_job(workplace: &Workplace) -> String {
    let folder = workplace.path("input/").display().to_string();
    std::fs::create_dir_all(&folder).unwrap();
    workplace.write(
        "load.yml",
        format!(
            "in: {{type: file, path_prefix: {folder}, parser: {{type: csv, header: by_name, on_new_columns: add, comment_line_marker: '#', \
             columns: [{{name: id, type: long}}]}}}}\nout: {{partition_by: none}}\n"
        ),
    )
}

#[test]
fn a_header_far_into_its_file_is_found() {
    let workplace = Workplace::new();
    let job = adding_job(&workplace);
    workplace.write("input/far.csv", "# preamble\n".repeat(10_000) + "note,id\nn,1\n");
    workplace.issue(&job, &[]);
    assert_eq!(workplace.query("SELECT id, note FROM d.t"), "id,note\n1,n\n");
}

#[test]
fn a_table_takes_the_new_columns_of_a_later_load() {
    let workplace = Workplace::new();
    let job = adding_job(&workplace);
    workplace.write("input/1.csv", "id,a\n1,x\n");
    let report = workplace.issue(&job, &[]);
    workplace.write("input/2.csv", "b,id\ny,2\n");
    let last_path = report["next"]["in"]["last_path"].as_str().unwrap();
    workplace.issue(&job, &["--set", &format!("in.last_path={last_path}")]);
    assert_eq!(
        workplace.query("SELECT id, a, b FROM d.t ORDER BY id"),
        "id,a,b\n1,x,\n2,,y\n"
    );
}

#[test]
fn a_new_column_of_another_type_than_the_tables_is_refused() {
    let workplace = Workplace::new();
    let job = adding_job(&workplace);
    workplace.write("input/1.csv", "id,a\n1,2\n");
    workplace.issue(
        &job,
        &[
            "--set",
            "in.parser.columns=[{name: id, type: long}, {name: a, type: long}]",
        ],
    );
    let refused = workplace.issuing(&job, &[]).run().exited_with(2);
    assert!(
        refused
            .error_line()
            .contains("column `a` is long in table `d.t` and string in this load"),
        "{refused}"
    );
    assert_eq!(workplace.num_rows(), 1);
}

#[test]
fn a_preview_shows_new_columns() {
    let workplace = Workplace::new();
    let job = adding_job(&workplace);
    workplace.write("input/1.csv", "id,a\n1,x\n");
    let shown = workplace
        .bucketload(["preview", &job, "--json"])
        .run()
        .succeeded()
        .json();
    assert_eq!(shown["rows"][0][1], "x");
    let members = workplace.write("members.jsonl", "{\"id\":1}\n{\"id\":2,\"b\":[1]}\n");
    let jsonl = [
        format!("in.path_prefix={members}"),
        "in.parser={type: jsonl, on_new_columns: add, columns: [{name: id, type: long}]}".to_owned(),
    ];
    let shown = workplace
        .bucketload(["preview", &job, "--json"])
        .set(&jsonl[0])
        .set(&jsonl[1])
        .run()
        .succeeded()
        .json();
    assert_eq!(shown["columns"][1]["name"], "b");
    assert_eq!(shown["rows"][1][1], "[1]");
}

#[test]
fn a_name_that_a_metadata_column_has_is_refused() {
    let workplace = Workplace::new();
    let job = adding_job(&workplace);
    workplace.write("input/1.csv", "id,source\n1,x\n");
    workplace
        .issuing(&job, &["--set", "in.metadata_columns={_file_name: source}"])
        .run()
        .exited_with(2)
        .said(&["a file has a column `source`, the name of a metadata column"]);
}

#[test]
fn headers_of_added_columns_cost_one_request_for_each_file() {
    let bucket = Bucket::new(servers::seaweedfs());
    for number in 0..5 {
        bucket.put(&format!("data/{number}.csv"), format!("id,c{number}\n{number},x\n"));
    }
    let proxy = Proxy::start(bucket.server().address());
    let workplace = Workplace::new();
    let job = workplace.write(
        "s3.yml",
        "in: {type: s3, endpoint: '${S3_ENDPOINT}', region: us-east-1, bucket: '${S3_BUCKET}', path_prefix: data/, \
         access_key_id: '${AWS_ACCESS_KEY_ID}', secret_access_key: '${AWS_SECRET_ACCESS_KEY}', \
         parser: {type: csv, header: by_name, on_new_columns: add, columns: [{name: id, type: long}]}}\n\
         out: {partition_by: none}\n",
    );
    workplace
        .issuing(&job, &[])
        .s3(&proxy.endpoint(), bucket.name())
        .run()
        .succeeded();
    assert_eq!(proxy.count(RequestKind::Get), 10, "{:#?}", proxy.requests());
    assert_eq!(workplace.number("SELECT count(c4) FROM d.t WHERE c3 IS NULL"), 1);
}

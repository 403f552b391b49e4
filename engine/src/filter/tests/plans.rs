//! What plans of filters leave undone, and that they give what DataFusion gives.

use super::*;
use crate::filter::rules::Keep;

/// The columns of a log, some of them wide.
fn logs() -> RecordBatch {
    let documents = [
        Some(r#"{"a":1,"b":{"c":"x"}}"#),
        Some(r#"{"a":2}"#),
        None,
        Some(r#"{"b":{"c":"y"}}"#),
    ];
    batch(vec![
        (
            "at",
            ColumnType::Timestamp,
            times(&[Some(0), Some(3_600_000_000), Some(10), None]),
        ),
        (
            "path",
            ColumnType::String,
            texts(&[Some("/a"), Some("/b"), Some("/a"), Some("/c")]),
        ),
        (
            "status",
            ColumnType::Long,
            longs(&[Some(200), Some(404), Some(200), None]),
        ),
        (
            "agent",
            ColumnType::String,
            texts(&[Some("m"), None, Some("n"), Some("m")]),
        ),
        ("payload", ColumnType::Json, texts(&documents)),
    ])
}

/// The physical plan, without what it does not share with other machines.
fn plan_of(rules: &[FilterRule]) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let job = Job::new(1);
        let frame = job.apply(vec![logs()], rules).await.unwrap();
        let plan = frame.create_physical_plan().await.unwrap();
        displayable(plan.as_ref()).indent(false).to_string()
    })
}

#[test]
fn columns_that_nobody_needs_are_not_read() {
    insta::assert_snapshot!(plan_of(&[
        FilterRule::Digest(DigestRule { columns: vec![digest("agent", DigestAlgorithm::Md5)] }),
        cast(&[("status", ColumnType::String)]),
        select("path, status"),
    ]), @r#"
    ProjectionExec: expr=[path@0 as path, __filter1_0@2 as status]
      ConvertExec: Convert: filters[1] (cast) status -> string
        DataSourceExec: partitions=1, partition_sizes=[1]
    "#);
}

#[test]
fn a_document_is_parsed_once_for_all_its_members() {
    let members = [
        ("a", ColumnType::Long),
        ("b", ColumnType::Json),
        ("b.c", ColumnType::String),
        ("d", ColumnType::Double),
        ("e", ColumnType::Boolean),
    ];
    let plan = plan_of(&[FilterRule::ExpandJson(expand(&members)), keep(&["a", "b.c"])]);
    assert_eq!(plan.matches("ConvertExec").count(), 1);
    insta::assert_snapshot!(plan, @r#"
    ProjectionExec: expr=[__filter0_0@1 as a, __filter0_2@3 as b.c]
      ConvertExec: Convert: filters[0] (expand_json) payload -> long json string double boolean
        DataSourceExec: partitions=1, partition_sizes=[1]
    "#);
}

#[test]
fn constants_are_no_columns_until_the_end() {
    insta::assert_snapshot!(plan_of(&[
        add(vec![constant("source", ColumnType::String, "web"), constant("weight", ColumnType::Double, "1.5")]),
        columns(vec![entry("path"), entry("source"), entry("weight")]),
    ]), @r#"
    ProjectionExec: expr=[path@0 as path, web as source, 1.5 as weight]
      DataSourceExec: partitions=1, partition_sizes=[1]
    "#);
}

#[test]
fn rows_are_chosen_before_their_columns_are_worked_on() {
    insta::assert_snapshot!(plan_of(&[
        FilterRule::Digest(DigestRule { columns: vec![digest("agent", DigestAlgorithm::Md5)] }),
        add(vec![constant("source", ColumnType::String, "web")]),
        condition("status = 200"),
        keep(&["path", "agent", "source"]),
    ]), @r#"
    ProjectionExec: expr=[path@0 as path, digest_md5(agent@1) as agent, web as source]
      FilterExec: status@1 = 200, projection=[path@0, agent@2]
        DataSourceExec: partitions=1, partition_sizes=[1]
    "#);
}

#[test]
fn a_condition_waits_for_the_records_to_be_judged() {
    insta::assert_snapshot!(plan_of(&[
        FilterRule::ExpandJson(expand(&[("a", ColumnType::Long)])),
        condition("status = 200"),
        keep(&["a"]),
    ]), @r#"
    ProjectionExec: expr=[__filter0_0@0 as a]
      FilterExec: status@0 = 200, projection=[__filter0_0@1]
        ProjectionExec: expr=[status@0 as status, __filter0_0@2 as __filter0_0]
          ConvertExec: Convert: filters[0] (expand_json) payload -> long
            DataSourceExec: partitions=1, partition_sizes=[1]
    "#);
}

/// The rows of a filter, and of a query by DataFusion alone, in one order.
async fn both(rules: &[FilterRule], query: &str) -> (Vec<String>, Vec<String>) {
    let lines = |batches: &[RecordBatch]| {
        let text = pretty_format_batches(batches).unwrap().to_string();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let job = Job::new(2);
    let filtered = job
        .apply(vec![logs(), logs()], rules)
        .await
        .unwrap()
        .collect()
        .await
        .unwrap();
    let context = SessionContext::new();
    register_functions(&mut context.clone()).unwrap();
    let table = MemTable::try_new(logs().schema(), vec![vec![logs()], vec![logs()]]).unwrap();
    context.register_table("input", Arc::new(table)).unwrap();
    let asked = context.sql(query).await.unwrap().collect().await.unwrap();
    (lines(&filtered), lines(&asked))
}

#[tokio::test]
async fn filters_give_what_datafusion_gives() {
    let dedup = FilterRule::Dedup(DedupRule {
        columns: names(&["path"]),
        order: Some(DedupOrder {
            by: "at".to_owned(),
            keep: Keep::Last,
        }),
    });
    let top = "SELECT hour, path, hits FROM (SELECT *, row_number() OVER (PARTITION BY hour ORDER BY hits DESC, path) AS place FROM \
               (SELECT date_trunc('hour', at) AS hour, path, count(*) AS hits FROM input GROUP BY 1, 2)) WHERE place <= 1";
    for (rules, asked) in [
        (
            vec![FilterRule::Row(RowRule {
                where_clause: "status = 200 OR agent IS NULL".to_owned(),
            })],
            "SELECT * FROM input WHERE status = 200 OR agent IS NULL",
        ),
        (
            vec![dedup, keep(&["path", "at"])],
            "SELECT max(at) AS at, path FROM input GROUP BY path",
        ),
        (vec![query(top)], top),
        (
            vec![
                FilterRule::ExpandJson(expand(&[("a", ColumnType::Long), ("b.c", ColumnType::String)])),
                keep(&["a", "b.c"]),
            ],
            "SELECT CAST(json_get(payload, '$.a') AS BIGINT) AS a, json_get(payload, '$.b.c') AS \"b.c\" FROM input",
        ),
        (
            vec![
                add(vec![
                    constant("source", ColumnType::String, "web"),
                    sourced("again", "path"),
                ]),
                drop_columns(&["payload", "at"]),
            ],
            "SELECT path, status, agent, 'web' AS source, path AS again FROM input",
        ),
        (
            vec![
                FilterRule::Digest(DigestRule {
                    columns: vec![digest("agent", DigestAlgorithm::Sha256)],
                }),
                keep(&["agent"]),
            ],
            "SELECT encode(sha256(agent), 'hex') AS agent FROM input",
        ),
        (
            vec![cast(&[("status", ColumnType::Double)]), keep(&["status"])],
            "SELECT CAST(status AS DOUBLE) AS status FROM input",
        ),
    ] {
        let (filtered, expected) = both(&rules, asked).await;
        assert_eq!(filtered, expected, "{asked}");
        assert!(filtered.len() > 4, "{asked}");
    }
}

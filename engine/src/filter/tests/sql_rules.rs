//! Filters that are SQL.

use super::*;

fn visits() -> RecordBatch {
    batch(vec![
        ("Status", ColumnType::Long, longs(&[Some(200), Some(304), None])),
        (
            "userId",
            ColumnType::String,
            texts(&[Some("u1"), Some("u2"), Some("u3")]),
        ),
        (
            "payload",
            ColumnType::Json,
            texts(&[Some(r#"{"k":{"n":1}}"#), Some(r#"{"k":"v"}"#), None]),
        ),
    ])
}

#[test]
fn names_with_upper_case_need_no_quotes() {
    check(
        visits(),
        &[sql(SqlText::Clauses {
            where_clause: Some("Status <> 304 -- not modified".to_owned()),
            select: Some("*, UPPER(userId) AS Shouted, input.Status / 100 AS class".to_owned()),
        })],
        r#"
            +--------+--------+---------------+---------+-------+
            | Status | userId | payload       | Shouted | class |
            +--------+--------+---------------+---------+-------+
            | 200    | u1     | {"k":{"n":1}} | U1      | 2     |
            +--------+--------+---------------+---------+-------+
            Status:long userId:string payload:json Shouted:string class:long"#,
    );
}

#[test]
fn types_become_those_of_the_configuration() {
    check(
        visits(),
        &[
            select(
                "CAST(1 AS INT) AS i, CAST(1.5 AS DECIMAL(5,2)) AS d, DATE '2015-01-02' AS day, length(userId) AS n, \
             CAST(userId AS VARCHAR) AS s, NULL AS nothing, to_timestamp('2015-01-02T03:04:05') AS ts",
            ),
            query("SELECT * FROM input LIMIT 1"),
        ],
        "
            +---+-----+----------------------+---+----+---------+----------------------+
            | i | d   | day                  | n | s  | nothing | ts                   |
            +---+-----+----------------------+---+----+---------+----------------------+
            | 1 | 1.5 | 2015-01-02T00:00:00Z | 2 | u1 |         | 2015-01-02T03:04:05Z |
            +---+-----+----------------------+---+----+---------+----------------------+
            i:long d:double day:timestamp n:long s:string nothing:string ts:timestamp",
    );
}

#[test]
fn each_filter_has_its_own_input() {
    check(
        visits(),
        &[
            query("SELECT userId AS name, payload AS p FROM input WHERE userId > 'u1'"),
            query(
                "WITH counted AS (SELECT count(*) AS n FROM input) SELECT name, n, p FROM input, counted ORDER BY name DESC",
            ),
        ],
        r#"
            +------+---+-----------+
            | name | n | p         |
            +------+---+-----------+
            | u3   | 2 |           |
            | u2   | 2 | {"k":"v"} |
            +------+---+-----------+
            name:string n:long p:json"#,
    );
}

#[test]
fn helper_functions_work_in_sql() {
    check(
        visits(),
        &[select(
            "json_get(payload, '$.k') AS k, json_get(payload, '$.k.n') AS n, as_json('[1]') AS j, as_json(userId) AS u, \
             parse_timestamp('2015-03-31 06:12:37', '%Y-%m-%d %H:%M:%S') AS t, \
             parse_timestamp(userId, '%Y-%m-%d', 'UTC') AS nothing",
        )],
        r#"
            +---------+---+-----+----+----------------------+---------+
            | k       | n | j   | u  | t                    | nothing |
            +---------+---+-----+----+----------------------+---------+
            | {"n":1} | 1 | [1] | u1 | 2015-03-31T06:12:37Z |         |
            | v       |   | [1] | u2 | 2015-03-31T06:12:37Z |         |
            |         |   | [1] | u3 | 2015-03-31T06:12:37Z |         |
            +---------+---+-----+----+----------------------+---------+
            k:string n:string j:json u:json t:timestamp nothing:timestamp"#,
    );
}

#[test]
fn errors_have_their_place_in_the_text() {
    for (rule, expected) in [
        (
            condition("Status > 1 AND\n  user_Id = 'x'"),
            "column `user_Id` not found at `where` line 2, column 3; hint: did you mean `userId`?",
        ),
        (
            select("staus"),
            "column `staus` not found at `select` line 1, column 1; hint: did you mean `Status`?",
        ),
        (
            query("SELECT nothing_like_it FROM input"),
            "column `nothing_like_it` not found at `query` line 1, column 8",
        ),
        (
            condition("Status >"),
            "cannot parse the SQL: expected: an expression, found: ) at `where` line 2, column 1",
        ),
        (
            query("SELECT * FROM other"),
            "table 'datafusion.public.other' not found at `query` line 1, column 15; hint: the only table is `input`; a file is named \
             in `tables`, a table of the warehouse is `DATABASE.TABLE`",
        ),
        (
            query("SELECT * FROM input LIMIT -1"),
            "`LIMIT` must be at least 0, not `-1`",
        ),
        (
            query("SELECT * FROM (SELECT * FROM input LIMIT 1 OFFSET 1 - 2)"),
            "`OFFSET` must be at least 0, not `-1`",
        ),
        (
            query("DROP TABLE input"),
            "only a query can be a filter: `SELECT ... FROM input`",
        ),
        (
            query("EXPLAIN SELECT 1"),
            "only a query can be a filter: `SELECT ... FROM input`",
        ),
        (
            query("CREATE TABLE t AS SELECT 1"),
            "only a query can be a filter: `SELECT ... FROM input`",
        ),
        (
            query("INSERT INTO input SELECT * FROM input"),
            "only a query can be a filter: `SELECT ... FROM input`",
        ),
        (
            query("COPY input TO 'x.csv'"),
            "only a query can be a filter: `SELECT ... FROM input`",
        ),
        (
            query("SET datafusion.execution.batch_size = 1"),
            "only a query can be a filter: `SELECT ... FROM input`",
        ),
        (
            query("SELECT Status AS a, userId AS a FROM input"),
            "projections require unique expression names but the expression `input.Status AS a` at position 0 and \
             `input.userId AS a` at position 1 have the same name; hint: name the columns with `AS`",
        ),
        (
            select("[Status] AS list"),
            "column `list` has the type `List(Int64)`, which no column can have; hint: make it one of boolean, long, \
             double, string and timestamp",
        ),
        (
            select("json_get(payload, 'k') AS k"),
            "`json_get`: path `k` does not start with `$`",
        ),
        (
            select("json_get(payload, userId) AS k"),
            "`json_get`: needs constants after its first argument: a path",
        ),
    ] {
        check(
            visits(),
            &[keep(&["Status", "userId", "payload"]), rule],
            &format!("error: filters[1] (sql): {expected}"),
        );
    }
}

#[tokio::test]
async fn session_keeps_its_tables_to_itself_and_gets_none_of_ours() {
    let job = Job::new(1);
    let table = MemTable::try_new(visits().schema(), vec![vec![]]).unwrap();
    job.context.register_table("secret", Arc::new(table)).unwrap();
    let error = job
        .apply(vec![visits()], &[query("SELECT * FROM secret")])
        .await
        .unwrap_err();
    assert!(error.to_string().contains("not found"), "{error}");
    job.apply(vec![visits()], &[condition("Status = 200")]).await.unwrap();
    assert!(!job.context.table_exist("input").unwrap());
    assert!(job.context.table_exist("secret").unwrap());
}

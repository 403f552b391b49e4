//! What SQL sees besides the rows: files, tables of the warehouse, metadata columns.

use super::*;
use crate::filter::rules::hidden::hidden_name;
use datafusion::dataframe::DataFrameWriteOptions;
use std::path::Path;
use tempfile::TempDir;

fn visits() -> RecordBatch {
    batch(vec![
        (
            "zip",
            ColumnType::String,
            texts(&[Some("01"), Some("2"), Some("3"), None]),
        ),
        ("hits", ColumnType::Long, longs(&[Some(1), Some(2), Some(3), Some(4)])),
    ])
}

fn with_tables(query: &str, tables: Vec<(&str, LookupFile)>) -> FilterRule {
    FilterRule::Sql(SqlRule {
        text: SqlText::Query(query.to_owned()),
        tables: tables.into_iter().map(|(name, file)| (name.to_owned(), file)).collect(),
    })
}

fn lookup(folder: &Path, name: &str, format: LookupFormat) -> LookupFile {
    LookupFile {
        path: folder.join(name).display().to_string(),
        format,
        columns: Vec::new(),
    }
}

const CSV: LookupFormat = LookupFormat::Csv { delimiter: b',' };
const JOIN: &str = "SELECT hits, City FROM input LEFT JOIN geo ON input.zip = geo.zip ORDER BY hits";

#[test]
fn rows_are_joined_with_files_of_each_format() {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("geo.csv", "zip,City\n01,Ulm\n2,\"Bad, Ems\"\n");
    write("geo.txt", "zip\tCity\n01\tUlm\n2\tBad, Ems\n");
    write(
        "lines.json",
        "{\"zip\":\"01\",\"City\":\"Ulm\"}\n{\"zip\":\"2\",\"City\":\"Bad, Ems\"}\n",
    );
    write(
        "array.json",
        " [{\"zip\":\"01\",\"City\":\"Ulm\"},\n{\"zip\":\"2\",\"City\":\"Bad, Ems\"}]",
    );
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let geo = batch(vec![
            ("zip", ColumnType::String, texts(&[Some("01"), Some("2")])),
            ("City", ColumnType::String, texts(&[Some("Ulm"), Some("Bad, Ems")])),
        ]);
        let rows = SessionContext::new().read_batch(geo).unwrap();
        let path = folder.path().join("geo.parquet");
        rows.write_parquet(path.to_str().unwrap(), DataFrameWriteOptions::new(), None)
            .await
            .unwrap();
    });
    for (name, format) in [
        ("geo.csv", CSV),
        ("geo.txt", LookupFormat::Csv { delimiter: b'\t' }),
        ("lines.json", LookupFormat::Json),
        ("array.json", LookupFormat::Json),
        ("geo.parquet", LookupFormat::Parquet),
    ] {
        let mut file = lookup(folder.path(), name, format);
        if matches!(format, LookupFormat::Csv { .. }) {
            file.columns = vec![("zip".to_owned(), ColumnType::String)];
        }
        check(
            visits(),
            &[with_tables(JOIN, vec![("geo", file)])],
            "
            +------+----------+
            | hits | City     |
            +------+----------+
            | 1    | Ulm      |
            | 2    | Bad, Ems |
            | 3    |          |
            | 4    |          |
            +------+----------+
            hits:long City:string",
        );
    }
}

#[test]
fn errors_of_files_name_the_table_and_the_file() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("geo.csv"), "zip,City\n01,Ulm\n").unwrap();
    std::fs::write(folder.path().join("bad.parquet"), "no parquet").unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let typed = LookupFile {
        columns: vec![("ziip".to_owned(), ColumnType::String)],
        ..lookup(folder.path(), "geo.csv", CSV)
    };
    for (table, expected) in [
        (
            ("geo", lookup(folder.path(), "nope.csv", CSV)),
            format!(
                "there is no file `{}` for the table `geo`; hint: a relative path starts at the working directory",
                path("nope.csv")
            ),
        ),
        (
            ("input", lookup(folder.path(), "geo.csv", CSV)),
            "`tables` cannot hold a table `input`, that is the rows of the filter".to_owned(),
        ),
        (
            ("geo", typed),
            format!("the file `{}` of the table `geo` has no column `ziip`; hint: did you mean `zip`?", path("geo.csv")),
        ),
        (
            ("town", lookup(folder.path(), "geo.csv", CSV)),
            "table 'datafusion.public.geo' not found at `query` line 1, column 40; hint: there are `input` and `town`; a table \
             of the warehouse is `DATABASE.TABLE`"
                .to_owned(),
        ),
    ] {
        let expected = format!("error: filters[0] (sql): {expected}");
        check(visits(), &[with_tables(JOIN, vec![table])], &expected);
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let bad = lookup(folder.path(), "bad.parquet", LookupFormat::Parquet);
    let error = runtime.block_on(outcome(visits(), &[with_tables(JOIN, vec![("geo", bad)])]));
    let expected = format!(
        "the file `{}` of the table `geo` cannot be read as parquet: ",
        path("bad.parquet")
    );
    assert!(error.contains(&expected), "{error}");
}

#[tokio::test]
async fn tables_of_the_warehouse_are_named_by_their_filters_and_found() {
    let mut job = Job::new(1);
    let filters = [
        keep(&["zip", "hits"]),
        condition("zip IN (SELECT zip FROM crm.users)"),
        query("WITH one AS (SELECT * FROM crm.users) SELECT count(*) AS n FROM input JOIN \"web-2\".hits ON true JOIN one ON true"),
        query("SELECT nonsense FROM"),
    ]
    .map(Filter::from);
    let named = warehouse_tables(&job.context, &filters);
    let expected = [(1, "crm", "users"), (2, "web-2", "hits")];
    assert_eq!(
        named,
        expected.map(|(index, database, table)| (index, database.to_owned(), table.to_owned()))
    );
    let users = batch(vec![("zip", ColumnType::String, texts(&[Some("3")]))]);
    let users = MemTable::try_new(users.schema(), vec![vec![users]]).unwrap();
    job.surroundings
        .tables
        .insert(("crm".to_owned(), "users".to_owned()), Arc::new(users));
    let frame = job
        .apply(vec![visits()], &[condition("zip IN (SELECT zip FROM crm.users)")])
        .await
        .unwrap();
    let rows = pretty_format_batches(&frame.collect().await.unwrap())
        .unwrap()
        .to_string();
    assert_eq!(rows.lines().filter(|line| line.contains("| 3 ")).count(), 1, "{rows}");
    assert_eq!(rows.lines().count(), 5, "{rows}");
}

/// Rows with a hidden column.
fn hiding() -> RecordBatch {
    let name = hidden_name("_file_name");
    batch(vec![
        ("Id", ColumnType::Long, longs(&[Some(1), Some(2)])),
        (&name, ColumnType::String, texts(&[Some("a"), Some("b")])),
        ("text", ColumnType::String, texts(&[Some("x"), Some("y")])),
    ])
}

#[test]
fn hidden_columns_are_seen_by_who_names_them_and_by_nobody_else() {
    check(
        hiding(),
        &[],
        "
        +----+------+
        | Id | text |
        +----+------+
        | 1  | x    |
        | 2  | y    |
        +----+------+
        Id:long text:string",
    );
    // Whatever rules come between, as long as they choose no columns by SQL.
    check(
        hiding(),
        &[
            condition("_file_name <> 'a'"),
            cast(&[("Id", ColumnType::String)]),
            keep(&["Id"]),
            add(vec![constant("c", ColumnType::Long, "7")]),
            query("SELECT i.*, upper(_file_name) AS source, i.Id AS again FROM input AS i"),
        ],
        "
        +----+---+--------+-------+
        | Id | c | source | again |
        +----+---+--------+-------+
        | 2  | 7 | B      | 2     |
        +----+---+--------+-------+
        Id:string c:long source:string again:string",
    );
    check(
        hiding(),
        &[query(
            "SELECT i.*, j.text AS other, j._file_name AS f FROM input i JOIN input AS j USING (Id) WHERE i._file_name = 'b'",
        )],
        "
        +----+------+-------+---+
        | Id | text | other | f |
        +----+------+-------+---+
        | 2  | y    | y     | b |
        +----+------+-------+---+
        Id:long text:string other:string f:string",
    );
    check(
        hiding(),
        &[query(
            "SELECT * EXCLUDE (text) FROM (SELECT * FROM input UNION ALL SELECT * FROM input) WHERE Id = 1",
        )],
        "
        +----+
        | Id |
        +----+
        | 1  |
        | 1  |
        +----+
        Id:long",
    );
}

#[test]
fn a_column_of_the_rows_wins_over_a_hidden_one() {
    check(
        hiding(),
        &[
            add(vec![constant("_file_name", ColumnType::String, "mine")]),
            select("Id, _file_name"),
        ],
        "
        +----+------------+
        | Id | _file_name |
        +----+------------+
        | 1  | mine       |
        | 2  | mine       |
        +----+------------+
        Id:long _file_name:string",
    );
}

#[test]
fn columns_chosen_by_sql_end_what_is_hidden() {
    check(
        hiding(),
        &[select("Id"), condition("_file_name = 'a'")],
        "error: filters[1] (sql): column `_file_name` not found at `where` line 1, column 1; hint: select it in the SQL filter before, or \
         add it to `in.metadata_columns`",
    );
}

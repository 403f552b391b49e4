//! SQL that users write on their logs: the filter gives what DataFusion by itself gives on the same rows.

use super::*;
use crate::filter::functions::register_functions;
use datafusion::prelude::CsvReadOptions;
use tempfile::TempDir;

/// Requests of some hours, spread over batches; ids repeat, and values are missing here and there.
fn requests() -> Vec<RecordBatch> {
    let hour = 3_600_000_000;
    (0..4_i64)
        .map(|part| {
            let rows = || (0..50_i64).map(move |row| part * 50 + row);
            let text =
                |make: fn(i64) -> Option<String>| -> ArrayRef { Arc::new(rows().map(make).collect::<StringArray>()) };
            batch(vec![
                (
                    "id",
                    ColumnType::Long,
                    Arc::new(rows().map(|row| Some(row * 7 % 60)).collect::<Int64Array>()),
                ),
                (
                    "time",
                    ColumnType::Timestamp,
                    times(
                        &rows()
                            .map(|row| Some(1_795_132_800_000_000 + row * row * hour / 700))
                            .collect::<Vec<_>>(),
                    ),
                ),
                (
                    "path",
                    ColumnType::String,
                    text(|row| (row % 17 > 0).then(|| format!("/p{}", row * row % 9))),
                ),
                (
                    "Country",
                    ColumnType::String,
                    text(|row| Some(["de", "jp", "us", "xx"][row as usize % 4].to_owned())),
                ),
                (
                    "bytes",
                    ColumnType::Long,
                    Arc::new(
                        rows()
                            .map(|row| (row % 11 > 0).then_some(row * 37 % 501))
                            .collect::<Int64Array>(),
                    ),
                ),
                (
                    "seconds",
                    ColumnType::Double,
                    Arc::new(rows().map(|row| Some(row as f64 / 8.0)).collect::<Float64Array>()),
                ),
                (
                    "items",
                    ColumnType::Json,
                    text(|row| {
                        let items: Vec<String> = (0..row % 4)
                            .map(|item| format!(r#"{{"sku":"s{item}","n":{row}}}"#))
                            .collect();
                        (row % 5 > 0).then(|| format!("[{}]", items.join(",")))
                    }),
                ),
            ])
        })
        .collect()
}

const STATEMENTS: &[&str] = &[
    // The most requested paths of each hour.
    "SELECT hour, path, hits FROM (SELECT *, row_number() OVER (PARTITION BY hour ORDER BY hits DESC, path) AS place FROM \
     (SELECT date_trunc('hour', time) AS hour, path, count(*) AS hits FROM input GROUP BY 1, 2)) WHERE place <= 2",
    // Joins with a file.
    "SELECT path, geo.name AS country, bytes FROM input LEFT JOIN geo ON \"Country\" = geo.code",
    "SELECT geo.name AS country, count(*) AS hits, sum(bytes) AS bytes FROM input JOIN geo ON \"Country\" = geo.code GROUP BY geo.name",
    "SELECT id FROM input WHERE \"Country\" NOT IN (SELECT code FROM geo)",
    "SELECT geo.code AS code FROM geo WHERE NOT EXISTS (SELECT 1 FROM input WHERE \"Country\" = geo.code)",
    // The last row of each id, in three spellings.
    "SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY id ORDER BY time DESC, seconds) AS place FROM input) WHERE place = 1",
    "SELECT DISTINCT ON (id) id, time, path FROM input ORDER BY id, time DESC, seconds",
    "SELECT id, last_value(path ORDER BY time, seconds) AS path, max(time) AS time FROM input GROUP BY id",
    // The elements of JSON arrays as rows.
    "SELECT id, json_get(item, '$.sku') AS sku, TRY_CAST(json_get(item, '/n') AS BIGINT) AS n \
     FROM (SELECT id, unnest(json_elements(items)) AS item FROM input)",
    "SELECT sku, count(*) AS times FROM (SELECT json_get(unnest(json_elements(items)), '/sku') AS sku FROM input) GROUP BY sku",
    // Windows.
    "SELECT id, time, bytes, sum(bytes) OVER (PARTITION BY \"Country\" ORDER BY time, seconds ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) \
     AS moving FROM input",
    "SELECT \"Country\", time, time - lag(time) OVER (PARTITION BY \"Country\" ORDER BY time, seconds) > INTERVAL '30 minutes' AS is_new_session \
     FROM input",
    "SELECT path, bytes, rank() OVER w AS rank, ntile(4) OVER w AS quarter, first_value(bytes) OVER w AS most \
     FROM input WINDOW w AS (PARTITION BY path ORDER BY bytes DESC NULLS LAST, seconds)",
    "SELECT * EXCLUDE (items, time) FROM input QUALIFY row_number() OVER (PARTITION BY path ORDER BY bytes DESC NULLS LAST, seconds) = 1",
    // Common table expressions, also recursive.
    "WITH hourly AS (SELECT date_trunc('hour', time) AS hour, count(*) AS hits FROM input GROUP BY 1), \
     busy AS (SELECT * FROM hourly WHERE hits > (SELECT avg(hits) FROM hourly)) SELECT hour, hits FROM busy",
    "WITH RECURSIVE steps AS (SELECT 0 AS step UNION ALL SELECT step + 100 FROM steps WHERE step < 500) \
     SELECT step, count(bytes) AS requests FROM steps LEFT JOIN input ON bytes >= step AND bytes < step + 100 GROUP BY step",
    // Aggregations of all kinds.
    "SELECT \"Country\", count(DISTINCT path) AS paths, avg(seconds) AS mean, median(seconds) AS middle, stddev(seconds) AS spread, \
     approx_distinct(id) AS ids, count(*) FILTER (WHERE bytes > 100) AS large FROM input GROUP BY \"Country\" HAVING count(*) > 10",
    "SELECT \"Country\", path, sum(bytes) AS bytes FROM input GROUP BY ROLLUP (\"Country\", path)",
    "SELECT \"Country\", array_to_string(array_agg(DISTINCT path ORDER BY path), '|') AS paths FROM input GROUP BY \"Country\"",
    // Sets, conditions, text and time.
    "SELECT path FROM input WHERE bytes > 300 INTERSECT SELECT path FROM input WHERE bytes < 100",
    "SELECT id FROM input WHERE id > 30 EXCEPT SELECT id FROM input WHERE path = '/p0'",
    "SELECT id, path FROM input WHERE bytes IS NULL UNION ALL SELECT -id, upper(path) FROM input WHERE path IS NULL OR path LIKE '%4'",
    "SELECT CASE WHEN bytes > 250 THEN 'large' WHEN bytes IS NULL THEN 'none' ELSE 'small' END AS size, seconds::BIGINT AS whole, \
     regexp_replace(path, '[0-9]+', 'n') AS shape, coalesce(bytes, -1) / 2 AS half FROM input",
    "SELECT extract(hour FROM time) AS hour, to_char(time, '%Y-%m-%d') AS day, date_bin(INTERVAL '15 minutes', time) AS quarter, \
     time::date AS date FROM input",
    "SELECT a.id AS id, b.path AS path FROM input a JOIN input b ON a.id = b.id AND a.time < b.time",
    "SELECT id, bytes FROM input ORDER BY bytes DESC NULLS LAST, seconds LIMIT 10 OFFSET 3",
    "SELECT max(bytes) FROM input",
];

#[test]
fn statements_give_what_datafusion_gives() {
    let folder = TempDir::new().unwrap();
    let geo = folder.path().join("geo.csv").display().to_string();
    std::fs::write(&geo, "code,name\nde,Germany\njp,Japan\nus,United States\nfr,France\n").unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        for statement in STATEMENTS {
            // Names are taken as they are written by both.
            let config = SessionConfig::new().set_bool("datafusion.sql_parser.enable_ident_normalization", false);
            let oracle = SessionContext::new_with_config(config);
            register_functions(&mut *oracle.state_ref().write()).unwrap();
            let table = MemTable::try_new(requests()[0].schema(), vec![requests()]).unwrap();
            oracle.register_table("input", Arc::new(table)).unwrap();
            oracle.register_csv("geo", &geo, CsvReadOptions::new()).await.unwrap();
            let expected = oracle
                .sql(statement)
                .await
                .unwrap_or_else(|error| panic!("{statement}: {error}"));

            let job = Job::new(3);
            let file = LookupFile {
                path: geo.clone(),
                format: LookupFormat::Csv { delimiter: b',' },
                columns: Vec::new(),
            };
            let rule = FilterRule::Sql(SqlRule {
                text: SqlText::Query((*statement).to_owned()),
                tables: vec![("geo".to_owned(), file)],
            });
            let given = job
                .apply(requests(), &[rule])
                .await
                .unwrap_or_else(|error| panic!("{statement}: {error}"));
            // Rows come in no promised order, and in our types.
            let expected = lines(&expected.collect().await.unwrap(), given.schema().as_arrow());
            let given = lines(&given.clone().collect().await.unwrap(), given.schema().as_arrow());
            assert!(given.len() > 1, "{statement} gives nothing");
            assert_eq!(given, expected, "{statement}");
        }
    });
}

/// The names of the columns, and the rows as sorted text, cast to the types of `schema`.
fn lines(batches: &[RecordBatch], schema: &Schema) -> Vec<String> {
    let mut lines = Vec::new();
    for batch in batches {
        let columns: Vec<ArrayRef> = batch
            .columns()
            .iter()
            .zip(schema.fields())
            .map(|(column, field)| arrow::compute::cast(column, field.data_type()).unwrap())
            .collect();
        for row in 0..batch.num_rows() {
            let cells: Vec<String> = columns
                .iter()
                .map(|column| arrow::util::display::array_value_to_string(column, row).unwrap())
                .collect();
            lines.push(cells.join("\t"));
        }
    }
    lines.sort();
    let names: Vec<&str> = match batches.first() {
        Some(batch) => batch
            .schema_ref()
            .fields()
            .iter()
            .map(|field| field.name().as_str())
            .collect(),
        None => Vec::new(),
    };
    lines.insert(0, names.join("\t"));
    lines
}

//! `row` and `dedup`: filters that choose rows.

use super::*;

fn row(where_clause: &str) -> FilterRule {
    FilterRule::Row(RowRule {
        where_clause: where_clause.to_owned(),
    })
}

fn dedup(columns: &[&str], order: Option<(&str, Keep)>) -> FilterRule {
    FilterRule::Dedup(DedupRule {
        columns: names(columns),
        order: order.map(|(by, keep)| DedupOrder {
            by: by.to_owned(),
            keep,
        }),
    })
}

fn orders() -> RecordBatch {
    batch(vec![
        (
            "Id",
            ColumnType::String,
            texts(&[Some("a"), Some("b"), Some("a"), None, Some("a"), None]),
        ),
        (
            "version",
            ColumnType::Long,
            longs(&[Some(2), Some(1), Some(3), None, None, Some(7)]),
        ),
        (
            "payload",
            ColumnType::Json,
            texts(&[
                Some("[0]"),
                Some("[1]"),
                Some("[2]"),
                Some("[3]"),
                Some("[4]"),
                Some("[5]"),
            ]),
        ),
    ])
}

#[test]
fn rows_stay_whose_condition_is_true() {
    check(
        orders(),
        &[row("version >= 2 OR Id = 'b'")],
        "
        +----+---------+---------+
        | Id | version | payload |
        +----+---------+---------+
        | a  | 2       | [0]     |
        | b  | 1       | [1]     |
        | a  | 3       | [2]     |
        |    | 7       | [5]     |
        +----+---------+---------+
        Id:string version:long payload:json",
    );
}

#[test]
fn a_condition_names_its_filter_and_the_nearest_column() {
    check(
        orders(),
        &[row("versoin > 1")],
        "error: filters[0] (row): column `versoin` not found at `where` line 1, column 1; hint: did you mean `version`?",
    );
    check(
        orders(),
        &[row("version + 1")],
        "error: filters[0] (row): cannot create filter with non-boolean predicate 'input.version + Int64(1)' returning Int64",
    );
}

#[test]
fn the_row_with_the_greatest_or_least_value_stays() {
    let in_order = || query("SELECT * FROM input ORDER BY Id NULLS LAST");
    check(
        orders(),
        &[dedup(&["Id"], Some(("version", Keep::Last))), in_order()],
        "
        +----+---------+---------+
        | Id | version | payload |
        +----+---------+---------+
        | a  | 3       | [2]     |
        | b  | 1       | [1]     |
        |    | 7       | [5]     |
        +----+---------+---------+
        Id:string version:long payload:json",
    );
    check(
        orders(),
        &[dedup(&["Id"], Some(("version", Keep::First))), in_order()],
        "
        +----+---------+---------+
        | Id | version | payload |
        +----+---------+---------+
        | a  | 2       | [0]     |
        | b  | 1       | [1]     |
        |    | 7       | [5]     |
        +----+---------+---------+
        Id:string version:long payload:json",
    );
}

#[test]
fn without_an_order_any_row_of_a_key_stays() {
    check(
        orders(),
        &[
            dedup(&["Id"], None),
            query("SELECT Id FROM input ORDER BY Id NULLS LAST"),
        ],
        "
        +----+
        | Id |
        +----+
        | a  |
        | b  |
        |    |
        +----+
        Id:string",
    );
    check(
        orders(),
        &[
            dedup(&["Id", "version"], None),
            query("SELECT count(*) AS n FROM input"),
        ],
        "
        +---+
        | n |
        +---+
        | 6 |
        +---+
        n:long",
    );
}

#[test]
fn columns_of_a_key_must_exist_and_stand_once() {
    for (rule, expected) in [
        (
            dedup(&["ID"], None),
            "column `ID` doesn't exist in the schema; hint: did you mean `Id`?",
        ),
        (
            dedup(&["Id"], Some(("versions", Keep::Last))),
            "column `versions` doesn't exist in the schema; hint: did you mean `version`?",
        ),
        (dedup(&["Id", "Id"], None), "column `Id` stands twice in `columns`"),
    ] {
        check(orders(), &[rule], &format!("error: filters[0] (dedup): {expected}"));
    }
}

/// Rows of `id`, `version` and some bytes, in batches of 1,000 rows: each id three times, far apart.
fn repeated(num_ids: i64) -> Vec<RecordBatch> {
    let rows: Vec<i64> = (0..3 * num_ids).collect();
    rows.chunks(1_000)
        .map(|rows| {
            // A prime step, so that neighbours have ids that are not.
            let ids = rows.iter().map(|row| row * 7_919 % num_ids);
            let texts = rows.iter().map(|row| format!("{row:0100}"));
            batch(vec![
                ("id", ColumnType::Long, Arc::new(Int64Array::from_iter_values(ids))),
                (
                    "version",
                    ColumnType::Long,
                    Arc::new(Int64Array::from_iter_values(rows.iter().copied())),
                ),
                (
                    "text",
                    ColumnType::String,
                    Arc::new(StringArray::from_iter_values(texts)),
                ),
            ])
        })
        .collect()
}

/// Runs filters over 180,000 rows, 21 MB, in a job's session with the budgets of `memory_limit: 64MiB`; the rows and the times something
/// was set aside on disk.
async fn run_in_little_memory(rules: &[FilterRule]) -> (Vec<RecordBatch>, usize) {
    const NUM_IDS: i64 = 60_000;
    let environment = crate::Environment::new("warehouse", || jiff::Timestamp::UNIX_EPOCH).unwrap();
    let budgets = Budgets::new(&ExecPlan {
        max_threads: Some(2),
        memory_limit_bytes: Some(64 * 1024 * 1024),
        ..ExecPlan::default()
    });
    let context = environment.session(&budgets).unwrap();
    let batches = repeated(NUM_IDS);
    let partitions = batches.chunks(90).map(<[RecordBatch]>::to_vec).collect();
    let table = MemTable::try_new(batches[0].schema(), partitions).unwrap();
    let surroundings = FilterSurroundings {
        started_micros: STARTED_MICROS,
        rejects: Arc::new(Collected::default()),
        tables: WarehouseTables::new(),
        lookups: LookupPlaces::new(),
        keeps_origins: false,
    };
    let input = context.read_table(Arc::new(table)).unwrap();
    let filters: Vec<Filter> = rules.iter().cloned().map(Filter::from).collect();
    let frame = apply(&context, input, &filters, &surroundings).await.unwrap();
    let plan = frame.create_physical_plan().await.unwrap();
    let batches = datafusion::physical_plan::collect(Arc::clone(&plan), context.task_ctx())
        .await
        .unwrap();
    (batches, num_spills(plan.as_ref()))
}

fn num_spills(plan: &dyn ExecutionPlan) -> usize {
    let own = plan.metrics().and_then(|metrics| metrics.spill_count()).unwrap_or(0);
    let below: usize = plan
        .children()
        .into_iter()
        .map(|child| num_spills(child.as_ref()))
        .sum();
    own + below
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_memory_has_no_room_for_are_told_apart_on_disk() {
    let rules = [
        dedup(&["id"], Some(("version", Keep::Last))),
        query("SELECT count(*) AS n, count(DISTINCT id) AS ids, min(version) AS least FROM input"),
    ];
    let (batches, num_spills) = run_in_little_memory(&rules).await;
    assert!(num_spills > 0);
    let batches: Vec<_> = batches.into_iter().filter(|batch| batch.num_rows() > 0).collect();
    insta::assert_snapshot!(pretty_format_batches(&batches).unwrap().to_string(), @r"
    +-------+-------+--------+
    | n     | ids   | least  |
    +-------+-------+--------+
    | 60000 | 60000 | 120000 |
    +-------+-------+--------+
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sorts_and_aggregations_of_sql_go_to_disk_too() {
    let (batches, num_spills) = run_in_little_memory(&[query("SELECT * FROM input ORDER BY text DESC")]).await;
    assert!(num_spills > 0);
    assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 180_000);
    let versions: Vec<i64> = batches
        .iter()
        .flat_map(|batch| {
            batch
                .column(1)
                .as_primitive::<arrow::datatypes::Int64Type>()
                .values()
                .to_vec()
        })
        .collect();
    assert!(versions.is_sorted_by(|one, next| one > next));

    let grouped = query("SELECT text, count(*) AS n, max(version) AS version FROM input GROUP BY text");
    let (batches, num_spills) = run_in_little_memory(&[grouped]).await;
    assert!(num_spills > 0);
    assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 180_000);
}

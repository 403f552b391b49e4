//! All filters of a job together.

use super::*;

/// Rows 0 to 999 in `num_partitions` partitions; every tenth `text` is no number, every seventh `json` is broken.
fn numbered(num_partitions: i64) -> Vec<RecordBatch> {
    let per_partition = 1000 / num_partitions;
    (0..num_partitions)
        .map(|partition| {
            let rows = partition * per_partition..(partition + 1) * per_partition;
            let text = |row: i64| if row % 10 == 0 { "x".to_owned() } else { row.to_string() };
            let json = |row: i64| {
                if row % 7 == 0 {
                    "{".to_owned()
                } else {
                    format!(r#"{{"v":{row}}}"#)
                }
            };
            batch(vec![
                (
                    "row",
                    ColumnType::Long,
                    Arc::new(Int64Array::from_iter_values(rows.clone())),
                ),
                (
                    "text",
                    ColumnType::String,
                    Arc::new(StringArray::from_iter_values(rows.clone().map(text))),
                ),
                (
                    "payload",
                    ColumnType::Json,
                    Arc::new(StringArray::from_iter_values(rows.clone().map(json))),
                ),
                (
                    "unused",
                    ColumnType::String,
                    Arc::new(StringArray::from_iter_values(rows.map(|_| "u"))),
                ),
            ])
        })
        .collect()
}

fn chain() -> Vec<FilterRule> {
    vec![
        condition("row < 500"),
        FilterRule::ExpandJson(expand(&[("v", ColumnType::Long)])),
        cast(&[("text", ColumnType::Long)]),
        condition("v > 99 AND text > 199"),
    ]
}

async fn count(num_partitions: i64, rules: &[FilterRule]) -> (usize, Vec<Reject>) {
    let job = Job::new(usize::try_from(num_partitions).unwrap());
    let frame = job.apply(numbered(num_partitions), rules).await.unwrap();
    let batches = frame.collect().await.unwrap();
    (batches.iter().map(RecordBatch::num_rows).sum(), job.rejects())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rejects_are_counted_once_whatever_the_filters_around_them() {
    let is_broken = |row: &i64| row % 7 == 0;
    let num_json = (0..500).filter(is_broken).count();
    let num_cast = (0..500).filter(|row| row % 10 == 0 && !is_broken(row)).count();
    let num_rows = (200..500).filter(|row| row % 10 != 0 && !is_broken(row)).count();
    for num_partitions in [1, 4] {
        let (rows, rejects) = count(num_partitions, &chain()).await;
        assert_eq!(rows, num_rows, "{num_partitions} partitions");
        let json = rejects
            .iter()
            .filter(|reject| reject.reason.starts_with("filters[1] (expand_json)"))
            .count();
        let cast = rejects
            .iter()
            .filter(|reject| reject.reason.starts_with("filters[2] (cast)"))
            .count();
        assert_eq!((json, cast, rejects.len()), (num_json, num_cast, num_json + num_cast));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rejects_are_counted_even_if_their_column_is_needed_by_nobody() {
    for num_partitions in [1, 4] {
        let (rows, rejects) = count(num_partitions, &[cast(&[("text", ColumnType::Long)]), keep(&["row"])]).await;
        assert_eq!((rows, rejects.len()), (900, 100));
        let counted = [cast(&[("text", ColumnType::Long)]), select("count(*) AS n")];
        let (rows, rejects) = count(num_partitions, &counted).await;
        assert_eq!((rows, rejects.len()), (1, 100));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_that_an_earlier_filter_drops_cannot_stop_the_job() {
    let mut rule = expand(&[("v", ColumnType::Long)]);
    rule.stop_on_invalid_record = true;
    let rules = [condition("row % 7 <> 0"), FilterRule::ExpandJson(rule), keep(&["v"])];
    for num_partitions in [1, 4] {
        let (rows, rejects) = count(num_partitions, &rules).await;
        assert_eq!((rows, rejects.len()), (857, 0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn incremental_time_starts_anew_in_every_partition() {
    let job = Job::new(4);
    let rule = add_time(
        "t",
        Some(UnixUnit::Sec),
        AddTimeSource::IncrementalTime { from: 1, to: 300 },
    );
    let frame = job
        .apply(numbered(4), &[rule, condition("t <= 10"), keep(&["row"])])
        .await
        .unwrap();
    let batches = frame.collect().await.unwrap();
    let mut rows: Vec<i64> = batches
        .iter()
        .flat_map(|batch| {
            batch
                .column(0)
                .as_primitive::<arrow::datatypes::Int64Type>()
                .values()
                .to_vec()
        })
        .collect();
    rows.sort_unstable();
    let expected: Vec<i64> = [0, 250, 500, 750]
        .into_iter()
        .flat_map(|first| first..first + 10)
        .collect();
    assert_eq!(rows, expected);
}

#[tokio::test]
async fn all_rules_make_one_plan_that_reads_only_what_it_needs() {
    let job = Job::new(1);
    let mut rules = chain();
    rules.push(FilterRule::Digest(DigestRule {
        columns: vec![digest("row", DigestAlgorithm::Sha256)],
    }));
    rules.push(keep(&["row", "v"]));
    let frame = job.apply(numbered(1), &rules).await.unwrap();
    let plan = frame.clone().into_optimized_plan().unwrap();
    insta::assert_snapshot!(plan.display_indent().to_string(), @r"
        Projection: digest_sha256(input.row) AS row, input.v AS v
          SubqueryAlias: input
            Projection: row, v
              Filter: v > Int64(99) AND __filter2_0 > Int64(199)
                Projection: row, v, __filter2_0
                  Convert: filters[2] (cast) text -> long
                    Projection: row, text, __filter1_0 AS v
                      Convert: filters[1] (expand_json) payload -> long
                        Projection: input.row AS row, input.text AS text, input.payload AS payload
                          SubqueryAlias: input
                            Projection: ?table?.row AS row, ?table?.text AS text, ?table?.payload AS payload
                              Filter: ?table?.row < Int64(500)
                                TableScan: ?table? projection=[row, text, payload]
        ");
    let physical = frame.create_physical_plan().await.unwrap();
    let physical = displayable(physical.as_ref()).indent(false).to_string();
    assert_eq!(physical.matches("ConvertExec").count(), 2, "{physical}");
}

#[tokio::test]
async fn rejects_say_where_they_stand_if_the_row_does() {
    let input = batch(vec![
        ("text", ColumnType::String, texts(&[Some("1"), Some("x")])),
        ("_file_path", ColumnType::String, texts(&[Some("a.csv"), Some("b.csv")])),
        ("_row_number", ColumnType::Long, longs(&[Some(1), Some(9)])),
    ]);
    let job = Job::new(1);
    let rules = [cast(&[("text", ColumnType::Long)]), keep(&["text"])];
    job.apply(vec![input], &rules).await.unwrap().collect().await.unwrap();
    let rejects = job.rejects();
    assert_eq!(rejects.len(), 1);
    let position = &rejects[0].position;
    assert_eq!((&*position.file, position.line, position.record), ("b.csv", 0, 9));
    assert_eq!(rejects[0].column.as_deref(), Some("text"));
}

#[tokio::test]
async fn json_mark_survives_every_filter() {
    let job = Job::new(1);
    let rules = [
        condition("Count = 42"),
        FilterRule::Rename(RenameRule {
            columns: vec![("payload".into(), "p".into())],
            rules: vec![],
        }),
        add_time("t", None, AddTimeSource::UploadTime),
        cast(&[("flag", ColumnType::Long)]),
        select("p AS q, t"),
    ];
    let batches = job
        .apply(vec![all_types()], &rules)
        .await
        .unwrap()
        .collect()
        .await
        .unwrap();
    let schema = batches[0].schema();
    assert_eq!(
        schema.field(0).metadata().get(TYPE_METADATA_KEY).map(String::as_str),
        Some("json")
    );
    assert!(schema.field(1).metadata().is_empty());
}

#[tokio::test]
async fn missing_planner_is_said_by_datafusion() {
    let context = SessionContext::new();
    let input = context.read_batch(all_types()).unwrap();
    let surroundings = FilterSurroundings {
        started_micros: 0,
        rejects: Arc::new(Collected::default()),
        tables: WarehouseTables::new(),
        lookups: LookupPlaces::new(),
        keeps_origins: false,
    };
    let frame = apply(
        &context,
        input,
        &[cast(&[("Count", ColumnType::String)]).into()],
        &surroundings,
    )
    .await
    .unwrap();
    let error = frame.collect().await.unwrap_err();
    assert!(error.to_string().contains("Convert"), "{error}");
    assert!(error.source().is_none());
}

#[tokio::test]
async fn no_rules_leave_the_rows_alone() {
    let job = Job::new(1);
    let batches = job
        .apply(vec![all_types()], &[])
        .await
        .unwrap()
        .collect()
        .await
        .unwrap();
    assert_eq!(batches, vec![all_types()]);
}

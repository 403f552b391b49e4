//! Filters applied to tables in memory, planned and run as in a job.

mod outside;
mod plans;
mod rows;

use super::rules::*;
use super::*;
use crate::config::plan::ExecPlan;
use crate::job::environment::Budgets;
use crate::parse::Reject;
use crate::parse::columns::{TYPE_METADATA_KEY, TimestampOptions};
use arrow::array::*;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::util::pretty::pretty_format_batches;
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::Result as PlanResult;
use datafusion::datasource::MemTable;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::context::QueryPlanner;
use datafusion::physical_plan::{ExecutionPlan, displayable};
use datafusion::physical_planner::{DefaultPhysicalPlanner, PhysicalPlanner};
use datafusion::prelude::SessionConfig;
use std::error::Error;
use std::sync::Mutex;

const STARTED_MICROS: i64 = 1_700_000_000_123_456;

#[derive(Debug, Default)]
struct Collected(Mutex<Vec<Reject>>);

impl RejectSink for Collected {
    fn push(&self, rejects: Vec<Reject>) {
        self.0.lock().unwrap().extend(rejects);
    }
}

#[derive(Debug)]
struct Planner;

#[async_trait]
impl QueryPlanner for Planner {
    async fn create_physical_plan(
        &self,
        logical_plan: &LogicalPlan,
        session: &dyn Session,
    ) -> PlanResult<Arc<dyn ExecutionPlan>> {
        let planner = DefaultPhysicalPlanner::with_extension_planners(vec![Arc::new(ConvertPlanner)]);
        planner.create_physical_plan(logical_plan, session).await
    }
}

struct Job {
    context: SessionContext,
    rejects: Arc<Collected>,
    surroundings: FilterSurroundings,
}

impl Job {
    fn new(num_partitions: usize) -> Job {
        let state = SessionStateBuilder::new()
            .with_default_features()
            .with_config(SessionConfig::new().with_target_partitions(num_partitions))
            .with_query_planner(Arc::new(Planner))
            .build();
        let rejects = Arc::new(Collected::default());
        let surroundings = FilterSurroundings {
            started_micros: STARTED_MICROS,
            rejects: Arc::clone(&rejects) as _,
            tables: WarehouseTables::new(),
        };
        Job {
            context: SessionContext::new_with_state(state),
            rejects,
            surroundings,
        }
    }

    async fn apply(&self, partitions: Vec<RecordBatch>, rules: &[FilterRule]) -> Result<DataFrame, FilterError> {
        let schema = partitions[0].schema();
        let partitions = partitions.into_iter().map(|batch| vec![batch]).collect();
        let table = MemTable::try_new(schema, partitions).unwrap();
        let input = self.context.read_table(Arc::new(table)).unwrap();
        let filters: Vec<Filter> = rules.iter().cloned().map(Filter::from).collect();
        apply(&self.context, input, &filters, &self.surroundings).await
    }

    fn rejects(&self) -> Vec<Reject> {
        std::mem::take(&mut *self.rejects.0.lock().unwrap())
    }
}

fn batch(columns: Vec<(&str, ColumnType, ArrayRef)>) -> RecordBatch {
    let fields: Vec<_> = columns
        .iter()
        .map(|(name, column_type, _)| column_type.field(name))
        .collect();
    let arrays = columns.into_iter().map(|(_, _, array)| array).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
}

fn texts(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn longs(values: &[Option<i64>]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

fn times(values: &[Option<i64>]) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from(values.to_vec()).with_timezone("UTC"))
}

/// One column of each type, a row of values and a row of nulls.
fn all_types() -> RecordBatch {
    batch(vec![
        (
            "flag",
            ColumnType::Boolean,
            Arc::new(BooleanArray::from(vec![Some(true), None])),
        ),
        ("Count", ColumnType::Long, longs(&[Some(42), None])),
        (
            "ratio",
            ColumnType::Double,
            Arc::new(Float64Array::from(vec![Some(1e10), None])),
        ),
        ("a.name", ColumnType::String, texts(&[Some("x"), None])),
        ("at", ColumnType::Timestamp, times(&[Some(1_427_782_357_120_000), None])),
        (
            "payload",
            ColumnType::Json,
            texts(&[Some(r#"{"a":1,"b":{"c":"x","d":[1,2]}}"#), None]),
        ),
    ])
}

/// Applies the rules in one partition; the rows as a table, then the types of the columns, then the rejects.
async fn outcome(input: RecordBatch, rules: &[FilterRule]) -> String {
    let job = Job::new(1);
    let frame = match job.apply(vec![input], rules).await {
        Ok(frame) => frame,
        Err(error) => return format!("error: {error}"),
    };
    let plan_schema: SchemaRef = Arc::new(frame.schema().as_arrow().clone());
    let batches = match frame.collect().await {
        Ok(batches) => batches,
        Err(error) => return format!("failed: {}", error.find_root()),
    };
    for batch in &batches {
        assert_eq!(
            types(batch.schema_ref()),
            types(&plan_schema),
            "the batches have the types of the plan"
        );
    }
    let batches: Vec<RecordBatch> = batches.into_iter().filter(|batch| batch.num_rows() > 0).collect();
    let mut text = format!("{}\n{}", pretty_format_batches(&batches).unwrap(), types(&plan_schema));
    for reject in job.rejects() {
        text.push_str(&format!("\n{} [{}]", reject.reason, reject.record));
    }
    text
}

fn types(schema: &SchemaRef) -> String {
    let types: Vec<String> = schema
        .fields()
        .iter()
        .map(|field| {
            let column_type = values::column_type(field).unwrap();
            assert_eq!(*field.data_type(), column_type.data_type(), "{}", field.name());
            format!("{}:{}", field.name(), column_type.name())
        })
        .collect();
    types.join(" ")
}

#[track_caller]
fn check(input: RecordBatch, rules: &[FilterRule], expected: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    let outcome = runtime.block_on(outcome(input, rules));
    let expected: Vec<&str> = expected.trim().lines().map(str::trim).collect();
    let actual: Vec<&str> = outcome.lines().map(str::trim).collect();
    assert_eq!(actual, expected, "\n{outcome}\n");
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn entry(name: &str) -> ColumnEntry {
    ColumnEntry {
        name: name.to_owned(),
        source: None,
        column_type: None,
        default: None,
        timestamp: timestamp("%Y-%m-%d %H:%M:%S"),
    }
}

fn constant(name: &str, column_type: ColumnType, default: &str) -> ColumnEntry {
    ColumnEntry {
        column_type: Some(column_type),
        default: Some(default.to_owned()),
        ..entry(name)
    }
}

fn sourced(name: &str, source: &str) -> ColumnEntry {
    ColumnEntry {
        source: Some(source.to_owned()),
        ..entry(name)
    }
}

fn timestamp(format: &str) -> TimestampOptions {
    TimestampOptions {
        formats: vec![format.to_owned()],
        ..TimestampOptions::default()
    }
}

fn keep(columns: &[&str]) -> FilterRule {
    FilterRule::RemoveColumns(RemoveColumnsRule {
        action: RemoveOrKeep::Keep,
        names: names(columns),
        accept_unmatched_columns: false,
    })
}

fn columns(columns: Vec<ColumnEntry>) -> FilterRule {
    FilterRule::Column(ColumnRule {
        columns: Some(columns),
        ..ColumnRule::default()
    })
}

fn add(columns: Vec<ColumnEntry>) -> FilterRule {
    FilterRule::Column(ColumnRule {
        add_columns: columns,
        ..ColumnRule::default()
    })
}

fn drop_columns(columns: &[&str]) -> FilterRule {
    FilterRule::Column(ColumnRule {
        drop_columns: names(columns),
        ..ColumnRule::default()
    })
}

fn cast(columns: &[(&str, ColumnType)]) -> FilterRule {
    FilterRule::Cast(CastRule {
        columns: columns
            .iter()
            .map(|(name, column_type)| ColumnEntry {
                column_type: Some(*column_type),
                ..entry(name)
            })
            .collect(),
    })
}

fn expand(columns: &[(&str, ColumnType)]) -> ExpandJsonRule {
    ExpandJsonRule {
        json_column_name: "payload".to_owned(),
        root: "$.".to_owned(),
        expanded_columns: columns
            .iter()
            .map(|(name, column_type)| ExpandedColumn {
                name: (*name).to_owned(),
                column_type: *column_type,
                timestamp: timestamp("%Y-%m-%d %H:%M:%S"),
            })
            .collect(),
        keep_expanding_json_column: false,
        stop_on_invalid_record: false,
    }
}

fn payloads(payloads: &[Option<&str>]) -> RecordBatch {
    let ids: Vec<Option<i64>> = (1..).take(payloads.len()).map(Some).collect();
    batch(vec![
        ("id", ColumnType::Long, longs(&ids)),
        ("payload", ColumnType::Json, texts(payloads)),
        ("last", ColumnType::String, texts(&vec![Some("z"); payloads.len()])),
    ])
}

fn sql(text: SqlText) -> FilterRule {
    let tables = Vec::new();
    FilterRule::Sql(SqlRule { text, tables })
}

fn select(select: &str) -> FilterRule {
    sql(SqlText::Clauses {
        where_clause: None,
        select: Some(select.to_owned()),
    })
}

fn condition(where_clause: &str) -> FilterRule {
    sql(SqlText::Clauses {
        where_clause: Some(where_clause.to_owned()),
        select: None,
    })
}

fn query(query: &str) -> FilterRule {
    sql(SqlText::Query(query.to_owned()))
}

fn digest(name: &str, algorithm: DigestAlgorithm) -> DigestColumn {
    DigestColumn {
        name: name.to_owned(),
        algorithm,
        secret_key: None,
        key_file: None,
        new_name: None,
    }
}

fn add_time(to_column: &str, to_unit: Option<UnixUnit>, source: AddTimeSource) -> FilterRule {
    FilterRule::AddTime(AddTimeRule {
        to_column: to_column.to_owned(),
        to_unit,
        source,
    })
}

fn from_column(name: &str, unit: UnixUnit, json_key: Option<&str>) -> AddTimeSource {
    AddTimeSource::FromColumn {
        name: name.to_owned(),
        unit,
        timestamp: timestamp("%Y-%m-%d %H:%M:%S"),
        json_key: json_key.map(str::to_owned),
    }
}

mod column_set {
    use super::*;

    #[test]
    fn output_is_exactly_the_listed_columns_in_their_order() {
        check(
            all_types(),
            &[columns(vec![entry("a.name"), sourced("n", "Count"), entry("flag")])],
            "
            +--------+----+------+
            | a.name | n  | flag |
            +--------+----+------+
            | x      | 42 | true |
            |        |    |      |
            +--------+----+------+
            a.name:string n:long flag:boolean",
        );
    }

    #[test]
    fn default_replaces_null_and_makes_constants() {
        let listed = |name: &str, default: &str| ColumnEntry {
            default: Some(default.to_owned()),
            ..entry(name)
        };
        check(
            all_types(),
            &[columns(vec![
                listed("Count", "7"),
                listed("ratio", "0.5"),
                listed("flag", "FALSE"),
                listed("at", "2015-01-02 03:04:05"),
                listed("payload", "{ \"z\": 1 }"),
                constant("new", ColumnType::Json, "[1, 2]"),
                constant("since", ColumnType::Timestamp, "2015-01-02 03:04:05"),
            ])],
            r#"
            +-------+---------------+-------+--------------------------+---------------------------------+-------+----------------------+
            | Count | ratio         | flag  | at                       | payload                         | new   | since                |
            +-------+---------------+-------+--------------------------+---------------------------------+-------+----------------------+
            | 42    | 10000000000.0 | true  | 2015-03-31T06:12:37.120Z | {"a":1,"b":{"c":"x","d":[1,2]}} | [1,2] | 2015-01-02T03:04:05Z |
            | 7     | 0.5           | false | 2015-01-02T03:04:05Z     | {"z":1}                         | [1,2] | 2015-01-02T03:04:05Z |
            +-------+---------------+-------+--------------------------+---------------------------------+-------+----------------------+
            Count:long ratio:double flag:boolean at:timestamp payload:json new:json since:timestamp"#,
        );
    }

    #[test]
    fn added_columns_are_last_and_dropped_ones_gone() {
        let rule = FilterRule::Column(ColumnRule {
            columns: None,
            add_columns: vec![constant("one", ColumnType::Long, "1"), sourced("copy", "a.name")],
            drop_columns: names(&["payload", "at", "ratio", "flag"]),
        });
        check(
            all_types(),
            &[rule],
            "
            +-------+--------+-----+------+
            | Count | a.name | one | copy |
            +-------+--------+-----+------+
            | 42    | x      | 1   | x    |
            |       |        | 1   |      |
            +-------+--------+-----+------+
            Count:long a.name:string one:long copy:string",
        );
    }

    #[test]
    fn paths_in_columns_keep_only_the_named_members() {
        let with_default = ColumnEntry {
            default: Some("9".to_owned()),
            column_type: Some(ColumnType::Long),
            ..entry("$.payload.e")
        };
        check(
            all_types(),
            &[columns(vec![
                entry("$.payload.b.d[1]"),
                with_default,
                sourced("$.payload.f", "$.payload.a"),
                entry("Count"),
            ])],
            r#"
            +-----------------------------+-------+
            | payload                     | Count |
            +-----------------------------+-------+
            | {"b":{"d":[2]},"e":9,"f":1} | 42    |
            |                             |       |
            +-----------------------------+-------+
            payload:json Count:long"#,
        );
    }

    #[test]
    fn paths_add_and_drop_members() {
        let rule = FilterRule::Column(ColumnRule {
            columns: None,
            add_columns: vec![
                constant("$.payload.b.new", ColumnType::String, "n\"1"),
                sourced("$['payload']['copy']", "$.payload.b.c"),
            ],
            drop_columns: names(&["$.payload.a", "$.payload.b.d[*]", "$.payload.nothing.there"]),
        });
        check(
            all_types(),
            &[rule, keep(&["payload"])],
            r#"
            +------------------------------------------------+
            | payload                                        |
            +------------------------------------------------+
            | {"b":{"c":"x","d":[],"new":"n\"1"},"copy":"x"} |
            |                                                |
            +------------------------------------------------+
            payload:json"#,
        );
    }

    #[test]
    fn errors_name_the_list_and_the_nearest_column() {
        for (rule, expected) in [
            (
                columns(vec![entry("cuont")]),
                "error: filters[0] (column): columns: column src `cuont` is not found in the input, and column `cuont` does \
                 not have `type` and `default`; hint: did you mean `Count`?",
            ),
            (
                add(vec![entry("new")]),
                "error: filters[0] (column): add_columns: column `new` does not have `type` and `default`",
            ),
            (
                add(vec![constant("flag", ColumnType::Long, "1")]),
                "error: filters[0] (column): output column `flag` is duplicated",
            ),
            (
                add(vec![constant("new", ColumnType::Long, "1.0")]),
                "error: filters[0] (column): column `new` cannot read its default `1.0` as long",
            ),
            (
                columns(vec![entry("$.Count.x")]),
                "error: filters[0] (column): columns: column `Count` of path `$.Count.x` must be json, but it's long",
            ),
            (
                FilterRule::Column(ColumnRule {
                    columns: Some(vec![entry("flag")]),
                    add_columns: vec![],
                    drop_columns: names(&["at"]),
                }),
                "error: filters[0] (column): either of `columns` and `drop_columns` can be specified, not both",
            ),
            (columns(vec![]), "error: filters[0] (column): no column is left"),
        ] {
            check(all_types(), &[rule], expected);
        }
    }
}

mod remove_columns {
    use super::*;

    fn remove(columns: &[&str], accept_unmatched_columns: bool) -> FilterRule {
        let names = names(columns);
        FilterRule::RemoveColumns(RemoveColumnsRule {
            action: RemoveOrKeep::Remove,
            names,
            accept_unmatched_columns,
        })
    }

    const COUNT_AND_FLAG: &str = "
        +------+-------+
        | flag | Count |
        +------+-------+
        | true | 42    |
        |      |       |
        +------+-------+
        flag:boolean Count:long";

    #[test]
    fn kept_columns_stay_in_the_order_of_the_input() {
        check(all_types(), &[keep(&["Count", "flag"])], COUNT_AND_FLAG);
    }

    #[test]
    fn removed_columns_go_and_unmatched_names_can_be_accepted() {
        check(
            all_types(),
            &[remove(&["ratio", "a.name", "at", "payload", "nothing"], true)],
            COUNT_AND_FLAG,
        );
    }

    #[test]
    fn unmatched_name_is_an_error() {
        check(
            all_types(),
            &[keep(&["flag"]), remove(&["flog"], false)],
            "error: filters[1] (remove_columns): column `flog` doesn't exist in the schema; hint: did you mean `flag`?",
        );
    }
}

mod expand_json {
    use super::*;

    #[test]
    fn columns_stand_in_place_of_the_json_column() {
        let rule = expand(&[
            ("a.b", ColumnType::String),
            ("list[1]", ColumnType::Json),
            ("o", ColumnType::String),
        ]);
        check(
            payloads(&[
                Some(r#"{"a":{"b":"x"},"list":[1, {"y": 1.10}],"o":{"p": [1, 2]}}"#),
                None,
                Some(""),
                Some("{}"),
            ]),
            &[FilterRule::ExpandJson(rule)],
            r#"
            +----+-----+------------+-------------+------+
            | id | a.b | list[1]    | o           | last |
            +----+-----+------------+-------------+------+
            | 1  | x   | {"y":1.10} | {"p":[1,2]} | z    |
            | 2  |     |            |             | z    |
            | 3  |     |            |             | z    |
            | 4  |     |            |             | z    |
            +----+-----+------------+-------------+------+
            id:long a.b:string list[1]:json o:string last:string"#,
        );
    }

    #[test]
    fn json_column_can_stay_before_its_members() {
        let mut rule = expand(&[("x", ColumnType::Long)]);
        rule.keep_expanding_json_column = true;
        rule.root = "$.data.".to_owned();
        check(
            payloads(&[Some(r#"{"data":{"x":5}}"#)]),
            &[FilterRule::ExpandJson(rule)],
            r#"
            +----+------------------+---+------+
            | id | payload          | x | last |
            +----+------------------+---+------+
            | 1  | {"data":{"x":5}} | 5 | z    |
            +----+------------------+---+------+
            id:long payload:json x:long last:string"#,
        );
    }

    #[test]
    fn values_are_converted_by_the_rules_of_the_original() {
        let rule = expand(&[
            ("l", ColumnType::Long),
            ("d", ColumnType::Double),
            ("b", ColumnType::Boolean),
            ("s", ColumnType::String),
            ("t", ColumnType::Timestamp),
        ]);
        check(
            payloads(&[
                Some(r#"{"l":1.9,"d":"2.5","b":"TRUE","s":1e3,"t":"2015-01-02 03:04:05"}"#),
                Some(r#"{"l":"-1e3","d":7,"b":1,"s":true,"t":null}"#),
                Some(r#"{"l":1e30,"d":1e999,"b":true,"s":null}"#),
            ]),
            &[FilterRule::ExpandJson(rule), drop_columns(&["last"])],
            r#"
            +----+---------------------+-----+-------+------+----------------------+
            | id | l                   | d   | b     | s    | t                    |
            +----+---------------------+-----+-------+------+----------------------+
            | 1  | 1                   | 2.5 | true  | 1e3  | 2015-01-02T03:04:05Z |
            | 2  | -1000               | 7.0 | false | true |                      |
            | 3  | 9223372036854775807 | inf | true  |      |                      |
            +----+---------------------+-----+-------+------+----------------------+
            id:long l:long d:double b:boolean s:string t:timestamp"#,
        );
    }

    #[test]
    fn invalid_records_are_rejected_once_with_their_reason() {
        let rule = expand(&[
            ("l", ColumnType::Long),
            ("t", ColumnType::Timestamp),
            ("j", ColumnType::Json),
        ]);
        check(
            payloads(&[
                Some(r#"{"l":"x","t":"y"}"#),
                Some("not json"),
                Some(r#"{"t":"y"}"#),
                Some(r#"{"j":"abc"}"#),
                Some(r#"{"l":1,"j":"{\"k\": 1}"}"#),
            ]),
            &[FilterRule::ExpandJson(rule)],
            r#"
            +----+---+---+---------+------+
            | id | l | t | j       | last |
            +----+---+---+---------+------+
            | 5  | 1 |   | {"k":1} | z    |
            +----+---+---+---------+------+
            id:long l:long t:timestamp j:json last:string
            filters[0] (expand_json): column `l` cannot read `x` as long [{"l":"x","t":"y"}]
            filters[0] (expand_json): column `payload` cannot read `not json` as json [not json]
            filters[0] (expand_json): column `t` cannot read `y` as timestamp [{"t":"y"}]
            filters[0] (expand_json): column `j` cannot read `abc` as json [{"j":"abc"}]"#,
        );
    }

    #[test]
    fn invalid_record_can_stop_the_job() {
        let mut rule = expand(&[("l", ColumnType::Long)]);
        rule.stop_on_invalid_record = true;
        check(
            payloads(&[Some(r#"{"l":1}"#), Some(r#"{"l":"x"}"#)]),
            &[FilterRule::ExpandJson(rule)],
            "failed: External error: found an invalid record: filters[0] (expand_json): column `l` cannot read `x` as long",
        );
    }

    #[test]
    fn string_columns_can_be_expanded_and_take_their_own_name() {
        let mut rule = expand(&[("last", ColumnType::String)]);
        rule.json_column_name = "last".to_owned();
        rule.root = "$.".to_owned();
        let input = batch(vec![("last", ColumnType::String, texts(&[Some(r#"{"last":"in"}"#)]))]);
        check(
            input,
            &[FilterRule::ExpandJson(rule)],
            "
            +------+
            | last |
            +------+
            | in   |
            +------+
            last:string",
        );
    }

    #[test]
    fn errors_of_the_schema() {
        let long = ColumnType::Long;
        let mut missing = expand(&[("x", long)]);
        missing.json_column_name = "payloud".to_owned();
        let mut number = expand(&[("x", long)]);
        number.json_column_name = "id".to_owned();
        let mut kept = expand(&[("payload", long)]);
        kept.keep_expanding_json_column = true;
        let mut zone = expand(&[("t", ColumnType::Timestamp)]);
        zone.expanded_columns[0].timestamp.timezone = "Nowhere/City".to_owned();
        for (rule, expected) in [
            (
                missing,
                "column `payloud` of `json_column_name` doesn't exist in the schema; hint: did you mean `payload`?",
            ),
            (
                number,
                "a column specified as `json_column_name` must be string or json: `id` is long",
            ),
            (
                expand(&[("x", long), ("x", long)]),
                "column config for `x` is duplicated at `expanded_columns`",
            ),
            (
                expand(&[("last", long)]),
                "output column `last` is duplicated: the input has a column of that name; hint: remove or rename the input's \
                 `last` by a filter before this one",
            ),
            (
                kept,
                "output column `payload` is duplicated: the input has a column of that name; hint: remove or rename the \
                 input's `payload` by a filter before this one",
            ),
            (expand(&[("a[", long)]), "column `a[`: path `$.a[` has an unclosed `[`"),
            (expand(&[]), "`expanded_columns` is empty"),
        ] {
            check(
                payloads(&[None]),
                &[FilterRule::ExpandJson(rule)],
                &format!("error: filters[0] (expand_json): {expected}"),
            );
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let text = runtime.block_on(outcome(payloads(&[None]), &[FilterRule::ExpandJson(zone)]));
        assert!(
            text.starts_with("error: filters[0] (expand_json): column `t`: "),
            "{text}"
        );
    }
}

mod digests {
    use super::*;

    #[test]
    fn values_of_every_type_are_digested_in_their_text_form() {
        let rule = FilterRule::Digest(DigestRule {
            columns: ["flag", "Count", "ratio", "a.name", "at", "payload"]
                .into_iter()
                .map(|name| digest(name, DigestAlgorithm::Md5))
                .collect(),
        });
        // The digests of `true`, `42`, `1.0E10`, `x`, `2015-03-31T06:12:37.12Z` and the JSON text.
        check(all_types(), &[rule], DIGESTS);
    }

    const DIGESTS: &str = "
        +----------------------------------+----------------------------------+----------------------------------+----------------------------------+----------------------------------+----------------------------------+
        | flag                             | Count                            | ratio                            | a.name                           | at                               | payload                          |
        +----------------------------------+----------------------------------+----------------------------------+----------------------------------+----------------------------------+----------------------------------+
        | b326b5062b2f0e69046810717534cb09 | a1d0c6e83f027327d8461063f4ac58a6 | 117c481f65f5b33d028bc53b3f108195 | 9dd4e461268c8034f5c8564e155c67a6 | 9a12abab9a3b2eb2bb0b9052958ba42d | 57b6516cf607a68400a86b7a2e349c90 |
        |                                  |                                  |                                  |                                  |                                  |                                  |
        +----------------------------------+----------------------------------+----------------------------------+----------------------------------+----------------------------------+----------------------------------+
        flag:string Count:string ratio:string a.name:string at:string payload:string";

    #[track_caller]
    fn check_digest(algorithm: DigestAlgorithm, secret_key: Option<&str>, expected: &str) {
        let input = batch(vec![(
            "v",
            ColumnType::String,
            texts(&[Some("what do ya want for nothing?")]),
        )]);
        let rule = FilterRule::Digest(DigestRule {
            columns: vec![DigestColumn {
                secret_key: secret_key.map(str::to_owned),
                ..digest("v", algorithm)
            }],
        });
        let job = Job::new(1);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let batches =
            runtime.block_on(async { job.apply(vec![input], &[rule]).await.unwrap().collect().await.unwrap() });
        assert_eq!(
            batches[0].column(0).as_string::<i32>().value(0),
            expected,
            "{algorithm:?}"
        );
    }

    #[test]
    fn every_algorithm_gives_its_published_digest() {
        for (algorithm, key, expected) in [
            (DigestAlgorithm::Md5, None, "d03cb659cbf9192dcd066272249f8412"),
            (DigestAlgorithm::Sha1, None, "8f820394f95335182045da24f34de52bf8bc3432"),
            (
                DigestAlgorithm::Sha224,
                None,
                "9b67b9bb148fae726d5bc97300f3ef9e11b8fa3d3e4b58cab50a4d9a",
            ),
            (
                DigestAlgorithm::Sha256,
                None,
                "b381e7fec653fc3ab9b178272366b8ac87fed8d31cb25ed1d0e1f3318644c89c",
            ),
            (
                DigestAlgorithm::Sha384,
                None,
                "1ab7b35ff828054ad6d188df1d8fb729f67515d1288fd66e7725043e9da06e36598f26b302f8b044a554ec1230bf1702",
            ),
            (
                DigestAlgorithm::Sha512,
                None,
                "a3adca3c9c1e45b39ef51b0703692e09ab3a20404dd7617537144720f35e304e89e530db6db9deb50f8b33e38d951f2ffc973085b7f0ccb11178799d113481f2",
            ),
            (
                DigestAlgorithm::HmacMd5,
                Some("Jefe"),
                "750c783e6ab0b503eaa86e310a5db738",
            ),
            (
                DigestAlgorithm::HmacSha1,
                Some("Jefe"),
                "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
            ),
            (
                DigestAlgorithm::HmacSha224,
                Some("Jefe"),
                "a30e01098bc6dbbf45690f3a7e9e6d0f8bbea2a39e6148008fd05e44",
            ),
            (
                DigestAlgorithm::HmacSha256,
                Some("Jefe"),
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                DigestAlgorithm::HmacSha384,
                Some("Jefe"),
                "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
            ),
            (
                DigestAlgorithm::HmacSha512,
                Some("Jefe"),
                "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
            ),
        ] {
            check_digest(algorithm, key, expected);
        }
    }

    #[test]
    fn digested_column_can_get_a_new_name() {
        let column = DigestColumn {
            new_name: Some("hash".to_owned()),
            ..digest("a.name", DigestAlgorithm::Md5)
        };
        check(
            all_types(),
            &[
                FilterRule::Digest(DigestRule { columns: vec![column] }),
                keep(&["hash", "Count"]),
            ],
            "
            +-------+----------------------------------+
            | Count | hash                             |
            +-------+----------------------------------+
            | 42    | 9dd4e461268c8034f5c8564e155c67a6 |
            |       |                                  |
            +-------+----------------------------------+
            Count:long hash:string",
        );
    }

    #[test]
    fn missing_column_and_missing_key_are_errors() {
        for (column, expected) in [
            (
                digest("a_name", DigestAlgorithm::Md5),
                "column `a_name` doesn't exist in the schema; hint: did you mean `a.name`?",
            ),
            (
                digest("at", DigestAlgorithm::HmacSha256),
                "secret key must not be null: column `at` uses `HmacSHA256`",
            ),
        ] {
            check(
                all_types(),
                &[FilterRule::Digest(DigestRule { columns: vec![column] })],
                &format!("error: filters[0] (hash): {expected}"),
            );
        }
    }

    #[tokio::test]
    async fn plan_does_not_show_the_key() {
        let column = DigestColumn {
            secret_key: Some("s3cret".to_owned()),
            ..digest("a.name", DigestAlgorithm::HmacSha1)
        };
        let job = Job::new(1);
        let rule = FilterRule::Digest(DigestRule { columns: vec![column] });
        let frame = job.apply(vec![all_types()], &[rule]).await.unwrap();
        let plan = frame.logical_plan().clone();
        let physical = frame.create_physical_plan().await.unwrap();
        for text in [
            format!("{plan:?}"),
            plan.display_indent_schema().to_string(),
            format!("{physical:?}"),
        ] {
            assert!(!text.contains("s3cret"), "{text}");
        }
    }
}

mod time {
    use super::*;

    fn long(values: &[Option<i64>]) -> RecordBatch {
        batch(vec![
            ("t", ColumnType::Long, longs(values)),
            ("n", ColumnType::Long, longs(values)),
        ])
    }

    #[test]
    fn new_column_is_last_and_the_old_one_makes_room() {
        let input = batch(vec![
            ("time", ColumnType::Long, longs(&[Some(1_427_782_357), None])),
            ("time_", ColumnType::Long, longs(&[Some(1), Some(2)])),
        ]);
        check(
            input,
            &[add_time("time", None, from_column("time", UnixUnit::Sec, None))],
            "
            +------------+-------+----------------------+
            | time__     | time_ | time                 |
            +------------+-------+----------------------+
            | 1427782357 | 1     | 2015-03-31T06:12:37Z |
            |            | 2     |                      |
            +------------+-------+----------------------+
            time__:long time_:long time:timestamp",
        );
    }

    #[test]
    fn long_column_counts_in_its_unit_and_is_cut_to_the_unit_of_the_new_one() {
        check(
            long(&[Some(1_999), Some(-1)]),
            &[
                add_time("s", Some(UnixUnit::Sec), from_column("t", UnixUnit::Milli, None)),
                add_time("u", Some(UnixUnit::Nano), from_column("t", UnixUnit::Micro, None)),
                add_time("n2", Some(UnixUnit::Nano), from_column("t", UnixUnit::Nano, None)),
            ],
            "
            +------+------+----+---------+------+
            | t    | n    | s  | u       | n2   |
            +------+------+----+---------+------+
            | 1999 | 1999 | 1  | 1999000 | 1999 |
            | -1   | -1   | -1 | -1000   | -1   |
            +------+------+----+---------+------+
            t:long n:long s:long u:long n2:long",
        );
    }

    #[test]
    fn time_that_does_not_fit_rejects_its_record() {
        check(
            long(&[Some(i64::MAX), Some(0)]),
            &[add_time("x", None, from_column("t", UnixUnit::Sec, None)), keep(&["x"])],
            "
            +----------------------+
            | x                    |
            +----------------------+
            | 1970-01-01T00:00:00Z |
            +----------------------+
            x:timestamp
            filters[0] (add_time): column `t` cannot read `9223372036854775807` as timestamp [9223372036854775807]",
        );
    }

    #[test]
    fn text_is_read_by_format_and_rejects_its_record_if_it_does_not_fit() {
        let input = batch(vec![(
            "t",
            ColumnType::String,
            texts(&[Some("2015-03-31 06:12:37"), None, Some("yesterday"), Some("")]),
        )]);
        check(
            input,
            &[add_time(
                "x",
                Some(UnixUnit::Sec),
                from_column("t", UnixUnit::Sec, None),
            )],
            "
            +---------------------+------------+
            | t                   | x          |
            +---------------------+------------+
            | 2015-03-31 06:12:37 | 1427782357 |
            |                     |            |
            +---------------------+------------+
            t:string x:long
            filters[0] (add_time): column `t` cannot read `yesterday` as timestamp [yesterday]
            filters[0] (add_time): column `t` cannot read `` as timestamp []",
        );
    }

    #[test]
    fn timestamp_column_is_copied_or_cut() {
        check(
            all_types(),
            &[
                add_time("x", None, from_column("at", UnixUnit::Sec, None)),
                add_time("y", Some(UnixUnit::Milli), from_column("at", UnixUnit::Sec, None)),
                keep(&["x", "y"]),
            ],
            "
            +--------------------------+---------------+
            | x                        | y             |
            +--------------------------+---------------+
            | 2015-03-31T06:12:37.120Z | 1427782357120 |
            |                          |               |
            +--------------------------+---------------+
            x:timestamp y:long",
        );
    }

    #[test]
    fn json_member_is_text_or_number_and_anything_else_is_null() {
        check(
            payloads(&[
                Some(r#"{"ts":"2015-03-31 06:12:37"}"#),
                Some(r#"{"ts":1427782357000}"#),
                Some(r#"{"ts":"no"}"#),
                Some(r#"{"ts":1.5}"#),
                Some("{}"),
                None,
            ]),
            &[
                add_time("x", None, from_column("payload", UnixUnit::Milli, Some("ts"))),
                keep(&["id", "x"]),
            ],
            "
            +----+----------------------+
            | id | x                    |
            +----+----------------------+
            | 1  | 2015-03-31T06:12:37Z |
            | 2  | 2015-03-31T06:12:37Z |
            | 3  |                      |
            | 4  |                      |
            | 5  |                      |
            | 6  |                      |
            +----+----------------------+
            id:long x:timestamp",
        );
    }

    #[test]
    fn constants_and_counts() {
        check(
            long(&[Some(1), Some(2), Some(3), Some(4)]),
            &[
                add_time("fixed", None, AddTimeSource::FixedTime(1_500_000)),
                add_time("up", Some(UnixUnit::Milli), AddTimeSource::UploadTime),
                add_time("count", None, AddTimeSource::IncrementalTime { from: 10, to: 12 }),
                keep(&["t", "fixed", "up", "count"]),
            ],
            "
            +---+--------------------------+---------------+----------------------+
            | t | fixed                    | up            | count                |
            +---+--------------------------+---------------+----------------------+
            | 1 | 1970-01-01T00:00:01.500Z | 1700000000123 | 1970-01-01T00:00:10Z |
            | 2 | 1970-01-01T00:00:01.500Z | 1700000000123 | 1970-01-01T00:00:11Z |
            | 3 | 1970-01-01T00:00:01.500Z | 1700000000123 | 1970-01-01T00:00:12Z |
            | 4 | 1970-01-01T00:00:01.500Z | 1700000000123 | 1970-01-01T00:00:10Z |
            +---+--------------------------+---------------+----------------------+
            t:long fixed:timestamp up:long count:timestamp",
        );
    }

    #[test]
    fn errors_of_the_schema() {
        for (rule, expected) in [
            (
                add_time("x", None, from_column("att", UnixUnit::Sec, None)),
                "from_column `att` doesn't exist in the schema; hint: did you mean `at`?",
            ),
            (
                add_time("x", None, from_column("flag", UnixUnit::Sec, None)),
                "the type of the `flag` column specified as from_column must be long, string, timestamp or json, but it's \
                 boolean",
            ),
            (
                add_time("x", None, from_column("payload", UnixUnit::Sec, None)),
                "from_column `payload` is json, so `json_key` must name its member",
            ),
            (
                add_time("x", None, AddTimeSource::IncrementalTime { from: 2, to: 1 }),
                "`to` is before `from`",
            ),
            (
                add_time("x", Some(UnixUnit::Nano), AddTimeSource::FixedTime(i64::MAX)),
                "the time of column `x` does not fit its unit",
            ),
        ] {
            check(
                all_types(),
                &[rule],
                &format!("error: filters[0] (add_time): {expected}"),
            );
        }
    }
}

mod rename {
    use super::*;

    fn rename(columns: &[(&str, &str)], rules: Vec<RenameStep>) -> FilterRule {
        let columns = columns
            .iter()
            .map(|(old, new)| ((*old).to_owned(), (*new).to_owned()))
            .collect();
        FilterRule::Rename(RenameRule { columns, rules })
    }

    #[test]
    fn map_comes_first_and_rules_follow_in_order() {
        check(
            all_types(),
            &[
                keep(&["Count", "a.name", "payload"]),
                rename(
                    &[("payload", "A.Name")],
                    vec![
                        RenameStep::UpperToLower,
                        RenameStep::CharacterTypes {
                            pass_types: names(&["a-z", "0-9"]),
                            pass_characters: "_".to_owned(),
                            replace: '_',
                        },
                        RenameStep::UniqueNumberSuffix {
                            delimiter: '_',
                            digits: None,
                            max_length: Some(128),
                            offset: 1,
                        },
                    ],
                ),
            ],
            r#"
            +-------+--------+---------------------------------+
            | count | a_name | a_name_2                        |
            +-------+--------+---------------------------------+
            | 42    | x      | {"a":1,"b":{"c":"x","d":[1,2]}} |
            |       |        |                                 |
            +-------+--------+---------------------------------+
            count:long a_name:string a_name_2:json"#,
        );
    }

    #[test]
    fn names_can_be_swapped() {
        check(
            all_types(),
            &[
                keep(&["Count", "flag"]),
                rename(&[("Count", "flag"), ("flag", "Count")], vec![]),
            ],
            "
            +-------+------+
            | Count | flag |
            +-------+------+
            | true  | 42   |
            |       |      |
            +-------+------+
            Count:boolean flag:long",
        );
    }

    #[test]
    fn missing_and_clashing_names_are_errors() {
        for (rule, expected) in [
            (
                rename(&[("count", "n")], vec![]),
                "column `count` is not found; hint: did you mean `Count`?",
            ),
            (
                rename(&[("Count", "flag")], vec![]),
                "column `Count` is renamed to `flag`, a name that another column has; hint: end the rules with \
                 `unique_number_suffix`",
            ),
        ] {
            check(all_types(), &[rule], &format!("error: filters[0] (rename): {expected}"));
        }
    }
}

mod casts {
    use super::*;

    #[test]
    fn text_is_read_as_in_csv_and_rejects_its_record_otherwise() {
        let column = texts(&[Some("1"), None, Some("x"), Some("1.5"), Some("")]);
        let input = batch(vec![
            (
                "id",
                ColumnType::String,
                texts(&[Some("a"), Some("b"), Some("c"), Some("d"), Some("e")]),
            ),
            ("l", ColumnType::String, column.clone()),
            ("d", ColumnType::String, column.clone()),
            ("b", ColumnType::String, column),
        ]);
        check(
            input,
            &[cast(&[
                ("b", ColumnType::Boolean),
                ("l", ColumnType::Long),
                ("d", ColumnType::Double),
            ])],
            "
            +----+---+-----+------+
            | id | l | d   | b    |
            +----+---+-----+------+
            | a  | 1 | 1.0 | true |
            | b  |   |     |      |
            +----+---+-----+------+
            id:string l:long d:double b:boolean
            filters[0] (cast): column `l` cannot read `x` as long [x]
            filters[0] (cast): column `l` cannot read `1.5` as long [1.5]
            filters[0] (cast): column `l` cannot read `` as long []",
        );
    }

    #[test]
    fn every_type_becomes_a_string() {
        let strings: Vec<(&str, ColumnType)> = ["flag", "Count", "ratio", "at", "payload"]
            .into_iter()
            .map(|name| (name, ColumnType::String))
            .collect();
        check(
            all_types(),
            &[cast(&strings), drop_columns(&["a.name"])],
            r#"
            +------+-------+--------+-------------------------+---------------------------------+
            | flag | Count | ratio  | at                      | payload                         |
            +------+-------+--------+-------------------------+---------------------------------+
            | true | 42    | 1.0E10 | 2015-03-31T06:12:37.12Z | {"a":1,"b":{"c":"x","d":[1,2]}} |
            |      |       |        |                         |                                 |
            +------+-------+--------+-------------------------+---------------------------------+
            flag:string Count:string ratio:string at:string payload:string"#,
        );
    }

    #[test]
    fn every_type_but_text_becomes_json() {
        let json: Vec<(&str, ColumnType)> = ["flag", "Count", "ratio", "at"]
            .into_iter()
            .map(|name| (name, ColumnType::Json))
            .collect();
        check(
            all_types(),
            &[keep(&["flag", "Count", "ratio", "at"]), cast(&json)],
            r#"
            +------+-------+--------+---------------------------+
            | flag | Count | ratio  | at                        |
            +------+-------+--------+---------------------------+
            | true | 42    | 1.0E10 | "2015-03-31T06:12:37.12Z" |
            |      |       |        |                           |
            +------+-------+--------+---------------------------+
            flag:json Count:json ratio:json at:json"#,
        );
    }

    #[test]
    fn numbers_become_long() {
        check(
            all_types(),
            &[
                keep(&["flag", "ratio", "at"]),
                cast(&[
                    ("flag", ColumnType::Long),
                    ("ratio", ColumnType::Long),
                    ("at", ColumnType::Long),
                ]),
            ],
            "
            +------+-------------+------------+
            | flag | ratio       | at         |
            +------+-------------+------------+
            | 1    | 10000000000 | 1427782357 |
            |      |             |            |
            +------+-------------+------------+
            flag:long ratio:long at:long",
        );
    }

    #[test]
    fn double_without_a_long_rejects_its_record() {
        let doubles = Float64Array::from(vec![Some(-1.9), Some(f64::NAN), Some(9.3e18), Some(f64::NEG_INFINITY)]);
        check(
            batch(vec![("d", ColumnType::Double, Arc::new(doubles))]),
            &[cast(&[("d", ColumnType::Long)])],
            "
            +----+
            | d  |
            +----+
            | -1 |
            +----+
            d:long
            filters[0] (cast): column `d` cannot read `NaN` as long [NaN]
            filters[0] (cast): column `d` cannot read `9.3E18` as long [9.3E18]
            filters[0] (cast): column `d` cannot read `-Infinity` as long [-Infinity]",
        );
    }

    #[test]
    fn content_of_a_json_string_counts() {
        check(
            payloads(&[Some("\"12\""), Some("13"), Some("null"), Some("{}")]),
            &[cast(&[("payload", ColumnType::Long)])],
            r#"
            +----+---------+------+
            | id | payload | last |
            +----+---------+------+
            | 1  | 12      | z    |
            | 2  | 13      | z    |
            | 3  |         | z    |
            +----+---------+------+
            id:long payload:long last:string
            filters[0] (cast): column `payload` cannot read `{}` as long [{}]"#,
        );
    }

    #[test]
    fn long_becomes_a_timestamp_by_a_format_and_null_a_default() {
        let seconds = ColumnEntry {
            column_type: Some(ColumnType::Timestamp),
            timestamp: timestamp("%s"),
            default: Some("0".to_owned()),
            ..entry("Count")
        };
        check(
            all_types(),
            &[FilterRule::Cast(CastRule { columns: vec![seconds] }), keep(&["Count"])],
            "
            +----------------------+
            | Count                |
            +----------------------+
            | 1970-01-01T00:00:42Z |
            | 1970-01-01T00:00:00Z |
            +----------------------+
            Count:timestamp",
        );
    }

    #[test]
    fn text_becomes_json_only_if_it_is() {
        let input = batch(vec![(
            "j",
            ColumnType::String,
            texts(&[Some("{ \"a\" : 1.0 }"), Some("abc")]),
        )]);
        check(
            input,
            &[cast(&[("j", ColumnType::Json)])],
            r#"
            +-----------+
            | j         |
            +-----------+
            | {"a":1.0} |
            +-----------+
            j:json
            filters[0] (cast): column `j` cannot read `abc` as json [abc]"#,
        );
    }

    #[test]
    fn impossible_casts_are_errors() {
        for (rule, expected) in [
            (
                cast(&[("flag", ColumnType::Timestamp)]),
                "column `flag` cannot be cast from boolean to timestamp",
            ),
            (
                cast(&[("at", ColumnType::Boolean)]),
                "column `at` cannot be cast from timestamp to boolean",
            ),
            (
                cast(&[("rat", ColumnType::Long)]),
                "column `rat` doesn't exist in the schema; hint: did you mean `at`?",
            ),
            (
                FilterRule::Cast(CastRule {
                    columns: vec![entry("flag")],
                }),
                "column `flag` has no `type` to cast to",
            ),
        ] {
            check(all_types(), &[rule], &format!("error: filters[0] (cast): {expected}"));
        }
    }
}

mod sql_rules {
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
}

mod one_plan {
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
}

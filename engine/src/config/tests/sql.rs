//! Filters that are SQL.

use super::*;

fn sql(text: SqlText) -> FilterRule {
    let tables = Vec::new();
    FilterRule::Sql(SqlRule { text, tables })
}

#[test]
fn files_are_tables_of_sql() {
    let FilterRule::Sql(rule) = filter(
        "{type: sql, query: q, tables: {geo: {path: a/geo.CSV, columns: {zip: string}}, t: {path: b, format: tsv}, j: {path: c.ndjson}}}",
    ) else {
        panic!("not sql")
    };
    let file = |path: &str, format, columns| LookupFile {
        path: path.to_owned(),
        format,
        columns,
    };
    let zip = vec![("zip".to_owned(), ColumnType::String)];
    let expected = [
        ("geo", file("a/geo.CSV", LookupFormat::Csv { delimiter: b',' }, zip)),
        ("t", file("b", LookupFormat::Csv { delimiter: b'\t' }, Vec::new())),
        ("j", file("c.ndjson", LookupFormat::Json, Vec::new())),
    ];
    assert_eq!(rule.tables, expected.map(|(name, file)| (name.to_owned(), file)));
    for (table, path, message) in [
        ("{}", "filters.0.tables.a.path", "`path` is required"),
        ("{path: a.xlsx}", "filters.0.tables.a.path", "does not tell the format"),
        (
            "{path: a, format: xlsx}",
            "filters.0.tables.a.format",
            "unknown format 'xlsx'",
        ),
        (
            "{path: a.parquet, columns: {b: long}}",
            "filters.0.tables.a.columns",
            "csv files only",
        ),
        (
            "{path: a.csv, columns: {b: int}}",
            "filters.0.tables.a.columns",
            "unknown type 'int' of `b`",
        ),
    ] {
        check_filter_error(
            &format!("{{type: sql, query: q, tables: {{a: {table}}}}}"),
            path,
            message,
        );
    }
}

#[test]
fn metadata_columns_that_sql_names_are_there_and_hidden() {
    let names = |input: &str, filters: &str| -> Vec<String> {
        let plan = resolved(&file(input, CSV, &format!("filters:\n- {filters}\n"))).plan;
        let columns = plan.input.metadata_columns;
        columns.into_iter().map(|column| column.name).collect()
    };
    assert_eq!(names("", "{type: row, where: _file_size > 1}"), ["__hidden_file_size"]);
    assert_eq!(
        names("", "{type: sql, query: 'SELECT _row_number FROM input'}"),
        ["__hidden_row_number"]
    );
    assert_eq!(
        names("metadata_columns: [_file_size],", "{type: row, where: _file_size > 1}"),
        ["_file_size"]
    );
    assert_eq!(
        names(
            "metadata_columns: {_file_size: size},",
            "{type: row, where: _file_size > size}"
        ),
        ["size", "__hidden_file_size"]
    );
    assert!(names("", "{type: rename, columns: {a: _file_size}}").is_empty());
    let plan = resolved(&file("", CSV, "filters: [{type: row, where: _row_number = 1}]\n")).plan;
    let Some(ParserOptions::Csv(options)) = plan.input.parser else {
        panic!("not csv")
    };
    assert!(options.has_record_numbers);
}

#[test]
fn sql_takes_clauses_or_a_query() {
    assert_eq!(
        filter("{type: sql, where: 'a > 1', select: '*'}"),
        sql(SqlText::Clauses {
            where_clause: Some("a > 1".to_owned()),
            select: Some("*".to_owned())
        })
    );
    assert_eq!(
        filter("{type: sql, query: SELECT 1}"),
        sql(SqlText::Query("SELECT 1".to_owned()))
    );
    check_filter_error("{type: sql, query: q, where: w}", "filters.0.query", "stands alone");
    check_filter_error(
        "{type: sql}",
        "filters.0",
        "either `where`, `select` or `query` is required",
    );
}

#[test]
fn filters_that_choose_rows_are_read() {
    assert_eq!(
        filter("{type: row, where: a > 1}"),
        FilterRule::Row(RowRule {
            where_clause: "a > 1".to_owned()
        })
    );
    check_filter_error(
        "{type: row}",
        "filters.0.where",
        "either `where` or `conditions` is required",
    );
    let dedup = |order| {
        FilterRule::Dedup(DedupRule {
            columns: vec!["a".to_owned()],
            order,
        })
    };
    assert_eq!(filter("{type: dedup, columns: a}"), dedup(None));
    for (keep, expected) in [
        ("", Keep::First),
        (", keep: first", Keep::First),
        (", keep: last", Keep::Last),
    ] {
        let by = "b".to_owned();
        assert_eq!(
            filter(&format!("{{type: dedup, columns: [a], by: b{keep}}}")),
            dedup(Some(DedupOrder { by, keep: expected }))
        );
    }
    check_filter_error("{type: dedup}", "filters.0.columns", "required");
    check_filter_error("{type: dedup, columns: []}", "filters.0.columns", "required");
    check_filter_error(
        "{type: dedup, columns: [a], keep: last}",
        "filters.0.keep",
        "no promised order",
    );
    check_filter_error(
        "{type: dedup, columns: [a], by: b, keep: newest}",
        "filters.0.keep",
        "unknown keep 'newest'. Supported are [first, last]",
    );
}

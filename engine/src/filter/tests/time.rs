//! `add_time`.

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

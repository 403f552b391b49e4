//! Finds the type of a column from the text of its sampled values.
//!
//! A type is chosen if it reads every sampled value, or, of many values, all but the odd one: a few bad records must not make
//! text of a whole column. The reference is looser in three places and the difference is kept small and deliberate: numbers of
//! eight digits are dates only where the column's name says so, or at least not otherwise, `true` beside `7` is a string (the reference says long, which
//! rejects the record), and `1e5` is a double.

use super::agreement::{num_of, those};
use super::kind::{Kind, kind_of};
use super::name_words::{is_number_name, is_time_name};
use super::purity::is_number_like;
use super::shown::{shorten, shown};
use super::timestamp::{self, GuessedFormats};
use crate::parse::columns::{ColumnType, double};

/// The type of a column, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GuessedType {
    /// The type.
    pub(crate) column_type: ColumnType,
    /// For timestamps; in the order they are tried.
    pub(crate) formats: Vec<String>,
    /// What speaks for it, in a few words.
    pub(crate) note: String,
    /// What integers count since 1970, if name and values say that they do.
    pub(crate) epoch_unit: Option<&'static str>,
    /// Sampled values that the type does not read.
    pub(crate) num_misfits: usize,
    /// What could as well be otherwise.
    pub(crate) doubts: Vec<String>,
}

/// Values from which one value out of many that does not fit is worth a doubt.
const MIN_VALUES_FOR_DOUBT: usize = 10;

/// Values from which a few that do not fit are taken for bad records; of fewer, one is too large a share to tell.
const MIN_VALUES_FOR_MISFITS: usize = 100;

/// One value in this many may be a misfit.
const VALUES_PER_MISFIT: usize = 100;

/// Misfits that are shown; the others are counted.
const MAX_SHOWN_MISFITS: usize = 3;

/// How many of `num_values` may be misfits of the type that reads the others.
pub(crate) fn tolerated_misfits(num_values: usize) -> usize {
    if num_values < MIN_VALUES_FOR_MISFITS {
        0
    } else {
        num_values / VALUES_PER_MISFIT
    }
}

/// The type that reads all of `values`, or all but a few of many; none of them is null or empty. `name` is the column's, if the
/// file has one.
pub(crate) fn column_type(name: Option<&str>, values: &[&str], num_nulls: usize) -> GuessedType {
    let kinds: Vec<Kind> = values.iter().map(|value| kind_of(value)).collect();
    let of = |kind: Kind| kinds.iter().filter(|found| **found == kind).count();
    let mut guessed = GuessedType {
        column_type: ColumnType::String,
        formats: Vec::new(),
        note: String::new(),
        epoch_unit: None,
        num_misfits: 0,
        doubts: Vec::new(),
    };
    let shown = name.map(shown).unwrap_or_default();
    if values.is_empty() {
        guessed.note = "no value seen".to_owned();
        return guessed;
    }
    let nulls = if num_nulls > 0 {
        format!(", {num_nulls} null")
    } else {
        String::new()
    };
    guessed.note = format!("{}{nulls}", num_of(values.len(), "value"));
    let is_all = |allowed: &[Kind]| kinds.iter().all(|kind| allowed.contains(kind));
    if is_all(&[Kind::Long]) {
        guessed.column_type = ColumnType::Long;
        long_details(name, values, &mut guessed);
    } else if is_all(&[Kind::Double]) || is_all(&[Kind::Long, Kind::Double]) {
        guessed.column_type = ColumnType::Double;
        if of(Kind::Long) > 0 {
            guessed
                .note
                .push_str(&format!(", {} of them without a fraction", of(Kind::Long)));
        }
    } else if is_all(&[Kind::Boolean]) {
        guessed.column_type = ColumnType::Boolean;
        let first = values[0];
        if first.len() == 1 && values.iter().all(|value| *value == first) {
            guessed.doubts.push(format!(
                "column {shown}: boolean, but only `{first}` was seen; a boolean column reads any other text as false"
            ));
        }
    } else if is_all(&[Kind::Boolean, Kind::Long]) && values.iter().all(|value| is_bit_or_word(value)) {
        guessed.column_type = ColumnType::Boolean;
        guessed.note.push_str(", `1` and `0` among them");
    } else if is_all(&[Kind::Json]) {
        guessed.column_type = ColumnType::Json;
    } else if is_all(&[Kind::Timestamp])
        && let Some(found) = timestamp::formats_of(values)
    {
        timestamp_details(&shown, values[0], found, &mut guessed);
    } else if !is_read_but_for_misfits(name, values, &kinds, &mut guessed) {
        string_details(&shown, values, &kinds, &mut guessed);
    }
    guessed
}

/// Chooses the type that reads all but a few of many values; `false` if there is none.
fn is_read_but_for_misfits(name: Option<&str>, values: &[&str], kinds: &[Kind], guessed: &mut GuessedType) -> bool {
    let max_misfits = tolerated_misfits(values.len());
    if max_misfits == 0 {
        return false;
    }
    let shown = name.map(shown).unwrap_or_default();
    let numbers_or_words: [(ColumnType, &[Kind]); 3] = [
        (ColumnType::Long, &[Kind::Long]),
        (ColumnType::Double, &[Kind::Long, Kind::Double]),
        (ColumnType::Boolean, &[Kind::Boolean]),
    ];
    for (column_type, allowed) in numbers_or_words {
        let (fitting, misfits) = split_at_kinds(values, kinds, allowed);
        if misfits.len() <= max_misfits && misfits.iter().all(|misfit| is_surely_bad(column_type, misfit)) {
            guessed.column_type = column_type;
            if column_type == ColumnType::Long {
                long_details(name, &fitting, guessed);
            }
            tell_misfits(&shown, values.len(), &misfits, guessed);
            return true;
        }
    }
    let Some((found, misfits)) = timestamp::formats_of_most(values, max_misfits) else {
        return false;
    };
    let first = values
        .iter()
        .find(|value| !misfits.contains(value))
        .unwrap_or(&values[0]);
    timestamp_details(&shown, first, found, guessed);
    tell_misfits(&shown, values.len(), &misfits, guessed);
    true
}

fn split_at_kinds<'v>(values: &[&'v str], kinds: &[Kind], allowed: &[Kind]) -> (Vec<&'v str>, Vec<&'v str>) {
    let mut fitting = Vec::new();
    let mut misfits = Vec::new();
    for (value, kind) in values.iter().zip(kinds) {
        if allowed.contains(kind) {
            fitting.push(*value);
        } else {
            misfits.push(*value);
        }
    }
    (fitting, misfits)
}

/// Whether a misfit of a number or boolean column is a mistake, and not a value that says the column is something else: codes
/// with leading zeros, numbers beyond 64 bits or with commas, a third letter beside `Y` and `N`.
pub(crate) fn is_surely_bad(column_type: ColumnType, misfit: &str) -> bool {
    match column_type {
        ColumnType::Boolean => misfit.chars().count() > 1,
        _ => double::read(misfit.as_bytes()).is_none() && !is_number_like(misfit),
    }
}

/// Names the misfits in the note and in a doubt.
fn tell_misfits(shown: &str, num_values: usize, misfits: &[&str], guessed: &mut GuessedType) {
    let (note, doubt) = told_misfits(shown, guessed.column_type, num_values, misfits);
    guessed.num_misfits = misfits.len();
    guessed.note.push_str(&note);
    guessed.doubts.push(doubt);
}

/// What the note of a column adds about its misfits, and the doubt; `shown` is the column's name in backticks.
pub(crate) fn told_misfits(
    shown: &str,
    column_type: ColumnType,
    num_values: usize,
    misfits: &[&str],
) -> (String, String) {
    let mut distinct: Vec<&str> = Vec::new();
    for misfit in misfits {
        if !distinct.contains(misfit) {
            distinct.push(misfit);
        }
    }
    let named = those(&distinct, MAX_SHOWN_MISFITS);
    let name = column_type.name();
    let count = misfits.len();
    let are = if count == 1 { "is" } else { "are" };
    let fate = match column_type {
        // A boolean column refuses nothing.
        ColumnType::Boolean => "such values will be read as false",
        _ => "such records will be rejected",
    };
    (
        format!(", {count} of them no {name}: {named}"),
        format!(
            "column {shown}: {count} of {num_values} values {are} no {name}: {named}; {fate}; `type: string` keeps them"
        ),
    )
}

fn timestamp_details(shown: &str, first: &str, found: GuessedFormats, guessed: &mut GuessedType) {
    guessed.column_type = ColumnType::Timestamp;
    if found.is_order_ambiguous {
        guessed.doubts.push(order_doubt(shown, first));
    }
    if found.lacks_zone {
        guessed.note.push_str(", no zone in the text: UTC");
    }
    guessed.formats = found.formats;
}

/// The doubt about dates such as `03/04/2015`.
pub(crate) fn order_doubt(shown: &str, first: &str) -> String {
    format!(
        "column {shown}: month and day could be the other way round in every sampled value, `{}` the first",
        shorten(first)
    )
}

/// Dates and epochs among integers.
fn long_details(name: Option<&str>, values: &[&str], guessed: &mut GuessedType) {
    let is_time = name.is_some_and(is_time_name);
    if values.iter().all(|value| timestamp::is_plausible_digits(value)) {
        let shown = name.map(shown).unwrap_or_default();
        // One number in a thousand is a date of these years. Three of them in a column are hardly anything else.
        let is_date = is_time || (values.len() > 2 && !name.is_some_and(is_number_name));
        if is_date && let Some(found) = timestamp::formats_of(values) {
            guessed.column_type = ColumnType::Timestamp;
            guessed.formats = found.formats;
            guessed.note.push_str(match is_time {
                true => ", the name says date",
                false => ", each of them a date",
            });
            if !is_time {
                guessed.doubts.push(format!(
                    "column {shown}: `{}` and the others could be numbers as well; `type: long` keeps them",
                    values[0]
                ));
            }
        } else if values.len() > 2 {
            guessed.doubts.push(format!(
                "column {shown}: every value could be a date without separators, `{}` the first",
                values[0]
            ));
        }
        return;
    }
    let are_between = |least: i64, most: i64| {
        values
            .iter()
            .all(|value| value.parse::<i64>().is_ok_and(|number| (least..most).contains(&number)))
    };
    // From 1985 to 2128.
    let units = [
        ("sec", "seconds", 1),
        ("milli", "milliseconds", 1_000),
        ("micro", "microseconds", 1_000_000),
        ("nano", "nanoseconds", 1_000_000_000),
    ];
    for (unit, noun, per_second) in units {
        if is_time && are_between(500_000_000 * per_second, 5_000_000_000 * per_second) {
            guessed.note.push_str(&format!(", looks like Unix {noun}"));
            guessed.epoch_unit = Some(unit);
        }
    }
}

/// Why a column is a string, and whether nearly all of it was something else.
fn string_details(shown: &str, values: &[&str], kinds: &[Kind], guessed: &mut GuessedType) {
    let candidates = [Kind::Boolean, Kind::Long, Kind::Double, Kind::Timestamp, Kind::Json];
    let of = |kind: Kind| kinds.iter().filter(|found| **found == kind).count();
    let has_sign = |value: &&str| value.contains([',', '%', '$', '€', '£', '¥']);
    if values.iter().all(|value| is_number_like(value)) && values.iter().any(has_sign) {
        guessed.note.push_str(", written like numbers with commas or signs");
        return;
    }
    let Some(most) = candidates
        .into_iter()
        .max_by_key(|kind| of(*kind))
        .filter(|kind| of(*kind) > 0)
    else {
        return;
    };
    let Some(other) = kinds.iter().position(|kind| *kind != most) else {
        guessed.note.push_str(", of more than one date format");
        return;
    };
    let name = most.column_type().name();
    let other = values[other];
    guessed
        .note
        .push_str(&format!(", {} of them {name}, not `{}`", of(most), shorten(other)));
    let has_leading_zero = other.starts_with('0') && other.bytes().all(|byte| byte.is_ascii_digit());
    if values.len() >= MIN_VALUES_FOR_DOUBT && of(most) * 10 >= values.len() * 9 && !has_leading_zero {
        guessed.doubts.push(format!(
            "column {shown}: {} of {} values are {name}, but not `{}`; as {name} such records would be rejected",
            of(most),
            values.len(),
            shorten(other)
        ));
    }
}

fn is_bit_or_word(text: &str) -> bool {
    matches!(text, "0" | "1") || kind_of(text) == Kind::Boolean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, values: &[&str], expected: ColumnType) -> GuessedType {
        let guessed = column_type(Some(name), values, 0);
        assert_eq!(guessed.column_type, expected, "{values:?}: {}", guessed.note);
        guessed
    }

    #[test]
    fn columns_merge_to_a_type_that_reads_every_value() {
        check("a", &["1", "2"], ColumnType::Long);
        check("a", &["1", "2.5"], ColumnType::Double);
        check("a", &["1", "1e5"], ColumnType::Double);
        check("a", &["true", "no"], ColumnType::Boolean);
        check("a", &["true", "0", "1"], ColumnType::Boolean);
        check("a", &["true", "7"], ColumnType::String);
        check("a", &["1", "x"], ColumnType::String);
        check("a", &["{}", "[]"], ColumnType::Json);
        check("a", &["{}", "x"], ColumnType::String);
        check("a", &[], ColumnType::String);
        check("a", &["2015-01-27", "7"], ColumnType::String);
    }

    #[test]
    fn ids_with_leading_zeros_stay_strings() {
        let guessed = check("zip", &["01234", "12345", "99999"], ColumnType::String);
        assert_eq!(
            (guessed.note.as_str(), guessed.doubts),
            ("3 values, 2 of them long, not `01234`", Vec::new())
        );
    }

    #[test]
    fn eight_digits_are_a_date_unless_the_name_says_number() {
        let guessed = check("order_date", &["20150127", "20150128"], ColumnType::Timestamp);
        assert_eq!(guessed.formats, ["%Y%m%d"]);
        check("orderDate", &["20150127"], ColumnType::Timestamp);
        check("order_id", &["20150127", "20150128"], ColumnType::Long);
        check("order_date", &["20150127", "20159999"], ColumnType::Long);
        check("date", &["10000000"], ColumnType::Long);
        let doubts = check("ref", &["20150127", "20150128", "20150129"], ColumnType::Long).doubts;
        assert_eq!(
            doubts[0],
            "column `ref`: every value could be a date without separators, `20150127` the first"
        );
        let guessed = check("purchase", &["20150127", "20150128", "20150129"], ColumnType::Timestamp);
        assert_eq!(guessed.formats, ["%Y%m%d"]);
        assert_eq!(
            guessed.doubts[0],
            "column `purchase`: `20150127` and the others could be numbers as well; `type: long` keeps them"
        );
        check("purchase", &["20150127", "20150128"], ColumnType::Long);
        check("purchase", &["20150127", "20150128", "20151301"], ColumnType::Long);
        check(
            "customerNumber",
            &["20150127", "20150128", "20150129"],
            ColumnType::Long,
        );
    }

    #[test]
    fn epochs_are_noted() {
        assert!(
            check("ts", &["1470148959"], ColumnType::Long)
                .note
                .ends_with("looks like Unix seconds")
        );
        assert!(
            check("time", &["1470148959542"], ColumnType::Long)
                .note
                .ends_with("looks like Unix milliseconds")
        );
    }

    #[test]
    fn numbers_with_commas_are_noted() {
        assert!(
            check("n", &["1,5", "2.000,5"], ColumnType::String)
                .note
                .ends_with("written like numbers with commas or signs")
        );
    }

    #[test]
    fn one_odd_value_among_many_is_a_doubt() {
        let mut values = vec!["5"; 98];
        values.push("n/a");
        let doubts = check("size", &values, ColumnType::String).doubts;
        assert_eq!(
            doubts,
            ["column `size`: 98 of 99 values are long, but not `n/a`; as long such records would be rejected"]
        );
    }

    /// `num_values` values, the last of which are the misfits.
    fn spoilt<'v>(value: &'v str, num_values: usize, misfits: &[&'v str]) -> Vec<&'v str> {
        let mut values = vec![value; num_values - misfits.len()];
        values.extend(misfits);
        values
    }

    #[track_caller]
    fn check_tolerated(values: &[&str], expected: ColumnType, note: &str, doubt: &str) {
        let guessed = check("x", values, expected);
        assert_eq!(
            (guessed.note.as_str(), guessed.doubts.join("\n").as_str()),
            (note, doubt)
        );
    }

    #[test]
    fn one_odd_value_in_a_hundred_does_not_make_text_of_a_column() {
        check_tolerated(
            &spoilt("5", 100, &["n/a"]),
            ColumnType::Long,
            "100 values, 1 of them no long: `n/a`",
            "column `x`: 1 of 100 values is no long: `n/a`; such records will be rejected; `type: string` keeps them",
        );
        check_tolerated(
            &spoilt("5.5", 500, &["a", "b", "a", "c", "d"]),
            ColumnType::Double,
            "500 values, 5 of them no double: `a`, `b`, `c` and 1 more",
            "column `x`: 5 of 500 values are no double: `a`, `b`, `c` and 1 more; such records will be rejected; \
             `type: string` keeps them",
        );
        check_tolerated(
            &spoilt("2015-01-27T01:02:03Z", 200, &["yesterday", "2015-01-27T25:00:00Z"]),
            ColumnType::Timestamp,
            "200 values, 2 of them no timestamp: `yesterday`, `2015-01-27T25:00:00Z`",
            "column `x`: 2 of 200 values are no timestamp: `yesterday`, `2015-01-27T25:00:00Z`; such records will be \
             rejected; `type: string` keeps them",
        );
        check_tolerated(
            &spoilt("yes", 100, &["perhaps"]),
            ColumnType::Boolean,
            "100 values, 1 of them no boolean: `perhaps`",
            "column `x`: 1 of 100 values is no boolean: `perhaps`; such values will be read as false; `type: string` \
             keeps them",
        );
        let guessed = check("day", &spoilt("20150127", 100, &["never"]), ColumnType::Timestamp);
        assert_eq!((guessed.formats, guessed.num_misfits), (vec!["%Y%m%d".to_owned()], 1));
    }

    #[test]
    fn more_than_one_odd_value_in_a_hundred_makes_text_of_a_column() {
        check("x", &spoilt("5", 99, &["n/a"]), ColumnType::String);
        check("x", &spoilt("5", 199, &["n/a", "n/a"]), ColumnType::String);
        check("x", &spoilt("2015-01-27", 199, &["n/a", "n/a"]), ColumnType::String);
    }

    #[test]
    fn odd_values_that_tell_another_kind_of_data_make_text_of_a_column() {
        // Codes, ids beyond 64 bits, numbers with commas: well-formed, and lost or changed in a number column.
        for misfit in ["01234", "+5", "9223372036854775808", "1,000", "12%"] {
            check("x", &spoilt("12345", 1000, &[misfit]), ColumnType::String);
        }
        check("x", &spoilt("Y", 1000, &["P"]), ColumnType::String);
        // Read up to the blank, the rest would be lost.
        check(
            "x",
            &spoilt("2015-01-27", 1000, &["2015-01-27 or later"]),
            ColumnType::String,
        );
        // A fraction is no misfit among integers.
        let guessed = check("x", &spoilt("5", 1000, &["1.5", "n/a"]), ColumnType::Double);
        assert_eq!(guessed.num_misfits, 1);
    }

    #[test]
    fn a_lone_letter_is_a_doubtful_boolean() {
        assert!(check("grade", &["T", "T"], ColumnType::Boolean).doubts.len() == 1);
        assert!(check("grade", &["T", "F"], ColumnType::Boolean).doubts.is_empty());
    }

    #[test]
    fn names_that_speak_of_time() {
        for name in [
            "date",
            "order_date",
            "createdAt",
            "dt",
            "YMD",
            "timestamp",
            "birthday",
            "datetime",
            "Start Time",
        ] {
            assert!(is_time_name(name), "{name}");
        }
        for name in ["id", "name", "amount", "data", "status", "attribute", "format"] {
            assert!(!is_time_name(name), "{name}");
        }
    }

    #[test]
    fn shown_values_are_short_and_on_one_line() {
        assert_eq!(shorten("a\nb\u{2028}"), "a\\nb\\u{2028}");
        assert_eq!(shorten(&"x".repeat(50)), format!("{}…", "x".repeat(40)));
    }
}

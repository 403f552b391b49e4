//! What the next run of an incremental job must add to its configuration.
//!
//! A cursor never goes back: whatever was selected, it is at least what the configuration already had. It is only worth
//! storing together with the rows it stands for; this module knows neither of tables nor of commits.

use super::select::{SelectOptions, Selection, whole_millis};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Where an incremental job goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cursor {
    /// The job is not incremental.
    None,
    /// Name mode: after this key. `None`: nothing has been selected yet.
    LastPath(Option<String>),
    /// Time mode: from this moment on, in microseconds since the epoch; whole milliseconds.
    LastModified(i64),
}

/// A time that is not written as `last_modified_time` must be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unsupported DateTime value: `{value}`, supported formats: [yyyy-MM-dd'T'HH:mm:ss.SSS'Z']")]
pub struct TimeError {
    /// As written.
    pub value: String,
}

impl Cursor {
    /// The cursor after a run that selected `selection`, listing from `listing_start_micros` on.
    pub fn next(options: &SelectOptions, selection: &Selection, listing_start_micros: i64) -> Cursor {
        if !options.incremental {
            return Cursor::None;
        }
        if options.use_modified_time {
            let reached = selection.left_over_from_micros.unwrap_or(listing_start_micros);
            // An incoming bound between milliseconds would go back by rounding down, so it is rounded up.
            let incoming = options
                .last_modified_micros
                .map(|micros| whole_millis(micros.saturating_add(999)));
            let next = whole_millis(reached);
            return Cursor::LastModified(incoming.map_or(next, |incoming| incoming.max(next)));
        }
        let last_path = selection.files.last_key().max(options.last_path.as_deref());
        Cursor::LastPath(last_path.map(str::to_owned))
    }

    /// The key below `in` and its value, as the next configuration has them; `None`: nothing to add.
    pub fn entry(&self) -> Option<(&'static str, Option<String>)> {
        match self {
            Cursor::None => None,
            Cursor::LastPath(last_path) => Some(("last_path", last_path.clone())),
            Cursor::LastModified(micros) => Some(("last_modified_time", Some(format_time(*micros)))),
        }
    }
}

/// Writes microseconds since the epoch as `yyyy-MM-dd'T'HH:mm:ss.SSS'Z'`, rounded down.
pub fn format_time(micros: i64) -> String {
    // A timestamp can be made of microseconds up to the beginning of the last second only.
    let latest = Timestamp::MAX.as_second() * 1_000_000;
    let micros = whole_millis(micros).clamp(Timestamp::MIN.as_microsecond(), latest);
    let timestamp = Timestamp::from_microsecond(micros).expect("the value was clamped to the range");
    timestamp.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// Reads `yyyy-MM-dd'T'HH:mm:ss.SSS'Z'` as microseconds since the epoch. A number may have fewer digits than the format shows.
///
/// **Errors**: anything else, other zones and offsets among it.
pub fn parse_time(value: &str) -> Result<i64, TimeError> {
    fields(value).and_then(micros).ok_or_else(|| TimeError {
        value: value.to_owned(),
    })
}

/// Year, month, day, hour, minute, second and millisecond.
fn fields(value: &str) -> Option<[u32; 7]> {
    const ENDS: [char; 7] = ['-', '-', 'T', ':', ':', '.', 'Z'];
    const MAX_DIGITS: [usize; 7] = [4, 2, 2, 2, 2, 2, 3];
    let mut rest = value;
    let mut fields = [0; 7];
    for (index, field) in fields.iter_mut().enumerate() {
        let (digits, after) = rest.split_once(ENDS[index])?;
        let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number || digits.is_empty() || digits.len() > MAX_DIGITS[index] {
            return None;
        }
        *field = digits.parse().ok()?;
        if index == 6 {
            // A fraction: `.5` is half a second.
            *field *= 10u32.pow(3 - u32::try_from(digits.len()).ok()?);
        }
        rest = after;
    }
    rest.is_empty().then_some(fields)
}

fn micros([year, month, day, hour, minute, second, millis]: [u32; 7]) -> Option<i64> {
    let narrow = |number: u32| i8::try_from(number).ok();
    let date_time = DateTime::new(
        i16::try_from(year).ok()?,
        narrow(month)?,
        narrow(day)?,
        narrow(hour)?,
        narrow(minute)?,
        narrow(second)?,
        i32::try_from(millis * 1_000_000).ok()?,
    );
    Some(TimeZone::UTC.to_timestamp(date_time.ok()?).ok()?.as_microsecond())
}

#[cfg(test)]
mod tests {
    use super::super::file::SourceFile;
    use super::*;
    use proptest::prelude::*;
    use std::sync::Arc;

    const START: i64 = 1_700_000_000_123_456;

    fn selection(keys: &[&str]) -> Selection {
        let file = |key: &&str| SourceFile {
            key: (*key).into(),
            size_bytes: 1,
            modified_micros: 0,
            etag: None,
        };
        Selection {
            files: Arc::new(keys.iter().map(file).collect()),
            ..Selection::default()
        }
    }

    fn incremental() -> SelectOptions {
        SelectOptions {
            incremental: true,
            ..SelectOptions::default()
        }
    }

    fn name_mode(last_path: Option<&str>) -> SelectOptions {
        SelectOptions {
            last_path: last_path.map(str::to_owned),
            ..incremental()
        }
    }

    fn time_mode(last_modified_micros: Option<i64>) -> SelectOptions {
        SelectOptions {
            use_modified_time: true,
            last_modified_micros,
            ..incremental()
        }
    }

    #[track_caller]
    fn check(options: &SelectOptions, keys: &[&str], expected: Option<(&str, Option<&str>)>) {
        let entry = Cursor::next(options, &selection(keys), START).entry();
        assert_eq!(entry.as_ref().map(|(name, value)| (*name, value.as_deref())), expected);
    }

    #[test]
    fn a_job_that_is_not_incremental_has_no_cursor() {
        check(&SelectOptions::default(), &["a"], None);
        check(
            &SelectOptions {
                incremental: false,
                ..time_mode(None)
            },
            &["a"],
            None,
        );
    }

    #[test]
    fn the_greatest_selected_key_is_remembered() {
        check(&name_mode(None), &["a", "b"], Some(("last_path", Some("b"))));
        check(&name_mode(Some("a")), &["b"], Some(("last_path", Some("b"))));
    }

    #[test]
    fn nothing_selected_leaves_the_cursor() {
        check(&name_mode(Some("a")), &[], Some(("last_path", Some("a"))));
        check(&name_mode(None), &[], Some(("last_path", None)));
    }

    #[test]
    fn a_single_path_is_remembered_as_a_key() {
        check(
            &SelectOptions {
                path: Some("p".to_owned()),
                ..incremental()
            },
            &["p"],
            Some(("last_path", Some("p"))),
        );
    }

    #[test]
    fn time_mode_remembers_when_listing_began() {
        check(
            &time_mode(None),
            &["a"],
            Some(("last_modified_time", Some("2023-11-14T22:13:20.123Z"))),
        );
        check(
            &time_mode(None),
            &[],
            Some(("last_modified_time", Some("2023-11-14T22:13:20.123Z"))),
        );
    }

    #[test]
    fn files_left_over_hold_the_time_back() {
        let selection = Selection {
            left_over_from_micros: Some(1_000_000),
            ..selection(&["a"])
        };
        assert_eq!(
            Cursor::next(&time_mode(None), &selection, START),
            Cursor::LastModified(1_000_000)
        );
    }

    #[test]
    fn times_are_read_as_written() {
        for (value, expected) in [
            ("1970-01-01T00:00:00.000Z", Some(0)),
            ("2023-11-14T22:13:20.123Z", Some(1_700_000_000_123_000)),
            ("2023-1-4T2:3:0.5Z", Some(1_672_797_780_500_000)),
            ("1969-12-31T23:59:59.999Z", Some(-1_000)),
            ("2023-11-14T22:13:20Z", None),
            ("2023-11-14 22:13:20.123Z", None),
            ("2023-11-14T22:13:20.123456Z", None),
            ("2023-11-14T22:13:20.123+00:00", None),
            ("2023-02-30T00:00:00.000Z", None),
            ("2023-11-14T22:13:20.123Z ", None),
            ("", None),
        ] {
            assert_eq!(parse_time(value).ok(), expected, "{value}");
        }
    }

    #[test]
    fn times_beyond_all_calendars_are_written_as_the_last_and_first_of_them() {
        assert_eq!(format_time(i64::MAX), "9999-12-30T22:00:00.000Z");
        assert_eq!(format_time(Timestamp::MAX.as_microsecond()), "9999-12-30T22:00:00.000Z");
        assert_eq!(format_time(i64::MIN), "-9999-01-02T01:59:59.000Z");
    }

    #[test]
    fn a_bad_time_is_named() {
        let error = parse_time("yesterday").unwrap_err();
        assert_eq!(
            error.to_string(),
            "unsupported DateTime value: `yesterday`, supported formats: [yyyy-MM-dd'T'HH:mm:ss.SSS'Z']"
        );
    }

    proptest! {
        #[test]
        fn a_cursor_by_name_never_goes_back(
            last_path in proptest::option::of("[a-c]{0,3}"),
            keys in proptest::collection::vec("[a-c]{0,3}", 0..4),
        ) {
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            match Cursor::next(&name_mode(last_path.as_deref()), &selection(&keys), START) {
                Cursor::LastPath(next) => prop_assert!(next >= last_path),
                other => prop_assert!(false, "{other:?}"),
            }
        }

        #[test]
        fn a_cursor_by_time_never_goes_back(
            bound in proptest::option::of(START - 5_000..START + 5_000),
            left_over in proptest::option::of(START - 5_000..START + 5_000),
        ) {
            let selection = Selection { left_over_from_micros: left_over, ..Selection::default() };
            match Cursor::next(&time_mode(bound), &selection, START) {
                Cursor::LastModified(next) => prop_assert!(Some(next) >= bound),
                other => prop_assert!(false, "{other:?}"),
            }
        }

        #[test]
        fn a_written_time_is_read_back(millis in -60_000_000_000_000i64..250_000_000_000_000) {
            prop_assert_eq!(parse_time(&format_time(millis * 1_000)), Ok(millis * 1_000));
        }
    }
}

//! DataFusion's `to_timestamp`, made faster for the one form that nearly all texts of logs have.
//!
//! A batch of texts that are all like `2026-01-02T03:04:05Z` is read here; whatever else comes goes to DataFusion as a whole, which alone
//! defines what the function means.

use crate::parse::columns::TimestampOptions;
use crate::parse::timestamp::TimestampParser;
use arrow::array::{Array, AsArray, StringArray, TimestampNanosecondArray};
use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::Result;
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::{ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature};
use std::sync::Arc;

/// The form that is read here.
const FORM: &[u8; 20] = b"0000-00-00T00:00:00Z";

/// Bytes of its date.
const DATE_BYTES: usize = 10;

/// Years whose instants have nanoseconds since the epoch that a long can hold.
const YEARS: std::ops::RangeInclusive<u32> = 1700..=2200;

/// `to_timestamp`.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct ToTimestamp {
    /// DataFusion's.
    general: Arc<ScalarUDF>,
}

impl ToTimestamp {
    /// A faster form of `general`; `None` if it is one already.
    pub(super) fn new(general: Arc<ScalarUDF>) -> Option<ToTimestamp> {
        (!general.inner().is::<ToTimestamp>()).then_some(ToTimestamp { general })
    }
}

impl ScalarUDFImpl for ToTimestamp {
    fn name(&self) -> &str {
        self.general.name()
    }

    fn signature(&self) -> &Signature {
        self.general.signature()
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        self.general.return_type(arg_types)
    }

    fn with_updated_config(&self, config: &ConfigOptions) -> Option<ScalarUDF> {
        let general = self.general.inner().with_updated_config(config)?;
        Some(ScalarUDF::new_from_impl(ToTimestamp {
            general: Arc::new(general),
        }))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let DataType::Timestamp(TimeUnit::Nanosecond, timezone) = args.return_field.data_type() else {
            return self.general.invoke_with_args(args);
        };
        if let [ColumnarValue::Array(texts)] = args.args.as_slice()
            && let Some(texts) = texts.as_string_opt::<i32>()
            && let Some(times) = read_all(texts)
        {
            let times = times.with_timezone_opt(timezone.clone());
            return Ok(ColumnarValue::Array(Arc::new(times)));
        }
        self.general.invoke_with_args(args)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.general.documentation()
    }
}

/// The instants of texts that all have the form.
fn read_all(texts: &StringArray) -> Option<TimestampNanosecondArray> {
    let mut dates = Dates::new()?;
    let mut nanos = Vec::with_capacity(texts.len());
    for text in texts {
        nanos.push(match text {
            Some(text) => dates.nanos(text.as_bytes().try_into().ok()?)?,
            None => 0,
        });
    }
    Some(TimestampNanosecondArray::new(nanos.into(), texts.nulls().cloned()))
}

/// Reads texts of the form; neighbours mostly have the same date.
struct Dates {
    parser: TimestampParser,
    last: [u8; DATE_BYTES],
    last_nanos: i64,
}

impl Dates {
    fn new() -> Option<Dates> {
        let options = TimestampOptions {
            formats: vec!["ruby:%Y-%m-%d".to_owned()],
            ..TimestampOptions::default()
        };
        Some(Dates {
            parser: TimestampParser::new(&options).ok()?,
            last: [0; DATE_BYTES],
            last_nanos: 0,
        })
    }

    /// The instant of one text, as nanoseconds since the epoch.
    #[inline]
    fn nanos(&mut self, text: &[u8; FORM.len()]) -> Option<i64> {
        let mut has_form = true;
        for (byte, form) in text.iter().zip(FORM) {
            has_form &= match form {
                b'0' => byte.is_ascii_digit(),
                mark => byte == mark,
            };
        }
        let (date, time) = text.split_first_chunk()?;
        let two = |at: usize| i64::from(time[at] - b'0') * 10 + i64::from(time[at + 1] - b'0');
        if !has_form {
            return None;
        }
        let (hour, minute, second) = (two(1), two(4), two(7));
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        if *date != self.last {
            self.last_nanos = self.date_nanos(date)?;
            self.last = *date;
        }
        Some(self.last_nanos + ((hour * 60 + minute) * 60 + second) * 1_000_000_000)
    }

    #[cold]
    fn date_nanos(&mut self, date: &[u8; DATE_BYTES]) -> Option<i64> {
        let year = date[..4]
            .iter()
            .fold(0, |year, digit| year * 10 + u32::from(digit - b'0'));
        if !YEARS.contains(&year) {
            return None;
        }
        Some(self.parser.parse(date)? * 1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::ArrayRef;
    use arrow::datatypes::Field;
    use datafusion::functions::datetime::to_timestamp;
    use proptest::prelude::*;

    fn call(function: &dyn ScalarUDFImpl, texts: &[Option<String>]) -> std::result::Result<ArrayRef, String> {
        let texts: StringArray = texts.iter().map(Option::as_deref).collect();
        let return_type = function.return_type(&[DataType::Utf8]).unwrap();
        let num_rows = texts.len();
        let args = ScalarFunctionArgs {
            args: vec![ColumnarValue::Array(Arc::new(texts))],
            arg_fields: vec![Arc::new(Field::new("text", DataType::Utf8, true))],
            number_rows: num_rows,
            return_field: Arc::new(Field::new("time", return_type, true)),
            config_options: Arc::new(ConfigOptions::default()),
        };
        let value = function.invoke_with_args(args).map_err(|error| error.to_string())?;
        value.into_array(num_rows).map_err(|error| error.to_string())
    }

    #[track_caller]
    fn check(texts: &[Option<String>]) {
        let general = to_timestamp(&ConfigOptions::default());
        let fast = ToTimestamp::new(Arc::clone(&general)).unwrap();
        assert_eq!(call(&fast, texts), call(general.inner().as_ref(), texts), "{texts:?}");
    }

    #[test]
    fn texts_of_the_form_are_read_here() {
        let texts = StringArray::from(vec![Some("2026-01-02T03:04:05Z"), None, Some("1969-12-31T23:59:59Z")]);
        let times = read_all(&texts).unwrap();
        assert_eq!(
            times.iter().collect::<Vec<_>>(),
            [Some(1_767_323_045_000_000_000), None, Some(-1_000_000_000)]
        );
        for other in [
            "2026-02-29T00:00:00Z",
            "2026-01-02T24:00:00Z",
            "2026-01-02 03:04:05Z",
            "2026-01-02T03:04:05",
            "",
        ] {
            assert!(read_all(&StringArray::from(vec![other])).is_none(), "{other}");
        }
    }

    #[test]
    fn it_is_made_faster_once() {
        let fast = ToTimestamp::new(to_timestamp(&ConfigOptions::default())).unwrap();
        assert!(ToTimestamp::new(Arc::new(ScalarUDF::new_from_impl(fast))).is_none());
    }

    #[test]
    fn years_at_the_ends_are_those_of_the_library() {
        for year in [
            "0000", "1677", "1678", "1699", "1700", "2200", "2201", "2262", "2263", "9999",
        ] {
            check(&[Some(format!("{year}-06-07T08:09:10Z"))]);
        }
    }

    proptest! {
        #[test]
        fn any_text_gives_what_the_library_gives(
            texts in prop::collection::vec(
                prop::option::weighted(
                    0.9,
                    "(1[6-9]|2[0-2])[0-9]{2}-[01][0-9]-[0-3][0-9][T ][0-2][0-9]:[0-6][0-9]:[0-6][0-9](Z|)|[-0-9T:Z. ]{20}",
                ),
                1..3,
            ),
        ) {
            check(&texts);
        }
    }
}

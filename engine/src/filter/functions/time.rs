//! Times by the formats of the configuration file.

use super::text_function::{Compiled, Gives, Spec};
use crate::parse::columns::{ColumnType, TimestampOptions};
use crate::parse::timestamp::TimestampParser;

/// The instant that a text names.
pub(super) static PARSE_TIMESTAMP: Spec = Spec {
    name: "parse_timestamp",
    num_arguments: 2..=3,
    constants: "a format, and a time zone if texts name none",
    gives: Gives::One(ColumnType::Timestamp),
    compile: |constants| {
        let mut options = TimestampOptions {
            formats: vec![constants[0].clone()],
            ..TimestampOptions::default()
        };
        if let Some(timezone) = constants.get(1) {
            options.timezone.clone_from(timezone);
        }
        let mut parser = TimestampParser::new(&options).map_err(|error| error.to_string())?;
        Ok(Compiled::Timestamp(Box::new(move |text| parser.parse(text.as_bytes()))))
    },
};

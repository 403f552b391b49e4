//! SQL functions of ours, for what DataFusion lacks, in filters and in queries.
//!
//! Each takes a text, and then constants that are compiled once: a wrong path or format is an error before any data is read. None ever
//! fails on a value; what cannot be read is null.
//!
//! `datafusion-functions-json` is not used: its `json_get` gives unions, which no column can hold, and numbers lose their spelling.
//!
//! Reading order: [`mod@reference`] (every function, for people), `text_function` (what all share), then what they do: `json`, `time`,
//! `url`, `ip`, `encoding`; `to_timestamp` is DataFusion's, only faster, and `concatenation` is what it does with `||`.

mod concatenation;
mod encoding;
mod ip;
mod json;
pub(super) mod reference;
mod text_function;
mod time;
mod to_timestamp;
mod url;

#[cfg(test)]
mod tests;

pub(super) use concatenation::join_concatenations;

use datafusion::common::Result;
use datafusion::execution::FunctionRegistry;
use datafusion::logical_expr::{Expr, ScalarUDF};
use std::sync::Arc;
use text_function::{Spec, TextFunction};
use to_timestamp::ToTimestamp;

/// Every function of ours.
static SPECS: [&Spec; 21] = [
    &json::GET,
    &json::EXISTS,
    &json::LENGTH,
    &json::ELEMENTS,
    &json::KEYS,
    &json::AS_JSON,
    &time::PARSE_TIMESTAMP,
    &url::SCHEME,
    &url::HOST,
    &url::PORT,
    &url::PATH,
    &url::QUERY,
    &url::FRAGMENT,
    &url::QUERY_PARAMETER,
    &url::DECODE,
    &url::ENCODE,
    &ip::IN_CIDR,
    &ip::ANONYMIZE,
    &ip::VERSION,
    &encoding::TRY_DECODE,
    &encoding::DIGEST_HEX,
];

/// The function of DataFusion that we make faster.
const TO_TIMESTAMP: &str = "to_timestamp";

/// Adds our functions to a session, or whatever else keeps functions.
///
/// **Errors**: those of the registry.
pub fn register_functions(registry: &mut dyn FunctionRegistry) -> Result<()> {
    for spec in SPECS {
        registry.register_udf(Arc::new(ScalarUDF::new_from_impl(TextFunction::new(spec))))?;
    }
    if let Some(faster) = registry.udf(TO_TIMESTAMP).ok().and_then(ToTimestamp::new) {
        registry.register_udf(Arc::new(ScalarUDF::new_from_impl(faster)))?;
    }
    Ok(())
}

/// Marks a text expression as a column of the type `json`; the optimizer keeps the mark, which it does not for metadata of an alias.
pub(super) fn as_json(text: Expr) -> Expr {
    ScalarUDF::new_from_impl(TextFunction::new(&json::AS_JSON)).call(vec![text])
}

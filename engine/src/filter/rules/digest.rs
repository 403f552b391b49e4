//! Replaces values by their digest, in place.
//!
//! The function is our own because DataFusion's digests give bytes, know no keyed ones, and spell hexadecimal a byte at a time, which
//! costs more than the digest itself.

use super::{DigestAlgorithm, DigestColumn, DigestRule};
use crate::filter::values::{Values, column_type, write_java_timestamp};
use crate::filter::{FilterError, Stage, column, column_names};
use arrow::array::{ArrayRef, StringArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, Result as PlanResult};
use datafusion::logical_expr::{
    ColumnarValue, Expr, LogicalPlan, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Compiles the rule.
///
/// **Errors**: a column is missing (the original would pass it unhashed) or named twice; a key is missing.
pub(in crate::filter) fn compile(
    stage: &Stage<'_>,
    input: LogicalPlan,
    rule: &DigestRule,
) -> Result<LogicalPlan, FilterError> {
    let schema = Arc::clone(input.schema());
    let mut outputs: Vec<(String, Expr)> = column_names(&input)
        .into_iter()
        .map(|name| (name.clone(), column(&name)))
        .collect();
    let names = column_names(&input);
    let mut is_digested = vec![false; names.len()];
    for digest in &rule.columns {
        let name = &digest.name;
        let Some(index) = names.iter().position(|other| other == name) else {
            return Err(stage.missing_column(format!("column `{name}` doesn't exist in the schema"), name, &schema));
        };
        if is_digested[index] {
            return Err(stage.error(format!("column `{name}` appears twice in `columns`")));
        }
        is_digested[index] = true;
        stage.column_type(&schema, name)?;
        let key = key(stage, digest)?;
        let function = ScalarUDF::new_from_impl(DigestFunction::new(digest.algorithm, key));
        outputs[index] = (
            digest.new_name.clone().unwrap_or_else(|| name.clone()),
            function.call(vec![column(name)]),
        );
    }
    stage.project(input, outputs)
}

/// The key of an Hmac algorithm.
fn key(stage: &Stage<'_>, digest: &DigestColumn) -> Result<Option<String>, FilterError> {
    let name = &digest.name;
    if let Some(path) = &digest.key_file {
        let text = std::fs::read_to_string(path).map_err(|error| {
            let reason = format!("the key file `{path}` of column `{name}` cannot be read: {error}");
            let hint = "name a text file that this user may read; a relative path starts at the working directory";
            stage.error_with_hint(reason, Some(hint.to_owned()))
        })?;
        let key = text.strip_suffix('\n').unwrap_or(&text);
        let key = key.strip_suffix('\r').unwrap_or(key);
        if key.is_empty() {
            return Err(stage.error(format!("the key file `{path}` of column `{name}` is empty")));
        }
        return Ok(Some(key.to_owned()));
    }
    if is_keyed(digest.algorithm) && digest.secret_key.is_none() {
        return Err(stage.error(format!(
            "secret key must not be null: column `{name}` uses `{}`",
            java_name(digest.algorithm)
        )));
    }
    Ok(digest.secret_key.clone())
}

fn is_keyed(algorithm: DigestAlgorithm) -> bool {
    matches!(
        algorithm,
        DigestAlgorithm::HmacMd5
            | DigestAlgorithm::HmacSha1
            | DigestAlgorithm::HmacSha224
            | DigestAlgorithm::HmacSha256
            | DigestAlgorithm::HmacSha384
            | DigestAlgorithm::HmacSha512
    )
}

fn java_name(algorithm: DigestAlgorithm) -> &'static str {
    match algorithm {
        DigestAlgorithm::Md5 => "MD5",
        DigestAlgorithm::Sha1 => "SHA-1",
        DigestAlgorithm::Sha224 => "SHA-224",
        DigestAlgorithm::Sha256 => "SHA-256",
        DigestAlgorithm::Sha384 => "SHA-384",
        DigestAlgorithm::Sha512 => "SHA-512",
        DigestAlgorithm::HmacMd5 => "HmacMD5",
        DigestAlgorithm::HmacSha1 => "HmacSHA1",
        DigestAlgorithm::HmacSha224 => "HmacSHA224",
        DigestAlgorithm::HmacSha256 => "HmacSHA256",
        DigestAlgorithm::HmacSha384 => "HmacSHA384",
        DigestAlgorithm::HmacSha512 => "HmacSHA512",
    }
}

/// Text form of any value to lowercase hexadecimal digits; null stays null.
#[derive(PartialEq, Eq)]
struct DigestFunction {
    /// Shown in plans; the key is not.
    name: String,
    algorithm: DigestAlgorithm,
    secret_key: Option<String>,
    signature: Signature,
}

impl DigestFunction {
    fn new(algorithm: DigestAlgorithm, secret_key: Option<String>) -> DigestFunction {
        DigestFunction {
            name: format!("digest_{}", java_name(algorithm).to_lowercase().replace('-', "")),
            algorithm,
            secret_key,
            signature: Signature::any(1, Volatility::Immutable),
        }
    }
}

impl fmt::Debug for DigestFunction {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("DigestFunction")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Hash for DigestFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
        self.secret_key.hash(state);
    }
}

impl ScalarUDFImpl for DigestFunction {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> PlanResult<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> PlanResult<ColumnarValue> {
        let (Some(field), Some(argument)) = (args.arg_fields.first(), args.args.first()) else {
            return Err(DataFusionError::Internal("a digest has one argument".to_owned()));
        };
        let array = argument.to_array(args.number_rows)?;
        let column_type = column_type(field)
            .ok_or_else(|| DataFusionError::Plan(format!("cannot digest values of type {}", field.data_type())))?;
        let values = Values::new(&array, column_type)?;
        let num_rows = array.len();
        Ok(ColumnarValue::Array(match self.algorithm {
            DigestAlgorithm::Md5 => plain::<Md5>(&values, num_rows),
            DigestAlgorithm::Sha1 => plain::<Sha1>(&values, num_rows),
            DigestAlgorithm::Sha224 => plain::<Sha224>(&values, num_rows),
            DigestAlgorithm::Sha256 => plain::<Sha256>(&values, num_rows),
            DigestAlgorithm::Sha384 => plain::<Sha384>(&values, num_rows),
            DigestAlgorithm::Sha512 => plain::<Sha512>(&values, num_rows),
            DigestAlgorithm::HmacMd5 => self.keyed::<Hmac<Md5>>(&values, num_rows),
            DigestAlgorithm::HmacSha1 => self.keyed::<Hmac<Sha1>>(&values, num_rows),
            DigestAlgorithm::HmacSha224 => self.keyed::<Hmac<Sha224>>(&values, num_rows),
            DigestAlgorithm::HmacSha256 => self.keyed::<Hmac<Sha256>>(&values, num_rows),
            DigestAlgorithm::HmacSha384 => self.keyed::<Hmac<Sha384>>(&values, num_rows),
            DigestAlgorithm::HmacSha512 => self.keyed::<Hmac<Sha512>>(&values, num_rows),
        }))
    }
}

impl DigestFunction {
    fn keyed<M: Mac + KeyInit + Clone>(&self, values: &Values, num_rows: usize) -> ArrayRef {
        let key = self.secret_key.as_deref().unwrap_or_default();
        // Prepared once: the key's own two blocks would otherwise be digested again for each value.
        let prepared = <M as KeyInit>::new_from_slice(key.as_bytes()).expect("an Hmac takes keys of every length");
        hex_column(values, num_rows, M::output_size(), |text, out| {
            let mut mac = prepared.clone();
            mac.update(text.as_bytes());
            write_hex(&mac.finalize().into_bytes(), out)
        })
    }
}

fn plain<D: Digest>(values: &Values, num_rows: usize) -> ArrayRef {
    hex_column(values, num_rows, <D as Digest>::output_size(), |text, out| {
        write_hex(&D::digest(text.as_bytes()), out)
    })
}

/// Applies `digest`, which writes two hexadecimal digits for each of `digest_bytes`, to every value.
fn hex_column(
    values: &Values,
    num_rows: usize,
    digest_bytes: usize,
    mut digest: impl FnMut(&str, &mut [u8]),
) -> ArrayRef {
    let hex_bytes = digest_bytes * 2;
    let mut hex = Vec::with_capacity(num_rows * hex_bytes);
    let mut buffer = String::new();
    for row in (0..num_rows).filter(|row| !values.is_null(*row)) {
        let start = hex.len();
        hex.resize(start + hex_bytes, 0);
        digest(digested_text(values, row, &mut buffer), &mut hex[start..]);
    }
    let is_valid = (0..num_rows).map(|row| !values.is_null(row));
    let offsets = OffsetBuffer::from_lengths(is_valid.clone().map(|is_valid| if is_valid { hex_bytes } else { 0 }));
    let nulls = Some(NullBuffer::from_iter(is_valid)).filter(|nulls| nulls.null_count() > 0);
    // Checking that all of it is text costs much less at once than digest by digest.
    Arc::new(StringArray::new(offsets, hex.into(), nulls))
}

/// The text whose digest is taken. Instants are spelled as the original spells them, so that its digests and ours are the same.
fn digested_text<'a>(values: &'a Values, row: usize, buffer: &'a mut String) -> &'a str {
    let Values::Timestamp(instants) = values else {
        return values.text(row, buffer);
    };
    buffer.clear();
    write_java_timestamp(instants.value(row), buffer);
    buffer
}

/// The two digits of every byte: one look-up and one store of two bytes each.
static HEX: [[u8; 2]; 256] = {
    let digits = *b"0123456789abcdef";
    let mut table = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = [digits[byte >> 4], digits[byte & 15]];
        byte += 1;
    }
    table
};

fn write_hex(bytes: &[u8], out: &mut [u8]) {
    for (byte, digits) in bytes.iter().zip(out.chunks_exact_mut(2)) {
        digits.copy_from_slice(&HEX[usize::from(*byte)]);
    }
}

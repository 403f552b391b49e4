//! The options as the passes over a block look at them.

use super::index::Structure;
use super::{CsvOptions, Newline, QuotesInQuotedFields};

/// The options that the passes over a block look at.
pub(super) struct Dialect {
    pub(super) structure: Structure,
    pub(super) null_string: Option<Vec<u8>>,
    pub(super) comment_line_marker: Option<Vec<u8>>,
    pub(super) newline: &'static [u8],
    pub(super) num_fields: usize,
    /// Longer records may hold a quoted field that is too long; half as long ones, if line ends inside it become longer.
    pub(super) max_record_bytes: usize,
}

impl Dialect {
    pub(super) fn new(options: &CsvOptions) -> Option<Dialect> {
        let is_usual = options.quotes_in_quoted_fields == QuotesInQuotedFields::AcceptOnlyRfc4180Escaped
            && options.line_delimiter_recognized.is_none();
        let [delimiter] = *options.delimiter.as_bytes() else {
            return None;
        };
        let quote = byte_of(options.quote)?;
        // Outside quotes an escape is data, and an escape that is the quote adds nothing to doubling.
        let escape = if options.quote.is_none() || options.escape == options.quote {
            None
        } else {
            byte_of(options.escape)?
        };
        let has_clash = quote == Some(delimiter) || escape == Some(delimiter) || [quote, escape].contains(&Some(b' '));
        if !is_usual || has_clash || !delimiter.is_ascii() {
            return None;
        }
        // Text takes at least as many bytes as UTF-16 units.
        let max_record_bytes = if quote.is_some() {
            options.max_quoted_size_limit
        } else {
            u64::MAX
        };
        Some(Dialect {
            structure: Structure {
                delimiter,
                quote,
                escape,
                has_trim: options.trim_if_not_quoted,
            },
            null_string: options.null_string.clone().map(String::into_bytes),
            comment_line_marker: options.comment_line_marker.clone().map(String::into_bytes),
            newline: match options.newline {
                Newline::Crlf => b"\r\n",
                Newline::Lf => b"\n",
                Newline::Cr => b"\r",
            },
            num_fields: options.columns.len(),
            max_record_bytes: usize::try_from(max_record_bytes).unwrap_or(usize::MAX),
        })
    }
}

/// The byte that an optional character is; `None` if it is more than one.
fn byte_of(character: Option<char>) -> Option<Option<u8>> {
    match character {
        None => Some(None),
        Some(character) if character.is_ascii() => Some(Some(character as u8)),
        Some(_) => None,
    }
}

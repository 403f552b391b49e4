//! Cuts one record off the start of a text, and the record into fields: section 3.2 of the configuration reference in code.
//!
//! One character after the other, with no memory between records. A text that ends before the record does gives
//! [`Outcome::Incomplete`]; the caller comes back with more of it and starts again.

use super::line_ends::count_line_ends;
use super::{CsvOptions, CsvOptionsError, MAX_RECORD_BYTES, Newline, QuotesInQuotedFields};
use crate::parse::reject::RejectCode;

/// What stands at the start of a text. Offsets are bytes from there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// That cannot be said before more of the text is known.
    Incomplete,
    /// Nothing, and nothing will follow.
    End,
    /// An empty line or a comment; the next line begins at `next`.
    NoRecord { next: usize },
    /// A record that ends at `end`, before its line end; the next one begins at `next`.
    Record { end: usize, next: usize },
    /// Something that is no record. Reading goes on at `next`: the line after the one in which the broken field begins.
    Broken { reason: Broken, end: usize, next: usize },
    /// A record of more than [`MAX_RECORD_BYTES`].
    TooLong,
}

/// Why a record cannot be cut into fields.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Broken {
    #[error("unexpected character `{}` after a closing quote in field {field}", character.escape_debug())]
    AfterQuote { character: char, field: usize },
    #[error("unclosed quote: the file ends inside a quoted field")]
    Unclosed,
    #[error("quoted field longer than {limit} characters")]
    FieldTooLong { limit: u64 },
}

impl Broken {
    /// The same for programs.
    pub(super) fn code(&self) -> RejectCode {
        match self {
            Broken::AfterQuote { .. } => RejectCode::TextAfterQuote,
            Broken::Unclosed => RejectCode::UnclosedQuote,
            Broken::FieldTooLong { .. } => RejectCode::QuotedFieldTooLong,
        }
    }
}

/// The fields of one record, without quotes and escapes. Reused from record to record.
#[derive(Debug, Default)]
pub(super) struct RecordFields {
    text: String,
    /// End of each field in `text`, and whether it was quoted.
    fields: Vec<(usize, bool)>,
}

impl RecordFields {
    pub(super) fn len(&self) -> usize {
        self.fields.len()
    }

    /// The field at `index`, from 0, and whether it was quoted.
    pub(super) fn get(&self, index: usize) -> Option<(&str, bool)> {
        let (end, is_quoted) = *self.fields.get(index)?;
        let start = index.checked_sub(1).map_or(0, |before| self.fields[before].0);
        Some((&self.text[start..end], is_quoted))
    }

    fn clear(&mut self) {
        self.text.clear();
        self.fields.clear();
    }

    /// Where the field under construction begins in `text`.
    fn open_start(&self) -> usize {
        self.fields.last().map_or(0, |(end, _)| *end)
    }

    fn close(&mut self, is_quoted: bool) {
        self.fields.push((self.text.len(), is_quoted));
    }
}

/// The options that say how text is cut.
#[derive(Clone, Debug)]
pub(super) struct Automaton {
    delimiter: String,
    quote: Option<char>,
    escape: Option<char>,
    has_stray_quotes: bool,
    has_trim: bool,
    max_quoted_size_limit: u64,
    comment_line_marker: Option<String>,
    newline: &'static str,
    line_delimiter: Option<Newline>,
    max_record_bytes: usize,
    /// Bytes that are data wherever in a field they stand, once it has begun.
    is_plain: [bool; 256],
}

/// What stands at a place of the text, before the state says what it means there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Symbol {
    /// A line end of so many bytes.
    LineEnd(usize),
    Delimiter,
    Character(char),
    /// The text is complete and ends here.
    End,
}

#[derive(Clone, Copy)]
enum State {
    FieldStart,
    Unquoted,
    Quoted,
    AfterQuote,
}

/// The text ends before it can be said what stands there, and more will come.
struct Incomplete;

impl Automaton {
    pub(super) fn new(options: &CsvOptions) -> Result<Automaton, CsvOptionsError> {
        let has_stray_quotes = match options.quotes_in_quoted_fields {
            QuotesInQuotedFields::AcceptOnlyRfc4180Escaped => false,
            QuotesInQuotedFields::AcceptStrayQuotesAssumingNoDelimitersInFields => true,
        };
        if has_stray_quotes && options.trim_if_not_quoted {
            return Err(CsvOptionsError::TrimWithStrayQuotes);
        }
        let quote = options.quote.map(String::from);
        let escape = options.escape.map(String::from);
        for (option, text) in [
            ("delimiter", Some(&options.delimiter)),
            ("quote", quote.as_ref()),
            ("escape", escape.as_ref()),
            ("comment_line_marker", options.comment_line_marker.as_ref()),
        ] {
            let Some(text) = text else { continue };
            if text.is_empty() {
                return Err(CsvOptionsError::Empty { option });
            }
            if text.contains(['\r', '\n']) {
                return Err(CsvOptionsError::LineEnd { option });
            }
        }
        let mut is_plain = [true; 256];
        let beginnings = [Some(&options.delimiter), quote.as_ref(), escape.as_ref()];
        for byte in beginnings
            .into_iter()
            .flatten()
            .map(|text| text.as_bytes()[0])
            .chain(*b"\r\n")
        {
            is_plain[usize::from(byte)] = false;
        }
        Ok(Automaton {
            delimiter: options.delimiter.clone(),
            quote: options.quote,
            escape: options.escape,
            has_stray_quotes,
            has_trim: options.trim_if_not_quoted,
            max_quoted_size_limit: options.max_quoted_size_limit,
            comment_line_marker: options.comment_line_marker.clone(),
            newline: match options.newline {
                Newline::Crlf => "\r\n",
                Newline::Lf => "\n",
                Newline::Cr => "\r",
            },
            line_delimiter: options.line_delimiter_recognized,
            max_record_bytes: MAX_RECORD_BYTES,
            is_plain,
        })
    }

    /// For tests, which cannot hold a record of the real length many times.
    #[cfg(test)]
    pub(super) fn set_max_record_bytes(&mut self, max_record_bytes: usize) {
        self.max_record_bytes = max_record_bytes;
    }

    /// Reads what stands at the start of `text`, which must be the start of a line. `is_complete`: nothing follows `text`.
    pub(super) fn read(&self, text: &str, is_complete: bool, fields: &mut RecordFields) -> Outcome {
        fields.clear();
        self.read_or_incomplete(text, is_complete, fields)
            .unwrap_or_else(|_| self.incomplete(text))
    }

    /// Skips the physical line at the start of `text`, whatever is in it.
    pub(super) fn skip_line(&self, text: &str, is_complete: bool) -> Outcome {
        if text.is_empty() && is_complete {
            return Outcome::End;
        }
        match self.line_end(text, 0, is_complete) {
            Ok((_, next)) if next <= self.max_record_bytes => Outcome::NoRecord { next },
            Ok(_) => Outcome::TooLong,
            Err(Incomplete) => self.incomplete(text),
        }
    }

    /// Line ends in `text`, which must not be cut inside one.
    pub(super) fn num_line_ends(&self, text: &str) -> u64 {
        if self.line_delimiter.is_none() {
            return count_line_ends(text.as_bytes());
        }
        let mut num_line_ends = 0;
        let mut position = 0;
        while position < text.len() {
            position += match self.line_end_at(text, position, true) {
                Ok(Some(length)) => {
                    num_line_ends += 1;
                    length
                }
                _ => 1,
            };
        }
        num_line_ends
    }

    fn incomplete(&self, text: &str) -> Outcome {
        if text.len() > self.max_record_bytes {
            Outcome::TooLong
        } else {
            Outcome::Incomplete
        }
    }

    fn read_or_incomplete(
        &self,
        text: &str,
        is_complete: bool,
        fields: &mut RecordFields,
    ) -> Result<Outcome, Incomplete> {
        match self.symbol_at(text, 0, is_complete)? {
            Symbol::End => return Ok(Outcome::End),
            Symbol::LineEnd(length) => return Ok(Outcome::NoRecord { next: length }),
            _ => {}
        }
        if let Some(marker) = &self.comment_line_marker {
            if text.starts_with(marker) {
                return Ok(self.skip_line(text, is_complete));
            }
            if !is_complete && marker.starts_with(text) {
                return Err(Incomplete);
            }
        }

        let mut state = State::FieldStart;
        let mut position = 0;
        // End of the line in which the field begins, and start of the line after it, once they have been passed.
        let mut first_line = None;
        let mut quoted_size: u64 = 0;
        loop {
            if position > self.max_record_bytes {
                return Ok(Outcome::TooLong);
            }
            if let State::Unquoted | State::Quoted = state {
                let plain = self.plain_text(&text[position..]);
                fields.text.push_str(plain);
                position += plain.len();
                if let State::Quoted = state {
                    quoted_size += num_utf16_units(plain);
                }
            }
            if quoted_size > self.max_quoted_size_limit {
                let reason = Broken::FieldTooLong {
                    limit: self.max_quoted_size_limit,
                };
                return self.broken(reason, text, position, is_complete, first_line);
            }
            let symbol = self.symbol_at(text, position, is_complete)?;
            match state {
                State::FieldStart => match symbol {
                    Symbol::Character(character) if Some(character) == self.quote => {
                        state = State::Quoted;
                        first_line = None;
                        quoted_size = 0;
                        position += character.len_utf8();
                    }
                    Symbol::Character(' ') if self.has_trim => position += 1,
                    _ => state = State::Unquoted,
                },
                State::Unquoted => match symbol {
                    Symbol::Character(character) => {
                        fields.text.push(character);
                        position += character.len_utf8();
                    }
                    Symbol::Delimiter => {
                        self.close_unquoted(fields);
                        state = State::FieldStart;
                        position += self.delimiter.len();
                    }
                    Symbol::LineEnd(length) => {
                        self.close_unquoted(fields);
                        return Ok(Outcome::Record {
                            end: position,
                            next: position + length,
                        });
                    }
                    Symbol::End => {
                        self.close_unquoted(fields);
                        return Ok(Outcome::Record {
                            end: position,
                            next: position,
                        });
                    }
                },
                State::Quoted => {
                    // Inside quotes a delimiter is characters like others.
                    let (data, length) = match (symbol, text[position..].chars().next()) {
                        (Symbol::End, _) | (_, None) => {
                            return self.broken(Broken::Unclosed, text, position, is_complete, first_line);
                        }
                        (Symbol::LineEnd(length), _) => {
                            first_line = first_line.or(Some((position, position + length)));
                            position += length;
                            for character in self.newline.chars() {
                                fields.text.push(character);
                            }
                            quoted_size += self.newline.len() as u64;
                            (None, 0)
                        }
                        (_, Some(character)) if Some(character) == self.quote => {
                            self.quote_in_quoted(text, position, is_complete, character)?
                        }
                        (_, Some(character)) if Some(character) == self.escape => {
                            // A text that ends here is not known to, unless it is complete.
                            self.symbol_at(text, position + character.len_utf8(), is_complete)?;
                            match text[position + character.len_utf8()..].chars().next() {
                                Some(next) if Some(next) == self.quote || Some(next) == self.escape => {
                                    (Some(next), character.len_utf8() + next.len_utf8())
                                }
                                _ => (Some(character), character.len_utf8()),
                            }
                        }
                        (_, Some(character)) => (Some(character), character.len_utf8()),
                    };
                    position += length;
                    match data {
                        Some(character) => {
                            fields.text.push(character);
                            quoted_size += character.len_utf16() as u64;
                        }
                        None if length > 0 => state = State::AfterQuote,
                        None => {}
                    }
                }
                State::AfterQuote => match symbol {
                    Symbol::Delimiter => {
                        fields.close(true);
                        state = State::FieldStart;
                        position += self.delimiter.len();
                    }
                    Symbol::LineEnd(length) => {
                        fields.close(true);
                        return Ok(Outcome::Record {
                            end: position,
                            next: position + length,
                        });
                    }
                    Symbol::End => {
                        fields.close(true);
                        return Ok(Outcome::Record {
                            end: position,
                            next: position,
                        });
                    }
                    Symbol::Character(' ') => position += 1,
                    Symbol::Character(character) => {
                        let reason = Broken::AfterQuote {
                            character,
                            field: fields.len() + 1,
                        };
                        return self.broken(reason, text, position, is_complete, first_line);
                    }
                },
            }
        }
    }

    /// The beginning of `text` that is data without a closer look.
    fn plain_text<'t>(&self, text: &'t str) -> &'t str {
        let end = text.bytes().position(|byte| !self.is_plain[usize::from(byte)]);
        // A byte that is not plain is the first of a character, so the text is not cut inside one.
        &text[..end.unwrap_or(text.len())]
    }

    /// What the quote at `position`, inside a quoted field, means: the data it stands for (`None`: it closes the field), and
    /// the bytes it takes.
    fn quote_in_quoted(
        &self,
        text: &str,
        position: usize,
        is_complete: bool,
        quote: char,
    ) -> Result<(Option<char>, usize), Incomplete> {
        let after = position + quote.len_utf8();
        let next = self.symbol_at(text, after, is_complete)?;
        let is_doubled = text[after..].starts_with(quote);
        if !self.has_stray_quotes {
            return Ok(if is_doubled {
                (Some(quote), 2 * quote.len_utf8())
            } else {
                (None, quote.len_utf8())
            });
        }
        if is_doubled {
            let after_both = self.symbol_at(text, after + quote.len_utf8(), is_complete)?;
            return Ok(match after_both {
                // The second one closes the field.
                Symbol::Delimiter | Symbol::LineEnd(_) | Symbol::End => (Some(quote), quote.len_utf8()),
                Symbol::Character(_) => (Some(quote), 2 * quote.len_utf8()),
            });
        }
        Ok(match next {
            Symbol::Delimiter | Symbol::LineEnd(_) | Symbol::End => (None, quote.len_utf8()),
            Symbol::Character(_) => (Some(quote), quote.len_utf8()),
        })
    }

    /// One broken field must not take the lines after it along: only the line in which it begins is dropped.
    fn broken(
        &self,
        reason: Broken,
        text: &str,
        position: usize,
        is_complete: bool,
        first_line: Option<(usize, usize)>,
    ) -> Result<Outcome, Incomplete> {
        let (end, next) = match first_line {
            Some(first_line) => first_line,
            None => self.line_end(text, position, is_complete)?,
        };
        if end > self.max_record_bytes {
            return Ok(Outcome::TooLong);
        }
        Ok(Outcome::Broken { reason, end, next })
    }

    fn close_unquoted(&self, fields: &mut RecordFields) {
        if self.has_trim {
            // Leading spaces were not taken.
            let start = fields.open_start();
            let trimmed_length = fields.text[start..].trim_end_matches(' ').len();
            fields.text.truncate(start + trimmed_length);
        }
        fields.close(false);
    }

    fn symbol_at(&self, text: &str, position: usize, is_complete: bool) -> Result<Symbol, Incomplete> {
        let rest = &text[position..];
        let Some(character) = rest.chars().next() else {
            return if is_complete { Ok(Symbol::End) } else { Err(Incomplete) };
        };
        if let Some(length) = self.line_end_at(text, position, is_complete)? {
            return Ok(Symbol::LineEnd(length));
        }
        if rest.starts_with(&self.delimiter) {
            return Ok(Symbol::Delimiter);
        }
        if !is_complete && self.delimiter.starts_with(rest) {
            return Err(Incomplete);
        }
        Ok(Symbol::Character(character))
    }

    /// Where the line that holds `position` ends, and where the one after it begins.
    fn line_end(&self, text: &str, position: usize, is_complete: bool) -> Result<(usize, usize), Incomplete> {
        for end in position..text.len() {
            if let Some(length) = self.line_end_at(text, end, is_complete)? {
                return Ok((end, end + length));
            }
        }
        if is_complete {
            Ok((text.len(), text.len()))
        } else {
            Err(Incomplete)
        }
    }

    /// Length of the line end at `position`, if there is one.
    fn line_end_at(&self, text: &str, position: usize, is_complete: bool) -> Result<Option<usize>, Incomplete> {
        let bytes = text.as_bytes();
        let is_line_feed = bytes[position] == b'\n';
        if !is_line_feed && bytes[position] != b'\r' {
            return Ok(None);
        }
        if is_line_feed {
            let has_return_before = position > 0 && bytes[position - 1] == b'\r';
            return Ok(match self.line_delimiter {
                None => Some(1),
                Some(Newline::Lf) if !has_return_before => Some(1),
                Some(_) => None,
            });
        }
        if self.line_delimiter == Some(Newline::Lf) {
            return Ok(None);
        }
        let is_line_feed_next = match bytes.get(position + 1) {
            Some(next) => *next == b'\n',
            None if is_complete => false,
            None => return Err(Incomplete),
        };
        Ok(match (self.line_delimiter, is_line_feed_next) {
            (None | Some(Newline::Crlf), true) => Some(2),
            (None | Some(Newline::Cr), false) => Some(1),
            _ => None,
        })
    }
}

fn num_utf16_units(text: &str) -> u64 {
    // One for the first byte of each character, and another if it has four.
    text.bytes()
        .map(|byte| u64::from(byte & 0xC0 != 0x80) + u64::from(byte >= 0xF0))
        .sum()
}

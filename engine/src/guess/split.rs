//! Cuts the text of a sample into records and fields, by the rules of the CSV parser.
//!
//! A guess that counts separators by line is misled by the first quoted comma; here every candidate dialect is tried with the
//! parser's own rules: quotes, escapes, delimiters of several characters, quoted line ends, and the recovery after a broken
//! quote. Speed matters little, samples are small; positions matter, because header lines are counted in physical lines.
//!
//! Nothing is typed here, and a record with too few fields is not an error here.

use memchr::memchr3;
use std::borrow::Cow;

/// Characters a quoted field that runs into the end of a cut sample may have before it is taken for a broken quote instead of a
/// long field: half of the reference's sample.
const MAX_OPEN_QUOTE_BYTES: usize = 16 * 1024;

/// Broken quotes that may each read on to the end of the sample; bounds the work on text that is no CSV at all.
const MAX_READS_TO_END: usize = 64;

/// How text is cut.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SplitOptions<'a> {
    /// One or more characters.
    pub(crate) delimiter: &'a str,
    /// `None`: no quoting.
    pub(crate) quote: Option<char>,
    /// Inside quoted fields only.
    pub(crate) escape: Option<char>,
    /// Blanks around unquoted fields go, and may stand before a quote.
    pub(crate) is_trimmed: bool,
    /// A quote that neither a delimiter nor a line end follows is data.
    pub(crate) are_stray_quotes_data: bool,
    /// Lines that start with it at a record start are skipped.
    pub(crate) comment: Option<&'a str>,
}

/// One field of a [`Record`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cell<'a> {
    /// The value, quotes and escapes resolved.
    pub(crate) text: Cow<'a, str>,
    /// Whether it stood in quotes.
    pub(crate) is_quoted: bool,
}

/// One record of the sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    /// Empty when the record is broken.
    pub(crate) cells: Vec<Cell<'a>>,
    /// Physical line it starts on, from 1.
    pub(crate) line: usize,
    /// Physical lines it takes.
    pub(crate) num_lines: usize,
    /// Byte it starts at.
    pub(crate) start: usize,
    /// Whether a quote was not closed, or something followed a closing quote.
    pub(crate) is_broken: bool,
}

impl Record<'_> {
    /// The number of fields; 0 when the record is broken.
    pub(crate) fn width(&self) -> usize {
        self.cells.len()
    }
}

/// Cuts `text` into records; blank lines are skipped. `is_whole` says that the text is the complete file: otherwise a last
/// record without a line end is dropped as cut off.
pub(crate) fn split<'a>(text: &'a str, is_whole: bool, options: &SplitOptions<'_>) -> Vec<Record<'a>> {
    let mut splitter = Splitter {
        text,
        bytes: text.as_bytes(),
        options,
        quote: [0; 4],
        escape: [0; 4],
    };
    splitter.records(is_whole)
}

struct Splitter<'a, 'o> {
    text: &'a str,
    bytes: &'a [u8],
    options: &'o SplitOptions<'o>,
    quote: [u8; 4],
    escape: [u8; 4],
}

/// What stands after a field.
enum After {
    Delimiter,
    LineEnd,
    TextEnd,
}

/// Why a record could not be read.
enum Broken {
    /// Something other than a delimiter follows the closing quote.
    Extra,
    /// The text ended inside quotes.
    Unclosed,
}

impl<'a> Splitter<'a, '_> {
    fn records(&mut self, is_whole: bool) -> Vec<Record<'a>> {
        let mut records = Vec::new();
        let mut at = 0;
        let mut line = 1;
        let mut reads_to_end = 0;
        while at < self.bytes.len() {
            if let Some(next) = self.line_end_at(at) {
                at = next;
                line += 1;
                continue;
            }
            if self
                .options
                .comment
                .is_some_and(|comment| self.text[at..].starts_with(comment))
            {
                at = self.next_line(at);
                line += 1;
                continue;
            }
            match self.record(at) {
                Ok((cells, next, after)) => {
                    if matches!(after, After::TextEnd) && !is_whole {
                        break;
                    }
                    let num_lines = self.count_lines(at, next).max(1);
                    records.push(Record {
                        cells,
                        line,
                        num_lines,
                        start: at,
                        is_broken: false,
                    });
                    at = next;
                    line += num_lines;
                }
                Err(broken) => {
                    if matches!(broken, Broken::Unclosed) {
                        if !is_whole && self.bytes.len() - at <= MAX_OPEN_QUOTE_BYTES {
                            break;
                        }
                        reads_to_end += 1;
                        if reads_to_end > MAX_READS_TO_END {
                            break;
                        }
                    }
                    records.push(Record {
                        cells: Vec::new(),
                        line,
                        num_lines: 1,
                        start: at,
                        is_broken: true,
                    });
                    at = self.next_line(at);
                    line += 1;
                }
            }
        }
        records
    }

    /// Reads the record at `at`: its cells, where the next one starts, and what ended it.
    fn record(&mut self, mut at: usize) -> Result<(Vec<Cell<'a>>, usize, After), Broken> {
        let mut cells = Vec::new();
        loop {
            let (cell, next, after) = self.field(at)?;
            cells.push(cell);
            at = next;
            match after {
                After::Delimiter => {}
                After::LineEnd | After::TextEnd => return Ok((cells, at, after)),
            }
        }
    }

    fn field(&mut self, start: usize) -> Result<(Cell<'a>, usize, After), Broken> {
        if let Some(quote) = self.options.quote {
            let mut at = start;
            if self.options.is_trimmed {
                while self.bytes.get(at) == Some(&b' ') && !self.is_delimiter(at) {
                    at += 1;
                }
            }
            if self.text[at..].starts_with(quote) {
                return self.quoted_field(at + quote.len_utf8(), quote);
            }
        }
        Ok(self.unquoted_field(start))
    }

    fn unquoted_field(&self, start: usize) -> (Cell<'a>, usize, After) {
        let first = self.options.delimiter.as_bytes().first().copied().unwrap_or(b',');
        let mut at = start;
        let (end, next, after) = loop {
            match memchr3(first, b'\n', b'\r', &self.bytes[at..]) {
                None => break (self.bytes.len(), self.bytes.len(), After::TextEnd),
                Some(offset) => at += offset,
            }
            if self.is_delimiter(at) {
                break (at, at + self.options.delimiter.len(), After::Delimiter);
            }
            if let Some(next) = self.line_end_at(at) {
                break (at, next, After::LineEnd);
            }
            at += 1;
        };
        let mut text = &self.text[start..end];
        if self.options.is_trimmed {
            text = text.trim_matches(' ');
        }
        (
            Cell {
                text: Cow::Borrowed(text),
                is_quoted: false,
            },
            next,
            after,
        )
    }

    /// Reads a quoted field whose body starts at `body`.
    fn quoted_field(&mut self, body: usize, quote: char) -> Result<(Cell<'a>, usize, After), Broken> {
        let quote_text: &str = quote.encode_utf8(&mut self.quote);
        let quote_text = quote_text.as_bytes().to_vec();
        let escape_text: Option<Vec<u8>> = self
            .options
            .escape
            .map(|escape| escape.encode_utf8(&mut self.escape).as_bytes().to_vec());
        // The value as far as it differs from the text; bytes from `copied` on are not in it yet.
        let mut value = String::new();
        let mut copied = body;
        let mut at = body;
        loop {
            if at >= self.bytes.len() {
                return Err(Broken::Unclosed);
            }
            let rest = &self.bytes[at..];
            if rest.starts_with(&quote_text) {
                let after = at + quote_text.len();
                let is_doubled = self.bytes[after..].starts_with(&quote_text);
                let is_closing_pair =
                    is_doubled && self.options.are_stray_quotes_data && self.ends_field(after + quote_text.len());
                if is_doubled && !is_closing_pair {
                    value.push_str(&self.text[copied..after]);
                    at = after + quote_text.len();
                    copied = at;
                    continue;
                }
                if is_closing_pair || (self.options.are_stray_quotes_data && !self.ends_field(after)) {
                    at = after;
                    continue;
                }
                let text = if copied == body {
                    Cow::Borrowed(&self.text[body..at])
                } else {
                    value.push_str(&self.text[copied..at]);
                    Cow::Owned(value)
                };
                return self.after_quote(Cell { text, is_quoted: true }, after);
            }
            if let Some(escape) = &escape_text
                && rest.starts_with(escape)
            {
                let after = at + escape.len();
                let next = &self.bytes[after..];
                let escaped = [&quote_text, escape].into_iter().find(|text| next.starts_with(text));
                if let Some(escaped) = escaped {
                    value.push_str(&self.text[copied..at]);
                    copied = after;
                    at = after + escaped.len();
                    continue;
                }
            }
            at += char_len(self.bytes[at]);
        }
    }

    fn after_quote(&self, cell: Cell<'a>, mut at: usize) -> Result<(Cell<'a>, usize, After), Broken> {
        loop {
            if at >= self.bytes.len() {
                return Ok((cell, at, After::TextEnd));
            }
            if self.is_delimiter(at) {
                return Ok((cell, at + self.options.delimiter.len(), After::Delimiter));
            }
            if let Some(next) = self.line_end_at(at) {
                return Ok((cell, next, After::LineEnd));
            }
            if self.bytes[at] != b' ' {
                return Err(Broken::Extra);
            }
            at += 1;
        }
    }

    fn ends_field(&self, at: usize) -> bool {
        at >= self.bytes.len() || self.is_delimiter(at) || self.line_end_at(at).is_some()
    }

    fn is_delimiter(&self, at: usize) -> bool {
        self.bytes[at..].starts_with(self.options.delimiter.as_bytes())
    }

    /// Where the next line starts if a line end stands at `at`.
    fn line_end_at(&self, at: usize) -> Option<usize> {
        match self.bytes.get(at)? {
            b'\n' => Some(at + 1),
            b'\r' if self.bytes.get(at + 1) == Some(&b'\n') => Some(at + 2),
            b'\r' => Some(at + 1),
            _ => None,
        }
    }

    fn next_line(&self, start: usize) -> usize {
        let mut at = start;
        while at < self.bytes.len() {
            if let Some(next) = self.line_end_at(at) {
                return next;
            }
            at += 1;
        }
        at
    }

    fn count_lines(&self, start: usize, end: usize) -> usize {
        let mut at = start;
        let mut num_lines = 0;
        while at < end {
            at = self.next_line(at);
            num_lines += 1;
        }
        num_lines
    }
}

/// The physical lines of `text` without their ends; a cut last line is left out unless `is_whole`.
pub(crate) fn lines(text: &str, is_whole: bool) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut start = 0;
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'\n' || bytes[at] == b'\r' {
            lines.push(&text[start..at]);
            let is_pair = bytes[at] == b'\r' && bytes.get(at + 1) == Some(&b'\n');
            at += if is_pair { 2 } else { 1 };
            start = at;
        } else {
            at += 1;
        }
    }
    if is_whole && start < text.len() {
        lines.push(&text[start..]);
    }
    lines
}

/// Bytes of the UTF-8 character that starts with `first`.
fn char_len(first: u8) -> usize {
    match first {
        0x00..=0x7F => 1,
        0x80..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xFF => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: SplitOptions<'static> = SplitOptions {
        delimiter: ",",
        quote: Some('"'),
        escape: None,
        is_trimmed: false,
        are_stray_quotes_data: false,
        comment: None,
    };

    /// Records joined by newlines, fields by `¦`; quoted ones in brackets, broken records as `!`.
    #[track_caller]
    fn check(options: SplitOptions<'_>, is_whole: bool, input: &str, expected: &str) {
        let found: Vec<String> = split(input, is_whole, &options)
            .iter()
            .map(|record| {
                if record.is_broken {
                    return "!".to_owned();
                }
                let cells: Vec<String> = record
                    .cells
                    .iter()
                    .map(|cell| {
                        if cell.is_quoted {
                            format!("[{}]", cell.text)
                        } else {
                            cell.text.to_string()
                        }
                    })
                    .collect();
                cells.join("¦")
            })
            .collect();
        assert_eq!(found.join("\n"), expected, "{input:?}");
    }

    #[test]
    fn line_ends_of_every_kind_end_a_record() {
        check(PLAIN, true, "a,b\nc,d\r\ne,f\rg,h", "a¦b\nc¦d\ne¦f\ng¦h");
    }

    #[test]
    fn cut_last_record_is_dropped_and_a_whole_one_counts() {
        check(PLAIN, false, "a,b\nc,d", "a¦b");
        check(PLAIN, true, "a,b\nc,d", "a¦b\nc¦d");
        check(PLAIN, false, "a,b\nc,\"d\n", "a¦b");
    }

    #[test]
    fn quotes_protect_delimiters_and_line_ends() {
        check(PLAIN, true, "\"a,\nb\",c\n", "[a,\nb]¦c");
        check(PLAIN, true, "\"a\"\"b\" ,c\n", "[a\"b]¦c");
    }

    #[test]
    fn quote_inside_an_unquoted_field_is_data() {
        check(PLAIN, true, "a\"b,c\n \"d,e\"\n", "a\"b¦c\n \"d¦e\"");
    }

    #[test]
    fn trimming_lets_a_quote_follow_blanks() {
        check(
            SplitOptions {
                is_trimmed: true,
                ..PLAIN
            },
            true,
            "a , \"b,c\" \n",
            "a¦[b,c]",
        );
    }

    #[test]
    fn escape_protects_quotes_and_itself_only() {
        let options = SplitOptions {
            escape: Some('\\'),
            ..PLAIN
        };
        check(options, true, r#""a\"b","c\\","d\n""#, r#"[a"b]¦[c\]¦[d\n]"#);
    }

    #[test]
    fn broken_quote_costs_one_line() {
        check(PLAIN, true, "\"a,b\nc,d\n", "!\nc¦d");
        check(PLAIN, true, "\"a\"x,b\nc,d\n", "!\nc¦d");
    }

    #[test]
    fn stray_quotes_are_data_when_asked_for() {
        let options = SplitOptions {
            are_stray_quotes_data: true,
            ..PLAIN
        };
        check(options, true, "\"a \"b\" c\",d\n\"e\"\",f\n", "[a \"b\" c]¦d\n[e\"]¦f");
    }

    #[test]
    fn delimiters_of_several_characters_are_whole() {
        check(
            SplitOptions {
                delimiter: "||",
                ..PLAIN
            },
            true,
            "a||b|c||\n",
            "a¦b|c¦",
        );
        check(
            SplitOptions {
                delimiter: "\t|",
                ..PLAIN
            },
            true,
            "a\tb\t|c\n",
            "a\tb¦c",
        );
    }

    #[test]
    fn comments_and_blank_lines_count_as_physical_lines() {
        let options = SplitOptions {
            comment: Some("#"),
            ..PLAIN
        };
        let records = split("# \"x\n\na\n\"b\n\nc\"\nd\n", true, &options);
        let lines: Vec<(usize, usize)> = records.iter().map(|record| (record.line, record.num_lines)).collect();
        assert_eq!(lines, [(3, 1), (4, 3), (7, 1)]);
    }

    #[test]
    fn lines_are_cut_at_every_line_end() {
        assert_eq!(lines("a\r\n\nb\rc", true), ["a", "", "b", "c"]);
        assert_eq!(lines("a\r\n\nb\rc", false), ["a", "", "b"]);
    }
}

//! Says how much the fields of a column look like values, and not like pieces of values that a wrong delimiter cut.

use super::dialect::QUOTES;
use super::kind::{Kind, kind_of};
use super::split::Cell;

/// What the fields of one column add up to.
#[derive(Clone, Debug, Default)]
pub(super) struct ColumnScore {
    sum: f64,
    /// Fields that are not empty.
    num_filled: usize,
    /// Those among them that hold a comma, or one of the rarer separators, that is not the delimiter.
    num_with_comma: usize,
    num_with_separator: usize,
    /// Those that stand behind the colon of a time or of a path, if the delimiter is a colon.
    num_after_colon: usize,
}

impl ColumnScore {
    pub(super) fn add(&mut self, cell: &Cell<'_>, delimiter: &str, is_single_column: bool) {
        if cell.is_quoted {
            self.sum += 0.97;
            self.num_filled += 1;
        } else if !cell.text.is_empty() {
            let text = cell.text.as_ref();
            self.sum += cell_score(text, delimiter, is_single_column);
            self.num_filled += 1;
            let holds = |separators: &str| {
                text.chars()
                    .any(|found| separators.contains(found) && !delimiter.contains(found))
            };
            self.num_after_colon += usize::from(delimiter == ":" && is_after_colon(text));
            self.num_with_separator += usize::from(holds(";|\t\u{1}"));
            self.num_with_comma +=
                usize::from(holds(",") && (is_single_column || !is_number_like(text.trim_matches(' '))));
        }
    }

    /// From 0 to 1. A column without a value is worth nothing: under a wrong delimiter half of them are empty. One whose fields
    /// all hold another separator is likely two columns; if it is the only one, each such field speaks against it.
    #[expect(clippy::cast_precision_loss, reason = "shares of small counts")]
    pub(super) fn purity(&self, delimiter: &str, is_single_column: bool) -> f64 {
        if self.num_filled == 0 {
            return 0.0;
        }
        let mean = self.sum / self.num_filled as f64;
        if is_single_column {
            let share = |count: usize| count as f64 / self.num_filled as f64;
            return mean * (1.0 - f64::max(0.8 * share(self.num_with_separator), 0.6 * share(self.num_with_comma)));
        }
        // Blanks and colons cut what a comma holds together even if there is one record only.
        let least = if matches!(delimiter, " " | ":") { 1 } else { 2 };
        let is_all = |count: usize| count >= least && count == self.num_filled;
        if is_all(self.num_with_separator) {
            mean * 0.2
        } else if is_all(self.num_with_comma) {
            mean * 0.4
        } else if is_all(self.num_after_colon) {
            mean * 0.3
        } else {
            mean
        }
    }
}

/// Whether `text` may be what stands behind the colon of a time, two digits below 60 and no digit or letter after them, or of
/// `C:\dir` and `http://host`.
fn is_after_colon(text: &str) -> bool {
    match text.as_bytes() {
        [b'\\' | b'/', ..] => true,
        [b'0'..=b'5', b'0'..=b'9'] => true,
        [b'0'..=b'5', b'0'..=b'9', b'Z'] => true,
        [b'0'..=b'5', b'0'..=b'9', next, ..] => !next.is_ascii_alphanumeric(),
        _ => false,
    }
}

/// How much an unquoted field looks like a value, from 0 to 1.
fn cell_score(text: &str, delimiter: &str, is_single_column: bool) -> f64 {
    let text = text.trim_matches(' ');
    match kind_of(text) {
        Kind::Boolean | Kind::Long | Kind::Double | Kind::Timestamp => return 1.0,
        Kind::Json => return 0.97,
        Kind::Empty => return 0.5,
        Kind::String => {}
    }
    if is_number_like(text) && !is_single_column {
        return 0.97;
    }
    if text.bytes().all(|byte| b"|~^:@".contains(&byte)) {
        // A piece of a delimiter of several characters.
        return 0.05;
    }
    let bytes = text.as_bytes();
    for quote in QUOTES {
        let (starts, ends) = (text.starts_with(quote), text.ends_with(quote));
        if starts && ends && bytes.len() > quote.len_utf8() {
            return 0.4;
        }
        if (starts || ends) && quote == '"' {
            return 0.1;
        }
        // A letter to those who write it.
        if quote == 'þ' {
            continue;
        }
        if starts || ends {
            return 0.6;
        }
    }
    // Pieces of a wrongly cut text still hold the true separators.
    let others = bytes
        .iter()
        .filter(|byte| b",;|\t\x01".contains(byte))
        .filter(|byte| !delimiter.as_bytes().contains(byte));
    let penalty = match others.take(4).count() {
        0 => 0.0,
        1 => 0.15,
        2 => 0.3,
        3 => 0.45,
        _ => 0.6,
    };
    let blank_penalty = if is_single_column && text.contains([' ', ':']) {
        0.22
    } else {
        0.0
    };
    let leading_penalty = if text.starts_with(['|', '~', '^', ':']) {
        0.2
    } else {
        0.0
    };
    0.92_f64 - f64::max(penalty, blank_penalty) - leading_penalty
}

/// Numbers as people write them: `1.234,56`, `1,000`, `12 %`, `$5`.
pub(crate) fn is_number_like(text: &str) -> bool {
    let text = text
        .trim_start_matches(['+', '-', '$', '€', '£', '¥'])
        .trim_end_matches(['%', '€'])
        .trim_end();
    !text.is_empty()
        && text.starts_with(|first: char| first.is_ascii_digit())
        && text.ends_with(|last: char| last.is_ascii_digit())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b','))
        && text.bytes().filter(|byte| !byte.is_ascii_digit()).count() <= 3
}

//! Everything that is printed: results on standard output, talk on standard error.

#![expect(clippy::print_stderr, reason = "this is the one place that prints")]

use crate::args::GlobalArguments;
use crate::exit::Exit;
use bucketload_engine::Error;
use serde_json::{Value, json};
use std::error::Error as _;
use std::io::Write;

/// Prints as the command line asks for.
#[derive(Debug)]
pub(crate) struct Printer {
    is_json: bool,
    is_quiet: bool,
    is_verbose: bool,
}

impl Printer {
    pub(crate) fn new(global: &GlobalArguments) -> Printer {
        Printer {
            is_json: global.json,
            is_quiet: global.quiet > 0,
            is_verbose: global.verbose > 0,
        }
    }

    /// Whether one JSON document is to be the only output.
    pub(crate) fn is_json(&self) -> bool {
        self.is_json
    }

    /// A result, as it is. A reader that has gone away (`| head`) ends the output and nothing else.
    pub(crate) fn result(&self, text: &str) {
        let mut output = std::io::stdout().lock();
        if output.write_all(text.as_bytes()).and_then(|()| output.flush()).is_err() {
            std::process::exit(0);
        }
    }

    /// The one JSON document.
    pub(crate) fn document(&self, document: &Value) {
        self.result(&format!("{document:#}\n"));
    }

    /// A line for the person at the terminal.
    pub(crate) fn talk(&self, line: &str) {
        eprintln!("{line}");
    }

    /// A line that may be missed.
    pub(crate) fn hint(&self, line: &str) {
        if !self.is_quiet {
            eprintln!("{line}");
        }
    }

    /// An error: what, where, what to do; with `-v` the chain of causes.
    pub(crate) fn error(&self, error: &Error) -> Exit {
        self.explain(error);
        if self.is_json {
            self.document(&json!({"error": error.to_string(), "at": error.place(), "hint": error.hint()}));
        }
        Exit::of(error.blame())
    }

    /// The same on standard error only.
    pub(crate) fn explain(&self, error: &Error) {
        eprintln!("error: {error}");
        if let Some(place) = error.place() {
            eprintln!("  at {place}");
        }
        if self.is_verbose {
            let mut cause = error.source();
            while let Some(current) = cause {
                eprintln!("  caused by: {current}");
                cause = current.source();
            }
        }
        if let Some(hint) = error.hint() {
            eprintln!("hint: {hint}");
        }
    }
}

/// A count as people read it: `1,234,567`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes as people read them: `1.4 MB`.
pub(crate) fn bytes(number: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if number < 1_000 {
        return format!("{number} B");
    }
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let mut value = number as f64 / 1_000.0;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1_000.0;
        unit += 1;
    }
    match value {
        value if value < 10.0 => format!("{value:.1} {}", UNITS[unit]),
        value => format!("{value:.0} {}", UNITS[unit]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_thousands_separators() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_000), "1,000");
        assert_eq!(count(12_345_678), "12,345,678");
    }

    #[test]
    fn bytes_have_a_unit() {
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(1_400_000), "1.4 MB");
        assert_eq!(bytes(999_900_000), "1.0 GB");
        assert_eq!(bytes(42_000_000_000), "42 GB");
    }
}

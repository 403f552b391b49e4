//! Everything that is printed: results on standard output, talk on standard error.

#![expect(clippy::print_stderr, reason = "this is the one place that prints")]

use crate::args::GlobalArguments;
use crate::exit::Exit;
use bucketload_engine::Error;
use serde::Serialize;
use serde_json::{Value, json};
use std::error::Error as _;
use std::io::{self, BufWriter, ErrorKind, StdoutLock, Write};

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

    /// What the command line parser has to say: the help that was asked for, or what is wrong.
    pub(crate) fn misuse(error: &clap::Error) -> Exit {
        // Fails only if nobody reads it.
        let _ = error.print();
        if !error.use_stderr() {
            return Exit::Done;
        }
        if std::env::args_os().any(|argument| argument == "--json") {
            let printer = Printer {
                is_json: true,
                is_quiet: false,
                is_verbose: false,
            };
            let (message, hint) = told_by_parser(&error.render().to_string());
            printer.document(&error_document(&message, None, hint.as_deref()));
        }
        Exit::Misused
    }

    /// Whether one JSON document is to be the only output.
    pub(crate) fn is_json(&self) -> bool {
        self.is_json
    }

    /// A result, as it is.
    pub(crate) fn result(&self, text: &str) {
        print(|output| output.write_all(text.as_bytes()));
    }

    /// The one JSON document.
    pub(crate) fn document(&self, document: &impl Serialize) {
        print(|output| {
            serde_json::to_writer_pretty(&mut *output, document)?;
            writeln!(output)
        });
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
            self.document(&document_of(error));
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
            let mut told = error.to_string();
            while let Some(current) = cause {
                // A cause that only carries the error on would say the same again.
                let text = current.to_string();
                if text != told {
                    eprintln!("  caused by: {text}");
                }
                told = text;
                cause = current.source();
            }
        }
        if let Some(hint) = error.hint() {
            eprintln!("hint: {hint}");
        }
    }
}

/// What `--json` gives for an error.
pub(crate) fn document_of(error: &Error) -> Value {
    error_document(&error.to_string(), error.place(), error.hint())
}

fn error_document(message: &str, place: Option<&str>, hint: Option<&str>) -> Value {
    json!({"error": message, "at": place, "hint": hint})
}

/// Writes to standard output. A reader that has gone away (`| head`) ends the output and nothing else; output that cannot be written
/// otherwise, to a full disk say, is a failure, since somebody will take it for the whole.
fn print(write: impl FnOnce(&mut BufWriter<StdoutLock<'static>>) -> io::Result<()>) {
    let mut output = BufWriter::new(io::stdout().lock());
    match write(&mut output).and_then(|()| output.flush()) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => {
            eprintln!("error: cannot write to standard output: {error}");
            std::process::exit(1);
        }
    }
}

/// Message and hint of a text of the command line parser: paragraphs with the problem, tips, the usage and a reference.
fn told_by_parser(text: &str) -> (String, Option<String>) {
    let mut paragraphs = text.split("\n\n").map(|paragraph| {
        let words: Vec<&str> = paragraph.split_whitespace().collect();
        words.join(" ")
    });
    let first = paragraphs.next().unwrap_or_default();
    // Without any argument it is the help that is shown.
    let Some(message) = first.strip_prefix("error: ") else {
        return ("a command is missing".to_owned(), Some("see `--help`".to_owned()));
    };
    let tip = paragraphs.find_map(|paragraph| paragraph.strip_prefix("tip: ").map(str::to_owned));
    (message.to_owned(), tip)
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
    fn what_the_parser_says_is_one_line_and_a_tip() {
        let missing = "error: the following required arguments were not provided:\n  --database <DB>\n  --table <TABLE>\n\nUsage: \
                       bucketload issue\n\nFor more information, try '--help'.\n";
        let (message, tip) = told_by_parser(missing);
        assert_eq!(
            message,
            "the following required arguments were not provided: --database <DB> --table <TABLE>"
        );
        assert_eq!(tip, None);
        let misspelled =
            "error: unrecognized subcommand 'isue'\n\n  tip: a similar subcommand exists: 'issue'\n\nUsage: b\n";
        assert_eq!(
            told_by_parser(misspelled),
            (
                "unrecognized subcommand 'isue'".to_owned(),
                Some("a similar subcommand exists: 'issue'".to_owned())
            )
        );
        assert_eq!(told_by_parser("Loads CSV\n\nUsage: b\n").0, "a command is missing");
    }

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

//! What is wrong with a configuration: one sentence with its place, and all of them together.

use std::fmt;
use std::sync::Arc;

/// One thing that is wrong, or doubtful, in a configuration.
///
/// **Secrets**: the text never holds the value of a key that is a secret, nor of a `${secret:NAME}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file's name as it was handed to [`super::Document::parse`].
    pub file: Arc<str>,
    /// The key, as `--set` would name it (`in.parser.columns.0.name`); empty when the whole file is meant.
    pub path: String,
    /// Line in the file, from 1; 0 when the value did not come from the file (`--set`).
    pub line: usize,
    /// Column in the line, in characters, from 1; 0 when the value did not come from the file.
    pub column: usize,
    /// What is wrong and which value.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Problem {
    /// Adds what to do about it.
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Problem {
        self.hint = Some(hint.into());
        self
    }

    /// The order in which a reader of the file meets problems; those of no line come last.
    pub(crate) fn sort_key(&self) -> (usize, usize) {
        (if self.line == 0 { usize::MAX } else { self.line }, self.column)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(formatter, "`{}`: ", self.path)?;
        }
        write!(formatter, "{}", self.message)?;
        if self.line > 0 {
            write!(
                formatter,
                "\n  at {} line {}, column {}",
                self.file, self.line, self.column
            )?;
        }
        if let Some(hint) = &self.hint {
            write!(formatter, "\nhint: {hint}")?;
        }
        Ok(())
    }
}

/// Everything that keeps a configuration from becoming a job, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors {
    /// What must be corrected; never empty.
    pub problems: Vec<Problem>,
    /// What was found besides; a misspelled key is often the cause of a missing one.
    pub warnings: Vec<Problem>,
}

impl ConfigErrors {
    /// One problem alone.
    pub(crate) fn one(problem: Problem) -> ConfigErrors {
        ConfigErrors {
            problems: vec![problem],
            warnings: Vec::new(),
        }
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                writeln!(formatter)?;
            }
            write!(formatter, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem() -> Problem {
        Problem {
            file: Arc::from("load.yml"),
            path: "in.bucket".to_owned(),
            line: 3,
            column: 5,
            message: "must not be empty".to_owned(),
            hint: Some("name the bucket".to_owned()),
        }
    }

    #[test]
    fn a_problem_says_what_where_and_what_to_do() {
        assert_eq!(
            problem().to_string(),
            "`in.bucket`: must not be empty\n  at load.yml line 3, column 5\nhint: name the bucket"
        );
    }

    #[test]
    fn a_value_that_is_not_in_the_file_has_no_line() {
        let problem = Problem {
            line: 0,
            column: 0,
            hint: None,
            ..problem()
        };
        assert_eq!(problem.to_string(), "`in.bucket`: must not be empty");
    }

    #[test]
    fn all_problems_are_shown() {
        let errors = ConfigErrors {
            problems: vec![problem(), problem()],
            warnings: Vec::new(),
        };
        assert_eq!(errors.to_string().matches("must not be empty").count(), 2);
    }
}

//! Collects what is wrong while sections are read.

use crate::config::problem::Problem;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Collects what is wrong while sections are read.
pub(crate) struct Report {
    file: Arc<str>,
    is_strict: bool,
    problems: RefCell<Vec<Problem>>,
    warnings: RefCell<Vec<Problem>>,
    /// Section and key of everything that was asked for, with the kind of the section.
    pub(super) reads: RefCell<BTreeSet<(String, &'static str)>>,
}

/// The problem just reported, open for a hint.
pub(crate) struct Reported<'a> {
    list: &'a RefCell<Vec<Problem>>,
    index: usize,
}

impl Reported<'_> {
    /// Says what to do about it.
    pub(crate) fn hint(&self, hint: impl Into<String>) {
        self.list.borrow_mut()[self.index].hint = Some(hint.into());
    }
}

impl Report {
    pub(crate) fn new(file: Arc<str>, is_strict: bool) -> Report {
        Report {
            file,
            is_strict,
            problems: RefCell::default(),
            warnings: RefCell::default(),
            reads: RefCell::default(),
        }
    }

    pub(crate) fn error(&self, path: &str, line: usize, column: usize, message: String) -> Reported<'_> {
        self.push(&self.problems, path, line, column, message)
    }

    pub(crate) fn warn(&self, path: &str, line: usize, column: usize, message: String) -> Reported<'_> {
        self.push(&self.warnings, path, line, column, message)
    }

    /// A key that means nothing: an error with `--strict`, else a warning.
    pub(super) fn unknown(&self, path: &str, line: usize, column: usize, message: String) -> Reported<'_> {
        let list = if self.is_strict { &self.problems } else { &self.warnings };
        self.push(list, path, line, column, message)
    }

    fn push<'a>(
        &self,
        list: &'a RefCell<Vec<Problem>>,
        path: &str,
        line: usize,
        column: usize,
        message: String,
    ) -> Reported<'a> {
        let problem = Problem {
            file: self.file.clone(),
            path: path.to_owned(),
            line,
            column,
            message,
            hint: None,
        };
        list.borrow_mut().push(problem);
        Reported {
            list,
            index: list.borrow().len() - 1,
        }
    }

    /// Errors and warnings, each in the order of the file.
    pub(crate) fn into_problems(self) -> (Vec<Problem>, Vec<Problem>) {
        let mut problems = self.problems.into_inner();
        let mut warnings = self.warnings.into_inner();
        problems.sort_by_key(Problem::sort_key);
        warnings.sort_by_key(Problem::sort_key);
        (problems, warnings)
    }

    /// Section and key of everything read, with the kind of the section.
    #[cfg(test)]
    pub(crate) fn reads(&self) -> BTreeSet<(String, &'static str)> {
        self.reads.borrow().clone()
    }
}

//! Runs one case: a folder with a configuration, input files and what must come of them. README.md says what a folder holds.

use crate::bucketload::{Finished, Workplace};
use serde_json::Value;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// The rows of a case may not depend on how many work on it.
const THREADS: [usize; 2] = [1, 4];
/// Stands for the case's folder in `error.txt`.
const FOLDER_MARK: &str = "<case>";
const ROWS_SQL: &str = "SELECT * FROM d.t";
const REJECTS_SQL: &str = "SELECT line, column_name, reason, record FROM d.t__rejects ORDER BY file, line, byte_offset";

/// What is done about an expectation that is not met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmet {
    /// The case fails.
    Fail,
    /// The file is rewritten, to be reviewed as a change of code is.
    Bless,
}

/// One case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Case {
    folder: PathBuf,
}

impl Case {
    /// Every folder below `root` that has a `job.yml`, in the order of their names.
    pub fn all_below(root: &Path) -> Vec<Case> {
        let mut cases = Vec::new();
        let mut folders = vec![root.to_owned()];
        while let Some(folder) = folders.pop() {
            if folder.join("job.yml").exists() {
                cases.push(Case { folder });
                continue;
            }
            let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
            folders.extend(entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()));
        }
        cases.sort();
        cases
    }

    /// Its name below `root`: `csv/quoted_line_breaks`.
    pub fn name(&self, root: &Path) -> String {
        self.folder
            .strip_prefix(root)
            .unwrap_or(&self.folder)
            .display()
            .to_string()
    }

    /// Loads the input, compares rows, rejects, report and errors.
    ///
    /// **Errors**: what differs, for people to read.
    pub fn run(&self, unmet: Unmet) -> Result<(), String> {
        self.check_files()?;
        for threads in THREADS {
            self.run_with(threads, unmet)
                .map_err(|problem| format!("with exec.max_threads={threads}: {problem}"))?;
        }
        Ok(())
    }

    /// A misspelled file name would be an expectation that nobody checks.
    fn check_files(&self) -> Result<(), String> {
        let known = [
            "job.yml",
            "query.sql",
            "expected.txt",
            "rejects.txt",
            "report.json",
            "error.txt",
            "said.txt",
        ];
        let mut has_input = false;
        for entry in fs::read_dir(&self.folder).map_err(|error| error.to_string())?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_input = name.starts_with("input");
            has_input |= is_input;
            if !is_input && !name.starts_with("table_") && !known.contains(&name.as_str()) {
                return Err(format!(
                    "`{name}` is not a file of a case; known are `input*`, `table_*` and {known:?}"
                ));
            }
        }
        if has_input {
            Ok(())
        } else {
            Err("there is no `input*`".to_owned())
        }
    }

    fn run_with(&self, threads: usize, unmet: Unmet) -> Result<(), String> {
        let workplace = Workplace::new();
        let job = self.path_text("job.yml");
        let loaded = workplace
            .issuing(&job, &[])
            .set(format!("in.path_prefix={}", self.path_text("input")))
            .set(format!("exec.max_threads={threads}"))
            .env("CASE", &self.folder)
            .run();
        if loaded.stderr.contains("panicked at") {
            return Err(format!("a panic reached the user: {loaded}"));
        }
        if self.folder.join("error.txt").exists() {
            return self.check_error(&workplace, &loaded, unmet);
        }
        if loaded.status != Some(0) {
            return Err(format!("the load failed: {loaded}"));
        }
        let said = self.read("said.txt").unwrap_or_default();
        if let Some(line) = said.lines().find(|line| !loaded.stderr.contains(line)) {
            return Err(format!("said.txt expects `{line}`, and there was {loaded}"));
        }
        let report: Value = serde_json::from_str(&loaded.stdout)
            .map_err(|error| format!("the report is no JSON: {error}\n{loaded}"))?;
        self.check_report(&report)?;
        let sql = self.read("query.sql").unwrap_or_else(|| ROWS_SQL.to_owned());
        self.check_text("expected.txt", &self.query(&workplace, sql.trim())?, unmet)?;
        let num_rejected = report["rows"]["rejected"].as_u64().unwrap_or_default();
        let has_table = workplace.warehouse().join("d/t__rejects").exists();
        match (num_rejected, has_table) {
            (0, _) | (_, false) => self.check_text("rejects.txt", "", unmet),
            _ => self.check_text("rejects.txt", &self.query(&workplace, REJECTS_SQL)?, unmet),
        }
    }

    fn query(&self, workplace: &Workplace, sql: &str) -> Result<String, String> {
        let finished = workplace.bucketload(["query", sql, "--format", "csv"]).run();
        if finished.status == Some(0) {
            Ok(finished.stdout)
        } else {
            Err(format!("the query failed: {finished}"))
        }
    }

    /// `report.json` holds the part of the report that matters. Without it there must be no rejects that `rejects.txt` does
    /// not show.
    fn check_report(&self, report: &Value) -> Result<(), String> {
        let Some(text) = self.read("report.json") else {
            let num_rejected = report["rows"]["rejected"].as_u64();
            return match num_rejected {
                Some(0) => Ok(()),
                Some(_) if self.folder.join("rejects.txt").exists() => Ok(()),
                _ => Err(format!(
                    "records were rejected, and there is no `rejects.txt`: {report}"
                )),
            };
        };
        let expected: Value = serde_json::from_str(&text).map_err(|error| format!("report.json: {error}"))?;
        match first_difference("", &expected, report) {
            None => Ok(()),
            Some(difference) => Err(format!("report: {difference}")),
        }
    }

    /// `error.txt`: the exit code on the first line, on every other a part of what is said.
    fn check_error(&self, workplace: &Workplace, loaded: &Finished, unmet: Unmet) -> Result<(), String> {
        let folder = self.folder.to_string_lossy().into_owned();
        let said = loaded.stderr.replace(&folder, FOLDER_MARK);
        let status = loaded.status.unwrap_or(-1);
        let expected = self.read("error.txt").unwrap_or_default();
        let mut lines = expected.lines();
        let is_status = lines.next().is_some_and(|line| line == format!("exit {status}"));
        let is_met = is_status && lines.all(|line| said.contains(line));
        if !is_met {
            let first = said
                .lines()
                .find(|line| line.starts_with("error: "))
                .unwrap_or_default();
            match unmet {
                Unmet::Bless => self.write("error.txt", &format!("exit {status}\n{first}\n"))?,
                Unmet::Fail => return Err(format!("error.txt expects\n{expected}but there was {loaded}")),
            }
        }
        match workplace.num_rows() {
            0 => Ok(()),
            num_rows => Err(format!("the load failed, and {num_rows} rows are visible")),
        }
    }

    fn check_text(&self, name: &str, found: &str, unmet: Unmet) -> Result<(), String> {
        let expected = self.read(name).unwrap_or_default();
        if expected == found {
            return Ok(());
        }
        match unmet {
            Unmet::Bless => self.write(name, found),
            Unmet::Fail => Err(format!(
                "{name} differs (- expected, + found)\n{}",
                difference(&expected, found)
            )),
        }
    }

    fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.folder.join(name)).ok()
    }

    fn write(&self, name: &str, text: &str) -> Result<(), String> {
        fs::write(self.folder.join(name), text).map_err(|error| format!("{name}: {error}"))
    }

    fn path_text(&self, name: &str) -> String {
        self.folder.join(name).to_string_lossy().into_owned()
    }
}

/// Where `found` lacks something of `expected`; members that `expected` does not name are not looked at.
fn first_difference(path: &str, expected: &Value, found: &Value) -> Option<String> {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => expected.iter().find_map(|(key, value)| {
            first_difference(&format!("{path}/{key}"), value, found.get(key).unwrap_or(&Value::Null))
        }),
        _ if expected == found => None,
        _ => Some(format!("`{path}` is {found} instead of {expected}")),
    }
}

/// The lines that differ, with what stands equal before and after them left out.
fn difference(expected: &str, found: &str) -> String {
    let expected: Vec<_> = expected.split_inclusive('\n').collect();
    let found: Vec<_> = found.split_inclusive('\n').collect();
    let before = expected
        .iter()
        .zip(&found)
        .take_while(|(left, right)| left == right)
        .count();
    let after = expected[before..]
        .iter()
        .rev()
        .zip(found[before..].iter().rev())
        .take_while(|(left, right)| left == right);
    let after = after.count();
    let mut text = String::new();
    let mut show = |mark: char, line: &str| {
        // Invisible characters are what such tests are about.
        writeln!(text, "{mark} {}", line.escape_debug()).expect("writing to a string cannot fail");
    };
    if let Some(header) = expected.first().filter(|_| before > 0) {
        show(' ', header);
    }
    expected[before..expected.len() - after]
        .iter()
        .for_each(|line| show('-', line));
    found[before..found.len() - after]
        .iter()
        .for_each(|line| show('+', line));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_difference_shows_the_header_and_what_differs() {
        let shown = difference("a,b\n1,2\n3,4\n5,6\n", "a,b\n1,2\n3,\t\n5,6\n");
        assert_eq!(shown, "  a,b\\n\n- 3,4\\n\n+ 3,\\t\\n\n");
    }

    #[test]
    fn a_missing_end_of_line_is_a_difference() {
        assert_eq!(difference("a\n", "a"), "- a\\n\n+ a\n");
    }

    #[test]
    fn a_report_may_hold_more_than_is_expected() {
        let report = json!({"rows": {"read": 3, "rejected": 1}, "error": null});
        assert_eq!(
            first_difference("", &json!({"rows": {"read": 3}, "error": null}), &report),
            None
        );
        let difference = first_difference("", &json!({"rows": {"read": 4}}), &report);
        assert_eq!(difference.as_deref(), Some("`/rows/read` is 3 instead of 4"));
    }

    #[test]
    fn a_folder_of_cases_is_searched_to_the_bottom() {
        let root = tempfile::tempdir().unwrap();
        for name in ["b/two", "a/deep/one", "empty"] {
            fs::create_dir_all(root.path().join(name)).unwrap();
        }
        for name in ["b/two", "a/deep/one"] {
            fs::write(root.path().join(name).join("job.yml"), "").unwrap();
        }
        let names: Vec<_> = Case::all_below(root.path())
            .iter()
            .map(|case| case.name(root.path()))
            .collect();
        assert_eq!(names, ["a/deep/one", "b/two"]);
    }

    #[test]
    fn a_file_that_no_case_has_is_refused() {
        let root = tempfile::tempdir().unwrap();
        for name in ["job.yml", "input.csv", "expect.txt"] {
            fs::write(root.path().join(name), "").unwrap();
        }
        let problem = Case::all_below(root.path())[0].run(Unmet::Fail).unwrap_err();
        assert!(problem.starts_with("`expect.txt` is not a file of a case"), "{problem}");
    }
}

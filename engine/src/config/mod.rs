//! Turns the text of a configuration file into a job that is ready to run.
//!
//! The text becomes a [`Document`], a tree in which every value knows its line; `--set` and the memory of earlier runs are
//! put over it; [`resolve`] replaces the variables, reads every key, fills in every default and checks what can be checked
//! without a bucket. All of it is pure: text and a function that knows variables in, a [`plan::JobPlan`] or every problem at
//! once out. After it, there is no `Option` that means "use the default", but for tuning knobs that set themselves.
//!
//! Reading order: [`document`] (the tree), [`overrides`], [`variables`], [`keys`] (which keys there are), `reader` (typed
//! reading), one file for each section: `input` with `credentials` and `decoders`, `parser` with `columns`, `filters` with
//! `rename`, `times` and `conditions`, `output`, `exec`; [`plan`] (the result), [`problem`] (what is wrong), [`edit`] (knobs put into a file).
//!
//! What does not happen here: reading files or the environment, compiling patterns and SQL, and anything that needs to know
//! the columns that arrive at a filter.

mod columns;
mod conditions;
mod credentials;
mod decoders;
pub mod document;
pub mod edit;
mod exec;
mod filters;
mod input;
pub mod keys;
mod output;
pub mod overrides;
mod parser;
pub mod plan;
pub mod problem;
mod reader;
mod rename;
mod times;
pub mod variables;

#[cfg(test)]
mod tests;

pub use document::{Document, Node, Value};
pub use keys::{json_schema, reference_markdown};
pub use problem::{ConfigErrors, Problem};
pub use variables::Lookup;

use crate::filter::rules::hidden::hidden_name;
use crate::filter::rules::{Filter, FilterRule, RenameStep};
use plan::{ExecPlan, InputPlan, JobPlan, MetadataColumn, MetadataKind, OutputMode, OutputPlan, ParserOptions};
use reader::{Reader, Report};
use std::collections::HashSet;

/// How a document is resolved.
#[derive(Clone, Copy)]
pub struct ResolveOptions<'a> {
    /// Whether unknown keys are errors.
    pub is_strict: bool,
    /// Finds the values of variables.
    pub lookup: Lookup<'a>,
}

/// A job and what is doubtful about it.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The job.
    pub plan: JobPlan,
    /// What may not be meant, in the order of the file.
    pub warnings: Vec<Problem>,
}

/// A configuration without a finished parser, as `guess` starts from.
#[derive(Clone, Debug)]
pub struct Seed {
    /// Where the files are; its parser is `None`.
    pub input: InputPlan,
    /// What was written of the parser, variables replaced: it steers the guess.
    pub parser: Option<Node>,
    /// Whether `in.decoders` was written.
    pub has_decoders: bool,
    /// Which guess steps, and how much of a file they see.
    pub exec: ExecPlan,
    /// What may not be meant, in the order of the file.
    pub warnings: Vec<Problem>,
}

/// Makes a job of a document.
///
/// **Errors**: every problem of the document together.
pub fn resolve(document: &Document, options: &ResolveOptions<'_>) -> Result<Resolved, ConfigErrors> {
    let report = Report::new(document.file().clone(), options.is_strict);
    let plan = resolve_plan(document, options, &report);
    let (problems, warnings) = report.into_problems();
    match plan {
        Some(plan) if problems.is_empty() => Ok(Resolved { plan, warnings }),
        _ => Err(ConfigErrors { problems, warnings }),
    }
}

/// Makes the start of a guess of a document; its parser may be missing or half-written, and the other sections are only
/// looked through for unknown keys.
///
/// **Errors**: every problem of `in` and `exec` together.
pub fn resolve_seed(document: &Document, options: &ResolveOptions<'_>) -> Result<Seed, ConfigErrors> {
    let report = Report::new(document.file().clone(), options.is_strict);
    let node = variables::expand(document.root(), options.lookup, &report);
    let root = Reader::root(&report, &node);
    root.ignore(&["filters", "out"]);
    let exec = exec::read_exec(&root);
    root.finish();
    let seed = read_input_section(&root).map(|mut section| {
        let plan = input::read_input(&mut section);
        section.finish();
        let parser = section
            .map("parser")
            .is_some()
            .then(|| node.at("in.parser").cloned())
            .flatten();
        (plan, parser, section.value("decoders").is_some())
    });
    let (problems, warnings) = report.into_problems();
    match seed {
        Some((input, parser, has_decoders)) if problems.is_empty() => Ok(Seed {
            input,
            parser,
            has_decoders,
            exec,
            warnings,
        }),
        _ => Err(ConfigErrors { problems, warnings }),
    }
}

fn read_input_section<'a>(root: &Reader<'a>) -> Option<Reader<'a>> {
    if root.value("in").is_none() {
        root.error("in", "`in` is required");
    }
    root.map("in")
}

/// The job; `None` or unusable if `report` has problems.
fn resolve_plan(document: &Document, options: &ResolveOptions<'_>, report: &Report) -> Option<JobPlan> {
    let node = variables::expand(document.root(), options.lookup, report);
    let root = Reader::root(report, &node);
    let exec = exec::read_exec(&root);
    let filters = filters::read_filters(&root);
    let output = output::read_output(&root);
    root.finish();
    let mut section = read_input_section(&root)?;
    let mut input = input::read_input(&mut section);
    if section.value("parser").is_none() {
        section
            .error("parser", "`parser` is required")
            .hint("`bucketload guess` writes one from a sample of the files");
    }
    if let Some(mut parser) = section.map("parser") {
        let parsed = parser::read_parser(&mut parser);
        input.on_error = parsed.on_error;
        input.charset_errors = parsed.charset_errors;
        input.parser = parsed.plan;
    }
    section.finish();
    add_hidden_columns(&mut input, &filters);
    adjust_parser(&section, &mut input, &filters, &exec);
    warn_about_lost_rows(&root, &input, &output);
    Some(JobPlan {
        input,
        filters,
        output,
        exec,
    })
}

/// Adds the metadata columns that only the SQL of a filter names. One that is named in vain costs nothing, since nobody reads it.
fn add_hidden_columns(input: &mut InputPlan, filters: &[Filter]) {
    for kind in MetadataKind::ALL {
        let is_there = input.metadata_columns.iter().any(|column| column.name == kind.name());
        let is_named = || {
            filters
                .iter()
                .flat_map(Filter::sql_texts)
                .any(|text| text.contains(kind.name()))
        };
        if !is_there && is_named() {
            input.metadata_columns.push(MetadataColumn {
                kind,
                name: hidden_name(kind.name()),
            });
        }
    }
}

/// Carries what other sections say into the parser, and makes sure that column names are unique.
fn adjust_parser(section: &Reader<'_>, input: &mut InputPlan, filters: &[Filter], exec: &ExecPlan) {
    let has_record_numbers = input
        .metadata_columns
        .iter()
        .any(|column| column.kind == MetadataKind::RowNumber);
    let mut names: HashSet<String> = HashSet::new();
    match &mut input.parser {
        Some(ParserOptions::Csv(options)) => {
            options.has_record_numbers = has_record_numbers;
            options.batch_rows = exec.batch_rows.unwrap_or(options.batch_rows);
            let suffix = filters.iter().find_map(unique_suffix);
            for index in 0..options.columns.len() {
                let name = options.columns[index].name.clone();
                if names.insert(name.clone()) {
                    continue;
                }
                let Some((delimiter, offset)) = suffix else {
                    report_duplicate(section, &name);
                    continue;
                };
                let is_taken = |candidate: &str| {
                    names.contains(candidate) || options.columns.iter().any(|column| column.name == candidate)
                };
                let unique = (offset + 1..).map(|number| format!("{name}{delimiter}{number}"));
                let unique = unique
                    .into_iter()
                    .find(|candidate| !is_taken(candidate))
                    .expect("numbers do not end");
                section.warn(
                    "parser",
                    format!("the column `{name}` stands twice, the later one is read as `{unique}`"),
                );
                names.insert(unique.clone());
                options.columns[index].name = unique;
            }
        }
        Some(ParserOptions::Json(options)) => {
            options.has_record_numbers = has_record_numbers;
            options.batch_rows = exec.batch_rows.unwrap_or(options.batch_rows);
            if options.columns.is_empty() {
                names.insert("record".to_owned());
            }
            for column in &options.columns {
                if !names.insert(column.name.clone()) {
                    report_duplicate(section, &column.name);
                }
            }
        }
        None => {}
    }
    if let Some(parser) = &input.parser {
        // The column for what is rescued, where there is one; the others are known.
        names.extend(parser.fields().iter().map(|field| field.name().clone()));
    }
    for column in &input.metadata_columns {
        if !names.insert(column.name.clone()) {
            let key = if section.value("metadata_columns").is_some() {
                "metadata_columns"
            } else {
                "filename_column"
            };
            section
                .error(key, format!("there is already a column `{}`", column.name))
                .hint("give it another name");
        }
    }
}

fn report_duplicate(section: &Reader<'_>, name: &str) {
    section
        .error("parser", format!("the column `{name}` stands twice in `columns`"))
        .hint("rename one of them, or add the filter `rename` with the rule `unique_number_suffix`");
}

/// Delimiter and offset of the first rule that makes names unique.
///
/// With it, files of the original may name columns twice. A batch cannot, so the rule is applied to the parser's names already.
fn unique_suffix(filter: &Filter) -> Option<(char, u64)> {
    let FilterRule::Rename(rename) = &filter.rule else {
        return None;
    };
    rename.rules.iter().find_map(|rule| match rule {
        RenameStep::UniqueNumberSuffix { delimiter, offset, .. } => Some((*delimiter, *offset)),
        _ => None,
    })
}

/// A replacing job that goes on where the last one ended keeps only what is new: a frequent mistake.
fn warn_about_lost_rows(root: &Reader<'_>, input: &InputPlan, output: &OutputPlan) {
    let has_cursor = input.select.last_path.is_some() || input.select.last_modified_micros.is_some();
    if output.mode == OutputMode::Append || !input.select.incremental || !has_cursor {
        return;
    }
    if let Some(out) = root.map("out") {
        out.warn(
            "mode",
            "the table will hold only the files of this increment, its other rows go",
        )
        .hint("use `mode: append`, or set `in.incremental: false` and remove `last_path` and `last_modified_time`");
    }
}

//! Finds the columns that files have and the configuration does not, so that they can be added to the table.
//!
//! All rows of a plan have one schema, so with `on_new_columns: add` the columns must be known before the plan is made. Of CSV the
//! header of each file is read, which is a request for each. The members of JSON records are known only when all records were
//! seen, so JSON is read twice: this time with nothing wanted but what no column takes.

use super::environment::{Budgets, Environment};
use super::guess::read_head;
use super::input::OpenInput;
use super::plan_error;
use crate::config::plan::{JobPlan, ParserOptions};
use crate::decode::{DecodeOptions, Event, FileDecoder};
use crate::error::{Blame, Error, Result};
use crate::parse::Reject;
use crate::parse::columns::{ColumnOptions, ColumnType, TimestampOptions};
use crate::parse::csv::{ColumnMatch, CsvOptions, HeaderFinder, searched_name};
use crate::parse::drift::{OnBadValue, OnNewColumns, RESCUED_COLUMN_NAME};
use crate::parse::json::JsonOptions;
use crate::parse::reject::RejectSink;
use crate::scan::ScanCounters;
use crate::source::budget::ByteBudget;
use crate::source::fetch::fetch;
use crate::source::file::{FileList, SourceFile};
use arrow::array::AsArray;
use futures::{StreamExt, stream};
use serde::de::IgnoredAny;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// Bytes of a file, as stored, in which its header mostly is.
const HEAD_BYTES: u64 = 64 * 1024;

/// Decoded bytes looked at in one go.
const PLAIN_BYTES: usize = 64 * 1024;

/// Columns added at most. Where there are more, their names are likely to be data.
const MAX_NEW_COLUMNS: usize = 2_000;

/// How much is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// Every file, to its end where that is needed.
    Everything,
    /// So many files, and so many records of them.
    First { files: usize, records: usize },
}

/// The plan with the columns that its files have beside its own, if it asks for them.
///
/// **Errors**: the store's; more new columns than a table should have; one with the name of a metadata column.
/// **Cost**: one request for each CSV file, more for those that are archives; JSON files are read as a whole.
pub(super) async fn with_new_columns<'p>(
    environment: &Environment,
    plan: &'p JobPlan,
    input: &OpenInput,
    budgets: &Budgets,
    extent: Extent,
) -> Result<Cow<'p, JobPlan>> {
    let mut names = NewNames::default();
    let look = Look {
        environment,
        input,
        budgets,
        extent,
    };
    match &plan.input.parser {
        Some(ParserOptions::Csv(options)) if options.on_new_columns == OnNewColumns::Add => {
            names.ignores_case = options.column_match == ColumnMatch::ByName { ignores_case: true };
            let finder = HeaderSearch::new(options, &plan.input.decode)?;
            headers(look, finder, &mut names).await?;
        }
        Some(ParserOptions::Json(options)) if options.on_new_columns == OnNewColumns::Add => {
            members(look, plan, options, &mut names).await?;
            // Which partition saw a member first is chance.
            names.names.sort_unstable();
        }
        _ => return Ok(Cow::Borrowed(plan)),
    }
    for name in &names.names {
        if plan.input.metadata_columns.iter().any(|column| column.name == *name) {
            return Err(
                Error::config(format!("a file has a column `{name}`, the name of a metadata column"))
                    .at("in.metadata_columns")
                    .with_hint("give the metadata column another name"),
            );
        }
    }
    if !names.names.is_empty() {
        tracing::info!(columns = names.names.join(", "), "new columns are added as string");
    }
    let mut plan = plan.clone();
    let columns = match &mut plan.input.parser {
        Some(ParserOptions::Csv(options)) => &mut options.columns,
        Some(ParserOptions::Json(options)) => &mut options.columns,
        None => return Ok(Cow::Owned(plan)),
    };
    columns.extend(names.names.into_iter().map(|name| ColumnOptions {
        name,
        column_type: ColumnType::String,
        timestamp: TimestampOptions::default(),
        element_at: None,
        members: Vec::new(),
    }));
    Ok(Cow::Owned(plan))
}

/// Names of new columns, each once, in the order in which they were found.
#[derive(Debug, Default)]
struct NewNames {
    names: Vec<String>,
    /// The same in the form in which they are compared.
    known: HashSet<String>,
    ignores_case: bool,
}

impl NewNames {
    fn add(&mut self, name: &str) -> Result<()> {
        if !self.known.insert(searched_name(name, self.ignores_case)) {
            return Ok(());
        }
        if self.names.len() == MAX_NEW_COLUMNS {
            return Err(Error::new(
                Blame::Data,
                format!("the files have more than {MAX_NEW_COLUMNS} new columns, `{name}` is the next"),
            )
            .at("in.parser.on_new_columns")
            .with_hint("set `on_new_columns: rescue`, which keeps them in one column"));
        }
        self.names.push(name.to_owned());
        Ok(())
    }
}

/// What is looked at, and on what that stands.
#[derive(Clone, Copy)]
struct Look<'a> {
    environment: &'a Environment,
    input: &'a OpenInput,
    budgets: &'a Budgets,
    extent: Extent,
}

/// Adds the names in the headers of CSV files, in the order of the files.
async fn headers(look: Look<'_>, mut search: HeaderSearch, names: &mut NewNames) -> Result<()> {
    let Look {
        environment,
        input,
        extent,
        ..
    } = look;
    let num_files = match extent {
        Extent::Everything => usize::MAX,
        Extent::First { files, .. } => files,
    };
    let read = |file: SourceFile| {
        let store = Arc::clone(&input.store);
        let head = environment.io_runtime().spawn(async move {
            let head = read_head(store.as_ref(), &file, HEAD_BYTES).await;
            head.map(|head| (file, head))
        });
        async move {
            head.await
                .map_err(|error| Error::internal("reading headers stopped").caused_by(error))?
        }
    };
    let heads = input.listing.files.iter().take(num_files).map(read);
    let mut heads = stream::iter(heads).buffered(input.max_requests());
    while let Some(head) = heads.next().await {
        let (file, head) = head?;
        search.begin();
        let is_whole = head.len() as u64 == file.size_bytes;
        // A file that cannot be read says so, or is left out, when its rows are read.
        match search.push(&head, is_whole) {
            Ok(false) if !is_whole => read_on(look, file, &mut search).await?,
            _ => {}
        }
        for name in std::mem::take(&mut search.names) {
            names.add(&name)?;
        }
    }
    Ok(())
}

/// Looks for headers in a whole file: an archive, or one that begins with very much else.
async fn read_on(look: Look<'_>, file: SourceFile, search: &mut HeaderSearch) -> Result<()> {
    search.begin();
    let budget = Arc::new(ByteBudget::new(look.budgets.fetch_bytes));
    let mut files = fetch(
        Arc::clone(&look.input.store),
        std::iter::once(file),
        look.input.fetch_options(),
        budget,
        look.environment.io_runtime(),
    );
    let Some(fetched) = files.next().await else {
        return Ok(());
    };
    let mut chunks = fetched?.chunks;
    while let Some(chunk) = chunks.next().await {
        if !matches!(search.push(chunk?.bytes(), false), Ok(false)) {
            return Ok(());
        }
    }
    let _ = search.push(&[], true);
    Ok(())
}

/// Decodes the beginning of a file as far as its headers are in it.
struct HeaderSearch {
    decoder: FileDecoder,
    finder: HeaderFinder,
    plain: Vec<u8>,
    /// The header of the file or of the current entry is found.
    is_found: bool,
    /// The file is an archive, so there may be more headers.
    has_entries: bool,
    names: Vec<String>,
}

impl HeaderSearch {
    fn new(options: &CsvOptions, decode: &DecodeOptions) -> Result<HeaderSearch> {
        Ok(HeaderSearch {
            decoder: FileDecoder::new(decode),
            finder: HeaderFinder::new(options).map_err(|error| Error::config(error.to_string()))?,
            plain: vec![0; PLAIN_BYTES],
            is_found: false,
            has_entries: false,
            names: Vec::new(),
        })
    }

    fn begin(&mut self) {
        self.decoder.begin();
        self.finder.begin_file();
        self.is_found = false;
        self.has_entries = false;
        self.names.clear();
    }

    /// Takes the next bytes of the file, and says whether nothing more of it is of interest.
    ///
    /// **Errors**: the file cannot be read, which is told when its rows are.
    fn push(&mut self, input: &[u8], is_last: bool) -> std::result::Result<bool, Unreadable> {
        let mut rest = input;
        loop {
            let is_finishing = rest.is_empty() && is_last;
            let progress = match is_finishing {
                true => self.decoder.finish(&mut self.plain),
                false => self.decoder.decode(rest, &mut self.plain),
            };
            let progress = progress.map_err(|_| Unreadable)?;
            rest = &rest[progress.consumed..];
            if !self.is_found && progress.produced > 0 {
                let is_found = self
                    .finder
                    .push(&self.plain[..progress.produced])
                    .map_err(|_| Unreadable)?;
                self.note(is_found);
            }
            if self.is_found && !self.has_entries {
                return Ok(true);
            }
            match progress.event {
                Event::OutputFull => {}
                Event::Entry(_) => {
                    self.finish_entry()?;
                    self.has_entries = true;
                    self.finder.begin_file();
                    self.is_found = false;
                }
                Event::NeedsInput if is_finishing => {
                    self.finish_entry()?;
                    return Ok(true);
                }
                Event::NeedsInput if rest.is_empty() && !is_last => return Ok(false),
                Event::NeedsInput => {}
            }
        }
    }

    fn finish_entry(&mut self) -> std::result::Result<(), Unreadable> {
        if !self.is_found {
            let is_found = self.finder.finish_file().map_err(|_| Unreadable)?;
            self.note(is_found);
        }
        Ok(())
    }

    fn note(&mut self, is_found: bool) {
        if is_found {
            self.is_found = true;
            self.names.extend_from_slice(self.finder.new_names());
        }
    }
}

/// A file whose header cannot be read. Why is told when its rows are read.
#[derive(Debug)]
struct Unreadable;

/// Adds the names of members that no column takes.
async fn members(look: Look<'_>, plan: &JobPlan, options: &JsonOptions, names: &mut NewNames) -> Result<()> {
    let Look {
        environment,
        input,
        budgets,
        extent,
    } = look;
    let mut looking = plan.clone();
    looking.input.metadata_columns.clear();
    looking.input.parser = Some(ParserOptions::Json(JsonOptions {
        on_new_columns: OnNewColumns::Rescue,
        on_bad_value: OnBadValue::Null,
        has_record_numbers: false,
        ..options.clone()
    }));
    let first = match extent {
        Extent::Everything => None,
        Extent::First { files, .. } => {
            let files: FileList = input.listing.files.iter().take(files).collect();
            Some(input.with_files(Arc::clone(&input.store), files))
        }
    };
    let input = first.as_ref().unwrap_or(input);
    let counters = Arc::new(ScanCounters::default());
    let table = input.table(&looking, environment, budgets, Arc::new(LeftForLater), counters)?;
    let session = environment.session(budgets)?;
    let mut rows = session.read_table(Arc::new(table)).map_err(plan_error)?;
    rows = rows.select_columns(&[RESCUED_COLUMN_NAME]).map_err(plan_error)?;
    if let Extent::First { records, .. } = extent {
        rows = rows.limit(0, Some(records)).map_err(plan_error)?;
    }
    let mut batches = rows.execute_stream().await.map_err(plan_error)?;
    while let Some(batch) = batches.next().await {
        let batch = batch.map_err(plan_error)?;
        for object in batch.column(0).as_string::<i32>().iter().flatten() {
            let members: BTreeMap<Cow<'_, str>, IgnoredAny> = serde_json::from_str(object)
                .map_err(|error| Error::internal("what was rescued is no object").caused_by(error))?;
            for name in members.keys() {
                names.add(name)?;
            }
        }
    }
    Ok(())
}

/// Records that cannot be read are rejected when the rows are read.
#[derive(Debug)]
struct LeftForLater;

impl RejectSink for LeftForLater {
    fn push(&self, _rejects: Vec<Reject>) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_added_once() {
        let mut names = NewNames {
            ignores_case: true,
            ..NewNames::default()
        };
        for name in ["b", "B", "a", "b"] {
            names.add(name).unwrap();
        }
        assert_eq!(names.names, ["b", "a"]);
    }

    #[test]
    fn more_names_than_a_table_should_have_are_refused() {
        let mut names = NewNames::default();
        for number in 0..MAX_NEW_COLUMNS {
            names.add(&format!("c{number}")).unwrap();
        }
        names.add("c0").unwrap();
        let error = names.add("other").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the files have more than 2000 new columns, `other` is the next"
        );
    }
}

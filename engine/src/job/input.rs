//! Opens the input of a job: reaches the bucket, lists it, and makes a table of what was selected.

use super::environment::{Budgets, Environment, MAX_REQUESTS, PARTITION_REQUESTS};
use super::ledger::{AskedLedger, FileNames};
use super::plan_error;
use crate::config::plan::{InputPlan, JobPlan};
use crate::error::{Blame, Error, Result};
use crate::filter::{WrongCondition, plan_condition};
use crate::parse::origin::{ORIGIN_COLUMN_NAME, OriginRows};
use crate::parse::reject::RejectSink;
use crate::scan::condition::ListingCondition;
use crate::scan::early_end::EarlyEnd;
use crate::scan::file_rows::FileRows;
use crate::scan::table::PrefixTable;
use crate::scan::{ScanCounters, ScanOptions, ScanServices};
use crate::source::budget::ByteBudget;
use crate::source::cursor::Cursor;
use crate::source::fetch::{FetchOptions, RANGE_BYTES};
use crate::source::file::FileList;
use crate::source::known::OnChangedFile;
use crate::source::list::{Listing, list, list_unknown};
use crate::source::select::{FileCondition, Selection};
use crate::source::store::{FileStore, open_store};
use crate::table::ledger::Ledger;
use datafusion::prelude::SessionContext;
use serde_json::{Value, json};
use std::sync::Arc;
use tracing::Instrument;

/// A bucket that was reached and listed.
#[derive(Debug)]
pub(super) struct OpenInput {
    pub(super) store: Arc<dyn FileStore>,
    /// What the ledger calls the files.
    pub(super) names: FileNames,
    pub(super) listing: Listing,
    cursor: Cursor,
    fetch: FetchOptions,
    max_requests: usize,
}

/// Which files of the input are wanted, besides what the configuration says.
#[derive(Debug)]
pub(super) enum Wanted {
    /// All that it selects.
    Selected,
    /// Those of them that the ledger does not know.
    Unknown(Ledger, OnChangedFile),
    /// Exactly these, of so many that were listed: the job is gone on with.
    These(Arc<FileList>, u64),
}

/// Lists the files of a job.
///
/// **Errors**: the bucket cannot be reached or listed; an archived file is wanted; nothing was selected and that is an error.
pub(super) async fn open(
    environment: &Environment,
    plan: &InputPlan,
    budgets: &Budgets,
    started: jiff::Timestamp,
    wanted: Wanted,
) -> Result<OpenInput> {
    let store = open_store(&plan.location)?;
    let names = FileNames::new(Arc::clone(&store), &plan.location)?;
    let is_asked = matches!(wanted, Wanted::Unknown(..));
    // Requests wait on the runtime for requests, wherever this future is polled.
    let condition = match &plan.where_clause {
        Some(text) => Some(file_condition(&environment.session(budgets)?, text, started, &store)?),
        None => None,
    };
    let (lister, options) = (Arc::clone(&store), plan.select.clone());
    let began_micros = started.as_microsecond();
    let listing = match wanted {
        Wanted::These(files, num_listed) => Ok(Ok(Listing {
            files,
            num_listed,
            ..Listing::default()
        })),
        Wanted::Selected => {
            let listing = async move { list(lister, &options, condition, began_micros).await }.in_current_span();
            environment.io_runtime().spawn(listing).await
        }
        Wanted::Unknown(ledger, on_changed_file) => {
            let known = Arc::new(AskedLedger::new(ledger, names.clone(), on_changed_file));
            let listing =
                async move { list_unknown(lister, &options, condition, began_micros, known).await }.in_current_span();
            environment.io_runtime().spawn(listing).await
        }
    };
    let listing = listing.map_err(|error| Error::internal("the listing stopped").caused_by(error))??;
    if is_asked {
        tracing::info!(
            num_known = listing.num_known,
            num_changed = listing.num_changed_ignored + listing.num_changed_loaded,
            "[{}] files are in the ledger",
            listing.num_known
        );
    }
    if listing.num_changed_ignored > 0 {
        tracing::warn!(
            num_files = listing.num_changed_ignored,
            "files were rewritten since they were loaded, and `in.on_changed_file: ignore` leaves them as they were"
        );
    }
    if listing.files.is_empty() && listing.num_known == 0 && plan.select.stop_when_file_not_found {
        return Err(Error::new(Blame::Data, "no input files matched")
            .at(store.url(&plan.select.path_prefix))
            .with_hint("check `in.path_prefix`, `in.path_match_pattern` and `in.where`"));
    }
    let selection = Selection {
        files: Arc::clone(&listing.files),
        is_limit_reached: listing.is_limit_reached,
        left_over_from_micros: listing.left_over_from_micros,
    };
    let cursor = Cursor::next(&plan.select, &selection, started.as_microsecond());
    Ok(OpenInput {
        store,
        names,
        listing,
        cursor,
        fetch: fetch_options(budgets),
        max_requests: budgets.max_requests,
    })
}

/// How each partition fetches.
fn fetch_options(budgets: &Budgets) -> FetchOptions {
    let share = |num_requests: usize| (num_requests / budgets.num_partitions).max(1);
    let max_requests = share(budgets.max_requests);
    FetchOptions {
        // Not all at once from many cores: a service minds a sudden crowd more than one that grows.
        initial_requests: share(MAX_REQUESTS).min(PARTITION_REQUESTS).min(max_requests),
        max_requests,
        window_bytes: budgets.fetch_bytes / budgets.num_partitions as u64,
    }
}

/// Makes `in.where` ready to judge files.
fn file_condition(
    session: &SessionContext,
    text: &str,
    started: jiff::Timestamp,
    store: &Arc<dyn FileStore>,
) -> Result<Arc<dyn FileCondition>> {
    let planned = ListingCondition::schema()
        .map_err(plan_error)
        .and_then(|schema| {
            plan_condition(session, text, &schema)
                .map_err(|WrongCondition { reason, hint }| Error::config(reason).with_optional_hint(hint))
        })
        .and_then(|condition| {
            ListingCondition::new(&session.state(), condition, started.as_microsecond(), Arc::clone(store)).map_err(
                |error| {
                    Error::config(format!(
                        "the condition cannot be decided for one file: {}",
                        plan_error(error)
                    ))
                },
            )
        });
    match planned {
        Ok(condition) => Ok(Arc::new(condition)),
        Err(error) => Err(error.at("in.where")),
    }
}

impl OpenInput {
    /// Compressed bytes of all selected files.
    pub(super) fn size_bytes(&self) -> u64 {
        self.listing.files.size_bytes()
    }

    /// Files that were not listed and leave no cursor.
    pub(super) fn of_records(budgets: &Budgets, store: Arc<dyn FileStore>, files: FileList) -> OpenInput {
        OpenInput {
            names: FileNames::of_store(Arc::clone(&store)),
            store,
            listing: Listing {
                files: Arc::new(files),
                ..Listing::default()
            },
            cursor: Cursor::None,
            fetch: fetch_options(budgets),
            max_requests: budgets.max_requests,
        }
    }

    /// The same input with other files, of another store.
    pub(super) fn with_files(&self, store: Arc<dyn FileStore>, files: FileList) -> OpenInput {
        OpenInput {
            store,
            names: self.names.clone(),
            listing: Listing {
                files: Arc::new(files),
                ..Listing::default()
            },
            cursor: self.cursor.clone(),
            fetch: self.fetch.clone(),
            max_requests: self.max_requests,
        }
    }

    /// How each partition fetches.
    pub(super) fn fetch_options(&self) -> FetchOptions {
        self.fetch.clone()
    }

    /// Requests that the job may have in flight.
    pub(super) fn max_requests(&self) -> usize {
        self.max_requests
    }

    /// Requests for bytes that reading all selected files takes.
    pub(super) fn num_requests(&self) -> u64 {
        let files = self.listing.files.iter();
        files.map(|file| file.size_bytes.div_ceil(RANGE_BYTES).max(1)).sum()
    }

    /// What the next incremental run must add to its configuration.
    pub(super) fn next(&self) -> Value {
        match self.cursor.entry() {
            None => json!({}),
            Some((key, value)) => json!({"in": {key: value}}),
        }
    }

    /// The selected files as a table.
    ///
    /// **Errors**: the configuration has no parser, which only a seed for `guess` may lack.
    pub(super) fn table(
        &self,
        plan: &JobPlan,
        environment: &Environment,
        budgets: &Budgets,
        rejects: Arc<dyn RejectSink>,
        counters: Arc<ScanCounters>,
    ) -> Result<PrefixTable> {
        let sinks = ScanSinks {
            rejects,
            counters,
            file_rows: None,
            early_end: Arc::default(),
        };
        let origins = match plan.filters.iter().any(|filter| filter.rule.may_reject()) {
            true => OriginRows::All,
            false => OriginRows::None,
        };
        self.table_of(&self.listing.files, plan, environment, budgets, sinks, origins)
    }

    /// Some of the selected files as a table, whose rows say where they come from as far as `origins` says.
    ///
    /// **Errors**: as [`OpenInput::table`].
    pub(super) fn table_of(
        &self,
        files: &Arc<FileList>,
        plan: &JobPlan,
        environment: &Environment,
        budgets: &Budgets,
        sinks: ScanSinks,
        origins: OriginRows,
    ) -> Result<PrefixTable> {
        let parser = plan.input.parser.clone().ok_or_else(|| {
            Error::config("the configuration has no parser")
                .at("in.parser")
                .with_hint("run `bucketload guess` first")
        })?;
        let has_room = parser.fields().iter().all(|field| field.name() != ORIGIN_COLUMN_NAME);
        let options = ScanOptions {
            origins: if has_room { origins } else { OriginRows::None },
            decode: plan.input.decode.clone(),
            parser,
            metadata_columns: plan.input.metadata_columns.clone(),
            on_file_error: plan.input.on_file_error,
            charset_errors: plan.input.charset_errors,
            fetch: self.fetch.clone(),
        };
        let services = ScanServices {
            store: Arc::clone(&self.store),
            io_runtime: environment.io_runtime().clone(),
            budget: Arc::new(ByteBudget::new(budgets.fetch_bytes)),
            rejects: sinks.rejects,
            counters: sinks.counters,
            file_rows: sinks.file_rows,
            early_end: sinks.early_end,
        };
        Ok(PrefixTable::new(
            options,
            Arc::clone(files),
            plan.input.min_task_size_bytes,
            services,
        ))
    }
}

/// Where a scan tells what comes of its files.
pub(super) struct ScanSinks {
    /// Records that could not become rows.
    pub(super) rejects: Arc<dyn RejectSink>,
    /// Counts.
    pub(super) counters: Arc<ScanCounters>,
    /// Rows of each file; `None`: nobody wants to know.
    pub(super) file_rows: Option<Arc<FileRows>>,
    /// Whether it is to end before its last file.
    pub(super) early_end: Arc<EarlyEnd>,
}

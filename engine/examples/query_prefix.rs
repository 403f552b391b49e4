//! Runs SQL over a prefix of raw files, without loading them.
//!
//! ```text
//! cargo run --example query_prefix
//! cargo run --example query_prefix -- examples/events/logs/ "SELECT count(*) FROM files"
//! ```
//!
//! A prefix becomes a table in two steps: say how its files are read (here that is guessed), and open it. From there on it is a
//! table of an ordinary DataFusion session. The plan printed first shows how little will be read: the predicate on a metadata
//! column has left one file, only the selected columns reach the parser, and the limit ends the reading.

#![expect(clippy::print_stdout, reason = "a program that shows something")]

use bucketload_engine::config::plan::{InputPlan, MetadataColumn, MetadataKind};
use bucketload_engine::config::{Document, Node, ResolveOptions, resolve, resolve_seed};
use bucketload_engine::job::guess::guess;
use bucketload_engine::scan::ScanOptions;
use bucketload_engine::source::fetch::FetchOptions;
use bucketload_engine::source::store::open_store;
use bucketload_engine::{Environment, PrefixTable};
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::physical_plan::{collect, displayable};
use datafusion::prelude::SessionContext;
use serde_json::json;
use std::error::Error;
use std::sync::Arc;
use tokio::runtime::Handle;

const DIRECTORY: &str = "examples/access-logs/web/";

const SQL: &str = "SELECT _file_name, _row_number, time, method, path, status FROM files \
    WHERE _file_name = '2026-11-20-07.csv.gz' LIMIT 5";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments.next().unwrap_or_else(|| DIRECTORY.to_owned());
    let sql = arguments.next().unwrap_or_else(|| SQL.to_owned());

    let input = guess_input(&directory).await?;
    let options = ScanOptions {
        decode: input.decode,
        parser: input.parser.ok_or("nothing was guessed")?,
        metadata_columns: MetadataKind::ALL
            .map(|kind| MetadataColumn {
                kind,
                name: kind.name().to_owned(),
            })
            .to_vec(),
        origins: Default::default(),
        on_file_error: input.on_file_error,
        charset_errors: Default::default(),
        fetch: FetchOptions::default(),
    };
    let store = open_store(&input.location)?;
    let table = PrefixTable::open(store, &input.select, options, Handle::current()).await?;

    let session = SessionContext::new();
    session.register_table("files", Arc::new(table))?;
    let plan = session.sql(&sql).await?.create_physical_plan().await?;
    let rows = collect(Arc::clone(&plan), session.task_ctx()).await?;

    println!("{sql}\n\n{}", displayable(plan.as_ref()).indent(false));
    println!("{}", pretty_format_batches(&rows)?);
    Ok(())
}

/// What the `in` section of a configuration for this directory says.
async fn guess_input(directory: &str) -> Result<InputPlan, Box<dyn Error>> {
    let options = ResolveOptions {
        is_strict: true,
        lookup: &|_| None,
    };
    let seed = json!({"in": {"type": "file", "path_prefix": directory}, "out": {"mode": "append"}});
    let seed = Document::from_node(Node::from_json(&seed), "seed")?;
    let environment = Environment::new("warehouse", jiff::Timestamp::now)?;
    let guessed = guess(&environment, &seed, &resolve_seed(&seed, &options)?).await?;
    Ok(resolve(&Document::parse(&guessed.yaml, "guessed")?, &options)?
        .plan
        .input)
}

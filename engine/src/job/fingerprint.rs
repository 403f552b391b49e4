//! Tells whether two configurations load the same rows.

use crate::config::plan::{JobPlan, Location};
use crate::source::select::SelectOptions;
use sha2::{Digest, Sha256};

/// A digest of everything in the configuration that decides which rows come out. Secrets and what only decides how fast they come
/// take no part, so both may be changed in between.
pub(super) fn fingerprint(plan: &JobPlan) -> String {
    let input = &plan.input;
    let location = match &input.location {
        // The same bucket may be reached by another address.
        Location::S3(options) => options.bucket.clone(),
        // What is named in full means the same wherever the program is started.
        Location::Local if is_absolute(&input.select) => String::new(),
        Location::Local => std::env::current_dir().unwrap_or_default().display().to_string(),
    };
    let mut output = plan.output.clone();
    // Whether the table may be made says nothing of its rows.
    output.auto_create_table = false;
    let text = format!(
        "{location} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
        input.select,
        input.where_clause,
        input.decode,
        input.parser,
        input.metadata_columns,
        input.on_error,
        input.on_file_error,
        input.charset_errors,
        input.ledger,
        plan.filters,
        output
    );
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn is_absolute(select: &SelectOptions) -> bool {
    select.path.as_deref().unwrap_or(&select.path_prefix).starts_with('/')
}

//! Reads the `exec` section.

use super::plan::ExecPlan;
use super::reader::Reader;
use std::path::PathBuf;

/// A sample must hold more than this many bytes; section 6.1.
const LEAST_SAMPLE_BYTES: u64 = 40;

/// Fills the tuning knobs; `root` holds the one that stands at the top of the file.
pub(crate) fn read_exec(root: &Reader<'_>) -> ExecPlan {
    let preview_sample_rows = root.positive("preview_sample_rows");
    let Some(exec) = root.map("exec") else {
        return ExecPlan {
            preview_sample_rows,
            ..ExecPlan::default()
        };
    };
    let is_local = exec.text("type").is_none_or(|text| text == "local");
    if !is_local {
        exec.warn("type", "jobs run as `local`, whatever is asked for here");
    }
    exec.ignore(&["min_output_tasks", "preview_sample_buffer_bytes"]);
    let guess_sample_buffer_bytes = exec.size("guess_sample_buffer_bytes").filter(|bytes| {
        if *bytes <= LEAST_SAMPLE_BYTES {
            exec.error(
                "guess_sample_buffer_bytes",
                format!("must be more than {LEAST_SAMPLE_BYTES} bytes, not {bytes}"),
            );
        }
        *bytes > LEAST_SAMPLE_BYTES
    });
    let plan = ExecPlan {
        max_threads: exec.positive("max_threads"),
        memory_limit_bytes: exec.size("memory_limit"),
        scratch_folder: exec.text("scratch_folder").map(PathBuf::from),
        target_file_size_bytes: exec.size("target_file_size"),
        max_requests: exec.positive("max_requests"),
        batch_rows: exec.positive("batch_rows"),
        commit_every: exec.step_size("commit_every"),
        checkpoint_every: exec.step_size("checkpoint_every"),
        guess_sample_buffer_bytes,
        preview_sample_rows,
        guess_plugins: exec.texts("guess_plugins").unwrap_or_default(),
        exclude_guess_plugins: exec.texts("exclude_guess_plugins").unwrap_or_default(),
    };
    exec.finish();
    plan
}

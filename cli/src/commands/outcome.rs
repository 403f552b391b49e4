//! Prints how a job ended, and what is remarkable about it.

use super::rejects;
use crate::exit::Exit;
use crate::printer::{Printer, bytes, count};
use bucketload_engine::config::plan::JobPlan;
use bucketload_engine::job::progress::Progress;
use bucketload_engine::job::report::JobReport;
use bucketload_engine::job::stop::{Ended, Stop};
use bucketload_engine::parse::ParserOptions;
use bucketload_serve::ended::{how_to_go_on, stopped};
use bucketload_state::jobs::JobRecord;
use serde_json::json;

/// Prints how a job ended; `job` is the record of a run of a schedule.
pub(super) fn show_ended(
    ended: &Ended,
    job: Option<&JobRecord>,
    progress: &Progress,
    stop: &Stop,
    plan: Option<&JobPlan>,
    printer: &Printer,
) -> Exit {
    match ended {
        Ended::Stopped => {
            let (reason, steps) = (stopped(stop.reason(), &progress.committed()), progress.steps());
            let hint = how_to_go_on(job, &progress.job_id, steps, progress.num_files_kept(), None);
            printer.talk(&reason);
            if let Some(hint) = &hint {
                printer.hint(&format!("hint: {hint}"));
            }
            if printer.is_json() {
                let ended = json!({
                    "job_id": progress.job_id, "status": "killed", "steps": steps, "error": reason, "at": null, "hint": hint,
                });
                printer.document(&ended);
            }
            Exit::Interrupted
        }
        Ended::Done(report) => {
            match printer.is_json() {
                true => printer.document(&json!(report)),
                false => printer.result(&summary(report)),
            }
            let remark = plan.and_then(|plan| remark(report, plan));
            for remark in remark.into_iter().chain(charset_remark(report)) {
                printer.hint(&format!("warning: {remark}"));
            }
            Exit::Done
        }
        Ended::Failed(failed) => {
            printer.explain(&failed.error);
            if let Some(hint) = how_to_go_on(
                job,
                &progress.job_id,
                failed.report.steps,
                progress.num_files_kept(),
                None,
            ) {
                printer.hint(&format!("hint: {hint}"));
            }
            if printer.is_json() {
                let mut document = json!(failed.report);
                document["at"] = json!(failed.error.place());
                document["hint"] = json!(failed.error.hint());
                printer.document(&document);
            }
            Exit::of(failed.error.blame())
        }
    }
}

/// Why nothing was loaded, where that is hardly what was meant.
fn remark(report: &JobReport, plan: &JobPlan) -> Option<String> {
    let select = &plan.input.select;
    let files = &report.files;
    // Of a job that had committed before it was gone on with, no files are selected either.
    if files.selected == 0 && files.skipped_glacier == 0 && report.rows.read == 0 {
        let has_cursor = select.last_path.is_some() || select.last_modified_micros.is_some();
        let is_known = report.ledger.known + report.ledger.changed > 0;
        if select.total_file_count_limit == Some(0) {
            return Some("`in.total_file_count_limit` is 0, so no file is loaded".to_owned());
        }
        return Some(match (files.listed, has_cursor || is_known) {
            (_, true) => "there are no new files".to_owned(),
            (0, false) => format!(
                "there are no files whose path begins with `{}`; check `in.path_prefix`",
                select.path_prefix
            ),
            (listed, false) => format!(
                "none of {} files is wanted; check `in.path_match_pattern`",
                count(listed)
            ),
        });
    }
    if report.rows.read == 0 || report.rows.rejected < report.rows.read {
        return None;
    }
    let suspect = match &plan.input.parser {
        Some(ParserOptions::Csv(options)) => format!(
            "`in.parser.delimiter` ({:?}) and the number of `columns` ({})",
            options.delimiter,
            options.columns.len()
        ),
        _ => "`in.parser.type` and `columns`".to_owned(),
    };
    Some(format!(
        "every record was rejected; check {suspect}, or let `bucketload guess` find them"
    ))
}

/// How many records were skipped, and the most frequent reasons with an example of each, on one line.
pub(super) fn skipped(report: &JobReport) -> String {
    let rejected = report.rows.rejected;
    let reasons: Vec<String> = report
        .rejects
        .iter()
        .map(|reason| {
            let column = reason
                .column
                .as_ref()
                .map_or(String::new(), |column| format!(" of `{column}`"));
            let example = &reason.example;
            let place = match (&example.file, example.line) {
                (Some(file), Some(line)) => format!(" at {file} line {line}"),
                (Some(file), None) => format!(" in {file}"),
                (None, _) => String::new(),
            };
            format!(
                "{} {}{column} ({}{place})",
                count(reason.count),
                reason.code,
                example.reason
            )
        })
        .collect();
    let listed: u64 = report.rejects.iter().map(|reason| reason.count).sum();
    let others = match rejected.saturating_sub(listed) {
        0 => String::new(),
        others => format!("; {} of other reasons", count(others)),
    };
    let records = if rejected == 1 { "record" } else { "records" };
    format!("{} {records}: {}{others}", count(rejected), reasons.join("; "))
}

/// That characters were lost, and where.
fn charset_remark(report: &JobReport) -> Option<String> {
    let errors = &report.charset_errors;
    let first_file = errors.first_file.as_ref()?;
    Some(format!(
        "{} malformed parts of {} files were read as U+FFFD, `{first_file}` is one of them; check `in.parser.charset`, \
         or set `charset_errors: fail`",
        count(errors.replaced),
        count(errors.files)
    ))
}

/// What was loaded, for people.
fn summary(report: &JobReport) -> String {
    if let Some(counts) = &report.replay {
        return rejects::summary(report, counts);
    }
    let rows_per_second = match report.seconds.total {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rate for display"
        )]
        total if total > 0.0 => (report.rows.read as f64 / total) as u64,
        _ => 0,
    };
    let place = format!("{}.{}", report.database, report.table);
    let version = match report.table_version {
        Some(version) => format!("{}, version {version}", report.mode),
        None => report.mode.clone(),
    };
    let mut text = format!("loaded {} rows into {place} ({version})\n", count(report.rows.written));
    text.push_str(&format!(
        "  files   {} read of {} listed, {} fetched, {} decoded\n",
        count(report.files.read),
        count(report.files.listed),
        bytes(report.bytes.fetched),
        bytes(report.bytes.decoded)
    ));
    for (number, what) in [
        (report.ledger.known, "files loaded before"),
        (report.ledger.changed, "files changed since they were loaded"),
        (report.files.skipped_glacier, "archived files skipped"),
        (report.files.skipped_errors, "files skipped because they cannot be read"),
    ] {
        if number > 0 {
            text.push_str(&format!("          {} {what}\n", count(number)));
        }
    }
    text.push_str(&format!(
        "  rows    {} read, {} rejected, {} filtered\n",
        count(report.rows.read),
        count(report.rows.rejected),
        count(report.rows.filtered)
    ));
    if report.rows.rejected > 0 {
        text.push_str(&format!("  skipped {}\n", skipped(report)));
    }
    text.push_str(&format!(
        "  output  {} files, {}\n",
        count(report.output_files),
        bytes(report.bytes.written)
    ));
    text.push_str(&format!(
        "  time    {:.2} s (list {:.2}, run {:.2}, commit {:.2}), {} rows/s\n",
        report.seconds.total,
        report.seconds.list,
        report.seconds.run,
        report.seconds.commit,
        count(rows_per_second)
    ));
    if let Some(limit) = &report.limit {
        text.push_str(&format!("  limit   {}\n", limit.message));
    }
    if report.rows.rejected > 0 {
        text.push_str(&format!(
            "rejected records: bucketload rejects show {place} --job {}\n",
            report.job_id
        ));
    }
    text
}

//! Fills in the report of a job as it goes.

use super::notes::StepOutput;
use super::progress::Progress;
use super::rejects::REPORTED_REASONS;
use super::report::{ByteCounts, CharsetErrorCounts, FileCounts, JobReport, LedgerCounts, RejectReason};
use super::resume::Bookkeeping;
use super::work::Work;
use std::sync::atomic::Ordering;

/// What a job that another process brought to its end has left in the log.
pub(super) fn report_committed(report: &mut JobReport, bookkeeping: Bookkeeping) {
    tracing::info!(
        job_id = report.job_id,
        "the job was committed already, there is nothing left to be done"
    );
    report.next = bookkeeping.next;
    report.rows = bookkeeping.rows;
}

pub(super) fn note_listing(report: &mut JobReport, work: &Work) {
    let listing = &work.input.listing;
    report.files = FileCounts {
        listed: listing.num_listed,
        selected: listing.files.len() as u64,
        skipped_glacier: listing.num_skipped_archived,
        ..FileCounts::default()
    };
    report.ledger = LedgerCounts {
        known: listing.num_known,
        changed: listing.num_changed_ignored + listing.num_changed_loaded,
    };
    report.replay = work.replay.as_ref().map(|replay| replay.counts);
    report.rows = work.committed_before;
    add_output(report, &work.output);
}

/// Adds the reasons of a step to those before, the most frequent first.
pub(super) fn add_reasons(reasons: &mut Vec<RejectReason>, more: Vec<RejectReason>) {
    for reason in more {
        let is_same = |known: &&mut RejectReason| known.code == reason.code && known.column == reason.column;
        match reasons.iter_mut().find(is_same) {
            Some(known) => known.count += reason.count,
            None => reasons.push(reason),
        }
    }
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.count));
    reasons.truncate(REPORTED_REASONS);
}

/// Adds what a step has staged, also one of another process.
pub(super) fn add_output(report: &mut JobReport, output: &StepOutput) {
    report.rows.read += output.num_read;
    report.rows.rejected += output.num_rejected;
    report.rows.written += output.num_written();
    report.rows.filtered += output.num_filtered();
    report.bytes.written += output.files.iter().map(|file| file.size_bytes).sum::<u64>();
    report.output_files += output.files.len() as u64;
}

pub(super) fn count_scanned(report: &mut JobReport, progress: &Progress) {
    let scan = &progress.scan;
    report.files.read = scan.num_files.load(Ordering::Relaxed);
    report.files.skipped_errors = scan.num_skipped_files.load(Ordering::Relaxed);
    report.bytes = ByteCounts {
        fetched: scan.fetched_bytes.load(Ordering::Relaxed),
        decoded: scan.decoded_bytes.load(Ordering::Relaxed),
        ..report.bytes
    };
    report.charset_errors = CharsetErrorCounts {
        replaced: scan.num_malformed.load(Ordering::Relaxed),
        files: scan.num_malformed_files.load(Ordering::Relaxed),
        first_file: scan.first_malformed_file.get().map(|file| file.to_string()),
    };
}

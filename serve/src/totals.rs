//! What the jobs of this process have done since it started.

use bucketload_engine::job::report::JobReport;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Bounds of the classes that jobs are sorted into by their seconds; from a small increment to a night's backfill.
pub(crate) const SECONDS_BOUNDS: [f64; 9] = [1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0, 43_200.0];

/// Counts that only grow.
#[derive(Debug, Default)]
pub struct Totals {
    pub(crate) succeeded: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) killed: AtomicU64,
    pub(crate) retried: AtomicU64,
    pub(crate) files_read: AtomicU64,
    pub(crate) bytes_fetched: AtomicU64,
    pub(crate) bytes_written: AtomicU64,
    pub(crate) rows_written: AtomicU64,
    pub(crate) rows_rejected: AtomicU64,
    durations: Mutex<Durations>,
}

/// How long jobs took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Durations {
    /// Jobs up to each bound, those of lower ones included.
    pub(crate) up_to: [u64; SECONDS_BOUNDS.len()],
    pub(crate) num_jobs: u64,
    pub(crate) seconds: f64,
}

impl Totals {
    /// Adds what a job did; of one that failed only what it read counts.
    pub(crate) fn add(&self, report: &JobReport, is_committed: bool) {
        let add = |total: &AtomicU64, number: u64| total.fetch_add(number, Ordering::Relaxed);
        add(&self.files_read, report.files.read);
        add(&self.bytes_fetched, report.bytes.fetched);
        if is_committed {
            add(&self.bytes_written, report.bytes.written);
            add(&self.rows_written, report.rows.written);
            add(&self.rows_rejected, report.rows.rejected);
        }
        let mut durations = self.durations.lock().unwrap_or_else(PoisonError::into_inner);
        durations.num_jobs += 1;
        durations.seconds += report.seconds.total;
        for (count, bound) in durations.up_to.iter_mut().zip(SECONDS_BOUNDS) {
            *count += u64::from(report.seconds.total <= bound);
        }
    }

    pub(crate) fn durations(&self) -> Durations {
        *self.durations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_that_failed_has_written_nothing() {
        let totals = Totals::default();
        let mut report = JobReport::default();
        report.rows.written = 5;
        report.bytes.fetched = 7;
        report.seconds.total = 20.0;
        totals.add(&report, true);
        totals.add(&report, false);
        assert_eq!(totals.rows_written.load(Ordering::Relaxed), 5);
        assert_eq!(totals.bytes_fetched.load(Ordering::Relaxed), 14);
        let durations = totals.durations();
        assert_eq!((durations.num_jobs, durations.seconds), (2, 40.0));
        assert_eq!(durations.up_to, [0, 0, 0, 2, 2, 2, 2, 2, 2]);
    }
}

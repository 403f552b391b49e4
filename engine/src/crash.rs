//! Places where a process can be made to die, for tests that look at what it leaves behind.
//!
//! In builds for development, `BUCKETLOAD_CRASH_AT=NAME` ends the process at the place of that name as `kill -9` does: nothing is
//! cleared up. `NAME:3` does so the third time. In other builds there is no such variable and nothing is compiled in.

/// Ends the process here if that was asked for.
#[cfg(debug_assertions)]
pub(crate) fn crash_point(name: &str) {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static ASKED: LazyLock<Option<(String, u64)>> = LazyLock::new(|| {
        let asked = std::env::var("BUCKETLOAD_CRASH_AT").ok()?;
        Some(match asked.split_once(':') {
            Some((name, nth)) => (name.to_owned(), nth.parse().ok()?),
            None => (asked, 1),
        })
    });
    static NUM_PASSED: AtomicU64 = AtomicU64::new(0);
    if let Some((asked, nth)) = ASKED.as_ref()
        && asked == name
        && NUM_PASSED.fetch_add(1, Ordering::Relaxed) + 1 == *nth
    {
        // No destructor and no handler runs, and no buffer is written out.
        let killed = std::process::Command::new("kill")
            .args(["-9", &std::process::id().to_string()])
            .status();
        tracing::error!(?killed, "the process was to end at `{name}`");
        std::process::abort();
    }
}

/// Does nothing outside of development.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub(crate) fn crash_point(_name: &str) {}

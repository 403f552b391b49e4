//! Waits for a condition, never for a time.

use std::thread;
use std::time::{Duration, Instant};

/// How often a condition is looked at. Short beside everything that is waited for, long beside the cost of looking.
const INTERVAL: Duration = Duration::from_millis(5);

/// Returns as soon as the condition holds, with `true`, or with `false` once the limit is over.
pub fn wait_until(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while !condition() {
        if start.elapsed() > limit {
            return false;
        }
        thread::park_timeout(INTERVAL);
    }
    true
}

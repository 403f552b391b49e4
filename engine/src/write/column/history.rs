//! What a writer remembers of a column from file to file.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether a dictionary was found not to pay for a column, so that the next file need not take as long to find it out. It is a guess:
/// a file whose first values say something else gets what they say.
#[derive(Clone, Debug, Default)]
pub struct ColumnHistory(Arc<AtomicBool>);

impl ColumnHistory {
    /// Whether most values of the column were different in the file before.
    pub(super) fn was_plain(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Remembers whether most values were different.
    pub(super) fn remember(&self, is_plain: bool) {
        self.0.store(is_plain, Ordering::Relaxed);
    }
}

//! Says which entries of an archive are read.

use super::EntryOptions;
use super::codec::Fault;

impl EntryOptions {
    /// Decides by an entry's name.
    pub(super) fn admit(&self, name: &str) -> Result<bool, Fault> {
        let Some(pattern) = &self.match_name else {
            return Ok(true);
        };
        pattern
            .is_found_in(name)
            .map_err(|error| Fault::Unsupported(format!("`match_name` cannot be decided: {error}")))
    }
}

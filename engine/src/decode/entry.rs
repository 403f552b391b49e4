//! Says which entries of an archive are read.

use fancy_regex::Regex;

use super::EntryOptions;
use super::codec::Fault;

/// Decides by an entry's name.
pub(super) struct EntryFilter {
    /// `None` reads every entry.
    match_name: Option<Regex>,
}

impl EntryFilter {
    pub(super) fn new(options: &EntryOptions) -> Result<Self, fancy_regex::Error> {
        let match_name = options.match_name.as_deref().map(Regex::new).transpose()?;
        Ok(EntryFilter { match_name })
    }

    /// Searches the pattern in the name.
    pub(super) fn admits(&self, name: &str) -> Result<bool, Fault> {
        let Some(regex) = &self.match_name else { return Ok(true) };
        regex.is_match(name).map_err(|error| {
            // Patterns with look-around or back references can take exponential time; the engine gives up at a limit.
            Fault::Unsupported(format!("`match_name` cannot be searched in entry `{name}`: {error}"))
        })
    }
}

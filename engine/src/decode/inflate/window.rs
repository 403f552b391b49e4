//! The last bytes that a stream gave, to which its matches refer, and the output that comes after them.

/// Farthest distance of a match.
pub(super) const WINDOW_BYTES: usize = 32 * 1024;

/// Bytes of a match that are copied at once; nine matches in ten are not longer.
pub(super) const STEP_BYTES: usize = 32;

/// Bytes that earlier calls gave.
pub(super) struct Window {
    /// Room for twice the window, so that its bytes move rarely, and for a step that begins within it. Empty before the first call.
    bytes: Vec<u8>,
    /// Where what was given ends.
    end: usize,
}

impl Window {
    pub(super) fn new() -> Self {
        Window {
            bytes: Vec::new(),
            end: 0,
        }
    }

    pub(super) fn clear(&mut self) {
        self.end = 0;
    }

    /// Adds what a call gave.
    pub(super) fn push(&mut self, given: &[u8]) {
        self.bytes.resize(2 * WINDOW_BYTES + STEP_BYTES, 0);
        let given = &given[given.len().saturating_sub(WINDOW_BYTES)..];
        if self.end + given.len() > 2 * WINDOW_BYTES {
            let num_kept = WINDOW_BYTES - given.len();
            self.bytes.copy_within(self.end - num_kept..self.end, 0);
            self.end = num_kept;
        }
        self.bytes[self.end..self.end + given.len()].copy_from_slice(given);
        self.end += given.len();
    }

    /// The bytes from `distance` before the end on; `None`: it does not reach back so far.
    pub(super) fn last(&self, distance: usize) -> Option<&[u8]> {
        let start = self.end.checked_sub(distance)?;
        Some(&self.bytes[start..self.end])
    }

    /// The same, but as much as is copied at once: what lies behind the end is anything.
    #[inline(always)]
    pub(super) fn step(&self, distance: usize) -> Option<&[u8; STEP_BYTES]> {
        let start = self.end.checked_sub(distance)?;
        self.bytes.get(start..)?.first_chunk()
    }
}

/// The output of one call.
pub(super) struct Output<'a> {
    pub(super) bytes: &'a mut [u8],
    /// Bytes given.
    pub(super) at: usize,
    pub(super) window: &'a Window,
}

/// A match refers to bytes before the first of the stream.
pub(super) struct TooFar;

impl Output<'_> {
    pub(super) fn is_full(&self) -> bool {
        self.at == self.bytes.len()
    }

    /// Appends as much of a match as there is room for, and says how much.
    pub(super) fn copy(&mut self, distance: usize, length: usize) -> Result<usize, TooFar> {
        let length = length.min(self.bytes.len() - self.at);
        let num_before = match distance.checked_sub(self.at) {
            None | Some(0) => 0,
            Some(distance) => {
                let before = self.window.last(distance).ok_or(TooFar)?;
                let count = before.len().min(length);
                self.bytes[self.at..self.at + count].copy_from_slice(&before[..count]);
                self.at += count;
                count
            }
        };
        for _ in num_before..length {
            self.bytes[self.at] = self.bytes[self.at - distance];
            self.at += 1;
        }
        Ok(length)
    }
}

//! The last line of a terminal, which is drawn anew again and again, with the log scrolling above it.
//!
//! Whoever writes to standard error while the line is there writes through it: otherwise the two would overwrite each other.

use console::Term;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use tracing_subscriber::fmt::MakeWriter;

/// A handle on the line of standard error; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct StatusLine {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// Buffered, so that clearing and drawing arrive together and nothing flickers.
    terminal: Term,
    /// What stands there now; empty: nothing.
    shown: Mutex<String>,
}

impl StatusLine {
    /// An empty one.
    pub(crate) fn new() -> StatusLine {
        StatusLine {
            shared: Arc::new(Shared {
                terminal: Term::buffered_stderr(),
                shown: Mutex::default(),
            }),
        }
    }

    /// Whether there is a terminal that can clear a line.
    pub(crate) fn can_be_drawn(&self) -> bool {
        self.shared.terminal.is_term() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
    }

    /// Characters that fit into the line. The last place stays free: some terminals begin a new line when it is written.
    pub(crate) fn width(&self) -> usize {
        usize::from(self.shared.terminal.size().1).saturating_sub(1)
    }

    /// Puts a text there, which must not be wider than [`width`](StatusLine::width).
    pub(crate) fn show(&self, text: String) {
        let mut shown = self.shared.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if *shown == text {
            return;
        }
        // A terminal that is gone needs no line.
        let _ = self.redrawn(&text, b"");
        *shown = text;
    }

    /// Leaves nothing behind.
    pub(crate) fn clear(&self) {
        self.show(String::new());
    }

    /// Writes lines above the status line.
    fn write_above(&self, lines: &[u8]) -> io::Result<()> {
        let shown = self.shared.shown.lock().unwrap_or_else(PoisonError::into_inner);
        match shown.is_empty() {
            true => io::stderr().write_all(lines),
            false => self.redrawn(&shown, lines),
        }
    }

    fn redrawn(&self, text: &str, above: &[u8]) -> io::Result<()> {
        let mut terminal = &self.shared.terminal;
        terminal.clear_line()?;
        terminal.write_all(above)?;
        terminal.write_all(text.as_bytes())?;
        terminal.flush()
    }
}

/// Writes the lines of a log above a status line.
#[derive(Debug)]
pub(crate) struct LinesAbove(StatusLine);

impl Write for LinesAbove {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        self.0.write_above(lines).map(|()| lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for StatusLine {
    type Writer = LinesAbove;

    fn make_writer(&'a self) -> LinesAbove {
        LinesAbove(self.clone())
    }
}

//! The exit status: 0 done, 1 failed and nothing committed, 2 the command line or the configuration is wrong, 130 interrupted.

use bucketload_engine::Blame;
use std::process::ExitCode;

/// How the command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Done,
    Failed,
    Misused,
    Interrupted,
}

impl Exit {
    /// What shells give a command that Ctrl-C ended.
    pub(crate) const INTERRUPTED_STATUS: u8 = 130;

    pub(crate) fn of(blame: Blame) -> Exit {
        match blame {
            Blame::Config => Exit::Misused,
            Blame::Data | Blame::Storage | Blame::Internal => Exit::Failed,
            Blame::Interrupted => Exit::Interrupted,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Misused => 2,
            Exit::Interrupted => Exit::INTERRUPTED_STATUS,
        })
    }
}

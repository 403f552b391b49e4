//! Tells a process from all others, and whether it still runs.

use serde::{Deserialize, Serialize};

/// A job of another machine that has not said for so long that it runs does not run any more.
const SILENCE: jiff::SignedDuration = jiff::SignedDuration::from_secs(300);

/// A process, told from all others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Process {
    host: String,
    pid: u32,
    /// When it began, in the words of the system: a number of a process is used again.
    began: Option<String>,
    /// When it last said that it runs; microseconds since the epoch.
    seen_micros: i64,
    /// Whether it is done with the job, although it may run on.
    #[serde(default)]
    has_let_go: bool,
}

impl Process {
    /// This one.
    pub(super) fn this(now: jiff::Timestamp) -> Process {
        let pid = std::process::id();
        Process {
            host: host_name(),
            pid,
            began: process_began(pid),
            seen_micros: now.as_microsecond(),
            has_let_go: false,
        }
    }

    /// Whether it is the one that asks.
    pub(super) fn is_this(&self) -> bool {
        let pid = std::process::id();
        self.pid == pid && self.host == host_name() && self.began == process_began(pid)
    }

    /// Notes that it was heard of.
    pub(super) fn seen_at(&mut self, now: jiff::Timestamp) {
        self.seen_micros = now.as_microsecond();
    }

    /// Notes that it is done with the job.
    pub(super) fn let_go(&mut self) {
        self.has_let_go = true;
    }

    /// Whether it is of this machine or has let go, so that there is no doubt whether it still has the job.
    pub(super) fn is_known_here(&self) -> bool {
        self.has_let_go || self.host == host_name() && self.began.is_some()
    }

    /// Whether it still has the job, as far as can be known from here.
    pub(super) fn is_running(&self, now: jiff::Timestamp) -> bool {
        if self.has_let_go {
            return false;
        }
        if self.is_known_here() {
            return process_began(self.pid) == self.began;
        }
        let seen = jiff::Timestamp::from_microsecond(self.seen_micros).unwrap_or(jiff::Timestamp::MIN);
        now.duration_since(seen) < SILENCE
    }
}

/// The name of this machine, or of the container that is one: where a number of a process means the same process.
fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    // Containers may share the name of their machine, but each counts its processes by itself.
    let counted_in = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    format!("{} {} {}", name.trim(), boot.trim(), counted_in.display())
}

/// When a process of this machine began; `None`: it does not run, or the system does not tell.
fn process_began(pid: u32) -> Option<String> {
    let told = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name, in brackets, and may hold spaces; the state, a `Z` for one that has ended, follows.
    let mut fields = told.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    (state != "Z" && state != "X").then(|| fields.nth(18).map(str::to_owned))?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> jiff::Timestamp {
        jiff::Timestamp::from_second(1_700_000_000).unwrap()
    }

    #[test]
    fn this_process_runs_and_one_with_its_number_that_began_before_does_not() {
        let this = Process::this(now());
        let later = now() + jiff::SignedDuration::from_hours(9);
        assert!(this.is_running(later));
        let before = Process {
            began: Some("1".to_owned()),
            ..this
        };
        assert!(!before.is_running(now()));
    }

    #[test]
    fn a_process_that_let_go_of_a_job_runs_on_without_it() {
        let mut this = Process::this(now());
        assert!(this.is_this());
        this.let_go();
        assert!(!this.is_running(now()));
    }

    #[test]
    fn a_process_of_another_machine_runs_as_long_as_it_says_so() {
        let other = Process {
            host: "elsewhere".to_owned(),
            ..Process::this(now())
        };
        assert!(other.is_running(now() + jiff::SignedDuration::from_secs(299)));
        assert!(!other.is_running(now() + jiff::SignedDuration::from_secs(301)));
    }
}

//! A server process that ends when the test process ends, however that ends.
//!
//! Destructors of statics do not run, and nothing runs after a `kill -9`. So each server is the child of a small shell that
//! holds the read end of a pipe from us: when we are gone the pipe closes, and the shell kills the server and removes its data.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

/// `$0` is the data folder, the rest the command. The command must not hold the pipe open itself, so it gets none of it.
const KEEPER: &str = r#"
exec 3<&0 </dev/null
"$@" 3<&- &
server=$!
( cat <&3 >/dev/null
  [ -e "$0/ended" ] || kill -9 $server
  rm -rf "$0" || rm -rf "$0"
) &
exec 3<&-
wait $server
: > "$0/ended"
"#;

/// A running server and its data folder. Dropping it ends the one and removes the other.
#[derive(Debug)]
pub struct ServerProcess {
    keeper: Child,
    folder: PathBuf,
    pipe: Option<ChildStdin>,
}

impl ServerProcess {
    /// Starts `program` with its data folder as working directory; what it prints goes to `log` there.
    ///
    /// **Errors**: those of making the folder and of starting a shell. A program that does not start ends the process at once,
    /// see [`ServerProcess::has_ended`].
    pub fn start<S: AsRef<OsStr>>(
        program: &Path,
        arguments: impl IntoIterator<Item = S>,
        environment: &[(&str, &str)],
        folder: PathBuf,
    ) -> io::Result<ServerProcess> {
        fs::create_dir_all(&folder)?;
        let log = File::create(folder.join("log"))?;
        let mut keeper = Command::new("sh")
            .args(["-c", KEEPER])
            .arg(&folder)
            .arg(program)
            .args(arguments)
            .envs(environment.iter().copied())
            .current_dir(&folder)
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            // Ctrl-C at the terminal is for the test process; the pipe tells the others.
            .process_group(0)
            .spawn()?;
        let pipe = keeper.stdin.take();
        Ok(ServerProcess { keeper, folder, pipe })
    }

    /// Whether the server has given up by itself.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.keeper.try_wait(), Ok(None))
    }

    /// What it printed last.
    pub fn last_words(&self) -> String {
        let log = fs::read(self.folder.join("log")).unwrap_or_default();
        let begin = log.len().saturating_sub(4000);
        String::from_utf8_lossy(&log[begin..]).into_owned()
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        drop(self.pipe.take());
        // The shell ends once the server is killed; not to wait would leave a zombie.
        let _ = self.keeper.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wait::wait_until;
    use std::time::Duration;

    const LIMIT: Duration = Duration::from_secs(20);

    fn sleeper(folder: &Path) -> (ServerProcess, String) {
        let script = "echo $$ > pid; exec sleep 600";
        let process = ServerProcess::start(Path::new("sh"), ["-c", script], &[], folder.to_owned()).unwrap();
        assert!(wait_until(LIMIT, || fs::read_to_string(folder.join("pid"))
            .is_ok_and(|pid| pid.ends_with('\n'))));
        let pid = fs::read_to_string(folder.join("pid")).unwrap().trim().to_owned();
        (process, pid)
    }

    fn is_alive(pid: &str) -> bool {
        Path::new("/proc").join(pid).exists()
    }

    #[test]
    fn a_dropped_server_is_gone_with_its_data() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("server");
        let (mut process, pid) = sleeper(&folder);
        assert!(!process.has_ended());
        assert!(is_alive(&pid));
        drop(process);
        assert!(wait_until(LIMIT, || !is_alive(&pid) && !folder.exists()));
    }

    #[test]
    fn a_server_does_not_outlive_a_killed_test() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("server");
        fs::create_dir(&folder).unwrap();
        // What a test process is to its server: whoever holds the pipe.
        let script = "echo $$ > pid; exec sleep 600";
        let mut holder = Command::new("sh")
            .args([
                "-c",
                "{ echo $$ > holder; exec sleep 600; } | sh -c \"$KEEPER\" \"$0\" sh -c \"$SCRIPT\"",
            ])
            .arg(&folder)
            .env("KEEPER", KEEPER)
            .env("SCRIPT", script)
            .current_dir(&folder)
            .process_group(0)
            .spawn()
            .unwrap();
        let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_default();
        assert!(wait_until(LIMIT, || read("pid").ends_with('\n')));
        let pid = read("pid").trim().to_owned();
        // The left side of the pipe is a subshell: its own id is the child of the shell that `$$` names.
        let children = format!("/proc/{0}/task/{0}/children", holder.id());
        let children = fs::read_to_string(children).unwrap();
        let sleeping = children
            .split_whitespace()
            .find(|child| fs::read_to_string(format!("/proc/{child}/comm")).is_ok_and(|name| name.trim() == "sleep"))
            .unwrap()
            .to_owned();
        assert!(Command::new("kill").args(["-9", &sleeping]).status().unwrap().success());
        assert!(wait_until(LIMIT, || !is_alive(&pid) && !folder.exists()));
        holder.wait().unwrap();
    }

    #[test]
    fn a_server_that_gives_up_is_noticed_and_its_words_are_kept() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("server");
        let mut process =
            ServerProcess::start(Path::new("sh"), ["-c", "echo no such disk; exit 3"], &[], folder).unwrap();
        assert!(wait_until(LIMIT, || process.has_ended()));
        assert_eq!(process.last_words(), "no such disk\n");
    }
}

//! Runs the program under test the way a user does.

use crate::folders;
use crate::python;
use crate::servers::{ACCESS_KEY, REGION, SECRET_KEY};
use crate::wait::wait_until;
use serde_json::Value;
use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};
use std::{env, io};
use tempfile::TempDir;

/// Longer than any test needs on a machine whose cores are all taken; reached only by a program that hangs.
const TIME_LIMIT: Duration = Duration::from_secs(180);

/// A temporary folder with a warehouse and a state file of a test's own. With `KEEP_FOLDERS=1` a failed test leaves it and says where.
#[derive(Debug)]
pub struct Workplace {
    folder: TempDir,
}

impl Drop for Workplace {
    fn drop(&mut self) {
        if std::thread::panicking() && std::env::var_os("KEEP_FOLDERS").is_some() {
            self.folder.disable_cleanup(true);
            println!("kept {}", self.folder.path().display());
        }
    }
}

impl Workplace {
    /// Makes an empty one.
    #[expect(
        clippy::new_without_default,
        reason = "it makes a folder, which no default value does"
    )]
    pub fn new() -> Workplace {
        let folder = tempfile::Builder::new()
            .prefix("bucketload-tests-")
            .tempdir()
            .expect("the system's temporary folder can be written");
        Workplace { folder }
    }

    /// Where tables are.
    pub fn warehouse(&self) -> PathBuf {
        self.folder.path().join("warehouse")
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file into the folder and gives its path as an argument.
    #[track_caller]
    pub fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        let parent = path.parent().expect("a file lies in a folder");
        fs::create_dir_all(parent).expect("a temporary folder can be written");
        fs::write(&path, contents).expect("a temporary folder can be written");
        path.to_str().expect("paths of ours are UTF-8").to_owned()
    }

    /// The program, set up to use this folder and none of the user's settings.
    pub fn bucketload<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Bucketload {
        let mut command = Command::new(program());
        for (name, _) in env::vars_os() {
            let is_ours = ["AWS_", "BUCKETLOAD_", "OTEL_", "S3_", "RUST_"]
                .iter()
                .any(|prefix| name.to_string_lossy().starts_with(prefix));
            if is_ours {
                command.env_remove(name);
            }
        }
        command
            .args(arguments)
            .current_dir(folders::repository())
            .env("BUCKETLOAD_WAREHOUSE", self.warehouse())
            .env("BUCKETLOAD_STATE", self.path("state.db"))
            .env("HOME", self.folder.path())
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Bucketload { command }
    }

    /// Loads into the table `d.t`, which is made, and gives the report.
    #[track_caller]
    pub fn issue(&self, configuration: &str, more: &[&str]) -> Value {
        self.issuing(configuration, more).run().succeeded().json()
    }

    /// A load into the table `d.t`, not yet run.
    pub fn issuing(&self, configuration: &str, more: &[&str]) -> Bucketload {
        let target = ["--database", "d", "--table", "t", "--auto-create-table", "--json"];
        self.bucketload(["issue", configuration]).args(target).args(more)
    }

    /// What a query gives, as CSV with a header line.
    #[track_caller]
    pub fn query(&self, sql: &str) -> String {
        self.bucketload(["query", sql, "--format", "csv"])
            .run()
            .succeeded()
            .stdout
    }

    /// The one number that a query gives.
    #[track_caller]
    pub fn number(&self, sql: &str) -> i64 {
        let printed = self.query(sql);
        let number = printed.lines().nth(1).and_then(|line| line.trim().parse().ok());
        number.unwrap_or_else(|| panic!("`{sql}` gave no number:\n{printed}"))
    }

    /// How many rows `d.t` shows; none if there is no such table.
    pub fn num_rows(&self) -> i64 {
        let sql = "SELECT count(*) FROM d.t";
        match self.bucketload(["query", sql, "--format", "csv"]).run() {
            finished if finished.status == Some(0) => self.number(sql),
            _ => 0,
        }
    }

    /// Changes the state file as nobody else can.
    #[track_caller]
    pub fn change_state(&self, sql: &str) {
        let script = "
import sqlite3, sys
with sqlite3.connect(sys.argv[1], timeout=60) as connection:
    connection.execute(sys.argv[2])
";
        let status = Command::new("python3")
            .args(["-c", script])
            .arg(self.path("state.db"))
            .arg(sql)
            .status();
        assert!(status.is_ok_and(|status| status.success()), "{sql}");
    }

    /// Every file below the warehouse, with its path from there.
    pub fn stored_files(&self) -> Vec<String> {
        let mut files = Vec::new();
        let mut folders = vec![self.warehouse()];
        while let Some(folder) = folders.pop() {
            // A folder may vanish while it is looked at.
            let Ok(entries) = fs::read_dir(&folder) else { continue };
            for entry in entries.flatten() {
                if entry.path().is_dir() {
                    folders.push(entry.path());
                } else if let Ok(path) = entry.path().strip_prefix(self.warehouse()) {
                    files.push(path.to_string_lossy().into_owned());
                }
            }
        }
        files.sort();
        files
    }
}

/// A command line that has not been run yet.
#[derive(Debug)]
pub struct Bucketload {
    command: Command,
}

impl Bucketload {
    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Bucketload {
        self.command.arg(argument);
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<S: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = S>) -> Bucketload {
        self.command.args(arguments);
        self
    }

    /// Sets `PATH=VALUE` in the configuration.
    #[must_use]
    pub fn set(self, assignment: impl AsRef<str>) -> Bucketload {
        self.arg("--set").arg(assignment.as_ref())
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Bucketload {
        self.command.env(name, value);
        self
    }

    /// Takes an environment variable away.
    #[must_use]
    pub fn without_env(mut self, name: &str) -> Bucketload {
        self.command.env_remove(name);
        self
    }

    /// Runs in another folder than that of the repository.
    #[must_use]
    pub fn in_folder(mut self, folder: &Path) -> Bucketload {
        self.command.current_dir(folder);
        self
    }

    /// Sets the variables that `examples/s3` reads, with keys that the servers know.
    #[must_use]
    pub fn s3(self, endpoint: &str, bucket: &str) -> Bucketload {
        self.env("S3_ENDPOINT", endpoint)
            .env("S3_BUCKET", bucket)
            .env("AWS_REGION", REGION)
            .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
            .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    }

    /// Keeps tables in a bucket.
    #[must_use]
    pub fn warehouse_in(self, endpoint: &str, bucket: &str) -> Bucketload {
        self.env("BUCKETLOAD_WAREHOUSE", format!("s3://{bucket}/warehouse"))
            .env("AWS_ENDPOINT_URL", endpoint)
            .env("AWS_REGION", REGION)
            .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
            .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    }

    /// The same command line below a shell, after it has run `script`, `ulimit` say.
    #[must_use]
    pub fn after_shell(self, script: &str) -> Bucketload {
        let script = format!("{script}\nexec \"$0\" \"$@\"");
        self.below(Path::new("sh"), &["-c", &script])
    }

    /// The same command line with a terminal of so many columns as its standard error. [`Running::interrupt`] presses Ctrl-C there.
    #[must_use]
    pub fn on_terminal(self, columns: u16) -> Bucketload {
        let script = "
import fcntl, os, pty, signal, struct, subprocess, sys, termios
ours, theirs = pty.openpty()
fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack('HHHH', 24, int(sys.argv[1]), 0, 0))
signal.signal(signal.SIGINT, lambda *_: os.write(ours, b'\\x03'))
process = subprocess.Popen(sys.argv[2:], stderr=theirs, env={**os.environ, 'TERM': 'xterm'}, start_new_session=True,
                           preexec_fn=lambda: fcntl.ioctl(2, termios.TIOCSCTTY, 0))
os.close(theirs)
try:
    while shown := os.read(ours, 65536):
        sys.stderr.buffer.write(shown)
except OSError:  # how Linux tells that nobody has the terminal open any more
    pass
sys.exit(process.wait())
";
        self.below(&python::program("python"), &["-c", script, &columns.to_string()])
    }

    /// The same command line as the last arguments of another.
    fn below(self, program: &Path, arguments: &[&str]) -> Bucketload {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .arg(self.command.get_program())
            .args(self.command.get_args());
        for (name, value) in self.command.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        if let Some(folder) = self.command.get_current_dir() {
            command.current_dir(folder);
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Bucketload { command }
    }

    /// Runs to the end.
    #[track_caller]
    pub fn run(self) -> Finished {
        self.spawn().wait()
    }

    /// Starts and returns at once.
    #[track_caller]
    pub fn spawn(mut self) -> Running {
        let shown = shown(&self.command);
        let mut child = match self.command.spawn() {
            Ok(child) => child,
            Err(error) => panic!("{shown} cannot be run: {error}"),
        };
        let so_far = Arc::default();
        let stdout = read_to_end(child.stdout.take().expect("it was piped"), &Arc::default());
        let stderr = read_to_end(child.stderr.take().expect("it was piped"), &so_far);
        Running {
            shown,
            child,
            printed: Some((stdout, stderr)),
            so_far,
        }
    }
}

/// A process under way; killed if it is dropped.
#[derive(Debug)]
pub struct Running {
    shown: String,
    child: Child,
    printed: Option<(JoinHandle<String>, JoinHandle<String>)>,
    /// What it has said on standard error.
    so_far: Arc<Mutex<Vec<u8>>>,
}

impl Running {
    /// Whether it has come to its end.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Tells again and again what it has said on standard error.
    pub fn said_so_far(&self) -> impl Fn() -> String + use<> {
        let so_far = Arc::clone(&self.so_far);
        move || {
            let so_far = so_far.lock().unwrap_or_else(PoisonError::into_inner);
            String::from_utf8_lossy(&so_far).into_owned()
        }
    }

    /// What follows a text on a line of standard error, once it is there.
    #[track_caller]
    pub fn line_after(&mut self, text: &str) -> String {
        let mut found = None;
        wait_until(TIME_LIMIT, || {
            let has_ended = self.has_ended();
            let so_far = self.so_far.lock().unwrap_or_else(PoisonError::into_inner);
            let said = String::from_utf8_lossy(&so_far);
            let rest = said.split_once(text).and_then(|(_, rest)| rest.split_once('\n'));
            found = rest.map(|(line, _)| line.to_owned());
            found.is_some() || has_ended
        });
        found.unwrap_or_else(|| panic!("{} did not say `{text}`", self.shown))
    }

    /// `kill -9`
    pub fn kill(&mut self) {
        // Fails only if the process has ended already.
        let _ = self.child.kill();
    }

    /// What Ctrl-C sends.
    #[track_caller]
    pub fn interrupt(&self) {
        self.send("-INT");
    }

    /// What those send who end containers and services.
    #[track_caller]
    pub fn terminate(&self) {
        self.send("-TERM");
    }

    /// Lets it do nothing until it is thawed, as a machine that is suspended.
    #[track_caller]
    pub fn freeze(&self) {
        self.send("-STOP");
    }

    /// Lets it go on.
    #[track_caller]
    pub fn thaw(&self) {
        self.send("-CONT");
    }

    #[track_caller]
    fn send(&self, signal: &str) {
        let status = Command::new("kill")
            .arg(signal)
            .arg(self.child.id().to_string())
            .status();
        assert!(
            status.is_ok_and(|status| status.success()),
            "the process to send {signal} to has ended"
        );
    }

    /// Waits for the end, and kills a process that goes on for too long.
    #[track_caller]
    pub fn wait(mut self) -> Finished {
        let has_ended = wait_until(TIME_LIMIT, || self.has_ended());
        self.kill();
        let status = self.child.wait().expect("a child of ours can be waited for");
        let (stdout, stderr) = self.printed.take().expect("nothing else takes it");
        let [stdout, stderr] = [stdout, stderr].map(|reader| reader.join().expect("reading does not panic"));
        let finished = Finished {
            shown: self.shown.clone(),
            status: status.code(),
            stdout,
            stderr,
        };
        assert!(has_ended, "{finished} was still running after {TIME_LIMIT:?}");
        finished
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
        let _ = self.child.wait();
    }
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Finished {
    shown: String,
    /// The exit code; `None` after a signal.
    pub status: Option<i32>,
    /// Data.
    pub stdout: String,
    /// Talk.
    pub stderr: String,
}

impl Finished {
    /// Demands exit code 0.
    #[track_caller]
    pub fn succeeded(self) -> Finished {
        self.exited_with(0)
    }

    /// Demands an exit code, and that nothing was said that no user should read.
    #[track_caller]
    pub fn exited_with(self, status: i32) -> Finished {
        assert_eq!(self.status, Some(status), "{self}");
        assert!(!self.stderr.contains("panicked at"), "{self}");
        self
    }

    /// Demands that no secret of ours was printed.
    #[track_caller]
    pub fn kept_secrets(self) -> Finished {
        for printed in [&self.stdout, &self.stderr] {
            assert!(!printed.contains(SECRET_KEY), "a secret was printed: {self}");
            assert!(!printed.contains("X-Amz-Signature"), "a signature was printed: {self}");
        }
        self
    }

    /// The document on standard output.
    #[track_caller]
    pub fn json(&self) -> Value {
        match serde_json::from_str(&self.stdout) {
            Ok(value) => value,
            Err(error) => panic!("{self} did not print one JSON document: {error}"),
        }
    }

    /// The first line that begins with `error: `.
    #[track_caller]
    pub fn error_line(&self) -> &str {
        match self.stderr.lines().find(|line| line.starts_with("error: ")) {
            Some(line) => line,
            None => panic!("{self} said nothing that begins with `error: `"),
        }
    }

    /// Demands that what it said about the error holds each of these.
    #[track_caller]
    pub fn said(self, fragments: &[&str]) -> Finished {
        for fragment in fragments {
            assert!(self.stderr.contains(fragment), "`{fragment}` is missing: {self}");
        }
        self
    }
}

impl std::fmt::Display for Finished {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Finished {
            shown,
            status,
            stdout,
            stderr,
        } = self;
        write!(
            formatter,
            "{shown}\nexit code {status:?}\n-- stdout\n{stdout}\n-- stderr\n{stderr}\n--"
        )
    }
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(OsStr::new("bucketload")).chain(command.get_args());
    words.map(|word| format!("{word:?}")).collect::<Vec<_>>().join(" ")
}

/// Reads a stream in a thread; what has come so far can be looked at meanwhile.
fn read_to_end(mut stream: impl Read + Send + 'static, so_far: &Arc<Mutex<Vec<u8>>>) -> JoinHandle<String> {
    let so_far = Arc::clone(so_far);
    thread::spawn(move || {
        let mut buffer = [0; 8192];
        loop {
            let length = match stream.read(&mut buffer) {
                Ok(0) | Err(_) => break,
                Ok(length) => length,
            };
            let mut bytes = so_far.lock().unwrap_or_else(PoisonError::into_inner);
            bytes.extend_from_slice(&buffer[..length]);
        }
        let bytes = so_far.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// The program: the one `$BUCKETLOAD_PROGRAM` names, or what Cargo built for the profile of this test.
///
/// A Cargo inside of Cargo would set other variables for build scripts, and so rebuild most dependencies at every turn. That is
/// why a program that is missing or older than its sources is an error here; `cargo test --workspace` builds it first.
fn program() -> &'static Path {
    static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| {
        let given = ["BUCKETLOAD_PROGRAM", "CARGO_BIN_EXE_bucketload"]
            .into_iter()
            .find_map(env::var_os);
        given.map_or_else(built_program, PathBuf::from)
    });
    &PROGRAM
}

fn built_program() -> PathBuf {
    let program = folders::profile().join(format!("bucketload{}", env::consts::EXE_SUFFIX));
    let sources = [
        "engine/src",
        "state/src",
        "serve/src",
        "cli/src",
        "engine/Cargo.toml",
        "state/Cargo.toml",
        "serve/Cargo.toml",
        "cli/Cargo.toml",
        "Cargo.lock",
    ];
    let newest = sources
        .iter()
        .filter_map(|source| newest_change(&folders::repository().join(source)).ok())
        .max();
    let built = fs::metadata(&program).and_then(|metadata| metadata.modified()).ok();
    assert!(
        built.is_some() && built >= newest,
        "`{}` is missing or older than its sources; run `cargo build --workspace`, or test with `cargo test --workspace`",
        program.display()
    );
    program
}

fn newest_change(path: &Path) -> io::Result<SystemTime> {
    let metadata = fs::metadata(path)?;
    let is_source = path
        .extension()
        .is_some_and(|extension| ["rs", "toml", "lock"].iter().any(|known| extension == *known));
    let mut newest = if is_source {
        metadata.modified()?
    } else {
        SystemTime::UNIX_EPOCH
    };
    if metadata.is_dir() {
        for entry in fs::read_dir(path)? {
            newest = newest.max(newest_change(&entry?.path())?);
        }
    }
    Ok(newest)
}

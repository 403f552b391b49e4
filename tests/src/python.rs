//! A Python environment with the S3 servers and the readers of tables, made once and shared by all test processes.

use crate::folders;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

const REQUIREMENTS: &str = include_str!("../requirements.txt");

/// A program of the environment.
///
/// **Errors**: panics if the environment cannot be made; a test without its servers has failed, it was not skipped.
pub fn program(name: &str) -> PathBuf {
    environment().join("bin").join(name)
}

/// Runs a script of ours with arguments and gives what it printed.
///
/// **Errors**: panics with the script's own words if it fails.
#[track_caller]
pub fn run<S: AsRef<OsStr>>(script: &str, arguments: impl IntoIterator<Item = S>) -> String {
    let output = Command::new(program("python"))
        .args(["-c", script])
        .args(arguments)
        .output()
        .expect("the environment has a python");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "the script failed with {}:\n{complaint}",
        output.status
    );
    String::from_utf8(output.stdout).expect("scripts of ours print UTF-8")
}

fn environment() -> &'static Path {
    static ENVIRONMENT: LazyLock<PathBuf> = LazyLock::new(|| match environment_in(&folders::kept(), REQUIREMENTS) {
        Ok(folder) => folder,
        Err(problem) => panic!("cannot make the Python environment of the tests: {problem}"),
    });
    &ENVIRONMENT
}

/// Finds or makes the environment with these requirements. Several processes may ask at once: one makes it, the others wait.
fn environment_in(parent: &Path, requirements: &str) -> Result<PathBuf, String> {
    let python = words_of(
        Command::new("python3").args(["-c", "import sys; print(sys.executable, sys.version)"]),
        "install python3 with its modules `venv` and `pip`",
    )?;
    let mut hasher = DefaultHasher::new();
    (requirements, python).hash(&mut hasher);
    let folder = parent.join(format!("venv-{:016x}", hasher.finish()));
    let finished = folder.join("finished");
    if finished.exists() {
        return Ok(folder);
    }
    let broken = |error: std::io::Error| format!("{}: {error}", parent.display());
    fs::create_dir_all(parent).map_err(broken)?;
    let lock = File::create(parent.join("lock")).map_err(broken)?;
    lock.lock().map_err(broken)?;
    if finished.exists() {
        return Ok(folder);
    }
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(broken)?;
    }
    words_of(
        Command::new("python3").args(["-m", "venv"]).arg(&folder),
        "install the Python module `venv` (Debian: python3-venv)",
    )?;
    let list = folder.join("requirements.txt");
    fs::write(&list, requirements).map_err(broken)?;
    words_of(
        Command::new(folder.join("bin/python"))
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--requirement",
            ])
            .arg(&list),
        "pip must reach a package index, or find the packages of tests/requirements.txt where its settings say",
    )?;
    fs::write(&finished, "").map_err(broken)?;
    Ok(folder)
}

/// Runs a command and gives what it printed, or what it complained about and what to do.
fn words_of(command: &mut Command, hint: &str) -> Result<String, String> {
    let shown = format!("{command:?}");
    match command.output() {
        Ok(output) if output.status.success() => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        Ok(output) => {
            let complaint = String::from_utf8_lossy(&output.stderr);
            Err(format!(
                "{shown} failed with {}\n{complaint}\nhint: {hint}",
                output.status
            ))
        }
        Err(error) => Err(format!("{shown} cannot be run: {error}\nhint: {hint}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn threads_that_ask_at_once_get_the_same_environment() {
        let parent = tempfile::tempdir().unwrap();
        let folders = thread::scope(|scope| {
            let askers: Vec<_> = (0..3)
                .map(|_| scope.spawn(|| environment_in(parent.path(), "# nothing\n").unwrap()))
                .collect();
            askers
                .into_iter()
                .map(|asker| asker.join().unwrap())
                .collect::<Vec<_>>()
        });
        assert!(folders.iter().all(|folder| *folder == folders[0]));
        assert!(folders[0].join("bin/python").exists());
    }

    #[test]
    fn a_package_that_cannot_be_had_is_an_error_with_a_hint() {
        let parent = tempfile::tempdir().unwrap();
        let problem = environment_in(parent.path(), "--no-index\nno-such-package==1\n").unwrap_err();
        assert!(problem.contains("no-such-package"), "{problem}");
        assert!(problem.contains("hint: pip must reach"), "{problem}");
        assert!(
            environment_in(parent.path(), "--no-index\nno-such-package==1\n").is_err(),
            "the ruin is not taken for whole"
        );
    }

    #[test]
    fn scripts_see_the_servers_and_the_readers() {
        let script = "import sys, deltalake, duckdb, polars, pyarrow, boto3, moto; print(sys.argv[1:])";
        assert_eq!(run(script, ["a b", "c"]), "['a b', 'c']\n");
        assert!(program("weed").exists() && program("moto_server").exists());
    }
}

//! Where things lie: the repository, and what Cargo built.

use std::env;
use std::path::{Path, PathBuf};

/// The folder that holds `examples/`, `engine/` and `tests/`.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the package lies in a folder of the repository")
}

/// Where Cargo put the programs that belong to this test: `target/debug`, say.
pub fn profile() -> PathBuf {
    let test = env::current_exe().expect("a running program has a path");
    let folder = test.parent().expect("a program lies in a folder");
    match folder.file_name() {
        Some(name) if name == "deps" => folder.parent().expect("`deps` lies in the profile's folder").to_owned(),
        _ => folder.to_owned(),
    }
}

/// Where Cargo puts everything.
pub fn target() -> PathBuf {
    let profile = profile();
    profile
        .parent()
        .expect("a profile's folder lies in the target folder")
        .to_owned()
}

/// Where this package keeps what outlives a test: the Python environment.
pub fn kept() -> PathBuf {
    target().join("bucketload-tests")
}

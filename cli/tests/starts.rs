//! The program starts and says what it is. It also makes `cargo test` build the program that the tests of the workspace run.

use std::process::Command;

#[test]
fn it_tells_its_version() {
    let output = Command::new(env!("CARGO_BIN_EXE_bucketload"))
        .arg("--version")
        .output()
        .expect("it can be started");
    assert!(output.status.success());
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        format!("bucketload {}\n", env!("CARGO_PKG_VERSION"))
    );
}

//! Every folder below `tests/cases`.

use bucketload_tests::case::{Case, Unmet};
use bucketload_tests::folders;
use std::env;
use std::sync::Mutex;
use std::thread;

/// `CASE=csv/quotes` runs the cases whose names hold that; `BLESS=1` rewrites what is expected.
#[test]
fn cases_give_what_their_folders_expect() {
    let root = folders::repository().join("tests/cases");
    let wanted = env::var("CASE").unwrap_or_default();
    let unmet = match env::var("BLESS") {
        Ok(value) if value == "1" => Unmet::Bless,
        _ => Unmet::Fail,
    };
    let cases: Vec<Case> = Case::all_below(&root)
        .into_iter()
        .filter(|case| case.name(&root).contains(&wanted))
        .collect();
    assert!(!cases.is_empty(), "there is no case `{wanted}` in {}", root.display());
    let queue = Mutex::new(cases.iter());
    let failures = Mutex::new(Vec::new());
    let num_threads = thread::available_parallelism().map_or(2, |number| number.get());
    thread::scope(|scope| {
        for _ in 0..num_threads {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap().next();
                    let Some(case) = next else { return };
                    if let Err(problem) = case.run(unmet) {
                        failures
                            .lock()
                            .unwrap()
                            .push(format!("{}: {problem}", case.name(&root)));
                    }
                }
            });
        }
    });
    let mut failures = failures.into_inner().unwrap();
    failures.sort();
    assert!(
        failures.is_empty(),
        "{} of {} cases failed\n\n{}",
        failures.len(),
        cases.len(),
        failures.join("\n\n")
    );
}

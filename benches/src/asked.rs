//! What a run of whole loads is asked for: arguments and variables of the environment.

use std::error::Error;
use std::str::FromStr;

/// What is measured, how large, and how often.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Only what has this word in its name; `None`: everything.
    pub word: Option<String>,
    /// What sizes are multiplied with (`BUCKETLOAD_BENCH_SCALE`).
    pub scale: f64,
    /// Loads of which the best counts (`BUCKETLOAD_BENCH_RUNS`).
    pub num_runs: usize,
}

impl Asked {
    /// What this process was asked for. `cargo test --benches` only wants to know that it runs: one load of next to nothing.
    ///
    /// **Errors**: a variable is no number, or no load is asked for.
    pub fn new(default_num_runs: usize) -> Result<Asked, Box<dyn Error>> {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let is_test = !arguments.iter().any(|argument| argument == "--bench");
        let (scale, num_runs) = match is_test {
            true => (0.001, 1),
            false => (
                from_environment("BUCKETLOAD_BENCH_SCALE", 1.0)?,
                from_environment("BUCKETLOAD_BENCH_RUNS", default_num_runs)?,
            ),
        };
        if num_runs == 0 {
            return Err("`BUCKETLOAD_BENCH_RUNS` must be at least 1".into());
        }
        Ok(Asked {
            word: arguments.into_iter().find(|argument| !argument.starts_with("--")),
            scale,
            num_runs,
        })
    }

    /// Whether something of that name is measured.
    pub fn is_wanted(&self, name: &str) -> bool {
        self.word.as_ref().is_none_or(|word| name.contains(word))
    }
}

fn from_environment<T: FromStr>(name: &str, default: T) -> Result<T, Box<dyn Error>> {
    match std::env::var(name) {
        Ok(text) => text
            .parse()
            .map_err(|_| format!("`{name}` must be a number, not `{text}`").into()),
        Err(_) => Ok(default),
    }
}

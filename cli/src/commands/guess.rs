//! `bucketload guess`

use super::configuration::{read_document, read_seed};
use super::environment;
use super::explain::plural;
use crate::args::{GlobalArguments, GuessArguments};
use crate::exit::Exit;
use crate::printer::Printer;
use bucketload_engine::job::guess::guess;
use bucketload_engine::{Blame, Error, Result};
use std::path::{Path, PathBuf};

pub(super) async fn run(global: &GlobalArguments, arguments: &GuessArguments, printer: &Printer) -> Result<Exit> {
    let document = read_document(&arguments.seed, &arguments.overrides, printer)?;
    let mut seed = read_seed(&document, global, printer)?;
    seed.exec.guess_plugins.extend(arguments.guess.iter().cloned());
    let guessed = guess(&environment(global)?, &document, &seed).await?;
    let is_json_file = arguments
        .out
        .as_deref()
        .and_then(Path::extension)
        .is_some_and(|extension| extension == "json");
    if let Some(out) = &arguments.out {
        let content = match is_json_file {
            true => {
                let mut configuration = guessed.json.clone();
                configuration.as_object_mut().map(|keys| keys.remove("guess"));
                format!("{configuration:#}\n")
            }
            false => guessed.yaml.clone(),
        };
        write_with_backup(out, &content, printer)?;
    }
    if printer.is_json() {
        printer.document(&guessed.json);
    } else if arguments.out.is_none() {
        printer.result(&guessed.yaml);
    }
    for doubt in &guessed.doubts {
        printer.hint(&format!("doubt: {doubt}"));
    }
    if let Some(out) = &arguments.out {
        let out = out.display();
        let files = plural(guessed.num_sampled as u64, "file");
        printer.hint(&format!("created {out} from samples of {files}"));
        printer.hint(&format!("next: bucketload preview {out}"));
    }
    Ok(Exit::Done)
}

/// Writes a file; what stood there before is kept beside it under the first free name.
pub(super) fn write_with_backup(path: &Path, content: &str, printer: &Printer) -> Result<()> {
    let failed = |error: std::io::Error| {
        Error::new(Blame::Storage, format!("cannot write `{}`", path.display())).caused_by(error)
    };
    match std::fs::read_to_string(path) {
        Ok(old) if old == content => return Ok(()),
        Ok(_) => {
            let backup = free_name(path);
            std::fs::rename(path, &backup).map_err(failed)?;
            printer.hint(&format!("the old {} is now {}", path.display(), backup.display()));
        }
        Err(_) => {}
    }
    std::fs::write(path, content).map_err(failed)
}

fn free_name(path: &Path) -> PathBuf {
    (1..)
        .map(|number| PathBuf::from(format!("{}.{number}", path.display())))
        .find(|name| !name.exists())
        .unwrap_or_else(|| path.with_extension("old"))
}

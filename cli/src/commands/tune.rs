//! `bucketload tune`

use super::configuration::{config_error, read_plan, read_text};
use super::environment;
use super::guess::write_with_backup;
use crate::args::{GlobalArguments, TuneArguments};
use crate::exit::Exit;
use crate::printer::{Printer, bytes, count};
use bucketload_engine::Result;
use bucketload_engine::config::edit::{ExecEntry, with_exec};
use bucketload_engine::job::tune::{Tuning, tune};
use serde_json::{Map, Value, json};

pub(super) async fn run(global: &GlobalArguments, arguments: &TuneArguments, printer: &Printer) -> Result<Exit> {
    let path = &arguments.config.config;
    let plan = read_plan(path, &arguments.config.overrides, global, printer)?;
    let tuning = tune(&environment(global)?, &plan).await?;
    if arguments.apply {
        let name = path.display().to_string();
        let text = with_exec(&read_text(path)?, &name, &tuning.advice.exec)
            .map_err(|errors| config_error(&errors, printer))?;
        write_with_backup(path, &text, printer)?;
    }
    if printer.is_json() {
        printer.document(&document(&tuning, arguments.apply));
    } else {
        printer.result(&text(&tuning));
    }
    let path = path.display();
    printer.hint(&match arguments.apply {
        true => format!("wrote the `exec` block into {path}"),
        false => format!("nothing was changed; `bucketload tune {path} --apply` writes the `exec` block into the file"),
    });
    Ok(Exit::Done)
}

fn document(tuning: &Tuning, is_applied: bool) -> Value {
    let exec: Map<String, Value> = tuning
        .advice
        .exec
        .iter()
        .map(|entry| (entry.name.to_owned(), entry.value.clone()))
        .collect();
    let knobs =
        tuning.advice.exec.iter().map(
            |entry| json!({"key": format!("exec.{}", entry.name), "value": entry.value, "evidence": entry.evidence}),
        );
    let remarks = tuning
        .advice
        .remarks
        .iter()
        .map(|remark| json!({"key": remark.key, "value": remark.value, "evidence": remark.evidence}));
    json!({
        "measurements": tuning.measurements,
        "exec": exec,
        "advice": knobs.chain(remarks).collect::<Vec<Value>>(),
        "forecast": tuning.forecast,
        "is_applied": is_applied,
    })
}

/// An `exec` block that can be pasted into a configuration; everything else is comments below it.
fn text(tuning: &Tuning) -> String {
    let mut text = match tuning.advice.exec.is_empty() {
        true => "exec: {}   # nothing was found that should be set\n".to_owned(),
        false => "exec:\n".to_owned(),
    };
    for ExecEntry { name, value, evidence } in &tuning.advice.exec {
        text.push_str(&format!("  {name}: {}   # {evidence}\n", plain(value)));
    }
    for remark in &tuning.advice.remarks {
        text.push_str(&format!(
            "# {}: {}   # {}\n",
            remark.key,
            plain(&remark.value),
            remark.evidence
        ));
    }
    for section in [measured(tuning), forecast(tuning)] {
        text.push_str("#\n");
        for line in section {
            text.push_str(&format!("# {line}\n"));
        }
    }
    text
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn measured(tuning: &Tuning) -> Vec<String> {
    let measurements = &tuning.measurements;
    let (input, probe, sample) = (&measurements.input, &measurements.probe, &measurements.sample);
    let mut lines = vec![
        "measured".to_owned(),
        format!(
            "  files     {} ({}), listed in {:.2} s",
            count(input.files),
            bytes(input.bytes),
            input.list_seconds
        ),
        format!(
            "  probe     {} requests, {} in {:.1} s",
            count(probe.requests),
            bytes(probe.bytes),
            probe.seconds
        ),
    ];
    for level in &probe.levels {
        lines.push(format!(
            "            {:>3} at a time: {}/s, the first bytes after {:.1} ms",
            level.at_a_time,
            bytes(whole(level.bytes_per_second)),
            level.latency_seconds * 1_000.0
        ));
    }
    lines.push(format!(
        "  sample    {} files ({}, {} decoded), {} rows; seconds of a core: decode {:.3}, parse {:.3}, filter {:.3}, write {:.3}",
        count(sample.files),
        bytes(sample.bytes),
        bytes(sample.decoded_bytes),
        count(sample.rows),
        sample.stages.decode,
        sample.stages.parse,
        sample.stages.filter,
        sample.stages.write
    ));
    if let Some(scaling) = &sample.scaling {
        lines.push(format!(
            "            {} threads read it {:.1} times as fast as one",
            scaling.threads, scaling.speedup
        ));
    }
    for trial in &sample.compressions {
        lines.push(format!(
            "            {}: written in {:.3} s, {}",
            trial.compression,
            trial.seconds,
            bytes(trial.bytes)
        ));
    }
    lines
}

fn forecast(tuning: &Tuning) -> Vec<String> {
    let forecast = &tuning.forecast;
    let mut lines = vec![
        "forecast".to_owned(),
        format!(
            "  requests  {} LIST, {} GET; ${:.4} at S3's list prices",
            count(forecast.list_requests),
            count(forecast.get_requests),
            forecast.dollars
        ),
        format!(
            "  time      {:.2} s (fetching alone {:.2}, computing alone {:.2})",
            forecast.seconds, forecast.fetch_seconds, forecast.cpu_seconds
        ),
        format!(
            "  output    {} rows, {}",
            count(forecast.rows),
            bytes(forecast.output_bytes)
        ),
    ];
    if let Some(limit) = &forecast.limit {
        lines.push(format!("  limit     {}", limit.message));
    }
    lines
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate for display"
)]
fn whole(number: f64) -> u64 {
    number as u64
}

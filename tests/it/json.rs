//! `--json`: one document on standard output and nothing else there, whatever the command and however it ends.

use bucketload_tests::bucketload::{Finished, Workplace};
use serde_json::Value;
use std::collections::BTreeSet;

/// A use of a command that ends well, and the members its document must have. An array is told by no members.
struct Use {
    command: &'static str,
    arguments: &'static [&'static str],
    members: &'static [&'static str],
}

const LOAD: &str = "examples/access-logs/load.yml";

/// In this order: later ones use what earlier ones made. `@` stands for a path of the test, `$job` for the
/// job that `issue` ran.
const USES: &[Use] = &[
    Use {
        command: "guess",
        arguments: &["examples/access-logs/seed.yml", "-o", "@guessed.yml"],
        members: &["in", "out", "guess"],
    },
    Use {
        command: "preview",
        arguments: &[LOAD, "-n", "3"],
        members: &["columns", "rows", "rejected"],
    },
    Use {
        command: "explain",
        arguments: &[LOAD],
        members: &["files", "tasks", "next", "schema", "plan", "estimate"],
    },
    Use {
        command: "tune",
        arguments: &[LOAD],
        members: &["measurements", "exec", "advice", "forecast", "is_applied"],
    },
    Use {
        command: "issue",
        arguments: &[LOAD, "--database", "d", "--table", "t", "--dry-run"],
        members: &["files", "tasks", "next", "schema", "plan", "estimate"],
    },
    Use {
        command: "issue",
        arguments: &[LOAD, "--database", "d", "--table", "t", "--auto-create-table"],
        members: &[
            "job_id",
            "status",
            "files",
            "bytes",
            "rows",
            "charset_errors",
            "seconds",
            "stages",
            "limit",
            "next",
            "error",
        ],
    },
    Use {
        command: "jobs",
        arguments: &[],
        members: &[],
    },
    Use {
        command: "job",
        arguments: &["$job", "--log"],
        members: &["job_id", "status", "records", "config", "report", "error", "log"],
    },
    Use {
        command: "cancel",
        arguments: &["$job"],
        members: &["job_id", "status"],
    },
    Use {
        command: "create",
        arguments: &["nightly", "0 2 * * *", "d", "t", LOAD],
        members: &["name", "cron", "timezone", "delay", "config", "config_diff", "status"],
    },
    Use {
        command: "list",
        arguments: &[],
        members: &[],
    },
    Use {
        command: "show",
        arguments: &["nightly"],
        members: &["name", "config", "config_diff", "next_scheduled_time"],
    },
    Use {
        command: "run",
        arguments: &["nightly", "2026-11-28T02:00:00Z"],
        members: &["job_id", "status", "rows", "next"],
    },
    Use {
        command: "history",
        arguments: &["nightly"],
        members: &[],
    },
    Use {
        command: "update",
        arguments: &["nightly", "--schedule", "@hourly"],
        members: &["name", "cron", "status"],
    },
    Use {
        command: "serve",
        arguments: &["--once"],
        members: &["status", "jobs"],
    },
    Use {
        command: "delete",
        arguments: &["nightly"],
        members: &["name", "status"],
    },
    Use {
        command: "query",
        arguments: &["SELECT status, count(*) AS n FROM d.t GROUP BY status"],
        members: &[],
    },
    Use {
        command: "query",
        arguments: &["SELECT * FROM d.t WHERE status = 0"],
        members: &[],
    },
    Use {
        command: "rejects show",
        arguments: &["d.t", "--reason", "bad_value"],
        members: &[],
    },
    Use {
        command: "rejects replay",
        arguments: &["d.t", LOAD],
        members: &["job_id", "status", "rows", "rejects", "replay", "error"],
    },
    Use {
        command: "tables",
        arguments: &[],
        members: &[],
    },
    Use {
        command: "vacuum",
        arguments: &["d.t", "--dry-run"],
        members: &["is_dry_run", "tables"],
    },
    Use {
        command: "table create",
        arguments: &["d.empty", "--column", "n:long", "--partition-by", "none"],
        members: &["database", "table", "status"],
    },
    Use {
        command: "table show",
        arguments: &["d.t"],
        members: &["database", "table", "columns"],
    },
    Use {
        command: "table delete",
        arguments: &["d.t", "--force"],
        members: &["database", "table", "status"],
    },
    Use {
        command: "schema",
        arguments: &[],
        members: &["$schema"],
    },
    Use {
        command: "completions",
        arguments: &["bash"],
        members: &["shell", "script"],
    },
];

/// Every command that `--help` lists, those of groups with both names.
fn commands(workplace: &Workplace) -> BTreeSet<String> {
    let listed = |words: &[&str]| -> Vec<String> {
        let help = workplace.bucketload(words).arg("--help").run().succeeded().stdout;
        let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
        commands
            .take_while(|line| !line.is_empty())
            .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
            .collect()
    };
    let mut commands = BTreeSet::new();
    for name in listed(&[]) {
        let below = listed(&[&name]);
        if below.is_empty() {
            commands.insert(name);
        } else {
            commands.extend(below.into_iter().map(|inner| format!("{name} {inner}")));
        }
    }
    commands
}

#[track_caller]
fn check_error_document(finished: &Finished) {
    let document = finished.json();
    let error = document["error"].as_str().unwrap_or_default();
    assert!(!error.is_empty() && !error.contains('\n'), "{finished}");
    for member in ["at", "hint"] {
        assert!(document.get(member).is_some(), "`{member}` is missing: {finished}");
    }
}

#[test]
fn every_command_prints_one_document_when_all_is_well() {
    let workplace = Workplace::new();
    let mut job_id = String::new();
    for Use {
        command,
        arguments,
        members,
    } in USES
    {
        let arguments = arguments.iter().map(|argument| match argument.split_at(1) {
            ("$", "job") => job_id.clone(),
            ("@", name) if name != "hourly" => workplace.path(name).to_str().unwrap().to_owned(),
            _ => (*argument).to_owned(),
        });
        let finished = workplace
            .bucketload(command.split(' '))
            .args(arguments)
            .arg("--json")
            .run()
            .succeeded();
        let document = finished.json();
        if *command == "issue" {
            job_id = document["job_id"].as_str().unwrap_or_default().to_owned();
        }
        assert_eq!(document.is_array(), members.is_empty(), "{finished}");
        for member in *members {
            assert!(document.get(member).is_some(), "`{member}` is missing: {finished}");
        }
    }
    let used: BTreeSet<String> = USES.iter().map(|used| used.command.to_owned()).collect();
    assert_eq!(
        commands(&workplace),
        used,
        "`USES` in this file must have a line for every command"
    );
}

#[test]
fn every_command_prints_one_document_when_it_is_misused() {
    let workplace = Workplace::new();
    for command in commands(&workplace) {
        let misused = workplace
            .bucketload(command.split(' '))
            .args(["--json", "--no-such-flag"])
            .run()
            .exited_with(2);
        check_error_document(&misused);
        assert!(misused.stdout.contains("--no-such-flag"), "{misused}");
    }
    for arguments in [
        &["--json"][..],
        &["no-such-command", "--json"],
        &["issue", LOAD, "--json"],
    ] {
        check_error_document(&workplace.bucketload(arguments).run().exited_with(2));
    }
}

#[test]
fn every_command_prints_one_document_when_it_fails() {
    let workplace = Workplace::new();
    let file = workplace.write("file", "");
    let broken = workplace.write("broken.yml", "in: {type: file, path_prefix: x, parser: {type: cvs}}\n");
    let failures: &[(i32, &[&str])] = &[
        (2, &["guess", "no/such/seed.yml"]),
        (2, &["preview", &broken]),
        (2, &["explain", &broken]),
        (2, &["tune", &broken]),
        (2, &["issue", &broken, "--database", "d", "--table", "t"]),
        (2, &["issue", LOAD, "--database", "d", "--table", "t"]),
        (2, &["query", "SELECT * FROM d.nowhere"]),
        (2, &["query", "SELEC"]),
        (2, &["job", "nothing"]),
        (2, &["cancel", "nothing"]),
        (2, &["create", "x", "0 25 * * *", "d", "t", LOAD]),
        (2, &["show", "nothing"]),
        (2, &["history", "nothing"]),
        (2, &["update", "nothing"]),
        (2, &["run", "nothing"]),
        (2, &["delete", "nothing"]),
        (2, &["rejects", "show", "d.nowhere"]),
        (2, &["rejects", "replay", "d.nowhere", LOAD]),
        (2, &["table", "show", "d.nowhere"]),
        (2, &["table", "create", "nodot"]),
        (2, &["table", "delete", "d.nowhere", "--force"]),
    ];
    for (status, arguments) in failures {
        let failed = workplace
            .bucketload(*arguments)
            .arg("--json")
            .run()
            .exited_with(*status);
        check_error_document(&failed);
    }
    let failed = workplace
        .issuing(LOAD, &[])
        .env("BUCKETLOAD_WAREHOUSE", format!("{file}/warehouse"))
        .run()
        .exited_with(1);
    check_error_document(&failed);
    assert_eq!(failed.json()["status"], "error");
}

#[test]
fn a_query_that_fails_on_its_way_prints_one_document() {
    let workplace = Workplace::new();
    // Fails at the last row of the only file; the first ones are far more than what is held back.
    let rows = 400_000;
    let mut text = String::new();
    for number in 0..rows {
        text.push_str(&format!("{number}\n"));
    }
    workplace.write("input.csv", text);
    let job = format!(
        "in: {{type: file, path_prefix: '{}', parser: {{type: csv, columns: [{{name: n, type: long}}]}}}}\nout: {{partition_by: none}}\nexec: {{max_threads: 1}}\n",
        workplace.path("input.csv").display()
    );
    workplace.issue(&workplace.write("job.yml", job), &[]);
    let failing = |first_failing: u32, flags: &[&str]| {
        let sql = format!("SELECT n, 1 / CASE WHEN n < {first_failing} THEN 1 ELSE 0 END AS q FROM d.t");
        workplace.bucketload(["query", &sql]).args(flags).run().exited_with(1)
    };
    let early = failing(0, &["--json"]);
    check_error_document(&early);
    let early = failing(0, &["--format", "json"]);
    assert_eq!(early.stdout, "", "{}", early.stderr);
    for flags in [&["--json"][..], &["--format", "json"]] {
        let late = failing(rows - 1, flags);
        assert!(late.error_line().contains("ivide"), "{}", late.stderr);
        let document = late.json();
        let objects = document.as_array().unwrap();
        assert!(objects.len() > 1, "some rows came before the error");
        assert!(objects.last().unwrap()["error"].is_string());
        assert!(objects[..objects.len() - 1].iter().all(|row| row["n"].is_u64()));
    }
}

#[test]
fn output_that_cannot_be_written_is_a_failure() {
    let workplace = Workplace::new();
    let schema = workplace
        .bucketload(["schema"])
        .after_shell("exec > /dev/full")
        .run()
        .exited_with(1);
    assert!(schema.error_line().contains("standard output"), "{schema}");
}

#[test]
fn a_completion_script_is_a_member_of_its_document() {
    let workplace = Workplace::new();
    let plain = workplace.bucketload(["completions", "zsh"]).run().succeeded();
    let document: Value = workplace
        .bucketload(["completions", "zsh", "--json"])
        .run()
        .succeeded()
        .json();
    assert_eq!(document["shell"], "zsh");
    assert_eq!(document["script"], plain.stdout);
}

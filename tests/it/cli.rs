//! The command line as a person or a script uses it.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use clicks::click::columns;
use clicks::click::fields::{EXTRA, Type};

use crate::golden;
use crate::support::{click, lines, root, temporary};

/// What a run printed, and its exit code.
struct Printed {
    code: i32,
    out: String,
    err: String,
}

impl Printed {
    fn of(output: &Output) -> Printed {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Printed {
            code: output.status.code().unwrap(),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }
}

/// Runs `clickstream` with `input` on its standard input and the variables `env`.
fn clickstream(args: &[&str], env: &[(&str, &str)], input: &[u8]) -> Printed {
    let mut child = Command::new(env!("CARGO_BIN_EXE_clickstream"))
        .args(args)
        .env_clear()
        .envs(env.iter().copied())
        .current_dir(root())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut stdin, input) = (child.stdin.take().unwrap(), input.to_owned());
    let feeding = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    feeding.join().unwrap();
    Printed::of(&output)
}

#[test]
fn standard_input_comes_out_as_clicks_with_a_summary() {
    let Printed { code, out, err } = clickstream(&["forward", "-"], &[], lines(0..3).as_bytes());
    assert_eq!((code, out.lines().count()), (0, 3), "{err}");
    assert!(
        err.contains("1 object, 3 records (0 bad)") && err.contains("stdout: read 3 = sent 3"),
        "{err}"
    );
}

#[test]
fn clicks_come_out_in_the_order_of_their_file() {
    let (_keep, directory) = temporary();
    let (path, text) = (directory.join("a.json"), lines(0..30_000));
    std::fs::write(&path, &text).unwrap();
    for threads in ["1", "4"] {
        let args = [
            "forward",
            "--quiet",
            "--format",
            "raw",
            path.to_str().unwrap(),
        ];
        let Printed { code, out, err } =
            clickstream(&args, &[("TOKIO_WORKER_THREADS", threads)], b"");
        assert!((code, out == text) == (0, true), "{threads} threads: {err}");
    }
}

#[test]
fn files_directories_and_globs_are_taken_together() {
    let (_keep, directory) = temporary();
    for name in ["a.json", "sub/b.json", "sub/.hidden", "c one.json"] {
        std::fs::create_dir_all(directory.join("sub")).unwrap();
        std::fs::write(directory.join(name), lines(0..2)).unwrap();
    }
    let path = |name: &str| directory.join(name).to_string_lossy().into_owned();
    let count = |argument: String| {
        clickstream(&["forward", "-q", &argument], &[], b"")
            .out
            .lines()
            .count()
    };
    assert_eq!(count(path("")), 6);
    assert_eq!(count(path("a.json")), 2);
    assert_eq!(count(path("*.json")), 4);
    let Printed { code, err, .. } = clickstream(&["forward", &path("none")], &[], b"");
    assert!(
        code == 2 && err.contains("none: no such file"),
        "{code} {err}"
    );
}

#[cfg(unix)]
#[test]
fn a_link_back_to_its_directory_sends_nothing_twice() {
    let (_keep, directory) = temporary();
    std::fs::write(directory.join("a.json"), lines(0..2)).unwrap();
    std::os::unix::fs::symlink(&directory, directory.join("self")).unwrap();
    let Printed { code, out, err } =
        clickstream(&["forward", &directory.to_string_lossy()], &[], b"");
    assert_eq!((code, out.lines().count()), (0, 2), "{err}");
}

#[test]
fn a_quiet_run_still_says_why_it_failed() {
    let down = [
        ("TARGETS", "hook"),
        ("HOOK_KIND", "http"),
        ("HOOK_URL", "http://127.0.0.1:1/"),
        ("LOG_LEVEL", "error"),
    ];
    let Printed { code, err, .. } = clickstream(
        &["forward", "-q", "--give-up", "1ms", "-"],
        &down,
        lines(0..1).as_bytes(),
    );
    assert!(
        code == 1 && err.contains("target hook: gave up for now"),
        "{code} {err}"
    );
}

#[test]
fn exit_codes_tell_what_to_do() {
    let (_keep, directory) = temporary();
    let file = |name: &str, text: &str| {
        std::fs::write(directory.join(name), text).unwrap();
        directory.join(name).to_string_lossy().into_owned()
    };
    let good = file("good", &lines(0..2));
    assert_eq!(clickstream(&["forward", &good], &[], b"").code, 0);
    let mixed = file("mixed", &(lines(0..1) + "x\n"));
    assert_eq!(
        clickstream(&["forward", &mixed], &[], b"").code,
        0,
        "a bad record is quarantined: that is an end"
    );
    let Printed { code, err, .. } = clickstream(&["forward", &file("bad", "x\ny\n")], &[], b"");
    assert!(
        code == 3 && err.contains("bad: no click is in it, only 1 bad record"),
        "{code} {err}"
    );
    let Printed { code, err, .. } =
        clickstream(&["forward", &file("cut", &click(1)[..40])], &[], b"");
    assert!(
        code == 3 && err.contains("unreadable from byte 0 on"),
        "{code} {err}"
    );
    let down = [
        ("TARGETS", "hook"),
        ("HOOK_KIND", "http"),
        ("HOOK_URL", "http://127.0.0.1:1/"),
    ];
    let Printed { code, err, .. } =
        clickstream(&["forward", "--give-up", "1ms", &good], &down, b"");
    assert!(
        code == 1 && err.contains("target hook: gave up for now") && err.contains("failed 2"),
        "{code} {err}"
    );
    let Printed { code, err, .. } = clickstream(&["forward", &good], &[("TARGETS", "hook")], b"");
    assert!(
        code == 2 && err.contains("HOOK_KIND: is not set; expected one of http, firehose"),
        "{code} {err}"
    );
}

#[test]
fn quarantined_records_go_to_a_directory_once_and_come_back() {
    let (_keep, directory) = temporary();
    let rows = directory.join("rows");
    let env = [("QUARANTINE", rows.to_str().unwrap())];
    let text = format!("{}oops\n{}", lines(0..1), lines(1..2));
    for _ in 0..2 {
        let Printed { code, out, err } = clickstream(&["forward", "-"], &env, text.as_bytes());
        assert_eq!((code, out.lines().count()), (0, 2));
        assert!(err.contains("quarantined 1"), "{err}");
    }
    let files: Vec<_> = std::fs::read_dir(&rows)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(files.len(), 1);
    let row: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&files[0]).unwrap()).unwrap();
    assert_eq!(
        (&row["raw"], &row["source"]["index"], &row["kind"]),
        (&"oops".into(), &1.into(), &"record".into())
    );
    // Mended by hand and fed back, with its place.
    let mended = std::fs::read_to_string(&files[0])
        .unwrap()
        .replace("oops", &click(7).replace('"', "\\\""));
    let Printed { out, .. } = clickstream(&["forward", "-"], &env, mended.as_bytes());
    let click: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (&click["source"]["key"], &click["source"]["index"]),
        (&"-".into(), &1.into())
    );
}

#[test]
fn what_was_forwarded_is_forwarded_again_on_request_once_for_each_token() {
    let (_keep, directory) = temporary();
    let (clicks, progress) = (directory.join("clicks.json"), directory.join("p.jsonl"));
    std::fs::write(&clicks, lines(0..3)).unwrap();
    let run = |again: &[&str]| {
        let named = [progress.to_str().unwrap(), clicks.to_str().unwrap()];
        let args = [&["forward", "-q"], again, &["--progress"], &named].concat();
        let Printed { code, out, err } = clickstream(&args, &[], b"");
        assert_eq!((code, err.as_str()), (0, ""));
        out.lines().count()
    };
    assert_eq!([run(&[]), run(&[])], [3, 0]);
    assert_eq!([run(&["--again"]), run(&["--again"])], [3, 0]);
    assert_eq!(
        [run(&["--again=x"]), run(&["--again=x"]), run(&[])],
        [3, 0, 0]
    );
}

#[test]
fn check_shows_targets_without_secrets_and_lists_every_mistake() {
    let env = [
        ("TARGETS", "hook"),
        ("HOOK_KIND", "http"),
        ("HOOK_URL", "https://example.com/x?token=hidden"),
        ("HOOK_BEARER", "hidden"),
    ];
    let Printed { code, out, .. } = clickstream(&["check"], &env, b"");
    assert!(
        code == 0 && out.contains("target hook (kind http)") && !out.contains("hidden"),
        "{out}"
    );
    let wrong = [
        ("TARGETS", "hook,aws,hook-eu"),
        ("HOOK_KIND", "http"),
        ("HOOK_URL", "example.com"),
        ("HOOK_TIMEOT", "1"),
        ("HOOK_MAX_RECORDS", "0"),
        ("HOOK_TIMEOUT", "5000"),
        ("HOOK_EU_KIND", "pigeon"),
        ("QUARANTINE", "s3://only-a-bucket"),
        ("MAX_DEPTH", "many"),
        ("STORE", "S3"),
        ("LOG_LEVEL", "loud"),
    ];
    let Printed { code, err, .. } = clickstream(&["check"], &wrong, b"");
    assert_eq!(code, 2);
    for part in [
        "TARGETS: found \"aws\"; expected another name",
        "HOOK_URL: is not an address",
        "HOOK_TIMEOT: is not a variable",
        "HOOK_MAX_RECORDS: found \"0\"",
        "HOOK_TIMEOUT: found \"5000\"; expected at most 15m",
        "HOOK_EU_KIND: found \"pigeon\"",
        "QUARANTINE: found",
        "MAX_DEPTH: found",
        "STORE: found",
        "LOG_LEVEL: found",
    ] {
        assert!(err.contains(part), "{part} is missing in\n{err}");
    }
}

#[test]
fn a_blank_variable_is_one_that_is_not_set() {
    let env = [
        ("TARGETS", "hook"),
        ("HOOK_KIND", "http"),
        ("HOOK_URL", "https://example.com/"),
        ("HOOK_HEADER_AUTHORIZATION", " "),
        ("HOOK_BEARER", "token"),
        ("QUARANTINE", ""),
    ];
    let Printed { code, out, err } = clickstream(&["check"], &env, b"");
    assert!(
        code == 0 && out.contains("authorization: ***"),
        "{out}{err}"
    );
}

#[test]
fn a_pipe_that_closes_ends_it_quietly() {
    let script = "$0 sample --records 20000 | $0 forward - 2>&1 >/dev/stdout | head -n 1";
    let Printed { out, err, .. } = shell(script);
    assert!(
        out.lines().count() == 1 && out.starts_with("{\"id\"") && err.is_empty(),
        "{out}\n{err}"
    );
}

/// Runs a line of shell in which `$0` is `clickstream`.
fn shell(script: &str) -> Printed {
    let output = Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_clickstream")])
        .env_remove("TARGETS")
        .current_dir(root())
        .output()
        .unwrap();
    Printed::of(&output)
}

#[cfg(target_os = "linux")]
#[test]
fn standard_error_that_cannot_be_written_changes_nothing_else() {
    for arguments in [
        "forward tests/data/demo",
        "forward tests/data/none",
        "-- --none",
        "check",
        "iam",
        "sample --output /dev/full",
    ] {
        let heard = shell(&format!("$0 {arguments} 2>/dev/null"));
        for standard_error in ["2>/dev/full", "2>&-"] {
            let unheard = shell(&format!("$0 {arguments} {standard_error}"));
            assert_eq!(
                (unheard.code, unheard.out.len()),
                (heard.code, heard.out.len()),
                "{arguments} {standard_error}"
            );
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn what_cannot_be_printed_is_an_error_unless_its_reader_has_gone_away() {
    for arguments in [
        "--help",
        "check --cli",
        "variables",
        "iam",
        "sample",
        "lake table s3://lake/clicks/",
    ] {
        let Printed { code, err, .. } = shell(&format!("$0 {arguments} >/dev/full"));
        assert!(
            code == 1 && err.contains("cannot write standard output: No space left on device"),
            "{arguments}: {code} {err}"
        );
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = Command::new(env!("CARGO_BIN_EXE_clickstream"));
        let command = command.args(arguments.split(' ')).env_clear();
        let unread = command.stdout(writer).stderr(Stdio::piped()).output();
        assert_eq!(Printed::of(&unread.unwrap()).code, 0, "{arguments}");
    }
}

#[test]
fn a_run_never_reads_what_it_writes() {
    let (_keep, directory) = temporary();
    let input = lines(0..2000) + "bad\n";
    std::fs::write(directory.join("a.json"), &input).unwrap();
    std::fs::create_dir(directory.join("b")).unwrap();
    std::fs::write(directory.join("b/c.json"), lines(2000..2001)).unwrap();
    let run = |script: &str| {
        let rows = directory.join("rows");
        drop(std::fs::remove_dir_all(&rows));
        shell(&format!("cd {} && {script}", directory.display()))
    };
    let count = |name: &str| {
        let text = std::fs::read_to_string(directory.join(name)).unwrap();
        std::fs::remove_file(directory.join(name)).unwrap();
        text.lines().count()
    };

    for (argument, clicks) in [(".", 2001), ("'*'", 2000)] {
        let script = format!("touch z.jsonl; ln z.jsonl y.jsonl; $0 forward {argument} >> z.jsonl");
        let Printed { code, err, .. } = run(&script);
        assert_eq!((code, count("z.jsonl")), (0, clicks), "{argument}: {err}");
        assert_eq!(count("y.jsonl"), clicks, "it has another name");
        for name in ["z.jsonl", "y.jsonl"] {
            let left_out = format!("{name} is left out: it is standard output");
            assert!(err.contains(&left_out), "{err}");
        }
    }
    // Lines about bad records, and the file of progress, would be bad records themselves.
    let both = "$0 forward --progress p.jsonl . 2>> z.log";
    for _ in 0..2 {
        run(both);
    }
    let log = std::fs::read_to_string(directory.join("z.log")).unwrap();
    assert!(
        log.contains("z.log is left out: it is standard error")
            && log.contains("p.jsonl is left out: it is the file of --progress")
            && log.contains("0 records (0 bad)"),
        "{log}"
    );
    count("z.log");
    count("p.jsonl");
    // Rows of a quarantine are read if it is named.
    let quarantine = "QUARANTINE=./rows $0 forward";
    let twice = run(&format!(
        "{quarantine} . > /dev/null && {quarantine} . > /dev/null"
    ));
    assert!(
        twice.err.contains("1 files in") && !twice.err.contains("(2 bad)"),
        "{}",
        twice.err
    );
    let fed = run(&format!(
        "{quarantine} . 2>&1 >/dev/null; {quarantine} rows"
    ));
    assert!(
        fed.code == 3 && fed.err.contains("1 record (1 bad)"),
        "{}",
        fed.err
    );
}

#[test]
fn an_output_that_is_named_is_refused() {
    let (_keep, directory) = temporary();
    std::fs::write(directory.join("a.json"), lines(0..2)).unwrap();
    let run = |script: &str| shell(&format!("cd {} && {script}", directory.display()));
    for (script, name) in [
        ("$0 forward a.json >> a.json", "standard output"),
        ("$0 forward - < a.json >> a.json", "standard output"),
        ("$0 forward p --progress p", "the file of --progress"),
    ] {
        let Printed { code, err, .. } = run(script);
        assert!(code == 2 && err.contains(name), "{script}: {code} {err}");
    }
    let input = std::fs::read_to_string(directory.join("a.json")).unwrap();
    assert_eq!(input, lines(0..2));
}

#[test]
fn the_summary_for_programs_is_one_line_where_no_clicks_go() {
    let input = lines(0..2) + "bad\n";
    let parsed = |text: &str| -> serde_json::Value { serde_json::from_str(text).unwrap() };
    let Printed { code, out, err } =
        clickstream(&["forward", "--json", "-q", "-"], &[], input.as_bytes());
    let report = parsed(&err);
    assert_eq!((code, out.lines().count()), (0, 2));
    assert_eq!((&report["records"], &report["bad"]), (&3.into(), &1.into()));
    assert_eq!(report["targets"][0]["sent"], 2);
    let down = [
        ("TARGETS", "hook"),
        ("HOOK_KIND", "http"),
        ("HOOK_URL", "http://127.0.0.1:1/"),
    ];
    let arguments = ["forward", "--json", "--give-up", "1ms", "-"];
    let Printed { code, out, .. } = clickstream(&arguments, &down, input.as_bytes());
    let report = parsed(&out);
    assert_eq!((code, &report["exit"]), (1, &1.into()));
    assert_eq!(report["targets"][0]["failed"], 2);
    let problem = report["problems"][0].as_str().unwrap();
    assert!(
        problem.contains("target hook: gave up for now"),
        "{problem}"
    );
}

#[test]
fn a_quiet_run_warns_of_nothing_and_a_verbose_one_says_what_it_does() {
    let input = lines(0..1) + "bad\n";
    let run = |arguments: &[&str]| clickstream(arguments, &[], input.as_bytes()).err;
    assert_eq!(run(&["forward", "-q", "-"]), "");
    assert!(run(&["forward", "-"]).contains("WARN quarantined"));
    assert!(!run(&["forward", "-"]).contains("DEBUG"));
    assert!(run(&["forward", "-v", "-"]).contains("object forwarded"));
    assert_eq!(clickstream(&["forward", "-q", "-v", "-"], &[], b"").code, 2);
}

#[test]
fn a_mistyped_option_gets_the_right_suggestion_or_none() {
    for (arguments, tip) in [
        (
            &["forward", "--progess", "p", "x"][..],
            Some("'--progress'"),
        ),
        (&["forward", "--giveup", "1s", "x"], Some("'--give-up'")),
        (&["--jobs", "3", "forward", "x"], Some("'forward --jobs'")),
        (&["forwrd", "x"], Some("'forward'")),
        (&["forward", "--concurrency", "3", "x"], None),
        (&["forward", "-j", "3", "x"], None),
    ] {
        let Printed { code, err, .. } = clickstream(arguments, &[], b"");
        assert_eq!(code, 2);
        assert_eq!(err.contains("tip:"), tip.is_some(), "{err}");
        assert!(tip.is_none_or(|tip| err.contains(tip)), "{err}");
    }
}

#[test]
fn the_version_names_the_commit_where_there_is_a_repository() {
    let Printed { out, .. } = clickstream(&["--version"], &[], b"");
    let package = concat!("clickstream ", env!("CARGO_PKG_VERSION"));
    let commit = out.strip_prefix(package).unwrap().trim_end();
    let has_repository = root().join(".git").exists();
    let is_commit = commit.starts_with(" (") && commit.contains(", 20") && commit.ends_with(')');
    assert!(is_commit || (commit.is_empty() && !has_repository), "{out}");
}

#[test]
fn the_help_of_forward_says_where_clicks_go_and_every_value() {
    let Printed { out, .. } = clickstream(&["forward", "--help"], &[], b"");
    for part in ["TARGETS", "Examples:", "- flat: ", "--json", "64"] {
        assert!(out.contains(part), "{part} is missing in\n{out}");
    }
    let Printed { out, .. } = clickstream(&["--help"], &[], b"");
    for (code, _) in clickstream_forwarder::cli::EXIT_CODES {
        assert!(out.contains(&format!("\n  {code:>3}  ")), "{out}");
    }
}

#[test]
fn an_argument_that_names_nothing_says_what_to_write() {
    for (argument, advice) in [
        (
            "https://my-clicks.s3.eu-west-1.amazonaws.com//2026/a.json",
            "write s3://my-clicks//2026/a.json",
        ),
        (
            "tests/data/nowhere/a.json",
            "there is no directory tests/data/nowhere",
        ),
        ("s3://", "names no bucket"),
    ] {
        let Printed { code, err, .. } = clickstream(&["forward", argument], &[], b"");
        assert!(code == 2 && err.contains(advice), "{code} {err}");
    }
}

#[test]
fn samples_are_the_same_for_the_same_seed() {
    let sample =
        |seed: &str| clickstream(&["sample", "--records", "5", "--seed", seed], &[], b"").out;
    assert_eq!(sample("4"), sample("4"));
    assert_ne!(sample("4"), sample("5"));
    assert_eq!(
        clickstream(&["sample", "--bytes", "many"], &[], b"").code,
        2
    );
}

#[test]
fn a_lake_is_made_a_table() {
    let mut text = String::new();
    for arguments in [
        &["lake", "table", "s3://lake/clicks", "--first", "2026-11-01"][..],
        &[
            "lake",
            "table",
            "s3://lake/",
            "--file",
            "lines",
            "--name",
            "lines",
            "--first",
            "2026-11-01",
        ],
        &[
            "lake",
            "compact",
            "s3://lake/clicks/",
            "s3://lake/clicks-daily/",
            "--day",
            "2026-11-21",
        ],
        &[
            "lake",
            "compact",
            "s3://lake/clicks/",
            "s3://lake/clicks-daily/",
            "--day",
            "2026-11-21",
            "--engine",
            "duckdb",
        ],
    ] {
        let Printed { code, out, err } = clickstream(arguments, &[], b"");
        assert_eq!((code, err.as_str()), (0, ""));
        text += &format!("-- clickstream {}\n{out}\n", arguments.join(" "));
    }
    golden::check("lake.sql", &text);
    let Printed { out, .. } = clickstream(&["lake", "table", "s3://lake/clicks/"], &[], b"");
    assert!(
        out.contains("'projection.dt.range'         = '20"),
        "a year ago: {out}"
    );
    for wrong in [
        &["lake", "table", "/tmp/lake"][..],
        &["lake", "table", "s3://lake/", "--first", "2026-13-45"],
        &[
            "lake",
            "compact",
            "s3://lake/clicks/",
            "s3://lake/clicks/daily/",
        ],
    ] {
        let Printed { code, out, err } = clickstream(wrong, &[], b"");
        let is_named = err.contains("lake") || err.contains("2026-13-45");
        assert!(code == 2 && out.is_empty() && is_named, "{err}");
    }
}

#[test]
fn the_changelog_alters_each_table_that_an_older_lake_has() {
    let columns = columns().into_iter();
    let new = columns.skip_while(|(name, ..)| *name != EXTRA.0).skip(1);
    let new: Vec<_> = new
        .map(|(name, kind, _)| match kind {
            Type::Bool => format!("{name} boolean"),
            Type::Strings | Type::String => format!("{name} string"),
            other => panic!("no word for {other:?}"),
        })
        .collect();
    let changelog = include_str!("../../CHANGELOG.md");
    for table in ["clicks", "clicks_daily"] {
        let statement = format!("ALTER TABLE `{table}` ADD COLUMNS ({});", new.join(", "));
        assert!(changelog.contains(&statement), "{statement} is missing");
    }
}

#[test]
fn a_rule_for_qr_codes_reaches_the_rows_on_every_path() {
    let click = |number: usize| {
        format!(
            r#"{{"timestamp":"2026-11-21T23:54:50.{number:06}Z","route":{{"destination":{{"raw":"https://a.example/?utm_medium={}"}}}}}}"#,
            if number.is_multiple_of(3) {
                "QR"
            } else {
                "mail"
            }
        )
    };
    // More than is decoded in order before other processors help.
    let input: String = (0..15_000).map(|number| click(number) + "\n").collect();
    let (_keep, directory) = temporary();
    let file = directory.join("clicks.json");
    std::fs::write(&file, &input).unwrap();
    let args = ["forward", "-q", "--format", "flat", file.to_str().unwrap()];
    let Printed { code, out, err } = clickstream(&args, &[("QR_WHEN", "utm_medium=qr")], b"");
    assert_eq!(code, 0, "{err}");
    let count = |part: &str| out.lines().filter(|line| line.contains(part)).count();
    assert_eq!(
        (count(r#""is_qr":true"#), count(r#""is_qr":false"#)),
        (5_000, 10_000)
    );
    let Printed { out, .. } = clickstream(&[&args[..4], &["-"]].concat(), &[], click(0).as_bytes());
    assert!(!out.contains("is_qr"), "{out}");
}

#[test]
fn the_policy_names_each_resource_and_nothing_else() {
    let env = [
        ("TARGETS", "hook,queue,lake,bus,table"),
        ("SOURCES", "my-clicks/2026/"),
        ("QUARANTINE", "s3://rows/q/"),
        ("PROGRESS_TABLE", "progress"),
        (
            "CONTINUE_QUEUE_URL",
            "https://sqs.eu-west-1.amazonaws.com/123456789012/clicks",
        ),
        ("HOOK_KIND", "http"),
        ("HOOK_URL", "https://example.com"),
        ("HOOK_BEARER", "secretsmanager:clicks/hook#token"),
        ("QUEUE_KIND", "sqs"),
        (
            "QUEUE_QUEUE_URL",
            "https://sqs.eu-west-1.amazonaws.com/210987654321/other",
        ),
        ("LAKE_KIND", "s3"),
        ("LAKE_BUCKET", "lake"),
        ("BUS_KIND", "eventbridge"),
        ("BUS_ROLE_ARN", "arn:aws:iam::210987654321:role/clicks"),
        ("TABLE_KIND", "dynamodb"),
        ("TABLE_TABLE", "clicks"),
    ];
    let Printed { code, out, err } = clickstream(
        &["iam", "--account", "123456789012", "--region", "eu-west-1"],
        &env,
        b"",
    );
    assert_eq!((code, err.as_str()), (0, ""));
    golden::check("iam.json", &out);
    assert!(!out.contains("\"*\"") && !out.contains("${"), "{out}");
}

#[test]
fn variables_come_from_files_over_those_of_the_environment_and_the_last_file_counts() {
    let (_keep, directory) = temporary();
    let file = |name: &str, text: &str| {
        std::fs::write(directory.join(name), text).unwrap();
        directory.join(name).to_string_lossy().into_owned()
    };
    let first = file(
        "first.env",
        "\u{feff}# where clicks go\r\nexport TARGETS=out\r\nOUT_KIND = 'stdout' # here\r\nOUT_FORMAT=flat\r\n",
    );
    let second = file("second.env", "OUT_FORMAT=raw\n");
    let env = [("TARGETS", "hook"), ("OUT_FORMAT", "webhook")];
    let input = lines(0..2);
    for args in [
        &[
            "forward",
            "-q",
            "--env-file",
            &first,
            "--env-file",
            &second,
            "-",
        ][..],
        &[
            "--env-file",
            &first,
            "--env-file",
            &second,
            "forward",
            "-q",
            "-",
        ],
    ] {
        let Printed { code, out, err } = clickstream(args, &env, input.as_bytes());
        assert_eq!((code, out.as_str()), (0, input.as_str()), "{err}");
    }
    let mixed = ["--env-file", &first, "check", "--env-file", &second];
    let Printed { code, err, .. } = clickstream(&mixed, &[], b"");
    assert!(code == 2 && err.contains("every --env-file after"), "{err}");
}

#[test]
fn a_mistake_in_a_file_is_one_and_in_the_shell_a_warning() {
    let (_keep, directory) = temporary();
    let path = directory.join("a.env");
    let path = path.to_str().unwrap();
    std::fs::write(path, "TARGETS=out\nOUT_KIND=stdout\n").unwrap();
    let shell = [("TARGET", "x86_64"), ("DB_KIND", "postgres")];
    let Printed { code, err, .. } = clickstream(&["check", "--env-file", path], &shell, b"");
    assert!(code == 0 && err.lines().count() == 2, "{err}");
    assert!(
        err.lines().all(|line| line.starts_with("warning: ")),
        "{err}"
    );
    std::fs::write(path, "TARGETS=out\nOUT_KIND=stdout\nTARGET=x\nDB_KIND=y\n").unwrap();
    let Printed { code, err, .. } = clickstream(&["check", "--env-file", path], &shell, b"");
    assert!(
        code == 2 && err.contains("  DB_KIND: is the kind") && err.contains("  TARGET: is not"),
        "{err}"
    );
    std::fs::write(path, "TARGETS=out\n\nhidden\nOUT-KIND=hidden\n").unwrap();
    let Printed { code, err, .. } = clickstream(&["check", "--env-file", path], &[], b"");
    let lines: Vec<_> = err.lines().collect();
    assert_eq!((code, lines.len()), (2, 2), "{err}");
    assert!(
        lines[0].starts_with(&format!("{path}: line 3: expected NAME=value")),
        "{err}"
    );
    assert!(
        lines[1].starts_with(&format!("{path}: line 4: ")) && !err.contains("hidden"),
        "{err}"
    );
    let Printed { code, err, .. } = clickstream(&["check", "--env-file", "none.env"], &[], b"");
    assert!(
        code == 2 && err.starts_with("none.env: cannot be read"),
        "{err}"
    );
}

//! What the rules of a target do with clicks: the cases of `tests/data/rules` and `examples`, run by
//! `clickstream test`; and that command itself.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::program::{Run, clickstream};
use crate::support::{root, temporary};

/// Runs `clickstream test`.
fn test(args: &[&str], env: &[(&str, &str)]) -> Run {
    clickstream(&[&["test"], args].concat(), env.iter().copied())
}

/// The configuration over which the repository's tables lay theirs.
const HOOK: &[(&str, &str)] = &[("TARGETS", "hook"), ("HOOK_KIND", "stdout")];

/// Returns the files right below `directory` that end in `end`.
fn files(directory: &Path, end: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = paths
        .filter(|path| path.to_str().unwrap().ends_with(end))
        .collect();
    files.sort();
    files
}

#[test]
fn every_case_of_the_tables_comes_out_as_expected() {
    let tables = files(&root().join("tests/data/rules"), ".jsonl");
    assert!(!tables.is_empty());
    let args: Vec<_> = tables.iter().map(|path| path.to_str().unwrap()).collect();
    let Run { code, out, err } = test(&args, HOOK);
    assert_eq!(code, 0, "{out}{err}");
}

#[test]
fn every_case_of_the_documents_comes_out_as_expected() {
    let page = std::fs::read_to_string(root().join("docs/rules.md")).unwrap();
    let blocks = page.split("```json\n").skip(1);
    let blocks = blocks.filter_map(|rest| rest.split("```").next());
    let cases: Vec<_> = blocks
        .filter(|block| block.contains("\"expected\""))
        .collect();
    assert!(!cases.is_empty());
    let (_keep, directory) = temporary();
    let path = directory.join("cases.json");
    std::fs::write(&path, cases.concat()).unwrap();
    let Run { code, out, err } = test(&[path.to_str().unwrap()], HOOK);
    assert_eq!(code, 0, "{out}{err}");
}

#[test]
fn every_example_is_what_its_cases_say() {
    let folders = std::fs::read_dir(root().join("examples")).unwrap();
    let folders = folders.map(|entry| entry.unwrap().path());
    let folders: Vec<_> = folders.filter(|path| path.is_dir()).collect();
    assert!(folders.len() >= 3);
    for folder in folders {
        let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
        let env = path("target.env");
        let Run { code, out, err } = test(&["--env-file", &env, &path("cases.jsonl")], &[]);
        assert_eq!(code, 0, "{out}{err}");
        let args = ["try", "--env-file", &env, &path("clicks.json")];
        let Run { code, out, err } = clickstream(&args, []);
        assert_eq!(code, 0, "{folder:?}: {out}{err}");
    }
}

const CLICK: &str = r#"{"timestamp":"2026-11-21T23:54:50Z","route":{"id":"a"}}"#;

/// Returns a case, a line.
fn case(name: &str, rest: &str) -> String {
    format!("{{\"name\":\"{name}\",\"click\":{CLICK},{rest}}}\n")
}

#[test]
fn a_failed_case_is_told_with_what_was_expected_and_found() {
    let (_keep, directory) = temporary();
    let path = directory.join("cases.jsonl");
    let path = path.to_str().unwrap();
    let cases = [
        case("good", r#""expected":"kept""#),
        case("bad", r#""expected":"dropped","by":"AGENTS""#),
        case(
            "body",
            r#""env":{"HOOK_FORMAT":"raw"},"expected":{"body":{"timestamp":"x","route":{"id":"a","b":1}}}"#,
        ),
    ];
    std::fs::write(path, cases.concat()).unwrap();
    let Run { code, out, err } = test(&[path], HOOK);
    let expected = format!(
        "FAILED  {path}: case 2 (\"bad\"): expected dropped by AGENTS, found kept\n\
         FAILED  {path}: case 3 (\"body\"): expected body, found another body\n    \
         route.b: expected 1, is not there\n    \
         timestamp: expected \"x\", found \"2026-11-21T23:54:50Z\"\n\
         3 cases, 2 failed\n"
    );
    assert_eq!((code, out, err), (1, expected, String::new()));

    let Run { code, out, .. } = test(&["--json", path], HOOK);
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (code, &report["cases"], &report["failed"]),
        (1, &3.into(), &2.into())
    );
    assert_eq!(report["results"][0]["ok"], true);
    assert_eq!(report["results"][1]["found"], "kept");
    assert_eq!(report["results"][2]["differences"][0]["path"], "route.b");
}

#[test]
fn wrong_usage_names_the_case_and_the_variable() {
    let (_keep, directory) = temporary();
    let path = directory.join("cases.jsonl");
    let path = path.to_str().unwrap();
    for (env, rest, said) in [
        (
            HOOK,
            r#""expected":"kept","env":{"HOOK_KIND":"pigeon"}"#,
            "HOOK_KIND: found",
        ),
        (
            HOOK,
            r#""expected":"kept","env":{"HOOK_AGENT":"x"}"#,
            "HOOK_AGENT: is not",
        ),
        (
            HOOK,
            r#""expected":"kept","target":"hok""#,
            "\"hok\" is none of TARGETS: hook",
        ),
        (&[], r#""expected":"kept""#, "TARGETS: is not set"),
        (
            &[
                ("TARGETS", "a,b"),
                ("A_KIND", "stdout"),
                ("B_KIND", "stdout"),
            ],
            r#""expected":"kept""#,
            "names no target, and there are several: a, b",
        ),
    ] {
        std::fs::write(path, case("one", rest)).unwrap();
        let Run { code, err, .. } = test(&[path], env);
        assert_eq!(code, 2, "{err}");
        assert!(
            err.contains("case 1 (\"one\")") && err.contains(said),
            "{err}"
        );
    }
    let Run { code, err, .. } = test(&["none.jsonl"], HOOK);
    assert_eq!(code, 2);
    assert!(err.starts_with("none.jsonl: cannot be read: "), "{err}");
}

#[test]
fn what_stands_elsewhere_is_not_needed_but_by_rules() {
    let (_keep, directory) = temporary();
    let path = directory.join("cases.jsonl");
    let path = path.to_str().unwrap();
    std::fs::write(path, case("one", r#""expected":"kept""#)).unwrap();
    let env = [
        ("TARGETS", "hook"),
        ("HOOK_KIND", "http"),
        ("HOOK_URL", "ssm:/url"),
        ("HOOK_BEARER", "secretsmanager:token"),
        ("HOOK_SIGNING_SECRET", "ssm:/key"),
    ];
    let Run { code, out, err } = test(&[path], &env);
    assert_eq!((code, &*out), (0, "1 case, 0 failed\n"), "{err}");
}

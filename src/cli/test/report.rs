//! The outcome of a run of cases, for people and for programs.

use serde_json::{Value, json};

use super::case::{Case, Expected};
use super::judge::{Found, Judged};
use crate::cli::diff::Difference;
use crate::cli::{Exit, Reply};

/// A run of cases.
#[derive(Default)]
pub(super) struct Report {
    pub(super) results: Vec<CaseResult>,
    /// What is wrong with the command, the files or the configuration.
    pub(super) problems: Vec<String>,
}

/// What became of one case.
pub(super) struct CaseResult {
    pub(super) file: String,
    /// Its number in the file, from 1.
    pub(super) number: u64,
    pub(super) case: Case,
    pub(super) judged: Judged,
}

impl Report {
    fn failed(&self) -> impl Iterator<Item = &CaseResult> {
        self.results.iter().filter(|result| !result.judged.is_ok)
    }

    fn exit(&self) -> Exit {
        if !self.problems.is_empty() {
            Exit::WrongUsage
        } else if self.failed().next().is_some() {
            Exit::Failed
        } else {
            Exit::Ok
        }
    }

    /// Prints a line for each case that failed, and a summary.
    pub(super) fn text(&self) -> Reply {
        let (count, failed) = (self.results.len(), self.failed().count());
        let noun = if count == 1 { "case" } else { "cases" };
        let mut stdout: String = self.failed().map(CaseResult::text).collect();
        if count > 0 {
            stdout += &format!("{count} {noun}, {failed} failed\n");
        }
        let problems = self.problems.iter();
        Reply {
            stdout,
            stderr: problems.map(|problem| format!("{problem}\n")).collect(),
            exit: self.exit(),
        }
    }

    /// Prints one JSON object.
    pub(super) fn json(&self) -> Reply {
        let results: Vec<_> = self.results.iter().map(CaseResult::json).collect();
        let summary = json!({
            "cases": results.len(),
            "failed": self.failed().count(),
            "problems": self.problems,
            "results": results,
        });
        Reply {
            exit: self.exit(),
            ..Reply::ok(format!("{summary}\n"))
        }
    }
}

impl CaseResult {
    fn text(&self) -> String {
        let Case {
            name, expected, by, ..
        } = &self.case;
        let by = by.as_ref().map_or(String::new(), |by| format!(" by {by}"));
        let expected = expected.word();
        let found = match &self.judged.found {
            Found::Kept(_) if !self.judged.differences.is_empty() => "another body".to_owned(),
            found => found.text(),
        };
        let head = format!(
            "FAILED  {}: case {} ({name:?}): expected {expected}{by}, found {found}\n",
            self.file, self.number
        );
        let lines = self.judged.differences.iter().map(difference);
        head + &lines.collect::<String>()
    }

    fn json(&self) -> Value {
        let Judged {
            target,
            found,
            differences,
            is_ok,
        } = &self.judged;
        let one = |one: &Difference| json!({ "path": one.path, "expected": one.before, "found": one.after });
        let mut result = json!({
            "file": self.file,
            "number": self.number,
            "name": self.case.name,
            "target": target,
            "ok": is_ok,
            "expected": self.case.expected.word(),
            "found": found.word(),
            "differences": differences.iter().map(one).collect::<Vec<_>>(),
        });
        let (name, value) = match found {
            Found::Kept(body) => ("body", body.clone()),
            Found::Dropped(by) => ("by", json!(by)),
            Found::Fails(reason) => ("reason", json!(reason)),
        };
        if let Value::Object(members) = &mut result {
            members.insert(name.into(), value);
        }
        result
    }
}

impl Expected {
    fn word(&self) -> &'static str {
        match self {
            Expected::Kept => "kept",
            Expected::Dropped => "dropped",
            Expected::Fails => "fails",
            Expected::Body(_) => "body",
        }
    }
}

impl Found {
    fn word(&self) -> &'static str {
        match self {
            Found::Kept(_) => "kept",
            Found::Dropped(_) => "dropped",
            Found::Fails(_) => "fails",
        }
    }

    fn text(&self) -> String {
        match self {
            Found::Kept(_) => "kept".into(),
            Found::Dropped(by) => format!("dropped by {by}"),
            Found::Fails(reason) => format!("fails: {reason}"),
        }
    }
}

/// Describes one difference on a line.
fn difference(one: &Difference) -> String {
    let path = if one.path.is_empty() {
        "the body"
    } else {
        &one.path
    };
    match (&one.before, &one.after) {
        (Some(expected), Some(found)) => {
            format!("    {path}: expected {expected}, found {found}\n")
        }
        (Some(expected), None) => format!("    {path}: expected {expected}, is not there\n"),
        (None, found) => {
            let found = found.as_ref().map_or(String::new(), Value::to_string);
            format!("    {path}: not expected, found {found}\n")
        }
    }
}

//! Reads the cases of a file, whatever they are framed by: lines, an array, one after another.

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use clicks::decode::{DecodeLimits, Decoder, Item};

use super::case::{BadCase, Case};

/// A case of a file.
pub(super) struct NumberedCase {
    /// Its number in the file, from 1.
    pub(super) number: u64,
    pub(super) case: Case,
}

/// The cases of a file, and what is wrong with the others.
#[derive(Default)]
pub(super) struct CaseFile {
    pub(super) cases: Vec<NumberedCase>,
    pub(super) problems: Vec<String>,
}

impl CaseFile {
    /// Reads the file at `path`.
    pub(super) fn read(path: &Path) -> CaseFile {
        let mut file = CaseFile::default();
        match std::fs::read(path) {
            Ok(bytes) => file.parse(bytes.into()),
            Err(error) => file.problems.push(format!("cannot be read: {error}")),
        }
        file
    }

    fn parse(&mut self, bytes: Bytes) {
        let mut decoder = Decoder::new(DecodeLimits::default());
        let mut input = Some(bytes.clone());
        let line = |offset: u64| {
            let before = bytes.get(..offset as usize).unwrap_or_default();
            1 + memchr::memchr_iter(b'\n', before).count()
        };
        let mut number = 0;
        loop {
            let bad = match decoder.advance() {
                Item::NeedInput => {
                    match input.take() {
                        Some(bytes) => decoder.push(bytes),
                        None => decoder.end(),
                    }
                    continue;
                }
                Item::End => break,
                Item::Record(record) => {
                    number += 1;
                    let line = line(record.place.offset);
                    self.add(number, line, Case::read(&record));
                    continue;
                }
                Item::Bad(bad) => bad,
                Item::Unreadable(bad) => bad,
            };
            number += 1;
            let line = line(bad.place.offset);
            let reason = bad.reason;
            self.problems.push(format!(
                "case {number}, from line {line} on, cannot be read: {reason}"
            ));
        }
        if number == 0 {
            let problem = "no cases are in it; a case is an object with name, click and expected";
            self.problems.push(problem.into());
        }
        self.refuse_duplicates();
    }

    fn add(&mut self, number: u64, line: usize, case: Result<Case, BadCase>) {
        match case {
            Ok(case) => self.cases.push(NumberedCase { number, case }),
            Err(BadCase { name, problems }) => {
                let name = name.map_or(format!("line {line}"), |name| format!("{name:?}"));
                let told = problems.into_iter();
                self.problems
                    .extend(told.map(|problem| format!("case {number} ({name}) {problem}")));
            }
        }
    }

    /// Notes the names that several cases have.
    fn refuse_duplicates(&mut self) {
        let mut first = BTreeMap::new();
        for NumberedCase { number, case } in &self.cases {
            let earlier = *first.entry(case.name.as_str()).or_insert(*number);
            if earlier != *number {
                self.problems.push(format!(
                    "case {number} ({:?}) has the name of case {earlier}; give each its own",
                    case.name
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> CaseFile {
        let mut file = CaseFile::default();
        file.parse(Bytes::copy_from_slice(text.as_bytes()));
        file
    }

    const ONE: &str = r#"{"name": "a", "click": {"n": 1.50}, "expected": "kept"}"#;
    const TWO: &str = r#"{"name":"b","target":"hook","env":{"HOOK_KIND":"stdout"},
        "click":{},"expected":{"body":[1]}}"#;

    #[test]
    fn cases_are_read_whatever_they_are_framed_by() {
        let flat = TWO.replace('\n', " ");
        for text in [
            format!("{ONE}\n{flat}\n"),
            format!("{ONE}\n{TWO}\n"),
            format!("{ONE}{TWO}"),
            format!("[{ONE},\n{TWO}]"),
            format!("\u{feff}{ONE}\r\n\r\n{flat}"),
        ] {
            let CaseFile { cases, problems } = parse(&text);
            assert_eq!(problems, Vec::<String>::new(), "{text}");
            let names: Vec<_> = cases.iter().map(|one| one.case.name.as_str()).collect();
            assert_eq!(names, ["a", "b"], "{text}");
            assert_eq!(cases[0].case.click, r#"{"n": 1.50}"#);
            assert_eq!(cases[1].case.target.as_deref(), Some("hook"));
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_the_number_and_the_name() {
        for (text, said) in [
            ("", "no cases are in it"),
            ("[]", "no cases are in it"),
            ("7", "case 1 (line 1) is a number, not an object"),
            (
                r#"{"name":"a","click":{}}"#,
                r#"case 1 ("a") has no expected"#,
            ),
            (
                r#"{"click":{},"expected":"kept"}"#,
                "case 1 (line 1) has no name",
            ),
            (
                r#"{"name":1,"click":{},"expected":"kept"}"#,
                "name is a number, not a string",
            ),
            (
                r#"{"name":"a","click":[],"expected":"kept"}"#,
                r#"("a") click is not an object"#,
            ),
            (
                r#"{"name":"a","click":{},"expected":"sent"}"#,
                r#"expected is none of "kept""#,
            ),
            (
                r#"{"name":"a","click":{},"expected":{"bodies":1}}"#,
                "expected is none of",
            ),
            (
                r#"{"name":"a","click":{},"expected":"kept","by":"AGENTS"}"#,
                "by names the variable",
            ),
            (
                r#"{"name":"a","click":{},"expected":"kept","envs":{}}"#,
                r#"an unknown member "envs""#,
            ),
            (
                r#"{"name":"a","click":{},"expected":"kept","env":{"A":1}}"#,
                "env.A is a number",
            ),
            ("{\"name\":\n\"a\",}\n", "cannot be read: not JSON"),
            (
                &format!("{ONE}\n{ONE}\n"),
                r#"case 2 ("a") has the name of case 1"#,
            ),
        ] {
            let problems = parse(text).problems;
            assert!(
                problems.iter().any(|one| one.contains(said)),
                "{text}: {problems:?}"
            );
        }
    }
}

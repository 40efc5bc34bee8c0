//! Reads variables from a file of `NAME=value` lines, as shells and containers have them.

use std::fmt;
use std::path::{Path, PathBuf};

use super::vars::Vars;

/// What is wrong with a file of variables. Values are never part of it: they may be secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvFileError {
    file: PathBuf,
    problems: Vec<String>,
}

impl fmt::Display for EnvFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        let mut separator = "";
        self.problems.iter().try_for_each(|problem| {
            write!(f, "{separator}{file}: {problem}")?;
            separator = "\n";
            Ok(())
        })
    }
}

impl std::error::Error for EnvFileError {}

/// Reads the variables in `file`; of one that stands twice, the last.
pub fn read(file: &Path) -> Result<Vars, EnvFileError> {
    let error = |problems| EnvFileError {
        file: file.to_owned(),
        problems,
    };
    let bytes =
        std::fs::read(file).map_err(|cause| error(vec![format!("cannot be read: {cause}")]))?;
    parse(&bytes).map_err(error)
}

/// Reads the variables in the contents of a file, or says what is wrong in which lines.
fn parse(bytes: &[u8]) -> Result<Vars, Vec<String>> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(vec!["is UTF-16; save it as UTF-8".into()]);
    }
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let (mut vars, mut problems) = (Vars::new(), Vec::new());
    for (number, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        let line = std::str::from_utf8(line).map_err(|_| "is not UTF-8".to_owned());
        match line.and_then(assignment) {
            Ok(assignment) => vars.extend(assignment),
            Err(problem) => problems.push(format!("line {number}: {problem}")),
        }
    }
    if problems.is_empty() {
        Ok(vars)
    } else {
        Err(problems)
    }
}

/// Reads a line: a name and its value, or neither.
fn assignment(line: &str) -> Result<Option<(String, String)>, String> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let exported = line
        .strip_prefix("export")
        .filter(|rest| rest.starts_with(char::is_whitespace));
    let (name, value) = exported
        .unwrap_or(line)
        .split_once('=')
        .ok_or("expected NAME=value, but there is no =")?;
    let name = name.trim();
    let is_letter = |c: u8| c.is_ascii_alphanumeric() || c == b'_';
    if name.starts_with(|c: char| c.is_ascii_digit()) || !name.bytes().all(is_letter) {
        return Err("expected NAME=value, where a name is letters, digits and _".into());
    }
    if name.is_empty() {
        return Err("expected NAME=value, but there is nothing before the =".into());
    }
    let value = self::value(value).map_err(|problem| format!("{name} {problem}"))?;
    if value.contains('\0') {
        return Err(format!("{name} holds a NUL character"));
    }
    Ok(Some((name.into(), value)))
}

/// Reads what follows the `=`. The error goes on after the variable's name.
fn value(text: &str) -> Result<String, String> {
    let begun = text.trim_start();
    match begun.chars().next() {
        Some(quote @ ('\'' | '"')) => quoted(begun.get(1..).unwrap_or_default(), quote),
        _ => {
            let text = without_comment(text).trim();
            refuse_expansion(text)?;
            Ok(text.to_owned())
        }
    }
}

/// Reads the rest of a quoted value. In double quotes, `\` takes away the meaning of the quote, of
/// `$` and of itself, and `\n` is a line feed.
fn quoted(text: &str, quote: char) -> Result<String, String> {
    let (mut value, mut letters) = (String::new(), text.char_indices());
    while let Some((at, c)) = letters.next() {
        if c == quote {
            let rest = text.get(at + 1..).unwrap_or_default();
            return match without_comment(rest).trim() {
                "" => Ok(value),
                _ => Err(format!("has something after the closing {quote}")),
            };
        }
        if quote == '\'' {
            value.push(c);
        } else if c == '\\' {
            match letters.next() {
                Some((_, escaped @ ('"' | '\\' | '$' | '`'))) => value.push(escaped),
                Some((_, 'n')) => value.push('\n'),
                Some((_, other)) => value.extend(['\\', other]),
                None => value.push('\\'),
            }
        } else {
            if c == '$' {
                refuse_expansion(text.get(at..).unwrap_or_default())?;
            }
            value.push(c);
        }
    }
    Err(format!("has no closing {quote} on its line"))
}

/// Leaves out what follows a `#` after a blank.
fn without_comment(text: &str) -> &str {
    let mut marks = text.match_indices('#').map(|(at, _)| at);
    let is_comment = |at: &usize| {
        let before = text.get(..*at).unwrap_or_default();
        before.ends_with(char::is_whitespace)
    };
    marks
        .find(is_comment)
        .and_then(|at| text.get(..at))
        .unwrap_or(text)
}

/// Refuses what a shell would put another text in the place of: nobody means it as it stands.
fn refuse_expansion(text: &str) -> Result<(), String> {
    let is_name = |text: &str| {
        let letters = text.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_');
        letters && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
    };
    let whole = text.strip_prefix('$').is_some_and(is_name);
    if whole || text.contains("${") || text.contains("$(") {
        Err(
            "holds a variable or command of the shell, which is not put in its place here; write \
             the value, or put it in single quotes if it is meant as it stands"
                .into(),
        )
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(line: &str) -> String {
        let mut vars = parse(line.as_bytes()).unwrap_or_else(|problems| panic!("{problems:?}"));
        assert_eq!(vars.len(), 1, "{line}");
        vars.pop_first().unwrap().1
    }

    #[test]
    fn values_are_taken_as_they_stand() {
        for (line, value) in [
            ("A=b", "b"),
            ("export A=b", "b"),
            ("  A = b  ", "b"),
            ("A=", ""),
            ("A= # a comment", ""),
            ("A=b # a comment", "b"),
            ("A=b#c", "b#c"),
            ("A=#b", "#b"),
            ("A=Bearer my token", "Bearer my token"),
            ("A=b=c==", "b=c=="),
            ("A=pa$word$$1", "pa$word$$1"),
            ("A='b # \"c\" $D ${E}'", "b # \"c\" $D ${E}"),
            ("A=\"b # 'c'\" # a comment", "b # 'c'"),
            (r#"A="b\"\\\$\n\d""#, "b\"\\$\n\\d"),
            ("A=''", ""),
            ("A=it's", "it's"),
            ("A=é", "é"),
        ] {
            assert_eq!(one(line), value, "{line}");
            assert_eq!(one(&format!("{line}\r\n")), value, "{line} and CRLF");
            assert_eq!(
                one(&format!("\u{feff}{line}\n")),
                value,
                "{line} after a BOM"
            );
        }
    }

    #[test]
    fn the_last_of_two_counts_and_comments_and_blank_lines_do_not() {
        let text = "# a\n\n  # b\nA=1\nB=2\r\n\t\nA=3";
        let vars = parse(text.as_bytes()).unwrap();
        let expected = Vars::from([("A".into(), "3".into()), ("B".into(), "2".into())]);
        assert_eq!(vars, expected);
        assert_eq!(parse(b""), Ok(Vars::new()));
    }

    #[test]
    fn what_is_wrong_is_told_by_its_line_and_without_a_value() {
        for (text, said) in [
            (
                "# x\nhidden",
                "line 2: expected NAME=value, but there is no =",
            ),
            ("A-B=hidden", "line 1: expected NAME=value, where a name"),
            ("1A=hidden", "line 1: expected NAME=value, where a name"),
            (
                "=hidden",
                "line 1: expected NAME=value, but there is nothing before",
            ),
            ("export A", "line 1: expected NAME=value, but there is no ="),
            ("A='hidden", "line 1: A has no closing ' on its line"),
            ("A=\"hidden\\\"", "line 1: A has no closing \" on its line"),
            ("A='hid'den", "line 1: A has something after the closing '"),
            ("A=$HIDDEN", "line 1: A holds a variable or command"),
            ("A=x${HIDDEN}", "line 1: A holds a variable or command"),
            ("A=\"x $(hidden)\"", "line 1: A holds a variable or command"),
            ("A=hid\0den", "line 1: A holds a NUL"),
        ] {
            let problems = parse(text.as_bytes()).unwrap_err();
            assert_eq!(problems.len(), 1, "{text}");
            assert!(problems[0].starts_with(said), "{problems:?}");
            assert!(!problems[0].to_lowercase().contains("hid"), "{problems:?}");
        }
        assert_eq!(parse(b"A=\xff\nB=1\nC\n").unwrap_err().len(), 2);
        assert_eq!(
            parse(b"\xff\xfeA\0").unwrap_err(),
            ["is UTF-16; save it as UTF-8"]
        );
        let missing = read(Path::new("none.env")).unwrap_err().to_string();
        assert!(
            missing.starts_with("none.env: cannot be read: "),
            "{missing}"
        );
    }
}

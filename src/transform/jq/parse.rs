//! Compiles the text of an expression, or shows where it is wrong.

use std::thread;

use jaq_core::load::lex::{Lexer, StrPart, Tok, Token};
use jaq_core::load::parse::{Parser, Term};
use jaq_core::load::{self, parse};

use super::lower::{Fault, Lowering};
use super::program::Program;
use crate::transform::key::HashKey;

/// Longest expression, in bytes.
pub(super) const LONGEST: usize = 16 << 10;

/// Most words and signs of an expression.
const MOST_TOKENS: usize = 4000;

/// Bytes of the stack on which an expression is compiled: the parser calls itself for each bracket,
/// and an expression may be nothing but brackets.
const STACK: usize = 128 << 20;

/// Most characters of a line of the expression that a mistake shows.
const SHOWN: usize = 60;

/// Compiles `text`. `Err` says what is wrong with it, and shows where.
pub(super) fn compile(text: &str, key: Option<&HashKey>) -> Result<Program, String> {
    if text.len() > LONGEST {
        let found = text.len();
        return Err(format!(
            "has {found} bytes; an expression may have {LONGEST}"
        ));
    }
    thread::scope(|scope| {
        let compile = || compiled(text, key);
        let thread = thread::Builder::new()
            .name("jq".into())
            .stack_size(STACK)
            .spawn_scoped(scope, compile);
        match thread.map(thread::ScopedJoinHandle::join) {
            Ok(Ok(compiled)) => compiled,
            Ok(Err(_)) => Err("cannot be read as jq".into()),
            Err(error) => Err(format!("cannot be compiled: {error}")),
        }
    })
}

fn compiled(text: &str, key: Option<&HashKey>) -> Result<Program, String> {
    let at = |part: &str, problem: String| shown(text, load::span(text, part).start, &problem);
    let tokens = Lexer::new(text).lex().map_err(|errors| {
        let problem = |(expected, rest): &(_, &str)| wrong_token(expected, rest);
        let first = errors.first();
        let rest = first.map_or(text, |(_, rest)| *rest);
        at(rest, first.map(problem).unwrap_or_default())
    })?;
    if let Some(Token(word @ ("import" | "include" | "module"), _)) = tokens.first() {
        return Err(at(word, "nothing can be imported or included".into()));
    }
    let count = count(&tokens);
    if count > MOST_TOKENS {
        return Err(format!(
            "has {count} words and signs; an expression may have {MOST_TOKENS}"
        ));
    }
    let term = Parser::new(&tokens).parse(|parser| parser.term());
    let term = term.map_err(|errors| {
        let Some((expected, found)) = errors.first() else {
            return "cannot be read as jq".to_owned();
        };
        let problem = wrong_term(expected, *found);
        at(Token::opt_as_str(*found, text), problem)
    })?;
    lowered(text, &term, key)
}

/// Counts tokens, those in brackets and texts too.
fn count(tokens: &[Token<&str>]) -> usize {
    let inside = |Token(_, token): &Token<&str>| match token {
        Tok::Block(tokens) => count(tokens),
        Tok::Str(parts) => parts
            .iter()
            .map(|part| match part {
                StrPart::Term(token) => count(std::slice::from_ref(token)),
                StrPart::Str(_) | StrPart::Char(_) => 1,
            })
            .sum(),
        _ => 0,
    };
    tokens.iter().map(|token| 1 + inside(token)).sum()
}

fn lowered(text: &str, term: &Term<&str>, key: Option<&HashKey>) -> Result<Program, String> {
    Lowering::new(key)
        .program(term)
        .map_err(|Fault { at, problem }| match at {
            "" => problem,
            at => shown(text, load::span(text, at).start, &problem),
        })
}

fn wrong_token(expected: &load::lex::Expect<&str>, rest: &str) -> String {
    use load::lex::Expect;
    let found = rest.chars().next();
    match (expected, found) {
        (Expect::Delim(open), _) => format!("{open} is not closed"),
        (Expect::Token, Some('&')) => "jq writes `and`, not &".into(),
        (Expect::Token, Some('\'')) => "a text stands between double quotes".into(),
        (Expect::Token, Some(c @ (')' | ']' | '}'))) => format!("{c} closes nothing"),
        (Expect::Token, Some(c)) => format!("{c} has no meaning in jq"),
        (expected, Some(c)) => format!("found {c}; expected {}", expected.as_str()),
        (expected, None) => format!("the end; expected {}", expected.as_str()),
    }
}

fn wrong_term(expected: &parse::Expect<&str>, found: Option<&Token<&str>>) -> String {
    let found = match found.map(Token::as_str) {
        None => "the expression ends here".to_owned(),
        Some(token) => format!("found {}", cut(token)),
    };
    match expected {
        parse::Expect::Nothing => format!("{found}, which does not go on from what is before it"),
        expected => format!("{found}; expected {}", expected.as_str()),
    }
}

fn cut(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    match line.char_indices().nth(20) {
        Some((at, _)) => format!("{}…", line.get(..at).unwrap_or_default()),
        None => line.to_owned(),
    }
}

/// Shows the line of `text` that `at` is in, with a caret below it.
fn shown(text: &str, at: usize, problem: &str) -> String {
    let at = (0..=at.min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at));
    let (before, after) = text.split_at_checked(at.unwrap_or(0)).unwrap_or((text, ""));
    let number = before.matches('\n').count() + 1;
    let start = before.rsplit('\n').next().unwrap_or_default();
    let column = start.chars().count() + 1;
    let rest = after.lines().next().unwrap_or_default();
    // Of a long line, the part that the caret is in.
    let skipped = (column - 1).saturating_sub(SHOWN / 2);
    let line: String = [start, rest].concat();
    let line: String = line.chars().skip(skipped).take(SHOWN).collect();
    let line = line.replace(|c: char| c.is_control(), " ");
    let indent = " ".repeat(column - 1 - skipped);
    let place = match text.contains('\n') {
        true => format!("line {number}, column {column}"),
        false => format!("column {column}"),
    };
    format!("{problem} ({place})\n      {line}\n      {indent}^")
}

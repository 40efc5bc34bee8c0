//! Regular expressions: compiled once, at the start, and small, so that a search in a text takes
//! time in proportion to it.

use jaq_json::{Map, Val};
use regex_automata::meta::Regex;
use regex_automata::nfa::thompson;
use regex_automata::util::captures::Captures;
use regex_automata::util::syntax;
use regex_automata::{Input, Span};

use super::bounds::{Bounds, Flow, VALUE};
use super::functions::Signature;
use super::program::Node;

/// Longest pattern.
const LONGEST: usize = 1024;

/// Most bytes of a compiled pattern.
const LARGEST: usize = 512 << 10;

/// States of a compiled pattern that are searched with for the price of a text without a pattern.
const CHEAP: usize = 256;

/// What is made of a text with a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RegexKind {
    Test,
    Match,
    Capture,
    Scan,
    Split,
    Splits,
    Sub,
    GSub,
}

impl RegexKind {
    /// All functions that take a pattern.
    pub const ALL: &[(Signature, RegexKind)] = &[
        (Signature::new("test", 1), RegexKind::Test),
        (Signature::new("test", 2), RegexKind::Test),
        (Signature::new("match", 1), RegexKind::Match),
        (Signature::new("match", 2), RegexKind::Match),
        (Signature::new("capture", 1), RegexKind::Capture),
        (Signature::new("capture", 2), RegexKind::Capture),
        (Signature::new("scan", 1), RegexKind::Scan),
        (Signature::new("scan", 2), RegexKind::Scan),
        (Signature::new("split", 2), RegexKind::Split),
        (Signature::new("splits", 1), RegexKind::Splits),
        (Signature::new("splits", 2), RegexKind::Splits),
        (Signature::new("sub", 2), RegexKind::Sub),
        (Signature::new("sub", 3), RegexKind::Sub),
        (Signature::new("gsub", 2), RegexKind::GSub),
        (Signature::new("gsub", 3), RegexKind::GSub),
    ];

    pub fn of(name: &str, arity: usize) -> Option<RegexKind> {
        let known = Self::ALL.iter();
        let mut found = known.filter(|(known, _)| known.name == name && known.arity == arity);
        found.next().map(|(_, kind)| *kind)
    }

    /// Whether the second argument is run for each match.
    pub fn takes_body(self) -> bool {
        matches!(self, RegexKind::Sub | RegexKind::GSub)
    }

    fn is_global(self) -> bool {
        !matches!(
            self,
            RegexKind::Test | RegexKind::Match | RegexKind::Capture | RegexKind::Sub
        )
    }
}

/// A call of a function that takes a pattern.
#[derive(Debug)]
pub(super) struct RegexCall {
    pub kind: RegexKind,
    /// The replacement, for each match.
    pub body: Option<Node>,
    regex: Regex,
    is_global: bool,
    ignores_empty: bool,
    /// How much dearer its search is than that of a small pattern.
    price: usize,
}

/// A match: its span, and those of its groups.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub span: Span,
    groups: Vec<Group>,
}

#[derive(Clone, Debug)]
struct Group {
    name: Option<String>,
    span: Option<Span>,
}

impl RegexCall {
    /// Compiles a pattern with flags, or says what is wrong with it.
    pub fn new(
        kind: RegexKind,
        pattern: &str,
        flags: &str,
        body: Option<Node>,
    ) -> Result<RegexCall, String> {
        if pattern.len() > LONGEST {
            let found = pattern.len();
            return Err(format!(
                "the pattern has {found} bytes; at most {LONGEST} may be"
            ));
        }
        let (mut is_global, mut ignores_empty) = (kind.is_global(), false);
        let mut config = syntax::Config::new();
        for flag in flags.chars() {
            config = match flag {
                'g' => {
                    is_global = true;
                    config
                }
                'n' => {
                    ignores_empty = true;
                    config
                }
                'i' => config.case_insensitive(true),
                'x' => config.ignore_whitespace(true),
                's' => config.dot_matches_new_line(true),
                'm' => config.multi_line(true),
                'p' => config.dot_matches_new_line(true).multi_line(true),
                other => {
                    return Err(format!(
                        "{other:?} is no flag; there are g, i, m, n, p, s, x"
                    ));
                }
            };
        }
        let wrong = |problem: String| {
            let problem = problem.lines().last().unwrap_or_default().trim().to_owned();
            format!("the pattern {pattern:?} is wrong: {problem}")
        };
        let limited = thompson::Config::new().nfa_size_limit(Some(LARGEST));
        let nfa = thompson::Compiler::new()
            .syntax(config)
            .configure(limited)
            .build(pattern)
            .map_err(|error| wrong(cause(&error)))?;
        let limits = Regex::config()
            .nfa_size_limit(Some(LARGEST))
            .onepass_size_limit(Some(LARGEST))
            .dfa_size_limit(Some(LARGEST))
            .hybrid_cache_capacity(LARGEST);
        let regex = Regex::builder()
            .syntax(config)
            .configure(limits)
            .build(pattern)
            .map_err(|error| wrong(error.to_string()))?;
        Ok(RegexCall {
            kind,
            body,
            regex,
            is_global,
            ignores_empty,
            price: 1 + nfa.states().len() / CHEAP,
        })
    }

    /// Finds the matches in `text`, after counting the search for each.
    pub fn find(&self, bounds: &Bounds, text: &str) -> Flow<Vec<Found>> {
        let mut found = Vec::new();
        let mut captures = self.regex.create_captures();
        let mut from = 0;
        while from <= text.len() {
            bounds.steps(1)?;
            bounds.text((text.len() - from).saturating_mul(self.price))?;
            self.regex
                .captures(Input::new(text).range(from..), &mut captures);
            let Some(span) = captures.get_match().map(|found| found.span()) else {
                break;
            };
            from = match span.is_empty() {
                true => next_character(text, span.end),
                false => span.end,
            };
            if self.ignores_empty && span.is_empty() {
                continue;
            }
            bounds.bytes((1 + captures.group_len()) * 2 * VALUE)?;
            found.push(Found {
                span,
                groups: self.groups(&captures),
            });
            if !self.is_global {
                break;
            }
        }
        Ok(found)
    }

    fn groups(&self, captures: &Captures) -> Vec<Group> {
        let names = captures
            .group_info()
            .pattern_names(regex_automata::PatternID::ZERO);
        let groups = captures.iter().zip(names).skip(1);
        groups
            .map(|(span, name)| Group {
                name: name.map(str::to_owned),
                span,
            })
            .collect()
    }

    /// Whether `text` has a match.
    pub fn is_match(&self, bounds: &Bounds, text: &str) -> Flow<bool> {
        bounds.text(text.len().saturating_mul(self.price))?;
        Ok(self.regex.is_match(text))
    }
}

/// Returns where the character behind the one at `at` begins.
fn next_character(text: &str, at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    at + rest.chars().next().map_or(1, char::len_utf8)
}

/// Returns the innermost cause of an error.
fn cause(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.last().map(ToString::to_string).unwrap_or_default()
}

impl Found {
    /// Returns the match as `match` describes it.
    pub fn described(&self, bounds: &Bounds, text: &str) -> Flow<Val> {
        let mut described = piece(bounds, text, Some(self.span))?;
        let mut groups = Vec::new();
        for group in &self.groups {
            let mut members = piece(bounds, text, group.span)?;
            let name = group.name.clone().map_or(Val::Null, Val::from);
            members.insert(Val::from("name".to_owned()), name);
            groups.push(Val::obj(members));
        }
        described.insert(Val::from("captures".to_owned()), Val::Arr(groups.into()));
        Ok(Val::obj(described))
    }

    /// Returns the named groups as an object.
    pub fn named(&self, bounds: &Bounds, text: &str) -> Flow<Val> {
        let mut members = Map::default();
        for group in &self.groups {
            if let Some(name) = &group.name {
                let part = part(bounds, text, group.span)?;
                members.insert(Val::from(name.clone()), part);
            }
        }
        Ok(Val::obj(members))
    }

    /// Returns the groups as an array, or the whole match if there are none.
    pub fn scanned(&self, bounds: &Bounds, text: &str) -> Flow<Val> {
        if self.groups.is_empty() {
            return part(bounds, text, Some(self.span));
        }
        let groups = self.groups.iter();
        groups.map(|group| part(bounds, text, group.span)).collect()
    }
}

/// Returns a part of the text; `null` for a group that took no part in a match.
pub(super) fn part(bounds: &Bounds, text: &str, span: Option<Span>) -> Flow<Val> {
    let Some(span) = span else {
        return Ok(Val::Null);
    };
    let part = text.get(span.start..span.end).unwrap_or_default();
    bounds.bytes(part.len() + 2 * VALUE)?;
    Ok(Val::from(part.to_owned()))
}

/// Describes a part of the text: where it begins and how long it is, in characters.
fn piece(bounds: &Bounds, text: &str, span: Option<Span>) -> Flow<Map> {
    let string = part(bounds, text, span)?;
    let (offset, length) = match span {
        None => (Val::from(-1_isize), 0),
        Some(span) => {
            bounds.text(span.end)?;
            let before = text.get(..span.start).unwrap_or_default();
            let inside = text.get(span.start..span.end).unwrap_or_default();
            (Val::from(before.chars().count()), inside.chars().count())
        }
    };
    bounds.bytes(12 * VALUE)?;
    let mut members = Map::default();
    members.insert(Val::from("offset".to_owned()), offset);
    members.insert(Val::from("length".to_owned()), Val::from(length));
    members.insert(Val::from("string".to_owned()), string);
    Ok(members)
}

//! Turns a parsed term into a program: resolves names, and refuses what may not be used.

use std::collections::HashMap;
use std::sync::LazyLock;

use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::{BinaryOp, Def, Pattern as Pat, Term};
use jaq_core::path::{Opt, Part};
use jaq_json::Val;

use super::functions::{self, HMAC, Known, Signature};
use super::program::{
    Binding, Branch, Change, Definition, Fold, Member, Node, Parameter, Pattern, Piece, Program,
    Step, StepPart,
};
use super::regex::{RegexCall, RegexKind};
use super::value;
use crate::transform::key::HashKey;

/// Most levels of an expression.
const LEVELS: usize = 300;

/// The functions that are written in jq.
const PRELUDE: &str = include_str!("prelude.jq");

static DEFINITIONS: LazyLock<Vec<Def<&'static str>>> =
    LazyLock::new(|| jaq_core::load::parse(PRELUDE, |parser| parser.defs()).unwrap_or_default());

/// Returns the functions that are written in jq, with the numbers of their arguments.
pub(super) fn written_in_jq() -> impl Iterator<Item = Signature> {
    let signature = |def: &Def<&'static str>| Signature::new(def.name, def.args.len());
    DEFINITIONS.iter().map(signature)
}

/// Why a term cannot be used, and the part of the text that is at fault.
#[derive(Debug)]
pub(super) struct Fault<'s> {
    pub at: &'s str,
    pub problem: String,
}

type Lowered<'s, T = Node> = Result<T, Fault<'s>>;

fn fault<'s, T>(at: &'s str, problem: impl Into<String>) -> Lowered<'s, T> {
    let problem = problem.into();
    Err(Fault { at, problem })
}

/// A name that an expression has given.
#[derive(Clone, Copy, Debug)]
enum Name<'s> {
    Variable(&'s str),
    /// A parameter `$x`, which is `x` too.
    Parameter(&'s str),
    Argument(&'s str),
    Label(&'s str),
    Definition {
        name: &'s str,
        arity: usize,
        index: usize,
        /// Slots that were bound where it stands.
        slots: usize,
    },
}

impl Name<'_> {
    fn has_slot(self) -> bool {
        !matches!(self, Name::Definition { .. })
    }
}

/// Turns terms into nodes.
pub(super) struct Lowering<'s> {
    names: Vec<Name<'s>>,
    definitions: Vec<Definition>,
    /// The functions of the prelude that are in use.
    from_prelude: HashMap<(&'static str, usize), usize>,
    level: usize,
    key: Option<&'s HashKey>,
}

impl<'s> Lowering<'s> {
    pub fn new(key: Option<&'s HashKey>) -> Lowering<'s> {
        Lowering {
            names: Vec::new(),
            definitions: Vec::new(),
            from_prelude: HashMap::new(),
            level: 0,
            key,
        }
    }

    pub fn program(mut self, main: &Term<&'s str>) -> Lowered<'s, Program> {
        let main = self.term(main)?;
        Ok(Program {
            main,
            definitions: self.definitions,
        })
    }

    fn boxed(&mut self, term: &Term<&'s str>) -> Lowered<'s, Box<Node>> {
        self.term(term).map(Box::new)
    }

    fn term(&mut self, term: &Term<&'s str>) -> Lowered<'s> {
        self.level += 1;
        if self.level > LEVELS {
            return fault("", format!("is nested more than {LEVELS} levels deep"));
        }
        let node = self.at_level(term);
        self.level -= 1;
        node
    }

    fn at_level(&mut self, term: &Term<&'s str>) -> Lowered<'s> {
        Ok(match term {
            Term::Id => Node::Identity,
            Term::Recurse => Node::Recurse,
            Term::Num(digits) => Node::Literal(value::number(digits)),
            Term::Str(format, parts) => self.text(*format, parts)?,
            Term::Arr(None) => Node::Array(None),
            Term::Arr(Some(term)) => Node::Array(Some(self.boxed(term)?)),
            Term::Obj(members) => self.object(members)?,
            Term::Neg(term) => Node::Negate(self.boxed(term)?),
            Term::BinOp(left, op, right) => self.operation(left, op, right)?,
            Term::Label(name, term) => {
                let body = self.below(&[Name::Label(name)], |lowering| lowering.boxed(term))?;
                Node::Label(body)
            }
            Term::Break(name) => {
                let is_label = |known| matches!(known, Name::Label(known) if known == *name);
                match self.slot(is_label) {
                    Some(slot) => Node::Break(slot),
                    None => return fault(name, format!("there is no label {name}")),
                }
            }
            Term::Fold(kind, source, pattern, parts) => self.fold(kind, source, pattern, parts)?,
            Term::TryCatch(body, None) => Node::Try(self.boxed(body)?, None),
            Term::TryCatch(body, Some(handler)) => {
                Node::Try(self.boxed(body)?, Some(self.boxed(handler)?))
            }
            Term::IfThenElse(branches, otherwise) => self.branches(branches, otherwise)?,
            Term::Def(defs, term) => {
                let before = self.names.len();
                for def in defs {
                    self.definition(def)?;
                }
                let body = self.term(term);
                self.names.truncate(before);
                body?
            }
            Term::Call(name, arguments) => self.call(name, arguments)?,
            Term::Var(name) => {
                let is_variable = |known| matches!(known, Name::Variable(known) | Name::Parameter(known) if known == *name);
                match self.slot(is_variable) {
                    Some(slot) => Node::Variable(slot),
                    None => return fault(name, no_variable(name)),
                }
            }
            Term::Path(base, path) => self.path(base, &path.0)?,
        })
    }

    /// Lowers with `names` bound.
    fn below<T>(
        &mut self,
        names: &[Name<'s>],
        lower: impl FnOnce(&mut Self) -> Lowered<'s, T>,
    ) -> Lowered<'s, T> {
        let before = self.names.len();
        self.names.extend(names);
        let lowered = lower(self);
        self.names.truncate(before);
        lowered
    }

    /// Returns how far out the innermost binding is that `is` describes.
    fn slot(&self, is: impl Fn(Name<'s>) -> bool) -> Option<usize> {
        let slots = self.names.iter().rev().filter(|name| name.has_slot());
        slots.copied().position(is)
    }

    fn text(
        &mut self,
        format: Option<&'s str>,
        parts: &[StrPart<&'s str, Term<&'s str>>],
    ) -> Lowered<'s> {
        if parts.iter().all(|part| !matches!(part, StrPart::Term(_))) {
            return Ok(Node::Literal(Val::from(plain(parts))));
        }
        let name = format.unwrap_or("@text");
        let Some(Known::Function(format)) = functions::known(name, 0) else {
            return fault(name, unknown(name, 0));
        };
        let mut pieces = Vec::new();
        for part in parts {
            pieces.push(match part {
                StrPart::Term(term) => Piece::Filled(self.term(term)?, format),
                other => Piece::Plain(plain(std::slice::from_ref(other))),
            });
        }
        Ok(Node::Text(pieces))
    }

    fn object(&mut self, members: &[(Term<&'s str>, Option<Term<&'s str>>)]) -> Lowered<'s> {
        let mut lowered = Vec::new();
        for (name, value) in members {
            lowered.push(match (name, value) {
                (Term::Var(variable), None) => Member {
                    name: Node::Literal(Val::from(variable.trim_start_matches('$').to_owned())),
                    value: self.term(name)?,
                },
                (name, None) => Member {
                    name: self.term(name)?,
                    value: Node::Path(
                        Box::new(Node::Identity),
                        vec![Step {
                            part: StepPart::Index(self.term(name)?),
                            is_optional: false,
                        }],
                    ),
                },
                (name, Some(value)) => Member {
                    name: self.term(name)?,
                    value: self.term(value)?,
                },
            });
        }
        Ok(Node::Object(lowered))
    }

    fn operation(
        &mut self,
        left: &Term<&'s str>,
        op: &BinaryOp<&'s str>,
        right: &Term<&'s str>,
    ) -> Lowered<'s> {
        if let BinaryOp::Pipe(Some(pattern)) = op {
            let source = self.term(left)?;
            let (pattern, names) = self.pattern(pattern)?;
            let body = self.below(&names, |lowering| lowering.term(right))?;
            return Ok(Node::Bind(Box::new(Binding {
                source,
                pattern,
                body,
            })));
        }
        let (left, right) = (self.boxed(left)?, self.boxed(right)?);
        Ok(match op {
            BinaryOp::Pipe(_) => Node::Pipe(left, right),
            BinaryOp::Comma => Node::Comma(left, right),
            BinaryOp::Alt => Node::Alternative(left, right),
            BinaryOp::Or => Node::Logic(left, true, right),
            BinaryOp::And => Node::Logic(left, false, right),
            BinaryOp::Math(op) => Node::Math(left, *op, right),
            BinaryOp::Cmp(op) => Node::Compare(left, *op, right),
            BinaryOp::Assign => Node::Change(left, Change::Assign, right),
            BinaryOp::Update => Node::Change(left, Change::Update, right),
            BinaryOp::UpdateMath(op) => Node::Change(left, Change::Math(*op), right),
            BinaryOp::UpdateAlt => Node::Change(left, Change::Alternative, right),
        })
    }

    fn fold(
        &mut self,
        kind: &'s str,
        source: &Term<&'s str>,
        pattern: &Pat<&'s str>,
        parts: &[Term<&'s str>],
    ) -> Lowered<'s> {
        let (start, update, extract) = match (kind, parts) {
            ("foreach", [start, update, extract]) => (start, update, Some(extract)),
            (_, [start, update]) => (start, update, None),
            _ => {
                return fault(
                    kind,
                    format!("{kind} takes two parts in its brackets, foreach two or three"),
                );
            }
        };
        let (source, start) = (self.term(source)?, self.term(start)?);
        let (pattern, names) = self.pattern(pattern)?;
        let (update, extract) = self.below(&names, |lowering| {
            let update = lowering.term(update)?;
            let extract = extract.map(|term| lowering.term(term)).transpose()?;
            Ok((update, extract))
        })?;
        let fold = Box::new(Fold {
            source,
            pattern,
            start,
            update,
            extract,
        });
        Ok(match kind {
            "reduce" => Node::Reduce(fold),
            _ => Node::Foreach(fold),
        })
    }

    /// Lowers a pattern; returns with it the variables that it binds, in their order.
    fn pattern(&mut self, pattern: &Pat<&'s str>) -> Lowered<'s, (Pattern, Vec<Name<'s>>)> {
        let mut names = Vec::new();
        let pattern = self.pattern_into(pattern, &mut names)?;
        Ok((pattern, names))
    }

    fn pattern_into(
        &mut self,
        pattern: &Pat<&'s str>,
        names: &mut Vec<Name<'s>>,
    ) -> Lowered<'s, Pattern> {
        self.level += 1;
        if self.level > LEVELS {
            return fault("", format!("is nested more than {LEVELS} levels deep"));
        }
        let mut parts = Vec::new();
        match pattern {
            Pat::Var(name) => {
                names.push(Name::Variable(name));
                self.level -= 1;
                return Ok(Pattern::Variable);
            }
            Pat::Arr(items) => {
                for (index, item) in items.iter().enumerate() {
                    let key = Node::Literal(Val::from(index));
                    parts.push((key, self.pattern_into(item, names)?));
                }
            }
            Pat::Obj(members) => {
                for (key, member) in members {
                    let bound = names.clone();
                    let key = self.below(&bound, |lowering| lowering.term(key))?;
                    parts.push((key, self.pattern_into(member, names)?));
                }
            }
        }
        self.level -= 1;
        Ok(Pattern::Parts(parts))
    }

    fn branches(
        &mut self,
        branches: &[(Term<&'s str>, Term<&'s str>)],
        otherwise: &Option<Box<Term<&'s str>>>,
    ) -> Lowered<'s> {
        let mut no = match otherwise {
            Some(term) => self.term(term)?,
            None => Node::Identity,
        };
        if branches.len() > LEVELS {
            return fault("", format!("has more than {LEVELS} branches in a row"));
        }
        for (condition, yes) in branches.iter().rev() {
            no = Node::If(Box::new(Branch {
                condition: self.term(condition)?,
                yes: self.term(yes)?,
                no,
            }));
        }
        Ok(no)
    }

    /// Lowers a definition and gives it its name.
    fn definition(&mut self, def: &Def<&'s str>) -> Lowered<'s, usize> {
        let index = self.definitions.len();
        self.definitions.push(Definition::default());
        self.names.push(Name::Definition {
            name: def.name,
            arity: def.args.len(),
            index,
            slots: self.names.iter().filter(|name| name.has_slot()).count(),
        });
        let names: Vec<_> = def.args.iter().map(|name| parameter(name)).collect();
        let is_value = |name: &Name<'_>| matches!(name, Name::Parameter(_));
        let parameters = names.iter().map(|name| match is_value(name) {
            true => Parameter::Value,
            false => Parameter::Closure,
        });
        let parameters = parameters.collect();
        let body = self.below(&names, |lowering| lowering.term(&def.body))?;
        if let Some(definition) = self.definitions.get_mut(index) {
            *definition = Definition { parameters, body };
        }
        Ok(index)
    }

    fn call(&mut self, name: &'s str, arguments: &[Term<&'s str>]) -> Lowered<'s> {
        if let Some(node) = self.local(name, arguments)? {
            return Ok(node);
        }
        let arity = arguments.len();
        if name == HMAC && arity == 0 {
            return match self.key {
                Some(key) => Ok(Node::Hmac(Box::new(key.clone()))),
                None => fault(name, "hmac needs a key: set _HASH_KEY"),
            };
        }
        if let Some(kind) = RegexKind::of(name, arity) {
            return self.regex(name, kind, arguments);
        }
        match functions::known(name, arity) {
            Some(Known::Function(function)) => Ok(Node::Function(function, self.terms(arguments)?)),
            Some(Known::Control(control)) => Ok(Node::Control(control, self.terms(arguments)?)),
            None => match self.prelude(name, arity)? {
                Some(definition) => Ok(Node::Call {
                    definition,
                    hidden: None,
                    arguments: self.terms(arguments)?,
                }),
                None => fault(name, unknown(name, arity)),
            },
        }
    }

    fn terms(&mut self, terms: &[Term<&'s str>]) -> Lowered<'s, Vec<Node>> {
        terms.iter().map(|term| self.term(term)).collect()
    }

    /// Lowers a call of what the expression defines itself; `None` if it defines none of this name.
    fn local(&mut self, name: &'s str, arguments: &[Term<&'s str>]) -> Lowered<'s, Option<Node>> {
        let (mut slot, given) = (0, arguments.len());
        for known in self.names.clone().into_iter().rev() {
            match known {
                Name::Argument(known) if known == name && given == 0 => {
                    return Ok(Some(Node::Argument(slot)));
                }
                Name::Parameter(known) if given == 0 && known.strip_prefix('$') == Some(name) => {
                    return Ok(Some(Node::Variable(slot)));
                }
                Name::Definition {
                    name: known,
                    arity,
                    index,
                    slots,
                } if known == name && arity == given => {
                    let bound = self.names.iter().filter(|name| name.has_slot()).count();
                    return Ok(Some(Node::Call {
                        definition: index,
                        hidden: Some(bound - slots),
                        arguments: self.terms(arguments)?,
                    }));
                }
                _ => {}
            }
            slot += usize::from(known.has_slot());
        }
        Ok(None)
    }

    /// Returns the function of the prelude, which is lowered when it is first called.
    fn prelude(&mut self, name: &'s str, arity: usize) -> Lowered<'s, Option<usize>> {
        let is = |def: &&Def<&'static str>| def.name == name && def.args.len() == arity;
        let Some(def) = DEFINITIONS.iter().find(is) else {
            return Ok(None);
        };
        if let Some(index) = self.from_prelude.get(&(def.name, arity)) {
            return Ok(Some(*index));
        }
        let (names, level) = (std::mem::take(&mut self.names), self.level);
        self.level = 0;
        self.from_prelude
            .insert((def.name, arity), self.definitions.len());
        let index = self.definition(def);
        (self.names, self.level) = (names, level);
        // A fault lies at the call, not in the prelude.
        index.map(Some).or_else(|inner| fault(name, inner.problem))
    }

    fn regex(
        &mut self,
        name: &'s str,
        kind: RegexKind,
        arguments: &[Term<&'s str>],
    ) -> Lowered<'s> {
        let (pattern, rest) = match arguments {
            [pattern, rest @ ..] => (pattern, rest),
            [] => return fault(name, unknown(name, 0)),
        };
        let (body, flags) = match (kind.takes_body(), rest) {
            (true, [body, flags @ ..]) => (Some(body), flags.first()),
            (_, flags) => (None, flags.first()),
        };
        let written = |term: &Term<&'s str>| match term {
            Term::Str(None, parts) if parts.iter().all(|p| !matches!(p, StrPart::Term(_))) => {
                Some(plain(parts))
            }
            _ => None,
        };
        let flags = flags.map_or(Some(String::new()), written);
        let (Some(pattern), Some(flags)) = (written(pattern), flags) else {
            let problem = format!(
                "the pattern of {name}, and its flags, must be written out between quotes, since \
                 they are compiled once"
            );
            return fault(name, problem);
        };
        let body = body.map(|term| self.term(term)).transpose()?;
        match RegexCall::new(kind, &pattern, &flags, body) {
            Ok(call) => Ok(Node::Regex(Box::new(call))),
            Err(problem) => fault(name, problem),
        }
    }

    fn path(&mut self, base: &Term<&'s str>, parts: &[(Part<Term<&'s str>>, Opt)]) -> Lowered<'s> {
        let base = self.term(base)?;
        let mut steps = Vec::new();
        for (part, opt) in parts {
            let part = match part {
                Part::Index(term) => StepPart::Index(self.term(term)?),
                Part::Range(None, None) => StepPart::All,
                Part::Range(from, to) => StepPart::Slice(self.bound(from)?, self.bound(to)?),
            };
            steps.push(Step {
                part,
                is_optional: matches!(opt, Opt::Optional),
            });
        }
        let name = |step: &Step| match step {
            Step {
                part: StepPart::Index(Node::Literal(name @ Val::TStr(_))),
                is_optional: false,
            } => Some(name.clone()),
            _ => None,
        };
        let names: Option<Vec<Val>> = steps.iter().map(name).collect();
        Ok(match (names, base) {
            (Some(names), Node::Identity) => Node::Names(names),
            (_, base) => Node::Path(Box::new(base), steps),
        })
    }

    fn bound(&mut self, term: &Option<Term<&'s str>>) -> Lowered<'s, Option<Node>> {
        term.as_ref().map(|term| self.term(term)).transpose()
    }
}

fn parameter(name: &str) -> Name<'_> {
    match name.starts_with('$') {
        true => Name::Parameter(name),
        false => Name::Argument(name),
    }
}

fn plain(parts: &[StrPart<&str, Term<&str>>]) -> String {
    let mut out = String::new();
    for part in parts {
        match part {
            StrPart::Str(text) => out.push_str(text),
            StrPart::Char(c) => out.push(*c),
            StrPart::Term(_) => {}
        }
    }
    out
}

fn no_variable(name: &str) -> String {
    match name {
        "$ENV" | "$__prog_args" => "the environment cannot be read".to_owned(),
        _ => format!("there is no variable {name}"),
    }
}

/// Says why a function is refused, and the nearest that is not.
fn unknown(name: &str, arity: usize) -> String {
    let takes: Vec<_> = functions::all()
        .filter(|known| known.name == name)
        .map(|known| known.arity.to_string())
        .collect();
    if !takes.is_empty() {
        let takes = takes.join(" or ");
        return format!("{name} takes {takes} arguments, not {arity}");
    }
    if let Some(reason) = functions::reason(name) {
        return format!("{name} cannot be used: {reason}");
    }
    let likeness = |known: &Signature| strsim::jaro_winkler(name, known.name);
    let near = functions::all().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    match near.filter(|near| likeness(near) > 0.8) {
        Some(near) => format!("there is no function {name} here; did you mean {near}?"),
        None => format!("there is no function {name} here"),
    }
}

//! Turns a parsed term into a program: resolves names, and refuses what may not be used.

mod calls;
mod faults;
mod names;
mod paths;
mod patterns;
mod prelude;

use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::{BinaryOp, Def, Pattern as Pat, Term};
use jaq_json::Val;

use super::functions::{self, Known};
use super::program::{Binding, Branch, Change, Fold, Member, Node, Piece, Program, Step, StepPart};
use super::value;
use crate::transform::key::HashKey;

use calls::{Call, Definitions};
pub(super) use faults::Fault;
use faults::{Lowered, fault, no_variable, unknown};
use names::{Name, Names};
use patterns::PatternLowering;
pub(super) use prelude::written_in_jq;

/// Most levels of an expression.
const LEVELS: usize = 300;

/// Turns terms into nodes.
#[derive(Debug)]
pub(super) struct Lowering<'s> {
    names: Names<'s>,
    definitions: Definitions,
    level: usize,
    key: Option<&'s HashKey>,
}

impl<'s> Lowering<'s> {
    pub fn new(key: Option<&'s HashKey>) -> Lowering<'s> {
        Lowering {
            names: Names::default(),
            definitions: Definitions::default(),
            level: 0,
            key,
        }
    }

    pub fn program(mut self, main: &Term<&'s str>) -> Lowered<'s, Program> {
        let main = self.term(main)?;
        Ok(Program {
            main,
            definitions: self.definitions.into_all(),
        })
    }

    /// Goes a level deeper.
    fn enter(&mut self) -> Lowered<'s, ()> {
        self.level += 1;
        match self.level > LEVELS {
            true => fault("", format!("is nested more than {LEVELS} levels deep")),
            false => Ok(()),
        }
    }

    fn leave(&mut self) {
        self.level -= 1;
    }

    fn boxed(&mut self, term: &Term<&'s str>) -> Lowered<'s, Box<Node>> {
        self.term(term).map(Box::new)
    }

    fn term(&mut self, term: &Term<&'s str>) -> Lowered<'s> {
        self.enter()?;
        let node = self.at_level(term);
        self.leave();
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
            Term::Label(name, term) => Node::Label(self.label(name, term)?),
            Term::Break(name) => match self.names.label(name) {
                Some(slot) => Node::Break(slot),
                None => return fault(name, format!("there is no label {name}")),
            },
            Term::Fold(kind, source, pattern, parts) => self.fold(kind, source, pattern, parts)?,
            Term::TryCatch(body, None) => Node::Try(self.boxed(body)?, None),
            Term::TryCatch(body, Some(handler)) => {
                Node::Try(self.boxed(body)?, Some(self.boxed(handler)?))
            }
            Term::IfThenElse(branches, otherwise) => self.branches(branches, otherwise)?,
            Term::Def(defs, term) => self.defined(defs, term)?,
            Term::Call(name, arguments) => Call::new(self, name, arguments).node()?,
            Term::Var(name) => match self.names.variable(name) {
                Some(slot) => Node::Variable(slot),
                None => return fault(name, no_variable(name)),
            },
            Term::Path(base, path) => paths::path(self, base, &path.0)?,
        })
    }

    fn label(&mut self, name: &'s str, body: &Term<&'s str>) -> Lowered<'s, Box<Node>> {
        let mark = self.names.mark();
        self.names.give(Name::Label(name));
        let body = self.boxed(body);
        self.names.leave(mark);
        body
    }

    /// Lowers a term with its definitions.
    fn defined(&mut self, defs: &[Def<&'s str>], body: &Term<&'s str>) -> Lowered<'s> {
        let mark = self.names.mark();
        for def in defs {
            self.definition(def)?;
        }
        let body = self.term(body);
        self.names.leave(mark);
        body
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
            let mark = self.names.mark();
            let pattern = PatternLowering::new(self).pattern(pattern)?;
            let body = self.term(right)?;
            self.names.leave(mark);
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
        let mark = self.names.mark();
        let pattern = PatternLowering::new(self).pattern(pattern)?;
        let update = self.term(update)?;
        let extract = extract.map(|term| self.term(term)).transpose()?;
        self.names.leave(mark);
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

    fn terms(&mut self, terms: &[Term<&'s str>]) -> Lowered<'s, Vec<Node>> {
        terms.iter().map(|term| self.term(term)).collect()
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

//! Turns definitions of functions, and calls of them, into those of a program.

use std::collections::HashMap;

use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::{Def, Term};

use super::faults::{Lowered, fault, unknown};
use super::names::{Callee, Name, parameter};
use super::{Lowering, Node, plain, prelude};
use crate::transform::jq::functions::{self, HMAC, Known, Signature};
use crate::transform::jq::program::{Definition, Parameter};
use crate::transform::jq::regex::{RegexCall, RegexKind};

/// The functions of a program that are written in jq.
#[derive(Debug, Default)]
pub(super) struct Definitions {
    all: Vec<Definition>,
    /// Those of the prelude that are in use.
    from_prelude: HashMap<Signature, usize>,
}

impl Definitions {
    pub fn into_all(self) -> Vec<Definition> {
        self.all
    }

    /// Makes room for a definition, so that its own body may call it.
    fn reserve(&mut self) -> usize {
        self.all.push(Definition::default());
        self.all.len() - 1
    }

    fn set(&mut self, index: usize, definition: Definition) {
        if let Some(reserved) = self.all.get_mut(index) {
            *reserved = definition;
        }
    }
}

impl<'s> Lowering<'s> {
    /// Lowers a definition, and gives it its name.
    pub(super) fn definition(&mut self, def: &Def<&'s str>) -> Lowered<'s, usize> {
        let index = self.definitions.reserve();
        self.names.define(def.name, def.args.len(), index);
        let mark = self.names.mark();
        let mut parameters = Vec::new();
        for name in def.args.iter().map(|name| parameter(name)) {
            parameters.push(match name {
                Name::Parameter(_) => Parameter::Value,
                _ => Parameter::Closure,
            });
            self.names.give(name);
        }
        let body = self.term(&def.body)?;
        self.names.leave(mark);
        self.definitions.set(index, Definition { parameters, body });
        Ok(index)
    }

    /// Returns the function of the prelude, which is lowered when it is first called.
    fn prelude(&mut self, def: &Def<&'static str>) -> Lowered<'s, usize> {
        let signature = Signature::new(def.name, def.args.len());
        if let Some(index) = self.definitions.from_prelude.get(&signature) {
            return Ok(*index);
        }
        let names = std::mem::take(&mut self.names);
        let level = std::mem::take(&mut self.level);
        let next = self.definitions.all.len();
        self.definitions.from_prelude.insert(signature, next);
        let index = self.definition(def);
        (self.names, self.level) = (names, level);
        index
    }
}

/// A call on its way.
#[derive(Debug)]
pub(super) struct Call<'l, 'a, 's> {
    lowering: &'l mut Lowering<'s>,
    name: &'s str,
    arguments: &'a [Term<&'s str>],
}

impl<'l, 'a, 's> Call<'l, 'a, 's> {
    pub fn new(
        lowering: &'l mut Lowering<'s>,
        name: &'s str,
        arguments: &'a [Term<&'s str>],
    ) -> Call<'l, 'a, 's> {
        Call {
            lowering,
            name,
            arguments,
        }
    }

    /// Lowers the call of a name of the expression's own, or of a function.
    pub fn node(mut self) -> Lowered<'s> {
        match self.lowering.names.callee(self.name, self.arguments.len()) {
            None => self.of_function(),
            Some(Callee::Argument(slot)) => Ok(Node::Argument(slot)),
            Some(Callee::Variable(slot)) => Ok(Node::Variable(slot)),
            Some(Callee::Definition { index, hidden }) => self.of_definition(index, Some(hidden)),
        }
    }

    fn of_definition(&mut self, definition: usize, hidden: Option<usize>) -> Lowered<'s> {
        Ok(Node::Call {
            definition,
            hidden,
            arguments: self.lowering.terms(self.arguments)?,
        })
    }

    fn of_function(&mut self) -> Lowered<'s> {
        let (name, arity) = (self.name, self.arguments.len());
        if name == HMAC && arity == 0 {
            return match self.lowering.key {
                Some(key) => Ok(Node::Hmac(Box::new(key.clone()))),
                None => fault(name, "hmac needs a key: set _HASH_KEY"),
            };
        }
        if let Some(kind) = RegexKind::of(name, arity) {
            return self.of_regex(kind);
        }
        match functions::known(name, arity) {
            Some(Known::Function(function)) => {
                let arguments = self.lowering.terms(self.arguments)?;
                return Ok(Node::Function(function, arguments));
            }
            Some(Known::Control(control)) => {
                let arguments = self.lowering.terms(self.arguments)?;
                return Ok(Node::Control(control, arguments));
            }
            None => {}
        }
        let Some(def) = prelude::find(name, arity) else {
            return fault(name, unknown(name, arity));
        };
        // A fault lies at the call, not in the prelude.
        let definition = self.lowering.prelude(def);
        let definition = definition.or_else(|inner| fault(name, inner.problem))?;
        self.of_definition(definition, None)
    }

    fn of_regex(&mut self, kind: RegexKind) -> Lowered<'s> {
        let name = self.name;
        let (pattern, rest) = match self.arguments {
            [pattern, rest @ ..] => (pattern, rest),
            [] => return fault(name, unknown(name, 0)),
        };
        let (body, flags) = match (kind.takes_body(), rest) {
            (true, [body, flags @ ..]) => (Some(body), flags.first()),
            (_, flags) => (None, flags.first()),
        };
        let flags = flags.map_or(Some(String::new()), written);
        let (Some(pattern), Some(flags)) = (written(pattern), flags) else {
            let problem = format!(
                "the pattern of {name}, and its flags, must be written out between quotes, since \
                 they are compiled once"
            );
            return fault(name, problem);
        };
        let body = body.map(|term| self.lowering.term(term)).transpose()?;
        match RegexCall::new(kind, &pattern, &flags, body) {
            Ok(call) => Ok(Node::Regex(Box::new(call))),
            Err(problem) => fault(name, problem),
        }
    }
}

/// Returns a text that is written out.
fn written(term: &Term<&str>) -> Option<String> {
    match term {
        Term::Str(None, parts) if parts.iter().all(|p| !matches!(p, StrPart::Term(_))) => {
            Some(plain(parts))
        }
        _ => None,
    }
}

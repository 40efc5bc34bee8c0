//! Turns patterns into those of a program, and gives their variables names.

use jaq_core::load::parse::Pattern as Pat;
use jaq_json::Val;

use super::faults::Lowered;
use super::names::Name;
use super::{Lowering, Node};
use crate::transform::jq::program::{Pattern, PatternPart};

/// A pattern on its way: its variables are bound in their order, and their names are given at once,
/// since keys in it may use them.
#[derive(Debug)]
pub(super) struct PatternLowering<'l, 's> {
    lowering: &'l mut Lowering<'s>,
}

impl<'l, 's> PatternLowering<'l, 's> {
    pub fn new(lowering: &'l mut Lowering<'s>) -> PatternLowering<'l, 's> {
        PatternLowering { lowering }
    }

    /// Lowers a pattern, and leaves its names given.
    pub fn pattern(&mut self, pattern: &Pat<&'s str>) -> Lowered<'s, Pattern> {
        self.lowering.enter()?;
        let lowered = match pattern {
            Pat::Var(name) => {
                self.lowering.names.give(Name::Variable(name));
                Pattern::Variable
            }
            Pat::Arr(items) => {
                let mut parts = Vec::new();
                for (index, item) in items.iter().enumerate() {
                    let key = Node::Literal(Val::from(index));
                    let pattern = self.pattern(item)?;
                    parts.push(PatternPart { key, pattern });
                }
                Pattern::Parts(parts)
            }
            Pat::Obj(members) => {
                let mut parts = Vec::new();
                for (key, member) in members {
                    let key = self.lowering.term(key)?;
                    let pattern = self.pattern(member)?;
                    parts.push(PatternPart { key, pattern });
                }
                Pattern::Parts(parts)
            }
        };
        self.lowering.leave();
        Ok(lowered)
    }
}

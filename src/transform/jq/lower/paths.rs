//! Turns paths into those of a program.

use jaq_core::load::parse::Term;
use jaq_core::path::{Opt, Part};
use jaq_json::Val;

use super::faults::Lowered;
use super::{Lowering, Node};
use crate::transform::jq::program::{Step, StepPart};

/// Lowers a path: what it begins at, and its parts.
pub(super) fn path<'s>(
    lowering: &mut Lowering<'s>,
    base: &Term<&'s str>,
    parts: &[(Part<Term<&'s str>>, Opt)],
) -> Lowered<'s> {
    let base = lowering.term(base)?;
    let mut steps = Vec::new();
    for (part, opt) in parts {
        let part = match part {
            Part::Index(term) => StepPart::Index(lowering.term(term)?),
            Part::Range(None, None) => StepPart::All,
            Part::Range(from, to) => StepPart::Slice(bound(lowering, from)?, bound(lowering, to)?),
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

fn bound<'s>(
    lowering: &mut Lowering<'s>,
    term: &Option<Term<&'s str>>,
) -> Lowered<'s, Option<Node>> {
    term.as_ref().map(|term| lowering.term(term)).transpose()
}

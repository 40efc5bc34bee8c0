//! Values on their way, and the bindings that they meet.

use std::rc::Rc;

use jaq_json::Val;

use crate::transform::jq::bounds::Flow;
use crate::transform::jq::program::Node;

/// A value, and the path that led to it, if paths are asked for.
#[derive(Clone, Debug)]
pub(in crate::transform::jq) struct Item {
    pub value: Val,
    pub path: Option<Rc<Vec<Val>>>,
}

impl Item {
    pub fn plain(value: Val) -> Item {
        Item { value, path: None }
    }
}

/// The bindings at a place of the program, from the innermost outwards.
pub(in crate::transform::jq) type Scope<'s> = Option<&'s Frame<'s>>;

/// One binding.
#[derive(Debug)]
pub(in crate::transform::jq) struct Frame<'s> {
    pub bound: Bound<'s>,
    pub outer: Scope<'s>,
}

#[derive(Debug)]
pub(super) enum Bound<'s> {
    Value(Val),
    Closure { node: &'s Node, scope: Scope<'s> },
    Label(usize),
}

/// Takes the values that a node yields.
pub(in crate::transform::jq) type Yield<'y> = &'y mut dyn FnMut(Item) -> Flow;

/// Returns the binding `slot` bindings outwards.
pub(super) fn bound<'s>(scope: Scope<'s>, slot: usize) -> Option<&'s Bound<'s>> {
    outwards(scope, slot).map(|frame| &frame.bound)
}

/// Returns the bindings that are left `slots` bindings outwards.
pub(super) fn outwards<'s>(mut scope: Scope<'s>, slots: usize) -> Scope<'s> {
    for _ in 0..slots {
        scope = scope?.outer;
    }
    scope
}

//! What is known of the shapes of objects: which members have a rule, and the shape of what is left.

use super::act::{Act, BranchId};
use super::tree::Redaction;
use crate::json::{ShapeId, Shapes, UNKNOWN};

/// What is known of the shapes of one parser.
#[derive(Debug)]
pub(super) struct ShapeMap {
    /// The parser.
    pub(super) instance: u64,
    /// The shape here of an object that keeps its members, by its shape there.
    same: Vec<Option<ShapeId>>,
    /// The members with a rule, by branch and shape.
    plans: Vec<Vec<Option<Plan>>>,
    steps: Vec<Step>,
}

/// The members of one shape that have a rule.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    /// The range of its steps.
    pub(super) start: usize,
    pub(super) end: usize,
    /// The members that go whatever their values are.
    pub(super) dropped: usize,
    /// Whether all members go.
    pub(super) is_emptied: bool,
    /// The shape here without these.
    pub(super) left: ShapeId,
}

/// A member with a rule.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// Its position in its object.
    pub(super) at: usize,
    /// What is done to it.
    pub(super) act: Act,
}

impl ShapeMap {
    pub(super) fn new(instance: u64, branches: usize) -> ShapeMap {
        let mut plans = Vec::new();
        plans.resize_with(branches, Vec::new);
        ShapeMap {
            instance,
            same: Vec::new(),
            plans,
            steps: Vec::new(),
        }
    }

    /// Returns the shape among `own` with the names that `shape` has among `theirs`.
    #[inline]
    pub(super) fn same(&mut self, shape: ShapeId, theirs: &Shapes, own: &mut Shapes) -> ShapeId {
        match self.same.get(usize::from(shape)) {
            Some(Some(same)) => *same,
            _ => self.add_same(shape, theirs, own),
        }
    }

    #[cold]
    fn add_same(&mut self, shape: ShapeId, theirs: &Shapes, own: &mut Shapes) -> ShapeId {
        let same = if shape == UNKNOWN {
            UNKNOWN
        } else {
            own.add(&theirs.names(shape))
        };
        set(&mut self.same, shape, same);
        same
    }

    /// Returns the plan for an object of `shape`, which is not unknown.
    #[inline]
    pub(super) fn plan(
        &mut self,
        branch: BranchId,
        shape: ShapeId,
        redaction: &Redaction,
        (theirs, own): (&Shapes, &mut Shapes),
    ) -> Plan {
        let known = self.plans.get(usize::from(branch));
        match known.and_then(|plans| plans.get(usize::from(shape))) {
            Some(Some(plan)) => *plan,
            _ => self.add_plan(branch, shape, redaction, (theirs, own)),
        }
    }

    #[cold]
    fn add_plan(
        &mut self,
        branch: BranchId,
        shape: ShapeId,
        redaction: &Redaction,
        (theirs, own): (&Shapes, &mut Shapes),
    ) -> Plan {
        let (names, start) = (theirs.names(shape), self.steps.len());
        let mut left = Vec::new();
        for (at, name) in names.iter().enumerate() {
            let act = redaction.member(branch, name);
            if act != Act::Keep {
                self.steps.push(Step { at, act });
            }
            if act != Act::Drop {
                left.push(*name);
            }
        }
        let plan = Plan {
            start,
            end: self.steps.len(),
            dropped: names.len() - left.len(),
            is_emptied: left.is_empty() && !names.is_empty(),
            left: own.add(&left),
        };
        if let Some(plans) = self.plans.get_mut(usize::from(branch)) {
            set(plans, shape, plan);
        }
        plan
    }

    /// Returns a step of a plan.
    #[inline]
    pub(super) fn step(&self, at: usize) -> Option<Step> {
        self.steps.get(at).copied()
    }
}

fn set<T>(table: &mut Vec<Option<T>>, shape: ShapeId, value: T) {
    let at = usize::from(shape);
    if table.len() <= at {
        table.resize_with(at + 1, || None);
    }
    if let Some(slot) = table.get_mut(at) {
        *slot = Some(value);
    }
}

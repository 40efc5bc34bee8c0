//! Finds names that stand twice in an object.

use super::{Name, name_of};
use crate::click::plan::Plans;
use crate::json::Tape;

/// Most members of an object whose names are compared one by one.
const FEW: usize = 16;

/// Returns whether a name stands twice in the object at `object`, escapes resolved. The answer is
/// the same whether its shape is remembered or not.
#[inline]
pub(super) fn name_repeats(tape: Tape<'_>, plans: &Plans, object: u32) -> bool {
    match plans.get(tape.node(object).shape, tape.shapes) {
        Some(plan) => plan.order.is_none(),
        None => name_repeats_unplanned(tape, object),
    }
}

/// Compares the names of an object one by one: most have few, and none with escapes.
fn name_repeats_unplanned(tape: Tape<'_>, object: u32) -> bool {
    let mut names: [&[u8]; FEW] = [&[]; FEW];
    for (count, member) in tape.members(object).enumerate() {
        let name = tape.inner(member.name);
        match names.split_at_mut_checked(count) {
            Some((before, [place, ..])) if !tape.node(member.name).escaped => {
                if before.contains(&name) {
                    return true;
                }
                *place = name;
            }
            _ => return one_of_many_repeats(tape, object),
        }
    }
    false
}

#[cold]
fn one_of_many_repeats(tape: Tape<'_>, object: u32) -> bool {
    let names = tape
        .members(object)
        .map(|m| name_of(tape, Name::Node(m.name)));
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    names
        .windows(2)
        .any(|pair| matches!(pair, [a, b] if a == b))
}

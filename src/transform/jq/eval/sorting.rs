//! Sorts, groups and chooses elements of an array.

use std::cmp::Ordering;

use jaq_json::Val;

use super::{Run, Scope};
use crate::transform::jq::bounds::{Flow, VALUE};
use crate::transform::jq::functions::Control;
use crate::transform::jq::program::Node;
use crate::transform::jq::value::{self, array_for};

impl Run<'_> {
    /// Finds what `node` yields of each element of an array, by which they are sorted.
    pub(super) fn sorting<'e>(
        &'e self,
        node: &'e Node,
        scope: Scope<'e>,
        value: &Val,
    ) -> Flow<Sorting> {
        let items = array_for(value, "sorting")?;
        let mut keyed = Vec::with_capacity(items.len().min(1024));
        let mut keys = Vec::new();
        for item in items.iter() {
            let mut key = Vec::new();
            self.values(node, scope, item, &mut |value| {
                self.bounds.bytes(VALUE)?;
                key.push(value);
                Ok(())
            })?;
            self.bounds.bytes(3 * VALUE)?;
            let key = Val::Arr(key.into());
            keys.push(key.clone());
            keyed.push(Keyed {
                key,
                item: item.clone(),
            });
        }
        self.bounds.sort(&keys)?;
        Ok(Sorting { keyed })
    }
}

/// An element of an array, and what it is sorted by.
#[derive(Debug)]
struct Keyed {
    key: Val,
    item: Val,
}

impl Keyed {
    fn order(a: &Keyed, b: &Keyed) -> Ordering {
        value::order(&a.key, &b.key)
    }
}

/// The elements of an array with their keys, in their own order. The work of sorting them is counted.
#[derive(Debug)]
pub(super) struct Sorting {
    keyed: Vec<Keyed>,
}

impl Sorting {
    /// Returns what `control` makes of them.
    pub fn result(self, control: Control) -> Val {
        let least = |a: &Keyed, b: &Keyed| Keyed::order(a, b);
        let item = |found: Option<Keyed>| found.map(|keyed| keyed.item).unwrap_or_default();
        match control {
            Control::MinBy => item(self.keyed.into_iter().min_by(least)),
            Control::MaxBy => item(self.keyed.into_iter().max_by(least)),
            Control::UniqueBy => self.groups(|group| group.first().map(|keyed| keyed.item.clone())),
            Control::GroupBy => self.groups(|group| {
                let items = group.iter().map(|keyed| keyed.item.clone());
                Some(items.collect())
            }),
            _ => self.sorted().map(|keyed| keyed.item).collect(),
        }
    }

    fn sorted(mut self) -> impl Iterator<Item = Keyed> {
        self.keyed.sort_by(Keyed::order);
        self.keyed.into_iter()
    }

    /// Returns an element for each group of the same key.
    fn groups(mut self, element: impl Fn(&[Keyed]) -> Option<Val>) -> Val {
        self.keyed.sort_by(Keyed::order);
        let groups = self.keyed.chunk_by(|a, b| a.key == b.key);
        groups.filter_map(element).collect()
    }
}

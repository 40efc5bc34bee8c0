//! Follows paths.

use std::rc::Rc;

use jaq_json::Val;

use super::{Item, Run, Scope, Yield};
use crate::transform::jq::bounds::{Flow, Stop, VALUE, fail};
use crate::transform::jq::program::{Node, Step, StepPart};
use crate::transform::jq::value::{self, kind};

impl Run<'_> {
    /// Returns the part of `item` that `key` names, with its path.
    fn part(&self, item: &Item, key: Val, value: Val) -> Flow<Item> {
        let Some(path) = &item.path else {
            return Ok(Item::plain(value));
        };
        self.bounds.bytes((path.len() + 1) * VALUE)?;
        let mut path = path.to_vec();
        path.push(key);
        value::check_length(&path)?;
        let path = Some(Rc::new(path));
        Ok(Item { value, path })
    }

    /// Follows a path of names, and notes it.
    pub(super) fn named_paths(&self, names: &[Val], mut item: Item, out: Yield<'_>) -> Flow {
        for name in names {
            self.bounds.steps(1)?;
            let value = value::index(self.bounds, &item.value, name)?;
            item = self.part(&item, name.clone(), value)?;
        }
        out(item)
    }

    /// Yields a value and all that is in it.
    pub(super) fn recurse(&self, item: Item, out: Yield<'_>) -> Flow {
        self.bounds.deeper(|| {
            out(item.clone())?;
            match item.value {
                Val::Arr(_) | Val::Obj(_) => self.each(&item, &mut |part| self.recurse(part, out)),
                _ => Ok(()),
            }
        })
    }

    /// Yields the parts of a value.
    fn each(&self, item: &Item, out: Yield<'_>) -> Flow {
        match &item.value {
            Val::Arr(items) => items.iter().enumerate().try_for_each(|(at, value)| {
                self.bounds.steps(1)?;
                out(self.part(item, Val::from(at), value.clone())?)
            }),
            Val::Obj(members) => members.iter().try_for_each(|(name, value)| {
                self.bounds.steps(1)?;
                out(self.part(item, name.clone(), value.clone())?)
            }),
            other => fail(format!("{} cannot be iterated over", kind(other))),
        }
    }

    pub(super) fn path<'e>(
        &'e self,
        base: &'e Node,
        steps: &'e [Step],
        scope: Scope<'e>,
        input: Item,
        out: Yield<'_>,
    ) -> Flow {
        if matches!(base, Node::Identity) {
            return self.steps(steps, scope, &input.value.clone(), input, out);
        }
        let outside = input.value.clone();
        self.eval(base, scope, input, &mut |item| {
            self.steps(steps, scope, &outside, item, out)
        })
    }

    /// Follows `steps` from `item`; what stands in their brackets sees `outside`.
    fn steps<'e>(
        &'e self,
        steps: &'e [Step],
        scope: Scope<'e>,
        outside: &Val,
        item: Item,
        out: Yield<'_>,
    ) -> Flow {
        let Some((step, rest)) = steps.split_first() else {
            return out(item);
        };
        let next = |found: Flow<Item>, out: Yield<'_>| match found {
            Ok(part) => self
                .bounds
                .deeper(|| self.steps(rest, scope, outside, part, out)),
            Err(Stop::Error(_)) if step.is_optional => Ok(()),
            Err(stop) => Err(stop),
        };
        match &step.part {
            StepPart::All => match &item.value {
                Val::Arr(_) | Val::Obj(_) => self.each(&item, &mut |part| next(Ok(part), out)),
                other => next(
                    fail(format!("{} cannot be iterated over", kind(other))),
                    out,
                ),
            },
            StepPart::Index(key) => self.values(key, scope, outside, &mut |key| {
                self.bounds.steps(1)?;
                let found = value::index(self.bounds, &item.value, &key);
                next(found.and_then(|value| self.part(&item, key, value)), out)
            }),
            StepPart::Slice(from, to) => {
                let null = &Node::Literal(Val::Null);
                let (from, to) = (from.as_ref().unwrap_or(null), to.as_ref().unwrap_or(null));
                self.values(to, scope, outside, &mut |to| {
                    self.values(from, scope, outside, &mut |from| {
                        let found = value::slice(self.bounds, &item.value, Some(&from), Some(&to));
                        let key = range(from, to.clone());
                        next(found.and_then(|value| self.part(&item, key, value)), out)
                    })
                })
            }
        }
    }

    /// Collects the paths that `node` leads to.
    pub(super) fn paths_of<'e>(
        &'e self,
        node: &'e Node,
        scope: Scope<'e>,
        value: &Val,
    ) -> Flow<Vec<Rc<Vec<Val>>>> {
        let mut paths = Vec::new();
        let from_here = Item {
            value: value.clone(),
            path: Some(Rc::default()),
        };
        self.eval(node, scope, from_here, &mut |item| {
            self.bounds.bytes(VALUE)?;
            paths.extend(item.path);
            Ok(())
        })?;
        Ok(paths)
    }
}

/// Returns the key of a slice, as jq writes it.
fn range(from: Val, to: Val) -> Val {
    let members = [("start", from), ("end", to)];
    let members = members.map(|(name, bound)| (Val::from(name.to_owned()), bound));
    Val::obj(members.into_iter().collect())
}

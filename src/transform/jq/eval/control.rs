//! What decides which parts of an expression run: errors, labels, and functions that run their
//! arguments.

use std::cmp::Ordering;
use std::rc::Rc;

use jaq_json::Val;

use super::{Bound, Frame, Item, Run, Scope, Yield};
use crate::transform::jq::bounds::{Flow, Stop, VALUE, fail};
use crate::transform::jq::functions::Control;
use crate::transform::jq::program::Node;
use crate::transform::jq::value::{self, array_for, kind};

impl Run<'_> {
    /// Runs `body`, and on an error of its own the handler. An error of what takes its values is not
    /// its own.
    #[inline(never)]
    pub(super) fn attempt<'e>(
        &'e self,
        body: &'e Node,
        handler: Option<&'e Node>,
        scope: Scope<'e>,
        input: Item,
        out: Yield<'_>,
    ) -> Flow {
        let mut is_outside = false;
        let done = self.eval(body, scope, input, &mut |item| {
            let taken = out(item);
            is_outside = taken.is_err();
            taken
        });
        match (done, handler) {
            (Err(Stop::Error(_)), None) if !is_outside => Ok(()),
            (Err(Stop::Error(error)), Some(handler)) if !is_outside => {
                self.eval(handler, scope, Item::plain(error), out)
            }
            (done, _) => done,
        }
    }

    /// Runs `left`, whose errors are passed over, and `right` if that yields nothing that is true.
    #[inline(never)]
    pub(super) fn alternative<'e>(
        &'e self,
        left: &'e Node,
        right: &'e Node,
        scope: Scope<'e>,
        input: Item,
        out: Yield<'_>,
    ) -> Flow {
        let (mut is_outside, mut is_found) = (false, false);
        let done = self.eval(left, scope, input.clone(), &mut |item| {
            if !value::is_true(&item.value) {
                return Ok(());
            }
            is_found = true;
            let taken = out(item);
            is_outside = taken.is_err();
            taken
        });
        match done {
            Err(Stop::Error(_)) if !is_outside => {}
            done => done?,
        }
        match is_found {
            true => Ok(()),
            false => self.eval(right, scope, input, out),
        }
    }

    #[inline(never)]
    pub(super) fn label<'e>(
        &'e self,
        body: &'e Node,
        scope: Scope<'e>,
        input: Item,
        out: Yield<'_>,
    ) -> Flow {
        let label = self.bounds.label();
        let frame = Frame {
            bound: Bound::Label(label),
            outer: scope,
        };
        until(label, self.eval(body, Some(&frame), input, out))
    }

    /// Returns the first value of `node`, after which it is stopped.
    pub(super) fn first<'e>(
        &'e self,
        node: &'e Node,
        scope: Scope<'e>,
        input: Item,
    ) -> Flow<Option<Item>> {
        let label = self.bounds.label();
        let mut first = None;
        let done = self.eval(node, scope, input, &mut |item| {
            first = Some(item);
            Err(Stop::Break(label))
        });
        until(label, done)?;
        Ok(first)
    }

    #[inline(never)]
    pub(super) fn control<'e>(
        &'e self,
        control: Control,
        arguments: &'e [Node],
        scope: Scope<'e>,
        input: Item,
        out: Yield<'_>,
    ) -> Flow {
        match (control, arguments) {
            (Control::Error, _) => Err(Stop::Error(input.value)),
            (Control::ErrorOf, [message]) => {
                self.values(message, scope, &input.value, &mut |value| {
                    Err(Stop::Error(value))
                })
            }
            (Control::Path, [node]) => {
                let from_here = Item {
                    value: input.value.clone(),
                    path: Some(Rc::default()),
                };
                self.eval(node, scope, from_here, &mut |item| {
                    let path = item.path.map(Rc::unwrap_or_clone).unwrap_or_default();
                    self.bounds.bytes((path.len() + 1) * VALUE)?;
                    let path = Val::Arr(path.into());
                    self.bounds.walk(&path)?;
                    self.give(&input, path, out)
                })
            }
            (Control::GetPath, [path]) => {
                self.values(path, scope, &input.value.clone(), &mut |path| {
                    self.get_path(&input, path, out)
                })
            }
            (Control::First, [node]) => match self.first(node, scope, input)? {
                Some(item) => out(item),
                None => Ok(()),
            },
            (Control::Limit | Control::Skip, [count, node]) => {
                self.values(count, scope, &input.value, &mut |count| {
                    let Val::Num(count) = count else {
                        return fail(format!("a number is needed, not {}", kind(&count)));
                    };
                    let count = value::float(&count);
                    match control {
                        Control::Limit => self.limit(count, node, scope, input.clone(), out),
                        _ => self.skip(count, node, scope, input.clone(), out),
                    }
                })
            }
            (Control::Range, [from, to, by]) => self.ranges(from, to, by, scope, &input, out),
            (
                Control::SortBy
                | Control::GroupBy
                | Control::UniqueBy
                | Control::MinBy
                | Control::MaxBy,
                [node],
            ) => {
                let sorting = self.sorting(node, scope, &input.value)?;
                let result = sorting.result(control);
                self.bounds.walk(&result)?;
                self.give(&input, result, out)
            }
            _ => Ok(()),
        }
    }

    /// Follows a path that was made.
    fn get_path(&self, input: &Item, path: Val, out: Yield<'_>) -> Flow {
        let keys = array_for(&path, "getpath")?;
        // What is not there is null, whatever stands in its way.
        let found = match value::get(self.bounds, &input.value, keys) {
            Err(Stop::Error(_)) => Val::Null,
            found => found?,
        };
        let Some(before) = &input.path else {
            return out(Item::plain(found));
        };
        self.bounds.bytes((before.len() + keys.len()) * VALUE)?;
        let whole: Vec<_> = before.iter().chain(keys.iter()).cloned().collect();
        value::check_length(&whole)?;
        out(Item {
            value: found,
            path: Some(Rc::new(whole)),
        })
    }

    fn limit<'e>(
        &'e self,
        count: f64,
        node: &'e Node,
        scope: Scope<'e>,
        input: Item,
        out: Yield<'_>,
    ) -> Flow {
        if count.is_nan() || count <= 0.0 {
            return Ok(());
        }
        let label = self.bounds.label();
        let mut left = count;
        let done = self.eval(node, scope, input, &mut |item| {
            left -= 1.0;
            out(item)?;
            match left > 0.0 {
                true => Ok(()),
                false => Err(Stop::Break(label)),
            }
        });
        until(label, done)
    }

    fn skip<'e>(
        &'e self,
        count: f64,
        node: &'e Node,
        scope: Scope<'e>,
        input: Item,
        out: Yield<'_>,
    ) -> Flow {
        let mut left = count;
        self.eval(node, scope, input, &mut |item| match left > 0.0 {
            true => {
                left -= 1.0;
                Ok(())
            }
            false => out(item),
        })
    }

    fn ranges<'e>(
        &'e self,
        from: &'e Node,
        to: &'e Node,
        by: &'e Node,
        scope: Scope<'e>,
        input: &Item,
        out: Yield<'_>,
    ) -> Flow {
        self.values(by, scope, &input.value, &mut |by| {
            self.values(to, scope, &input.value, &mut |to| {
                self.values(from, scope, &input.value, &mut |from| {
                    let (Val::Num(from), Val::Num(to), Val::Num(by)) = (from, &to, &by) else {
                        return fail("range needs numbers");
                    };
                    let goes_up = value::float(by) > 0.0;
                    let mut at = from;
                    loop {
                        let is_inside = match at.cmp(to) {
                            Ordering::Less => goes_up,
                            Ordering::Greater => !goes_up,
                            Ordering::Equal => false,
                        };
                        if !is_inside {
                            return Ok(());
                        }
                        self.bounds.steps(1)?;
                        self.give(input, Val::Num(at.clone()), out)?;
                        at = at + by.clone();
                    }
                })
            })
        })
    }
}

/// Ends what breaks out to `label`.
fn until(label: usize, done: Flow) -> Flow {
    match done {
        Err(Stop::Break(found)) if found == label => Ok(()),
        done => done,
    }
}

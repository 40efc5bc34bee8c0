//! Runs a program on a value. Each value that it yields is handed to a function, which may stop it;
//! so nothing is made before it is needed, and no list of results is kept.
//!
//! A program is run by calls within calls, whose number is bounded; variables and arguments stand
//! on the stack.
#![expect(
    clippy::too_many_arguments,
    reason = "all that a node needs to run is passed along, on the stack"
)]

mod calls;
mod changes;
mod control;
mod make;
mod paths;
mod patterns;
mod scope;
mod sorting;

use jaq_core::ops::Cmp;
use jaq_json::Val;

use super::bounds::{Bounds, Flow, Stop, VALUE, fail};
use super::program::{Node, Program};
use super::value::{self, kind};

pub(super) use scope::Item;
use scope::{Bound, Frame, Scope, Yield, bound, outwards};

/// Runs a program within bounds.
#[derive(Debug)]
pub(super) struct Run<'r> {
    pub program: &'r Program,
    pub bounds: &'r Bounds,
}

impl Run<'_> {
    /// Runs the program on `input`, and hands what it yields to `out`.
    pub fn run(&self, input: Val, out: &mut dyn FnMut(Val) -> Flow) -> Flow {
        let input = Item::plain(input);
        self.eval(&self.program.main, None, input, &mut |item| out(item.value))
    }

    /// Runs `node` on `input`.
    fn eval<'e>(&'e self, node: &'e Node, scope: Scope<'e>, input: Item, out: Yield<'_>) -> Flow {
        self.bounds.deeper(|| self.node(node, scope, input, out))
    }

    /// Runs `node` on `input`, and hands on the values without their paths.
    fn values<'e>(
        &'e self,
        node: &'e Node,
        scope: Scope<'e>,
        input: &Val,
        out: &mut dyn FnMut(Val) -> Flow,
    ) -> Flow {
        match node {
            // What most arguments are needs no call.
            Node::Literal(value) => out(value.clone()),
            Node::Variable(_) | Node::Names(_) => {
                let item = self.direct(node, scope, input)?;
                out(item)
            }
            _ => self.eval(node, scope, Item::plain(input.clone()), &mut |item| {
                out(item.value)
            }),
        }
    }

    /// Returns the value of a variable, or of a path of names.
    fn direct(&self, node: &Node, scope: Scope<'_>, input: &Val) -> Flow<Val> {
        self.bounds.steps(1)?;
        match node {
            Node::Names(names) => self.names(names, input),
            Node::Variable(slot) => match bound(scope, *slot) {
                Some(Bound::Value(value)) => Ok(value.clone()),
                _ => Ok(Val::Null),
            },
            _ => Ok(Val::Null),
        }
    }

    fn names(&self, names: &[Val], input: &Val) -> Flow<Val> {
        let mut value = input;
        for name in names {
            self.bounds.steps(1)?;
            value = match value {
                Val::Obj(members) => match members.get(name) {
                    Some(member) => member,
                    None => return Ok(Val::Null),
                },
                Val::Null => return Ok(Val::Null),
                other => {
                    let name = value::text(name).unwrap_or_default();
                    return fail(format!("{} has no member {name:?}", kind(other)));
                }
            };
        }
        Ok(value.clone())
    }

    /// Hands on a value that was made, and so has no path.
    fn give(&self, input: &Item, made: Val, out: Yield<'_>) -> Flow {
        match input.path {
            None => out(Item::plain(made)),
            Some(_) => fail(format!("{} that was made has no path", kind(&made))),
        }
    }

    fn node<'e>(&'e self, node: &'e Node, scope: Scope<'e>, input: Item, out: Yield<'_>) -> Flow {
        match node {
            Node::Identity => out(input),
            Node::Recurse => self.recurse(input, out),
            Node::Names(names) if input.path.is_none() => {
                out(Item::plain(self.names(names, &input.value)?))
            }
            Node::Names(names) => self.named_paths(names, input, out),
            Node::Literal(value) => self.give(&input, value.clone(), out),
            Node::Text(pieces) => self.text(pieces, scope, &input, out),
            Node::Array(body) => self.array(body.as_deref(), scope, &input, out),
            Node::Object(members) => self.object(members, scope, &input, out),
            Node::Negate(body) => self.negate(body, scope, &input, out),
            Node::Pipe(left, right) => self.eval(left, scope, input, &mut |item| {
                self.eval(right, scope, item, out)
            }),
            Node::Bind(binding) => self.bind(binding, scope, input, out),
            Node::Comma(left, right) => {
                self.eval(left, scope, input.clone(), out)?;
                self.eval(right, scope, input, out)
            }
            Node::Alternative(left, right) => self.alternative(left, right, scope, input, out),
            Node::Logic(left, decides, right) => {
                self.logic(left, *decides, right, scope, &input, out)
            }
            Node::Math(left, op, right) => self.values(right, scope, &input.value, &mut |right| {
                self.values(left, scope, &input.value, &mut |left| {
                    let result = value::calculate(self.bounds, left, *op, right.clone())?;
                    self.give(&input, result, out)
                })
            }),
            Node::Compare(left, op, right) => self.compare(left, *op, right, scope, &input, out),
            Node::Change(target, change, body) => {
                self.change(target, *change, body, scope, &input, out)
            }
            _ => self.branching(node, scope, input, out),
        }
    }

    /// Runs a node that decides what runs, or calls a function.
    #[inline(never)]
    fn branching<'e>(
        &'e self,
        node: &'e Node,
        scope: Scope<'e>,
        input: Item,
        out: Yield<'_>,
    ) -> Flow {
        match node {
            Node::Label(body) => self.label(body, scope, input, out),
            Node::Break(slot) => match bound(scope, *slot) {
                Some(Bound::Label(label)) => Err(Stop::Break(*label)),
                _ => Ok(()),
            },
            Node::Reduce(fold) => self.reduce(fold, scope, input, out),
            Node::Foreach(fold) => self.foreach(fold, scope, input, out),
            Node::Try(body, handler) => self.attempt(body, handler.as_deref(), scope, input, out),
            Node::If(branch) => {
                let (yes, no) = (&branch.yes, &branch.no);
                let condition = &branch.condition;
                self.values(condition, scope, &input.value, &mut |is| {
                    let chosen = if value::is_true(&is) { yes } else { no };
                    self.eval(chosen, scope, input.clone(), out)
                })
            }
            Node::Variable(_) => {
                let value = self.direct(node, scope, &input.value)?;
                self.give(&input, value, out)
            }
            Node::Argument(slot) => match bound(scope, *slot) {
                Some(Bound::Closure { node, scope }) => self.eval(node, *scope, input, out),
                _ => Ok(()),
            },
            Node::Call {
                definition,
                hidden,
                arguments,
            } => {
                let callee = hidden.map_or(None, |slots| outwards(scope, slots));
                self.call(*definition, callee, arguments, scope, input, out)
            }
            Node::Function(function, arguments) => {
                self.function(function, arguments, scope, &input, out)
            }
            Node::Control(control, arguments) => {
                self.control(*control, arguments, scope, input, out)
            }
            Node::Regex(call) => self.regex(call, scope, &input, out),
            Node::Hmac(key) => {
                let text = value::text_for(&input.value, "hmac")?;
                self.bounds.text(text.len())?;
                self.bounds.bytes(64 + VALUE)?;
                self.give(&input, Val::from(key.hmac(text.as_bytes())), out)
            }
            Node::Path(base, steps) => self.path(base, steps, scope, input, out),
            // The others are run by `node`.
            _ => Ok(()),
        }
    }

    fn negate<'e>(
        &'e self,
        body: &'e Node,
        scope: Scope<'e>,
        input: &Item,
        out: Yield<'_>,
    ) -> Flow {
        self.values(body, scope, &input.value, &mut |value| match value {
            Val::Num(number) => self.give(input, Val::Num(-number), out),
            other => fail(format!("{} cannot be negated", kind(&other))),
        })
    }

    #[inline(never)]
    fn compare<'e>(
        &'e self,
        left: &'e Node,
        op: Cmp,
        right: &'e Node,
        scope: Scope<'e>,
        input: &Item,
        out: Yield<'_>,
    ) -> Flow {
        self.values(right, scope, &input.value, &mut |right| {
            self.values(left, scope, &input.value, &mut |left| {
                self.bounds.compare(&left, &right)?;
                self.give(input, Val::Bool(op.run(&left, &right)), out)
            })
        })
    }

    #[inline(never)]
    fn logic<'e>(
        &'e self,
        left: &'e Node,
        decides: bool,
        right: &'e Node,
        scope: Scope<'e>,
        input: &Item,
        out: Yield<'_>,
    ) -> Flow {
        self.values(left, scope, &input.value, &mut |left| {
            if value::is_true(&left) == decides {
                return self.give(input, Val::Bool(decides), out);
            }
            self.values(right, scope, &input.value, &mut |right| {
                self.give(input, Val::Bool(value::is_true(&right)), out)
            })
        })
    }
}

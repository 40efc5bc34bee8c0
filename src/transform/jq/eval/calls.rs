//! Calls of functions.

use jaq_json::Val;

use super::{Bound, Frame, Item, Run, Scope, Yield, bound};
use crate::transform::jq::bounds::{Flow, VALUE};
use crate::transform::jq::functions::Function;
use crate::transform::jq::program::{Node, Parameter};
use crate::transform::jq::regex::{self, RegexCall, RegexKind};
use crate::transform::jq::value;

impl Run<'_> {
    /// Calls a function that is written in jq; `callee` are the bindings that it sees.
    pub(super) fn call<'e>(
        &'e self,
        definition: usize,
        callee: Scope<'e>,
        arguments: &'e [Node],
        scope: Scope<'e>,
        input: Item,
        out: Yield<'_>,
    ) -> Flow {
        let Some(definition) = self.program.definitions.get(definition) else {
            return Ok(());
        };
        let call = Call {
            body: &definition.body,
            parameters: &definition.parameters,
            arguments,
            scope,
        };
        self.bind_argument(&call, 0, callee, input, out)
    }

    fn bind_argument<'e>(
        &'e self,
        call: &Call<'e>,
        at: usize,
        callee: Scope<'e>,
        input: Item,
        out: Yield<'_>,
    ) -> Flow {
        let (Some(parameter), Some(argument)) = (call.parameters.get(at), call.arguments.get(at))
        else {
            return self.eval(call.body, callee, input, out);
        };
        match parameter {
            Parameter::Closure => {
                let frame = Frame {
                    bound: closure(argument, call.scope),
                    outer: callee,
                };
                // Each parameter takes a part of the stack, as a call does.
                self.bounds
                    .deeper(|| self.bind_argument(call, at + 1, Some(&frame), input, out))
            }
            Parameter::Value => self.values(argument, call.scope, &input.value, &mut |value| {
                let frame = Frame {
                    bound: Bound::Value(value),
                    outer: callee,
                };
                self.bounds
                    .deeper(|| self.bind_argument(call, at + 1, Some(&frame), input.clone(), out))
            }),
        }
    }

    /// Calls a function for each combination of the values of its arguments.
    #[inline(never)]
    pub(super) fn function<'e>(
        &'e self,
        function: &'static Function,
        arguments: &'e [Node],
        scope: Scope<'e>,
        input: &Item,
        out: Yield<'_>,
    ) -> Flow {
        let mut run = |values: &[Val]| {
            self.bounds.read(&input.value)?;
            values
                .iter()
                .try_for_each(|value| self.bounds.read(value))?;
            let result = (function.run)(self.bounds, &input.value, values)?;
            if matches!(result, Val::Arr(_) | Val::Obj(_)) {
                self.bounds.walk(&result)?;
            }
            self.give(input, result, out)
        };
        match arguments {
            [] => run(&[]),
            [one] => self.values(one, scope, &input.value, &mut |one| run(&[one])),
            [one, two] => self.values(two, scope, &input.value, &mut |two| {
                self.values(one, scope, &input.value, &mut |one| {
                    run(&[one, two.clone()])
                })
            }),
            _ => Ok(()),
        }
    }

    #[inline(never)]
    pub(super) fn regex<'e>(
        &'e self,
        call: &'e RegexCall,
        scope: Scope<'e>,
        input: &Item,
        out: Yield<'_>,
    ) -> Flow {
        let text = value::text_for(&input.value, "a pattern")?;
        if call.kind == RegexKind::Test {
            let is_match = call.is_match(self.bounds, text)?;
            return self.give(input, Val::Bool(is_match), out);
        }
        let found = call.find(self.bounds, text)?;
        match call.kind {
            RegexKind::Test => Ok(()),
            RegexKind::Match => found
                .iter()
                .try_for_each(|found| self.give(input, found.described(self.bounds, text)?, out)),
            RegexKind::Capture => found
                .iter()
                .try_for_each(|found| self.give(input, found.named(self.bounds, text)?, out)),
            RegexKind::Scan => found
                .iter()
                .try_for_each(|found| self.give(input, found.scanned(self.bounds, text)?, out)),
            RegexKind::Split | RegexKind::Splits => {
                let ends = found.iter().map(|found| found.span.start);
                let starts = [0]
                    .into_iter()
                    .chain(found.iter().map(|found| found.span.end));
                let spans = starts.zip(ends.chain([text.len()]));
                let mut parts = spans.map(|(start, end)| {
                    regex::part(self.bounds, text, Some(regex_automata::Span { start, end }))
                });
                match call.kind {
                    RegexKind::Splits => parts.try_for_each(|part| self.give(input, part?, out)),
                    _ => {
                        let parts: Val = parts.collect::<Flow<_>>()?;
                        self.give(input, parts, out)
                    }
                }
            }
            RegexKind::Sub | RegexKind::GSub => {
                let mut made = String::new();
                let mut from = 0;
                for found in &found {
                    let before = text.get(from..found.span.start).unwrap_or_default();
                    let groups = found.named(self.bounds, text)?;
                    let body = call.body.as_ref().unwrap_or(&Node::Identity);
                    let new = self.first(body, scope, Item::plain(groups))?;
                    let new = new.map(|new| new.value).unwrap_or_default();
                    let new = value::text_for(&new, "a replacement")?;
                    self.bounds.bytes(before.len() + new.len())?;
                    made.push_str(before);
                    made.push_str(new);
                    from = found.span.end;
                }
                let rest = text.get(from..).unwrap_or_default();
                self.bounds.bytes(rest.len() + VALUE)?;
                made.push_str(rest);
                self.give(input, Val::from(made), out)
            }
        }
    }
}

/// A call on its way: its arguments are bound one by one.
struct Call<'e> {
    body: &'e Node,
    parameters: &'e [Parameter],
    arguments: &'e [Node],
    scope: Scope<'e>,
}

/// Passes an argument; one that is itself an argument is passed on, so that none leads to another.
fn closure<'e>(node: &'e Node, scope: Scope<'e>) -> Bound<'e> {
    if let Node::Argument(slot) = node
        && let Some(Bound::Closure { node, scope }) = bound(scope, *slot)
    {
        return Bound::Closure {
            node,
            scope: *scope,
        };
    }
    Bound::Closure { node, scope }
}

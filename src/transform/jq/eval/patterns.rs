//! Binds values to variables, and folds over them.

use jaq_json::Val;

use super::{Bound, Frame, Item, Run, Scope, Yield};
use crate::transform::jq::bounds::Flow;
use crate::transform::jq::program::{Binding, Fold, Pattern, PatternPart};
use crate::transform::jq::value;

/// Takes the bindings that a pattern makes.
type Bind<'b> = &'b mut dyn FnMut(Scope<'_>) -> Flow;

impl Run<'_> {
    pub(super) fn bind<'e>(
        &'e self,
        binding: &'e Binding,
        scope: Scope<'e>,
        input: Item,
        out: Yield<'_>,
    ) -> Flow {
        let pattern = &binding.pattern;
        self.values(&binding.source, scope, &input.value, &mut |value| {
            self.pattern(pattern, value, scope, &input.value, &mut |scope| {
                self.eval(&binding.body, scope, input.clone(), out)
            })
        })
    }

    /// Binds the variables of `pattern` to parts of `value`; keys in brackets see `input`.
    fn pattern(
        &self,
        pattern: &Pattern,
        value: Val,
        scope: Scope<'_>,
        input: &Val,
        bind: Bind<'_>,
    ) -> Flow {
        match pattern {
            Pattern::Variable => bind(Some(&Frame {
                bound: Bound::Value(value),
                outer: scope,
            })),
            Pattern::Parts(parts) => self.parts(parts, &value, scope, input, bind),
        }
    }

    fn parts(
        &self,
        parts: &[PatternPart],
        value: &Val,
        scope: Scope<'_>,
        input: &Val,
        bind: Bind<'_>,
    ) -> Flow {
        let Some((part, rest)) = parts.split_first() else {
            return bind(scope);
        };
        self.values(&part.key, scope, input, &mut |key| {
            let found = value::index(self.bounds, value, &key)?;
            self.bounds.deeper(|| {
                self.pattern(&part.pattern, found, scope, input, &mut |scope| {
                    self.parts(rest, value, scope, input, bind)
                })
            })
        })
    }

    /// Runs `update` for each value of the source, each time on the last one it yielded.
    #[inline(never)]
    pub(super) fn reduce<'e>(
        &'e self,
        fold: &'e Fold,
        scope: Scope<'e>,
        input: Item,
        out: Yield<'_>,
    ) -> Flow {
        self.eval(&fold.start, scope, input.clone(), &mut |start| {
            let mut state = Some(start);
            self.values(&fold.source, scope, &input.value, &mut |value| {
                self.pattern(&fold.pattern, value, scope, &input.value, &mut |scope| {
                    let old = state.take().unwrap_or_else(|| Item::plain(Val::Null));
                    self.eval(&fold.update, scope, old, &mut |new| {
                        state = Some(new);
                        Ok(())
                    })
                })
            })?;
            out(state.unwrap_or_else(|| Item::plain(Val::Null)))
        })
    }

    /// Does the same, and hands on each.
    #[inline(never)]
    pub(super) fn foreach<'e>(
        &'e self,
        fold: &'e Fold,
        scope: Scope<'e>,
        input: Item,
        out: Yield<'_>,
    ) -> Flow {
        self.eval(&fold.start, scope, input.clone(), &mut |start| {
            let mut state = start;
            self.values(&fold.source, scope, &input.value, &mut |value| {
                self.pattern(&fold.pattern, value, scope, &input.value, &mut |scope| {
                    let old = state.clone();
                    self.eval(&fold.update, scope, old, &mut |new| {
                        state = new.clone();
                        match &fold.extract {
                            Some(extract) => self.eval(extract, scope, new, out),
                            None => out(new),
                        }
                    })
                })
            })
        })
    }
}

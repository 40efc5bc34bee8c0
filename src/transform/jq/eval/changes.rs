//! Assignments: `=`, `|=`, `+=` and the like.

use jaq_json::Val;

use super::{Item, Run, Scope, Yield};
use crate::transform::jq::bounds::Flow;
use crate::transform::jq::program::{Change, Node};
use crate::transform::jq::value;

impl Run<'_> {
    /// Changes what stands at the paths of `target`.
    #[inline(never)]
    pub(super) fn change<'e>(
        &'e self,
        target: &'e Node,
        change: Change,
        body: &'e Node,
        scope: Scope<'e>,
        input: &Item,
        out: Yield<'_>,
    ) -> Flow {
        let paths = self.paths_of(target, scope, &input.value)?;
        if matches!(change, Change::Update) {
            let mut whole = input.value.clone();
            let mut gone = Vec::new();
            for path in &paths {
                let old = value::get(self.bounds, &whole, path)?;
                match self.first(body, scope, Item::plain(old))? {
                    Some(new) => whole = value::set(self.bounds, whole, path, new.value)?,
                    None => gone.push(Val::Arr(path.to_vec().into())),
                }
            }
            let whole = value::delete(self.bounds, whole, gone)?;
            return self.changed(input, whole, out);
        }
        self.values(body, scope, &input.value, &mut |new| {
            let mut whole = input.value.clone();
            for path in &paths {
                let new = match change {
                    Change::Assign | Change::Update => new.clone(),
                    Change::Math(op) => {
                        let old = value::get(self.bounds, &whole, path)?;
                        value::calculate(self.bounds, old, op, new.clone())?
                    }
                    Change::Alternative => match value::get(self.bounds, &whole, path)? {
                        old if value::is_true(&old) => old,
                        _ => new.clone(),
                    },
                };
                whole = value::set(self.bounds, whole, path, new)?;
            }
            self.changed(input, whole, out)
        })
    }

    fn changed(&self, input: &Item, whole: Val, out: Yield<'_>) -> Flow {
        self.bounds.walk(&whole)?;
        self.give(input, whole, out)
    }
}

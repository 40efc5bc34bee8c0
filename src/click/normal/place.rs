//! `client.location` and `client.geo`: two documents' names for one thing.

use super::{Name, Normal, Value};
use crate::click::id;
use crate::json::Kind;

impl Normal<'_> {
    /// `client` with one `location` of what was `location` and `geo`; nothing if nothing changes.
    pub(super) fn client(&mut self, client: u32) -> Option<Value> {
        let tape = self.tape;
        let (location, geo) = (tape.get(client, "location"), tape.get(client, "geo"));
        let (merged, keep_geo) = match (location, geo) {
            (None, None) => (None, false),
            (Some(only), None) => (self.place(only), false),
            (None, Some(geo)) => (Some(self.place(geo).unwrap_or(Value::Node(geo))), false),
            (Some(location), Some(geo)) => self.merge(location, geo),
        };
        let mut kept = Vec::with_capacity(8);
        let mut changed = geo.is_some() || merged.is_some();
        for m in tape.members(client) {
            let (mut name, mut value) = (Name::Node(m.name), Value::Node(m.value));
            if tape.is(m.name, "location") {
                value = merged.unwrap_or(value);
            } else if tape.is(m.name, "geo") && !keep_geo {
                if location.is_some() {
                    continue;
                }
                (name, value) = (Name::Given("location"), merged.unwrap_or(value));
            } else if tape.is(m.name, "session")
                && let Some(session) = self.object(m.value, |this, name, v| if name == b"started" { this.time(v) } else { None })
            {
                (value, changed) = (session, true);
            }
            kept.push((name, value));
        }
        changed.then(|| {
            let (start, end) = self.store(&kept);
            Value::Object(start, end)
        })
    }

    /// A location with its country in upper case; nothing if nothing changes.
    fn place(&mut self, index: u32) -> Option<Value> {
        self.object(index, |this, name, value| if name == b"country" { this.country(value) } else { None })
    }

    fn country(&mut self, index: u32) -> Option<Value> {
        let code = self.tape.string(index)?;
        let (two, upper) =
            (matches!(code.as_bytes(), [a, b] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic()), code.to_ascii_uppercase());
        (two && self.tape.inner(index) != upper.as_bytes()).then(|| {
            self.texts.push(upper);
            Value::Text(self.texts.len() as u32 - 1)
        })
    }

    /// `location` with its gaps filled from `geo`; and whether `geo` says something else, so that it must stay.
    fn merge(&mut self, location: u32, geo: u32) -> (Option<Value>, bool) {
        let tape = self.tape;
        if tape.node(location).kind == Kind::Null {
            return (Some(self.place(geo).unwrap_or(Value::Node(geo))), false);
        }
        if tape.node(location).kind != Kind::Object || tape.node(geo).kind != Kind::Object {
            return (self.place(location), !id::same(self, Value::Node(location), Value::Node(geo)));
        }
        let (mine, theirs) = (self.place(location).unwrap_or(Value::Node(location)), self.place(geo).unwrap_or(Value::Node(geo)));
        let (mut merged, mut differs) = (self.members(mine).collect::<Vec<_>>(), false);
        for (name, value) in self.members(theirs).collect::<Vec<_>>() {
            let known = merged.iter().position(|(other, _)| self.name(*other) == self.name(name));
            match known.and_then(|at| merged.get_mut(at)) {
                None => merged.push((name, value)),
                Some((_, Value::Node(null))) if tape.node(*null).kind == Kind::Null => {
                    if let Some(slot) = known.and_then(|at| merged.get_mut(at)) {
                        slot.1 = value;
                    }
                }
                Some((_, mine)) => differs |= !id::same(self, *mine, value),
            }
        }
        let (start, end) = self.store(&merged);
        (Some(Value::Object(start, end)), differs)
    }
}

//! `client.location` and `client.geo`: two documents' names for one thing.

use super::rules::Rules;
use super::{Normal, Patch, Value, members, name_of, patched};
use crate::click::canonical;
use crate::click::plan::Role;
use crate::json::{Kind, Member};

impl Rules<'_, '_> {
    /// Returns `client` with one `location` of what was `location` and `geo`; `None` if nothing
    /// changes.
    pub(super) fn client(&mut self, client: u32) -> Option<Value> {
        let [location, geo, session] =
            self.find(client, [Role::Location, Role::Geo, Role::Session]);
        let session = session.and_then(|(at, member)| {
            let value = self.object(member.value, Role::Started, Self::changed_time)?;
            Some(Patch {
                at,
                member,
                name: None,
                value,
            })
        });
        let place = match (location, geo) {
            (None, None) => None,
            (Some((at, member)), None) => self.place(member.value).map(|value| Patch {
                at,
                member,
                name: None,
                value,
            }),
            (None, Some((at, member))) => {
                let value = self
                    .place(member.value)
                    .unwrap_or(Value::Node(member.value));
                Some(Patch {
                    at,
                    member,
                    name: Some("location"),
                    value,
                })
            }
            (Some(location), Some((_, geo))) => {
                return Some(self.both(client, location, geo, session));
            }
        };
        self.patch(client, [place, session])
    }

    /// Returns `client` with a `location` that takes in what `geo` says.
    fn both(
        &mut self,
        client: u32,
        (at, location): (usize, Member),
        geo: Member,
        session: Option<Patch>,
    ) -> Value {
        let (merged, keep_geo) = self.merge(location.value, geo.value);
        let merged = merged.map(|value| Patch {
            at,
            member: location,
            name: None,
            value,
        });
        if keep_geo {
            return self
                .patch(client, [merged, session])
                .unwrap_or(Value::Node(client));
        }
        let patches: Vec<_> = [merged, session].into_iter().flatten().collect();
        let members = self
            .tape
            .members(client)
            .filter(|m| *m != geo)
            .map(|m| patched(m, &patches))
            .collect();
        self.made(members)
    }

    /// Returns a location with its country in upper case; `None` if nothing changes.
    fn place(&mut self, index: u32) -> Option<Value> {
        self.object(index, Role::Country, Self::country)
    }

    fn country(&mut self, index: u32) -> Option<Value> {
        let code = self.tape.string(index)?;
        let &[a, b] = code.as_bytes() else {
            return None;
        };
        let upper = [a.to_ascii_uppercase(), b.to_ascii_uppercase()];
        let changes = upper.iter().all(u8::is_ascii_uppercase) && self.tape.inner(index) != upper;
        if changes {
            std::str::from_utf8(&upper)
                .ok()
                .map(|upper| self.text(upper))
        } else {
            None
        }
    }

    /// Returns `location` with its gaps filled from `geo`, and whether `geo` says something else,
    /// so that it must stay.
    fn merge(&mut self, location: u32, geo: u32) -> (Option<Value>, bool) {
        let tape = self.tape;
        if tape.node(location).kind == Kind::Null {
            return (Some(self.place(geo).unwrap_or(Value::Node(geo))), false);
        }
        if tape.node(location).kind != Kind::Object || tape.node(geo).kind != Kind::Object {
            return (
                self.place(location),
                !self.same(Value::Node(location), Value::Node(geo)),
            );
        }
        let (mine, theirs) = (
            self.place(location).unwrap_or(Value::Node(location)),
            self.place(geo).unwrap_or(Value::Node(geo)),
        );
        let (mut merged, mut differs) =
            (members(tape, self.changes, mine).collect::<Vec<_>>(), false);
        for (name, value) in members(tape, self.changes, theirs).collect::<Vec<_>>() {
            let known = merged
                .iter()
                .position(|(other, _)| name_of(tape, *other) == name_of(tape, name));
            match known.and_then(|at| merged.get_mut(at)) {
                None => merged.push((name, value)),
                Some((_, Value::Node(null))) if tape.node(*null).kind == Kind::Null => {
                    if let Some(slot) = known.and_then(|at| merged.get_mut(at)) {
                        slot.1 = value;
                    }
                }
                Some((_, mine)) => differs |= !self.same(*mine, value),
            }
        }
        (Some(self.made(merged)), differs)
    }

    /// Whether two values are the same but for the order of members and the spelling of strings.
    fn same(&self, a: Value, b: Value) -> bool {
        let normal = Normal {
            tape: self.tape,
            plans: self.plans,
            changes: self.changes,
            root: a,
            root_node: 0,
        };
        canonical::same(&normal, a, b)
    }
}

//! Members that this version does not know: they are forwarded like the others, and reported.

use std::collections::BTreeSet;

use super::fields::{CLICK, Field, Type};
use crate::json::{Kind, Tape, text};

/// Most paths that are kept: a file of other things than clicks has no end of them.
pub const MOST: usize = 256;
/// Bytes of the longest name that is reported.
const LONGEST: usize = 64;

/// Looks for unknown members, in the first click of each shape alone: a click whose members have
/// all been met, in their order, has nothing new.
#[derive(Debug, Default)]
pub(super) struct Drift {
    /// The parser whose shapes were met, and how many.
    met: (u64, usize),
    found: BTreeSet<String>,
}

impl Drift {
    /// Looks at the click at `root`.
    #[inline]
    pub(super) fn look(&mut self, tape: Tape<'_>, root: u32) {
        let met = (tape.shapes.instance(), tape.shapes.len());
        if self.met != met {
            self.met = met;
            self.walk(tape, root, CLICK, &mut String::new());
        }
    }

    #[cold]
    fn walk(&mut self, tape: Tape<'_>, object: u32, fields: &[Field], path: &mut String) {
        for member in tape.members(object) {
            let name = text::unescaped(tape.inner(member.name), tape.node(member.name).escaped);
            let name: &[u8] = match (path.as_str(), &*name) {
                // What the forwarder adds, of clicks that it has made.
                ("", b"id" | b"source" | b"key" | b"delivered") => continue,
                ("client", b"geo") => b"location",
                (_, name) => name,
            };
            let length = path.len();
            path.push_str(if path.is_empty() { "" } else { "." });
            path.push_str(told(name));
            match fields.iter().find(|field| field.name.as_bytes() == name) {
                Some(field) if field.is_open() => {}
                Some(Field {
                    kind: Type::Object(members),
                    ..
                }) if tape.node(member.value).kind == Kind::Object => {
                    self.walk(tape, member.value, members, path);
                }
                Some(_) => {}
                None if self.found.len() < MOST => drop(self.found.insert(path.clone())),
                None => {}
            }
            path.truncate(length);
        }
    }

    /// Returns the paths found since the last call.
    pub(super) fn take(&mut self) -> BTreeSet<String> {
        std::mem::take(&mut self.found)
    }
}

/// Returns the name if it looks like one; `*` otherwise, because it may be data, which must not be
/// logged.
fn told(name: &[u8]) -> &str {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-$".contains(byte);
    let name = std::str::from_utf8(name)
        .ok()
        .filter(|name| name.len() <= LONGEST && name.bytes().all(|byte| plain(&byte)));
    name.unwrap_or("*")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Parser;

    fn found(drift: &mut Drift, parser: &mut Parser, click: &str) -> Vec<String> {
        parser.reset();
        parser.run(click.as_bytes(), true);
        drift.look(parser.tape(click.as_bytes()), 0);
        drift.take().into_iter().collect()
    }

    #[test]
    fn members_that_no_version_knows_are_named_by_their_topmost_path() {
        let (mut drift, mut parser) = (Drift::default(), Parser::new(64));
        let mut found = |click: &str| found(&mut drift, &mut parser, click);
        let known = r#"{"timestamp":"2026-11-21T23:54:50Z","client":{"geo":{"city":"a"}},"route":{"id":"a","tags":{"t1":{"value":1}},"destination":{"params":{"query":{"gclid":["x"]}}}}}"#;
        assert_eq!(found(known), [""; 0]);
        let new = r#"{"id":"1","timestamp":"2026-11-21T23:54:50Z","route":{"id":"a","qr":{"shape":"round"}},"client":{"ip":"192.0.2.1","location":{"zip":1}}}"#;
        assert_eq!(found(new), ["client.ip", "client.location.zip", "route.qr"]);
        assert_eq!(found(new), [""; 0]);
        assert_eq!(
            found(
                r#"{"timestamp":"2026-11-21T23:54:50Z","route":{"a@example.com":1,"a\u0062":1}}"#
            ),
            ["route.*", "route.ab"]
        );
    }

    #[test]
    fn another_parser_begins_anew() {
        let mut drift = Drift::default();
        let click = r#"{"timestamp":0,"route":{},"new":1}"#;
        for _ in 0..2 {
            assert_eq!(found(&mut drift, &mut Parser::new(64), click), ["new"]);
        }
    }
}

//! A value rewritten without white space and without repeated names: for the few records that have
//! them.

use std::collections::HashMap;

use super::{Kind, Member, Tape, text};

/// Appends the value at `index` without white space between tokens; of a repeated name, the last
/// member.
pub fn compact(tape: Tape<'_>, index: u32, out: &mut Vec<u8>) {
    match tape.node(index).kind {
        Kind::Object => object(tape, index, out),
        Kind::Array => {
            out.push(b'[');
            for (at, element) in tape.elements(index).enumerate() {
                separate(at, out);
                compact(tape, element, out);
            }
            out.push(b']');
        }
        _ => out.extend_from_slice(tape.raw(index)),
    }
}

fn object(tape: Tape<'_>, index: u32, out: &mut Vec<u8>) {
    let name = |m: Member| text::unescaped(tape.inner(m.name), tape.node(m.name).escaped);
    let last: HashMap<_, u32> = tape.members(index).map(|m| (name(m), m.name)).collect();
    out.push(b'{');
    for (at, m) in tape
        .members(index)
        .filter(|m| last.get(&name(*m)) == Some(&m.name))
        .enumerate()
    {
        separate(at, out);
        out.extend_from_slice(tape.raw(m.name));
        out.push(b':');
        compact(tape, m.value, out);
    }
    out.push(b'}');
}

fn separate(at: usize, out: &mut Vec<u8>) {
    if at > 0 {
        out.push(b',');
    }
}

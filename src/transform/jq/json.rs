//! Values from JSON, and JSON from values.

use std::cell::RefCell;
use std::sync::Arc;

use clicks::json::{Kind, Parser, Progress, Tape, text};
use jaq_json::{Map, Num, Val};

use super::bounds::{Bounds, Flow, LEVELS, VALUE, fail};
use super::value::{self, kind};

thread_local! {
    /// Clicks are of few shapes, which are learned once.
    static PARSER: RefCell<Parser> = RefCell::new(Parser::new(LEVELS as u32));
}

/// Reads a click, whose bytes nobody counts.
pub(super) fn read(bytes: &[u8]) -> Flow<Val> {
    parsed(bytes, |tape| Ok(value_at(tape, 0)))
}

/// Reads JSON, after its work was counted.
pub(super) fn read_counted(bounds: &Bounds, bytes: &[u8]) -> Flow<Val> {
    parsed(bytes, |tape| {
        bounds.steps(tape.nodes.len())?;
        bounds.bytes(bytes.len() + 3 * VALUE * tape.nodes.len())?;
        Ok(value_at(tape, 0))
    })
}

fn parsed(bytes: &[u8], read: impl FnOnce(Tape<'_>) -> Flow<Val>) -> Flow<Val> {
    PARSER.with_borrow_mut(|parser| {
        parser.shrink();
        match parser.run(bytes, true) {
            Progress::Done(end) if bytes.iter().skip(end).all(u8::is_ascii_whitespace) => {
                read(parser.tape(bytes))
            }
            _ => fail("text is not JSON, or nested too deep"),
        }
    })
}

fn value_at(tape: Tape<'_>, at: u32) -> Val {
    match tape.node(at).kind {
        Kind::Null => Val::Null,
        Kind::Bool => Val::Bool(tape.raw(at) == b"true"),
        Kind::Number => value::number(&String::from_utf8_lossy(tape.raw(at))),
        Kind::String => string(tape, at),
        Kind::Array => tape.elements(at).map(|item| value_at(tape, item)).collect(),
        Kind::Object => {
            let mut members = Map::default();
            for member in tape.members(at) {
                members.insert(string(tape, member.name), value_at(tape, member.value));
            }
            Val::Obj(Arc::new(members))
        }
    }
}

/// Reads a string, in which U+FFFD stands for half of a surrogate pair.
fn string(tape: Tape<'_>, at: u32) -> Val {
    let bytes = text::unescaped(tape.inner(at), tape.node(at).escaped);
    match String::from_utf8_lossy(&bytes) {
        std::borrow::Cow::Borrowed(text) => Val::utf8_str(text.as_bytes().to_vec()),
        std::borrow::Cow::Owned(text) => Val::from(text),
    }
}

/// Appends a value as JSON, after counting each part of it.
pub(super) fn write(bounds: &Bounds, value: &Val, out: &mut Vec<u8>) -> Flow {
    bounds.steps(1)?;
    match value {
        Val::Null => plain(bounds, b"null", out),
        Val::Bool(true) => plain(bounds, b"true", out),
        Val::Bool(false) => plain(bounds, b"false", out),
        Val::Num(Num::Float(f)) => {
            let text = written(*f);
            plain(bounds, text.as_bytes(), out)
        }
        Val::Num(number) => plain(bounds, number.to_string().as_bytes(), out),
        Val::TStr(text) | Val::BStr(text) => {
            bounds.text(text.len())?;
            bounds.bytes(text.len() + 2)?;
            text::write_str(std::str::from_utf8(text).unwrap_or_default(), out);
            Ok(())
        }
        Val::Arr(items) => {
            plain(bounds, b"[", out)?;
            for (at, item) in items.iter().enumerate() {
                comma(bounds, at, out)?;
                write(bounds, item, out)?;
            }
            plain(bounds, b"]", out)
        }
        Val::Obj(members) => {
            plain(bounds, b"{", out)?;
            for (at, (name, member)) in members.iter().enumerate() {
                comma(bounds, at, out)?;
                write(bounds, name, out)?;
                plain(bounds, b":", out)?;
                write(bounds, member, out)?;
            }
            plain(bounds, b"}", out)
        }
    }
}

fn comma(bounds: &Bounds, at: usize, out: &mut Vec<u8>) -> Flow {
    match at {
        0 => Ok(()),
        _ => plain(bounds, b",", out),
    }
}

fn plain(bounds: &Bounds, bytes: &[u8], out: &mut Vec<u8>) -> Flow {
    bounds.bytes(bytes.len())?;
    out.extend_from_slice(bytes);
    Ok(())
}

/// Writes a float as jq does: a whole one without a fraction; JSON has none that is no number, and
/// none that is infinite.
fn written(float: f64) -> String {
    if float.is_nan() {
        "null".into()
    } else if float.is_infinite() {
        let largest = f64::MAX.copysign(float);
        format!("{largest:e}")
    } else if float.fract() == 0.0 && float.abs() < 1e17 {
        format!("{float:.0}")
    } else if float.abs() >= 1e17 || float.abs() < 1e-5 {
        format!("{float:e}")
    } else {
        float.to_string()
    }
}

/// Writes the object that a map yielded.
pub(super) fn object(bounds: &Bounds, value: &Val) -> Flow<Vec<u8>> {
    match value {
        Val::Obj(_) => {
            let mut out = Vec::with_capacity(512);
            write(bounds, value, &mut out)?;
            Ok(out)
        }
        other => fail(format!("yields {} instead of an object", kind(other))),
    }
}

//! Pieces of text that clicks of either content are put together from.

use std::fmt::Write as _;

use fastrand::Rng;

use crate::calendar::Date;

/// When the first click of every file happened: 2026-11-21T23:54:50Z, in microseconds since 1970.
pub(super) const EPOCH: u64 = 1_795_305_290_000_000;

/// Returns one of `pool`, the first ones more often.
pub(super) fn pick<'a, T: AsRef<str>>(rng: &mut Rng, pool: &'a [T]) -> &'a str {
    let below = (pool.len() as u32).max(1);
    let at = rng.u32(..below).min(rng.u32(..below));
    pool.get(at as usize).map_or("", AsRef::as_ref)
}

/// Returns the name of an object as Rebrandly gives it.
pub(super) fn object_name(rng: &mut Rng) -> String {
    let mut rng = || rng.u64(..);
    let (a, b, c, d, e) = (
        rng() as u32,
        rng() as u16,
        rng() & 0xFFF,
        0x8000 | rng() & 0x3FFF,
        rng() >> 16,
    );
    format!("rb-clicks-stream-1-2026-11-21-23-54-50-{a:08x}-{b:04x}-4{c:03x}-{d:04x}-{e:012x}")
}

/// Appends a time in UTC with 3 or 6 digits of the second, without its zone.
pub(super) fn push_time(micros: u64, digits: usize, out: &mut String) {
    let fraction = micros % 1_000_000 / if digits == 3 { 1000 } else { 1 };
    let seconds = micros / 1_000_000;
    let Date { year, month, day } = Date::from_days((seconds / 86_400) as i64);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let _ = write!(
        out,
        "{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:0digits$}"
    );
}

/// Appends `record` spread over lines, two blanks a level; none of its objects and arrays is empty.
pub(super) fn indent(record: &str, out: &mut String) {
    let (mut depth, mut string, mut escape) = (0, false, false);
    let line = |depth: usize, out: &mut String| {
        out.push('\n');
        (0..depth).for_each(|_| out.push_str("  "));
    };
    for c in record.chars() {
        if !string && matches!(c, '}' | ']') {
            depth -= 1;
            line(depth, out);
        }
        out.push(c);
        match c {
            _ if string => (string, escape) = (escape || c != '"', c == '\\' && !escape),
            '"' => string = true,
            '{' | '[' | ',' => {
                depth += usize::from(c != ',');
                line(depth, out);
            }
            ':' => out.push(' '),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn times_are_dates() {
        let spell = |micros| {
            let mut out = String::new();
            push_time(micros, 6, &mut out);
            out
        };
        assert_eq!(spell(EPOCH), "2026-11-21T23:54:50.000000");
        assert_eq!(spell(951_782_400_000_001), "2000-02-29T00:00:00.000001");
        assert_eq!(spell(1_767_225_599_999_999), "2025-12-31T23:59:59.999999");
    }

    #[test]
    fn pretty_is_how_serde_json_indents() {
        for record in [
            r#"{"a":[1,{"b":"{\"c\\\":[,"}],"d":null}"#,
            r#"{"a":{"b":[{"c":[""]}]}}"#,
        ] {
            let mut ours = String::new();
            indent(record, &mut ours);
            let value: Value = serde_json::from_str(record).unwrap();
            assert_eq!(ours, serde_json::to_string_pretty(&value).unwrap());
        }
    }
}

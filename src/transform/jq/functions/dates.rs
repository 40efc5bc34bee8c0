//! Functions of dates, all in UTC.

use jaq_json::{Num, Val};
use jiff::civil::DateTime;
use jiff::fmt::strtime::{self, BrokenDownTime};
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, Zoned};

use super::{Function, function};
use crate::transform::jq::bounds::{Bounds, Flow, VALUE, fail};
use crate::transform::jq::value::{array_for, float, text_for};

/// Longest format of a date.
const LONGEST: usize = 256;

pub(super) const FUNCTIONS: &[Function] = &[
    function("fromdateiso8601", 0, |bounds, value, _| {
        let text = text_for(value, "fromdate")?;
        bounds.text(text.len())?;
        match text.parse::<Timestamp>() {
            Ok(time) => Ok(epoch(time)),
            Err(_) => fail("fromdate needs a time such as 2026-11-26T09:30:00Z"),
        }
    }),
    function("todateiso8601", 0, |bounds, value, _| {
        bounds.bytes(VALUE)?;
        Ok(Val::from(zoned(value, "todate")?.timestamp().to_string()))
    }),
    function("gmtime", 0, |bounds, value, _| {
        bounds.bytes(9 * VALUE)?;
        Ok(parts(zoned(value, "gmtime")?.datetime()))
    }),
    function("mktime", 0, |_, value, _| {
        Ok(epoch(zoned(value, "mktime")?.timestamp()))
    }),
    function("strftime", 1, |bounds, value, arguments| {
        let format = format(bounds, arguments, "strftime")?;
        bounds.bytes(32 * format.len() + VALUE)?;
        match strtime::format(format, &zoned(value, "strftime")?) {
            Ok(text) => Ok(Val::from(text)),
            Err(_) => fail("strftime cannot write this format"),
        }
    }),
    function("strptime", 1, |bounds, value, arguments| {
        let format = format(bounds, arguments, "strptime")?;
        let text = text_for(value, "strptime")?;
        bounds.text(text.len())?;
        bounds.bytes(9 * VALUE)?;
        let read = BrokenDownTime::parse(format, text).and_then(|mut time| {
            if time.offset().is_none() && time.iana_time_zone().is_none() {
                time.set_offset(Some(Offset::UTC));
            }
            time.to_zoned()
        });
        match read {
            Ok(time) => Ok(parts(time.with_time_zone(TimeZone::UTC).datetime())),
            Err(_) => fail("strptime finds no time of this format"),
        }
    }),
];

fn format<'v>(bounds: &Bounds, arguments: &'v [Val], user: &str) -> Flow<&'v str> {
    let format = text_for(arguments.first().unwrap_or(&Val::Null), user)?;
    bounds.steps(format.len())?;
    match format.len() {
        ..=LONGEST => Ok(format),
        _ => fail(format!("{user} takes formats of at most {LONGEST} bytes")),
    }
}

/// Reads a time: seconds since 1970, or the parts of a date.
fn zoned(value: &Val, user: &str) -> Flow<Zoned> {
    let time = match value {
        Val::Num(n) => at_epoch(n),
        other => {
            let parts = array_for(other, user)?;
            at_parts(parts).and_then(|time| time.to_zoned(TimeZone::UTC).ok())
        }
    };
    time.map_or_else(|| fail(format!("{user} needs a time")), Ok)
}

fn at_epoch(seconds: &Num) -> Option<Zoned> {
    let time = match seconds {
        Num::Int(seconds) => Timestamp::from_second(*seconds as i64).ok()?,
        // A conversion to an integer saturates, and what is too large is no time.
        other => Timestamp::from_microsecond((float(other) * 1e6) as i64).ok()?,
    };
    Some(time.to_zoned(TimeZone::UTC))
}

/// Reads the parts of a date: year, month from 0, day, hour, minute, second.
fn at_parts(parts: &[Val]) -> Option<DateTime> {
    let number = |at: usize| match parts.get(at) {
        Some(Val::Num(n)) => Some(float(n)).filter(|n| n.abs() < 1e4),
        _ => None,
    };
    let small = |at: usize, add: f64| {
        let n = number(at)? + add;
        (0.0..=100.0).contains(&n).then_some(n as i8)
    };
    let second = number(5)?;
    DateTime::new(
        number(0)? as i16,
        small(1, 1.0)?,
        small(2, 0.0)?,
        small(3, 0.0)?,
        small(4, 0.0)?,
        small(5, 0.0)?,
        (second.fract() * 1e9) as i32,
    )
    .ok()
}

fn epoch(time: Timestamp) -> Val {
    match time.subsec_nanosecond() {
        0 => Val::from(time.as_second() as isize),
        _ => Val::from(time.as_microsecond() as f64 / 1e6),
    }
}

/// Writes the parts of a date as jq does, with the days of week and year.
fn parts(time: DateTime) -> Val {
    let second = match time.subsec_nanosecond() {
        0 => Val::from(time.second() as isize),
        nanos => Val::from(f64::from(time.second()) + f64::from(nanos) / 1e9),
    };
    [
        Val::from(time.year() as isize),
        Val::from(time.month() as isize - 1),
        Val::from(time.day() as isize),
        Val::from(time.hour() as isize),
        Val::from(time.minute() as isize),
        second,
        Val::from(time.weekday().to_sunday_zero_offset() as isize),
        Val::from(time.day_of_year() as isize - 1),
    ]
    .into_iter()
    .collect()
}

//! The spellings of a time that are understood, and the one that comes out: RFC 3339 in UTC with
//! the precision that was given.
//!
//! Ids depend on this: widening what is accepted is a new version of the id (see [`super::id`]).

use std::borrow::Cow;
use std::fmt::Write;

use wide::u8x16;

use crate::calendar::Date;

/// Rewrites a time as `2026-11-21T23:54:50.123Z`, digits of the second as given.
///
/// Accepted: RFC 3339 with `T`, `t` or a space; seconds that are absent (`:00` is put); `.` or `,`
/// before the fraction; `Z`, `z`, `+hh:mm`, `+hhmm`, `+hh` or no zone at all, which is UTC, as
/// Rebrandly writes `createdAt`. Anything else, a date that no calendar has included, is `None`.
pub fn to_utc(text: &str) -> Option<Cow<'_, str>> {
    let time = parse(text)?;
    if time.canonical {
        return Some(Cow::Borrowed(text));
    }
    let (mut days, mut minute) = (time.date.days(), time.minute - time.offset);
    days += i64::from(minute.div_euclid(1440));
    minute = minute.rem_euclid(1440);
    let Date { year, month, day } = Date::from_days(days);
    if !(0..=9999).contains(&year) || (time.second == 60 && minute != 1439) {
        return None;
    }
    let mut out = String::with_capacity(32);
    let (hour, minute) = (minute / 60, minute % 60);
    write!(
        out,
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}",
        time.second
    )
    .ok()?;
    if !time.fraction.is_empty() {
        out.push('.');
        out.push_str(time.fraction);
    }
    out.push('Z');
    Some(Cow::Owned(out))
}

/// Whether `text` is a time in the spelling of [`to_utc`].
pub fn is_canonical(text: &[u8]) -> bool {
    text.strip_suffix(b"Z").is_some_and(is_local)
}

/// Whether `text` is a time in that spelling without its `Z`.
pub fn is_local(text: &[u8]) -> bool {
    // The least and the greatest of each byte, up to the minute.
    let (least, greatest) = (
        u8x16::new(*b"0000-00-00T00:00"),
        u8x16::new(*b"9999-19-39T29:59"),
    );
    let Some((head, tail)) = text.split_first_chunk::<16>() else {
        return false;
    };
    let bytes = u8x16::new(*head);
    if (bytes.max(least).simd_eq(bytes) & bytes.min(greatest).simd_eq(bytes)).to_bitmask() != 0xFFFF
    {
        return false;
    }
    let fraction = match tail {
        [b':', b'0'..=b'5', b'0'..=b'9', fraction @ ..] => fraction,
        _ => return false,
    };
    let precise = fraction.is_empty()
        || matches!(fraction, [b'.', digits @ ..] if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit));
    let two = |at: usize| {
        head.get(at..at + 2).map_or(99, |two| {
            two.iter().fold(0, |n, c| n * 10 + i64::from(c - b'0'))
        })
    };
    let date = Date {
        year: two(0) * 100 + two(2),
        month: two(5),
        day: two(8),
    };
    precise && two(11) < 24 && date.exists()
}

/// Whether a canonical time is one that every reader of warehouse files takes: many count
/// nanoseconds since 1970 in 64 bits, from the year 1677 to 2262, and fail on a whole file for one
/// value outside of that.
pub fn is_countable(text: &[u8]) -> bool {
    text.get(..4)
        .is_some_and(|year| (&b"1678"[..]..=&b"2261"[..]).contains(&year))
}

/// Returns a count of seconds, milliseconds, microseconds or nanoseconds since 1970, told apart by
/// its 10, 13, 16 or 19 digits, as RFC 3339 in UTC; `None` for anything else.
pub fn from_epoch(digits: &str) -> Option<String> {
    let (seconds, fraction) = match digits.len() {
        10 | 13 | 16 | 19 if digits.bytes().all(|c| c.is_ascii_digit()) => {
            digits.split_at_checked(10)?
        }
        _ => return None,
    };
    let seconds: i64 = seconds.parse().ok()?;
    let Date { year, month, day } = Date::from_days(seconds.div_euclid(86_400));
    let second = seconds.rem_euclid(86_400);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let dot = if fraction.is_empty() { "" } else { "." };
    Some(format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{dot}{fraction}Z"
    ))
}

/// Returns the milliseconds since 1970 of a time; `None` if it cannot be read.
pub fn millis(text: &str) -> Option<i64> {
    let time = parse(text)?;
    let minutes = time.date.days() * 1440 + i64::from(time.minute - time.offset);
    let digits = time.fraction.bytes().chain(std::iter::repeat(b'0')).take(3);
    let fraction = digits.fold(0, |n, c| n * 10 + i64::from(c - b'0'));
    Some((minutes * 60 + i64::from(time.second)) * 1000 + fraction)
}

struct Parsed<'a> {
    date: Date,
    /// Minute of the day, local.
    minute: i32,
    second: i32,
    fraction: &'a str,
    /// Minutes ahead of UTC.
    offset: i32,
    canonical: bool,
}

fn parse(text: &str) -> Option<Parsed<'_>> {
    let mut rest = text;
    let year = number(&mut rest, 4)?.into();
    literal(&mut rest, "-")?;
    let month = number(&mut rest, 2)?.into();
    literal(&mut rest, "-")?;
    let day = number(&mut rest, 2)?.into();
    let upper_t = rest.starts_with('T');
    rest = rest.strip_prefix(['T', 't', ' '])?;
    let hour = number(&mut rest, 2)?;
    literal(&mut rest, ":")?;
    let minute = number(&mut rest, 2)?;
    let (mut second, mut fraction, mut canonical) = (0, "", false);
    if literal(&mut rest, ":").is_some() {
        second = number(&mut rest, 2)?;
        canonical = upper_t && !rest.starts_with(',') && second < 60;
        if let Some(after) = rest.strip_prefix(['.', ',']) {
            let end = after.bytes().take_while(u8::is_ascii_digit).count();
            (fraction, rest) = after
                .split_at_checked(end)
                .filter(|(digits, _)| !digits.is_empty())?;
        }
    }
    canonical &= rest == "Z";
    let offset = zone(rest)?;
    let date = Date { year, month, day };
    let valid = date.exists() && hour < 24 && minute < 60 && second <= 60;
    valid.then_some(Parsed {
        date,
        minute: hour * 60 + minute,
        second,
        fraction,
        offset,
        canonical,
    })
}

fn zone(text: &str) -> Option<i32> {
    if matches!(text, "" | "Z" | "z") {
        return Some(0);
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let mut rest = text.strip_prefix(['+', '-'])?;
    let hours = number(&mut rest, 2)?;
    let minutes = match rest {
        "" => 0,
        _ => {
            rest = rest.strip_prefix(':').unwrap_or(rest);
            number(&mut rest, 2)?
        }
    };
    (rest.is_empty() && hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes))
}

fn number(rest: &mut &str, digits: usize) -> Option<i32> {
    let (head, tail) = rest.split_at_checked(digits)?;
    *rest = tail;
    head.bytes()
        .all(|c| c.is_ascii_digit())
        .then(|| head.parse().ok())?
}

fn literal(rest: &mut &str, text: &str) -> Option<()> {
    *rest = rest.strip_prefix(text)?;
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_accepted_spelling() {
        for (given, expected) in [
            ("2019-07-02T14:07:06.981094Z", "2019-07-02T14:07:06.981094Z"),
            ("2023-08-31T04:13:48.385", "2023-08-31T04:13:48.385Z"),
            ("2023-08-31 04:13:48", "2023-08-31T04:13:48Z"),
            ("2023-08-31t04:13z", "2023-08-31T04:13:00Z"),
            ("2023-08-31T04:13:48,5+02:00", "2023-08-31T02:13:48.5Z"),
            ("2024-02-29T23:30:00-0100", "2024-03-01T00:30:00Z"),
            (
                "2023-01-01T00:30:00.000000001+01",
                "2022-12-31T23:30:00.000000001Z",
            ),
            ("2016-12-31T23:59:60Z", "2016-12-31T23:59:60Z"),
        ] {
            assert_eq!(to_utc(given).as_deref(), Some(expected), "{given}");
        }
    }

    proptest! {
        #[test]
        fn the_quick_look_agrees_with_the_careful_one(
            at in 0usize..27, other in r"[0-9:TZt. -]", digits in r"[0-3][0-9]{3}", end in r"|Z|\.[0-9]{0,7}Z",
        ) {
            let mut time: Vec<u8> = format!("{digits}-02-29T23:59:59{end}").into();
            if let Some(byte) = time.get_mut(at) {
                *byte = other.as_bytes()[0];
            }
            let text = std::str::from_utf8(&time).unwrap();
            prop_assert_eq!(is_canonical(&time), matches!(to_utc(text), Some(Cow::Borrowed(_))), "{}", text);
            prop_assert_eq!(is_local(&time), matches!(to_utc(&format!("{text}Z")), Some(Cow::Borrowed(_))), "{}", text);
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for given in [
            "",
            "now",
            "2023-08-31",
            "2023-02-29T00:00:00Z",
            "2023-13-01T00:00:00Z",
            "2023-08-31T24:00:00Z",
            "2023-08-31T12:60:00Z",
            "2023-08-31T12:00:60Z",
            "2023-08-31T12:00:00.Z",
            "2023-08-31T12:00:00 Z",
            "2023-08-31T12:00:00+1",
            "2023-08-31T12:00:00+25:00",
            "0000-01-01T00:00:00+01:00",
            "２023-08-31T12:00:00Z",
        ] {
            assert_eq!(to_utc(given), None, "{given}");
        }
    }

    #[test]
    fn epochs_by_their_digits() {
        assert_eq!(
            from_epoch("1677952490").as_deref(),
            Some("2023-03-04T17:54:50Z")
        );
        assert_eq!(
            from_epoch("1677952490123").as_deref(),
            Some("2023-03-04T17:54:50.123Z")
        );
        assert_eq!(from_epoch("16779524901"), None);
        assert_eq!(millis("2023-03-04T17:54:50.12Z"), Some(1_677_952_490_120));
        assert_eq!(
            millis("2023-03-04T19:54:50.1234+02:00"),
            Some(1_677_952_490_123)
        );
    }
}

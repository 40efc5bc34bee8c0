//! Times as Parquet counts them.

use clicks::calendar::Date;

/// Returns a time in UTC, spelled as the flat row spells times, as microseconds since 1970; further
/// digits are cut off. A leap second is the last microsecond of its minute, so that it stays in its
/// hour. `None` if `time` is spelled otherwise or does not exist.
pub(super) fn micros(time: &[u8]) -> Option<i64> {
    let (head, tail) = time.strip_suffix(b"Z")?.split_first_chunk::<19>()?;
    let [
        y0,
        y1,
        y2,
        y3,
        b'-',
        m0,
        m1,
        b'-',
        d0,
        d1,
        b'T',
        h0,
        h1,
        b':',
        n0,
        n1,
        b':',
        s0,
        s1,
    ] = head
    else {
        return None;
    };
    let number = |digits: &[&u8]| {
        digits.iter().try_fold(0, |n, c| {
            c.is_ascii_digit().then(|| n * 10 + i64::from(*c - b'0'))
        })
    };
    let (year, month, day) = (
        number(&[y0, y1, y2, y3])?,
        number(&[m0, m1])?,
        number(&[d0, d1])?,
    );
    let (hour, minute, second) = (number(&[h0, h1])?, number(&[n0, n1])?, number(&[s0, s1])?);
    let fraction = match tail {
        [] => 0,
        [b'.', digits @ ..] if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) => {
            digits
                .iter()
                .chain(b"000000")
                .take(6)
                .fold(0, |n, c| n * 10 + i64::from(c - b'0'))
        }
        _ => return None,
    };
    let date = Date { year, month, day };
    if !date.exists() || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let minutes = (date.days() * 24 + hour) * 60 + minute;
    Some(
        minutes * 60_000_000
            + if second == 60 {
                59_999_999
            } else {
                second * 1_000_000 + fraction
            },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_in_microseconds() {
        for (time, expected) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2026-11-21T23:54:50.123Z", 1_795_305_290_123_000),
            ("2026-11-21T23:54:50.1234567899Z", 1_795_305_290_123_456),
            ("1969-12-31T23:59:59.999999Z", -1),
            ("2024-02-29T12:00:00.5Z", 1_709_208_000_500_000),
            ("2000-02-29T00:00:00Z", 951_782_400_000_000),
            ("0000-01-01T00:00:00Z", -62_167_219_200_000_000),
            ("9999-12-31T23:59:59Z", 253_402_300_799_000_000),
            ("2016-12-31T23:59:60.5Z", 1_483_228_799_999_999),
        ] {
            assert_eq!(micros(time.as_bytes()), Some(expected), "{time}");
        }
    }

    #[test]
    fn anything_else_is_no_time() {
        for text in [
            "",
            "Z",
            "2026-11-21",
            "2026-11-21T23:54:50",
            "2026-11-21T23:54:50.Z",
            "2026-11-21T23:54:50,1Z",
            "2026-11-21T23:54:50.1ZZ",
            "2026-11-21 23:54:50Z",
            "2026-11-21T24:00:00Z",
            "2026-11-21T23:60:00Z",
            "2026-11-21T23:59:61Z",
            "2026-11-31T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2023-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "2026-1a-21T23:54:50Z",
        ] {
            assert_eq!(micros(text.as_bytes()), None, "{text}");
        }
    }
}

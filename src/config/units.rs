//! Lengths of time, numbers of bytes and rates, as variables and arguments write them.

use std::time::Duration;

/// Reads `30s`, `500ms`, `2m`, `1h` or a whole number of seconds. The error says what is expected.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let milliseconds = parse_with_unit(text, |unit| match unit {
        "ms" => Some(1),
        "s" | "" => Some(1000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        _ => None,
    });
    milliseconds
        .map(Duration::from_millis)
        .ok_or_else(|| "a time above 0 such as 500ms, 30s or 2m".into())
}

/// Reads `4096`, `500KB` (a thousand each), `1MiB` (1024 × 1024) and so on. The error says what is
/// expected.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    let bytes = parse_with_unit(text, |unit| match unit {
        "" | "B" => Some(1),
        "KB" => Some(1_000),
        "MB" => Some(1_000_000),
        "GB" => Some(1_000_000_000),
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        "GiB" => Some(1 << 30),
        _ => None,
    });
    bytes.ok_or_else(|| "a number of bytes above 0 such as 65536, 500KB or 1MiB".into())
}

/// Reads a whole number above 0 with a unit; `None` if it is none, if the unit is not known, or if
/// the product is too large.
fn parse_with_unit(text: &str, factor: impl Fn(&str) -> Option<u64>) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let number: u64 = number.parse().ok()?;
    number
        .checked_mul(factor(unit.trim())?)
        .filter(|product| *product > 0)
}

/// Reads a rate, `10` or `0.5`, in requests a second: from 0.001, which is one in a quarter of an
/// hour, to 100,000.
pub fn parse_rate(text: &str) -> Result<f64, String> {
    let rate: Option<f64> = text.parse().ok();
    rate.filter(|rate| (0.001..=100_000.0).contains(rate))
        .ok_or_else(|| "requests per second from 0.001 to 100000, such as 10 or 0.5".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_numbers_within_reason() {
        for (text, rate) in [
            ("10", 10.0),
            ("0.5", 0.5),
            ("1e3", 1000.0),
            ("100000", 100_000.0),
        ] {
            assert_eq!(parse_rate(text), Ok(rate));
        }
        for text in [
            "", "0", "-0", "-1", "inf", "NaN", "100001", "1e-9", "10/s", "1,5",
        ] {
            assert!(
                parse_rate(text)
                    .unwrap_err()
                    .contains("from 0.001 to 100000"),
                "{text}"
            );
        }
    }

    #[test]
    fn units_are_applied_and_nothing_is_not_a_length() {
        assert_eq!(parse_duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(parse_duration("500 ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_bytes("500KB"), Ok(500_000));
        assert_eq!(parse_bytes("1 MiB"), Ok(1 << 20));
        for text in ["", "0", "-1", "1.5s", "s", "18446744073709551615h"] {
            assert!(parse_duration(text).is_err(), "{text}");
            assert!(parse_bytes(text).is_err(), "{text}");
        }
    }
}

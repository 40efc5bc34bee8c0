//! Reads the headers by which a server says when it may be asked again.

use std::time::{Duration, SystemTime};

/// Returns how long the server asks to wait: `Retry-After` in seconds or as a date, else `RateLimit-Reset`
/// or `X-RateLimit-Reset` in seconds from now or, where the number is too large for that, in
/// seconds or milliseconds since 1970.
pub fn retry_after<'h>(
    header: impl Fn(&str) -> Option<&'h str>,
    now: SystemTime,
) -> Option<Duration> {
    let until = |then: SystemTime| then.duration_since(now).unwrap_or_default();
    if let Some(text) = header("retry-after") {
        let seconds = text.trim().parse().map(Duration::from_secs).ok();
        return seconds.or_else(|| httpdate::parse_http_date(text.trim()).ok().map(until));
    }
    let reset: f64 = header("ratelimit-reset")
        .or_else(|| header("x-ratelimit-reset"))?
        .trim()
        .parse()
        .ok()?;
    let seconds = if reset > 1e11 { reset / 1000.0 } else { reset };
    let duration = Duration::try_from_secs_f64(seconds).ok()?;
    if reset > 1e9 {
        SystemTime::UNIX_EPOCH.checked_add(duration).map(until)
    } else {
        Some(duration)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_say_when_to_come_back_in_four_ways() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let ask = |name: &'static str, value: &'static str| {
            retry_after(|n| (n == name).then_some(value), now)
        };
        assert_eq!(ask("retry-after", "7"), Some(Duration::from_secs(7)));
        assert_eq!(
            ask("retry-after", "Tue, 14 Nov 2023 22:13:30 GMT"),
            Some(Duration::from_secs(10))
        );
        assert_eq!(
            ask("retry-after", "Tue, 14 Nov 2023 22:13:00 GMT"),
            Some(Duration::ZERO),
            "in the past"
        );
        assert_eq!(ask("ratelimit-reset", "3"), Some(Duration::from_secs(3)));
        assert_eq!(
            ask("x-ratelimit-reset", "1700000005"),
            Some(Duration::from_secs(5))
        );
        assert_eq!(
            ask("x-ratelimit-reset", "1700000005000"),
            Some(Duration::from_secs(5)),
            "in milliseconds"
        );
        assert_eq!(ask("ratelimit-reset", "1e22"), None, "beyond any calendar");
        assert_eq!(ask("retry-after", "soon"), None);
        assert_eq!(ask("x-ratelimit-reset", "-1"), None);
    }
}

//! Clicks from a time on, or until one.

use clicks::click::{Click, from_epoch, to_utc};

use crate::config::vars::Scope;

const SINCE: &str = "SINCE";
const UNTIL: &str = "UNTIL";

/// No click is older than the service: a bound before leaves out none, or all.
const FIRST: &str = "2015-01-01T00:00:00";
/// No click of today's files is from then on.
const LAST: &str = "2100-01-01T00:00:00";

/// A time, as clicks are compared with it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Bound(
    /// RFC 3339 in UTC, without its `Z` and without zeros at the end of a fraction: then the order
    /// of texts is that of times.
    Box<str>,
);

/// The two bounds.
#[derive(Debug, Default)]
pub(super) struct Bounds {
    /// The first time that is kept.
    pub(super) since: Option<Bound>,
    /// The first time that is not.
    pub(super) until: Option<Bound>,
}

impl Bounds {
    /// Reads both variables, or notes the mistakes.
    pub(super) fn read(scope: &Scope<'_>) -> Bounds {
        let (since, until) = (
            scope.parse(SINCE, Bound::parse),
            scope.parse(UNTIL, Bound::parse),
        );
        if since.as_ref().is_some_and(|since| *since.0 >= *LAST) {
            scope.mistake(SINCE, "is after the year 2099, so that no click can match");
        }
        if until.as_ref().is_some_and(|until| *until.0 <= *FIRST) {
            scope.mistake(
                UNTIL,
                "is before 2015, when there were no clicks, so that none can match",
            );
        }
        if let (Some(since), Some(until)) = (&since, &until)
            && since >= until
        {
            scope.conflict(
                SINCE,
                format!(
                    "is {}, which is not before {}, {}: no click can match; swap them, or remove one",
                    since.describe(),
                    scope.name(UNTIL),
                    until.describe()
                ),
            );
        }
        Bounds { since, until }
    }
}

impl Bound {
    fn parse(text: &str) -> Result<Bound, String> {
        let of_date = || (text.len() == "2026-03-01".len()).then(|| format!("{text}T00:00:00"));
        let whole = match to_utc(text) {
            Some(time) => Some(time.into_owned()),
            None => of_date().and_then(|time| to_utc(&time).map(String::from)),
        };
        if let Some(whole) = whole {
            let bare = whole.trim_end_matches('Z');
            let bare = match bare.contains('.') {
                true => bare.trim_end_matches('0').trim_end_matches('.'),
                false => bare,
            };
            return Ok(Bound(bare.into()));
        }
        Err(match from_epoch(text) {
            Some(time) => time,
            None => "a day such as 2026-03-01, which begins at midnight in UTC, or a time such as \
                     2026-03-01T12:00:00Z"
                .into(),
        })
    }

    /// Whether a click is from this time or after.
    #[inline]
    pub(super) fn is_reached_by(&self, click: &Click<'_>) -> bool {
        let time = click.timestamp();
        time.trim_end_matches('Z') >= &*self.0
    }

    /// Describes it for people.
    pub(super) fn describe(&self) -> String {
        format!("{}Z", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(text: &str) -> String {
        Bound::parse(text).unwrap().describe()
    }

    #[test]
    fn a_bound_is_a_day_or_a_time() {
        assert_eq!(bound("2026-03-01"), "2026-03-01T00:00:00Z");
        assert_eq!(bound("2026-03-01T12:00"), "2026-03-01T12:00:00Z");
        assert_eq!(bound("2026-03-01T00:30:00+02:00"), "2026-02-28T22:30:00Z");
        assert_eq!(bound("2026-03-01T12:00:00.250Z"), "2026-03-01T12:00:00.25Z");
        assert_eq!(bound("2026-03-01T12:00:00.000Z"), "2026-03-01T12:00:00Z");
        for text in [
            "2026-02-30",
            "01.03.2026",
            "2026-3-1",
            "2026-03",
            "yesterday",
            "1772323200",
        ] {
            assert!(Bound::parse(text).is_err(), "{text}");
        }
        assert_eq!(
            Bound::parse("1772323200").unwrap_err(),
            "2026-03-01T00:00:00Z"
        );
    }
}

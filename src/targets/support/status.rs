//! The meaning of an answer's status.

use reqwest::StatusCode;
use reqwest::header::RETRY_AFTER;

use super::response::Response;
use crate::targets::SendError;

/// The meaning of a status for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// The request was taken.
    Accepted,
    /// Too many requests for now.
    Throttled,
    /// Broken for now.
    Unavailable,
    /// The body is too large, or an entry in it is wrong.
    PayloadRejected,
    /// The credentials are refused.
    Unauthorized,
    /// It will stay so until somebody changes something; what that may be.
    Misconfigured(Option<&'static str>),
}

/// Statuses with one meaning.
#[derive(Clone, Copy, Debug)]
pub struct StatusRule {
    /// The statuses.
    pub statuses: &'static [u16],
    /// Their meaning.
    pub meaning: Meaning,
}

/// The rules for the statuses of a kind: its own first, then those of every kind.
#[derive(Clone, Copy, Debug)]
pub struct StatusRules(pub &'static [StatusRule]);

/// The rules of every kind. What they do not name follows from the status's class.
const COMMON: &[StatusRule] = &[
    // 409: a request with the same idempotency key is still at work, perhaps one of an earlier run
    // whose answer was lost. 420 is an old 429, 421 asks for another connection, 423 is a lock.
    StatusRule {
        statuses: &[408, 409, 420, 421, 423, 425, 429],
        meaning: Meaning::Throttled,
    },
    StatusRule {
        statuses: &[400, 413, 422],
        meaning: Meaning::PayloadRejected,
    },
    StatusRule {
        statuses: &[401, 403],
        meaning: Meaning::Unauthorized,
    },
    StatusRule {
        statuses: &[404, 405, 410, 415],
        meaning: Meaning::Misconfigured(Some("check the target's URL, method and body form")),
    },
    StatusRule {
        statuses: &[407],
        meaning: Meaning::Misconfigured(Some("give user:password in the proxy's address")),
    },
    StatusRule {
        statuses: &[501, 505],
        meaning: Meaning::Misconfigured(None),
    },
];

impl StatusRules {
    /// The rules of every kind.
    pub const DEFAULT: StatusRules = StatusRules(&[]);

    /// The same for requests whose address and headers are made from their clicks: these may be too
    /// long.
    pub const OF_CLICKS: StatusRules = StatusRules(&[StatusRule {
        statuses: &[414, 431],
        meaning: Meaning::PayloadRejected,
    }]);

    fn meaning(&self, status: StatusCode) -> Meaning {
        let rule = self
            .0
            .iter()
            .chain(COMMON)
            .find(|rule| rule.statuses.contains(&status.as_u16()));
        match (rule, status.as_u16()) {
            (Some(rule), _) => rule.meaning,
            (None, 200..=299) => Meaning::Accepted,
            (None, 300..=399) => {
                Meaning::Misconfigured(Some("redirects are not followed: give the final URL"))
            }
            (None, 500..=599) => Meaning::Unavailable,
            (None, _) => Meaning::Misconfigured(None),
        }
    }
}

/// Says whether a request was taken. `Err` is what its status means by `rules`, with the answer's
/// own words: whole for what may end in a row of the quarantine, else fit for a log.
pub fn classify(response: &Response, rules: &StatusRules) -> Result<(), SendError> {
    let meaning = rules.meaning(response.status);
    let text = |hint: Option<&str>| {
        let hint = hint.map(|hint| format!(": {hint}")).unwrap_or_default();
        let words = match (&response.words, meaning) {
            (None, _) => String::new(),
            (Some(words), Meaning::PayloadRejected) => {
                format!("; the answer says: {}", words.whole)
            }
            (Some(words), _) => format!("; the answer says: {}", words.logged),
        };
        format!("HTTP {}{hint}{words}", response.status)
    };
    let asks_to_wait = response.headers.contains_key(RETRY_AFTER);
    Err(match meaning {
        Meaning::Accepted => return Ok(()),
        Meaning::Throttled => SendError::Throttled(response.retry_after(), text(None)),
        // One that says when to come again is neither broken nor final.
        _ if asks_to_wait && response.status.as_u16() >= 400 => {
            SendError::Throttled(response.retry_after(), text(None))
        }
        Meaning::Unavailable => SendError::Unavailable(text(None)),
        Meaning::PayloadRejected => SendError::PayloadRejected(text(None)),
        Meaning::Unauthorized => {
            SendError::Unauthorized(text(Some("check the target's credentials")))
        }
        Meaning::Misconfigured(hint) => SendError::Misconfigured(text(hint)),
    })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use bytes::Bytes;
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;
    use crate::targets::support::response::Words;

    fn response(code: u16, headers: &[(&'static str, &'static str)]) -> Response {
        let header = |(name, value): &(&'static str, &'static str)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        };
        Response {
            status: StatusCode::from_u16(code).unwrap(),
            headers: headers.iter().map(header).collect(),
            body: Bytes::new(),
            words: Some(Words {
                whole: "no abc".into(),
                logged: "no …".into(),
            }),
            received: SystemTime::UNIX_EPOCH,
        }
    }

    fn answered(code: u16, rules: &StatusRules) -> Result<(), SendError> {
        classify(&response(code, &[]), rules)
    }

    fn status(code: u16) -> Result<(), SendError> {
        answered(code, &StatusRules::DEFAULT)
    }

    #[test]
    fn no_status_but_three_can_put_a_click_into_quarantine() {
        for code in 100..600 {
            let rejected = matches!(status(code), Err(SendError::PayloadRejected(_)));
            assert_eq!(rejected, [400, 413, 422].contains(&code), "{code}");
            assert_eq!(status(code).is_ok(), (200..300).contains(&code), "{code}");
        }
    }

    #[test]
    fn what_passes_is_retried_and_what_does_not_is_not() {
        for code in [408, 409, 420, 421, 423, 425, 429] {
            assert!(
                matches!(status(code), Err(SendError::Throttled(None, _))),
                "{code}"
            );
        }
        for code in [500, 502, 503, 504, 507, 511] {
            assert!(
                matches!(status(code), Err(SendError::Unavailable(_))),
                "{code}"
            );
        }
        for code in [401, 403] {
            assert!(
                matches!(status(code), Err(SendError::Unauthorized(_))),
                "{code}"
            );
        }
        for code in [301, 307, 402, 404, 405, 407, 410, 415, 418, 451, 501, 505] {
            assert!(
                matches!(status(code), Err(SendError::Misconfigured(_))),
                "{code}"
            );
        }
    }

    #[test]
    fn a_kinds_own_rules_go_before_those_of_every_kind() {
        let rules = StatusRules(&[StatusRule {
            statuses: &[404],
            meaning: Meaning::Accepted,
        }]);
        assert_eq!(answered(404, &rules), Ok(()));
        assert!(matches!(
            answered(405, &rules),
            Err(SendError::Misconfigured(_))
        ));
    }

    #[test]
    fn whatever_says_when_to_come_again_is_asked_again_then() {
        for code in 400..600 {
            let later = response(code, &[("retry-after", "7")]);
            let answer = classify(&later, &StatusRules::DEFAULT);
            let Err(SendError::Throttled(after, _)) = answer else {
                panic!("{code}: {answer:?}");
            };
            assert_eq!(after, Some(Duration::from_secs(7)), "{code}");
        }
        // Many endpoints send these on every answer.
        for name in ["ratelimit-reset", "x-ratelimit-reset"] {
            for (code, is_throttled) in [(400, false), (401, false), (503, false), (429, true)] {
                let answer = classify(&response(code, &[(name, "7")]), &StatusRules::DEFAULT);
                let throttled = matches!(answer, Err(SendError::Throttled(Some(_), _)));
                assert_eq!(throttled, is_throttled, "{code} {name}");
            }
        }
    }

    #[test]
    fn a_row_has_the_words_of_the_answer_whole_and_a_log_without_echoes() {
        assert_eq!(
            status(422),
            Err(SendError::PayloadRejected(
                "HTTP 422 Unprocessable Entity; the answer says: no abc".into()
            ))
        );
        for code in [404, 401, 429, 503] {
            let error = format!("{:?}", status(code));
            assert!(error.contains("the answer says: no …\""), "{error}");
        }
    }
}

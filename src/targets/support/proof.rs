//! What a probe of a target has proved.

use std::fmt;

/// What a probe has proved of a target that answered it well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// A request like it, with clicks, would be allowed.
    Whole,
    /// Some of what a request with clicks needs. The rest shows when clicks are sent.
    Part {
        /// The answer, for people: `HEAD answered 405`.
        answer: String,
        /// What is known to be right, each in a word or two.
        proved: Vec<&'static str>,
        /// What is not known.
        unproved: Vec<&'static str>,
    },
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Proof::Part {
            answer,
            proved,
            unproved,
        } = self
        else {
            return f.write_str("allowed");
        };
        let verb = if proved.len() == 1 { "is" } else { "are" };
        write!(f, "{answer}: {} {verb} right", enumerated(proved))?;
        if unproved.is_empty() {
            return Ok(());
        }
        write!(f, ", {} not proved", enumerated(unproved))
    }
}

/// Writes `a`, `a and b`, `a, b and c`.
fn enumerated(words: &[&str]) -> String {
    match words {
        [] => "nothing".into(),
        [one] => (*one).into(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_says_what_is_right_and_what_is_not_known() {
        let part = |proved: &[&'static str], unproved: &[&'static str]| Proof::Part {
            answer: "HEAD answered 405".into(),
            proved: proved.into(),
            unproved: unproved.into(),
        };
        assert_eq!(
            part(&["name", "certificate"], &["token"]).to_string(),
            "HEAD answered 405: name and certificate are right, token not proved"
        );
        assert_eq!(
            part(&["name"], &["path", "token", "form"]).to_string(),
            "HEAD answered 405: name is right, path, token and form not proved"
        );
        assert_eq!(
            part(&["name"], &[]).to_string(),
            "HEAD answered 405: name is right"
        );
    }
}

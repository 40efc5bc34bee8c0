//! The variables of privacy.

use crate::targets::Var;

/// The fields that go.
pub(super) const DROP: &str = "DROP";
/// The fields that are hashed.
pub(super) const HASH: &str = "HASH";
/// How exactly a place is told.
pub(super) const GEO: &str = "GEO";
/// What stays of the destination's query.
pub(super) const DESTINATION_QUERY: &str = "DESTINATION_QUERY";
/// What stays of the referrer.
pub(super) const REFERRER: &str = "REFERRER";
/// The countries whose clicks the rules hold for.
pub(super) const COUNTRIES: &str = "PRIVACY_COUNTRIES";
/// The id that is sent.
pub(super) const ID: &str = "ID";

/// The variables of privacy.
pub const VARS: &[Var] = &[
    Var {
        name: DROP,
        default: "",
        doc: "fields that do not leave for this target, by their paths, separated by commas: `client.location.city,referral`; see [rules.md](rules.md)",
    },
    Var {
        name: HASH,
        default: "",
        doc: "fields whose texts leave as hashes, by their paths: HMAC-SHA-256 with `_HASH_KEY`",
    },
    Var {
        name: GEO,
        default: "full",
        doc: "how exactly it is told where a click came from: `full`, `city` (coordinates with one decimal), `region`, `country` or `none`",
    },
    Var {
        name: DESTINATION_QUERY,
        default: "keep",
        doc: "what stays of the destination's query: `keep`, `utm` (names that begin with `utm_`) or `none`",
    },
    Var {
        name: REFERRER,
        default: "keep",
        doc: "what stays of the referrer: `keep`, `host` or `none`",
    },
    Var {
        name: COUNTRIES,
        default: "",
        doc: "privacy holds for clicks from these countries only: codes of two letters, `EU`, `EEA`; a click without a readable country counts as one of them",
    },
    Var {
        name: ID,
        default: "plain",
        doc: "`keyed`: in the place of a click's id leaves an HMAC of it with `_HASH_KEY`, so that nobody can confirm a guess of what was dropped",
    },
];

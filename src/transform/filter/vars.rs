//! The variables of plain filters.

use crate::targets::Var;

/// The variables of plain filters.
pub const VARS: &[Var] = &[
    Var {
        name: "AGENTS",
        default: "any",
        doc: "clicks of whom: `human` (all that Rebrandly does not call a bot), `bot` or `any`",
    },
    Var {
        name: "FIRST_ONLY",
        default: "false",
        doc: "`true`: only the first click of each session, which Rebrandly calls unique",
    },
    Var {
        name: "SAMPLE",
        default: "1",
        doc: "a share of all clicks, from 0 to 1, the same ones each time: by their ids",
    },
    Var {
        name: "SINCE",
        default: "",
        doc: "clicks from this time on: `2026-03-01` (midnight, UTC) or `2026-03-01T12:00:00Z`",
    },
    Var {
        name: "UNTIL",
        default: "",
        doc: "clicks before this time",
    },
    Var {
        name: "COUNTRIES",
        default: "",
        doc: "clicks from these countries: `DE,AT`, `EU`, `EEA`, `!US`; a list or a file",
    },
    Var {
        name: "DOMAINS",
        default: "",
        doc: "clicks on links of these domains: `brand.link,*.brand.link`; a list or a file",
    },
    Var {
        name: "SLASHTAGS",
        default: "",
        doc: "clicks on links with these slashtags: `spring*,!spring-test`; a list or a file",
    },
    Var {
        name: "LINKS",
        default: "",
        doc: "clicks on the links with these ids; a list or a file",
    },
    Var {
        name: "WORKSPACES",
        default: "",
        doc: "clicks on links of these workspaces, by id or name; a list or a file",
    },
    Var {
        name: "TAGS",
        default: "",
        doc: "clicks on links with one of these tags, by text or id; a list or a file",
    },
    Var {
        name: "REFERRERS",
        default: "",
        doc: "clicks that come from these hosts: `*.facebook.com`, `!*` for none; a list or a file",
    },
    Var {
        name: "UTM_SOURCES",
        default: "",
        doc: "clicks with one of these as `utm_source` of the destination; a list or a file",
    },
    Var {
        name: "UTM_CAMPAIGNS",
        default: "",
        doc: "clicks with one of these as `utm_campaign` of the destination; a list or a file",
    },
];

//! The lists that clicks are chosen by, and the values of a click that each looks at.

use std::borrow::Cow;

use clicks::click::Click;

use super::list::{Check, List};

/// A variable that is a list.
#[derive(Debug)]
pub(super) struct ListVar {
    /// Its name without the prefix.
    pub(super) name: &'static str,
    /// Its name in a description.
    pub(super) shown: &'static str,
    field: Field,
    /// Checks one of its values.
    pub(super) check: Check,
}

/// The values of a click that a list looks at.
#[derive(Debug)]
enum Field {
    /// The text at a path.
    Text(&'static [&'static str]),
    /// The texts of the array at a path.
    Texts(&'static [&'static str]),
    /// The id and the name of the workspace.
    Workspace,
    /// The ids and the texts of the link's tags.
    Tags,
}

/// All variables that are lists of any values.
pub(super) const LISTS: &[ListVar] = &[
    ListVar {
        name: "DOMAINS",
        shown: "domains",
        field: Field::Text(&["route", "domain", "raw"]),
        check: host,
    },
    ListVar {
        name: "SLASHTAGS",
        shown: "slashtags",
        field: Field::Text(&["route", "slashtag"]),
        check: slashtag,
    },
    ListVar {
        name: "LINKS",
        shown: "links",
        field: Field::Text(&["route", "id"]),
        check: link,
    },
    ListVar {
        name: "WORKSPACES",
        shown: "workspaces",
        field: Field::Workspace,
        check: any,
    },
    ListVar {
        name: "TAGS",
        shown: "tags",
        field: Field::Tags,
        check: any,
    },
    ListVar {
        name: "REFERRERS",
        shown: "referrers",
        field: Field::Text(&["referral", "hostname"]),
        check: host,
    },
    ListVar {
        name: "UTM_SOURCES",
        shown: "utm_source",
        field: Field::Texts(&["route", "destination", "params", "query", "utm_source"]),
        check: |text| parameter(text, "utm_source="),
    },
    ListVar {
        name: "UTM_CAMPAIGNS",
        shown: "utm_campaign",
        field: Field::Texts(&["route", "destination", "params", "query", "utm_campaign"]),
        check: |text| parameter(text, "utm_campaign="),
    },
];

impl ListVar {
    /// Whether `list` keeps a click.
    #[inline]
    pub(super) fn keeps(&self, list: &List, click: &Click<'_>) -> bool {
        match self.field {
            Field::Text(path) => list.keeps(click.text(path).into_iter()),
            Field::Texts(path) => list.keeps(click.texts(path)),
            Field::Workspace => list.keeps(workspace(click)),
            Field::Tags => list.keeps(
                click
                    .tags()
                    .flat_map(|tag| [Some(tag.id), tag.value])
                    .flatten(),
            ),
        }
    }
}

fn workspace<'c>(click: &'c Click<'_>) -> impl Iterator<Item = Cow<'c, str>> {
    const ID: &[&str] = &["route", "creator", "workspace", "id"];
    const NAME: &[&str] = &["route", "creator", "workspace", "name"];
    [ID, NAME].into_iter().filter_map(|path| click.text(path))
}

fn any(_text: &str) -> Result<(), String> {
    Ok(())
}

/// Checks the name of a host.
fn host(text: &str) -> Result<(), String> {
    if !text.contains(['/', ':', '@', '#']) && !text.contains(char::is_whitespace) {
        return Ok(());
    }
    let host = without_scheme(text).split(['/', ':', '#']).next();
    let host = host.unwrap_or_default().trim();
    Err(if host.contains('.') && !host.contains(['@', ' ']) {
        format!("a host's name alone: {host}")
    } else {
        "a host's name such as brand.link".into()
    })
}

/// Checks a slashtag.
fn slashtag(text: &str) -> Result<(), String> {
    let bare = without_scheme(text);
    let bare = match bare.split_once('/') {
        // A host may stand before the slash.
        Some((before, after)) if before.is_empty() || before.contains('.') => after,
        _ if bare.len() == text.len() => return Ok(()),
        _ => "",
    };
    Err(match bare.trim_matches('/') {
        "" => "a slashtag such as spring: what follows the slash of a short link".into(),
        bare => format!("the slashtag alone: {bare} (a file is given as file:PATH)"),
    })
}

/// Checks a link's id.
fn link(text: &str) -> Result<(), String> {
    if text.contains(['/', '.', ':']) || text.contains(char::is_whitespace) {
        Err(
            "the id of a link, 32 letters and digits as in route.id; for what follows the slash of \
             a short link there is _SLASHTAGS"
                .into(),
        )
    } else {
        Ok(())
    }
}

/// Checks a value of a parameter, which needs no name before it.
fn parameter(text: &str, name: &str) -> Result<(), String> {
    match text.get(..name.len()) {
        Some(start) if start.eq_ignore_ascii_case(name) => {
            let value = text.get(name.len()..).unwrap_or_default();
            Err(format!("the value alone: {value}"))
        }
        _ => Ok(()),
    }
}

fn without_scheme(text: &str) -> &str {
    text.split_once("://").map_or(text, |(_, rest)| rest)
}

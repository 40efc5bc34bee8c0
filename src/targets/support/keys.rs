//! Keys of clicks: for the order of messages, and for shards.

use std::fmt;
use std::str::FromStr;

use clicks::click::Path;

use crate::targets::{Need, View};

/// The source of a click's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// The click's id: each click has a key of its own.
    Id,
    /// The id of its link.
    Link,
    /// The id of its workspace.
    Workspace,
}

impl FromStr for KeySource {
    type Err = String;

    fn from_str(text: &str) -> Result<KeySource, String> {
        match text {
            "id" => Ok(KeySource::Id),
            "link" => Ok(KeySource::Link),
            "workspace" => Ok(KeySource::Workspace),
            _ => Err("id, link or workspace".into()),
        }
    }
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            KeySource::Id => "id",
            KeySource::Link => "link",
            KeySource::Workspace => "workspace",
        })
    }
}

impl KeySource {
    fn names(self) -> &'static [&'static str] {
        match self {
            KeySource::Id => &[],
            KeySource::Link => &["route", "id"],
            KeySource::Workspace => &["route", "creator", "workspace", "id"],
        }
    }

    /// Returns the field that keys are made of, for which `variable` asks; `None` if they are made
    /// of the id.
    pub fn need(self, variable: &str) -> Option<Need> {
        let path = Path::parse(&self.names().join(".")).ok()?;
        Some(Need {
            path,
            variable: variable.to_owned(),
        })
    }

    /// Returns the click's key: 1 to 128 printable ASCII characters, which every service takes. It
    /// is the click's id where the click lacks the member, or holds another text there.
    pub fn key(self, view: &View<'_>) -> Box<str> {
        let member = match self.names() {
            [] => None,
            names => view.text(names),
        };
        let fits = |text: &str| {
            (1..=128).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_graphic())
        };
        member.filter(|text| fits(text)).map_or_else(
            || view.id().to_string().into(),
            |text| text.into_owned().into(),
        )
    }
}

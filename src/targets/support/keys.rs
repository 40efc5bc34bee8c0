//! Keys of clicks: for the order of messages, and for shards.

use std::fmt;
use std::str::FromStr;

use crate::targets::View;

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
    /// Returns the click's key: 1 to 128 printable ASCII characters, which every service takes. It
    /// is the click's id where the click lacks the member, or holds another text there.
    pub fn key(self, view: &View<'_>) -> Box<str> {
        let member = match self {
            KeySource::Id => None,
            KeySource::Link => view.text(&["route", "id"]),
            KeySource::Workspace => view.text(&["route", "creator", "workspace", "id"]),
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

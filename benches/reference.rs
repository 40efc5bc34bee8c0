//! What the pipeline is held against: `serde_json` reading whole clicks, line by line, copying no text that it
//! need not copy. It makes no ids and writes nothing.

#![expect(
    dead_code,
    reason = "the members are read from the text and looked at no more"
)]

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Visitor};

/// A text that is borrowed unless it holds escapes. An `Option<Cow<str>>` would always be copied.
pub struct Text<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Text<'a>, D::Error> {
        struct Borrow;

        impl<'de> Visitor<'de> for Borrow {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(Borrow)
    }
}

/// Structs whose members are all optional.
macro_rules! objects {
    ($($name:ident { $($member:ident $(as $spelling:literal)?: $type:ty),* $(,)? })*) => {$(
        #[derive(serde::Deserialize)]
        pub struct $name<'a> {
            $(#[serde(borrow $(, rename = $spelling)?)] $member: Option<$type>,)*
        }
    )*};
}

objects! {
    Click { timestamp: Text<'a>, client: Client<'a>, referral: Referral<'a>, route: Route<'a> }
    Client { language: Text<'a>, location: Place<'a>, geo: Place<'a>, agent: Agent<'a>, session: Session<'a> }
    Place { country: Text<'a>, region: Text<'a>, city: Text<'a> }
    Agent { kind as "type": Text<'a>, browser: Program<'a>, os: Program<'a>, device: Program<'a> }
    Program { name: Text<'a>, version: Text<'a> }
    Referral { hostname: Text<'a>, protocol: Text<'a>, path: Text<'a>, origin: Origin<'a> }
    Origin { kind as "type": Text<'a>, name: Text<'a> }
    Route {
        id: Text<'a>,
        slashtag: Text<'a>,
        created as "createdAt": Text<'a>,
        creator: Creator<'a>,
        domain: Domain<'a>,
        tags: HashMap<&'a str, Tag<'a>>,
        destination: Destination<'a>,
    }
    Creator { id: Text<'a>, workspace: Workspace<'a> }
    Workspace { id: Text<'a>, name: Text<'a> }
    Domain { id: Text<'a>, raw: Text<'a>, zone: Text<'a> }
    Tag { value: Text<'a>, version: Text<'a> }
    Destination { protocol: Text<'a>, hostname: Text<'a>, path: Text<'a>, params: Params<'a>, raw: Text<'a> }
    Params { query: Query<'a> }
    Query {
        utm_source: Vec<Text<'a>>,
        utm_medium: Vec<Text<'a>>,
        utm_campaign: Vec<Text<'a>>,
        utm_term: Vec<Text<'a>>,
        utm_content: Vec<Text<'a>>,
    }
}

#[derive(serde::Deserialize)]
pub struct Session<'a> {
    #[serde(borrow)]
    started: Option<Text<'a>>,
    first: Option<bool>,
}

/// The click in `line`.
pub fn click(line: &[u8]) -> Click<'_> {
    serde_json::from_slice(line).unwrap()
}

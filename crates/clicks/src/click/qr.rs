//! A user's rule that tells the clicks that came from QR codes: Rebrandly's clicks say nothing of it.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use super::normal::{Normal, Value};
use super::query::{Query, member};
use super::redact::{Change, Redaction};
use super::{Click, Path};
use crate::json::{Kind, text};

/// Begins the sign that is a tag.
const TAG: &str = "tag:";

/// Tells whether a click came from a QR code: it did if it has one of some signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QrRule {
    signs: Vec<Sign>,
    /// The fields in which they are looked for.
    fields: Vec<Path>,
}

/// A sign that a click came from a QR code. Upper and lower case are the same in its value.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Sign {
    /// A value of a parameter of the destination's query.
    Parameter { name: String, value: String },
    /// The value of a tag of the link.
    Tag { value: String },
}

impl FromStr for QrRule {
    type Err = String;

    /// Reads signs with commas between them: `utm_medium=qr, tag:poster`.
    fn from_str(text: &str) -> Result<QrRule, String> {
        let signs = text.split(',').map(|sign| Sign::parse(sign.trim()));
        let rule = signs.collect::<Option<Vec<_>>>().and_then(|signs| {
            let fields = signs.iter().map(|sign| Path::parse(&sign.field()).ok());
            Some(QrRule {
                fields: fields.collect::<Option<_>>()?,
                signs,
            })
        });
        rule.ok_or_else(|| {
            "a parameter of the destination's query with its value, such as utm_medium=qr, or a tag \
             of the link, such as tag:qr; several with commas between them"
                .into()
        })
    }
}

impl Sign {
    fn parse(text: &str) -> Option<Sign> {
        let (name, value) = match text.strip_prefix(TAG) {
            Some(value) => (None, value),
            None => text
                .split_once('=')
                .map(|(name, value)| (Some(name), value))?,
        };
        let value = value.trim().to_owned();
        if value.is_empty() {
            return None;
        }
        match name.map(str::trim) {
            None => Some(Sign::Tag { value }),
            Some("") => None,
            Some(name) => Some(Sign::Parameter {
                name: name.into(),
                value,
            }),
        }
    }

    /// Returns the path of the field in which it is looked for.
    fn field(&self) -> String {
        match self {
            Sign::Parameter { name, .. } => format!("route.destination.params.query.{name}"),
            Sign::Tag { .. } => "route.tags".into(),
        }
    }

    fn is_on(&self, click: &Click<'_>) -> bool {
        let normal = &click.normal;
        let Some(route) = member(normal, normal.root, "route") else {
            return false;
        };
        match self {
            Sign::Parameter { name, value } => {
                let destination = member(normal, route, "destination");
                let query = destination.and_then(|at| Query::of(normal, at));
                query.is_some_and(|query| query.any(normal, name, |found| is_same(found, value)))
            }
            Sign::Tag { value } => member(normal, route, "tags").is_some_and(|tags| {
                let mut values = normal
                    .members(tags)
                    .filter_map(|(_, tag)| member(normal, tag, "value"));
                values
                    .any(|found| string(normal, found).is_some_and(|found| is_same(&found, value)))
            }),
        }
    }
}

impl QrRule {
    fn is_on(&self, click: &Click<'_>) -> bool {
        self.signs.iter().any(|sign| sign.is_on(click))
    }

    /// Whether `redaction` leaves all fields as they are in which a sign is looked for.
    pub(super) fn survives(&self, redaction: &Redaction) -> bool {
        let asks_url = self
            .signs
            .iter()
            .any(|sign| matches!(sign, Sign::Parameter { .. }));
        let url = Path::parse("route.destination.raw");
        let url_change = url.ok().and_then(|url| redaction.change(&url));
        // Another change than these leaves the parameters of the URL that it leaves elsewhere.
        let url_is_gone = matches!(url_change, Some(Change::Dropped | Change::Hashed));
        let is_whole = |field: &Path| redaction.change(field).is_none();
        self.fields.iter().all(is_whole) && !(asks_url && url_is_gone)
    }
}

impl fmt::Display for QrRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, sign) in self.signs.iter().enumerate() {
            f.write_str(if at > 0 { ", " } else { "" })?;
            match sign {
                Sign::Parameter { name, value } => write!(f, "{name}={value}")?,
                Sign::Tag { value } => write!(f, "{TAG}{value}")?,
            }
        }
        Ok(())
    }
}

/// Returns a string as delivered, its escapes resolved.
fn string<'t>(normal: &Normal<'t>, value: Value) -> Option<Cow<'t, [u8]>> {
    let Value::Node(node) = value else {
        return None;
    };
    let found = normal.tape.node(node);
    (found.kind == Kind::String).then(|| text::unescaped(normal.tape.inner(node), found.escaped))
}

/// Whether two texts are the same but for upper and lower case.
fn is_same(found: &[u8], wanted: &str) -> bool {
    let Ok(found) = std::str::from_utf8(found) else {
        return false;
    };
    let lower = |text: &str| {
        text.chars()
            .flat_map(char::to_lowercase)
            .collect::<String>()
    };
    found.eq_ignore_ascii_case(wanted) || !found.is_ascii() && lower(found) == lower(wanted)
}

impl Click<'_> {
    /// Whether the click came from a QR code; `None` if no rule says which ones do.
    pub fn is_qr(&self) -> Option<bool> {
        Some(self.qr?.is_on(self))
    }

    /// Returns this click, whose record `redaction` has made before, without what cannot be told
    /// from such a record.
    pub fn made_by(&self, redaction: &Redaction) -> Click<'_> {
        Click {
            qr: self.qr.filter(|rule| rule.survives(redaction)),
            forms: Default::default(),
            ..*self
        }
    }
}

//! What targets inside AWS share: their variables, a client built when first used, and what an error means.

mod verdict;

use std::borrow::Cow;

use aws_config::SdkConfig;
use tokio::sync::OnceCell;

pub(super) use verdict::{Failed, halt, judge, probed};

use super::{Context, Entry, Permission, Var, View};
use crate::config::vars::Scope;
use crate::platform::aws::{Aws, Overrides, Role};

/// The variables of every kind inside AWS.
pub const VARS: &[Var] = &[
    Var {
        name: "REGION",
        default: "that of its ARN or URL, else the function's",
        doc: "the target's region",
    },
    Var {
        name: "ROLE_ARN",
        default: "",
        doc: "a role to take on for this target, perhaps of another account",
    },
    Var {
        name: "ROLE_EXTERNAL_ID",
        default: "",
        doc: "the external id that the role asks for",
    },
    Var {
        name: "ENDPOINT_URL",
        default: "",
        doc: "the service's address, of a VPC endpoint or an emulator, say",
    },
];

/// A client of one service.
pub(super) struct Client<C> {
    aws: Aws,
    overrides: Overrides,
    build: fn(&SdkConfig) -> C,
    client: OnceCell<C>,
}

impl<C> Client<C> {
    /// Reads the shared variables. `region` is where the target says that it is.
    pub(super) fn new(
        scope: &Scope<'_>,
        context: Context,
        region: Option<&str>,
        build: fn(&SdkConfig) -> C,
    ) -> Client<C> {
        let external_id = scope.text("ROLE_EXTERNAL_ID").map(str::to_owned);
        let arn = scope.parse("ROLE_ARN", |text| match arn(text) {
            Some(("iam", _, resource)) if resource.starts_with("role/") => Ok(text.to_owned()),
            _ => Err("the ARN of a role, such as arn:aws:iam::123456789012:role/clicks".into()),
        });
        if arn.is_none() && external_id.is_some() {
            scope.mistake(
                "ROLE_EXTERNAL_ID",
                "is set, but there is no role to give it for: set _ROLE_ARN too",
            );
        }
        let endpoint = scope.parse("ENDPOINT_URL", |text| match text.split_once("://") {
            Some(("http" | "https", host)) if !host.is_empty() => Ok(text.to_owned()),
            _ => Err("an address that begins with https:// or http://".into()),
        });
        let own = scope.parse("REGION", |text| {
            match text
                .bytes()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-')
            {
                true => Ok(text.to_owned()),
                false => Err("a region such as eu-west-1".into()),
            }
        });
        let region = own.or_else(|| region.map(str::to_owned));
        let role = arn.map(|arn| Role { arn, external_id });
        Client {
            aws: context.aws,
            overrides: Overrides {
                region,
                role,
                endpoint,
            },
            build,
            client: OnceCell::new(),
        }
    }

    /// The client. The first call looks for credentials and region.
    pub(super) async fn get(&self) -> &C {
        let build = || async { (self.build)(&self.aws.for_target(&self.overrides).await) };
        self.client.get_or_init(build).await
    }

    /// The permission for `actions` on `resource`: the function's own, or that to take on the role which has it. A
    /// resource that is no ARN is named within `service`, after `kind`.
    pub(super) fn permission(
        &self,
        actions: &'static [&'static str],
        resource: &str,
        service: &str,
        kind: &str,
    ) -> Vec<Permission> {
        if let Some(role) = &self.overrides.role {
            return vec![Permission {
                actions: &["sts:AssumeRole"],
                resource: role.arn.clone(),
            }];
        }
        let region = self.overrides.region.as_deref().unwrap_or("${Region}");
        let named = || format!("arn:aws:{service}:{region}:${{Account}}:{kind}{resource}");
        let resource = if resource.starts_with("arn:") {
            resource.to_owned()
        } else {
            named()
        };
        vec![Permission { actions, resource }]
    }

    /// Its settings, for people.
    pub(super) fn describe(&self) -> Vec<(&'static str, String)> {
        let Overrides {
            region,
            role,
            endpoint,
        } = &self.overrides;
        let mut rows = vec![(
            "region",
            region.clone().unwrap_or_else(|| "the function's".into()),
        )];
        rows.extend(role.as_ref().map(|role| ("role", role.arn.clone())));
        rows.extend(endpoint.clone().map(|endpoint| ("endpoint", endpoint)));
        rows
    }
}

/// The service, region and resource of an ARN.
pub(super) fn arn(text: &str) -> Option<(&str, &str, &str)> {
    let mut parts = text.splitn(6, ':');
    let ("arn", Some(_), service, region, Some(_), resource) = (
        parts.next()?,
        parts.next(),
        parts.next()?,
        parts.next()?,
        parts.next(),
        parts.next()?,
    ) else {
        return None;
    };
    Some((service, region, resource)).filter(|_| !resource.is_empty())
}

/// The region of an ARN, if it names one.
pub(super) fn region(text: &str) -> Option<&str> {
    arn(text)
        .map(|(_, region, _)| region)
        .filter(|region| !region.is_empty())
}

/// What keeps an order, or shares a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// Each click for itself.
    Id,
    /// The clicks of one link.
    Link,
    /// The clicks of one workspace.
    Workspace,
}

impl std::str::FromStr for Key {
    type Err = String;

    fn from_str(text: &str) -> Result<Key, String> {
        match text {
            "id" => Ok(Key::Id),
            "link" => Ok(Key::Link),
            "workspace" => Ok(Key::Workspace),
            _ => Err("id, link or workspace".into()),
        }
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Key::Id => "id",
            Key::Link => "link",
            Key::Workspace => "workspace",
        })
    }
}

impl Key {
    /// The click's key, of at most 128 letters that every service takes. A click without the member stands for itself.
    pub(super) fn of(self, view: &View<'_>) -> Box<str> {
        let member = match self {
            Key::Id => None,
            Key::Link => view.text(&["route", "id"]),
            Key::Workspace => view.text(&["route", "creator", "workspace", "id"]),
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

/// The body as a text for services that take the characters of XML 1.0 only. What they refuse, U+FFFE and U+FFFF,
/// can stand in JSON strings alone, and is spelled as an escape there.
pub(super) fn message(body: &[u8]) -> String {
    let text = text(body);
    // Both begin with this byte, which few texts have.
    if memchr::memchr(0xEF, body).is_some() && text.contains(['\u{fffe}', '\u{ffff}']) {
        text.replace('\u{fffe}', "\\ufffe")
            .replace('\u{ffff}', "\\uffff")
    } else {
        text.into_owned()
    }
}

/// A body as the text that it is.
pub(super) fn text(body: &[u8]) -> Cow<'_, str> {
    simdutf8::basic::from_utf8(body).map_or_else(|_| String::from_utf8_lossy(body), Cow::Borrowed)
}

/// What became of each entry of a request in which an entry's name is its number. One that the answer does not
/// name was not taken, as far as anyone knows.
pub(super) fn by_number<'n>(
    batch: &[Entry],
    taken: impl Iterator<Item = &'n str>,
    failed: impl Iterator<Item = (String, Failed)>,
) -> Vec<Option<Failed>> {
    let unknown = || Failed {
        code: "Unanswered".into(),
        message: "the answer does not name it".into(),
        permanent: false,
    };
    let mut results: Vec<_> = batch.iter().map(|_| Some(unknown())).collect();
    let taken = taken.map(|name| (name.to_owned(), None));
    for (name, result) in taken.chain(failed.map(|(name, failed)| (name, Some(failed)))) {
        if let Some(place) = name
            .parse::<usize>()
            .ok()
            .and_then(|at| results.get_mut(at))
        {
            *place = result;
        }
    }
    results
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_says_where_it_is() {
        assert_eq!(
            arn("arn:aws:sns:eu-west-1:123456789012:clicks"),
            Some(("sns", "eu-west-1", "clicks"))
        );
        assert_eq!(
            arn("arn:aws-cn:lambda:cn-north-1:1:function:f:live"),
            Some(("lambda", "cn-north-1", "function:f:live"))
        );
        assert_eq!(
            arn("arn:aws:iam::123456789012:role/clicks"),
            Some(("iam", "", "role/clicks"))
        );
        assert_eq!(region("arn:aws:iam::123456789012:role/clicks"), None);
        for text in [
            "",
            "clicks",
            "arn:aws:sns",
            "arn:aws:sns:eu-west-1:1:",
            "urn:aws:sns:eu-west-1:1:c",
        ] {
            assert_eq!(arn(text), None, "{text}");
        }
    }

    #[test]
    fn characters_that_are_refused_are_escaped() {
        assert_eq!(
            message("{\"a\":\"x\u{ffff}\u{fffe}é\"}".as_bytes()),
            "{\"a\":\"x\\uffff\\ufffeé\"}"
        );
    }
}

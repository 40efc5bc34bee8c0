//! The members of a click, each once.

use super::Field;
use super::Type::{self, Bool, Json, Number, String as Text, Strings, Time};

/// The members of a click as delivered, in Rebrandly's vocabulary.
pub const CLICK: &[Field] = &[
    field("timestamp", Time, "clicked_at", "when the link was clicked"),
    object("client", CLIENT, "who clicked"),
    object(
        "referral",
        REFERRAL,
        "where the click came from; absent for direct traffic",
    ),
    object("route", ROUTE, "the link and where it led"),
];

const CLIENT: &[Field] = &[
    field(
        "language",
        Text,
        "language",
        "the browser's language, two letters",
    ),
    object(
        "location",
        LOCATION,
        "where the click came from, by IP address",
    ),
    object("agent", AGENT, "the browser"),
    object("session", SESSION, "the visitor's session on this link"),
];

const LOCATION: &[Field] = &[
    field(
        "country",
        Text,
        "country",
        "ISO 3166-1 alpha-2, in upper case",
    ),
    field("region", Text, "region", "the region"),
    field("city", Text, "city", "the city"),
    field("latitude", Number, "latitude", "degrees north"),
    field("longitude", Number, "longitude", "degrees east"),
];

const AGENT: &[Field] = &[
    field("type", Text, "agent_type", "human or bot"),
    object("browser", BROWSER, "the browser"),
    object("os", OS, "the operating system"),
    object("device", DEVICE, "the device"),
];

const BROWSER: &[Field] = &[
    field("name", Text, "browser", "chrome-mobile, facebook-app, …"),
    field(
        "version",
        Text,
        "browser_version",
        "as the browser gives it",
    ),
];
const OS: &[Field] = &[
    field("name", Text, "os", "android, …"),
    field("version", Text, "os_version", "android-9.0-pie, …"),
];
const DEVICE: &[Field] = &[field("name", Text, "device", "smartphone, …")];

const SESSION: &[Field] = &[
    field(
        "started",
        Time,
        "session_started_at",
        "when the session began",
    ),
    field(
        "first",
        Bool,
        "first_in_session",
        "whether this is the visitor's first click: a unique click",
    ),
];

const REFERRAL: &[Field] = &[
    field(
        "hostname",
        Text,
        "referrer_hostname",
        "host of the referring page",
    ),
    field("protocol", Text, "referrer_protocol", "http or https"),
    field("path", Text, "referrer_path", "path of the referring page"),
    object("origin", ORIGIN, "the kind of referrer"),
];

const ORIGIN: &[Field] = &[
    field("type", Text, "referrer_type", "social, search, …"),
    field("name", Text, "referrer_name", "facebook, google, …"),
];

const ROUTE: &[Field] = &[
    field("id", Text, "link_id", "the link's id"),
    field("slashtag", Text, "slashtag", "the path of the short link"),
    field(
        "createdAt",
        Time,
        "link_created_at",
        "when the link was made",
    ),
    object("creator", CREATOR, "who made the link"),
    object("domain", DOMAIN, "the branded domain"),
    object("destination", DESTINATION, "where the link led"),
    field(
        "tags",
        Json,
        "tags",
        "the link's tags by their id, each with value and version",
    ),
];

const CREATOR: &[Field] = &[
    field("id", Text, "creator_id", "the account"),
    plain("name", "the account's name"),
    object("workspace", WORKSPACE, "the workspace"),
];

const WORKSPACE: &[Field] = &[
    field("id", Text, "workspace_id", "the workspace's id"),
    field("name", Text, "workspace_name", "the workspace's name"),
];

const DOMAIN: &[Field] = &[
    field("id", Text, "domain_id", "the domain's id"),
    field("raw", Text, "domain", "the host name of the short link"),
    plain("zone", "the host name, labels reversed"),
];

pub(super) const DESTINATION: &[Field] = &[
    field("raw", Text, "destination_url", "the whole URL"),
    field("protocol", Text, "destination_protocol", "http or https"),
    field("hostname", Text, "destination_hostname", "its host"),
    field("path", Text, "destination_path", "its path"),
    object("params", PARAMS, "its parameters"),
];

const PARAMS: &[Field] = &[object(
    "query",
    QUERY,
    "the query string, each name with its values",
)];

pub(super) const QUERY: &[Field] = &[
    field("utm_source", Strings, "utm_source", "the campaign's source"),
    field("utm_medium", Strings, "utm_medium", "the campaign's medium"),
    field("utm_campaign", Strings, "utm_campaign", "the campaign"),
    field("utm_term", Strings, "utm_term", "the campaign's term"),
    field(
        "utm_content",
        Strings,
        "utm_content",
        "the campaign's content",
    ),
    late("gclid", "Google's click id"),
    late("gbraid", "Google's click id on iOS, from the web to an app"),
    late("wbraid", "Google's click id on iOS, from an app to the web"),
    late("fbclid", "Facebook's click id"),
    late("msclkid", "Microsoft Advertising's click id"),
    late("ttclid", "TikTok's click id"),
    late(
        "rbly_click_id",
        "Rebrandly's click id, of its conversion tracking",
    ),
];

const fn field(name: &'static str, kind: Type, column: &'static str, doc: &'static str) -> Field {
    Field {
        name,
        kind,
        column: Some(column),
        is_late: false,
        doc,
    }
}

const fn late(name: &'static str, doc: &'static str) -> Field {
    Field {
        is_late: true,
        ..field(name, Strings, name, doc)
    }
}

const fn object(name: &'static str, members: &'static [Field], doc: &'static str) -> Field {
    Field {
        name,
        kind: Type::Object(members),
        column: None,
        is_late: false,
        doc,
    }
}

const fn plain(name: &'static str, doc: &'static str) -> Field {
    Field {
        name,
        kind: Type::String,
        column: None,
        is_late: false,
        doc,
    }
}

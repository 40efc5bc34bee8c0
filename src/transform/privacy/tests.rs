use super::*;
use crate::config::vars::Vars;
use clicks::click::Path;

/// A key that is long enough.
const KEY: (&str, &str) = ("HASH_KEY", "0123456789abcdef");

/// Returns the rules in these variables, and the mistakes.
fn read(vars: &[(&str, &str)]) -> (Option<Privacy>, Vec<String>) {
    let vars: Vars = vars
        .iter()
        .map(|(key, value)| (format!("HOOK_{key}"), (*value).to_owned()))
        .collect();
    let scope = Scope::new(&vars, "HOOK_");
    let privacy = Privacy::read(&scope, HashKey::read(&scope).as_ref());
    let mistakes = scope.into_mistakes();
    (privacy, mistakes.iter().map(ToString::to_string).collect())
}

/// Variables, and how the mistake in them begins.
type Wrong = (&'static [(&'static str, &'static str)], &'static str);

/// Rules that cannot hold.
const WRONG: &[Wrong] = &[
    (
        &[("DROP", "client.loc.city")],
        "HOOK_DROP: \"client.loc.city\" is not a known field of a click; did you mean client.location.city?",
    ),
    (
        &[("DROP", "timestamp")],
        "HOOK_DROP: has timestamp, without which it is no click",
    ),
    (
        &[("DROP", "client,route")],
        "HOOK_DROP: has route, without which it is no click",
    ),
    (
        &[("DROP", ",")],
        "HOOK_DROP: found \",\"; expected paths of fields",
    ),
    (
        &[("HASH", "client.language")],
        "HOOK_HASH: needs HOOK_HASH_KEY, a secret",
    ),
    (&[("ID", "keyed")], "HOOK_ID: needs HOOK_HASH_KEY, a secret"),
    (
        &[KEY, ("HASH", "client.location.latitude")],
        "HOOK_HASH: has client.location.latitude, which is no text",
    ),
    (
        &[KEY, ("HASH", "client.session.started")],
        "HOOK_HASH: has client.session.started, which is no text",
    ),
    (
        &[KEY, ("HASH", "client")],
        "HOOK_HASH: has client, in which client.location.latitude is no text",
    ),
    (
        &[KEY, ("HASH", "timestamp")],
        "HOOK_HASH: has timestamp, without which it is no click",
    ),
    (
        &[KEY, ("HASH", "route.id"), ("DROP", "route.id")],
        "HOOK_HASH: has route.id, which HOOK_DROP drops",
    ),
    (
        &[KEY, ("HASH", "client.agent.type"), ("DROP", "client")],
        "HOOK_HASH: has client.agent.type, which HOOK_DROP drops",
    ),
    (
        &[KEY, ("HASH", "client.location.city"), ("GEO", "country")],
        "HOOK_HASH: has client.location.city, which HOOK_GEO drops",
    ),
    (
        &[KEY, ("HASH", "referral.path"), ("REFERRER", "host")],
        "HOOK_HASH: has referral.path, which HOOK_REFERRER drops",
    ),
    (&[KEY], "HOOK_HASH_KEY: is used by nothing"),
    (
        &[("HASH_KEY", "abc"), ("ID", "keyed")],
        "HOOK_HASH_KEY: found a key of 3 bytes; expected at least 16",
    ),
    (
        &[("PRIVACY_COUNTRIES", "EU")],
        "HOOK_PRIVACY_COUNTRIES: is set, but there is no rule",
    ),
    (
        &[("PRIVACY_COUNTRIES", "Germany"), ("GEO", "none")],
        "HOOK_PRIVACY_COUNTRIES: found \"Germany\"; expected DE",
    ),
    (
        &[("GEO", "town")],
        "HOOK_GEO: found \"town\"; expected full, city, region, country or none",
    ),
    (
        &[("DESTINATION_QUERY", "all")],
        "HOOK_DESTINATION_QUERY: found \"all\"; expected keep, utm or none",
    ),
    (
        &[("REFERRER", "path")],
        "HOOK_REFERRER: found \"path\"; expected keep, host or none",
    ),
    (
        &[("ID", "hashed")],
        "HOOK_ID: found \"hashed\"; expected plain or keyed",
    ),
];

#[test]
fn rules_that_cannot_hold_are_mistakes() {
    for (vars, expected) in WRONG {
        let (_, mistakes) = read(vars);
        assert_eq!(mistakes.len(), 1, "{vars:?}: {mistakes:?}");
        assert!(mistakes[0].starts_with(expected), "{vars:?}: {mistakes:?}");
        assert!(!mistakes[0].contains("abc") && !mistakes[0].contains(KEY.1));
    }
}

#[test]
fn values_that_change_nothing_are_no_rules() {
    let (privacy, mistakes) = read(&[
        ("GEO", "full"),
        ("REFERRER", "keep"),
        ("DESTINATION_QUERY", "keep"),
        ("ID", "plain"),
    ]);
    assert!(privacy.is_none() && mistakes.is_empty(), "{mistakes:?}");
}

#[test]
fn an_expression_may_use_the_key_too() {
    let (_, mistakes) = read(&[KEY, ("MAP", "{v: (.route.id | hmac)}")]);
    assert!(mistakes.is_empty(), "{mistakes:?}");
}

#[test]
fn a_field_that_a_key_is_made_of_must_stay() {
    let need = [Need {
        path: Path::parse("route.creator.workspace.id").unwrap(),
        variable: "GROUP".into(),
    }];
    for (vars, expected) in [
        (
            &[("DROP", "route.creator")] as &[_],
            "HOOK_DROP: drops route.creator.workspace.id, which HOOK_GROUP needs",
        ),
        (
            &[KEY, ("HASH", "route.creator.workspace")],
            "HOOK_HASH: hashes route.creator.workspace.id, which HOOK_GROUP needs",
        ),
    ] {
        let vars: Vars = vars
            .iter()
            .map(|(key, value)| (format!("HOOK_{key}"), (*value).to_owned()))
            .collect();
        let scope = Scope::new(&vars, "HOOK_");
        Privacy::read(&scope, HashKey::read(&scope).as_ref())
            .unwrap()
            .check_needs(&scope, &need);
        let mistakes = scope.into_mistakes();
        assert_eq!(mistakes.len(), 1);
        assert!(
            mistakes[0].to_string().starts_with(expected),
            "{mistakes:?}"
        );
    }
}

#[test]
fn rules_are_described_without_the_key() {
    let (privacy, mistakes) = read(&[
        KEY,
        ("DROP", "referral, other:client.ip"),
        ("HASH", "route.slashtag"),
        ("GEO", "city"),
        ("ID", "keyed"),
        ("PRIVACY_COUNTRIES", "DE,FR"),
    ]);
    assert!(mistakes.is_empty(), "{mistakes:?}");
    let rows: Vec<_> = privacy.unwrap().describe().collect();
    let rows: Vec<_> = rows
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    assert_eq!(
        rows,
        [
            ("dropped", "referral, other:client.ip"),
            ("hashed", "route.slashtag"),
            (
                "place",
                "no more exact than the city; coordinates with one decimal"
            ),
            ("id", "keyed: an HMAC of the click's id"),
            (
                "privacy for",
                "clicks from DE, FR, or from nobody knows where"
            ),
        ]
    );
}

//! What a redacted click still says, in whatever form.

mod leaks;

use std::sync::Arc;

use bytes::Bytes;
use clicks::ObjectRef;
use clicks::click::redact::{Action, Change, Hasher, Redaction, Rule, Scratch};
use clicks::click::{Click, Form, Normaliser, Path};
use clicks::decode::{DecodeLimits, Decoder, Item};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

struct Hash;

impl Hasher for Hash {
    fn hash(&self, bytes: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(hashed(bytes).as_bytes());
    }
}

fn hashed(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// A click in all its forms, and some of its fields.
#[derive(Debug, PartialEq, Eq)]
struct Forms {
    click: String,
    flat: String,
    webhook: String,
    raw: String,
    fields: Vec<Option<String>>,
}

impl Forms {
    fn of(click: &Click<'_>) -> Forms {
        let form = |form| String::from_utf8(click.form(form).to_vec()).unwrap();
        let field = |path: &&str| {
            Path::parse(path)
                .unwrap()
                .text(click)
                .map(|text| text.into_owned())
        };
        let fields = [
            "client.location.city",
            "route.id",
            "route.destination.raw",
            "timestamp",
        ];
        Forms {
            click: form(Form::Click),
            flat: form(Form::Flat),
            webhook: form(Form::Webhook),
            raw: form(Form::Raw),
            fields: fields.iter().map(field).collect(),
        }
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        let fields = self.fields.iter().flatten().map(String::as_str);
        [&*self.click, &*self.flat, &*self.webhook, &*self.raw]
            .into_iter()
            .chain(fields)
    }

    /// Returns them without what follows from the record as a whole: its id.
    fn without_id(self, id: &str) -> Forms {
        let without = |text: String| text.replacen(id, "", 1);
        Forms {
            click: without(self.click),
            flat: without(self.flat),
            webhook: without(self.webhook),
            ..self
        }
    }
}

/// Decodes clicks and redacts them.
#[derive(Default)]
struct Redactor {
    normaliser: Normaliser,
    scratch: Scratch,
}

impl Redactor {
    /// Returns the id of the click in `line` and its forms before `redaction`, and after it.
    fn redact(&mut self, line: &str, redaction: &Redaction) -> Option<(String, Forms, Forms)> {
        let limits = DecodeLimits::default();
        let object = Arc::new(ObjectRef::new("clicks", "/f/name"));
        let mut decoder = Decoder::new(limits);
        decoder.push(Bytes::copy_from_slice(line.as_bytes()));
        decoder.end();
        let Item::Record(record) = decoder.advance() else {
            return None;
        };
        let click = self.normaliser.click(&record, &object, |_| 1).ok()?;
        let before = Forms::of(&click);
        let redacted = click.redacted(redaction, Some(&Hash), click.id, &mut self.scratch);
        let after = Forms::of(&redacted.unwrap());
        Some((click.id.to_string(), before, after))
    }
}

fn rule(path: &str, action: Action) -> Rule {
    Rule {
        path: Path::parse(path).unwrap(),
        action,
    }
}

fn redaction(drop: &[&str], hash: &[&str]) -> Redaction {
    let drops = drop.iter().map(|path| rule(path, Action::Drop));
    let hashes = hash.iter().map(|path| rule(path, Action::Hash));
    Redaction::new(&drops.chain(hashes).collect::<Vec<_>>())
}

/// Returns the members of the canonical click that `redaction` leaves, without what is added to it.
fn left(click: &Value, redaction: &Redaction) -> Value {
    let (_, _, after) = Redactor::default()
        .redact(&click.to_string(), redaction)
        .unwrap();
    let mut left: Value = serde_json::from_str(&after.click).unwrap();
    for added in ["id", "source", "key", "timestamp"] {
        left.as_object_mut().unwrap().remove(added);
    }
    left
}

fn click(rest: Value) -> Value {
    let mut click = json!({"timestamp": "2026-11-21T23:54:50Z", "route": {}});
    click
        .as_object_mut()
        .unwrap()
        .extend(rest.as_object().unwrap().clone());
    click
}

#[test]
fn a_field_goes_from_wherever_it_was_delivered() {
    let city = redaction(&["client.location.city"], &[]);
    for (client, expected) in [
        (
            json!({"location": {"city": "a", "country": "DE"}}),
            json!({"location": {"country": "DE"}}),
        ),
        (
            json!({"geo": {"country": "DE", "city": "a"}}),
            json!({"location": {"country": "DE"}}),
        ),
        (
            json!({"geo": {"city": "b", "region": "x"}, "location": {"country": "DE", "city": "a"}}),
            json!({"location": {"country": "DE", "region": "x"}}),
        ),
        (
            json!({"language": "de", "location": {"city": "a"}}),
            json!({"language": "de"}),
        ),
        (
            json!({"language": "de", "location": "Berlin"}),
            json!({"language": "de"}),
        ),
        (
            json!({"location": [{"city": "a", "country": "DE"}, "Berlin", null]}),
            json!({"location": [{"country": "DE"}, null]}),
        ),
        (json!({"location": null}), json!({"location": null})),
    ] {
        let left = left(&click(json!({"client": client})), &city);
        assert_eq!(left, json!({"client": expected, "route": {}}), "{client}");
    }
    let id = redaction(&["other:id"], &[]);
    let moved = click(json!({"id": {"secret": 1}, "key": "k", "delivered": {"id": 2, "x": 3}}));
    assert_eq!(
        left(&moved, &id),
        json!({"delivered": {"key": "k", "delivered": {"x": 3}}, "route": {}})
    );
}

#[test]
fn texts_are_hashed_and_nothing_else_passes() {
    let hash = redaction(
        &[],
        &[
            "client.language",
            "route.slashtag",
            "route.tags",
            "route.destination.params.query.email",
            "other:client.ip",
        ],
    );
    let given = click(json!({
        "client": {"language": "d\u{fc}", "ip": {"v4": "192.0.2.1"}},
        "route": {
            "slashtag": 7,
            "tags": {"t1": {"value": "vip", "version": "1", "weight": 3}},
            "destination": {
                "raw": "https://a.example/?email=a%40b&x=1",
                "params": {"query": {"Email": ["a@b", 1, ["c"]], "x": ["1"]}},
            },
        },
    }));
    let email = hashed(b"a@b");
    assert_eq!(
        left(&given, &hash),
        json!({
            "client": {"language": hashed("d\u{fc}".as_bytes())},
            "route": {
                "tags": {"t1": {"value": hashed(b"vip"), "version": hashed(b"1")}},
                "destination": {
                    "raw": format!("https://a.example/?email={email}&x=1"),
                    "params": {"query": {"Email": [email], "x": ["1"]}},
                },
            },
        })
    );
}

#[test]
fn a_place_can_be_coarse() {
    let rules = [
        rule(
            "client.location",
            Action::KeepOnly(&["country", "city", "latitude", "longitude"]),
        ),
        rule("client.location.latitude", Action::Round(1)),
        rule("client.location.longitude", Action::Round(1)),
    ];
    let given = click(json!({
        "client": {"geo": {"country": "DE", "city": "x", "latitude": 52.5200066, "longitude": "13.404954", "zip": "10115"}},
    }));
    assert_eq!(
        left(&given, &Redaction::new(&rules)),
        json!({
            "client": {"location": {"country": "DE", "city": "x", "latitude": 52.5, "longitude": "13.4"}},
            "route": {},
        })
    );
}

#[test]
fn what_tells_a_dropped_field_goes_with_it() {
    let given = click(json!({
        "referral": {"hostname": "a.example", "path": "/x", "raw": "https://a.example/x"},
        "route": {
            "domain": {"raw": "brand.link", "zone": "link.brand", "id": "d"},
            "destination": {"raw": "https://b.example/y", "hostname": "b.example", "path": "/y"},
        },
    }));
    let rules = redaction(
        &[
            "referral.path",
            "route.domain.raw",
            "route.destination.hostname",
        ],
        &[],
    );
    assert_eq!(
        left(&given, &rules),
        json!({
            "referral": {"hostname": "a.example"},
            "route": {"domain": {"id": "d"}, "destination": {"path": "/y"}},
        })
    );
    let twin = |path: &str| rules.change(&Path::parse(path).unwrap());
    assert_eq!(twin("route.destination.raw"), Some(Change::Dropped));
    assert_eq!(twin("route.destination.path"), None);
}

#[test]
fn a_rule_inside_a_hashed_object_holds_too() {
    let rules = redaction(&["client.agent.os.version"], &["client.agent"]);
    let given = click(json!({
        "client": {"agent": {"type": "bot", "os": {"name": "x", "version": "1"}}},
    }));
    assert_eq!(
        left(&given, &rules),
        json!({
            "client": {"agent": {"type": hashed(b"bot"), "os": {"name": hashed(b"x")}}},
            "route": {},
        })
    );
}

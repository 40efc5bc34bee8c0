//! Whatever the click and the rules: nothing leaks, and nothing else changes.

use clicks::click::Path;
use clicks::click::fields::{self, Type};
use clicks::click::redact::{Action, Redaction, Rule};
use clicks::sample::{Content, Sample};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Forms, Redactor, rule};
use crate::shapes::spelled;

const MARKER: &str = "qxzvkjwmarkerqxzvkjw";

/// Returns `text` with each of its letters percent-encoded.
fn percent_encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// Whether the marker stands in `text`, in whatever spelling.
fn tells(text: &str) -> bool {
    let unescape = |text: &[u8]| clicks::json::text::unescape(text);
    let decode = |text: &[u8]| {
        let text = String::from_utf8_lossy(text).into_owned();
        let mut parts = text.split('%');
        let mut out = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            match part
                .get(..2)
                .and_then(|hex| u8::from_str_radix(hex, 16).ok())
            {
                Some(byte) => out.extend([char::from(byte)].into_iter().chain(part[2..].chars())),
                None => out.extend(['%'].into_iter().chain(part.chars())),
            }
        }
        out.to_lowercase()
    };
    let (once, twice) = (
        unescape(text.as_bytes()),
        unescape(&unescape(text.as_bytes())),
    );
    [text.as_bytes(), &once, &twice]
        .into_iter()
        .any(|text| decode(text).contains(&MARKER[..16]))
}

/// The fields that may go from a click.
fn private() -> Vec<String> {
    let mut paths = Vec::new();
    fields::walk(fields::CLICK, "", &mut |path, _| {
        paths.push(path.to_owned())
    });
    paths.retain(|path| path != "timestamp" && path != "route");
    let others = [
        "route.destination.params.query.gclid",
        "route.destination.params.query.a.b",
        "route.tags.t1",
        "route.tags.t1.value",
        "other:client.ip",
        "other:client.location.zip",
        "other:delivered.id",
        "other:scripts.a.b",
    ];
    paths.extend(others.map(str::to_owned));
    paths
}

/// Whether a field may be hashed: there is no time, number or bool in it.
fn is_text(path: &Path) -> bool {
    fn texts(kind: Type) -> bool {
        match kind {
            Type::Object(fields) => fields.iter().all(|field| texts(field.kind)),
            Type::String | Type::Strings | Type::Json => true,
            Type::Time | Type::Bool | Type::Number | Type::Integer => false,
        }
    }
    path.kind().is_none_or(texts)
}

/// Puts `value` at the path, in whatever is there.
fn plant(click: &mut Value, names: &[&str], value: Value) {
    let Some((last, before)) = names.split_last() else {
        return;
    };
    let mut at = click;
    for name in before {
        if !at.is_object() {
            *at = json!({});
        }
        at = at
            .as_object_mut()
            .unwrap()
            .entry(*name)
            .or_insert(json!({}));
    }
    if !at.is_object() {
        *at = json!({});
    }
    at.as_object_mut()
        .unwrap()
        .insert((*last).to_owned(), value);
}

/// Returns a URL that tells the marker too if it stands at `names`.
fn url(names: &[&str], hashes: bool, how: usize) -> Option<String> {
    let written = if how.is_multiple_of(2) {
        MARKER.to_owned()
    } else {
        percent_encoded(MARKER)
    };
    match names {
        ["route", "destination", "params", "query", name] => {
            let name = if how.is_multiple_of(2) {
                (*name).to_owned()
            } else {
                percent_encoded(name)
            };
            Some(match how % 4 {
                0 => format!("https://a.example/?x=1&{name}={written}&y=2"),
                1 => format!("https://a.example/?{name}={written};{written}"),
                2 => format!("https://a.example/p?x=1;{name}={written}#{name}={written}"),
                _ => format!("https://a.example/#/p?{name}={written}&y=2"),
            })
        }
        ["route", "destination", "params", ..] => {
            // The names of hashed parameters stay.
            let name = if hashes { "x" } else { &written };
            Some(format!("https://a.example/?{name}={written}#{written}"))
        }
        ["route", "destination", "hostname" | "path" | "protocol"] => {
            Some(format!("https://{MARKER}.example/{written}"))
        }
        _ => None,
    }
}

/// Returns a click that says the marker at `path`, and wherever else what stands there is told.
fn marked(click: &str, path: &Path, hashes: bool, how: usize) -> String {
    let mut click: Value = serde_json::from_str(click).unwrap();
    let value = match how % 5 {
        0 | 1 => json!(MARKER),
        2 => json!([MARKER, 1, [MARKER]]),
        3 => json!({ MARKER: 1, "x": MARKER }),
        _ => json!([{ "x": [MARKER] }, { "value": MARKER }]),
    };
    let names: Vec<&str> = path.names().collect();
    let objects =
        matches!(path.kind(), Some(Type::Object(_) | Type::Json)) || path.kind().is_none();
    // A name in an object is not hashed, and nothing says that there should be none.
    let value = if objects && how % 5 == 3 {
        json!({ "x": MARKER })
    } else {
        value
    };
    match names.as_slice() {
        ["client", "location", rest @ ..] => {
            if !how.is_multiple_of(3) {
                plant(
                    &mut click,
                    &[&["client", "geo"], rest].concat(),
                    value.clone(),
                );
            }
            if how % 3 != 1 {
                plant(&mut click, &names, value);
            }
        }
        ["delivered", rest @ ..] if how.is_multiple_of(2) => plant(&mut click, rest, value),
        _ => plant(&mut click, &names, value),
    }
    if let Some(url) = url(&names, hashes, how) {
        plant(&mut click, &["route", "destination", "raw"], json!(url));
    }
    click.to_string()
}

/// Spells the record in a way that a reader understands alike.
fn respelled(line: String, how: usize) -> String {
    match how {
        0 => line.replace("qxz", "q\\u0078z"),
        1 => line.replacen(':', " : ", 9),
        // Of a name that stands twice, the last one counts.
        2 => format!(
            "{{\"client\":{{\"ip\":\"{MARKER}\"}},\"referral\":\"{MARKER}\",{}",
            &line[1..]
        ),
        3 => line
            .replace("\"client\"", "\"cl\\u0069ent\"")
            .replace("\"gclid\"", "\"gcl\\u0069d\""),
        4 => line.replace("https://", "https:\\/\\/"),
        _ => line,
    }
}

fn sample(content: Content, seed: u64) -> Vec<String> {
    let mut file = Vec::new();
    let sample = Sample {
        records: Some(24),
        content,
        seed,
        ..Sample::default()
    };
    sample.write(&mut file).unwrap();
    std::str::from_utf8(&file)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect()
}

/// Removes the path, and objects that become empty.
fn remove(value: &mut Value, names: &[&str]) {
    match (value, names) {
        (Value::Object(members), [last]) => drop(members.remove(*last)),
        (Value::Object(members), [name, rest @ ..]) => {
            if let Some(inner) = members.get_mut(*name) {
                remove(inner, rest);
                if inner.as_object().is_some_and(serde_json::Map::is_empty) {
                    members.remove(*name);
                }
            }
        }
        _ => {}
    }
}

fn contents() -> impl Strategy<Value = Content> {
    prop_oneof![Just(Content::Campaign), Just(Content::Unlike)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn without_rules_a_click_is_the_same_in_every_form(
        seed in 0u64..4, content in contents(), picks in proptest::collection::vec((0usize..24, 0usize..40), 1..40),
    ) {
        let (lines, redaction) = (sample(content, seed), Redaction::new(&[]));
        let mut redactor = Redactor::default();
        for (line, how) in picks {
            let line = spelled(&lines[line], how);
            let Some((_, before, after)) = redactor.redact(&line, &redaction) else { continue };
            let raw: Value = serde_json::from_str(&before.raw).unwrap();
            prop_assert_eq!(&raw, &serde_json::from_str::<Value>(&after.raw).unwrap());
            prop_assert_eq!(Forms { raw: String::new(), ..before }, Forms { raw: String::new(), ..after });
        }
    }

    /// A redacted click is the one that a file would hold which was written without the fields.
    #[test]
    fn a_redacted_click_is_that_of_its_own_bytes(
        seed in 0u64..4, content in contents(), picks in proptest::collection::vec((0usize..24, 0usize..40), 1..24),
        rules in proptest::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 1..6),
    ) {
        let (lines, paths) = (sample(content, seed), private());
        let rules: Vec<_> = rules.iter().map(|(path, drops)| {
            let path = Path::parse(path.get(&paths).as_str()).unwrap();
            let action = if *drops || !is_text(&path) { Action::Drop } else { Action::Hash };
            Rule { path, action }
        }).collect();
        let redaction = Redaction::new(&rules);
        let mut redactor = Redactor::default();
        for (line, how) in picks {
            let line = spelled(&lines[line], how);
            let Some((id, _, after)) = redactor.redact(&line, &redaction) else { continue };
            let again = Redactor::default().redact(&after.raw, &Redaction::new(&[]));
            let (other_id, again, _) = again.expect("a click");
            prop_assert_eq!(after.without_id(&id), again.without_id(&other_id), "{}", line);
        }
    }

    #[test]
    fn nothing_tells_a_value_that_was_dropped_or_hashed(
        seed in 0u64..4, content in contents(), pick in 0usize..24, how in 0usize..60, spelling in 0usize..9,
        path in any::<prop::sample::Index>(), drops in any::<bool>(), warm in any::<bool>(),
    ) {
        let (lines, paths) = (sample(content, seed), private());
        let path = Path::parse(path.get(&paths).as_str()).unwrap();
        let hashes = !drops && is_text(&path);
        let action = if hashes { Action::Hash } else { Action::Drop };
        let ip = rule("other:client.ip", Action::Drop);
        let referral = rule("referral", Action::Drop);
        let mut rules = vec![Rule { path: path.clone(), action }];
        if spelling == 2 {
            rules.extend([ip, referral]);
        }
        let redaction = Redaction::new(&rules);
        let line = respelled(marked(&lines[pick], &path, hashes, how), spelling);
        let mut redactor = Redactor::default();
        if warm {
            redactor.redact(&lines[pick], &redaction);
        }
        let (id, before, after) = redactor.redact(&line, &redaction).unwrap();
        prop_assert!(tells(&before.raw), "{}", line);
        for text in after.texts() {
            prop_assert!(!tells(text), "{path} {action:?}\n{line}\n{text}");
        }
        prop_assert!(after.click.contains(&id) && after.flat.contains(&id));
    }

    #[test]
    fn the_rest_of_a_click_stays_as_it_was(
        seed in 0u64..4, content in contents(), picks in proptest::collection::vec(0usize..24, 1..12),
        dropped in proptest::collection::vec(any::<prop::sample::Index>(), 1..4),
    ) {
        let (lines, paths) = (sample(content, seed), private());
        let dropped: Vec<&String> = dropped.iter().map(|path| path.get(&paths)).collect();
        let rules: Vec<_> = dropped.iter().map(|path| rule(path, Action::Drop)).collect();
        let redaction = Redaction::new(&rules);
        let mut redactor = Redactor::default();
        let told = ["route.destination.raw", "route.destination.path", "route.domain.zone"];
        for line in picks {
            let (_, before, after) = redactor.redact(&lines[line], &redaction).unwrap();
            let [before, after] = [before, after].map(|forms| {
                let mut click: Value = serde_json::from_str(&forms.click).unwrap();
                for path in dropped.iter().map(|path| path.as_str()).chain(told) {
                    let path = path.strip_prefix("other:").unwrap_or(path);
                    remove(&mut click, &Path::parse(&format!("other:{path}")).unwrap().names().collect::<Vec<_>>());
                }
                click
            });
            prop_assert_eq!(before, after, "{:?} {}", dropped, lines[line]);
        }
    }
}

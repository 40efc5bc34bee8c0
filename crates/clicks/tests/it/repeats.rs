//! Names that stand twice in one object: the last one counts, whatever was read before, however the
//! names are spelled, and whatever a rule does with them.

use clicks::decode::DecodeLimits;
use clicks::json::{Parser, compact};
use fastrand::Rng;
use proptest::prelude::*;
use serde_json::Value;

use crate::support::{Out, decode};

/// Names that some rule looks for, and some that none does.
const PLACE: [&str; 5] = ["country", "city", "region", "zip", "a"];
const CLIENT: [&str; 6] = ["location", "geo", "geo", "session", "agent", "language"];
const TOP: [&str; 8] = [
    "timestamp",
    "client",
    "route",
    "id",
    "source",
    "key",
    "delivered",
    "more",
];

/// The forms of one click, each under its name.
type Forms = [(&'static str, String); 3];

/// Writes records in which names are repeated and escaped.
struct Writer {
    rng: Rng,
    /// The number of names that are not known; many fill what the parser remembers.
    strangers: usize,
}

impl Writer {
    /// Returns `name` in quotes, one letter of it escaped now and then.
    fn name(&mut self, name: &str) -> String {
        let at = if self.rng.u8(..4) == 0 {
            self.rng.usize(..name.len())
        } else {
            name.len()
        };
        let letter = |(position, letter): (usize, char)| {
            if position == at {
                format!("\\u{:04x}", letter as u32)
            } else {
                letter.to_string()
            }
        };
        let spelled: String = name.chars().enumerate().map(letter).collect();
        format!("\"{spelled}\"")
    }

    /// Returns an object of up to `most` members called as some of `names`, or as nobody knows.
    fn object(
        &mut self,
        names: &[&str],
        most: usize,
        value: impl Fn(&mut Writer, &str) -> String,
    ) -> String {
        let members: Vec<_> = (0..self.rng.usize(..=most))
            .map(|_| match self.rng.u8(..8) {
                0 => {
                    let stranger = format!("k{}", self.rng.usize(..self.strangers));
                    let name = match self.rng.u8(..6) {
                        0 => stranger.repeat(30),
                        _ => stranger,
                    };
                    format!("{}:{}", self.name(&name), self.scalar())
                }
                _ => {
                    let name = names[self.rng.usize(..names.len())];
                    let value = value(self, name);
                    format!("{}:{value}", self.name(name))
                }
            })
            .collect();
        format!("{{{}}}", members.join(","))
    }

    fn scalar(&mut self) -> String {
        let scalars = ["null", "\"de\"", "\"US\"", "7", "true", "\"\"", "[1]"];
        scalars[self.rng.usize(..scalars.len())].to_owned()
    }

    fn time(&mut self) -> String {
        let times = [
            "\"2026-11-21T23:54:50Z\"",
            "\"2026-11-21 23:54\"",
            "\"2026-11-21T23:54:50+01:00\"",
            "1795305290",
            "\"never\"",
        ];
        // Most records are to be clicks.
        times[self.rng.usize(..times.len() * 3) % (times.len() + 1) % times.len()].to_owned()
    }

    fn place(&mut self) -> String {
        match self.rng.u8(..6) {
            0 => self.scalar(),
            _ => self.object(&PLACE, 4, |it, _| it.scalar()),
        }
    }

    fn client(&mut self) -> String {
        self.object(&CLIENT, 5, |it, name| match name {
            "location" | "geo" => it.place(),
            "session" => it.object(&["started", "first"], 3, |it, _| it.time()),
            "agent" => it.object(&["type", "os"], 3, |it, _| it.scalar()),
            _ => it.scalar(),
        })
    }

    fn route(&mut self) -> String {
        self.object(&["id", "createdAt", "tags"], 4, |it, name| match name {
            "createdAt" => it.time(),
            _ => it.place(),
        })
    }

    /// Returns the record `number`. No two are the same.
    fn record(&mut self, number: usize) -> String {
        let rest = self.object(&TOP, 6, |it, name| match name {
            "timestamp" => it.time(),
            "client" => it.client(),
            "route" => it.route(),
            _ => it.place(),
        });
        let (time, client, route) = (self.time(), self.client(), self.route());
        let tail = rest.strip_prefix('{').unwrap();
        let comma = if tail == "}" { "" } else { "," };
        format!(
            r#"{{"n":{number},"timestamp":{time},"client":{client},"route":{route}{comma}{tail}"#
        )
    }
}

/// Returns what became of each line of `lines`, read as one file.
fn together(lines: &[String]) -> Vec<Out> {
    let out = decode(
        "/f/name",
        lines.join("\n").as_bytes(),
        DecodeLimits::default(),
        || usize::MAX,
    );
    assert_eq!(out.len(), lines.len());
    out
}

/// Returns the id of a click and its forms; the reason if it is none.
fn result(out: &Out) -> Result<(&str, Forms), &str> {
    match out {
        Out::Click {
            id,
            click,
            flat,
            webhook,
            ..
        } => Ok((
            id,
            [
                ("click", click.clone()),
                ("flat", flat.clone()),
                ("webhook", webhook.clone()),
            ],
        )),
        Out::Bad { reason, .. } => Err(reason),
        Out::Unreadable { .. } => panic!("{out:?}"),
    }
}

/// Returns the value of a form, without the place of its record and the order of its members.
fn value(text: &str) -> Value {
    let mut value: Value = serde_json::from_str(text).unwrap();
    for name in ["source", "source_index"] {
        value.as_object_mut().unwrap().remove(name);
    }
    // Columns that hold JSON hold it as text.
    let columns = value.as_object_mut().unwrap().values_mut();
    for column in columns.filter(|column| column.is_string()) {
        let inner: Option<Value> = serde_json::from_str(column.as_str().unwrap()).ok();
        if let Some(inner) = inner.filter(|inner| inner.is_object() || inner.is_array()) {
            *column = inner;
        }
    }
    value
}

/// Asserts that two results are one: the same id and the same forms, or the same reason.
fn assert_same(a: &Out, b: &Out, record: &str) {
    match (result(a), result(b)) {
        (Ok((id, forms)), Ok((other_id, other_forms))) => {
            assert_eq!(id, other_id, "{record}");
            for ((form, text), (_, other)) in forms.iter().zip(&other_forms) {
                assert_eq!(value(text), value(other), "{form} of {record}");
            }
        }
        (one, other) => assert_eq!(one.err(), other.err(), "{record}"),
    }
}

fn assert_no_name_repeats(out: &Out) {
    let Ok((_, forms)) = result(out) else { return };
    for (form, text) in forms {
        let (mut parser, mut once) = (Parser::new(200), Vec::new());
        parser.run(text.as_bytes(), true);
        compact(parser.tape(text.as_bytes()), 0, &mut once);
        assert_eq!(String::from_utf8(once).unwrap(), text, "form {form}");
    }
}

/// Returns the record as a reader writes it for which the last of a repeated name counts.
fn last_wins(record: &str) -> String {
    serde_json::from_str::<Value>(record).unwrap().to_string()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn a_repeated_name_gives_what_its_last_member_gives_whatever_was_read_before(
        seed: u64, strangers in prop_oneof![Just(3usize), Just(40), Just(5000)],
    ) {
        let mut writer = Writer { rng: Rng::with_seed(seed), strangers };
        let records: Vec<_> = (0..400).map(|number| writer.record(number)).collect();
        let after_others = together(&records);
        let rewritten: Vec<_> = records.iter().map(|record| last_wins(record)).collect();
        let rewritten = together(&rewritten);
        let clicks = after_others.iter().filter(|out| result(out).is_ok()).count();
        prop_assert!(clicks > 100, "{} clicks", clicks);
        for ((record, out), rewritten) in records.iter().zip(&after_others).zip(&rewritten) {
            let alone = together(std::slice::from_ref(record)).remove(0);
            assert_same(&alone, out, record);
            assert_same(&alone, rewritten, record);
            assert_no_name_repeats(out);
        }
    }
}

#[test]
fn geo_twice_is_one_click_whatever_shapes_are_remembered() {
    let click = |client: &str| {
        format!(r#"{{"timestamp":"2026-11-21T23:54:50Z","client":{client},"route":{{"id":"a"}}}}"#)
    };
    let twice = r#""geo":{"city":"Rome"},"geo":{"city":"Pisa"}"#;
    let expected = "ca750b77-2d86-880a-8d6b-6ab33518acf7";
    let assert_expected = |lines: &[String]| {
        let out = together(lines);
        let (id, forms) = result(out.last().unwrap()).unwrap();
        assert_eq!(id, expected);
        let place = r#""client":{"location":{"city":"Pisa"}}"#;
        assert!(forms[0].1.contains(place), "{}", forms[0].1);
        let client = &value(&forms[2].1)["client"];
        assert_eq!(client["geo"]["city"], "Pisa", "{client}");
        assert_eq!(client["location"], client["geo"]);
        assert_no_name_repeats(out.last().unwrap());
    };
    let subject = click(&format!("{{{twice}}}"));
    assert_expected(std::slice::from_ref(&subject));
    assert_expected(&[click(
        r#"{"\u0067eo":{"city":"Rome"},"geo":{"city":"Pisa"}}"#,
    )]);
    assert_expected(&[click(
        r#"{"geo":{"city":"Rome"},"g\u0065o":{"city":"Pisa"}}"#,
    )]);
    // More next names, and more shapes, than are remembered.
    for others in [9, 3000] {
        let mut lines: Vec<_> = (0..others)
            .map(|n| click(&format!(r#"{{"k{n}":1}}"#)))
            .collect();
        lines.push(subject.clone());
        assert_expected(&lines);
    }
    // Beside a name that is too long to be remembered, and beside `location`.
    let long = "n".repeat(70);
    let same = |a: &str, b: &str| {
        let (a, b) = (click(a), click(b));
        assert_same(
            &together(std::slice::from_ref(&a)).remove(0),
            &together(&[b]).remove(0),
            &a,
        );
    };
    same(
        &format!(r#"{{"{long}":1,{twice}}}"#),
        &format!(r#"{{"{long}":1,"geo":{{"city":"Pisa"}}}}"#),
    );
    same(
        &format!(r#"{{"location":{{"country":"it"}},{twice}}}"#),
        r#"{"location":{"country":"it"},"geo":{"city":"Pisa"}}"#,
    );
}

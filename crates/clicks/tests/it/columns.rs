//! The columns that stand behind `extra`: the ids of ad clicks, and whether a click came from a QR
//! code.

use std::sync::Arc;

use clicks::ObjectRef;
use clicks::click::redact::{Action, Change, Redaction, Rule, Scratch};
use clicks::click::{Form, Normaliser, Path, QrRule, columns};
use clicks::decode::{DecodeLimits, Decoder, Item};
use serde_json::{Value, json};

const IDS: [&str; 7] = [
    "gclid",
    "gbraid",
    "wbraid",
    "fbclid",
    "msclkid",
    "ttclid",
    "rbly_click_id",
];

/// Returns the flat row and the id of a click with this route, where `rule` tells QR codes.
fn row(route: &str, rule: Option<&str>) -> (Value, String) {
    row_after(route, rule, None)
}

/// Returns the same after `redaction`.
fn row_after(route: &str, rule: Option<&str>, redaction: Option<&Redaction>) -> (Value, String) {
    let rule = rule.map(|rule| Arc::new(rule.parse::<QrRule>().unwrap()));
    let text = format!(r#"{{"timestamp":"2026-11-21T00:00:00Z","route":{route}}}"#);
    let object = Arc::new(ObjectRef::new("clicks", "name"));
    let mut decoder = Decoder::new(DecodeLimits::default());
    decoder.push(text.clone().into());
    decoder.end();
    let Item::Record(record) = decoder.advance() else {
        panic!("no record: {text}")
    };
    let mut normaliser = Normaliser::new(rule);
    let click = normaliser.click(&record, &object, |_| 1).unwrap();
    let mut scratch = Scratch::default();
    let redacted = redaction.map(|it| click.redacted(it, None, click.id, &mut scratch).unwrap());
    let click = redacted.as_ref().unwrap_or(&click);
    let row = serde_json::from_slice(&click.form(Form::Flat)).unwrap();
    (row, click.id.to_string())
}

/// Returns the ids of ad clicks in the flat row of a click with this destination.
fn ids(destination: &str) -> Value {
    let (row, _) = row(&format!(r#"{{"destination":{destination}}}"#), None);
    let Value::Object(row) = row else {
        panic!("no object: {row}")
    };
    let ids = row
        .into_iter()
        .filter(|(name, _)| IDS.contains(&name.as_str()));
    Value::Object(ids.collect())
}

fn is_qr(route: &str, rule: &str) -> Value {
    row(route, Some(rule)).0["is_qr"].clone()
}

#[test]
fn new_columns_stand_behind_those_that_tables_have() {
    let names: Vec<_> = columns().into_iter().map(|(name, ..)| name).collect();
    let extra = names.iter().position(|name| *name == "extra").unwrap();
    assert_eq!(names[extra + 1..], [&IDS[..], &["is_qr"]].concat());
}

#[test]
fn an_id_of_an_ad_click_has_a_column_and_is_in_extra_too() {
    let query = r#"{"gclid":["a","b"],"fbclid":"c","ttclid":[],"GCLID":["d"],"msclkid":[7]}"#;
    let route = format!(r#"{{"destination":{{"params":{{"query":{query}}}}}}}"#);
    let (row, _) = row(&route, None);
    assert_eq!((&row["gclid"], &row["fbclid"]), (&json!("a"), &json!("c")));
    assert_eq!(
        (&row["ttclid"], &row["msclkid"]),
        (&Value::Null, &Value::Null)
    );
    let extra: Value = serde_json::from_str(row["extra"].as_str().unwrap()).unwrap();
    let kept = &extra["route"]["destination"]["params"]["query"];
    assert_eq!(*kept, serde_json::from_str::<Value>(query).unwrap());
}

#[test]
fn the_url_counts_where_no_parameters_were_parsed() {
    let url = "https://a.example/?x=1&wbraid=Cj%2Bw&wbraid=b&gbraid=&rbly_click_id=%FF#?gclid=c";
    let expected = json!({"wbraid": "Cj+w", "gbraid": "", "rbly_click_id": "%FF"});
    for params in [
        "",
        r#","params":{}"#,
        r#","params":{"query":{}}"#,
        r#","params":{"query":null}"#,
    ] {
        assert_eq!(
            ids(&format!(r#"{{"raw":"{url}"{params}}}"#)),
            expected,
            "{params}"
        );
    }
    let escaped = url.replace('/', "\\/").replace('&', "\\u0026");
    assert_eq!(ids(&format!(r#"{{"raw":"{escaped}"}}"#)), expected);
    let parsed = r#","params":{"query":{"x":["1"]}}"#;
    assert_eq!(ids(&format!(r#"{{"raw":"{url}"{parsed}}}"#)), json!({}));
    for odd in [
        r#"{"raw":7}"#,
        r#"{"raw":"https://a.example/gclid=a"}"#,
        "{}",
        "7",
    ] {
        assert_eq!(ids(odd), json!({}), "{odd}");
    }
}

#[test]
fn a_rule_tells_clicks_that_came_from_qr_codes() {
    let parsed = r#"{"destination":{"params":{"query":{"utm_medium":["print","Qr"]}}}}"#;
    let in_url = r#"{"destination":{"raw":"https://a.example/?utm_medium=QR"}}"#;
    let tagged = r#"{"tags":{"t1":{"value":"other"},"t2":{"value":"PLAKAT \u00dc"}}}"#;
    for (route, rule, expected) in [
        (parsed, "utm_medium=qr", true),
        (in_url, "utm_medium=qr", true),
        (tagged, "tag:plakat ü", true),
        (tagged, "utm_medium=qr, tag:Plakat Ü", true),
        (parsed, "utm_medium=q", false),
        (parsed, "UTM_MEDIUM=qr", false),
        (parsed, "tag:qr", false),
        (tagged, "utm_medium=qr,tag:plakat", false),
        ("{}", "utm_medium=qr,tag:qr", false),
        (
            r#"{"tags":{"t1":"qr"},"destination":{"raw":7}}"#,
            "tag:qr,a=b",
            false,
        ),
    ] {
        assert_eq!(is_qr(route, rule), json!(expected), "{rule} of {route}");
    }
    assert_eq!(row(parsed, None).0["is_qr"], Value::Null);
}

#[test]
fn a_rule_changes_no_id() {
    let route = r#"{"destination":{"params":{"query":{"utm_medium":["qr"],"gclid":["a"]}}}}"#;
    assert_eq!(row(route, None).1, row(route, Some("utm_medium=qr")).1);
}

#[test]
fn a_rule_without_a_name_or_a_value_is_refused() {
    for wrong in [
        "",
        "qr",
        "=qr",
        "utm_medium=",
        "tag:",
        "tag: ",
        "utm_medium=qr,",
        "a=b,,c=d",
    ] {
        let error = wrong.parse::<QrRule>().unwrap_err();
        assert!(
            error.contains("utm_medium=qr") && error.contains("tag:qr"),
            "{wrong}"
        );
    }
    let rule: QrRule = "a = b=c ,tag:x=y".parse().unwrap();
    assert_eq!(rule.to_string(), "a=b=c, tag:x=y");
}

/// A redaction by one rule.
fn redaction(path: &str, action: Action) -> Redaction {
    let path = Path::parse(path).unwrap();
    Redaction::new(&[Rule { path, action }])
}

#[test]
fn a_column_holds_what_a_redaction_left() {
    let url = r#""raw":"https://a.example/?gclid=secret&fbclid=kept&utm_medium=qr""#;
    let query = r#""params":{"query":{"gclid":["secret"],"fbclid":["kept"],"utm_medium":["qr"]}}"#;
    let drop_gclid = redaction("route.destination.params.query.gclid", Action::Drop);
    let drop_query = redaction("route.destination.params.query", Action::Drop);
    let keep_utm = redaction("route.destination.params.query", Action::KeepPrefix("utm_"));
    let drop_url = redaction("route.destination.raw", Action::Drop);
    for (redaction, with_query, with_url) in [
        (&drop_gclid, json!("kept"), json!("kept")),
        (&drop_query, Value::Null, Value::Null),
        (&keep_utm, Value::Null, Value::Null),
        (&drop_url, json!("kept"), Value::Null),
    ] {
        let is_private = !matches!(
            redaction.change(&Path::parse("route.destination.raw").unwrap()),
            Some(Change::Dropped)
        );
        for (destination, expected) in [
            (format!("{url},{query}"), with_query),
            (url.into(), with_url),
        ] {
            let route = format!(r#"{{"destination":{{{destination}}}}}"#);
            let (row, _) = row_after(&route, None, Some(redaction));
            assert_eq!(row["fbclid"], expected, "{route} by {redaction:?}");
            assert!(!is_private || !row.to_string().contains("secret"), "{row}");
        }
    }
}

#[test]
fn a_rule_is_silent_where_a_redaction_touches_what_it_asks_for() {
    const QUERY: &str = "route.destination.params.query";
    let medium = format!("{QUERY}.utm_medium");
    let source = format!("{QUERY}.source");
    let is_qr = |rule: &str, path: &str, action| {
        // With a sign and without one: absent must not tell which.
        let redaction = redaction(path, action);
        let found = ["qr", "mail"].map(|value| {
            let route = format!(
                r#"{{"tags":{{"t":{{"value":"{value}"}}}},"destination":{{"raw":"https://a.example/?utm_medium={value}"}}}}"#
            );
            row_after(&route, Some(rule), Some(&redaction)).0["is_qr"].clone()
        });
        match found {
            [Value::Null, Value::Null] => false,
            [Value::Bool(true), Value::Bool(false)] => true,
            other => panic!("{other:?}"),
        }
    };
    for (rule, path, action, expected) in [
        ("utm_medium=qr", &*medium, Action::Drop, false),
        ("utm_medium=qr", &medium, Action::Hash, false),
        ("utm_medium=qr", QUERY, Action::Drop, false),
        ("utm_medium=qr", "route.destination", Action::Drop, false),
        (
            "utm_medium=qr",
            "route.destination.raw",
            Action::Drop,
            false,
        ),
        ("source=x,tag:qr", &source, Action::Drop, false),
        ("source=x,tag:qr", QUERY, Action::KeepPrefix("utm_"), false),
        ("tag:qr", "route.tags", Action::Drop, false),
        ("tag:qr", "route.tags", Action::Hash, false),
        ("utm_medium=qr", QUERY, Action::KeepPrefix("utm_"), true),
        ("utm_medium=qr", &source, Action::Drop, true),
        ("utm_medium=qr", "route.tags", Action::Drop, true),
        ("utm_medium=qr", "client.location", Action::Drop, true),
        ("tag:qr", QUERY, Action::Drop, true),
    ] {
        assert_eq!(
            is_qr(rule, path, action),
            expected,
            "{rule} and {action:?} {path}"
        );
    }
}

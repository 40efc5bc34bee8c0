//! Clicks of a campaign: few links, few browsers, and members always in the same order.

use std::fmt::Write as _;

use fastrand::Rng;

use super::flaw::Flaw;
use super::text::{EPOCH, pick, push_time};

/// Different links that the clicks of a file follow.
const LINKS: u32 = 200;

// Each pool begins with what is frequent.
const PLACES: [&str; 9] = [
    r#""language":"en","location":{"country":"us","region":"CA","city":"San Francisco"}"#,
    r#""language":"pt","location":{"country":"br","region":"SP","city":"São Paulo"}"#,
    r#""geo":{"country":"US","region":"NY","city":"New York"}"#,
    r#""geo":{"country":"DE","region":"BE","city":"Berlin"}"#,
    r#""language":"ja","location":{"country":"jp","region":"13","city":"東京"}"#,
    r#""language":"pl","location":{"country":"pl","region":"LD","city":"Łódź"}"#,
    r#""geo":{"country":"IE","region":"D","city":"Baile \u00C1tha Cliath"}"#,
    r#""language":"es","location":{"country":"mx","region":"CMX","city":"Ciudad de M\u00e9xico"}"#,
    r#""language":"nl","location":{"country":"nl"}"#,
];
const AGENTS: [&str; 6] = [
    r#""type":"human","browser":{"name":"chrome-mobile","version":"141.0.7390.43"},"os":{"name":"android","version":"android-16"},"device":{"name":"smartphone"}"#,
    r#""type":"human","browser":{"name":"chrome","version":"142.0.7444.59"},"os":{"name":"windows","version":"windows-11"},"device":{"name":"desktop"}"#,
    r#""type":"human","browser":{"name":"facebook-app","version":"534.0.0.53.109"},"os":{"name":"android","version":"android-14"},"device":{"name":"smartphone"}"#,
    r#""browser":{"name":"firefox","version":"145.0"},"os":{"name":"linux"},"device":{"name":"desktop"}"#,
    r#""type":"bot","browser":{"name":"link-preview","version":"2.1"},"os":{"name":"linux","version":"linux"},"device":{"name":"desktop"}"#,
    r#""type":"bot","browser":{"name":"crawler","version":"7.0.12"}"#,
];
const REFERRERS: [&str; 4] = [
    r#""hostname":"m.friends.example","protocol":"https","origin":{"type":"social","name":"friends"},"path":"/story.php?id="#,
    r#""hostname":"search.example","protocol":"https","origin":{"type":"search","name":"lookup"},"path":"\/поиск\/"#,
    r#""hostname":"forum.gardens.example","protocol":"http","path":"/groups/g\u00e4rtnern \"Süd\"/long-reads/"#,
    r#""hostname":"t.chirp.example","protocol":"https","origin":{"type":"social","name":"chirp"},"path":"/☕-talk/"#,
];
const SLASHTAGS: [&str; 7] = ["sale", "spring", "qr-poster", "été", "☕", "menü", "launch"];
const BRANDS: [&str; 5] = ["meadow", "harbor", "lantern", "quartz", "tidal"];
const TEAMS: [&str; 4] = ["Marketing", "Süd-West", r#"\"Labs\""#, r"Shop\\2"];
const PATHS: [&str; 5] = [
    "pricing",
    r"blog\/2026",
    r"caf\u00e9",
    "日本語",
    r"\ud83c\udf81",
];
const CAMPAIGNS: [&str; 4] = ["autumn", "black-week", "a%20b", r"50\/50"];
const TAGS: [&str; 4] = ["vip", "team blue", "ügyfél", r"Q4 \u2013"];

/// The clicks of one file, in the order of time.
pub(super) struct Campaign {
    /// Microseconds since 1970.
    now: u64,
    /// Each link as the rest of a click, from its route on.
    links: Vec<String>,
}

impl Campaign {
    pub(super) fn new(rng: &mut Rng) -> Campaign {
        Campaign {
            now: EPOCH,
            links: (0..LINKS).map(|_| link(rng)).collect(),
        }
    }

    /// Writes the next click to `out`, which is empty. No two clicks of a file are the same: they
    /// lie a millisecond or more apart.
    pub(super) fn next(&mut self, rng: &mut Rng, flaw: Option<Flaw>, out: &mut String) {
        self.now += rng.u64(1_000..1_500_000);
        let place = pick(rng, &PLACES);
        let digits = if place.starts_with(r#""geo""#) { 3 } else { 6 };
        out.push('{');
        match flaw.and_then(Flaw::timestamp) {
            Some("") => {}
            Some(members) => {
                out.push_str(members);
                out.push(',');
            }
            None => {
                out.push_str(r#""timestamp":""#);
                push_time(self.now, digits, out);
                out.push_str(r#"Z","#);
            }
        }
        let agent = pick(rng, &AGENTS);
        let _ = write!(
            out,
            r#""client":{{{place},"agent":{{{agent}}},"session":{{"started":""#
        );
        let first = rng.u32(..3) > 0;
        let before = if first {
            0
        } else {
            rng.u64(1_000_000..1_800_000_000)
        };
        push_time(self.now - before, digits, out);
        out.push_str(if first {
            r#"Z","first":true}}"#
        } else {
            r#"Z","first":false}}"#
        });
        if rng.u32(..3) > 0 {
            let (referrer, n) = (pick(rng, &REFERRERS), rng.u32(..));
            let _ = write!(out, r#","referral":{{{referrer}{n}"}}"#);
        }
        out.push_str(pick(rng, &self.links));
    }
}

/// Returns the rest of a click, from its route on.
fn link(rng: &mut Rng) -> String {
    let id = |rng: &mut Rng| format!("{:032x}", rng.u128(..));
    let (brand, slashtag, n) = (pick(rng, &BRANDS), pick(rng, &SLASHTAGS), rng.u32(..1000));
    let mut out = format!(
        r#","route":{{"id":"{}","slashtag":"{slashtag}-{n}","createdAt":""#,
        id(rng)
    );
    push_time(EPOCH - rng.u64(1..40_000_000_000) * 1000, 3, &mut out);
    out.push_str(if rng.bool() { "" } else { "Z" });
    let (creator, workspace, domain, team) = (id(rng), id(rng), id(rng), pick(rng, &TEAMS));
    let _ = write!(
        out,
        r#"","creator":{{"id":"{creator}","workspace":{{"id":"{workspace}","name":"{team}"}}}}"#
    );
    let _ = write!(
        out,
        r#","domain":{{"id":"{domain}","raw":"go.{brand}.example","zone":"example.{brand}.go"}}"#
    );
    let mut open = r#","tags":{"#;
    for _ in 0..rng.u32(..4) {
        let (tag, value, version) = (id(rng), pick(rng, &TAGS), rng.u32(1..9));
        let _ = write!(
            out,
            r#"{open}"{tag}":{{"value":"{value}","version":"{version}"}}"#
        );
        open = ",";
    }
    out.push_str(if open == "," { "}" } else { "" });
    let (path, campaign) = (pick(rng, &PATHS), pick(rng, &CAMPAIGNS));
    let _ = write!(
        out,
        r#","destination":{{"protocol":"https","hostname":"www.{brand}.example","path":"/{path}""#
    );
    let mut query = String::new();
    if rng.u32(..4) > 0 {
        let _ = write!(
            out,
            r#","params":{{"query":{{"utm_source":["{slashtag}"],"utm_medium":["link","{n}"],"#
        );
        let _ = write!(out, r#""utm_campaign":["{campaign}"]}}}}"#);
        query = format!(
            "?utm_source={slashtag}&utm_medium=link&utm_medium={n}&utm_campaign={campaign}"
        );
    }
    let _ = write!(
        out,
        r#","raw":"https://www.{brand}.example/{path}{query}"}}}}}}"#
    );
    out
}

//! Clicks that have nothing in common: no two of a file share a link, a browser version or an order
//! of members, and most other values differ too.
//!
//! What a decoder remembers of earlier clicks is of no use here.

use std::fmt::Write as _;

use fastrand::Rng;

use super::flaw::Flaw;
use super::text::{EPOCH, pick, push_time};

/// The orders of the members that every click has: the product of those of each object.
const ORDERS: u64 = CLICK * CLIENT * LOCATION * AGENT * SESSION * ROUTE * CREATOR * DOMAIN * TARGET;
const CLICK: u64 = factorial(3);
const CLIENT: u64 = factorial(4);
const LOCATION: u64 = factorial(3);
/// With those of `browser` and `os`.
const AGENT: u64 = factorial(4) * factorial(2) * factorial(2);
const SESSION: u64 = factorial(2);
const ROUTE: u64 = factorial(6);
/// With those of `workspace`.
const CREATOR: u64 = factorial(2) * factorial(2);
const DOMAIN: u64 = factorial(3);
const TARGET: u64 = factorial(4);

/// From the number of a click's order to that of the next. It has no factor in common with
/// [`ORDERS`], so that each order comes once before any comes again, after 68,797,071,360 clicks.
const STRIDE: u64 = 42_616_257_803;

const LANGUAGES: [&str; 8] = ["en", "pt", "ja", "pl", "es", "nl", "de", "fr"];
const BROWSERS: [&str; 6] = [
    "chrome-mobile",
    "chrome",
    "safari",
    "firefox",
    "facebook-app",
    "edge",
];
const SYSTEMS: [&str; 5] = ["android", "ios", "windows", "macos", "linux"];
const DEVICES: [&str; 3] = ["smartphone", "desktop", "tablet"];
const ORIGINS: [&str; 3] = ["social", "search", "mail"];
const CONSONANTS: &[u8] = b"bcdfghjklmnprstvwz";
const VOWELS: [&str; 16] = [
    "a", "e", "i", "o", "u", "a", "e", "i", "o", "u", "ai", "ou", "é", "ü", "ł", r"\u00f8",
];

/// The clicks of one file, in the order of time.
pub(super) struct Unlike {
    /// Microseconds since 1970.
    now: u64,
    /// Clicks before the next one.
    count: u64,
    /// The number of the next click's order, below [`ORDERS`].
    order: u64,
}

impl Unlike {
    pub(super) fn new(rng: &mut Rng) -> Unlike {
        Unlike {
            now: EPOCH,
            count: 0,
            order: rng.u64(..ORDERS),
        }
    }

    /// Writes the next click to `out`, which is empty.
    pub(super) fn next(&mut self, rng: &mut Rng, flaw: Option<Flaw>, out: &mut String) {
        self.now += rng.u64(1_000..1_500_000);
        let mut click = Click {
            now: self.now,
            digits: if rng.bool() { 3 } else { 6 },
            serial: self.count,
            order: self.order,
            rng,
        };
        click.write(flaw, out);
        self.count += 1;
        self.order = (self.order + STRIDE) % ORDERS;
    }
}

/// One click being written.
struct Click<'r> {
    /// When it happened, in microseconds since 1970.
    now: u64,
    /// Digits of the second in its times.
    digits: usize,
    /// Its number in the file, from 0.
    serial: u64,
    /// The remainder of the number of its order, once some objects have taken their share.
    order: u64,
    rng: &'r mut Rng,
}

impl Click<'_> {
    fn write(&mut self, flaw: Option<Flaw>, out: &mut String) {
        let timestamp = match flaw.and_then(Flaw::timestamp) {
            Some(members) => members.to_owned(),
            None => format!(r#""timestamp":"{}Z""#, self.time(self.now)),
        };
        let (client, route) = (self.client(), self.route());
        let referral = (self.rng.u32(..3) > 0).then(|| self.referral());
        let click = self.object(vec![timestamp, client, route], referral);
        out.push_str(&click);
    }

    fn client(&mut self) -> String {
        let place = if self.rng.bool() { "geo" } else { "location" };
        let location = vec![
            format!(r#""country":"{}""#, self.country()),
            format!(r#""region":"{}""#, self.word(1)),
            format!(r#""city":"{}""#, self.word(4)),
        ];
        let first = self.rng.u32(..3) > 0;
        let before = if first {
            0
        } else {
            self.rng.u64(1_000_000..1_800_000_000)
        };
        let session = vec![
            format!(r#""started":"{}Z""#, self.time(self.now - before)),
            format!(r#""first":{first}"#),
        ];
        let members = vec![
            self.text("language", &LANGUAGES),
            format!(r#""{place}":{}"#, self.object(location, None)),
            format!(r#""agent":{}"#, self.agent()),
            format!(r#""session":{}"#, self.object(session, None)),
        ];
        format!(r#""client":{}"#, self.object(members, None))
    }

    fn agent(&mut self) -> String {
        let (major, build) = (self.rng.u32(90..150), self.rng.u32(1000..9999));
        let version = format!(r#""version":"{major}.0.{build}.{}""#, self.serial);
        let browser = vec![self.text("name", &BROWSERS), version];
        let system = pick(self.rng, &SYSTEMS);
        let release = format!(
            r#""version":"{system}-{}.{}""#,
            self.rng.u32(5..20),
            self.rng.u32(..100)
        );
        let system = vec![format!(r#""name":"{system}""#), release];
        let kind = if self.rng.u32(..9) > 0 {
            "human"
        } else {
            "bot"
        };
        let members = vec![
            format!(r#""type":"{kind}""#),
            format!(r#""browser":{}"#, self.object(browser, None)),
            format!(r#""os":{}"#, self.object(system, None)),
            format!(r#""device":{{{}}}"#, self.text("name", &DEVICES)),
        ];
        self.object(members, None)
    }

    fn referral(&mut self) -> String {
        let host = self.word(3);
        let mut members = vec![
            format!(r#""hostname":"www.{host}.example""#),
            r#""protocol":"https""#.to_owned(),
            format!(r#""path":"/{}/{}""#, self.word(3), self.word(4)),
            format!(
                r#""origin":{{{},"name":"{host}"}}"#,
                self.text("type", &ORIGINS)
            ),
        ];
        self.rng.shuffle(&mut members);
        format!(r#""referral":{{{}}}"#, members.join(","))
    }

    fn route(&mut self) -> String {
        let (brand, slashtag) = (self.word(3), format!("{}-{}", self.word(2), self.serial));
        let created = EPOCH - self.rng.u64(1..40_000_000_000) * 1000;
        let zone = if self.rng.bool() { "" } else { "Z" };
        let workspace = vec![self.id("id"), format!(r#""name":"{}""#, self.word(3))];
        let workspace = format!(r#""workspace":{}"#, self.object(workspace, None));
        let creator = vec![self.id("id"), workspace];
        let domain = vec![
            self.id("id"),
            format!(r#""raw":"go.{brand}.example""#),
            format!(r#""zone":"example.{brand}.go""#),
        ];
        let members = vec![
            self.id("id"),
            format!(r#""slashtag":"{slashtag}""#),
            format!(r#""createdAt":"{}{zone}""#, self.time(created)),
            format!(r#""creator":{}"#, self.object(creator, None)),
            format!(r#""domain":{}"#, self.object(domain, None)),
            format!(r#""destination":{}"#, self.destination(&brand, &slashtag)),
        ];
        let tags = self.tags();
        format!(r#""route":{}"#, self.object(members, tags))
    }

    fn tags(&mut self) -> Option<String> {
        let tags: Vec<_> = (0..self.rng.u32(..4))
            .map(|_| {
                let (id, value) = (self.rng.u128(..), self.word(2));
                let version = self.rng.u32(1..9);
                format!(r#""{id:032x}":{{"value":"{value}","version":"{version}"}}"#)
            })
            .collect();
        (!tags.is_empty()).then(|| format!(r#""tags":{{{}}}"#, tags.join(",")))
    }

    fn destination(&mut self, brand: &str, slashtag: &str) -> String {
        let path = self.word(4);
        let (mut params, mut query) = (None, String::new());
        if self.rng.u32(..4) > 0 {
            let (medium, campaign) = (self.word(2), self.word(3));
            query = format!("?utm_source={slashtag}&utm_medium={medium}&utm_campaign={campaign}");
            let mut parameters = [
                format!(r#""utm_source":["{slashtag}"]"#),
                format!(r#""utm_medium":["{medium}"]"#),
                format!(r#""utm_campaign":["{campaign}"]"#),
            ];
            self.rng.shuffle(&mut parameters);
            params = Some(format!(
                r#""params":{{"query":{{{}}}}}"#,
                parameters.join(",")
            ));
        }
        let members = vec![
            r#""protocol":"https""#.to_owned(),
            format!(r#""hostname":"www.{brand}.example""#),
            format!(r#""path":"/{path}""#),
            format!(r#""raw":"https://www.{brand}.example/{path}{query}""#),
        ];
        self.object(members, params)
    }

    /// Writes an object of `members`, of which some may be empty, in the order that the click's
    /// number gives; `extra` stands anywhere.
    fn object(&mut self, mut members: Vec<String>, extra: Option<String>) -> String {
        let mut ordered = Vec::with_capacity(members.len() + 1);
        while !members.is_empty() {
            let choices = members.len() as u64;
            ordered.push(members.swap_remove((self.order % choices) as usize));
            self.order /= choices;
        }
        if let Some(extra) = extra {
            ordered.insert(self.rng.usize(..=ordered.len()), extra);
        }
        ordered.retain(|member| !member.is_empty());
        format!("{{{}}}", ordered.join(","))
    }

    fn time(&self, micros: u64) -> String {
        let mut out = String::new();
        push_time(micros, self.digits, &mut out);
        out
    }

    fn text(&mut self, name: &str, pool: &[&str]) -> String {
        format!(r#""{name}":"{}""#, pick(self.rng, pool))
    }

    fn id(&mut self, name: &str) -> String {
        format!(r#""{name}":"{:032x}""#, self.rng.u128(..))
    }

    fn country(&mut self) -> String {
        (0..2).map(|_| self.rng.uppercase()).collect()
    }

    /// Returns an invented word of `syllables`, as it stands in a JSON string.
    fn word(&mut self, syllables: u32) -> String {
        let mut word = String::new();
        for _ in 0..syllables {
            let consonant = self.rng.choice(CONSONANTS).copied().unwrap_or(b'x');
            let vowel = self.rng.choice(VOWELS).unwrap_or("a");
            let _ = write!(word, "{}{vowel}", char::from(consonant));
        }
        word
    }
}

const fn factorial(n: u64) -> u64 {
    if n == 0 { 1 } else { n * factorial(n - 1) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    use serde_json::Value;

    fn clicks(count: usize) -> Vec<String> {
        let mut rng = Rng::with_seed(1);
        let mut unlike = Unlike::new(&mut rng);
        (0..count)
            .map(|_| {
                let mut out = String::new();
                unlike.next(&mut rng, None, &mut out);
                out
            })
            .collect()
    }

    /// The names of a click's members in their order, in the objects of which every click has the
    /// same.
    fn order(click: &str) -> String {
        let mut names: String = click
            .split('"')
            .skip(1)
            .step_by(2)
            .zip(click.split('"').skip(2).step_by(2))
            .filter(|(_, after)| after.starts_with(':'))
            .map(|(name, _)| if name == "geo" { "location" } else { name })
            .filter(|name| name.len() < 32 && !name.starts_with("utm_"))
            .fold(String::new(), |names, name| names + name + " ");
        for optional in ["referral", "tags", "params query"] {
            names = names.replace(optional, "");
        }
        names
    }

    #[test]
    fn no_two_share_a_link_a_browser_version_or_an_order() {
        let clicks = clicks(20_000);
        let parsed: Vec<Value> = clicks
            .iter()
            .map(|click| serde_json::from_str(click).unwrap())
            .collect();
        for path in [
            "/route/id",
            "/route/slashtag",
            "/route/destination/raw",
            "/client/agent/browser/version",
        ] {
            let values: HashSet<_> = parsed
                .iter()
                .map(|click| click.pointer(path).unwrap().as_str().unwrap())
                .collect();
            assert_eq!(values.len(), clicks.len(), "{path}");
        }
        let orders: HashSet<_> = clicks.iter().map(|click| order(click)).collect();
        assert_eq!(orders.len(), clicks.len());
    }

    #[test]
    fn every_order_comes_before_any_comes_again() {
        const fn divisor(a: u64, b: u64) -> u64 {
            if b == 0 { a } else { divisor(b, a % b) }
        }
        assert_eq!(divisor(ORDERS, STRIDE), 1);
        assert_eq!(ORDERS, 68_797_071_360);
    }
}

//! One synthetic click after another.

use std::fmt::Write as _;

use fastrand::Rng;

/// Different links that a file's clicks follow.
const LINKS: u32 = 200;
/// When the first click of every file happened: 2026-11-21T23:54:50Z, in microseconds.
const EPOCH: u64 = 1_795_305_290_000_000;

// What clicks are put together from, the frequent first.
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

/// What stands in a bad record instead of its timestamp: nothing, no time, no JSON, a bare control character.
pub(super) const NO_TIMES: [&str; 4] = [
    "",
    r#""timestamp":"yesterday at noon","#,
    r#""timestamp":undefined,"#,
    "\"timestamp\":\"2026-11-21T23:54:50Z\",\"note\":\"a\tb\",",
];

/// The clicks of one file, in the order of time.
pub(super) struct Clicks {
    rng: Rng,
    /// Microseconds since 1970.
    now: u64,
    links: Vec<String>,
}

impl Clicks {
    pub(super) fn new(seed: u64) -> Clicks {
        let mut rng = Rng::with_seed(seed);
        let links = (0..LINKS).map(|_| link(&mut rng)).collect();
        Clicks {
            rng,
            now: EPOCH,
            links,
        }
    }

    /// Makes `out` the next click. No two of a file are alike: they lie a millisecond or more apart.
    ///
    /// A `flaw` is an index into [`NO_TIMES`]; one past them, the click ends inside its last address.
    pub(super) fn next(&mut self, flaw: Option<u64>, out: &mut String) {
        let rng = &mut self.rng;
        self.now += rng.u64(1_000..1_500_000);
        let place = pick(rng, &PLACES);
        let digits = if place.starts_with(r#""geo""#) { 3 } else { 6 };
        out.clear();
        out.push('{');
        if let Some(text) = flaw.and_then(|kind| NO_TIMES.get(kind as usize)) {
            out.push_str(text);
        } else {
            out.push_str(r#""timestamp":""#);
            push_time(self.now, digits, out);
            out.push_str(r#"Z","#);
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
        if flaw == Some(NO_TIMES.len() as u64) {
            out.truncate(out.rfind("://").unwrap_or(1));
        }
    }

    /// The name of an object as Rebrandly gives it.
    pub(super) fn object_name(&mut self) -> String {
        let mut rng = || self.rng.u64(..);
        let (a, b, c, d, e) = (
            rng() as u32,
            rng() as u16,
            rng() & 0xFFF,
            0x8000 | rng() & 0x3FFF,
            rng() >> 16,
        );
        format!("rb-clicks-stream-1-2026-11-21-23-54-50-{a:08x}-{b:04x}-4{c:03x}-{d:04x}-{e:012x}")
    }
}

/// One of `pool`, the first ones more often.
fn pick<'a, T: AsRef<str>>(rng: &mut Rng, pool: &'a [T]) -> &'a str {
    let below = (pool.len() as u32).max(1);
    let at = rng.u32(..below).min(rng.u32(..below));
    pool.get(at as usize).map_or("", AsRef::as_ref)
}

/// The rest of a click, from its route on.
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

/// Appends a time in UTC with 3 or 6 digits of the second, without its zone.
fn push_time(micros: u64, digits: usize, out: &mut String) {
    // Howard Hinnant's civil_from_days, for dates after 1970.
    let (seconds, fraction) = (
        micros / 1_000_000,
        micros % 1_000_000 / if digits == 3 { 1000 } else { 1 },
    );
    let days = seconds / 86_400 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = era * 400 + year_of_era + u64::from(month < 3);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let _ = write!(
        out,
        "{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:0digits$}"
    );
}

/// Appends `record` spread over lines, two blanks a level; its objects and arrays are not empty.
pub(super) fn indent(record: &str, out: &mut String) {
    let (mut depth, mut string, mut escape) = (0, false, false);
    let line = |depth: usize, out: &mut String| {
        out.push('\n');
        (0..depth).for_each(|_| out.push_str("  "));
    };
    for c in record.chars() {
        if !string && matches!(c, '}' | ']') {
            depth -= 1;
            line(depth, out);
        }
        out.push(c);
        match c {
            _ if string => (string, escape) = (escape || c != '"', c == '\\' && !escape),
            '"' => string = true,
            '{' | '[' | ',' => {
                depth += usize::from(c != ',');
                line(depth, out);
            }
            ':' => out.push(' '),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_dates() {
        let spell = |micros| {
            let mut out = String::new();
            push_time(micros, 6, &mut out);
            out
        };
        assert_eq!(spell(EPOCH), "2026-11-21T23:54:50.000000");
        assert_eq!(spell(951_782_400_000_001), "2000-02-29T00:00:00.000001");
        assert_eq!(spell(1_767_225_599_999_999), "2025-12-31T23:59:59.999999");
    }
}

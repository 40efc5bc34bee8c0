//! Click files of random framing, with broken records, and what must become of each record.

use std::io::Write;

use bytes::Bytes;
use fastrand::Rng;
use flate2::Compression;
use flate2::write::GzEncoder;

/// A click file, before it is put into the bucket.
pub struct File {
    pub key: String,
    pub bytes: Bytes,
}

/// The names of the targets that refuse some clicks for good, in links.
const LINKS: [&str; 5] = [
    "refused-by-whole",
    "refused-by-each",
    "refused-by-grouped",
    "popular",
    "popular-too",
];

/// A file of one click that every target takes.
pub fn good(number: u32) -> File {
    let click = format!(
        r#"{{"timestamp":"2026-11-22T00:00:00.{number:06}Z","route":{{"id":"stream-{number}"}}}}"#
    );
    File {
        key: format!("stream-{number}.json"),
        bytes: (click + "\n").into(),
    }
}

pub fn random(number: usize, rng: &mut Rng) -> File {
    let most = *rng.choice([1, 5, 40, 400].iter()).unwrap();
    let records = rng.usize(1..=most);
    let bad = if rng.bool() { rng.f64() * 0.3 } else { 0.0 };
    let refused = if rng.bool() { rng.f64() * 0.3 } else { 0.0 };
    // Only lines and clicks one after the other can hold broken records that end somewhere.
    let framing = rng.usize(..4);
    let record = |at: usize, rng: &mut Rng| {
        if framing == 0 && rng.f64() < bad {
            return format!("{{\"broken\": {at}");
        }
        if framing > 0 && rng.f64() < bad {
            return format!("{{\"timestamp\":\"yesterday\",\"number\":{at}}}");
        }
        let link = if rng.f64() < refused {
            (*rng.choice(LINKS.iter()).unwrap()).to_owned()
        } else {
            format!("link-{at}")
        };
        // Some clicks are the same as another.
        let at = at - usize::from(rng.u8(..20) == 0 && at > 0);
        format!(
            r#"{{"timestamp":"2026-11-21T23:{:02}:50.{at:06}Z","route":{{"id":"{link}"}},"padding":"{:x}"}}"#,
            at % 60,
            Rng::with_seed((number * 1000 + at) as u64).u128(..)
        )
    };
    let records: Vec<_> = (0..records).map(|at| record(at, rng)).collect();
    let text = match framing {
        0 => records.join("\n") + "\n",
        1 => records.concat(),
        2 => format!("[{}]", records.join(", ")),
        _ => format!(
            "{{\"key\":\"k-{number}\",\"data\":[{}]}}",
            records.join(",")
        ),
    };
    let bytes = if rng.bool() { gzip(&text) } else { text.into() };
    File {
        key: format!("2026/11/21/23/file-{number}"),
        bytes,
    }
}

fn gzip(text: &str) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap().into()
}

//! Synthetic click files in every framing and size: the same seed writes the same plain bytes
//! everywhere.
//!
//! It knows nothing of the decoder, so that the two can be held against each other. Memory does not
//! grow with the file. Names and addresses are invented.

mod campaign;
mod flaw;
mod framing;
mod text;
mod unlike;

use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;

use fastrand::Rng;
use flate2::{Compression, write::GzEncoder};

use campaign::Campaign;
use flaw::Flaw;
pub use framing::Framing;
use text::{indent, object_name};
use unlike::Unlike;

/// Plain bytes gathered before they are written.
const CHUNK: usize = 64 * 1024;
/// Records of a file for which neither a number nor a size is asked.
const RECORDS: u64 = 1000;
/// Clicks of an envelope that is not the only one.
const ENVELOPE: u64 = 20;

/// The kind of content of a sample file: how much its clicks have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Much: 200 links, a few browsers, members in the same order.
    Campaign,
    /// Nothing: no two share a link, a browser version or an order of members.
    Unlike,
}

impl Content {
    /// All of them.
    pub const ALL: [Content; 2] = [Content::Campaign, Content::Unlike];

    /// Returns its name on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Content::Campaign => "campaign",
            Content::Unlike => "unlike",
        }
    }

    /// Describes it in one sentence, without a full stop.
    pub fn about(self) -> &'static str {
        match self {
            Content::Campaign => "Clicks on 200 links, from a few browsers",
            Content::Unlike => {
                "Clicks that have nothing in common: no two share a link, a browser version or an \
                 order of members"
            }
        }
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Content {
    type Err = String;

    fn from_str(name: &str) -> Result<Content, String> {
        named(&Content::ALL, Content::as_str, name)
    }
}

/// Returns the one of `all` called `name`; the error lists their names.
fn named<T: Copy>(all: &[T], as_str: fn(T) -> &'static str, name: &str) -> Result<T, String> {
    let found = all.iter().copied().find(|&one| as_str(one) == name);
    found.ok_or_else(|| {
        let names: Vec<_> = all.iter().map(|&one| as_str(one)).collect();
        format!("\"{name}\" is none of {}", names.join(", "))
    })
}

/// A sample file to write.
#[derive(Clone, Debug)]
pub struct Sample {
    /// How its clicks are laid out.
    pub framing: Framing,
    /// How much its clicks have in common.
    pub content: Content,
    /// How many records it has at most, bad ones included.
    pub records: Option<u64>,
    /// Ends it at the first record boundary at or past this many plain bytes.
    ///
    /// With neither limit the file has a thousand records.
    pub bytes: Option<u64>,
    /// Decides its contents.
    pub seed: u64,
    /// Whether it is compressed. Only the plain bytes are promised to stay the same.
    pub gzip: bool,
    /// Makes every n-th record a bad one, of a kind that leaves its neighbours whole in this
    /// framing.
    ///
    /// The other records are the same as without.
    pub bad_every: Option<u64>,
}

impl Default for Sample {
    /// A thousand clicks of a campaign, one a line.
    fn default() -> Sample {
        Sample {
            framing: Framing::Lines,
            content: Content::Campaign,
            records: None,
            bytes: None,
            seed: 1,
            gzip: false,
            bad_every: None,
        }
    }
}

impl Sample {
    /// Writes the file and returns how many records it has, bad ones included.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<u64> {
        let records = if self.gzip {
            let mut gzip = GzEncoder::new(&mut *out, Compression::fast());
            let records = self.write_plain(&mut gzip)?;
            gzip.finish()?;
            records
        } else {
            self.write_plain(out)?
        };
        out.flush()?;
        Ok(records)
    }

    fn write_plain(&self, out: &mut dyn Write) -> io::Result<u64> {
        let around = self.framing.punctuation();
        let mut clicks = Clicks::new(self.content, self.seed);
        let (mut text, mut record) = (String::from(around.open), String::new());
        let (mut flushed, mut records) = (0, 0);
        while !self.is_full(records, flushed + text.len() as u64) {
            match records {
                0 => {}
                n if self.framing == Framing::Envelopes && n.is_multiple_of(ENVELOPE) => {
                    text.push_str(&around.close.replace("KEY", &clicks.object_name()));
                    text.push_str(around.open);
                }
                _ => text.push_str(around.between),
            }
            records += 1;
            clicks.next(self.flaw(records), &mut record);
            match self.framing {
                Framing::Pretty => indent(&record, &mut text),
                _ => text.push_str(&record),
            }
            if text.len() >= CHUNK {
                out.write_all(text.as_bytes())?;
                flushed += text.len() as u64;
                text.clear();
            }
        }
        if records > 0 || !around.open.is_empty() {
            text.push_str(&around.close.replace("KEY", &clicks.object_name()));
        }
        out.write_all(text.as_bytes())?;
        Ok(records)
    }

    fn is_full(&self, records: u64, bytes: u64) -> bool {
        let asked = self.records.unwrap_or(if self.bytes.is_some() {
            u64::MAX
        } else {
            RECORDS
        });
        let most = if self.framing == Framing::Single {
            asked.min(1)
        } else {
            asked
        };
        records >= most || self.bytes.is_some_and(|enough| bytes >= enough)
    }

    /// Returns what is wrong with the `n`-th record, counted from 1; `None` if it is good.
    fn flaw(&self, n: u64) -> Option<Flaw> {
        let every = self
            .bad_every
            .filter(|&every| every > 0 && n.is_multiple_of(every))?;
        Some(Flaw::nth(n / every - 1, self.framing.is_line_by_line()))
    }
}

/// The clicks of one file.
struct Clicks {
    rng: Rng,
    content: Writer,
}

enum Writer {
    Campaign(Campaign),
    Unlike(Unlike),
}

impl Clicks {
    fn new(content: Content, seed: u64) -> Clicks {
        let mut rng = Rng::with_seed(seed);
        let content = match content {
            Content::Campaign => Writer::Campaign(Campaign::new(&mut rng)),
            Content::Unlike => Writer::Unlike(Unlike::new(&mut rng)),
        };
        Clicks { rng, content }
    }

    /// Makes `out` the next click.
    fn next(&mut self, flaw: Option<Flaw>, out: &mut String) {
        out.clear();
        match &mut self.content {
            Writer::Campaign(campaign) => campaign.next(&mut self.rng, flaw, out),
            Writer::Unlike(unlike) => unlike.next(&mut self.rng, flaw, out),
        }
        if let Some(flaw) = flaw {
            flaw.cut(out);
        }
    }

    fn object_name(&mut self) -> String {
        object_name(&mut self.rng)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    use serde_json::Value;

    fn sample(framing: Framing) -> Sample {
        Sample {
            framing,
            records: Some(100),
            seed: 7,
            ..Sample::default()
        }
    }

    fn write(sample: &Sample) -> (Vec<u8>, u64) {
        let mut out = Vec::new();
        let records = sample.write(&mut out).unwrap();
        (out, records)
    }

    /// The records of a file without bad ones.
    fn parse(framing: Framing, plain: &[u8]) -> Vec<Value> {
        let text = match framing {
            Framing::Commas => [b"[", plain, b"]"].concat(),
            _ => plain.to_vec(),
        };
        let values = serde_json::Deserializer::from_slice(&text).into_iter::<Value>();
        let clicks = values.flat_map(|value| match value.unwrap() {
            Value::Array(clicks) => clicks,
            Value::Object(mut envelope) if envelope.contains_key("data") => {
                assert!(
                    envelope["key"]
                        .as_str()
                        .unwrap()
                        .starts_with("rb-clicks-stream-1-2026-11-"),
                    "{envelope:?}"
                );
                envelope["data"].take().as_array().unwrap().clone()
            }
            click => vec![click],
        });
        clicks.collect()
    }

    #[test]
    fn names_are_read_back() {
        for framing in Framing::ALL {
            assert_eq!(framing.as_str().parse(), Ok(framing));
        }
        for content in Content::ALL {
            assert_eq!(content.as_str().parse(), Ok(content));
        }
        assert_eq!(
            "other".parse::<Content>(),
            Err(r#""other" is none of campaign, unlike"#.into())
        );
    }

    #[test]
    fn a_released_seed_gives_the_bytes_it_gave() {
        use sha2::{Digest, Sha256};
        let digest = |sample: &Sample| {
            let digest = Sha256::digest(write(sample).0);
            digest[..8]
                .iter()
                .fold(0, |n, &byte| n << 8 | u64::from(byte))
        };
        for (framing, expected) in Framing::ALL.into_iter().zip([
            0x0d7e_99d8_ee38_02f4_u64,
            0x2ea6_d05d_9243_e39c,
            0x60d4_a032_16f1_4dba,
            0x3710_952d_88ea_5839,
            0xc854_269c_2a5a_6be1,
            0xa535_a645_4221_98b1,
            0x001f_c263_63b0_c8b9,
            0xdc86_c3d8_47c1_b8f7,
            0x6dd4_ce18_a103_4ff6,
        ]) {
            assert_eq!(digest(&sample(framing)), expected, "{framing}");
        }
        let bad = |framing, every| Sample {
            bad_every: Some(every),
            ..sample(framing)
        };
        assert_eq!(digest(&bad(Framing::Lines, 7)), 0x8451_beba_952d_b040);
        assert_eq!(digest(&bad(Framing::Pretty, 3)), 0x26e9_e08e_46b9_5042);
    }

    #[test]
    fn every_framing_has_the_records_asked_for() {
        for framing in Framing::ALL {
            for asked in [0, 1, 100] {
                let (plain, written) = write(&Sample {
                    records: Some(asked),
                    ..sample(framing)
                });
                let expected = if framing == Framing::Single {
                    asked.min(1)
                } else {
                    asked
                };
                assert_eq!(written, expected, "{framing:?}");
                let clicks = parse(framing, &plain);
                assert_eq!(clicks.len() as u64, expected, "{framing:?}");
                assert!(
                    clicks
                        .iter()
                        .all(|c| c["timestamp"].is_string() && c["route"].is_object()),
                    "{framing:?}"
                );
            }
        }
    }

    #[test]
    fn unlike_clicks_are_laid_out_and_broken_in_the_same_ways() {
        for framing in Framing::ALL {
            let unlike = Sample {
                content: Content::Unlike,
                ..sample(framing)
            };
            let (plain, written) = write(&unlike);
            assert_eq!(parse(framing, &plain).len() as u64, written, "{framing}");
            assert_ne!(write(&unlike), write(&sample(framing)));
            assert_eq!(write(&unlike), write(&unlike.clone()));
        }
        let (text, written) = write(&Sample {
            content: Content::Unlike,
            records: Some(2000),
            bad_every: Some(4),
            ..sample(Framing::Lines)
        });
        let mut sizes: Vec<_> = text.split(|&c| c == b'\n').map(<[u8]>::len).collect();
        sizes.sort_unstable();
        assert!(
            (1000..1200).contains(&sizes[1000]),
            "median {}",
            sizes[1000]
        );
        let json = text.split(|&c| c == b'\n').filter(|line| {
            serde_json::from_slice::<Value>(line).is_ok_and(|click| click["route"].is_object())
        });
        // Of five flaws in turn, two leave JSON.
        assert_eq!((written, json.count()), (2000, 1700));
    }

    #[test]
    fn framings_are_what_their_names_say() {
        let text = |framing| String::from_utf8(write(&sample(framing)).0).unwrap();
        assert_eq!(
            text(Framing::Crlf),
            text(Framing::Lines).replace('\n', "\r\n")
        );
        assert_eq!(
            text(Framing::Concatenated),
            text(Framing::Lines).replace('\n', "")
        );
        assert_eq!(text(Framing::Array), format!("[{}]", text(Framing::Commas)));
        assert!(
            text(Framing::Envelope).starts_with(r#"{"data":[{"timestamp":"2026-11-21T23:54:5"#)
        );
        let envelopes = text(Framing::Envelopes);
        assert_eq!(
            envelopes
                .lines()
                .filter(|line| line.starts_with(r#"{"data":["#))
                .count(),
            5
        );
        let first = text(Framing::Lines).lines().next().map(str::to_owned);
        assert_eq!(text(Framing::Single), first.unwrap());
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
        for framing in Framing::ALL {
            let one = sample(framing);
            assert_eq!(write(&one), write(&one));
            assert_ne!(write(&one), write(&Sample { seed: 8, ..one }));
        }
    }

    #[test]
    fn gzip_inflates_to_the_plain_bytes() {
        let plain = sample(Framing::Lines);
        let (file, records) = write(&Sample {
            gzip: true,
            ..plain.clone()
        });
        let mut inflated = Vec::new();
        flate2::read::MultiGzDecoder::new(file.as_slice())
            .read_to_end(&mut inflated)
            .unwrap();
        assert_eq!((inflated, records), write(&plain));
    }

    #[test]
    fn bytes_end_the_file_at_the_first_boundary_past_them() {
        for framing in Framing::ALL {
            let sized = Sample {
                records: None,
                bytes: Some(300_000),
                ..sample(framing)
            };
            let (plain, written) = write(&sized);
            assert_eq!(parse(framing, &plain).len() as u64, written, "{framing:?}");
            let one_less = write(&Sample {
                records: Some(written - 1),
                bytes: None,
                ..sized
            })
            .0;
            let honest = framing == Framing::Single || (300_000..304_000).contains(&plain.len());
            assert!(
                honest && one_less.len() < 300_200,
                "{framing:?}: {} {}",
                plain.len(),
                one_less.len()
            );
        }
        let neither = Sample {
            records: None,
            ..sample(Framing::Lines)
        };
        assert_eq!(write(&neither).1, RECORDS);
    }

    #[test]
    fn every_nth_record_is_bad_and_the_others_stay() {
        let good = write(&sample(Framing::Lines)).0;
        let (text, written) = write(&Sample {
            bad_every: Some(7),
            ..sample(Framing::Lines)
        });
        let is_click = |line: &[u8]| {
            serde_json::from_slice::<Value>(line).is_ok_and(|c| {
                c["timestamp"]
                    .as_str()
                    .is_some_and(|t| t.starts_with("2026"))
                    && c["route"].is_object()
            })
        };
        let lines = good.split(|&c| c == b'\n').zip(text.split(|&c| c == b'\n'));
        let (mut same, mut bad) = (0, 0);
        for (good, line) in lines.take(100) {
            same += u64::from(good == line);
            bad += u64::from(!is_click(line));
        }
        assert_eq!((written, same, bad), (100, 86, 14));
    }

    #[test]
    fn clicks_are_of_the_size_and_variety_of_real_ones() {
        let (plain, _) = write(&Sample {
            records: Some(2000),
            ..sample(Framing::Lines)
        });
        let mut sizes: Vec<_> = plain.split(|&c| c == b'\n').map(<[u8]>::len).collect();
        sizes.sort_unstable();
        assert!(
            (1000..1200).contains(&sizes[1000]),
            "median {}",
            sizes[1000]
        );
        let clicks = parse(Framing::Lines, &plain);
        for path in [
            "client/geo",
            "client/location",
            "client/language",
            "referral",
            "route/tags",
        ] {
            let with = clicks
                .iter()
                .filter(|click| click.pointer(&format!("/{path}")).is_some())
                .count();
            assert!((200..1800).contains(&with), "{with} of 2000 have {path}");
        }
        let bots = clicks
            .iter()
            .filter(|click| click["client"]["agent"]["type"] == "bot")
            .count();
        assert!((50..300).contains(&bots), "{bots} bots");
    }
}

//! Synthetic click files in every framing and size: the same seed writes the same plain bytes everywhere.
//!
//! It knows nothing of the decoder, so that the two can be held against each other. Links are spelled
//! once a file and then copied, so that a large file is made faster than it is read. Names and addresses
//! are invented.

mod clicks;

use std::io::{self, Write};

use flate2::{Compression, write::GzEncoder};

use clicks::{Clicks, indent};

/// Plain bytes gathered before they are written.
const CHUNK: usize = 64 * 1024;
/// Records of a file for which neither a number nor a size is asked.
const RECORDS: u64 = 1000;
/// Clicks of an envelope that is not the only one.
const ENVELOPE: u64 = 20;

/// How the clicks of a sample file are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Framing {
    /// One click a line.
    Lines,
    /// One click a line, lines ending in CR and LF.
    Crlf,
    /// One JSON array.
    Array,
    /// Clicks indented over many lines, one below the other.
    Pretty,
    /// Clicks with nothing between them.
    Concatenated,
    /// Clicks with commas between them.
    Commas,
    /// One `{"data": […], "key": …}` around all clicks.
    Envelope,
    /// Envelopes of up to 20 clicks, one a line.
    Envelopes,
    /// One click alone, whatever number is asked for.
    Single,
}

impl Framing {
    /// What stands before the first record, between two, and after the last.
    fn marks(self) -> [&'static str; 3] {
        match self {
            Framing::Lines | Framing::Pretty => ["", "\n", "\n"],
            Framing::Crlf => ["", "\r\n", "\r\n"],
            Framing::Concatenated | Framing::Single => ["", "", ""],
            Framing::Commas => ["", ",", ""],
            Framing::Array => ["[", ",", "]"],
            Framing::Envelope => [r#"{"data":["#, ",", r#"],"key":"KEY"}"#],
            Framing::Envelopes => [r#"{"data":["#, ",", "],\"key\":\"KEY\"}\n"],
        }
    }
}

/// A sample file to write.
#[derive(Clone, Debug)]
pub struct Sample {
    /// How its clicks are laid out.
    pub framing: Framing,
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
    /// Makes every n-th record a bad one, of a kind that leaves its neighbours whole in this framing.
    ///
    /// The other records are the same as without.
    pub bad_every: Option<u64>,
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
        let [open, between, close] = self.framing.marks();
        let mut clicks = Clicks::new(self.seed);
        let (mut text, mut record, mut flushed, mut records) =
            (String::from(open), String::new(), 0, 0);
        while !self.is_full(records, flushed + text.len() as u64) {
            match records {
                0 => {}
                n if self.framing == Framing::Envelopes && n.is_multiple_of(ENVELOPE) => {
                    text.push_str(&close.replace("KEY", &clicks.object_name()));
                    text.push_str(open);
                }
                _ => text.push_str(between),
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
        if records > 0 || !open.is_empty() {
            text.push_str(&close.replace("KEY", &clicks.object_name()));
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

    /// What is wrong with the n-th record, if something is; the kinds take turns.
    fn flaw(&self, n: u64) -> Option<u64> {
        let every = self
            .bad_every
            .filter(|&every| every > 0 && n.is_multiple_of(every))?;
        // Where records do not end with their line, a cut would take the next ones with it.
        let kinds = if matches!(self.framing, Framing::Lines | Framing::Crlf) {
            5
        } else {
            4
        };
        Some((n / every - 1) % kinds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    use clap::ValueEnum;
    use serde_json::Value;

    fn sample(framing: Framing) -> Sample {
        Sample {
            framing,
            records: Some(100),
            bytes: None,
            seed: 7,
            gzip: false,
            bad_every: None,
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
    fn every_framing_has_the_records_asked_for() {
        for &framing in Framing::value_variants() {
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
    fn pretty_is_how_serde_json_indents() {
        for record in [
            r#"{"a":[1,{"b":"{\"c\\\":[,"}],"d":null}"#,
            r#"{"a":{"b":[{"c":[""]}]}}"#,
        ] {
            let mut ours = String::new();
            indent(record, &mut ours);
            let value: Value = serde_json::from_str(record).unwrap();
            assert_eq!(ours, serde_json::to_string_pretty(&value).unwrap());
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
        for &framing in Framing::value_variants() {
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
        for &framing in Framing::value_variants() {
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

//! Keeps progress in this process, and optionally in a file, so that an interrupted run of the
//! command line resumes.

use std::collections::HashMap;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::ProgressError;
use super::State;
use super::item::Item;

/// Most objects that a process without a file remembers: about 2 MB.
const MOST: usize = 4096;

/// Progress in this process, shared between clones.
#[derive(Clone, Debug, Default)]
pub struct Local {
    inner: Arc<Mutex<Inner>>,
    durable: bool,
}

#[derive(Debug, Default)]
struct Inner {
    items: HashMap<String, Item>,
    file: Option<Lines>,
}

/// A file of lines that is appended to.
#[derive(Debug)]
struct Lines {
    file: File,
    /// How long it is with whole lines alone.
    end: u64,
}

impl Lines {
    /// Drops what stands behind the whole lines, and ends the last of them unless it `is_ended`.
    fn mend(&mut self, is_ended: bool) -> io::Result<()> {
        self.file.set_len(self.end)?;
        if is_ended {
            Ok(())
        } else {
            self.append(String::new())
        }
    }

    /// Writes a line and its end at once. On an error, none of it stays.
    fn append(&mut self, mut line: String) -> io::Result<()> {
        line.push('\n');
        let written = self.file.write_all(line.as_bytes());
        match &written {
            Ok(()) => self.end += line.len() as u64,
            // Else the next line would be a part of it.
            Err(_) => self.file.set_len(self.end)?,
        }
        written
    }
}

/// The contents of a file of progress.
struct Contents {
    items: HashMap<String, Item>,
    /// The end of the last line that is progress.
    end: u64,
    /// Whether that line has its line feed.
    is_ended: bool,
}

/// The first of the lines at the end of a file, so far, that cannot be read.
struct Torn {
    number: usize,
    error: serde_json::Error,
}

impl Contents {
    /// Reads lines of progress. A crash leaves half a line at the end, or zeros, which do not
    /// count; `Err` says what else is no progress.
    fn read(mut file: impl BufRead) -> Result<Contents, String> {
        let mut contents = Contents {
            items: HashMap::new(),
            end: 0,
            is_ended: true,
        };
        let (mut line, mut end) = (Vec::new(), 0);
        let mut torn: Option<Torn> = None;
        for number in 1.. {
            line.clear();
            let length = file.read_until(b'\n', &mut line);
            if length.map_err(|e| e.to_string())? == 0 {
                break;
            }
            end += line.len() as u64;
            match serde_json::from_slice(&line) {
                Ok(Line { object, item }) => {
                    if let Some(torn) = torn {
                        return Err(torn.explain());
                    }
                    contents.items.insert(object, item);
                    (contents.end, contents.is_ended) = (end, line.ends_with(b"\n"));
                }
                // An earlier version ended half a line, and went on behind it.
                Err(_) if line.starts_with(BEGIN) && line.ends_with(b"\n") => {}
                Err(error) => {
                    let here = Torn { number, error };
                    // Somebody else's file must not be cut off.
                    let is_begun = number > 1 || is_crash(&line);
                    if here.error.is_data() || !is_begun {
                        return Err(here.explain());
                    }
                    torn.get_or_insert(here);
                }
            }
        }
        Ok(contents)
    }
}

impl Torn {
    fn explain(&self) -> String {
        let Torn { number, error } = self;
        format!(
            "line {number} is not progress ({error}): name another file, or remove that line, \
             after which its object may be forwarded again"
        )
    }
}

/// How each line begins.
const BEGIN: &[u8] = b"{\"object\":";

/// Whether `line` is what a crash leaves of the first line: a part of it, or zeros.
fn is_crash(line: &[u8]) -> bool {
    let text = line.trim_ascii_end();
    text.starts_with(BEGIN) || BEGIN.starts_with(text) || text.iter().all(|byte| *byte == 0)
}

/// One line of the file. The last one of an object counts.
#[derive(Serialize, Deserialize)]
struct Line {
    #[serde(rename = "object")]
    object: String,
    #[serde(flatten)]
    item: Item,
}

/// Why the file cannot be used.
#[derive(Debug)]
pub struct Busy(String);

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Busy {}

impl Local {
    /// Keeps progress in `path` too, which is created if it does not exist. Nobody else may use it
    /// meanwhile.
    pub fn in_file(path: &Path) -> Result<Local, Busy> {
        let wrong = |problem: String| Busy(format!("--progress {}: {problem}", path.display()));
        // Opening a pipe would wait for its reader, and a device may never end.
        if path.exists() && !path.is_file() {
            return Err(wrong("is no regular file; name one".into()));
        }
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(path)
            .map_err(|e| wrong(e.to_string()))?;
        file.try_lock()
            .map_err(|_| wrong("another run uses it; give it a file of its own or wait".into()))?;
        let about = file.metadata().map_err(|e| wrong(e.to_string()))?;
        let Contents {
            mut items,
            end,
            is_ended,
        } = Contents::read(BufReader::new(&file)).map_err(wrong)?;
        if end < about.len() {
            tracing::warn!(
                file = %path.display(),
                bytes = about.len() - end,
                "progress file ends in what a crash left: dropped"
            );
        }
        let mut file = Lines { file, end };
        file.mend(is_ended).map_err(|e| wrong(e.to_string()))?;
        // One process has the file, so no other can hold a lease.
        items
            .values_mut()
            .for_each(|item: &mut Item| item.lease = 0);
        Ok(Local {
            inner: Arc::new(Mutex::new(Inner {
                items,
                file: Some(file),
            })),
            durable: true,
        })
    }

    pub(super) fn is_durable(&self) -> bool {
        self.durable
    }

    pub(super) fn get(&self, key: &str) -> Option<Item> {
        self.inner
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .items
            .get(key)
            .cloned()
    }

    pub(super) fn put(
        &self,
        key: &str,
        item: &Item,
        before: Option<&Item>,
    ) -> Result<Option<Item>, ProgressError> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let there = inner.items.get(key);
        // Nothing where something was: it was forgotten, and this process goes on.
        if let Some(there) =
            there.filter(|there| before.is_none_or(|before| !there.is_same(before)))
        {
            return Ok(Some(there.clone()));
        }
        if let Some(file) = &mut inner.file {
            let line = Line {
                object: key.to_owned(),
                item: item.clone(),
            };
            let written = serde_json::to_string(&line)
                .map_err(std::io::Error::from)
                .and_then(|line| file.append(line));
            written.map_err(|e| {
                ProgressError::Unavailable(format!("the file cannot be written: {e}"))
            })?;
        } else if inner.items.len() >= MOST {
            inner.items.retain(|_, item| item.state == State::Running);
        }
        inner.items.insert(key.to_owned(), item.clone());
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::ObjectRef;
    use crate::progress::{ClaimOutcome, ClaimRequest, Document, Progress, TargetProgress};

    async fn claim(local: &Local, targets: &[Arc<str>]) -> ClaimOutcome {
        let request = ClaimRequest {
            targets,
            replay: None,
            carried: None,
            now: 1000,
        };
        Progress::Local(local.clone())
            .claim(&ObjectRef::new("b", "k"), "1", request)
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn a_file_outlives_its_process_even_with_half_a_line_at_its_end() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("progress.jsonl");
        let targets = [Arc::from("a")];
        let local = Local::in_file(&path).unwrap();
        assert!(
            Local::in_file(&path)
                .unwrap_err()
                .to_string()
                .contains("another run uses it")
        );
        let ClaimOutcome::Acquired(mut claim_of_first) = claim(&local, &targets).await else {
            panic!("it is free")
        };
        assert!(matches!(
            claim(&local, &targets).await,
            ClaimOutcome::HeldByOther(_)
        ));
        let halfway = TargetProgress {
            high_watermark: 500,
            ..TargetProgress::default()
        };
        let document = Document {
            targets: [("a".to_owned(), halfway)].into(),
            bad: 0,
            rules: 0,
        };
        Progress::Local(local.clone())
            .save(&mut claim_of_first, document, State::Running, 1000)
            .await
            .unwrap();
        drop(local);
        let whole = std::fs::read(&path).unwrap();
        for crash in crashes(&whole) {
            std::fs::write(&path, &crash).unwrap();
            for _ in 0..2 {
                let local = Local::in_file(&path).unwrap();
                let ClaimOutcome::Acquired(claim) = claim(&local, &targets).await else {
                    panic!("its owner is dead")
                };
                assert_eq!(claim.document().targets["a"].high_watermark, 500);
            }
            let lines = std::fs::read_to_string(&path).unwrap();
            assert!(lines.ends_with("}\n"), "{lines:?}");
            let is_line = |line| serde_json::from_str::<Line>(line).is_ok();
            assert!(lines.lines().all(is_line), "{lines:?}");
        }
    }

    /// The contents of a file of which a crash left the end in part.
    fn crashes(whole: &[u8]) -> [Vec<u8>; 7] {
        [
            [whole, b"{\"object\":\"s3://b/"].concat(),
            [whole, b"{\"half"].concat(),
            [whole, b"{\"obj"].concat(),
            [whole, b"{\"object\":\"caf\xE9"].concat(),
            [whole, &[0; 100]].concat(),
            [whole, &[0; 100], b"\n"].concat(),
            whole[..whole.len() - 1].to_vec(),
        ]
    }

    #[test]
    fn what_is_no_regular_file_holds_no_progress() {
        for path in ["/dev/zero", "/dev/null", "."] {
            let refused = Local::in_file(Path::new(path)).unwrap_err().to_string();
            assert!(refused.contains("is no regular file"), "{refused}");
        }
    }

    #[test]
    fn what_is_not_progress_is_never_cut_off_and_its_line_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("progress.jsonl");
        let line = include_str!("../../tests/data/formats/progress-file.jsonl")
            .lines()
            .next()
            .unwrap();
        let cases = [
            ("clicks\n".to_owned(), 1),
            ("{\"timestamp\":\"2026-11-21T23:54:50Z\"}\n".to_owned(), 1),
            (format!("{line}\n{{\"half\n{line}\n"), 2),
            (format!("{line}\n\0\0\n{line}\n"), 2),
            // A version that knows another format may have written it.
            (format!("{line}\n{{\"object\":\"a\",\"format\":2}}"), 2),
        ];
        for (text, number) in cases {
            std::fs::write(&path, &text).unwrap();
            let error = Local::in_file(&path).unwrap_err().to_string();
            assert!(
                error.contains(&format!("line {number} is not progress")),
                "{text:?}: {error}"
            );
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn a_file_of_which_a_crash_left_the_first_line_in_part_begins_anew() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("progress.jsonl");
        for crash in [&b""[..], b"{\"ob", b"{\"object\":\"s3://b/", &[0; 4096]] {
            std::fs::write(&path, crash).unwrap();
            drop(Local::in_file(&path).unwrap());
            assert_eq!(std::fs::read(&path).unwrap(), b"");
        }
    }

    #[test]
    fn a_released_file_is_read_and_written_as_it_was() {
        let files = [
            include_str!("../../tests/data/formats/progress-file.jsonl"),
            include_str!("../../tests/data/formats/progress-file-counted.jsonl"),
        ];
        for released in files.iter().flat_map(|file| file.lines()) {
            let line: Line = serde_json::from_str(released).unwrap();
            assert_eq!(serde_json::to_string(&line).unwrap(), released);
        }
    }
}

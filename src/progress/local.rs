//! Keeps progress in this process, and optionally in a file, so that an interrupted run of the
//! command line resumes.

use std::collections::HashMap;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
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
    file: Option<File>,
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
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(path)
            .map_err(|e| wrong(e.to_string()))?;
        file.try_lock()
            .map_err(|_| wrong("another run uses it; give it a file of its own or wait".into()))?;
        let mut items = HashMap::new();
        let mut torn = false;
        for (number, line) in BufReader::new(&file).lines().enumerate() {
            let line = line.map_err(|e| wrong(e.to_string()))?;
            torn = false;
            match serde_json::from_str(&line) {
                Ok(Line { object, item }) => drop(items.insert(object, item)),
                // A run that was killed leaves half a line, at most as the last.
                Err(_) if line.starts_with("{\"object\":") => torn = true,
                Err(e) => return Err(wrong(format!("line {} is not progress: {e}", number + 1))),
            }
        }
        if torn {
            // Else the next line would be a part of it.
            (&file).write_all(b"\n").map_err(|e| wrong(e.to_string()))?;
        }
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
                .and_then(|line| writeln!(file, "{line}"));
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
        std::fs::write(
            &path,
            std::fs::read_to_string(&path).unwrap() + "{\"object\":\"s3://b/",
        )
        .unwrap();
        for _ in 0..2 {
            let local = Local::in_file(&path).unwrap();
            let ClaimOutcome::Acquired(claim) = claim(&local, &targets).await else {
                panic!("its owner is dead")
            };
            assert_eq!(claim.document().targets["a"].high_watermark, 500);
        }
        std::fs::write(&path, "clicks\n").unwrap();
        assert!(
            Local::in_file(&path)
                .unwrap_err()
                .to_string()
                .contains("line 1 is not progress")
        );
    }

    #[test]
    fn a_released_file_is_read_and_written_as_it_was() {
        for released in include_str!("../../tests/data/formats/progress-file.jsonl").lines() {
            let line: Line = serde_json::from_str(released).unwrap();
            assert_eq!(serde_json::to_string(&line).unwrap(), released);
        }
    }
}

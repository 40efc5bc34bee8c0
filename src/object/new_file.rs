//! Writes a file, whole or not at all.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use tokio::task::spawn_blocking;

/// Writes a file unless it exists; then returns `false`. On an error, nothing stands under its
/// name.
pub(super) async fn write_new(path: &Path, body: Bytes) -> io::Result<bool> {
    let path = path.to_owned();
    let write = move || write_whole(&path, |file| file.write_all(&body));
    spawn_blocking(write)
        .await
        .unwrap_or_else(|error| Err(error.into()))
}

/// Creates the file at `path` with what `fill` writes, unless it exists; then returns `false`.
fn write_whole(path: &Path, fill: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<bool> {
    let parent = path.parent().filter(|parent| *parent != Path::new(""));
    let parent = parent.unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent)?;
    if path.try_exists()? {
        return Ok(false);
    }
    let partial = Partial::beside(path);
    // The handle of the standard library reports each write's own error; that of tokio reports it
    // with the next write.
    let mut file = File::create_new(&partial.0)?;
    fill(&mut file)?;
    file.sync_all()?;
    std::fs::rename(&partial.0, path)?;
    // Where a directory cannot be synchronised, the name is as lasting as the system makes it.
    let _ = File::open(parent).and_then(|parent| parent.sync_all());
    Ok(true)
}

/// A file under a name of its own, removed unless it was renamed.
struct Partial(PathBuf);

impl Partial {
    /// Chooses a name that no other writer of the same file has.
    fn beside(path: &Path) -> Partial {
        Partial(path.with_extension(format!("{:016x}.partial", fastrand::u64(..))))
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        match std::fs::remove_file(&self.0) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                tracing::warn!(file = %self.0.display(), cause = %error, "partial file not removed");
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(directory).unwrap();
        let name = |entry: io::Result<std::fs::DirEntry>| entry.unwrap().file_name();
        let mut names: Vec<_> = entries
            .map(name)
            .map(|name| name.into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_that_cannot_be_written_whole_leaves_nothing_and_can_be_written_later() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rows/a.jsonl");
        let full = write_whole(&path, |file| {
            file.write_all(b"half of")?;
            Err(ErrorKind::StorageFull.into())
        });
        assert_eq!(full.unwrap_err().kind(), ErrorKind::StorageFull);
        assert_eq!(names(&directory.path().join("rows")), [""; 0]);
        let whole = |file: &mut File| file.write_all(b"all of it");
        assert!(write_whole(&path, whole).unwrap());
        assert!(!write_whole(&path, whole).unwrap(), "it is there");
        assert_eq!(names(&directory.path().join("rows")), ["a.jsonl"]);
        assert_eq!(std::fs::read(&path).unwrap(), b"all of it");
    }
}

//! File names that are not UTF-8, as keys.

use std::ffi::OsString;
use std::fmt::Write;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// Returns the key of a file: its path, or, if that is not UTF-8, the path with such bytes, and
/// `%`, written as in `%E9`.
pub fn key_of(path: &Path) -> String {
    if let Some(path) = path.to_str() {
        return path.to_owned();
    }
    let mut key = String::new();
    for chunk in path.as_os_str().as_bytes().utf8_chunks() {
        key += &chunk.valid().replace('%', "%25");
        for byte in chunk.invalid() {
            // Writing to a text cannot fail.
            let _ = write!(key, "%{byte:02X}");
        }
    }
    key
}

/// Returns the absolute key of the file that `key` names, without links; `None` if there is none.
pub async fn absolute(key: &str) -> Option<String> {
    let key = Path::new(key);
    let found = match (tokio::fs::canonicalize(key).await, path_of(key)) {
        (Err(_), Some(path)) => tokio::fs::canonicalize(path).await,
        (found, _) => found,
    };
    found.ok().map(|path| key_of(&path))
}

/// Returns the path that is not UTF-8 and has this key; `None` if there is none.
pub(super) fn path_of(key: &Path) -> Option<PathBuf> {
    let bytes: Vec<u8> = percent_encoding::percent_decode(key.as_os_str().as_bytes()).collect();
    let path = OsString::from_vec(bytes);
    path.to_str().is_none().then(|| path.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn files_of_one_name_in_two_directories_have_different_keys() {
        let mut keys = Vec::new();
        for name in [&b"caf\xE9.json"[..], b"clicks.json"] {
            for _ in 0..2 {
                let directory = tempfile::tempdir().unwrap();
                let path = directory.path().join(OsString::from_vec(name.to_vec()));
                std::fs::write(&path, "").unwrap();
                let key = absolute(&key_of(&path)).await.unwrap();
                assert!(Path::new(&key).is_absolute(), "{key}");
                keys.push(key);
            }
        }
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), 4, "{keys:?}");
        assert_eq!(absolute("no-such-file").await, None);
    }

    #[test]
    fn every_name_has_a_key_and_only_names_that_are_not_utf_8_are_respelled() {
        for name in [&b"caf\xE9.json"[..], b"50%/caf\xE9%E9", b"\xFF"] {
            let path = PathBuf::from(OsString::from_vec(name.to_vec()));
            assert_eq!(path_of(Path::new(&key_of(&path))), Some(path));
        }
        for name in ["caf\u{e9}.json", "100%25", "%E9"] {
            assert_eq!(key_of(Path::new(name)), name);
        }
        assert_eq!(path_of(Path::new("100%25")), None);
    }
}

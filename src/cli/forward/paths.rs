//! Expands arguments to objects.

use std::io::ErrorKind;
use std::path::Path;

use super::hints;
use crate::forward::Forwarder;
use crate::object::file_name::key_of;
use crate::object::{ObjectError, ObjectRef, Store};

/// Returns the objects that `argument` names, in order. The error says what is wrong with it.
pub(in crate::cli) async fn expand(
    argument: &str,
    forwarder: &Forwarder,
) -> Result<Vec<ObjectRef>, String> {
    if let Some(rest) = argument.strip_prefix("s3://") {
        return bucket(argument, rest, forwarder).await;
    }
    let path = Path::new(argument);
    if argument == "-" {
        return Ok(vec![ObjectRef::new("", argument)]);
    }
    if path.is_file() {
        may_read(path).map_err(|e| format!("{argument}: {e}"))?;
        return Ok(vec![ObjectRef::new("", argument)]);
    }
    let mut found = Vec::new();
    if path.is_dir() {
        walk(path, &mut found)?;
    } else if argument.contains(['*', '?', '[']) {
        let paths = glob::glob(argument).map_err(|e| format!("{argument}: {e}"))?;
        for path in paths {
            let path = path.map_err(|e| format!("{argument}: {e}"))?;
            if path.is_file() {
                found.push(ObjectRef::new("", key_of(&path)));
            }
        }
    } else if path.exists() {
        // A pipe or a device: read as it comes.
        return Ok(vec![ObjectRef::new("", argument)]);
    }
    if found.is_empty() {
        Err(hints::nothing_at(argument))
    } else {
        Ok(found)
    }
}

/// Checks that a file may be read. The error names the way out.
fn may_read(path: &Path) -> Result<(), String> {
    match std::fs::File::open(path) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Err(
            "permission denied: let this user read it (chmod, chown), or run as its owner".into(),
        ),
        // Other errors are those of the run.
        _ => Ok(()),
    }
}

/// Adds the files below `directory` to `found`, by name, without hidden ones, links to directories,
/// and what is no file: pipes, sockets, devices.
fn walk(directory: &Path, found: &mut Vec<ObjectRef>) -> Result<(), String> {
    let wrong = |e: std::io::Error| format!("{}: {e}", directory.display());
    let entries = std::fs::read_dir(directory).map_err(wrong)?;
    let mut paths: Vec<_> = entries.collect::<Result<_, _>>().map_err(wrong)?;
    paths.sort_by_key(|entry| entry.file_name());
    for entry in paths {
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        let path = entry.path();
        if entry.file_type().map_err(wrong)?.is_symlink() && path.is_dir() {
            // It may lead back here, and the same files would come twice.
            continue;
        }
        match std::fs::metadata(&path) {
            Ok(about) if about.is_dir() => walk(&path, found)?,
            // A pipe would be waited for, and a device may never end. Whoever means one names it.
            Ok(about) if !about.is_file() => {}
            // Whatever is wrong with another is said when it is read.
            _ => found.push(ObjectRef::new("", key_of(&path))),
        }
    }
    Ok(())
}

/// Returns one key, or all keys below a prefix.
async fn bucket(
    argument: &str,
    rest: &str,
    forwarder: &Forwarder,
) -> Result<Vec<ObjectRef>, String> {
    let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() {
        return Err(format!(
            "{argument}: names no bucket; write s3://bucket/key"
        ));
    }
    let object = ObjectRef::new(bucket, key);
    let store = forwarder.store(&object);
    let is_key = !key.is_empty() && !key.ends_with('/');
    // A directory has no listing; to open a file of it costs nothing.
    if let (true, Store::Directory(_)) = (is_key, store) {
        let opened = store.open(&object).await;
        return opened
            .map(|_| vec![object])
            .map_err(|error| format!("{argument}: {error}"));
    }
    let mut found: Vec<ObjectRef> = Vec::new();
    loop {
        let after = found.last().map(|object| object.key.as_str());
        let keys = match store.list(bucket, key, after).await {
            Ok(keys) => keys,
            // Who may read a key need not be allowed to list.
            Err(ObjectError::Denied(_)) if is_key => return Ok(vec![object]),
            Err(error) => return Err(format!("{argument}: {error}")),
        };
        // A key comes before all that begin with it.
        if is_key && found.is_empty() && keys.first().is_some_and(|first| first == key) {
            return Ok(vec![object]);
        }
        if keys.is_empty() {
            break;
        }
        found.extend(keys.into_iter().map(|key| ObjectRef::new(bucket, key)));
    }
    found.retain(|object| !object.key.ends_with('/'));
    if found.is_empty() {
        return Err(format!(
            "{argument}: no such key, and none that begins so; Rebrandly's keys begin with a slash: \
             s3://{bucket}//2026/…"
        ));
    }
    Ok(found)
}

//! The way out where an argument of `forward` names nothing that can be read.

use std::path::Path;

use percent_encoding::percent_decode_str;

/// Says why nothing can be read at `argument`, which names no file, and what to write instead.
pub(super) fn nothing_at(argument: &str) -> String {
    if let Some(advice) = other_address(argument) {
        return format!("{argument}: {advice}");
    }
    let cause = match std::fs::metadata(argument) {
        Ok(about) if about.is_dir() => {
            "no files are in it, or in the directories below; hidden ones do not count".to_owned()
        }
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            "permission denied: this user may not enter a directory of the path".to_owned()
        }
        _ if argument.contains(['*', '?', '[']) => "no such file: the pattern fits none".to_owned(),
        _ => missing(argument),
    };
    format!("{argument}: {cause}")
}

/// Says from where on a path does not exist.
fn missing(argument: &str) -> String {
    let parents = Path::new(argument).ancestors().skip(1);
    let missing = parents.take_while(|parent| *parent != Path::new("") && !parent.exists());
    match missing.last() {
        Some(parent) => format!("no such file: there is no directory {}", parent.display()),
        None => "no such file or directory".to_owned(),
    }
}

/// Advises on what is an address, but none that is read.
pub(super) fn other_address(argument: &str) -> Option<String> {
    let lower = argument.to_ascii_lowercase();
    if let Some(name) = lower
        .strip_prefix("arn:aws")
        .and_then(|rest| rest.split_once(":s3:::"))
    {
        let name = argument.get(argument.len() - name.1.len()..)?;
        return Some(write_instead(name));
    }
    if lower.starts_with("s3:") {
        let name = argument.get(3..)?.trim_start_matches('/');
        return Some(write_instead(name));
    }
    let (scheme, rest) = lower.split_once("://")?;
    let rest = argument.get(argument.len() - rest.len()..)?;
    Some(match scheme {
        "http" | "https" => match bucket_and_key(rest) {
            Some(name) => write_instead(&name),
            None => format!(
                "addresses of the web are not read; write: curl -sSf '{argument}' | clickstream \
                 forward -"
            ),
        },
        "file" => format!("write the path alone: {}", decoded(rest)),
        _ => {
            format!("{scheme}:// is not read; files, directories, globs, - and s3://bucket/key are")
        }
    })
}

fn write_instead(name: &str) -> String {
    format!("write s3://{name}")
}

/// Returns `bucket/key` for S3's own web addresses.
fn bucket_and_key(address: &str) -> Option<String> {
    let (place, query) = address.split_once('?').unwrap_or((address, ""));
    let (host, path) = place.split_once('/').unwrap_or((place, ""));
    let host = host.split(':').next()?.to_ascii_lowercase();
    let service = host
        .strip_suffix(".amazonaws.com")
        .or_else(|| host.strip_suffix(".amazonaws.com.cn"));
    let Some(service) = service else {
        // The console: …/s3/object/bucket?prefix=key, or …/s3/buckets/bucket?prefix=folder/
        let is_console = host.ends_with("console.aws.amazon.com");
        let rest = path.strip_prefix("s3/").filter(|_| is_console)?;
        let (_, bucket) = rest.split_once('/')?;
        let prefix = query
            .split('&')
            .find_map(|pair| pair.strip_prefix("prefix="));
        return Some(format!("{bucket}/{}", decoded(prefix.unwrap_or_default())));
    };
    let is_service = |label: &str| label == "s3" || label.starts_with("s3-");
    let labels: Vec<_> = service.split('.').collect();
    let at = labels.iter().rposition(|label| is_service(label))?;
    let bucket = labels.get(..at)?.join(".");
    Some(if bucket.is_empty() {
        decoded(path)
    } else {
        format!("{bucket}/{}", decoded(path))
    })
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_objects_are_translated_and_others_refused_by_name() {
        for (address, advice) in [
            (
                "https://my-clicks.s3.eu-west-1.amazonaws.com//2026/a%20b.json",
                "write s3://my-clicks//2026/a b.json",
            ),
            (
                "https://my.clicks.s3.amazonaws.com/a.json?X-Amz-Signature=1",
                "write s3://my.clicks/a.json",
            ),
            (
                "https://s3.eu-west-1.amazonaws.com/my-clicks/a.json",
                "write s3://my-clicks/a.json",
            ),
            (
                "HTTPS://s3-eu-west-1.amazonaws.com/my-clicks/a.json",
                "write s3://my-clicks/a.json",
            ),
            (
                "https://eu-west-1.console.aws.amazon.com/s3/object/my-clicks?region=eu-west-1&prefix=2026/a.json",
                "write s3://my-clicks/2026/a.json",
            ),
            (
                "arn:aws:s3:::my-clicks/a.json",
                "write s3://my-clicks/a.json",
            ),
            ("S3://My-Clicks/a.json", "write s3://My-Clicks/a.json"),
            ("s3:/my-clicks/a.json", "write s3://my-clicks/a.json"),
            ("file:///tmp/a.json", "write the path alone: /tmp/a.json"),
            (
                "https://example.com/a.json",
                "addresses of the web are not read; write: curl -sSf 'https://example.com/a.json' | clickstream forward -",
            ),
            (
                "gs://bucket/a",
                "gs:// is not read; files, directories, globs, - and s3://bucket/key are",
            ),
        ] {
            assert_eq!(other_address(address).as_deref(), Some(advice), "{address}");
        }
        assert_eq!(other_address("clicks/a.json"), None);
    }

    #[test]
    fn the_missing_part_of_a_path_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let at = |path: &str| nothing_at(&directory.path().join(path).to_string_lossy());
        assert!(at("none").ends_with("none: no such file or directory"));
        let parent = directory.path().join("a");
        let named = format!("there is no directory {}", parent.display());
        assert!(at("a/b/c").ends_with(&named), "{}", at("a/b/c"));
        assert!(at("").contains("no files are in it"));
        assert!(at("*.json").contains("the pattern fits none"));
    }
}

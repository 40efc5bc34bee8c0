//! Rules that stand in files: lists too long for a variable, and expressions.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::future::join_all;
use tokio::time::timeout;

use super::Reference;
use crate::config::vars::Vars;
use crate::object::{Directory, ObjectError, ObjectRef, Reader, S3, Store};
use crate::platform::aws::Aws;
use crate::transform::TextInFile;

/// Most bytes of a file.
const MOST: usize = 10 << 20;
/// How long reading one may take: an event waits for it.
const LONGEST: Duration = Duration::from_secs(10);

/// Where files with rules are read.
pub(super) struct Files {
    s3: S3,
}

impl Files {
    pub(super) fn new(aws: Aws) -> Files {
        Files { s3: S3::new(aws) }
    }

    /// Returns the texts of all references to objects and files, each read once and all at a time.
    /// `vars` may name a directory that stands for S3.
    pub(super) async fn all<'r>(
        &self,
        references: impl Iterator<Item = &'r Reference>,
        vars: &Vars,
    ) -> BTreeMap<Reference, Result<String, String>> {
        let wanted: BTreeSet<_> = references.filter(|it| !it.is_secret()).collect();
        let texts = wanted.into_iter().map(|reference| async move {
            let text = timeout(LONGEST, self.text(reference, vars)).await;
            let text = text.unwrap_or_else(|_| Err("it takes too long to read".into()));
            (reference.clone(), text)
        });
        join_all(texts).await.into_iter().collect()
    }

    async fn text(&self, reference: &Reference, vars: &Vars) -> Result<String, String> {
        let (store, bucket, key) = match reference {
            Reference::Object { bucket, key } => (self.objects(vars), bucket.as_str(), key),
            Reference::File(path) => (directory(None), "", path),
            Reference::Secret { .. } | Reference::Parameter(_) => {
                return Err("it is not a file".into());
            }
        };
        let describe = |error| describe(reference, error);
        let object = ObjectRef::new(bucket, key);
        let mut reader = store.open(&object).await.map_err(describe)?;
        let size = reader.size().unwrap_or(0);
        if size > MOST as u64 {
            return Err(format!(
                "it has {size} bytes; a file with rules has at most {MOST}"
            ));
        }
        decode(read(&mut reader).await?)
    }

    /// Returns S3, or the directory that stands for it.
    fn objects(&self, vars: &Vars) -> Store {
        let named = vars.get("STORE").map(|store| store.trim());
        match named.filter(|store| !store.is_empty() && *store != "s3") {
            Some(path) => directory(Some(path)),
            None => Store::S3(self.s3.clone()),
        }
    }
}

/// Returns the value of a variable whose reference is to `text`.
pub(super) fn value(reference: &Reference, text: &str, form: Option<TextInFile>) -> String {
    match form {
        // Even of one line, which may have commas in it.
        Some(TextInFile::Lines) if !reference.is_secret() => format!("# {reference}\n{text}"),
        _ => text.to_owned(),
    }
}

fn directory(root: Option<&str>) -> Store {
    Store::Directory(Directory {
        root: root.map(Into::into),
    })
}

async fn read(reader: &mut Reader) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    while let Some(chunk) = reader.next().await.map_err(|error| error.to_string())? {
        if bytes.len() + chunk.len() > MOST {
            return Err(format!(
                "it has more than {MOST} bytes, the most of a file with rules"
            ));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// Returns the bytes of a file as text.
fn decode(bytes: Vec<u8>) -> Result<String, String> {
    const MARK: &[u8] = "\u{FEFF}".as_bytes();
    let bytes = match bytes.strip_prefix(MARK) {
        Some(rest) => rest.to_vec(),
        None => bytes,
    };
    match bytes.as_slice() {
        [] => Err("it is empty".into()),
        [0x1F, 0x8B, ..] => Err("it is compressed; store it as plain text".into()),
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => Err("it is UTF-16; save it as UTF-8".into()),
        bytes if bytes.contains(&0) => Err("it is no text, but holds bytes that are 0".into()),
        _ => String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            format!("it is no text in UTF-8: see its byte {at}; save it as UTF-8")
        }),
    }
}

/// Says why a file cannot be read, with the way out.
fn describe(reference: &Reference, error: ObjectError) -> String {
    match (reference, error) {
        (Reference::File(_), ObjectError::Missing) => {
            let here = std::env::current_dir().unwrap_or_default();
            format!("there is no such file, seen from {}", here.display())
        }
        (_, ObjectError::Missing) => "there is no such object".into(),
        (_, ObjectError::Denied(cause)) => format!(
            "access denied ({cause}): allow s3:GetObject on it to the function's role; a key that \
             does not exist is reported so, too"
        ),
        (_, error) => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_utf_8_with_a_mark_or_without() {
        assert_eq!(
            decode(b"\xEF\xBB\xBFspring\r\n".to_vec()).unwrap(),
            "spring\r\n"
        );
        assert_eq!(decode("gr\u{FC}n".into()).unwrap(), "gr\u{FC}n");
        for (bytes, said) in [
            (&b""[..], "empty"),
            (b"\xEF\xBB\xBF", "empty"),
            (b"\x1F\x8B\x08\x00", "compressed"),
            (b"\xFF\xFEs\0", "UTF-16"),
            (b"a\0b", "no text"),
            (b"gr\xFCn", "its byte 2"),
        ] {
            assert!(decode(bytes.to_vec()).unwrap_err().contains(said), "{said}");
        }
    }
}

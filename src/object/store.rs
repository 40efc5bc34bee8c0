//! S3, a directory or memory behind one interface, so that a local run and a test run the code that
//! production runs.

use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use bytes::{Bytes, BytesMut};
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::task::spawn_blocking;

use super::file_name;
use super::memory::Memory;
use super::new_file::write_new;
use super::s3::{S3, S3Reader};
use super::{ObjectError, ObjectRef};

/// Most bytes that are read from a file at a time.
const CHUNK: usize = 256 * 1024;

/// A place that holds objects.
#[derive(Clone, Debug)]
pub enum Store {
    /// Amazon S3, or what `AWS_ENDPOINT_URL` names.
    S3(S3),
    /// A directory.
    Directory(Directory),
    /// This process.
    Memory(Memory),
}

/// Files as objects.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    /// The directory whose sub-directories are the buckets; `None` if keys are paths.
    pub root: Option<PathBuf>,
}

/// The bytes of one object, in order.
pub enum Reader {
    /// From S3; lost connections are resumed.
    S3(Box<S3Reader>),
    /// From a file.
    File {
        /// The file.
        file: Arc<std::fs::File>,
        /// Identifies its contents: the time of its last change and its length.
        revision: String,
        /// Its length.
        size: u64,
    },
    /// From a stream that can be read once.
    Stream(Box<dyn AsyncRead + Send + Unpin>),
    /// From memory.
    Memory(Option<Bytes>),
}

impl Store {
    /// Opens the object at its first byte. The key `-` without a bucket is standard input.
    pub async fn open(&self, object: &ObjectRef) -> Result<Reader, ObjectError> {
        match self {
            Store::S3(s3) => Ok(Reader::S3(Box::new(s3.open(object).await?))),
            Store::Directory(_) if object.bucket.is_empty() && object.key == "-" => {
                Ok(Reader::Stream(Box::new(tokio::io::stdin())))
            }
            Store::Directory(directory) => directory.open(object).await,
            Store::Memory(memory) => memory
                .get(&object.bucket, &object.key)
                .map(|b| Reader::Memory(Some(b)))
                .ok_or(ObjectError::Missing),
        }
    }

    /// Stores `body` unless the key is taken; then returns `false`.
    pub async fn put_new(&self, bucket: &str, key: &str, body: Bytes) -> Result<bool, ObjectError> {
        match self {
            Store::S3(s3) => s3.put_new(bucket, key, body).await,
            Store::Directory(directory) => {
                let path = directory.path(bucket, key);
                write_new(&path, body)
                    .await
                    .map_err(|e| ObjectError::Unavailable(format!("{e}: {}", path.display())))
            }
            Store::Memory(memory) => Ok(memory.put_new(bucket, key, body).await),
        }
    }

    /// Checks that objects may be stored below `prefix`; stores none, and none that stays in a
    /// directory.
    pub async fn may_put(&self, bucket: &str, prefix: &str) -> Result<(), ObjectError> {
        match self {
            Store::S3(s3) => {
                s3.may_put(bucket, &format!("{prefix}clickstream-check"))
                    .await
            }
            Store::Directory(directory) => {
                let path = directory.path(bucket, &format!("{prefix}clickstream-check"));
                write_and_delete(&path)
                    .await
                    .map_err(|e| ObjectError::Unavailable(format!("{e}: {}", path.display())))
            }
            Store::Memory(_) => Ok(()),
        }
    }

    /// Returns the keys below `prefix`, at most a thousand after `after`, in order.
    pub async fn list(
        &self,
        bucket: &str,
        prefix: &str,
        after: Option<&str>,
    ) -> Result<Vec<String>, ObjectError> {
        match self {
            Store::S3(s3) => s3.list(bucket, prefix, after).await,
            Store::Memory(memory) => Ok(memory.keys(bucket, prefix, after)),
            Store::Directory(_) => Err(ObjectError::Unavailable(
                "directories are listed by the command line".into(),
            )),
        }
    }
}

impl Directory {
    async fn open(&self, object: &ObjectRef) -> Result<Reader, ObjectError> {
        if self.root.is_some() && leaves(&object.bucket, &object.key) {
            return Err(ObjectError::Missing);
        }
        if let Some(bucket) = self
            .root
            .as_ref()
            .map(|root| root.join(&object.bucket))
            .filter(|bucket| !bucket.is_dir())
        {
            // A bucket that does not exist is a mistake in the configuration, not an object that is
            // gone.
            return Err(ObjectError::Unavailable(format!(
                "there is no directory {} (STORE)",
                bucket.display()
            )));
        }
        open_file(&self.path(&object.bucket, &object.key)).await
    }

    fn path(&self, bucket: &str, key: &str) -> PathBuf {
        match &self.root {
            Some(root) => root.join(bucket).join(key.trim_start_matches('/')),
            None => PathBuf::from(key),
        }
    }
}

impl Reader {
    /// Identifies these contents, by version id, ETag or time of change; `None` if they can be read
    /// only once.
    pub fn revision(&self) -> Option<String> {
        match self {
            Reader::S3(reader) => reader.revision().map(str::to_owned),
            Reader::File { revision, .. } => Some(revision.clone()),
            Reader::Stream(_) => None,
            Reader::Memory(bytes) => bytes
                .as_ref()
                .map(|bytes| format!("{:p} {}", bytes.as_ptr(), bytes.len())),
        }
    }

    /// Returns the ETag of these contents, if the store has ETags and no versions: with versions,
    /// contents are never replaced.
    pub fn unversioned_etag(&self) -> Option<String> {
        match self {
            Reader::S3(reader) if reader.version().is_none() => self.revision(),
            Reader::Memory(_) => self.revision(),
            Reader::S3(_) | Reader::File { .. } | Reader::Stream(_) => None,
        }
    }

    /// Returns the version that is read, if the store has versions.
    pub fn version(&self) -> Option<String> {
        match self {
            Reader::S3(reader) => reader.version().map(str::to_owned),
            _ => None,
        }
    }

    /// Returns the object's length in bytes as stored, if it is known before it is read.
    pub fn size(&self) -> Option<u64> {
        match self {
            Reader::S3(reader) => reader.size(),
            Reader::File { size, .. } => Some(*size),
            Reader::Stream(_) => None,
            Reader::Memory(bytes) => bytes.as_ref().map(|bytes| bytes.len() as u64),
        }
    }

    /// Takes the length that the object's event names, which tells an end from a lost connection
    /// where the store states no length.
    pub fn expect(&mut self, size: u64) {
        if let Reader::S3(reader) = self {
            reader.expect(size);
        }
    }

    /// Reads what is left, so that its store can compare the checksum of all of it. Only S3 has
    /// one.
    pub async fn confirm(&mut self) -> Result<(), ObjectError> {
        if let Reader::S3(reader) = self {
            while reader.next().await?.is_some() {}
        }
        Ok(())
    }

    /// Returns the next chunk; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ObjectError> {
        match self {
            Reader::S3(reader) => reader.next().await,
            Reader::Memory(bytes) => Ok(bytes.take().filter(|b| !b.is_empty())),
            Reader::File { file, .. } => {
                let file = file.clone();
                let read = move || -> std::io::Result<Vec<u8>> {
                    let mut chunk = Vec::with_capacity(CHUNK);
                    file.as_ref().take(CHUNK as u64).read_to_end(&mut chunk)?;
                    Ok(chunk)
                };
                let read = spawn_blocking(read).await.unwrap_or_else(|e| Err(e.into()));
                let chunk = read.map_err(|e| ObjectError::Unavailable(e.to_string()))?;
                Ok(Some(chunk.into()).filter(|chunk: &Bytes| !chunk.is_empty()))
            }
            Reader::Stream(stream) => {
                let mut chunk = BytesMut::with_capacity(CHUNK);
                match stream.read_buf(&mut chunk).await {
                    Ok(0) => Ok(None),
                    Ok(_) => Ok(Some(chunk.freeze())),
                    Err(e) => Err(ObjectError::Unavailable(e.to_string())),
                }
            }
        }
    }
}

/// Whether a name would lead out of its bucket's directory.
fn leaves(bucket: &str, key: &str) -> bool {
    let mut parts = bucket.split('/').chain(key.split('/'));
    bucket.contains('/') || parts.any(|part| part == "..")
}

async fn open_file(path: &Path) -> Result<Reader, ObjectError> {
    let opened = match (File::open(path).await, file_name::path_of(path)) {
        (Err(e), Some(path)) if e.kind() == ErrorKind::NotFound => File::open(path).await,
        (opened, _) => opened,
    };
    let file = opened.map_err(|e| from_io(path, &e))?;
    let about = file.metadata().await.map_err(|e| from_io(path, &e))?;
    if about.is_dir() {
        return Err(ObjectError::Missing);
    }
    let modified = about
        .modified()
        .ok()
        .filter(|_| about.is_file())
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    match modified.map(|since| format!("{} {}", since.as_nanos(), about.len())) {
        Some(revision) => Ok(Reader::File {
            file: Arc::new(file.into_std().await),
            revision,
            size: about.len(),
        }),
        None => Ok(Reader::Stream(Box::new(file))),
    }
}

fn from_io(path: &Path, error: &std::io::Error) -> ObjectError {
    match error.kind() {
        ErrorKind::NotFound if path.is_symlink() => ObjectError::Unavailable(format!(
            "{}: a link to a file that does not exist",
            path.display()
        )),
        ErrorKind::NotFound
        | ErrorKind::NotADirectory
        | ErrorKind::InvalidInput
        | ErrorKind::InvalidFilename => ObjectError::Missing,
        _ => ObjectError::Unavailable(format!("{}: {error}", path.display())),
    }
}

/// Writes a file, deletes it, and with it the directories that were made for it.
async fn write_and_delete(path: &Path) -> std::io::Result<()> {
    let parents = path.ancestors().skip(1);
    let made: Vec<PathBuf> = parents
        .take_while(|parent| !parent.as_os_str().is_empty() && !parent.exists())
        .map(Path::to_owned)
        .collect();
    write_new(path, Bytes::new()).await?;
    tokio::fs::remove_file(path).await?;
    for directory in made {
        tokio::fs::remove_dir(directory).await?;
    }
    Ok(())
}

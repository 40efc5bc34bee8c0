//! The files that a run writes itself. Read as click files, they would grow while they are read.

use std::fs::{File, Metadata};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::config::QuarantineStore;
use crate::object::ObjectRef;

/// The outputs of this run.
pub(super) struct Outputs {
    files: Vec<Output>,
    /// The directory of a local quarantine, if it exists.
    quarantine: Option<PathBuf>,
}

/// A file that is written, by whatever names it has.
struct Output {
    file: FileId,
    /// The word for it in messages.
    name: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    /// Identifies a regular file; terminals, pipes and devices can be read and written at once.
    fn of(about: &Metadata) -> Option<FileId> {
        about.is_file().then(|| FileId {
            device: about.dev(),
            inode: about.ino(),
        })
    }

    fn of_stream(stream: impl AsFd) -> Option<FileId> {
        let file = File::from(stream.as_fd().try_clone_to_owned().ok()?);
        FileId::of(&file.metadata().ok()?)
    }

    /// Identifies the file that an object of the command line is.
    fn of_object(object: &ObjectRef) -> Option<FileId> {
        match object.key.as_str() {
            _ if !object.bucket.is_empty() => None,
            "-" => FileId::of_stream(io::stdin()),
            path => FileId::of(&std::fs::metadata(path).ok()?),
        }
    }
}

impl Outputs {
    /// Looks at the standard streams, the file of `--progress`, and a local quarantine.
    pub(super) fn of(progress: Option<&Path>, quarantine: &QuarantineStore) -> Outputs {
        let progress = progress.and_then(|path| FileId::of(&std::fs::metadata(path).ok()?));
        let files = [
            (FileId::of_stream(io::stdout()), "standard output"),
            (FileId::of_stream(io::stderr()), "standard error"),
            (progress, "the file of --progress"),
        ];
        let output = |(file, name): (Option<FileId>, _)| file.map(|file| Output { file, name });
        Outputs {
            files: files.into_iter().filter_map(output).collect(),
            quarantine: match quarantine {
                QuarantineStore::Directory(path) => path.canonicalize().ok(),
                _ => None,
            },
        }
    }

    /// Leaves out the objects among `found`, which `argument` names, that this run writes, and says
    /// so. The error says that the argument itself is one of them.
    pub(super) fn leave_out(
        &self,
        argument: &str,
        found: Vec<ObjectRef>,
    ) -> Result<Vec<ObjectRef>, String> {
        let quarantine = self.quarantine_below(argument);
        let mut rows = 0_u64;
        let mut kept = Vec::with_capacity(found.len());
        for object in found {
            let file = FileId::of_object(&object);
            let output = self.files.iter().find(|output| Some(output.file) == file);
            match output {
                Some(output) if object.key == argument => {
                    return Err(format!(
                        "{argument}: it is {} of this run, and cannot be read while it is written",
                        output.name
                    ));
                }
                Some(output) => tracing::warn!("{object} is left out: it is {}", output.name),
                None if quarantine.is_some_and(|rows| lies_within(&object.key, rows)) => rows += 1,
                None => kept.push(object),
            }
        }
        if let Some(quarantine) = quarantine.filter(|_| rows > 0) {
            tracing::warn!(
                "{rows} files in {} are left out: it is the quarantine of this run; to forward \
                 its rows, name it itself",
                quarantine.display()
            );
        }
        Ok(kept)
    }

    /// Returns the quarantine, unless `argument` names it or what is in it.
    fn quarantine_below(&self, argument: &str) -> Option<&Path> {
        let quarantine = self.quarantine.as_deref()?;
        let is_fixed = |part: &&str| !part.contains(['*', '?', '[']);
        let fixed: Vec<_> = argument.split('/').take_while(is_fixed).collect();
        let named = match fixed.join("/") {
            path if path.is_empty() && argument.starts_with('/') => PathBuf::from("/"),
            path if path.is_empty() => PathBuf::from("."),
            path => PathBuf::from(path),
        };
        let is_meant = named
            .canonicalize()
            .is_ok_and(|path| path.starts_with(quarantine));
        (!is_meant).then_some(quarantine)
    }
}

fn lies_within(path: &str, directory: &Path) -> bool {
    Path::new(path)
        .canonicalize()
        .is_ok_and(|path| path.starts_with(directory))
}

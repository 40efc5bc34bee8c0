//! Why an object is left alone.

use std::fmt;

/// Why an object is not read, on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SkipReason {
    /// Its event names no bucket.
    NoBucket,
    /// It lies below one of the program's own outputs.
    OwnOutput,
    /// `SOURCES` does not list it.
    OutsideSources,
    /// It is an empty object that stands for a folder.
    FolderMarker,
    /// It holds no bytes.
    Empty,
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SkipReason::NoBucket => "it names no bucket",
            SkipReason::OwnOutput => "the forwarder wrote it itself",
            SkipReason::OutsideSources => "it lies outside SOURCES",
            SkipReason::FolderMarker => "it is a folder marker",
            SkipReason::Empty => "it is empty",
        })
    }
}

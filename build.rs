//! Gives the program its version: that of the package and, where this is its repository, the commit.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let version = env!("CARGO_PKG_VERSION");
    let commit = commit().map_or(String::new(), |commit| format!(" ({commit})"));
    println!("cargo:rustc-env=CLICKSTREAM_VERSION={version}{commit}");
}

/// Returns the commit and its day. Built from an archive, or without git, the program has none.
fn commit() -> Option<String> {
    // A repository further up is another project's.
    if !Path::new(".git").exists() {
        return None;
    }
    // Git adds a line to this file whenever the commit changes. One that is missing would run the
    // script at every build.
    let log = git(&["rev-parse", "--git-path", "logs/HEAD"])?;
    if Path::new(&log).exists() {
        println!("cargo:rerun-if-changed={log}");
    }
    git(&["show", "--no-patch", "--format=%h, %cs", "HEAD"])
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !text.trim().is_empty()).then(|| text.trim().to_owned())
}

//! Runs the command itself, as a person would.

use std::process::Command;

use crate::support::root;

/// What a run printed, and its exit code.
pub struct Run {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// Runs `clickstream` in the repository's root with `env` alone: no credentials, no home.
pub fn clickstream<'e>(args: &[&str], env: impl IntoIterator<Item = (&'e str, &'e str)>) -> Run {
    let output = Command::new(env!("CARGO_BIN_EXE_clickstream"))
        .args(args)
        .env_clear()
        .envs(env)
        .current_dir(root())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run {
        code: output.status.code().unwrap(),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

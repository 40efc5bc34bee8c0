//! `--env-file`, for every command.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::Command;

use crate::config::env_file;
use crate::config::vars::{VarSet, Vars};

#[derive(clap::Args)]
pub(super) struct EnvFiles {
    /// Read variables from FILE, NAME=value on each line, over those of the environment; of several
    /// files the last counts
    #[arg(long = "env-file", value_name = "FILE", global = true)]
    files: Vec<PathBuf>,
}

impl EnvFiles {
    /// Lays the variables of all files over `environment`. If that changes any, the program starts
    /// again with them: AWS's clients and others read the environment themselves. The error is for
    /// the person who runs the command.
    pub(super) fn lay_over(&self, environment: Vars) -> Result<VarSet, String> {
        let arguments: Vec<OsString> = std::env::args_os().collect();
        if count(&arguments) > self.files.len() {
            return Err("give every --env-file after the command, or every one before it".into());
        }
        let (mut given, mut problems) = (Vars::new(), Vec::new());
        for file in &self.files {
            match env_file::read(file) {
                Ok(vars) => given.extend(vars),
                Err(error) => problems.push(error.to_string()),
            }
        }
        if !problems.is_empty() {
            return Err(problems.join("\n"));
        }
        if given
            .iter()
            .all(|pair| environment.get_key_value(pair.0) == Some(pair))
        {
            let mut vars = VarSet::of_shell(environment);
            vars.lay_over(given);
            return Ok(vars);
        }
        let cause = start_again(&arguments, given);
        Err(format!(
            "cannot start again with the variables of --env-file: {cause}"
        ))
    }
}

/// Returns how often the option is among the arguments. Of some before the command and some after
/// it, the parser keeps the last only.
fn count(arguments: &[OsString]) -> usize {
    let arguments = arguments.iter().map(|argument| argument.to_string_lossy());
    let options = arguments.take_while(|argument| argument != "--");
    options
        .filter(|argument| argument == "--env-file" || argument.starts_with("--env-file="))
        .count()
}

/// Starts this program again with `vars` in its environment. Returns only if that fails.
fn start_again(arguments: &[OsString], vars: Vars) -> io::Error {
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return error,
    };
    let mut command = Command::new(program);
    command.args(arguments.iter().skip(1)).envs(vars);
    replace(command)
}

#[cfg(unix)]
fn replace(mut command: Command) -> io::Error {
    std::os::unix::process::CommandExt::exec(&mut command)
}

#[cfg(not(unix))]
fn replace(mut command: Command) -> io::Error {
    match command.status() {
        Ok(status) => std::process::exit(status.code().unwrap_or(1)),
        Err(error) => error,
    }
}

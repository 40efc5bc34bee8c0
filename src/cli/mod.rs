//! The command line for people: the same forwarder over files, directories, standard input and S3.
//!
//! Each command is one file. A command that only prints returns what it prints, so that it can be
//! tested by itself.

mod check;
mod forward;
mod iam;
#[cfg(feature = "aws")]
mod lake;
mod sample;
mod session;
mod variables;

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::vars::{self, Vars};
use crate::outcome::LOG_TARGET;
use crate::platform::log;

/// How a command ended, for scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    /// Everything was delivered or quarantined.
    Ok = 0,
    /// Something was not delivered: run it again.
    Failed = 1,
    /// The command or the configuration is wrong; nothing was done.
    WrongUsage = 2,
    /// Everything readable was delivered, but an object is gone or corrupt.
    Corrupt = 3,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// The output of a command, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Reply {
    stdout: String,
    stderr: String,
    exit: Exit,
}

impl Reply {
    /// Prints `text`.
    fn ok(text: impl Into<String>) -> Reply {
        Reply {
            stdout: text.into(),
            stderr: String::new(),
            exit: Exit::Ok,
        }
    }

    /// Says what is wrong with the command or the configuration.
    fn wrong_usage(problem: impl std::fmt::Display) -> Reply {
        Reply {
            stdout: String::new(),
            stderr: format!("{problem}\n"),
            exit: Exit::WrongUsage,
        }
    }

    fn print(&self) -> Exit {
        // A reader that has gone away is no error.
        let _ = std::io::stdout().write_all(self.stdout.as_bytes());
        eprint!("{}", self.stderr);
        self.exit
    }
}

/// Forwards Rebrandly's click files to the targets that the environment names.
#[derive(Parser)]
#[command(
    version,
    after_help = "Exit codes: 0 all delivered or quarantined, 1 something not delivered (run it \
again), 2 wrong usage or configuration, 3 an object is gone or broken."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Forward click files: files, directories, globs, - for standard input, s3://bucket/key or
    /// s3://bucket/prefix/
    Forward(forward::Args),
    /// Check the configuration in the environment and show each target as it was understood
    Check(check::Args),
    /// Print every variable that there is: those of all, and those of each kind of target
    Variables,
    /// Print the least IAM policy for the configuration in the environment
    Iam(iam::Args),
    #[cfg(feature = "aws")]
    /// Print the SQL for a lake that a target of the kind s3 fills
    Lake(lake::Args),
    /// Write a synthetic click file
    Sample(sample::Args),
}

/// Runs the command that the arguments of this process name.
pub fn run() -> ExitCode {
    let (cli, vars) = (Cli::parse(), vars::environment());
    log::plain(vars.get("LOG_LEVEL").map(String::as_str), LOG_TARGET);
    cli.command.run(vars).into()
}

impl Command {
    fn run(self, vars: Vars) -> Exit {
        match self {
            Command::Forward(args) => forward::run(args, vars),
            Command::Check(args) => check::run(&args, vars).print(),
            Command::Variables => variables::run().print(),
            Command::Iam(args) => iam::run(&args, vars).print(),
            #[cfg(feature = "aws")]
            Command::Lake(args) => lake::run(args).print(),
            Command::Sample(args) => sample::run(&args),
        }
    }
}

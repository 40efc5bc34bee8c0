//! The command line for people: the same forwarder over files, directories, standard input and S3.
//!
//! Each command is one file. A command that only prints returns what it prints, so that it can be
//! tested by itself.

mod check;
mod diff;
mod env_file;
mod forward;
mod iam;
#[cfg(feature = "aws")]
mod lake;
mod manual;
mod offline;
mod preview;
mod sample;
mod session;
mod test;
mod variables;

use std::io::ErrorKind;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue};
use clap::{ArgAction, Parser, Subcommand};

use crate::config::vars::{self, VarSet};
use crate::outcome::LOG_TARGET;
use crate::platform::{log, stdio};

/// How a command ended, for scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    Ok = 0,
    Failed = 1,
    WrongUsage = 2,
    Corrupt = 3,
    Interrupted = 130,
    Terminated = 143,
}

/// Every exit code and its meaning, as help and documents print them.
pub const EXIT_CODES: &[(u8, &str)] = &[
    (
        Exit::Ok as u8,
        "everything was delivered, filtered or quarantined",
    ),
    (
        Exit::Failed as u8,
        "something was not delivered or could not be written, or a target accepted nothing: run \
         it again. Where a line says `misconfigured`, change what it names first. Of `test`: a \
         case failed. Of `try`: a rule failed, or a target cannot carry a click",
    ),
    (
        Exit::WrongUsage as u8,
        "the command or the configuration is wrong, or a path cannot be read: nothing was done",
    ),
    (
        Exit::Corrupt as u8,
        "everything readable was delivered, but a file is gone or broken, or no click is in it",
    ),
    (
        Exit::Interrupted as u8,
        "interrupted by Ctrl-C before everything was delivered",
    ),
    (
        Exit::Terminated as u8,
        "ended by SIGTERM before everything was delivered",
    ),
];

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
        stdio::say(&self.stderr);
        match stdio::print(&self.stdout) {
            Ok(()) => self.exit,
            Err(error) => not_written("standard output", &error),
        }
    }
}

/// Prints the help or version that was asked for, or what is wrong with the arguments.
fn answer(mut answer: clap::Error) -> Exit {
    drop_dashes(&mut answer);
    match answer.print() {
        _ if answer.use_stderr() => Exit::WrongUsage,
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            not_written("standard output", &error)
        }
        _ => Exit::Ok,
    }
}

/// Drops the suggestion to write a mistyped option as `-- --option`: nobody means a path by it.
fn drop_dashes(answer: &mut clap::Error) {
    let Some(ContextValue::String(option)) = answer.get(ContextKind::InvalidArg) else {
        return;
    };
    let as_path = format!("-- {option}");
    let Some(ContextValue::StyledStrs(mut tips)) = answer.remove(ContextKind::Suggested) else {
        return;
    };
    tips.retain(|tip| !tip.to_string().contains(&as_path));
    if !tips.is_empty() {
        answer.insert(ContextKind::Suggested, ContextValue::StyledStrs(tips));
    }
}

/// Says that the output of a command was not written.
fn not_written(name: impl std::fmt::Display, error: &std::io::Error) -> Exit {
    stdio::say(&format!("cannot write {name}: {error}\n"));
    Exit::Failed
}

/// Forwards Rebrandly's click files to the targets that the environment names.
#[derive(Parser)]
#[command(name = "clickstream", version = env!("CLICKSTREAM_VERSION"), after_help = exit_codes())]
struct Cli {
    #[command(flatten)]
    verbosity: Verbosity,
    #[command(flatten)]
    env_files: env_file::EnvFiles,
    #[command(subcommand)]
    command: Command,
}

/// How much is said on standard error.
#[derive(clap::Args)]
struct Verbosity {
    /// Say what is done: each request, claim and retry; -vv says more
    #[arg(long, short, global = true, action = ArgAction::Count, conflicts_with = "quiet")]
    verbose: u8,
    /// Say only why something failed: no warnings, no summary
    #[arg(long, short, global = true)]
    quiet: bool,
}

impl Verbosity {
    /// Returns the level of the log, where it is not that of `LOG_LEVEL`.
    fn level(&self) -> Option<&'static str> {
        match self.verbose {
            _ if self.quiet => Some(log::SILENT),
            0 => None,
            1 => Some("debug"),
            _ => Some("trace"),
        }
    }
}

/// Renders the exit codes for the help.
fn exit_codes() -> String {
    let line = |(code, meaning): &(u8, &str)| format!("  {code:>3}  {}", meaning.replace('`', ""));
    let lines: Vec<_> = EXIT_CODES.iter().map(line).collect();
    format!("Exit codes:\n{}", lines.join("\n"))
}

#[derive(Subcommand)]
enum Command {
    /// Forward click files: files, directories, globs, - for standard input, s3://bucket/key or
    /// s3://bucket/prefix/
    Forward(forward::Args),
    /// Check the configuration in the environment and show each target as it was understood
    Check(check::Args),
    /// Show what each target would be sent of the first clicks, and send nothing: files,
    /// directories, globs, - for standard input, s3://bucket/key or s3://bucket/prefix/
    Try(preview::Args),
    /// Test the rules of targets with cases: clicks, and what is expected to become of each
    Test(test::Args),
    /// Print every variable that there is: those of all, and those of each kind of target
    Variables(variables::Args),
    /// Print the least IAM policy for the configuration in the environment
    Iam(iam::Args),
    #[cfg(feature = "aws")]
    /// Print the SQL for a lake that a target of the kind s3 fills
    Lake(lake::Args),
    /// Write a synthetic click file
    Sample(sample::Args),
    /// Print what a shell reads to complete commands and options
    Completions(manual::CompletionsArgs),
    /// Print the manual as a man page, whole or of one command
    Man(manual::ManArgs),
}

/// Runs the command that the arguments of this process name.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(problem) => return answer(problem).into(),
    };
    let vars = match cli.env_files.lay_over(vars::environment()) {
        Ok(vars) => vars,
        Err(problem) => return Reply::wrong_usage(problem).print().into(),
    };
    let level = cli.verbosity.level();
    let level = level.or_else(|| vars.vars.get("LOG_LEVEL").map(String::as_str));
    log::plain(level, LOG_TARGET);
    cli.command.run(vars, cli.verbosity.quiet).into()
}

impl Command {
    fn run(self, vars: VarSet, is_quiet: bool) -> Exit {
        match self {
            Command::Forward(args) => forward::run(&args, vars, is_quiet),
            Command::Check(args) => check::run(&args, vars).print(),
            Command::Try(args) => preview::run(&args, vars).print(),
            Command::Test(args) => test::run(&args, vars).print(),
            Command::Variables(args) => variables::run(&args).print(),
            Command::Iam(args) => iam::run(&args, vars).print(),
            #[cfg(feature = "aws")]
            Command::Lake(args) => lake::run(args).print(),
            Command::Sample(args) => sample::run(&args),
            Command::Completions(args) => manual::completions(&args).print(),
            Command::Man(args) => manual::man(&args).print(),
        }
    }
}

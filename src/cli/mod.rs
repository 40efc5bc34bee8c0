//! The command line for people: the same forwarder over files, directories, standard input and S3.

mod check;
mod forward;
mod iam;
mod lake;
mod paths;
mod sample;

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::SystemTime;

use crate::config::settings::Settings;
use crate::config::{GLOBALS, vars};
use crate::platform::aws::Aws;
use crate::platform::log;
use crate::platform::tls::Trust;
use crate::targets::{COMMON, Context, KINDS};
use clap::{Parser, Subcommand};
use clicks::click::Form;
use tokio::runtime::Runtime;

/// Everything was delivered or quarantined.
const OK: u8 = 0;
/// Something was not delivered: run it again.
const FAILED: u8 = 1;
/// The command or the configuration is wrong; nothing was done.
const WRONG: u8 = 2;
/// Everything readable was delivered, but an object is gone or broken.
const BROKEN: u8 = 3;

/// Forwards Rebrandly's click files to the targets that the environment names.
#[derive(Parser)]
#[command(
    version,
    after_help = "Exit codes: 0 all delivered or quarantined, 1 something not delivered (run it again), 2 wrong usage or \
configuration, 3 an object is gone or broken."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Forward click files: files, directories, globs, - for standard input, s3://bucket/key or s3://bucket/prefix/
    Forward(forward::Args),
    /// Check the configuration in the environment and show each target as it was understood
    Check {
        /// Ask every source, target and store too, with requests that change nothing
        #[arg(long)]
        live: bool,
    },
    /// Print every variable that there is: those of all, and those of each kind of target
    Variables,
    /// Print the least IAM policy for the configuration in the environment
    Iam(iam::Args),
    /// Print the SQL for a lake that a target of the kind s3 fills
    Lake(lake::Lake),
    /// Write a synthetic click file
    Sample(sample::Args),
}

/// Runs the command that the arguments name.
pub fn run() -> ExitCode {
    let code = match Cli::parse().command {
        Command::Forward(args) => forward::run(args),
        Command::Check { live } => check::run(live),
        Command::Variables => variables(),
        Command::Iam(args) => iam::run(&args),
        Command::Lake(lake) => lake::run(lake),
        Command::Sample(args) => sample::run(&args),
    };
    ExitCode::from(code)
}

/// Prints the names of all variables; those of a target without its prefix, after its kind.
fn variables() -> u8 {
    let mut text: String = GLOBALS
        .iter()
        .map(|(name, ..)| format!("{name}\n"))
        .collect();
    for kind in KINDS {
        let names = COMMON
            .iter()
            .chain(kind.variables())
            .map(|var| format!("{} _{}\n", kind.name, var.name));
        text.extend(names);
    }
    show(Ok(text))
}

/// Prints a text, or what is wrong. A closed pipe is no error.
fn show(text: Result<String, String>) -> u8 {
    match text {
        Ok(text) => {
            let _ = std::io::stdout().write_all(text.as_bytes());
            OK
        }
        Err(wrong) => {
            eprintln!("{wrong}");
            WRONG
        }
    }
}

/// The settings in the environment, with what `SETTINGS_PATH` adds, and the runtime that asked for it; without
/// `TARGETS`, one target `stdout` with `format`.
fn settings(format: Option<Form>) -> Result<(Runtime, Arc<Settings>), String> {
    let mut vars = vars::environment();
    log::plain(vars.get("LOG_LEVEL").map(String::as_str));
    let unset = |name: &str| vars.get(name).is_none_or(|text| text.trim().is_empty());
    if unset("TARGETS") && unset("SETTINGS_PATH") {
        vars.insert("TARGETS".into(), "stdout".into());
        vars.insert("STDOUT_KIND".into(), "stdout".into());
        vars.extend(format.map(|format| ("STDOUT_FORMAT".to_owned(), format.to_string())));
    } else if format.is_some() {
        return Err(
            "--format goes with standard output; TARGETS is set, so set the target's _FORMAT"
                .into(),
        );
    }
    let runtime = Runtime::new().map_err(|e| format!("no threads to run on: {e}"))?;
    let context = Context {
        clock: now,
        trust: Trust::Machine,
        aws: Aws::new(Trust::Machine),
    };
    let settings = runtime
        .block_on(Settings::read(vars, context))
        .map_err(|errors| errors.to_string())?;
    Ok((runtime, Arc::new(settings)))
}

#[expect(clippy::disallowed_methods, reason = "the one clock of this program")]
fn now() -> SystemTime {
    SystemTime::now()
}

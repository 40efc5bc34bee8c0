//! `clickstream test`.

mod case;
mod judge;
mod read;
mod report;

use std::path::PathBuf;

use tokio::runtime::Builder;

use super::{Reply, session};
use crate::config::vars::VarSet;
use read::{CaseFile, NumberedCase};
use report::{CaseResult, Report};

const EXAMPLES: &str = "\
A case is a JSON object: what is expected to become of one click.

  {\"name\": \"bots are left out\", \"target\": \"hook\", \"env\": {\"HOOK_AGENTS\": \"human\"},
   \"click\": {…}, \"expected\": \"dropped\", \"by\": \"AGENTS\"}

expected is \"kept\", \"dropped\", \"fails\" or {\"body\": …}, what would be sent for the click. \
target may be left out if there is only one, env is laid over the environment, by is the variable \
that drops the click. Nothing is sent, and no credentials are needed.";

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Files of cases: JSON objects as lines, in an array or one after another
    #[arg(required = true, value_name = "FILE")]
    cases: Vec<PathBuf>,
    /// Print one JSON object for programs
    #[arg(long)]
    json: bool,
}

/// Runs the cases of all files.
pub(super) fn run(args: &Args, vars: VarSet) -> Reply {
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Reply::wrong_usage(format!("no thread to run on: {error}")),
    };
    let report = runtime.block_on(examine(args, &vars));
    if args.json {
        report.json()
    } else {
        report.text()
    }
}

async fn examine(args: &Args, vars: &VarSet) -> Report {
    let context = session::context(&vars.vars);
    let mut report = Report::default();
    for path in &args.cases {
        let file = path.display().to_string();
        let CaseFile { cases, problems } = CaseFile::read(path);
        let told = problems.into_iter();
        report
            .problems
            .extend(told.map(|problem| format!("{file}: {problem}")));
        for NumberedCase { number, case } in cases {
            match judge::judge(&case, vars, &context).await {
                Ok(judged) => report.results.push(CaseResult {
                    file: file.clone(),
                    number,
                    case,
                    judged,
                }),
                Err(problem) => {
                    let name = &case.name;
                    let problem = format!("{file}: case {number} ({name:?}): {problem}");
                    report.problems.push(problem);
                }
            }
        }
    }
    report
}

//! `clickstream check`.

mod describe;
mod live;

use serde_json::{Value, json};

use super::session::{Session, SessionError, names_no_target};
use super::{Exit, Reply};
use crate::config::vars::VarSet;
use crate::config::{Config, ConfigErrors, Mistake, Problem};
use crate::forward::Probe;
use crate::targets::Proof;
use describe::Rows;

#[derive(clap::Args, Default)]
pub(super) struct Args {
    /// Ask every source, target and store too, with requests that change nothing
    #[arg(long)]
    live: bool,
    /// Send one invented, marked click through each target
    #[arg(long, requires = "live")]
    send: bool,
    /// Check what the command line does without TARGETS, by which the function would not start
    #[arg(long)]
    cli: bool,
    /// Print one JSON object for programs
    #[arg(long)]
    json: bool,
}

/// Says that a function needs targets.
const NO_TARGETS: &str = "is not set, so the function would not start; set it, for example to \
                          hook, or check with --cli what the command line does without it";

/// Prints what was understood, or every mistake.
pub(super) fn run(args: &Args, vars: VarSet) -> Reply {
    let report = match examine(args, vars) {
        Ok(report) => report,
        Err(SessionError::Mistakes(ConfigErrors(mistakes))) => Report {
            mistakes,
            ..Report::default()
        },
        Err(SessionError::Other(problem)) => return Reply::wrong_usage(problem),
    };
    if args.json {
        let exit = report.exit();
        return Reply {
            exit,
            ..Reply::ok(format!("{}\n", report.json()))
        };
    }
    report.text()
}

/// Reads the configuration, and asks what it names.
fn examine(args: &Args, vars: VarSet) -> Result<Report, SessionError> {
    let writes_to_stdout = names_no_target(&vars.vars);
    let session = Session::open(vars, None);
    if writes_to_stdout && !args.cli {
        return Err(without_targets(session));
    }
    let session = session?;
    let settings = &session.settings;
    let probes = if args.live {
        let asked = session.runtime.block_on(live::ask(settings, args.send));
        Some(asked.map_err(SessionError::Mistakes)?)
    } else {
        None
    };
    let reference =
        |(variable, reference): (&String, &_)| (variable.clone(), format!("{reference}"));
    Ok(Report {
        mistakes: Vec::new(),
        warnings: settings.warnings().to_vec(),
        // What is wrong here is so for want of the values that are referred to.
        description: settings.unresolved().ok().as_ref().map(Description::of),
        writes_to_stdout,
        references: settings.references().iter().map(reference).collect(),
        probes,
    })
}

/// Says that there are no targets, and what else is wrong: it may be why.
fn without_targets(session: Result<Session, SessionError>) -> SessionError {
    let others = match session {
        Ok(session) => session.settings.warnings().to_vec(),
        Err(SessionError::Mistakes(ConfigErrors(mistakes))) => mistakes,
        Err(other) => return other,
    };
    let ConfigErrors(mut mistakes) =
        ConfigErrors::one("TARGETS", Problem::Other(NO_TARGETS.into()));
    mistakes.extend(others);
    SessionError::Mistakes(ConfigErrors(mistakes))
}

/// What a check has found.
#[derive(Default)]
struct Report {
    mistakes: Vec<Mistake>,
    warnings: Vec<Mistake>,
    /// The configuration; `None` if values that stand elsewhere are needed to understand it.
    description: Option<Description>,
    writes_to_stdout: bool,
    /// The variables whose values stand elsewhere, and where.
    references: Vec<(String, String)>,
    /// The answers, if everything was asked.
    probes: Option<Vec<Probe>>,
}

/// A configuration as it was understood.
struct Description {
    targets: Vec<TargetDescription>,
    rows: Rows,
}

/// A target as it was understood.
struct TargetDescription {
    name: String,
    kind: &'static str,
    rows: Rows,
}

impl Description {
    fn of(config: &Config) -> Description {
        let targets = config.targets.iter().map(|target| TargetDescription {
            name: target.name.to_string(),
            kind: target.kind,
            rows: describe::target_rows(target),
        });
        Description {
            targets: targets.collect(),
            rows: describe::rows(config),
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for target in &self.targets {
            text += &format!("target {} (kind {})\n", target.name, target.kind);
            let lines = target.rows.iter();
            text.extend(lines.map(|(name, value)| format!("  {name:<12} {value}\n")));
        }
        let lines = self.rows.iter();
        text.extend(lines.map(|(name, value)| format!("{name:<14} {value}\n")));
        text
    }
}

impl Report {
    fn exit(&self) -> Exit {
        let mut probes = self.probes.iter().flatten();
        if !self.mistakes.is_empty() {
            Exit::WrongUsage
        } else if probes.any(|probe| probe.answer.is_err()) {
            Exit::Failed
        } else {
            Exit::Ok
        }
    }

    fn text(self) -> Reply {
        let exit = self.exit();
        if !self.mistakes.is_empty() {
            return Reply::wrong_usage(ConfigErrors(self.mistakes));
        }
        let warnings = self.warnings.iter();
        let stderr = warnings.map(|one| format!("warning: {one}\n")).collect();
        let stdout = match &self.probes {
            Some(probes) => probes.iter().map(probe_line).collect(),
            None => self.understood(),
        };
        Reply {
            stdout,
            stderr,
            exit,
        }
    }

    /// Describes the configuration for people.
    fn understood(&self) -> String {
        let elsewhere =
            "Some values stand elsewhere; what depends on them is checked when they are read.\n";
        let described = self.description.as_ref().map(Description::text);
        let mut text = described.unwrap_or_else(|| elsewhere.into());
        if self.writes_to_stdout {
            text += "TARGETS is not set: the command line writes to standard output.\n";
        }
        for (variable, reference) in &self.references {
            text += &format!("{variable} is read from {reference} at the first event.\n");
        }
        text + "The configuration is valid.\n"
    }

    /// Describes everything for programs.
    fn json(&self) -> Value {
        let mistakes = |mistakes: &[Mistake]| -> Vec<Value> {
            let one = |Mistake { variable, problem }: &Mistake| json!({ "variable": variable, "problem": problem.to_string() });
            mistakes.iter().map(one).collect()
        };
        let rows = |rows: &Rows| -> Value {
            let pairs = rows
                .iter()
                .map(|(name, value)| ((*name).to_owned(), json!(value)));
            Value::Object(pairs.collect())
        };
        let target = |target: &TargetDescription| json!({ "name": target.name, "kind": target.kind, "settings": rows(&target.rows) });
        let described = self.description.as_ref();
        let probe = |probe: &Probe| {
            let (is_ok, said) = match &probe.answer {
                Ok(proof) => (true, proof.to_string()),
                Err(cause) => (false, cause.clone()),
            };
            json!({ "what": probe.what, "needs": probe.needs, "ok": is_ok, "answer": said })
        };
        let probes = self.probes.as_ref();
        let references = self.references.iter().cloned();
        json!({
            "valid": self.mistakes.is_empty(),
            "mistakes": mistakes(&self.mistakes),
            "warnings": mistakes(&self.warnings),
            "targets": described.map(|it| it.targets.iter().map(target).collect::<Vec<_>>()),
            "settings": described.map(|it| rows(&it.rows)),
            "references": references.collect::<std::collections::BTreeMap<_, _>>(),
            "probes": probes.map(|all| all.iter().map(probe).collect::<Vec<_>>()),
        })
    }
}

/// Says what was proved, or what is wrong.
fn probe_line(probe: &Probe) -> String {
    let Probe {
        what,
        needs,
        answer,
    } = probe;
    match answer {
        Ok(Proof::Whole) => format!("ok      {what} ({needs})\n"),
        Ok(proof) => format!("ok      {what} ({needs}): {proof}\n"),
        Err(cause) => format!("FAILED  {what} ({needs}): {cause}\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pairs: &[(&str, &str)]) -> Reply {
        check_with(Args::default(), pairs)
    }

    fn check_with(args: Args, pairs: &[(&str, &str)]) -> Reply {
        let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
        run(&args, VarSet::of_shell(pairs.iter().map(owned).collect()))
    }

    #[test]
    fn a_configuration_is_described_and_a_mistake_is_wrong_usage() {
        let reply = check(&[
            ("TARGETS", "out"),
            ("OUT_KIND", "stdout"),
            ("SOURCES", "clicks/b,others"),
        ]);
        assert_eq!(reply.exit, Exit::Ok);
        for line in [
            "target out (kind stdout)",
            "reads          s3://clicks/b*, s3://others/*, from S3",
            "quarantine     the log, without the records' bytes (set QUARANTINE to keep them)",
            "The configuration is valid.",
        ] {
            assert!(reply.stdout.lines().any(|found| found == line), "{line}");
        }
        let reply = check(&[("TARGETS", "out"), ("OUT_KIND", "pigeon")]);
        assert_eq!((reply.exit, reply.stdout.as_str()), (Exit::WrongUsage, ""));
        assert!(reply.stderr.contains("OUT_KIND: found \"pigeon\""));
    }

    #[cfg(feature = "aws")]
    #[test]
    fn no_address_shows_its_password_or_its_query() {
        for queue in [
            "https://host/1/q?t=s3cret",
            "https://user:s3cret@host/1/q?t=s3cret",
            "sqs://user:s3cret@host/q",
        ] {
            let reply = check(&[
                ("TARGETS", "q"),
                ("Q_KIND", "sqs"),
                ("Q_QUEUE_URL", queue),
                ("Q_ENDPOINT_URL", queue),
                (
                    "CONTINUE_QUEUE_URL",
                    "https://user:s3cret@host/1/q?t=s3cret",
                ),
            ]);
            assert!(!format!("{reply:?}").contains("s3cret"), "{reply:?}");
        }
    }

    #[test]
    fn without_targets_what_may_have_been_meant_is_said_too() {
        let reply = check(&[("TARGET", "hook"), ("HOOK_KIND", "http")]);
        for said in [
            "TARGETS: is not set",
            "TARGET: is not a variable",
            "HOOK_KIND: ",
        ] {
            assert!(reply.stderr.contains(said), "{}", reply.stderr);
        }
    }

    #[test]
    fn what_stands_elsewhere_is_said() {
        let reply = check(&[
            ("TARGETS", "hook"),
            ("HOOK_KIND", "http"),
            ("HOOK_URL", "ssm:/url"),
        ]);
        assert!(
            reply
                .stdout
                .contains("HOOK_URL is read from ssm:/url at the first event.")
        );
    }

    #[test]
    fn without_targets_only_the_command_line_is_valid() {
        let reply = check(&[]);
        assert_eq!((reply.exit, &*reply.stdout), (Exit::WrongUsage, ""));
        assert!(
            reply
                .stderr
                .contains("TARGETS: is not set, so the function")
        );
        let cli = Args {
            cli: true,
            ..Args::default()
        };
        let reply = check_with(cli, &[]);
        assert_eq!(reply.exit, Exit::Ok);
        let said = "TARGETS is not set: the command line writes to standard output.";
        assert!(reply.stdout.contains(said));
    }

    #[test]
    fn what_the_shell_has_for_others_is_a_warning() {
        let reply = check(&[
            ("TARGETS", "out"),
            ("OUT_KIND", "stdout"),
            ("TARGET", "x86_64"),
            ("DB_KIND", "postgres"),
        ]);
        assert_eq!(reply.exit, Exit::Ok);
        let lines: Vec<_> = reply.stderr.lines().collect();
        assert_eq!(lines.len(), 2);
        assert!(lines[0].starts_with("warning: DB_KIND: is the kind of a target"));
        assert!(lines[1].starts_with("warning: TARGET: "));
        assert!(lines[1].contains("nearly TARGETS"));
    }

    #[test]
    fn programs_get_one_json_object() {
        let json = || Args {
            json: true,
            ..Args::default()
        };
        let read = |reply: &Reply| serde_json::from_str::<Value>(&reply.stdout).unwrap();
        let reply = check_with(
            json(),
            &[
                ("TARGETS", "hook"),
                ("HOOK_KIND", "http"),
                ("HOOK_URL", "https://example.com/"),
                ("HOOK_BEARER", "ssm:/hidden"),
                ("TARGET", "x86_64"),
            ],
        );
        let found = read(&reply);
        assert_eq!((reply.exit, &found["valid"]), (Exit::Ok, &json!(true)));
        assert_eq!(found["targets"][0]["kind"], "http");
        assert_eq!(
            found["targets"][0]["settings"]["url"],
            "https://example.com/"
        );
        assert_eq!(found["references"], json!({ "HOOK_BEARER": "ssm:/hidden" }));
        assert_eq!(found["warnings"][0]["variable"], "TARGET");
        let reply = check_with(json(), &[("TARGETS", "hook")]);
        let found = read(&reply);
        assert_eq!((reply.exit, &*reply.stderr), (Exit::WrongUsage, ""));
        assert_eq!(found["valid"], false);
        assert_eq!(found["mistakes"][0]["variable"], "HOOK_KIND");
    }

    #[test]
    fn a_live_check_writes_and_deletes_a_file_in_a_local_quarantine() {
        let directory = tempfile::tempdir().unwrap();
        let rows = directory.path().join("new/rows");
        let live = || Args {
            live: true,
            ..Args::default()
        };
        let vars = |path: &std::path::Path| {
            [
                ("TARGETS", "out".to_owned()),
                ("OUT_KIND", "stdout".into()),
                ("QUARANTINE", path.to_str().unwrap().into()),
            ]
        };
        let check = |path: &std::path::Path| {
            let vars = vars(path);
            let pairs: Vec<_> = vars
                .iter()
                .map(|(name, text)| (*name, text.as_str()))
                .collect();
            check_with(live(), &pairs)
        };
        let reply = check(&rows);
        assert_eq!(reply.exit, Exit::Ok, "{}", reply.stdout);
        assert!(
            reply.stdout.contains("(a file written and deleted)"),
            "{}",
            reply.stdout
        );
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
        std::fs::write(directory.path().join("file"), "").unwrap();
        let reply = check(&directory.path().join("file/rows"));
        assert_eq!(reply.exit, Exit::Failed);
        assert!(
            reply.stdout.contains("FAILED  quarantine "),
            "{}",
            reply.stdout
        );
    }
}

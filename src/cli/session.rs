//! Reads the configuration in the environment for the commands that need it.

use std::fmt;
use std::sync::Arc;

use clicks::click::Form;
use tokio::runtime::Runtime;

use crate::config::ConfigErrors;
use crate::config::settings::Settings;
use crate::config::vars::{VarSet, Vars, is_unset};
use crate::platform::aws::Aws;
use crate::platform::clock;
use crate::platform::network::Network;
use crate::platform::tls::Authorities;
use crate::targets::Context;

/// The settings of a command, and the runtime on which they are resolved.
pub(super) struct Session {
    /// The threads that everything runs on.
    pub(super) runtime: Runtime,
    /// The variables, with what `SETTINGS_PATH` adds.
    pub(super) settings: Arc<Settings>,
}

/// Returns whether nothing names a target, so that clicks go to standard output.
pub(super) fn names_no_target(vars: &Vars) -> bool {
    is_unset(vars, "TARGETS") && is_unset(vars, "SETTINGS_PATH")
}

/// Names a target `stdout`, if nothing names any; returns whether it did.
pub(super) fn name_stdout(vars: &mut VarSet) -> bool {
    let is_needed = names_no_target(&vars.vars);
    if is_needed {
        let of_stdout = [("TARGETS", "stdout"), ("STDOUT_KIND", "stdout")];
        let of_stdout = of_stdout.map(|(name, text)| (name.to_owned(), text.to_owned()));
        vars.lay_over(of_stdout.into());
    }
    is_needed
}

/// Returns the environment of targets that the variables ask for.
pub(super) fn context(vars: &Vars) -> Context {
    let network = Network::from_vars(vars, Authorities::Machine);
    Context {
        clock: clock::now,
        aws: Aws::new(network.clone()),
        network,
    }
}

/// Why a command cannot begin.
#[derive(Debug)]
pub(super) enum SessionError {
    /// The configuration is wrong.
    Mistakes(ConfigErrors),
    /// Anything else, for the person who runs the command.
    Other(String),
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SessionError::Mistakes(mistakes) => write!(f, "{mistakes}"),
            SessionError::Other(problem) => f.write_str(problem),
        }
    }
}

impl Session {
    /// Reads the settings in `vars`. Where nothing names a target, there is one, `stdout`, which
    /// writes clicks in `format`.
    pub(super) fn open(
        vars: impl Into<VarSet>,
        format: Option<Form>,
    ) -> Result<Session, SessionError> {
        let mut vars = vars.into();
        if name_stdout(&mut vars) {
            let format = format.map(|format| ("STDOUT_FORMAT".to_owned(), format.to_string()));
            vars.lay_over(format.into_iter().collect());
        } else if format.is_some() {
            return Err(SessionError::Other(
                "--format goes with standard output; TARGETS is set, so set the target's _FORMAT"
                    .into(),
            ));
        }
        let runtime = Runtime::new()
            .map_err(|e| SessionError::Other(format!("no threads to run on: {e}")))?;
        let context = context(&vars.vars);
        let settings = runtime
            .block_on(Settings::read(vars, context))
            .map_err(SessionError::Mistakes)?;
        Ok(Session {
            runtime,
            settings: Arc::new(settings),
        })
    }

    /// Logs the variables that look like mistakes, but may be other programs'.
    pub(super) fn warn(&self) {
        for mistake in self.settings.warnings() {
            tracing::warn!("{mistake}");
        }
    }

    /// Returns a line for each of them.
    pub(super) fn warnings(&self) -> String {
        let warnings = self.settings.warnings().iter();
        warnings.map(|one| format!("warning: {one}\n")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vars(pairs: &[(&str, &str)]) -> Vars {
        let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
        pairs.iter().map(owned).collect()
    }

    #[test]
    fn without_targets_clicks_go_to_standard_output_in_the_form_asked_for() {
        for blank in [vars(&[]), vars(&[("TARGETS", " ")])] {
            let session = Session::open(blank, Some(Form::Flat)).unwrap();
            let config = session.runtime.block_on(session.settings.config());
            let config = config.map_err(|e| e.to_string()).ok().unwrap();
            assert_eq!(config.targets[0].kind, "stdout");
            assert!(format!("{:?}", config.targets[0].target.describe()).contains("flat"));
        }
    }

    #[test]
    fn a_form_is_refused_where_targets_have_their_own() {
        let with_target = vars(&[("TARGETS", "out"), ("OUT_KIND", "stdout")]);
        let refused = Session::open(with_target, Some(Form::Flat));
        assert!(refused.err().unwrap().to_string().contains("_FORMAT"));
    }
}

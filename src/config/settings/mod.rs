//! The variables with what they refer to: a path of parameters laid over the environment, and values that stand in
//! Secrets Manager or Parameter Store.

#[cfg(feature = "aws")]
mod fetch;
mod reference;
mod reloading;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::vars::Vars;
use crate::config::{Config, ConfigErrors, GLOBALS, Mistake, Problem, listed, prefix_of};
use crate::targets::Context;
#[cfg(not(feature = "aws"))]
use crate::without_aws as fetch;
use fetch::Fetch;
pub use reference::Reference;
use reloading::ReloadingTarget;

/// The variable that names the path.
const PATH: &str = "SETTINGS_PATH";
/// The variable that names the targets.
const TARGETS: &str = "TARGETS";

/// How the variables of each target begin.
fn prefixes(vars: &Vars) -> impl Iterator<Item = String> {
    listed(vars.get(TARGETS).map(String::as_str).unwrap_or_default()).map(prefix_of)
}

/// The variables of a process, and what of them stands elsewhere.
pub struct Settings {
    vars: Vars,
    /// The variables that refer to something, by their names.
    references: BTreeMap<String, Reference>,
    fetch: Fetch,
    context: Context,
}

impl Settings {
    /// Lays the path over `vars`, if one is named: the only thing that is asked for at the start. Then lists every mistake
    /// that can be seen without following a reference.
    pub async fn read(mut vars: Vars, context: Context) -> Result<Settings, ConfigErrors> {
        let fetch = Fetch::new(context.aws.clone());
        if let Some(path) = vars
            .get(PATH)
            .map(|path| path.trim().to_owned())
            .filter(|path| !path.is_empty())
        {
            let wrong = |problem| ConfigErrors::one(PATH, problem);
            if !path.starts_with('/') {
                return Err(wrong(Problem::Value {
                    found: format!("{path:?}"),
                    expected: "a path such as /clickstream-forwarder/prod/".into(),
                }));
            }
            let found = fetch.path(&path).await.map_err(|cause| {
                wrong(Problem::Other(format!("{path} cannot be read: {cause}")))
            })?;
            if found.is_empty() {
                let problem = format!("found {path:?}, right below which there is no parameter");
                return Err(wrong(Problem::Other(problem)));
            }
            vars.extend(found);
        }
        Settings::of(vars, fetch, context)
    }

    fn of(vars: Vars, fetch: Fetch, context: Context) -> Result<Settings, ConfigErrors> {
        let (mut references, mut mistakes) = (BTreeMap::new(), Vec::new());
        let own = |variable: &str| Settings::is_own(&vars, variable);
        for (variable, text) in vars.iter().filter(|(variable, _)| own(variable)) {
            let problem = match Reference::parse(text) {
                None => continue,
                Some(_) if variable == TARGETS => "cannot stand elsewhere: give the names".into(),
                Some(Ok(reference)) => {
                    references.insert(variable.clone(), reference);
                    continue;
                }
                Some(Err(expected)) => format!("expected {expected}"),
            };
            mistakes.push(Mistake {
                variable: variable.clone(),
                problem: Problem::Other(problem),
            });
        }
        let settings = Settings {
            vars,
            references,
            fetch,
            context,
        };
        if let Err(ConfigErrors(found)) = settings.unresolved() {
            mistakes.extend(
                found
                    .into_iter()
                    .filter(|mistake| settings.is_certain(mistake)),
            );
        }
        if mistakes.is_empty() {
            Ok(settings)
        } else {
            Err(ConfigErrors(mistakes))
        }
    }

    /// The path that was laid over the environment.
    pub fn path(&self) -> Option<&str> {
        self.vars
            .get(PATH)
            .map(|path| path.trim())
            .filter(|path| !path.is_empty())
    }

    /// The references, by the variables that hold them.
    pub fn references(&self) -> &BTreeMap<String, Reference> {
        &self.references
    }

    /// The configuration with references in the place of their values: enough where those are plain texts.
    pub fn unresolved(&self) -> Result<Config, ConfigErrors> {
        Config::load(&self.vars, self.context.clone())
    }

    /// As [`unresolved`](Self::unresolved), without the references that do not fit in the place of their values.
    pub fn resolve_partially(&self) -> Result<Config, ConfigErrors> {
        let ConfigErrors(mistakes) = match self.unresolved() {
            Ok(config) => return Ok(config),
            Err(errors) => errors,
        };
        let unfit =
            |variable: &String| mistakes.iter().any(|mistake| mistake.variable == *variable);
        let left_out =
            |variable: &String| self.references.contains_key(variable) && unfit(variable);
        let kept = self.vars.iter().filter(|(variable, _)| !left_out(variable));
        Config::load(
            &kept
                .map(|(variable, text)| (variable.clone(), text.clone()))
                .collect(),
            self.context.clone(),
        )
    }

    /// Whether a mistake is one whatever the references say: not of a variable that is one, and not one that depends on
    /// another variable of its target, where one of those is.
    fn is_certain(&self, mistake: &Mistake) -> bool {
        if self.references.contains_key(&mistake.variable) {
            return false;
        }
        let prefix = prefixes(&self.vars).find(|prefix| mistake.variable.starts_with(prefix));
        let beside = prefix.is_some_and(|prefix| {
            self.references
                .keys()
                .any(|variable| variable.starts_with(&prefix))
        });
        !beside || !matches!(mistake.problem, Problem::Conflict(_))
    }

    /// Whether a variable is one of this program.
    fn is_own(vars: &Vars, variable: &str) -> bool {
        GLOBALS.iter().any(|global| global.name == variable)
            || prefixes(vars).any(|prefix| variable.starts_with(&prefix))
    }

    /// The configuration, with every reference followed, all at a time. Targets that have references are asked for
    /// their values again after a while, and when they are refused.
    pub async fn config(self: &Arc<Settings>) -> Result<Config, ConfigErrors> {
        if self.references.is_empty() {
            return self.unresolved();
        }
        let vars = self.resolve().await?;
        let mut config =
            Config::load(&vars, self.context.clone()).map_err(|errors| self.redact(errors))?;
        for target in &mut config.targets {
            let prefix = prefix_of(&target.name);
            if self
                .references
                .keys()
                .any(|variable| variable.starts_with(&prefix))
            {
                target.target = Arc::new(ReloadingTarget::new(
                    self.clone(),
                    target.name.clone(),
                    vars.clone(),
                    target.target.clone(),
                ));
            }
        }
        Ok(config)
    }

    /// The mistakes without the values that were found elsewhere: those may be secrets.
    fn redact(&self, ConfigErrors(mut mistakes): ConfigErrors) -> ConfigErrors {
        for mistake in &mut mistakes {
            if let Some(reference) = self.references.get(&mistake.variable) {
                let hint = match mistake.problem.expected() {
                    Some(expected) => format!("expected {expected}"),
                    None => "it does not fit".into(),
                };
                mistake.problem = Problem::Other(format!(
                    "{reference} does not hold what this variable takes; {hint}"
                ));
            }
        }
        ConfigErrors(mistakes)
    }

    /// The variables with their values, or which of them cannot be had.
    async fn resolve(&self) -> Result<Vars, ConfigErrors> {
        let values = self.fetch.all(self.references.values()).await;
        let (mut vars, mut mistakes) = (self.vars.clone(), Vec::new());
        for (variable, reference) in &self.references {
            match values.get(reference) {
                Some(Ok(value)) => drop(vars.insert(variable.clone(), value.clone())),
                Some(Err(cause)) => {
                    mistakes.push(Mistake {
                        variable: variable.clone(),
                        problem: Problem::Other(format!("{reference} cannot be read: {cause}")),
                    });
                }
                None => {}
            }
        }
        if mistakes.is_empty() {
            Ok(vars)
        } else {
            Err(ConfigErrors(mistakes))
        }
    }
}

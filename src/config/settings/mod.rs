//! The variables with what they refer to: a path of parameters laid over the environment, and
//! values that stand in Secrets Manager or Parameter Store.

#[cfg(feature = "aws")]
mod fetch;
mod files;
mod hidden;
mod owners;
mod reference;
mod reloading;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::future::join;

use crate::config::lookalikes::lookalikes;
use crate::config::vars::{VarSet, Vars};
use crate::config::{Config, ConfigErrors, GLOBALS, Mistake, Problem, prefix_of};
use crate::targets::Context;
#[cfg(not(feature = "aws"))]
use crate::without_aws as fetch;
use fetch::Fetch;
use files::Files;
use hidden::Hidden;
use owners::{owner, path, prefixes, text_in_file};
pub(crate) use reference::Parameter;
pub use reference::Reference;
pub use reloading::ReloadingTarget;

/// The variable that names the path.
const PATH: &str = "SETTINGS_PATH";
/// The variable that names the targets.
const TARGETS: &str = "TARGETS";

/// The variables of a process, and what of them stands elsewhere.
pub struct Settings {
    vars: Vars,
    /// The variables that refer to something, by their names.
    references: BTreeMap<String, Reference>,
    /// The variables whose values are kept as secrets below the path.
    secret: BTreeSet<String>,
    /// Variables that look like mistakes but may be other programs'.
    warnings: Vec<Mistake>,
    fetch: Fetch,
    files: Files,
    context: Context,
}

impl Settings {
    /// Lays the path over `vars`, if one is named: the only thing that is asked for at the start.
    /// Then lists every mistake that can be seen without following a reference.
    pub async fn read(vars: impl Into<VarSet>, context: Context) -> Result<Settings, ConfigErrors> {
        let mut given = vars.into();
        let mut settings = Settings {
            vars: Vars::new(),
            references: BTreeMap::new(),
            secret: BTreeSet::new(),
            warnings: Vec::new(),
            fetch: Fetch::new(context.aws.clone()),
            files: Files::new(context.aws.clone()),
            context,
        };
        let mut laid = Vars::new();
        if let Some(path) = path(&given.vars) {
            for (name, parameter) in settings.below(path).await? {
                if parameter.is_secret {
                    settings.secret.insert(name.clone());
                }
                laid.insert(name, parameter.value);
            }
        }
        let blank = laid.iter().filter(|(_, text)| text.trim().is_empty());
        let blank: Vec<String> = blank.map(|(name, _)| name.clone()).collect();
        given.lay_over(laid);
        settings.accept(given, &blank)
    }

    /// Returns the parameters below the path.
    async fn below(&self, path: &str) -> Result<BTreeMap<String, Parameter>, ConfigErrors> {
        let wrong = |problem| ConfigErrors::one(PATH, problem);
        let fits = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'/' | b'.' | b'-' | b'_');
        if !path.starts_with('/') || !path.bytes().all(fits) {
            return Err(wrong(Problem::Value {
                found: format!("{path:?}"),
                expected: "a path such as /clickstream-forwarder/prod/".into(),
            }));
        }
        let found = self.fetch.path(path).await;
        let found = found
            .map_err(|cause| wrong(Problem::Other(format!("{path} cannot be read: {cause}"))))?;
        if found.is_empty() {
            return Err(wrong(Problem::Value {
                found: format!("{path:?}"),
                expected: "a path right below which there is a parameter".into(),
            }));
        }
        Ok(found)
    }

    /// Takes the variables, of which the parameters `blank` are, or lists the mistakes in them.
    fn accept(mut self, given: VarSet, blank: &[String]) -> Result<Settings, ConfigErrors> {
        self.vars = given.vars;
        let mut mistakes = self.take_references();
        let own = blank.iter().filter(|name| self.is_own(name));
        mistakes.extend(own.map(|name| Mistake {
            variable: name.clone(),
            problem: Problem::Other(
                "its parameter is blank; give it a value, or delete the parameter".into(),
            ),
        }));
        if let Err(ConfigErrors(found)) = self.unresolved() {
            mistakes.extend(found.into_iter().filter(|mistake| self.is_certain(mistake)));
        }
        let (shared, own) = lookalikes(&self.vars)
            .into_iter()
            .partition(|mistake| given.of_shell.contains(&mistake.variable));
        self.warnings = shared;
        mistakes.extend::<Vec<_>>(own);
        if mistakes.is_empty() {
            Ok(self)
        } else {
            Err(self.hidden(&self.vars).redact(ConfigErrors(mistakes)))
        }
    }

    /// Notes the variables that are references, and returns the mistakes in these.
    fn take_references(&mut self) -> Vec<Mistake> {
        let mut mistakes = Vec::new();
        let mut mistake = |variable: &String, problem| {
            mistakes.push(Mistake {
                variable: variable.clone(),
                problem: Problem::Other(problem),
            });
        };
        let mut references = BTreeMap::new();
        for (variable, text) in self.vars.iter().filter(|(name, _)| self.is_own(name)) {
            let reference = match text_in_file(&self.vars, variable) {
                Some(_) => Reference::parse_rule(text),
                None => Reference::parse(text),
            };
            match reference {
                None => {}
                Some(_) if variable == TARGETS => {
                    mistake(variable, "cannot stand elsewhere: give the names".into());
                }
                Some(Ok(reference)) => drop(references.insert(variable.clone(), reference)),
                Some(Err(expected)) => mistake(variable, format!("expected {expected}")),
            }
        }
        self.references = references;
        mistakes
    }

    /// Returns the path that was laid over the environment.
    pub fn path(&self) -> Option<&str> {
        path(&self.vars)
    }

    /// Returns the references, by the variables that hold them.
    pub fn references(&self) -> &BTreeMap<String, Reference> {
        &self.references
    }

    /// Returns the variables that look like mistakes, but that the shell may have for other
    /// programs.
    pub fn warnings(&self) -> &[Mistake] {
        &self.warnings
    }

    /// Returns the configuration with references in the place of their values: enough where those
    /// are plain texts.
    pub fn unresolved(&self) -> Result<Config, ConfigErrors> {
        Config::load(&self.vars, self.context.clone())
    }

    /// Returns the configuration as [`unresolved`](Self::unresolved) does, without the references
    /// that do not fit in the place of their values.
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
        let kept = kept.map(|(variable, text)| (variable.clone(), text.clone()));
        Config::load(&kept.collect(), self.context.clone())
            .map_err(|errors| self.hidden(&self.vars).redact(errors))
    }

    /// Whether a mistake is one whatever the references say: not in the value of a variable that is
    /// one, and not in one that depends on another variable of its target, where one of those is.
    fn is_certain(&self, mistake: &Mistake) -> bool {
        if matches!(mistake.problem, Problem::Unknown(_)) {
            return true;
        }
        if self.references.contains_key(&mistake.variable) {
            return false;
        }
        let prefix = prefixes(&self.vars).find(|prefix| mistake.variable.starts_with(prefix));
        let beside = prefix.is_some_and(|prefix| {
            let mut references = self.references.keys();
            references.any(|variable| variable.starts_with(&prefix))
        });
        !beside || !matches!(mistake.problem, Problem::Conflict(_))
    }

    /// Whether a variable is one of this program.
    fn is_own(&self, variable: &str) -> bool {
        GLOBALS.iter().any(|global| global.name == variable)
            || prefixes(&self.vars).any(|prefix| variable.starts_with(&prefix))
    }

    /// Returns the configuration, with every reference followed, all at a time. Targets that have
    /// references are asked for their values again after a while, and when they are refused.
    pub async fn config(self: &Arc<Settings>) -> Result<Config, ConfigErrors> {
        if self.references.is_empty() {
            return self.unresolved();
        }
        let vars = self.resolve(&self.vars, |_| true).await?;
        let mut config = self.load(&vars)?;
        for target in &mut config.targets {
            let prefix = prefix_of(&target.name);
            let mut references = self.references.keys();
            if references.any(|name| owner(&self.vars, name).as_ref() == Some(&prefix)) {
                let reloading = ReloadingTarget::new(self.clone(), vars.clone(), target);
                target.reload_with(Arc::new(reloading));
            }
        }
        Ok(config)
    }

    /// Returns the variables with the texts of the local files that rules stand in; other references
    /// stay as they are.
    pub async fn with_files(&self) -> Result<Vars, ConfigErrors> {
        let is_file = |name: &str| matches!(self.references.get(name), Some(Reference::File(_)));
        self.resolve(&self.vars, is_file).await
    }

    /// Reads `vars`, the variables with the values that they refer to.
    fn load(&self, vars: &Vars) -> Result<Config, ConfigErrors> {
        Config::load(vars, self.context.clone()).map_err(|errors| self.hidden(vars).redact(errors))
    }

    /// Returns the values among `vars` that must not be shown.
    fn hidden<'s>(&'s self, vars: &'s Vars) -> Hidden<'s> {
        Hidden {
            references: &self.references,
            secret: &self.secret,
            vars,
        }
    }

    /// Returns `before` with the values of the references that `wanted` selects, or says which of
    /// them cannot be had.
    async fn resolve(
        &self,
        before: &Vars,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Vars, ConfigErrors> {
        let references = || self.references.iter().filter(|(name, _)| wanted(name));
        let wanted: Vec<&Reference> = references().map(|(_, reference)| reference).collect();
        let (mut values, texts) = join(
            self.fetch.all(wanted.iter().copied()),
            self.files.all(wanted.iter().copied(), before),
        )
        .await;
        values.extend(texts);
        let (mut vars, mut mistakes) = (before.clone(), Vec::new());
        for (variable, reference) in references() {
            let problem = match values.get(reference) {
                // Elsewhere blank is unset; here it would switch off what somebody has set.
                Some(Ok(value)) if value.trim().is_empty() => {
                    format!("{reference} is blank; store a value there, or remove the variable")
                }
                Some(Ok(value)) => {
                    let value = files::value(reference, value, text_in_file(before, variable));
                    vars.insert(variable.clone(), value);
                    continue;
                }
                Some(Err(cause)) => format!("{reference} cannot be read: {cause}"),
                None => continue,
            };
            mistakes.push(Mistake {
                variable: variable.clone(),
                problem: Problem::Other(problem),
            });
        }
        if mistakes.is_empty() {
            Ok(vars)
        } else {
            Err(ConfigErrors(mistakes))
        }
    }
}

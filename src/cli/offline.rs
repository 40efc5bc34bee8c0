//! The configuration of a command that sends nothing and reads no secret: what stands in Secrets
//! Manager, Parameter Store or S3 has a stand-in; local files of rules are read.

use std::collections::BTreeMap;

use super::session::{SessionError, names_no_target};
use crate::config::settings::{Reference, Settings};
use crate::config::vars::{VarSet, Vars};
use crate::config::{Config, ConfigErrors, Mistake, Problem, TargetConfig, prefix_of};
use crate::targets::Context;
use crate::transform;
use crate::transform::key::HASH_KEY;

/// A configuration, and what of it stands elsewhere.
pub(super) struct Offline {
    pub(super) config: Config,
    /// Variables that look like mistakes, but may be other programs'.
    pub(super) warnings: Vec<Mistake>,
    /// The variables whose values stand elsewhere.
    references: BTreeMap<String, StandIn>,
}

/// The place of a value, and the text that stands for it.
pub(super) struct StandIn {
    pub(super) reference: Reference,
    /// A text that the variable takes, and that nobody else has.
    pub(super) text: String,
}

/// A variable of a target's rules whose value is not known here.
pub(super) struct UnknownRule {
    /// Whether it is the key of hashes, without which all is known but these.
    pub(super) is_key: bool,
    /// Says where its value stands.
    pub(super) text: String,
}

/// Texts of which each variable takes one, by turns: an address, a user and a password, a key of
/// signatures, a name.
fn stand_ins(number: usize) -> [String; 4] {
    [
        format!("https://reference-{number:04}.invalid/"),
        format!("reference-{number:04}:reference-{number:04}"),
        format!("whsec_cmVmZXJlbmNlcmVmZXJlbmNlcmVmZXJlbmNl{number:04}"),
        format!("reference-{number:04}"),
    ]
}

impl Offline {
    /// Reads the configuration in `vars`.
    pub(super) async fn read(vars: VarSet, context: Context) -> Result<Offline, SessionError> {
        if !names_no_target(&vars.vars) && vars.vars.contains_key("SETTINGS_PATH") {
            return Err(SessionError::Other(
                "SETTINGS_PATH names parameters that are not read here, where AWS is not called; \
                 remove it, and give their values as variables, for example with --env-file"
                    .into(),
            ));
        }
        let settings = Settings::read(vars, context.clone())
            .await
            .map_err(SessionError::Mistakes)?;
        let texts = settings.with_files().await;
        let mut texts = texts.map_err(SessionError::Mistakes)?;
        let references = settings.references().iter();
        let references = references.filter(|pair| !matches!(pair.1, Reference::File(_)));
        let references = references.map(|(variable, reference)| {
            let stand_in = StandIn {
                reference: reference.clone(),
                text: reference.to_string(),
            };
            (variable.clone(), stand_in)
        });
        let mut references = references.collect();
        let config = load(&mut texts, &mut references, &context).map_err(SessionError::Mistakes)?;
        Ok(Offline {
            config,
            warnings: settings.warnings().to_vec(),
            references,
        })
    }

    /// Returns `text`, which may hold stand-ins, with the references in their places.
    pub(super) fn shown(&self, text: &str) -> String {
        let stand_ins = self.references.values();
        stand_ins.fold(text.to_owned(), |text, stand_in| {
            text.replace(&stand_in.text, &stand_in.reference.to_string())
        })
    }

    /// Returns the variables of a target's rules whose values stand elsewhere, and where: nobody
    /// can tell here what they do.
    pub(super) fn unknown_rules(&self, target: &TargetConfig) -> Vec<UnknownRule> {
        let prefix = prefix_of(&target.name);
        let unknown = transform::variables().filter_map(|var| {
            let variable = format!("{prefix}{}", var.name);
            let stand_in = self.references.get(&variable)?;
            Some(UnknownRule {
                is_key: var.name == HASH_KEY,
                text: format!("{variable} is {}", stand_in.reference),
            })
        });
        unknown.collect()
    }
}

/// Loads `vars`, with a stand-in for each reference that its variable does not take.
fn load(
    vars: &mut Vars,
    references: &mut BTreeMap<String, StandIn>,
    context: &Context,
) -> Result<Config, ConfigErrors> {
    let mut found = Config::load(vars, context.clone());
    for round in 0..stand_ins(0).len() {
        let Err(ConfigErrors(mistakes)) = &found else {
            break;
        };
        let unfit = |name: &str| mistakes.iter().any(|mistake| mistake.variable == name);
        let unfit: Vec<_> = (references.iter_mut().enumerate())
            .filter(|(_, (name, _))| unfit(name))
            .collect();
        if unfit.is_empty() {
            break;
        }
        for (number, (name, stand_in)) in unfit {
            let texts = stand_ins(number);
            stand_in.text = texts.get(round).cloned().unwrap_or_default();
            vars.insert(name.clone(), stand_in.text.clone());
        }
        found = Config::load(vars, context.clone());
    }
    found.map_err(|ConfigErrors(mistakes)| {
        let explain = |mistake: Mistake| match references.get(&mistake.variable) {
            Some(StandIn { reference, .. }) => Mistake {
                problem: Problem::Other(format!(
                    "is {reference}, which is not read here; give its value, or one like it, as a \
                     variable"
                )),
                ..mistake
            },
            None => mistake,
        };
        ConfigErrors(mistakes.into_iter().map(explain).collect())
    })
}

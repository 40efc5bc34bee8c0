//! Reads the rules of privacy, and finds those that contradict each other.

use clicks::click::Path;
use clicks::click::fields::{Field, Type};
use clicks::click::redact::{Action, Change, Redaction, Rule};

use super::vars::{COUNTRIES, DESTINATION_QUERY, DROP, GEO, HASH, ID, REFERRER};
use crate::config::listed;
use crate::config::vars::Scope;
use crate::transform::countries::CountrySet;
use crate::transform::key::{HASH_KEY, HashKey};

/// The rules of one variable.
#[derive(Debug)]
pub(super) struct Source {
    /// The variable, without the target's prefix.
    pub(super) variable: &'static str,
    /// Its name in a description.
    pub(super) shown: &'static str,
    /// Its value, for people.
    pub(super) value: String,
    /// Its values, in their one spelling.
    pub(super) means: Vec<String>,
    pub(super) rules: Vec<Rule>,
}

/// The variables of privacy as they were read.
#[derive(Debug, Default)]
pub(super) struct Settings {
    pub(super) sources: Vec<Source>,
    pub(super) key: Option<HashKey>,
    pub(super) countries: Option<CountrySet>,
    pub(super) has_keyed_id: bool,
}

/// Decimals of coordinates where a city may be told: some 10 km.
const CITY_DECIMALS: usize = 1;

impl Settings {
    /// Reads the variables, and notes their mistakes.
    pub(super) fn read(scope: &Scope<'_>, key: Option<&HashKey>) -> Settings {
        let lists = [fields(scope, DROP), fields(scope, HASH)];
        let levels = [
            scope.parse(GEO, geo),
            scope.parse(DESTINATION_QUERY, destination_query),
            scope.parse(REFERRER, referrer),
        ];
        let settings = Settings {
            sources: lists
                .into_iter()
                .chain(levels.map(Option::flatten))
                .flatten()
                .collect(),
            key: key.cloned(),
            countries: CountrySet::read(scope, COUNTRIES),
            has_keyed_id: scope.parse(ID, id).unwrap_or(false),
        };
        settings.check_key(scope);
        settings.check_hashes(scope);
        if settings.is_empty() && settings.countries.is_some() {
            let problem = "is set, but there is no rule that it could be for; set _DROP, _HASH, \
                           _GEO, _DESTINATION_QUERY or _REFERRER, or remove it";
            scope.conflict(COUNTRIES, problem);
        }
        settings
    }

    /// Whether there is no rule.
    pub(super) fn is_empty(&self) -> bool {
        self.sources.is_empty() && !self.has_keyed_id
    }

    fn check_key(&self, scope: &Scope<'_>) {
        let is_set = |key: &str| scope.peek(key).is_some_and(|text| !text.is_empty());
        let hashes = self.sources.iter().any(|source| source.variable == HASH);
        let (needs, has) = (hashes || self.has_keyed_id, is_set(HASH_KEY));
        let name = scope.name(HASH_KEY);
        if needs && !has {
            let key = if hashes { HASH } else { ID };
            let problem = format!(
                "needs {name}, a secret of at least 16 bytes; without it anybody could \
                         try which value a hash is of"
            );
            scope.conflict(key, problem);
        }
        // Expressions may hash too.
        let expressions = ["FILTER", "MAP"].into_iter().any(is_set);
        if has && !needs && !expressions && !is_set(HASH) {
            let problem = "is used by nothing; set _HASH or _ID=keyed, or remove it";
            scope.conflict(HASH_KEY, problem);
        }
    }

    /// Notes fields that are hashed and dropped.
    fn check_hashes(&self, scope: &Scope<'_>) {
        let hashed = self.sources.iter().filter(|source| source.variable == HASH);
        for rule in hashed.flat_map(|source| &source.rules) {
            let others = self.sources.iter().filter(|source| source.variable != HASH);
            let mut others = others.filter(|source| {
                Redaction::new(&source.rules).change(&rule.path) == Some(Change::Dropped)
            });
            if let Some(other) = others.next() {
                let problem = format!(
                    "has {}, which {} drops; name it in one of the two",
                    rule.path,
                    scope.name(other.variable)
                );
                scope.conflict(HASH, problem);
            }
        }
    }
}

/// Reads the paths of `_DROP` or `_HASH`.
fn fields(scope: &Scope<'_>, variable: &'static str) -> Option<Source> {
    let text = scope.text(variable)?;
    let action = if variable == HASH {
        Action::Hash
    } else {
        Action::Drop
    };
    let mut rules = Vec::new();
    let mut is_good = true;
    for item in listed(text) {
        let path = Path::parse(item).map_err(|unknown| unknown.to_string());
        match path.and_then(|path| allowed(&path, action).map(|()| path)) {
            Ok(path) => rules.push(Rule { path, action }),
            Err(problem) => {
                is_good = false;
                scope.mistake(variable, problem);
            }
        }
    }
    if rules.is_empty() && is_good {
        let expected = "paths of fields, such as client.location.city";
        scope.wrong_value(variable, format!("{text:?}"), expected);
    }
    let paths: Vec<_> = rules.iter().map(|rule| rule.path.to_string()).collect();
    (is_good && !rules.is_empty()).then(|| Source {
        variable,
        shown: if variable == HASH {
            "hashed"
        } else {
            "dropped"
        },
        value: paths.join(", "),
        means: paths,
        rules,
    })
}

/// Returns why a field must stay as it is.
fn allowed(path: &Path, action: Action) -> Result<(), String> {
    let names: Vec<_> = path.names().collect();
    if matches!(names.as_slice(), ["timestamp", ..] | ["route"]) {
        return Err(format!(
            "has {path}, without which it is no click; remove it"
        ));
    }
    if action == Action::Hash
        && let Some(other) = path
            .kind()
            .and_then(|kind| no_text(&path.to_string(), kind))
    {
        let problem = if other == path.to_string() {
            format!("has {other}, which is no text; only texts are hashed: drop it, or leave it")
        } else {
            format!("has {path}, in which {other} is no text; name the texts in it")
        };
        return Err(problem);
    }
    Ok(())
}

/// Returns the path of a field in the one at `path` that is no text.
fn no_text(path: &str, kind: Type) -> Option<String> {
    let inside = |field: &Field| no_text(&format!("{path}.{}", field.name), field.kind);
    match kind {
        Type::String | Type::Strings | Type::Json => None,
        Type::Time | Type::Bool | Type::Number | Type::Integer => Some(path.to_owned()),
        Type::Object(fields) => fields.iter().find_map(inside),
    }
}

fn rule(path: &str, action: Action) -> Option<Rule> {
    Path::parse(path).ok().map(|path| Rule { path, action })
}

fn source(
    variable: &'static str,
    shown: &'static str,
    (level, value): (&str, &str),
    rules: &[(&str, Action)],
) -> Option<Source> {
    let rules = rules
        .iter()
        .filter_map(|(path, action)| rule(path, *action));
    Some(Source {
        variable,
        shown,
        value: value.to_owned(),
        means: vec![level.to_owned()],
        rules: rules.collect(),
    })
}

fn geo(text: &str) -> Result<Option<Source>, String> {
    const PLACE: &str = "client.location";
    let names: &[&str] = match text {
        "full" => return Ok(None),
        "none" => {
            return Ok(source(
                GEO,
                "place",
                (text, "none"),
                &[(PLACE, Action::Drop)],
            ));
        }
        "city" => &["country", "region", "city", "latitude", "longitude"],
        "region" => &["country", "region"],
        "country" => &["country"],
        _ => return Err("full, city, region, country or none".into()),
    };
    let rules = [
        (PLACE, Action::KeepOnly(names)),
        ("client.location.latitude", Action::Round(CITY_DECIMALS)),
        ("client.location.longitude", Action::Round(CITY_DECIMALS)),
    ];
    let value = match text {
        "city" => "no more exact than the city; coordinates with one decimal",
        "region" => "no more exact than the region; no coordinates",
        _ => "no more exact than the country; no coordinates",
    };
    Ok(source(GEO, "place", (text, value), &rules))
}

fn destination_query(text: &str) -> Result<Option<Source>, String> {
    const PARAMS: &str = "route.destination.params";
    let (value, rules) = match text {
        "keep" => return Ok(None),
        "none" => ("none", vec![(PARAMS, Action::Drop)]),
        "utm" => (
            "only names that begin with utm_",
            vec![
                (PARAMS, Action::KeepOnly(&["query"])),
                ("route.destination.params.query", Action::KeepPrefix("utm_")),
            ],
        ),
        _ => return Err("keep, utm or none".into()),
    };
    Ok(source(
        DESTINATION_QUERY,
        "destination's query",
        (text, value),
        &rules,
    ))
}

fn referrer(text: &str) -> Result<Option<Source>, String> {
    const REFERRAL: &str = "referral";
    let (value, rules) = match text {
        "keep" => return Ok(None),
        "none" => ("none", vec![(REFERRAL, Action::Drop)]),
        "host" => (
            "its host, protocol and kind",
            vec![
                (
                    REFERRAL,
                    Action::KeepOnly(&["hostname", "protocol", "origin"]),
                ),
                ("referral.origin", Action::KeepOnly(&["type", "name"])),
            ],
        ),
        _ => return Err("keep, host or none".into()),
    };
    Ok(source(REFERRER, "referrer", (text, value), &rules))
}

fn id(text: &str) -> Result<bool, String> {
    match text {
        "plain" => Ok(false),
        "keyed" => Ok(true),
        _ => Err("plain or keyed".into()),
    }
}

//! Plain filters: the usual wishes, each a variable, without an expression.

mod countries;
mod fields;
mod fold;
mod glob;
mod list;
mod sample;
mod time;
mod values;
mod vars;

use clicks::click::Click;

use crate::config::settings::Reference;
use crate::config::vars::Scope;
use crate::transform::Meaning;
use countries::Countries;
use fields::{LISTS, ListVar};
use list::List;
use sample::Share;
use time::{Bound, Bounds};
pub use vars::VARS;

/// The variable that names countries.
const COUNTRIES: &str = "COUNTRIES";

/// The plain filters of one target, each of which a click must pass.
#[derive(Debug)]
pub struct Filters {
    rules: Vec<Rule>,
}

/// One filter.
#[derive(Debug)]
struct Rule {
    /// Its variable, without the target's prefix.
    variable: &'static str,
    /// Its name in a description.
    shown: &'static str,
    test: Test,
}

/// The condition of a filter.
#[derive(Debug)]
enum Test {
    FirstOnly,
    Agents(Agents),
    Share(Share),
    Since(Bound),
    Until(Bound),
    Countries(Countries),
    List(&'static ListVar, List),
    /// A list that stands elsewhere and was not read: nobody knows whom it keeps, so it keeps no
    /// click.
    Unread(Reference),
}

/// Whom a click is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Agents {
    /// Anybody whom Rebrandly does not call a bot.
    Human,
    Bot,
}

impl Filters {
    /// Reads the filters; `None` if there are none, or if mistakes were noted.
    pub fn read(scope: &Scope<'_>) -> Option<Filters> {
        let mut rules = Vec::new();
        let mut add = |variable, shown, test: Option<Test>| {
            rules.extend(test.map(|test| Rule {
                variable,
                shown,
                test,
            }));
        };
        let first = scope.parse("FIRST_ONLY", true_or_false);
        add(
            "FIRST_ONLY",
            "sessions",
            first.filter(|first| *first).map(|_| Test::FirstOnly),
        );
        let agents = scope.parse("AGENTS", agents).flatten();
        add("AGENTS", "agents", agents.map(Test::Agents));
        let share = scope.parse("SAMPLE", Share::parse);
        let share = share.filter(|share| !share.is_whole());
        add("SAMPLE", "sample", share.map(Test::Share));
        let bounds = Bounds::read(scope);
        add("SINCE", "since", bounds.since.map(Test::Since));
        add("UNTIL", "until", bounds.until.map(Test::Until));
        let countries = unread(scope, COUNTRIES)
            .or_else(|| Countries::read(scope, COUNTRIES).map(Test::Countries));
        add(COUNTRIES, "countries", countries);
        for var in LISTS {
            let read = || Some(Test::List(var, List::read(scope, var.name, var.check)?));
            add(var.name, var.shown, unread(scope, var.name).or_else(read));
        }
        (!rules.is_empty()).then_some(Filters { rules })
    }

    /// Returns the variable, without the target's prefix, by which a click is not for the target;
    /// `None` if it is.
    #[inline]
    pub fn refuse(&self, click: &Click<'_>) -> Option<&'static str> {
        let mut rules = self.rules.iter();
        let refusing = rules.find(|rule| !rule.test.keeps(click));
        refusing.map(|rule| rule.variable)
    }

    /// Adds what the filters mean.
    pub fn mean(&self, meaning: &mut Meaning) {
        let mut rules: Vec<_> = self.rules.iter().collect();
        rules.sort_unstable_by_key(|rule| rule.variable);
        for rule in rules {
            rule.test.mean(rule.variable, meaning);
        }
    }

    /// Describes the filters as they were understood, as names and values for people.
    pub fn describe(&self) -> impl Iterator<Item = (&'static str, String)> {
        self.rules
            .iter()
            .map(|rule| (rule.shown, rule.test.describe()))
    }
}

impl Test {
    #[inline]
    fn keeps(&self, click: &Click<'_>) -> bool {
        match self {
            Test::FirstOnly => click.flag(&["client", "session", "first"]) == Some(true),
            Test::Agents(agents) => click.is_bot() == (*agents == Agents::Bot),
            Test::Share(share) => share.keeps(click),
            Test::Since(bound) => bound.is_reached_by(click),
            Test::Until(bound) => !bound.is_reached_by(click),
            Test::Countries(countries) => countries.keeps(click),
            Test::List(var, list) => var.keeps(list, click),
            Test::Unread(_) => false,
        }
    }

    /// Adds what the filter of `variable` means.
    fn mean(&self, variable: &str, meaning: &mut Meaning) {
        match self {
            Test::FirstOnly => meaning.add(variable, "true"),
            Test::Agents(Agents::Human) => meaning.add(variable, "human"),
            Test::Agents(Agents::Bot) => meaning.add(variable, "bot"),
            Test::Share(share) => meaning.add(variable, share.end().to_le_bytes()),
            Test::Since(bound) | Test::Until(bound) => meaning.add(variable, bound.describe()),
            Test::Countries(countries) => countries.mean(variable, meaning),
            Test::List(_, list) => list.mean(variable, meaning),
            // No click is judged by it.
            Test::Unread(reference) => meaning.add(variable, reference.to_string()),
        }
    }

    fn describe(&self) -> String {
        match self {
            Test::FirstOnly => "the first click of each".into(),
            Test::Agents(Agents::Human) => "human: all but bots".into(),
            Test::Agents(Agents::Bot) => "bots".into(),
            Test::Share(share) => share.describe(),
            Test::Since(bound) | Test::Until(bound) => bound.describe(),
            Test::Countries(countries) => countries.describe(),
            Test::List(_, list) => list.describe().to_owned(),
            Test::Unread(reference) => format!("those in {reference}"),
        }
    }
}

/// Whether the value of `variable`, a name without the target's prefix, is a list, which may stand
/// in a file.
pub fn is_list(variable: &str) -> bool {
    variable == COUNTRIES || LISTS.iter().any(|list| list.name == variable)
}

/// Returns the reference in the place of a list; `None` if the list itself is there.
fn unread(scope: &Scope<'_>, variable: &str) -> Option<Test> {
    let reference = Reference::parse_rule(scope.peek(variable)?)?.ok()?;
    scope.text(variable)?;
    Some(Test::Unread(reference))
}

fn true_or_false(text: &str) -> Result<bool, String> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("true or false".into()),
    }
}

fn agents(text: &str) -> Result<Option<Agents>, String> {
    match text {
        "human" => Ok(Some(Agents::Human)),
        "bot" => Ok(Some(Agents::Bot)),
        "any" => Ok(None),
        _ => Err("human, bot or any".into()),
    }
}

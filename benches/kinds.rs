//! A target of every kind.

use std::sync::Arc;
use std::time::SystemTime;

use clickstream_forwarder::config::vars::{Scope, Vars};
use clickstream_forwarder::targets::{Context, KINDS, Target};
use clickstream_forwarder::transform::Transform;

/// A kind's name, and a target of its example. Nothing is sent, so no address has to exist.
pub type Named = (&'static str, Arc<dyn Target>);

/// Builds one target of each kind, in the registry's order.
pub fn targets() -> Vec<Named> {
    KINDS
        .iter()
        .map(|kind| {
            let vars = kind.example("T_");
            let target = (kind.build)(&Scope::new(&vars, "T_"), context());
            (kind.name, target.unwrap())
        })
        .collect()
}

fn context() -> Context {
    Context {
        clock: || SystemTime::UNIX_EPOCH,
        network: Default::default(),
        aws: Default::default(),
    }
}

/// Rules of a target, and what they are called.
pub struct Rules {
    pub name: &'static str,
    /// Those that a click passes through before anything is encoded.
    pub transform: Transform,
    pub target: Arc<dyn Target>,
}

/// Returns the rules that the tables show, each of a target that writes lines in the form `click`.
/// Rules whose variables nothing reads are left out: their row would be that of no rules.
pub fn rules() -> Vec<Rules> {
    let few = list(10);
    let many = list(10_000);
    let sets: &[(&str, &[(&str, &str)])] = &[
        ("none", &[]),
        ("a tenth, by id", &[("SAMPLE", "0.1")]),
        (
            "people, from the EU",
            &[("AGENTS", "human"), ("COUNTRIES", "EU")],
        ),
        ("10 slashtags", &[("SLASHTAGS", &few)]),
        ("10,000 slashtags", &[("SLASHTAGS", &many)]),
        (
            "privacy",
            &[
                ("GEO", "country"),
                ("DROP", "client.agent.browser.version,route.creator.name"),
                ("REFERRER", "host"),
                ("DESTINATION_QUERY", "utm"),
            ],
        ),
        (
            "jq filter",
            &[("FILTER", r#".client.agent.type == "human""#)],
        ),
        (
            "jq map",
            &[(
                "MAP",
                "{id, at: .timestamp, country: .client.location.country, link: .route.slashtag}",
            )],
        ),
    ];
    let kind = KINDS.iter().find(|kind| kind.name == "stdout").unwrap();
    let rules = sets.iter().filter_map(|(name, settings)| {
        let mut vars: Vars = kind.example("T_").into_iter().collect();
        vars.extend(
            settings
                .iter()
                .map(|(name, value)| (format!("T_{name}"), value.to_string())),
        );
        let scope = Scope::new(&vars, "T_");
        let target = (kind.build)(&scope, context());
        let transform = Transform::read(&scope);
        assert!(!scope.has_mistakes(), "the rules {name} are wrong");
        let unread = scope.unread();
        let is_read = |(name, _): &(&str, &str)| !unread.contains(&format!("T_{name}"));
        settings.iter().all(is_read).then(|| Rules {
            name,
            transform,
            target: target.unwrap(),
        })
    });
    rules.collect()
}

/// Returns so many slashtags that no click has.
fn list(length: usize) -> String {
    let tags: Vec<_> = (0..length)
        .map(|number| format!("no-such-tag-{number}"))
        .collect();
    tags.join(",")
}

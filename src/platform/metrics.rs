//! What an invocation did, as CloudWatch's embedded metric format: lines of the log that CloudWatch turns into metrics.
//!
//! A document can say one value for each dimension, so there is one for the function and one for each target.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use crate::outcome::{End, Outcome, TargetOutcome};

/// Where CloudWatch shows them.
pub const NAMESPACE: &str = "ClickstreamForwarder";
/// Values of one metric that a document may hold.
const VALUES: usize = 100;

/// A metric. Alarms and dashboards know these names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    /// Objects that were opened.
    Objects,
    /// Objects that must come back: not to be read, or not taken by every target.
    ObjectsFailed,
    /// Objects that are gone, or whose tail cannot be read, for good.
    ObjectsLost,
    /// Records read for the first time, bad ones included.
    Records,
    /// Those of them that are no clicks.
    BadRecords,
    /// Plain bytes read.
    Bytes,
    /// Those of them that are clicks.
    Clicks,
    /// The clicks that are not a human's, by Rebrandly's word.
    Bots,
    /// Members of clicks that no field is known for, each when a process first meets it.
    UnknownFields,
    /// First invocations of a process.
    ColdStarts,
    /// Clicks that a target accepted.
    Sent,
    /// Clicks that were not for it.
    Filtered,
    /// Records that it will never get: bad, unfit or rejected.
    Quarantined,
    /// Clicks that it has not got yet, of objects that come back.
    Failed,
    /// Requests sent again.
    Retries,
    /// Requests that it found too many.
    Throttles,
    /// How long a request took, in milliseconds.
    Latency,
    /// From the first click of an object to its last acceptance, in seconds.
    Lag,
}

impl Metric {
    /// Those of the function.
    pub const OF_FUNCTION: &[Metric] = &[
        Metric::Objects,
        Metric::ObjectsFailed,
        Metric::ObjectsLost,
        Metric::Records,
        Metric::BadRecords,
        Metric::Bytes,
        Metric::Clicks,
        Metric::Bots,
        Metric::UnknownFields,
        Metric::ColdStarts,
    ];

    /// Those of each target.
    pub const OF_TARGET: &[Metric] = &[
        Metric::Sent,
        Metric::Filtered,
        Metric::Quarantined,
        Metric::Failed,
        Metric::Retries,
        Metric::Throttles,
        Metric::Latency,
        Metric::Lag,
    ];

    /// Returns the name that CloudWatch, alarms and dashboards know it by.
    pub fn name(self) -> &'static str {
        match self {
            Metric::Objects => "Objects",
            Metric::ObjectsFailed => "ObjectsFailed",
            Metric::ObjectsLost => "ObjectsLost",
            Metric::Records => "Records",
            Metric::BadRecords => "BadRecords",
            Metric::Bytes => "Bytes",
            Metric::Clicks => "Clicks",
            Metric::Bots => "Bots",
            Metric::UnknownFields => "UnknownFields",
            Metric::ColdStarts => "ColdStarts",
            Metric::Sent => "Sent",
            Metric::Filtered => "Filtered",
            Metric::Quarantined => "Quarantined",
            Metric::Failed => "Failed",
            Metric::Retries => "Retries",
            Metric::Throttles => "Throttles",
            Metric::Latency => "Latency",
            Metric::Lag => "Lag",
        }
    }

    fn unit(self) -> &'static str {
        match self {
            Metric::Bytes => "Bytes",
            Metric::Latency => "Milliseconds",
            Metric::Lag => "Seconds",
            _ => "Count",
        }
    }
}

/// What the objects of one invocation came to.
#[derive(Debug, Default)]
pub struct Report {
    function: BTreeMap<Metric, f64>,
    targets: BTreeMap<Arc<str>, BTreeMap<Metric, Vec<f64>>>,
}

impl Report {
    /// Adds what became of one object.
    pub fn add(&mut self, outcome: &Outcome) {
        let read = matches!(
            outcome.end,
            End::Complete | End::Corrupt { .. } | End::Stopped { .. } | End::Failed(_)
        );
        let lost = matches!(outcome.end, End::Missing | End::Corrupt { .. });
        let fresh = outcome.fresh;
        let counts = [
            (Metric::Objects, u64::from(read)),
            (
                Metric::ObjectsFailed,
                u64::from(outcome.failure().is_some()),
            ),
            (Metric::ObjectsLost, u64::from(lost)),
            (Metric::Records, fresh.clicks + fresh.bad),
            (Metric::BadRecords, fresh.bad),
            (Metric::Bytes, outcome.bytes),
            (Metric::Clicks, fresh.clicks),
            (Metric::Bots, fresh.bots),
            (Metric::UnknownFields, outcome.unknown.len() as u64),
        ];
        for (metric, count) in counts {
            *self.function.entry(metric).or_default() += count as f64;
        }
        outcome
            .targets
            .iter()
            .for_each(|target| self.add_target(target));
    }

    fn add_target(&mut self, outcome: &TargetOutcome) {
        let metrics = self.targets.entry(outcome.target.clone()).or_default();
        let tally = outcome.tally;
        let counts = [
            (Metric::Sent, tally.sent),
            (Metric::Filtered, tally.filtered),
            (Metric::Quarantined, tally.quarantined),
            (Metric::Failed, tally.failed),
            (Metric::Retries, outcome.retries),
            (Metric::Throttles, outcome.throttles),
        ];
        for (metric, count) in counts {
            let values = metrics.entry(metric).or_insert_with(|| vec![0.0]);
            values.iter_mut().for_each(|value| *value += count as f64);
        }
        metrics
            .entry(Metric::Latency)
            .or_default()
            .extend(outcome.latency.iter().map(|ms| f64::from(*ms)));
        metrics
            .entry(Metric::Lag)
            .or_default()
            .extend(outcome.lag.map(|lag| (lag.as_millis() as f64) / 1000.0));
    }

    /// The documents for the function `name`, a line each; `cold` says whether its process is new.
    pub fn documents(&self, name: &str, now: SystemTime, cold: bool) -> Vec<String> {
        let time = now
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_millis() as u64);
        let mut function: BTreeMap<_, _> = self
            .function
            .iter()
            .map(|(metric, count)| (*metric, vec![*count]))
            .collect();
        // Each metric costs: one that hardly ever says anything is sent when it does.
        function.retain(|metric, values| *metric != Metric::UnknownFields || *values != [0.0]);
        function.insert(Metric::ColdStarts, vec![f64::from(u8::from(cold))]);
        let mut documents = vec![document(&[("Function", name)], &function, time)];
        documents.extend(self.targets.iter().map(|(target, values)| {
            document(&[("Function", name), ("Target", target)], values, time)
        }));
        documents
    }
}

fn document(
    dimensions: &[(&str, &str)],
    metrics: &BTreeMap<Metric, Vec<f64>>,
    time: u64,
) -> String {
    let told = metrics.iter().filter(|(_, values)| !values.is_empty());
    let defined: Vec<_> = told
        .clone()
        .map(|(metric, _)| json!({ "Name": metric.name(), "Unit": metric.unit() }))
        .collect();
    let names: Vec<_> = dimensions.iter().map(|(name, _)| *name).collect();
    let directive = json!({ "Namespace": NAMESPACE, "Dimensions": [names], "Metrics": defined });
    let mut document = Map::new();
    document.insert(
        "_aws".into(),
        json!({ "Timestamp": time, "CloudWatchMetrics": [directive] }),
    );
    document.extend(
        dimensions
            .iter()
            .map(|(name, value)| ((*name).to_owned(), json!(value))),
    );
    document.extend(told.map(|(metric, values)| (metric.name().to_owned(), value(values))));
    Value::Object(document).to_string()
}

/// One value as a number, several as a list.
fn value(values: &[f64]) -> Value {
    match values {
        [one] => json!(one),
        many => json!(many.get(..VALUES).unwrap_or(many)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::ObjectRef;
    use crate::outcome::{Fresh, Tally};
    use std::time::Duration;

    #[test]
    fn an_invocation_is_one_document_and_one_for_each_target() {
        let target = TargetOutcome {
            target: "hook".into(),
            tally: Tally {
                read: 7,
                sent: 5,
                filtered: 0,
                quarantined: 2,
                failed: 0,
            },
            retries: 1,
            throttles: 1,
            latency: (0..200).collect(),
            lag: Some(Duration::from_millis(1500)),
            ..TargetOutcome::default()
        };
        let unread = Outcome::unread(ObjectRef::new("b", "k"), End::Complete);
        let outcome = Outcome {
            fresh: Fresh {
                clicks: 6,
                bots: 2,
                bad: 1,
            },
            bytes: 99,
            targets: vec![target],
            unknown: vec!["route.qr".into()],
            ..unread
        };
        let mut report = Report::default();
        report.add(&outcome);
        report.add(&outcome);
        report.add(&Outcome::unread(ObjectRef::new("b", "k"), End::Missing));
        let documents = report.documents(
            "forwarder",
            UNIX_EPOCH + Duration::from_millis(1_795_305_600_123),
            true,
        );
        assert_eq!(
            documents.join("\n") + "\n",
            include_str!("../../tests/data/formats/metrics.jsonl")
        );
        let [function, hook] = &documents[..] else {
            panic!("{documents:?}")
        };
        let (function, hook): (Value, Value) = (
            serde_json::from_str(function).unwrap(),
            serde_json::from_str(hook).unwrap(),
        );
        assert_eq!(function["UnknownFields"], 2.0);
        assert_eq!(function["_aws"]["Timestamp"], 1_795_305_600_123_u64);
        let said = [
            "Objects",
            "ObjectsLost",
            "Records",
            "Clicks",
            "Bots",
            "ColdStarts",
        ]
        .map(|name| function[name].as_f64().unwrap());
        assert_eq!(said, [2.0, 1.0, 14.0, 12.0, 4.0, 1.0]);
        assert_eq!(
            (&hook["Function"], &hook["Target"], &hook["Sent"]),
            (&json!("forwarder"), &json!("hook"), &json!(10.0))
        );
        assert_eq!(
            hook["_aws"]["CloudWatchMetrics"][0]["Dimensions"],
            json!([["Function", "Target"]])
        );
        assert_eq!(
            (hook["Latency"].as_array().unwrap().len(), &hook["Lag"]),
            (100, &json!([1.5, 1.5]))
        );
        let defined = |document: &Value| {
            document["_aws"]["CloudWatchMetrics"][0]["Metrics"]
                .as_array()
                .unwrap()
                .len()
        };
        assert_eq!(
            (defined(&function), defined(&hook)),
            (Metric::OF_FUNCTION.len(), Metric::OF_TARGET.len())
        );
    }
}

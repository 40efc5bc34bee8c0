//! The metrics of a run over several objects.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use super::{End, Outcome, SkipReason, TargetOutcome};
use crate::platform::metrics::{Dimension, Measurement, document};

/// The namespace under which CloudWatch shows the metrics.
pub const NAMESPACE: &str = "ClickstreamForwarder";

/// A metric, of the function or of each target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    /// Objects that were opened.
    Objects,
    /// Objects that must come back: they could not be read, or not every target took them.
    ObjectsFailed,
    /// Objects that are gone, or whose tail cannot be read, for good.
    ObjectsLost,
    /// Objects that were acknowledged unread though nobody may have meant it: `SOURCES` does not
    /// list them, or their event names no bucket.
    ObjectsSkipped,
    /// Records read for the first time, bad ones included.
    Records,
    /// The records among them that are not clicks.
    BadRecords,
    /// Plain bytes read.
    Bytes,
    /// The records among them that are clicks.
    Clicks,
    /// The clicks among them that are not a human's, as Rebrandly says.
    Bots,
    /// Members of clicks that are no known field, each when a process first meets it.
    UnknownFields,
    /// First invocations of a process.
    ColdStarts,
    /// Clicks that a target accepted.
    Sent,
    /// Clicks that were not meant for it.
    Filtered,
    /// Records that it will never get: bad, unfit or rejected.
    Quarantined,
    /// Clicks that it has not got yet, of objects that come back.
    Failed,
    /// Clicks that it refused without taking any that was sent after them, or that a rule of its
    /// fails on: it is taken to be wrong, or its rule, and they come back.
    Undecided,
    /// Requests sent again.
    Retries,
    /// Requests that it refused because they were too many.
    Throttles,
    /// How long each request took, in milliseconds.
    Latency,
    /// The time from the first click of an object to its last acceptance, in seconds.
    Lag,
}

impl Metric {
    /// Returns the name that CloudWatch, alarms and dashboards know it by.
    pub fn name(self) -> &'static str {
        match self {
            Metric::Objects => "Objects",
            Metric::ObjectsFailed => "ObjectsFailed",
            Metric::ObjectsLost => "ObjectsLost",
            Metric::ObjectsSkipped => "ObjectsSkipped",
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
            Metric::Undecided => "Undecided",
            Metric::Retries => "Retries",
            Metric::Throttles => "Throttles",
            Metric::Latency => "Latency",
            Metric::Lag => "Lag",
        }
    }

    /// Whether a document holds it with these values. Each metric is paid by the month from its
    /// first value on, so one that most users never see above 0 is sent only when it is.
    fn is_sent(self, values: &[f64]) -> bool {
        let is_rare = matches!(
            self,
            Metric::UnknownFields | Metric::ObjectsSkipped | Metric::Filtered | Metric::Undecided
        );
        !is_rare || values.iter().any(|value| *value != 0.0)
    }

    /// Returns CloudWatch's unit for it.
    fn unit(self) -> &'static str {
        match self {
            Metric::Bytes => "Bytes",
            Metric::Latency => "Milliseconds",
            Metric::Lag => "Seconds",
            _ => "Count",
        }
    }
}

/// Sums up what became of several objects. A document of CloudWatch's can hold one set of
/// dimensions, so there is one for the function and one for each target.
#[derive(Debug, Default)]
pub struct Report {
    function: BTreeMap<Metric, f64>,
    targets: BTreeMap<Arc<str>, BTreeMap<Metric, Vec<f64>>>,
}

impl Report {
    /// Adds what became of one object.
    pub fn add(&mut self, outcome: &Outcome) {
        let was_read = matches!(
            outcome.end,
            End::Complete | End::Corrupt { .. } | End::Stopped { .. } | End::Failed(_)
        );
        let is_lost =
            outcome.has_replaced || matches!(outcome.end, End::Missing | End::Corrupt { .. });
        let is_skipped = matches!(
            outcome.end,
            End::Skipped(SkipReason::OutsideSources | SkipReason::NoBucket)
        );
        let fresh = outcome.fresh;
        self.count(Metric::Objects, u64::from(was_read));
        let has_failed = outcome.failure().is_some() && !matches!(outcome.end, End::Postponed(_));
        self.count(Metric::ObjectsFailed, u64::from(has_failed));
        self.count(Metric::ObjectsLost, u64::from(is_lost));
        self.count(Metric::ObjectsSkipped, u64::from(is_skipped));
        self.count(Metric::Records, fresh.clicks + fresh.bad);
        self.count(Metric::BadRecords, fresh.bad);
        self.count(Metric::Bytes, outcome.bytes);
        self.count(Metric::Clicks, fresh.clicks);
        self.count(Metric::Bots, fresh.bots);
        self.count(Metric::UnknownFields, outcome.unknown.len() as u64);
        for target in &outcome.targets {
            self.add_target(target);
        }
    }

    /// Adds `n` to a metric of the function.
    pub fn count(&mut self, metric: Metric, n: u64) {
        *self.function.entry(metric).or_default() += n as f64;
    }

    fn add_target(&mut self, outcome: &TargetOutcome) {
        let metrics = self.targets.entry(outcome.target.clone()).or_default();
        let tally = outcome.tally;
        let counts = [
            (Metric::Sent, tally.sent),
            (Metric::Filtered, tally.filtered),
            (Metric::Quarantined, tally.quarantined),
            (Metric::Failed, tally.failed),
            (Metric::Undecided, outcome.undecided),
            (Metric::Retries, outcome.retries),
            (Metric::Throttles, outcome.throttles),
        ];
        for (metric, count) in counts {
            let values = metrics.entry(metric).or_insert_with(|| vec![0.0]);
            values.iter_mut().for_each(|value| *value += count as f64);
        }
        let latency = outcome.latency.iter().map(|ms| f64::from(*ms));
        metrics.entry(Metric::Latency).or_default().extend(latency);
        let lag = outcome.lag.map(|lag| (lag.as_millis() as f64) / 1000.0);
        metrics.entry(Metric::Lag).or_default().extend(lag);
    }

    /// Renders the documents of the function `name`, a line each.
    pub fn documents(&self, name: &str, now: SystemTime) -> Vec<String> {
        let function = Dimension {
            name: "Function",
            value: name,
        };
        let counts = self.function.iter();
        let of_function: Vec<_> = counts
            .map(|(metric, count)| (*metric, std::slice::from_ref(count)))
            .filter(|(metric, values)| metric.is_sent(values))
            .map(|(metric, values)| measurement(metric, values))
            .collect();
        let mut documents = vec![document(NAMESPACE, &[function], &of_function, now)];
        for (target, metrics) in &self.targets {
            let target = Dimension {
                name: "Target",
                value: target,
            };
            let of_target: Vec<_> = metrics
                .iter()
                .filter(|(metric, values)| metric.is_sent(values))
                .map(|(metric, values)| measurement(*metric, values))
                .collect();
            documents.push(document(NAMESPACE, &[function, target], &of_target, now));
        }
        documents
    }
}

fn measurement(metric: Metric, values: &[f64]) -> Measurement<'_> {
    Measurement {
        name: metric.name(),
        unit: metric.unit(),
        values,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::ObjectRef;
    use crate::outcome::{Fresh, Tally};
    use serde_json::{Value, json};
    use std::time::{Duration, UNIX_EPOCH};

    /// Returns the report of two equal objects and one that is missing.
    fn report() -> Report {
        let target = TargetOutcome {
            target: "hook".into(),
            tally: Tally {
                read: 8,
                sent: 5,
                filtered: 1,
                quarantined: 2,
                failed: 0,
            },
            retries: 1,
            throttles: 1,
            latency: (0..200).collect(),
            lag: Some(Duration::from_millis(1500)),
            ..TargetOutcome::default()
        };
        let outcome = Outcome {
            fresh: Fresh {
                clicks: 6,
                bots: 2,
                bad: 1,
            },
            bytes: 99,
            targets: vec![target],
            unknown: vec!["route.qr".into()],
            ..Outcome::unread(ObjectRef::new("b", "k"), End::Complete)
        };
        let mut report = Report::default();
        report.add(&outcome);
        report.add(&outcome);
        report.add(&Outcome::unread(ObjectRef::new("b", "k"), End::Missing));
        report.count(Metric::ColdStarts, 1);
        report
    }

    /// Returns the report of one object that was skipped.
    fn skipped(reason: SkipReason) -> Report {
        let mut report = Report::default();
        let object = ObjectRef::new("b", "k");
        report.add(&Outcome::unread(object, End::Skipped(reason)));
        report
    }

    fn documents() -> Vec<String> {
        report().documents("forwarder", time())
    }

    fn time() -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(1_795_305_600_123)
    }

    #[test]
    fn documents_are_those_that_were_released() {
        let mut released = documents();
        released.extend(skipped(SkipReason::OutsideSources).documents("forwarder", time()));
        assert_eq!(
            released.join("\n") + "\n",
            include_str!("../../tests/data/formats/metrics.jsonl")
        );
    }

    #[test]
    fn an_object_outside_sources_is_counted_and_one_of_the_forwarders_own_is_not() {
        let count = |reason| {
            let documents = skipped(reason).documents("forwarder", time());
            let document: Value = serde_json::from_str(&documents[0]).unwrap();
            document["ObjectsSkipped"].clone()
        };
        assert_eq!(count(SkipReason::OutsideSources), 1.0);
        assert_eq!(count(SkipReason::NoBucket), 1.0);
        for meant in [
            SkipReason::OwnOutput,
            SkipReason::FolderMarker,
            SkipReason::Empty,
        ] {
            assert_eq!(count(meant), Value::Null, "{meant}");
        }
    }

    #[test]
    fn a_metric_that_most_never_need_costs_nothing_while_it_is_0() {
        let target = TargetOutcome {
            target: "hook".into(),
            ..TargetOutcome::default()
        };
        let mut report = Report::default();
        report.add(&Outcome {
            targets: vec![target],
            ..Outcome::unread(ObjectRef::new("b", "k"), End::Complete)
        });
        let said = report.documents("forwarder", UNIX_EPOCH).concat();
        for (metric, is_sent) in [
            ("UnknownFields", false),
            ("ObjectsSkipped", false),
            ("Filtered", false),
            ("Failed", true),
            ("ObjectsLost", true),
        ] {
            assert_eq!(said.contains(&format!("\"{metric}\"")), is_sent, "{metric}");
        }
    }

    #[test]
    fn an_invocation_is_one_document_and_one_for_each_target() {
        let documents: Vec<Value> = documents()
            .iter()
            .map(|document| serde_json::from_str(document).unwrap())
            .collect();
        let [function, hook] = &documents[..] else {
            panic!("{documents:?}")
        };
        assert_eq!(function["UnknownFields"], 2.0);
        assert_eq!(function["_aws"]["Timestamp"], 1_795_305_600_123_u64);
        let values = [
            "Objects",
            "ObjectsLost",
            "Records",
            "Clicks",
            "Bots",
            "ColdStarts",
        ]
        .map(|name| function[name].as_f64().unwrap());
        assert_eq!(values, [2.0, 1.0, 14.0, 12.0, 4.0, 1.0]);
        assert_eq!(
            (&hook["Function"], &hook["Target"], &hook["Sent"]),
            (&json!("forwarder"), &json!("hook"), &json!(10.0))
        );
        let directive = |document: &Value| document["_aws"]["CloudWatchMetrics"][0].clone();
        assert_eq!(
            directive(hook)["Dimensions"],
            json!([["Function", "Target"]])
        );
        assert_eq!(
            (hook["Latency"].as_array().unwrap().len(), &hook["Lag"]),
            (100, &json!([1.5, 1.5]))
        );
        let metrics = |document| directive(document)["Metrics"].as_array().unwrap().len();
        assert_eq!(
            (metrics(function), metrics(hook)),
            (10, 8),
            "every metric is in one of them"
        );
    }
}

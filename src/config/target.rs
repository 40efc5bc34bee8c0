//! One target's variables.

use std::sync::Arc;
use std::time::Duration;

use super::vars::{Scope, parse_duration, parse_rate};
use crate::targets::{COMMON, Context, DeliveryMode, KINDS, Kind, Limits, Target};

/// Bytes that a request must have room for beside its frame: four usual clicks.
const LEAST_CLICK: usize = 4096;

/// Most requests in flight to one target: sockets of a Lambda function are limited to 1,024.
const MOST_IN_FLIGHT: usize = 500;

/// Longest time-out of a request: that of a function.
const LONGEST: Duration = Duration::from_secs(900);

/// One target, ready to be sent to.
pub struct TargetConfig {
    /// Its name in `TARGETS`.
    pub name: Arc<str>,
    /// Its kind.
    pub kind: &'static str,
    /// The target.
    pub target: Arc<dyn Target>,
    /// Its limits, lowered as the variables say.
    pub limits: Limits,
    /// How its kind delivers.
    pub delivery: DeliveryMode,
    /// Most requests in flight.
    pub concurrency: usize,
    /// How long a request may take.
    pub timeout: Duration,
    /// Most requests a second of this process, if they are limited.
    pub rate: Option<f64>,
}

impl TargetConfig {
    /// Its rate is that of so many copies of the function together.
    pub(super) fn shared_by(self, copies: usize) -> TargetConfig {
        TargetConfig {
            rate: self.rate.map(|rate| rate / copies as f64),
            ..self
        }
    }
}

/// The keys that a target's scope knows, for a message.
pub(super) fn known_keys(scope: &Scope<'_>) -> Vec<String> {
    let kind = KINDS
        .iter()
        .find(|kind| scope.peek("KIND") == Some(kind.name));
    let own = kind.into_iter().flat_map(Kind::variables);
    COMMON
        .iter()
        .chain(own)
        .map(|var| scope.name(var.name))
        .collect()
}

/// Understands one target's variables, or notes the mistakes.
pub(super) fn read(scope: &Scope<'_>, name: &str, context: Context) -> Option<TargetConfig> {
    let kinds: Vec<_> = KINDS.iter().map(|kind| kind.name).collect();
    let expected = format!("one of {}", kinds.join(", "));
    let Some(kind) = scope.required("KIND", &expected) else {
        // Without its kind, no variable of this target can be called unknown.
        scope.starting("");
        return None;
    };
    let Some(kind) = KINDS.iter().find(|known| known.name == kind) else {
        scope.mistake("KIND", format!("found {kind:?}; expected {expected}"));
        scope.starting("");
        return None;
    };
    let (records, bytes) = (scope.count("MAX_RECORDS"), scope.bytes("MAX_BYTES"));
    let concurrency = scope.parse("CONCURRENCY", |text| {
        text.parse()
            .ok()
            .filter(|n| (1..=MOST_IN_FLIGHT).contains(n))
            .ok_or_else(|| format!("1 to {MOST_IN_FLIGHT}"))
    });
    let rate = scope.parse("RATE", parse_rate);
    let timeout = scope.parse("TIMEOUT", |text| match parse_duration(text)? {
        timeout if timeout > LONGEST => {
            Err("at most 15m, as long as a function runs; milliseconds are written 5000ms".into())
        }
        timeout => Ok(timeout),
    });
    let timeout = timeout.unwrap_or(Duration::from_secs(30));
    let target = (kind.build)(scope, context)?;
    let (mut limits, delivery) = (target.limits(), target.delivery());
    if delivery.batching.windows().is_some() {
        let set = [
            ("MAX_RECORDS", records.is_some()),
            ("MAX_BYTES", bytes.is_some()),
        ];
        for (key, _) in set.into_iter().filter(|(_, set)| *set) {
            scope.mistake(
                key,
                "cannot be set for this kind: the same file must always be cut at the same clicks",
            );
        }
    } else {
        lower(scope, "MAX_RECORDS", &mut limits.records, records);
        lower(
            scope,
            "MAX_BYTES",
            &mut limits.bytes,
            bytes.map(|n| n as usize),
        );
    }
    let least = limits.overhead + LEAST_CLICK;
    if limits.bytes < least {
        scope.mistake(
            "MAX_BYTES",
            format!(
                "found {}; below {least} a usual click does not fit and would be quarantined",
                limits.bytes
            ),
        );
    }
    let concurrency = concurrency.unwrap_or(delivery.in_flight);
    Some(TargetConfig {
        name: name.into(),
        kind: kind.name,
        target,
        limits,
        delivery,
        concurrency,
        timeout,
        rate,
    })
}

fn lower(scope: &Scope<'_>, key: &str, limit: &mut usize, wish: Option<usize>) {
    match wish {
        Some(wish) if wish > *limit => scope.mistake(
            key,
            format!("found {wish}; the kind's limit is {limit}, which can only be lowered"),
        ),
        Some(wish) => *limit = wish,
        None => {}
    }
}

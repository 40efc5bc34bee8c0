//! Reads one target's variables.

use std::sync::Arc;
use std::time::Duration;

use super::lookalikes::{self, undeclared_target};
use super::mistakes::{Mistake, Problem};
use super::names::prefix_of;
use super::settings::ReloadingTarget;
use super::units::{parse_duration, parse_rate};
use super::vars::Scope;
#[cfg(not(feature = "aws"))]
use crate::targets::IN_AWS;
use crate::targets::{
    Batching, Context, DeliveryMode, KINDS, Kind, Limits, MapUse, Target, WindowBounds, common,
};
use crate::transform::Transform;
use crate::transform::jq::MAP;
#[cfg(not(feature = "aws"))]
use crate::without_aws::ABSENT;

/// Bytes that a request must have room for beside its frame: four typical clicks.
const LEAST_CLICK: usize = 4096;

/// Fewest bytes of a click file that a window may be lowered to: below it, a file of a lake would
/// hold a handful of clicks.
const LEAST_WINDOW: u64 = 64 << 10;

/// The most requests in flight to one target: a Lambda function may open 1,024 files and sockets.
const MOST_IN_FLIGHT: usize = 500;

/// The longest time-out of a request: that of a function.
const LONGEST: Duration = Duration::from_secs(900);

/// The time-out of a request where none is set.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// One target, ready to be sent to.
pub struct TargetConfig {
    /// Its name in `TARGETS`.
    pub name: Arc<str>,
    /// Its kind.
    pub kind: &'static str,
    /// Its rules at the start: the clicks it gets, and their shape.
    pub transform: Arc<Transform>,
    /// Reads again what its variables refer to, if they refer to anything.
    pub reloading: Option<Arc<ReloadingTarget>>,
    /// The target.
    pub target: Arc<dyn Target>,
    /// Its limits, lowered as the variables say.
    pub limits: Limits,
    /// How its kind delivers.
    pub delivery: DeliveryMode,
    /// The most requests in flight.
    pub concurrency: usize,
    /// How long a request may take.
    pub timeout: Duration,
    /// The most requests a second of this process, if they are limited.
    pub rate: Option<f64>,
}

impl TargetConfig {
    /// Lets `reloading` stand for its target.
    pub(super) fn reload_with(&mut self, reloading: Arc<ReloadingTarget>) {
        self.target = reloading.clone();
        self.reloading = Some(reloading);
    }

    /// Returns its rules as they are now: an object is read by the same ones from its first click
    /// to its last.
    pub fn rules(&self) -> Arc<Transform> {
        match &self.reloading {
            Some(reloading) => reloading.transform(),
            None => self.transform.clone(),
        }
    }

    /// Reads again what its variables refer to, if that is old.
    pub async fn reload_old(&self) {
        if let Some(reloading) = &self.reloading {
            reloading.reload_old().await;
        }
    }

    /// Divides its rate by the copies of the function, which have it together.
    pub(super) fn shared_by(self, copies: usize) -> TargetConfig {
        TargetConfig {
            rate: self.rate.map(|rate| rate / copies as f64),
            ..self
        }
    }
}

/// Reports the variables of the target `name` that nothing reads.
pub(super) fn unknown_variables(scope: &Scope<'_>, name: &str) -> Vec<Mistake> {
    let unread = scope.unread();
    let kinds = unread
        .iter()
        .filter_map(|variable| undeclared_target(variable));
    let prefixes: Vec<String> = kinds.map(|other| prefix_of(&other)).collect();
    let report = |variable: &String| {
        let known = known_variables(scope).join(", ");
        let problem = if let Some(other) = undeclared_target(variable) {
            format!(
                "is not a variable of target {name}; if it is the kind of another target, add \
                 {other} to TARGETS, or else remove it"
            )
        } else if prefixes.iter().any(|prefix| variable.starts_with(prefix)) {
            // The kind of its target has been reported.
            return None;
        } else if let Some(near) = lookalikes::near_variable(scope, variable) {
            format!("is not a variable of target {name}; did you mean {near}? It has {known}")
        } else {
            format!("is not a variable of target {name}; it has {known}")
        };
        Some(Mistake {
            variable: variable.clone(),
            problem: Problem::Unknown(problem),
        })
    };
    unread.iter().filter_map(report).collect()
}

/// Returns the variables that a target has by its kind, for a message.
fn known_variables(scope: &Scope<'_>) -> Vec<String> {
    let keys = target_variables(scope.peek("KIND"));
    keys.into_iter().map(|key| scope.name(key)).collect()
}

/// Returns the variables of a target of `kind`, without its prefix; those of every kind if there is
/// none of this name.
pub(super) fn target_variables(kind: Option<&str>) -> Vec<&'static str> {
    let is_known = KINDS.iter().any(|known| kind == Some(known.name));
    let kinds = KINDS
        .iter()
        .filter(|known| !is_known || kind == Some(known.name));
    let own = kinds.flat_map(Kind::variables);
    common().chain(own).map(|var| var.name).collect()
}

/// Reads the variables of the target `name`, or notes the mistakes.
pub(super) fn read(scope: &Scope<'_>, name: &str, context: Context) -> Option<TargetConfig> {
    let Some(kind) = kind(scope) else {
        // Without its kind, no variable of this target can be called unknown.
        scope.starting("");
        return None;
    };
    let (records, bytes) = (scope.count("MAX_RECORDS"), scope.bytes("MAX_BYTES"));
    let concurrency = scope.parse("CONCURRENCY", in_flight);
    let rate = scope.parse("RATE", parse_rate);
    let timeout = scope.parse("TIMEOUT", request_timeout);
    let transform = Transform::read(scope);
    check_map(scope, kind, &transform);
    let target = (kind.build)(scope, context)?;
    transform.check(scope, &*target);
    let mut delivery = target.delivery();
    let limits = if let Batching::Windows(bounds) = &mut delivery.batching {
        refuse_records(scope, records.is_some());
        cut_smaller(scope, bounds, bytes);
        target.limits()
    } else {
        lowered(scope, target.limits(), records, bytes)
    };
    check_size(scope, limits);
    Some(TargetConfig {
        name: name.into(),
        kind: kind.name,
        transform: transform.into(),
        reloading: None,
        target,
        limits,
        delivery,
        concurrency: concurrency.unwrap_or(delivery.in_flight),
        timeout: timeout.unwrap_or(DEFAULT_TIMEOUT),
        rate,
    })
}

/// Reads the kind of a target.
fn kind(scope: &Scope<'_>) -> Option<&'static Kind> {
    let names: Vec<_> = KINDS.iter().map(|kind| kind.name).collect();
    let expected = format!("one of {}", names.join(", "));
    let name = scope.required("KIND", &expected)?;
    let kind = KINDS.iter().find(|kind| kind.name == name);
    #[cfg(not(feature = "aws"))]
    if IN_AWS.contains(&name) {
        scope.mistake("KIND", format!("found {name:?}, but {ABSENT}"));
        return None;
    }
    if kind.is_none() {
        scope.wrong_value("KIND", format!("{name:?}"), expected);
    }
    kind
}

fn in_flight(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|n| (1..=MOST_IN_FLIGHT).contains(n))
        .ok_or_else(|| format!("1 to {MOST_IN_FLIGHT}"))
}

fn request_timeout(text: &str) -> Result<Duration, String> {
    let timeout = parse_duration(text)?;
    if timeout <= LONGEST {
        Ok(timeout)
    } else {
        Err("at most 15m, as long as a function runs; milliseconds are written 5000ms".into())
    }
}

/// Notes that a map cannot be used, or that it leaves a format without use.
fn check_map(scope: &Scope<'_>, kind: &Kind, transform: &Transform) {
    if !transform.has_map() {
        return;
    }
    if let MapUse::Refused(reason) = kind.map {
        scope.conflict(MAP, reason);
    }
    if scope.peek("FORMAT").is_some_and(|form| !form.is_empty()) {
        scope.conflict(
            "FORMAT",
            "has no effect, since what _MAP yields is sent: leave one of them out",
        );
    }
}

/// Notes that a kind which cuts objects into windows counts no clicks: those that are filtered, or
/// were sent before, must not move a cut.
fn refuse_records(scope: &Scope<'_>, is_set: bool) {
    if is_set {
        scope.mistake(
            "MAX_RECORDS",
            "cannot be set for this kind, which cuts a file by its bytes: set _MAX_BYTES",
        );
    }
}

/// Lowers the bytes of a click file that a window spans, or notes why they cannot be lowered so.
fn cut_smaller(scope: &Scope<'_>, bounds: &mut WindowBounds, bytes: Option<u64>) {
    let Some(asked) = bytes else { return };
    let (least, most) = (LEAST_WINDOW, bounds.bytes);
    if (least..=most).contains(&asked) {
        bounds.bytes = asked;
    } else {
        scope.mistake(
            "MAX_BYTES",
            format!("found {asked}; for this kind it is {least} to {most}, the bytes of a click file that go into one file of the target"),
        );
    }
}

/// Lowers the limits of a kind to what the variables ask for, or notes why they cannot be.
fn lowered(
    scope: &Scope<'_>,
    mut limits: Limits,
    records: Option<usize>,
    bytes: Option<u64>,
) -> Limits {
    lower(scope, "MAX_RECORDS", &mut limits.records, records);
    let bytes = bytes.map(|n| n as usize);
    lower(scope, "MAX_BYTES", &mut limits.bytes, bytes);
    limits
}

/// Notes that a request has no room for a typical click.
fn check_size(scope: &Scope<'_>, limits: Limits) {
    let (found, least) = (limits.bytes, limits.overhead + LEAST_CLICK);
    if found < least {
        let expected =
            format!("at least {least}: in fewer a usual click does not fit and is quarantined");
        scope.wrong_value("MAX_BYTES", found.to_string(), expected);
    }
}

fn lower(scope: &Scope<'_>, key: &str, limit: &mut usize, asked: Option<usize>) {
    match asked {
        Some(asked) if asked > *limit => scope.wrong_value(
            key,
            asked.to_string(),
            format!("at most {limit}: the kind's limit can only be lowered"),
        ),
        Some(asked) => *limit = asked,
        None => {}
    }
}

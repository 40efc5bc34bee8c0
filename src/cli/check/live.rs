//! Asks everything that a configuration names.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clicks::calendar::Date;
use serde_json::json;
use tokio::time::Instant;

use crate::config::settings::Settings;
use crate::config::{Config, ConfigErrors, QuarantineStore};
use crate::deliver::RunControl;
use crate::forward::{Forwarder, Probe};
use crate::job::Job;
use crate::object::{Memory, ObjectRef, Store};
use crate::outcome::TargetOutcome;
use crate::platform::sqs::Sqs;
use crate::targets::Proof;

/// The name of what a check leaves behind: the id of its click's link, and of its object.
const MARK: &str = "clickstream-check";

/// How long a target may take for the click that is sent.
const SENDING: Duration = Duration::from_secs(60);

/// Asks every source, target and store, by requests that change nothing; then sends a click through
/// each target, if `sends`.
pub(super) async fn ask(settings: &Arc<Settings>, sends: bool) -> Result<Vec<Probe>, ConfigErrors> {
    let config = settings.config().await?;
    let (clock, queue) = (config.clock, ask_queue(&config).await);
    let mut probes = Forwarder::new(config).probe().await;
    probes.extend(queue);
    if sends {
        probes.extend(send(settings.config().await?, clock()).await);
    }
    Ok(probes)
}

/// Asks the queue for continuations, if one is named.
async fn ask_queue(config: &Config) -> Option<Probe> {
    let url = config.continue_queue.as_deref()?;
    let answer = match config.directory {
        Some(_) => Err("STORE is a directory, so no queue is called".into()),
        None => Sqs::new(config.aws.clone())
            .may_send(url)
            .await
            .map(|()| Proof::Whole),
    };
    Some(Probe {
        what: "queue for the rest of files".into(),
        needs: "sqs:SendMessage".into(),
        answer,
    })
}

/// Sends one invented click through each target, and keeps neither progress nor a row.
async fn send(mut config: Config, now: SystemTime) -> Vec<Probe> {
    config.sources = None;
    config.quarantine = QuarantineStore::Log;
    let memory = Memory::default();
    memory.put(MARK, MARK, invented(now).to_string());
    let forwarder = Forwarder::with_store(config, Store::Memory(memory));
    let control = RunControl::until(Instant::now() + SENDING);
    let job = Job::named(ObjectRef::new(MARK, MARK));
    let outcome = forwarder.forward(&job, control).await;
    outcome.targets.iter().map(sent).collect()
}

/// Says what became of the click at one target.
fn sent(outcome: &TargetOutcome) -> Probe {
    let answer = match &outcome.failure {
        None if outcome.tally.sent > 0 => Ok(Proof::Whole),
        None if outcome.tally.filtered > 0 => Err("its filter leaves the click out".into()),
        None if outcome.tally.quarantined > 0 => {
            Err("it refuses the click; the log above says why".into())
        }
        None => Err("it gave no answer in time".into()),
        Some(failure) => Err(failure.to_string()),
    };
    Probe {
        what: format!("target {}", outcome.target),
        needs: format!("one invented click sent, its link is {MARK}"),
        answer,
    }
}

/// Returns a click that nobody can take for a visitor's.
fn invented(now: SystemTime) -> serde_json::Value {
    let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let Date { year, month, day } = Date::from_days((seconds / 86_400) as i64);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let time = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z");
    json!({
        "timestamp": time,
        "client": { "agent": { "type": "bot" } },
        "route": { "id": MARK, "slashtag": MARK },
    })
}

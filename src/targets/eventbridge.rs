//! `eventbridge`: an event bus, one event per click.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::primitives::{DateTime, DateTimeFormat};
use aws_sdk_eventbridge::types::PutEventsRequestEntry;

use super::support::{aws, body, verdicts};
use super::{
    Context, DeliveryMode, EncodeError, Entry, Kind, Limits, MapUse, Permission, Proof, SendError,
    Target, Var, Verdict, View,
};
use crate::config::aws_names;
use crate::config::vars::Scope;
use clicks::click::Form;

pub(super) const KIND: Kind = Kind {
    name: "eventbridge",
    doc: "an EventBridge bus, one event per click: its detail is the click, its time the click's",
    vars: &[
        Var {
            name: "BUS",
            default: "default",
            doc: "the bus, by name or ARN",
        },
        Var {
            name: "SOURCE",
            default: "clickstream-forwarder",
            doc: "the events' source, for rules to match",
        },
        Var {
            name: "DETAIL_TYPE",
            default: "Click",
            doc: "the events' detail type, for rules to match",
        },
        Var {
            name: "FORMAT",
            default: "click",
            doc: "`click`, `flat`, `raw` or `webhook`",
        },
    ],
    shared: aws::VARS,
    example: &[],
    map: MapUse::Body,
    build,
};

/// Most bytes of a request's events, and of one event: less than 1 MB. The service's documents
/// leave open whether that is counted by the request or by the event.
const BYTES: usize = 999_999;
/// Bytes that the time of an event counts as.
const TIME: usize = 14;

/// Codes by which the service says that something in a request is wrong.
const REJECTED: &[&str] = &[
    "ValidationException",
    "InvalidArgument",
    "RequestEntityTooLargeException",
    "SerializationException",
];
/// Codes of entries that the service will never take.
const PERMANENT: &[&str] = &[
    "AccessDeniedException",
    "InvalidAccountIdException",
    "InvalidArgument",
    "MalformedDetail",
    "NotAuthorizedForDetailTypeException",
    "NotAuthorizedForSourceException",
    "RedactionFailure",
];

struct EventBridge {
    bus: String,
    source: String,
    detail_type: String,
    form: Form,
    client: aws::Client<Client>,
}

fn build(scope: &Scope<'_>, context: Context) -> Option<Arc<dyn Target>> {
    let bus = scope.checked("BUS", aws_names::bus);
    let bus = bus.unwrap_or_else(|| "default".into());
    let text = |key, default: &str| {
        let given = scope.parse(key, |text| match text.len() {
            1..=128 => Ok(text.to_owned()),
            _ => Err("at most 128 bytes".into()),
        });
        given.unwrap_or_else(|| default.to_owned())
    };
    let (source, detail_type) = (
        text("SOURCE", "clickstream-forwarder"),
        text("DETAIL_TYPE", "Click"),
    );
    if source.starts_with("aws.") {
        let expected = "another source: those that begin with aws. are AWS's own";
        scope.wrong_value("SOURCE", format!("{source:?}"), expected);
    }
    let form = scope.parsed("FORMAT").unwrap_or(Form::Click);
    let client = aws::Client::new(scope, context, aws::region(&bus), Client::new);
    Some(Arc::new(EventBridge {
        bus,
        source,
        detail_type,
        form,
        client,
    }))
}

#[async_trait]
impl Target for EventBridge {
    fn limits(&self) -> Limits {
        let per_record = TIME + self.source.len() + self.detail_type.len();
        Limits {
            records: 10,
            bytes: BYTES,
            record_bytes: BYTES,
            per_record,
            ..Limits::SINGLE
        }
    }

    fn delivery(&self) -> DeliveryMode {
        DeliveryMode::PER_RECORD
    }

    fn encode(&self, view: &View<'_>) -> Result<Entry, EncodeError> {
        let attributes = vec![("time", view.timestamp().into())];
        Ok(Entry {
            attributes,
            ..Entry::new(view, view.form(self.form))
        })
    }

    async fn send(&self, batch: &[Entry]) -> Result<Vec<Verdict>, SendError> {
        let event = |entry: &Entry| {
            let time = entry
                .attribute("time")
                .and_then(|time| DateTime::from_str(time, DateTimeFormat::DateTime).ok());
            let detail = body::text(&entry.body);
            let event = PutEventsRequestEntry::builder()
                .event_bus_name(&self.bus)
                .source(&self.source);
            event
                .detail_type(&self.detail_type)
                .set_time(time)
                .detail(detail)
                .build()
        };
        let events = batch.iter().map(event).collect();
        let put = self
            .client
            .get()
            .await
            .put_events()
            .set_entries(Some(events));
        let answer = put
            .send()
            .await
            .map_err(|e| self.client.send_error(&e, REJECTED))?;
        let failed = answer.entries.unwrap_or_default().into_iter().map(|one| {
            let message = one.error_message.unwrap_or_default();
            one.error_code
                .map(|code| aws::failed(&code, &message, PERMANENT.contains(&&*code)))
        });
        verdicts::judge(failed.collect())
    }

    fn permissions(&self) -> Vec<Permission> {
        self.client
            .permission(&["events:PutEvents"], &self.bus, "events", "event-bus/")
    }

    async fn probe(&self) -> Result<Proof, SendError> {
        // An event without a detail is refused.
        let event = PutEventsRequestEntry::builder()
            .event_bus_name(&self.bus)
            .source(&self.source)
            .build();
        self.client.probed(
            self.client
                .get()
                .await
                .put_events()
                .entries(event)
                .send()
                .await,
            REJECTED,
        )
    }

    fn describe(&self) -> Vec<(&'static str, String)> {
        let mut rows = vec![
            ("bus", self.bus.clone()),
            ("source", self.source.clone()),
            ("detail type", self.detail_type.clone()),
            ("format", self.form.to_string()),
        ];
        rows.extend(self.client.describe());
        rows
    }
}

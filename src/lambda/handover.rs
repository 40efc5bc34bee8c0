//! Hands what is left of many jobs over to a queue, in few calls and in time.
//!
//! Objects that were not begun share messages, so that thousands of them take a call or two; any
//! other has a message of its own, which fails and waits alone.

use std::time::Duration;

use futures::StreamExt;
use futures::stream;
use tokio::time::{Instant, timeout_at};

use crate::job::Continuation;
use crate::platform::sqs::{LONGEST_DELAY, MOST_MESSAGES, NewMessage};

/// The most continuations in one message: an invocation gets through as many in a moment, and what
/// it does not it hands over again.
const MOST_SHARED: usize = 100;
/// The most bytes of the bodies of one call, and of a shared message: what older queues take.
const MOST_BYTES: usize = 256 * 1024;
/// Calls in flight.
const CALLS: usize = 8;
/// The time that a round of calls is given.
const ROUND: Duration = Duration::from_millis(50);
/// No call begins that soon before the end: no answer would come in time.
const LAST_CALL: Duration = Duration::from_millis(20);

/// Returns the time to reserve for handing over `jobs`, if each needs a message of its own.
pub(super) fn time_for(jobs: usize) -> Duration {
    ROUND * u32::try_from(jobs / (MOST_MESSAGES * CALLS)).unwrap_or(u32::MAX)
}

/// What is left of a job.
#[derive(Clone, Debug)]
pub(super) struct Remainder {
    /// The message to the next run.
    pub(super) continuation: Continuation,
    /// How long the next run waits.
    pub(super) delay: Duration,
    /// Whether it may share its message with others that wait as long.
    pub(super) may_share: bool,
}

/// A message with one remainder, or with several.
struct Parcel {
    /// The positions of its remainders.
    of: Vec<usize>,
    message: NewMessage,
    is_shared: bool,
}

/// Sends all `remainders` until `respond_by`, by calls of `send`, which returns the id of each
/// message. Returns the id of the message that each remainder is in, in order, or why it is in
/// none.
pub(super) async fn hand_over<C, F>(
    remainders: &[Remainder],
    respond_by: Instant,
    send: C,
) -> Vec<Result<String, String>>
where
    C: Fn(Vec<NewMessage>) -> F,
    F: Future<Output = Vec<Result<String, String>>>,
{
    let calls = calls(parcels(remainders));
    let send = &send;
    let sent = stream::iter(calls.into_iter().map(|call| async move {
        let messages: Vec<_> = call.iter().map(|it| it.message.clone()).collect();
        let results = in_time(respond_by, messages.len(), || send(messages)).await;
        call.into_iter()
            .zip(results)
            .map(|(parcel, result)| (parcel.of, result))
            .collect::<Vec<_>>()
    }));
    let mut all = vec![Err("it was not sent".to_owned()); remainders.len()];
    let mut sent = sent.buffer_unordered(CALLS);
    while let Some(call) = sent.next().await {
        for (of, result) in call {
            for at in of {
                if let Some(slot) = all.get_mut(at) {
                    slot.clone_from(&result);
                }
            }
        }
    }
    all
}

/// Runs a call for `count` messages; none begins, and none is awaited, once the time is up.
async fn in_time<F>(
    respond_by: Instant,
    count: usize,
    call: impl FnOnce() -> F,
) -> Vec<Result<String, String>>
where
    F: Future<Output = Vec<Result<String, String>>>,
{
    if Instant::now() + LAST_CALL >= respond_by {
        return vec![Err("the time was up before it could be sent".into()); count];
    }
    let answer = timeout_at(respond_by, call()).await;
    let no_answer = |_| vec![Err("no answer from SQS until the time was up".into()); count];
    answer.unwrap_or_else(no_answer)
}

/// Puts remainders into messages.
fn parcels(remainders: &[Remainder]) -> Vec<Parcel> {
    let mut parcels: Vec<Parcel> = Vec::new();
    // Where the last shared message of a delay stands.
    let mut open: Option<usize> = None;
    for (at, remainder) in remainders.iter().enumerate() {
        let body = serde_json::to_string(&remainder.continuation).unwrap_or_default();
        let delay = remainder.delay.min(LONGEST_DELAY);
        let shared = open.filter(|_| remainder.may_share);
        let shared = shared.and_then(|open| parcels.get_mut(open));
        let fits = |parcel: &&mut Parcel| {
            parcel.message.delay == delay
                && parcel.of.len() < MOST_SHARED
                && parcel.message.body.len() + body.len() + 3 < MOST_BYTES / MOST_MESSAGES
        };
        if let Some(parcel) = shared.filter(fits) {
            parcel.of.push(at);
            parcel.message.body.push(',');
            parcel.message.body.push_str(&body);
            continue;
        }
        if remainder.may_share {
            open = Some(parcels.len());
        }
        parcels.push(Parcel {
            of: vec![at],
            message: NewMessage { body, delay },
            is_shared: remainder.may_share,
        });
    }
    for parcel in parcels.iter_mut().filter(|parcel| parcel.is_shared) {
        parcel.message.body = format!("[{}]", parcel.message.body);
    }
    parcels
}

/// Puts messages into calls.
fn calls(parcels: Vec<Parcel>) -> Vec<Vec<Parcel>> {
    let mut calls: Vec<Vec<Parcel>> = Vec::new();
    let mut bytes = 0;
    for parcel in parcels {
        let length = parcel.message.body.len();
        let fits =
            |call: &&mut Vec<Parcel>| call.len() < MOST_MESSAGES && bytes + length <= MOST_BYTES;
        match calls.last_mut().filter(fits) {
            Some(call) => {
                bytes += length;
                call.push(parcel);
            }
            None => {
                bytes = length;
                calls.push(vec![parcel]);
            }
        }
    }
    calls
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::job::Job;

    fn remainders(count: usize, may_share: impl Fn(usize) -> bool) -> Vec<Remainder> {
        let remainder = |number: usize| {
            let job = Job::new("clicks", vec![format!("2026/11/21/23/{number}")]);
            let continuation = Continuation::new(&job, &job.object(), None, "request", true);
            Remainder {
                continuation,
                delay: Duration::from_secs(1),
                may_share: may_share(number),
            }
        };
        (0..count).map(remainder).collect()
    }

    /// Returns the keys that the bodies of messages name.
    fn keys(bodies: &[String]) -> Vec<String> {
        let values = bodies
            .iter()
            .flat_map(|body| match serde_json::from_str(body).unwrap() {
                Value::Array(list) => list,
                one => vec![one],
            });
        let key = |value: Value| Continuation::read(&value).unwrap().object().key;
        values.map(key).collect()
    }

    /// A queue that takes its time over a call.
    struct SlowQueue {
        took: Duration,
        bodies: RefCell<Vec<String>>,
        calls: RefCell<usize>,
        last_begin: RefCell<Option<Instant>>,
    }

    impl SlowQueue {
        fn new(took: Duration) -> SlowQueue {
            SlowQueue {
                took,
                bodies: RefCell::default(),
                calls: RefCell::default(),
                last_begin: RefCell::default(),
            }
        }

        async fn send(&self, messages: Vec<NewMessage>) -> Vec<Result<String, String>> {
            assert!(messages.len() <= MOST_MESSAGES);
            let bytes: usize = messages.iter().map(|it| it.body.len()).sum();
            assert!(bytes <= MOST_BYTES, "{bytes} bytes");
            *self.calls.borrow_mut() += 1;
            *self.last_begin.borrow_mut() = Some(Instant::now());
            // The paused clock goes on by so much.
            let never = std::future::pending::<()>();
            let _ = tokio::time::timeout(self.took, never).await;
            let count = messages.len();
            let bodies = messages.into_iter().map(|it| it.body);
            self.bodies.borrow_mut().extend(bodies);
            (0..count).map(|number| Ok(number.to_string())).collect()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn three_thousand_objects_that_were_not_begun_take_a_few_calls() {
        let queue = SlowQueue::new(Duration::from_millis(50));
        let left = remainders(3000, |_| true);
        let begin = Instant::now();
        let respond_by = begin + Duration::from_millis(200);
        let results = hand_over(&left, respond_by, |messages| queue.send(messages)).await;
        assert!(results.iter().all(Result::is_ok));
        assert!(*queue.calls.borrow() <= 4, "{:?} calls", queue.calls);
        let mut found = keys(&queue.bodies.borrow());
        found.sort_unstable();
        found.dedup();
        assert_eq!(found.len(), 3000);
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_that_is_reserved_is_enough_for_a_message_each() {
        for count in [1, 80, 3000, 20_000] {
            let queue = SlowQueue::new(ROUND);
            let left = remainders(count, |_| false);
            // A round may have begun already, and the last ends with the time.
            let respond_by = Instant::now() + time_for(count) + ROUND * 2;
            let results = hand_over(&left, respond_by, |messages| queue.send(messages)).await;
            assert!(results.iter().all(Result::is_ok), "{count} objects");
        }
    }

    proptest! {
        #[test]
        fn each_is_in_the_queue_or_has_an_error_and_no_call_begins_late(
            count in 0usize..900, share in 1usize..4, took_ms in 0u64..300, left_ms in 0u64..2000,
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .unwrap();
            runtime.block_on(async {
                let queue = SlowQueue::new(Duration::from_millis(took_ms));
                let left = remainders(count, |number| number % share == 0);
                let respond_by = Instant::now() + Duration::from_millis(left_ms);
                let results = hand_over(&left, respond_by, |messages| queue.send(messages)).await;
                assert!(Instant::now() <= respond_by + Duration::from_millis(1));
                assert!(queue.last_begin.borrow().is_none_or(|begin| begin < respond_by));
                let sent = keys(&queue.bodies.borrow());
                for (remainder, result) in left.iter().zip(&results) {
                    let message = serde_json::to_value(&remainder.continuation).unwrap();
                    let key = Continuation::read(&message).unwrap().object().key;
                    assert!(result.is_err() || sent.contains(&key), "{key}: {result:?}");
                }
                assert_eq!(results.len(), count);
            });
        }
    }
}

//! Forwards Rebrandly's click files from S3 to the systems that its environment names.
//!
//! # The flow
//!
//! ```text
//!  trigger    S3 · SQS · SNS · EventBridge · S3 Batch Operations · replay -> jobs
//!     |
//!  object     S3 | directory | memory: a byte stream
//!     |
//!  decode     gunzip -> frame JSON values -> record | bad record
//!     |
//!  click      one record for all spellings, with its id
//!     |
//!  transform  per target: plain filters -> jq filter -> privacy -> jq map
//!     |
//!  targets    for each: encode once -> batch to limits -> send -> verdict per record -> retry
//!     |
//!  progress   what is settled, so that an object that comes again goes on where it stopped
//!     |
//!  outcome    tally -> the response, one audit line for each target, metrics
//! ```
//!
//! `decode` and `click` are the crate [`clicks`], which does no I/O.
//!
//! # The words
//!
//! - An **object** is one click file in a bucket, or a local file that stands for one.
//! - A **record** is one JSON value in an object, or the bytes that stand in the place of one.
//! - A **click** is a record that is one visit of a short link: a JSON object with a readable
//!   `timestamp` and a `route`.
//! - A **bad record** is a record that is no click; it goes to the quarantine.
//! - Identical clicks of one object are counted: the **occurrence** of a click is its number among
//!   them, from 1. From the second on it is part of the click's id.
//! - A **job** asks for one object to be forwarded, and a **message** is what is acknowledged, or
//!   fails, as one: it holds any number of jobs.
//! - A **target** is a system that gets every click, by a name of the user's choice; its **kind**,
//!   for example `http`, is the code that knows how to speak to it.
//! - An **entry** is a click encoded for one target, and a **batch** is the entries that are queued
//!   together: one request, or several where an order is kept.
//! - A **lane** is the way of one object's clicks to one target: its batches, requests and counts.
//! - A **verdict** is what a target said of one entry: sent, retry, or rejected with a reason.
//! - The **quarantine** keeps bad and rejected records, each as a row with the reason, so that they
//!   can be forwarded again.
//! - A record is **settled** for a target once it is sent, filtered or quarantined. The **high
//!   watermark** is the offset before which every record is settled, but for those in the **gaps**;
//!   the **low watermark** is where the first gap begins, or the high watermark if there is none. A
//!   A gap runs over filtered records: those in it are judged again. A
//!   **checkpoint** is the write that stores high watermark and gaps.
//! - A **lease** is the time for which one run alone may forward an object; it is renewed while the
//!   run lives.
//!
//! # The rules
//!
//! 1. Only [`trigger`] and [`lambda`] know Lambda's runtime and its events.
//! 2. Only [`config::vars`] reads the environment.
//! 3. Only [`forward`] knows all stages of a click's way.
//! 4. Only [`deliver`] sends clicks, and only `deliver/retry.rs` waits for a target.
//! 5. A target knows one wire format and no other target: limits, encode, send once. No loop over
//!    attempts, no sleep, no environment, no arithmetic of sizes.
//! 6. [`clicks`], `deliver::batch` and `deliver::backoff` do no I/O, read no clock, and take their
//!    randomness as an argument.
//! 7. Conservation: read = sent + filtered + quarantined + failed, per object and target. Property
//!    tests and the audit line both prove it.
//!
//! Why things are as they are stands in `docs/decisions.md`.

// What the trigger asks of the forwarder, and what one run hands on to the next.
pub mod job;

// Reads an event of any shape as jobs.
#[cfg(feature = "aws")]
pub mod trigger;

// Opens, lists and writes objects in S3, in a directory or in memory.
pub mod object;

// Forwards one job through all stages, to one outcome; and a list of jobs side by side.
pub mod forward;

// Lets each target choose clicks and shape them.
pub mod transform;

// Carries entries to a target: batches, limits, retries, circuit breaker, order, ledger.
pub mod deliver;

// What a target is, and every kind of it.
pub mod targets;

// Stores how far each target got with each object, and leases objects to runs.
pub mod progress;

// Stores the records that cannot be delivered, so that they can be fed back.
pub mod quarantine;

// Counts what became of an object, and says it as audit lines and metrics.
pub mod outcome;

// Reads the configuration from variables, secrets and settings.
pub mod config;

// Plumbing that the stages share: AWS, queues, TLS, logs, metrics, the clock.
pub mod platform;

// Runs the forwarder as a Lambda function.
#[cfg(feature = "aws")]
pub mod lambda;

// Runs the forwarder, and its tools, as a command.
pub mod cli;

// Takes the place of what calls AWS in a build without it, and says how to get one with it.
#[cfg(not(feature = "aws"))]
pub mod without_aws;

//! Forwards Rebrandly's click files from S3 to the systems its environment names.
//!
//! ```text
//!  trigger    S3 · SQS · SNS · EventBridge · S3 Batch Operations · replay -> jobs, and the answer each wants
//!     |
//!  object     S3 | directory | memory: a byte stream
//!     |
//!  decode     gunzip -> frame JSON values -> record | bad record
//!     |
//!  click      one record for all spellings, with its id
//!     |
//!  target     per target: encode once -> batch to limits -> send -> verdict per record -> retry what is left
//!     |
//!  progress   what is settled, so that an object that comes again goes on where it stopped
//!     |
//!  outcome    tally -> the answer, one audit line a target
//! ```
//!
//! # Rules
//!
//! 1. Only [`trigger`] and `bin/` know Lambda.
//! 2. Only [`config::vars`] reads the environment.
//! 3. Only [`forward`] knows all stages.
//! 4. Only [`deliver`] sends, and only `deliver/retry.rs` waits for a target.
//! 5. A target knows one wire format and no other target: limits, encode, send once. No loop over
//!    attempts, no sleep, no environment, no arithmetic of sizes.
//! 6. `clicks`, `deliver::batch`, `deliver::backoff` and [`clicks::click`] do no I/O, read no clock,
//!    and take their randomness as an argument.
//! 7. Conservation: read = sent + filtered + quarantined + failed, per object and target.
//!
//! # Decisions
//!
//! - 2026-11-22: an own JSON parser ([`clicks::json`]), because a click must come out with the digits, escapes and
//!   unknown members it came with, and because framing and parsing are one pass over the bytes.
//! - 2026-11-22: the first of identical clicks hashes its canonical text alone, so that anyone can compute
//!   its id; the n-th adds a line feed and n.
//! - 2026-11-22: a refused body, 400, 413 or 422 alike, is one [`targets::SendError`]: the cure is to halve it.
//! - 2026-11-22: a bad record in many lines ends before the next line that begins with a bracket and is
//!   indented no further than the record: nothing inside it becomes a click.
//! - 2026-11-22: progress counts in plain offsets, not in records: a later decoder may count bad records
//!   otherwise. Up to 64 open ranges are spelled out; more, from requests taken in part, are packed.
//! - 2026-11-22: a write of progress is bound to the epoch of its claim and to the number of writes before it,
//!   so that one that was held up on its way can neither follow another's claim nor undo a later one.
//! - 2026-11-22: what comes again is recognised, not read: the orders of member names, and whole objects byte for
//!   byte, because the clicks of a link share most of their bytes. What is derived from either is worked out once.
//! - 2026-11-22: clicks are made on the thread that decodes them. Handing parsed records to another one was tried:
//!   moving them between processors cost what it saved. Blocks of whole lines are handed over instead, from their bytes
//!   to the entries of each target, as if every line held one record; what does not fit is read one by one.
//! - 2026-11-22: the key of a long envelope is looked for ahead, by counting brackets up to the end of its data, and its
//!   clicks are then decoded one by one. A tape of the whole of it cost twice its size in memory and half the speed.
//! - 2026-11-22: memory is bounded by shares of the function's: a sixteenth for the objects read side by side, an
//!   eighth for the entries on their way to all targets together.
//! - 2026-11-22: a lake's files are windows of the object, cut by its own bytes and hours, and are named after the
//!   clicks of their window: every run over the same clicks gives the same names, whatever was sent or filtered.
//! - 2026-11-22: Parquet is written column by column without Arrow, which would only stand between the row's text and
//!   the column.
//! - 2026-11-22: where an order is kept, batches that share a group stand in line for it, and a batch holds several
//!   requests, so that one popular link does not make every request one click.
//! - 2026-11-22: a run whose target was slow but settled something goes on in a fresh message; one that
//!   settled nothing is a failure, and its message waits.

pub mod job;

pub mod trigger;

pub mod object;

pub mod deliver;

pub mod forward;

pub mod progress;

pub mod quarantine;

pub mod outcome;

pub mod config;

pub mod targets;

pub mod platform;

pub mod lambda;

pub mod cli;

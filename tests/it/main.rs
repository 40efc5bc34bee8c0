//! The one integration binary. `target`: every kind against the same demands; `aws`: those inside
//! AWS; `objects`: S3 as it answers, and as others answer for it; `forward`: whole objects, faults and conservation; `blocks`: objects decoded in blocks of
//! any size; `trigger`: events and their responses; `progress`: runs that go on where others
//! stopped; `order`: what goes together and in turn; `cli`: the command as a person uses it; `docs`:
//! what the documents say; `settings`: values that stand elsewhere; `regress`: defects of the past.
//! What files hold and what becomes of a click is tested in `crates/clicks/tests`.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on must fail"
)]

mod aws;
mod blocks;
mod cli;
mod docs;
mod forward;
#[path = "../../crates/clicks/tests/it/golden.rs"]
mod golden;
mod objects;
mod order;
mod progress;
mod regress;
mod requests;
mod scripted;
mod settings;
mod support;
mod target;
mod trigger;

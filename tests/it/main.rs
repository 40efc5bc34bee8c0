//! The one integration binary:
//!
//! - `aws`: the kinds inside AWS
//! - `blocks`: objects decoded in blocks of any size
//! - `chaos`: random schedules of faults
//! - `cli`: the command as a person uses it
//! - `docs`: what the documents say
//! - `fed_back`: rows of the quarantine to whose clicks rules were applied
//! - `filters`: plain filters over whole objects, and lists in files
//! - `forward`: whole objects, faults and conservation
//! - `judged`: clicks that rules leave out, or fail on
//! - `lake`: a lake whose rules change
//! - `mistakes`: what is said of a wrong configuration
//! - `objects`: S3 as it answers, and as others answer for it
//! - `order`: what goes together and in turn
//! - `placeholders`: requests that are made from the click
//! - `preview`: what would be sent, shown
//! - `progress`: runs that go on where others stopped
//! - `regress`: defects of the past
//! - `requests`: golden requests of every kind
//! - `rules`: what rules do with clicks, case by case
//! - `settings`: values that stand elsewhere
//! - `target`: every kind against the same demands
//! - `trigger`: events and their responses
//!
//! What files hold and what becomes of a click is tested in `crates/clicks/tests`.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on must fail"
)]

mod aws;
mod blocks;
mod chaos;
mod cli;
mod docs;
mod evidence;
mod fed_back;
mod filters;
mod forward;
#[path = "../../crates/clicks/tests/it/golden.rs"]
mod golden;
mod judged;
mod lake;
mod mistakes;
mod objects;
mod order;
mod placeholders;
mod preview;
mod program;
mod progress;
mod regress;
mod requests;
mod rules;
mod scripted;
mod settings;
mod support;
mod target;
mod trigger;

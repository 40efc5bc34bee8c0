//! `files`: what the files of `data` hold, and what becomes of it; `framing`, `chunks`,
//! `envelopes`, `limits`: how records are found; `forms`, `columns`, `shapes`, `repeats`: what becomes
//! of them; `redact`: what is left of them; `fuzz`: any bytes; `dependencies`: what the crate is made of.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on must fail"
)]

mod chunks;
mod columns;
mod dependencies;
mod envelopes;
mod files;
mod forms;
mod framing;
mod fuzz;
mod golden;
mod limits;
mod redact;
mod repeats;
mod shapes;
mod support;

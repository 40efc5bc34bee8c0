//! Ctrl-C and SIGTERM.

use tokio::signal::unix::{SignalKind, signal};

use crate::cli::Exit;
use crate::deliver::Cancellation;

/// Returns a token that the first Ctrl-C or SIGTERM cancels, so that requests in flight are awaited
/// and progress is written. The second one ends the process.
pub(super) fn cancellation() -> Cancellation {
    let cancellation = Cancellation::default();
    let cancelled = cancellation.clone();
    tokio::spawn(async move {
        next_signal().await;
        cancelled.cancel();
        eprintln!("stopping; press Ctrl-C again to quit at once");
        next_signal().await;
        std::process::exit(Exit::Failed as i32);
    });
    cancellation
}

/// Returns at the next Ctrl-C or SIGTERM.
async fn next_signal() {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return drop(tokio::signal::ctrl_c().await);
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

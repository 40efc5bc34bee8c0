//! Ctrl-C and SIGTERM.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::cli::Exit;
use crate::deliver::Cancellation;
use crate::platform::stdio;

/// A signal that follows another so soon is the same key press: the terminal tells the whole group
/// of processes, and a wrapper such as `make` or `npm` passes it on.
const SAME: Duration = Duration::from_millis(200);

/// A wish that the run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interrupt {
    /// Ctrl-C.
    Interrupted,
    /// SIGTERM.
    Terminated,
}

impl Interrupt {
    /// Returns the exit code by which shells and supervisors know the signal.
    pub(super) fn exit(self) -> Exit {
        match self {
            Interrupt::Interrupted => Exit::Interrupted,
            Interrupt::Terminated => Exit::Terminated,
        }
    }
}

/// Listens for signals. The first one cancels the run, so that requests in flight are awaited and
/// progress is written; the second one ends the process.
#[derive(Clone, Default)]
pub(super) struct Interrupts {
    /// Cancelled by the first signal.
    pub(super) cancellation: Cancellation,
    first: Arc<OnceLock<Interrupt>>,
}

impl Interrupts {
    /// Starts to listen.
    pub(super) fn listen() -> Interrupts {
        let interrupts = Interrupts::default();
        let (sender, signals) = mpsc::channel(8);
        for (kind, interrupt) in [
            (SignalKind::interrupt(), Interrupt::Interrupted),
            (SignalKind::terminate(), Interrupt::Terminated),
        ] {
            let Ok(mut signal) = signal(kind) else {
                continue;
            };
            let sender = sender.clone();
            tokio::spawn(async move {
                while signal.recv().await.is_some() && sender.send(interrupt).await.is_ok() {}
            });
        }
        let listening = interrupts.clone();
        tokio::spawn(async move {
            if let Some(last) = listening.heed(signals).await {
                std::process::exit(last.exit() as i32);
            }
        });
        interrupts
    }

    /// Returns the signal that cancelled the run, if one did.
    pub(super) fn first(&self) -> Option<Interrupt> {
        self.first.get().copied()
    }

    /// Cancels at the first of `signals`, and returns the one that is to end the process at once.
    async fn heed(&self, mut signals: mpsc::Receiver<Interrupt>) -> Option<Interrupt> {
        let first = signals.recv().await?;
        let since = Instant::now();
        self.first.get_or_init(|| first);
        self.cancellation.cancel();
        stdio::say("stopping; press Ctrl-C again to quit at once\n");
        loop {
            let next = signals.recv().await?;
            if since.elapsed() >= SAME {
                return Some(next);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_signal_right_after_the_first_is_not_the_second() {
        let interrupts = Interrupts::default();
        let (sender, signals) = mpsc::channel(8);
        let heeding = tokio::spawn({
            let interrupts = interrupts.clone();
            async move { interrupts.heed(signals).await }
        });
        assert_eq!(interrupts.first(), None);
        sender.send(Interrupt::Interrupted).await.unwrap();
        interrupts.cancellation.cancelled().await;
        assert_eq!(interrupts.first(), Some(Interrupt::Interrupted));
        for _ in 0..3 {
            advance(Duration::from_millis(60)).await;
            sender.send(Interrupt::Terminated).await.unwrap();
            tokio::task::yield_now().await;
        }
        assert!(!heeding.is_finished());
        advance(Duration::from_millis(60)).await;
        sender.send(Interrupt::Interrupted).await.unwrap();
        assert_eq!(heeding.await.unwrap(), Some(Interrupt::Interrupted));
    }
}

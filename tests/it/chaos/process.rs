//! One process of the function, and the network between it and the world.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use super::world::{Service, State, World};

/// A process that can die, and be cut off for a while: then its requests and their answers wait.
pub struct Process {
    pub world: Arc<World>,
    invocation: AtomicUsize,
    is_dead: AtomicBool,
    cut_off_until: Mutex<Instant>,
}

/// The end of a request that had no answer.
pub struct Lost;

#[expect(
    clippy::disallowed_methods,
    reason = "the network takes time, in tokio's paused clock"
)]
impl Process {
    pub fn new(world: Arc<World>) -> Process {
        Process {
            world,
            invocation: AtomicUsize::new(0),
            is_dead: AtomicBool::new(false),
            cut_off_until: Mutex::new(Instant::now()),
        }
    }

    /// Begins an invocation, and returns its number.
    pub fn begin(&self) -> usize {
        let mut state = self.world.state();
        state.invocations += 1;
        self.invocation.store(state.invocations, Ordering::Relaxed);
        state.invocations
    }

    pub fn invocation(&self) -> usize {
        self.invocation.load(Ordering::Relaxed)
    }

    pub fn kill(&self) {
        self.is_dead.store(true, Ordering::Relaxed);
        self.note_trouble();
    }

    pub fn cut_off(&self, time: Duration) {
        let until = Instant::now() + time;
        *self.cut_off_until.lock().unwrap() = until;
        self.note_trouble();
    }

    /// Notes that this invocation may send again what was taken.
    pub fn note_trouble(&self) {
        let invocation = self.invocation();
        self.world.state().troubled.insert(invocation);
    }

    /// Carries a request to the world, where `act` answers it, and the answer back.
    pub async fn exchange<R>(
        &self,
        service: Service,
        act: impl FnOnce(&mut State) -> R,
    ) -> Result<R, Lost> {
        let share = self.world.faults.of(service);
        self.pass(service, 1..20).await;
        if self.world.happens(share / 2.0) {
            return Err(self.lost(service));
        }
        let answer = act(&mut self.world.state());
        self.pass(service, 1..40).await;
        if self.world.happens(share / 2.0) {
            return Err(self.lost(service));
        }
        Ok(answer)
    }

    fn lost(&self, service: Service) -> Lost {
        if service == Service::Table {
            self.note_trouble();
        }
        Lost
    }

    /// One way through the network.
    async fn pass(&self, service: Service, milliseconds: std::ops::Range<u64>) {
        self.connected().await;
        let slow = self.world.happens(self.world.faults.slow / 2.0);
        if slow && service != Service::Target {
            // The function may not wait so long for what it writes.
            self.note_trouble();
        }
        let most = if slow { 30_000 } else { milliseconds.end };
        let time = self.world.draw(milliseconds.start..most);
        sleep(Duration::from_millis(time)).await;
        self.connected().await;
    }

    /// Waits while the process is cut off; for ever if it is dead.
    async fn connected(&self) {
        if self.is_dead.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        let until = *self
            .cut_off_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        sleep_until(until).await;
        if self.is_dead.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    }
}

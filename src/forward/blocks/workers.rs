//! Decodes blocks of lines on several threads.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

use super::block::LinesDecoded;
use super::lines::LineBlock;
use super::pool::DecoderPool;
use super::task::DecodeTask;

/// Decodes the blocks of one object, on the runtime's threads for blocking work: its others must be
/// free for reading and sending.
pub(super) struct WorkerPool(Arc<Shared>);

struct Shared {
    task: DecodeTask,
    decoders: Arc<DecoderPool>,
    workers: usize,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    /// Threads that work on the queue. Each ends when it finds it empty.
    active: usize,
}

/// A block that waits for a thread.
struct Job {
    lines: Arc<LineBlock>,
    reply: oneshot::Sender<LinesDecoded>,
}

impl WorkerPool {
    /// Works with up to `workers` threads.
    pub(super) fn new(task: DecodeTask, decoders: Arc<DecoderPool>, workers: usize) -> WorkerPool {
        WorkerPool(Arc::new(Shared {
            task,
            decoders,
            workers,
            queue: Mutex::default(),
        }))
    }

    /// Queues a block. The receiver fails if the thread that decodes it panics.
    pub(super) fn submit(&self, lines: Arc<LineBlock>) -> oneshot::Receiver<LinesDecoded> {
        let (reply, decoded) = oneshot::channel();
        let mut queue = self.0.queue();
        queue.jobs.push_back(Job { lines, reply });
        if queue.active < self.0.workers {
            queue.active += 1;
            let shared = self.0.clone();
            spawn_blocking(move || shared.work());
        }
        decoded
    }
}

impl Drop for WorkerPool {
    fn drop(&mut self) {
        // Nobody waits for what is queued any more.
        self.0.queue().jobs.clear();
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Decodes blocks until none waits.
    fn work(&self) {
        let mut context = self.decoders.take(self.task.limits);
        while let Some(Job { lines, reply }) = self.next_job() {
            let decoded = context.decode_lines(&self.task, &lines);
            // Nobody waits any more if the object is given up.
            let _ = reply.send(decoded);
        }
        self.decoders.give_back(context);
    }

    fn next_job(&self) -> Option<Job> {
        let mut queue = self.queue();
        let job = queue.jobs.pop_front();
        if job.is_none() {
            queue.active -= 1;
        }
        job
    }
}

//! Batches jobs that arrive at the same time for one task. The task defines the work; this module only queues.

use std::future::Future;
use std::sync::{Mutex, PoisonError};
use tokio::sync::mpsc;

/// Capacity of the queue; senders wait when it is full.
const QUEUE: usize = 1024;

/// Upper bound on jobs per batch.
const BATCH: usize = 256;

/// How often the task yields before it checks for more jobs, unless one sender seems to be alone. Without it half-full batches alternate,
/// which lowers the throughput.
const BATCH_YIELDS: usize = 3;

/// The task is gone, and the job with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskEnded;

/// Sends jobs to one task, which is started by the first job. It ends with its last sender, or with the runtime.
#[derive(Debug)]
pub struct Batcher<J> {
    sender: Mutex<Option<mpsc::Sender<J>>>,
}

impl<J> Default for Batcher<J> {
    fn default() -> Self {
        Self { sender: Mutex::new(None) }
    }
}

impl<J: Send + 'static> Batcher<J> {
    /// Sends a job, and waits while the queue is full. `task` is started if none runs.
    ///
    /// # Errors
    /// [`TaskEnded`] if the task ended before it took the job.
    pub async fn send<F>(&self, job: J, task: impl FnOnce(Jobs<J>) -> F) -> Result<(), TaskEnded>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let sender = {
            let mut sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
            match &*sender {
                Some(running) if !running.is_closed() => running.clone(),
                _ => {
                    let (new, jobs) = mpsc::channel(QUEUE);
                    tokio::spawn(task(Jobs { receiver: jobs, last_batch: 0, waited: false }));
                    sender.insert(new).clone()
                }
            }
        };
        sender.send(job).await.map_err(|_| TaskEnded)
    }
}

/// The jobs of a task, in the order in which they were sent.
#[derive(Debug)]
pub struct Jobs<J> {
    receiver: mpsc::Receiver<J>,
    /// The size of the last batch.
    last_batch: usize,
    /// Whether no job was there when the last one was asked for.
    waited: bool,
}

impl<J> Jobs<J> {
    /// Waits for the next job; none if all senders are gone. Nothing is lost if the future is dropped.
    pub async fn next(&mut self) -> Option<J> {
        self.waited = self.receiver.is_empty();
        self.receiver.recv().await
    }

    /// A batch that begins with `first`: all jobs that have arrived, or arrive while other tasks run. If the last batch was one job and
    /// none came while it was done, its sender seems to be alone, and the batch does not wait for others.
    pub async fn batch(&mut self, first: J) -> Vec<J> {
        let mut batch = vec![first];
        let is_alone = self.waited && self.last_batch == 1;
        self.take_arrived(&mut batch);
        for _ in 0..if is_alone { 0 } else { BATCH_YIELDS } {
            tokio::task::yield_now().await;
            self.take_arrived(&mut batch);
        }
        self.last_batch = batch.len();
        batch
    }

    fn take_arrived(&mut self, batch: &mut Vec<J>) {
        while batch.len() < BATCH
            && let Ok(next) = self.receiver.try_recv()
        {
            batch.push(next);
        }
    }
}

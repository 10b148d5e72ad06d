//! The way to the committing task.

use super::{Committer, Job, Outcome};
use crate::StoreError;
use tokio::sync::{mpsc, oneshot};

/// How many commands may wait to be taken; more wait to wait.
const WAITING: usize = 1024;

/// The way to the task of one store. The task ends with the last sender, or with the runtime that it runs on.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    sender: std::sync::Mutex<Option<mpsc::Sender<Job>>>,
}

impl Queue {
    /// Gives a command to the task, which is started if none runs, and waits for what came of it.
    pub(crate) async fn submit(
        &self,
        committer: impl FnOnce() -> Committer,
        mut job: Job,
    ) -> Result<Outcome, StoreError> {
        let (reply, answer) = oneshot::channel();
        job.reply = Some(reply);
        let sender = {
            let mut sender = self.sender.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            match &*sender {
                Some(running) if !running.is_closed() => running.clone(),
                _ => {
                    let (new, jobs) = mpsc::channel(WAITING);
                    tokio::spawn(committer().run(jobs));
                    sender.insert(new).clone()
                }
            }
        };
        let gone = || StoreError::OutcomeUnknown("the committing task ended".to_owned());
        sender.send(job).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

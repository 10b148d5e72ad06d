//! Lets other tasks run during work that is done piece by piece.

use std::time::{Duration, Instant};

/// How long a task works before it lets others run.
const TURN: Duration = Duration::from_millis(5);

/// The pace of one task.
#[derive(Debug)]
pub struct Pace(Instant);

impl Pace {
    /// A task that begins now.
    #[must_use]
    pub fn begin() -> Self {
        Self(Instant::now())
    }

    /// Lets other tasks run if this one has worked long enough. To be called after each short piece of work.
    pub async fn pause(&mut self) {
        if self.0.elapsed() >= TURN {
            tokio::task::yield_now().await;
            self.0 = Instant::now();
        }
    }
}

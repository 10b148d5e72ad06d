//! Lets other tasks run during work that is done piece by piece.

use std::time::{Duration, Instant};

/// How long a task works before it lets others run. Looking at the clock takes 25 ns, a yield 1 us.
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

    /// To be called after each piece of work, which should take microseconds: lets others run if it is their turn.
    pub async fn pause(&mut self) {
        if self.0.elapsed() >= TURN {
            tokio::task::yield_now().await;
            self.0 = Instant::now();
        }
    }
}

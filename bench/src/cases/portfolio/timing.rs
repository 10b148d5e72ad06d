//! Medians over positions.

use crate::error::Result;
use crate::measure::{Figures, timed};
use std::fmt;
use std::time::Duration;

/// Positions all over the log, the last one among them.
pub(super) fn positions(last: i64, count: i64) -> Vec<i64> {
    (1..=count).map(|n| last * n / count.max(1)).collect()
}

pub(super) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// The slowest median of all rounds.
#[derive(Debug, Default)]
pub(super) struct Slowest {
    place: String,
    pub(super) time: f64,
}

impl fmt::Display for Slowest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the slowest was {:.2} ms at {}", self.time, self.place)
    }
}

/// The median time of this for each of these, in milliseconds.
pub(super) async fn median<P: Copy + fmt::Debug, T>(
    places: &[P],
    slowest: &mut Slowest,
    mut each: impl AsyncFnMut(P) -> Result<T>,
) -> Result<f64> {
    let mut times = Figures::default();
    for place in places {
        let (_, time) = timed(each(*place)).await?;
        let time = milliseconds(time);
        times.0.push(time);
        if time > slowest.time {
            *slowest = Slowest { place: format!("{place:?}"), time };
        }
    }
    Ok(times.median())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_all_over_the_log() {
        assert_eq!(positions(1_003, 4), [250, 501, 752, 1_003]);
    }
}

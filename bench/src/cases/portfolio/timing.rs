//! Medians over positions.

use crate::error::Result;
use crate::measure::{Figures, Measured, milliseconds};
use crate::meter::Meter;
use std::fmt;
use std::time::Instant;

/// Positions all over the log, the last one among them.
pub(super) fn positions(last: i64, count: i64) -> Vec<i64> {
    (1..=count).map(|n| last * n / count.max(1)).collect()
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

/// The median time of this for each of these, in milliseconds, and the mean processor time.
pub(super) async fn median<P: Copy + fmt::Debug, T>(
    meter: Meter<'_>,
    places: &[P],
    slowest: &mut Slowest,
    mut each: impl AsyncFnMut(P) -> Result<T>,
) -> Result<Measured> {
    let mut times = Figures::default();
    let ((), spent) = meter
        .timed(async {
            for place in places {
                let begun = Instant::now();
                each(*place).await?;
                let time = milliseconds(begun.elapsed());
                times.0.push(time);
                if time > slowest.time {
                    *slowest = Slowest { place: format!("{place:?}"), time };
                }
            }
            Ok(())
        })
        .await?;
    Ok(Measured::of(times.median(), i64::try_from(places.len()).unwrap_or(i64::MAX), spent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_all_over_the_log() {
        assert_eq!(positions(1_003, 4), [250, 501, 752, 1_003]);
    }
}

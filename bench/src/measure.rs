//! Alternating rounds of two sides, and their results.

use crate::case::{Better, Case, find};
use crate::error::{BenchError, Result};
use std::time::{Duration, Instant};

/// The figures of one side, one per round.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures(pub(crate) Vec<f64>);

impl Figures {
    /// The middle one, or the mean of the two in the middle.
    pub(crate) fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let half = sorted.len() / 2;
        match (sorted.get(half.wrapping_sub(1)), sorted.get(half)) {
            (Some(below), Some(above)) if sorted.len().is_multiple_of(2) => f64::midpoint(*below, *above),
            (_, Some(middle)) => *middle,
            _ => f64::NAN,
        }
    }

    pub(crate) fn min(&self) -> f64 {
        self.0.iter().copied().fold(f64::NAN, f64::min)
    }

    pub(crate) fn max(&self) -> f64 {
        self.0.iter().copied().fold(f64::NAN, f64::max)
    }
}

/// The outcome of one case.
#[derive(Clone, Debug)]
pub(crate) struct CaseResult {
    pub(crate) case: &'static Case,
    /// The amount of data.
    pub(crate) size: String,
    pub(crate) ours: Figures,
    pub(crate) theirs: Figures,
    /// The comparison which shows that both sides have the same result.
    pub(crate) checked: String,
    /// Additional figures.
    pub(crate) note: Option<String>,
}

impl CaseResult {
    /// An outcome of the case of that name, without figures.
    pub(crate) fn of(name: &str, size: impl Into<String>, checked: impl Into<String>) -> Result<Self> {
        let case = find(name).ok_or_else(|| BenchError::Failed(format!("there is no case {name}")))?;
        Ok(Self {
            case,
            size: size.into(),
            ours: Figures::default(),
            theirs: Figures::default(),
            checked: checked.into(),
            note: None,
        })
    }

    /// Larger is better for every unit.
    pub(crate) fn ratio(&self) -> f64 {
        match self.case.better {
            Better::More => self.ours.median() / self.theirs.median(),
            Better::Less => self.theirs.median() / self.ours.median(),
        }
    }
}

/// A number per duration.
pub(crate) fn rate(count: i64, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}

/// Runs and times.
pub(crate) async fn timed<T>(work: impl Future<Output = Result<T>>) -> Result<(T, Duration)> {
    let begun = Instant::now();
    let done = work.await?;
    Ok((done, begun.elapsed()))
}

/// Runs both sides once per round. They take turns in beginning, so that the effects of one side on the other are balanced.
pub(crate) async fn alternate(
    rounds: u32,
    mut ours: impl AsyncFnMut() -> Result<f64>,
    mut theirs: impl AsyncFnMut() -> Result<f64>,
) -> Result<(Figures, Figures)> {
    let (mut of_ours, mut of_theirs) = (Figures::default(), Figures::default());
    for round in 0..rounds {
        if round % 2 == 0 {
            of_ours.0.push(ours().await?);
        }
        of_theirs.0.push(theirs().await?);
        if round % 2 == 1 {
            of_ours.0.push(ours().await?);
        }
    }
    Ok((of_ours, of_theirs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_ratios_have_larger_as_better() {
        let mut rate = CaseResult::of("import", "", "").unwrap();
        (rate.ours, rate.theirs) = (Figures(vec![3.0, 1.0, 2.0]), Figures(vec![4.0, 2.0, 6.0, 4.0]));
        assert!((rate.ratio() - 0.5).abs() < 1e-9);
        let mut time = CaseResult::of("migrate", "", "").unwrap();
        (time.ours, time.theirs) = (rate.ours, rate.theirs);
        assert!((time.ratio() - 2.0).abs() < 1e-9);
        assert!((time.ours.min() - 1.0).abs() < 1e-9 && (time.ours.max() - 3.0).abs() < 1e-9);
    }

    #[tokio::test]
    async fn sides_take_turns_in_beginning() {
        let order = std::cell::RefCell::new(String::new());
        let side = async |name: char| {
            order.borrow_mut().push(name);
            Ok(1.0)
        };
        alternate(3, async || side('o').await, async || side('t').await).await.unwrap();
        assert_eq!(order.into_inner(), "ottoot");
    }
}

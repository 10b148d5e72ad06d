//! Alternating rounds of two sides, and their results.

use crate::case::{Better, Case};
use crate::case_list::find;
use crate::error::{BenchError, Result};
use crate::meter::Spent;
use std::time::Duration;

/// Figures of one kind, one per round.
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

/// What one round of one side measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    /// By the clock, in the unit of the case. For some cases it is memory.
    pub(crate) figure: f64,
    /// Processor time of one unit of work.
    pub(crate) work: Option<UnitCost>,
}

/// Processor time of one unit of work, in microseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UnitCost {
    pub(crate) program: f64,
    pub(crate) server: f64,
}

impl Measured {
    /// A figure without processor time: a latency of work that another case measures, memory, or a published figure.
    pub(crate) const fn figure(figure: f64) -> Self {
        Self { figure, work: None }
    }

    /// Units of work per second.
    pub(crate) fn rate(units: i64, spent: Spent) -> Self {
        Self::of(units as f64 / spent.clock.as_secs_f64(), units, spent)
    }

    /// The duration of these units of work in seconds.
    pub(crate) fn seconds(units: i64, spent: Spent) -> Self {
        Self::of(spent.clock.as_secs_f64(), units, spent)
    }

    /// The duration of one unit of work in milliseconds.
    pub(crate) fn milliseconds(spent: Spent) -> Self {
        Self::of(milliseconds(spent.clock), 1, spent)
    }

    /// A figure, and the processor time that was spent on these units of work.
    pub(crate) fn of(figure: f64, units: i64, spent: Spent) -> Self {
        let each = |time: Duration| time.as_secs_f64() * 1e6 / units as f64;
        let work =
            spent.processor.map(|time| UnitCost { program: each(time.program), server: each(time.server) });
        Self { figure, work }
    }
}

pub(crate) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// The rounds of one side.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rounds(pub(crate) Vec<Measured>);

impl Rounds {
    /// One round with a figure only.
    pub(crate) fn figure(figure: f64) -> Self {
        Self(vec![Measured::figure(figure)])
    }

    pub(crate) fn push(&mut self, round: Measured) {
        self.0.push(round);
    }

    /// By the clock.
    pub(crate) fn figures(&self) -> Figures {
        Figures(self.0.iter().map(|round| round.figure).collect())
    }

    /// The medians of a unit's processor time; `None` unless every round measured it.
    pub(crate) fn work(&self) -> Option<UnitCost> {
        let program = self.each(|cost| cost.program)?.median();
        Some(UnitCost { program, server: self.each(|cost| cost.server)?.median() })
    }

    /// A unit's processor time in program and server together, by rounds.
    pub(crate) fn processor(&self) -> Option<Figures> {
        self.each(|cost| cost.program + cost.server)
    }

    fn each(&self, of: impl Fn(UnitCost) -> f64) -> Option<Figures> {
        let each: Option<Vec<f64>> = self.0.iter().map(|round| round.work.map(&of)).collect();
        each.filter(|each| !each.is_empty()).map(Figures)
    }
}

/// The outcome of one case.
#[derive(Clone, Debug)]
pub(crate) struct CaseResult {
    pub(crate) case: &'static Case,
    /// The amount of data.
    pub(crate) size: String,
    pub(crate) ours: Rounds,
    pub(crate) theirs: Rounds,
    /// The comparison which shows that both sides have the same result.
    pub(crate) checked: String,
    /// Additional figures.
    pub(crate) note: Option<String>,
    /// Why there are no figures, on machines where the case cannot run.
    pub(crate) left_out: Option<String>,
}

impl CaseResult {
    /// An outcome of the case of that name, without figures.
    pub(crate) fn of(name: &str, size: impl Into<String>, checked: impl Into<String>) -> Result<Self> {
        let case = find(name).ok_or_else(|| BenchError::Failed(format!("there is no case {name}")))?;
        Ok(Self {
            case,
            size: size.into(),
            ours: Rounds::default(),
            theirs: Rounds::default(),
            checked: checked.into(),
            note: None,
            left_out: None,
        })
    }

    /// A case that cannot run here, for this reason.
    pub(crate) fn left_out(name: &str, size: impl Into<String>, reason: String) -> Result<Self> {
        Ok(Self { left_out: Some(reason), ..Self::of(name, size, "nothing")? })
    }

    /// By the clock. Larger is better for every unit.
    pub(crate) fn ratio(&self) -> f64 {
        let (ours, theirs) = (self.ours.figures().median(), self.theirs.figures().median());
        match self.case.unit.better {
            Better::More => ours / theirs,
            Better::Less => theirs / ours,
        }
    }

    /// Theirs over ours: how many times our processor time a unit of work takes them. `None` unless both were measured.
    pub(crate) fn processor_ratio(&self) -> Option<f64> {
        Some(self.theirs.processor()?.median() / self.ours.processor()?.median())
    }
}

/// Runs both sides once per round. They take turns in beginning, so that the effects of one side on the other are balanced.
pub(crate) async fn alternate(
    rounds: u32,
    mut ours: impl AsyncFnMut() -> Result<Measured>,
    mut theirs: impl AsyncFnMut() -> Result<Measured>,
) -> Result<(Rounds, Rounds)> {
    let (mut of_ours, mut of_theirs) = (Rounds::default(), Rounds::default());
    for round in 0..rounds {
        if round % 2 == 0 {
            of_ours.push(ours().await?);
        }
        of_theirs.push(theirs().await?);
        if round % 2 == 1 {
            of_ours.push(ours().await?);
        }
    }
    Ok((of_ours, of_theirs))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meter::ProcessorTime;

    fn rounds(figures: &[f64]) -> Rounds {
        Rounds(figures.iter().copied().map(Measured::figure).collect())
    }

    #[test]
    fn medians_and_ratios_have_larger_as_better() {
        let mut rate = CaseResult::of("import", "", "").unwrap();
        (rate.ours, rate.theirs) = (rounds(&[3.0, 1.0, 2.0]), rounds(&[4.0, 2.0, 6.0, 4.0]));
        assert!((rate.ratio() - 0.5).abs() < 1e-9);
        let mut time = CaseResult::of("migrate", "", "").unwrap();
        (time.ours, time.theirs) = (rate.ours, rate.theirs);
        assert!((time.ratio() - 2.0).abs() < 1e-9);
        let figures = time.ours.figures();
        assert!((figures.min() - 1.0).abs() < 1e-9 && (figures.max() - 3.0).abs() < 1e-9);
    }

    #[test]
    fn processor_time_is_per_unit_and_needs_both_sides() {
        let spent = |program, server| Spent {
            clock: Duration::from_secs(2),
            processor: Some(ProcessorTime {
                program: Duration::from_millis(program),
                server: Duration::from_millis(server),
            }),
        };
        let mut result = CaseResult::of("import", "", "").unwrap();
        result.ours = Rounds(vec![Measured::rate(1_000, spent(10, 30))]);
        result.theirs = rounds(&[1.0]);
        assert!((result.ours.figures().median() - 500.0).abs() < 1e-9);
        assert!((result.ours.processor().unwrap().median() - 40.0).abs() < 1e-9);
        assert!(result.processor_ratio().is_none());
        result.theirs = Rounds(vec![Measured::rate(500, spent(20, 40))]);
        assert!((result.processor_ratio().unwrap() - 3.0).abs() < 1e-9);
        result.theirs.push(Measured::figure(1.0));
        assert!(result.processor_ratio().is_none());
    }

    #[tokio::test]
    async fn sides_take_turns_in_beginning() {
        let order = std::cell::RefCell::new(String::new());
        let side = async |name: char| {
            order.borrow_mut().push(name);
            Ok(Measured::figure(1.0))
        };
        alternate(3, async || side('o').await, async || side('t').await).await.unwrap();
        assert_eq!(order.into_inner(), "ottoot");
    }
}

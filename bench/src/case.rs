//! A comparison of two sides, and the wanted ratios.

/// Whether a larger figure is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Better {
    /// Rates: the ratio is ours over theirs.
    More,
    /// Times and bytes: the ratio is theirs over ours.
    Less,
}

/// Cases that share their runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    Import,
    RebuildSql,
    RebuildCopy,
    RebuildReplay,
    Verify,
    Portfolio,
    RebuildScaling,
    Migrate,
    Original,
    Commands,
    Hot,
    Http,
    HttpBooked,
    Pooler,
    Memory,
    Growth,
    /// Programs in other languages, which run only if they are named.
    Peers,
}

impl Group {
    /// All cases, in the order in which they run.
    pub(crate) const ALL: [Self; 17] = [
        Self::Import,
        Self::RebuildSql,
        Self::RebuildCopy,
        Self::RebuildReplay,
        Self::Verify,
        Self::Portfolio,
        Self::RebuildScaling,
        Self::Migrate,
        Self::Original,
        Self::Commands,
        Self::Hot,
        Self::Http,
        Self::HttpBooked,
        Self::Pooler,
        Self::Memory,
        Self::Growth,
        Self::Peers,
    ];
}

/// What is compared.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CaseUnit {
    pub(crate) name: &'static str,
    pub(crate) better: Better,
    /// The unit of work for processor time.
    pub(crate) work: &'static str,
}

/// A wanted ratio. Larger is better.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WantedRatio {
    /// The required ratio.
    pub(crate) at_least: f64,
    /// The target ratio.
    pub(crate) aim: f64,
}

/// One comparison.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) group: Group,
    pub(crate) ours: &'static str,
    pub(crate) theirs: &'static str,
    pub(crate) unit: CaseUnit,
    /// Of the clock's figures.
    pub(crate) clock: Option<WantedRatio>,
    /// Of processor time.
    pub(crate) processor: Option<WantedRatio>,
    /// The required ratios at small sizes in the profile of the tests, the lowest of several runs: the fixed costs of a run (catalogues,
    /// journal, locks) outweigh the costs per row, and the code is not optimised.
    small_clock: Option<f64>,
    small_processor: Option<f64>,
}

/// How much of a required ratio of processor time is enough at small sizes. That is steady, unlike the clock.
const STEADY: f64 = 0.8;

/// A required ratio, of the clock or of processor time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Limit {
    pub(crate) of: RatioKind,
    pub(crate) required: f64,
    /// The share of it that is enough.
    pub(crate) factor: f64,
}

/// The two ratios of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RatioKind {
    Clock,
    Processor,
}

impl Case {
    pub(crate) const fn new(
        (name, group): (&'static str, Group),
        (ours, theirs): (&'static str, &'static str),
        unit: CaseUnit,
    ) -> Self {
        let (clock, processor, small_clock, small_processor) = (None, None, None, None);
        Self { name, group, ours, theirs, unit, clock, processor, small_clock, small_processor }
    }

    pub(crate) const fn clock(self, at_least: f64, aim: f64) -> Self {
        Self { clock: Some(WantedRatio { at_least, aim }), ..self }
    }

    pub(crate) const fn processor(self, at_least: f64, aim: f64) -> Self {
        Self { processor: Some(WantedRatio { at_least, aim }), ..self }
    }

    pub(crate) const fn small_clock(self, required: f64) -> Self {
        Self { small_clock: Some(required), ..self }
    }

    pub(crate) const fn small_processor(self, required: f64) -> Self {
        Self { small_processor: Some(required), ..self }
    }

    /// What `--enforce` requires. At small sizes the factor is that of the clock only, and a case with small targets of both kinds
    /// is held to that of processor time.
    pub(crate) fn limits(&self, factor: f64, small: bool) -> Vec<Limit> {
        let at_least = |target: Option<WantedRatio>| target.map(|target| target.at_least);
        let (clock, processor, processor_factor) = if small {
            let clock = match (self.small_clock, self.small_processor) {
                (Some(_), Some(_)) => None,
                (own, _) => own.or(at_least(self.clock)),
            };
            (clock, self.small_processor, STEADY)
        } else {
            (at_least(self.clock), at_least(self.processor), factor)
        };
        let clock = clock.map(|required| Limit { of: RatioKind::Clock, required, factor });
        let processor =
            processor.map(|required| Limit { of: RatioKind::Processor, required, factor: processor_factor });
        clock.into_iter().chain(processor).collect()
    }
}

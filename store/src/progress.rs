//! Progress of a run, and its cancellation.

/// Observes a run.
pub trait Progress: Sync {
    /// A step begins; `total` is its number of units of work, if known.
    fn step(&self, name: &str, total: Option<u64>);

    /// The number of units of the current step, which was unknown when it began. Rate and remaining time count from now.
    fn total(&self, _total: u64) {}

    /// This many units of the current step are done.
    fn advance(&self, done: u64);

    /// A note to show at once, such as which session blocks a lock.
    fn note(&self, text: &str);

    /// Whether the run should end. Checked between steps, while nothing is half done.
    fn interrupted(&self) -> bool {
        false
    }
}

/// No observer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn step(&self, _name: &str, _total: Option<u64>) {}
    fn advance(&self, _done: u64) {}
    fn note(&self, _text: &str) {}
}

//! How a run tells what it is doing, and hears that it should stop.

/// Who watches a run.
pub trait Progress: Sync {
    /// A step begins; `total` says how many units of work it has, if that is known.
    fn step(&self, name: &str, total: Option<u64>);

    /// So many units of the current step are done.
    fn advance(&self, done: u64);

    /// Something worth saying at once, such as who is in the way of a lock.
    fn note(&self, text: &str);

    /// Whether the run should end. Asked between steps, while nothing is half done.
    fn interrupted(&self) -> bool {
        false
    }
}

/// Nobody watches.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn step(&self, _name: &str, _total: Option<u64>) {}
    fn advance(&self, _done: u64) {}
    fn note(&self, _text: &str) {}
}

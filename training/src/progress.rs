//! How long work tells how far it is; the command line shows it as a bar or as log lines.

/// Told of stages and their progress, from one thread at a time.
pub trait Progress: Sync {
    /// A stage begins; `total` steps will follow, 0 where that is not known.
    fn begin(&self, stage: &str, total: u64);
    /// `done` steps of the stage are behind us.
    fn at(&self, done: u64);
    /// The stage is over; `summary` says in a few words what came of it.
    fn end(&self, summary: &str);
}

/// Tells nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _stage: &str, _total: u64) {}
    fn at(&self, _done: u64) {}
    fn end(&self, _summary: &str) {}
}

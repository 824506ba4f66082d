//! Progress of long work: a bar on a terminal, lines elsewhere.

use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use training::progress::Progress;

/// Steady redraws, so that a long step does not look like a stop.
const TICK: Duration = Duration::from_millis(120);

/// Shows one stage after the other on standard error.
pub(super) struct Shown {
    is_terminal: bool,
    stage: Mutex<Stage>,
}

struct Stage {
    name: String,
    bar: ProgressBar,
    started: Instant,
}

impl Shown {
    /// A bar where standard error is a terminal, lines where it is not.
    pub(super) fn new() -> Self {
        let stage = Stage { name: String::new(), bar: ProgressBar::hidden(), started: Instant::now() };
        Self { is_terminal: std::io::stderr().is_terminal(), stage: Mutex::new(stage) }
    }

    fn with_stage<T>(&self, act: impl FnOnce(&mut Stage) -> T) -> T {
        act(&mut self.stage.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Progress for Shown {
    fn begin(&self, stage: &str, total: u64) {
        let bar = match (self.is_terminal, total) {
            (false, _) => ProgressBar::hidden(),
            (true, 0) => ProgressBar::new_spinner(),
            (true, total) => ProgressBar::new(total),
        };
        let template =
            if total == 0 { "{spinner} {msg} {pos}" } else { "{spinner} {msg} {bar:30} {pos}/{len} {eta}" };
        bar.set_style(
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()),
        );
        bar.set_message(stage.to_owned());
        bar.enable_steady_tick(TICK);
        self.with_stage(|shown| *shown = Stage { name: stage.to_owned(), bar, started: Instant::now() });
    }

    fn at(&self, done: u64) {
        self.with_stage(|stage| stage.bar.set_position(done));
    }

    fn end(&self, summary: &str) {
        self.with_stage(|stage| {
            stage.bar.finish_and_clear();
            let seconds = stage.started.elapsed().as_secs_f64();
            let separator = if summary.is_empty() { "" } else { ": " };
            eprintln!("{:>8.1} s  {}{separator}{summary}", seconds, stage.name);
        });
    }
}

//! How long a part is waited for that an answer can do without.
//!
//! Who waits holds a place that others need. So a part that used up all patience a moment ago is waited for only briefly: were it
//! stuck, hardly anyone would be answered (a circuit breaker that is never quite open; Nygard, "Release It!", 2007).

use crate::config::Config;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// For how long after it used up all patience a part is waited for briefly only.
const MISTRUST: Duration = Duration::from_secs(1);

/// The part of the patience that is left then.
const BRIEF: u32 = 20;

/// The patience with one part.
#[derive(Debug)]
pub struct Patience {
    whole: Duration,
    opened: Instant,
    /// Until when the part is mistrusted, in milliseconds after `opened`.
    mistrusted_until: AtomicU64,
}

/// The parts that answers can do without.
#[derive(Debug)]
pub struct Patiences {
    /// Reads of the store.
    pub store: Patience,
    /// Searches of the index.
    pub index: Patience,
}

impl Patiences {
    /// Those that a configuration wants.
    pub fn new(config: &Config) -> Self {
        let index = Duration::from_millis(config.index.deadline_ms);
        Self { store: Patience::new(config.store.read_deadline()), index: Patience::new(index) }
    }
}

impl Patience {
    /// Patience of so long.
    pub fn new(whole: Duration) -> Self {
        Self { whole, opened: Instant::now(), mistrusted_until: AtomicU64::new(0) }
    }

    /// How long to wait that starts now.
    pub fn now(&self) -> Duration {
        let mistrusted = self.since_opened() < self.mistrusted_until.load(Ordering::Relaxed);
        if mistrusted { self.whole / BRIEF } else { self.whole }
    }

    /// Takes note that a wait of [`Self::now`] was in vain. A brief one says nothing: the part may only be slow.
    pub fn ran_out(&self, waited: Duration) {
        if waited == self.whole {
            let until = self.since_opened() + MISTRUST.as_millis() as u64;
            self.mistrusted_until.fetch_max(until, Ordering::Relaxed);
        }
    }

    fn since_opened(&self) -> u64 {
        self.opened.elapsed().as_millis() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_used_up_all_patience_is_waited_for_briefly_until_it_may_have_recovered() {
        let patience = Patience::new(Duration::from_millis(400));
        assert_eq!(patience.now(), Duration::from_millis(400));
        patience.ran_out(Duration::from_millis(20));
        assert_eq!(patience.now(), Duration::from_millis(400), "a brief wait says nothing");
        patience.ran_out(Duration::from_millis(400));
        assert_eq!(patience.now(), Duration::from_millis(20));
        patience.mistrusted_until.store(0, Ordering::Relaxed);
        assert_eq!(patience.now(), Duration::from_millis(400), "it is asked again with all patience");
    }
}

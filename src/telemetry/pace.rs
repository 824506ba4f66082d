//! How often something may be said.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lets at most so many lines through in a period, and counts what it leaves out.
#[derive(Debug)]
pub(super) struct Pace {
    most: u32,
    period: Duration,
    window: Mutex<Window>,
}

#[derive(Debug, Default)]
struct Window {
    since: Option<Instant>,
    said: u32,
    left_out: u64,
}

impl Pace {
    pub(super) const fn new(most: u32, period: Duration) -> Self {
        Self { most, period, window: Mutex::new(Window { since: None, said: 0, left_out: 0 }) }
    }

    /// Whether one more may be said at a moment; if so, how many were left out since the last one.
    pub(super) fn admit(&self, now: Instant) -> Option<u64> {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        if window.since.is_none_or(|since| now.saturating_duration_since(since) >= self.period) {
            *window = Window { since: Some(now), said: 0, left_out: window.left_out };
        }
        if window.said == self.most {
            window.left_out += 1;
            return None;
        }
        window.said += 1;
        Some(std::mem::take(&mut window.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_of_a_period_is_told_with_the_first_line_of_the_next() {
        let pace = Pace::new(2, Duration::from_secs(1));
        let start = Instant::now();
        let told: Vec<_> = [0, 10, 20, 999, 1000, 1001, 1002, 5000]
            .map(|ms| pace.admit(start + Duration::from_millis(ms)))
            .into();
        assert_eq!(told, [Some(0), Some(0), None, None, Some(2), Some(0), None, Some(1)]);
    }
}

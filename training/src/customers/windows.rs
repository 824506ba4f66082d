//! At which dates customers are looked at, so that what is learned, calibrated and judged lie behind each other.
//!
//! ```text
//!            fit        fit      calibrate     judge
//! ──┬──────────┬──────────┬──────────┬──────────┬─► time
//!   origins    │ horizon  │ horizon  │ horizon  │ end
//! ```
//! From an origin one sees what was before it, and is asked what happens within the horizon after it. Every answer that
//! the fit learns from is known before the calibration's origin, and every one of those before the judge's.

use models::events::{DAY_SECONDS, Timestamp};
use serde::{Deserialize, Serialize};

/// The dates of one study.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Windows {
    /// How far ahead is asked, in days.
    pub horizon_days: f64,
    /// Origins to fit on, the latest first.
    pub fit: Vec<Timestamp>,
    /// The origin to calibrate on.
    pub calibrate: Timestamp,
    /// Where all answers to the calibration are known: the origin to judge on, or the moment of the release.
    pub known_until: Timestamp,
}

/// The horizons to choose from where none is stated, in days.
const HORIZONS: [f64; 6] = [90.0, 60.0, 30.0, 14.0, 7.0, 3.0];

/// A horizon is chosen where it fits so often into the history; a stated one need fit only [`LEAST_WINDOWS`] times.
const WINDOWS: f64 = 12.0;

/// History before the first origin, a window to fit on, one to calibrate on, and one to judge on.
const LEAST_WINDOWS: f64 = 4.0;

/// At most so many origins are fitted on: older ones say less of today.
const MOST_FITS: usize = 6;

/// The horizon to ask about: the stated one, or the longest usual one that fits twelve times into the history.
///
/// # Errors
/// In words, with what would suffice, where the history is too short.
pub fn horizon(stated: Option<f64>, span_days: f64) -> Result<f64, String> {
    match stated {
        Some(days) if days * LEAST_WINDOWS > span_days => Err(format!(
            "a horizon of {days} days needs a history of at least {} days, but this one spans {span_days:.0}: \
             give a longer history or a shorter horizon (training.churn.horizon_days)",
            days * LEAST_WINDOWS
        )),
        Some(days) => Ok(days),
        None => HORIZONS.into_iter().find(|days| days * WINDOWS <= span_days).ok_or_else(|| {
            format!(
                "the history spans {span_days:.0} days; to say who will not come back it must span at least {:.0}",
                HORIZONS[HORIZONS.len() - 1] * WINDOWS
            )
        }),
    }
}

impl Windows {
    /// The origins behind `end`, as many as the history from `first` on has room for.
    ///
    /// Origins lie on midnights (UTC), which no act crosses.
    pub fn before(end: Timestamp, first: Timestamp, horizon_days: f64) -> Self {
        let back = |from: Timestamp, horizons: f64| midnight(from.minus_days(horizons * horizon_days));
        let calibrate = back(end, 1.0);
        let origins = (1..).map(|n| back(calibrate, f64::from(n)));
        // Whoever is looked at must have had a horizon's time to show how they buy.
        let fit =
            origins.take(MOST_FITS).take_while(|origin| origin.days_since(first) >= horizon_days).collect();
        Self { horizon_days, fit, calibrate, known_until: end }
    }
}

/// The start of the day in UTC.
pub fn midnight(at: Timestamp) -> Timestamp {
    Timestamp(at.day().saturating_mul(DAY_SECONDS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_is_known_before_the_next_use_of_it() {
        let day = |days: i64| Timestamp(days * DAY_SECONDS);
        let windows = Windows::before(Timestamp(400 * DAY_SECONDS + 7), day(0), 30.0);
        assert_eq!(windows.calibrate, day(370));
        assert_eq!(windows.fit.len(), MOST_FITS);
        assert!(windows.fit.iter().all(|fit| windows.calibrate.days_since(*fit) >= 30.0));
        assert_eq!(Windows::before(day(100), day(0), 30.0).fit, [day(40)], "the one before lacks history");
    }

    #[test]
    fn a_short_history_is_refused_with_what_would_suffice() {
        assert_eq!(horizon(None, 373.0), Ok(30.0));
        assert!(horizon(None, 20.0).unwrap_err().contains("at least 36"));
        assert!(horizon(Some(30.0), 100.0).unwrap_err().contains("at least 120 days"));
    }
}

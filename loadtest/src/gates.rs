//! What must hold: objectives of latency and of quality, judged on what was measured.

use crate::report::Figures;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Limits; what is left out is not judged.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Gates {
    /// The most milliseconds within which half of the accepted requests are answered.
    pub p50_ms: Option<f64>,
    /// The same for 99 of 100.
    pub p99_ms: Option<f64>,
    /// The same for 999 of 1,000.
    pub p99_9_ms: Option<f64>,
    /// The largest share of requests without an answer, or with one that is neither 2xx, 429 nor 503.
    pub error_share: Option<f64>,
    /// The largest share of requests that are turned away with 429 or 503.
    pub shed_share: Option<f64>,
    /// The most milliseconds within which 99 of 100 requests are turned away.
    pub shed_p99_ms: Option<f64>,
    /// The largest share of accepted answers that are not as expected.
    pub unmet_share: Option<f64>,
    /// The largest share of accepted answers with a mark, of those that are looked at for it, by the mark's name.
    pub mark_shares: BTreeMap<String, f64>,
    /// How many times its value in the first phase the p99 of accepted requests may be.
    pub p99_times: Option<f64>,
    /// The most seconds until slices of one second are as in the first phase again.
    pub recovery_seconds: Option<f64>,
}

/// What was measured beside the figures of the phase itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Beside {
    /// The p99 of accepted requests in the first phase.
    pub first_p99_ms: Option<f64>,
    /// Seconds until it was as in the first phase again; none when it never was.
    pub recovery_seconds: Option<f64>,
}

/// One limit, and whether it held.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// Which limit.
    pub gate: String,
    /// The most that is allowed.
    pub limit: f64,
    /// What was measured; nothing where there was nothing to measure it on.
    pub measured: Option<f64>,
    /// Whether it held.
    pub held: bool,
}

impl Gates {
    /// The limits of a phase above those of its workload.
    #[must_use]
    pub fn over(&self, below: &Self) -> Self {
        let mut mark_shares = below.mark_shares.clone();
        mark_shares.extend(self.mark_shares.clone());
        Self {
            p50_ms: self.p50_ms.or(below.p50_ms),
            p99_ms: self.p99_ms.or(below.p99_ms),
            p99_9_ms: self.p99_9_ms.or(below.p99_9_ms),
            error_share: self.error_share.or(below.error_share),
            shed_share: self.shed_share.or(below.shed_share),
            shed_p99_ms: self.shed_p99_ms.or(below.shed_p99_ms),
            unmet_share: self.unmet_share.or(below.unmet_share),
            mark_shares,
            p99_times: self.p99_times.or(below.p99_times),
            recovery_seconds: self.recovery_seconds.or(below.recovery_seconds),
        }
    }

    /// Adds what is wrong with the limits, each with its place and value.
    pub fn check(&self, at: &str, faults: &mut Vec<String>) {
        let shares = [
            ("error_share", self.error_share),
            ("shed_share", self.shed_share),
            ("unmet_share", self.unmet_share),
        ];
        let marks =
            self.mark_shares.iter().map(|(name, share)| (format!("mark_shares.{name}"), Some(*share)));
        for (name, share) in shares.map(|(name, share)| (name.to_owned(), share)).into_iter().chain(marks) {
            if share.is_some_and(|share| !(0.0..=1.0).contains(&share)) {
                faults.push(format!("{at}.{name} must be a share from 0 to 1, but is {share:?}"));
            }
        }
        let numbers = [
            ("p50_ms", self.p50_ms),
            ("p99_ms", self.p99_ms),
            ("p99_9_ms", self.p99_9_ms),
            ("shed_p99_ms", self.shed_p99_ms),
            ("p99_times", self.p99_times),
            ("recovery_seconds", self.recovery_seconds),
        ];
        for (name, number) in numbers {
            if number.is_some_and(|number| !number.is_finite() || number < 0.0) {
                faults.push(format!("{at}.{name} must be a number of at least 0, but is {number:?}"));
            }
        }
    }

    /// Judges what was measured. A latency of which there is no answer does not hold, a share of nothing does.
    pub fn judge(&self, figures: &Figures, beside: &Beside) -> Vec<Judged> {
        let accepted = figures.accepted_ms.as_ref();
        let p99 = accepted.map(|ms| ms.p99);
        let times = p99.zip(beside.first_p99_ms).map(|(now, first)| now / first.max(f64::MIN_POSITIVE));
        let share = |count: u64, of: u64| Some(if of == 0 { 0.0 } else { count as f64 / of as f64 });
        let mut judged = Vec::new();
        let mut judge = |gate: &str, limit: Option<f64>, measured: Option<f64>| {
            let Some(limit) = limit else { return };
            let held = measured.is_some_and(|measured| measured <= limit);
            judged.push(Judged { gate: gate.to_owned(), limit, measured, held });
        };
        judge("p50_ms", self.p50_ms, accepted.map(|ms| ms.p50));
        judge("p99_ms", self.p99_ms, p99);
        judge("p99_9_ms", self.p99_9_ms, accepted.map(|ms| ms.p99_9));
        judge("error_share", self.error_share, share(figures.failed, figures.due));
        judge("shed_share", self.shed_share, share(figures.shed, figures.due));
        // Where nothing is turned away, nothing is turned away slowly.
        judge("shed_p99_ms", self.shed_p99_ms, Some(figures.shed_ms.as_ref().map_or(0.0, |ms| ms.p99)));
        judge("unmet_share", self.unmet_share, share(figures.unmet, figures.accepted));
        for (mark, limit) in &self.mark_shares {
            let marked = figures.marks.get(mark).copied().unwrap_or_default();
            judge(&format!("mark_shares.{mark}"), Some(*limit), share(marked.count, marked.of));
        }
        judge("p99_times", self.p99_times, times);
        judge("recovery_seconds", self.recovery_seconds, beside.recovery_seconds);
        judged
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Marked, Quantiles};

    fn figures() -> Figures {
        let ms = Quantiles { p50: 1.0, p90: 2.0, p99: 4.0, p99_9: 8.0, max: 9.0, mean: 1.2 };
        Figures {
            due: 1000,
            accepted: 900,
            shed: 90,
            failed: 10,
            unmet: 9,
            accepted_ms: Some(ms),
            marks: BTreeMap::from([("fallback".to_owned(), Marked { count: 90, of: 900 })]),
            ..Figures::default()
        }
    }

    #[test]
    fn each_gate_holds_up_to_its_limit_and_not_beyond() {
        let beside = Beside { first_p99_ms: Some(2.0), recovery_seconds: Some(1.0) };
        let at_the_limit = Gates {
            p50_ms: Some(1.0),
            p99_ms: Some(4.0),
            p99_9_ms: Some(8.0),
            error_share: Some(0.01),
            shed_share: Some(0.09),
            shed_p99_ms: None,
            unmet_share: Some(0.01),
            mark_shares: BTreeMap::from([("fallback".to_owned(), 0.1)]),
            p99_times: Some(2.0),
            recovery_seconds: Some(1.0),
        };
        let judged = at_the_limit.judge(&figures(), &beside);
        assert_eq!(judged.len(), 9);
        assert!(judged.iter().all(|gate| gate.held), "{judged:?}");
        let below = |limit: Option<f64>| limit.map(|limit| limit * 0.99);
        let stricter = Gates {
            p50_ms: below(at_the_limit.p50_ms),
            p99_ms: below(at_the_limit.p99_ms),
            p99_9_ms: below(at_the_limit.p99_9_ms),
            error_share: below(at_the_limit.error_share),
            shed_share: below(at_the_limit.shed_share),
            shed_p99_ms: None,
            unmet_share: below(at_the_limit.unmet_share),
            mark_shares: BTreeMap::from([("fallback".to_owned(), 0.099)]),
            p99_times: below(at_the_limit.p99_times),
            recovery_seconds: below(at_the_limit.recovery_seconds),
        };
        assert!(stricter.judge(&figures(), &beside).iter().all(|gate| !gate.held));
    }

    #[test]
    fn a_latency_that_nobody_had_does_not_hold() {
        let gates = Gates { p99_ms: Some(5.0), recovery_seconds: Some(1.0), ..Gates::default() };
        let judged = gates.judge(&Figures { due: 5, failed: 5, ..Figures::default() }, &Beside::default());
        assert!(judged.iter().all(|gate| !gate.held && gate.measured.is_none()), "{judged:?}");
    }

    #[test]
    fn a_phase_overrides_its_workload_limit_by_limit() {
        let workload = Gates { p99_ms: Some(5.0), shed_share: Some(0.0), ..Gates::default() };
        let phase = Gates { shed_share: Some(1.0), ..Gates::default() };
        let both = phase.over(&workload);
        assert_eq!((both.p99_ms, both.shed_share), (Some(5.0), Some(1.0)));
    }
}

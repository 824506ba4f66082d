//! Figures of one phase, made of a tally.

use crate::gates::Judged;
use crate::process::Usage;
use crate::tally::{Class, KindTally, Outcome, Slice, Tally, TallyError};
use crate::workload::Request;
use hdrhistogram::{Counter, Histogram};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Latencies in milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quantiles {
    /// Half are at most this.
    pub p50: f64,
    /// 90 of 100 are.
    pub p90: f64,
    /// 99 of 100 are.
    pub p99: f64,
    /// 999 of 1,000 are.
    pub p99_9: f64,
    /// The longest.
    pub max: f64,
    /// The mean.
    pub mean: f64,
}

/// What came of requests.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Requests that were due.
    pub due: u64,
    /// Answered with 2xx.
    pub accepted: u64,
    /// Turned away with 429 or 503.
    pub shed: u64,
    /// Not answered, or answered otherwise.
    pub failed: u64,
    /// Accepted, but the answer was not as expected.
    pub unmet: u64,
    /// Accepted answers with a mark, by its name.
    pub marks: BTreeMap<String, Marked>,
    /// Latencies of the accepted ones.
    pub accepted_ms: Option<Quantiles>,
    /// Of those that were turned away.
    pub shed_ms: Option<Quantiles>,
    /// Of those that failed.
    pub failed_ms: Option<Quantiles>,
}

/// Answers with a mark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Marked {
    /// How many have it.
    pub count: u64,
    /// Of how many accepted answers that were looked at for it.
    pub of: u64,
}

/// What came of the requests of one kind.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Kind {
    /// Its name.
    pub name: String,
    /// All of them.
    pub figures: Figures,
    /// By status, or by what happened instead of an answer.
    pub outcomes: BTreeMap<String, OutcomeFigures>,
}

/// What came of the requests with one outcome.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OutcomeFigures {
    /// How many.
    pub count: u64,
    /// Their latencies.
    pub ms: Quantiles,
}

/// How the generator did.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Generator {
    /// How late it turned to requests that were due; nothing in a closed loop.
    pub late_ms: Option<Quantiles>,
    /// The share of requests that waited for a connection.
    pub waited_share: f64,
    /// How long those waited.
    pub waited_ms: Option<Quantiles>,
    /// What its process used.
    pub usage: Option<Usage>,
}

/// One phase.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Phase {
    /// Its name.
    pub name: String,
    /// Requests a second that were due; nothing in a closed loop.
    pub rate: Option<f64>,
    /// How long it lasted.
    pub seconds: f64,
    /// Accepted answers a second that arrived within it.
    pub accepted_per_second: f64,
    /// The requests of the mix.
    pub figures: Figures,
    /// By kind; those that are asked every so many seconds are among them.
    pub kinds: Vec<Kind>,
    /// The p99 of accepted requests by the second in which they were due; null where none was accepted.
    pub p99_ms_by_second: Vec<Option<f64>>,
    /// How the generator did.
    pub generator: Generator,
    /// What the service's process used.
    pub server: Option<Usage>,
    /// Limits, and whether they held.
    pub gates: Vec<Judged>,
    /// Seconds until this phase was as the first again.
    pub recovery_seconds: Option<f64>,
    /// What makes these figures doubtful.
    pub warnings: Vec<String>,
}

impl Phase {
    /// Whether all gates held.
    pub fn held(&self) -> bool {
        self.gates.iter().all(|gate| gate.held)
    }

    /// Milliseconds of the service's processor time for each accepted request; nothing where its process is not known.
    pub fn cpu_ms_per_accepted(&self) -> Option<f64> {
        let accepted = (self.accepted_per_second * self.seconds).max(1.0);
        Some(self.server.as_ref()?.cpu_seconds * 1e3 / accepted)
    }
}

impl Quantiles {
    /// Of a histogram of microseconds; nothing of an empty one.
    pub fn of<C: Counter>(microseconds: &Histogram<C>) -> Option<Self> {
        let ms = |quantile| microseconds.value_at_quantile(quantile) as f64 / 1e3;
        (!microseconds.is_empty()).then(|| Self {
            p50: ms(0.5),
            p90: ms(0.9),
            p99: ms(0.99),
            p99_9: ms(0.999),
            max: microseconds.max() as f64 / 1e3,
            mean: microseconds.mean() / 1e3,
        })
    }
}

/// The figures of some kinds together. Errors of what is asked every so many seconds count, its latencies do not.
pub(super) fn together(tally: &Tally, requests: &[Request]) -> Result<Figures, TallyError> {
    let kinds = tally.kinds.iter().zip(requests).filter(|(_, request)| request.is_of_the_mix());
    let mut figures = figures(kinds)?;
    let others = tally.kinds.iter().zip(requests).filter(|(_, request)| !request.is_of_the_mix());
    for (kind, _) in others {
        for (outcome, latencies) in &kind.outcomes {
            figures.due += latencies.len();
            match outcome.class() {
                Class::Accepted => figures.accepted += latencies.len(),
                Class::Shed => figures.shed += latencies.len(),
                Class::Failed => figures.failed += latencies.len(),
            }
        }
        figures.unmet += kind.unmet;
    }
    Ok(figures)
}

/// The figures of each kind apart.
pub(super) fn by_kind(tally: &Tally, requests: &[Request]) -> Result<Vec<Kind>, TallyError> {
    let kind = |(kind, request): (&KindTally, &Request)| {
        let outcome = |(outcome, latencies): &(Outcome, Histogram<u64>)| {
            let ms = Quantiles::of(latencies)?;
            Some((outcome.to_string(), OutcomeFigures { count: latencies.len(), ms }))
        };
        Ok(Kind {
            name: request.name.clone(),
            figures: figures([(kind, request)].into_iter())?,
            outcomes: kind.outcomes.iter().filter_map(outcome).collect(),
        })
    };
    tally.kinds.iter().zip(requests).map(kind).collect()
}

fn figures<'a>(kinds: impl Iterator<Item = (&'a KindTally, &'a Request)>) -> Result<Figures, TallyError> {
    let mut figures = Figures::default();
    let mut by_class: [Option<Histogram<u64>>; 3] = [None, None, None];
    for (kind, request) in kinds {
        for (outcome, latencies) in &kind.outcomes {
            let (count, place) = match outcome.class() {
                Class::Accepted => (&mut figures.accepted, 0),
                Class::Shed => (&mut figures.shed, 1),
                Class::Failed => (&mut figures.failed, 2),
            };
            *count += latencies.len();
            figures.due += latencies.len();
            match &mut by_class[place] {
                Some(sum) => sum.add(latencies)?,
                none => *none = Some(latencies.clone()),
            }
        }
        figures.unmet += kind.unmet;
        let is_accepted = |(outcome, _): &&(Outcome, _)| outcome.class() == Class::Accepted;
        let accepted: u64 =
            kind.outcomes.iter().filter(is_accepted).map(|(_, latencies)| latencies.len()).sum();
        for (name, count) in request.marks.keys().zip(&kind.marks) {
            let marked = figures.marks.entry(name.clone()).or_default();
            marked.count += count;
            marked.of += accepted;
        }
    }
    let [accepted, shed, failed] = by_class.map(|class| class.as_ref().and_then(Quantiles::of));
    (figures.accepted_ms, figures.shed_ms, figures.failed_ms) = (accepted, shed, failed);
    Ok(figures)
}

/// The most requests of a second that may not be accepted in one that is as usual.
const UNUSUAL_SHARE: f64 = 0.01;

/// Seconds in a row that must be as usual: one may be so by chance.
const IN_A_ROW: usize = 3;

/// Seconds from the beginning until the p99 of accepted requests is at most a limit for three seconds in a row (or up to
/// the end) with nearly all accepted; none when it never is.
pub fn recovery_seconds(slices: &[Slice], limit_ms: f64) -> Option<f64> {
    let usual = |slice: &Slice| {
        let all = slice.accepted.len() + slice.others;
        let p99 = Quantiles::of(&slice.accepted).map(|ms| ms.p99);
        p99.is_some_and(|p99| p99 <= limit_ms) && slice.others as f64 <= all as f64 * UNUSUAL_SHARE
    };
    let begins = (0..slices.len()).find(|&at| slices[at..].iter().take(IN_A_ROW).all(usual))?;
    Some(begins as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A second in which 100 requests took so many milliseconds and some were turned away.
    fn slice(ms: u64, others: u64) -> Slice {
        let mut accepted = Histogram::new_with_bounds(1, 600_000_000, 2).unwrap();
        accepted.record_n(ms * 1000, 100).unwrap();
        Slice { accepted, others }
    }

    #[test]
    fn recovery_is_counted_up_to_the_first_of_three_usual_seconds() {
        let cases = [
            (vec![(2, 0), (2, 0), (2, 0)], Some(0.0)),
            (vec![(50, 0), (2, 0), (2, 0), (2, 0)], Some(1.0)),
            (vec![(50, 0), (2, 0), (50, 0), (2, 0), (2, 0), (2, 0), (50, 0)], Some(3.0)),
            (vec![(2, 5), (2, 0), (2, 0), (2, 1)], Some(1.0)),
            (vec![(50, 0), (50, 0), (2, 0)], Some(2.0)),
            (vec![(50, 0), (50, 0)], None),
            (vec![], None),
        ];
        for (seconds, expected) in cases {
            let slices: Vec<Slice> =
                seconds.iter().map(|&(ms, others): &(u64, u64)| slice(ms, others)).collect();
            assert_eq!(recovery_seconds(&slices, 3.0), expected, "{seconds:?}");
        }
    }
}

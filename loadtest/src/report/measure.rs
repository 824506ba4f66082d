//! Carrying out a measurement, with an eye on the processes, and making a report of what came of it.

use super::figures::{self, Generator, Phase, Quantiles, recovery_seconds};
use crate::engine::{self, EngineError, Pace, Plan};
use crate::gates::{Beside, Gates};
use crate::process::{self, Sample, Watch};
use crate::tally::{Tally, TallyError};
use std::time::{Duration, Instant};

/// One segment of a plan: whether it counts, and what must hold in it.
#[derive(Clone, Debug)]
pub struct Measurement {
    /// Its name.
    pub name: String,
    /// What must hold; none for a warm-up, which does not count.
    pub gates: Option<Gates>,
}

/// What a plan brought.
#[derive(Debug)]
pub struct Measured {
    /// The segments that count.
    pub phases: Vec<Phase>,
    /// How many customers the walk of `{fresh_customer}` has met by now, with those before.
    pub met: u64,
}

/// The generator is late when one of 100 requests is, by this.
const LATE_MS: f64 = 1.0;

/// A thread of the generator that is busy for a larger share of the time may be what limits.
const BUSY_SHARE: f64 = 0.9;

/// More requests than this should not have to wait for a connection.
const WAITED_SHARE: f64 = 0.01;

/// How many times the p99 of the first phase a second may have that is as usual, unless a gate says otherwise.
const USUAL_TIMES: f64 = 3.0;

impl Measured {
    /// Carries a plan out; `segments` names its segments. The service's process is looked at where it is known.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn take(plan: &Plan, segments: &[Measurement], server: Option<u32>) -> Result<Self, EngineError> {
        let own = Watch::start(std::process::id()).ok();
        let server = server.and_then(|pid| Watch::start(pid).ok());
        let outcome = engine::run(plan)?;
        let samples = [own, server].map(|watch| watch.map(Watch::stop).unwrap_or_default());
        let mut phases: Vec<Phase> = Vec::new();
        let mut begins = outcome.started;
        let lengths = plan.pace.lengths();
        for (at, ((segment, tally), length)) in segments.iter().zip(&outcome.tallies).zip(lengths).enumerate()
        {
            if let Some(gates) = &segment.gates {
                let stretch = Stretch { at, begins, length };
                let mut phase = stretch.phase(plan, &segment.name, tally, &samples)?;
                judge(&mut phase, tally, gates, phases.first());
                phases.push(phase);
            }
            begins += length;
        }
        Ok(Self { phases, met: outcome.met })
    }
}

fn judge(phase: &mut Phase, tally: &Tally, gates: &Gates, first: Option<&Phase>) {
    let first_p99_ms = first.and_then(|first| first.figures.accepted_ms.as_ref()).map(|ms| ms.p99);
    let times = gates.p99_times.unwrap_or(USUAL_TIMES);
    if gates.recovery_seconds.is_some() {
        phase.recovery_seconds = first_p99_ms.and_then(|p99| recovery_seconds(&tally.slices, p99 * times));
    }
    let beside = Beside { first_p99_ms, recovery_seconds: phase.recovery_seconds };
    phase.gates = gates.judge(&phase.figures, &beside);
}

/// When a segment was.
struct Stretch {
    at: usize,
    begins: Instant,
    length: Duration,
}

impl Stretch {
    fn phase(
        &self,
        plan: &Plan,
        name: &str,
        tally: &Tally,
        [own, server]: &[Vec<Sample>; 2],
    ) -> Result<Phase, TallyError> {
        let seconds = self.length.as_secs_f64();
        let ends = self.begins + self.length;
        let figures = figures::together(tally, &plan.requests)?;
        let rate = match &plan.pace {
            Pace::Open { segments, .. } => segments.get(self.at).map(|segment| segment.rate),
            Pace::Closed { .. } => None,
        };
        let generator = Generator {
            late_ms: Quantiles::of(&tally.late),
            waited_share: tally.waited.len() as f64 / figures.due.max(1) as f64,
            waited_ms: Quantiles::of(&tally.waited),
            usage: process::usage(own, self.begins, ends),
        };
        let p99 = |slice: &crate::tally::Slice| Quantiles::of(&slice.accepted).map(|ms| ms.p99);
        let mut phase = Phase {
            name: name.to_owned(),
            rate,
            seconds,
            accepted_per_second: tally.accepted_meanwhile as f64 / seconds,
            figures,
            kinds: figures::by_kind(tally, &plan.requests)?,
            p99_ms_by_second: tally.slices.iter().map(p99).collect(),
            generator,
            server: process::usage(server, self.begins, ends),
            gates: Vec::new(),
            recovery_seconds: None,
            warnings: Vec::new(),
        };
        phase.warnings = warnings(&phase, plan.threads);
        Ok(phase)
    }
}

/// What makes figures doubtful, in words.
fn warnings(phase: &Phase, threads: usize) -> Vec<String> {
    let mut warnings = Vec::new();
    let generator = &phase.generator;
    if let Some(late) = generator.late_ms.as_ref().filter(|late| late.p99 > LATE_MS) {
        warnings.push(format!(
            "the generator was late: one of 100 requests was turned to {:.1} ms or more after it was due. The \
             latencies hold that time. Give it a processor of its own, or a lower rate.",
            late.p99
        ));
    }
    if let Some(usage) = generator.usage.as_ref().filter(|usage| usage.cpus > BUSY_SHARE * threads as f64) {
        warnings.push(format!(
            "the generator was the bottleneck: its {threads} thread(s) used {:.2} processors. Give it more --threads.",
            usage.cpus
        ));
    }
    if let Some(waited) = generator.waited_ms.as_ref().filter(|_| generator.waited_share > WAITED_SHARE) {
        warnings.push(format!(
            "{:.1} % of the requests waited for a connection, one of 100 of them {:.1} ms or more. Either the service \
             was saturated, or --connections is too small.",
            generator.waited_share * 100.0,
            waited.p99
        ));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Usage;

    #[test]
    fn a_busy_generator_is_called_the_bottleneck_also_where_it_asks_at_will() {
        let usage = |cpus| {
            let mb = 1.0;
            Usage {
                cpu_seconds: cpus,
                cpus,
                resident_mb_first: mb,
                resident_mb_last: mb,
                resident_mb_most: mb,
                growth_mb_per_hour: None,
            }
        };
        for rate in [None, Some(100.0)] {
            let phase = |cpus| {
                let generator = Generator { usage: Some(usage(cpus)), ..Generator::default() };
                Phase { rate, generator, ..Phase::default() }
            };
            let said = warnings(&phase(1.9), 2);
            assert!(matches!(&said[..], [said] if said.contains("bottleneck")), "{rate:?}: {said:?}");
            assert_eq!(warnings(&phase(1.7), 2), Vec::<String>::new(), "{rate:?}");
        }
    }
}

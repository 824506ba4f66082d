//! When requests are due: a process that knows nothing of the answers (an open loop).
//!
//! The generator's threads share a rate: each runs a process of its own at its part of it. Poisson processes add up to
//! one; constant ones are staggered, so that together they are constant, too.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How the moments lie in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Process {
    /// Independent people: gaps are exponential.
    Poisson,
    /// A metronome.
    Constant,
}

/// A stretch of time with one rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Segment {
    /// Requests a second, positive.
    pub rate: f64,
    /// How long.
    pub length: Duration,
}

/// A part of the threads that share a rate.
#[derive(Clone, Copy, Debug)]
pub struct Share {
    /// Which one, from 0.
    pub thread: usize,
    /// Of how many.
    pub threads: usize,
}

/// The moment at which a request is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Nanoseconds since the start.
    pub due: u64,
    /// The segment that it lies in.
    pub segment: usize,
}

/// All moments of a run, in order. The same seed gives the same moments.
#[derive(Debug)]
pub struct Arrivals {
    process: Process,
    share: Share,
    segments: Vec<Segment>,
    rng: StdRng,
    segment: usize,
    /// Seconds from the start to the beginning of the segment, and from there to the last arrival.
    begun: f64,
    within: f64,
    /// Arrivals in the segment so far.
    count: u64,
}

impl Arrivals {
    /// The moments of one thread's share.
    pub fn new(process: Process, segments: &[Segment], share: Share, seed: u64) -> Self {
        // Threads must not be due at the same moments.
        let seed = seed ^ (share.thread as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let rng = StdRng::seed_from_u64(seed);
        let segments = segments.to_vec();
        Self { process, share, segments, rng, segment: 0, begun: 0.0, within: 0.0, count: 0 }
    }

    /// Seconds from the beginning of the segment to the next arrival.
    fn next_within(&mut self, rate: f64) -> f64 {
        let threads = self.share.threads as f64;
        match self.process {
            Process::Poisson => self.within - (1.0 - self.rng.random::<f64>()).ln() * threads / rate,
            // Adding gaps up would add their rounding up, too.
            Process::Constant => (self.share.thread as f64 + self.count as f64 * threads) / rate,
        }
    }
}

impl Iterator for Arrivals {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        loop {
            let Segment { rate, length } = *self.segments.get(self.segment)?;
            let within = self.next_within(rate);
            if within < length.as_secs_f64() {
                self.within = within;
                self.count += 1;
                return Some(Arrival { due: ((self.begun + within) * 1e9) as u64, segment: self.segment });
            }
            self.begun += length.as_secs_f64();
            self.segment += 1;
            self.within = 0.0;
            self.count = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALONE: Share = Share { thread: 0, threads: 1 };

    fn segment(rate: f64, seconds: u64) -> Segment {
        Segment { rate, length: Duration::from_secs(seconds) }
    }

    fn due(process: Process, segments: &[Segment], threads: usize, seed: u64) -> Vec<Arrival> {
        let of = |thread| Arrivals::new(process, segments, Share { thread, threads }, seed);
        let mut all: Vec<Arrival> = (0..threads).flat_map(of).collect();
        all.sort_unstable_by_key(|arrival| arrival.due);
        all
    }

    #[test]
    fn a_poisson_process_keeps_its_rate_and_its_gaps_vary_as_much_as_they_last() {
        for threads in [1, 3] {
            let all = due(Process::Poisson, &[segment(2000.0, 50)], threads, 7);
            let gaps: Vec<f64> =
                all.windows(2).map(|pair| (pair[1].due - pair[0].due) as f64 / 1e9).collect();
            let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
            let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
            assert!((all.len() as f64 / 100_000.0 - 1.0).abs() < 0.02, "{} of 100,000", all.len());
            assert!(
                (variance.sqrt() / mean - 1.0).abs() < 0.03,
                "deviation {} of mean {mean}",
                variance.sqrt()
            );
        }
    }

    #[test]
    fn a_constant_process_is_evenly_spaced_also_over_several_threads() {
        for threads in [1, 4] {
            let all = due(Process::Constant, &[segment(1000.0, 2)], threads, 7);
            assert_eq!(all.len(), 2000);
            for (at, arrival) in all.iter().enumerate() {
                assert!((arrival.due as f64 / 1e6 - at as f64).abs() < 1e-3, "{at}: {arrival:?}");
            }
        }
    }

    #[test]
    fn segments_follow_each_other_each_at_its_rate() {
        let all = due(Process::Poisson, &[segment(1000.0, 10), segment(3000.0, 10)], 2, 3);
        let first = all.iter().filter(|arrival| arrival.segment == 0).count();
        assert!(all.iter().all(|arrival| (arrival.segment == 0) == (arrival.due < 10_000_000_000)));
        assert!(((all.len() - first) as f64 / first as f64 - 3.0).abs() < 0.15, "{first} of {}", all.len());
    }

    #[test]
    fn a_seed_gives_the_same_moments_and_another_one_others() {
        let moments =
            |seed| Arrivals::new(Process::Poisson, &[segment(100.0, 5)], ALONE, seed).collect::<Vec<_>>();
        assert_eq!(moments(1), moments(1));
        assert_ne!(moments(1), moments(2));
    }
}

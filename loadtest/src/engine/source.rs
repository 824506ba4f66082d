//! When which kind of request is due.

use super::{Pace, Plan};
use crate::arrivals::{Arrivals, Share};
use crate::workload::{Draw, Turn};
use std::iter::Peekable;

/// When which kind of request is due.
pub(super) struct Source {
    /// None when a request is due whenever a connection is free.
    arrivals: Option<Peekable<Arrivals>>,
    /// The sum of the weights up to each kind of the mix, as shares.
    up_to: Vec<(f64, usize)>,
    /// What is asked every so many nanoseconds: kind, gap, next moment.
    every: Vec<(usize, u64, u64)>,
    /// When each segment begins; the last is the end.
    bounds: Vec<u64>,
}

/// A request that is due.
pub(super) struct Due {
    /// When, in nanoseconds since the start.
    pub(super) at: u64,
    /// Its kind.
    pub(super) kind: usize,
    /// The segment in which it is.
    pub(super) segment: usize,
}

impl Source {
    pub(super) fn new(plan: &Plan, share: Share) -> Self {
        let mut bounds = vec![0];
        for length in plan.pace.lengths() {
            let begun = bounds.last().copied().unwrap_or(0);
            bounds.push(begun + length.as_nanos() as u64);
        }
        let arrivals = match &plan.pace {
            Pace::Open { process, segments } => {
                Some(Arrivals::new(*process, segments, share, plan.seed.number).peekable())
            }
            Pace::Closed { .. } => None,
        };
        let turns = || plan.requests.iter().map(|request| request.turn).enumerate();
        let weights = || {
            turns().filter_map(|(kind, turn)| match turn {
                Turn::Weight(weight) => Some((weight, kind)),
                Turn::Every(_) => None,
            })
        };
        let all: f64 = weights().map(|(weight, _)| weight).sum();
        let mut sum = 0.0;
        let up_to = weights().map(|(weight, kind)| {
            sum += weight;
            (sum / all, kind)
        });
        // What is asked every so many seconds is asked by one thread.
        let every = turns().filter_map(|(kind, turn)| match turn {
            Turn::Every(seconds) if share.thread == 0 => {
                let gap = (seconds * 1e9) as u64;
                Some((kind, gap, gap))
            }
            _ => None,
        });
        Self { arrivals, up_to: up_to.collect(), every: every.collect(), bounds }
    }

    /// Whether a request is due now because a connection is free.
    pub(super) fn is_at_will(&self, now: u64) -> bool {
        self.arrivals.is_none() && now < self.end()
    }

    /// When a segment begins.
    pub(super) fn begins(&self, segment: usize) -> u64 {
        self.bounds.get(segment).copied().unwrap_or(0)
    }

    fn end(&self) -> u64 {
        self.bounds.last().copied().unwrap_or(0)
    }

    /// The segment of a moment; none after the end.
    pub(super) fn segment(&self, at: u64) -> Option<usize> {
        let begun = self.bounds.partition_point(|&bound| bound <= at);
        (1..self.bounds.len()).contains(&begun).then(|| begun - 1)
    }

    /// The kind of the mix that a number from 0 up to 1 stands for.
    pub(super) fn kind(&self, chance: f64) -> usize {
        let place = self.up_to.partition_point(|&(up_to, _)| up_to <= chance);
        self.up_to.get(place).or(self.up_to.last()).map_or(0, |&(_, kind)| kind)
    }

    /// The next request that is due by now.
    pub(super) fn take(&mut self, now: u64, draw: &mut Draw) -> Option<Due> {
        let end = self.end();
        for at in 0..self.every.len() {
            let (kind, gap, next) = self.every[at];
            if next <= now && next < end {
                self.every[at].2 = next + gap;
                return Some(Due { at: next, kind, segment: self.segment(next)? });
            }
        }
        let arrival = self.arrivals.as_mut()?.next_if(|arrival| arrival.due <= now)?;
        Some(Due { at: arrival.due, kind: self.kind(draw.chance()), segment: arrival.segment })
    }

    /// The next moment at which something is due, or ends.
    pub(super) fn next(&mut self, now: u64) -> u64 {
        let end = self.end();
        let arrival = self.arrivals.as_mut().and_then(|arrivals| arrivals.peek().map(|arrival| arrival.due));
        let every = self.every.iter().map(|&(_, _, next)| next).filter(|&next| next < end);
        let bound = if end > now { end } else { u64::MAX };
        every.chain(arrival).min().unwrap_or(u64::MAX).min(bound)
    }

    /// Whether nothing more will be due.
    pub(super) fn is_done(&mut self, now: u64) -> bool {
        let end = self.end();
        let due = match &mut self.arrivals {
            Some(arrivals) => arrivals.peek().is_some(),
            None => now < end,
        };
        !due && (now >= end || self.every.iter().all(|&(_, _, next)| next >= end))
    }
}

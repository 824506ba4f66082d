//! What came of requests, counted while they run: cheap to add to, and to add up over threads.

use hdrhistogram::Histogram;
use std::fmt::{self, Display};

/// The longest latency that is told apart: ten minutes, in microseconds.
const LONGEST: u64 = 600_000_000;

/// Why latencies cannot be counted; only a mistake in this program leads here.
#[derive(Debug, thiserror::Error)]
pub enum TallyError {
    /// A histogram cannot be made.
    #[error("a histogram cannot be made: {0}")]
    Creation(#[from] hdrhistogram::CreationError),
    /// Two do not fit together.
    #[error("histograms cannot be added: {0}")]
    Addition(#[from] hdrhistogram::AdditionError),
}

/// What came of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It was answered, with this status.
    Status(u16),
    /// It was not answered in time.
    TimedOut,
    /// The connection broke before the answer was whole.
    Broken,
    /// The answer was no HTTP.
    Malformed,
}

/// The classes that outcomes fall into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Done: 2xx.
    Accepted,
    /// Turned away to protect the others: 429 and 503.
    Shed,
    /// Everything else.
    Failed,
}

impl Outcome {
    /// Its class.
    pub fn class(self) -> Class {
        match self {
            Self::Status(200..=299) => Class::Accepted,
            Self::Status(429 | 503) => Class::Shed,
            _ => Class::Failed,
        }
    }
}

impl Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "{status}"),
            Self::TimedOut => f.write_str("timed out"),
            Self::Broken => f.write_str("connection broken"),
            Self::Malformed => f.write_str("not HTTP"),
        }
    }
}

/// What came of the requests of one kind.
#[derive(Clone, Debug)]
pub struct KindTally {
    /// Latencies in microseconds by outcome.
    pub outcomes: Vec<(Outcome, Histogram<u64>)>,
    /// Accepted answers that were not as expected.
    pub unmet: u64,
    /// Accepted answers with each mark.
    pub marks: Vec<u64>,
}

/// What came of the requests that were due within one second.
#[derive(Clone, Debug)]
pub struct Slice {
    /// Latencies of the accepted ones in microseconds, to two digits.
    pub accepted: Histogram<u32>,
    /// Those that were not accepted.
    pub others: u64,
}

/// What came of the requests of one segment.
#[derive(Clone, Debug)]
pub struct Tally {
    /// By kind of request.
    pub kinds: Vec<KindTally>,
    /// By second, counted from the segment's beginning.
    pub slices: Vec<Slice>,
    /// Accepted answers that arrived within the segment, whenever their requests were due.
    pub accepted_meanwhile: u64,
    /// How late the generator turned to each request, in microseconds.
    pub late: Histogram<u64>,
    /// How long requests waited for a connection, in microseconds; only those that had to.
    pub waited: Histogram<u64>,
    blank: Histogram<u64>,
    blank_slice: Slice,
}

/// One finished request.
#[derive(Clone, Copy, Debug)]
pub struct Finished<'a> {
    /// Its kind.
    pub kind: usize,
    /// What came of it.
    pub outcome: Outcome,
    /// Microseconds since it was due.
    pub latency: u64,
    /// The second of its segment in which it was due.
    pub second: usize,
    /// Whether it counts for the slices: what is asked every so many seconds does not.
    pub in_slices: bool,
    /// Whether the answer was as expected.
    pub met: bool,
    /// Which marks it had.
    pub marks: &'a [bool],
}

impl Tally {
    /// Nothing yet. `marks` has the number of marks of each kind.
    ///
    /// # Errors
    /// [`TallyError`].
    pub fn new(marks: &[usize]) -> Result<Self, TallyError> {
        let blank = Histogram::new_with_bounds(1, LONGEST, 3)?;
        let kind = |&marks: &usize| KindTally { outcomes: Vec::new(), unmet: 0, marks: vec![0; marks] };
        Ok(Self {
            kinds: marks.iter().map(kind).collect(),
            slices: Vec::new(),
            accepted_meanwhile: 0,
            late: blank.clone(),
            waited: blank.clone(),
            blank,
            blank_slice: Slice { accepted: Histogram::new_with_bounds(1, LONGEST, 2)?, others: 0 },
        })
    }

    /// Counts one request.
    pub fn finished(&mut self, finished: &Finished<'_>) {
        let Some(kind) = self.kinds.get_mut(finished.kind) else { return };
        let place = kind.outcomes.iter().position(|(outcome, _)| *outcome == finished.outcome);
        let place = place.unwrap_or_else(|| {
            kind.outcomes.push((finished.outcome, self.blank.clone()));
            kind.outcomes.len() - 1
        });
        kind.outcomes[place].1.saturating_record(finished.latency);
        let accepted = finished.outcome.class() == Class::Accepted;
        if accepted {
            kind.unmet += u64::from(!finished.met);
            for (count, &marked) in kind.marks.iter_mut().zip(finished.marks) {
                *count += u64::from(marked);
            }
        }
        if finished.in_slices {
            if self.slices.len() <= finished.second {
                self.slices.resize(finished.second + 1, self.blank_slice.clone());
            }
            let slice = &mut self.slices[finished.second];
            if accepted {
                slice.accepted.saturating_record(finished.latency);
            } else {
                slice.others += 1;
            }
        }
    }

    /// Adds another thread's.
    ///
    /// # Errors
    /// [`TallyError`].
    pub fn add(&mut self, other: &Self) -> Result<(), TallyError> {
        for (kind, more) in self.kinds.iter_mut().zip(&other.kinds) {
            for (outcome, latencies) in &more.outcomes {
                match kind.outcomes.iter_mut().find(|(known, _)| known == outcome) {
                    Some((_, sum)) => sum.add(latencies)?,
                    None => kind.outcomes.push((*outcome, latencies.clone())),
                }
            }
            kind.unmet += more.unmet;
            for (sum, marks) in kind.marks.iter_mut().zip(&more.marks) {
                *sum += marks;
            }
        }
        let seconds = self.slices.len().max(other.slices.len());
        self.slices.resize(seconds, self.blank_slice.clone());
        for (slice, more) in self.slices.iter_mut().zip(&other.slices) {
            slice.accepted.add(&more.accepted)?;
            slice.others += more.others;
        }
        self.accepted_meanwhile += other.accepted_meanwhile;
        self.late.add(&other.late)?;
        self.waited.add(&other.waited)?;
        Ok(())
    }
}

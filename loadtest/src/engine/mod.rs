//! Asking: threads that each run one event loop over their part of the connections and of the rate.
//!
//! - `driver.rs`: the loop; it turns to what is due, to answers, and to what took too long.
//! - `source.rs`: which request is due when.
//! - `connection.rs`: one kept-alive connection with at most one request under way.
//! - `prepared.rs`: a request as bytes with gaps, and what its answer should hold.
//! - `alarm.rs`: waking up at a moment, to microseconds.

mod alarm;
mod connection;
mod driver;
mod prepared;
mod source;

use crate::arrivals::{Process, Segment, Share};
use crate::http::Target;
use crate::tally::{Tally, TallyError};
use crate::workload::{Population, Request, Seed};
use driver::{Driver, Part};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// What is asked of whom, and when.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Whom.
    pub target: Target,
    /// What.
    pub requests: Arc<[Request]>,
    /// About whom and what.
    pub population: Arc<Population>,
    /// Releases that the service has, for requests that name one.
    pub releases: Arc<[String]>,
    /// When.
    pub pace: Pace,
    /// Connections of all threads together.
    pub connections: usize,
    /// Threads.
    pub threads: usize,
    /// After so long from the moment at which it was due, a request has failed.
    pub timeout: Duration,
    /// The same seed asks the same at the same moments.
    pub seed: Seed,
}

/// When requests are sent.
#[derive(Clone, Debug)]
pub enum Pace {
    /// At moments that do not depend on answers.
    Open {
        /// How they lie in time.
        process: Process,
        /// Segments with their rates.
        segments: Vec<Segment>,
    },
    /// As soon as a connection has its answer: as much as the service can do, which says nothing of latency.
    Closed {
        /// The lengths of the segments.
        lengths: Vec<Duration>,
    },
}

impl Pace {
    /// The lengths of its segments.
    pub fn lengths(&self) -> Vec<Duration> {
        match self {
            Self::Open { segments, .. } => segments.iter().map(|segment| segment.length).collect(),
            Self::Closed { lengths } => lengths.clone(),
        }
    }
}

/// What came of a plan.
#[derive(Debug)]
pub struct Outcome {
    /// The moment from which the segments count.
    pub started: Instant,
    /// By segment.
    pub tallies: Vec<Tally>,
    /// How many customers the walk of `{fresh_customer}` has met by now, with those before.
    pub met: u64,
}

/// Why a plan cannot be carried out.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Nobody listens, or not to so many.
    #[error(
        "connection {at} to {address} cannot be opened: {error}; is the service up, and `ulimit -n` large enough?"
    )]
    Connect {
        /// Which one, from 1.
        at: usize,
        /// Where to.
        address: SocketAddr,
        /// Why not.
        error: io::Error,
    },
    /// The system does not let us wait for events.
    #[error("events cannot be waited for: {0}")]
    Wait(#[from] io::Error),
    /// A mistake in this program.
    #[error(transparent)]
    Tally(#[from] TallyError),
    /// A mistake in this program.
    #[error("a thread of the generator broke down")]
    Panic,
}

/// From the last connection to the first moment: threads start and get ready.
const RUN_UP: Duration = Duration::from_millis(50);

/// Carries a plan out and waits for the last answer.
///
/// # Errors
/// [`EngineError`].
pub fn run(plan: &Plan) -> Result<Outcome, EngineError> {
    let threads = plan.threads.clamp(1, plan.connections.max(1));
    let share = |thread| Share { thread, threads };
    let mut drivers = Vec::with_capacity(threads);
    for thread in 0..threads {
        drivers.push(Driver::connect(plan, share(thread))?);
    }
    let started = Instant::now() + RUN_UP;
    let done: Vec<Result<Part, EngineError>> = thread::scope(|scope| {
        let running: Vec<_> =
            drivers.into_iter().map(|driver| scope.spawn(move || driver.run(started))).collect();
        running.into_iter().map(|thread| thread.join().unwrap_or(Err(EngineError::Panic))).collect()
    });
    let mut sum: Option<Vec<Tally>> = None;
    let mut fresh_steps = 0;
    for part in done {
        let Part { tallies, fresh_steps: own } = part?;
        fresh_steps = own.max(fresh_steps);
        match &mut sum {
            None => sum = Some(tallies),
            Some(sum) => {
                for (sum, tally) in sum.iter_mut().zip(&tallies) {
                    sum.add(tally)?;
                }
            }
        }
    }
    // Threads walk in turn, so the next one begins after the thread that came furthest.
    let met = plan.seed.met + fresh_steps * threads as u64;
    Ok(Outcome { started, tallies: sum.unwrap_or_default(), met })
}

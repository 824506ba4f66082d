//! What is asked: a data file with a weighted mix of requests, the people and items in them, phases, and gates.
//!
//! `loadtest/README.md` explains every key; `loadtest/workloads/` has the files.

mod draw;
pub mod limits;
mod population;
mod read;
mod template;

pub use draw::{Draw, Seed};
pub use population::{Ids, IdsSource, Population, PopulationError, PopulationSource};
pub use read::WorkloadError;
pub use template::{Piece, Place, Text, UnknownPlaceholder};

use crate::arrivals::Process;
use crate::gates::Gates;
use serde::Deserialize;
use std::collections::BTreeMap;

/// A workload that was read and checked.
#[derive(Clone, Debug)]
pub struct Workload {
    /// The name of its file.
    pub name: String,
    /// What it stands for.
    pub description: String,
    /// How much is asked, unless the command line says otherwise.
    pub load: Load,
    /// Whom and what it asks about.
    pub population: PopulationSource,
    /// The mix, and after it what is asked every so many seconds.
    pub requests: Vec<Request>,
    /// Stretches of time with their own rates and gates; none is one stretch at the rate of `load`.
    pub phases: Vec<Phase>,
    /// What must hold.
    pub gates: Gates,
}

/// How much is asked.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// Requests a second.
    pub rate: f64,
    /// For how long it is measured.
    pub seconds: f64,
    /// For how long it is asked before that.
    pub warm_up_seconds: f64,
    /// Connections that are kept open; a request waits while all are busy.
    pub connections: usize,
    /// How arrivals lie in time.
    pub arrivals: Process,
    /// After so long, from the moment at which it was due, a request counts as failed.
    pub timeout_ms: u64,
}

/// A stretch of time with one rate.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phase {
    /// Its name.
    pub name: String,
    /// How long it lasts.
    pub seconds: f64,
    /// Requests a second.
    pub rate: Option<f64>,
    /// Instead of `rate`: how many times the knee.
    pub of_knee: Option<f64>,
    /// What must hold in it, beside and above the workload's own gates.
    #[serde(default)]
    pub gates: Gates,
}

/// A kind of request.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its name.
    pub name: String,
    /// When it is asked.
    pub turn: Turn,
    /// The method, such as `POST`.
    pub method: String,
    /// The path.
    pub path: Text,
    /// The JSON body, where there is one.
    pub body: Option<Text>,
    /// Texts that a good answer holds.
    pub expect: Vec<String>,
    /// Texts that are counted, by a name.
    pub marks: BTreeMap<String, String>,
    /// Whether the ids of decisions in its answers are kept for `{decision_id}`.
    pub keep_decisions: bool,
    /// Its own limit of time, instead of the workload's.
    pub timeout_ms: Option<u64>,
}

/// When a request is asked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Turn {
    /// By chance, in proportion to a weight.
    Weight(f64),
    /// Every so many seconds.
    Every(f64),
}

impl Workload {
    /// Whether a request needs a placeholder's source.
    pub fn uses(&self, wanted: impl Fn(&Piece) -> bool) -> bool {
        self.requests.iter().any(|request| request.pieces().any(&wanted))
    }

    /// The share of the mix that asks with a placeholder.
    pub fn share_of(&self, wanted: impl Fn(&Piece) -> bool) -> f64 {
        let weight = |request: &Request| if let Turn::Weight(weight) = request.turn { weight } else { 0.0 };
        let all: f64 = self.requests.iter().map(weight).sum();
        let asking: f64 =
            self.requests.iter().filter(|request| request.pieces().any(&wanted)).map(weight).sum();
        asking / all
    }
}

impl Request {
    /// Whether it is asked by chance, not every so many seconds.
    pub fn is_of_the_mix(&self) -> bool {
        matches!(self.turn, Turn::Weight(_))
    }

    fn pieces(&self) -> impl Iterator<Item = &Piece> {
        self.path.pieces().iter().chain(self.body.iter().flat_map(Text::pieces))
    }
}

//! What a run says of a service: figures by phase, as JSON and as a table.

mod compare;
mod figures;
mod measure;
mod table;

pub use compare::Comparison;
pub use figures::{Figures, Generator, Kind, Marked, OutcomeFigures, Phase, Quantiles, recovery_seconds};
pub use measure::{Measured, Measurement};

use crate::arrivals::Process;
use serde::{Deserialize, Serialize};

/// The version of the JSON document.
pub const FORMAT: u32 = 2;

/// All that a command measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// The version of this document.
    pub format: u32,
    /// open_loop, or closed_loop, whose latencies say nothing about what people wait.
    pub mode: Mode,
    /// The workload.
    pub workload: String,
    /// What it stands for.
    pub description: String,
    /// Where it was asked.
    pub url: String,
    /// When it began, RFC 3339.
    pub started_at: String,
    /// Processors of the machine of the generator.
    pub processors: usize,
    /// How it was asked.
    pub settings: Settings,
    /// Each phase or rate in its order.
    pub phases: Vec<Phase>,
    /// The highest rate at which the gates held, where it was looked for.
    pub knee: Option<Knee>,
    /// Whether all gates held. While the knee is looked for, those of the tries do not count.
    pub held: bool,
}

/// How requests were sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// By a process that does not wait for answers.
    OpenLoop,
    /// As soon as a connection was free.
    ClosedLoop,
}

/// How it was asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Settings {
    /// Connections.
    pub connections: usize,
    /// Threads of the generator.
    pub threads: usize,
    /// How arrivals lay in time; nothing in a closed loop.
    pub arrivals: Option<Process>,
    /// After so long a request had failed.
    pub timeout_ms: u64,
    /// Seconds before each measurement that did not count.
    pub warm_up_seconds: f64,
    /// The seed of the first measurement; each further one has the next.
    pub seed: u64,
}

/// The highest rate at which the gates held.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Knee {
    /// Requests a second; nothing where no rate held.
    pub rate: Option<f64>,
    /// What was tried, in order.
    pub tries: Vec<Phase>,
}

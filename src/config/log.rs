//! Section `[log]`: what the service writes to standard error.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Section `[log]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// A filter in the syntax of `tracing_subscriber::EnvFilter`.
    pub filter: String,
    /// How lines look.
    pub format: LogFormat,
    /// Which requests get a line.
    pub requests: LoggedRequests,
    /// From when a request is slow.
    pub slow_ms: u64,
    /// Lines that may wait for whoever reads them.
    pub queue: usize,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// Which requests get a line of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LoggedRequests {
    /// Every one, which costs more than many an answer.
    All,
    /// Those that took long or ended with a status from 500 on.
    SlowAndFailed,
    /// None; metrics and traces remain.
    None,
}

impl LogConfig {
    /// From when a request is slow.
    pub fn slow(&self) -> Duration {
        Duration::from_millis(self.slow_ms)
    }
}

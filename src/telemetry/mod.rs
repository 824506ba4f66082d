//! What the service says about itself while it works: log lines, request ids, stage timings, traces.
//!
//! The rule: nothing said here names a customer or holds an attribute. Requests are known by their id and their route's
//! pattern, never by their path; errors are logged without the values that they are about.

mod lines;
mod pace;
mod request;
mod traces;

pub use lines::{LogGuard, log_panics};
pub use request::{carried, give_place_back, observe, request_id, stage};
pub use traces::{Traces, TracesError};

use crate::config::{LogConfig, LogFormat};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

/// Sends log lines to standard error from now on, until the guard is dropped. A second call changes nothing.
///
/// # Errors
/// [`ParseError`] when `log.filter` is no filter.
pub fn start(config: &LogConfig) -> Result<LogGuard, ParseError> {
    let filter = EnvFilter::try_new(&config.filter)?;
    let (writer, guard) = lines::ahead_of(std::io::stderr(), config.queue, config.format);
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    // Only the first subscriber of a process counts, which matters to tests alone.
    let _ = match config.format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    Ok(guard)
}

//! What the service says about itself while it works: log lines, request ids, stage timings.

mod request;

pub use request::{observe, request_id, stage};

use crate::config::{LogConfig, LogFormat};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

/// Sends log lines to standard error from now on. A second call changes nothing.
///
/// # Errors
/// [`ParseError`] when `log.filter` is no filter.
pub fn start(config: &LogConfig) -> Result<(), ParseError> {
    let lines = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_new(&config.filter)?)
        .with_writer(std::io::stderr);
    // Only the first subscriber of a process counts, which matters to tests alone.
    let _ = match config.format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    Ok(())
}

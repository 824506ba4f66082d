//! Log lines on their way out: a thread of its own writes them, so that a slow reader stalls no request.

use super::pace::Pace;
use super::request_id;
use crate::config::LogFormat;
use std::any::Any;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};

/// Writes the lines that still wait when it is dropped, and how many were dropped in all; for two seconds at most.
#[must_use = "lines that wait are lost without it"]
pub struct LogGuard {
    writing: Option<WorkerGuard>,
    ended: Receiver<()>,
}

impl Drop for LogGuard {
    fn drop(&mut self) {
        self.writing.take();
        // The thread lets go of its guard before it lets go of what it writes to. Nothing is ever sent: the other end goes.
        let _ = self.ended.recv_timeout(Duration::from_secs(1));
    }
}

/// A writer that takes `queue` lines ahead of `out`. What comes while they wait is dropped and counted; the count is
/// reported once `out` takes lines again.
pub(super) fn ahead_of<W: Write + Send + 'static>(
    out: W,
    queue: usize,
    format: LogFormat,
) -> (NonBlocking, LogGuard) {
    let dropped = Arc::new(OnceLock::new());
    let (ending, ended) = channel();
    let pace = Pace::new(1, REPORT_EVERY);
    let lines = Lines { out, format, dropped: Arc::clone(&dropped), reported: 0, pace, _ending: ending };
    let builder = NonBlockingBuilder::default().lossy(true).buffered_lines_limit(queue);
    let (writer, guard) = builder.thread_name("log").finish(lines);
    // There is no counter before there is a writer.
    let _ = dropped.set(writer.error_counter());
    (writer, LogGuard { writing: Some(guard), ended })
}

const REPORT_EVERY: Duration = Duration::from_secs(1);

const DROPPED: &str = "log lines were dropped since the start: standard error was not read in time";

/// What the writing thread writes to. When it ends it says how much was dropped in all: a count that was reported before may
/// have been dropped itself.
struct Lines<W: Write> {
    out: W,
    format: LogFormat,
    dropped: Arc<OnceLock<ErrorCounter>>,
    reported: usize,
    pace: Pace,
    _ending: Sender<()>,
}

impl<W: Write> Write for Lines<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let written = self.out.write(line)?;
        let dropped = self.dropped.get().map_or(0, ErrorCounter::dropped_lines);
        if dropped > self.reported && self.pace.admit(Instant::now()).is_some() {
            // A line like any other; should it be dropped too, the next one tells a count that includes it.
            tracing::warn!(dropped_lines = dropped, "{DROPPED}");
            self.reported = dropped;
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl<W: Write> Drop for Lines<W> {
    fn drop(&mut self) {
        let dropped = self.dropped.get().map_or(0, ErrorCounter::dropped_lines);
        if dropped > 0 {
            let line = match self.format {
                LogFormat::Text => format!("WARN {DROPPED} dropped_lines={dropped}"),
                LogFormat::Json => {
                    serde_json::json!({ "level": "WARN", "message": DROPPED, "dropped_lines": dropped })
                        .to_string()
                }
            };
            // There is nobody left to tell that it cannot be written.
            let _ = writeln!(self.out, "{line}");
        }
    }
}

/// From now on panics are log lines that say where; what they say only where it was known when this was compiled, since
/// anything else may quote a customer.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place, said = literal(panic.payload()), request_id = request_id(), "panicked");
    }));
}

fn literal(payload: &dyn Any) -> &'static str {
    payload.downcast_ref::<&'static str>().copied().unwrap_or("(left out: it may quote a customer)")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::catch_unwind;

    #[test]
    fn of_a_panic_only_what_was_known_beforehand_is_logged() {
        let customer = "someone";
        let of = |panics: fn(&str)| literal(&*catch_unwind(|| panics(customer)).unwrap_err());
        assert_eq!(of(|_| panic!("on purpose")), "on purpose");
        assert!(of(|customer| panic!("{customer} did it")).starts_with("(left out"));
    }
}

//! What a process uses, sampled from `/proc` while a load runs; nothing where there is no `/proc`.

use serde::{Deserialize, Serialize};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How often a process is looked at.
const GAP: Duration = Duration::from_millis(200);

const MEGABYTE: f64 = 1_048_576.0;

/// What a process had used at a moment.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// When.
    pub at: Instant,
    /// Seconds of processor time since it began.
    pub cpu_seconds: f64,
    /// Resident memory in bytes.
    pub resident_bytes: f64,
}

/// What a process used within a stretch of time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Seconds of processor time.
    pub cpu_seconds: f64,
    /// Processors that were busy with it, on average.
    pub cpus: f64,
    /// Resident memory at the beginning, in megabytes.
    pub resident_mb_first: f64,
    /// At the end.
    pub resident_mb_last: f64,
    /// The most of it.
    pub resident_mb_most: f64,
    /// How much it grew an hour, by least squares; needs half a minute to mean anything.
    pub growth_mb_per_hour: Option<f64>,
}

/// Looks at a process until it is stopped.
pub struct Watch {
    stop: Sender<()>,
    thread: JoinHandle<Vec<Sample>>,
}

/// A process that cannot be looked at.
#[derive(Debug, thiserror::Error)]
#[error("process {0} cannot be looked at in /proc; is --pid right?")]
pub struct NoSuchProcess(u32);

impl Watch {
    /// Begins to look at a process.
    ///
    /// # Errors
    /// [`NoSuchProcess`].
    pub fn start(pid: u32) -> Result<Self, NoSuchProcess> {
        let first = look_at(pid).ok_or(NoSuchProcess(pid))?;
        let (stop, stopped) = mpsc::channel();
        let thread = thread::spawn(move || {
            let mut samples = vec![first];
            while stopped.recv_timeout(GAP) == Err(RecvTimeoutError::Timeout) {
                samples.extend(look_at(pid));
            }
            samples.extend(look_at(pid));
            samples
        });
        Ok(Self { stop, thread })
    }

    /// Stops, and returns what was seen.
    pub fn stop(self) -> Vec<Sample> {
        // A thread that is gone needs no message.
        let _ = self.stop.send(());
        self.thread.join().unwrap_or_default()
    }
}

/// What was used between two moments, from the samples nearest to them.
pub fn usage(samples: &[Sample], from: Instant, to: Instant) -> Option<Usage> {
    let begin = samples.partition_point(|sample| sample.at < from).saturating_sub(1);
    let end = samples.partition_point(|sample| sample.at <= to).min(samples.len().checked_sub(1)?);
    let within = samples.get(begin..=end)?;
    let (first, last) = (within.first()?, within.last()?);
    let seconds = last.at.duration_since(first.at).as_secs_f64();
    let cpu_seconds = last.cpu_seconds - first.cpu_seconds;
    let most = within.iter().map(|sample| sample.resident_bytes).fold(0.0, f64::max);
    // The samples reach a little beyond the stretch on both sides.
    let share = if seconds > 0.0 { (to - from).as_secs_f64() / seconds } else { 0.0 };
    Some(Usage {
        cpu_seconds: cpu_seconds * share.min(1.0),
        cpus: if seconds > 0.0 { cpu_seconds / seconds } else { 0.0 },
        resident_mb_first: first.resident_bytes / MEGABYTE,
        resident_mb_last: last.resident_bytes / MEGABYTE,
        resident_mb_most: most / MEGABYTE,
        growth_mb_per_hour: growth(within).filter(|_| seconds >= 30.0),
    })
}

/// The slope of memory over time.
fn growth(samples: &[Sample]) -> Option<f64> {
    let origin = samples.first()?.at;
    let n = samples.len() as f64;
    let points = || {
        samples
            .iter()
            .map(|s| (s.at.duration_since(origin).as_secs_f64() / 3600.0, s.resident_bytes / MEGABYTE))
    };
    let (mean_x, mean_y) = points().fold((0.0, 0.0), |(x, y), point| (x + point.0 / n, y + point.1 / n));
    let (covariance, variance) = points().fold((0.0, 0.0), |(covariance, variance), (x, y)| {
        (covariance + (x - mean_x) * (y - mean_y), variance + (x - mean_x).powi(2))
    });
    (variance > 0.0).then(|| covariance / variance)
}

#[cfg(target_os = "linux")]
fn look_at(pid: u32) -> Option<Sample> {
    let at = Instant::now();
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name of the program, in brackets, may hold anything.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<f64>().ok();
    let (user, system, pages) = (number(11)?, number(12)?, number(21)?);
    Some(Sample {
        at,
        cpu_seconds: (user + system) / rustix::param::clock_ticks_per_second() as f64,
        resident_bytes: pages * rustix::param::page_size() as f64,
    })
}

#[cfg(not(target_os = "linux"))]
fn look_at(_pid: u32) -> Option<Sample> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(n: u64, megabytes: impl Fn(u64) -> f64) -> (Instant, Vec<Sample>) {
        let start = Instant::now();
        let sample = |at: u64| Sample {
            at: start + Duration::from_secs(at),
            cpu_seconds: at as f64 * 0.5,
            resident_bytes: megabytes(at) * MEGABYTE,
        };
        (start, (0..n).map(sample).collect())
    }

    #[test]
    fn usage_is_that_of_the_stretch_and_memory_that_grows_shows() {
        let (start, samples) = samples(101, |at| 100.0 + at as f64);
        let at = |seconds| start + Duration::from_secs(seconds);
        let usage = usage(&samples, at(20), at(80)).unwrap();
        assert!((usage.cpus - 0.5).abs() < 1e-9 && (usage.cpu_seconds - 30.0).abs() < 1e-9, "{usage:?}");
        assert!((usage.growth_mb_per_hour.unwrap() - 3600.0).abs() < 1e-6, "{usage:?}");
        assert!(usage.resident_mb_most >= 180.0 && usage.resident_mb_first <= 120.0, "{usage:?}");
    }

    #[test]
    fn little_time_says_nothing_of_growth_and_no_samples_nothing_at_all() {
        let (start, samples) = samples(11, |at| at as f64);
        let seen = usage(&samples, start, start + Duration::from_secs(10)).unwrap();
        assert_eq!(seen.growth_mb_per_hour, None);
        assert_eq!(usage(&[], start, start), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_very_process_can_be_looked_at_and_one_that_is_none_cannot() {
        let seen = Watch::start(std::process::id()).unwrap().stop();
        assert!(seen.iter().all(|sample| sample.resident_bytes > 0.0));
        assert!(Watch::start(u32::MAX).is_err());
    }
}

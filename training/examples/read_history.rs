//! Reads history files, prints the report, and measures: rows a second and the peak of memory.
//!
//! ```text
//! cargo run --release -p training --example read_history -- FILE...
//! ```

use models::events::Timestamp;
use std::path::PathBuf;
use std::time::Instant;
use training::history::{HistoryConfig, HistoryError, read};

fn main() -> Result<(), HistoryError> {
    let files: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let now = Timestamp(chrono::Utc::now().timestamp());
    let start = Instant::now();
    let (_, report) = read(&HistoryConfig::default(), &files, now, |_| {}, None)?;
    let seconds = start.elapsed().as_secs_f64();
    println!("{report}");
    let rate = report.rows_read as f64 / seconds;
    println!("{seconds:.2} s, {rate:.0} rows/s, peak memory {}", peak_memory());
    Ok(())
}

/// What Linux says about this process.
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.map_or_else(|| "unknown".into(), |peak| peak.trim().to_string())
}

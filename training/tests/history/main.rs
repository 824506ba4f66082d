//! The reading of history and tables, from outside: bad input, every container, real data.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod bad_input;
mod containers;
mod real_data;
mod tables;
mod verdict;

use models::events::Timestamp;
use std::path::PathBuf;
use training::history::{DataReport, History, HistoryConfig, HistoryError, Reason, read};

/// 2023-11-14.
const NOW: Timestamp = Timestamp(1_700_000_000);

/// A folder that disappears with the test.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        std::fs::write(self.path(name), content).unwrap();
        self.path(name)
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn config(toml: &str) -> HistoryConfig {
    toml::from_str(toml).unwrap_or_else(|error| panic!("{toml}: {error}"))
}

fn read_text(toml: &str, content: impl AsRef<[u8]>) -> Result<(History, DataReport), HistoryError> {
    let folder = Folder::new();
    let file = folder.file("h.csv", content);
    read(&config(toml), &[file], NOW, |_| {}, None)
}

fn dropped(report: &DataReport) -> Vec<(Reason, u64)> {
    report.rows_dropped.iter().map(|(reason, dropped)| (*reason, dropped.rows)).collect()
}

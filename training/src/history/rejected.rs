//! Rejected rows as a CSV file, for whoever mends the export: written aside, and in place only when complete.

use super::error::HistoryError;
use super::rows::Reason;
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

/// Columns: file, line, reason, raw.
#[derive(Debug)]
pub(super) struct RejectedFile {
    path: PathBuf,
    partial: PathBuf,
    writer: Option<csv::Writer<BufWriter<File>>>,
}

impl RejectedFile {
    pub(super) fn create(path: &Path) -> Result<Self, HistoryError> {
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        let failed = |source| HistoryError::WriteRejected { path: path.into(), source };
        let file = File::create(&partial).map_err(failed)?;
        let writer = csv::Writer::from_writer(BufWriter::new(file));
        let mut rejected = Self { path: path.into(), partial, writer: Some(writer) };
        rejected.record(["file", "line", "reason", "raw"])?;
        Ok(rejected)
    }

    pub(super) fn write(
        &mut self,
        file: &Path,
        line: u64,
        reason: Reason,
        raw: &str,
    ) -> Result<(), HistoryError> {
        self.record([&file.to_string_lossy(), &line.to_string(), reason.code(), raw])
    }

    /// Puts the file in its place.
    pub(super) fn finish(mut self) -> Result<(), HistoryError> {
        let Some(writer) = self.writer.take() else { return Ok(()) };
        let finished = (|| {
            let file = writer.into_inner().map_err(|error| std::io::Error::other(error.to_string()))?;
            file.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
            std::fs::rename(&self.partial, &self.path)
        })();
        finished.map_err(|source| HistoryError::WriteRejected { path: self.path.clone(), source })
    }

    fn record(&mut self, fields: [&str; 4]) -> Result<(), HistoryError> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        writer.write_record(fields).map_err(|error| HistoryError::WriteRejected {
            path: self.path.clone(),
            source: std::io::Error::other(error),
        })
    }
}

impl Drop for RejectedFile {
    fn drop(&mut self) {
        // After `finish` there is nothing left of it; otherwise half a file would mislead.
        let _ = std::fs::remove_file(&self.partial);
    }
}

//! Purchase history: from files as they are to clean, typed events, and a report that hides nothing.
//!
//! CSV (plain, gzip or zstd) and Parquet files are read in pieces, parsed on all cores and put together in the
//! order of the files: ids get their index at their first kept row, so the result depends neither on the number
//! of threads nor on the size of the pieces. Memory holds the events (32 bytes each), the ids, and a few pieces
//! of a megabyte; see [`read`].
//!
//! A row that cannot be used is counted with its reason, never silently lost; what makes *all* that follows
//! unreliable (a missing column, another header half-way, a truncated archive) is an error.

mod columns;
mod config;
mod error;
mod report;
mod rows;
mod sale_terms;
mod verdict;

mod assembly;
mod csv_pieces;
pub(crate) mod csv_records;
pub(crate) mod csv_rows;
pub(crate) mod input;
mod parallel;
mod parquet_rows;
mod parsed;
mod rejected;
mod time;

#[cfg(test)]
mod twin;

pub use columns::Columns;
pub use config::{Encoding, Exclude, HistoryConfig, Minimums, RowKind, RowPolicy};
pub use error::HistoryError;
pub use report::{DataReport, DroppedRows, Example, FileRows, Finding, Returns, Span, TopItem};
pub use rows::Reason;
pub use sale_terms::{ChannelLines, Discounts};

pub(crate) use columns::quoted;
pub(crate) use report::shown;

use assembly::Assembly;
use columns::ColumnMap;
use csv_pieces::{Piece, Pieces};
use input::{BytesRead, Input};
use models::events::{EventLog, Timestamp};
use models::ids::{ChannelIx, CustomerIx, ItemIx, Vocabulary};
use parquet_rows::{Batch, Batches};
use parsed::{Parsed, Raws};
use rejected::RejectedFile;
use rows::Rules;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How much CSV a worker parses at a time.
const PIECE_BYTES: usize = 1 << 20;

/// A history that has been read.
#[derive(Clone, Debug)]
pub struct History {
    /// What happened, in the order of time.
    pub log: EventLog,
    /// The customers that the events refer to.
    pub customers: Vocabulary<CustomerIx>,
    /// The items that the events refer to.
    pub items: Vocabulary<ItemIx>,
    /// The channels that the events refer to, in the order of their first kept row. The first, at
    /// [`ChannelIx::UNKNOWN`], is always the empty name, for events whose channel is not known.
    pub channels: Vocabulary<ChannelIx>,
    /// How many different orders there are; the events' order indexes are below it.
    pub n_orders: usize,
}

/// How far the reading has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of the files read so far, as stored.
    pub bytes_read: u64,
    /// Bytes of all files.
    pub bytes_total: u64,
    /// Rows that became events so far.
    pub rows_kept: u64,
}

/// Reads files into one history, and reports on them.
///
/// Rows later than `now` (plus the configured tolerance) are dropped. `progress` is called every few tens of
/// thousands of rows. With `rejected`, all dropped rows are written to that CSV file (columns `file, line,
/// reason, raw`), which appears only when everything has been read.
///
/// The report's verdict is the caller's to act upon: a history with [`DataReport::problems`] is returned all the
/// same, so that it can be looked at.
///
/// # Errors
/// Whatever makes the files as a whole unusable; see [`HistoryError`]. Nothing is left behind then.
pub fn read(
    config: &HistoryConfig,
    files: &[PathBuf],
    now: Timestamp,
    progress: impl FnMut(Progress),
    rejected: Option<&Path>,
) -> Result<(History, DataReport), HistoryError> {
    let plan = Plan { n_workers: rayon::current_num_threads(), piece_bytes: PIECE_BYTES, rejected };
    plan.read(config, files, now, progress)
}

/// How the work is divided, on which the result does not depend, and where rejected rows go.
struct Plan<'a> {
    n_workers: usize,
    piece_bytes: usize,
    rejected: Option<&'a Path>,
}

impl Plan<'_> {
    fn read(
        &self,
        config: &HistoryConfig,
        files: &[PathBuf],
        now: Timestamp,
        mut progress: impl FnMut(Progress),
    ) -> Result<(History, DataReport), HistoryError> {
        let rules = Rules::new(config, now)?;
        if files.is_empty() {
            return Err(HistoryError::NoFiles);
        }
        let bytes_total = input::total_bytes(files)?;
        let raws = if self.rejected.is_some() { Raws::Keep } else { Raws::Forget };
        let rejected = self.rejected.map(RejectedFile::create).transpose()?;
        let mut assembly = Assembly::new(files, config.duplicates, rejected)?;
        let bytes_read = BytesRead::default();
        let mut source = Source {
            config,
            rules: &rules,
            files,
            next_file: 0,
            open: None,
            timed: None,
            piece_bytes: self.piece_bytes,
            bytes_read: bytes_read.clone(),
        };
        parallel::in_order(
            self.n_workers,
            || source.next_job(),
            |job| job.parse(files, &rules, raws).map(|parsed| (job.file, parsed)),
            |result| {
                let (file, parsed) = result?;
                assembly.absorb(file, parsed)?;
                let rows_kept = assembly.n_events() as u64;
                progress(Progress { bytes_read: bytes_read.get(), bytes_total, rows_kept });
                Ok(())
            },
        )?;
        let (history, counts) = assembly.finish()?;
        let report = DataReport::new(files, &history, counts, &config.minimums);
        Ok((history, report))
    }
}

/// Some rows to parse.
struct Job {
    file: usize,
    map: Arc<ColumnMap>,
    rows: JobRows,
}

enum JobRows {
    Csv(Piece),
    Parquet(Batch),
}

impl Job {
    fn parse(&self, files: &[PathBuf], rules: &Rules, raws: Raws) -> Result<Parsed, HistoryError> {
        let file = &files[self.file];
        match &self.rows {
            JobRows::Csv(piece) => csv_rows::parse(file, &self.map, piece, rules, raws),
            JobRows::Parquet(batch) => parquet_rows::parse(file, &self.map, batch, rules, raws),
        }
    }
}

/// All files, one after the other, in pieces.
struct Source<'a> {
    config: &'a HistoryConfig,
    rules: &'a Rules,
    files: &'a [PathBuf],
    next_file: usize,
    open: Option<OpenFile>,
    /// Whether the files have times; all must agree.
    timed: Option<bool>,
    piece_bytes: usize,
    bytes_read: BytesRead,
}

struct OpenFile {
    map: Arc<ColumnMap>,
    rows: OpenRows,
}

enum OpenRows {
    Csv {
        pieces: Pieces,
        /// What followed the header.
        first: Option<Piece>,
    },
    Parquet(Batches),
}

impl Source<'_> {
    fn next_job(&mut self) -> Result<Option<Job>, HistoryError> {
        loop {
            if let Some(open) = &mut self.open {
                if let Some(rows) = open.next_rows()? {
                    return Ok(Some(Job { file: self.next_file - 1, map: Arc::clone(&open.map), rows }));
                }
                self.open = None;
            }
            let Some(path) = self.files.get(self.next_file) else { return Ok(None) };
            let opened = self.open(path.clone())?;
            let timed = opened.map.timestamp.is_some();
            if *self.timed.get_or_insert(timed) != timed {
                return Err(HistoryError::PartlyTimed { file: path.clone(), timed });
            }
            self.open = Some(opened);
            self.next_file += 1;
        }
    }

    fn open(&self, path: PathBuf) -> Result<OpenFile, HistoryError> {
        let columns = &self.config.columns;
        match input::open(&path, &self.bytes_read)? {
            Input::Csv(text) => {
                let mut pieces = Pieces::new(path, text, self.rules.delimiter, self.piece_bytes);
                let (map, first) = csv_rows::read_header(&mut pieces, columns, self.rules)?;
                Ok(OpenFile { map: Arc::new(map), rows: OpenRows::Csv { pieces, first: Some(first) } })
            }
            Input::Parquet(source) => {
                let (batches, map) = Batches::open(path, source, columns, self.bytes_read.clone())?;
                Ok(OpenFile { map: Arc::new(map), rows: OpenRows::Parquet(batches) })
            }
        }
    }
}

impl OpenFile {
    fn next_rows(&mut self) -> Result<Option<JobRows>, HistoryError> {
        Ok(match &mut self.rows {
            OpenRows::Csv { pieces, first } => match first.take() {
                Some(piece) => Some(piece),
                None => pieces.next_piece()?,
            }
            .map(JobRows::Csv),
            OpenRows::Parquet(batches) => batches.next_batch()?.map(JobRows::Parquet),
        })
    }
}

//! What stops the reading of a history. A row that cannot be used is no error: it is counted in the report.

use std::path::PathBuf;

/// Why a history could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HistoryError {
    /// The configuration contradicts itself or cannot be understood.
    #[error("history.{key} is {value}, but must {expected}")]
    Config {
        /// The key below `[history]`.
        key: &'static str,
        /// What was given.
        value: String,
        /// What would be right.
        expected: String,
    },
    /// No file was named.
    #[error("no history file is given: name at least one CSV or Parquet file")]
    NoFiles,
    /// A file is missing or may not be read.
    #[error("{file} cannot be opened: {source}")]
    Open {
        /// Which file.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Reading stopped half-way: a truncated archive, a failing disk.
    #[error("{file} cannot be read beyond line {line}: {source}; is the file complete?")]
    Read {
        /// Which file.
        file: PathBuf,
        /// The last line that was read.
        line: u64,
        /// What the system or the decompressor said.
        source: std::io::Error,
    },
    /// A file holds nothing, not even a header.
    #[error("{file} is empty: a header line with the names of the columns is needed")]
    Empty {
        /// Which file.
        file: PathBuf,
    },
    /// The file is of a kind that is not read.
    #[error("{file} looks like {kind}, which is not read: convert it to {remedy}")]
    Unsupported {
        /// Which file.
        file: PathBuf,
        /// What it looks like.
        kind: &'static str,
        /// To what to convert it.
        remedy: &'static str,
    },
    /// A mapped column is not in the header.
    #[error("{file} has no column {missing}; found {found}: name the right ones under [history.columns]")]
    MissingColumns {
        /// Which file.
        file: PathBuf,
        /// The columns that were looked for in vain.
        missing: String,
        /// The columns that are there.
        found: String,
    },
    /// Some files have times and others have none.
    #[error(
        "{file} {} a column of times, unlike the file before it: give times in all files, or in none",
        if *timed { "has" } else { "does not have" }
    )]
    PartlyTimed {
        /// The first file that differs.
        file: PathBuf,
        /// Whether it has times.
        timed: bool,
    },
    /// A mapped column is in the header twice.
    #[error("{file} has more than one column `{column}`: rename or remove the others")]
    RepeatedColumn {
        /// Which file.
        file: PathBuf,
        /// Its name.
        column: String,
    },
    /// Another header stands in the middle of a file, so that what follows means something else.
    #[error(
        "{file}, line {line}: a different header starts here ({found}): split the file there and read both parts"
    )]
    HeaderChanged {
        /// Which file.
        file: PathBuf,
        /// The line of the other header.
        line: u64,
        /// The other header.
        found: String,
    },
    /// A record goes on and on; nearly always because of a quotation mark that is never closed.
    #[error(
        "{file}, line {line}: the record that starts here ends neither within {limit_bytes} bytes nor before the \
         end of the file; is a quote left open?"
    )]
    UnendingRecord {
        /// Which file.
        file: PathBuf,
        /// The line where the record starts.
        line: u64,
        /// How long a record may be.
        limit_bytes: usize,
    },
    /// A Parquet file is damaged or uses a feature that is not read.
    #[error("{file} cannot be read as Parquet: {reason}")]
    Parquet {
        /// Which file.
        file: PathBuf,
        /// What the reader said.
        reason: String,
    },
    /// A Parquet column has a type that cannot hold what it should.
    #[error("{file}: column `{column}` is {found}, but must be {expected}")]
    ColumnType {
        /// Which file.
        file: PathBuf,
        /// Which column.
        column: String,
        /// Its type.
        found: String,
        /// The types that would do.
        expected: &'static str,
    },
    /// There are more different ids than can be told apart.
    #[error(transparent)]
    TooMany(#[from] models::Error),
    /// The file of rejected rows cannot be written.
    #[error("rejected rows cannot be written to {path}: {source}")]
    WriteRejected {
        /// Where they should go.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl HistoryError {
    pub(super) fn config(
        key: &'static str,
        value: &dyn std::fmt::Display,
        expected: impl Into<String>,
    ) -> Self {
        Self::Config { key, value: value.to_string(), expected: expected.into() }
    }
}

//! What stops the reading of a table. A bad row or cell is no error: it is counted in the report.

use crate::history::HistoryError;
use std::path::PathBuf;

/// Why a file of attributes could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// The file cannot be opened, recognised or read to its end.
    #[error(transparent)]
    File(#[from] HistoryError),
    /// The Parquet file is damaged.
    #[error("{file} cannot be read as Parquet: {reason}")]
    Parquet {
        /// Which file.
        file: PathBuf,
        /// What the reader said.
        reason: String,
    },
    /// A column that the configuration names, or the one of the ids, is not there or there twice.
    #[error(
        "{file} should have exactly one column `{column}`; found {found}: correct the file or the configuration"
    )]
    Column {
        /// Which file.
        file: PathBuf,
        /// What was looked for.
        column: String,
        /// All columns.
        found: String,
    },
    /// There are more columns than a payload should have.
    #[error(
        "{file} has {found} columns, at most {limit} are read: remove those that say nothing about taste"
    )]
    TooManyColumns {
        /// Which file.
        file: PathBuf,
        /// How many there are.
        found: usize,
        /// How many there may be.
        limit: usize,
    },
    /// A column cannot be an attribute.
    #[error(
        "{file} has the column `{column}`, but the name of an attribute {fault}: rename it, or add it to `ignore`"
    )]
    Name {
        /// Which file.
        file: PathBuf,
        /// Which column.
        column: String,
        /// What a name must be.
        fault: &'static str,
    },
    /// The delimiter cannot delimit.
    #[error("the delimiter is {0:?}, but must be one ASCII character, neither a quote nor a line end")]
    Delimiter(char),
}

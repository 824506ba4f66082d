//! The embedded store: one SQLite file in WAL mode with `synchronous = FULL`.

mod dialect;
#[allow(clippy::duplicate_mod, reason = "the statements exist once and serve both databases")]
#[path = "../sql/mod.rs"]
mod sql;

use crate::metrics::Metrics;
use crate::store::error::migration_error;
use crate::store::{Fault, Result, StoreError};
use sql::writer::Queue;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The store on SQLite.
pub type SqliteStore = sql::SqlStore;

/// How to open the file.
#[derive(Clone, Debug)]
pub struct SqliteSettings {
    /// The database file; it and its folder are created when missing.
    pub path: PathBuf,
    /// How long to wait for a lock that another process holds.
    pub busy_timeout: Duration,
    /// Number of connections that read.
    pub readers: u32,
    /// How many writes may wait for the next transaction before new ones are refused.
    pub queue: usize,
}

impl SqliteSettings {
    /// Opens the file, brings its tables up to date and starts the writer.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be opened, is damaged, locked, or was written by a newer version.
    pub async fn open(&self, metrics: Arc<Metrics>) -> Result<SqliteStore> {
        if let Some(folder) = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|e| {
                StoreError::new(Fault::Unavailable, format!("{} cannot be created: {e}", folder.display()))
            })?;
        }
        let options = SqliteConnectOptions::new()
            .filename(&self.path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // NORMAL would lose the last commits at power loss.
            .synchronous(SqliteSynchronous::Full)
            // What is erased is overwritten, not only forgotten.
            .pragma("secure_delete", "ON")
            .statement_cache_capacity(250)
            .busy_timeout(self.busy_timeout);
        let mut connection = options.connect().await?;
        sqlx::migrate!("migrations/sqlite").run(&mut connection).await.map_err(migration_error)?;
        connection.close().await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(self.readers)
            .acquire_timeout(self.busy_timeout)
            .test_before_acquire(false)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options.clone().create_if_missing(false).pragma("query_only", "ON"))
            .await?;
        let queue = Queue { length: self.queue, patience: self.busy_timeout };
        Ok(SqliteStore::start(readers, options.create_if_missing(false), queue, metrics))
    }
}

#[cfg(test)]
mod tests;

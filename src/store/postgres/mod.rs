//! The shared store: a PostgreSQL server, for several processes on one state.
//!
//! TLS is as the URL says (`sslmode=require`, `verify-full`, …). Everything stands in the first schema of the search
//! path, so `?options[search_path]=name` keeps two installations in one database apart.

mod dialect;
#[allow(clippy::duplicate_mod, reason = "the statements exist once and serve both databases")]
#[path = "../sql/mod.rs"]
mod sql;

use crate::metrics::Metrics;
use crate::store::Result;
use crate::store::error::migration_error;
use secrecy::{ExposeSecret, SecretString};
use sql::writer::Queue;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection};
use std::sync::Arc;
use std::time::Duration;

/// The store on PostgreSQL.
pub type PostgresStore = sql::SqlStore;

/// How to reach the server.
#[derive(Clone, Debug)]
pub struct PostgresSettings {
    /// `postgres://user:password@host:port/database`; never printed.
    pub url: SecretString,
    /// Number of connections that read.
    pub readers: u32,
    /// How many writes may wait for the next transaction before new ones are refused.
    pub queue: usize,
    /// How long to wait for a connection, or for a lock that another process holds.
    pub busy_timeout: Duration,
}

impl PostgresSettings {
    /// Connects, brings the tables up to date and starts the writer.
    ///
    /// # Errors
    /// [`StoreError`](crate::store::StoreError) when the server cannot be reached or refuses, or when its tables were
    /// written by a newer version.
    pub async fn open(&self, metrics: Arc<Metrics>) -> Result<PostgresStore> {
        let url: PgConnectOptions = self.url.expose_secret().parse()?;
        let options = url.application_name("proffer").statement_cache_capacity(250);
        let mut connection = options.connect().await?;
        sqlx::migrate!("migrations/postgres").run(&mut connection).await.map_err(migration_error)?;
        connection.close().await?;
        let readers = PgPoolOptions::new()
            .max_connections(self.readers)
            .acquire_timeout(self.busy_timeout)
            .connect_with(options.clone())
            .await?;
        let queue = Queue { length: self.queue, patience: self.busy_timeout };
        Ok(PostgresStore::start(readers, options, queue, metrics))
    }
}

#[cfg(test)]
mod tests;

//! The embedded store: one SQLite file in WAL mode with `synchronous = FULL`.
//!
//! One task writes (`writer`), many connections read. The SQL keeps to what PostgreSQL understands too, with
//! `$1` placeholders.

mod events;
mod keys;
mod tables;
mod transitions;
mod writer;

use crate::metrics::Metrics;
use crate::store::{
    Activation, Activity, Appended, Claim, Customer, Erasure, Fault, IdempotentRequest, KeptAnswer,
    KeyRecord, NewEvent, NewItem, NewTransition, Result, Store, StoreError, StoredEvent, StoredItem,
    Transition,
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection, Row};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use writer::Writer;

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

/// The store on SQLite.
pub struct SqliteStore {
    readers: SqlitePool,
    writer: Writer,
}

impl SqliteStore {
    /// Opens the file, brings its tables up to date and starts the writer.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be opened, is damaged, locked, or was written by a newer version.
    pub async fn open(settings: &SqliteSettings, metrics: Arc<Metrics>) -> Result<Self> {
        if let Some(folder) = settings.path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|e| {
                StoreError::new(Fault::Unavailable, format!("{} cannot be created: {e}", folder.display()))
            })?;
        }
        let options = SqliteConnectOptions::new()
            .filename(&settings.path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // NORMAL would lose the last commits at power loss.
            .synchronous(SqliteSynchronous::Full)
            // What is erased is overwritten, not only forgotten.
            .pragma("secure_delete", "ON")
            .busy_timeout(settings.busy_timeout);
        let mut connection = options.connect().await?;
        sqlx::migrate!("migrations/sqlite").run(&mut connection).await.map_err(migration_error)?;
        connection.close().await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(settings.readers)
            .acquire_timeout(settings.busy_timeout)
            .test_before_acquire(false)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options.clone().create_if_missing(false).pragma("query_only", "ON"))
            .await?;
        let writer = Writer::start(options.create_if_missing(false), settings, metrics);
        Ok(Self { readers, writer })
    }
}

/// Tables that cannot be brought up to date are an operator's matter, unless the database itself failed.
fn migration_error(error: sqlx::migrate::MigrateError) -> StoreError {
    match error {
        sqlx::migrate::MigrateError::Execute(error) => error.into(),
        other => StoreError::new(
            Fault::Unavailable,
            format!("its tables cannot be brought up to date, was it written by a newer version? {other}"),
        ),
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn append_events(&self, events: Vec<NewEvent>) -> Result<Vec<Appended>> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        self.writer.append(events).await
    }

    async fn events_since(
        &self,
        customer_id: &str,
        since: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<StoredEvent>> {
        events::since(&self.readers, customer_id, since, limit).await
    }

    async fn latest_events(&self, limit: u32) -> Result<Vec<StoredEvent>> {
        events::latest(&self.readers, limit).await
    }

    async fn active_customers(&self, since: DateTime<Utc>, after: &str, limit: u32) -> Result<Vec<String>> {
        tables::active_customers(&self.readers, since, after, limit).await
    }

    async fn activity(&self, customer_id: &str) -> Result<Activity> {
        events::activity(&self.readers, customer_id).await
    }

    async fn count_events(&self) -> Result<u64> {
        events::count(&self.readers).await
    }

    async fn put_customers(&self, customers: Vec<Customer>) -> Result<()> {
        self.writer
            .write(customers, |connection, customers| Box::pin(tables::put_customers(connection, customers)))
            .await
    }

    async fn customer(&self, customer_id: &str) -> Result<Option<Customer>> {
        tables::customer(&self.readers, customer_id).await
    }

    async fn erase_customer(&self, customer_id: &str, at: DateTime<Utc>) -> Result<Erasure> {
        let subject = (customer_id.to_owned(), at);
        self.writer
            .write(subject, |connection, (id, at)| Box::pin(tables::erase_customer(connection, id, *at)))
            .await
    }

    async fn erased_since(&self, since: DateTime<Utc>) -> Result<Vec<Vec<u8>>> {
        tables::erased_since(&self.readers, since).await
    }

    async fn put_items(&self, items: Vec<NewItem>, at: DateTime<Utc>) -> Result<Vec<StoredItem>> {
        self.writer
            .write((items, at), |connection, (items, at)| Box::pin(tables::put_items(connection, items, *at)))
            .await
    }

    async fn item(&self, item_id: &str) -> Result<Option<StoredItem>> {
        tables::item(&self.readers, item_id).await
    }

    async fn items_after(&self, position: i64, limit: u32) -> Result<Vec<StoredItem>> {
        tables::items_after(&self.readers, position, limit).await
    }

    async fn append_transitions(&self, transitions: Vec<NewTransition>) -> Result<()> {
        if transitions.is_empty() {
            return Ok(());
        }
        self.writer.write(transitions, |connection, new| Box::pin(transitions::append(connection, new))).await
    }

    async fn transitions_of(&self, customer_id: &str, limit: u32) -> Result<Vec<Transition>> {
        transitions::of(&self.readers, customer_id, limit).await
    }

    async fn transitions_after(&self, sequence: i64, limit: u32) -> Result<Vec<Transition>> {
        transitions::after(&self.readers, sequence, limit).await
    }

    async fn add_key(&self, key: KeyRecord) -> Result<()> {
        self.writer.write(key, |connection, key| Box::pin(keys::add(connection, key))).await
    }

    async fn key(&self, key_id: &str) -> Result<Option<KeyRecord>> {
        keys::one(&self.readers, key_id).await
    }

    async fn keys(&self) -> Result<Vec<KeyRecord>> {
        keys::all(&self.readers).await
    }

    async fn revoke_key(&self, key_id: &str, at: DateTime<Utc>) -> Result<bool> {
        let subject = (key_id.to_owned(), at);
        self.writer.write(subject, |connection, (id, at)| Box::pin(keys::revoke(connection, id, *at))).await
    }

    async fn record_activation(&self, activation: Activation) -> Result<()> {
        self.writer
            .write(activation, |connection, activation| {
                Box::pin(tables::record_activation(connection, activation))
            })
            .await
    }

    async fn activations(&self, limit: u32) -> Result<Vec<Activation>> {
        tables::activations(&self.readers, limit).await
    }

    async fn claim(
        &self,
        request: IdempotentRequest,
        now: DateTime<Utc>,
        lease_ends: DateTime<Utc>,
    ) -> Result<Claim> {
        let subject = (request, now, lease_ends);
        self.writer
            .write(subject, |connection, (request, now, ends)| {
                Box::pin(keys::claim(connection, request, *now, *ends))
            })
            .await
    }

    async fn keep_answer(
        &self,
        request: IdempotentRequest,
        answer: KeptAnswer,
        expires: DateTime<Utc>,
    ) -> Result<()> {
        let subject = (request, answer, expires);
        self.writer
            .write(subject, |connection, (request, answer, expires)| {
                Box::pin(keys::keep_answer(connection, request, answer, *expires))
            })
            .await
    }

    async fn release_claim(&self, request: IdempotentRequest) -> Result<()> {
        self.writer
            .write(request, |connection, request| Box::pin(keys::release_claim(connection, request)))
            .await
    }

    async fn ready(&self) -> Result<()> {
        sqlx::query("SELECT 1").execute(&self.readers).await?;
        self.writer.write((), |_, ()| Box::pin(async { Ok(()) })).await
    }

    async fn close(&self) {
        self.writer.close().await;
        self.readers.close().await;
    }
}

/// A column that holds microseconds since 1970.
fn moment(row: &SqliteRow, column: &str) -> sqlx::Result<DateTime<Utc>> {
    let microseconds: i64 = row.try_get(column)?;
    DateTime::from_timestamp_micros(microseconds)
        .ok_or_else(|| sqlx::Error::Decode(format!("{column} holds {microseconds}, which is no time").into()))
}

#[cfg(test)]
mod tests;

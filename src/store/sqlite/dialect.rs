//! What is particular to SQLite: see `sql` for what is not.

use super::sql::Lock;
use sqlx::ConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqlitePool, SqliteRow};
use std::collections::BTreeSet;
use std::time::Duration;

pub(super) type Database = sqlx::Sqlite;
pub(super) type Connection = SqliteConnection;
pub(super) type Pool = SqlitePool;
pub(super) type Row = SqliteRow;
pub(super) type Options = SqliteConnectOptions;

/// Takes the right to write at once: one that came later could be refused in the middle.
pub(super) const BEGIN: &str = "BEGIN IMMEDIATE";

/// Connects the writer; how long to wait for a lock is among the options.
pub(super) async fn connect(options: &Options, _patience: Duration) -> sqlx::Result<Connection> {
    options.connect().await
}

/// Nothing to take: whoever has begun is alone.
pub(super) async fn lock(_connection: &mut Connection, _locks: &BTreeSet<Lock>) -> sqlx::Result<()> {
    Ok(())
}

/// Whether a transaction was undone in favour of another one; here nobody ever is.
pub(super) fn gave_way(_error: &sqlx::Error) -> bool {
    false
}

/// Whether a connection tells that others wrote.
pub(super) const SEES_OTHERS: bool = true;

/// A number that changes with each commit of another connection.
pub(super) async fn version(connection: &mut Connection) -> sqlx::Result<i64> {
    sqlx::query_scalar("PRAGMA data_version").fetch_one(connection).await
}

//! What is particular to PostgreSQL: see `sql` for what is not.

use super::sql::Lock;
use sqlx::ConnectOptions;
use sqlx::error::DatabaseError;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgRow};
use std::collections::BTreeSet;
use std::time::Duration;

pub(super) type Database = sqlx::Postgres;
pub(super) type Connection = PgConnection;
pub(super) type Pool = PgPool;
pub(super) type Row = PgRow;
pub(super) type Options = PgConnectOptions;

/// Each statement sees what was committed before it, so a write that waited for its lock sees what it waited for.
pub(super) const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";

/// Connects the writer. A commit is on the disk when it is acknowledged, whatever the server's default is, unless that
/// asks for more, as replication does.
pub(super) async fn connect(options: &Options, patience: Duration) -> sqlx::Result<Connection> {
    let mut connection = options.connect().await?;
    sqlx::query(
        "SELECT set_config('lock_timeout', $1, false), set_config('synchronous_commit', \
         CASE WHEN current_setting('synchronous_commit') = 'off' THEN 'on' \
         ELSE current_setting('synchronous_commit') END, false)",
    )
    .bind(format!("{}ms", patience.as_millis()))
    .execute(&mut connection)
    .await?;
    Ok(connection)
}

/// Takes locks until the end of the transaction, in their order; stores in other schemas do not meet them.
pub(super) async fn lock(connection: &mut Connection, locks: &BTreeSet<Lock>) -> sqlx::Result<()> {
    for lock in locks {
        sqlx::query("SELECT pg_advisory_xact_lock(hashtext('proffer ' || current_schema()), $1)")
            .bind(*lock as i32)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Whether a transaction was undone in favour of another one: a deadlock or a conflict of serialisation.
pub(super) fn gave_way(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(DatabaseError::code);
    matches!(code.as_deref(), Some("40P01" | "40001"))
}

/// Whether a connection tells that others wrote.
pub(super) const SEES_OTHERS: bool = false;

/// What SQLite counts; here it is not known.
pub(super) async fn version(_connection: &mut Connection) -> sqlx::Result<i64> {
    Err(sqlx::Error::RowNotFound)
}

//! What silence means: reservations expire, and results of which nothing final is heard are settled.

use super::rows::{number, rank};
use super::usage::{self, Changes};
use super::{Connection, Pool, Row, responses};
use crate::store::progress::UsageChange;
use crate::store::{Outstanding, Result};
use chrono::{DateTime, Utc};
use sqlx::Row as _;

/// Releases reservations that expired by a moment; gives their number.
pub(super) async fn expire(connection: &mut Connection, now: DateTime<Utc>, limit: u32) -> sqlx::Result<u64> {
    let expired: Vec<(String, f64)> = sqlx::query_as(
        "UPDATE decision_results SET state = 'expired' WHERE (decision_id, rank) IN ( \
             SELECT decision_id, rank FROM decision_results WHERE state = 'reserved' AND expires_us <= $1 \
             ORDER BY expires_us LIMIT CAST($2 AS BIGINT)) \
         RETURNING offer_id, cost",
    )
    .bind(now.timestamp_micros())
    .bind(i64::from(limit))
    .fetch_all(&mut *connection)
    .await?;
    let mut changes = Changes::new();
    for (offer_id, cost) in &expired {
        usage::add(&mut changes, offer_id, UsageChange::freed(*cost));
    }
    usage::change(connection, changes).await?;
    Ok(expired.len() as u64)
}

/// Counts what is reserved, and what of it should have expired by a moment, as of one snapshot.
pub(super) async fn outstanding(readers: &Pool, overdue_at: DateTime<Utc>) -> Result<Outstanding> {
    let row = sqlx::query(
        "SELECT (SELECT COUNT(*) FROM decision_results WHERE state = 'reserved') AS reserved, \
         (SELECT COUNT(*) FROM decision_results WHERE state = 'reserved' AND expires_us <= $1) AS overdue, \
         (SELECT CAST(COALESCE(SUM(reserved), 0) AS BIGINT) FROM offer_usage) AS counted",
    )
    .bind(overdue_at.timestamp_micros())
    .fetch_one(readers)
    .await?;
    Ok(Outstanding {
        reserved: number(&row, "reserved")?,
        counted: number(&row, "counted")?,
        overdue: number(&row, "overdue")?,
    })
}

/// Settles shown and delivered results from before a moment; gives their number.
pub(super) async fn settle(
    connection: &mut Connection,
    before: DateTime<Utc>,
    now: DateTime<Utc>,
    limit: u32,
) -> sqlx::Result<u64> {
    let rows = sqlx::query(
        "UPDATE decision_results SET settled = TRUE WHERE (decision_id, rank) IN ( \
             SELECT decision_id, rank FROM decision_results \
             WHERE NOT settled AND state IN ('shown', 'delivered') AND contact_us < $1 \
             ORDER BY contact_us LIMIT CAST($2 AS BIGINT)) \
         RETURNING decision_id, rank, customer_id",
    )
    .bind(before.timestamp_micros())
    .bind(i64::from(limit))
    .fetch_all(&mut *connection)
    .await?;
    let silent = |row: &Row| -> sqlx::Result<_> {
        Ok(((row.try_get("decision_id")?, rank(row, "rank")?), row.try_get("customer_id")?))
    };
    let silent = rows.iter().map(silent).collect::<sqlx::Result<Vec<_>>>()?;
    responses::append_silence(connection, &silent, now).await?;
    Ok(silent.len() as u64)
}

//! Changes of customers' stages.

use super::rows::moment;
use super::{Connection, Pool, Row};
use crate::store::{NewTransition, Result, Transition};
use sqlx::Row as _;

/// Appends within a transaction; one that is already there is left as it is.
pub(super) async fn append(connection: &mut Connection, transitions: &[NewTransition]) -> sqlx::Result<()> {
    for transition in transitions {
        sqlx::query(
            "INSERT INTO stage_transitions (customer_id, from_stage, to_stage, reason, at_us) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (customer_id, at_us, to_stage) DO NOTHING",
        )
        .bind(&transition.customer_id)
        .bind(&transition.from)
        .bind(&transition.to)
        .bind(&transition.reason)
        .bind(transition.at.timestamp_micros())
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// The latest of one customer, newest first.
pub(super) async fn of(readers: &Pool, customer_id: &str, limit: u32) -> Result<Vec<Transition>> {
    let rows = sqlx::query(
        "SELECT sequence, customer_id, from_stage, to_stage, reason, at_us FROM stage_transitions \
         WHERE customer_id = $1 ORDER BY at_us DESC, sequence DESC LIMIT CAST($2 AS BIGINT)",
    )
    .bind(customer_id)
    .bind(i64::from(limit))
    .fetch_all(readers)
    .await?;
    Ok(rows.iter().map(transition).collect::<sqlx::Result<_>>()?)
}

/// The next ones after a sequence number, in the order in which they were recorded.
pub(super) async fn after(readers: &Pool, sequence: i64, limit: u32) -> Result<Vec<Transition>> {
    let rows = sqlx::query(
        "SELECT sequence, customer_id, from_stage, to_stage, reason, at_us FROM stage_transitions \
         WHERE sequence > $1 ORDER BY sequence LIMIT CAST($2 AS BIGINT)",
    )
    .bind(sequence)
    .bind(i64::from(limit))
    .fetch_all(readers)
    .await?;
    Ok(rows.iter().map(transition).collect::<sqlx::Result<_>>()?)
}

fn transition(row: &Row) -> sqlx::Result<Transition> {
    Ok(Transition {
        sequence: row.try_get("sequence")?,
        transition: NewTransition {
            customer_id: row.try_get("customer_id")?,
            from: row.try_get("from_stage")?,
            to: row.try_get("to_stage")?,
            reason: row.try_get("reason")?,
            at: moment(row, "at_us")?,
        },
    })
}

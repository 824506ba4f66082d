//! Which release became active when.

use super::rows::moment;
use super::{Connection, Pool, Row};
use crate::store::{Activation, Result};
use sqlx::Row as _;

/// Records an activation.
pub(super) async fn record(connection: &mut Connection, activation: &Activation) -> sqlx::Result<()> {
    sqlx::query("INSERT INTO activations (release_id, actor, at_us) VALUES ($1, $2, $3)")
        .bind(&activation.release_id)
        .bind(&activation.actor)
        .bind(activation.at.timestamp_micros())
        .execute(connection)
        .await?;
    Ok(())
}

/// Reads the latest activations.
pub(super) async fn latest(readers: &Pool, limit: u32) -> Result<Vec<Activation>> {
    let rows = sqlx::query(
        "SELECT release_id, actor, at_us FROM activations ORDER BY sequence DESC LIMIT CAST($1 AS BIGINT)",
    )
    .bind(i64::from(limit))
    .fetch_all(readers)
    .await?;
    let activation = |row: &Row| -> sqlx::Result<Activation> {
        Ok(Activation {
            release_id: row.try_get("release_id")?,
            actor: row.try_get("actor")?,
            at: moment(row, "at_us")?,
        })
    };
    Ok(rows.iter().map(activation).collect::<sqlx::Result<_>>()?)
}

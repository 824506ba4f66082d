//! Offers, and the revision by which every process sees that something changed.

use super::rows::moment;
use super::{Connection, Pool, Row};
use crate::store::{OfferRecord, Result};
use sqlx::Row as _;

/// Writes offers.
pub(super) async fn put(connection: &mut Connection, offers: &[OfferRecord]) -> sqlx::Result<()> {
    revise(connection).await?;
    for offer in offers {
        sqlx::query(
            "INSERT INTO offers (offer_id, body, updated_us) VALUES ($1, $2, $3) \
             ON CONFLICT (offer_id) DO UPDATE SET body = excluded.body, updated_us = excluded.updated_us",
        )
        .bind(&offer.offer_id)
        .bind(&offer.body)
        .bind(offer.updated_at.timestamp_micros())
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Deletes an offer; its usage stays, since money that was spent remains spent.
pub(super) async fn delete(connection: &mut Connection, offer_id: &str) -> sqlx::Result<bool> {
    let deleted = sqlx::query("DELETE FROM offers WHERE offer_id = $1")
        .bind(offer_id)
        .execute(&mut *connection)
        .await?
        .rows_affected();
    if deleted > 0 {
        revise(connection).await?;
    }
    Ok(deleted > 0)
}

/// Reads all offers.
pub(super) async fn all(readers: &Pool) -> Result<Vec<OfferRecord>> {
    let rows = sqlx::query("SELECT offer_id, body, updated_us FROM offers ORDER BY offer_id")
        .fetch_all(readers)
        .await?;
    let offer = |row: &Row| -> sqlx::Result<OfferRecord> {
        Ok(OfferRecord {
            offer_id: row.try_get("offer_id")?,
            body: row.try_get("body")?,
            updated_at: moment(row, "updated_us")?,
        })
    };
    Ok(rows.iter().map(offer).collect::<sqlx::Result<_>>()?)
}

/// Reads the revision.
pub(super) async fn revision(readers: &Pool) -> Result<i64> {
    Ok(sqlx::query_scalar("SELECT revision FROM revisions").fetch_one(readers).await?)
}

/// Says that something changed.
pub(super) async fn revise(connection: &mut Connection) -> sqlx::Result<()> {
    sqlx::query("UPDATE revisions SET revision = revision + 1").execute(connection).await?;
    Ok(())
}

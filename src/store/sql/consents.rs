//! The ledger of consents. What was said last counts, by when it was said and not by when it was written down.

use super::rows::{moment, word};
use super::{Connection, Pool, Row};
use crate::store::words::Word;
use crate::store::{Consent, Result};
use sqlx::Row as _;

/// Adds lines.
pub(super) async fn append(connection: &mut Connection, consents: &[Consent]) -> sqlx::Result<()> {
    for consent in consents {
        sqlx::query(
            "INSERT INTO consents (customer_id, purpose, channel, status, source, text_version, proof, at_us) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(&consent.customer_id)
        .bind(&consent.purpose)
        .bind(&consent.channel)
        .bind(consent.status.word())
        .bind(&consent.source)
        .bind(&consent.text_version)
        .bind(&consent.proof)
        .bind(consent.at.timestamp_micros())
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// All lines of one customer, newest first.
pub(super) async fn of(readers: &Pool, customer_id: &str) -> Result<Vec<Consent>> {
    let rows = sqlx::query(
        "SELECT customer_id, purpose, channel, status, source, text_version, proof, at_us FROM consents \
         WHERE customer_id = $1 ORDER BY at_us DESC, sequence DESC",
    )
    .bind(customer_id)
    .fetch_all(readers)
    .await?;
    Ok(rows.iter().map(consent).collect::<sqlx::Result<_>>()?)
}

fn consent(row: &Row) -> sqlx::Result<Consent> {
    Ok(Consent {
        customer_id: row.try_get("customer_id")?,
        purpose: row.try_get("purpose")?,
        channel: row.try_get("channel")?,
        status: word(row, "status")?,
        source: row.try_get("source")?,
        text_version: row.try_get("text_version")?,
        proof: row.try_get("proof")?,
        at: moment(row, "at_us")?,
    })
}

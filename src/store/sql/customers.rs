//! Customers: attributes, who is active, and erasure.

use super::rows::{attributes, moment, to_json};
use super::{Connection, Pool, Row, decisions};
use crate::store::{Customer, Erasure, Result};
use chrono::{DateTime, SubsecRound, Utc};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Writes customers.
pub(super) async fn put(connection: &mut Connection, customers: &[Customer]) -> sqlx::Result<()> {
    for customer in customers {
        sqlx::query(
            "INSERT INTO customers (customer_id, attributes, updated_us) VALUES ($1, $2, $3) \
             ON CONFLICT (customer_id) DO UPDATE SET attributes = excluded.attributes, updated_us = excluded.updated_us",
        )
        .bind(&customer.customer_id)
        .bind(to_json(&customer.attributes)?)
        .bind(customer.updated_at.timestamp_micros())
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Reads one customer.
pub(super) async fn one(readers: &Pool, customer_id: &str) -> Result<Option<Customer>> {
    let row = sqlx::query("SELECT attributes, updated_us FROM customers WHERE customer_id = $1")
        .bind(customer_id)
        .fetch_optional(readers)
        .await?;
    let customer = |row: Row| -> sqlx::Result<Customer> {
        Ok(Customer {
            customer_id: customer_id.to_owned(),
            attributes: attributes(&row)?,
            updated_at: moment(&row, "updated_us")?,
        })
    };
    Ok(row.map(customer).transpose()?)
}

/// Reads ids of customers of whom something is known beside a release.
pub(super) async fn active(
    readers: &Pool,
    since: DateTime<Utc>,
    after: &str,
    limit: u32,
) -> Result<Vec<String>> {
    let ids = sqlx::query_scalar(
        "SELECT customer_id FROM events WHERE customer_id > $1 AND at_us >= $2 \
         UNION SELECT customer_id FROM customers WHERE customer_id > $1 ORDER BY customer_id LIMIT CAST($3 AS BIGINT)",
    )
    .bind(after)
    .bind(since.timestamp_micros())
    .bind(i64::from(limit))
    .fetch_all(readers)
    .await?;
    Ok(ids)
}

/// Reads ids of customers of whom anything is known that [`super::record`] tells.
pub(super) async fn met(readers: &Pool, after: &str, limit: u32) -> Result<Vec<String>> {
    let ids = sqlx::query_scalar(
        "SELECT customer_id FROM events WHERE customer_id > $1 \
         UNION SELECT customer_id FROM customers WHERE customer_id > $1 \
         UNION SELECT customer_id FROM consents WHERE customer_id > $1 \
         ORDER BY customer_id LIMIT CAST($2 AS BIGINT)",
    )
    .bind(after)
    .bind(i64::from(limit))
    .fetch_all(readers)
    .await?;
    Ok(ids)
}

/// Erases a customer and records the erasure.
pub(super) async fn erase(
    connection: &mut Connection,
    customer_id: &str,
    at: DateTime<Utc>,
) -> sqlx::Result<Erasure> {
    let decisions_erased = decisions::erase(connection, customer_id).await?;
    let mut rows_erased = async |statement: &'static str| -> sqlx::Result<u64> {
        Ok(sqlx::query(statement).bind(customer_id).execute(&mut *connection).await?.rows_affected())
    };
    let events_erased = rows_erased("DELETE FROM events WHERE customer_id = $1").await?;
    rows_erased("DELETE FROM stage_transitions WHERE customer_id = $1").await?;
    rows_erased("DELETE FROM consents WHERE customer_id = $1").await?;
    let profiles = rows_erased("DELETE FROM customers WHERE customer_id = $1").await?;
    let receipt_id = Uuid::now_v7().to_string();
    sqlx::query(
        "INSERT INTO erasures (receipt_id, customer_sha256, events_erased, decisions_erased, erased_us) \
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(&receipt_id)
    .bind(Sha256::digest(customer_id).to_vec())
    .bind(events_erased.cast_signed())
    .bind(decisions_erased.cast_signed())
    .bind(at.timestamp_micros())
    .execute(connection)
    .await?;
    Ok(Erasure {
        receipt_id,
        erased_at: at.trunc_subsecs(6),
        attributes_erased: profiles > 0,
        events_erased,
        decisions_erased,
    })
}

/// Reads the digests of who was erased.
pub(super) async fn erased_since(readers: &Pool, since: DateTime<Utc>) -> Result<Vec<Vec<u8>>> {
    let digests = sqlx::query_scalar("SELECT customer_sha256 FROM erasures WHERE erased_us >= $1")
        .bind(since.timestamp_micros())
        .fetch_all(readers)
        .await?;
    Ok(digests)
}

//! Customers, items and the history of active releases: plain rows.

use super::moment;
use crate::store::{Activation, Customer, Erasure, NewItem, Result, StoredItem};
use chrono::{DateTime, SubsecRound, Utc};
use models::payload::Payload;
use sha2::{Digest, Sha256};
use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqlitePool, SqliteRow};
use uuid::Uuid;

/// Writes customers.
pub(super) async fn put_customers(
    connection: &mut SqliteConnection,
    customers: &[Customer],
) -> sqlx::Result<()> {
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
pub(super) async fn customer(readers: &SqlitePool, customer_id: &str) -> Result<Option<Customer>> {
    let row = sqlx::query("SELECT attributes, updated_us FROM customers WHERE customer_id = $1")
        .bind(customer_id)
        .fetch_optional(readers)
        .await?;
    let customer = |row: SqliteRow| -> sqlx::Result<Customer> {
        Ok(Customer {
            customer_id: customer_id.to_owned(),
            attributes: attributes(&row)?,
            updated_at: moment(&row, "updated_us")?,
        })
    };
    Ok(row.map(customer).transpose()?)
}

/// Reads ids of customers of whom something is known beside a release.
pub(super) async fn active_customers(
    readers: &SqlitePool,
    since: DateTime<Utc>,
    after: &str,
    limit: u32,
) -> Result<Vec<String>> {
    let ids = sqlx::query_scalar(
        "SELECT customer_id FROM events WHERE customer_id > $1 AND at_us >= $2          UNION SELECT customer_id FROM customers WHERE customer_id > $1 ORDER BY customer_id LIMIT $3",
    )
    .bind(after)
    .bind(since.timestamp_micros())
    .bind(i64::from(limit))
    .fetch_all(readers)
    .await?;
    Ok(ids)
}

/// Erases a customer and records the erasure.
pub(super) async fn erase_customer(
    connection: &mut SqliteConnection,
    customer_id: &str,
    at: DateTime<Utc>,
) -> sqlx::Result<Erasure> {
    let events = sqlx::query("DELETE FROM events WHERE customer_id = $1")
        .bind(customer_id)
        .execute(&mut *connection)
        .await?
        .rows_affected();
    sqlx::query("DELETE FROM stage_transitions WHERE customer_id = $1")
        .bind(customer_id)
        .execute(&mut *connection)
        .await?;
    let profiles = sqlx::query("DELETE FROM customers WHERE customer_id = $1")
        .bind(customer_id)
        .execute(&mut *connection)
        .await?
        .rows_affected();
    let receipt_id = Uuid::now_v7().to_string();
    sqlx::query(
        "INSERT INTO erasures (receipt_id, customer_sha256, events_erased, erased_us) VALUES ($1, $2, $3, $4)",
    )
    .bind(&receipt_id)
    .bind(Sha256::digest(customer_id).to_vec())
    .bind(events.cast_signed())
    .bind(at.timestamp_micros())
    .execute(connection)
    .await?;
    Ok(Erasure {
        receipt_id,
        erased_at: at.trunc_subsecs(6),
        attributes_erased: profiles > 0,
        events_erased: events,
    })
}

/// Reads the digests of who was erased.
pub(super) async fn erased_since(readers: &SqlitePool, since: DateTime<Utc>) -> Result<Vec<Vec<u8>>> {
    let digests = sqlx::query_scalar("SELECT customer_sha256 FROM erasures WHERE erased_us >= $1")
        .bind(since.timestamp_micros())
        .fetch_all(readers)
        .await?;
    Ok(digests)
}

/// Writes items and gives them back with their positions.
pub(super) async fn put_items(
    connection: &mut SqliteConnection,
    items: &[NewItem],
    at: DateTime<Utc>,
) -> sqlx::Result<Vec<StoredItem>> {
    let mut stored = Vec::with_capacity(items.len());
    for new in items {
        let row = sqlx::query(
            "INSERT INTO items (item_id, attributes, updated_us) VALUES ($1, $2, $3) \
             ON CONFLICT (item_id) DO UPDATE SET attributes = excluded.attributes, updated_us = excluded.updated_us \
             RETURNING item_id, attributes, position, updated_us",
        )
        .bind(&new.item_id)
        .bind(to_json(&new.attributes)?)
        .bind(at.timestamp_micros())
        .fetch_one(&mut *connection)
        .await?;
        stored.push(stored_item(&row)?);
    }
    Ok(stored)
}

/// Reads one item.
pub(super) async fn item(readers: &SqlitePool, item_id: &str) -> Result<Option<StoredItem>> {
    let row = sqlx::query("SELECT item_id, attributes, position, updated_us FROM items WHERE item_id = $1")
        .bind(item_id)
        .fetch_optional(readers)
        .await?;
    Ok(row.as_ref().map(stored_item).transpose()?)
}

/// Reads items in the order of their positions.
pub(super) async fn items_after(readers: &SqlitePool, position: i64, limit: u32) -> Result<Vec<StoredItem>> {
    let rows = sqlx::query(
        "SELECT item_id, attributes, position, updated_us FROM items WHERE position > $1 ORDER BY position LIMIT $2",
    )
    .bind(position)
    .bind(i64::from(limit))
    .fetch_all(readers)
    .await?;
    Ok(rows.iter().map(stored_item).collect::<sqlx::Result<_>>()?)
}

/// Records an activation.
pub(super) async fn record_activation(
    connection: &mut SqliteConnection,
    activation: &Activation,
) -> sqlx::Result<()> {
    sqlx::query("INSERT INTO activations (release_id, actor, at_us) VALUES ($1, $2, $3)")
        .bind(&activation.release_id)
        .bind(&activation.actor)
        .bind(activation.at.timestamp_micros())
        .execute(connection)
        .await?;
    Ok(())
}

/// Reads the latest activations.
pub(super) async fn activations(readers: &SqlitePool, limit: u32) -> Result<Vec<Activation>> {
    let rows =
        sqlx::query("SELECT release_id, actor, at_us FROM activations ORDER BY sequence DESC LIMIT $1")
            .bind(i64::from(limit))
            .fetch_all(readers)
            .await?;
    let activation = |row: &SqliteRow| -> sqlx::Result<Activation> {
        Ok(Activation {
            release_id: row.try_get("release_id")?,
            actor: row.try_get("actor")?,
            at: moment(row, "at_us")?,
        })
    };
    Ok(rows.iter().map(activation).collect::<sqlx::Result<_>>()?)
}

fn stored_item(row: &SqliteRow) -> sqlx::Result<StoredItem> {
    Ok(StoredItem {
        item_id: row.try_get("item_id")?,
        attributes: attributes(row)?,
        position: row.try_get("position")?,
        updated_at: moment(row, "updated_us")?,
    })
}

fn attributes(row: &SqliteRow) -> sqlx::Result<Payload> {
    serde_json::from_str(row.try_get("attributes")?).map_err(|e| sqlx::Error::Decode(e.into()))
}

fn to_json(attributes: &Payload) -> sqlx::Result<String> {
    serde_json::to_string(attributes).map_err(|e| sqlx::Error::Encode(e.into()))
}

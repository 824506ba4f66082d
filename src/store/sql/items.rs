//! Items: attributes, in the order in which they first appeared.

use super::rows::{attributes, moment, to_json};
use super::{Connection, Pool, Row};
use crate::store::{NewItem, Result, StoredItem};
use chrono::{DateTime, Utc};
use sqlx::Row as _;

/// Writes items and gives them back with their positions.
pub(super) async fn put(
    connection: &mut Connection,
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
        stored.push(item(&row)?);
    }
    Ok(stored)
}

/// Reads one item.
pub(super) async fn one(readers: &Pool, item_id: &str) -> Result<Option<StoredItem>> {
    let row = sqlx::query("SELECT item_id, attributes, position, updated_us FROM items WHERE item_id = $1")
        .bind(item_id)
        .fetch_optional(readers)
        .await?;
    Ok(row.as_ref().map(item).transpose()?)
}

/// Reads items in the order of their positions.
pub(super) async fn after(readers: &Pool, position: i64, limit: u32) -> Result<Vec<StoredItem>> {
    let rows = sqlx::query(
        "SELECT item_id, attributes, position, updated_us FROM items WHERE position > $1 ORDER BY position LIMIT CAST($2 AS BIGINT)",
    )
    .bind(position)
    .bind(i64::from(limit))
    .fetch_all(readers)
    .await?;
    Ok(rows.iter().map(item).collect::<sqlx::Result<_>>()?)
}

fn item(row: &Row) -> sqlx::Result<StoredItem> {
    Ok(StoredItem {
        item_id: row.try_get("item_id")?,
        attributes: attributes(row)?,
        position: row.try_get("position")?,
        updated_at: moment(row, "updated_us")?,
    })
}

//! Everything of one customer that answers about items rest on, in one statement: every stranger to the caches waits for it.

use super::events::kind;
use super::rows::{attributes_in, moment, word};
use super::{Pool, Row};
use crate::store::{CustomerRecord, StoredEvent};
use chrono::{DateTime, Utc};
use sqlx::Row as _;

/// The parts share columns; `part` says what a row is. The body is the attributes, the word of a consent, or the kind of an
/// event.
const STATEMENT: &str = "\
    SELECT 0 AS part, updated_us AS at_us, '' AS id, attributes AS body, '' AS item_id, \
    CAST(0 AS DOUBLE PRECISION) AS quantity, CAST(NULL AS DOUBLE PRECISION) AS unit_price, \
    CAST(NULL AS TEXT) AS order_id, CAST(NULL AS DOUBLE PRECISION) AS discount, CAST(NULL AS TEXT) AS contact_point, \
    CAST(NULL AS TEXT) AS decision_id FROM customers WHERE customer_id = $1 \
    UNION ALL SELECT * FROM ( \
        SELECT 1, at_us, '', status, '', CAST(0 AS DOUBLE PRECISION), CAST(NULL AS DOUBLE PRECISION), \
        CAST(NULL AS TEXT), CAST(NULL AS DOUBLE PRECISION), CAST(NULL AS TEXT), CAST(NULL AS TEXT) FROM consents \
        WHERE customer_id = $1 AND purpose = $2 ORDER BY at_us DESC, sequence DESC LIMIT 1) AS said \
    UNION ALL SELECT * FROM ( \
        SELECT 2, at_us, event_id, kind, item_id, quantity, unit_price, order_id, discount, contact_point, decision_id \
        FROM events WHERE customer_id = $1 AND at_us >= $3 \
        ORDER BY at_us DESC, event_id DESC LIMIT CAST($4 AS BIGINT)) AS latest \
    ORDER BY part, at_us, id";

/// The record of a customer.
pub(super) async fn of(
    readers: &Pool,
    (customer_id, purpose): (&str, &str),
    since: DateTime<Utc>,
    limit: u32,
) -> sqlx::Result<CustomerRecord> {
    let rows = sqlx::query(STATEMENT)
        .bind(customer_id)
        .bind(purpose)
        .bind(since.timestamp_micros())
        .bind(i64::from(limit))
        .fetch_all(readers)
        .await?;
    let mut record = CustomerRecord::default();
    for row in &rows {
        match row.try_get::<i32, _>("part")? {
            0 => record.attributes = Some(attributes_in(row, "body")?),
            1 => record.consent = Some(word(row, "body")?),
            _ => record.events.push(event(row, customer_id)?),
        }
    }
    Ok(record)
}

fn event(row: &Row, customer_id: &str) -> sqlx::Result<StoredEvent> {
    Ok(StoredEvent {
        event_id: row.try_get("id")?,
        kind: kind(row.try_get("body")?)?,
        customer_id: customer_id.to_owned(),
        item_id: row.try_get("item_id")?,
        quantity: row.try_get("quantity")?,
        unit_price: row.try_get("unit_price")?,
        order_id: row.try_get("order_id")?,
        at: moment(row, "at_us")?,
        discount: row.try_get("discount")?,
        contact_point: row.try_get("contact_point")?,
        decision_id: row.try_get("decision_id")?,
    })
}

//! Events: many rows per statement, duplicates recognised by id and content.

use super::rows::{moment, statement_chunks};
use super::{Connection, Database, Pool, Row};
use crate::store::{Activity, Appended, EVENT_KINDS, NewEvent, Result, StoredEvent, kind_word};
use models::events::EventKind;
use sqlx::{QueryBuilder, Row as _};
use std::collections::{HashMap, HashSet};

const COLUMNS: &str = "event_id, kind, customer_id, item_id, quantity, unit_price, order_id, at_us, discount, contact_point, decision_id";

/// Appends within a transaction.
pub(super) async fn append(connection: &mut Connection, events: &[NewEvent]) -> sqlx::Result<Vec<Appended>> {
    let mut met = HashSet::new();
    let firsts: Vec<&NewEvent> = events.iter().filter(|event| met.insert(event.event_id.as_str())).collect();
    let mut inserted = HashSet::new();
    for chunk in statement_chunks(&firsts) {
        inserted.extend(insert(connection, chunk).await?);
    }
    if inserted.len() == events.len() {
        return Ok(vec![Appended::Stored; events.len()]);
    }
    let mut fresh = inserted.clone();
    let repeated: Vec<&NewEvent> = events.iter().filter(|event| !fresh.remove(&event.event_id)).collect();
    let mut kept = HashMap::new();
    for chunk in statement_chunks(&repeated) {
        kept.extend(
            by_ids(connection, chunk).await?.into_iter().map(|event| (event.event_id.clone(), event)),
        );
    }
    let judge = |event: &NewEvent| {
        if inserted.remove(&event.event_id) {
            Appended::Stored
        } else if kept.get(&event.event_id).is_some_and(|kept| event.says_the_same_as(kept)) {
            Appended::Duplicate
        } else {
            Appended::Conflict
        }
    };
    Ok(events.iter().map(judge).collect())
}

/// The events that were kept last, in the order in which they were kept.
pub(super) async fn latest(readers: &Pool, limit: u32) -> Result<Vec<StoredEvent>> {
    let rows = sqlx::query(
        "SELECT event_id, kind, customer_id, item_id, quantity, unit_price, order_id, at_us, discount, contact_point, decision_id \
         FROM events ORDER BY rowid DESC LIMIT CAST($1 AS BIGINT)",
    )
    .bind(i64::from(limit))
    .fetch_all(readers)
    .await?;
    Ok(rows.iter().rev().map(event).collect::<sqlx::Result<_>>()?)
}

/// How much one customer did.
pub(super) async fn activity(readers: &Pool, customer_id: &str) -> Result<Activity> {
    let row =
        sqlx::query("SELECT count(*) AS events, max(at_us) AS at_us FROM events WHERE customer_id = $1")
            .bind(customer_id)
            .fetch_one(readers)
            .await?;
    let events: i64 = row.try_get("events")?;
    let last_at = if events > 0 { Some(moment(&row, "at_us")?) } else { None };
    Ok(Activity { events: events.unsigned_abs(), last_at })
}

/// Number of all events.
pub(super) async fn count(readers: &Pool) -> Result<u64> {
    let events: i64 = sqlx::query_scalar("SELECT count(*) FROM events").fetch_one(readers).await?;
    Ok(events.unsigned_abs())
}

/// Inserts what is new and gives back its ids.
async fn insert(connection: &mut Connection, events: &[&NewEvent]) -> sqlx::Result<Vec<String>> {
    let mut query = QueryBuilder::<Database>::new(format!("INSERT INTO events ({COLUMNS}) "));
    query.push_values(events, |mut row, event| {
        let event = (*event).clone().stored();
        row.push_bind(event.event_id)
            .push_bind(kind_word(event.kind))
            .push_bind(event.customer_id)
            .push_bind(event.item_id)
            .push_bind(event.quantity)
            .push_bind(event.unit_price)
            .push_bind(event.order_id)
            .push_bind(event.at.timestamp_micros())
            .push_bind(event.discount)
            .push_bind(event.contact_point)
            .push_bind(event.decision_id);
    });
    query.push(" ON CONFLICT (event_id) DO NOTHING RETURNING event_id");
    query.build_query_scalar().fetch_all(connection).await
}

async fn by_ids(connection: &mut Connection, events: &[&NewEvent]) -> sqlx::Result<Vec<StoredEvent>> {
    let mut query =
        QueryBuilder::<Database>::new(format!("SELECT {COLUMNS} FROM events WHERE event_id IN ("));
    let mut ids = query.separated(", ");
    for event in events {
        ids.push_bind(event.event_id.clone());
    }
    query.push(")");
    query.build().fetch_all(connection).await?.iter().map(event).collect()
}

pub(super) fn event(row: &Row) -> sqlx::Result<StoredEvent> {
    Ok(StoredEvent {
        event_id: row.try_get("event_id")?,
        kind: kind(row.try_get("kind")?)?,
        customer_id: row.try_get("customer_id")?,
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

fn kind(word: &str) -> sqlx::Result<EventKind> {
    EVENT_KINDS
        .iter()
        .find(|(_, known)| *known == word)
        .map(|(kind, _)| *kind)
        .ok_or_else(|| sqlx::Error::Decode(format!("{word:?} is no kind of event").into()))
}

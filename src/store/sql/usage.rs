//! Usage of stocks and budgets: counters that change in the transaction of whatever changes them.

use super::rows::{number, statement_chunks};
use super::{Connection, Database, Pool, Row};
use crate::store::progress::UsageChange;
use crate::store::{Result, Usage};
use sqlx::{QueryBuilder, Row as _};
use std::collections::{BTreeMap, BTreeSet};

/// What changes, by offer.
pub(super) type Changes = BTreeMap<String, UsageChange>;

/// Adds one change.
pub(super) fn add(changes: &mut Changes, offer_id: &str, change: UsageChange) {
    if change != UsageChange::default() {
        *changes.entry(offer_id.to_owned()).or_default() += change;
    }
}

/// Writes changes. Where nothing is reserved any more nothing is committed: sums of money do not keep rounding errors.
pub(super) async fn change(connection: &mut Connection, changes: Changes) -> sqlx::Result<()> {
    let changes: Vec<(String, UsageChange)> = changes.into_iter().collect();
    for chunk in statement_chunks(&changes) {
        let mut query = QueryBuilder::<Database>::new(
            "INSERT INTO offer_usage (offer_id, reserved, delivered, accepted, spent, committed) ",
        );
        query.push_values(chunk, |mut row, (offer_id, change)| {
            row.push_bind(offer_id)
                .push_bind(change.reserved)
                .push_bind(change.delivered)
                .push_bind(change.accepted)
                .push_bind(change.spent)
                .push_bind(change.committed);
        });
        query.push(
            " ON CONFLICT (offer_id) DO UPDATE SET \
             reserved = offer_usage.reserved + excluded.reserved, \
             delivered = offer_usage.delivered + excluded.delivered, \
             accepted = offer_usage.accepted + excluded.accepted, \
             spent = offer_usage.spent + excluded.spent, \
             committed = CASE WHEN offer_usage.reserved + excluded.reserved = 0 THEN 0.0 \
             ELSE offer_usage.committed + excluded.committed END",
        );
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}

/// The usage of some offers, by id; zeros for those never used.
pub(super) async fn of<'a>(
    connection: &mut Connection,
    offer_ids: impl IntoIterator<Item = &'a str>,
) -> sqlx::Result<Vec<Usage>> {
    let offer_ids: BTreeSet<&str> = offer_ids.into_iter().collect();
    let nothing = |id: &&str| (id.to_string(), Usage { offer_id: id.to_string(), ..Usage::default() });
    let mut found: BTreeMap<String, Usage> = offer_ids.iter().map(nothing).collect();
    for chunk in statement_chunks(&offer_ids.into_iter().collect::<Vec<_>>()) {
        let mut query = QueryBuilder::<Database>::new(
            "SELECT offer_id, reserved, delivered, accepted, spent, committed FROM offer_usage WHERE offer_id IN (",
        );
        let mut ids = query.separated(", ");
        for id in chunk {
            ids.push_bind(*id);
        }
        query.push(")");
        for row in query.build().fetch_all(&mut *connection).await? {
            let usage = usage(&row)?;
            found.insert(usage.offer_id.clone(), usage);
        }
    }
    Ok(found.into_values().collect())
}

/// The usage of all offers that were ever used.
pub(super) async fn all(readers: &Pool) -> Result<Vec<Usage>> {
    let rows = sqlx::query(
        "SELECT offer_id, reserved, delivered, accepted, spent, committed FROM offer_usage ORDER BY offer_id",
    )
    .fetch_all(readers)
    .await?;
    Ok(rows.iter().map(usage).collect::<sqlx::Result<_>>()?)
}

fn usage(row: &Row) -> sqlx::Result<Usage> {
    Ok(Usage {
        offer_id: row.try_get("offer_id")?,
        reserved: number(row, "reserved")?,
        delivered: number(row, "delivered")?,
        accepted: number(row, "accepted")?,
        spent: row.try_get("spent")?,
        committed: row.try_get("committed")?,
    })
}

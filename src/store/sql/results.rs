//! Results of decisions: one row each, with everything that a ledger shows.

use super::rows::{rank, statement_chunks, word};
use super::{Connection, Database, Row};
use crate::store::progress::Progress;
use crate::store::words::Word;
use crate::store::{DecisionRecord, ResultPlace, ResultRecord};
use sqlx::{QueryBuilder, Row as _};
use std::collections::HashMap;

const COLUMNS: &str = "decision_id, rank, customer_id, household_id, channel, contact_point, direction, offer_id, \
                       issue, grp, class, state, at_us, contact_us, expires_us, probability, propensity, cost, \
                       settled, accepted";

/// A result that may still change.
pub(super) struct OpenResult {
    pub(super) offer_id: String,
    pub(super) progress: Progress,
}

/// Which result: the id of the decision, and the rank.
pub(super) type Place = (String, u32);

/// Inserts the results of new decisions.
pub(super) async fn insert(connection: &mut Connection, decisions: &[&DecisionRecord]) -> sqlx::Result<()> {
    let results: Vec<(&DecisionRecord, &ResultRecord)> = decisions
        .iter()
        .flat_map(|decision| decision.results.iter().map(move |result| (*decision, result)))
        .collect();
    for chunk in statement_chunks(&results) {
        let mut query = QueryBuilder::<Database>::new(format!("INSERT INTO decision_results ({COLUMNS}) "));
        query.push_values(chunk, |mut row, (decision, result)| {
            row.push_bind(&decision.decision_id)
                .push_bind(i64::from(result.rank))
                .push_bind(&decision.customer_id)
                .push_bind(&decision.household_id)
                .push_bind(&decision.channel)
                .push_bind(&decision.contact_point)
                .push_bind(decision.direction.word())
                .push_bind(&result.offer_id)
                .push_bind(&result.issue)
                .push_bind(&result.group)
                .push_bind(&result.class)
                .push_bind(result.state.word())
                .push_bind(decision.at.timestamp_micros())
                .push_bind(decision.at.timestamp_micros())
                .push_bind(decision.reserved_until.map(|until| until.timestamp_micros()))
                .push_bind(result.probability)
                .push_bind(result.propensity)
                .push_bind(result.cost)
                .push_bind(false)
                .push_bind(false);
        });
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}

/// The results of some decisions by decision, in the order of their ranks.
pub(super) async fn of(
    connection: &mut Connection,
    decision_ids: &[&str],
) -> sqlx::Result<HashMap<String, Vec<ResultRecord>>> {
    let mut results: HashMap<String, Vec<ResultRecord>> = HashMap::new();
    for chunk in statement_chunks(decision_ids) {
        for row in rows_of(connection, chunk).await? {
            results.entry(row.try_get("decision_id")?).or_default().push(record(&row)?);
        }
    }
    Ok(results)
}

/// The results of some decisions as responses find them.
pub(super) async fn open(
    connection: &mut Connection,
    decision_ids: &[&str],
) -> sqlx::Result<HashMap<Place, OpenResult>> {
    let mut results = HashMap::new();
    for chunk in statement_chunks(decision_ids) {
        for row in rows_of(connection, chunk).await? {
            results.insert((row.try_get("decision_id")?, rank(&row, "rank")?), open_result(&row)?);
        }
    }
    Ok(results)
}

/// The offers of some decisions, and where they were shown.
pub(super) async fn places(
    connection: &mut Connection,
    decision_ids: &[String],
) -> sqlx::Result<Vec<ResultPlace>> {
    let mut places = Vec::new();
    let ids: Vec<&str> = decision_ids.iter().map(String::as_str).collect();
    for chunk in statement_chunks(&ids) {
        for row in rows_of(connection, chunk).await? {
            places.push(ResultPlace {
                decision_id: row.try_get("decision_id")?,
                rank: rank(&row, "rank")?,
                offer_id: row.try_get("offer_id")?,
                channel: row.try_get("channel")?,
            });
        }
    }
    Ok(places)
}

/// Writes how far a result has come.
pub(super) async fn update(
    connection: &mut Connection,
    (decision_id, rank): &Place,
    progress: &Progress,
) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE decision_results SET state = $3, contact_us = $4, settled = $5, accepted = $6 \
         WHERE decision_id = $1 AND rank = $2",
    )
    .bind(decision_id)
    .bind(i64::from(*rank))
    .bind(progress.state.word())
    .bind(progress.contact_us)
    .bind(progress.settled)
    .bind(progress.accepted)
    .execute(connection)
    .await?;
    Ok(())
}

/// Offer and cost of what is reserved for one customer.
pub(super) async fn reserved_of(
    connection: &mut Connection,
    customer_id: &str,
) -> sqlx::Result<Vec<(String, f64)>> {
    sqlx::query_as(
        "SELECT offer_id, cost FROM decision_results WHERE customer_id = $1 AND state = 'reserved'",
    )
    .bind(customer_id)
    .fetch_all(connection)
    .await
}

async fn rows_of(connection: &mut Connection, decision_ids: &[&str]) -> sqlx::Result<Vec<Row>> {
    let mut query = QueryBuilder::<Database>::new(format!(
        "SELECT {COLUMNS} FROM decision_results WHERE decision_id IN ("
    ));
    let mut ids = query.separated(", ");
    for id in decision_ids {
        ids.push_bind(*id);
    }
    query.push(") ORDER BY decision_id, rank");
    query.build().fetch_all(connection).await
}

fn record(row: &Row) -> sqlx::Result<ResultRecord> {
    Ok(ResultRecord {
        rank: rank(row, "rank")?,
        offer_id: row.try_get("offer_id")?,
        issue: row.try_get("issue")?,
        group: row.try_get("grp")?,
        class: row.try_get("class")?,
        state: word(row, "state")?,
        probability: row.try_get("probability")?,
        propensity: row.try_get("propensity")?,
        cost: row.try_get("cost")?,
    })
}

fn open_result(row: &Row) -> sqlx::Result<OpenResult> {
    Ok(OpenResult {
        offer_id: row.try_get("offer_id")?,
        progress: Progress {
            cost: row.try_get("cost")?,
            state: word(row, "state")?,
            contact_us: row.try_get("contact_us")?,
            settled: row.try_get("settled")?,
            accepted: row.try_get("accepted")?,
        },
    })
}

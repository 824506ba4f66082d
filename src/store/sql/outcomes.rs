//! What came of decisions, counted by unit of an experiment and by treatment.

use super::rows::number;
use super::{Pool, Row};
use crate::store::{Result, TreatmentCount, UnitOutcome};
use chrono::{DateTime, Utc};
use sqlx::Row as _;

/// What the units of experiments did in decisions from a moment until another, and what their customers bought between
/// the unit's first decision and the end. A control arm has decisions without results and counts all the same.
pub(super) async fn of_units(
    readers: &Pool,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Vec<UnitOutcome>> {
    let rows = sqlx::query(
        "WITH chosen AS ( \
             SELECT decision_id, arm, unit, customer_id, at_us FROM decisions WHERE at_us >= $1 AND at_us < $2), \
         units AS ( \
             SELECT arm, unit, count(*) AS decisions, min(at_us) AS first_us FROM chosen GROUP BY arm, unit), \
         answered AS ( \
             SELECT chosen.arm, chosen.unit, count(*) AS results, \
                    sum(CASE WHEN result.accepted THEN 1 ELSE 0 END) AS accepted \
             FROM chosen JOIN decision_results AS result ON result.decision_id = chosen.decision_id \
             GROUP BY chosen.arm, chosen.unit), \
         brought AS ( \
             SELECT chosen.arm, chosen.unit, sum(response.revenue) AS revenue \
             FROM chosen JOIN decision_results AS result ON result.decision_id = chosen.decision_id \
             JOIN responses AS response ON response.decision_id = result.decision_id AND response.rank = result.rank \
             WHERE response.revenue IS NOT NULL GROUP BY chosen.arm, chosen.unit), \
         members AS (SELECT DISTINCT arm, unit, customer_id FROM chosen), \
         bought AS ( \
             SELECT units.arm, units.unit, sum(CASE WHEN event.quantity > 0 THEN 1 ELSE 0 END) AS purchases, \
                    sum(event.quantity * coalesce(event.unit_price, 0)) AS spend \
             FROM units JOIN members ON members.arm = units.arm AND members.unit = units.unit \
             JOIN events AS event ON event.customer_id = members.customer_id AND event.kind = 'purchase' \
                  AND event.at_us > units.first_us AND event.at_us < $2 \
             GROUP BY units.arm, units.unit) \
         SELECT units.arm, units.unit, units.decisions, coalesce(answered.results, 0) AS results, \
                coalesce(answered.accepted, 0) AS accepted, coalesce(brought.revenue, 0.0) AS revenue, \
                coalesce(bought.purchases, 0) AS purchases, coalesce(bought.spend, 0.0) AS spend \
         FROM units \
         LEFT JOIN answered ON answered.arm = units.arm AND answered.unit = units.unit \
         LEFT JOIN brought ON brought.arm = units.arm AND brought.unit = units.unit \
         LEFT JOIN bought ON bought.arm = units.arm AND bought.unit = units.unit \
         ORDER BY units.arm, units.unit",
    )
    .bind(from.timestamp_micros())
    .bind(until.timestamp_micros())
    .fetch_all(readers)
    .await?;
    Ok(rows.iter().map(unit_outcome).collect::<sqlx::Result<_>>()?)
}

/// How treatments fared in decisions from a moment until another.
pub(super) async fn of_treatments(
    readers: &Pool,
    since: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Vec<TreatmentCount>> {
    let rows = sqlx::query(
        "SELECT offer_id, channel, count(*) AS settled, sum(CASE WHEN accepted THEN 1 ELSE 0 END) AS accepted, \
                sum(propensity) AS foretold \
         FROM decision_results WHERE at_us >= $1 AND at_us < $2 AND settled GROUP BY offer_id, channel ORDER BY offer_id, channel",
    )
    .bind(since.timestamp_micros())
    .bind(until.timestamp_micros())
    .fetch_all(readers)
    .await?;
    let count = |row: &Row| -> sqlx::Result<TreatmentCount> {
        Ok(TreatmentCount {
            offer_id: row.try_get("offer_id")?,
            channel: row.try_get("channel")?,
            settled: number(row, "settled")?,
            accepted: number(row, "accepted")?,
            foretold: row.try_get("foretold")?,
        })
    };
    Ok(rows.iter().map(count).collect::<sqlx::Result<_>>()?)
}

fn unit_outcome(row: &Row) -> sqlx::Result<UnitOutcome> {
    Ok(UnitOutcome {
        arm: row.try_get("arm")?,
        unit: row.try_get("unit")?,
        decisions: number(row, "decisions")?,
        results: number(row, "results")?,
        accepted: number(row, "accepted")?,
        revenue: row.try_get("revenue")?,
        purchases: number(row, "purchases")?,
        spend: row.try_get("spend")?,
    })
}

//! Responses: kept once by id, and taken in by the result that they are about.
//!
//! A batch reads what it needs at once, is judged in memory in its order, and is written at once.

use super::results::{self, OpenResult, Place};
use super::rows::{moment, rank, statement_chunks, word};
use super::usage::{self, Changes};
use super::{Connection, Database, Row};
use crate::store::{DecisionRecord, NewResponse, Responded, ResponseKind, StoredResponse};
use chrono::{DateTime, SubsecRound, Utc};
use sqlx::{QueryBuilder, Row as _};
use std::collections::{BTreeSet, HashMap};

const COLUMNS: &str = "response_id, decision_id, rank, kind, at_us, received_us, revenue, customer_id";

/// Keeps responses, in their order.
pub(super) async fn append(
    connection: &mut Connection,
    responses: &[NewResponse],
) -> sqlx::Result<Vec<Responded>> {
    let mut batch = Batch::read(connection, responses).await?;
    let responded = responses.iter().map(|response| batch.take(response)).collect();
    batch.write(connection).await?;
    Ok(responded)
}

/// Lets new decisions take in the responses that waited for them.
pub(super) async fn link(
    connection: &mut Connection,
    decisions: &[&DecisionRecord],
    changes: &mut Changes,
) -> sqlx::Result<()> {
    let customers: HashMap<&str, &str> = decisions
        .iter()
        .map(|decision| (decision.decision_id.as_str(), decision.customer_id.as_str()))
        .collect();
    let decided: HashMap<&str, DateTime<Utc>> =
        decisions.iter().map(|decision| (decision.decision_id.as_str(), decision.at)).collect();
    let ids: Vec<&str> = customers.keys().copied().collect();
    let waiting = of(connection, &ids).await?;
    let met: Vec<&str> = waiting.keys().map(String::as_str).collect();
    for id in &met {
        sqlx::query("UPDATE responses SET customer_id = $2 WHERE decision_id = $1")
            .bind(id)
            .bind(customers.get(id))
            .execute(&mut *connection)
            .await?;
    }
    let mut open = results::open(connection, &met).await?;
    for response in waiting.values().flatten() {
        if let Some(result) = open.get_mut(&(response.decision_id.clone(), response.rank)) {
            // Whatever a sender's clock says, nothing is answered before it is asked.
            let at = decided
                .get(response.decision_id.as_str())
                .map_or(response.at, |decided| response.at.max(*decided));
            let change = result.progress.hear(response.kind, at.timestamp_micros());
            usage::add(changes, &result.offer_id, change);
        }
    }
    for (place, result) in &open {
        results::update(connection, place, &result.progress).await?;
    }
    Ok(())
}

/// The responses to some decisions by decision, oldest first.
pub(super) async fn of(
    connection: &mut Connection,
    decision_ids: &[&str],
) -> sqlx::Result<HashMap<String, Vec<StoredResponse>>> {
    let mut responses: HashMap<String, Vec<StoredResponse>> = HashMap::new();
    for chunk in statement_chunks(decision_ids) {
        for row in rows_where(connection, "decision_id", chunk).await? {
            let kept = stored(&row)?;
            responses.entry(kept.decision_id.clone()).or_default().push(kept);
        }
    }
    Ok(responses)
}

/// Keeps that nothing was heard of some results, which belong to customers.
pub(super) async fn append_silence(
    connection: &mut Connection,
    silent: &[(Place, String)],
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    let kept: Vec<Kept> = silent
        .iter()
        .map(|((decision_id, rank), customer_id)| Kept {
            response: StoredResponse {
                response_id: uuid::Uuid::now_v7().to_string(),
                decision_id: decision_id.clone(),
                rank: *rank,
                kind: ResponseKind::NoResponse,
                at: now,
                revenue: None,
            },
            received_at: now,
            customer_id: Some(customer_id.clone()),
        })
        .collect();
    insert(connection, &kept.iter().collect::<Vec<_>>()).await
}

/// A response with what only the store needs.
struct Kept {
    response: StoredResponse,
    received_at: DateTime<Utc>,
    customer_id: Option<String>,
}

impl Kept {
    fn of(new: &NewResponse, customer_id: Option<&str>) -> Self {
        let response = StoredResponse {
            response_id: new.response_id.clone(),
            decision_id: new.decision_id.clone(),
            rank: new.rank,
            kind: new.kind,
            at: new.at.trunc_subsecs(6),
            revenue: new.revenue,
        };
        let received_at = new.received_at.trunc_subsecs(6);
        Self { response, received_at, customer_id: customer_id.map(str::to_owned) }
    }

    /// Whether both say the same. A repetition that again leaves the time to the service is the same.
    fn says_the_same_as(&self, earlier: &Self) -> bool {
        let timeless = |kept: &Self| kept.response.at == kept.received_at;
        let at = if timeless(self) && timeless(earlier) { earlier.response.at } else { self.response.at };
        StoredResponse { at, ..self.response.clone() } == earlier.response
    }
}

/// A batch of responses between reading and writing.
struct Batch {
    kept: HashMap<String, Kept>,
    open: HashMap<Place, OpenResult>,
    /// Of the decisions that are known: whose, and when. A control arm's decision has no results.
    decisions: HashMap<String, (String, DateTime<Utc>)>,
    new: Vec<String>,
    moved: BTreeSet<Place>,
    changes: Changes,
}

impl Batch {
    async fn read(connection: &mut Connection, responses: &[NewResponse]) -> sqlx::Result<Self> {
        let distinct = |id: fn(&NewResponse) -> &str| -> Vec<&str> {
            responses.iter().map(id).collect::<BTreeSet<_>>().into_iter().collect()
        };
        let mut kept = HashMap::new();
        for chunk in statement_chunks(&distinct(|response| &response.response_id)) {
            for row in rows_where(connection, "response_id", chunk).await? {
                let response = stored(&row)?;
                let received_at = moment(&row, "received_us")?;
                kept.insert(response.response_id.clone(), Kept { response, received_at, customer_id: None });
            }
        }
        let decision_ids = distinct(|response| &response.decision_id);
        let open = results::open(connection, &decision_ids).await?;
        let decisions = known(connection, &decision_ids).await?;
        Ok(Self { kept, open, decisions, new: Vec::new(), moved: BTreeSet::new(), changes: Changes::new() })
    }

    fn take(&mut self, response: &NewResponse) -> Responded {
        let decision = self.decisions.get(&response.decision_id);
        let new = Kept::of(response, decision.map(|(customer_id, _)| customer_id.as_str()));
        if let Some(kept) = self.kept.get(&response.response_id) {
            return if new.says_the_same_as(kept) { Responded::Duplicate } else { Responded::Conflict };
        }
        let responded = match decision {
            None => Responded::Waiting,
            Some((_, at)) if *at < response.oldest_decision => return Responded::TooLate,
            Some((_, decided)) => {
                let at = response.at.max(*decided);
                let place = (response.decision_id.clone(), response.rank);
                let Some(result) = self.open.get_mut(&place) else { return Responded::NoSuchRank };
                let change = result.progress.hear(response.kind, at.timestamp_micros());
                usage::add(&mut self.changes, &result.offer_id, change);
                self.moved.insert(place);
                Responded::Stored
            }
        };
        self.new.push(response.response_id.clone());
        self.kept.insert(response.response_id.clone(), new);
        responded
    }

    async fn write(self, connection: &mut Connection) -> sqlx::Result<()> {
        let new: Vec<&Kept> = self.new.iter().filter_map(|id| self.kept.get(id)).collect();
        insert(connection, &new).await?;
        for place in &self.moved {
            if let Some(result) = self.open.get(place) {
                results::update(connection, place, &result.progress).await?;
            }
        }
        usage::change(connection, self.changes).await
    }
}

/// Whose some decisions are, and when they were made.
async fn known(
    connection: &mut Connection,
    decision_ids: &[&str],
) -> sqlx::Result<HashMap<String, (String, DateTime<Utc>)>> {
    let mut known = HashMap::new();
    for chunk in statement_chunks(decision_ids) {
        let mut query = QueryBuilder::<Database>::new(
            "SELECT decision_id, customer_id, at_us FROM decisions WHERE decision_id IN (",
        );
        let mut ids = query.separated(", ");
        for id in chunk {
            ids.push_bind(*id);
        }
        query.push(")");
        for row in query.build().fetch_all(&mut *connection).await? {
            let whose = (row.try_get("customer_id")?, moment(&row, "at_us")?);
            known.insert(row.try_get("decision_id")?, whose);
        }
    }
    Ok(known)
}

async fn insert(connection: &mut Connection, responses: &[&Kept]) -> sqlx::Result<()> {
    for chunk in statement_chunks(responses) {
        let mut query = QueryBuilder::<Database>::new(format!("INSERT INTO responses ({COLUMNS}) "));
        query.push_values(chunk, |mut row, kept| {
            row.push_bind(&kept.response.response_id)
                .push_bind(&kept.response.decision_id)
                .push_bind(i64::from(kept.response.rank))
                .push_bind(kept.response.kind.word())
                .push_bind(kept.response.at.timestamp_micros())
                .push_bind(kept.received_at.timestamp_micros())
                .push_bind(kept.response.revenue)
                .push_bind(&kept.customer_id);
        });
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}

async fn rows_where(connection: &mut Connection, column: &str, values: &[&str]) -> sqlx::Result<Vec<Row>> {
    let mut query =
        QueryBuilder::<Database>::new(format!("SELECT {COLUMNS} FROM responses WHERE {column} IN ("));
    let mut ids = query.separated(", ");
    for value in values {
        ids.push_bind(*value);
    }
    query.push(") ORDER BY at_us, response_id");
    query.build().fetch_all(connection).await
}

fn stored(row: &Row) -> sqlx::Result<StoredResponse> {
    Ok(StoredResponse {
        response_id: row.try_get("response_id")?,
        decision_id: row.try_get("decision_id")?,
        rank: rank(row, "rank")?,
        kind: word(row, "kind")?,
        at: moment(row, "at_us")?,
        revenue: row.try_get("revenue")?,
    })
}

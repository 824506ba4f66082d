//! `POST /v1/events`: what customers do.

use super::body::{self, Body, Media};
use super::ids::check_id;
use crate::auth::{Permission, Requires};
use crate::metrics::EventResult;
use crate::problem::{Code, Problem, ProblemDocument};
use crate::state::AppState;
use crate::store::{Appended, NewEvent};
use crate::telemetry::stage;
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, post, web};
use chrono::{DateTime, TimeDelta, Utc};
use models::events::EventKind;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;
use uuid::Uuid;

/// How far ahead of ours a sender's clock may be.
const CLOCK_SKEW: TimeDelta = TimeDelta::hours(24);

/// Units and money beyond this are mistakes, as in history files.
const MOST: f64 = 1e9;

/// Something a customer did.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "event_id": "shop-1042-3", "type": "purchase", "customer_id": "c-17", "item_id": "wine/red 0.75 l",
    "quantity": 2, "unit_price": 8.5, "order_id": "1042", "at": "2026-11-20T18:03:00Z"
}))]
pub struct EventBody {
    /// Identifies the event; send it, so that a repetition changes nothing. Made up when missing.
    event_id: Option<String>,
    /// What was done: purchase, basket, click, view or complaint.
    #[serde(rename = "type")]
    #[schema(value_type = String, pattern = "^(purchase|basket|click|view|complaint)$")]
    kind: EventKind,
    /// Who did it.
    customer_id: String,
    /// With which item.
    item_id: String,
    /// How many units, 1 when missing; negative for a return.
    quantity: Option<f64>,
    /// Money per unit.
    unit_price: Option<f64>,
    /// The order (basket) it belongs to.
    order_id: Option<String>,
    /// Money taken off the whole line.
    discount: Option<f64>,
    /// When (RFC 3339); now when missing.
    at: Option<DateTime<Utc>>,
    /// Where the customer was addressed.
    contact_point: Option<String>,
    /// The decision that led to it.
    decision_id: Option<String>,
}

/// What became of the events, in their order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "stored": 1, "duplicates": 0, "rejected": 1, "results": [
        { "row": 0, "event_id": "shop-1042-3", "status": "stored" },
        { "row": 1, "status": "rejected", "error": {
            "code": "invalid_field", "detail": "quantity must not be 0", "at": "$[1].quantity" } }
    ]
}))]
pub struct EventsReceipt {
    /// Events that are now kept.
    stored: usize,
    /// Events that were kept already.
    duplicates: usize,
    /// Events that were refused.
    rejected: usize,
    /// One result per event.
    results: Vec<EventReceipt>,
}

/// What became of one event.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventReceipt {
    /// Its place among the events of the request, from 0.
    row: usize,
    /// Its id, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    event_id: Option<String>,
    /// `stored`, `duplicate` or `rejected`.
    status: &'static str,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<RowError>,
}

/// Why one row was refused.
#[derive(Debug, Serialize, ToSchema)]
pub struct RowError {
    /// A stable code, as in problem documents.
    code: &'static str,
    /// What is wrong, and what would help.
    detail: String,
    /// The JSON path of the culprit.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
}

/// Keep events.
///
/// The body is one event, an array of events, or (as application/x-ndjson) one event a line. What is answered
/// as stored survives a crash. One event is answered like any write: 200, or a problem document. An array and
/// NDJSON are answered per row: 200 when every row is stored or a duplicate, 207 when some are rejected; the
/// others are kept nevertheless. Sending everything again is safe when the events have ids.
#[utoipa::path(
    tag = "events",
    request_body(content((EventBody = "application/json"), (EventBody = "application/x-ndjson"))),
    responses(
        (status = 200, description = "All are kept", body = EventsReceipt),
        (status = 207, description = "Some rows are rejected", body = EventsReceipt),
        (status = 400, description = "The body, or the one event, is not valid", body = ProblemDocument,
            content_type = "application/problem+json"),
        (status = 409, description = "Another event has this event_id", body = ProblemDocument,
            content_type = "application/problem+json"),
        (status = 422, description = "Too many rows", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
#[post("/v1/events", wrap = "Requires(Permission::WriteEvents)")]
pub(crate) async fn post_events(state: web::Data<AppState>, body: Body) -> Result<HttpResponse, Problem> {
    let batch = Batch::read(&body, Utc::now())?;
    let limit = state.config.server.max_batch;
    if batch.rows.len() > limit {
        let detail = format!("{} events, but at most {limit} (server.max_batch).", batch.rows.len());
        return Err(Problem::new(Code::BatchTooLarge, detail));
    }
    let alone = batch.alone;
    let (receipt, first_problem) = keep(&state, batch).await?;
    match first_problem {
        Some(problem) if alone => Err(problem),
        Some(_) => Ok(HttpResponse::build(StatusCode::MULTI_STATUS).json(receipt)),
        None => Ok(HttpResponse::Ok().json(receipt)),
    }
}

/// The events of one request, each read on its own.
struct Batch {
    /// Whether the body is one event rather than a list of them.
    alone: bool,
    rows: Vec<Result<NewEvent, Problem>>,
}

impl Batch {
    fn read(body: &Body, now: DateTime<Utc>) -> Result<Self, Problem> {
        let bytes = body.bytes();
        if body.media() == Media::NdJson {
            let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
            let rows = lines.enumerate().map(|(row, line)| event(line, &format!("$[{row}]"), now)).collect();
            return Ok(Self { alone: false, rows });
        }
        if !bytes.trim_ascii_start().starts_with(b"[") {
            return Ok(Self { alone: true, rows: vec![event(bytes, "$", now)] });
        }
        let rows: Vec<Box<RawValue>> = body.json()?;
        let rows = rows.iter().enumerate();
        let rows = rows.map(|(row, raw)| event(raw.get().as_bytes(), &format!("$[{row}]"), now)).collect();
        Ok(Self { alone: false, rows })
    }
}

/// Keeps the valid events durably, tells who listens, and writes the receipt.
async fn keep(state: &AppState, batch: Batch) -> Result<(EventsReceipt, Option<Problem>), Problem> {
    let events: Vec<NewEvent> = batch.rows.iter().filter_map(|row| row.as_ref().ok().cloned()).collect();
    let appended = stage("store", state.store.append_events(events)).await?;
    let mut appended = appended.into_iter();
    let mut receipt = EventsReceipt { stored: 0, duplicates: 0, rejected: 0, results: Vec::new() };
    let mut first_problem = None;
    let mut kept = Vec::new();
    for (row, event) in batch.rows.into_iter().enumerate() {
        let (event, outcome) = match event {
            Ok(event) => {
                let outcome =
                    appended.next().ok_or_else(|| Problem::internal(&"the store lost count of events"))?;
                (Some(event), judged(outcome))
            }
            Err(problem) => (None, Err(problem)),
        };
        let result = outcome.as_ref().map_or(EventResult::Rejected, |result| *result);
        state.metrics.event(event.as_ref().map(|event| event.kind), result).inc();
        match result {
            EventResult::Stored => receipt.stored += 1,
            EventResult::Duplicate => receipt.duplicates += 1,
            EventResult::Rejected => receipt.rejected += 1,
        }
        let event_id = event.as_ref().map(|event| event.event_id.clone());
        kept.extend(event.filter(|_| result == EventResult::Stored).map(NewEvent::stored));
        let error = outcome.as_ref().err().map(RowError::from);
        receipt.results.push(EventReceipt { row, event_id, status: result.word(), error });
        first_problem = first_problem.or(outcome.err());
    }
    state.changes.events_kept(&kept);
    Ok((receipt, first_problem))
}

fn judged(appended: Appended) -> Result<EventResult, Problem> {
    match appended {
        Appended::Stored => Ok(EventResult::Stored),
        Appended::Duplicate => Ok(EventResult::Duplicate),
        Appended::Conflict => Err(Problem::new(
            Code::EventConflict,
            "An event with this event_id and other content is kept; events never change, send a new one.",
        )),
    }
}

impl From<&Problem> for RowError {
    fn from(problem: &Problem) -> Self {
        Self {
            code: problem.code().word(),
            detail: problem.detail().to_owned(),
            at: problem.path().map(str::to_owned),
        }
    }
}

/// Reads and checks one event that stands at a JSON path.
fn event(json: &[u8], place: &str, now: DateTime<Utc>) -> Result<NewEvent, Problem> {
    let body: EventBody = body::parse(json, place)?;
    let invalid = |field: &str, fault: &str| {
        Err(Problem::new(Code::InvalidField, format!("{field} {fault}")).at(format!("{place}.{field}")))
    };
    let ids = [
        ("event_id", body.event_id.as_deref()),
        ("customer_id", Some(body.customer_id.as_str())),
        ("item_id", Some(body.item_id.as_str())),
        ("order_id", body.order_id.as_deref()),
        ("contact_point", body.contact_point.as_deref()),
        ("decision_id", body.decision_id.as_deref()),
    ];
    for (field, id) in ids {
        id.map_or(Ok(()), |id| check_id(id, field, place))?;
    }
    let quantity = body.quantity.unwrap_or(1.0);
    if quantity == 0.0 {
        return invalid("quantity", "must not be 0");
    }
    if quantity < 0.0 && body.kind != EventKind::Purchase {
        return invalid("quantity", "must be positive, except for the return of a purchase");
    }
    if body.unit_price.is_some_and(|price| price < 0.0) {
        return invalid("unit_price", "must not be negative; a return has a negative quantity");
    }
    for (field, number) in
        [("quantity", Some(quantity)), ("unit_price", body.unit_price), ("discount", body.discount)]
    {
        if number.is_some_and(|number| number.abs() > MOST) {
            return invalid(field, "is beyond 1e9, which no line of an order is");
        }
    }
    if body.discount.is_some_and(|discount| discount < 0.0) {
        return invalid("discount", "must not be negative; it is money taken off the line");
    }
    if body.at.is_some_and(|at| at > now + CLOCK_SKEW) {
        return invalid("at", "is more than a day ahead; is it in UTC or with its offset?");
    }
    if body.at.is_some_and(|at| at < DateTime::UNIX_EPOCH) {
        return invalid("at", "is before 1970");
    }
    Ok(NewEvent {
        event_id: body.event_id.unwrap_or_else(|| Uuid::now_v7().to_string()),
        kind: body.kind,
        customer_id: body.customer_id,
        item_id: body.item_id,
        quantity,
        unit_price: body.unit_price,
        order_id: body.order_id,
        at: body.at,
        received_at: now,
        discount: body.discount,
        contact_point: body.contact_point,
        decision_id: body.decision_id,
    })
}

//! `POST /v1/responses`: what people did about what was shown.

use super::body::{self, Body, Media};
use crate::auth::{Permission, Requires};
use crate::offers::responses::{ResponseBody, ResponseReceipt, ResponsesReceipt, judged};
use crate::problem::{Code, Problem, ProblemDocument};
use crate::state::AppState;
use crate::store::NewResponse;
use crate::telemetry::stage;
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, post, web};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::value::RawValue;

/// Keep responses to decisions.
///
/// The body is one response, an array, or (as application/x-ndjson) one a line. A response whose decision is not known
/// (yet) is kept and waits for it. Everything is idempotent: by `response_id`, else by decision, rank and outcome. One
/// response is answered with 200 or a problem document; an array and NDJSON are answered per row, with 207 when some are
/// rejected.
#[utoipa::path(
    tag = "offers",
    request_body(content((ResponseBody = "application/json"), (ResponseBody = "application/x-ndjson"))),
    responses(
        (status = 200, description = "All are kept", body = ResponsesReceipt),
        (status = 207, description = "Some rows are rejected", body = ResponsesReceipt),
        (status = 400, description = "Not valid", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 409, description = "Another response has this response_id", body = ProblemDocument,
            content_type = "application/problem+json"),
        (status = 422, description = "Too many rows, or too late", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
#[post("/v1/responses", wrap = "Requires(Permission::WriteEvents)")]
pub(crate) async fn post_responses(state: web::Data<AppState>, body: Body) -> Result<HttpResponse, Problem> {
    let days = state.offers.book().policy.document().responses.accept_days;
    let reader = Reader { now: Utc::now(), accepted_for: TimeDelta::days(i64::from(days)) };
    let (alone, rows) = reader.read(&body)?;
    let limit = state.config.server.max_batch;
    if rows.len() > limit {
        let detail = format!("{} responses, but at most {limit} (server.max_batch).", rows.len());
        return Err(Problem::new(Code::BatchTooLarge, detail));
    }
    let (receipt, first_problem) = keep(&state, rows).await?;
    match first_problem {
        Some(problem) if alone => Err(problem),
        Some(_) => Ok(HttpResponse::build(StatusCode::MULTI_STATUS).json(receipt)),
        None => Ok(HttpResponse::Ok().json(receipt)),
    }
}

type Row = Result<NewResponse, Problem>;

struct Reader {
    now: DateTime<Utc>,
    accepted_for: TimeDelta,
}

impl Reader {
    /// Whether the body is one response rather than a list, and its rows, each read on its own.
    fn read(&self, body: &Body) -> Result<(bool, Vec<Row>), Problem> {
        let bytes = body.bytes();
        if body.media() == Media::NdJson {
            let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
            return Ok((
                false,
                lines.enumerate().map(|(row, line)| self.row(line, &format!("$[{row}]"))).collect(),
            ));
        }
        if !bytes.trim_ascii_start().starts_with(b"[") {
            // The media type is judged where JSON is read.
            let raw: Box<RawValue> = body.json()?;
            return Ok((true, vec![self.row(raw.get().as_bytes(), "$")]));
        }
        let rows: Vec<Box<RawValue>> = body.json()?;
        let rows = rows.iter().enumerate();
        Ok((false, rows.map(|(row, raw)| self.row(raw.get().as_bytes(), &format!("$[{row}]"))).collect()))
    }

    fn row(&self, json: &[u8], place: &str) -> Row {
        body::parse::<ResponseBody>(json, place)?.checked(place, self.now, self.accepted_for)
    }
}

async fn keep(state: &AppState, rows: Vec<Row>) -> Result<(ResponsesReceipt, Option<Problem>), Problem> {
    let sound: Vec<NewResponse> = rows.iter().filter_map(|row| row.as_ref().ok().cloned()).collect();
    let mut responded = if sound.is_empty() {
        Vec::new().into_iter()
    } else {
        // A response may follow its answer at once, while the decision still waits for company.
        let kept = tokio::time::timeout(state.config.store.read_deadline(), state.offers.flush());
        if kept.await.is_err() {
            tracing::debug!("responses may wait for their decisions in the store, which is slow");
        }
        stage("store", state.store.append_responses(sound)).await?.into_iter()
    };
    let mut receipt =
        ResponsesReceipt { stored: 0, waiting: 0, duplicates: 0, rejected: 0, results: Vec::new() };
    let mut first_problem = None;
    for (row, response) in rows.into_iter().enumerate() {
        let (kind, response_id, outcome) = match response {
            Ok(response) => {
                let lost = || Problem::internal(&"the store lost count of responses");
                (Some(response.kind), Some(response.response_id), judged(responded.next().ok_or_else(lost)?))
            }
            Err(problem) => (None, None, Err(problem)),
        };
        let status = *outcome.as_ref().unwrap_or(&"rejected");
        match status {
            "stored" => receipt.stored += 1,
            "waiting" => receipt.waiting += 1,
            "duplicate" => receipt.duplicates += 1,
            _ => receipt.rejected += 1,
        }
        state.metrics.responded(kind, status);
        let waits = "no decision of this id is known yet; the response counts when it is";
        receipt.results.push(ResponseReceipt {
            row,
            response_id,
            status,
            detail: match &outcome {
                Ok("waiting") => Some(waits.into()),
                Ok(_) => None,
                Err(problem) => Some(problem.detail().to_owned()),
            },
            code: outcome.as_ref().err().map(|problem| problem.code().word()),
        });
        first_problem = first_problem.or(outcome.err());
    }
    Ok((receipt, first_problem))
}

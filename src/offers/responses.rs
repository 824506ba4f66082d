//! What people did about what was shown: linked by decision and rank, idempotent, in any order.

use crate::problem::{Code, Problem};
use crate::routes::ids::check_id;
use crate::store::{NewResponse, Responded, ResponseKind};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What someone did about one offer of a decision.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "decision_id": "0199f5a2-6d7e-7cc0-9a55-0a3a3f4e8b11", "rank": 1, "outcome": "accepted", "revenue": 45.0 }))]
pub struct ResponseBody {
    /// Identifies the response; send it, so that a repetition changes nothing. Without it, decision, rank and outcome do.
    pub response_id: Option<String>,
    /// Which decision.
    pub decision_id: String,
    /// Which of its offers: 1 for the first.
    #[serde(default = "first")]
    pub rank: u32,
    /// delivered, undelivered, shown, clicked, accepted, refused, later or complaint.
    #[schema(value_type = String, pattern = "^(delivered|undelivered|shown|clicked|accepted|refused|later|complaint)$")]
    pub outcome: ResponseKind,
    /// When (RFC 3339); now when missing.
    pub at: Option<DateTime<Utc>>,
    /// Money that it brought.
    pub revenue: Option<f64>,
}

fn first() -> u32 {
    1
}

/// How far ahead of ours a sender's clock may be.
const CLOCK_SKEW: TimeDelta = TimeDelta::hours(24);

/// Money beyond this is a mistake.
const MOST_MONEY: f64 = 1e9;

impl ResponseBody {
    /// The response to keep.
    ///
    /// # Errors
    /// [`Code::InvalidField`] with the JSON path.
    pub fn checked(
        self,
        place: &str,
        now: DateTime<Utc>,
        accepted_for: TimeDelta,
    ) -> Result<NewResponse, Problem> {
        let invalid = |field: &str, fault: &str| {
            Problem::new(Code::InvalidField, format!("{field} {fault}")).at(format!("{place}.{field}"))
        };
        check_id(&self.decision_id, "decision_id", place)?;
        self.response_id.as_deref().map_or(Ok(()), |id| check_id(id, "response_id", place))?;
        if self.rank == 0 {
            return Err(invalid("rank", "must be at least 1: the first offer has rank 1"));
        }
        if self.outcome == ResponseKind::NoResponse {
            return Err(invalid(
                "outcome",
                "no_response is said by the service only, when nothing was heard in time",
            ));
        }
        if self.revenue.is_some_and(|revenue| !revenue.is_finite() || revenue.abs() > MOST_MONEY) {
            return Err(invalid("revenue", "must be money from -1e9 to 1e9"));
        }
        let at = self.at.unwrap_or(now);
        if at > now + CLOCK_SKEW {
            return Err(invalid("at", "is more than a day ahead; is it in UTC or with its offset?"));
        }
        if at < DateTime::UNIX_EPOCH {
            return Err(invalid("at", "is before 1970"));
        }
        let own_id = || format!("{}/{}/{}", self.decision_id, self.rank, self.outcome.word());
        Ok(NewResponse {
            response_id: self.response_id.clone().unwrap_or_else(own_id),
            decision_id: self.decision_id,
            rank: self.rank,
            kind: self.outcome,
            at,
            received_at: now,
            revenue: self.revenue,
            oldest_decision: now - accepted_for,
        })
    }
}

/// What became of the responses of a request, in their order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({ "stored": 1, "waiting": 0, "duplicates": 0, "rejected": 0, "results": [
    { "row": 0, "response_id": "0199f5a2-6d7e-7cc0-9a55-0a3a3f4e8b11/1/accepted", "status": "stored" } ] }))]
pub struct ResponsesReceipt {
    /// Kept and linked to their offers.
    pub stored: usize,
    /// Kept until their decisions are known.
    pub waiting: usize,
    /// Kept already.
    pub duplicates: usize,
    /// Refused.
    pub rejected: usize,
    /// One result per response.
    pub results: Vec<ResponseReceipt>,
}

/// What became of one response.
#[derive(Debug, Serialize, ToSchema)]
pub struct ResponseReceipt {
    /// Its place in the request, from 0.
    pub row: usize,
    /// Its id, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_id: Option<String>,
    /// stored, waiting, duplicate or rejected.
    pub status: &'static str,
    /// Why it was refused, or what it waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The stable code of the refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
}

/// What became of a response, as a status or a refusal.
///
/// # Errors
/// A problem for what was not kept.
pub fn judged(responded: Responded) -> Result<&'static str, Problem> {
    match responded {
        Responded::Stored => Ok("stored"),
        Responded::Waiting => Ok("waiting"),
        Responded::Duplicate => Ok("duplicate"),
        Responded::Conflict => Err(Problem::new(
            Code::ResponseConflict,
            "Another response is kept under this response_id; responses never change, send a new one.",
        )),
        Responded::NoSuchRank => Err(Problem::new(
            Code::InvalidField,
            "rank is beyond the offers of this decision; the first has rank 1",
        )
        .at("$.rank")),
        Responded::TooLate => Err(Problem::new(
            Code::ResponseTooLate,
            "The decision is older than the policy's responses.accept_days; it no longer counts.",
        )),
    }
}

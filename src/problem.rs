//! Errors as clients see them: RFC 9457 problem documents from one table.

use crate::store::{Fault, StoreError};
use crate::telemetry;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use std::fmt::{self, Debug, Display};
use utoipa::ToSchema;

/// Every error that a client can meet. The code is a promise: it never changes its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// The body is no JSON.
    MalformedJson,
    /// A field has the wrong type, is out of range, missing or unknown.
    InvalidField,
    /// An id in the path is empty, too long or not UTF-8.
    InvalidId,
    /// A query parameter or header is wrong.
    InvalidParameter,
    /// No or no valid API key.
    Unauthenticated,
    /// The key's role does not suffice.
    Forbidden,
    /// No such route.
    RouteNotFound,
    /// No such item.
    ItemNotFound,
    /// No such offer.
    OfferNotFound,
    /// No such decision.
    DecisionNotFound,
    /// No such policy, or none to go back to.
    PolicyNotFound,
    /// A policy that cannot be meant.
    InvalidPolicy,
    /// Too little is logged to say anything.
    EvidenceTooThin,
    /// Another response is kept under the same id.
    ResponseConflict,
    /// The decision is too old to be answered.
    ResponseTooLate,
    /// No such release, or none to go back to.
    ReleaseNotFound,
    /// The release is not sound.
    ReleaseDamaged,
    /// No release is loaded.
    NoRelease,
    /// The vector index does not come up.
    IndexUnavailable,
    /// The route exists for other methods.
    MethodNotAllowed,
    /// Another event is kept under the same id.
    EventConflict,
    /// The same request is still running.
    IdempotencyInProgress,
    /// The body did not arrive.
    BodyIncomplete,
    /// More bytes than may be.
    BodyTooLarge,
    /// The body is announced as something else than the route reads.
    UnsupportedMediaType,
    /// More rows than may be.
    BatchTooLarge,
    /// The key stands for a request with other content.
    IdempotencyKeyReused,
    /// A mistake in this program.
    Internal,
    /// More is asked than can be done.
    Overloaded,
    /// The answer took too long.
    RequestTimeout,
    /// The store is locked or overloaded.
    StoreBusy,
    /// The store's disk is full.
    StoreFull,
    /// The store is damaged.
    StoreCorrupt,
    /// The store cannot be reached.
    StoreUnavailable,
}

impl Code {
    /// The table: stable code, status, title.
    pub fn row(self) -> (&'static str, StatusCode, &'static str) {
        use StatusCode as S;
        match self {
            Self::MalformedJson => ("malformed_json", S::BAD_REQUEST, "The body is not valid JSON"),
            Self::InvalidField => ("invalid_field", S::BAD_REQUEST, "A field of the body is not valid"),
            Self::InvalidId => ("invalid_id", S::BAD_REQUEST, "The id in the path is not valid"),
            Self::InvalidParameter => {
                ("invalid_parameter", S::BAD_REQUEST, "A parameter or header is not valid")
            }
            Self::Unauthenticated => ("unauthenticated", S::UNAUTHORIZED, "A valid API key is required"),
            Self::Forbidden => ("forbidden", S::FORBIDDEN, "The API key may not do this"),
            Self::RouteNotFound => ("route_not_found", S::NOT_FOUND, "There is no such route"),
            Self::ItemNotFound => ("item_not_found", S::NOT_FOUND, "There is no such item"),
            Self::OfferNotFound => ("offer_not_found", S::NOT_FOUND, "There is no such offer"),
            Self::DecisionNotFound => ("decision_not_found", S::NOT_FOUND, "There is no such decision"),
            Self::PolicyNotFound => ("policy_not_found", S::NOT_FOUND, "There is no such policy"),
            Self::InvalidPolicy => ("invalid_policy", S::UNPROCESSABLE_ENTITY, "The policy is not valid"),
            Self::EvidenceTooThin => {
                ("evidence_too_thin", S::UNPROCESSABLE_ENTITY, "Too little is logged to say anything")
            }
            Self::ResponseConflict => {
                ("response_conflict", S::CONFLICT, "Another response has this response_id")
            }
            Self::ResponseTooLate => {
                ("response_too_late", S::UNPROCESSABLE_ENTITY, "The response comes too late")
            }
            Self::ReleaseNotFound => ("release_not_found", S::NOT_FOUND, "There is no such release"),
            Self::ReleaseDamaged => ("release_damaged", S::UNPROCESSABLE_ENTITY, "The release is damaged"),
            Self::NoRelease => ("no_release", S::SERVICE_UNAVAILABLE, "No release is loaded"),
            Self::IndexUnavailable => {
                ("index_unavailable", S::SERVICE_UNAVAILABLE, "The vector index does not come up")
            }
            Self::MethodNotAllowed => {
                ("method_not_allowed", S::METHOD_NOT_ALLOWED, "The route does not know this method")
            }
            Self::EventConflict => ("event_conflict", S::CONFLICT, "Another event has this event_id"),
            Self::IdempotencyInProgress => {
                ("idempotency_in_progress", S::CONFLICT, "The first request with this key is still running")
            }
            Self::BodyIncomplete => ("body_incomplete", S::BAD_REQUEST, "The body did not arrive in full"),
            Self::BodyTooLarge => ("body_too_large", S::PAYLOAD_TOO_LARGE, "The body is too large"),
            Self::UnsupportedMediaType => (
                "unsupported_media_type",
                S::UNSUPPORTED_MEDIA_TYPE,
                "The route does not read this content type",
            ),
            Self::BatchTooLarge => {
                ("batch_too_large", S::UNPROCESSABLE_ENTITY, "The batch has too many rows")
            }
            Self::IdempotencyKeyReused => {
                ("idempotency_key_reused", S::UNPROCESSABLE_ENTITY, "This key belongs to another request")
            }
            Self::Internal => ("internal", S::INTERNAL_SERVER_ERROR, "The service made a mistake"),
            Self::Overloaded => ("overloaded", S::SERVICE_UNAVAILABLE, "The service has too much to do"),
            Self::RequestTimeout => ("request_timeout", S::SERVICE_UNAVAILABLE, "The answer took too long"),
            Self::StoreBusy => ("store_busy", S::SERVICE_UNAVAILABLE, "The store is busy"),
            Self::StoreFull => ("store_full", S::SERVICE_UNAVAILABLE, "The store has no space left"),
            Self::StoreCorrupt => ("store_corrupt", S::SERVICE_UNAVAILABLE, "The store is damaged"),
            Self::StoreUnavailable => {
                ("store_unavailable", S::SERVICE_UNAVAILABLE, "The store cannot be reached")
            }
        }
    }

    /// The stable code.
    pub fn word(self) -> &'static str {
        self.row().0
    }

    /// Seconds after which a repetition makes sense, for errors that pass.
    fn retry_after_s(self) -> Option<u16> {
        match self {
            Self::StoreBusy | Self::Overloaded | Self::RequestTimeout | Self::IdempotencyInProgress => {
                Some(1)
            }
            Self::StoreUnavailable | Self::NoRelease | Self::IndexUnavailable => Some(5),
            Self::StoreFull | Self::StoreCorrupt => Some(60),
            _ => None,
        }
    }
}

/// An error on its way to a client.
#[derive(Debug)]
pub struct Problem {
    code: Code,
    detail: String,
    at: Option<String>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// The body of an error (RFC 9457), as `application/problem+json`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "type": "urn:proffer:problem:invalid_field", "title": "A field of the body is not valid", "status": 400,
    "code": "invalid_field", "detail": "unknown field `quantitty`, expected …", "at": "$.quantitty",
    "instance": "urn:proffer:request:0199f5a2-6d7e-7cc0-9a55-0a3a3f4e8b11"
}))]
pub struct ProblemDocument {
    /// A name for the kind of problem, made of the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind of problem in words; the same for every occurrence.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// The stable code to write programs against.
    pub code: &'static str,
    /// What is wrong this time, and what would help.
    pub detail: String,
    /// The JSON path of the culprit in the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// The request, as in the header `X-Request-Id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
}

impl Problem {
    /// An error with its facts: the value, the place, the remedy.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), at: None, headers: Vec::new() }
    }

    /// A mistake in this program: the log gets the facts, the client the request id.
    pub fn internal(facts: &dyn Debug) -> Self {
        tracing::error!(request_id = telemetry::request_id(), error = ?facts, "a request met a mistake in this program");
        Self::new(Code::Internal, "Please report this with the request id.")
    }

    /// Names the culprit by its JSON path.
    #[must_use]
    pub fn at(mut self, path: impl Into<String>) -> Self {
        self.at = Some(path.into());
        self
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Which error this is.
    pub fn code(&self) -> Code {
        self.code
    }

    /// What is wrong this time.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The JSON path of the culprit.
    pub fn path(&self) -> Option<&str> {
        self.at.as_deref()
    }
}

impl Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.word(), self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.code.row().1
    }

    fn error_response(&self) -> HttpResponse {
        let (code, status, title) = self.code.row();
        let request_id = telemetry::request_id();
        let document = ProblemDocument {
            kind: format!("urn:proffer:problem:{code}"),
            title,
            status: status.as_u16(),
            code,
            detail: self.detail.clone(),
            at: self.at.clone(),
            instance: request_id.map(|id| format!("urn:proffer:request:{id}")),
        };
        let mut response = HttpResponse::build(status);
        if let Some(seconds) = self.code.retry_after_s() {
            response.insert_header((RETRY_AFTER, HeaderValue::from(seconds)));
        }
        if status == StatusCode::UNAUTHORIZED {
            response.insert_header((WWW_AUTHENTICATE, "Bearer realm=\"proffer\""));
        }
        for header in &self.headers {
            response.insert_header(header.clone());
        }
        response.insert_header((CONTENT_TYPE, "application/problem+json")).json(document)
    }
}

/// The store's trouble, sorted by what the client can do; the log of the store has the rest.
impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let code = match error.fault {
            Fault::Busy => Code::StoreBusy,
            Fault::Full => Code::StoreFull,
            Fault::Corrupt => Code::StoreCorrupt,
            Fault::Unavailable => Code::StoreUnavailable,
            Fault::Bug => return Self::internal(&error),
        };
        tracing::error!(request_id = telemetry::request_id(), %error, "a request met trouble in the store");
        Self::new(code, format!("The store {}.", error.fault.remedy()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_of_the_store_tells_the_client_the_remedy_but_not_the_internals() {
        let problem = Problem::from(StoreError::new(Fault::Full, "database or disk is full at /secret/path"));
        assert_eq!(problem.status_code(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(problem.detail().contains("free space"), "{problem}");
        assert!(!problem.detail().contains("secret"), "{problem}");
    }
}

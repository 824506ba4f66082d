//! Policies: versioned documents that are drafted, tried out, published and taken back.

use super::aside::aside;
use super::body::{Body, Media};
use super::idempotency::once;
use super::ids::PathId;
use super::next_offers::{point, sources};
use crate::auth::{Caller, Permission, Requires};
use crate::offers::Book;
use crate::offers::off_policy::{EvaluationReport, evaluate};
use crate::offers::trial::{TrialReport, TrialRequest, trial};
use crate::policy::{Fault, NEUTRAL, Policy};
use crate::problem::{Code, Problem, ProblemDocument};
use crate::state::AppState;
use crate::store::{NewPolicy, PolicyFormat, PolicyRecord, Publication};
use crate::telemetry::stage;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, get, post, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// A note for people.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct DraftQuery {
    /// What is new in it.
    #[serde(default)]
    #[param(example = "calls until 20 h")]
    note: String,
}

/// A version of the policy.
#[derive(Debug, Serialize, ToSchema)]
pub struct PolicyView {
    /// 1, 2, 3, …; 0 is the neutral one that is compiled in.
    version: i64,
    /// Its name.
    name: String,
    /// What is new in it.
    note: String,
    /// Who wrote it.
    actor: String,
    /// When.
    created_at: Option<DateTime<Utc>>,
    /// Whether it is in force.
    in_force: bool,
    /// How it is written.
    format: PolicyFormat,
    /// Why this program cannot read it; another one wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<String>,
    /// The document.
    #[serde(skip_serializing_if = "Option::is_none")]
    document: Option<String>,
}

/// Versions, and who put which in force.
#[derive(Debug, Serialize, ToSchema)]
pub struct PoliciesView {
    /// The latest versions, newest first.
    policies: Vec<PolicyView>,
    /// The latest publications, newest first: the first is in force.
    publications: Vec<PublicationView>,
}

/// That a version was put in force.
#[derive(Debug, Serialize, ToSchema)]
pub struct PublicationView {
    /// Which.
    version: i64,
    /// By whom.
    actor: String,
    /// When.
    at: DateTime<Utc>,
}

/// The most versions that are listed.
const LISTED: u32 = 100;

/// Longest note in bytes.
const MOST_NOTE: usize = 1_000;

/// Longest document in bytes.
const MOST_BYTES: usize = 1 << 20;

/// Draft a policy, as application/toml or application/json.
///
/// It is checked whole: every fault is named with its path and line, and inside an expression with its column. Nothing is in
/// force before it is published.
#[utoipa::path(
    tag = "policies",
    params(DraftQuery),
    request_body(content((String = "application/toml"), (Object = "application/json"))),
    responses(
        (status = 200, description = "The draft", body = PolicyView),
        (status = 422, body = ProblemDocument, content_type = "application/problem+json",
            description = "The policy is not valid"),
    )
)]
#[post("/v1/policies", wrap = "Requires(Permission::ManagePolicies)")]
pub(crate) async fn post_policy(
    state: web::Data<AppState>,
    request: HttpRequest,
    query: web::Query<DraftQuery>,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let (format, text) = written(&body)?;
    let note = query.into_inner().note;
    if note.len() > MOST_NOTE || note.contains('\0') {
        let fault = format!("note must have at most {MOST_NOTE} bytes, none of them NUL.");
        return Err(Problem::new(Code::InvalidParameter, fault));
    }
    let policy = read(&text, format)?;
    let points = state.config.contact_points.iter();
    let unknown = policy.unknown_places(points.map(|(name, point)| (name.as_str(), point.channel.as_str())));
    if !unknown.is_empty() {
        return Err(refused(&unknown));
    }
    let draft = NewPolicy { format, body: text, note, actor: actor(&request), at: Utc::now() };
    let work = async {
        let version = stage("store", state.store.put_policy(draft.clone())).await?;
        Ok(view(&PolicyRecord { version, policy: draft.clone() }, 0, None))
    };
    once(&state, &request, &body, work).await
}

/// List versions and publications.
#[utoipa::path(tag = "policies", responses((status = 200, description = "The policies", body = PoliciesView)))]
#[get("/v1/policies", wrap = "Requires(Permission::ReadOffers)")]
pub(crate) async fn get_policies(state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let (records, publications) =
        (stage("store", state.store.policies(LISTED)).await?, state.store.publications(LISTED).await?);
    let current = publications.first().map_or(0, |publication| publication.version);
    let policies = records.into_iter().map(|record| view(&record, current, None)).collect();
    let publication =
        |Publication { version, actor, at }: Publication| PublicationView { version, actor, at };
    let publications = publications.into_iter().map(publication).collect();
    Ok(HttpResponse::Ok().json(PoliciesView { policies, publications }))
}

/// Read one version with its document; 0 is the neutral one that is compiled in.
#[utoipa::path(
    tag = "policies",
    params(("id" = String, Path, description = "The version", example = "1")),
    responses(
        (status = 200, description = "The version", body = PolicyView),
        (status = 404, body = ProblemDocument, content_type = "application/problem+json", description = "No such version"),
    )
)]
#[get("/v1/policies/{id}", wrap = "Requires(Permission::ReadOffers)")]
pub(crate) async fn get_policy(state: web::Data<AppState>, id: PathId) -> Result<HttpResponse, Problem> {
    let record = version(&state, &id.0).await?;
    let current = stage("store", state.store.publications(1)).await?;
    let current = current.first().map_or(0, |publication| publication.version);
    let document = Some(record.policy.body.clone());
    Ok(HttpResponse::Ok().json(view(&record, current, document)))
}

/// Put a version in force. Other processes on the same store follow within a second. The neutral policy, 0, becomes a
/// version of its own.
#[utoipa::path(
    tag = "policies",
    params(("id" = String, Path, description = "The version", example = "1")),
    responses(
        (status = 200, description = "In force", body = PublicationView),
        (status = 404, body = ProblemDocument, content_type = "application/problem+json", description = "No such version"),
        (status = 422, body = ProblemDocument, content_type = "application/problem+json",
            description = "This program cannot read that version"),
    )
)]
#[post("/v1/policies/{id}/publish", wrap = "Requires(Permission::ManagePolicies)")]
pub(crate) async fn publish(
    state: web::Data<AppState>,
    request: HttpRequest,
    id: PathId,
) -> Result<HttpResponse, Problem> {
    let record = version(&state, &id.0).await?;
    // An older version of this program may have accepted what this one does not.
    read(&record.policy.body, record.policy.format)?;
    let version = match record.version {
        // What is compiled in is written down when it is published: another program may have another one.
        0 => {
            let neutral = NewPolicy { actor: actor(&request), at: Utc::now(), ..record.policy };
            stage("store", state.store.put_policy(neutral)).await?
        }
        version => version,
    };
    put_in_force(&state, &request, version).await
}

/// Go back to the version that was in force before.
#[utoipa::path(
    tag = "policies",
    responses(
        (status = 200, description = "In force", body = PublicationView),
        (status = 404, body = ProblemDocument, content_type = "application/problem+json", description = "There was none"),
    )
)]
#[post("/v1/policies/rollback", wrap = "Requires(Permission::ManagePolicies)")]
pub(crate) async fn roll_back(
    state: web::Data<AppState>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let publications = stage("store", state.store.publications(LISTED)).await?;
    let current = publications.first().map(|publication| publication.version);
    let previous = publications.iter().map(|past| past.version).find(|version| Some(*version) != current);
    let missing = || Problem::new(Code::PolicyNotFound, "No other policy was in force before.");
    let record = version(&state, &previous.ok_or_else(missing)?.to_string()).await?;
    read(&record.policy.body, record.policy.format)?;
    put_in_force(&state, &request, record.version).await
}

/// Try a version out on a sample of customers before publishing: what would be decided otherwise than now.
#[utoipa::path(
    tag = "policies",
    params(("id" = String, Path, description = "The version", example = "2")),
    request_body = TrialRequest,
    responses(
        (status = 200, description = "The differences", body = TrialReport),
        (status = 404, body = ProblemDocument, content_type = "application/problem+json", description = "No such version"),
    )
)]
#[post("/v1/policies/{id}/trial", wrap = "Requires(Permission::ManagePolicies)")]
pub(crate) async fn post_trial(
    state: web::Data<AppState>,
    id: PathId,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let request: TrialRequest = body.json()?;
    request.check()?;
    let draft = draft(&state, &id.0).await?;
    let current = state.offers.book();
    point(&state, &current, &request.contact_point, "$.contact_point")?;
    let report = aside(move || async move {
        let (now_sources, draft_sources) = (sources(&state, current), sources(&state, draft));
        trial(&now_sources, &draft_sources, &request, Utc::now()).await
    });
    Ok(HttpResponse::Ok().json(report.await?))
}

/// Say what a version would have brought, from the log of decisions (off-policy evaluation).
#[utoipa::path(
    tag = "policies",
    params(("id" = String, Path, description = "The version", example = "2")),
    responses(
        (status = 200, description = "Estimates with intervals, and whether they can be trusted", body = EvaluationReport),
        (status = 404, body = ProblemDocument, content_type = "application/problem+json", description = "No such version"),
        (status = 422, body = ProblemDocument, content_type = "application/problem+json", description = "Nothing is logged"),
    )
)]
#[post("/v1/policies/{id}/evaluate", wrap = "Requires(Permission::ManagePolicies)")]
pub(crate) async fn post_evaluate(state: web::Data<AppState>, id: PathId) -> Result<HttpResponse, Problem> {
    let draft = draft(&state, &id.0).await?;
    let report =
        aside(move || async move { evaluate(&*state.store, &draft, &state.config, Utc::now()).await });
    Ok(HttpResponse::Ok().json(report.await?))
}

/// The offers under another version.
async fn draft(state: &AppState, id: &str) -> Result<Arc<Book>, Problem> {
    let record = version(state, id).await?;
    let policy = read(&record.policy.body, record.policy.format)?;
    let offers = stage("store", state.store.offers()).await?;
    Ok(Arc::new(Book::new(record.version, Arc::new(policy), offers)))
}

async fn version(state: &AppState, id: &str) -> Result<PolicyRecord, Problem> {
    let missing = || Problem::new(Code::PolicyNotFound, format!("No policy version {id:?} is kept."));
    let version: i64 = id.parse().map_err(|_| missing())?;
    if version == 0 {
        let neutral = NewPolicy {
            format: PolicyFormat::Toml,
            body: NEUTRAL.into(),
            note: "the neutral policy that is compiled in".into(),
            actor: "proffer".into(),
            at: DateTime::UNIX_EPOCH,
        };
        return Ok(PolicyRecord { version, policy: neutral });
    }
    stage("store", state.store.policy(version)).await?.ok_or_else(missing)
}

async fn put_in_force(
    state: &AppState,
    request: &HttpRequest,
    version: i64,
) -> Result<HttpResponse, Problem> {
    let publication = Publication { version, actor: actor(request), at: Utc::now() };
    if !stage("store", state.store.publish_policy(publication.clone())).await? {
        return Err(Problem::new(Code::PolicyNotFound, format!("No policy version {version} is kept.")));
    }
    state.refresh_offers().await?;
    let Publication { version, actor, at } = publication;
    Ok(HttpResponse::Ok().json(PublicationView { version, actor, at }))
}

fn written(body: &Body) -> Result<(PolicyFormat, String), Problem> {
    let format = if body.media() == Media::Toml { PolicyFormat::Toml } else { PolicyFormat::Json };
    if body.bytes().len() > MOST_BYTES {
        return Err(Problem::new(Code::BodyTooLarge, format!("A policy has at most {MOST_BYTES} bytes.")));
    }
    let text = String::from_utf8(body.bytes().to_vec());
    Ok((
        format,
        text.map_err(|error| Problem::new(Code::InvalidPolicy, format!("It is not UTF-8: {error}")))?,
    ))
}

fn read(text: &str, format: PolicyFormat) -> Result<Policy, Problem> {
    Policy::read(text, format).map_err(|faults| refused(&faults))
}

fn refused(faults: &[Fault]) -> Problem {
    let said: Vec<String> = faults.iter().map(ToString::to_string).collect();
    let problem = Problem::new(Code::InvalidPolicy, said.join("; "));
    match faults.first() {
        Some(first) => problem.at(first.path.clone()),
        None => problem,
    }
}

fn view(record: &PolicyRecord, current: i64, document: Option<String>) -> PolicyView {
    let PolicyRecord { version, policy } = record;
    // An older version of this program may have accepted what this one does not; the others are listed all the same.
    let (name, fault) = match read(&policy.body, policy.format) {
        Ok(read) => (read.document().name.clone(), None),
        Err(problem) => (String::new(), Some(problem.detail().to_owned())),
    };
    PolicyView {
        version: *version,
        name,
        note: policy.note.clone(),
        actor: policy.actor.clone(),
        created_at: (*version > 0).then_some(policy.at),
        in_force: *version == current,
        format: policy.format,
        fault,
        document,
    }
}

fn actor(request: &HttpRequest) -> String {
    request.extensions().get::<Caller>().map_or_else(|| "unknown".into(), |caller| caller.key_id.clone())
}

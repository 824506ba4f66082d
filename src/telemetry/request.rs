//! One request from outside: its id, its time limit, its log line, its metrics and its trace.

use super::pace::Pace;
use super::traces::{Answered, Caller, Stage, Traces};
use crate::config::{LogConfig, LoggedRequests};
use crate::problem::{Code, Problem};
use crate::state::AppState;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, ResponseError, web};
use futures_util::FutureExt;
use prometheus::IntGauge;
use std::fmt::Write;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::OwnedSemaphorePermit;
use uuid::Uuid;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// The longest request id that is taken over from a client.
const MAX_REQUEST_ID: usize = 128;

/// When everything fails at once, a sample tells as much as all lines, and costs less than the answers.
static LOGGED: Pace = Pace::new(100, Duration::from_secs(1));

tokio::task_local! {
    static CONTEXT: Arc<Context>;
}

/// What belongs to the request that is being answered, and to work for it that goes on when its client has left.
struct Context {
    id: String,
    stages: Mutex<Vec<Stage>>,
    place: Mutex<Option<OwnedSemaphorePermit>>,
}

impl Context {
    fn stages(&self) -> MutexGuard<'_, Vec<Stage>> {
        self.stages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn place(&self) -> MutexGuard<'_, Option<OwnedSemaphorePermit>> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The request that is being answered, to be taken along to another thread.
pub struct Carried(Option<Arc<Context>>);

/// The request of the handler that calls; nothing outside a handler.
pub fn carried() -> Carried {
    Carried(CONTEXT.try_with(Arc::clone).ok())
}

impl Carried {
    /// Does work elsewhere: what it says and times belongs to the request.
    pub async fn along<T>(self, work: impl Future<Output = T>) -> T {
        match self.0 {
            Some(context) => CONTEXT.scope(context, work).await,
            None => work.await,
        }
    }
}

/// The id of the request that is being answered, inside a handler.
pub fn request_id() -> Option<String> {
    CONTEXT.try_with(|context| context.id.clone()).ok()
}

/// Gives back the place that the request has at its door: what is left of it only waits.
pub fn give_place_back() {
    let _ = CONTEXT.try_with(|context| context.place().take());
}

/// Runs a part of a handler and names its time in the header `Server-Timing` and in the trace.
pub async fn stage<T>(name: &'static str, work: impl Future<Output = T>) -> T {
    let started = Instant::now();
    let done = work.await;
    let stage = Stage { name, started, took: started.elapsed() };
    // Outside a request, as in tests of a part, there is no one to tell.
    let _ = CONTEXT.try_with(|context| context.stages().push(stage));
    done
}

/// The outermost middleware: nothing that happens inside leaves a request without answer, id, count and log line.
///
/// # Errors
/// Only a finished answer for a handler that panicked or ran out of time.
pub async fn observe(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let Some(state) = request.app_data::<web::Data<AppState>>().cloned() else {
        return Err(Problem::internal(&"the application state is missing from the application").into());
    };
    let context = Context { id: id_of(request.headers()), stages: Mutex::default(), place: Mutex::default() };
    CONTEXT.scope(Arc::new(context), answer(&state, request, next)).await
}

async fn answer(
    state: &AppState,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let started = Instant::now();
    let method = request.method().clone();
    let trace = state.traces.as_deref().map(|traces| (traces, traces.caller(request.headers())));
    let _in_flight = InFlight::enter(&state.metrics.requests_in_flight);
    let limit = limit(state, &request);
    let handled = AssertUnwindSafe(admitted(state, request, next)).catch_unwind();
    let outcome = match tokio::time::timeout(limit, handled).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => {
            state.metrics.panics.inc();
            Err(finished(&Problem::internal(&"a handler panicked")))
        }
        Err(_) => Err(finished(&Problem::new(
            Code::RequestTimeout,
            format!(
                "There was no answer within {} ms. Whether a write was done is unknown; it can be repeated.",
                limit.as_millis()
            ),
        ))),
    };
    match outcome {
        Ok(mut response) => {
            let route = response.request().match_pattern().unwrap_or_else(|| "unmatched".into());
            let seen = Seen { method: &method, route: &route, status: response.status(), started, trace };
            seen.record(state, response.response_mut().head_mut().headers_mut());
            Ok(response)
        }
        Err(error) => {
            // Which route it was is lost together with the request.
            let mut response = error.error_response();
            let seen = Seen { method: &method, route: "aborted", status: response.status(), started, trace };
            seen.record(state, response.head_mut().headers_mut());
            Err(InternalError::from_response(error, response).into())
        }
    }
}

/// How long a request may take: reading a large release takes longer than any other answer.
fn limit(state: &AppState, request: &ServiceRequest) -> Duration {
    let server = &state.config.server;
    let activates = request.method() == Method::POST && request.path().starts_with("/v1/releases/");
    if activates { server.activation_timeout() } else { server.request_timeout() }
}

/// Answers a request when its turn comes, or refuses it.
async fn admitted(
    state: &AppState,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    match state.admission.enter(request.method(), request.path()).await {
        Ok(place) => {
            let _ = CONTEXT.try_with(|context| *context.place() = place);
            next.call(request).await.map(ServiceResponse::map_into_boxed_body)
        }
        Err(problem) => Ok(request.into_response(problem.error_response())),
    }
}

/// An answer that is complete although the request is lost.
fn finished(problem: &Problem) -> Error {
    InternalError::from_response(problem.to_string(), problem.error_response()).into()
}

/// What is said of a request when it is answered; the path is not, because it may name a customer.
struct Seen<'a> {
    method: &'a Method,
    route: &'a str,
    status: StatusCode,
    started: Instant,
    trace: Option<(&'a Traces, Caller)>,
}

impl Seen<'_> {
    fn record(&self, state: &AppState, headers: &mut HeaderMap) {
        let elapsed = self.started.elapsed();
        state
            .metrics
            .request_seconds
            .with_label_values(&[method_label(self.method), self.route, self.status.as_str()])
            .observe(elapsed.as_secs_f64());
        let _ = CONTEXT.try_with(|context| {
            let mut timing = String::with_capacity(64);
            let stages = context.stages();
            let timed = stages.iter().map(|stage| (stage.name, stage.took));
            for (name, time) in timed.chain([("total", elapsed)]) {
                let separator = if timing.is_empty() { "" } else { ", " };
                let _ = write!(timing, "{separator}{name};dur={:.3}", time.as_secs_f64() * 1e3);
                state.metrics.staged(name, time);
            }
            for (name, value) in [(REQUEST_ID, &context.id), (SERVER_TIMING, &timing)] {
                if let Ok(value) = HeaderValue::from_str(value) {
                    headers.insert(name, value);
                }
            }
            self.log(&state.config.log, &context.id, elapsed);
            if let Some((traces, caller)) = &self.trace {
                let answered = Answered {
                    method: method_label(self.method),
                    route: self.route,
                    status: self.status,
                    request_id: &context.id,
                    started: self.started,
                    took: elapsed,
                    stages: &stages,
                };
                traces.record(&answered, caller);
            }
        });
    }

    fn log(&self, config: &LogConfig, request_id: &str, elapsed: Duration) {
        let (method, route, status) = (method_label(self.method), self.route, self.status.as_u16());
        let ms = elapsed.as_secs_f64() * 1e3;
        let (failed, slow) = (self.status.is_server_error(), elapsed > config.slow());
        match config.requests {
            LoggedRequests::SlowAndFailed if failed || slow => {
                let Some(left_out) = LOGGED.admit(self.started + elapsed) else { return };
                // Those that were left out like this one, where there are any.
                let left_out = Some(left_out).filter(|count| *count > 0);
                if failed {
                    tracing::warn!(request_id, method, route, status, ms, left_out, "request failed");
                } else {
                    tracing::info!(request_id, method, route, status, ms, left_out, "request was slow");
                }
            }
            LoggedRequests::All if failed => {
                tracing::warn!(request_id, method, route, status, ms, "request failed");
            }
            LoggedRequests::All => tracing::info!(request_id, method, route, status, ms, "request answered"),
            LoggedRequests::SlowAndFailed | LoggedRequests::None => {}
        }
    }
}

/// A closed set, whatever clients invent.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// The client's id where it is printable and short, else a new one.
fn id_of(headers: &HeaderMap) -> String {
    headers
        .get(&REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .filter(|id| !id.is_empty() && id.len() <= MAX_REQUEST_ID && id.bytes().all(|b| b.is_ascii_graphic()))
        .map_or_else(|| Uuid::now_v7().to_string(), str::to_owned)
}

/// Counts one request in flight until dropped, also when the client goes away.
struct InFlight<'a>(&'a IntGauge);

impl<'a> InFlight<'a> {
    fn enter(gauge: &'a IntGauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::Semaphore;

    #[tokio::test]
    async fn work_that_goes_on_when_the_client_has_left_keeps_its_place_until_it_only_waits() {
        let places = Arc::new(Semaphore::new(2));
        let request = async || {
            let place = Mutex::new(Arc::clone(&places).try_acquire_owned().ok());
            let context = Context { id: "r".to_owned(), stages: Mutex::default(), place };
            CONTEXT.scope(Arc::new(context), async { carried() }).await
        };
        let (one, other) = (request().await, request().await);
        assert_eq!(places.available_permits(), 0);
        one.along(async {}).await;
        assert_eq!(places.available_permits(), 1, "what is done needs none");
        other
            .along(async {
                give_place_back();
                assert_eq!(places.available_permits(), 2);
            })
            .await;
    }
}

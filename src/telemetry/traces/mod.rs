//! Traces: one span for each request and one for each of its stages, sent to an OpenTelemetry collector.
//!
//! The spans of a request are made when it is answered, from what `Server-Timing` is made of. So a request costs the same
//! as ever where nothing is exported, and almost the same where it is not sampled; a request whose client goes away
//! before the answer has none. They hold the method, the route's pattern, the status and the request id, and nothing else
//! that a client sent.

mod export;

use crate::config::TracesConfig;
use actix_web::http::StatusCode;
use actix_web::http::header::HeaderMap;
use export::{Bounded, Load, Reported};
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::{Span, SpanKind, Status, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithTonicConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider};
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};

/// Sends spans of requests to a collector.
pub struct Traces {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
    propagator: TraceContextPropagator,
    timeout: Duration,
}

/// Why traces cannot be exported.
#[derive(Debug, thiserror::Error)]
#[error("traces cannot go to traces.endpoint: {0}")]
pub struct TracesError(#[from] Box<dyn Error + Send + Sync>);

/// Who asked, as far as the caller's own trace tells.
pub(super) struct Caller(Context);

/// A timed part of a request.
pub(super) struct Stage {
    pub(super) name: &'static str,
    pub(super) started: Instant,
    pub(super) took: Duration,
}

/// A request that was answered, as its span shows it.
pub(super) struct Answered<'a> {
    pub(super) method: &'static str,
    pub(super) route: &'a str,
    pub(super) status: StatusCode,
    pub(super) request_id: &'a str,
    pub(super) started: Instant,
    pub(super) took: Duration,
    pub(super) stages: &'a [Stage],
}

impl Traces {
    /// Starts to export, within a tokio runtime that lives as long; nothing where no collector is configured. The
    /// collector need not be there.
    ///
    /// # Errors
    /// [`TracesError`] where the system's certificates are needed and cannot be read, or the environment
    /// (`OTEL_EXPORTER_OTLP_*`) asks for what is not compiled in.
    pub fn start(config: &TracesConfig) -> Result<Option<Self>, TracesError> {
        if config.endpoint.is_empty() {
            return Ok(None);
        }
        let exporter = SpanExporter::builder()
            .with_tonic()
            .with_channel(channel(config).map_err(TracesError)?)
            .with_metadata(config.metadata().unwrap_or_default())
            .with_timeout(config.timeout())
            .build()
            .map_err(|error| TracesError(error.into()))?;
        let load = Arc::new(Load::default());
        let processor = Bounded::new(Reported::new(exporter, Arc::clone(&load)), load);
        let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        let resource =
            Resource::builder().with_service_name(config.service_name.clone()).with_attribute(version);
        let sampler = Sampler::TraceIdRatioBased(config.sample_ratio);
        let provider = SdkTracerProvider::builder()
            .with_span_processor(processor)
            .with_resource(resource.build())
            .with_sampler(Sampler::ParentBased(Box::new(sampler)))
            .build();
        let tracer = provider.tracer("proffer");
        let propagator = TraceContextPropagator::new();
        Ok(Some(Self { provider, tracer, propagator, timeout: config.timeout() }))
    }

    /// Who asked, by the header `traceparent`.
    pub(super) fn caller(&self, headers: &HeaderMap) -> Caller {
        Caller(self.propagator.extract_with_context(&Context::new(), &Traceparent(headers)))
    }

    /// Makes the spans of a request, where it is sampled.
    pub(super) fn record(&self, request: &Answered<'_>, caller: &Caller) {
        let now = SystemTime::now();
        let start = now.checked_sub(request.took).unwrap_or(now);
        let mut span = self
            .tracer
            .span_builder(request.method)
            .with_kind(SpanKind::Server)
            .with_start_time(start)
            .start_with_context(&self.tracer, &caller.0);
        if !span.is_recording() {
            return;
        }
        span.update_name(format!("{} {}", request.method, request.route));
        span.set_attributes([
            KeyValue::new("http.request.method", request.method),
            KeyValue::new("http.route", request.route.to_owned()),
            KeyValue::new("http.response.status_code", i64::from(request.status.as_u16())),
            KeyValue::new("proffer.request_id", request.request_id.to_owned()),
        ]);
        if request.status.is_server_error() {
            span.set_status(Status::error(""));
        }
        let parent = Context::new().with_remote_span_context(span.span_context().clone());
        for stage in request.stages {
            let start = start + stage.started.saturating_duration_since(request.started);
            self.tracer
                .span_builder(stage.name)
                .with_kind(SpanKind::Internal)
                .with_start_time(start)
                .start_with_context(&self.tracer, &parent)
                .end_with_timestamp(start + stage.took);
        }
        span.end_with_timestamp(start + request.took);
    }

    /// Exports what waits, within the collector's timeout, and nothing from then on.
    pub async fn close(&self) {
        let (provider, timeout) = (self.provider.clone(), self.timeout);
        // The exporter's thread needs this runtime while it is waited for.
        let closed = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(timeout)).await;
        if let Ok(Err(error)) = closed {
            tracing::warn!(%error, "the last traces were not exported");
        }
    }
}

/// The way to the collector, taken when it is first needed.
fn channel(config: &TracesConfig) -> Result<Channel, Box<dyn Error + Send + Sync>> {
    let endpoint = Endpoint::from_shared(config.endpoint.clone())?;
    let endpoint = endpoint.connect_timeout(config.timeout()).timeout(config.timeout());
    let with_tls = config.endpoint.starts_with("https://");
    let endpoint = match with_tls {
        true => endpoint.tls_config(ClientTlsConfig::new().with_native_roots())?,
        false => endpoint,
    };
    Ok(endpoint.connect_lazy())
}

/// Reads `traceparent` and nothing else: `tracestate` may hold anything, and would be exported.
struct Traceparent<'a>(&'a HeaderMap);

impl Extractor for Traceparent<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).filter(|_| key == TRACEPARENT)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        vec![TRACEPARENT]
    }
}

const TRACEPARENT: &str = "traceparent";

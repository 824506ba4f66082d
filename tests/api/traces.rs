//! Traces, as a collector receives them.

use crate::collector::{Collector, attributes};
use crate::helpers::{App, send};
use crate::process::Service;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use reqwest::Method;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The spans of requests that have ended.
async fn spans(app: &App, collector: &Collector) -> Vec<Span> {
    app.state.traces.as_ref().unwrap().close().await;
    collector.spans()
}

#[tokio::test]
async fn a_request_is_a_span_in_the_trace_of_its_caller_with_its_stages_as_children() {
    let (collector, endpoint) = Collector::start();
    let settings =
        [endpoint.as_str(), "traces.sample_ratio=0", "traces.service_name=shop", "traces.headers=tenant=me"];
    let app = App::start_with(&settings).await;
    for (sampled, request_id) in [("01", "traced"), ("00", "untraced")] {
        let request =
            app.request(Method::GET, "/v1/customers/c?language=fr").header("x-request-id", request_id);
        let traceparent = format!("00-{TRACE}-{SPAN}-{sampled}");
        assert_eq!(send(request.header("traceparent", traceparent)).await.status, 200);
    }
    assert_eq!(app.get("/v1/customers/c").await.status, 200, "not sampled");

    let spans = spans(&app, &collector).await;
    let (requests, stages): (Vec<&Span>, Vec<&Span>) =
        spans.iter().partition(|span| span.kind == i32::from(SpanKind::Server));
    let [request] = requests[..] else { panic!("{spans:?}") };
    assert_eq!(request.name, "GET /v1/customers/{id}");
    assert_eq!((hex(&request.trace_id), hex(&request.parent_span_id)), (TRACE.into(), SPAN.into()));
    let expected = [
        ("http.request.method", "GET"),
        ("http.response.status_code", "Some(IntValue(200))"),
        ("http.route", "/v1/customers/{id}"),
        ("proffer.request_id", "traced"),
    ];
    assert_eq!(attributes(request), expected.map(|(name, value)| (name, value.to_owned())));
    assert!(stages.iter().any(|stage| stage.name == "profile"), "{stages:?}");
    for stage in stages {
        assert_eq!((hex(&stage.trace_id), &stage.parent_span_id), (TRACE.into(), &request.span_id));
        assert!(stage.attributes.is_empty(), "{stage:?}");
        let (begin, end) = (stage.start_time_unix_nano, stage.end_time_unix_nano);
        assert!(request.start_time_unix_nano <= begin && begin <= end, "{request:?} {stage:?}");
        assert!(end <= request.end_time_unix_nano, "{request:?} {stage:?}");
    }
    let sent = collector.text();
    for expected in ["\"tenant\": \"me\"", "StringValue(\"shop\")"] {
        assert!(sent.contains(expected), "{expected} is missing in {sent}");
    }
}

#[tokio::test]
async fn without_a_caller_who_decides_the_share_decides_and_failures_are_marked() {
    let (collector, endpoint) = Collector::start();
    let app = App::start_with(&[&endpoint, "traces.sample_ratio=1"]).await;
    assert_eq!(app.get("/health/live").await.status, 200);
    assert_eq!(app.get("/health/ready").await.status, 503, "there is no release");
    assert_eq!(app.get("/nowhere").await.status, 404);
    let spans = spans(&app, &collector).await;
    let requests = spans.iter().filter(|span| span.kind == i32::from(SpanKind::Server));
    let mut seen: Vec<_> = requests
        .map(|span| {
            (&*span.name, span.status.as_ref().is_some_and(|s| s.code == i32::from(StatusCode::Error)))
        })
        .collect();
    seen.sort();
    assert_eq!(seen, [("GET /health/live", false), ("GET /health/ready", true), ("GET unmatched", false)]);
}

#[tokio::test]
async fn a_collector_that_is_not_there_costs_one_log_line_and_no_answer() {
    let folder = tempfile::tempdir().unwrap();
    // Nothing listens on this port, which only the system may use.
    let settings = ["traces.endpoint=http://127.0.0.1:1", "traces.sample_ratio=1", "traces.timeout_ms=1000"];
    let service = Service::start_with(folder.path(), &settings);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    // More than one batch.
    for _ in 0..2500 {
        assert_eq!(send(client.get(format!("{}/health/live", service.address))).await.status, 200);
    }
    let log = tokio::task::spawn_blocking(move || service.stop("-TERM")).await.unwrap();
    assert_eq!(log.matches("traces are lost").count(), 1, "{log}");
    assert!(!log.to_lowercase().contains("opentelemetry"), "the library is silent: {log}");
}

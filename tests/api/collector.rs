//! A collector of traces, as operators run one beside the service.

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::AnyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use std::sync::{Arc, Mutex};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

/// What a collector was sent.
#[derive(Clone, Default)]
pub(crate) struct Collector(Arc<Mutex<Vec<Request<ExportTraceServiceRequest>>>>);

impl Collector {
    /// Collects in this runtime; gives the setting that leads to it, too.
    pub(crate) fn start() -> (Self, String) {
        let collector = Self::default();
        let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let setting = format!("traces.endpoint=http://{}", incoming.local_addr().unwrap());
        let service = TraceServiceServer::new(collector.clone());
        tokio::spawn(Server::builder().add_service(service).serve_with_incoming(incoming));
        (collector, setting)
    }

    /// All spans so far.
    pub(crate) fn spans(&self) -> Vec<Span> {
        let calls = self.0.lock().unwrap();
        let resources = calls.iter().flat_map(|call| &call.get_ref().resource_spans);
        let scopes = resources.flat_map(|resource| &resource.scope_spans);
        scopes.flat_map(|scope| scope.spans.clone()).collect()
    }

    /// Everything that was sent, as text.
    pub(crate) fn text(&self) -> String {
        format!("{:?}", self.0.lock().unwrap())
    }
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.0.lock().unwrap().push(request);
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

/// The attributes of a span, in the order of their names.
pub(crate) fn attributes(span: &Span) -> Vec<(&str, String)> {
    let mut all: Vec<_> =
        span.attributes.iter().map(|one| (one.key.as_str(), text(one.value.as_ref()))).collect();
    all.sort();
    all
}

fn text(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        other => format!("{other:?}"),
    }
}

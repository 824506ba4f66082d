//! Spans on their way to the collector: a bounded queue and a thread of its own, so that a collector that is slow or down
//! costs spans and nothing else.

use crate::telemetry::pace::Pace;
use opentelemetry::Context;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Span, SpanData, SpanExporter, SpanProcessor,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Spans that may wait; more are lost.
const QUEUE: usize = 16_384;

/// Spans of one call: some 600 kB, where collectors take 4 MB.
const BATCH: usize = 2_048;

/// The longest that a span waits for others.
const DELAY: Duration = Duration::from_secs(1);

/// How often losses are logged at most.
const REPORT_EVERY: Duration = Duration::from_secs(60);

/// How many spans wait, and how many were lost since that was last logged.
#[derive(Debug, Default)]
pub(super) struct Load {
    waiting: AtomicUsize,
    lost: AtomicU64,
}

/// The SDK's queue and thread, behind a count of what does not fit in.
#[derive(Debug)]
pub(super) struct Bounded {
    inner: BatchSpanProcessor,
    load: Arc<Load>,
}

impl Bounded {
    pub(super) fn new(exporter: Reported<impl SpanExporter + 'static>, load: Arc<Load>) -> Self {
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(QUEUE)
            .with_max_export_batch_size(BATCH)
            .with_scheduled_delay(DELAY);
        let inner = BatchSpanProcessor::builder(exporter).with_batch_config(batches.build()).build();
        Self { inner, load }
    }
}

impl SpanProcessor for Bounded {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.inner.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        if self.load.waiting.fetch_add(1, Ordering::Relaxed) < QUEUE {
            self.inner.on_end(span);
        } else {
            self.load.waiting.fetch_sub(1, Ordering::Relaxed);
            self.load.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

/// An exporter whose losses are logged once a minute at most.
#[derive(Debug)]
pub(super) struct Reported<E> {
    exporter: E,
    load: Arc<Load>,
    pace: Pace,
}

impl<E> Reported<E> {
    pub(super) fn new(exporter: E, load: Arc<Load>) -> Self {
        Self { exporter, load, pace: Pace::new(1, REPORT_EVERY) }
    }
}

impl<E: SpanExporter> SpanExporter for Reported<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let outcome = self.exporter.export(batch).await;
        self.load.waiting.fetch_sub(spans, Ordering::Relaxed);
        if outcome.is_err() {
            self.load.lost.fetch_add(spans as u64, Ordering::Relaxed);
        }
        if self.load.lost.load(Ordering::Relaxed) > 0 && self.pace.admit(Instant::now()).is_some() {
            let lost_spans = self.load.lost.swap(0, Ordering::Relaxed);
            let error = outcome.err().map(|error| error.to_string());
            tracing::warn!(
                error,
                lost_spans,
                "traces are lost: the collector at traces.endpoint does not take them in time"
            );
        }
        // What went wrong has been said.
        Ok(())
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use opentelemetry_sdk::error::OTelSdkError;

    /// A collector that takes nothing.
    #[derive(Debug)]
    struct Down;

    impl SpanExporter for Down {
        async fn export(&self, _: Vec<SpanData>) -> OTelSdkResult {
            Err(OTelSdkError::InternalFailure("on purpose".into()))
        }
    }

    #[test]
    fn losses_are_counted_and_reported_once_in_a_while() {
        let load = Arc::new(Load::default());
        let exporter = Reported::new(Down, Arc::clone(&load));
        let mut unreported = Vec::new();
        for _ in 0..3 {
            load.waiting.fetch_add(2, Ordering::Relaxed);
            let batch = vec![span(), span()];
            assert!(exporter.export(batch).now_or_never().is_some_and(|outcome| outcome.is_ok()));
            unreported.push(load.lost.load(Ordering::Relaxed));
        }
        assert_eq!(unreported, [0, 2, 4]);
        assert_eq!(load.waiting.load(Ordering::Relaxed), 0);
    }

    fn span() -> SpanData {
        use opentelemetry::trace::{Tracer, TracerProvider};
        let provider = opentelemetry_sdk::trace::SdkTracerProvider::builder().build();
        provider.tracer("test").start("test").exported_data().unwrap()
    }
}

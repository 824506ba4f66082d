//! Every metric of the service: field = metric (under `proffer_`), doc comment = its help text.
//!
//! Histograms have explicit buckets from 0.25 ms on. Labels come from small closed sets: routes as patterns, never
//! paths. Each [`Metrics`] has its own registry, so that two services in one process do not share counts.

use crate::decisions::Decision;
use crate::offers::wire::OffersDecision;
use crate::store::{Appended, EVENT_KINDS, ResponseKind};
use models::events::EventKind;
use prometheus::core::Collector;
use prometheus::{
    Encoder, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
    TextEncoder,
};

/// Upper bounds in seconds: 0.25 ms to 10 s.
const SECONDS: &[f64] = &[
    0.000_25, 0.000_5, 0.001, 0.002, 0.003, 0.005, 0.007_5, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
    10.0,
];

/// Upper bounds for sizes.
const ROWS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0];

/// Declares the struct and its constructor from one list.
macro_rules! metrics {
    ($(#[doc = $about:literal])* $visibility:vis struct $name:ident {
        $(#[doc = $help:literal] $field:ident: $kind:ident $([$($label:literal),+])? $({ $buckets:ident })?,)+
    }) => {
        $(#[doc = $about])*
        $visibility struct $name {
            registry: Registry,
            event_results: Vec<[IntCounter; EventResult::ALL.len()]>,
            $(#[doc = $help] pub $field: $kind,)+
        }

        impl $name {
            /// All metrics at zero, with those of the process.
            ///
            /// # Errors
            /// [`prometheus::Error`] when a metric is declared twice or wrongly.
            pub fn new() -> prometheus::Result<Self> {
                let registry = Registry::new();
                $(let $field = registered(&registry, <$kind>::declare(
                    concat!("proffer_", stringify!($field)), $help.trim(), &[$($($label),+)?], metrics!(@buckets $($buckets)?),
                )?)?;)+
                registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
                let mut metrics = Self { registry, event_results: Vec::new(), $($field,)+ };
                metrics.event_results = event_results(&metrics.events);
                Ok(metrics)
            }
        }
    };
    (@buckets) => { &[] };
    (@buckets $buckets:ident) => { $buckets };
}

metrics! {
    /// The handles of all metrics.
    pub struct Metrics {
        /// Time to answer a request, by method, route pattern and status.
        request_seconds: HistogramVec["method", "route", "status"]{SECONDS},
        /// Requests being answered now.
        requests_in_flight: IntGauge,
        /// Handlers that panicked; each is a mistake in this program.
        panics: IntCounter,
        /// Decisions, by contact point and by whether a fallback had to fill them.
        decisions: IntCounterVec["contact_point", "fallback"],
        /// Decisions made without a part that was down.
        degraded_decisions: IntCounterVec["part"],
        /// Decisions about offers, by contact point, arm and whether any offer was answered.
        offer_decisions: IntCounterVec["contact_point", "arm", "answered"],
        /// Offers that a stage of the chain removed.
        removed_offers: IntCounterVec["contact_point", "stage"],
        /// Offers that a rule cost because it failed on the customer.
        failed_rules: IntCounterVec["contact_point"],
        /// Decisions that could not be kept.
        lost_decisions: IntCounter,
        /// Received responses to decisions, by what was done and by what became of it.
        responses: IntCounterVec["outcome", "result"],
        /// Received events, by kind and by what became of them.
        events: IntCounterVec["kind", "result"],
        /// Time of one transaction of the store's writer, commit included.
        store_write_seconds: Histogram{SECONDS},
        /// Rows that shared one transaction.
        store_group_rows: Histogram{ROWS},
    }
}

/// The counters of all kinds of events, the unknown kind last, by all results.
fn event_results(events: &IntCounterVec) -> Vec<[IntCounter; EventResult::ALL.len()]> {
    let kinds = EVENT_KINDS.into_iter().map(|(_, word)| word).chain(["unknown"]);
    kinds
        .map(|kind| EventResult::ALL.map(|result| events.with_label_values(&[kind, result.word()])))
        .collect()
}

/// What became of a received event, as a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventResult {
    /// Kept.
    Stored,
    /// Was kept already.
    Duplicate,
    /// Refused.
    Rejected,
}

impl EventResult {
    const ALL: [Self; 3] = [Self::Stored, Self::Duplicate, Self::Rejected];

    /// The word in labels and answers.
    pub fn word(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Duplicate => "duplicate",
            Self::Rejected => "rejected",
        }
    }
}

impl From<Appended> for EventResult {
    fn from(appended: Appended) -> Self {
        match appended {
            Appended::Stored => Self::Stored,
            Appended::Duplicate => Self::Duplicate,
            Appended::Conflict => Self::Rejected,
        }
    }
}

impl Metrics {
    /// Counts a decision. Contact points are those of the configuration; other decisions have none.
    pub fn decided(&self, decision: &Decision) {
        let contact_point = decision.contact_point.as_deref().unwrap_or("none");
        let fallback = if decision.fallback { "yes" } else { "no" };
        self.decisions.with_label_values(&[contact_point, fallback]).inc();
        for part in &decision.degraded {
            self.degraded_decisions.with_label_values(&[part]).inc();
        }
    }

    /// Counts a decision about offers. Contact points are those of the configuration.
    pub fn decided_offers(&self, decision: &OffersDecision) {
        let contact_point = decision.contact_point.as_str();
        let answered = if decision.results.is_empty() { "no" } else { "yes" };
        self.offer_decisions.with_label_values(&[contact_point, decision.arm.code(), answered]).inc();
        for removed in &decision.funnel.removed {
            let labels = [contact_point, removed.stage.code()];
            self.removed_offers.with_label_values(&labels).inc_by(removed.offers as u64);
        }
        for failed in &decision.funnel.failed_rules {
            self.failed_rules.with_label_values(&[contact_point]).inc_by(failed.offers as u64);
        }
        for part in &decision.degraded {
            self.degraded_decisions.with_label_values(&[part]).inc();
        }
    }

    /// Counts a received response; what could not be read has no outcome.
    pub fn responded(&self, kind: Option<ResponseKind>, result: &str) {
        self.responses.with_label_values(&[kind.map_or("unknown", ResponseKind::word), result]).inc();
    }

    /// The counter of [`Self::events`] for a kind (where it could be read) and a result, resolved beforehand.
    pub fn event(&self, kind: Option<EventKind>, result: EventResult) -> &IntCounter {
        let position = EVENT_KINDS.iter().position(|(known, _)| Some(*known) == kind);
        &self.event_results[position.unwrap_or(EVENT_KINDS.len())][result as usize]
    }

    /// All metrics in Prometheus' text format.
    ///
    /// # Errors
    /// [`prometheus::Error`] when a metric cannot be written.
    pub fn render(&self) -> prometheus::Result<Vec<u8>> {
        let mut text = Vec::with_capacity(16 * 1024);
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }
}

fn registered<M: Collector + Clone + 'static>(registry: &Registry, metric: M) -> prometheus::Result<M> {
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

/// One way to declare every kind of metric.
trait Declare: Sized {
    fn declare(name: &str, help: &str, labels: &[&str], buckets: &[f64]) -> prometheus::Result<Self>;
}

impl Declare for IntCounter {
    fn declare(name: &str, help: &str, _: &[&str], _: &[f64]) -> prometheus::Result<Self> {
        Self::with_opts(Opts::new(counter_name(name), help))
    }
}

impl Declare for IntCounterVec {
    fn declare(name: &str, help: &str, labels: &[&str], _: &[f64]) -> prometheus::Result<Self> {
        Self::new(Opts::new(counter_name(name), help), labels)
    }
}

impl Declare for IntGauge {
    fn declare(name: &str, help: &str, _: &[&str], _: &[f64]) -> prometheus::Result<Self> {
        Self::with_opts(Opts::new(name, help))
    }
}

impl Declare for Histogram {
    fn declare(name: &str, help: &str, _: &[&str], buckets: &[f64]) -> prometheus::Result<Self> {
        Self::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec()))
    }
}

impl Declare for HistogramVec {
    fn declare(name: &str, help: &str, labels: &[&str], buckets: &[f64]) -> prometheus::Result<Self> {
        Self::new(HistogramOpts::new(name, help).buckets(buckets.to_vec()), labels)
    }
}

/// Prometheus' convention: what only counts up ends in `_total`.
fn counter_name(name: &str) -> String {
    format!("{name}_total")
}

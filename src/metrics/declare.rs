//! One way to declare every kind of metric.

use prometheus::core::Collector;
use prometheus::proto::MetricType;
use prometheus::{
    CounterVec, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry,
};

/// Declares the struct and its constructor from one list.
macro_rules! metrics {
    ($(#[doc = $about:literal])* $visibility:vis struct $name:ident {
        $($(#[doc = $help:literal])+ $field:ident: $kind:ident $([$($label:literal),+])? $({ $buckets:ident })?,)+
    }) => {
        $(#[doc = $about])*
        $visibility struct $name {
            registry: Registry,
            names: Vec<String>,
            held: Held,
            $($(#[doc = $help])+ pub $field: $kind,)+
        }

        impl $name {
            /// All metrics at zero, with those of the process.
            ///
            /// # Errors
            /// [`prometheus::Error`] when a metric is declared twice or wrongly.
            pub fn new() -> prometheus::Result<Self> {
                let registry = Registry::new();
                let mut names = Vec::new();
                $(let $field = declare::registered((&registry, &mut names), <$kind as Declare>::declare(
                    concat!("proffer_", stringify!($field)), concat!($($help),+).trim(), &[$($($label),+)?], metrics!(@buckets $($buckets)?),
                )?)?;)+
                registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
                let mut metrics = Self { registry, names, held: Held::default(), $($field,)+ };
                metrics.held = Held::of(&metrics);
                Ok(metrics)
            }
        }
    };
    (@buckets) => { &[] };
    (@buckets $buckets:ident) => { buckets::$buckets };
}

/// Adds a metric to a registry, and the names under which it is written to the names of all.
pub(super) fn registered<M: Collector + Clone + 'static>(
    (registry, names): (&Registry, &mut Vec<String>),
    metric: M,
) -> prometheus::Result<M> {
    for family in metric.collect() {
        let parts: &[&str] = match family.get_field_type() {
            MetricType::HISTOGRAM => &["_bucket", "_sum", "_count"],
            _ => &[""],
        };
        names.extend(parts.iter().map(|part| format!("{}{part}", family.name())));
    }
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

/// A kind of metric.
pub(super) trait Declare: Sized {
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

impl Declare for CounterVec {
    fn declare(name: &str, help: &str, labels: &[&str], _: &[f64]) -> prometheus::Result<Self> {
        Self::new(Opts::new(counter_name(name), help), labels)
    }
}

impl Declare for IntGauge {
    fn declare(name: &str, help: &str, _: &[&str], _: &[f64]) -> prometheus::Result<Self> {
        Self::with_opts(Opts::new(name, help))
    }
}

impl Declare for IntGaugeVec {
    fn declare(name: &str, help: &str, labels: &[&str], _: &[f64]) -> prometheus::Result<Self> {
        Self::new(Opts::new(name, help), labels)
    }
}

impl Declare for GaugeVec {
    fn declare(name: &str, help: &str, labels: &[&str], _: &[f64]) -> prometheus::Result<Self> {
        Self::new(Opts::new(name, help), labels)
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

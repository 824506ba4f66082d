//! Series of labels whose values are few, but known only while the service runs.

use prometheus::core::{Collector, MetricVec, MetricVecBuilder};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// Handles of series by a name, made when the name is first met: one look-up instead of one for each series.
pub(super) struct Held<S>(RwLock<HashMap<String, Arc<S>>>);

impl<S> Default for Held<S> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<S> Held<S> {
    /// The series of a name; `make` makes them when they are not there.
    pub(super) fn of(&self, name: &str, make: impl FnOnce() -> S) -> Arc<S> {
        if let Some(series) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(name) {
            return Arc::clone(series);
        }
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(name.to_owned()).or_insert_with(|| Arc::new(make())))
    }
}

/// Removes the series of a metric that have a value of a label which is gone.
pub(super) fn remove<T: MetricVecBuilder>(
    metric: &MetricVec<T>,
    label: &str,
    is_gone: impl Fn(&str) -> bool,
) {
    for family in metric.collect() {
        for series in family.get_metric() {
            let labels: HashMap<&str, &str> =
                series.get_label().iter().map(|pair| (pair.name(), pair.value())).collect();
            if labels.get(label).is_some_and(|value| is_gone(value)) {
                // Another caller may have removed it meanwhile, which comes to the same.
                let _ = metric.remove(&labels);
            }
        }
    }
}

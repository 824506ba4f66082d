//! Vector indexes: how long searches take, and how they fail.

use super::{Metrics, Queue};
use crate::index::embedded::WAITING_LINE;
use crate::index::{IndexError, IndexPoint, IndexQuery, VectorIndex};
use async_trait::async_trait;
use models::ids::ItemIx;
use models::ranking::Scored;
use prometheus::{Histogram, IntGauge};
use std::sync::Arc;
use std::time::Instant;

/// What an index holds, as a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Searched {
    /// Items.
    Items,
    /// Customers.
    Customers,
}

impl Searched {
    fn word(self) -> &'static str {
        match self {
            Self::Items => "items",
            Self::Customers => "customers",
        }
    }
}

/// The kinds of trouble, as labels.
const FAULTS: [&str; 3] = ["timeout", "unavailable", "invalid"];

/// An index that is watched at work.
pub struct MeasuredIndex {
    index: Arc<dyn VectorIndex>,
    metrics: Arc<Metrics>,
    searched: Searched,
    seconds: Histogram,
    in_work: IntGauge,
}

impl MeasuredIndex {
    /// Watches an index.
    pub fn new(index: Arc<dyn VectorIndex>, searched: Searched, metrics: Arc<Metrics>) -> Self {
        let seconds = metrics.index_search_seconds.with_label_values(&[searched.word()]);
        let queue = match searched {
            Searched::Items => Queue::IndexItems.word(),
            Searched::Customers => Queue::IndexCustomers.word(),
        };
        let in_work = metrics.queue_length.with_label_values(&[queue]);
        // A server has a line of its own, which is not seen from here.
        let capacity = if index.kind() == "qdrant" { 0 } else { WAITING_LINE };
        metrics.queue_capacity.with_label_values(&[queue]).set(capacity as i64);
        for fault in FAULTS {
            metrics.index_failures.with_label_values(&[searched.word(), fault]);
        }
        Self { index, metrics, searched, seconds, in_work }
    }

    /// Counts what failed.
    fn counted<T>(&self, outcome: Result<T, IndexError>) -> Result<T, IndexError> {
        if let Err(error) = &outcome {
            let [timeout, unavailable, invalid] = FAULTS;
            let fault = match error {
                IndexError::Timeout => timeout,
                IndexError::Unavailable(_) => unavailable,
                IndexError::Invalid(_) => invalid,
            };
            self.metrics.index_failures.with_label_values(&[self.searched.word(), fault]).inc();
        }
        outcome
    }
}

/// Counts one search in work until dropped, also when its caller goes away.
struct InWork<'a>(&'a IntGauge);

impl Drop for InWork<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[async_trait]
impl VectorIndex for MeasuredIndex {
    fn kind(&self) -> &'static str {
        self.index.kind()
    }

    async fn search(
        &self,
        queries: Vec<IndexQuery>,
        deadline: Instant,
    ) -> Result<Vec<Vec<Scored>>, IndexError> {
        self.in_work.inc();
        let _in_work = InWork(&self.in_work);
        let started = Instant::now();
        let found = self.index.search(queries, deadline).await;
        self.seconds.observe(started.elapsed().as_secs_f64());
        self.counted(found)
    }

    async fn upsert(&self, points: Vec<IndexPoint>, deadline: Instant) -> Result<(), IndexError> {
        self.counted(self.index.upsert(points, deadline).await)
    }

    async fn delete(&self, items: Vec<ItemIx>, deadline: Instant) -> Result<(), IndexError> {
        self.counted(self.index.delete(items, deadline).await)
    }

    async fn ready(&self, deadline: Instant) -> Result<(), IndexError> {
        self.index.ready(deadline).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails in every way there is.
    struct Broken;

    #[async_trait]
    impl VectorIndex for Broken {
        fn kind(&self) -> &'static str {
            "exact"
        }

        async fn search(&self, _: Vec<IndexQuery>, _: Instant) -> Result<Vec<Vec<Scored>>, IndexError> {
            Err(IndexError::Timeout)
        }

        async fn upsert(&self, _: Vec<IndexPoint>, _: Instant) -> Result<(), IndexError> {
            Err(IndexError::Invalid("on purpose".into()))
        }

        async fn delete(&self, _: Vec<ItemIx>, _: Instant) -> Result<(), IndexError> {
            Err(IndexError::Unavailable("on purpose".into()))
        }

        async fn ready(&self, _: Instant) -> Result<(), IndexError> {
            Err(IndexError::Unavailable("on purpose".into()))
        }
    }

    #[tokio::test]
    async fn each_failure_of_an_index_is_counted_once_by_its_kind() {
        let metrics = Arc::new(Metrics::new().unwrap());
        let index = MeasuredIndex::new(Arc::new(Broken), Searched::Customers, Arc::clone(&metrics));
        let now = Instant::now();
        assert!(index.search(Vec::new(), now).await.is_err());
        assert!(index.upsert(Vec::new(), now).await.is_err());
        assert!(index.delete(Vec::new(), now).await.is_err());
        assert!(index.ready(now).await.is_err());
        for (fault, expected) in [("timeout", 1), ("invalid", 1), ("unavailable", 1)] {
            let failures = metrics.index_failures.with_label_values(&["customers", fault]).get();
            assert_eq!(failures, expected, "{fault}");
        }
        assert_eq!(index.seconds.get_sample_count(), 1);
        assert_eq!(index.in_work.get(), 0);
    }
}

//! Caches: how often they hold what is looked for.

use super::Metrics;
use prometheus::IntCounter;

/// A cache, as a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cache {
    /// Answers that would come out the same again.
    Answers,
    /// What is known of customers, folded in.
    Customers,
    /// Where customers stand.
    Insights,
    /// API keys.
    Keys,
    /// Where offers stand in the space of taste.
    Places,
}

impl Cache {
    fn word(self) -> &'static str {
        match self {
            Self::Answers => "answers",
            Self::Customers => "customers",
            Self::Insights => "insights",
            Self::Keys => "keys",
            Self::Places => "places",
        }
    }
}

/// The two counters of one cache.
#[derive(Clone)]
pub struct Lookups {
    hits: IntCounter,
    misses: IntCounter,
}

impl Lookups {
    /// Counts a look into the cache, and gives back what it found.
    pub fn counted<T>(&self, found: Option<T>) -> Option<T> {
        if found.is_some() {
            self.hits.inc();
        } else {
            self.misses.inc();
        }
        found
    }
}

impl Metrics {
    /// The counters of a cache, to be held by it.
    pub fn lookups(&self, cache: Cache) -> Lookups {
        let counter = |result| self.cache_lookups.with_label_values(&[cache.word(), result]);
        Lookups { hits: counter("hit"), misses: counter("miss") }
    }
}

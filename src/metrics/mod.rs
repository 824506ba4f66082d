//! Every metric of the service: field = metric (under `proffer_`), doc comment = its help text.
//!
//! The list stands here; what counts where stands in the files beside it. Labels come from small closed sets: routes as
//! patterns, never paths; contact points and channels of the configuration; offers of the book, and of these at most
//! [`MOST_OFFERS`]. Histograms have explicit buckets. Moments are given as timestamps, so that their age is right even when
//! nothing updates them. Each [`Metrics`] has its own registry, so that two services in one process do not share counts.

#[macro_use]
mod declare;
mod buckets;
mod caches;
mod decisions;
mod events;
mod index;
mod offers;
mod queues;
mod release;
mod requests;
mod responses;
mod sample;
mod series;
mod store;

pub use caches::{Cache, Lookups};
pub use events::EventResult;
pub use index::{MeasuredIndex, Searched};
pub use offers::MOST_OFFERS;
pub use queues::Queue;
pub use release::{Figure, figures};
pub use requests::STAGES;
pub use store::MeasuredStore;

use declare::Declare;
use prometheus::{
    CounterVec, Encoder, GaugeVec, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
    Registry, TextEncoder,
};

metrics! {
    /// The handles of all metrics.
    pub struct Metrics {
        /// The running program, by its version; always 1.
        build_info: IntGaugeVec["version"],
        /// Time to answer a request, by method, route pattern and status.
        request_seconds: HistogramVec["method", "route", "status"]{SECONDS},
        /// Requests being answered now.
        requests_in_flight: IntGauge,
        /// Requests refused because the service had too much to do, by what there was too much of.
        shed_requests: IntCounterVec["reason"],
        /// Requests that may be worked on at once, by door: answers and writes.
        admission_limit: IntGaugeVec["door"],
        /// Requests that wait to be admitted, by door.
        admission_waiting: IntGaugeVec["door"],
        /// Time of one stage of a request, as in its header Server-Timing.
        stage_seconds: HistogramVec["stage"]{SECONDS},
        /// Handlers that panicked; each is a mistake in this program.
        panics: IntCounter,

        /// Decisions about items, by contact point and by whether a fallback had to fill them; cross-sell and similar items
        /// have no contact point.
        decisions: IntCounterVec["contact_point", "fallback"],
        /// Items answered, by contact point and by where they come from.
        answered_items: IntCounterVec["contact_point", "source"],
        /// Items left out of recommendations: all that were owned, all that were excluded (by the request or met in the session),
        /// and those that ranking met and that were filtered (or not available).
        removed_items: IntCounterVec["contact_point", "reason"],
        /// Decisions about items and offers, by how much was known of the person.
        decision_evidence: IntCounterVec["about", "contact_point", "evidence"],
        /// The score of the best item of recommendations that needed no fallback; its scale is that of the release.
        top_item_score: HistogramVec["contact_point"]{SCORES},
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
        /// Offers in kept decisions, by offer and channel; at inbound contact points that is being shown.
        answered_offers: IntCounterVec["offer", "channel"],
        /// The probability of acceptance that was foretold for offers in kept decisions.
        foretold_probability: HistogramVec["channel"]{PROBABILITIES},
        /// Received responses to decisions, by what was done and by what became of it.
        responses: IntCounterVec["outcome", "result"],
        /// Responses that are linked to their offers, by offer, channel and what was done.
        offer_responses: IntCounterVec["offer", "channel", "outcome"],
        /// Money that responses brought.
        offer_revenue: CounterVec["offer", "channel"],
        /// Money that responses took back: revenue below zero, as a positive number.
        offer_refunds: CounterVec["offer", "channel"],
        /// Results of which nothing was heard in time: silence is their response.
        silent_results: IntCounter,
        /// Results since the last training that are settled by a response or by silence, as the store knows them.
        settled_results: IntGaugeVec["channel"],
        /// Of the settled results, those that were accepted.
        accepted_results: IntGaugeVec["channel"],
        /// The sum of the probabilities of acceptance that were foretold for the settled results.
        foretold_acceptances: GaugeVec["channel"],
        /// Reserved results: made, or expired without a word; and overtaken, attempts that another decision outran.
        reservations: IntCounterVec["outcome"],
        /// Results that hold a place in contact pressure and are not delivered yet, as the store knows them.
        reservations_outstanding: IntGauge,
        /// Outstanding results by the counters of stock and budget; differs from the outstanding ones where places leak.
        reservations_counted: IntGauge,
        /// Outstanding results whose time was over a minute ago: they should have been given back.
        reservations_overdue: IntGauge,
        /// Lines of the ledger of consents, by purpose (others than marketing and profiling are "other") and what was said.
        consents: IntCounterVec["purpose", "status"],

        /// Received events, by kind and by what became of them.
        events: IntCounterVec["kind", "result"],
        /// How long after it happened an event was received; only of events that say when they happened.
        event_lag_seconds: Histogram{LAG_SECONDS},
        /// When the newest event happened that this process has kept or read; absent before the first.
        newest_event_timestamp_seconds: GaugeVec,

        /// Time of one transaction of the store's writer, commit included.
        store_write_seconds: Histogram{SECONDS},
        /// Rows that shared one transaction.
        store_group_rows: Histogram{ROWS},
        /// Time of one read of the store, by what was read.
        store_read_seconds: HistogramVec["operation"]{READ_SECONDS},
        /// Reads and writes of the store that failed, by the kind of trouble.
        store_failures: IntCounterVec["access", "fault"],
        /// Time of one search in a vector index, waiting included.
        index_search_seconds: HistogramVec["index"]{READ_SECONDS},
        /// Searches and changes that a vector index failed, by the kind of trouble.
        index_failures: IntCounterVec["index", "fault"],
        /// Looks into a cache, by whether it held what was looked for.
        cache_lookups: IntCounterVec["cache", "result"],
        /// What waits or is worked on in a bounded queue.
        queue_length: IntGaugeVec["queue"],
        /// What the queue holds at most.
        queue_capacity: IntGaugeVec["queue"],

        /// The release that answers, and its index; absent without one.
        release_info: IntGaugeVec["release", "index"],
        /// When the release was trained.
        release_created_timestamp_seconds: IntGaugeVec["release"],
        /// Until when the release knows what happened.
        release_data_cutoff_timestamp_seconds: IntGaugeVec["release"],
        /// How good the release was when it was judged: the measure, on which task, of whom.
        release_quality: GaugeVec["release", "task", "measure", "model"],
    }
}

/// Handles and state behind the hooks: what is looked up once instead of at each request.
///
/// What alerts look at stands at zero from the start: of a series that begins at one, Prometheus sees no increase.
#[derive(Default)]
struct Held {
    events: events::Held,
    stages: Vec<Histogram>,
    contact_points: series::Held<decisions::PointSeries>,
    offers: offers::Held,
    responses: responses::Held,
    queues: queues::Held,
    newest_event: events::Newest,
}

impl Held {
    fn of(metrics: &Metrics) -> Self {
        metrics.build_info.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        decisions::begin(metrics);
        store::begin(metrics);
        Self { events: events::Held::of(metrics), stages: requests::stages(metrics), ..Self::default() }
    }
}

impl Metrics {
    /// The names under which metrics are written, also those of which nothing has been counted yet; those of the process
    /// come besides.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// All metrics in Prometheus' text format.
    ///
    /// # Errors
    /// [`prometheus::Error`] when a metric cannot be written.
    fn text(&self) -> prometheus::Result<Vec<u8>> {
        let mut text = Vec::with_capacity(64 * 1024);
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }
}

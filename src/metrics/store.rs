//! A store that is watched at work: reads by operation, failures by fault, and what its answers say about events,
//! decisions, responses, reservations and consents.

use super::events::{EventResult, Received};
use super::responses::{Kept, Response};
use super::{Metrics, offers};
use crate::store::{
    Activation, Activity, Appended, Claim, Consent, ConsentStatus, Customer, CustomerRecord, DecisionRecord,
    Erasure, Fault, IdempotentRequest, KeptAnswer, KeyRecord, Ledger, LoggedDecision, NewEvent, NewItem,
    NewPolicy, NewResponse, NewTransition, OfferRecord, OfferStore, Outstanding, PolicyRecord, Publication,
    Reservation, Reserved, Responded, Result, ResultPlace, Store, StoredEvent, StoredItem, Subject,
    Transition, TreatmentCount, UnitOutcome, Usage,
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use std::sync::Arc;

/// A store with its metrics. The time of writes is counted by the writer, whose groups share it.
pub struct MeasuredStore {
    store: Arc<dyn Store>,
    metrics: Arc<Metrics>,
}

impl MeasuredStore {
    /// Watches a store.
    pub fn new(store: Arc<dyn Store>, metrics: Arc<Metrics>) -> Self {
        Self { store, metrics }
    }

    /// Watches a read.
    async fn read<T>(&self, operation: &'static str, work: impl Future<Output = Result<T>>) -> Result<T> {
        // It observes when it is dropped, too: by a caller who no longer waits.
        let timer = self.metrics.store_read_seconds.with_label_values(&[operation]).start_timer();
        let outcome = work.await;
        timer.observe_duration();
        self.counted("read", outcome)
    }

    /// Watches a write.
    async fn write<T>(&self, _operation: &'static str, work: impl Future<Output = Result<T>>) -> Result<T> {
        self.counted("write", work.await)
    }

    fn counted<T>(&self, access: &'static str, outcome: Result<T>) -> Result<T> {
        if let Err(error) = &outcome {
            self.metrics.store_failures.with_label_values(&[access, word(error.fault)]).inc();
        }
        outcome
    }

    /// Counts responses to decisions that this process does not remember.
    async fn look_up(&self, unknown: Vec<Response>) {
        let mut ids: Vec<String> = unknown.iter().map(|response| response.decision_id.clone()).collect();
        ids.sort_unstable();
        ids.dedup();
        let places = self.places_of(&ids).await.unwrap_or_default();
        for response in unknown {
            let place = places.iter().find(|place| response.is_about(&place.decision_id, place.rank));
            // What cannot be read is counted all the same.
            let place = place.map_or((offers::OTHER, "unknown"), |place| (&place.offer_id, &place.channel));
            self.metrics.count_response_to(&response, place);
        }
    }
}

/// Lets what alerts look at stand at zero.
pub(super) fn begin(metrics: &Metrics) {
    for access in ["read", "write"] {
        for fault in [Fault::Busy, Fault::Full, Fault::Corrupt, Fault::Unavailable, Fault::Bug] {
            metrics.store_failures.with_label_values(&[access, word(fault)]);
        }
    }
    for outcome in ["made", "expired", "overtaken"] {
        metrics.reservations.with_label_values(&[outcome]);
    }
    for purpose in ["marketing", "profiling", offers::OTHER] {
        for status in [ConsentStatus::Granted, ConsentStatus::Refused, ConsentStatus::Withdrawn] {
            metrics.consents.with_label_values(&[purpose, status_word(status)]);
        }
    }
}

fn word(fault: Fault) -> &'static str {
    match fault {
        Fault::Busy => "busy",
        Fault::Full => "full",
        Fault::Corrupt => "corrupt",
        Fault::Unavailable => "unavailable",
        Fault::Bug => "bug",
    }
}

/// Passes every operation on, watched as a read or a write; those after `also` are written out.
macro_rules! watched {
    (impl $trait:ident {
        $($kind:ident $method:ident($($argument:ident: $type:ty),*) -> $output:ty;)+
    } also { $($other:tt)* }) => {
        #[async_trait]
        impl $trait for MeasuredStore {
            $(async fn $method(&self, $($argument: $type),*) -> Result<$output> {
                self.$kind(stringify!($method), self.store.$method($($argument),*)).await
            })+
            $($other)*
        }
    };
}

watched! {
    impl Store {
        read record_of(customer_id: &str, purpose: &str, since: DateTime<Utc>, limit: u32) -> CustomerRecord;
        read active_customers(since: DateTime<Utc>, after: &str, limit: u32) -> Vec<String>;
        read activity(customer_id: &str) -> Activity;
        read count_events() -> u64;
        write put_customers(customers: Vec<Customer>) -> ();
        read customer(customer_id: &str) -> Option<Customer>;
        write erase_customer(customer_id: &str, at: DateTime<Utc>) -> Erasure;
        read erased_since(since: DateTime<Utc>) -> Vec<Vec<u8>>;
        write put_items(items: Vec<NewItem>, at: DateTime<Utc>) -> Vec<StoredItem>;
        read item(item_id: &str) -> Option<StoredItem>;
        read items_after(position: i64, limit: u32) -> Vec<StoredItem>;
        write append_transitions(transitions: Vec<NewTransition>) -> ();
        read transitions_of(customer_id: &str, limit: u32) -> Vec<Transition>;
        read transitions_after(sequence: i64, limit: u32) -> Vec<Transition>;
        write add_key(key: KeyRecord) -> ();
        read key(key_id: &str) -> Option<KeyRecord>;
        read keys() -> Vec<KeyRecord>;
        write revoke_key(key_id: &str, at: DateTime<Utc>) -> bool;
        write record_activation(activation: Activation) -> ();
        read activations(limit: u32) -> Vec<Activation>;
        write claim(request: IdempotentRequest, now: DateTime<Utc>, lease_ends: DateTime<Utc>) -> Claim;
        write keep_answer(request: IdempotentRequest, answer: KeptAnswer, expires: DateTime<Utc>) -> ();
        write release_claim(request: IdempotentRequest) -> ();
        read ready() -> ();
    } also {
        async fn append_events(&self, events: Vec<NewEvent>) -> Result<Vec<Appended>> {
            let received: Vec<Received> = events.iter().map(Received::from).collect();
            let appended = self.write("append_events", self.store.append_events(events)).await?;
            for (event, appended) in received.iter().zip(&appended) {
                if EventResult::from(*appended) == EventResult::Stored {
                    self.metrics.kept_event(event);
                }
            }
            Ok(appended)
        }

        async fn latest_events(&self, limit: u32) -> Result<Vec<StoredEvent>> {
            let events = self.read("latest_events", self.store.latest_events(limit)).await?;
            if let Some(newest) = events.iter().map(|event| event.at).max() {
                self.metrics.met_event(newest.min(Utc::now()));
            }
            Ok(events)
        }

        async fn close(&self) {
            self.store.close().await;
        }
    }
}

watched! {
    impl OfferStore {
        write put_offers(offers: Vec<OfferRecord>) -> ();
        write delete_offer(offer_id: &str) -> bool;
        read offers() -> Vec<OfferRecord>;
        read usage() -> Vec<Usage>;
        read revision() -> i64;
        write put_policy(policy: NewPolicy) -> i64;
        read policy(version: i64) -> Option<PolicyRecord>;
        read policies(limit: u32) -> Vec<PolicyRecord>;
        write publish_policy(publication: Publication) -> bool;
        read publications(limit: u32) -> Vec<Publication>;
        read consents_of(customer_id: &str) -> Vec<Consent>;
        read ledger(subject: &Subject) -> Ledger;
        read decision(decision_id: &str) -> Option<LoggedDecision>;
        read decisions_after(sequence: i64, limit: u32) -> Vec<LoggedDecision>;
        read decisions_of(customer_id: &str, limit: u32) -> Vec<LoggedDecision>;
        read places_of(decision_ids: &[String]) -> Vec<ResultPlace>;
        read outstanding(overdue_at: DateTime<Utc>) -> Outstanding;
        read unit_outcomes(from: DateTime<Utc>, until: DateTime<Utc>) -> Vec<UnitOutcome>;
        read treatment_counts(since: DateTime<Utc>, until: DateTime<Utc>) -> Vec<TreatmentCount>;
    } also {
        async fn append_consents(&self, consents: Vec<Consent>) -> Result<()> {
            let said: Vec<_> = consents.iter().map(|line| [purpose(line), status_word(line.status)]).collect();
            self.write("append_consents", self.store.append_consents(consents)).await?;
            said.iter().for_each(|labels| self.metrics.consents.with_label_values(labels).inc());
            Ok(())
        }

        async fn reserve(&self, reservation: Reservation) -> Result<Reserved> {
            let decision = Kept::from(&reservation.decision);
            let results = reservation.decision.results.len() as u64;
            let reserved = self.write("reserve", self.store.reserve(reservation)).await?;
            let reservations = &self.metrics.reservations;
            match reserved {
                Reserved::Kept => {
                    reservations.with_label_values(&["made"]).inc_by(results);
                    self.metrics.kept_decisions(&[decision]);
                }
                Reserved::Overtaken => reservations.with_label_values(&["overtaken"]).inc(),
            }
            Ok(reserved)
        }

        async fn append_decisions(&self, decisions: Vec<DecisionRecord>) -> Result<()> {
            let kept: Vec<Kept> = decisions.iter().map(Kept::from).collect();
            self.write("append_decisions", self.store.append_decisions(decisions)).await?;
            self.metrics.kept_decisions(&kept);
            Ok(())
        }

        async fn append_responses(&self, responses: Vec<NewResponse>) -> Result<Vec<Responded>> {
            let heard: Vec<Response> = responses.iter().map(Response::from).collect();
            let responded = self.write("append_responses", self.store.append_responses(responses)).await?;
            let unknown = self.metrics.heard(heard, &responded);
            if !unknown.is_empty() {
                self.look_up(unknown).await;
            }
            Ok(responded)
        }

        async fn expire(&self, now: DateTime<Utc>, limit: u32) -> Result<u64> {
            let expired = self.write("expire", self.store.expire(now, limit)).await?;
            self.metrics.reservations.with_label_values(&["expired"]).inc_by(expired);
            Ok(expired)
        }

        async fn settle(&self, before: DateTime<Utc>, now: DateTime<Utc>, limit: u32) -> Result<u64> {
            let settled = self.write("settle", self.store.settle(before, now, limit)).await?;
            self.metrics.silent_results.inc_by(settled);
            Ok(settled)
        }
    }
}

/// Purposes are words of the policy, which anyone with its permission may invent.
fn purpose(line: &Consent) -> &'static str {
    match line.purpose.as_str() {
        "marketing" => "marketing",
        "profiling" => "profiling",
        _ => offers::OTHER,
    }
}

fn status_word(status: ConsentStatus) -> &'static str {
    match status {
        ConsentStatus::Granted => "granted",
        ConsentStatus::Refused => "refused",
        ConsentStatus::Withdrawn => "withdrawn",
    }
}

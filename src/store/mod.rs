//! Durable state behind one trait.
//!
//! The rule: a write that returned `Ok` survives `kill -9` and power loss; a write that returned an error may be
//! repeated safely (events are idempotent by id, upserts replace). Reads see every write that returned before.
//! `conformance` is the definition in tests: every implementation passes it.

#[cfg(test)]
mod conformance;
mod error;
mod offers;
pub mod postgres;
mod progress;
mod records;
pub mod sqlite;
mod words;

pub use error::{Fault, StoreError};
pub use offers::{
    Admit, Consent, ConsentStatus, Contact, DecisionRecord, Ledger, LedgerResponse, LoggedDecision,
    NewPolicy, NewResponse, OfferRecord, OfferStore, Outstanding, PolicyFormat, PolicyRecord, Publication,
    Reservation, Reserved, Responded, ResponseKind, ResultPlace, ResultRecord, ResultState, StoredResponse,
    Subject, TreatmentCount, UnitOutcome, Usage,
};
pub use records::{
    Activation, Activity, Appended, Claim, Customer, CustomerRecord, EVENT_KINDS, Erasure, IdempotentRequest,
    KeptAnswer, KeyRecord, NewEvent, NewItem, NewTransition, StoredEvent, StoredItem, Transition, kind_word,
};

use crate::patience::Patience;
use async_trait::async_trait;
use chrono::{DateTime, Utc};

/// A result whose error is [`StoreError`].
pub type Result<T> = std::result::Result<T, StoreError>;

/// Waits for a read for a while only: whoever has an answer without it should not wait longer.
///
/// # Errors
/// That of the read, or [`Fault::Busy`].
pub async fn within<T>(patience: &Patience, read: impl Future<Output = Result<T>>) -> Result<T> {
    let waited = patience.now();
    tokio::time::timeout(waited, read).await.unwrap_or_else(|_| {
        patience.ran_out(waited);
        Err(StoreError::new(Fault::Busy, format!("no answer within {} ms", waited.as_millis())))
    })
}

/// Everything that must survive the process; what concerns offers is in [`OfferStore`].
///
/// Every method may fail with any [`StoreError`]; none has another error.
#[async_trait]
pub trait Store: OfferStore + Send + Sync {
    /// Keeps events; the results are in the order of the events. Of equal ids within one call the first counts.
    async fn append_events(&self, events: Vec<NewEvent>) -> Result<Vec<Appended>>;

    /// What is known of one customer, but for what another process wrote within the last two seconds: attributes, the last
    /// word about a purpose on whatever channel, and the latest `limit` events with `at >= since`, oldest first.
    async fn record_of(
        &self,
        customer_id: &str,
        purpose: &str,
        since: DateTime<Utc>,
        limit: u32,
    ) -> Result<CustomerRecord>;

    /// The `limit` events of all customers that were kept last, in the order in which they were kept.
    async fn latest_events(&self, limit: u32) -> Result<Vec<StoredEvent>>;

    /// The next `limit` ids after one, in their order, of customers with an event at or after a moment or with written
    /// attributes; start with the empty text.
    async fn active_customers(&self, since: DateTime<Utc>, after: &str, limit: u32) -> Result<Vec<String>>;

    /// How much one customer did.
    async fn activity(&self, customer_id: &str) -> Result<Activity>;

    /// Number of all events; reads a whole index, so not for each request.
    async fn count_events(&self) -> Result<u64>;

    /// Writes customers' attributes, replacing what was there; the last of equal ids counts.
    async fn put_customers(&self, customers: Vec<Customer>) -> Result<()>;

    /// One customer's attributes.
    async fn customer(&self, customer_id: &str) -> Result<Option<Customer>>;

    /// Erases a customer's attributes, events, consents and decisions with their results and responses, and records that
    /// under a receipt.
    async fn erase_customer(&self, customer_id: &str, at: DateTime<Utc>) -> Result<Erasure>;

    /// The SHA-256 digests of the ids of customers who were erased at or after a moment.
    async fn erased_since(&self, since: DateTime<Utc>) -> Result<Vec<Vec<u8>>>;

    /// Writes items, replacing what was there; the last of equal ids counts. Gives them back in the order written.
    async fn put_items(&self, items: Vec<NewItem>, at: DateTime<Utc>) -> Result<Vec<StoredItem>>;

    /// One item.
    async fn item(&self, item_id: &str) -> Result<Option<StoredItem>>;

    /// The next `limit` items after a position, in the order in which items first appeared; start with `i64::MIN`.
    async fn items_after(&self, position: i64, limit: u32) -> Result<Vec<StoredItem>>;

    /// Records changes of stage; one of the same customer, moment and stage that is already there is left as it is.
    async fn append_transitions(&self, transitions: Vec<NewTransition>) -> Result<()>;

    /// The latest `limit` changes of one customer's stage, newest first.
    async fn transitions_of(&self, customer_id: &str, limit: u32) -> Result<Vec<Transition>>;

    /// The next `limit` changes of stage after a sequence number, in the order in which they were recorded; start with
    /// `i64::MIN`.
    async fn transitions_after(&self, sequence: i64, limit: u32) -> Result<Vec<Transition>>;

    /// Keeps a new API key.
    async fn add_key(&self, key: KeyRecord) -> Result<()>;

    /// One API key, revoked or not.
    async fn key(&self, key_id: &str) -> Result<Option<KeyRecord>>;

    /// All API keys, oldest first.
    async fn keys(&self) -> Result<Vec<KeyRecord>>;

    /// Revokes a key; whether there was one to revoke.
    async fn revoke_key(&self, key_id: &str, at: DateTime<Utc>) -> Result<bool>;

    /// Records that a release became active.
    async fn record_activation(&self, activation: Activation) -> Result<()>;

    /// The latest activations, newest first: the first is the current release.
    async fn activations(&self, limit: u32) -> Result<Vec<Activation>>;

    /// Asks for an `Idempotency-Key` until `lease_ends`, after which a request that never finished no longer counts.
    async fn claim(
        &self,
        request: IdempotentRequest,
        now: DateTime<Utc>,
        lease_ends: DateTime<Utc>,
    ) -> Result<Claim>;

    /// Keeps the answer of a request whose key was granted, until `expires`.
    async fn keep_answer(
        &self,
        request: IdempotentRequest,
        answer: KeptAnswer,
        expires: DateTime<Utc>,
    ) -> Result<()>;

    /// Gives a granted key back without an answer, so that the request can be tried again.
    async fn release_claim(&self, request: IdempotentRequest) -> Result<()>;

    /// Whether reads and writes work now.
    async fn ready(&self) -> Result<()>;

    /// Finishes the writes that wait, then closes; later calls fail as unavailable.
    async fn close(&self);
}

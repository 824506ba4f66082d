//! What the stores on SQLite and PostgreSQL share: every statement, every row, the writer and the two traits.
//!
//! This folder is compiled once in each database's module (`#[path]`), where `super::dialect` says what differs: the
//! types of the driver, how a transaction begins, locks, and how to connect. So statements exist once and are written
//! in what both databases understand: `$1` placeholders, BIGINT for whole numbers, `ON CONFLICT`, `RETURNING`. One word
//! has two meanings: `rowid` is SQLite's own number of a row, and PostgreSQL's table of events has a column of that name.
//!
//! A limit is written `CAST($1 AS BIGINT)`: SQLite prepares a statement anew whenever a bare parameter is bound there, since
//! its planner looks at the value.
//!
//! Reads go to a pool of connections. Writes go to one task with one connection (`writer`); what several processes
//! must not do at once takes a [`Lock`].

mod activations;
mod consents;
mod customers;
mod decisions;
mod events;
mod group;
mod items;
mod keys;
mod ledger;
mod met;
mod offer_store;
mod offers;
mod outcomes;
mod policies;
mod record;
mod responses;
mod results;
mod rows;
mod silence;
mod transitions;
mod usage;
pub(super) mod writer;

use super::dialect::{Connection, Database, Options, Pool, Row};
use crate::metrics::Metrics;
use crate::store::{
    Activation, Activity, Appended, Claim, Customer, CustomerRecord, Erasure, IdempotentRequest, KeptAnswer,
    KeyRecord, NewEvent, NewItem, NewTransition, Result, Store, StoredEvent, StoredItem, Transition,
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use met::Met;
use std::sync::Arc;
use writer::{Looks, Queue, Writer};

/// What processes do one after the other. A transaction takes all locks that its writes need before anything else, in
/// this order, and holds them until it is committed; so nobody waits in a circle.
///
/// Each table that readers page through by a sequence number has one: numbers are given before the commit, so with two
/// writers the higher number could be seen before the lower, and a reader that went on from there would never see the
/// lower one. As whoever writes decisions is alone for that reason, the same lock makes reservations exact: everything
/// that they look at or change is changed under it. Finer locks, by customer or offer, would let nobody in earlier.
///
/// SQLite lets one transaction write at a time and needs none of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lock {
    /// Attributes of customers, and erasure: batches that meet in another order would wait for each other.
    Customers = 1,
    /// Items, whose positions are paged through.
    Items = 2,
    /// Changes of stage, which are paged through.
    Transitions = 3,
    /// Offers, policies and the revision.
    Offers = 4,
    /// Decisions, which are paged through, with results, responses, usage and consents.
    Decisions = 5,
}

/// A store on an SQL database.
pub struct SqlStore {
    pub(super) readers: Pool,
    pub(super) writer: Writer,
    pub(super) met: Arc<Met>,
}

impl SqlStore {
    /// Reads from a pool, and starts the writer.
    pub(super) fn start(readers: Pool, options: Options, queue: Queue, metrics: Arc<Metrics>) -> Self {
        let met = Arc::new(Met::default());
        let looks = Looks { met: Arc::clone(&met), readers: readers.clone() };
        Self { writer: Writer::start(options, queue, looks, metrics), readers, met }
    }
}

#[async_trait]
impl Store for SqlStore {
    async fn append_events(&self, events: Vec<NewEvent>) -> Result<Vec<Appended>> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        self.met.add(events.iter().map(|event| event.customer_id.as_str()));
        self.writer.append(events).await
    }

    async fn record_of(
        &self,
        customer_id: &str,
        purpose: &str,
        since: DateTime<Utc>,
        limit: u32,
    ) -> Result<CustomerRecord> {
        if self.met.is_stranger(customer_id) {
            return Ok(CustomerRecord::default());
        }
        Ok(record::of(&self.readers, (customer_id, purpose), since, limit).await?)
    }

    async fn latest_events(&self, limit: u32) -> Result<Vec<StoredEvent>> {
        events::latest(&self.readers, limit).await
    }

    async fn active_customers(&self, since: DateTime<Utc>, after: &str, limit: u32) -> Result<Vec<String>> {
        customers::active(&self.readers, since, after, limit).await
    }

    async fn activity(&self, customer_id: &str) -> Result<Activity> {
        events::activity(&self.readers, customer_id).await
    }

    async fn count_events(&self) -> Result<u64> {
        events::count(&self.readers).await
    }

    async fn put_customers(&self, customers: Vec<Customer>) -> Result<()> {
        self.met.add(customers.iter().map(|customer| customer.customer_id.as_str()));
        self.writer.write(&[Lock::Customers], customers, |c, new| Box::pin(customers::put(c, new))).await
    }

    async fn customer(&self, customer_id: &str) -> Result<Option<Customer>> {
        customers::one(&self.readers, customer_id).await
    }

    async fn erase_customer(&self, customer_id: &str, at: DateTime<Utc>) -> Result<Erasure> {
        let locks = &[Lock::Customers, Lock::Transitions, Lock::Decisions];
        let subject = (customer_id.to_owned(), at);
        self.writer.write(locks, subject, |c, (id, at)| Box::pin(customers::erase(c, id, *at))).await
    }

    async fn erased_since(&self, since: DateTime<Utc>) -> Result<Vec<Vec<u8>>> {
        customers::erased_since(&self.readers, since).await
    }

    async fn put_items(&self, items: Vec<NewItem>, at: DateTime<Utc>) -> Result<Vec<StoredItem>> {
        self.writer.write(&[Lock::Items], (items, at), |c, (new, at)| Box::pin(items::put(c, new, *at))).await
    }

    async fn item(&self, item_id: &str) -> Result<Option<StoredItem>> {
        items::one(&self.readers, item_id).await
    }

    async fn items_after(&self, position: i64, limit: u32) -> Result<Vec<StoredItem>> {
        items::after(&self.readers, position, limit).await
    }

    async fn append_transitions(&self, transitions: Vec<NewTransition>) -> Result<()> {
        if transitions.is_empty() {
            return Ok(());
        }
        let locks = &[Lock::Transitions];
        self.writer.write(locks, transitions, |c, new| Box::pin(transitions::append(c, new))).await
    }

    async fn transitions_of(&self, customer_id: &str, limit: u32) -> Result<Vec<Transition>> {
        transitions::of(&self.readers, customer_id, limit).await
    }

    async fn transitions_after(&self, sequence: i64, limit: u32) -> Result<Vec<Transition>> {
        transitions::after(&self.readers, sequence, limit).await
    }

    async fn add_key(&self, key: KeyRecord) -> Result<()> {
        self.writer.write(&[], key, |c, key| Box::pin(keys::add(c, key))).await
    }

    async fn key(&self, key_id: &str) -> Result<Option<KeyRecord>> {
        keys::one(&self.readers, key_id).await
    }

    async fn keys(&self) -> Result<Vec<KeyRecord>> {
        keys::all(&self.readers).await
    }

    async fn revoke_key(&self, key_id: &str, at: DateTime<Utc>) -> Result<bool> {
        let subject = (key_id.to_owned(), at);
        self.writer.write(&[], subject, |c, (id, at)| Box::pin(keys::revoke(c, id, *at))).await
    }

    async fn record_activation(&self, activation: Activation) -> Result<()> {
        self.writer.write(&[], activation, |c, new| Box::pin(activations::record(c, new))).await
    }

    async fn activations(&self, limit: u32) -> Result<Vec<Activation>> {
        activations::latest(&self.readers, limit).await
    }

    async fn claim(
        &self,
        request: IdempotentRequest,
        now: DateTime<Utc>,
        lease_ends: DateTime<Utc>,
    ) -> Result<Claim> {
        let subject = (request, now, lease_ends);
        self.writer
            .write(&[], subject, |c, (request, now, ends)| Box::pin(keys::claim(c, request, *now, *ends)))
            .await
    }

    async fn keep_answer(
        &self,
        request: IdempotentRequest,
        answer: KeptAnswer,
        expires: DateTime<Utc>,
    ) -> Result<()> {
        let subject = (request, answer, expires);
        self.writer
            .write(&[], subject, |c, (request, answer, expires)| {
                Box::pin(keys::keep_answer(c, request, answer, *expires))
            })
            .await
    }

    async fn release_claim(&self, request: IdempotentRequest) -> Result<()> {
        self.writer.write(&[], request, |c, request| Box::pin(keys::release_claim(c, request))).await
    }

    async fn ready(&self) -> Result<()> {
        sqlx::query("SELECT 1").execute(&self.readers).await?;
        self.writer.write(&[], (), |_, ()| Box::pin(async { Ok(()) })).await
    }

    async fn close(&self) {
        self.writer.close().await;
        self.readers.close().await;
    }
}

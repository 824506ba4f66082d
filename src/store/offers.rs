//! Offers, policies, consents, contacts, decisions and responses, as the store keeps them.

use super::Result;
use crate::config::Direction;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// An offer as it was written, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct OfferRecord {
    /// The outside id.
    pub offer_id: String,
    /// Its JSON.
    pub body: String,
    /// When it was last written.
    pub updated_at: DateTime<Utc>,
}

/// What was used of an offer's stock and budget.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Usage {
    /// Which offer.
    pub offer_id: String,
    /// Contacts that are reserved and not delivered yet.
    pub reserved: u64,
    /// Contacts that were delivered, and inbound results.
    pub delivered: u64,
    /// Acceptances.
    pub accepted: u64,
    /// Money spent on what was delivered.
    pub spent: f64,
    /// Money that reserved contacts will cost.
    pub committed: f64,
}

/// How a policy is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PolicyFormat {
    /// TOML.
    Toml,
    /// JSON.
    Json,
}

/// A policy to keep as a draft.
#[derive(Clone, Debug, PartialEq)]
pub struct NewPolicy {
    /// How it is written.
    pub format: PolicyFormat,
    /// The document.
    pub body: String,
    /// What is new in it, for people.
    pub note: String,
    /// Who wrote it: the public part of a key.
    pub actor: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// A version of the policy. It never changes; publishing points to it.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyRecord {
    /// 1, 2, 3, …
    pub version: i64,
    /// What was kept.
    pub policy: NewPolicy,
}

/// That a version became the one in force.
#[derive(Clone, Debug, PartialEq)]
pub struct Publication {
    /// Which version.
    pub version: i64,
    /// Who did it.
    pub actor: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// What someone said about being addressed or profiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConsentStatus {
    /// Yes.
    Granted,
    /// No, when asked.
    Refused,
    /// No longer.
    Withdrawn,
}

impl ConsentStatus {
    /// Whether it is a no.
    pub fn is_refusal(self) -> bool {
        self != Self::Granted
    }
}

/// One line of the ledger of consents; lines are only ever added.
#[derive(Clone, Debug, PartialEq)]
pub struct Consent {
    /// Who.
    pub customer_id: String,
    /// For what: marketing, profiling, …
    pub purpose: String,
    /// On which channel; `*` is every channel.
    pub channel: String,
    /// What they said.
    pub status: ConsentStatus,
    /// Where they said it.
    pub source: String,
    /// The version of the text that they were shown.
    pub text_version: Option<String>,
    /// Where the proof is kept.
    pub proof: Option<String>,
    /// When they said it.
    pub at: DateTime<Utc>,
}

/// What became of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResultState {
    /// Answered at an inbound contact point.
    Shown,
    /// A contact that holds its place in contact pressure until it is delivered, released or expires.
    Reserved,
    /// A contact that took place.
    Delivered,
    /// A contact that did not take place.
    Released,
    /// A contact of which nothing was heard in time.
    Expired,
}

/// One offer of a decision.
#[derive(Clone, Debug, PartialEq)]
pub struct ResultRecord {
    /// 1 for the first.
    pub rank: u32,
    /// Which offer.
    pub offer_id: String,
    /// Its issue.
    pub issue: String,
    /// Its group.
    pub group: String,
    /// Its class, as a word.
    pub class: String,
    /// What became of it.
    pub state: ResultState,
    /// The probability that the policy put it at this rank, given the ranks before.
    pub probability: f64,
    /// The probability of acceptance that was foretold.
    pub propensity: f64,
    /// What the contact costs when it is delivered.
    pub cost: f64,
}

/// A decision with everything that was known when it was made.
#[derive(Clone, Debug, PartialEq)]
pub struct DecisionRecord {
    /// Its id.
    pub decision_id: String,
    /// Who it is for.
    pub customer_id: String,
    /// Their household.
    pub household_id: Option<String>,
    /// Who counts as one in experiments: the household, else the customer.
    pub unit: String,
    /// Where it is shown.
    pub contact_point: String,
    /// On which channel.
    pub channel: String,
    /// Who addresses whom.
    pub direction: Direction,
    /// The arm that the unit belongs to.
    pub arm: String,
    /// The policy in force.
    pub policy_version: i64,
    /// The release that it rests on.
    pub release: String,
    /// When.
    pub at: DateTime<Utc>,
    /// Until when reserved contacts hold.
    pub reserved_until: Option<DateTime<Utc>>,
    /// The offers, best first.
    pub results: Vec<ResultRecord>,
    /// Candidates, factors, facts and the answer, as JSON.
    pub body: String,
}

/// What someone did about a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResponseKind {
    /// The contact took place.
    Delivered,
    /// The contact did not take place: its place is free again.
    Undelivered,
    /// It was seen.
    Shown,
    /// It was clicked.
    Clicked,
    /// It was accepted.
    Accepted,
    /// It was refused.
    Refused,
    /// Not now.
    Later,
    /// They complained.
    Complaint,
    /// Nothing was heard in time; only the service says so.
    NoResponse,
}

impl ResponseKind {
    /// Whether it settles what became of a result.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Accepted | Self::Refused | Self::Later | Self::Complaint | Self::NoResponse)
    }
}

/// A response to keep. Every kind but `Undelivered` and `NoResponse` says that a reserved contact was delivered.
#[derive(Clone, Debug, PartialEq)]
pub struct NewResponse {
    /// Identifies it for ever; repeating it with the same content changes nothing.
    pub response_id: String,
    /// To which decision.
    pub decision_id: String,
    /// To which of its results.
    pub rank: u32,
    /// What was done.
    pub kind: ResponseKind,
    /// When.
    pub at: DateTime<Utc>,
    /// When the service received it.
    pub received_at: DateTime<Utc>,
    /// Money that it brought.
    pub revenue: Option<f64>,
    /// Responses to decisions made before this moment come too late.
    pub oldest_decision: DateTime<Utc>,
}

/// What became of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Responded {
    /// It is kept and linked to its result.
    Stored,
    /// It is kept and waits for its decision.
    Waiting,
    /// It was kept already.
    Duplicate,
    /// Another response is kept under its id.
    Conflict,
    /// The decision has no result of that rank.
    NoSuchRank,
    /// The decision is too old.
    TooLate,
}

/// Where an offer was shown.
#[derive(Clone, Debug, PartialEq)]
pub struct ResultPlace {
    /// In which decision.
    pub decision_id: String,
    /// At which rank.
    pub rank: u32,
    /// Which offer.
    pub offer_id: String,
    /// On which channel.
    pub channel: String,
}

/// Reservations that are neither delivered, released nor expired.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outstanding {
    /// Their number.
    pub reserved: u64,
    /// Their number by the usage of offers; another one means that places leak.
    pub counted: u64,
    /// Those whose time was over by the moment asked for.
    pub overdue: u64,
}

/// A response as the store keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredResponse {
    /// See [`NewResponse::response_id`].
    pub response_id: String,
    /// To which decision.
    pub decision_id: String,
    /// To which of its results.
    pub rank: u32,
    /// What was done.
    pub kind: ResponseKind,
    /// When.
    pub at: DateTime<Utc>,
    /// Money that it brought.
    pub revenue: Option<f64>,
}

/// A decision as it is kept, with the states of its results as of now and the responses to them, oldest first.
#[derive(Clone, Debug, PartialEq)]
pub struct LoggedDecision {
    /// Its place in the order in which decisions were kept.
    pub sequence: i64,
    /// What was decided.
    pub decision: DecisionRecord,
    /// What came of it.
    pub responses: Vec<StoredResponse>,
}

/// Whose ledger, and how much of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Subject {
    /// The customer.
    pub customer_id: String,
    /// Their household: contacts of all its members count.
    pub household_id: Option<String>,
    /// From when on contacts and responses are wanted.
    pub since: DateTime<Utc>,
    /// Reservations that have expired by this moment no longer count.
    pub as_of: DateTime<Utc>,
    /// So many of the latest inbound results are wanted, and as many of the household's: a site shows offers all day, and
    /// rules seldom look at them.
    pub inbound: u32,
}

/// A result that counts for contact pressure: not released, not expired.
#[derive(Clone, Debug, PartialEq)]
pub struct Contact {
    /// The decision that it belongs to, which makes it one contact: an e-mail with three offers is one, so every cap
    /// of contact pressure counts distinct decisions among the results that match it, never results.
    pub decision_id: String,
    /// Who was addressed.
    pub customer_id: String,
    /// Their household.
    pub household_id: Option<String>,
    /// On which channel.
    pub channel: String,
    /// Where.
    pub contact_point: String,
    /// Who addressed whom.
    pub direction: Direction,
    /// With which offer.
    pub offer_id: String,
    /// Its issue.
    pub issue: String,
    /// Its group.
    pub group: String,
    /// Its class, as a word.
    pub class: String,
    /// Shown, reserved or delivered.
    pub state: ResultState,
    /// When it was delivered, else when it was decided.
    pub at: DateTime<Utc>,
}

/// A customer's own response, with what it was about.
#[derive(Clone, Debug, PartialEq)]
pub struct LedgerResponse {
    /// What they did.
    pub kind: ResponseKind,
    /// When.
    pub at: DateTime<Utc>,
    /// About which offer.
    pub offer_id: String,
    /// Its issue.
    pub issue: String,
    /// Its group.
    pub group: String,
    /// On which channel.
    pub channel: String,
}

/// Everything by which it is judged whether someone may be addressed now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ledger {
    /// Contacts of the customer and of their household, oldest first.
    pub contacts: Vec<Contact>,
    /// The customer's own responses, oldest first.
    pub responses: Vec<LedgerResponse>,
    /// The customer's latest consent for each purpose and channel.
    pub consents: Vec<Consent>,
}

/// Judges inside the transaction, on the ledger and the usage of the decision's offers as they are then.
pub type Admit = Arc<dyn Fn(&Ledger, &[Usage]) -> bool + Send + Sync>;

/// A decision that reserves contacts.
#[derive(Clone)]
pub struct Reservation {
    /// Whose ledger is looked at.
    pub subject: Subject,
    /// What is kept if it is admitted: all or nothing.
    pub decision: DecisionRecord,
    /// Whether it still may be.
    pub admit: Admit,
}

/// What became of a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reserved {
    /// All its contacts are reserved, and the decision is kept.
    Kept,
    /// Another one was faster: nothing is kept; decide anew.
    Overtaken,
}

/// What one unit of an experiment did.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitOutcome {
    /// The arm.
    pub arm: String,
    /// The unit.
    pub unit: String,
    /// Decisions made for it.
    pub decisions: u64,
    /// Offers answered to it.
    pub results: u64,
    /// Offers that it accepted.
    pub accepted: u64,
    /// Money that responses brought.
    pub revenue: f64,
    /// Purchases of its customers after its first decision.
    pub purchases: u64,
    /// Money of these purchases.
    pub spend: f64,
}

/// How a treatment fared.
#[derive(Clone, Debug, PartialEq)]
pub struct TreatmentCount {
    /// The offer.
    pub offer_id: String,
    /// The channel.
    pub channel: String,
    /// Results whose outcome is known: accepted, refused, later, complaint or no response.
    pub settled: u64,
    /// Of these, accepted.
    pub accepted: u64,
    /// The sum of the propensities that were foretold for the settled ones.
    pub foretold: f64,
}

/// Everything about offers that must survive the process.
///
/// Every method may fail with any [`super::StoreError`]; none has another error.
#[async_trait]
pub trait OfferStore: Send + Sync {
    /// Writes offers, replacing what was there; the last of equal ids counts.
    async fn put_offers(&self, offers: Vec<OfferRecord>) -> Result<()>;

    /// Deletes an offer; whether there was one.
    async fn delete_offer(&self, offer_id: &str) -> Result<bool>;

    /// All offers, by id.
    async fn offers(&self) -> Result<Vec<OfferRecord>>;

    /// The usage of all offers that were ever used, by id.
    async fn usage(&self) -> Result<Vec<Usage>>;

    /// A number that grows whenever an offer is written or deleted or a policy is published, by whatever process.
    async fn revision(&self) -> Result<i64>;

    /// Keeps a draft; gives its version.
    async fn put_policy(&self, policy: NewPolicy) -> Result<i64>;

    /// One version.
    async fn policy(&self, version: i64) -> Result<Option<PolicyRecord>>;

    /// The latest versions, newest first.
    async fn policies(&self, limit: u32) -> Result<Vec<PolicyRecord>>;

    /// Puts a version in force; whether there is such a version.
    async fn publish_policy(&self, publication: Publication) -> Result<bool>;

    /// The latest publications, newest first: the first is in force.
    async fn publications(&self, limit: u32) -> Result<Vec<Publication>>;

    /// Adds lines to the ledger of consents.
    async fn append_consents(&self, consents: Vec<Consent>) -> Result<()>;

    /// All lines of one customer, newest first.
    async fn consents_of(&self, customer_id: &str) -> Result<Vec<Consent>>;

    /// What contact pressure and consent look at.
    async fn ledger(&self, subject: &Subject) -> Result<Ledger>;

    /// Keeps a decision with its reserved contacts, if it is still admitted; atomic against every other reservation of
    /// the same customer, household or offers, in whatever process.
    async fn reserve(&self, reservation: Reservation) -> Result<Reserved>;

    /// Keeps decisions that reserve nothing; one that is there already is left as it is. Responses that waited are linked.
    async fn append_decisions(&self, decisions: Vec<DecisionRecord>) -> Result<()>;

    /// One decision.
    async fn decision(&self, decision_id: &str) -> Result<Option<LoggedDecision>>;

    /// The offers of some decisions, and the channels on which they were shown.
    async fn places_of(&self, decision_ids: &[String]) -> Result<Vec<ResultPlace>>;

    /// The next decisions after a sequence number, in the order in which they were kept; start with `i64::MIN`.
    async fn decisions_after(&self, sequence: i64, limit: u32) -> Result<Vec<LoggedDecision>>;

    /// One customer's latest decisions, newest first.
    async fn decisions_of(&self, customer_id: &str, limit: u32) -> Result<Vec<LoggedDecision>>;

    /// Keeps responses and changes the states of contacts and the usage of offers; in their order.
    async fn append_responses(&self, responses: Vec<NewResponse>) -> Result<Vec<Responded>>;

    /// Releases at most `limit` reservations that expired by a moment; gives their number.
    async fn expire(&self, now: DateTime<Utc>, limit: u32) -> Result<u64>;

    /// What holds places in contact pressure now, and what of it should have expired by a moment.
    async fn outstanding(&self, overdue_at: DateTime<Utc>) -> Result<Outstanding>;

    /// Gives at most `limit` shown or delivered results from before a moment, of which nothing final was heard, the
    /// response [`ResponseKind::NoResponse`] as of `now`; gives their number.
    async fn settle(&self, before: DateTime<Utc>, now: DateTime<Utc>, limit: u32) -> Result<u64>;

    /// What the units of experiments did in decisions from a moment until another.
    async fn unit_outcomes(&self, from: DateTime<Utc>, until: DateTime<Utc>) -> Result<Vec<UnitOutcome>>;

    /// How treatments fared in decisions from a moment until another. Acceptances are heard at once and silence only later:
    /// ask for decisions of which silence has been heard, or what is counted is too good.
    async fn treatment_counts(
        &self,
        since: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Vec<TreatmentCount>>;
}

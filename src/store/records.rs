//! What the store keeps, in the words of the API.

use super::ConsentStatus;
use crate::auth::Role;
use chrono::{DateTime, SubsecRound, Utc};
use models::events::EventKind;
use models::payload::Payload;
use serde::Serialize;
use utoipa::ToSchema;

/// Every kind of event and its word, in the API, in the store and in metrics.
pub const EVENT_KINDS: [(EventKind, &str); 5] = [
    (EventKind::Purchase, "purchase"),
    (EventKind::Basket, "basket"),
    (EventKind::Click, "click"),
    (EventKind::View, "view"),
    (EventKind::Complaint, "complaint"),
];

/// The word of a kind of event.
pub fn kind_word(kind: EventKind) -> &'static str {
    EVENT_KINDS.iter().find(|(known, _)| *known == kind).map_or("unknown", |(_, word)| word)
}

/// Something a customer did, checked and ready to be kept.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEvent {
    /// Identifies the event for ever; repeating it with the same content changes nothing.
    pub event_id: String,
    /// What was done.
    pub kind: EventKind,
    /// Who did it.
    pub customer_id: String,
    /// With which item.
    pub item_id: String,
    /// How many units; negative for a return.
    pub quantity: f64,
    /// Money per unit, in the currency of the history.
    pub unit_price: Option<f64>,
    /// The order (basket) it belongs to.
    pub order_id: Option<String>,
    /// When, as the sender said; without it the event happened when it was received.
    pub at: Option<DateTime<Utc>>,
    /// When the service received it.
    pub received_at: DateTime<Utc>,
    /// Money taken off the whole line, in the currency of the history.
    pub discount: Option<f64>,
    /// Where the customer was addressed.
    pub contact_point: Option<String>,
    /// The decision that led to it.
    pub decision_id: Option<String>,
}

impl NewEvent {
    /// The event as it is kept.
    pub fn stored(self) -> StoredEvent {
        StoredEvent {
            at: self.at.unwrap_or(self.received_at).trunc_subsecs(6),
            event_id: self.event_id,
            kind: self.kind,
            customer_id: self.customer_id,
            item_id: self.item_id,
            quantity: self.quantity,
            unit_price: self.unit_price,
            order_id: self.order_id,
            discount: self.discount,
            contact_point: self.contact_point,
            decision_id: self.decision_id,
        }
    }

    /// Whether it says the same as a kept event. A repetition that again leaves the time to the service is the same.
    pub fn says_the_same_as(&self, kept: &StoredEvent) -> bool {
        let at = self.at.unwrap_or(kept.at);
        Self { at: Some(at), ..self.clone() }.stored() == *kept
    }
}

/// An event as the store keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredEvent {
    /// See [`NewEvent::event_id`].
    pub event_id: String,
    /// What was done.
    pub kind: EventKind,
    /// Who did it.
    pub customer_id: String,
    /// With which item.
    pub item_id: String,
    /// How many units; negative for a return.
    pub quantity: f64,
    /// Money per unit.
    pub unit_price: Option<f64>,
    /// The order (basket) it belongs to.
    pub order_id: Option<String>,
    /// When it happened, to the microsecond.
    pub at: DateTime<Utc>,
    /// Money taken off the whole line.
    pub discount: Option<f64>,
    /// Where the customer was addressed.
    pub contact_point: Option<String>,
    /// The decision that led to it.
    pub decision_id: Option<String>,
}

impl StoredEvent {
    /// The share of the list price that was taken off, in whole per cent; 0 where that is not known.
    pub fn discount_percent(&self) -> u8 {
        let discount = self.discount.unwrap_or(0.0).abs();
        let listed = (self.quantity * self.unit_price.unwrap_or(0.0)).abs() + discount;
        if listed > 0.0 { (100.0 * discount / listed).round().clamp(0.0, 100.0) as u8 } else { 0 }
    }
}

/// That a customer's stage of life changed.
#[derive(Clone, Debug, PartialEq)]
pub struct NewTransition {
    /// Whose.
    pub customer_id: String,
    /// The code of the stage before.
    pub from: String,
    /// The code of the stage since.
    pub to: String,
    /// Why, in words.
    pub reason: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// A change of stage as the store keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct Transition {
    /// Its place in the order in which changes were recorded.
    pub sequence: i64,
    /// What changed.
    pub transition: NewTransition,
}

/// What became of one appended event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// It is kept.
    Stored,
    /// The same event was already kept.
    Duplicate,
    /// Another event is kept under its id; this one is not.
    Conflict,
}

/// How much is known of what one customer did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Activity {
    /// Number of kept events.
    pub events: u64,
    /// The time of the latest.
    pub last_at: Option<DateTime<Utc>>,
}

/// A customer's attributes.
#[derive(Clone, Debug, PartialEq)]
pub struct Customer {
    /// The outside id.
    pub customer_id: String,
    /// Attributes by name.
    pub attributes: Payload,
    /// When they were last written.
    pub updated_at: DateTime<Utc>,
}

/// What the store holds of a customer beside what a release knows of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CustomerRecord {
    /// Their attributes, where any were written.
    pub attributes: Option<Payload>,
    /// What they said last about a purpose, on whatever channel.
    pub consent: Option<ConsentStatus>,
    /// Their events, oldest first.
    pub events: Vec<StoredEvent>,
}

/// An item's attributes, to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct NewItem {
    /// The outside id.
    pub item_id: String,
    /// Attributes by name; they replace what was there.
    pub attributes: Payload,
}

/// An item as the store keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredItem {
    /// The outside id.
    pub item_id: String,
    /// Attributes by name.
    pub attributes: Payload,
    /// Its place in the order in which items first appeared; never changes.
    pub position: i64,
    /// When it was last written.
    pub updated_at: DateTime<Utc>,
}

/// Proof that a customer's data is gone.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Erasure {
    /// Under which the erasure itself stays recorded, without the customer's id.
    pub receipt_id: String,
    /// When it was done.
    pub erased_at: DateTime<Utc>,
    /// Whether there were attributes.
    pub attributes_erased: bool,
    /// How many events there were.
    pub events_erased: u64,
    /// How many decisions there were, with their results and responses.
    pub decisions_erased: u64,
}

/// An API key without its secret.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyRecord {
    /// The public part of the key.
    pub key_id: String,
    /// What it may do.
    pub role: Role,
    /// A note for people.
    pub label: String,
    /// SHA-256 of the secret part.
    pub secret_sha256: [u8; 32],
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was revoked, if it was.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// That a release became the active one.
#[derive(Clone, Debug, PartialEq)]
pub struct Activation {
    /// Which release.
    pub release_id: String,
    /// The key (or the command) that asked for it.
    pub actor: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// A write that carries an `Idempotency-Key`.
#[derive(Clone, Debug, PartialEq)]
pub struct IdempotentRequest {
    /// Whose key it is: keys of different callers never meet.
    pub caller: String,
    /// The `Idempotency-Key`.
    pub key: String,
    /// SHA-256 of method, path and body.
    pub request_sha256: [u8; 32],
}

/// An answer that is kept to be given again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptAnswer {
    /// HTTP status.
    pub status: u16,
    /// The body, byte for byte.
    pub body: Vec<u8>,
}

/// What is known of an `Idempotency-Key`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Nothing: the caller now holds it and must finish or release it.
    Granted,
    /// The same request is running.
    Running,
    /// The same request was answered.
    Answered(KeptAnswer),
    /// It belongs to a request with other content.
    Reused,
}

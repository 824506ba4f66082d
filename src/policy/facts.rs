//! What expressions may look at: the facts of one request, and of one offer.
//!
//! A fact that is not known is absent: `has(churn.probability)` tells. `expression/schema.rs` names these fields for
//! expressions; whoever adds one here adds its line there.

use super::selector::Class;
use crate::config::Direction;
use models::payload::Payload;
use serde::{Deserialize, Serialize};

/// Everything that is known when a request is decided, but for the offers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Who it is.
    pub customer: CustomerFacts,
    /// Their attributes, as they were written.
    pub profile: Payload,
    /// Where they stand.
    pub segment: SegmentFacts,
    /// Whether they are about to leave.
    pub churn: ChurnFacts,
    /// What they are worth.
    pub value: ValueFacts,
    /// What they did.
    pub history: HistoryFacts,
    /// How they were addressed, and what they said.
    pub contacts: ContactFacts,
    /// Where, when and how the answer is given.
    pub context: ContextFacts,
}

/// Who it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CustomerFacts {
    /// The outside id.
    pub id: String,
    /// What is known of them, as the answer says it.
    pub evidence: String,
    /// Whether they may be profiled.
    pub profiled: bool,
    /// Their household.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub household_id: Option<String>,
}

/// Where a customer stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SegmentFacts {
    /// The stage of life: prospect, new, satisfied, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// Recency, frequency and money: `R5F3M4`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rfm: Option<String>,
    /// The cell of value by intensity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cell: Option<String>,
    /// The cluster of behaviour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<u32>,
    /// The portrait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub portrait: Option<u32>,
}

/// Whether a customer is about to leave.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ChurnFacts {
    /// The calibrated probability, from 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// low, moderate, high or very_high.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub risk: Option<String>,
    /// How far ahead, in days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub horizon_days: Option<f64>,
}

/// What a customer is worth.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ValueFacts {
    /// The money to come over the horizon of the release, discounted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clv: Option<f64>,
    /// Orders to come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_orders: Option<f64>,
    /// The money of one of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_basket: Option<f64>,
}

/// What a customer did.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HistoryFacts {
    /// Orders.
    pub orders: u64,
    /// Money.
    pub spend: f64,
    /// Money of an order on average.
    pub basket: f64,
    /// Days since the first act.
    pub tenure_days: f64,
    /// Days since the last order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days_since_last_order: Option<f64>,
    /// Days since they last did anything of their own accord: a visit, an order, a complaint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days_since_last_act: Option<f64>,
    /// Different items.
    pub distinct_items: u64,
    /// Complaints.
    pub complaints: u64,
    /// The share of orders that came back, from 0 to 1.
    pub return_share: f64,
    /// The items, by id.
    pub items: Vec<String>,
}

/// How a customer was addressed, and what they said.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ContactFacts {
    /// Contacts of the last week.
    pub last_7_days: u64,
    /// Contacts of the last 30 days.
    pub last_30_days: u64,
    /// Days since the last contact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days_since_last: Option<f64>,
    /// Refusals.
    pub refusals: u64,
    /// Days since the last refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days_since_refusal: Option<f64>,
    /// Complaints about contacts.
    pub complaints: u64,
    /// Days since the last of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days_since_complaint: Option<f64>,
}

/// Where, when and how the answer is given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ContextFacts {
    /// The contact point.
    pub contact_point: String,
    /// Its channel.
    pub channel: String,
    /// Who addresses whom.
    pub direction: Direction,
    /// `en` or `fr`.
    pub language: String,
    /// The customer's local hour, from 0 to 23.
    pub hour: u32,
    /// The customer's local day: `monday`, …
    pub weekday: String,
    /// What the request says besides.
    #[serde(flatten)]
    pub extra: Payload,
}

impl Default for ContextFacts {
    fn default() -> Self {
        Self {
            contact_point: String::new(),
            channel: String::new(),
            direction: Direction::Inbound,
            language: "en".into(),
            hour: 0,
            weekday: "monday".into(),
            extra: Payload::new(),
        }
    }
}

/// What is known of an offer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OfferFacts {
    /// The outside id.
    pub id: String,
    /// Its issue.
    pub issue: String,
    /// Its group.
    pub group: String,
    /// Its class.
    pub class: Class,
    /// What an acceptance is worth.
    pub value: f64,
    /// What a contact costs.
    pub cost: f64,
    /// Whether it is regulated: it is never shown by chance.
    pub regulated: bool,
    /// Whether a person must look at it before it reaches the customer.
    pub human_review_required: bool,
    /// Whether it is meant to keep who would leave.
    pub retention: bool,
    /// The place of the customer's taste for it among all, from 0 to 1.
    pub affinity: f64,
    /// Its attributes.
    pub attributes: Payload,
}

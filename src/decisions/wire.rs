//! What is asked of a decision and what it answers, as JSON.

use crate::customers::Evidence;
use chrono::{DateTime, Utc};
use models::payload::Filter;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Ask for items for a customer or a session at a contact point.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"customer_id": "1", "contact_point": "web_home", "n": 5}))]
pub struct RecommendRequest {
    /// Who it is for; leave out for an anonymous session.
    pub customer_id: Option<String>,
    /// Items seen in this session, the latest last. Without any, the session is made of the customer's live events.
    /// What was met in the session is not shown again.
    #[serde(default)]
    pub session_items: Vec<String>,
    /// Where the answer is shown: a contact point of the configuration.
    pub contact_point: String,
    /// How many items; the contact point's number when left out.
    pub n: Option<usize>,
    /// Conditions on the items' attributes.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub filter: Filter,
    /// Items not to show.
    #[serde(default)]
    pub exclude_ids: Vec<String>,
    /// Whether each item comes with its reasons.
    #[serde(default)]
    pub explain: bool,
}

/// Ask for items that go with others.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"item_ids": ["1082185"], "relation": "complement", "n": 5}))]
pub struct CrossSellRequest {
    /// The items at hand: a basket, or the item of a page.
    pub item_ids: Vec<String>,
    /// Who it is for: their taste weighs in.
    pub customer_id: Option<String>,
    /// How many items.
    #[serde(default = "default_cross_sell_n")]
    pub n: usize,
    /// Bought together, or taken instead.
    pub relation: Relation,
    /// Conditions on the items' attributes.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub filter: Filter,
}

/// The number of cross-sell items when the request does not say it.
pub const DEFAULT_CROSS_SELL_N: usize = 10;

fn default_cross_sell_n() -> usize {
    DEFAULT_CROSS_SELL_N
}

/// How two items go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    /// Bought together: filtered by log-likelihood ratio, ranked by smoothed confidence.
    Complement,
    /// Taken instead: nearest by the cosine of the items' vectors.
    Substitute,
}

/// A decision: what to show, where it comes from, and what was left out on the way.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Decision {
    /// Names this answer in later responses.
    pub decision_id: String,
    /// Who it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<String>,
    /// Where it is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact_point: Option<String>,
    /// When it was made.
    pub generated_at: DateTime<Utc>,
    /// The release it comes from, whole.
    pub release: String,
    /// How much is known of the person.
    pub evidence: Evidence,
    /// Parts that were down; the answer was made without them.
    pub degraded: Vec<&'static str>,
    /// Whether any result comes from the fallback chain.
    pub fallback: bool,
    /// The items, best first.
    pub results: Vec<DecisionResult>,
    /// How many items each stage left.
    pub funnel: Funnel,
    /// What ranking left out, for those who watch the service.
    #[serde(skip)]
    pub removed: RemovedItems,
}

/// One item of a decision.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DecisionResult {
    /// 1 for the first.
    pub rank: usize,
    /// The item.
    pub id: String,
    /// Its score; comparable among the personal sources, and within each other source.
    pub score: f32,
    /// Where it comes from.
    pub source: Source,
    /// Why it is shown, when asked: contributions sum to the score.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<Reason>,
}

/// Where a result comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The vector index, by the customer's taste and what is popular lately.
    Dense,
    /// What the customer's items say of others.
    Sparse,
    /// What training ranked for the customer, of whom nothing new is known.
    Precomputed,
    /// Bought before, and up again by the customer's taste.
    Repeat,
    /// By the items of the session alone.
    Session,
    /// By the customer's attributes: what people like them take.
    Profile,
    /// Bought together with the items at hand.
    Complement,
    /// Close to the items at hand.
    Substitute,
    /// Sells now above its usual rate.
    Trending,
    /// What everyone buys: by taste for someone of whom nothing is known, or from the fallback chain.
    Popular,
}

/// A reason with its exact share of the score.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Reason {
    /// A stable code.
    pub code: ReasonCode,
    /// Words that a person can say aloud.
    pub text: String,
    /// Its share of the score.
    pub contribution: f32,
    /// The items that it rests on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub evidence_ids: Vec<String>,
}

/// The kinds of reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReasonCode {
    /// They bought this very item.
    BoughtBefore,
    /// They bought items that lead to it.
    SimilarPurchases,
    /// They look at items that lead to it, in this session.
    SessionItems,
    /// People with their attributes take it.
    Profile,
    /// All else that they did, together.
    OtherHistory,
    /// Bought together with the items at hand.
    BoughtTogether,
    /// Close to the items at hand.
    SimilarItem,
    /// Sells now above its usual rate.
    Trending,
    /// What everyone buys.
    Popular,
}

/// Items left after each stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Funnel {
    /// Found by retrieval, under the filter and the contact point's rules.
    pub candidates: usize,
    /// Put into the answer.
    pub returned: usize,
}

/// What was left out of the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RemovedItems {
    /// Not available, or not under the filter: of what ranking met, which is not what the index was told not to find.
    pub filtered: usize,
    /// Owned, where the contact point does not want them again.
    pub owned: usize,
    /// Excluded by the request, or met in the session.
    pub excluded: usize,
}

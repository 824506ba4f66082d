//! What is asked of a decision about offers and what it answers, as JSON.

use super::offer::Content;
use crate::customers::Evidence;
use crate::policy::Stage;
use chrono::{DateTime, Utc};
use models::arbitration::{Arm, Factors};
use models::segments::Language;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Ask for the next best offers for a customer at a contact point.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"customer_id": "2277", "contact_point": "branch_advisor", "n": 2, "explain": true}))]
pub struct OffersRequest {
    /// Who it is for. A visitor who does not log in is one too: give the session's id.
    pub customer_id: String,
    /// Where the answer is shown: a contact point of the configuration.
    pub contact_point: String,
    /// How many offers; the contact point's number when left out.
    pub n: Option<usize>,
    /// The language of words: en or fr; the contact point's when left out.
    #[schema(value_type = Option<String>)]
    pub language: Option<Language>,
    /// What else rules may look at as `context.…`: true, false, numbers, texts.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub context: models::payload::Payload,
    /// Offers not to show.
    #[serde(default)]
    pub exclude_ids: Vec<String>,
    /// Whether each offer comes with its reasons.
    #[serde(default)]
    pub explain: bool,
}

/// A decision about offers: what to say, with which reasons, and what was left out on the way.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct OffersDecision {
    /// Names this answer in later responses.
    pub decision_id: String,
    /// Who it is for.
    pub customer_id: String,
    /// Where it is shown.
    pub contact_point: String,
    /// When it was made.
    pub generated_at: DateTime<Utc>,
    /// The release that it rests on; absent while none is loaded.
    pub release: Option<String>,
    /// The version of the policy; 0 is the neutral one that is compiled in.
    pub policy_version: i64,
    /// The arm of the standing experiment: nba, random, propensity_only, no_levers or control.
    #[schema(value_type = String)]
    pub arm: Arm,
    /// How much is known of the person.
    pub evidence: Evidence,
    /// Parts that were down; the answer was made without them.
    pub degraded: Vec<&'static str>,
    /// Whether anything is kept of this answer: not of people who refuse to be profiled.
    pub kept: bool,
    /// Until when its contacts hold their places in contact pressure: confirm delivery before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reserved_until: Option<DateTime<Utc>>,
    /// The offers, best first.
    pub results: Vec<OfferResult>,
    /// How many offers each stage left, and what removed the others.
    pub funnel: OffersFunnel,
}

/// One offer of a decision.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct OfferResult {
    /// 1 for the first.
    pub rank: usize,
    /// The offer.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its priority: the product of its factors.
    pub score: f64,
    /// The factors: propensity, context, value, lever.
    #[schema(value_type = Object)]
    pub factors: Factors,
    /// The probability that the policy shows it at this rank, given the ranks before.
    pub probability_shown: f64,
    /// What the channel says, in the language asked for where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<ContentView>,
    /// Whether law rules over it.
    pub regulated: bool,
    /// Whether a person must look at the case before it is concluded.
    pub human_review_required: bool,
    /// Why it is shown, when asked: contributions sum to how far its priority is above that of the typical contender.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<OfferReason>,
}

/// What a channel says.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ContentView {
    /// In which language.
    pub language: String,
    /// The words.
    #[serde(flatten)]
    pub content: Content,
}

/// A reason with its exact share of the priority.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct OfferReason {
    /// A stable code.
    pub code: OfferReasonCode,
    /// Words that a person can say aloud, in the language asked for.
    pub text: String,
    /// The same in every language.
    pub texts: BTreeMap<&'static str, String>,
    /// The logarithm of the factor less its mean over all contenders.
    pub contribution: f64,
    /// The items or rules that it rests on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub evidence_ids: Vec<String>,
}

/// The kinds of reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OfferReasonCode {
    /// They like what it promotes.
    Taste,
    /// People like them accept it.
    Propensity,
    /// It suits the moment.
    Context,
    /// It is worth much.
    Value,
    /// It may keep someone who may leave.
    Retention,
    /// The firm puts it first.
    Lever,
    /// It was chosen by chance, to learn.
    Exploration,
    /// It must be said.
    Mandatory,
}

/// Offers left after each stage.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct OffersFunnel {
    /// Active and valid, with a treatment for the channel.
    pub candidates: usize,
    /// Passed eligibility, budget and stock.
    pub eligible: usize,
    /// Passed applicability.
    pub applicable: usize,
    /// Passed suitability.
    pub suitable: usize,
    /// Allowed by consent.
    pub consented: usize,
    /// Allowed by contact pressure.
    pub within_pressure: usize,
    /// Put into the answer.
    pub returned: usize,
    /// What removed the others, by stage and rule.
    pub removed: Vec<Removed>,
    /// Rules that failed on this customer; their offers were skipped.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failed_rules: Vec<FailedRule>,
}

/// Offers that one rule removed.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Removed {
    /// Where in the chain.
    #[schema(value_type = String)]
    pub stage: Stage,
    /// By which rule.
    pub rule: String,
    /// How many.
    pub offers: usize,
}

/// A rule that could not be evaluated.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct FailedRule {
    /// Which one.
    pub rule: String,
    /// What went wrong, the first time.
    pub message: String,
    /// How many offers it cost.
    pub offers: usize,
}

/// Why an offer is not shown to a customer at a contact point, or that it is.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct WhyNot {
    /// The customer.
    pub customer_id: String,
    /// The offer.
    pub offer_id: String,
    /// Where.
    pub contact_point: String,
    /// Whether it passes every stage now; it may still stand behind others.
    pub allowed: bool,
    /// The first stage that blocks it.
    #[schema(value_type = Option<String>)]
    pub stage: Option<Stage>,
    /// The rule.
    pub rule: Option<String>,
    /// Words that a person can say aloud, in the language asked for.
    pub text: String,
    /// The next moment at which consent and contact pressure let it pass, or at which it becomes valid.
    pub next_allowed_at: Option<DateTime<Utc>>,
    /// Its place among the offers that pass, from 1, where it does.
    pub place: Option<usize>,
    /// Its factors, where it passes.
    #[schema(value_type = Option<Object>)]
    pub factors: Option<Factors>,
}

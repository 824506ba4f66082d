//! What a propensity sees: the customer, their taste for the offer, the moment, past contacts.
//!
//! One row is made of the part that all offers of a request share, then of the offer's own part. What was seen is kept
//! with the decision, so that training reads the very numbers that were served.

use crate::config::Direction;
use crate::offers::book::Entry;
use crate::offers::chain::Passed;
use crate::offers::situation::Situation;
use crate::policy::{FEW_INBOUND, Facts};
use models::behaviour::FEATURES;
use models::propensity::Treatment;
use std::sync::LazyLock;

/// The names of the shared part that does not come from the customer's behaviour.
const SITUATION: [&str; 10] = [
    "known",
    "churn",
    "clv",
    "contacts_last_7_days",
    "contacts_last_30_days",
    "days_since_contact",
    "refusals",
    "days_since_refusal",
    "evening",
    "weekend",
];

/// The names of the offer's own part.
const OWN: [&str; 6] =
    ["affinity", "offer_value", "shown_before", "refused_before", "accepted_before", "outbound"];

/// Days beyond which it does not matter how long ago something was.
pub const LONG_AGO_DAYS: i64 = 90;

/// The names of all columns.
pub static NAMES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let behaviour = FEATURES.iter().map(|feature| feature.name);
    behaviour.chain(SITUATION).chain(OWN).map(str::to_owned).collect()
});

/// The part of the row that all offers of a request share.
pub fn shared(situation: &Situation) -> Vec<f32> {
    let standing = situation.insight.as_ref().and_then(|insight| insight.standing.as_ref());
    let mut row = vec![0.0; FEATURES.len()];
    if let Some(standing) = standing {
        row.copy_from_slice(&standing.row[..FEATURES.len()]);
    }
    // Of who refuses to be profiled nothing is foretold by what they did.
    let stranger = Facts::default();
    let facts = if situation.refused { &stranger } else { &*situation.facts };
    let long_ago = LONG_AGO_DAYS as f64;
    let days = |days: Option<f64>| log(days.unwrap_or(long_ago).min(long_ago));
    let weekend = ["saturday", "sunday"].contains(&facts.context.weekday.as_str());
    row.extend([
        f32::from(u8::from(standing.is_some())),
        facts.churn.probability.unwrap_or(0.0) as f32,
        log(facts.value.clv.unwrap_or(0.0)),
        log(facts.contacts.last_7_days as f64),
        log(facts.contacts.last_30_days as f64),
        days(facts.contacts.days_since_last),
        log(facts.contacts.refusals as f64),
        days(facts.contacts.days_since_refusal),
        f32::from(u8::from(facts.context.hour >= 18)),
        f32::from(u8::from(weekend)),
    ]);
    row
}

/// The whole row of one offer.
pub fn row(shared: &[f32], situation: &Situation, passed: &Passed) -> Vec<f32> {
    let entry = &situation.book.entries[passed.entry];
    let known = !situation.refused;
    let own = situation
        .ledger
        .contacts
        .iter()
        .filter(|contact| known && contact.customer_id == situation.subject.customer_id);
    // A ledger holds more of what was shown where a rule counts it; propensities count alike whatever the rules.
    let mut inbound = 0;
    let counted = own.rev().filter(|contact| {
        inbound += u32::from(contact.direction == Direction::Inbound);
        contact.direction == Direction::Outbound || inbound <= FEW_INBOUND
    });
    let shown = counted.filter(|contact| contact.offer_id == entry.id);
    let answered = |kind| {
        let responses = situation.ledger.responses.iter().filter(|_| known);
        responses.filter(|response| response.offer_id == entry.id && response.kind == kind).count() as f64
    };
    let own = [
        passed.affinity as f32,
        log(entry.offer.value),
        log(shown.count() as f64),
        log(answered(crate::store::ResponseKind::Refused)),
        log(answered(crate::store::ResponseKind::Accepted)),
        f32::from(u8::from(situation.point.direction == Direction::Outbound)),
    ];
    [shared, &own].concat()
}

/// The treatment as propensities name it.
pub fn treatment(situation: &Situation, entry: &Entry) -> Treatment {
    Treatment {
        offer: entry.id.clone(),
        channel: situation.point.channel.clone(),
        group: entry.offer.group.clone(),
    }
}

/// A logarithm that knows zero, and takes what is negative for zero.
fn log(value: f64) -> f32 {
    value.max(0.0).ln_1p() as f32
}

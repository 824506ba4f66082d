//! Why an item is shown: the customer's own history, each part with its exact share of the score.
//!
//! The score is a sum over the customer's past items, the habit of buying the item, what followed in like sessions, what
//! people with their attributes take, and what is popular lately ([`models::taste`]). The strongest items are named; what remains is summed, so that the contributions of the reasons
//! are the score.

use super::wire::{Reason, ReasonCode, Source};
use crate::releases::View;
use models::ids::ItemIx;
use models::payload::PayloadValue;
use models::taste::Explanation;

/// Past items named in a reason: as many as a person can say.
const NAMED: usize = 3;

/// The reasons of an item from the parts of its score.
pub(super) fn of_taste(
    view: &View<'_>,
    item: ItemIx,
    explanation: &Explanation,
    session: &[ItemIx],
) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let (own, others): (Vec<_>, Vec<_>) =
        explanation.from_items.iter().copied().partition(|(past, _)| *past == item);
    if !own.is_empty() || explanation.habit != 0.0 {
        reasons.push(reason(view, ReasonCode::BoughtBefore, sum(&own) + explanation.habit, &[item]));
    }
    let (seen, mut others): (Vec<_>, Vec<_>) =
        others.into_iter().partition(|(past, _)| session.contains(past));
    if !seen.is_empty() || explanation.session != 0.0 {
        let evidence: Vec<ItemIx> = session.iter().rev().take(NAMED).copied().collect();
        reasons.push(reason(view, ReasonCode::SessionItems, sum(&seen) + explanation.session, &evidence));
    }
    others.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let named = others.iter().take(NAMED).take_while(|(_, contribution)| *contribution > 0.0).count();
    let (named, rest) = others.split_at(named);
    if !named.is_empty() {
        let evidence: Vec<ItemIx> = named.iter().map(|(past, _)| *past).collect();
        reasons.push(reason(view, ReasonCode::SimilarPurchases, sum(named), &evidence));
    }
    if !rest.is_empty() {
        reasons.push(reason(view, ReasonCode::OtherHistory, sum(rest), &[]));
    }
    if explanation.profile != 0.0 {
        reasons.push(reason(view, ReasonCode::Profile, explanation.profile, &[]));
    }
    if explanation.popular != 0.0 {
        reasons.push(reason(view, ReasonCode::Popular, explanation.popular, &[]));
    }
    reasons
}

/// One reason, in words.
pub(super) fn reason(view: &View<'_>, code: ReasonCode, contribution: f32, evidence: &[ItemIx]) -> Reason {
    let names: Vec<String> = evidence.iter().map(|&item| name(view, item)).collect();
    let names = names.join(", ");
    let text = match code {
        ReasonCode::BoughtBefore => format!("You have bought {names} before"),
        ReasonCode::SimilarPurchases => format!("It goes with what you bought: {names}"),
        ReasonCode::SessionItems => format!("It goes with what you look at: {names}"),
        ReasonCode::Profile => "People like you take it".into(),
        ReasonCode::OtherHistory => "The rest of your purchases".into(),
        ReasonCode::BoughtTogether => format!("Often bought together with {names}"),
        ReasonCode::SimilarItem => format!("Close to {names}"),
        ReasonCode::Trending => "Sells above its usual rate now".into(),
        ReasonCode::Popular => "Many customers buy it".into(),
    };
    let evidence_ids = evidence.iter().filter_map(|&item| view.id(item).map(str::to_owned)).collect();
    Reason { code, text, contribution, evidence_ids }
}

/// What to call an item aloud: its name, else its kind, else its id.
fn name(view: &View<'_>, item: ItemIx) -> String {
    let payload = view.payload(item);
    let spoken = ["name", "title", "description", "type", "category"];
    let word = spoken.iter().find_map(|key| match payload?.get(*key)? {
        PayloadValue::Text(word) if !word.is_empty() => Some(word.clone()),
        _ => None,
    });
    word.unwrap_or_else(|| view.id(item).unwrap_or_default().to_owned())
}

fn sum(contributions: &[(ItemIx, f32)]) -> f32 {
    contributions.iter().map(|(_, contribution)| f64::from(*contribution)).sum::<f64>() as f32
}

/// The reason of an item that comes from a list for everyone: the whole score.
pub(super) fn of_list(view: &View<'_>, source: Source, score: f32) -> Vec<Reason> {
    let code = if source == Source::Trending { ReasonCode::Trending } else { ReasonCode::Popular };
    vec![reason(view, code, score, &[])]
}

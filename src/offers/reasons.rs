//! Why an offer is shown, in words that a person can say aloud, each with its exact share of the priority.
//!
//! The priority is a product, so its logarithm is a sum: the contribution of a factor is its logarithm less the mean of
//! that factor's logarithm over all contenders. Contributions sum to how far an offer's priority is above the typical
//! contender's, on the scale of the logarithm.

use super::score::{Rated, must_be_said};
use super::situation::Situation;
use super::wire::{OfferReason, OfferReasonCode};
use models::arbitration::Slot;
use models::segments::Language;
use std::collections::BTreeMap;

/// The smallest factor whose logarithm is taken.
const LEAST: f64 = 1e-9;

/// The mean logarithms of the four factors over all contenders.
pub struct Typical([f64; 4]);

impl Typical {
    /// Those of some contenders, but for what must be said anyway.
    pub fn of(situation: &Situation, rated: &[Rated]) -> Self {
        let mut sums = [0.0; 4];
        let chosen = |rated: &&Rated| !must_be_said(&situation.book.entries[rated.passed.entry]);
        let rated: Vec<&Rated> = rated.iter().filter(chosen).collect();
        for rated in &rated {
            sums.iter_mut().zip(logs(rated)).for_each(|(sum, log)| *sum += log);
        }
        Self(sums.map(|sum| sum / rated.len().max(1) as f64))
    }

    /// The reasons of one offer, the strongest first.
    pub fn reasons(&self, situation: &Situation, rated: &Rated, slot: &Slot) -> Vec<OfferReason> {
        let entry = &situation.book.entries[rated.passed.entry];
        let own = logs(rated);
        let above = |factor: usize| own[factor] - self.0[factor];
        let mut reasons = vec![propensity(situation, rated, above(0)), value(situation, rated, above(2))];
        if !rated.contexts.is_empty() || above(1) != 0.0 {
            reasons.push(weighted(OfferReasonCode::Context, &rated.contexts, above(1)));
        }
        if !rated.levers.is_empty() || above(3) != 0.0 {
            reasons.push(weighted(OfferReasonCode::Lever, &rated.levers, above(3)));
        }
        reasons.sort_by(|one, other| other.contribution.total_cmp(&one.contribution));
        if entry.offer.class != crate::policy::Class::Default {
            let texts = both("it must be said", "il doit être dit");
            reasons.insert(0, reason(OfferReasonCode::Mandatory, texts, 0.0, Vec::new()));
        } else if slot.probability < 0.5 {
            let texts = both(
                "we show it now and then, to learn who likes it",
                "nous la montrons de temps en temps, pour apprendre à qui elle plaît",
            );
            reasons.push(reason(OfferReasonCode::Exploration, texts, 0.0, Vec::new()));
        }
        for reason in &mut reasons {
            let language = if situation.language == Language::Fr { "fr" } else { "en" };
            reason.text = reason.texts.get(language).cloned().unwrap_or_default();
        }
        reasons
    }
}

/// The logarithms of the factors; what is not above zero counts as nearly nothing.
fn logs(rated: &Rated) -> [f64; 4] {
    let factors = rated.factors;
    [factors.propensity, factors.context, factors.value, factors.lever].map(|factor| factor.max(LEAST).ln())
}

/// From this place in a customer's taste on, one can say that they like what is promoted.
const LIKED: f64 = 0.6;

fn propensity(situation: &Situation, rated: &Rated, contribution: f64) -> OfferReason {
    let entry = &situation.book.entries[rated.passed.entry];
    let in_hundred = 100.0 * rated.factors.propensity;
    let number = if in_hundred >= 10.0 { format!("{in_hundred:.0}") } else { format!("{in_hundred:.1}") };
    let nombre = number.replace('.', ",");
    let affinity = rated.passed.affinity;
    if affinity >= LIKED && !entry.offer.items.is_empty() {
        let share = format!("{:.0}", (100.0 * affinity).floor());
        let texts = both(
            &format!(
                "it promotes what they like more than {share} in 100 other articles; about {number} in 100 accept it"
            ),
            &format!(
                "elle porte sur ce qu’ils aiment plus que {share} articles sur 100 ; environ {nombre} sur 100 l’acceptent"
            ),
        );
        return reason(OfferReasonCode::Taste, texts, contribution, evidence(situation, rated));
    }
    let texts = both(
        &format!("about {number} in 100 people like them accept it"),
        &format!("environ {nombre} personnes sur 100 qui leur ressemblent l’acceptent"),
    );
    reason(OfferReasonCode::Propensity, texts, contribution, Vec::new())
}

/// The most items that are named as evidence.
const MOST_EVIDENCE: usize = 3;

/// Promoted items that the customer has bought, else the promoted items themselves.
fn evidence(situation: &Situation, rated: &Rated) -> Vec<String> {
    let items = &situation.book.entries[rated.passed.entry].offer.items;
    let owned: Vec<String> = match (&situation.serving, &situation.taste) {
        (Some(serving), Some(taste)) => {
            let view = serving.catalogue.view();
            let bought = items.iter().filter(|id| view.ix(id).is_some_and(|item| taste.owns(item)));
            bought.take(MOST_EVIDENCE).cloned().collect()
        }
        _ => Vec::new(),
    };
    if owned.is_empty() { items.iter().take(MOST_EVIDENCE).cloned().collect() } else { owned }
}

fn value(situation: &Situation, rated: &Rated, contribution: f64) -> OfferReason {
    let money = |amount: f64| format!("{amount:.0}");
    if rated.retained > 0.0 {
        let risk = situation.facts.churn.probability.unwrap_or(0.0);
        let risk = format!("{:.0}", 100.0 * risk);
        let texts = both(
            &format!(
                "they may leave (risk {risk} in 100), and keeping them is worth about {}",
                money(rated.retained)
            ),
            &format!(
                "ils risquent de partir (risque de {risk} sur 100), et les garder vaut environ {}",
                money(rated.retained)
            ),
        );
        return reason(OfferReasonCode::Retention, texts, contribution, Vec::new());
    }
    let worth = money(rated.factors.value);
    let texts =
        both(&format!("it is worth about {worth} to us"), &format!("elle vaut environ {worth} pour nous"));
    reason(OfferReasonCode::Value, texts, contribution, Vec::new())
}

fn weighted(code: OfferReasonCode, weights: &[(String, f64)], contribution: f64) -> OfferReason {
    let total: f64 = weights.iter().map(|(_, percent)| percent).sum();
    let names: Vec<String> = weights.iter().map(|(name, _)| name.clone()).collect();
    let said = names.join(", ");
    let texts = match (code, names.is_empty()) {
        (OfferReasonCode::Context, true) => {
            both("nothing speaks for this moment", "rien ne parle pour ce moment")
        }
        (OfferReasonCode::Context, false) => both(
            &format!("it suits the moment: {said} ({total:+.0} %)"),
            &format!("le moment s’y prête : {said} ({total:+.0} %)"),
        ),
        (_, true) => both("we put nothing behind it", "nous ne la mettons pas en avant"),
        (_, false) => both(
            &format!("we put it first: {said} ({total:+.0} %)"),
            &format!("nous la mettons en avant : {said} ({total:+.0} %)"),
        ),
    };
    reason(code, texts, contribution, names)
}

fn both(en: &str, fr: &str) -> BTreeMap<&'static str, String> {
    BTreeMap::from([("en", en.to_owned()), ("fr", fr.to_owned())])
}

fn reason(
    code: OfferReasonCode,
    texts: BTreeMap<&'static str, String>,
    contribution: f64,
    evidence_ids: Vec<String>,
) -> OfferReason {
    OfferReason { code, text: String::new(), texts, contribution, evidence_ids }
}

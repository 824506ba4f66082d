//! The chain: eligibility → applicability → suitability → consent → contact pressure. Each stage counts what it removed,
//! by rule.

use super::book::Entry;
use super::situation::Situation;
use super::wire::{FailedRule, OffersFunnel, Removed};
use crate::policy::{
    Blocked, Class, Evaluation, Expression, OfferFacts, Proposal, RuleFault, Stage, Words, refuses_profiling,
};
use crate::store::{Ledger, Usage};
use chrono::{DateTime, Utc};
use std::collections::HashMap;

/// An offer that passed.
#[derive(Clone, Debug)]
pub struct Passed {
    /// Its position in the book.
    pub entry: usize,
    /// The customer's taste for it, as its place among all items.
    pub affinity: f64,
}

/// Why an offer did not pass.
#[derive(Clone, Debug)]
pub struct Stopped {
    /// Where.
    pub stage: Stage,
    /// By which rule.
    pub rule: String,
    /// What is said.
    pub text: Words,
    /// The next moment at which it may pass.
    pub until: Option<DateTime<Utc>>,
}

/// What the chain comes to.
pub struct Judged {
    /// The offers that passed, in the order of the book.
    pub passed: Vec<Passed>,
    /// How many each stage left.
    pub funnel: OffersFunnel,
}

/// Judges offers in one situation.
pub struct Chain<'a> {
    situation: &'a Situation,
    evaluation: Evaluation<'a>,
    affinities: Vec<f64>,
    usage: &'a HashMap<String, Usage>,
}

/// A rule that could not be evaluated, and what went wrong.
struct Failed {
    stage: Stage,
    rule: String,
    message: String,
}

/// What one look at one offer gives.
enum Look {
    Passes,
    Stops(Stopped),
    Fails(Failed),
}

impl<'a> Chain<'a> {
    /// A chain in a situation.
    pub fn new(situation: &'a Situation, usage: &'a HashMap<String, Usage>) -> Self {
        let affinities = match (&situation.serving, &situation.places, &situation.taste) {
            (Some(serving), Some(places), Some(taste)) => places.affinities(&taste.person(serving).factors),
            _ => vec![0.5; situation.book.entries.len()],
        };
        Self { situation, evaluation: Evaluation::new(&situation.facts), affinities, usage }
    }

    /// Whether a condition holds for an offer that is to the customer's taste so much.
    ///
    /// # Errors
    /// [`RuleFault`] where it cannot be evaluated.
    pub fn holds(&self, when: &Expression, (entry, affinity): (&Entry, f64)) -> Result<bool, RuleFault> {
        if !when.mentions_offer() {
            return self.evaluation.holds(when, None);
        }
        if !when.mentions_affinity() {
            return self.evaluation.holds(when, Some(&entry.facts));
        }
        let facts = OfferFacts { affinity, ..entry.facts.clone() };
        self.evaluation.holds(when, Some(&facts))
    }

    /// Judges every offer.
    pub fn judge(&self) -> Judged {
        let mut passed = Vec::new();
        let mut funnel = OffersFunnel::default();
        let mut removed: HashMap<(Stage, String), usize> = HashMap::new();
        let mut failed: HashMap<String, (String, usize)> = HashMap::new();
        for position in 0..self.situation.book.entries.len() {
            if self.unavailable(position).is_some() {
                continue;
            }
            funnel.candidates += 1;
            match self.look(position) {
                Look::Passes => passed.push(Passed { entry: position, affinity: self.affinities[position] }),
                Look::Stops(stopped) => *removed.entry((stopped.stage, stopped.rule)).or_default() += 1,
                Look::Fails(fault) => failed.entry(fault.rule).or_insert((fault.message, 0)).1 += 1,
            }
        }
        funnel.failed_rules = failed
            .into_iter()
            .map(|(rule, (message, offers))| FailedRule { rule, message, offers })
            .collect();
        funnel.failed_rules.sort_by(|one, other| one.rule.cmp(&other.rule));
        funnel.removed =
            removed.into_iter().map(|((stage, rule), offers)| Removed { stage, rule, offers }).collect();
        funnel.removed.sort_by(|one, other| (one.stage, &one.rule).cmp(&(other.stage, &other.rule)));
        count(&mut funnel);
        Judged { passed, funnel }
    }

    /// The first thing that stops one offer; nothing where it passes.
    pub fn why_not(&self, position: usize) -> Option<Stopped> {
        if let Some(stopped) = self.unavailable(position) {
            return Some(stopped);
        }
        match self.look(position) {
            Look::Passes => None,
            Look::Stops(stopped) => Some(stopped),
            Look::Fails(fault) => Some(Stopped {
                stage: fault.stage,
                rule: fault.rule,
                text: Words { en: fault.message.clone(), fr: fault.message },
                until: None,
            }),
        }
    }

    /// Why an offer is no candidate at all.
    fn unavailable(&self, position: usize) -> Option<Stopped> {
        let (entry, now) = (&self.situation.book.entries[position], self.situation.now);
        let offer = &entry.offer;
        let stop = |rule: &str, en: &str, fr: &str, until| {
            let text = Words { en: en.into(), fr: fr.into() };
            Some(Stopped { stage: Stage::Eligibility, rule: rule.into(), text, until })
        };
        if !offer.active {
            return stop("inactive", "the offer is switched off", "l’offre est désactivée", None);
        }
        if let Some(from) = offer.valid_from.filter(|from| *from > now) {
            return stop(
                "not_yet_valid",
                "the offer is not valid yet",
                "l’offre n’est pas encore valable",
                Some(from),
            );
        }
        if offer.valid_until.is_some_and(|until| until <= now) {
            return stop("no_longer_valid", "the offer has ended", "l’offre est terminée", None);
        }
        if offer.treatment(&self.situation.point.channel).is_none() {
            return stop(
                "no_treatment",
                "the offer has no treatment for this channel",
                "l’offre n’a pas de traitement pour ce canal",
                None,
            );
        }
        if self.situation.request.exclude_ids.contains(&entry.id) {
            return stop("excluded", "the request leaves it out", "la demande l’exclut", None);
        }
        None
    }

    fn look(&self, position: usize) -> Look {
        let entry = &self.situation.book.entries[position];
        let channel = &self.situation.point.channel;
        if let Some(stopped) = used_up(entry, channel, self.usage.get(&entry.id)) {
            return Look::Stops(stopped);
        }
        let here = &self.situation.point.name;
        for rule in entry.rules.iter().filter(|rule| rule.is_asked_at(here)) {
            match self.holds(&rule.when, (entry, self.affinities[position])) {
                Ok(true) => {}
                Ok(false) => {
                    let (stage, text) = (rule.stage, rule.text.clone());
                    return Look::Stops(Stopped { stage, rule: rule.name.clone(), text, until: None });
                }
                Err(fault) => {
                    let (stage, rule) = (rule.stage, rule.name.clone());
                    return Look::Fails(Failed { stage, rule, message: fault.message });
                }
            }
        }
        if !self.situation.has_ledger() && entry.offer.class != Class::Transactional {
            let text = Words {
                en: "consents cannot be read at the moment".into(),
                fr: "les consentements ne peuvent être lus pour le moment".into(),
            };
            return Look::Stops(Stopped { stage: Stage::Consent, rule: "unknown".into(), text, until: None });
        }
        match self.admit(entry) {
            Ok(()) => Look::Passes,
            Err(blocked) => Look::Stops(Stopped {
                stage: blocked.stage,
                rule: blocked.rule,
                text: blocked.text,
                until: blocked.until,
            }),
        }
    }

    fn admit(&self, entry: &Entry) -> Result<(), Blocked> {
        let proposal = proposal(self.situation, entry, &self.evaluation);
        self.situation.book.policy.admit(&self.situation.ledger, &proposal, self.situation.now)
    }
}

fn proposal<'a>(situation: &'a Situation, entry: &'a Entry, evaluation: &'a Evaluation<'a>) -> Proposal<'a> {
    Proposal {
        customer_id: &situation.subject.customer_id,
        household_id: situation.subject.household_id.as_deref(),
        channel: &situation.point.channel,
        contact_point: &situation.point.name,
        direction: situation.point.direction,
        offer_id: &entry.id,
        issue: &entry.offer.issue,
        group: &entry.offer.group,
        class: entry.offer.class,
        time_zone: situation.zone,
        facts: evaluation,
    }
}

/// Why nothing is left of an offer for one more contact on a channel.
pub fn used_up(entry: &Entry, channel: &str, usage: Option<&Usage>) -> Option<Stopped> {
    let none = Usage::default();
    let usage = usage.unwrap_or(&none);
    let stop = |rule: &str, en: &str, fr: &str| {
        let text = Words { en: en.into(), fr: fr.into() };
        Some(Stopped { stage: Stage::Eligibility, rule: rule.into(), text, until: None })
    };
    if entry.offer.stock.is_some_and(|stock| usage.accepted + usage.reserved >= stock) {
        return stop("stock", "no more of it is left", "il n’en reste plus");
    }
    let cost = entry.offer.treatment(channel).map_or(0.0, |treatment| entry.offer.cost_of(treatment));
    if entry.offer.budget.is_some_and(|budget| usage.spent + usage.committed + cost > budget) {
        return stop("budget", "its budget is spent", "son budget est épuisé");
    }
    None
}

/// Counts what each stage left from what each removed; failed rules count as not eligible.
fn count(funnel: &mut OffersFunnel) {
    let removed = |stage: Stage| -> usize {
        funnel.removed.iter().filter(|removed| removed.stage == stage).map(|removed| removed.offers).sum()
    };
    let failed: usize = funnel.failed_rules.iter().map(|failed| failed.offers).sum();
    funnel.eligible = funnel.candidates - failed - removed(Stage::Eligibility);
    funnel.applicable = funnel.eligible - removed(Stage::Applicability);
    funnel.suitable = funnel.applicable - removed(Stage::Suitability);
    funnel.consented = funnel.suitable - removed(Stage::Consent);
    funnel.within_pressure = funnel.consented - removed(Stage::Pressure);
}

/// Judges chosen offers once more, on the ledger as it is inside a transaction.
pub struct Recheck {
    /// The situation that they were chosen in.
    pub situation: std::sync::Arc<Situation>,
    /// Their positions in the book.
    pub chosen: Vec<usize>,
}

impl Recheck {
    /// Whether all of them are still allowed. They are one contact, so none counts for another.
    pub fn admits(&self, ledger: &Ledger, usage: &[Usage]) -> bool {
        let situation = &self.situation;
        if refuses_profiling(&ledger.consents) != refuses_profiling(&situation.ledger.consents) {
            return false;
        }
        let evaluation = Evaluation::new(&situation.facts);
        self.chosen.iter().all(|&position| {
            let entry = &situation.book.entries[position];
            let used = usage.iter().find(|usage| usage.offer_id == entry.id);
            let proposal = proposal(situation, entry, &evaluation);
            used_up(entry, &situation.point.channel, used).is_none()
                && situation.book.policy.admit(ledger, &proposal, situation.now).is_ok()
        })
    }
}

//! Arbitration: the factors of each offer that passed, and the slate that they make.

pub mod features;

use super::book::Entry;
use super::chain::{Chain, Passed};
use super::situation::Situation;
use crate::policy::Class;
use models::arbitration::{Contender, Factors, Slot, Switches, slate, weight};
use models::propensity::{Count, Estimate, Prior, Propensities, corrected};
use std::collections::HashMap;

/// What treatments did since propensities were learned: by channel, then by offer.
pub type LiveCounts = HashMap<String, HashMap<String, Count>>;

/// An offer with its factors.
#[derive(Clone, Debug)]
pub struct Rated {
    /// The offer.
    pub passed: Passed,
    /// The propensity that counts.
    pub estimate: Estimate,
    /// What was foretold before later responses corrected it: what they are counted against.
    pub foretold: f64,
    /// The factors, whatever policy and arm make of them.
    pub raw: Factors,
    /// The factors as they count.
    pub factors: Factors,
    /// Percentages that were added: each lever's name.
    pub levers: Vec<(String, f64)>,
    /// Each context weight's name.
    pub contexts: Vec<(String, f64)>,
    /// The part of the value that comes from keeping the customer.
    pub retained: f64,
}

/// Rates offers in one situation.
pub struct Rating<'a> {
    /// What is known.
    pub situation: &'a Situation,
    /// The chain that they passed.
    pub chain: &'a Chain<'a>,
    /// Who accepts which offer, where that was learned.
    pub propensities: Option<&'a Propensities>,
    /// What treatments did since.
    pub live: &'a LiveCounts,
}

impl Rating<'_> {
    /// The factors of every offer that passed.
    pub fn rate(&self, passed: Vec<Passed>) -> Vec<Rated> {
        let settings = &self.situation.book.policy.document().propensity;
        let common = Common {
            prior: Prior::new(settings.prior, settings.prior_strength),
            strength: settings.prior_strength,
            propensities: self.propensities,
            live: self.live.get(&self.situation.point.channel),
            shared: features::shared(self.situation),
        };
        passed.into_iter().map(|passed| self.rate_one(passed, &common)).collect()
    }

    fn rate_one(&self, passed: Passed, common: &Common<'_>) -> Rated {
        let situation = self.situation;
        let entry = &situation.book.entries[passed.entry];
        let (estimate, foretold) = common.propensity(situation, &passed);
        let policy = &situation.book.policy;
        let holds = |when: Option<&crate::policy::Expression>| {
            // A lever whose condition fails on this customer does not pull.
            when.is_none_or(|when| self.chain.holds(when, (entry, passed.affinity)).unwrap_or(false))
        };
        let levers: Vec<(String, f64)> = (entry.levers.iter().map(|at| &policy.levers()[*at]))
            .filter(|lever| holds(lever.when.as_ref()))
            .map(|lever| (lever.name.clone(), lever.percent))
            .collect();
        let contexts: Vec<(String, f64)> = (entry.contexts.iter().map(|at| &policy.contexts()[*at]))
            .filter(|context| holds(context.when.as_ref()))
            .map(|context| (context.name.clone(), context.percent))
            .collect();
        let retained = if entry.offer.retention { retained(situation) } else { 0.0 };
        let raw = Factors {
            propensity: estimate.probability,
            context: weight(contexts.iter().map(|(_, percent)| *percent)),
            value: entry.offer.value + retained,
            lever: weight(levers.iter().map(|(_, percent)| *percent)),
        };
        let factors = switches(situation, entry).apply(&raw);
        Rated { passed, estimate, foretold, raw, factors, levers, contexts, retained }
    }
}

/// What the propensities of all offers of a decision rest on.
struct Common<'a> {
    /// What is said where nothing was learned.
    prior: Prior,
    /// How many further results count for what was foretold.
    strength: f64,
    propensities: Option<&'a Propensities>,
    live: Option<&'a HashMap<String, Count>>,
    shared: Vec<f32>,
}

impl Common<'_> {
    /// The propensity after what was answered since training, and before.
    fn propensity(&self, situation: &Situation, passed: &Passed) -> (Estimate, f64) {
        let entry = &situation.book.entries[passed.entry];
        let learned = self.propensities.and_then(|propensities| {
            let row = features::row(&self.shared, situation, passed);
            propensities.predict(&features::treatment(situation, entry), &row).ok()
        });
        let estimate = learned.unwrap_or_else(|| self.prior.at(passed.affinity));
        match self.live.and_then(|live| live.get(&entry.id)) {
            Some(count) => (corrected(estimate, count, self.strength), estimate.probability),
            None => (estimate, estimate.probability),
        }
    }
}

/// The money that keeping this customer is worth: the chance that they leave times what they are worth.
fn retained(situation: &Situation) -> f64 {
    let standing = situation.insight.as_ref().and_then(|insight| insight.standing.as_ref());
    let Some(standing) = standing else { return 0.0 };
    let risk = standing.churn.map_or(0.0, |risk| risk.probability);
    let worth =
        standing.value.as_ref().ok().and_then(|worth| worth.money.as_ref()).map_or(0.0, |money| money.clv);
    situation.book.policy.document().arbitration.retention_weight * risk * worth.max(0.0)
}

/// Which factors count: as the policy says, and for all but what must be said, as the arm says.
fn switches(situation: &Situation, entry: &Entry) -> Switches {
    let policy = situation.book.switches;
    if must_be_said(entry) { policy } else { situation.arm.switches(policy) }
}

/// Service messages and mandatory offers are no matter of experiments.
pub fn must_be_said(entry: &Entry) -> bool {
    entry.offer.class != Class::Default
}

/// The slate that the unit's arm makes of rated offers; the positions in it are those of `rated`.
pub fn arbitrate(situation: &Situation, rated: &[Rated], n: usize, seed: u64) -> Vec<Slot> {
    let exploration = situation.arm.exploration(situation.point.exploration);
    slate(&contenders(situation, rated), n, situation.point.max_per_group, &exploration, seed)
}

/// Rated offers as arbitration ranks them.
pub fn contenders(situation: &Situation, rated: &[Rated]) -> Vec<Contender> {
    let positions: HashMap<usize, usize> =
        rated.iter().enumerate().map(|(position, rated)| (rated.passed.entry, position)).collect();
    let contender = |rated: &Rated| {
        let entry = &situation.book.entries[rated.passed.entry];
        Contender {
            priority: rated.factors.priority(),
            uncertainty: rated.estimate.log_odds_deviation,
            factors: rated.factors,
            mandatory: must_be_said(entry),
            explore: !entry.offer.regulated,
            group: entry.group,
            excludes: entry.excludes.iter().filter_map(|other| positions.get(other).copied()).collect(),
        }
    };
    rated.iter().map(contender).collect()
}

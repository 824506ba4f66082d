//! The offers and the policy in force, compiled, as one snapshot: a decision takes one and keeps it to its end.

use super::offer::Offer;
use crate::config::{Config, Direction};
use crate::policy::{
    ExplorationMethod, ExplorationSettings, Expression, OfferFacts, Policy, Shares, Stage, Unit, Weight,
    Words,
};
use crate::store::OfferRecord;
use chrono::{DateTime, TimeDelta, Utc};
use models::arbitration::{Arm, Exploration, Switches};
use models::experiments::Allocation;
use models::segments::Language;
use std::collections::HashMap;
use std::sync::Arc;

/// The snapshot.
pub struct Book {
    /// The version of the policy; 0 is the neutral one that is compiled in.
    pub version: i64,
    /// The policy.
    pub policy: Arc<Policy>,
    /// How offers are ranked.
    pub switches: Switches,
    /// All offers, by id.
    pub entries: Vec<Entry>,
    /// Offers that cannot be used, with the reason: what an older version of this program accepted.
    pub skipped: Vec<(String, String)>,
    /// Whether any expression looks at the items that a customer owns: naming them all has its price.
    pub looks_at_items: bool,
    positions: HashMap<String, usize>,
    arms: Option<Allocation<Arm>>,
}

/// One offer with every rule that applies to it.
pub struct Entry {
    /// Its id.
    pub id: String,
    /// What was written.
    pub offer: Offer,
    /// What expressions see of it; its affinity is that of the customer.
    pub facts: OfferFacts,
    /// Its group as a number.
    pub group: u32,
    /// Entries that are not shown together with it.
    pub excludes: Vec<usize>,
    /// The rules of the policy that select it, then its own, in the order of the stages.
    pub rules: Vec<Applied>,
    /// Positions of the policy's levers that select it.
    pub levers: Vec<usize>,
    /// Positions of the policy's context weights that select it.
    pub contexts: Vec<usize>,
}

/// A rule that an offer must pass.
pub struct Applied {
    /// Where it stands in the chain.
    pub stage: Stage,
    /// Its name: that of the policy's rule, or `offer.eligibility` and the like.
    pub name: String,
    /// At which contact points it holds; none is all.
    pub contact_points: Vec<String>,
    /// What must hold.
    pub when: Arc<Expression>,
    /// What is said when it does not.
    pub text: Words,
}

impl Applied {
    /// Whether it holds at a contact point.
    pub fn is_asked_at(&self, contact_point: &str) -> bool {
        self.contact_points.is_empty() || self.contact_points.iter().any(|name| name == contact_point)
    }
}

impl Book {
    /// Compiles a snapshot.
    pub fn new(version: i64, policy: Arc<Policy>, records: Vec<OfferRecord>) -> Self {
        let (mut entries, mut skipped) = (Vec::with_capacity(records.len()), Vec::new());
        let mut groups: HashMap<String, u32> = HashMap::new();
        for record in records {
            match read(&record.body) {
                Ok((offer, own)) => {
                    let next = groups.len() as u32;
                    let group = *groups.entry(offer.group.clone()).or_insert(next);
                    entries.push(Entry::new(&policy, (record.offer_id, offer), own, group));
                }
                Err(reason) => skipped.push((record.offer_id, reason)),
            }
        }
        let positions: HashMap<String, usize> =
            entries.iter().enumerate().map(|(position, entry)| (entry.id.clone(), position)).collect();
        // Exclusion is mutual, whichever of the two says it.
        let pairs: Vec<(usize, usize)> = entries
            .iter()
            .enumerate()
            .flat_map(|(one, entry)| {
                let others = entry.offer.excludes.iter().filter_map(|id| positions.get(id));
                others.flat_map(move |&other| [(one, other), (other, one)]).collect::<Vec<_>>()
            })
            .filter(|(one, other)| one != other)
            .collect();
        for (one, other) in pairs {
            if !entries[one].excludes.contains(&other) {
                entries[one].excludes.push(other);
            }
        }
        let switches = policy.document().arbitration.switches;
        let switches = Switches {
            propensity: switches.propensity,
            context: switches.context,
            value: switches.value,
            levers: switches.levers,
        };
        let arms = &policy.document().arms;
        // A policy is checked when it is read: its salt is a text and its shares sum to 1.
        let arms = Allocation::new(arms.salt.clone(), shares(&arms.shares)).ok();
        let weights =
            policy.levers().iter().chain(policy.contexts()).filter_map(|weight| weight.when.as_ref());
        let rules = entries.iter().flat_map(|entry| &entry.rules).map(|rule| &*rule.when);
        let looks_at_items = rules.chain(weights).any(|when| when.source().contains("items"));
        Self { version, policy, switches, entries, skipped, looks_at_items, positions, arms }
    }

    /// The entry of an offer.
    pub fn position(&self, offer_id: &str) -> Option<usize> {
        self.positions.get(offer_id).copied()
    }

    /// The moment before which decisions have their outcome by now: silence is an answer only after a wait, and to count
    /// only who answered at once would make everything look too good.
    pub fn ripe(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        now - TimeDelta::hours(i64::from(self.policy.document().responses.wait_hours))
    }

    /// Who counts as one in experiments: the household where the policy says so and there is one, else the customer.
    pub fn unit(&self, customer_id: &str, household_id: Option<&str>) -> String {
        let household = household_id.filter(|_| self.policy.document().arms.unit == Unit::Household);
        household
            .map_or_else(|| format!("customer {customer_id}"), |household| format!("household {household}"))
    }

    /// The arm of a unit, the same as long as salt and shares are.
    pub fn arm(&self, unit: &str) -> Arm {
        self.arms.as_ref().map_or(Arm::Nba, |arms| *arms.arm(unit))
    }

    /// What holds at a contact point: the configuration, with what the policy says of it.
    pub fn point(&self, config: &Config, name: &str) -> Option<Point> {
        let configured = config.contact_points.get(name)?;
        let said = self.policy.document().contact_points.get(name).cloned().unwrap_or_default();
        let outbound = configured.direction == Direction::Outbound;
        Some(Point {
            name: name.to_owned(),
            channel: configured.channel.clone(),
            direction: configured.direction,
            n: said.n.unwrap_or(configured.n).min(configured.max_n),
            max_n: configured.max_n,
            max_per_group: said.max_per_group,
            language: said.language.unwrap_or_default(),
            exploration: exploration(&said.exploration.unwrap_or(self.policy.document().exploration)),
            reserve_minutes: (said.reserve.unwrap_or(outbound))
                .then_some(said.reserve_minutes.unwrap_or(RESERVE_MINUTES)),
        })
    }
}

/// For how long a contact stays reserved unless the policy says otherwise: a day to send what was decided.
const RESERVE_MINUTES: u32 = 24 * 60;

/// Over how many draws Thompson sampling counts.
const DRAWS: usize = 256;

fn exploration(settings: &ExplorationSettings) -> Exploration {
    let ExplorationSettings { method, epsilon, scale, floor } = *settings;
    match method {
        ExplorationMethod::Off => Exploration::Off,
        ExplorationMethod::EpsilonGreedy => Exploration::EpsilonGreedy { epsilon, floor },
        ExplorationMethod::Thompson => Exploration::Thompson { floor, draws: DRAWS, scale },
    }
}

/// The shares of a policy's arms, in the order in which arms are listed.
pub fn shares(shares: &Shares) -> [(Arm, f64); 5] {
    [
        (Arm::Nba, shares.nba),
        (Arm::Random, shares.random),
        (Arm::PropensityOnly, shares.propensity_only),
        (Arm::NoLevers, shares.no_levers),
        (Arm::Control, shares.control),
    ]
}

/// A contact point as decisions about offers see it.
#[derive(Clone, Debug)]
pub struct Point {
    /// Its name.
    pub name: String,
    /// Its channel.
    pub channel: String,
    /// Who addresses whom.
    pub direction: Direction,
    /// How many offers, when the request does not say.
    pub n: usize,
    /// How many at most.
    pub max_n: usize,
    /// Most offers of one group.
    pub max_per_group: Option<usize>,
    /// The language, when the request does not say.
    pub language: Language,
    /// How decisions there explore.
    pub exploration: Exploration,
    /// For how long a contact stays reserved; absent where nothing is reserved.
    pub reserve_minutes: Option<u32>,
}

impl Entry {
    fn new(policy: &Policy, (id, offer): (String, Offer), own: Vec<(Stage, Expression)>, group: u32) -> Self {
        let facts = facts(&id, &offer);
        let selected = policy.rules().iter().filter(|rule| rule.offers.covers(&facts));
        let mut rules: Vec<Applied> = selected
            .map(|rule| Applied {
                stage: rule.stage,
                name: rule.name.clone(),
                contact_points: rule.contact_points.clone(),
                when: Arc::new(rule.when.clone()),
                text: rule.text.clone(),
            })
            .collect();
        rules.extend(own.into_iter().map(|(stage, when)| Applied {
            stage,
            name: format!("offer.{}", stage.code()),
            contact_points: Vec::new(),
            text: own_text(stage),
            when: Arc::new(when),
        }));
        rules.sort_by_key(|rule| rule.stage);
        let all = |selects: &dyn Fn(usize) -> bool, n: usize| (0..n).filter(|&at| selects(at)).collect();
        let levers: &[Weight] = policy.levers();
        let contexts: &[Weight] = policy.contexts();
        Self {
            levers: all(&|at| levers[at].offers.covers(&facts), levers.len()),
            contexts: all(&|at| contexts[at].offers.covers(&facts), contexts.len()),
            id,
            offer,
            facts,
            group,
            excludes: Vec::new(),
            rules,
        }
    }
}

fn own_text(stage: Stage) -> Words {
    let (en, fr) = match stage {
        Stage::Applicability => ("the offer does not apply now", "l’offre ne s’applique pas en ce moment"),
        Stage::Suitability => {
            ("the offer does not suit this person", "l’offre ne convient pas à cette personne")
        }
        _ => ("this person is not eligible for the offer", "cette personne n’est pas éligible à l’offre"),
    };
    Words { en: en.into(), fr: fr.into() }
}

/// What expressions see of an offer.
fn facts(id: &str, offer: &Offer) -> OfferFacts {
    OfferFacts {
        id: id.to_owned(),
        issue: offer.issue.clone(),
        group: offer.group.clone(),
        class: offer.class,
        value: offer.value,
        cost: offer.cost,
        regulated: offer.regulated,
        human_review_required: offer.human_review_required,
        retention: offer.retention,
        affinity: 0.5,
        attributes: offer.attributes.clone(),
    }
}

fn read(body: &str) -> Result<(Offer, Vec<(Stage, Expression)>), String> {
    let offer: Offer = serde_json::from_str(body).map_err(|error| error.to_string())?;
    offer.check("$").map_err(|problem| problem.to_string())?;
    let rules = offer.rules("$").map_err(|problem| problem.to_string())?;
    Ok((offer, rules))
}

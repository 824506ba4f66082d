//! The policy: who may be addressed with what, how often, in which order, and how the order is learned.
//!
//! A policy is a document (`document`), in TOML or JSON, with conditions in CEL ([`Expression`]). Reading it gives every
//! fault at once with its line. What is judged here are consent (`consent`) and contact pressure (`pressure`); rules of
//! the earlier stages, levers and the rest are handed to whoever decides. Everything is pure: the ledger, the facts and the
//! moment are arguments.
//!
//! `policies/neutral.toml` is compiled in as the default and explains every key; `policies/french_bank.toml` is an example
//! of a strict one.

mod check;
mod consent;
mod document;
mod expression;
mod facts;
mod fault;
mod holidays;
mod pressure;
mod read;
mod selector;
mod source;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod timelines;
mod words;

pub use consent::{PROFILING, refuses_profiling};
pub use document::{
    Arbitration, ArmSettings, Blocks, CapSettings, ConsentRuleSettings, ConsentSettings,
    ContactPointSettings, CoolOffSettings, ExplorationMethod, ExplorationSettings, HoursSettings, Per,
    PolicyDocument, PressureSettings, PropensitySettings, ResponseSettings, RuleSettings, Same, Shares,
    Silence, SwitchSettings, TimeSettings, Trigger, Unit, Weekday, WeightSettings,
};
pub use expression::{Evaluation, Expression, LONGEST, RuleFault};
pub use facts::{
    ChurnFacts, ContactFacts, ContextFacts, CustomerFacts, Facts, HistoryFacts, OfferFacts, SegmentFacts,
    ValueFacts,
};
pub use fault::Fault;
pub use selector::{Class, Selector};
pub use words::{Stage, Words};

use crate::config::Direction;
use crate::store::{Ledger, PolicyFormat};
use check::Compiled;
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use models::payload::{Payload, PayloadValue};
use source::Source;
use std::collections::BTreeSet;

/// The policy that holds until another is published, in TOML.
pub const NEUTRAL: &str = include_str!("../../policies/neutral.toml");

/// Inbound results of a ledger where rules count them: more than any cap allows.
const ALL_INBOUND: u32 = 10_000;

/// Inbound results of a ledger where no rule counts them, and the latest of which propensities know what was shown before.
pub const FEW_INBOUND: u32 = 30;

/// A policy that was read, checked and compiled.
#[derive(Clone, Debug)]
pub struct Policy {
    document: PolicyDocument,
    compiled: Compiled,
    source: Source,
}

/// A rule of eligibility, applicability or suitability.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Identifies it.
    pub name: String,
    /// When it is asked.
    pub stage: Stage,
    /// The condition that must hold.
    pub when: Expression,
    /// Of which offers.
    pub offers: Selector,
    /// At which contact points; empty for all.
    pub contact_points: Vec<String>,
    /// What people are told when it does not hold.
    pub text: Words,
}

/// A lever, or a weight of the context: a percentage for some offers under a condition.
#[derive(Clone, Debug)]
pub struct Weight {
    /// Identifies it.
    pub name: String,
    /// Under which condition; always when there is none.
    pub when: Option<Expression>,
    /// Which offers.
    pub offers: Selector,
    /// How much.
    pub percent: f64,
}

/// What someone is about to be addressed with.
#[derive(Clone, Copy, Debug)]
pub struct Proposal<'a> {
    /// Who.
    pub customer_id: &'a str,
    /// Their household.
    pub household_id: Option<&'a str>,
    /// On which channel.
    pub channel: &'a str,
    /// Where.
    pub contact_point: &'a str,
    /// Who addresses whom.
    pub direction: Direction,
    /// With which offer.
    pub offer_id: &'a str,
    /// Its issue.
    pub issue: &'a str,
    /// Its group.
    pub group: &'a str,
    /// Its class.
    pub class: Class,
    /// The customer's time zone.
    pub time_zone: Tz,
    /// For the exemptions of consent rules.
    pub facts: &'a Evaluation<'a>,
}

/// Why someone may not be addressed now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocked {
    /// Consent or contact pressure.
    pub stage: Stage,
    /// The name of the rule.
    pub rule: String,
    /// The first moment, in whole seconds, at which all rules would let it pass if nothing else happened; none where
    /// only a new consent helps.
    pub until: Option<DateTime<Utc>>,
    /// For people.
    pub text: Words,
}

impl Policy {
    /// Reads a policy.
    ///
    /// # Errors
    /// All that is wrong with it, by line.
    pub fn read(text: &str, format: PolicyFormat) -> Result<Self, Vec<Fault>> {
        let source = Source::parse(text, format)?;
        let reading = read::document(&source);
        let (compiled, faults) = check::compile(&reading, &source);
        if faults.is_empty() {
            Ok(Self { document: reading.document, compiled, source })
        } else {
            Err(faults)
        }
    }

    /// As it was written, with defaults.
    pub fn document(&self) -> &PolicyDocument {
        &self.document
    }

    /// Names of channels and contact points in the policy that the service does not know, as faults; `known` are the
    /// names and channels of its contact points.
    pub fn unknown_places<'k>(&self, known: impl IntoIterator<Item = (&'k str, &'k str)>) -> Vec<Fault> {
        let (points, channels): (BTreeSet<&str>, BTreeSet<&str>) = known.into_iter().unzip();
        let document = &self.document;
        let mut faults = Vec::new();
        let mut look = |path: String, names: &[String], known: &BTreeSet<&str>| {
            for name in names.iter().filter(|name| !known.contains(name.as_str())) {
                let known: Vec<&str> = known.iter().copied().collect();
                let message = format!("{name} is not known; there are {}", known.join(", "));
                let line = Some(self.source.line(&path));
                faults.push(Fault { path: path.clone(), line, column: None, message });
            }
        };
        for (index, rule) in document.consent.rules.iter().enumerate() {
            look(format!("consent.rules[{index}].channels"), &rule.channels, &channels);
        }
        for (index, rule) in document.rules.iter().enumerate() {
            look(format!("rules[{index}].contact_points"), &rule.contact_points, &points);
        }
        for (index, rule) in document.pressure.caps.iter().enumerate() {
            look(format!("pressure.caps[{index}].channels"), &rule.channels, &channels);
        }
        for (index, rule) in document.pressure.hours.iter().enumerate() {
            look(format!("pressure.hours[{index}].channels"), &rule.channels, &channels);
        }
        for (index, rule) in document.pressure.cool_offs.iter().enumerate() {
            look(format!("pressure.cool_offs[{index}].channels"), &rule.channels, &channels);
        }
        for name in document.contact_points.keys() {
            look(format!("contact_points.{name}"), std::slice::from_ref(name), &points);
        }
        faults
    }

    /// How far back a ledger must reach so that every rule can be judged.
    pub fn lookback(&self) -> TimeDelta {
        self.compiled.pressure.lookback()
    }

    /// How many of the latest inbound results a ledger must hold: all where a rule of contact pressure counts them, else a
    /// few, by which propensities know what was shown before.
    pub fn inbound_results(&self) -> u32 {
        let pressure = &self.document.pressure;
        let caps = pressure.caps.iter().map(|cap| &cap.directions);
        let mut directions = caps.chain(pressure.cool_offs.iter().map(|cool_off| &cool_off.directions));
        let counts = directions.any(|directions| directions.contains(&Direction::Inbound));
        if counts { ALL_INBOUND } else { FEW_INBOUND }
    }

    /// A customer's time zone: their attribute where it names one, else the policy's.
    pub fn time_zone(&self, attributes: &Payload) -> Tz {
        match attributes.get(&self.document.time.zone_attribute) {
            Some(PayloadValue::Text(zone)) => zone.parse().unwrap_or(self.compiled.zone),
            _ => self.compiled.zone,
        }
    }

    /// Whether someone may be addressed now: consent, then contact pressure.
    ///
    /// # Errors
    /// The first rule that is against it, and when none will be.
    pub fn admit(&self, ledger: &Ledger, proposal: &Proposal<'_>, now: DateTime<Utc>) -> Result<(), Blocked> {
        if let Some(rule) = self.compiled.consent.iter().find(|rule| !rule.admits(ledger, proposal)) {
            return Err(Blocked {
                stage: Stage::Consent,
                rule: rule.settings.name.clone(),
                until: None,
                text: rule.words.clone(),
            });
        }
        let view = pressure::View { ledger, proposal, holidays: &self.compiled.holidays };
        match self.compiled.pressure.stops(view, now) {
            None => Ok(()),
            Some(stopped) => Err(Blocked {
                stage: Stage::Pressure,
                rule: stopped.rule.to_owned(),
                until: stopped.until,
                text: stopped.words.clone(),
            }),
        }
    }

    /// The rules of the first three stages, stage by stage, each in the order of the document.
    pub fn rules(&self) -> &[Rule] {
        &self.compiled.rules
    }

    /// The levers.
    pub fn levers(&self) -> &[Weight] {
        &self.compiled.levers
    }

    /// The weights of the context.
    pub fn contexts(&self) -> &[Weight] {
        &self.compiled.contexts
    }
}

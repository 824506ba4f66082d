//! What people agreed to: the latest line of the ledger for a purpose, on a channel or on all (`*`), counts.

use super::Proposal;
use super::document::{ConsentRuleSettings, Silence};
use super::expression::Expression;
use super::words::Words;
use crate::store::{Consent, ConsentStatus, Ledger};

/// A rule on what must be agreed to.
#[derive(Clone, Debug)]
pub(super) struct ConsentRule {
    pub(super) settings: ConsentRuleSettings,
    pub(super) unless: Option<Expression>,
    pub(super) words: Words,
}

impl ConsentRule {
    /// Whether the rule lets a proposal pass. An exemption that cannot be judged is none.
    pub(super) fn admits(&self, ledger: &Ledger, proposal: &Proposal<'_>) -> bool {
        let rule = &self.settings;
        let concerned = (rule.channels.is_empty() || rule.channels.iter().any(|one| one == proposal.channel))
            && rule.directions.contains(&proposal.direction)
            && !rule.classes_exempt.contains(&proposal.class);
        if !concerned || self.agreed(ledger, proposal.channel) {
            return true;
        }
        self.unless.as_ref().is_some_and(|unless| proposal.facts.holds(unless, None).unwrap_or(false))
    }

    fn agreed(&self, ledger: &Ledger, channel: &str) -> bool {
        let rule = &self.settings;
        let said = latest(ledger, |consent| {
            consent.purpose == rule.purpose
                && (consent.channel == channel || consent.channel == "*")
                && (consent.status != ConsentStatus::Granted || !rule.proof_required || proven(consent))
        });
        match said {
            Some(consent) => consent.status == ConsentStatus::Granted,
            None => rule.default == Silence::Granted,
        }
    }
}

/// The purpose by which people agree to be profiled, or refuse. Whatever the policy, a refusal holds.
pub const PROFILING: &str = "profiling";

/// Whether the latest that someone said about being profiled, on whatever channel, was no; lines are oldest first.
pub fn refuses_profiling<'a>(consents: impl IntoIterator<Item = &'a Consent>) -> bool {
    let said = consents.into_iter().filter(|consent| consent.purpose == PROFILING);
    said.max_by_key(|consent| consent.at).is_some_and(|consent| consent.status.is_refusal())
}

/// The latest line of some; of lines of the same moment the later in the ledger.
fn latest(ledger: &Ledger, counts: impl Fn(&Consent) -> bool) -> Option<&Consent> {
    ledger.consents.iter().filter(|consent| counts(consent)).max_by_key(|consent| consent.at)
}

fn proven(consent: &Consent) -> bool {
    consent.proof.as_ref().is_some_and(|proof| !proof.trim().is_empty())
}

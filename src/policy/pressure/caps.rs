//! At most so many contacts in any window of so many days.

use super::{Pass, Rule, View, after, concerns, end_of};
use crate::policy::document::{CapSettings, Per, Same};
use crate::policy::selector::Class;
use crate::policy::words::Words;
use crate::store::Contact;
use chrono::{DateTime, Utc};

/// A cap. What counts are decisions: an e-mail with three offers is one contact. It counts through the whole of its window,
/// both ends included, and so does one that is later than now, as clocks may jump: no window of that length ever holds more.
#[derive(Clone, Debug)]
pub(in crate::policy) struct Cap {
    pub(in crate::policy) settings: CapSettings,
    pub(in crate::policy) words: Words,
}

impl Rule for Cap {
    fn name(&self) -> &str {
        &self.settings.name
    }

    fn words(&self) -> &Words {
        &self.words
    }

    fn pass(&self, view: View<'_>, at: DateTime<Utc>) -> Pass {
        let cap = &self.settings;
        let proposal = view.proposal;
        if !concerns(&cap.channels, &cap.directions, proposal.channel, proposal.direction) {
            return Pass::Now;
        }
        let mut counted: Vec<(&str, DateTime<Utc>)> = Vec::new();
        for contact in &view.ledger.contacts {
            // Time first: most of what a ledger holds is over, and texts take longer to compare.
            let end = end_of(contact.at, cap.within_days);
            if end >= at && self.counts(contact, view) {
                counted.push((&contact.decision_id, end));
            }
        }
        let at_most = cap.at_most as usize;
        if counted.len() < at_most {
            return Pass::Now;
        }
        // Each decision counts once, until the last of its results does no longer.
        counted.sort_unstable_by(|one, other| one.0.cmp(other.0).then(other.1.cmp(&one.1)));
        counted.dedup_by_key(|(decision, _)| *decision);
        if counted.len() < at_most {
            return Pass::Now;
        }
        let mut ends: Vec<DateTime<Utc>> = counted.into_iter().map(|(_, end)| end).collect();
        ends.sort_unstable();
        after(ends[ends.len() - at_most])
    }
}

impl Cap {
    fn counts(&self, contact: &Contact, view: View<'_>) -> bool {
        let cap = &self.settings;
        let proposal = view.proposal;
        let whose = contact.customer_id == proposal.customer_id
            || (cap.per == Per::Household
                && proposal.household_id.is_some()
                && contact.household_id.as_deref() == proposal.household_id);
        let same = match cap.same {
            Same::Any => true,
            Same::Channel => contact.channel == proposal.channel,
            Same::Offer => contact.offer_id == proposal.offer_id,
            Same::Group => contact.group == proposal.group,
            Same::ContactPoint => contact.contact_point == proposal.contact_point,
        };
        whose
            && same
            && contact.class != Class::Transactional.word()
            && concerns(&cap.channels, &cap.directions, &contact.channel, contact.direction)
    }
}

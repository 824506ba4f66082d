//! Silence after what someone said.

use super::{Pass, Rule, View, after, concerns, end_of};
use crate::policy::document::{Blocks, CoolOffSettings, Trigger};
use crate::policy::selector::Class;
use crate::policy::words::Words;
use crate::store::{Contact, LedgerResponse, ResponseKind};
use chrono::{DateTime, Utc};

/// A silence for so many days.
#[derive(Clone, Debug)]
pub(in crate::policy) struct CoolOff {
    pub(in crate::policy) settings: CoolOffSettings,
    pub(in crate::policy) words: Words,
}

impl Rule for CoolOff {
    fn name(&self) -> &str {
        &self.settings.name
    }

    fn words(&self) -> &Words {
        &self.words
    }

    fn pass(&self, view: View<'_>, at: DateTime<Utc>) -> Pass {
        let cool_off = &self.settings;
        let proposal = view.proposal;
        if !concerns(&cool_off.channels, &cool_off.directions, proposal.channel, proposal.direction) {
            return Pass::Now;
        }
        // Time first: most of what a ledger holds is over, and texts take longer to compare.
        let lasts = |moment: &DateTime<Utc>| end_of(*moment, cool_off.days) >= at;
        let responses = view.ledger.responses.iter().filter(|response| lasts(&response.at));
        let said =
            responses.filter(|response| self.follows(response, view)).map(|response| response.at).max();
        // A contact that is reserved will take place, as far as is known.
        let addressed = if cool_off.after.contains(&Trigger::Delivered) {
            let contacts = view.ledger.contacts.iter().filter(|contact| lasts(&contact.at));
            contacts.filter(|contact| self.follows_contact(contact, view)).map(|contact| contact.at).max()
        } else {
            None
        };
        said.max(addressed).map_or(Pass::Now, |last| after(end_of(last, cool_off.days)))
    }
}

impl CoolOff {
    fn follows(&self, response: &LedgerResponse, view: View<'_>) -> bool {
        let cool_off = &self.settings;
        let triggered = match response.kind {
            ResponseKind::Refused => cool_off.after.contains(&Trigger::Refused),
            ResponseKind::Complaint => cool_off.after.contains(&Trigger::Complaint),
            ResponseKind::Accepted => cool_off.after.contains(&Trigger::Accepted),
            ResponseKind::Later => cool_off.after.contains(&Trigger::Later),
            _ => false,
        };
        triggered
            && (cool_off.channels.is_empty() || cool_off.channels.contains(&response.channel))
            && match cool_off.blocks {
                Blocks::Offer => response.offer_id == view.proposal.offer_id,
                Blocks::Group => response.group == view.proposal.group,
                Blocks::Channel => response.channel == view.proposal.channel,
                Blocks::All => true,
            }
    }

    fn follows_contact(&self, contact: &Contact, view: View<'_>) -> bool {
        let cool_off = &self.settings;
        contact.customer_id == view.proposal.customer_id
            && contact.class != Class::Transactional.word()
            && concerns(&cool_off.channels, &cool_off.directions, &contact.channel, contact.direction)
            && match cool_off.blocks {
                Blocks::Offer => contact.offer_id == view.proposal.offer_id,
                Blocks::Group => contact.group == view.proposal.group,
                Blocks::Channel => contact.channel == view.proposal.channel,
                Blocks::All => true,
            }
    }
}

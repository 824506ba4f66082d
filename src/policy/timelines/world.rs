//! A household, and what the service knows of it.

use super::inspector::{Held, Inspector, Line, Said, Wish};
use super::{Chance, Pace, SAYINGS, STATUSES, weighted};
use crate::config::Direction;
use crate::policy::Class;
use crate::store::{Consent, ConsentStatus, Contact, Ledger, LedgerResponse, ResultState};
use chrono::{DateTime, TimeDelta, Utc};
use models::payload::{Payload, PayloadValue};

/// A channel with its contact point.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Channel {
    pub(crate) name: &'static str,
    pub(crate) contact_point: &'static str,
    pub(crate) direction: Direction,
}

pub(crate) const CHANNELS: [Channel; 5] = [
    Channel { name: "phone", contact_point: "call_centre", direction: Direction::Outbound },
    Channel { name: "phone", contact_point: "call_centre", direction: Direction::Outbound },
    Channel { name: "email", contact_point: "email", direction: Direction::Outbound },
    Channel { name: "sms", contact_point: "sms", direction: Direction::Outbound },
    Channel { name: "web", contact_point: "web_home", direction: Direction::Inbound },
];

/// An offer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offer {
    pub(crate) id: &'static str,
    pub(crate) group: &'static str,
    pub(crate) class: Class,
}

pub(crate) const OFFERS: [Offer; 6] = [
    Offer { id: "loan", group: "credit", class: Class::Default },
    Offer { id: "card", group: "cards", class: Class::Default },
    Offer { id: "savings", group: "savings", class: Class::Default },
    Offer { id: "insurance", group: "insurance", class: Class::Default },
    Offer { id: "terms", group: "law", class: Class::Mandatory },
    Offer { id: "statement", group: "service", class: Class::Transactional },
];

const ZONES: [&str; 7] = [
    "Europe/Paris",
    "Indian/Reunion",
    "America/Martinique",
    "Pacific/Noumea",
    "America/New_York",
    "Australia/Lord_Howe",
    "nowhere",
];

/// How long a contact is reserved: no longer than the shortest window of a cap.
const RESERVED: TimeDelta = TimeDelta::hours(12);

/// A member of the household.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) id: String,
    pub(crate) attributes: Payload,
    /// What a store would give of them.
    pub(crate) ledger: Ledger,
    said: Vec<Said>,
    lines: Vec<Line>,
}

impl Member {
    fn says(&mut self, line: Line, proof: Option<String>) {
        self.lines.push(line);
        self.ledger.consents.push(Consent {
            customer_id: self.id.clone(),
            purpose: line.purpose.into(),
            channel: line.channel.into(),
            status: line.status,
            source: "web".into(),
            text_version: None,
            proof,
            at: line.at,
        });
    }
}

/// People who share contact pressure; one alone may have no household.
#[derive(Debug)]
pub(crate) struct Household {
    pub(crate) id: Option<String>,
    pub(crate) members: Vec<Member>,
    pub(crate) pace: Pace,
    held: Vec<Held>,
    decisions: usize,
}

/// A moment from 2026 on.
pub(crate) fn beginning(chance: &mut Chance) -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_225_600 + chance.below(4 * 365 * 86_400) as i64, 0).unwrap_or_default()
}

/// The end of 2031, until when the inspector knows holidays, and a day less.
pub(crate) fn end() -> DateTime<Utc> {
    DateTime::from_timestamp(1_956_441_600, 0).unwrap_or_default()
}

impl Household {
    pub(crate) fn draw(chance: &mut Chance) -> Self {
        let member = |index: u64, chance: &mut Chance| {
            let mut attributes = Payload::new();
            let zone = *chance.one_of(&ZONES);
            attributes.insert("time_zone".into(), PayloadValue::Text(zone.into()));
            if chance.percent(25) {
                attributes.insert("contract_in_progress".into(), PayloadValue::Flag(chance.percent(60)));
            }
            let id = format!("customer {index}");
            Member { id, attributes, ledger: Ledger::default(), said: Vec::new(), lines: Vec::new() }
        };
        let count = 1 + chance.below(3);
        let members = (0..count).map(|index| member(index, chance)).collect();
        let id = (count > 1 || chance.percent(50)).then(|| "home".to_owned());
        let pace = if chance.percent(30) { Pace::Busy } else { Pace::Usual };
        let mut household = Self { id, members, pace, held: Vec::new(), decisions: 0 };
        // Who is addressed often has agreed to it.
        if pace == Pace::Busy {
            let line = Line {
                purpose: "marketing",
                channel: "*",
                status: ConsentStatus::Granted,
                proven: true,
                at: DateTime::UNIX_EPOCH,
            };
            household.members.iter_mut().for_each(|member| member.says(line, Some("recording".to_owned())));
        }
        household
    }

    /// What speaks against a wish.
    pub(crate) fn objection(&self, wish: &Wish) -> Option<String> {
        self.inspector(wish.who).objection(wish)
    }

    /// Whether any contact or response is later than a moment.
    pub(crate) fn ahead_of(&self, now: DateTime<Utc>) -> bool {
        self.held.iter().any(|held| held.at > now)
            || self.members.iter().flat_map(|member| &member.said).any(|said| said.at > now)
    }

    /// Judges every window of the whole timeline.
    pub(crate) fn inspect_windows(&self) -> Result<(), String> {
        (0..self.members.len()).try_for_each(|who| self.inspector(who).windows())
    }

    /// Keeps what was admitted, as one decision.
    pub(crate) fn keep(&mut self, admitted: &[Wish]) {
        self.decisions += 1;
        for wish in admitted {
            let offer = &OFFERS[wish.offer];
            let outbound = wish.channel.direction == Direction::Outbound;
            let contact = Contact {
                decision_id: self.decisions.to_string(),
                customer_id: self.members[wish.who].id.clone(),
                household_id: self.id.clone(),
                channel: wish.channel.name.into(),
                contact_point: wish.channel.contact_point.into(),
                direction: wish.channel.direction,
                offer_id: offer.id.into(),
                issue: "growth".into(),
                group: offer.group.into(),
                class: offer.class.word().into(),
                state: if outbound { ResultState::Reserved } else { ResultState::Shown },
                at: wish.now,
            };
            self.members.iter_mut().for_each(|member| member.ledger.contacts.push(contact.clone()));
            let (at, wish) = (wish.now, *wish);
            self.held.push(Held { wish, decision: self.decisions, reserved: outbound, at });
        }
    }

    /// Frees what was reserved and not heard of in time.
    pub(crate) fn expire(&mut self, now: DateTime<Utc>) {
        self.remove(|held| held.reserved && held.at + RESERVED < now);
    }

    /// The carrier says that a decision was delivered, or not, or says it again.
    pub(crate) fn report(&mut self, now: DateTime<Utc>, chance: &mut Chance) {
        let reserved: Vec<usize> =
            self.held.iter().filter(|held| held.reserved).map(|held| held.decision).collect();
        if reserved.is_empty() {
            return;
        }
        let decision = *chance.one_of(&reserved);
        if chance.percent(10) {
            self.remove(|held| held.decision == decision);
            return;
        }
        for (index, held) in self.held.iter_mut().enumerate().filter(|(_, held)| held.decision == decision) {
            held.reserved = false;
            held.at = held.at.max(now);
            for member in &mut self.members {
                let contact = &mut member.ledger.contacts[index];
                (contact.state, contact.at) = (ResultState::Delivered, held.at);
            }
        }
    }

    /// Someone answers, at once or some days ago, sometimes twice.
    pub(crate) fn respond(&mut self, now: DateTime<Utc>, chance: &mut Chance) {
        if self.held.is_empty() {
            return;
        }
        let held = *chance.one_of(&self.held);
        let kind = weighted(&SAYINGS, chance);
        let at =
            if chance.percent(30) { now - TimeDelta::seconds(chance.below(2 * 86_400) as i64) } else { now };
        let offer = &OFFERS[held.wish.offer];
        let member = &mut self.members[held.wish.who];
        for _ in 0..if chance.percent(15) { 2 } else { 1 } {
            member.ledger.responses.push(LedgerResponse {
                kind,
                at,
                offer_id: offer.id.into(),
                issue: "growth".into(),
                group: offer.group.into(),
                channel: held.wish.channel.name.into(),
            });
            member.said.push(Said { kind, at, offer: held.wish.offer, channel: held.wish.channel.name });
        }
    }

    /// Someone agrees or objects, now or a while ago, on a channel or on all, for marketing or something else.
    pub(crate) fn consent(&mut self, now: DateTime<Utc>, chance: &mut Chance) {
        let who = chance.below(self.members.len() as u64) as usize;
        let member = &mut self.members[who];
        let channel = *chance.one_of(&["phone", "phone", "email", "sms", "*", "web"]);
        let purpose = if chance.percent(90) { "marketing" } else { "profiling" };
        let status = weighted(&STATUSES, chance);
        let proof = match chance.below(10) {
            0 => None,
            1 => Some(" ".to_owned()),
            _ => Some("recording".to_owned()),
        };
        let at = match (chance.below(4), member.lines.last()) {
            (0, _) => now - TimeDelta::seconds(chance.below(86_400) as i64),
            (1, Some(last)) => last.at,
            _ => now,
        };
        let proven = proof.as_ref().is_some_and(|proof| proof != " ");
        member.says(Line { purpose, channel, status, proven, at }, proof);
    }

    fn remove(&mut self, gone: impl Fn(&Held) -> bool) {
        let stays: Vec<bool> = self.held.iter().map(|held| !gone(held)).collect();
        for member in &mut self.members {
            let mut stay = stays.iter();
            member.ledger.contacts.retain(|_| stay.next().copied().unwrap_or(true));
        }
        let mut stay = stays.iter();
        self.held.retain(|_| stay.next().copied().unwrap_or(true));
    }

    fn inspector(&self, who: usize) -> Inspector<'_> {
        let member = &self.members[who];
        let text = |name: &str| match member.attributes.get(name) {
            Some(PayloadValue::Text(text)) => text.as_str(),
            _ => "",
        };
        let contract = member.attributes.get("contract_in_progress") == Some(&PayloadValue::Flag(true));
        Inspector {
            zone: text("time_zone"),
            contract,
            shared: self.id.is_some(),
            who,
            held: &self.held,
            said: &member.said,
            lines: &member.lines,
        }
    }
}

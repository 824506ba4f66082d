//! Random months of a household under the French policy: decisions, deliveries, refusals, complaints, consents that come and
//! go, duplicates, late reports, clocks that jump. A second reader of the policy's text, `inspector`, judges every decision
//! and, at the end, every window.
//!
//! `cargo run --release --example million_timelines` runs a million of them.

mod inspector;
mod world;

use crate::policy::{Class, Evaluation, Facts, Policy, Proposal};
use crate::store::{ConsentStatus, ResponseKind};
use chrono::{DateTime, TimeDelta, Utc};
use inspector::Wish;
use std::ops::AddAssign;
use world::{CHANNELS, Household, OFFERS};

/// The policy that is tried.
pub(crate) const FRENCH: &str = include_str!("../../../policies/french_bank.toml");

/// What happened in some timelines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Proposals.
    pub(crate) proposals: u64,
    /// Contacts and inbound offers that were admitted.
    pub(crate) admitted: u64,
    /// Calls among them.
    pub(crate) calls: u64,
    /// Proposals that lacked consent.
    pub(crate) without_consent: u64,
    /// Proposals that contact pressure stopped.
    pub(crate) under_pressure: u64,
    /// Those that the household had to bear.
    pub(crate) household: u64,
    /// Moments at which a proposal was said to pass, and did, but neither a second before nor at another moment before.
    pub(crate) moments: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.proposals += other.proposals;
        self.admitted += other.admitted;
        self.calls += other.calls;
        self.without_consent += other.without_consent;
        self.under_pressure += other.under_pressure;
        self.household += other.household;
        self.moments += other.moments;
    }
}

/// Numbers by chance: SplitMix64.
#[derive(Clone, Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// From 0 to below `end`.
    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// True in so many of a hundred cases.
    fn percent(&mut self, share: u64) -> bool {
        self.below(100) < share
    }

    fn one_of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len() as u64) as usize]
    }
}

/// Runs one timeline.
///
/// # Errors
/// What the inspector objects to.
pub(crate) fn run(policy: &Policy, seed: u64) -> Result<Tally, String> {
    let mut chance = Chance::new(seed);
    let mut household = Household::draw(&mut chance);
    let mut tally = Tally::default();
    let mut now = world::beginning(&mut chance);
    for _ in 0..40 + chance.below(60) {
        now += pause(&mut chance, household.pace);
        if now >= world::end() {
            break;
        }
        household.expire(now);
        match chance.below(100) {
            0..60 => {
                if let Some(moment) = decide(policy, &mut household, now, &mut chance, &mut tally)? {
                    // Half of the time someone waits for the very moment, or comes a second early.
                    now = match chance.below(4) {
                        0 => moment,
                        1 => moment - TimeDelta::seconds(1),
                        _ => now,
                    };
                }
            }
            60..80 => household.report(now, &mut chance),
            // Who is addressed often is patient.
            80..96 if household.pace == Pace::Busy => household.report(now, &mut chance),
            80..90 => household.respond(now, &mut chance),
            _ => household.consent(now, &mut chance),
        }
    }
    household.inspect_windows().map(|()| tally).map_err(|fault| format!("timeline {seed}: {fault}"))
}

/// How often something happens in a household.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Mostly minutes to days apart.
    Usual,
    /// Mostly hours apart: caps of the household are reached.
    Busy,
}

/// The time until something happens; sometimes a clock jumps back, or nothing passes.
fn pause(chance: &mut Chance, pace: Pace) -> TimeDelta {
    let longest = match (chance.below(20), pace) {
        (0, _) => return TimeDelta::zero(),
        (1, _) => return TimeDelta::milliseconds(chance.below(2_000) as i64),
        (2, Pace::Usual) => return -TimeDelta::seconds(chance.below(2 * 86_400) as i64),
        (2, Pace::Busy) => return -TimeDelta::seconds(chance.below(7_200) as i64),
        (3..8, _) => 3_600,
        (8..14, Pace::Usual) => 86_400,
        (_, Pace::Usual) => 4 * 86_400,
        (_, Pace::Busy) => 8 * 3_600,
    };
    TimeDelta::seconds(chance.below(longest) as i64)
}

/// Proposes one or two offers to someone on a channel; gives the moment at which the first would pass.
fn decide(
    policy: &Policy,
    household: &mut Household,
    now: DateTime<Utc>,
    chance: &mut Chance,
    tally: &mut Tally,
) -> Result<Option<DateTime<Utc>>, String> {
    let who = chance.below(household.members.len() as u64) as usize;
    let channel = *chance.one_of(&CHANNELS);
    let first = chance.below(OFFERS.len() as u64) as usize;
    let offers = [first, (first + 1) % OFFERS.len()];
    let offers = if chance.percent(20) { &offers[..] } else { &offers[..1] };
    let mut admitted = Vec::new();
    let mut next = None;
    for offer in offers {
        let wish = Wish { who, channel, offer: *offer, now };
        match propose(policy, household, &wish, chance, tally)? {
            Ok(()) => admitted.push(wish),
            Err(moment) => next = next.or(moment),
        }
    }
    tally.admitted += admitted.len() as u64;
    tally.calls += if channel.name == "phone" { admitted.len() as u64 } else { 0 };
    household.keep(&admitted);
    Ok(next)
}

/// Asks the policy and the inspector, who must agree.
fn propose(
    policy: &Policy,
    household: &Household,
    wish: &Wish,
    chance: &mut Chance,
    tally: &mut Tally,
) -> Result<Result<(), Option<DateTime<Utc>>>, String> {
    let member = &household.members[wish.who];
    let mut facts = Facts::default();
    facts.profile.clone_from(&member.attributes);
    let facts = Evaluation::new(&facts);
    let offer = &OFFERS[wish.offer];
    let proposal = Proposal {
        customer_id: &member.id,
        household_id: household.id.as_deref(),
        channel: wish.channel.name,
        contact_point: wish.channel.contact_point,
        direction: wish.channel.direction,
        offer_id: offer.id,
        issue: "growth",
        group: offer.group,
        class: offer.class,
        time_zone: policy.time_zone(&member.attributes),
        facts: &facts,
    };
    let admits = |moment| policy.admit(&member.ledger, &proposal, moment);
    let verdict = admits(wish.now);
    let objection = household.objection(wish);
    let told = |what: String| Err(format!("{what}: {wish:?} with {:#?}", member.ledger));
    tally.proposals += 1;
    match (&verdict, objection) {
        (Ok(()), Some(objection)) => return told(format!("admitted, but {objection}")),
        // A clock that jumped back makes the policy careful beyond the text.
        (Err(blocked), None) if !household.ahead_of(wish.now) => {
            return told(format!("{} blocks without a reason", blocked.rule));
        }
        _ => {}
    }
    let Err(blocked) = verdict else { return Ok(Ok(())) };
    if offer.class == Class::Transactional {
        return told("a service message is blocked".to_owned());
    }
    match blocked.until {
        Some(moment) => {
            let seconds = moment.signed_duration_since(wish.now).num_seconds().unsigned_abs();
            let between = wish.now + TimeDelta::seconds(chance.below(seconds.max(1)) as i64);
            let before = (moment - TimeDelta::seconds(1)).max(wish.now);
            if moment <= wish.now
                || admits(moment).is_err()
                || admits(before).is_ok()
                || admits(between).is_ok()
            {
                return told(format!("{moment} is not the first moment after {}", blocked.rule));
            }
            tally.moments += 1;
            tally.under_pressure += 1;
            tally.household += u64::from(blocked.rule == "contacts of the household");
        }
        None => tally.without_consent += 1,
    }
    Ok(Err(blocked.until))
}

/// What a customer may say about a contact, with how often.
const SAYINGS: [(ResponseKind, u64); 6] = [
    (ResponseKind::Refused, 30),
    (ResponseKind::Later, 20),
    (ResponseKind::Accepted, 20),
    (ResponseKind::Clicked, 15),
    (ResponseKind::Complaint, 5),
    (ResponseKind::NoResponse, 10),
];

/// What a customer may say about being addressed, with how often.
const STATUSES: [(ConsentStatus, u64); 3] =
    [(ConsentStatus::Granted, 75), (ConsentStatus::Refused, 10), (ConsentStatus::Withdrawn, 15)];

fn weighted<T: Copy>(list: &[(T, u64)], chance: &mut Chance) -> T {
    let mut left = chance.below(list.iter().map(|(_, weight)| weight).sum());
    for (value, weight) in list {
        if left < *weight {
            return *value;
        }
        left -= weight;
    }
    list[0].0
}

#[cfg(test)]
#[test]
fn no_timeline_yields_a_contact_that_the_text_forbids() {
    let policy = crate::policy::Policy::read(FRENCH, crate::store::PolicyFormat::Toml).unwrap();
    let mut tally = Tally::default();
    for seed in 0..4_000 {
        tally += run(&policy, seed).unwrap_or_else(|fault| panic!("timeline {seed}: {fault}"));
    }
    assert!(tally.calls > 5_000 && tally.admitted > 20_000, "too few contacts to say anything: {tally:?}");
    assert!(tally.household > 100, "households are hardly ever full: {tally:?}");
    assert!(tally.without_consent > 5_000 && tally.moments > 20_000, "too few refusals: {tally:?}");
}

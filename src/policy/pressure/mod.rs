//! How often, when, and after what people are addressed.
//!
//! Every rule answers one question: what is the first moment from a given one on at which it lets the proposal pass, if
//! nothing else happens? The moment at which all do is a fixed point of that. Moments are whole seconds.

mod caps;
mod cool_offs;
mod hours;

pub(super) use caps::Cap;
pub(super) use cool_offs::CoolOff;
pub(super) use hours::{Hours, Window};

use super::Proposal;
use super::holidays::Holidays;
use super::selector::Class;
use super::words::Words;
use crate::config::Direction;
use crate::store::Ledger;
use chrono::{DateTime, TimeDelta, Utc};

/// How often rules may put a moment off in turn, and how far: rules that leave no moment in common must end.
const MOST_ROUNDS: usize = 1_500;
const FARTHEST: TimeDelta = TimeDelta::days(7_300);

/// When a rule lets a proposal pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pass {
    /// At the moment that was asked.
    Now,
    /// First at this later moment.
    From(DateTime<Utc>),
    /// Not in sight.
    Never,
}

/// All rules of contact pressure.
#[derive(Clone, Debug, Default)]
pub(super) struct Pressure {
    pub(super) caps: Vec<Cap>,
    pub(super) hours: Vec<Hours>,
    pub(super) cool_offs: Vec<CoolOff>,
}

/// A rule that stopped a proposal.
pub(super) struct Stopped<'p> {
    pub(super) rule: &'p str,
    pub(super) words: &'p Words,
    /// When all rules will let it pass, if nothing else happens.
    pub(super) until: Option<DateTime<Utc>>,
}

/// What rules look at.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) ledger: &'a Ledger,
    pub(super) proposal: &'a Proposal<'a>,
    pub(super) holidays: &'a Holidays,
}

/// One rule, of whatever kind.
trait Rule {
    fn name(&self) -> &str;
    fn words(&self) -> &Words;
    /// The first moment from `at` on.
    fn pass(&self, view: View<'_>, at: DateTime<Utc>) -> Pass;
}

impl Pressure {
    /// The first rule that stops a proposal, if one does.
    pub(super) fn stops(&self, view: View<'_>, now: DateTime<Utc>) -> Option<Stopped<'_>> {
        if view.proposal.class == Class::Transactional {
            return None;
        }
        let stopping = self.rules().find(|rule| rule.pass(view, now) != Pass::Now)?;
        Some(Stopped { rule: stopping.name(), words: stopping.words(), until: self.until(view, now) })
    }

    /// The longest that a contact or a response matters.
    pub(super) fn lookback(&self) -> TimeDelta {
        let caps = self.caps.iter().map(|cap| cap.settings.within_days);
        let cool_offs = self.cool_offs.iter().map(|cool_off| cool_off.settings.days);
        TimeDelta::days(i64::from(caps.chain(cool_offs).max().unwrap_or(0)))
    }

    fn until(&self, view: View<'_>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let mut moment = now;
        for _ in 0..MOST_ROUNDS {
            let before = moment;
            for rule in self.rules() {
                match rule.pass(view, moment) {
                    Pass::Now => {}
                    Pass::From(later) if later.signed_duration_since(now) <= FARTHEST => {
                        moment = moment.max(later);
                    }
                    Pass::From(_) | Pass::Never => return None,
                }
            }
            if moment == before {
                return Some(moment);
            }
        }
        None
    }

    /// Long silences first: what people read should be the weightiest reason.
    fn rules(&self) -> impl Iterator<Item = &dyn Rule> {
        let cool_offs = self.cool_offs.iter().map(|rule| rule as &dyn Rule);
        let caps = self.caps.iter().map(|rule| rule as &dyn Rule);
        let hours = self.hours.iter().map(|rule| rule as &dyn Rule);
        cool_offs.chain(caps).chain(hours)
    }
}

/// Whether a rule for some channels (all when there are none) and directions concerns a contact.
fn concerns(channels: &[String], directions: &[Direction], channel: &str, direction: Direction) -> bool {
    directions.contains(&direction) && (channels.is_empty() || channels.iter().any(|one| one == channel))
}

/// Until when something from `at` counts, that moment included, when it counts for so many days.
fn end_of(at: DateTime<Utc>, days: u32) -> DateTime<Utc> {
    at.checked_add_signed(TimeDelta::days(i64::from(days))).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// The first whole second after a moment.
fn after(end: DateTime<Utc>) -> Pass {
    let second = end.timestamp().checked_add(1).and_then(|second| DateTime::from_timestamp(second, 0));
    second.map_or(Pass::Never, Pass::From)
}

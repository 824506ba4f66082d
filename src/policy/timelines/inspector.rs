//! A second reader of `policies/french_bank.toml`: slow, obvious, and without a line of the code that it judges.

use super::world::{Channel, OFFERS};
use crate::config::Direction;
use crate::policy::Class;
use crate::store::{ConsentStatus, ResponseKind};
use chrono::{DateTime, Datelike, TimeDelta, Timelike, Utc};

/// Someone wants to address someone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    pub(crate) who: usize,
    pub(crate) channel: Channel,
    pub(crate) offer: usize,
    pub(crate) now: DateTime<Utc>,
}

/// What was admitted, and when it was delivered, else decided.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    pub(crate) wish: Wish,
    pub(crate) decision: usize,
    pub(crate) reserved: bool,
    pub(crate) at: DateTime<Utc>,
}

/// What someone said about an offer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Said {
    pub(crate) kind: ResponseKind,
    pub(crate) at: DateTime<Utc>,
    pub(crate) offer: usize,
    pub(crate) channel: &'static str,
}

/// What someone said about being addressed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    pub(crate) purpose: &'static str,
    pub(crate) channel: &'static str,
    pub(crate) status: ConsentStatus,
    pub(crate) proven: bool,
    pub(crate) at: DateTime<Utc>,
}

/// Everything about one member of a household.
pub(crate) struct Inspector<'h> {
    pub(crate) zone: &'h str,
    pub(crate) contract: bool,
    pub(crate) shared: bool,
    pub(crate) who: usize,
    pub(crate) held: &'h [Held],
    pub(crate) said: &'h [Said],
    pub(crate) lines: &'h [Line],
}

/// Holidays of France from 2026 to 2031 that move: Easter Monday, Ascension, Whit Monday.
const MOVABLE: [(i32, u32, u32); 18] = [
    (2026, 4, 6),
    (2026, 5, 14),
    (2026, 5, 25),
    (2027, 3, 29),
    (2027, 5, 6),
    (2027, 5, 17),
    (2028, 4, 17),
    (2028, 5, 25),
    (2028, 6, 5),
    (2029, 4, 2),
    (2029, 5, 10),
    (2029, 5, 21),
    (2030, 4, 22),
    (2030, 5, 30),
    (2030, 6, 10),
    (2031, 4, 14),
    (2031, 5, 22),
    (2031, 6, 2),
];
const FIXED: [(u32, u32); 8] = [(1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25)];

impl Inspector<'_> {
    /// What the text has against a wish, if anything.
    pub(crate) fn objection(&self, wish: &Wish) -> Option<String> {
        if OFFERS[wish.offer].class == Class::Transactional {
            return None;
        }
        let outbound = wish.channel.direction == Direction::Outbound;
        self.consent(wish, outbound)
            .or_else(|| self.silence(wish, outbound))
            .or_else(|| if outbound { self.hours(wish) } else { None })
            .or_else(|| if outbound { self.full(wish) } else { None })
    }

    /// Looks for a window that holds too much, over everything that was admitted.
    pub(crate) fn windows(&self) -> Result<(), String> {
        let own = |held: &Held| held.wish.who == self.who;
        self.window("calls", 4, 30, |held| own(held) && held.wish.channel.name == "phone")?;
        self.window("e-mails", 1, 1, |held| own(held) && held.wish.channel.name == "email")?;
        self.window("SMS", 1, 7, |held| own(held) && held.wish.channel.name == "sms")?;
        for offer in 0..OFFERS.len() {
            self.window("offer", 3, 60, |held| own(held) && held.wish.offer == offer)?;
        }
        self.window("household", 10, 30, |held| own(held) || self.shared)
    }

    fn window(
        &self,
        what: &str,
        most: usize,
        days: i64,
        which: impl Fn(&Held) -> bool,
    ) -> Result<(), String> {
        let mut times = self.times(which);
        times.sort_unstable();
        for start in &times {
            let end = *start + TimeDelta::days(days);
            let within = times.iter().filter(|time| *time >= start && **time <= end).count();
            if within > most {
                return Err(format!("{within} {what} within {days} days from {start}"));
            }
        }
        Ok(())
    }

    /// When the outbound decisions of some kind took place; service messages do not count.
    fn times(&self, which: impl Fn(&Held) -> bool) -> Vec<DateTime<Utc>> {
        let mut seen = Vec::new();
        let mut times = Vec::new();
        for held in self.held {
            let counts = held.wish.channel.direction == Direction::Outbound
                && OFFERS[held.wish.offer].class != Class::Transactional
                && which(held);
            if counts && !seen.contains(&held.decision) {
                seen.push(held.decision);
                times.push(held.at);
            }
        }
        times
    }

    /// Caps, as of the wish: what took place in the days before it.
    fn full(&self, wish: &Wish) -> Option<String> {
        let own = |held: &Held| held.wish.who == self.who;
        let count = |days: i64, which: &dyn Fn(&Held) -> bool| {
            let times = self.times(which);
            let first = wish.now - TimeDelta::days(days);
            times.iter().filter(|time| **time >= first && **time <= wish.now).count()
        };
        let on = |name: &'static str| move |held: &Held| own(held) && held.wish.channel.name == name;
        let full = match wish.channel.name {
            "phone" => count(30, &on("phone")) >= 4,
            "email" => count(1, &on("email")) >= 1,
            _ => count(7, &on("sms")) >= 1,
        };
        let offer = |held: &Held| own(held) && held.wish.offer == wish.offer;
        let home = |held: &Held| own(held) || self.shared;
        (full || count(60, &offer) >= 3 || count(30, &home) >= 10).then(|| "too many contacts".to_owned())
    }

    fn silence(&self, wish: &Wish, outbound: bool) -> Option<String> {
        self.said.iter().find_map(|said| {
            let about_it = said.offer == wish.offer;
            let days = match said.kind {
                ResponseKind::Complaint if outbound => 365,
                ResponseKind::Accepted if about_it => 180,
                ResponseKind::Refused if about_it => 90,
                ResponseKind::Refused if said.channel == "phone" && wish.channel.name == "phone" => 60,
                ResponseKind::Later if about_it => 14,
                _ => return None,
            };
            (wish.now - said.at <= TimeDelta::days(days)).then(|| format!("there was {said:?}"))
        })
    }

    fn hours(&self, wish: &Wish) -> Option<String> {
        let zone: chrono_tz::Tz = self.zone.parse().unwrap_or(chrono_tz::Tz::Europe__Paris);
        let local = wish.now.with_timezone(&zone);
        let day = local.weekday().number_from_monday();
        let hour = local.hour();
        let date = (local.year(), local.month(), local.day());
        let holiday = MOVABLE.contains(&date) || FIXED.contains(&(date.1, date.2));
        let fine = match wish.channel.name {
            "phone" => day <= 5 && !holiday && matches!(hour, 10..=12 | 14..=19),
            "sms" => day <= 6 && !holiday && matches!(hour, 8..=19),
            _ => true,
        };
        (!fine).then(|| format!("it is {local}"))
    }

    fn consent(&self, wish: &Wish, outbound: bool) -> Option<String> {
        let mut latest: Option<&Line> = None;
        let mut latest_that_counts: Option<&Line> = None;
        for line in self.lines {
            if line.purpose != "marketing" || !(line.channel == "*" || line.channel == wish.channel.name) {
                continue;
            }
            if latest.is_none_or(|before| line.at >= before.at) {
                latest = Some(line);
            }
            let counts = line.status != ConsentStatus::Granted || line.proven;
            if counts && latest_that_counts.is_none_or(|before| line.at >= before.at) {
                latest_that_counts = Some(line);
            }
        }
        let yes = |line: Option<&Line>| line.is_some_and(|line| line.status == ConsentStatus::Granted);
        if latest.is_some() && !yes(latest) {
            return Some("they objected".to_owned());
        }
        let fine = match wish.channel.name {
            "phone" if outbound => self.contract || yes(latest_that_counts),
            "email" | "sms" => yes(latest),
            _ => true,
        };
        (!fine).then(|| "they did not agree".to_owned())
    }
}

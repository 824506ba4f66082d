//! The local hours at which people are addressed.

use super::{Pass, Rule, View, concerns};
use crate::config::Direction;
use crate::policy::document::{HoursSettings, Weekday};
use crate::policy::holidays::Holidays;
use crate::policy::words::Words;
use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, Offset, TimeDelta, TimeZone, Timelike, Utc};
use chrono_tz::Tz;

/// How far ahead an open hour is sought.
const FARTHEST_DAYS: usize = 400;

/// Days and hours.
#[derive(Clone, Debug)]
pub(in crate::policy) struct Hours {
    pub(in crate::policy) settings: HoursSettings,
    /// In their order.
    pub(in crate::policy) windows: Vec<Window>,
    pub(in crate::policy) words: Words,
}

/// A part of a local day, in minutes since its midnight; the end is no longer within.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::policy) struct Window {
    pub(in crate::policy) from: u32,
    pub(in crate::policy) to: u32,
}

impl Rule for Hours {
    fn name(&self) -> &str {
        &self.settings.name
    }

    fn words(&self) -> &Words {
        &self.words
    }

    fn pass(&self, view: View<'_>, at: DateTime<Utc>) -> Pass {
        let proposal = view.proposal;
        let outbound = [Direction::Outbound];
        if !concerns(&self.settings.channels, &outbound, proposal.channel, proposal.direction)
            || self.open(view.holidays, proposal.time_zone, at)
        {
            return Pass::Now;
        }
        self.next(view.holidays, proposal.time_zone, at).map_or(Pass::Never, Pass::From)
    }
}

impl Hours {
    /// Whether the local clock and calendar of a moment are within.
    fn open(&self, holidays: &Holidays, zone: Tz, at: DateTime<Utc>) -> bool {
        let local = at.with_timezone(&zone);
        let minute = local.hour() * 60 + local.minute();
        self.windows.iter().any(|window| (window.from..window.to).contains(&minute))
            && self.day(holidays, local.date_naive())
    }

    fn day(&self, holidays: &Holidays, date: NaiveDate) -> bool {
        self.settings.days.contains(&weekday(date)) && (self.settings.on_holidays || !holidays.contains(date))
    }

    /// The next open moment.
    fn next(&self, holidays: &Holidays, zone: Tz, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let today = at.with_timezone(&zone).date_naive();
        today.iter_days().take(FARTHEST_DAYS).filter(|date| self.day(holidays, *date)).find_map(|date| {
            match steady_offset(zone, date) {
                Some(offset) => self.windows.iter().find_map(|window| {
                    let (from, to) = (instant(date, window.from, offset)?, instant(date, window.to, offset)?);
                    (at < to).then(|| at.max(from))
                }),
                None => self.search(holidays, zone, date, at),
            }
        })
    }

    /// On the days around a change of the clocks, minutes are tried one by one: hours are skipped or come twice.
    fn search(
        &self,
        holidays: &Holidays,
        zone: Tz,
        date: NaiveDate,
        at: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        let midnight = date.and_time(NaiveTime::MIN).and_utc();
        let first =
            midnight.checked_sub_signed(TimeDelta::hours(15))?.max(at.with_second(0)?.with_nanosecond(0)?);
        let last = midnight.checked_add_signed(TimeDelta::hours(39))?;
        let mut minute = first;
        while minute < last {
            if minute > at
                && minute.with_timezone(&zone).date_naive() == date
                && self.open(holidays, zone, minute)
            {
                return Some(minute);
            }
            minute = minute.checked_add_signed(TimeDelta::minutes(1))?;
        }
        None
    }
}

/// The difference from UTC in seconds, if it is the same all through a local day and around it.
fn steady_offset(zone: Tz, date: NaiveDate) -> Option<i32> {
    let midnight = date.and_time(NaiveTime::MIN);
    let offset = |hours| {
        let moment = midnight.checked_add_signed(TimeDelta::hours(hours))?;
        Some(zone.offset_from_utc_datetime(&moment).fix().local_minus_utc())
    };
    let (before, after) = (offset(-16)?, offset(40)?);
    (before == after).then_some(before)
}

/// The moment of a local minute, given the difference from UTC.
fn instant(date: NaiveDate, minute: u32, offset: i32) -> Option<DateTime<Utc>> {
    let seconds = i64::from(minute) * 60 - i64::from(offset);
    Some(date.and_time(NaiveTime::MIN).checked_add_signed(TimeDelta::seconds(seconds))?.and_utc())
}

fn weekday(date: NaiveDate) -> Weekday {
    match date.weekday() {
        chrono::Weekday::Mon => Weekday::Monday,
        chrono::Weekday::Tue => Weekday::Tuesday,
        chrono::Weekday::Wed => Weekday::Wednesday,
        chrono::Weekday::Thu => Weekday::Thursday,
        chrono::Weekday::Fri => Weekday::Friday,
        chrono::Weekday::Sat => Weekday::Saturday,
        chrono::Weekday::Sun => Weekday::Sunday,
    }
}

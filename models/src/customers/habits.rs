//! Through which channel and at what time a customer usually buys.

use crate::behaviour::{Act, ActKind};
use crate::events::{DAY_SECONDS, Timestamp};
use serde::Serialize;

/// A part of the day, in local time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Daypart {
    /// 6 to 12.
    Morning,
    /// 12 to 18.
    Afternoon,
    /// 18 to 23.
    Evening,
    /// 23 to 6.
    Night,
}

/// A part of the week, in local time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Week {
    /// Monday to Friday.
    Workday,
    /// Saturday and Sunday.
    Weekend,
}

/// What most of some orders have in common.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Preference<T> {
    /// It.
    pub value: T,
    /// The share of the orders that have it.
    pub share: f64,
    /// How many orders speak.
    pub orders: u32,
}

/// The latest orders that speak: old habits say less.
const LATEST: usize = 20;

/// Orders below which nothing is a habit.
const LEAST: usize = 2;

/// The habits of one customer; `None` where too little speaks, or nothing prevails.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Habits {
    /// The channel, as the history numbers it.
    pub channel: Option<Preference<u8>>,
    /// The part of the day.
    pub daypart: Option<Preference<Daypart>>,
    /// The part of the week.
    pub week: Option<Preference<Week>>,
}

impl Habits {
    /// Those of the latest orders before a moment; local time is UTC plus the offset.
    ///
    /// A history whose orders are all at midnight gives days, not times: then no part of the day is claimed.
    pub fn of(acts: &[Act], as_of: Timestamp, utc_offset_seconds: i64) -> Self {
        let known = acts.iter().filter(|act| act.at < as_of && act.kind == ActKind::Order);
        let latest: Vec<&Act> = known.rev().take(LATEST).collect();
        let local = |act: &&Act| act.at.0.saturating_add(utc_offset_seconds);
        let has_times = latest.iter().any(|act| act.at.0.rem_euclid(DAY_SECONDS) != 0);
        let channels = latest.iter().map(|act| act.channel).filter(|channel| *channel != 0);
        Self {
            channel: prevailing(channels),
            daypart: if has_times { prevailing(latest.iter().map(|act| daypart(local(act)))) } else { None },
            week: prevailing(latest.iter().map(|act| week(local(act)))),
        }
    }
}

/// What more than half of at least two have.
fn prevailing<T: Copy + Ord>(values: impl Iterator<Item = T>) -> Option<Preference<T>> {
    let mut values: Vec<T> = values.collect();
    values.sort_unstable();
    let most = values.chunk_by(|a, b| a == b).max_by_key(|run| run.len())?;
    let holds = values.len() >= LEAST && 2 * most.len() > values.len();
    holds.then(|| Preference {
        value: most[0],
        share: most.len() as f64 / values.len() as f64,
        orders: values.len() as u32,
    })
}

fn daypart(local_seconds: i64) -> Daypart {
    match local_seconds.rem_euclid(DAY_SECONDS) / 3_600 {
        6..12 => Daypart::Morning,
        12..18 => Daypart::Afternoon,
        18..23 => Daypart::Evening,
        _ => Daypart::Night,
    }
}

/// 1970-01-01 was a Thursday.
fn week(local_seconds: i64) -> Week {
    let weekday = (local_seconds.div_euclid(DAY_SECONDS) + 3).rem_euclid(7);
    if weekday < 5 { Week::Workday } else { Week::Weekend }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_habit_is_what_more_than_half_of_the_latest_orders_have() {
        let order = |day: i64, hour: i64, channel: u8| Act {
            at: Timestamp(day * DAY_SECONDS + hour * 3_600),
            channel,
            ..Act::default()
        };
        // Days 2 and 9 are Saturdays.
        let acts = [order(2, 19, 1), order(5, 19, 2), order(9, 20, 2)];
        let habits = Habits::of(&acts, Timestamp(20 * DAY_SECONDS), 0);
        assert_eq!(habits.channel, Some(Preference { value: 2, share: 2.0 / 3.0, orders: 3 }));
        assert_eq!(habits.daypart.map(|habit| habit.value), Some(Daypart::Evening));
        assert_eq!(habits.week.map(|habit| habit.value), Some(Week::Weekend));
        let night = Habits::of(&acts, Timestamp(20 * DAY_SECONDS), 5 * 3_600);
        assert_eq!(night.daypart.map(|habit| habit.value), Some(Daypart::Night), "local time counts");
        assert_eq!(Habits::of(&acts[..1], Timestamp(20 * DAY_SECONDS), 0), Habits::default());
    }
}

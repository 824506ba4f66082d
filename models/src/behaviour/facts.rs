//! What one would count on a customer's acts, as of a moment.

use super::acts::{Act, ActKind, Behaviour};
use crate::error::{Result, require};
use crate::events::{DAY_SECONDS, Timestamp};
use serde::{Deserialize, Serialize};

/// How often people of this history buy: what a customer with few orders is taken to do.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rhythm {
    /// The typical days between two orders: the median over customers of their mean gaps.
    pub gap_days: f64,
    /// The window of "recent", in days: the horizon of churn.
    pub recent_days: f64,
}

/// Own gaps that the typical gap counts as, in a customer's mean gap.
const PRIOR_GAPS: f64 = 2.0;

/// The gap of a history in which nobody came back.
const NO_GAP_DAYS: f64 = 365.0;

impl Rhythm {
    /// That of some customers before a moment.
    ///
    /// # Errors
    /// [`crate::Error::OutOfRange`] for a window that is not a positive number of days.
    pub fn learn(behaviour: &Behaviour, as_of: Timestamp, recent_days: f64) -> Result<Self> {
        require(
            recent_days > 0.0 && recent_days.is_finite(),
            "recent_days",
            recent_days,
            "a positive number",
        )?;
        let mut gaps: Vec<f64> = behaviour
            .rows()
            .filter_map(|(_, acts)| {
                let days = order_days(known(acts, as_of));
                let span = (days.last()? - days.first()?) as f64;
                (days.len() > 1).then(|| span / (days.len() - 1) as f64)
            })
            .collect();
        gaps.sort_by(f64::total_cmp);
        let gap_days = gaps.get(gaps.len() / 2).copied().unwrap_or(NO_GAP_DAYS).max(1.0);
        Ok(Self { gap_days, recent_days })
    }

    /// Refuses what cannot be the rhythm of people.
    ///
    /// # Errors
    /// [`crate::Error::OutOfRange`].
    pub fn check(&self) -> Result<()> {
        let is_span = |days: f64| days > 0.0 && days.is_finite();
        require(is_span(self.gap_days), "gap_days", self.gap_days, "a positive number")?;
        require(is_span(self.recent_days), "recent_days", self.recent_days, "a positive number")
    }
}

/// What a customer's acts before one moment come to. Money is in the history's currency, times are in days.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Facts {
    /// Acts of any kind.
    pub acts: u32,
    /// Orders.
    pub orders: u32,
    /// Days with an order.
    pub order_days: u32,
    /// Since the first order; 0 without one.
    pub tenure_days: f64,
    /// Since the first day with an order, whatever a contract says.
    pub observed_days: f64,
    /// Since the last order; 0 without one.
    pub silence_days: f64,
    /// From the first day with an order to the last.
    pub span_days: f64,
    /// The customer's own mean gap between days with orders, shrunk to the typical one.
    pub gap_days: f64,
    /// Between the last two days with orders.
    pub last_gap_days: Option<f64>,
    /// The standard deviation of the logarithms of the gaps; 0 below three.
    pub gap_spread: f64,
    /// Orders in the last window of the rhythm, and in the last three.
    pub recent_orders: [u32; 2],
    /// The share of the last six windows, as far as the tenure reaches, that saw an order.
    pub active_share: f64,
    /// Money of all lines bought.
    pub bought: f64,
    /// Money of all lines brought back.
    pub returned: f64,
    /// Money bought less money brought back in the last three windows.
    pub recent_net: f64,
    /// Money of what was bought on the first day with an order.
    pub first_day_bought: f64,
    /// The mean over the last three orders of the money bought; 0 without orders.
    pub last_baskets: f64,
    /// Lines bought.
    pub items: u32,
    /// Different items met by buying, and different categories.
    pub distinct: [u32; 2],
    /// Of the lines of the last three orders, the share of items that were new.
    pub new_share: f64,
    /// Whether something was brought back in the last three windows.
    pub recent_returns: u32,
    /// The mean discount of the orders and of the last three, as a share of the list price.
    pub discounts: [f64; 2],
    /// Orders per channel.
    pub channels: Vec<(u8, u32)>,
    /// Days with visits in the last window.
    pub recent_visits: u32,
    /// Since the last sign of any kind; 0 without one.
    pub quiet_days: f64,
    /// Complaints in the last three windows.
    pub recent_complaints: u32,
    /// Since the last complaint, or the last return of a customer who brings most back.
    pub complaint_days: Option<f64>,
}

/// The acts that began before a moment.
pub(super) fn known(acts: &[Act], as_of: Timestamp) -> &[Act] {
    &acts[..acts.partition_point(|act| act.at < as_of)]
}

fn order_days(acts: &[Act]) -> Vec<i64> {
    let mut days: Vec<i64> = orders(acts).map(|order| order.at.day()).collect();
    days.dedup();
    days
}

fn orders(acts: &[Act]) -> impl DoubleEndedIterator<Item = &Act> {
    acts.iter().filter(|act| act.kind == ActKind::Order)
}

/// The share of their money from which on bringing back is a complaint.
const MOST_BROUGHT_BACK: f64 = 0.5;

/// How many of the latest orders make a trend.
const LATEST: usize = 3;

impl Facts {
    /// What is known before `as_of`; acts from then on change nothing.
    pub fn of(acts: &[Act], as_of: Timestamp, rhythm: &Rhythm) -> Self {
        let acts = known(acts, as_of);
        let mut facts = Self { gap_days: rhythm.gap_days, ..Self::default() };
        for act in acts {
            facts.count(act, as_of.days_since(act.at), rhythm);
        }
        let brings_back = facts.return_share() > MOST_BROUGHT_BACK;
        let is_complaint = |act: &&Act| act.kind == ActKind::Complaint || (brings_back && act.returned > 0.0);
        facts.complaint_days = acts.iter().rev().find(is_complaint).map(|act| as_of.days_since(act.at));
        facts.acts = acts.len() as u32;
        facts.quiet_days = acts.last().map_or(0.0, |last| as_of.days_since(last.at));
        facts.keep_time(acts, as_of, rhythm);
        facts.follow_trends(acts);
        facts
    }

    fn count(&mut self, act: &Act, age_days: f64, rhythm: &Rhythm) {
        let windows = age_days / rhythm.recent_days;
        let (bought, returned) = (f64::from(act.bought), f64::from(act.returned));
        self.bought += bought;
        self.returned += returned;
        if windows <= 3.0 {
            self.recent_net += bought - returned;
            self.recent_returns += u32::from(returned > 0.0 || act.kind == ActKind::Return);
            self.recent_complaints += u32::from(act.kind == ActKind::Complaint);
        }
        match act.kind {
            ActKind::Order => {
                self.orders += 1;
                self.items += u32::from(act.items);
                self.distinct[0] += u32::from(act.new_items);
                self.distinct[1] += u32::from(act.new_categories);
                self.recent_orders[0] += u32::from(windows <= 1.0);
                self.recent_orders[1] += u32::from(windows <= 3.0);
                match self.channels.iter_mut().find(|(channel, _)| *channel == act.channel) {
                    Some((_, orders)) => *orders += 1,
                    None => self.channels.push((act.channel, 1)),
                }
            }
            ActKind::Visit => self.recent_visits += u32::from(windows <= 1.0),
            ActKind::Return | ActKind::Complaint => {}
        }
    }

    /// Tenure, silence, gaps, and the windows that saw an order.
    fn keep_time(&mut self, acts: &[Act], as_of: Timestamp, rhythm: &Rhythm) {
        let days = order_days(acts);
        let (Some(first), Some(last)) = (orders(acts).next(), orders(acts).next_back()) else { return };
        self.order_days = days.len() as u32;
        self.tenure_days = as_of.days_since(first.at);
        self.silence_days = as_of.days_since(last.at);
        self.observed_days = as_of.days_since(Timestamp(days[0].saturating_mul(DAY_SECONDS)));
        self.span_days = (days[days.len() - 1] - days[0]) as f64;
        let gaps: Vec<f64> = days.windows(2).map(|pair| (pair[1] - pair[0]) as f64).collect();
        self.gap_days =
            (gaps.iter().sum::<f64>() + PRIOR_GAPS * rhythm.gap_days) / (gaps.len() as f64 + PRIOR_GAPS);
        self.last_gap_days = gaps.last().copied();
        if gaps.len() > 1 {
            let logs = || gaps.iter().map(|gap| gap.ln());
            let mean = logs().sum::<f64>() / gaps.len() as f64;
            self.gap_spread =
                (logs().map(|log| (log - mean).powi(2)).sum::<f64>() / gaps.len() as f64).sqrt();
        }
        let windows = ((self.tenure_days / rhythm.recent_days).ceil() as usize).clamp(1, 6);
        let mut seen = [false; 6];
        for order in orders(acts) {
            let window = (as_of.days_since(order.at) / rhythm.recent_days) as usize;
            if window < windows {
                seen[window] = true;
            }
        }
        self.active_share = seen.iter().filter(|seen| **seen).count() as f64 / windows as f64;
        let first_day = days[0];
        self.first_day_bought =
            orders(acts).take_while(|order| order.at.day() == first_day).map(|o| f64::from(o.bought)).sum();
    }

    /// What the latest orders say beside all.
    fn follow_trends(&mut self, acts: &[Act]) {
        if self.orders == 0 {
            return;
        }
        let latest: Vec<&Act> = orders(acts).rev().take(LATEST).collect();
        let n = latest.len() as f64;
        let sum = |of: fn(&Act) -> f64| latest.iter().map(|order| of(order)).sum::<f64>();
        self.last_baskets = sum(|order| f64::from(order.bought)) / n;
        self.new_share =
            sum(|order| f64::from(order.new_items)) / sum(|order| f64::from(order.items)).max(1.0);
        let all: f64 = orders(acts).map(|order| f64::from(order.discount_percent)).sum();
        self.discounts = [all / f64::from(self.orders), sum(|order| f64::from(order.discount_percent)) / n]
            .map(|p| p / 100.0);
    }

    /// Counts the tenure from the beginning of a contract, where that was earlier than the first order.
    pub fn customer_since(&mut self, opened: Option<Timestamp>, as_of: Timestamp) {
        let days = opened.map_or(0.0, |opened| as_of.days_since(opened));
        self.tenure_days = self.tenure_days.max(days);
    }

    /// Money bought less money brought back.
    pub fn net(&self) -> f64 {
        self.bought - self.returned
    }

    /// The mean money of an order; 0 without one.
    pub fn basket(&self) -> f64 {
        if self.orders == 0 { 0.0 } else { self.bought / f64::from(self.orders) }
    }

    /// The share of the money that was brought back, at most 1.
    pub fn return_share(&self) -> f64 {
        if self.bought > 0.0 { (self.returned / self.bought).min(1.0) } else { 0.0 }
    }

    /// The channel of most orders, the lowest where several have as many.
    pub fn main_channel(&self) -> Option<(u8, u32)> {
        self.channels.iter().copied().min_by_key(|&(channel, orders)| (u32::MAX - orders, channel))
    }

    /// The silence in whole days, as one says it.
    pub fn silent_for(&self) -> i64 {
        self.silence_days as i64
    }
}

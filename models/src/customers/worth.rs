//! What a customer is worth, from their facts.

use super::ValueModels;
use crate::behaviour::Facts;
use crate::error::Result;
use crate::value::{Clv, Interval, Span, Summary, Unit, Valuation};

/// The unit of time in which orders are counted.
pub const UNIT: Unit = Unit::Days;

/// What models of value know of a customer; nothing before the first order.
///
/// Orders of one day are one. The money of a repeat is net of all that was brought back; who brought back more than
/// their repeats came to has no basket of their own, and is given that of all.
pub fn summary(facts: &Facts) -> Option<Summary> {
    let frequency = facts.order_days.checked_sub(1)?;
    let repeats = facts.net() - facts.first_day_bought;
    let mean_value = (frequency > 0 && repeats > 0.0).then(|| repeats / f64::from(frequency));
    Some(Summary {
        frequency,
        recency: facts.span_days,
        age: facts.observed_days.max(facts.span_days),
        unit: UNIT,
        mean_value,
    })
}

/// What is expected of a customer within the horizon of their value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Worth {
    /// The mean number of days with orders.
    pub expected_orders: f64,
    /// The chance that they still buy at all: 1 for everybody who bought once, so nothing to rank by.
    pub p_alive: f64,
    /// What that comes to; absent where the history has no money that a model fits.
    pub money: Option<Valuation>,
}

impl ValueModels {
    /// What a customer is worth, without an interval: a few microseconds.
    ///
    /// # Errors
    /// [`crate::Error`] for a summary that does not hold.
    pub fn worth(&self, summary: &Summary) -> Result<Worth> {
        let months = Span::new(f64::from(self.clv.horizon_months), Unit::Months).to(self.purchases.unit());
        let money = self.joined()?.map(|clv| clv.value(summary)).transpose()?;
        let expected_orders = match &money {
            Some(money) => money.expected_orders,
            None => self.purchases.expected_orders(summary, months)?,
        };
        Ok(Worth { expected_orders, p_alive: self.purchases.p_alive(summary)?, money })
    }

    /// Where the money of a customer may come to lie; absent without a model of baskets.
    ///
    /// # Errors
    /// As [`Self::worth`].
    pub fn interval(&self, summary: &Summary) -> Result<Option<Interval>> {
        self.joined()?.map(|clv| clv.interval(summary)).transpose()
    }

    fn joined(&self) -> Result<Option<Clv>> {
        let Some(baskets) = self.baskets.learned() else { return Ok(None) };
        Ok(Some(self.clv.clone().check()?.model(self.purchases, *baskets)))
    }
}

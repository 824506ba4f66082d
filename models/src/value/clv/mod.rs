//! What a customer will be worth within some months, discounted to today:
//!
//! ```text
//! CLV = E[M] · Σ_k (E[Y(t_k)] − E[Y(t_{k−1})]) / (1+d)^k,   t_k = k months of 365.25/12 days
//! ```
//!
//! with Y(t) the orders within t of [`BgNbd`] and M the basket of [`GammaGamma`]. The first order of a new customer is not
//! in it: it has been paid.

use super::bg_nbd::BgNbd;
use super::gamma_gamma::GammaGamma;
use super::interval::Interval;
use super::summary::Summary;
use super::unit::{Span, Unit};
use crate::error::{Result, require};
use serde::{Deserialize, Serialize};

/// What a user may set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClvParams {
    /// How many months are counted.
    pub horizon_months: u32,
    /// What a sum is worth less for each month that it comes later: 0.01 for 1 %.
    pub monthly_discount: f64,
    /// Of all money, such as `EUR`; nothing is converted.
    pub currency: String,
    /// The share of what may come that an interval holds.
    pub level: f64,
    /// Futures drawn for an interval.
    pub draws: usize,
    /// Of the draws.
    pub seed: u64,
}

impl Default for ClvParams {
    fn default() -> Self {
        Self {
            horizon_months: 12,
            monthly_discount: 0.01,
            currency: "EUR".into(),
            level: 0.8,
            draws: 400,
            seed: 1,
        }
    }
}

/// Parameters in range.
#[derive(Clone, Debug)]
pub struct ValidClvParams(ClvParams);

impl ClvParams {
    /// # Errors
    /// [`crate::Error::OutOfRange`] for a number that is not finite or outside its range, or an empty currency.
    pub fn check(self) -> Result<ValidClvParams> {
        let holds = (1..=600).contains(&self.horizon_months);
        require(holds, "horizon_months", self.horizon_months, "from 1 to 600")?;
        let holds = (0.0..=1.0).contains(&self.monthly_discount);
        require(holds, "monthly_discount", self.monthly_discount, "from 0 to 1, such as 0.01 for 1 %")?;
        require(!self.currency.trim().is_empty(), "currency", "empty", "a name such as EUR")?;
        require(self.level > 0.0 && self.level < 1.0, "level", self.level, "between 0 and 1")?;
        let holds = (10..=1_000_000).contains(&self.draws);
        require(holds, "draws", self.draws, "from 10 to a million")?;
        Ok(ValidClvParams(self))
    }
}

impl ValidClvParams {
    /// Joins the two models.
    pub fn model(self, orders: BgNbd, baskets: GammaGamma) -> Clv {
        let month = Span::new(1.0, Unit::Months).to(orders.unit()).length;
        let discount = |k: u32| (1.0 + self.0.monthly_discount).powi(-(k as i32));
        let months = (1..=self.0.horizon_months)
            .map(|k| Month { end: month * f64::from(k), discount: discount(k) })
            .collect();
        Clv { params: self.0, orders, baskets, month, months }
    }
}

/// Customer lifetime value over a horizon.
#[derive(Clone, Debug, PartialEq)]
pub struct Clv {
    pub(super) params: ClvParams,
    pub(super) orders: BgNbd,
    pub(super) baskets: GammaGamma,
    /// The length of one month, in the unit of the orders.
    pub(super) month: f64,
    pub(super) months: Vec<Month>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Month {
    end: f64,
    pub(super) discount: f64,
}

/// What a customer is worth.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Valuation {
    /// The mean of what they will spend, discounted.
    pub clv: f64,
    /// Where it may come to lie, when that was asked for. The mean may be outside: of a customer who has most likely
    /// stopped, most futures are worth nothing and a few much.
    pub interval: Option<Interval>,
    /// The mean number of orders within the horizon.
    pub expected_orders: f64,
    /// The mean basket.
    pub expected_basket: f64,
    /// Whose baskets that mean rests on.
    pub basis: Basis,
}

/// Whose baskets a value rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// The customer's repeat orders.
    Own,
    /// Everybody's: they have no repeat order, or their baskets are zero or below net of returns.
    Population,
}

impl Clv {
    /// What was asked for.
    pub fn params(&self) -> &ClvParams {
        &self.params
    }

    /// The mean value of a customer, without the interval: a microsecond or two, for whole populations.
    ///
    /// # Errors
    /// [`crate::Error::Unit`] for times in another unit than the model's; [`crate::Error::OutOfRange`] for a summary that
    /// does not hold.
    pub fn value(&self, summary: &Summary) -> Result<Valuation> {
        let posterior = self.orders.posterior(summary)?;
        let spend = summary.spend();
        let expected_basket = self.baskets.expected_basket(spend.as_ref())?;
        let (mut discounted, mut so_far) = (0.0, 0.0);
        for month in &self.months {
            let orders = posterior.orders(month.end);
            discounted += (orders - so_far) * month.discount;
            so_far = orders;
        }
        Ok(Valuation {
            clv: expected_basket * discounted,
            interval: None,
            expected_orders: so_far,
            expected_basket,
            basis: if spend.is_some() { Basis::Own } else { Basis::Population },
        })
    }

    /// The value of a customer with its interval, for the view of one: some hundred times the work.
    ///
    /// # Errors
    /// Those of [`Clv::value`].
    pub fn value_with_interval(&self, summary: &Summary) -> Result<Valuation> {
        Ok(Valuation { interval: Some(self.interval(summary)?), ..self.value(summary)? })
    }
}

#[cfg(test)]
mod tests;

//! BG/NBD: how many orders a customer will place (Fader, Hardie, Lee 2005).
//!
//! While they are a customer they order at a rate λ, and after every order they stop for good with a chance p. Over
//! customers, λ is spread as Gamma(r, α) and p as Beta(a, b). Nobody announces that they stop: a long silence after
//! frequent orders speaks for it.

mod likelihood;

use super::fitted::{Fitted, reason};
use super::orders::Posterior;
use super::search::{Search, ValidSearch};
use super::summary::{Summary, enough};
use super::unit::{Span, Unit};
use crate::error::{Error, Result, require};
use likelihood::Observed;
use serde::{Deserialize, Serialize};

/// What a user may set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BgNbdParams {
    /// How the likeliest parameters are searched.
    pub search: Search,
}

/// Parameters in range.
#[derive(Clone, Copy, Debug)]
pub struct ValidBgNbdParams(ValidSearch);

impl BgNbdParams {
    /// # Errors
    /// [`Error::OutOfRange`] for a search that is not defined.
    pub fn check(self) -> Result<ValidBgNbdParams> {
        Ok(ValidBgNbdParams(self.search.check()?))
    }
}

/// With fewer customers who came back, nothing tells rare orders from customers who have stopped.
const LEAST_REPEATERS: usize = 2;

impl ValidBgNbdParams {
    /// Finds the likeliest parameters for some customers, whose summaries are in this unit.
    ///
    /// A search that fails gives a model all the same, with `converged` false and the reason.
    ///
    /// # Errors
    /// [`Error::TooFew`] with fewer than two customers who came back; [`Error::Unit`] for a summary in another unit;
    /// [`Error::OutOfRange`] for one that does not hold, or when all ages are 0.
    pub fn fit(&self, summaries: &[Summary], unit: Unit) -> Result<Fitted<BgNbd>> {
        summaries.iter().try_for_each(|summary| summary.check_in(unit))?;
        let repeaters = summaries.iter().filter(|summary| summary.frequency > 0).count();
        enough("customers with a repeat order", repeaters, LEAST_REPEATERS)?;
        let observed = Observed::new(summaries);
        require(observed.scale > 0.0, "age", observed.scale, "above 0 for some customers")?;

        // Everybody orders at the mean rate, and stops after a few orders.
        let guess = [0.0, (observed.customers / observed.repeats).ln(), 0.0, 1.0];
        let found = self.0.maximise(guess, |logarithms| observed.log_likelihood(logarithms));
        let [r, alpha, a, b] = found.logarithms.map(f64::exp);
        let model = BgNbd::new(BgNbdNumbers { r, alpha: alpha * observed.scale, a, b, unit })?;
        // A density per unit of time for each repeat order.
        let per_unit = observed.repeats * observed.scale.ln();
        let log_likelihood = observed.log_likelihood(&found.logarithms).value * observed.customers - per_unit;
        let reason = reason(&found, ["r", "alpha", "a", "b"]);
        Ok(Fitted {
            model,
            log_likelihood,
            customers: summaries.len(),
            iterations: found.iterations,
            converged: reason.is_none(),
            reason,
        })
    }
}

/// The numbers of the model, as they are stored.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BgNbdNumbers {
    /// Shape of the spread of rates.
    pub r: f64,
    /// Its scale, in the unit: the mean rate is r / α.
    pub alpha: f64,
    /// First shape of the spread of chances to stop.
    pub a: f64,
    /// Second shape: the mean chance is a / (a + b).
    pub b: f64,
    /// Of α, and of every time that comes in.
    pub unit: Unit,
}

/// The model.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "BgNbdNumbers", into = "BgNbdNumbers")]
pub struct BgNbd(BgNbdNumbers);

impl TryFrom<BgNbdNumbers> for BgNbd {
    type Error = Error;

    fn try_from(numbers: BgNbdNumbers) -> Result<Self> {
        Self::new(numbers)
    }
}

impl From<BgNbd> for BgNbdNumbers {
    fn from(model: BgNbd) -> Self {
        model.0
    }
}

impl BgNbd {
    /// Takes numbers that were found before.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for a number that is not finite, or so far from 1 that no fit can have found it.
    pub fn new(numbers: BgNbdNumbers) -> Result<Self> {
        for (name, value) in [("r", numbers.r), ("a", numbers.a), ("b", numbers.b)] {
            require((1e-6..=1e6).contains(&value), name, value, "from 1e-6 to 1e6")?;
        }
        let holds = (1e-12..=1e15).contains(&numbers.alpha);
        require(holds, "alpha", numbers.alpha, "from 1e-12 to 1e15")?;
        Ok(Self(numbers))
    }

    /// The numbers of the model.
    pub fn numbers(&self) -> &BgNbdNumbers {
        &self.0
    }

    /// The unit of its times.
    pub fn unit(&self) -> Unit {
        self.0.unit
    }

    /// The chance that someone is still a customer; 1 without a repeat order, since only an order can be the last. Do
    /// not rank by it.
    ///
    /// # Errors
    /// [`Error::Unit`] for times in another unit; [`Error::OutOfRange`] for a summary that does not hold.
    pub fn p_alive(&self, summary: &Summary) -> Result<f64> {
        Ok(self.posterior(summary)?.alive)
    }

    /// The chance of an order within the horizon: P(alive) · (1 − ((α+T) / (α+T+H))^(r+x)).
    ///
    /// # Errors
    /// Those of [`BgNbd::p_alive`], and the same for the horizon.
    pub fn p_buy(&self, summary: &Summary, horizon: Span) -> Result<f64> {
        Ok(self.posterior(summary)?.p_buy(horizon.length_in(self.0.unit)?))
    }

    /// How many orders are to be expected within the horizon.
    ///
    /// # Errors
    /// Those of [`BgNbd::p_alive`], and the same for the horizon.
    pub fn expected_orders(&self, summary: &Summary, horizon: Span) -> Result<f64> {
        Ok(self.posterior(summary)?.orders(horizon.length_in(self.0.unit)?))
    }

    /// How many repeat orders are to be expected of someone who has just ordered for the first time.
    ///
    /// # Errors
    /// [`Error::Unit`] for a horizon in another unit; [`Error::OutOfRange`] for one that is negative or not finite.
    pub fn expected_orders_of_new(&self, horizon: Span) -> Result<f64> {
        let new = Summary { frequency: 0, recency: 0.0, age: 0.0, unit: self.0.unit, mean_value: None };
        self.expected_orders(&new, horizon)
    }

    /// What is believed of a customer's rate and chance to stop.
    pub(super) fn posterior(&self, summary: &Summary) -> Result<Posterior> {
        let BgNbdNumbers { r, alpha, a, b, unit } = self.0;
        summary.check_in(unit)?;
        let (x, shape, rate) =
            (f64::from(summary.frequency), r + f64::from(summary.frequency), alpha + summary.age);
        let alive = if summary.frequency == 0 {
            1.0
        } else {
            let silence = (summary.age - summary.recency) / (alpha + summary.recency);
            let ln_odds_of_stopped = (a / (b + x - 1.0)).ln() + shape * silence.ln_1p();
            1.0 / (1.0 + ln_odds_of_stopped.exp())
        };
        Ok(Posterior { alive, shape, rate, a, b: b + x })
    }
}

#[cfg(test)]
mod tests;

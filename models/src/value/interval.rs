//! Where a customer's value may come to lie: futures drawn from what is believed of them.
//!
//! Someone may have stopped already. If not, λ ~ Gamma(r+x, α+T) and p ~ Beta(a, b+x); the orders until they stop are
//! geometric in p, those of a month are Poisson in λ as long as any are left, and the sum of n baskets is
//! Gamma(n·p, ν) with ν ~ Gamma(px+q, v+xm). So what is drawn is what they really spend, chance of single baskets and
//! all, and not only what we do not know of their means.

use super::clv::Clv;
use super::orders::Posterior;
use super::summary::Summary;
use crate::error::Result;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use rand_distr::{Beta, Distribution, Gamma, Poisson};
use serde::{Deserialize, Serialize};

/// Quantiles of what a customer will spend, discounted, as far to the left as to the right of the median.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// As many futures are worth less than this …
    pub low: f64,
    /// … as are worth more than this.
    pub high: f64,
}

impl Clv {
    /// Where a customer's value may come to lie, in `level` of the futures drawn; the same for the same seed.
    ///
    /// # Errors
    /// Those of [`Clv::value`].
    pub fn interval(&self, summary: &Summary) -> Result<Interval> {
        let mut futures = self.futures(summary)?;
        futures.sort_unstable_by(f64::total_cmp);
        let tail = (1.0 - self.params.level) / 2.0;
        Ok(Interval { low: quantile(&futures, tail), high: quantile(&futures, 1.0 - tail) })
    }

    /// What they spend in each of the futures.
    pub(super) fn futures(&self, summary: &Summary) -> Result<Vec<f64>> {
        let posterior = self.orders.posterior(summary)?;
        let baskets = self.baskets.posterior(summary.spend().as_ref());
        let mut random = Xoshiro256PlusPlus::seed_from_u64(self.params.seed);
        Ok((0..self.params.draws).map(|_| self.future(&posterior, baskets, &mut random)).collect())
    }

    fn future(&self, orders: &Posterior, baskets: (f64, f64), random: &mut Xoshiro256PlusPlus) -> f64 {
        if random.random::<f64>() >= orders.alive {
            return 0.0;
        }
        let per_month = gamma(orders.shape, random) / orders.rate * self.month;
        let mut left = until_stopped(orders, random);
        let nu = gamma(baskets.0, random) / baskets.1;
        let mut spent = 0.0;
        for month in &self.months {
            let placed = poisson(per_month, random).min(left);
            if placed > 0.0 {
                spent += gamma(placed * self.baskets.numbers().p, random) / nu * month.discount;
            }
            left -= placed;
            if left <= 0.0 {
                break;
            }
        }
        spent.min(f64::MAX)
    }
}

/// How many orders they place until they stop, that after which they do included; infinity for never.
fn until_stopped(orders: &Posterior, random: &mut Xoshiro256PlusPlus) -> f64 {
    let p = Beta::new(orders.a, orders.b).map_or(0.0, |beta| beta.sample(random));
    let draw = 1.0 - random.random::<f64>();
    if p > 0.0 { (draw.ln() / (-p).ln_1p()).ceil().max(1.0) } else { f64::INFINITY }
}

/// Gamma with a rate of 1. The models' own checks leave no shape that is refused here.
fn gamma(shape: f64, random: &mut Xoshiro256PlusPlus) -> f64 {
    Gamma::new(shape, 1.0).map_or(0.0, |gamma| gamma.sample(random))
}

/// 0 for a mean of 0; means beyond all reason are cut, for they cannot be drawn.
fn poisson(mean: f64, random: &mut Xoshiro256PlusPlus) -> f64 {
    Poisson::new(mean.min(1e15)).map_or(0.0, |poisson| poisson.sample(random))
}

fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = share * (sorted.len() - 1) as f64;
    let (below, above) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    below + (above - below) * at.fract()
}

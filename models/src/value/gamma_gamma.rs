//! Gamma-Gamma: what a customer's basket is worth (Fader, Hardie 2013).
//!
//! Baskets of a customer are Gamma(p, ν) around their own mean p/ν, and ν is spread over customers as Gamma(q, v). What
//! to expect of a customer lies between the population's mean and their own, nearer to their own the more baskets there
//! were:
//!
//! ```text
//! E[M | x, m] = (q−1)/(px+q−1) · vp/(q−1) + px/(px+q−1) · m
//! L(p, q, v | x, m) = Γ(px+q)/(Γ(px) Γ(q)) · v^q · m^(px−1) · x^(px) / (xm+v)^(px+q)
//! ```
//!
//! q is kept above 1, for below it there is no population's mean. The model holds that baskets do not depend on how often
//! someone orders; [`spend_frequency_correlation`] says how far that is from the truth.

use super::fitted::{Fitted, reason};
use super::search::{Ending, Search, Terms, ValidSearch};
use super::special::LnGamma;
use super::summary::{MOST_MONEY, Spend, enough};
use crate::error::{Error, Result, require};
use serde::{Deserialize, Serialize};

/// What a user may set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GammaGammaParams {
    /// How the likeliest parameters are searched.
    pub search: Search,
}

/// Parameters in range.
#[derive(Clone, Copy, Debug)]
pub struct ValidGammaGammaParams(ValidSearch);

impl GammaGammaParams {
    /// # Errors
    /// [`Error::OutOfRange`] for a search that is not defined.
    pub fn check(self) -> Result<ValidGammaGammaParams> {
        Ok(ValidGammaGammaParams(self.search.check()?))
    }
}

/// With fewer, nothing tells differences between customers from those between baskets.
const LEAST_CUSTOMERS: usize = 2;
/// A q nearer to 1 has a mean, but one that rests on a few enormous customers.
const LEAST_Q: f64 = 1.001;

impl ValidGammaGammaParams {
    /// Finds the likeliest parameters for the repeat orders of some customers.
    ///
    /// A search that fails gives a model all the same, with `converged` false and the reason.
    ///
    /// # Errors
    /// [`Error::TooFew`] for fewer than two customers; [`Error::OutOfRange`] for one that does not hold.
    pub fn fit(&self, spends: &[Spend]) -> Result<Fitted<GammaGamma>> {
        spends.iter().try_for_each(Spend::check)?;
        enough("customers with a repeat order above 0", spends.len(), LEAST_CUSTOMERS)?;
        let observed = Observed::new(spends);
        let guess = [2f64.ln(), 3f64.ln(), 1.5f64.ln()];
        let mut found = self.0.maximise(guess, |logarithms| observed.log_likelihood(logarithms));
        let [p, above_one, v] = found.logarithms.map(f64::exp);
        if found.ending == Ending::Converged && 1.0 + above_one < LEAST_Q {
            found.ending = Ending::Ran(1);
        }
        let model = GammaGamma::new(GammaGammaNumbers { p, q: 1.0 + above_one, v: v * observed.scale })?;
        // A density per unit of money for each customer.
        let per_unit = observed.customers * observed.scale.ln();
        let log_likelihood = observed.log_likelihood(&found.logarithms).value * observed.customers - per_unit;
        let reason = reason(&found, ["p", "q - 1", "v"]);
        Ok(Fitted {
            model,
            log_likelihood,
            customers: spends.len(),
            iterations: found.iterations,
            converged: reason.is_none(),
            reason,
        })
    }
}

/// What a search looks at again and again, with money in units of the mean.
struct Observed {
    /// Orders of each customer and their sum.
    rows: Vec<(f64, f64)>,
    /// Each number of orders with how many customers have it.
    by_frequency: Vec<(f64, f64)>,
    customers: f64,
    /// Σ x (ln x + ln m) and Σ ln m.
    sums: [f64; 2],
    scale: f64,
}

impl Observed {
    fn new(spends: &[Spend]) -> Self {
        let customers = spends.len() as f64;
        let scale = spends.iter().map(|spend| spend.mean_value / customers).sum::<f64>();
        let mut frequencies: Vec<u32> = spends.iter().map(|spend| spend.frequency).collect();
        frequencies.sort_unstable();
        let count = |same: &[u32]| (f64::from(same[0]), same.len() as f64);
        let mut observed = Self {
            rows: Vec::with_capacity(spends.len()),
            by_frequency: frequencies.chunk_by(u32::eq).map(count).collect(),
            customers,
            sums: [0.0; 2],
            scale,
        };
        for spend in spends {
            let (x, ln_mean) = (f64::from(spend.frequency), (spend.mean_value / scale).ln());
            observed.rows.push((x, x * (spend.mean_value / scale)));
            observed.sums[0] += x * (x.ln() + ln_mean);
            observed.sums[1] += ln_mean;
        }
        observed
    }

    /// The logarithm of the likelihood per customer, at logarithms of p, q − 1, v.
    fn log_likelihood(&self, logarithms: &[f64; 3]) -> Terms<3> {
        let [p, above_one, v] = logarithms.map(f64::exp);
        let (n, q, ln_v) = (self.customers, 1.0 + above_one, logarithms[2]);
        let of_q = LnGamma::at(q);
        let mut terms = Terms::ZERO;
        terms.value = n * (q * ln_v - of_q.value) + p * self.sums[0] - self.sums[1];
        terms.slope = [self.sums[0], n * (ln_v - of_q.first), n * q / v];
        terms.curvature[1][1] = -n * of_q.second;
        terms.curvature[1][2] = n / v;
        terms.curvature[2][2] = -n * q / (v * v);
        for &(x, customers) in &self.by_frequency {
            let (both, own) = (LnGamma::at(p * x + q), LnGamma::at(p * x));
            terms.value += customers * (both.value - own.value);
            terms.slope[0] += customers * x * (both.first - own.first);
            terms.slope[1] += customers * both.first;
            terms.curvature[0][0] += customers * x * x * (both.second - own.second);
            terms.curvature[0][1] += customers * x * both.second;
            terms.curvature[1][1] += customers * both.second;
        }
        terms.add_rows(&self.rows, |terms, &(x, spent)| {
            let (sum, shape) = (spent + v, p * x + q);
            let (ln, inverse) = (sum.ln(), 1.0 / sum);
            terms.value -= shape * ln;
            terms.slope[0] -= x * ln;
            terms.slope[1] -= ln;
            terms.slope[2] -= shape * inverse;
            terms.curvature[0][2] -= x * inverse;
            terms.curvature[1][2] -= inverse;
            terms.curvature[2][2] += shape * inverse * inverse;
        });
        terms.by_logarithms(&[p, above_one, v], n)
    }
}

/// The numbers of the model, as they are stored.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GammaGammaNumbers {
    /// Shape of a customer's baskets.
    pub p: f64,
    /// Shape of the spread over customers, above 1.
    pub q: f64,
    /// Its scale, in money.
    pub v: f64,
}

/// The model.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "GammaGammaNumbers", into = "GammaGammaNumbers")]
pub struct GammaGamma(GammaGammaNumbers);

impl TryFrom<GammaGammaNumbers> for GammaGamma {
    type Error = Error;

    fn try_from(numbers: GammaGammaNumbers) -> Result<Self> {
        Self::new(numbers)
    }
}

impl From<GammaGamma> for GammaGammaNumbers {
    fn from(model: GammaGamma) -> Self {
        model.0
    }
}

impl GammaGamma {
    /// Takes numbers that were found before.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for a number that is not finite, a q that is not above 1, or one that no fit can have found.
    pub fn new(numbers: GammaGammaNumbers) -> Result<Self> {
        require((1e-6..=1e6).contains(&numbers.p), "p", numbers.p, "from 1e-6 to 1e6")?;
        let holds = numbers.q > 1.0 && numbers.q <= 1e6;
        require(holds, "q", numbers.q, "above 1, for else there is no mean, and at most 1e6")?;
        let holds = numbers.v > 0.0 && numbers.v <= MOST_MONEY * 1e6;
        require(holds, "v", numbers.v, "above 0 and at most 1e21")?;
        Ok(Self(numbers))
    }

    /// The numbers of the model.
    pub fn numbers(&self) -> &GammaGammaNumbers {
        &self.0
    }

    /// The basket to be expected of someone whose own say nothing: vp / (q−1).
    pub fn population_basket(&self) -> f64 {
        self.0.v * self.0.p / (self.0.q - 1.0)
    }

    /// The basket to be expected of someone after their repeat orders; without any, the population's.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for money that does not hold, such as a mean that is not above 0.
    pub fn expected_basket(&self, spend: Option<&Spend>) -> Result<f64> {
        let Some(spend) = spend else { return Ok(self.population_basket()) };
        spend.check()?;
        let (shape, rate) = self.posterior(Some(spend));
        Ok(self.0.p * rate / (shape - 1.0))
    }

    /// Shape and rate of what is believed of a customer's ν.
    pub(super) fn posterior(&self, spend: Option<&Spend>) -> (f64, f64) {
        let (x, mean) = spend.map_or((0.0, 0.0), |spend| (f64::from(spend.frequency), spend.mean_value));
        (self.0.p * x + self.0.q, self.0.v + x * mean)
    }
}

/// The correlation of basket and frequency over customers, which the model takes for 0; `None` when either is the same
/// for everybody. Beyond about ±0.3, values of frequent customers are off.
pub fn spend_frequency_correlation(spends: &[Spend]) -> Option<f64> {
    let n = spends.len() as f64;
    let pair = |spend: &Spend| (f64::from(spend.frequency), spend.mean_value);
    let mean = |sum: (f64, f64), (x, m): (f64, f64)| (sum.0 + x / n, sum.1 + m / n);
    let (mean_x, mean_m) = spends.iter().map(pair).fold((0.0, 0.0), mean);
    let (mut xx, mut mm, mut xm) = (0.0, 0.0, 0.0);
    for (x, m) in spends.iter().map(pair) {
        xx += (x - mean_x).powi(2);
        mm += (m - mean_m).powi(2);
        xm += (x - mean_x) * (m - mean_m);
    }
    let correlation = xm / (xx.sqrt() * mm.sqrt());
    correlation.is_finite().then_some(correlation.clamp(-1.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::Xoshiro256PlusPlus;
    use rand_distr::{Distribution, Gamma};

    const CDNOW: GammaGammaNumbers = GammaGammaNumbers { p: 6.25, q: 3.74, v: 15.44 };

    fn population(numbers: GammaGammaNumbers, customers: u32) -> Vec<Spend> {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(3);
        let mut draw = |shape: f64, scale: f64| Gamma::new(shape, scale).unwrap().sample(&mut random);
        let spend = |customer: u32| {
            let frequency = 1 + customer % 9;
            let nu = draw(numbers.q, 1.0 / numbers.v);
            let sum = draw(numbers.p * f64::from(frequency), 1.0 / nu);
            Spend { frequency, mean_value: sum / f64::from(frequency) }
        };
        (0..customers).map(spend).collect()
    }

    #[test]
    fn the_parameters_of_a_generated_population_are_found_and_are_a_maximum() {
        let spends = population(CDNOW, 5_000);
        let fitted = GammaGammaParams::default().check().unwrap().fit(&spends).unwrap();
        assert!(fitted.converged, "{fitted:?}");
        let &GammaGammaNumbers { p, q, v } = fitted.model.numbers();
        for (name, found, wanted) in [("p", p, CDNOW.p), ("q", q, CDNOW.q), ("v", v, CDNOW.v)] {
            assert!((found / wanted).ln().abs() < 0.15, "{name} {found} {wanted}");
        }
        let observed = Observed::new(&spends);
        let best = [p.ln(), (q - 1.0).ln(), (v / observed.scale).ln()];
        let at_best = observed.log_likelihood(&best);
        for i in 0..3 {
            assert!(at_best.slope[i].abs() < 1e-7, "{at_best:?}");
            for by in [-0.01, 0.01] {
                let mut beside = best;
                beside[i] += by;
                assert!(observed.log_likelihood(&beside).value < at_best.value, "{i} {by}");
            }
        }
    }

    #[test]
    fn derivatives_are_those_of_the_value() {
        let observed = Observed::new(&population(CDNOW, 200));
        super::super::search::tests::assert_derivatives([0.4, -0.3, 0.2], |at| observed.log_likelihood(at));
    }

    #[test]
    fn the_expected_basket_is_the_paper_s_mean_of_the_population_s_and_their_own() {
        let model = GammaGamma::new(CDNOW).unwrap();
        let GammaGammaNumbers { p, q, v } = CDNOW;
        assert!((model.population_basket() - v * p / (q - 1.0)).abs() < 1e-12);
        assert_eq!(model.expected_basket(None).unwrap(), model.population_basket());
        for (x, m) in [(1, 20.0), (7, 73.5), (4_000, 0.01), (1_000_000, 1e15)] {
            let px = p * f64::from(x);
            let wanted = (q - 1.0) / (px + q - 1.0) * v * p / (q - 1.0) + px / (px + q - 1.0) * m;
            let found = model.expected_basket(Some(&Spend { frequency: x, mean_value: m })).unwrap();
            assert!((found / wanted - 1.0).abs() < 1e-12, "{x} {m}: {found} {wanted}");
        }
        for mean_value in [4e307, 0.0, -1.0, f64::NAN] {
            assert!(
                model.expected_basket(Some(&Spend { frequency: 1, mean_value })).is_err(),
                "{mean_value}"
            );
        }
    }

    #[test]
    fn a_population_without_a_mean_is_said_to_have_not_converged() {
        let heavy = GammaGammaNumbers { p: 3.0, q: 0.6, v: 10.0 };
        let spends: Vec<Spend> =
            population(heavy, 3_000).into_iter().filter(|spend| spend.check().is_ok()).collect();
        let fitted = GammaGammaParams::default().check().unwrap().fit(&spends).unwrap();
        assert!(!fitted.converged && fitted.reason.as_ref().unwrap().contains("q - 1"), "{fitted:?}");
        let same = [Spend { frequency: 2, mean_value: 5.0 }; 50];
        assert!(!GammaGammaParams::default().check().unwrap().fit(&same).unwrap().converged);
        assert!(matches!(
            GammaGammaParams::default().check().unwrap().fit(&same[..1]),
            Err(Error::TooFew { .. })
        ));
    }

    #[test]
    fn the_correlation_is_that_of_pearson_and_absent_without_spread() {
        let spend = |frequency, mean_value| Spend { frequency, mean_value };
        let straight = [spend(1, 3.0), spend(2, 5.0), spend(4, 9.0)];
        assert!((spend_frequency_correlation(&straight).unwrap() - 1.0).abs() < 1e-12);
        let bent = [spend(1, 1.0), spend(2, 3.0), spend(3, 2.0)];
        assert!((spend_frequency_correlation(&bent).unwrap() - 0.5).abs() < 1e-12);
        assert_eq!(spend_frequency_correlation(&straight[..1]), None);
        assert_eq!(spend_frequency_correlation(&[]), None);
    }
}

//! How many orders a customer will place, given what is believed of them.
//!
//! While they are a customer λ ~ Gamma(s, β) and p ~ Beta(a, b), with s = r + x, β = α + T and b the model's b + x, so
//!
//! ```text
//! E[orders within t | alive] = ∫ (1 − (1 + p·t/β)^−s) / p · Beta(p; a, b) dp
//!                            = c/(a−1) · [1 − (1−z)^s · ₂F₁(s, b; c; z)],   c = a+b−1,  z = t/(β+t)
//! ```
//!
//! The paper's second form divides zero by zero at a = 1 and c = 0, and its series is long for frequent customers. Euler's
//! transformation turns (1−z)^s ₂F₁(s, b; c; z) into (1−z)^(a−1) ₂F₁(c−s, a−1; c; z), whose terms but the first all
//! have the factor (a−1)/c: divided out, nothing is singular, and the series gets shorter the more orders there were.
//! Where it still cancels or converges slowly, the integral is taken.

/// What is believed of a customer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Posterior {
    /// The chance that they are one.
    pub(super) alive: f64,
    /// s, of their rate.
    pub(super) shape: f64,
    /// β, of their rate.
    pub(super) rate: f64,
    /// First shape of the chance to stop after an order.
    pub(super) a: f64,
    /// Its second shape.
    pub(super) b: f64,
}

/// Terms of the series at most.
const MOST_TERMS: u32 = 2_000;
/// The relative error up to which the series is trusted.
const TRUSTED: f64 = 1e-11;

impl Posterior {
    /// The chance of an order within `t`.
    pub(super) fn p_buy(&self, t: f64) -> f64 {
        self.alive * -(-self.shape * (t / self.rate).ln_1p()).exp_m1()
    }

    /// How many orders are to be expected within `t`.
    pub(super) fn orders(&self, t: f64) -> f64 {
        if t <= 0.0 || self.alive <= 0.0 {
            return 0.0;
        }
        self.alive * self.by_series(t).unwrap_or_else(|| self.by_integral(t))
    }

    /// `None` where rounding or the number of terms would tell.
    fn by_series(&self, t: f64) -> Option<f64> {
        let (a, c, z) = (self.a, self.a + self.b - 1.0, t / (self.rate + t));
        if z > 0.98 || a > 20.0 {
            return None;
        }
        let log = -(t / self.rate).ln_1p();
        // (1 − (1−z)^(a−1)) / (a−1), which is −ln(1−z) at a = 1.
        let first = if a == 1.0 { -log } else { -((a - 1.0) * log).exp_m1() / (a - 1.0) };
        let top = c - self.shape;
        let (mut term, mut sum, mut magnitude, mut j) = (top * z, 0.0, 0.0, 1.0);
        for _ in 0..MOST_TERMS {
            sum += term;
            magnitude += term.abs();
            if term.abs() <= 1e-17 * magnitude {
                let factor = ((a - 1.0) * log).exp();
                let found = c * first - factor * sum;
                let error = f64::EPSILON * ((c * first).abs() + factor * magnitude);
                return (error <= TRUSTED * found).then_some(found);
            }
            term *= (top + j) * (a + j - 1.0) / ((c + j) * (j + 1.0)) * z;
            j += 1.0;
        }
        None
    }

    /// The integral over y = ln(p / (1−p)) by the trapezoidal rule, whose error falls off exponentially since the
    /// integrand is analytic; the constant of the Beta density is summed with it. Slow and sure.
    fn by_integral(&self, t: f64) -> f64 {
        let &Self { shape, a, b, .. } = self;
        let z = t / self.rate;
        let step = (0.5 * (1.0 / a + 1.0 / b).sqrt()).min(0.25);
        let ln_weight = |y: f64| -a * (-y).exp().ln_1p() - b * y.exp().ln_1p();
        let orders = |y: f64| {
            let p = 1.0 / (1.0 + (-y).exp());
            -(-shape * (p * z).ln_1p()).exp_m1() / p
        };
        let centre = (a / b).ln();
        let highest = ln_weight(centre);
        // Beyond these, weights are a geometric series and orders constant.
        let (left, right) = (centre.min(-(shape * z).ln()).min(0.0) - 40.0, centre.max(0.0) + 40.0);
        let (mut weights, mut sum) = (1.0, orders(centre));
        for (direction, end, slope) in [(-step, left, a), (step, right, b)] {
            let mut y = centre;
            loop {
                y += direction;
                let ended = (y - end) * direction > 0.0;
                let rest = if ended { -1.0 / (-slope * step).exp_m1() } else { 1.0 };
                let weight = (ln_weight(y) - highest).exp() * rest;
                weights += weight;
                sum += weight * orders(y);
                if ended || weight < 1e-22 {
                    break;
                }
            }
        }
        sum / weights
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The slow, obvious twin: the n-th order of the horizon comes about when a customer who never stops would place it,
    /// and when they have not stopped after any of the n − 1 before. No term is negative, so nothing cancels.
    fn by_counting(posterior: &Posterior, t: f64) -> f64 {
        let &Posterior { shape, a, b, .. } = posterior;
        let z = t / (posterior.rate + t);
        let mut ln_chance = -shape * (t / posterior.rate).ln_1p();
        let (mut kept, mut so_far, mut sum, mut left) = (1.0, 0.0, 0.0, 1.0);
        for n in 0..10_000_000u32 {
            let chance = f64::exp(ln_chance);
            sum += chance * so_far;
            left -= chance;
            if f64::from(n) > shape * t / posterior.rate && (left <= 0.0 || chance < 1e-18) {
                break;
            }
            let n = f64::from(n);
            ln_chance += ((shape + n) / (n + 1.0) * z).ln();
            so_far += kept;
            kept *= (b + n) / (a + b + n);
        }
        sum
    }

    #[test]
    fn series_integral_and_counting_agree_where_the_paper_s_formula_breaks() {
        for (shape, rate, a, b, t) in [
            (3.2, 24.4, 1.0, 5.4, 52.0),
            (3.2, 24.4, 1.0 + 1e-12, 5.4, 52.0),
            (0.2, 4.4, 0.4, 0.6, 26.0),
            (0.2, 4.4, 0.1, 0.2, 26.0),
            (14.0, 415.0, 1.0, 100_012.0, 365.0),
            (307.0, 2040.0, 0.05, 27.0, 90.0),
            (4.5, 34.0, 200.0, 904.0, 90.0),
            (1000.0, 1000.0, 1.3, 2.7, 52.0),
            (2500.0, 40_000.0, 0.8, 2502.0, 30_000.0),
        ] {
            let posterior = Posterior { alive: 1.0, shape, rate, a, b };
            let wanted = by_counting(&posterior, t);
            let found = [posterior.orders(t), posterior.by_integral(t)];
            for found in found {
                let error = (found / wanted - 1.0).abs();
                assert!(error < 1e-9, "{posterior:?} {t}: {found} {wanted}");
            }
        }
    }

    proptest! {
        #[test]
        fn the_series_wherever_it_trusts_itself_is_the_integral(
            ln in prop::array::uniform5(-4.0f64..4.0),
            x in 0u32..300,
        ) {
            let [r, rate, a, b, t] = ln.map(f64::exp);
            let x = f64::from(x);
            let posterior = Posterior { alive: 1.0, shape: r + x, rate, a, b: b + x };
            let integral = posterior.by_integral(t);
            prop_assert!(integral.is_finite() && integral >= 0.0);
            if let Some(series) = posterior.by_series(t) {
                prop_assert!((series / integral - 1.0).abs() < 1e-9, "{posterior:?} {t} {series} {integral}");
            }
        }
    }
}

//! A drawn population of which the truth is known, for tests.

use super::newton::sigmoid;
use super::rows::Rows;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

/// Customers in two windows each.
pub(super) struct Population {
    pub(super) values: Vec<f32>,
    pub(super) labels: Vec<bool>,
    pub(super) groups: Vec<u32>,
}

pub(super) const N_FEATURES: usize = 6;

impl Population {
    pub(super) fn drawn(n: usize, seed: u64) -> Self {
        Self::shifted(n, seed, 0.0)
    }

    /// The odds of everybody are raised by a shift in log odds. The last feature is constant, the one before is noise,
    /// and two act together only, which no sum of single features can say.
    pub(super) fn shifted(n: usize, seed: u64, shift: f64) -> Self {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut population = Self { values: Vec::new(), labels: Vec::new(), groups: Vec::new() };
        for row in 0..n {
            let x: [f32; 4] = std::array::from_fn(|_| random.random_range(-1.0f32..1.0));
            let noise = random.random_range(0..5) as f32;
            let together = if x[1] * x[2] > 0.0 { 1.5 } else { -1.5 };
            let log_odds = 1.2 * f64::from(x[0]) + together - 1.0 + shift;
            population.values.extend([x[0], x[1], x[2], x[3], noise, 4.0]);
            population.labels.push(random.random_range(0.0..1.0) < sigmoid(log_odds));
            population.groups.push(row as u32 / 2);
        }
        population
    }

    pub(super) fn rows(&self) -> Rows<'_> {
        let rows = Rows::new(N_FEATURES, &self.values, &self.labels).unwrap();
        rows.with_groups(&self.groups).unwrap()
    }
}

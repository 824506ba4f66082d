//! From features to the vector that they lead one to expect: ridge regression.

use super::{Feature, FeatureRows, Features};
use crate::error::{Error, Result, require};
use faer::linalg::solvers::Solve;
use faer::{Mat, Side};
use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

/// What a user may set.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PriorParams {
    /// Rows that must have a word for it to count.
    pub least_rows: usize,
    /// The most words that count.
    pub most_words: usize,
    /// Weights of the ridge to choose from, in rows, on a fifth of the rows that is kept out.
    pub ridges: [f64; 5],
}

impl Default for PriorParams {
    fn default() -> Self {
        Self { least_rows: 5, most_words: 500, ridges: [1.0, 5.0, 25.0, 125.0, 625.0] }
    }
}

/// Parameters in range.
#[derive(Clone, Copy, Debug)]
pub struct ValidPriorParams(PriorParams);

impl PriorParams {
    /// # Errors
    /// [`Error::OutOfRange`] for more than 5,000 words, whose equations would not fit, or a ridge that is not above 0.
    pub fn check(self) -> Result<ValidPriorParams> {
        require(self.most_words <= 5_000, "prior.most_words", self.most_words, "at most 5000")?;
        for ridge in self.ridges {
            require(ridge.is_finite() && ridge > 0.0, "prior.ridges", ridge, "numbers above 0")?;
        }
        Ok(ValidPriorParams(self))
    }

    /// Learns which features to tell apart in a table of attributes.
    pub fn features<'a>(&self, rows: impl Iterator<Item = &'a crate::payload::Payload> + Clone) -> Features {
        Features::fit(rows, self.least_rows, self.most_words)
    }
}

/// The expected vector of any row of features.
#[derive(Clone, Debug, PartialEq)]
pub struct Prior {
    features: Features,
    /// The vector of a row without features.
    intercept: Vec<f32>,
    /// What each feature adds: features × dimensions.
    weights: Array2<f32>,
}

/// A fifth of the rows is kept out to choose the ridge.
const FOLDS: usize = 5;

impl ValidPriorParams {
    /// Fits vectors, one per row of features, each as important as its weight; rows of weight 0 are left out.
    ///
    /// # Errors
    /// [`Error::Shape`] when rows, vectors and weights differ in number; [`Error::Empty`] when no weight is above 0.
    pub fn fit(
        &self,
        features: Features,
        rows: &FeatureRows,
        vectors: &ArrayView2<'_, f32>,
        row_weights: &[f32],
    ) -> Result<Prior> {
        let (intercept, weights) = self.solve(features.len(), rows, vectors, row_weights)?;
        Ok(Prior { features, intercept, weights })
    }

    /// The same for features of any making: the vector of a row without features, and what each feature adds to it.
    ///
    /// # Errors
    /// As [`Self::fit`].
    pub(crate) fn solve(
        &self,
        n_features: usize,
        rows: &FeatureRows,
        vectors: &ArrayView2<'_, f32>,
        row_weights: &[f32],
    ) -> Result<(Vec<f32>, Array2<f32>)> {
        if rows.len() != vectors.nrows() || rows.len() != row_weights.len() {
            return Err(Error::Shape {
                what: "what a prior is learned from".into(),
                expected: format!("{} rows of features", rows.len()),
                found: format!("{} vectors and {} weights", vectors.nrows(), row_weights.len()),
            });
        }
        let table = Table { rows, vectors, weights: row_weights, n_features };
        let all = table.sums(|_| true);
        if all.weight <= 0.0 {
            return Err(Error::Empty {
                what: "what a prior is learned from",
                remedy: "give a history in which anybody bought anything",
            });
        }
        all.solve(self.choose(&table))
    }

    /// The ridge that predicts the rows kept out best; the larger of equals.
    fn choose(&self, table: &Table<'_>) -> f64 {
        let kept_out = |row: usize| row.is_multiple_of(FOLDS);
        let part = table.sums(|row| !kept_out(row));
        let mut ridges = self.0.ridges;
        ridges.sort_by(|a, b| b.total_cmp(a));
        if table.n_features == 0 || part.weight <= 0.0 {
            return ridges[0];
        }
        let error = |ridge: f64| match part.solve(ridge) {
            Ok(solved) => table.squared_error(&solved, kept_out),
            Err(_) => f64::INFINITY,
        };
        let judged = ridges.map(|ridge| (error(ridge), ridge));
        judged.into_iter().reduce(|best, next| if next.0 < best.0 { next } else { best }).map_or(1.0, |b| b.1)
    }
}

/// What is regressed on what.
struct Table<'a> {
    rows: &'a FeatureRows,
    vectors: &'a ArrayView2<'a, f32>,
    weights: &'a [f32],
    n_features: usize,
}

/// The normal equations of some rows, not yet centred.
struct Sums {
    weight: f64,
    features: Vec<f64>,
    vectors: Vec<f64>,
    gram: Mat<f64>,
    products: Mat<f64>,
}

type Solved = (Vec<f32>, Array2<f32>);

impl Table<'_> {
    fn sums(&self, wanted: impl Fn(usize) -> bool) -> Sums {
        let (p, d) = (self.n_features, self.vectors.ncols());
        let mut sums = Sums {
            weight: 0.0,
            features: vec![0.0; p],
            vectors: vec![0.0; d],
            gram: Mat::zeros(p, p),
            products: Mat::zeros(p, d),
        };
        for (row, &weight) in self.weights.iter().enumerate().filter(|(row, w)| wanted(*row) && **w > 0.0) {
            let (weight, features) = (f64::from(weight), self.rows.of(row));
            let vector = self.vectors.row(row);
            sums.weight += weight;
            for (sum, value) in sums.vectors.iter_mut().zip(vector) {
                *sum += weight * f64::from(*value);
            }
            for &(feature, value) in features {
                let (at, value) = (feature as usize, weight * f64::from(value));
                sums.features[at] += value;
                for &(other, by) in features {
                    sums.gram[(at, other as usize)] += value * f64::from(by);
                }
                for (column, by) in vector.iter().enumerate() {
                    sums.products[(at, column)] += value * f64::from(*by);
                }
            }
        }
        sums
    }

    fn squared_error(&self, (intercept, weights): &Solved, wanted: impl Fn(usize) -> bool) -> f64 {
        let mut error = 0.0;
        for (row, weight) in self.weights.iter().enumerate().filter(|(row, _)| wanted(*row)) {
            let expected = expected(intercept, weights, self.rows.of(row));
            let squares = expected.iter().zip(self.vectors.row(row)).map(|(a, b)| f64::from(a - b).powi(2));
            error += f64::from(*weight) * squares.sum::<f64>();
        }
        error
    }
}

impl Sums {
    /// Intercept and weights under a ridge, which leaves the intercept free.
    fn solve(&self, ridge: f64) -> Result<Solved> {
        let (p, d) = (self.features.len(), self.vectors.len());
        let mean = |sum: &f64| sum / self.weight;
        let (feature_means, vector_means): (Vec<f64>, Vec<f64>) =
            (self.features.iter().map(mean).collect(), self.vectors.iter().map(mean).collect());
        let mut weights = Array2::zeros((p, d));
        let mut intercept = vector_means.clone();
        if p > 0 {
            let gram = Mat::from_fn(p, p, |a, b| {
                let diagonal = if a == b { ridge } else { 0.0 };
                self.gram[(a, b)] - self.features[a] * feature_means[b] + diagonal
            });
            let products =
                Mat::from_fn(p, d, |a, c| self.products[(a, c)] - self.features[a] * vector_means[c]);
            let factor = gram.llt(Side::Lower);
            let factor = factor.map_err(|_| Error::NotPositiveDefinite { what: "the attributes" })?;
            let solved = factor.solve(&products);
            for (column, intercept) in intercept.iter_mut().enumerate() {
                for (feature, mean) in feature_means.iter().enumerate() {
                    *intercept -= mean * solved[(feature, column)];
                    weights[(feature, column)] = solved[(feature, column)] as f32;
                }
            }
        }
        Ok((intercept.into_iter().map(|value| value as f32).collect(), weights))
    }
}

pub(crate) fn expected(intercept: &[f32], weights: &Array2<f32>, features: &[Feature]) -> Vec<f32> {
    let mut vector = intercept.to_vec();
    for &(feature, value) in features.iter().filter(|(feature, _)| (*feature as usize) < weights.nrows()) {
        for (sum, weight) in vector.iter_mut().zip(weights.row(feature as usize)) {
            *sum += value * weight;
        }
    }
    vector
}

impl Prior {
    /// Takes parts that were made before, from a release.
    ///
    /// # Errors
    /// [`Error::Shape`] when they do not fit each other; [`Error::Unreadable`] for features that contradict themselves;
    /// [`Error::NotFinite`] for a NaN or an infinity.
    pub fn from_parts(features: Features, intercept: Vec<f32>, weights: Array2<f32>) -> Result<Self> {
        if weights.dim() != (features.len(), intercept.len()) {
            return Err(Error::Shape {
                what: "a prior".into(),
                expected: format!("{} features × {} dimensions", features.len(), intercept.len()),
                found: format!("{:?}", weights.dim()),
            });
        }
        if !features.are_sound() {
            return Err(Error::Unreadable {
                part: "the features of a prior".into(),
                reason: "some stand for nothing, for two things, or for numbers without spread".into(),
            });
        }
        match intercept.iter().chain(&weights).position(|number| !number.is_finite()) {
            Some(at) => Err(Error::NotFinite { what: "a prior", at: format!("number {at}") }),
            None => Ok(Self { features, intercept, weights }),
        }
    }

    /// What the numbers of a row stand for.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// The vector of a row without features, and what each feature adds to it.
    pub fn parts(&self) -> (&[f32], &Array2<f32>) {
        (&self.intercept, &self.weights)
    }

    /// The expected vector of a row of features.
    pub fn of(&self, features: &[Feature]) -> Vec<f32> {
        expected(&self.intercept, &self.weights, features)
    }

    /// The length of the vectors.
    pub fn dimensions(&self) -> usize {
        self.intercept.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::{Payload, PayloadValue};

    #[test]
    fn a_prior_finds_the_vectors_that_attributes_determine_and_ignores_rows_without_weight() {
        let attributes = |row: usize| {
            let town = ["Nice", "Lyon", "Lille"][row % 3];
            Payload::from([
                ("town".to_owned(), PayloadValue::Text(town.into())),
                ("age".to_owned(), PayloadValue::Number((row % 7) as f64)),
            ])
        };
        let payloads: Vec<Payload> = (0..300).map(attributes).collect();
        let vector = |row: usize| [(row % 3) as f32, 2.0 * (row % 7) as f32 - 1.0];
        let noise = |row: usize| if row.is_multiple_of(10) { 1e3 } else { 0.0 };
        let vectors = Array2::from_shape_fn((300, 2), |(row, column)| vector(row)[column] + noise(row));
        let weights: Vec<f32> =
            (0..300usize).map(|row| if row.is_multiple_of(10) { 0.0 } else { 1.0 }).collect();
        let params = PriorParams { ridges: [1e-6, 1.0, 10.0, 100.0, 1000.0], ..Default::default() };
        let features = params.features(payloads.iter());
        let rows: FeatureRows = payloads.iter().map(|payload| features.row(payload)).collect();
        let prior = params.check().unwrap().fit(features, &rows, &vectors.view(), &weights).unwrap();
        for row in 0..300 {
            for (found, wanted) in prior.of(rows.of(row)).iter().zip(vector(row)) {
                assert!((found - wanted).abs() < 1e-3, "row {row}: {found} {wanted}");
            }
        }
        let (intercept, weights) = prior.parts();
        let again = Prior::from_parts(prior.features().clone(), intercept.to_vec(), weights.clone());
        assert_eq!(again.unwrap(), prior);
    }
}

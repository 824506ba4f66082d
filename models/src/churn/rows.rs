//! What a classifier is learned from and judged on.

use crate::error::{Error, Result};

/// Rows of numbers with an answer each: yes or no. Borrowed, row-major, without a NaN or an infinity.
///
/// What is not known must be encoded by whoever makes the rows, for example as 0 beside a feature that says "unknown".
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    n_features: usize,
    values: &'a [f32],
    labels: &'a [bool],
    weights: Option<&'a [f32]>,
    groups: Option<&'a [u32]>,
}

/// Rows of each answer below which nothing can be learned, whatever the method.
pub(crate) const LEAST_OF_EACH: usize = 10;

impl<'a> Rows<'a> {
    /// Takes rows × `n_features` numbers and an answer per row.
    ///
    /// # Errors
    /// [`Error::Empty`] without rows or features; [`Error::Shape`] when the lengths do not fit; [`Error::NotFinite`]
    /// with the row and column of a NaN or an infinity.
    pub fn new(n_features: usize, values: &'a [f32], labels: &'a [bool]) -> Result<Self> {
        if n_features == 0 || labels.is_empty() {
            return Err(Error::Empty {
                what: "the table of features",
                remedy: "give at least one row and one feature",
            });
        }
        require_shape("the features", values.len(), labels.len() * n_features)?;
        require_finite(values, n_features)?;
        Ok(Self { n_features, values, labels, weights: None, groups: None })
    }

    /// Gives each row an importance; 1 where this is not called.
    ///
    /// # Errors
    /// [`Error::Shape`] for another number of weights than rows; [`Error::OutOfRange`] for one that is not above 0.
    pub fn with_weights(self, weights: &'a [f32]) -> Result<Self> {
        require_shape("the weights of the rows", weights.len(), self.len())?;
        for weight in weights {
            let holds = weight.is_finite() && *weight > 0.0;
            crate::error::require(holds, "weight of a row", weight, "a number above 0")?;
        }
        Ok(Self { weights: Some(weights), ..self })
    }

    /// Says which rows belong together, usually those of one customer: they are never on both sides of a fold, and
    /// intervals draw them together. Every row is a group of its own where this is not called.
    ///
    /// # Errors
    /// [`Error::Shape`] for another number of groups than rows.
    pub fn with_groups(self, groups: &'a [u32]) -> Result<Self> {
        require_shape("the groups of the rows", groups.len(), self.len())?;
        Ok(Self { groups: Some(groups), ..self })
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Never true: rows without a row are refused.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Numbers per row.
    pub fn n_features(&self) -> usize {
        self.n_features
    }

    /// All numbers, row after row.
    pub fn values(&self) -> &'a [f32] {
        self.values
    }

    /// The answers.
    pub fn labels(&self) -> &'a [bool] {
        self.labels
    }

    /// The numbers of a row.
    pub fn row(&self, row: usize) -> &'a [f32] {
        &self.values[row * self.n_features..][..self.n_features]
    }

    /// The importance of a row.
    pub fn weight(&self, row: usize) -> f64 {
        self.weights.map_or(1.0, |weights| f64::from(weights[row]))
    }

    /// The group of a row.
    pub fn group(&self, row: usize) -> u32 {
        self.groups.map_or(row as u32, |groups| groups[row])
    }

    /// Each row's place among the distinct groups, in their order, and how many groups there are.
    pub(super) fn group_places(&self) -> (Vec<u32>, usize) {
        let mut distinct: Vec<u32> = (0..self.len()).map(|row| self.group(row)).collect();
        distinct.sort_unstable();
        distinct.dedup();
        let place = |row: usize| distinct.partition_point(|group| *group < self.group(row)) as u32;
        ((0..self.len()).map(place).collect(), distinct.len())
    }

    /// Refuses rows that hold too few of an answer to learn what goes with it.
    pub(super) fn require_both_answers(&self, what: &'static str) -> Result<()> {
        let yes = self.labels.iter().filter(|label| **label).count();
        let no = self.len() - yes;
        if yes.min(no) >= LEAST_OF_EACH {
            return Ok(());
        }
        Err(Error::Shape {
            what: what.into(),
            expected: format!(
                "at least {LEAST_OF_EACH} that are true and {LEAST_OF_EACH} that are false (give more customers, a \
                 longer history, or a horizon within which some answer either way)"
            ),
            found: format!("{yes} that are true and {no} that are false"),
        })
    }
}

/// Refuses a NaN or an infinity, naming its row and column, both from 0.
pub(super) fn require_finite(values: &[f32], n_features: usize) -> Result<()> {
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(at) => Err(Error::NotFinite {
            what: "the features",
            at: format!("row {}, column {}", at / n_features, at % n_features),
        }),
    }
}

/// Refuses a wrong number of numbers.
pub(super) fn require_shape(what: &str, found: usize, expected: usize) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    Err(Error::Shape {
        what: what.into(),
        expected: format!("{expected} numbers"),
        found: format!("{found} numbers"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_do_not_hold_together_are_refused_by_name() {
        let text = |result: Result<Rows<'_>>| result.unwrap_err().to_string();
        assert!(text(Rows::new(2, &[], &[])).contains("at least one row"));
        assert!(text(Rows::new(2, &[1.0, 2.0, 3.0], &[true, false])).contains("4 numbers"));
        let holed = [1.0, 2.0, 3.0, f32::NAN];
        assert!(text(Rows::new(2, &holed, &[true, false])).contains("row 1, column 1"));
        let rows = Rows::new(1, &[1.0, 2.0], &[true, false]).unwrap();
        assert!(text(rows.with_weights(&[1.0, 0.0])).contains("above 0, but is 0"));
        assert!(text(rows.with_groups(&[1])).contains("2 numbers"));
        assert!(rows.require_both_answers("the answers").unwrap_err().to_string().contains("longer history"));
    }

    #[test]
    fn rows_of_a_group_have_its_place() {
        let rows = Rows::new(1, &[0.0; 4], &[true; 4]).unwrap().with_groups(&[9, 2, 9, 5]).unwrap();
        assert_eq!(rows.group_places(), (vec![2, 0, 2, 1], 3));
    }
}

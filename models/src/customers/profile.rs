//! Where customers stand among each other: one vector each, in the space of taste.
//!
//! A ridge from what is declared and what acts come to (the columns of the feature set) to the strongest axes of the
//! factorisation says where people like this one stand. What they did with items says it of themselves: with n items
//! of their own they are n / (n + k) their own taste, the law of cold start. Vectors have length 1, so that the nearest
//! are those of the most similar direction.

use crate::attributes::{FeatureRows, PriorParams, expected};
use crate::error::{Error, Result, require};
use crate::segments::{Portrait, PortraitParams, Portraits, Scaling, distinguishing};
use ndarray::{Array2, ArrayView2, s};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// What a user may set.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProfileParams {
    /// The length of a customer's vector: the strongest axes of taste.
    pub dimensions: usize,
    /// The typical portraits.
    pub portraits: PortraitParams,
}

impl Default for ProfileParams {
    fn default() -> Self {
        Self { dimensions: 32, portraits: PortraitParams::default() }
    }
}

/// Parameters in range.
#[derive(Clone, Copy, Debug)]
pub struct ValidProfileParams(ProfileParams);

impl ProfileParams {
    /// # Errors
    /// [`Error::OutOfRange`] for vectors without length or of more than 1,024 dimensions.
    pub fn check(self) -> Result<ValidProfileParams> {
        let dimensions = self.dimensions;
        require((1..=1_024).contains(&dimensions), "profile.dimensions", dimensions, "between 1 and 1024")?;
        self.portraits.check()?;
        Ok(ValidProfileParams(self))
    }
}

/// A group of customers, as one would describe it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TypicalPortrait {
    /// The share of all customers that are nearest to it.
    pub share: f64,
    /// The items that its taste likes most, best first: their indexes in the release.
    pub items: Vec<u32>,
    /// What tells it from all others most: the column of the feature set, and by how many standard deviations.
    pub traits: Vec<(String, f32)>,
}

/// Customers' vectors, and the typical portraits among them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    scaling: Scaling,
    intercept: Vec<f32>,
    weights: Array2<f32>,
    /// Own items that a profile is worth.
    profile_items: f32,
    portraits: Portraits,
    /// The portraits, described.
    pub typical: Vec<TypicalPortrait>,
}

/// Where a customer stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// Their vector, of length 1.
    pub vector: Vec<f32>,
    /// The nearest typical portrait.
    pub portrait: usize,
    /// How far it is.
    pub distance: f32,
}

/// What profiles are learned from: one row per customer in all of them.
pub struct ProfileTable<'a> {
    /// The feature set's columns.
    pub rows: ArrayView2<'a, f32>,
    /// Vectors in the factorisation, the strongest axis first.
    pub taste: ArrayView2<'a, f32>,
    /// How many items each vector rests on; one of 0 says nothing.
    pub n_items: &'a [usize],
    /// The names of the columns.
    pub names: &'a [String],
    /// Own items that a profile is worth.
    pub profile_items: f32,
}

/// Items from which on a vector says nearly all that it can.
const TELLING_ITEMS: f32 = 5.0;

impl ValidProfileParams {
    /// Learns where people stand; `item_factors` are items × factors, to describe portraits by.
    ///
    /// # Errors
    /// [`Error::Empty`] without customers who did anything; otherwise as the ridge and the portraits.
    pub fn fit(&self, table: &ProfileTable<'_>, item_factors: &ArrayView2<'_, f32>) -> Result<Profile> {
        let d = self.0.dimensions.min(table.taste.ncols());
        if table.rows.nrows() == 0 {
            return Err(Error::Empty {
                what: "the table of customers",
                remedy: "give a history with purchases",
            });
        }
        let taste = table.taste.slice(s![.., ..d]);
        let scaling = Scaling::learn(&table.rows)?;
        let rows = table.rows.outer_iter().map(|row| scaling.standardise(&row.to_vec()));
        let standardised: Vec<Vec<f32>> = rows.collect::<Result<_>>()?;
        let features: FeatureRows = standardised.iter().map(|row| sparse(row)).collect();
        let weight = |n: &usize| *n as f32 / (*n as f32 + TELLING_ITEMS);
        let row_weights: Vec<f32> = table.n_items.iter().map(weight).collect();
        let (intercept, weights) =
            PriorParams::default().check()?.solve(table.rows.ncols(), &features, &taste, &row_weights)?;
        let profile_items = table.profile_items.max(LEAST_PROFILE_ITEMS);
        let vectors: Vec<Vec<f32>> = (0..features.len())
            .into_par_iter()
            .map(|at| {
                let n_items = table.n_items[at] as f32;
                let own_share = n_items / (n_items + profile_items);
                blend(expected(&intercept, &weights, features.of(at)), &taste.row(at).to_vec(), own_share)
            })
            .collect::<Result<_>>()?;
        let vectors = Array2::from_shape_fn((features.len(), d), |(row, column)| vectors[row][column]);
        let portraits = self.0.portraits.check()?.fit(&vectors.view(), None)?;
        let typical = describe(&portraits, &vectors, &standardised, table, item_factors)?;
        Ok(Profile { scaling, intercept, weights, profile_items, portraits, typical })
    }
}

/// A profile is worth at least so many items: else nobody without history would stand anywhere.
const LEAST_PROFILE_ITEMS: f32 = 0.01;

/// A vector of length 1 between what is expected and what is their own.
fn blend(mut vector: Vec<f32>, own: &[f32], own_share: f32) -> Result<Vec<f32>> {
    for (at, value) in vector.iter_mut().enumerate() {
        *value = own_share * own.get(at).copied().unwrap_or_default() + (1.0 - own_share) * *value;
    }
    let length = vector.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt() as f32;
    if !length.is_finite() {
        return Err(Error::NotFinite { what: "the vector of a customer", at: "its length".into() });
    }
    if length > 0.0 {
        vector.iter_mut().for_each(|value| *value /= length);
    }
    Ok(vector)
}

fn sparse(row: &[f32]) -> Vec<(u32, f32)> {
    row.iter()
        .enumerate()
        .filter(|(_, value)| **value != 0.0)
        .map(|(at, value)| (at as u32, *value))
        .collect()
}

/// How many items a portrait is described by.
const TYPICAL_ITEMS: usize = 5;

/// What the groups of portraits like, and what tells them apart.
fn describe(
    portraits: &Portraits,
    vectors: &Array2<f32>,
    standardised: &[Vec<f32>],
    table: &ProfileTable<'_>,
    item_factors: &ArrayView2<'_, f32>,
) -> Result<Vec<TypicalPortrait>> {
    let groups: Vec<Option<usize>> = vectors
        .outer_iter()
        .map(|vector| Ok(portraits.nearest(&vector.to_vec())?.map(|nearest| nearest.group)))
        .collect::<Result<_>>()?;
    let placed = groups.iter().flatten().count().max(1);
    let describe = |(group, portrait): (usize, &Portrait)| {
        let members: Vec<usize> =
            groups.iter().enumerate().filter(|(_, of)| **of == Some(group)).map(|(row, _)| row).collect();
        let mean = |column: usize| {
            let sum: f32 = members.iter().map(|row| standardised[*row][column]).sum();
            sum / members.len().max(1) as f32
        };
        let means: Vec<f32> = (0..table.names.len()).map(mean).collect();
        let traits = distinguishing(table.names, &means);
        TypicalPortrait {
            share: members.len() as f64 / placed as f64,
            items: liked(&portrait.centre, item_factors),
            traits: traits.into_iter().map(|found| (found.feature, found.deviations)).collect(),
        }
    };
    Ok(portraits.all().iter().enumerate().map(describe).collect())
}

/// The items whose direction is most like a vector's, among those of more than the mean length: a name that few know
/// describes nobody.
fn liked(centre: &[f32], item_factors: &ArrayView2<'_, f32>) -> Vec<u32> {
    let length = |row: &[f32]| row.iter().map(|x| x * x).sum::<f32>().sqrt();
    let rows: Vec<Vec<f32>> =
        item_factors.outer_iter().map(|row| row.iter().take(centre.len()).copied().collect()).collect();
    let mean = rows.iter().map(|row| length(row)).sum::<f32>() / rows.len().max(1) as f32;
    let mut scored: Vec<(f32, u32)> = rows
        .iter()
        .enumerate()
        .filter(|(_, row)| length(row) >= mean && mean > 0.0)
        .map(|(item, row)| {
            (row.iter().zip(centre).map(|(a, b)| a * b).sum::<f32>() / length(row), item as u32)
        })
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    scored.into_iter().take(TYPICAL_ITEMS).map(|(_, item)| item).collect()
}

impl Profile {
    /// Where a customer stands: by the row of their feature set, and what is their own in the factorisation, which rests
    /// on `n_items` items. Nothing where both say nothing.
    ///
    /// # Errors
    /// [`Error::Shape`] for a row of another feature set; [`Error::NotFinite`] for a NaN or an infinity.
    pub fn place(&self, row: &[f32], own: &[f32], n_items: usize) -> Result<Option<Place>> {
        let expected = expected(&self.intercept, &self.weights, &sparse(&self.scaling.standardise(row)?));
        let own_share = n_items as f32 / (n_items as f32 + self.profile_items);
        let vector = blend(expected, own, own_share)?;
        let nearest = self.portraits.nearest(&vector)?;
        Ok(nearest.map(|nearest| Place { vector, portrait: nearest.group, distance: nearest.distance }))
    }

    /// The length of the vectors.
    pub fn dimensions(&self) -> usize {
        self.intercept.len()
    }

    /// Refuses a profile that does not fit a feature set.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::NotFinite`].
    pub fn check(&self, n_features: usize) -> Result<()> {
        let found = (self.scaling.features(), self.weights.dim());
        let expected = (n_features, (n_features, self.dimensions()));
        if found != expected || self.typical.len() != self.portraits.all().len() {
            return Err(Error::Shape {
                what: "the profile of customers".into(),
                expected: format!("{expected:?}"),
                found: format!("{found:?} and {} portraits", self.typical.len()),
            });
        }
        let numbers = self.intercept.iter().chain(&self.weights);
        match numbers.chain([&self.profile_items]).position(|number| !number.is_finite()) {
            Some(at) => {
                Err(Error::NotFinite { what: "the profile of customers", at: format!("number {at}") })
            }
            None => require(self.profile_items > 0.0, "profile_items", self.profile_items, "above 0"),
        }
    }
}

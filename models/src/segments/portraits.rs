//! Portraits: for each group of an embedding the real customer who stands for it, the medoid nearest the centre.
//!
//! Groups are given, or found by k-means. Names come later, from what distinguishes a group ([`distinguishing`]).

use super::lloyd::{Geometry, Nearest, Rows, Search, nearest, require_numbers, require_row, sample};
use crate::error::{Error, Result, require};
use ndarray::{ArrayView1, ArrayView2};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// What a user may set.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PortraitParams {
    /// Groups to look for, where none are given.
    pub groups: usize,
    /// What nearness means. Embeddings compared by their cosine are spherical.
    pub geometry: Geometry,
    /// The most customers to look for groups among, drawn by chance.
    pub sample_rows: usize,
    /// Starts of the search for groups.
    pub restarts: usize,
    /// Of the sample and the starts.
    pub seed: u64,
}

impl Default for PortraitParams {
    fn default() -> Self {
        Self { groups: 8, geometry: Geometry::Spherical, sample_rows: 20_000, restarts: 4, seed: 1 }
    }
}

/// Parameters in range.
#[derive(Clone, Copy, Debug)]
pub struct ValidPortraitParams(PortraitParams);

impl PortraitParams {
    /// # Errors
    /// [`Error::OutOfRange`] for no group or more than 1000, and nothing to draw or start.
    pub fn check(self) -> Result<ValidPortraitParams> {
        require((1..=1000).contains(&self.groups), "portraits.groups", self.groups, "from 1 to 1000")?;
        require(self.sample_rows >= 100, "portraits.sample_rows", self.sample_rows, "at least 100")?;
        require((1..=100).contains(&self.restarts), "portraits.restarts", self.restarts, "from 1 to 100")?;
        Ok(ValidPortraitParams(self))
    }
}

/// The portraits of all groups.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct Portraits(Parts);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parts {
    geometry: Geometry,
    portraits: Vec<Portrait>,
}

/// A group and the customer who stands for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Portrait {
    /// The middle of the group; a direction of length 1 where geometry is spherical.
    pub centre: Vec<f32>,
    /// The row of the customer nearest to it.
    pub medoid: usize,
    /// Customers in the group.
    pub size: usize,
    /// Their mean distance from the centre.
    pub radius: f32,
}

impl ValidPortraitParams {
    /// Learns from customers × dimensions, in the groups given (one label for each customer, from 0 without gaps) or in
    /// those found, of which there are fewer than asked for when fewer customers differ.
    ///
    /// Where geometry is spherical, vectors of length 0 point nowhere and belong to no group.
    ///
    /// # Errors
    /// [`Error::Empty`] without vectors, or for a group without customers; [`Error::NotFinite`] for a NaN or an infinity;
    /// [`Error::OutOfRange`] beyond ±1e15; [`Error::Shape`] when labels and vectors differ in number.
    pub fn fit(&self, vectors: &ArrayView2<'_, f32>, labels: Option<&[usize]>) -> Result<Portraits> {
        require_numbers(vectors, "the vectors of customers")?;
        let geometry = self.0.geometry;
        if let Some(labels) = labels {
            if labels.len() != vectors.nrows() {
                let (expected, found) = (vectors.nrows().to_string(), labels.len().to_string());
                return Err(Error::Shape { what: "the labels of portraits".into(), expected, found });
            }
            let centres = centres_of(vectors, labels, geometry)?;
            return portraits(vectors, &centres, geometry, |row, vector| Nearest {
                group: labels[row],
                distance: nearest(std::iter::once(centres.row(labels[row])), vector).distance,
            });
        }
        let mut rows = Rows::new(vectors.ncols());
        for row in sample(vectors.nrows(), self.0.sample_rows, self.0.seed) {
            if let Some(vector) = placed(&vectors.row(row), geometry) {
                rows.push(&vector);
            }
        }
        let PortraitParams { groups, restarts, seed, .. } = self.0;
        let centres = Search { k: groups, geometry, restarts, seed }.partition(&rows).centres;
        portraits(vectors, &centres, geometry, |_, vector| nearest(centres.iter(), vector))
    }
}

/// A vector where it is compared: as it is, or its direction; nothing for a vector that points nowhere.
fn placed(vector: &ArrayView1<'_, f32>, geometry: Geometry) -> Option<Vec<f32>> {
    let length = vector.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
    match geometry {
        Geometry::Plain => Some(vector.to_vec()),
        Geometry::Spherical if length > 0.0 => {
            Some(vector.iter().map(|value| (f64::from(*value) / length) as f32).collect())
        }
        Geometry::Spherical => None,
    }
}

fn centres_of(vectors: &ArrayView2<'_, f32>, labels: &[usize], geometry: Geometry) -> Result<Rows> {
    let groups = labels.iter().max().map_or(0, |last| last.saturating_add(1));
    require(
        groups <= vectors.nrows(),
        "the labels of portraits",
        groups - 1,
        "below the number of customers",
    )?;
    let mut rows = Rows::new(vectors.ncols());
    let mut placed_labels = Vec::new();
    for (vector, &label) in vectors.rows().into_iter().zip(labels) {
        if let Some(vector) = placed(&vector, geometry) {
            rows.push(&vector);
            placed_labels.push(label);
        }
    }
    Ok(Rows::means(&rows, &placed_labels, groups, geometry))
}

/// One portrait for each centre, from every customer's group and distance.
fn portraits(
    vectors: &ArrayView2<'_, f32>,
    centres: &Rows,
    geometry: Geometry,
    group_of: impl Fn(usize, &[f32]) -> Nearest + Sync,
) -> Result<Portraits> {
    let placed_in = |row| placed(&vectors.row(row), geometry).map(|vector| (row, group_of(row, &vector)));
    let members: Vec<Option<(usize, Nearest)>> =
        (0..vectors.nrows()).into_par_iter().map(placed_in).collect();
    let mut groups = vec![Members::default(); centres.len()];
    for (row, nearest) in members.into_iter().flatten() {
        groups[nearest.group].add(row, nearest.distance);
    }
    let portrait = |(centre, members): (&[f32], Members)| {
        let remedy = "number groups from 0 without gaps, each with a vector that is not all 0";
        let (medoid, _) = members.nearest.ok_or(Error::Empty { what: "a group of portraits", remedy })?;
        let radius = (members.distances / members.size as f64) as f32;
        Ok(Portrait { centre: centre.to_vec(), medoid, size: members.size, radius })
    };
    let portraits = centres.iter().zip(groups).map(portrait).collect::<Result<Vec<_>>>()?;
    if portraits.is_empty() {
        return Err(Error::Empty { what: "the set of portraits", remedy: "give vectors that are not all 0" });
    }
    Ok(Portraits(Parts { geometry, portraits }))
}

/// What is gathered of a group.
#[derive(Clone, Default)]
struct Members {
    size: usize,
    distances: f64,
    nearest: Option<(usize, f32)>,
}

impl Members {
    fn add(&mut self, row: usize, distance: f32) {
        self.size += 1;
        self.distances += f64::from(distance);
        if self.nearest.is_none_or(|(_, before)| distance < before) {
            self.nearest = Some((row, distance));
        }
    }
}

impl Portraits {
    /// The portrait of a vector, the first of equally near ones, and how far from its centre it is; nothing for a vector
    /// of length 0 where geometry is spherical.
    ///
    /// # Errors
    /// [`Error::Shape`] for another length; [`Error::NotFinite`] for a NaN or an infinity; [`Error::OutOfRange`] beyond
    /// ±1e15.
    pub fn nearest(&self, vector: &[f32]) -> Result<Option<Nearest>> {
        let dimensions = self.0.portraits.first().map_or(0, |portrait| portrait.centre.len());
        require_row(vector, dimensions, "the vector of a customer")?;
        let centres = || self.0.portraits.iter().map(|portrait| portrait.centre.as_slice());
        let placed = placed(&ArrayView1::from(vector), self.0.geometry);
        Ok(placed.map(|vector| nearest(centres(), &vector)))
    }

    /// All of them: of the groups given in their order, of those found the largest first.
    pub fn all(&self) -> &[Portrait] {
        &self.0.portraits
    }
}

impl TryFrom<Parts> for Portraits {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        let unreadable = |reason| Err(Error::Unreadable { part: "portraits".into(), reason });
        let Some(first) = parts.portraits.first() else { return unreadable("there is none".into()) };
        let dimensions = first.centre.len();
        for (at, portrait) in parts.portraits.iter().enumerate() {
            if dimensions == 0 || require_row(&portrait.centre, dimensions, "the centre").is_err() {
                return unreadable(format!("centre {at} should be {dimensions} finite numbers"));
            }
            if portrait.size == 0 || !(portrait.radius.is_finite() && portrait.radius >= 0.0) {
                return unreadable(format!("portrait {at} should have customers and a radius of 0 or more"));
            }
        }
        Ok(Self(parts))
    }
}

/// A feature in which a group differs from all customers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Distinction {
    /// The feature.
    pub feature: String,
    /// The mean of the group, in deviations from the mean of all; its sign says whether they have more or less.
    pub deviations: f32,
}

/// The up to three features in which a group differs most, the strongest first, from its means on the common scale
/// ([`super::Scaling`]). Means that are 0 or not finite say nothing.
pub fn distinguishing<S: AsRef<str>>(features: &[S], means: &[f32]) -> Vec<Distinction> {
    let tells = |mean: f32| mean.is_finite() && mean != 0.0;
    let mut differing: Vec<(&S, f32)> =
        features.iter().zip(means.iter().copied()).filter(|(_, mean)| tells(*mean)).collect();
    differing.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    let distinction =
        |(feature, deviations): (&S, f32)| Distinction { feature: feature.as_ref().into(), deviations };
    differing.into_iter().take(3).map(distinction).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};

    fn params(geometry: Geometry) -> ValidPortraitParams {
        PortraitParams { groups: 2, geometry, ..Default::default() }.check().unwrap()
    }

    #[test]
    fn a_portrait_is_the_real_customer_nearest_the_middle_of_their_group() {
        let vectors: Array2<f32> =
            array![[0.0, 0.0], [2.0, 0.0], [1.1, 0.0], [0.9, 4.0], [10.0, 10.0], [10.0, 12.0]];
        let found = params(Geometry::Plain).fit(&vectors.view(), None).unwrap();
        let [large, small] = found.all() else { panic!("{found:?}") };
        assert_eq!((large.centre.as_slice(), large.medoid, large.size), ([1.0, 1.0].as_slice(), 2, 4));
        // Both of the small group are 1 from its centre: the first stands for it.
        assert_eq!((small.centre.as_slice(), small.medoid, small.radius), ([10.0, 11.0].as_slice(), 4, 1.0));
        let nearest = found.nearest(&[10.0, 14.0]).unwrap().unwrap();
        assert_eq!(nearest, Nearest { group: 1, distance: 3.0 });

        let given = params(Geometry::Plain).fit(&vectors.view(), Some(&[1, 1, 1, 1, 0, 0])).unwrap();
        assert_eq!(given.all(), [small.clone(), large.clone()]);
        assert!(params(Geometry::Plain).fit(&vectors.view(), Some(&[0, 0, 0, 0, 2, 2])).is_err());

        let text = serde_json::to_string(&found).unwrap();
        assert_eq!(serde_json::from_str::<Portraits>(&text).unwrap(), found);
        assert!(serde_json::from_str::<Portraits>(&text.replace("\"size\":4", "\"size\":0")).is_err());
    }

    #[test]
    fn on_the_sphere_length_does_not_count_and_who_points_nowhere_has_no_portrait() {
        let vectors: Array2<f32> =
            array![[1.0, 0.0], [100.0, 1.0], [0.0, 0.0], [0.0, 3.0], [0.01, 0.9], [7.0, -0.1]];
        let found = params(Geometry::Spherical).fit(&vectors.view(), None).unwrap();
        let sizes: Vec<usize> = found.all().iter().map(|portrait| portrait.size).collect();
        assert_eq!((sizes, found.all()[0].medoid), (vec![3, 2], 0));
        let length = found.all()[1].centre.iter().map(|value| value * value).sum::<f32>();
        assert!((length - 1.0).abs() < 1e-6);
        let group = |vector: &[f32]| found.nearest(vector).unwrap().map(|nearest| nearest.group);
        assert_eq!((group(&[1e-9, 1e-12]), group(&[0.0, 1e9]), group(&[0.0, 0.0])), (Some(0), Some(1), None));
        assert!(found.nearest(&[f32::NAN, 0.0]).is_err());
        assert!(params(Geometry::Spherical).fit(&Array2::zeros((5, 2)).view(), None).is_err());
    }

    #[test]
    fn what_distinguishes_a_group_is_what_lies_farthest_from_the_mean_of_all() {
        let features = ["age", "orders", "returns", "spend", "visits"];
        let found = distinguishing(&features, &[0.0, 1.5, f32::NAN, -2.0, 0.25]);
        let found: Vec<(&str, f32)> =
            found.iter().map(|one| (one.feature.as_str(), one.deviations)).collect();
        assert_eq!(found, [("spend", -2.0), ("orders", 1.5), ("visits", 0.25)]);
    }
}

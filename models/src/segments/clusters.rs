//! Clusters: groups that the data form by themselves, given only where they are stable.
//!
//! k-means on features of one [`Scaling`], for several numbers of groups. A number of groups is stable when partitions
//! found again from resamples agree with it: mean adjusted Rand index of at least 0.8. Among the stable the one with the
//! best silhouette is taken, of equals the smaller. The largest stable number would be no better choice: with many rows
//! even cuts through a single cloud come out alike every time, and the silhouette is what they lose.
//!
//! For the same reason a resample draws only some thousand rows. Stable says that the groups will be met again, not that
//! nature made them; the silhouette, which is stored beside, says how far apart they are.
//!
//! Give features whose differences mean the same everywhere: logarithms of money and counts, shares as they are.

use super::lloyd::{Geometry, Nearest, Partition, Rows, Search, nearest, require_numbers, sample};
use super::scaling::Scaling;
use super::stability::{Resamples, silhouette};
use crate::error::{Error, Result, require};
use ndarray::{ArrayView2, Axis};
use serde::{Deserialize, Serialize};

/// What a user may set.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClusterParams {
    /// The fewest groups to try.
    pub least_clusters: usize,
    /// The most groups to try.
    pub most_clusters: usize,
    /// The mean adjusted Rand index from which a partition is stable.
    pub least_stability: f64,
    /// How often a partition is looked for again.
    pub resamples: usize,
    /// The most customers that each resample draws.
    pub resample_rows: usize,
    /// The most customers to learn from, drawn by chance.
    pub sample_rows: usize,
    /// Starts of each search for a partition.
    pub restarts: usize,
    /// Of samples, resamples and starts.
    pub seed: u64,
}

impl Default for ClusterParams {
    fn default() -> Self {
        Self {
            least_clusters: 2,
            most_clusters: 8,
            least_stability: 0.8,
            resamples: 20,
            resample_rows: 5_000,
            sample_rows: 20_000,
            restarts: 4,
            seed: 1,
        }
    }
}

/// Parameters in range.
#[derive(Clone, Copy, Debug)]
pub struct ValidClusterParams(ClusterParams);

impl ClusterParams {
    /// # Errors
    /// [`Error::OutOfRange`] for fewer than 2 groups, more than 50 or none between, a stability outside (0, 1], and
    /// nothing to resample, draw or start.
    pub fn check(self) -> Result<ValidClusterParams> {
        let (least, most) = (self.least_clusters, self.most_clusters);
        require(least >= 2, "clusters.least_clusters", least, "at least 2")?;
        require((least..=50).contains(&most), "clusters.most_clusters", most, "from the least to 50")?;
        let stability = self.least_stability;
        let in_range = stability > 0.0 && stability <= 1.0;
        require(in_range, "clusters.least_stability", stability, "above 0 and at most 1")?;
        require(
            (1..=1000).contains(&self.resamples),
            "clusters.resamples",
            self.resamples,
            "from 1 to 1000",
        )?;
        require((1..=100).contains(&self.restarts), "clusters.restarts", self.restarts, "from 1 to 100")?;
        let rows =
            [("clusters.resample_rows", self.resample_rows), ("clusters.sample_rows", self.sample_rows)];
        for (name, rows) in rows {
            require(rows >= 100, name, rows, "at least 100")?;
        }
        Ok(ValidClusterParams(self))
    }
}

/// What came of the search; `clusters` is nothing when no number of groups was stable, which is a finding and no error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusterSearch {
    /// The partition taken.
    pub clusters: Option<Clusters>,
    /// Every number of groups tried, from few to many.
    pub tried: Vec<Trial>,
}

/// One number of groups, measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// Groups.
    pub clusters: usize,
    /// The mean adjusted Rand index over resamples.
    pub stability: f64,
    /// How much nearer customers are to their own centre than to the next, from 0 to 1.
    pub silhouette: f64,
}

/// Groups of customers, the largest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct Clusters(Parts);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parts {
    scaling: Scaling,
    /// On the common scale.
    centres: Vec<Vec<f32>>,
    shares: Vec<f64>,
    trial: Trial,
}

/// A number of groups is tried when there are so many customers for each.
const ROWS_PER_CLUSTER: usize = 10;

impl ValidClusterParams {
    /// Looks for stable groups among customers × features.
    ///
    /// Numbers of groups for which there are too few customers, or too few that differ, are not tried.
    ///
    /// # Errors
    /// [`Error::Empty`] without customers or features; [`Error::NotFinite`] for a NaN or an infinity;
    /// [`Error::OutOfRange`] beyond ±1e15.
    pub fn fit(&self, features: &ArrayView2<'_, f32>) -> Result<ClusterSearch> {
        require_numbers(features, "the features of customers")?;
        let chosen = features.select(Axis(0), &sample(features.nrows(), self.0.sample_rows, self.0.seed));
        let scaling = Scaling::learn(&chosen.view())?;
        let mut rows = Rows::new(scaling.features());
        for row in chosen.rows() {
            rows.push(&scaling.standardise(&row.to_vec())?);
        }
        let (mut tried, mut best) = (Vec::new(), None::<(Trial, Partition)>);
        let most = self.0.most_clusters.min(rows.len() / ROWS_PER_CLUSTER);
        for clusters in self.0.least_clusters..=most {
            let Some((trial, partition)) = self.try_with(&rows, clusters)? else { continue };
            tried.push(trial);
            let is_stable = trial.stability >= self.0.least_stability;
            if is_stable && best.as_ref().is_none_or(|(before, _)| trial.silhouette > before.silhouette) {
                best = Some((trial, partition));
            }
        }
        let clusters = best.map(|(trial, partition)| {
            let size = |group: usize| partition.labels.iter().filter(|&&label| label == group).count();
            let shares = (0..trial.clusters).map(|group| size(group) as f64 / rows.len() as f64).collect();
            let centres = partition.centres.iter().map(<[f32]>::to_vec).collect();
            Clusters(Parts { scaling, centres, shares, trial })
        });
        Ok(ClusterSearch { clusters, tried })
    }

    /// Nothing when fewer customers differ than there would be groups.
    fn try_with(&self, rows: &Rows, clusters: usize) -> Result<Option<(Trial, Partition)>> {
        let ClusterParams { restarts, seed, resamples, resample_rows, .. } = self.0;
        let search = Search { k: clusters, geometry: Geometry::Plain, restarts, seed };
        let partition = search.partition(rows);
        if partition.centres.len() < clusters {
            return Ok(None);
        }
        let resamples = Resamples { count: resamples, most_rows: resample_rows };
        let stability = resamples.stability(rows, &partition, &search)?;
        let silhouette = silhouette(rows, &partition.centres);
        Ok(Some((Trial { clusters, stability, silhouette }, partition)))
    }
}

impl Clusters {
    /// The cluster of a customer, the first of equally near ones, and how far from its centre they are.
    ///
    /// # Errors
    /// [`Error::Shape`] for another number of features; [`Error::NotFinite`] for a NaN or an infinity;
    /// [`Error::OutOfRange`] beyond ±1e15.
    pub fn assign(&self, features: &[f32]) -> Result<Nearest> {
        let row = self.0.scaling.standardise(features)?;
        Ok(nearest(self.0.centres.iter().map(Vec::as_slice), &row))
    }

    /// The centre of each cluster on the common scale: means in deviations from that of all, for
    /// [`distinguishing`](super::distinguishing).
    pub fn centres(&self) -> &[Vec<f32>] {
        &self.0.centres
    }

    /// The share of customers in each cluster.
    pub fn shares(&self) -> &[f64] {
        &self.0.shares
    }

    /// The scale on which customers are compared.
    pub fn scaling(&self) -> &Scaling {
        &self.0.scaling
    }

    /// How stable and how far apart the clusters were.
    pub fn trial(&self) -> Trial {
        self.0.trial
    }
}

impl TryFrom<Parts> for Clusters {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        let unreadable = |reason| Err(Error::Unreadable { part: "clusters".into(), reason });
        let (n, features) = (parts.centres.len(), parts.scaling.features());
        if n < 2 || n != parts.shares.len() || n != parts.trial.clusters || features == 0 {
            return unreadable(format!("{n} centres of {features} features do not fit the rest"));
        }
        if let Some(at) = parts.centres.iter().position(|centre| !is_centre(centre, features)) {
            return unreadable(format!("centre {at} should be {features} numbers between -1e6 and 1e6"));
        }
        let Trial { stability, silhouette, .. } = parts.trial;
        let measured = (-1.0..=1.0).contains(&stability) && (0.0..=1.0).contains(&silhouette);
        if !measured || parts.shares.iter().any(|share| !(0.0..=1.0).contains(share)) {
            return unreadable("shares and silhouette should be from 0 to 1, stability from -1 to 1".into());
        }
        Ok(Self(parts))
    }
}

fn is_centre(centre: &[f32], features: usize) -> bool {
    centre.len() == features && centre.iter().all(|value| value.abs() <= 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;
    use rand::rngs::Xoshiro256PlusPlus;
    use rand::{RngExt, SeedableRng};

    /// Roughly normal points around some centres, in turn.
    fn clouds(rows: usize, centres: &[[f32; 3]]) -> Array2<f32> {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(7);
        Array2::from_shape_fn((rows, 3), |(row, column)| {
            let noise: f32 = (0..12).map(|_| random.random::<f32>()).sum::<f32>() - 6.0;
            centres[row % centres.len()][column] + noise
        })
    }

    fn search(features: &Array2<f32>) -> ClusterSearch {
        let params = ClusterParams { sample_rows: 2_000, ..Default::default() };
        params.check().unwrap().fit(&features.view()).unwrap()
    }

    #[test]
    fn clouds_that_are_apart_are_found_and_new_customers_join_them() {
        let centres = [[0.0, 0.0, 0.0], [12.0, 0.0, 0.0], [0.0, 12.0, 0.0], [12.0, 12.0, 12.0]];
        let features = clouds(3_000, &centres);
        let found = search(&features);
        let clusters = found.clusters.clone().unwrap();
        assert_eq!(clusters.trial().clusters, 4, "{:?}", found.tried);
        assert!(clusters.trial().stability > 0.99 && found.tried.len() == 7);
        let labels: Vec<usize> =
            features.rows().into_iter().map(|row| clusters.assign(&row.to_vec()).unwrap().group).collect();
        let truth: Vec<usize> = (0..3_000).map(|row| row % 4).collect();
        assert!(super::super::adjusted_rand(&labels, &truth).unwrap() > 0.99);
        assert!(clusters.assign(&[1.0, 2.0]).is_err());
        assert_eq!(search(&features), found);

        let text = serde_json::to_string(&found).unwrap();
        assert_eq!(serde_json::from_str::<ClusterSearch>(&text).unwrap(), found);
        let broken =
            serde_json::to_string(&clusters).unwrap().replacen("\"shares\":[", "\"shares\":[0.0,", 1);
        assert!(serde_json::from_str::<Clusters>(&broken).is_err());
    }

    #[test]
    fn a_single_round_cloud_has_no_stable_groups_and_its_measures_are_kept() {
        let found = search(&clouds(1_000, &[[0.0; 3]]));
        assert_eq!(found.clusters, None, "{:?}", found.tried);
        assert_eq!(found.tried.len(), 7);
        assert!(found.tried.iter().all(|trial| trial.stability < 0.8));
        let alike = search(&Array2::from_elem((500, 3), 2.0));
        assert_eq!((alike.clusters, alike.tried), (None, vec![]));
    }
}

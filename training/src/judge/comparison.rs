//! Models side by side on several groups.

use models::Result;
use models::measures::{Bootstrap, Interval};
use serde::{Deserialize, Serialize};

/// One measure of several models, ours first, on several groups.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// What is compared, in words.
    pub title: String,
    /// The measure.
    pub measure: String,
    /// What a group is made of: customers, sessions.
    pub whom: String,
    /// The models.
    pub models: Vec<String>,
    /// The groups.
    pub rows: Vec<Compared>,
}

/// The models on one group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compared {
    /// Who they are.
    pub name: String,
    /// How many they are.
    pub size: usize,
    /// The mean of each model.
    pub means: Vec<Interval>,
    /// Ours minus each of the others, paired; empty where they are not paired.
    pub differences: Vec<Interval>,
}

impl Compared {
    /// The row of one group from each model's values, in the same order of members.
    ///
    /// # Errors
    /// As [`Bootstrap::mean`].
    pub(super) fn of(name: impl Into<String>, values: &[Vec<f64>], bootstrap: &Bootstrap) -> Result<Self> {
        let (ours, others) = values.split_first().map_or((&[][..], values), |(ours, rest)| (&ours[..], rest));
        let less = |other: &Vec<f64>| ours.iter().zip(other).map(|(a, b)| a - b).collect::<Vec<_>>();
        Ok(Self {
            name: name.into(),
            size: ours.len(),
            means: values.iter().map(|values| bootstrap.mean(values)).collect::<Result<_>>()?,
            differences: others.iter().map(|other| bootstrap.mean(&less(other))).collect::<Result<_>>()?,
        })
    }
}

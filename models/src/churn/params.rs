//! What a user may set.

use crate::error::{Result, require};
use crate::measures::Bootstrap;
use serde::{Deserialize, Serialize};

/// Which classifiers are fitted; of two, the better one is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compete {
    /// Logistic regression and boosted trees.
    #[default]
    Both,
    /// Logistic regression alone.
    Logistic,
    /// Boosted trees alone.
    Trees,
}

/// Of the logistic regression.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogisticParams {
    /// Weights of the ridge to choose from: the penalty is `ridge/2 · |w|²` beside the sum of log losses, with
    /// features of standard deviation 1.
    pub ridges: Vec<f64>,
}

/// Of the gradient-boosted trees.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TreesParams {
    /// The number of trees; searched where it is not given.
    pub rounds: Option<usize>,
    /// The most trees.
    pub most_rounds: usize,
    /// How much of its own advice each tree adds.
    pub learning_rate: f32,
    /// Depths to choose from: few rows bear shallow trees only.
    pub depths: Vec<usize>,
    /// The least `Σ weight · p(1 − p)` in a leaf.
    pub least_leaf_weight: f32,
    /// Ridge on the values of leaves.
    pub l2: f32,
    /// Rounds without gain after which boosting stops.
    pub patience: usize,
    /// Rows that depth and rounds are searched on, whole groups; the chosen trees are then fitted on all.
    pub search_rows: usize,
}

/// Of the whole classifier.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChurnParams {
    /// Which classifiers are fitted.
    pub compete: Compete,
    /// Of the logistic regression.
    pub logistic: LogisticParams,
    /// Of the boosted trees.
    pub trees: TreesParams,
    /// Parts of cross-validation, whole groups in each.
    pub folds: usize,
    /// Of folds and trees.
    pub seed: u64,
    /// How the interval of the competition is made.
    pub bootstrap: Bootstrap,
}

impl Default for LogisticParams {
    fn default() -> Self {
        Self { ridges: vec![0.1, 1.0, 10.0, 100.0, 1000.0] }
    }
}

impl Default for TreesParams {
    fn default() -> Self {
        Self {
            rounds: None,
            most_rounds: 600,
            learning_rate: 0.05,
            depths: vec![3, 5],
            least_leaf_weight: 2.0,
            l2: 1.0,
            patience: 30,
            search_rows: 20_000,
        }
    }
}

impl Default for ChurnParams {
    fn default() -> Self {
        Self {
            compete: Compete::Both,
            logistic: LogisticParams::default(),
            trees: TreesParams::default(),
            folds: 5,
            seed: 1,
            bootstrap: Bootstrap::default(),
        }
    }
}

/// Parameters in range.
#[derive(Clone, Debug)]
pub struct ValidChurnParams(pub(super) ChurnParams);

impl ChurnParams {
    /// # Errors
    /// [`crate::Error::OutOfRange`] with the parameter, its value and its range.
    pub fn check(self) -> Result<ValidChurnParams> {
        let ridges = &self.logistic.ridges;
        require(!ridges.is_empty(), "churn.logistic.ridges", "empty", "at least one number")?;
        for ridge in ridges {
            let holds = ridge.is_finite() && *ridge > 0.0;
            require(holds, "churn.logistic.ridges", ridge, "numbers above 0")?;
        }
        self.trees.check()?;
        require((2..=20).contains(&self.folds), "churn.folds", self.folds, "from 2 to 20")?;
        self.bootstrap.check()?;
        Ok(ValidChurnParams(self))
    }
}

impl TreesParams {
    fn check(&self) -> Result<()> {
        let positive = |value: f32| value.is_finite() && value > 0.0;
        if let Some(rounds) = self.rounds {
            require((1..=10_000).contains(&rounds), "churn.trees.rounds", rounds, "from 1 to 10000")?;
        }
        let rounds = (1..=10_000).contains(&self.most_rounds);
        require(rounds, "churn.trees.most_rounds", self.most_rounds, "from 1 to 10000")?;
        let rate = positive(self.learning_rate) && self.learning_rate <= 1.0;
        require(rate, "churn.trees.learning_rate", self.learning_rate, "above 0 and at most 1")?;
        require(!self.depths.is_empty(), "churn.trees.depths", "empty", "at least one depth")?;
        for &depth in &self.depths {
            require((1..=12).contains(&depth), "churn.trees.depths", depth, "from 1 to 12")?;
        }
        let leaf = positive(self.least_leaf_weight);
        require(leaf, "churn.trees.least_leaf_weight", self.least_leaf_weight, "a number above 0")?;
        let l2 = self.l2.is_finite() && self.l2 >= 0.0;
        require(l2, "churn.trees.l2", self.l2, "a number of at least 0")?;
        require(self.patience > 0, "churn.trees.patience", self.patience, "at least 1")?;
        let search = self.search_rows >= 1000;
        require(search, "churn.trees.search_rows", self.search_rows, "at least 1000")
    }
}

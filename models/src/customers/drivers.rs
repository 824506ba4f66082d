//! Why a probability is what it is, in words that a person can say aloud.

use super::ChurnModels;
use crate::behaviour::{Facts, FeatureSet, N_FEATURES, Theme};
use crate::segments::Language;
use serde::Serialize;

/// One reason: everything that the features of one theme add to the log odds of leaving.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Driver {
    /// What it is about.
    pub theme: Theme,
    /// What it adds to the log odds, against the average customer; all drivers and the base sum to the margin.
    pub contribution: f64,
    /// Whether it speaks for leaving or for staying.
    pub effect: Effect,
    /// The facts, in words.
    pub text: String,
}

/// Which way a driver points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Leaving is likelier for it.
    RaisesRisk,
    /// Leaving is less likely for it.
    LowersRisk,
}

/// All reasons of one customer.
#[derive(Clone, Debug, PartialEq)]
pub struct Drivers {
    /// The log odds of the average customer.
    pub base: f64,
    /// The log odds of this one, before calibration: the base and all contributions.
    pub margin: f64,
    /// One per theme that says anything, the strongest first, ties in the order of the themes.
    pub drivers: Vec<Driver>,
}

impl ChurnModels {
    /// Why this customer's probability is what it is.
    ///
    /// # Errors
    /// As [`crate::churn::Churn::explain`].
    pub fn drivers(
        &self,
        features: &FeatureSet,
        row: &[f32],
        facts: &Facts,
        language: Language,
    ) -> crate::Result<Drivers> {
        let explanation = self.churn.explain(row)?;
        let mut sums = [0.0; Theme::ALL.len()];
        for (column, contribution) in explanation.contributions.iter().enumerate() {
            sums[features.theme(column) as usize] += contribution;
        }
        let is_declared = row.iter().skip(N_FEATURES).any(|value| *value != 0.0);
        let say = |theme: Theme| match (theme, is_declared, language) {
            (Theme::Declared, false, Language::En) => "nothing is declared of them".to_owned(),
            (Theme::Declared, false, Language::Fr) => "rien n’est déclaré à leur sujet".to_owned(),
            _ => theme.say(facts, language),
        };
        let mut drivers: Vec<Driver> = Theme::ALL
            .iter()
            .zip(sums)
            .filter(|(_, contribution)| *contribution != 0.0)
            .map(|(&theme, contribution)| Driver {
                theme,
                contribution,
                effect: if contribution > 0.0 { Effect::RaisesRisk } else { Effect::LowersRisk },
                text: say(theme),
            })
            .collect();
        drivers.sort_by(|a, b| b.contribution.abs().total_cmp(&a.contribution.abs()));
        Ok(Drivers { base: explanation.base, margin: explanation.margin, drivers })
    }
}

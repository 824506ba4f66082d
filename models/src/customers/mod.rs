//! Everything that is learned of customers, and where one of them stands by it: segment, life-cycle stage, risk of
//! leaving, value.
//!
//! [`CustomerModels`] is what training leaves in a release. [`CustomerModels::standing`] is the one function by which
//! training judges, a release is scored and the service answers.

mod contracts;
mod drivers;
mod habits;
mod profile;
mod score;
mod standing;
mod timing;
mod worth;

pub use contracts::{Contract, ContractAttributes, Contracts};
pub use drivers::{Driver, Drivers, Effect};
pub use habits::{Daypart, Habits, Preference, Week};
pub use profile::{Place, Profile, ProfileParams, ProfileTable, TypicalPortrait, ValidProfileParams};
pub use score::{SCORE_KEYS, Score};
pub use standing::{CLUSTER_FEATURES, ChurnRisk, Refusal, Standing, Subject, cluster_row, intensity};
pub use timing::Timing;
pub use worth::{UNIT, Worth, summary};

use crate::behaviour::FeatureSet;
use crate::churn::Churn;
use crate::error::Result;
use crate::hazard::Hazard;
use crate::payload::{Payload, PayloadValue};
use crate::segments::{Clusters, GridCuts, RfmCuts, ValidStageRules};
use crate::value::{BgNbd, ClvParams, GammaGamma};
use serde::{Deserialize, Serialize};

/// Something that was learned, or why it could not be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Learned<T> {
    /// It was learned.
    Learned(T),
    /// It was not: the reason, and what would suffice.
    Refused(String),
}

impl<T> Learned<T> {
    /// What was learned, if it was.
    pub fn learned(&self) -> Option<&T> {
        match self {
            Self::Learned(learned) => Some(learned),
            Self::Refused(_) => None,
        }
    }

    /// Why it was not learned.
    pub fn refusal(&self) -> Option<&str> {
        match self {
            Self::Learned(_) => None,
            Self::Refused(reason) => Some(reason),
        }
    }

    /// The same of something made of it.
    pub fn map<U>(self, make: impl FnOnce(T) -> U) -> Learned<U> {
        match self {
            Self::Learned(learned) => Learned::Learned(make(learned)),
            Self::Refused(reason) => Learned::Refused(reason),
        }
    }
}

impl<T, E: std::fmt::Display> From<std::result::Result<T, E>> for Learned<T> {
    fn from(result: std::result::Result<T, E>) -> Self {
        match result {
            Ok(learned) => Self::Learned(learned),
            Err(error) => Self::Refused(error.to_string()),
        }
    }
}

/// Which question of leaving is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Setting {
    /// Closures are observed: who closes their contract within the horizon?
    Contractual,
    /// Nobody says goodbye: who does not buy within the horizon?
    NonContractual,
}

/// Who leaves, and when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChurnModels {
    /// Which question is answered.
    pub setting: Setting,
    /// How far ahead, in days.
    pub horizon_days: f64,
    /// Where the dates of contracts stand, where churn is contractual.
    pub contracts: Option<ContractAttributes>,
    /// The probability.
    pub churn: Churn,
    /// When it happens; absent where it could not be fitted.
    pub hazard: Option<Hazard>,
    /// How well probabilities were borne out.
    pub calibration: Calibration,
}

/// How well the probabilities of this release's method were borne out on customers it had not seen.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// Customers judged.
    pub customers: usize,
    /// The mean predicted probability.
    pub predicted: f64,
    /// The share that left.
    pub observed: f64,
    /// The expected calibration error over ten bins of equal size.
    pub ece: f64,
    /// The chance that of two customers, one of whom left, that one had the higher probability.
    pub auc: f64,
}

/// What customers are worth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValueModels {
    /// How often they buy, and whether they still do.
    pub purchases: BgNbd,
    /// What a basket is worth; absent where the history has no money, or no maximum was found.
    pub baskets: Learned<GammaGamma>,
    /// Horizon, discount, currency.
    pub clv: ClvParams,
}

/// The cuts between segments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentModels {
    /// Recency, frequency and money by fifths.
    pub rfm: Learned<RfmCuts>,
    /// Value by intensity, by thirds.
    pub grid: Learned<GridCuts>,
    /// The stages of the life cycle.
    pub stages: ValidStageRules,
    /// Clusters of behaviour, where there are stable ones.
    pub clusters: Learned<Clusters>,
}

/// Everything that was learned of customers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustomerModels {
    /// The attribute of items that says their category: breadth is counted by it.
    pub category_attribute: String,
    /// The attribute of customers that is false where they refused to be profiled: nothing is then computed of them.
    pub consent_attribute: String,
    /// The channels of the history, by number; 0 is the one that is not known.
    pub channels: Vec<String>,
    /// The columns that models see.
    pub features: FeatureSet,
    /// Who leaves, and when.
    pub churn: Learned<ChurnModels>,
    /// What customers are worth.
    pub value: Learned<ValueModels>,
    /// Which segments they form.
    pub segments: SegmentModels,
    /// Where customers stand among each other.
    pub profile: Learned<Profile>,
}

impl CustomerModels {
    /// Refuses models that do not fit each other: what a release is checked by.
    ///
    /// # Errors
    /// [`crate::Error`] naming the part.
    pub fn check(&self) -> Result<()> {
        self.features.rhythm.check()?;
        let shape = |what: &str, found: usize| crate::Error::Shape {
            what: what.into(),
            expected: format!("{} features", self.features.len()),
            found: found.to_string(),
        };
        if !self.features.attributes.are_sound() {
            return Err(crate::Error::Unreadable {
                part: "the features of customers".into(),
                reason: "some stand for nothing, for two things, or for numbers without spread".into(),
            });
        }
        if let Some(models) = self.churn.learned() {
            let found = models.churn.n_features();
            if found != self.features.len() {
                return Err(shape("the model of churn", found));
            }
            if let Some(found) =
                models.hazard.as_ref().map(Hazard::n_features).filter(|n| *n != self.features.len())
            {
                return Err(shape("the model of when", found));
            }
            crate::error::require(
                models.horizon_days > 0.0 && models.horizon_days.is_finite(),
                "horizon_days",
                models.horizon_days,
                "a positive number",
            )?;
        }
        if let Some(profile) = self.profile.learned() {
            profile.check(self.features.len())?;
        }
        Ok(())
    }
}

/// Whether someone's attributes say that they refused to be profiled: the flag of consent is there and false.
pub fn refuses_profiling(attributes: &Payload, consent_attribute: &str) -> bool {
    match attributes.get(consent_attribute) {
        Some(PayloadValue::Flag(consents)) => !consents,
        Some(PayloadValue::Number(number)) => *number == 0.0,
        Some(PayloadValue::Text(word)) => {
            matches!(
                word.trim().to_lowercase().as_str(),
                "false" | "no" | "non" | "0" | "refused" | "withdrawn"
            )
        }
        Some(PayloadValue::Texts(_)) | None => false,
    }
}

//! Where one customer stands as of a moment.

use super::worth::{Worth, summary};
use super::{Contract, CustomerModels};
use crate::attributes::Feature;
use crate::behaviour::{Act, FEATURES, Facts};
use crate::churn::RiskBand;
use crate::events::Timestamp;
use crate::segments::{Cell, Rfm, Situation, Stage, StageReason};

/// What is known of one customer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Subject<'a> {
    /// What they did, oldest first.
    pub acts: &'a [Act],
    /// Their declared attributes, as features of the models' own feature set.
    pub declared: &'a [Feature],
    /// Their contract, where churn is contractual.
    pub contract: Contract,
}

/// How likely a customer leaves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChurnRisk {
    /// The calibrated probability.
    pub probability: f64,
    /// What that means among all.
    pub band: RiskBand,
}

/// Why something is not said of a customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// The release has no such model.
    NotLearned,
    /// They never bought: nothing can end yet.
    NoOrderYet,
    /// They have left already.
    AlreadyClosed,
    /// Their contract has not begun.
    NotBegun,
}

/// Where a customer stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// What their acts come to.
    pub facts: Facts,
    /// The numbers that models saw.
    pub row: Vec<f32>,
    /// The stage of their life cycle.
    pub stage: Stage,
    /// Why it is that one.
    pub reason: StageReason,
    /// What it will be, and in how many days, if nothing happens.
    pub next_stage: Option<(f32, Stage)>,
    /// Recency, frequency and money; absent before the first order.
    pub rfm: Option<Rfm>,
    /// Value by intensity; absent before the first order.
    pub cell: Option<Cell>,
    /// The cluster of their behaviour.
    pub cluster: Option<usize>,
    /// How likely they leave.
    pub churn: Result<ChurnRisk, Refusal>,
    /// What they are worth.
    pub value: Result<Worth, Refusal>,
}

impl CustomerModels {
    /// Where a customer stands as of a moment; acts from then on change nothing.
    pub fn standing(&self, subject: &Subject<'_>, as_of: Timestamp) -> Standing {
        let mut facts = Facts::of(subject.acts, as_of, &self.features.rhythm);
        facts.customer_since(subject.contract.opened, as_of);
        let row = self.features.row(&facts, subject.declared);
        let is_closed = subject.contract.closed.is_some_and(|closed| closed < as_of);
        let situation = Self::situation(&facts, is_closed);
        let stages = &self.segments.stages;
        let (stage, reason) = stages.stage(&situation);
        let value = self.worth(&facts);
        let segmented = facts.orders > 0;
        let rfm = self
            .segments
            .rfm
            .learned()
            .filter(|_| segmented)
            .map(|cuts| cuts.score(facts.silence_days as f32, facts.orders, facts.net()));
        let cell = self.cell(&facts, &value);
        let clusters = self.segments.clusters.learned().filter(|_| segmented);
        Standing {
            stage,
            reason,
            next_stage: stages.next_change(&situation),
            rfm,
            cell,
            cluster: clusters
                .and_then(|clusters| clusters.assign(&cluster_row(&row)).ok())
                .map(|nearest| nearest.group),
            churn: self.risk(&facts, &row, subject, as_of),
            value,
            facts,
            row,
        }
    }

    fn risk(
        &self,
        facts: &Facts,
        row: &[f32],
        subject: &Subject<'_>,
        as_of: Timestamp,
    ) -> Result<ChurnRisk, Refusal> {
        let models = self.churn.learned().ok_or(Refusal::NotLearned)?;
        let Contract { opened, closed } = subject.contract;
        if closed.is_some_and(|closed| closed < as_of) {
            return Err(Refusal::AlreadyClosed);
        }
        let is_contractual = models.contracts.is_some();
        let began = opened.map_or(!subject.acts.is_empty(), |opened| opened < as_of);
        match (is_contractual, began, facts.orders) {
            (true, false, _) => return Err(Refusal::NotBegun),
            (false, _, 0) => return Err(Refusal::NoOrderYet),
            _ => {}
        }
        let probability = models.churn.probability(row).map_err(|_| Refusal::NotLearned)?;
        Ok(ChurnRisk { probability, band: models.churn.band(probability) })
    }

    /// What a customer is worth.
    ///
    /// # Errors
    /// [`Refusal`] without a model, or before the first order.
    pub fn worth(&self, facts: &Facts) -> Result<Worth, Refusal> {
        let models = self.value.learned().ok_or(Refusal::NotLearned)?;
        let summary = summary(facts).ok_or(Refusal::NoOrderYet)?;
        models.worth(&summary).map_err(|_| Refusal::NotLearned)
    }

    /// Value by intensity; nothing before the first order.
    pub fn cell(&self, facts: &Facts, value: &Result<Worth, Refusal>) -> Option<Cell> {
        let cuts = self.segments.grid.learned().filter(|_| facts.orders > 0)?;
        Some(cuts.cell(Self::value_of(facts, value), intensity(facts, self.features.rhythm.gap_days)))
    }

    /// What counts as a customer's value among others: what is expected of them, else what they spent.
    pub fn value_of(facts: &Facts, value: &Result<Worth, Refusal>) -> f64 {
        let money = value.as_ref().ok().and_then(|worth| worth.money);
        money.map_or(facts.net(), |money| money.clv)
    }

    /// What the stage of a customer depends on.
    pub fn situation(facts: &Facts, closed: bool) -> Situation {
        Situation {
            closed,
            orders: facts.orders,
            days_since_first: facts.tenure_days as f32,
            days_since_last: facts.silence_days as f32,
            gap_days: facts.gap_days as f32,
            days_since_complaint: facts.complaint_days.map(|days| days as f32),
        }
    }
}

/// Orders a year, each with the gap that follows it: the latest is taken to be followed by a typical one, so that two
/// orders within a week make no champion.
pub fn intensity(facts: &Facts, gap_days: f64) -> f64 {
    365.25 * f64::from(facts.orders) / (facts.tenure_days + gap_days)
}

/// The columns of the feature set by which customers cluster: few, of different themes, each on a logarithmic scale or a
/// share.
pub const CLUSTER_FEATURES: [&str; 7] =
    ["silence", "order_rate", "basket", "items_per_order", "categories", "discount", "return_share"];

/// A row as clusters see it.
pub fn cluster_row(row: &[f32]) -> Vec<f32> {
    let columns = FEATURES.iter().zip(row);
    columns.filter(|(feature, _)| CLUSTER_FEATURES.contains(&feature.name)).map(|(_, value)| *value).collect()
}

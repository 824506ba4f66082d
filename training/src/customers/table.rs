//! Who is looked at from an origin: what was known of each then, and what happened afterwards.

use super::windows::Windows;
use models::attributes::FeatureRows;
use models::behaviour::{Act, ActKind, Behaviour, Facts, FeatureSet};
use models::churn::Rows;
use models::customers::Contracts;
use models::events::Timestamp;
use models::hazard::Spell;
use models::ids::{CustomerIx, Ix};
use rayon::prelude::*;

/// What customers did and are.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// Their acts.
    pub behaviour: &'a Behaviour,
    /// Their declared attributes as features.
    pub declared: &'a FeatureRows,
    /// Their contracts, where churn is contractual.
    pub contracts: Option<&'a Contracts>,
    /// The columns.
    pub features: &'a FeatureSet,
}

/// One customer seen from an origin.
#[derive(Clone, Debug)]
pub struct Look {
    /// Who.
    pub customer: CustomerIx,
    /// What was known.
    pub facts: Facts,
    /// As a row of the feature set.
    pub row: Vec<f32>,
    /// Whether they left within the horizon.
    pub left: bool,
    /// How long until what is waited for: the next order, or the closure.
    pub spell: Spell,
}

/// What is asked from an origin.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// From when one looks.
    pub origin: Timestamp,
    /// How far ahead.
    pub horizon_days: f64,
    /// Until when answers are known, at least the horizon after the origin.
    pub known_until: Timestamp,
}

impl Windows {
    /// The questions to fit on: their answers are known when the calibration begins.
    pub fn fit_questions(&self) -> impl Iterator<Item = Question> + '_ {
        let Self { horizon_days, calibrate, .. } = *self;
        self.fit.iter().map(move |&origin| Question { origin, horizon_days, known_until: calibrate })
    }

    /// The question to calibrate on.
    pub fn calibration_question(&self) -> Question {
        Question { origin: self.calibrate, horizon_days: self.horizon_days, known_until: self.known_until }
    }
}

impl<'a> Sources<'a> {
    /// The same by other columns.
    pub fn with<'b>(&self, features: &'b FeatureSet) -> Sources<'b>
    where
        'a: 'b,
    {
        Sources { features, ..*self }
    }

    /// Everyone who can leave from the origin on, at most `most` of them, evenly drawn.
    pub fn look(&self, question: Question, most: usize) -> Vec<Look> {
        let at_risk: Vec<CustomerIx> = self
            .behaviour
            .rows()
            .filter(|row| self.is_at_risk(*row, question.origin))
            .map(|row| row.0)
            .collect();
        let every = at_risk.len().div_ceil(most.max(1)).max(1);
        let sample: Vec<CustomerIx> = at_risk.into_iter().step_by(every).collect();
        sample.into_par_iter().map(|customer| self.look_at(customer, question)).collect()
    }

    fn is_at_risk(&self, (customer, acts): (CustomerIx, &[Act]), origin: Timestamp) -> bool {
        match self.contracts {
            Some(contracts) => contracts.is_open(customer, acts, origin),
            None => acts.iter().take_while(|act| act.at < origin).any(|act| act.kind == ActKind::Order),
        }
    }

    fn look_at(&self, customer: CustomerIx, question: Question) -> Look {
        let Question { origin, horizon_days, known_until } = question;
        let acts = self.behaviour.of(customer);
        let mut facts = Facts::of(acts, origin, &self.features.rhythm);
        let known_days = known_until.days_since(origin).max(0.0);
        let days = match self.contracts {
            None => next_order(acts, origin),
            Some(contracts) => {
                facts.customer_since(contracts.opened(customer, acts), origin);
                contracts.of(customer).closed.map(|closed| closed.days_since(origin))
            }
        };
        let days = days.filter(|days| *days < known_days);
        let happened = days.is_some_and(|days| days < horizon_days);
        let spell = Spell { days: days.unwrap_or(known_days) as f32, ended: days.is_some() };
        let row = self.features.row(&facts, self.declared.of(customer.position()));
        Look { customer, facts, row, left: happened == self.contracts.is_some(), spell }
    }
}

/// Days until the first order from the origin on.
fn next_order(acts: &[Act], origin: Timestamp) -> Option<f64> {
    let later = &acts[acts.partition_point(|act| act.at < origin)..];
    later.iter().find(|act| act.kind == ActKind::Order).map(|order| order.at.days_since(origin))
}

/// Looks as rows for a classifier; rows of one customer belong together.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// Columns per row.
    pub n_features: usize,
    /// The rows, one after the other.
    pub values: Vec<f32>,
    /// Whether each left.
    pub labels: Vec<bool>,
    /// Whose row it is.
    pub groups: Vec<u32>,
}

impl Table {
    /// All columns.
    pub fn of<'a>(looks: impl Iterator<Item = &'a Look>) -> Self {
        let mut table = Self::default();
        for look in looks {
            table.n_features = look.row.len();
            table.push(look, &look.row);
        }
        table
    }

    /// One column.
    pub fn of_column<'a>(looks: impl Iterator<Item = &'a Look>, column: usize) -> Self {
        let mut table = Self { n_features: 1, ..Self::default() };
        looks.for_each(|look| table.push(look, &look.row[column..=column]));
        table
    }

    fn push(&mut self, look: &Look, row: &[f32]) {
        self.values.extend_from_slice(row);
        self.labels.push(look.left);
        self.groups.push(look.customer.0);
    }

    /// As a classifier takes them.
    ///
    /// # Errors
    /// As [`Rows::new`].
    pub fn rows(&self) -> models::Result<Rows<'_>> {
        Rows::new(self.n_features, &self.values, &self.labels)?.with_groups(&self.groups)
    }
}

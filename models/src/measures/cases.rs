//! What is judged: customers as they were known at a moment, and what they bought from then on.

use crate::attributes::FeatureRows;
use crate::error::{Error, Result};
use crate::events::{Event, Timestamp};
use crate::ids::{CustomerIx, ItemIx, Ix};
use crate::interactions::{History, Interaction, Interactions, KindWeights};
use ndarray::Array2;

/// One customer who bought something afterwards.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// Who; the history is this row of the interactions.
    pub customer: CustomerIx,
    /// What they bought, sorted, at least one item.
    pub bought: Vec<ItemIx>,
    /// When they first bought something of it.
    pub first_bought: Timestamp,
}

/// Customers with their history and what followed. History and truth cannot overlap: it is checked on the way in.
#[derive(Clone, Debug)]
pub struct Cases<'a> {
    history: &'a Interactions,
    profiles: Option<&'a FeatureRows>,
    vectors: Option<&'a Array2<f32>>,
    as_of: Timestamp,
    cases: Vec<Case>,
}

impl<'a> Cases<'a> {
    /// Pairs the history before `as_of` with the purchases among `afterwards`, net of returns within them.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn from_events(history: &'a Interactions, as_of: Timestamp, afterwards: &[Event]) -> Result<Self> {
        let purchases = KindWeights { purchase: 1.0, basket: 0.0, click: 0.0, view: 0.0 };
        let n_customers = history.n_customers();
        let mut first_bought = vec![None::<Timestamp>; n_customers];
        for event in afterwards {
            let first = first_bought.get_mut(event.customer.0 as usize).ok_or_else(|| Error::Shape {
                what: "events to judge by".into(),
                expected: format!("customers below {n_customers}"),
                found: format!("customer {}", event.customer.0),
            })?;
            *first = Some(first.map_or(event.at, |first| first.min(event.at)));
        }
        let bought = Interactions::from_events(afterwards, n_customers, history.n_items(), &purchases);
        let cases = bought.rows().zip(first_bought).filter_map(|((customer, row), first)| {
            let bought: Vec<ItemIx> = row.iter().map(|interaction| interaction.item).collect();
            (!bought.is_empty()).then_some(Case { customer, bought, first_bought: first? })
        });
        Self::new(history, as_of, cases.collect())
    }

    /// Takes cases made elsewhere.
    ///
    /// # Errors
    /// [`Error::Shape`] when a customer's history reaches the first purchase that it is judged by, when that
    /// purchase is before `as_of` (the moment of which models claim to know no more), or when a case is empty or
    /// its items are not strictly sorted.
    pub fn new(history: &'a Interactions, as_of: Timestamp, cases: Vec<Case>) -> Result<Self> {
        for case in &cases {
            let last = history.row(case.customer).iter().map(|interaction| interaction.last).max();
            if case.first_bought < as_of || last.is_some_and(|last| last >= case.first_bought) {
                return Err(Error::Shape {
                    what: format!("the history of customer {}", case.customer.0),
                    expected: format!(
                        "events before {} only, the first purchase to judge by",
                        case.first_bought.0
                    ),
                    found: format!(
                        "a cut-off at {} and a last event at {:?}",
                        as_of.0,
                        last.map(|last| last.0)
                    ),
                });
            }
            if case.bought.is_empty() || !case.bought.is_sorted_by(|a, b| a < b) {
                return Err(Error::Shape {
                    what: format!("the purchases of customer {}", case.customer.0),
                    expected: "at least one item, strictly sorted".into(),
                    found: format!("{:?}", case.bought),
                });
            }
        }
        Ok(Self { history, profiles: None, vectors: None, as_of, cases })
    }

    /// Keeps the customers with any history.
    pub fn with_history(mut self) -> Self {
        self.cases.retain(|case| !self.history.row(case.customer).is_empty());
        self
    }

    /// Lets models see what the profiles of customers say, in the order of their indexes.
    pub fn with_profiles(self, profiles: &'a FeatureRows) -> Self {
        Self { profiles: Some(profiles), ..self }
    }

    /// Gives items × dimensions vectors by which the diversity of lists is measured, the same for every model.
    pub fn with_vectors(self, vectors: &'a Array2<f32>) -> Self {
        Self { vectors: Some(vectors), ..self }
    }

    /// The vectors by which diversity is measured.
    pub fn vectors(&self) -> Option<&'a Array2<f32>> {
        self.vectors
    }

    /// The customers to judge.
    pub fn cases(&self) -> &[Case] {
        &self.cases
    }

    /// Everybody's history, judged or not.
    pub fn interactions(&self) -> &Interactions {
        self.history
    }

    /// What was known of one customer.
    pub fn history(&self, customer: CustomerIx) -> History<'a> {
        let profile = self.profiles.map_or(&[][..], |profiles| profiles.of(customer.position()));
        History::new(self.history.row(customer), self.as_of).with_profile(profile)
    }
}

/// Whether a history, sorted by item, holds an item.
pub(super) fn owns(history: &[Interaction], item: ItemIx) -> bool {
    history.binary_search_by_key(&item, |interaction| interaction.item).is_ok()
}

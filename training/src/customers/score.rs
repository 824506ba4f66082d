//! Where every customer of the history stands: what a release keeps of each.

use crate::attributes::Attributes;
use models::behaviour::Behaviour;
use models::customers::{
    CustomerModels, Learned, Place, ProfileParams, ProfileTable, Score, Standing, Subject, refuses_profiling,
};
use models::events::Timestamp;
use models::ids::{CustomerIx, Ix};
use models::interactions::Interactions;
use models::payload::Payload;
use models::taste::Taste;
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

/// What customers are scored by.
pub struct Scoring<'a> {
    /// What they did.
    pub behaviour: &'a Behaviour,
    /// What is declared of them.
    pub customers: &'a Attributes,
    /// What they did with items.
    pub interactions: &'a Interactions,
    /// The views of taste.
    pub taste: &'a Taste,
    /// Their vectors in the factorisation: customers × factors.
    pub factors: ArrayView2<'a, f32>,
    /// The moment of the release.
    pub as_of: Timestamp,
}

/// The scores of all customers, and their vectors.
pub struct Scored {
    /// One per customer.
    pub scores: Vec<Score>,
    /// Customers × dimensions; a row of zeros where one stands nowhere.
    pub vectors: Array2<f32>,
}

/// The most customers that profiles are learned from.
const MOST_PLACED: usize = 20_000;

impl Scoring<'_> {
    /// Learns where customers stand among each other, for models that do not know it yet.
    pub fn learn_profile(&self, models: &mut CustomerModels, params: ProfileParams) {
        models.profile = self.profile(models, params).into();
    }

    fn profile(
        &self,
        models: &CustomerModels,
        params: ProfileParams,
    ) -> models::Result<models::customers::Profile> {
        let every = self.behaviour.n_customers().div_ceil(MOST_PLACED).max(1);
        let sample: Vec<usize> = (0..self.behaviour.n_customers()).step_by(every).collect();
        let of = |at: &usize| self.standing(models, CustomerIx::at(*at)).row;
        let rows: Vec<Vec<f32>> = sample.par_iter().map(of).collect();
        let rows =
            Array2::from_shape_fn((rows.len(), models.features.len()), |(row, column)| rows[row][column]);
        let n_items: Vec<usize> =
            sample.iter().map(|at| self.interactions.row(CustomerIx::at(*at)).len()).collect();
        let taste = self.factors.select(ndarray::Axis(0), &sample);
        let table = ProfileTable {
            rows: rows.view(),
            taste: taste.view(),
            n_items: &n_items,
            names: &models.features.names(),
            profile_items: self.taste.blends.profile_items,
        };
        params.check()?.fit(&table, &self.taste.ials.item_factors().view())
    }

    /// Everyone; of those who refused to be profiled nothing is computed.
    ///
    /// # Errors
    /// [`models::Error`] for numbers that are not finite.
    pub fn all(&self, models: &CustomerModels) -> models::Result<Scored> {
        let d = models.profile.learned().map_or(0, models::customers::Profile::dimensions);
        let one = |at: usize| -> models::Result<(Score, Vec<f32>)> {
            let customer = CustomerIx::at(at);
            if refuses(self.customers.payloads.get(at), &models.consent_attribute) {
                return Ok((Score::default(), vec![0.0; d]));
            }
            let standing = self.standing(models, customer);
            let place = self.place(models, customer, &standing)?;
            let score = Score::of(&standing, place.as_ref());
            Ok((score, place.map_or_else(|| vec![0.0; d], |place| place.vector)))
        };
        let scored: Vec<(Score, Vec<f32>)> =
            (0..self.behaviour.n_customers()).into_par_iter().map(one).collect::<models::Result<_>>()?;
        let mut vectors = Array2::zeros((scored.len(), d));
        for (mut row, (_, vector)) in vectors.outer_iter_mut().zip(&scored) {
            row.iter_mut().zip(vector).for_each(|(cell, value)| *cell = *value);
        }
        Ok(Scored { scores: scored.into_iter().map(|(score, _)| score).collect(), vectors })
    }

    fn standing(&self, models: &CustomerModels, customer: CustomerIx) -> Standing {
        let at = customer.position();
        let attributes = models.churn.learned().and_then(|churn| churn.contracts.as_ref());
        let contract = attributes.zip(self.customers.payloads.get(at));
        // What is no day was refused when the contracts were read.
        let contract = contract.and_then(|(attributes, payload)| attributes.read(payload).ok());
        let subject = Subject {
            acts: self.behaviour.of(customer),
            declared: self.customers.rows.of(at),
            contract: contract.unwrap_or_default(),
        };
        models.standing(&subject, self.as_of)
    }

    fn place(
        &self,
        models: &CustomerModels,
        customer: CustomerIx,
        standing: &Standing,
    ) -> models::Result<Option<Place>> {
        let Learned::Learned(profile) = &models.profile else { return Ok(None) };
        let factors = self.factors.row(customer.position());
        profile.place(&standing.row, &factors.to_vec(), self.interactions.row(customer).len())
    }
}

/// Whether someone's attributes say that they refused to be profiled.
fn refuses(attributes: Option<&Payload>, consent_attribute: &str) -> bool {
    attributes.is_some_and(|attributes| refuses_profiling(attributes, consent_attribute))
}

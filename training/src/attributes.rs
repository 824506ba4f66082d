//! What is known of customers and items beside what happened: their attributes, as features.

use models::attributes::{FeatureRows, Features, PriorParams};
use models::ids::{Ix, Vocabulary};
use models::payload::Payload;

/// The attributes of everyone in a vocabulary, in the order of their indexes; empty where there are none.
#[derive(Clone, Debug)]
pub struct Attributes {
    /// As they were read.
    pub payloads: Vec<Payload>,
    /// What is told apart.
    pub features: Features,
    /// As features.
    pub rows: FeatureRows,
}

impl Attributes {
    /// Puts what was read in the order of a vocabulary; what it does not know is left out.
    pub fn new<I: Ix>(params: &PriorParams, ids: &Vocabulary<I>, read: Vec<(String, Payload)>) -> Self {
        let mut payloads = vec![Payload::new(); ids.len()];
        for (id, payload) in read {
            if let Some(ix) = ids.get(&id) {
                payloads[ix.position()] = payload;
            }
        }
        let features = params.features(payloads.iter());
        let rows = payloads.iter().map(|payload| features.row(payload)).collect();
        Self { payloads, features, rows }
    }
}

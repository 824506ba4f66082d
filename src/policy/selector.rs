//! Which offers a rule is about.

use super::facts::OfferFacts;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// How an offer stands to the rules that spare customers.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Everything holds.
    #[default]
    Default,
    /// Comes before all others, but obeys consent and contact pressure.
    Mandatory,
    /// A service message: contact pressure and consent to marketing do not hold for it, and it does not count.
    Transactional,
}

impl Class {
    /// Its word in documents and records.
    pub fn word(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Mandatory => "mandatory",
            Self::Transactional => "transactional",
        }
    }
}

/// Offers by what they are; what is left out does not restrict.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Selector {
    /// One of these ids.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub ids: BTreeSet<String>,
    /// One of these issues.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub issues: BTreeSet<String>,
    /// One of these groups.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub groups: BTreeSet<String>,
    /// One of these classes.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub classes: BTreeSet<Class>,
    /// Regulated, or not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub regulated: Option<bool>,
}

impl Selector {
    /// Whether an offer meets everything that is given.
    pub fn covers(&self, offer: &OfferFacts) -> bool {
        let named = |names: &BTreeSet<String>, name: &str| names.is_empty() || names.contains(name);
        named(&self.ids, &offer.id)
            && named(&self.issues, &offer.issue)
            && named(&self.groups, &offer.group)
            && (self.classes.is_empty() || self.classes.contains(&offer.class))
            && self.regulated.is_none_or(|regulated| regulated == offer.regulated)
    }
}

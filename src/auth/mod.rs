//! Who may do what: API keys, their roles, and the one table from roles to permissions.

mod guard;
mod keys;

pub use guard::{Caller, Guard, Requires};
pub use keys::{Keys, NewKey};

use serde::{Deserialize, Serialize};
use std::fmt::{self, Display};
use std::str::FromStr;

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A shop's site or app: asks for decisions, sends events, keeps items and customers up to date.
    Site,
    /// An advisor's or call centre's desk: decisions and the view of the customer in front of them.
    Advisor,
    /// Campaign tools.
    Campaign,
    /// Runs the service: releases and metrics, no customer data.
    Operator,
    /// Everything.
    Admin,
}

/// Something that a route may require.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Permission {
    /// Ask for recommendations and offers.
    Decide,
    /// Send events and responses.
    WriteEvents,
    /// Read items.
    ReadItems,
    /// Write items.
    WriteItems,
    /// Read what is known of a customer.
    ReadCustomers,
    /// Write customers' attributes.
    WriteCustomers,
    /// Erase a customer.
    EraseCustomers,
    /// Read offers and policies.
    ReadOffers,
    /// Write offers.
    WriteOffers,
    /// Read consents and write them.
    Consents,
    /// Draft, try out, publish and take back policies.
    ManagePolicies,
    /// Read what was decided and what came of it.
    ReadDecisions,
    /// List releases.
    ReadReleases,
    /// Activate a release or roll back.
    ManageReleases,
    /// Read metrics.
    ReadMetrics,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 5] = [Self::Site, Self::Advisor, Self::Campaign, Self::Operator, Self::Admin];

    /// The table.
    pub fn permissions(self) -> &'static [Permission] {
        use Permission::{
            Consents, Decide, EraseCustomers, ManagePolicies, ManageReleases, ReadCustomers, ReadDecisions,
            ReadItems, ReadMetrics, ReadOffers, ReadReleases, WriteCustomers, WriteEvents, WriteItems,
            WriteOffers,
        };
        match self {
            Self::Site => &[Decide, WriteEvents, ReadItems, WriteItems, WriteCustomers, Consents],
            Self::Advisor => {
                &[Decide, WriteEvents, ReadItems, ReadCustomers, Consents, ReadOffers, ReadDecisions]
            }
            Self::Campaign => &[
                Decide,
                WriteEvents,
                ReadItems,
                ReadCustomers,
                ReadOffers,
                WriteOffers,
                ManagePolicies,
                ReadDecisions,
            ],
            Self::Operator => &[ReadItems, ReadReleases, ManageReleases, ReadMetrics],
            Self::Admin => &[
                Decide,
                WriteEvents,
                ReadItems,
                WriteItems,
                ReadCustomers,
                WriteCustomers,
                EraseCustomers,
                ReadOffers,
                WriteOffers,
                Consents,
                ManagePolicies,
                ReadDecisions,
                ReadReleases,
                ManageReleases,
                ReadMetrics,
            ],
        }
    }

    /// Whether the role has a permission.
    pub fn may(self, permission: Permission) -> bool {
        self.permissions().contains(&permission)
    }

    /// The role as it is written.
    pub fn word(self) -> &'static str {
        match self {
            Self::Site => "site",
            Self::Advisor => "advisor",
            Self::Campaign => "campaign",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

impl Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A word that names no role.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no role; roles are site, advisor, campaign, operator and admin")]
pub struct UnknownRole(String);

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|role| role.word() == word).ok_or_else(|| UnknownRole(word.to_owned()))
    }
}

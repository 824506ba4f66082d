//! The languages in which segments are shown to people.

use serde::{Deserialize, Serialize};

/// A language of words shown to people; codes stay the same in all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// English.
    #[default]
    En,
    /// French.
    Fr,
}

/// The same said in each language.
#[derive(Clone, Copy, Debug)]
pub(super) struct Words {
    en: &'static str,
    fr: &'static str,
}

impl Words {
    pub(super) const fn new(en: &'static str, fr: &'static str) -> Self {
        Self { en, fr }
    }

    pub(super) const fn of(self, language: Language) -> &'static str {
        match language {
            Language::En => self.en,
            Language::Fr => self.fr,
        }
    }
}

impl Language {
    /// "1 day", "21 days"; "1 jour", "21 jours".
    pub(super) fn days(self, days: u32) -> String {
        // French counts nothing in the singular.
        match (self, days) {
            (Self::En, 1) => "1 day".into(),
            (Self::En, _) => format!("{days} days"),
            (Self::Fr, 0 | 1) => format!("{days} jour"),
            (Self::Fr, _) => format!("{days} jours"),
        }
    }

    /// "today", "12 days ago"; "aujourd’hui", "il y a 12 jours".
    pub(super) fn ago(self, days: u32) -> String {
        match (self, days) {
            (Self::En, 0) => "today".into(),
            (Self::Fr, 0) => "aujourd’hui".into(),
            (Self::En, _) => format!("{} ago", self.days(days)),
            (Self::Fr, _) => format!("il y a {}", self.days(days)),
        }
    }

    /// "1 order", "3 orders"; "1 commande", "3 commandes".
    pub(super) fn orders(self, orders: u32) -> String {
        match (self, orders) {
            (Self::En, 1) => "1 order".into(),
            (Self::En, _) => format!("{orders} orders"),
            (Self::Fr, 0 | 1) => format!("{orders} commande"),
            (Self::Fr, _) => format!("{orders} commandes"),
        }
    }
}

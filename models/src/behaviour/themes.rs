//! What numbers are about, in words that a person can say aloud.

use super::facts::Facts;
use crate::segments::Language;
use serde::{Deserialize, Serialize};

/// What some features have in common: people want one reason per subject, not five numbers of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Theme {
    /// How long ago the last order was.
    Silence,
    /// How often they order.
    Frequency,
    /// For how long they have been a customer.
    Tenure,
    /// What they spend.
    Spend,
    /// How many different things they buy.
    Breadth,
    /// What they bring back.
    Returns,
    /// How much they buy at a discount.
    Discounts,
    /// Through which channels they buy.
    Channels,
    /// Whether they come and look.
    Visits,
    /// Whether they complained.
    Complaints,
    /// What is declared of them.
    Declared,
}

impl Theme {
    /// All themes, in the order of their importance to a reader.
    pub const ALL: [Theme; 11] = [
        Theme::Silence,
        Theme::Frequency,
        Theme::Tenure,
        Theme::Spend,
        Theme::Breadth,
        Theme::Returns,
        Theme::Discounts,
        Theme::Channels,
        Theme::Visits,
        Theme::Complaints,
        Theme::Declared,
    ];

    /// The facts of this theme, as one would tell them.
    pub fn say(self, facts: &Facts, language: Language) -> String {
        match language {
            Language::En => self.in_english(facts),
            Language::Fr => self.in_french(facts),
        }
    }

    fn in_english(self, f: &Facts) -> String {
        let (silence, gap) = (f.silent_for(), Days(f.gap_days));
        match self {
            Theme::Silence if f.orders == 0 => "no order so far".into(),
            Theme::Silence => format!("last order {silence} days ago; usually one every {gap} days"),
            Theme::Frequency => {
                format!("{} in all, {} lately", counted(f.orders, "order"), f.recent_orders[1])
            }
            Theme::Tenure => format!("customer for {} days", Days(f.tenure_days)),
            Theme::Spend => format!(
                "{:.2} spent in all, {:.2} an order, {:.2} in the latest orders",
                f.net(),
                f.basket(),
                f.last_baskets
            ),
            Theme::Breadth => format!("{} in their orders", counted(f.distinct[0], "different item")),
            Theme::Returns => {
                format!("{:.0} % of the money spent was brought back", 100.0 * f.return_share())
            }
            Theme::Discounts => format!("{:.0} % of discount on average", 100.0 * f.discounts[0]),
            Theme::Channels => format!("orders through {}", counted(f.channels.len() as u32, "channel")),
            Theme::Visits => {
                format!(
                    "{} lately, last sign {} days ago",
                    counted(f.recent_visits, "visit"),
                    f.quiet_days as i64
                )
            }
            Theme::Complaints => format!("{} lately", counted(f.recent_complaints, "complaint")),
            Theme::Declared => "what their profile says".into(),
        }
    }

    fn in_french(self, f: &Facts) -> String {
        let (silence, gap) = (f.silent_for(), Days(f.gap_days));
        match self {
            Theme::Silence if f.orders == 0 => "aucune commande à ce jour".into(),
            Theme::Silence => {
                format!("dernière commande il y a {silence} jours ; d’habitude une tous les {gap} jours")
            }
            Theme::Frequency => {
                format!("{} au total, dont {} récemment", counted(f.orders, "commande"), f.recent_orders[1])
            }
            Theme::Tenure => format!("client depuis {} jours", Days(f.tenure_days)),
            Theme::Spend => format!(
                "{:.2} dépensés au total, {:.2} par commande, {:.2} pour les dernières",
                f.net(),
                f.basket(),
                f.last_baskets
            ),
            Theme::Breadth => format!("{} dans ses commandes", articles(f.distinct[0])),
            Theme::Returns => format!("{:.0} % du montant dépensé a été retourné", 100.0 * f.return_share()),
            Theme::Discounts => format!("{:.0} % de remise en moyenne", 100.0 * f.discounts[0]),
            Theme::Channels => {
                format!("commandes par {}", counted_fr(f.channels.len() as u32, "canal", "canaux"))
            }
            Theme::Visits => format!(
                "{} récemment, dernier signe il y a {} jours",
                counted(f.recent_visits, "visite"),
                f.quiet_days as i64
            ),
            Theme::Complaints => format!("{} récemment", counted(f.recent_complaints, "réclamation")),
            Theme::Declared => "ce que dit son profil".into(),
        }
    }
}

/// Days without needless decimals.
struct Days(f64);

impl std::fmt::Display for Days {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.0}", self.0)
    }
}

/// A number of things whose plural takes an s: in French from two on, in English for all but one.
fn counted(n: u32, thing: &str) -> String {
    if n == 1 { format!("1 {thing}") } else { format!("{n} {thing}s") }
}

fn counted_fr(n: u32, one: &str, many: &str) -> String {
    if n < 2 { format!("{n} {one}") } else { format!("{n} {many}") }
}

fn articles(n: u32) -> String {
    counted_fr(n, "article différent", "articles différents")
}

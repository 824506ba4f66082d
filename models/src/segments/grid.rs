//! The grid: what a customer is worth by how often they order, three levels each, with an attitude for every cell.

use super::cuts::RankCuts;
use super::language::{Language, Words};
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// A third of the customers, by rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// The lower third.
    Low,
    /// The middle third, and everyone where all are equal.
    Medium,
    /// The upper third.
    High,
}

/// One of the nine cells; its [code](Cell::code) stands for it outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Cell {
    /// What the customer is worth.
    pub value: Level,
    /// How often they order.
    pub intensity: Level,
}

/// Where the thirds are cut; part of the release.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GridCuts {
    value: RankCuts<2>,
    intensity: RankCuts<2>,
}

impl GridCuts {
    /// Learns from customers' value (expected, or net spend; in money) and intensity (orders per year).
    ///
    /// Equal numbers are always in the same third, as for [`super::RfmCuts`].
    ///
    /// # Errors
    /// [`Error::Empty`] without customers; [`Error::NotFinite`] for a NaN or an infinity.
    pub fn learn(customers: impl IntoIterator<Item = (f64, f64)>) -> Result<Self> {
        let (value, intensity) = customers.into_iter().unzip();
        Ok(Self {
            value: RankCuts::learn(value, "value")?,
            intensity: RankCuts::learn(intensity, "intensity")?,
        })
    }

    /// The cell of a customer. A NaN is low.
    pub fn cell(&self, value: f64, intensity: f64) -> Cell {
        Cell { value: level(self.value.part(value)), intensity: level(self.intensity.part(intensity)) }
    }
}

fn level(part: u8) -> Level {
    match part {
        ..=1 => Level::Low,
        2 => Level::Medium,
        _ => Level::High,
    }
}

const LEVELS: [Level; 3] = [Level::Low, Level::Medium, Level::High];

impl Cell {
    /// All nine, the most precious first.
    pub fn all() -> impl Iterator<Item = Self> {
        let of = |value| LEVELS.into_iter().rev().map(move |intensity| Self { value, intensity });
        LEVELS.into_iter().rev().flat_map(of)
    }

    /// What the API calls it.
    pub fn code(self) -> &'static str {
        self.face().code
    }

    /// What people call it.
    pub fn name(self, language: Language) -> &'static str {
        self.face().name.of(language)
    }

    /// One sentence that tells an adviser or a campaign manager what to do.
    pub fn attitude(self, language: Language) -> &'static str {
        self.face().attitude.of(language)
    }

    fn face(self) -> &'static Face {
        &FACES[self.value as usize][self.intensity as usize]
    }
}

impl From<Cell> for String {
    fn from(cell: Cell) -> Self {
        cell.code().into()
    }
}

impl TryFrom<String> for Cell {
    type Error = Error;

    fn try_from(code: String) -> Result<Self> {
        let found = Self::all().find(|cell| cell.code() == code);
        let expected = "the code of one of the nine cells, such as champions";
        found.ok_or(Error::OutOfRange { name: "cell", value: code, expected })
    }
}

/// How a cell is shown.
struct Face {
    code: &'static str,
    name: Words,
    attitude: Words,
}

const fn face(code: &'static str, name: Words, attitude: Words) -> Face {
    Face { code, name, attitude }
}

/// By value, then by intensity, both from low to high.
static FACES: [[Face; 3]; 3] = [
    [
        face(
            "passers_by",
            Words::new("Passers-by", "De passage"),
            Words::new(
                "Spend little: automatic messages only, and one simple reason to come back.",
                "Dépenser peu : messages automatiques seulement, et une raison simple de revenir.",
            ),
        ),
        face(
            "modest",
            Words::new("Modest", "Modestes"),
            Words::new(
                "Serve well by low-cost channels and show one better product at a time.",
                "Bien servir par les canaux peu coûteux et montrer un meilleur produit à la fois.",
            ),
        ),
        face(
            "small_baskets",
            Words::new("Small baskets", "Petits paniers"),
            Words::new(
                "They come often for little: raise the order with bundles and a threshold for free delivery.",
                "Ils viennent souvent pour peu : agrandir le panier par des lots et un seuil de livraison offerte.",
            ),
        ),
    ],
    [
        face(
            "occasional",
            Words::new("Occasional", "Occasionnels"),
            Words::new(
                "Remind them at the right time of year and make the next order easy.",
                "Les relancer au bon moment de l’année et faciliter la commande suivante.",
            ),
        ),
        face(
            "core",
            Words::new("Core", "Cœur de clientèle"),
            Words::new(
                "Keep the rhythm and propose one product from a category that they do not buy yet.",
                "Entretenir le rythme et proposer un produit d’une catégorie qu’ils n’achètent pas encore.",
            ),
        ),
        face(
            "regulars",
            Words::new("Regulars", "Habitués"),
            Words::new(
                "Reward the habit and propose what goes with it or the next better range.",
                "Récompenser l’habitude et proposer ce qui la complète ou la gamme supérieure.",
            ),
        ),
    ],
    [
        face(
            "big_occasions",
            Words::new("Big occasions", "Grandes occasions"),
            Words::new(
                "Few but large orders: have an adviser call before the next occasion, without haste or discount.",
                "Commandes rares mais importantes : un conseiller appelle avant la prochaine occasion, sans presser ni brader.",
            ),
        ),
        face(
            "pillars",
            Words::new("Pillars", "Piliers"),
            Words::new(
                "Give them a named adviser and one more good reason in the year to order.",
                "Leur donner un conseiller attitré et une bonne raison de plus dans l’année de commander.",
            ),
        ),
        face(
            "champions",
            Words::new("Champions", "Champions"),
            Words::new(
                "Thank them, serve them first and ask for their opinion; do not discount what they buy anyway.",
                "Les remercier, les servir en premier et demander leur avis ; ne pas brader ce qu’ils achètent de toute façon.",
            ),
        ),
    ],
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn thirds_by_rank_make_the_cell_and_equal_customers_are_in_the_middle() {
        let cuts = GridCuts::learn((0..9).map(|i| (f64::from(i), -f64::from(i)))).unwrap();
        let codes = [0, 2, 3, 5, 6, 8].map(|i| cuts.cell(f64::from(i), -f64::from(i)).code());
        let expected = ["small_baskets", "small_baskets", "core", "core", "big_occasions", "big_occasions"];
        assert_eq!(codes, expected);
        let equal = GridCuts::learn([(5.0, 1.0); 4]).unwrap();
        assert_eq!(equal.cell(5.0, 1.0).code(), "core");
        assert_eq!(equal.cell(6.0, 2.0).name(Language::Fr), "Champions");
        assert_eq!(equal.cell(f64::NAN, f64::NAN).code(), "passers_by");
        assert!(GridCuts::learn([(f64::INFINITY, 1.0)]).is_err());
    }

    #[test]
    fn every_cell_has_its_own_code_names_and_attitudes_and_its_code_is_read_back() {
        let mut seen = HashSet::new();
        for cell in Cell::all() {
            let text = serde_json::to_string(&cell).unwrap();
            assert_eq!(text, format!("\"{}\"", cell.code()));
            assert_eq!(serde_json::from_str::<Cell>(&text).unwrap(), cell);
            for language in [Language::En, Language::Fr] {
                assert!(seen.insert((language, cell.name(language))), "{cell:?} shares its name");
                assert!(seen.insert((language, cell.attitude(language))), "{cell:?} shares its attitude");
            }
        }
        assert_eq!(seen.len(), 36);
        assert!(serde_json::from_str::<Cell>("\"heroes\"").is_err());
    }
}

//! Contact points: the named places where a decision is shown, with their sizes and policies.

use serde::{Deserialize, Serialize};

/// One contact point.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ContactPoint {
    /// Where the answer is shown.
    pub channel: String,
    /// Who addresses whom.
    pub direction: Direction,
    /// How many items, when the request does not say.
    pub n: usize,
    /// How many at most.
    pub max_n: usize,
    /// Whether owned items may be shown.
    pub repeats: Repeats,
    /// Most items of one category; 0 is no limit.
    pub max_per_category: usize,
    /// From 0 (best scores only) to 1 (most different items).
    pub diversity: f32,
    /// What fills an answer that personal taste cannot fill, in order.
    pub fallback: Vec<Fallback>,
}

/// Who addresses whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The customer came to us.
    Inbound,
    /// We address the customer.
    Outbound,
}

/// Whether owned items may be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Repeats {
    /// Yes: in groceries and banking people buy again.
    Allowed,
    /// No.
    Excluded,
}

impl Repeats {
    /// As the models name it.
    pub fn ranked(self) -> models::measures::Repeats {
        match self {
            Self::Allowed => models::measures::Repeats::Kept,
            Self::Excluded => models::measures::Repeats::Removed,
        }
    }
}

/// An answer that needs no knowledge of the customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fallback {
    /// What many people buy lately.
    Trending,
    /// What many people buy.
    Popular,
}

/// What a contact point leaves out; the same as `web_home` in `proffer.example.toml`.
impl Default for ContactPoint {
    fn default() -> Self {
        Self {
            channel: "web".into(),
            direction: Direction::Inbound,
            n: 12,
            max_n: 50,
            repeats: Repeats::Allowed,
            max_per_category: 3,
            diversity: 0.2,
            fallback: vec![Fallback::Trending, Fallback::Popular],
        }
    }
}

impl ContactPoint {
    /// Every value that is out of range, as lines with its key path.
    pub(super) fn faults(&self, name: &str) -> Vec<String> {
        let rules = [
            (self.n >= 1 && self.n <= self.max_n, "n", "from 1 to its max_n", self.n.to_string()),
            (self.max_n <= 10_000, "max_n", "at most 10000", self.max_n.to_string()),
            ((0.0..=1.0).contains(&self.diversity), "diversity", "from 0 to 1", self.diversity.to_string()),
            (!self.channel.is_empty(), "channel", "a word", "empty".into()),
        ];
        rules
            .into_iter()
            .filter(|(holds, ..)| !holds)
            .map(|(_, key, expected, value)| {
                format!("contact_points.{name}.{key} must be {expected}, but is {value}")
            })
            .collect()
    }
}

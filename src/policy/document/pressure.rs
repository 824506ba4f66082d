//! Contact pressure, as it is written.

use super::outbound;
use crate::config::Direction;
use crate::policy::words::Words;
use serde::{Deserialize, Deserializer, Serialize};

/// How often, when, and after what people are addressed. Service messages (class `transactional`) are exempt.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct PressureSettings {
    /// At most so many contacts in so many days.
    pub caps: Vec<CapSettings>,
    /// The hours at which people are addressed.
    pub hours: Vec<HoursSettings>,
    /// Silence after what people said.
    pub cool_offs: Vec<CoolOffSettings>,
}

/// At most so many contacts in any window of so many days.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CapSettings {
    /// Identifies the rule.
    pub name: String,
    /// Whose contacts are counted.
    #[serde(default)]
    pub per: Per,
    /// Which contacts are counted together.
    #[serde(default)]
    pub same: Same,
    /// The channels that are counted and limited; empty for all.
    #[serde(default)]
    pub channels: Vec<String>,
    /// So many contacts at most.
    pub at_most: u32,
    /// The length of the window, in days.
    pub within_days: u32,
    /// What is counted and limited.
    #[serde(default = "outbound")]
    pub directions: Vec<Direction>,
    /// What people are told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Words>,
}

/// Whose contacts are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Per {
    /// The customer's.
    #[default]
    Customer,
    /// Those of all members of the customer's household.
    Household,
}

/// Which contacts are counted together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Same {
    /// All.
    #[default]
    Any,
    /// Those on the same channel.
    Channel,
    /// Those with the same offer.
    Offer,
    /// Those with offers of the same group.
    Group,
    /// Those at the same contact point.
    ContactPoint,
}

/// The local hours at which people are addressed; only outbound contacts obey.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HoursSettings {
    /// Identifies the rule.
    pub name: String,
    /// The channels; empty for all.
    #[serde(default)]
    pub channels: Vec<String>,
    /// The days: `monday`, …
    pub days: Vec<Weekday>,
    /// From when until when, as `HH:MM`; the end is no longer within.
    pub between: Vec<(String, String)>,
    /// Whether public holidays are days like others.
    #[serde(default)]
    pub on_holidays: bool,
    /// What people are told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Words>,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

/// Silence for so many days after what someone said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CoolOffSettings {
    /// Identifies the rule.
    pub name: String,
    /// After what; one word or a list.
    #[serde(deserialize_with = "one_or_many")]
    pub after: Vec<Trigger>,
    /// What falls silent.
    pub blocks: Blocks,
    /// The channels on which it was said and on which there is silence; empty for all.
    #[serde(default)]
    pub channels: Vec<String>,
    /// For so many days.
    pub days: u32,
    /// What falls silent by who addresses whom.
    #[serde(default = "outbound")]
    pub directions: Vec<Direction>,
    /// What people are told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Words>,
}

/// After what there is silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// They refused.
    Refused,
    /// They complained.
    Complaint,
    /// They accepted.
    Accepted,
    /// They said: not now.
    Later,
    /// They were addressed, or soon will be.
    Delivered,
}

/// What falls silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Blocks {
    /// The offer that it was about.
    Offer,
    /// The offers of its group.
    Group,
    /// The channel on which it was said.
    Channel,
    /// Everything.
    All,
}

fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Trigger>, D::Error> {
    struct Visitor;
    impl<'de> serde::de::Visitor<'de> for Visitor {
        type Value = Vec<Trigger>;

        fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            formatter.write_str("a word or a list of words: refused, complaint, accepted, later, delivered")
        }

        fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<Vec<Trigger>, E> {
            use serde::de::IntoDeserializer;
            Ok(vec![Trigger::deserialize(word.into_deserializer())?])
        }

        fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut words: A) -> Result<Vec<Trigger>, A::Error> {
            let mut triggers = Vec::new();
            while let Some(trigger) = words.next_element()? {
                triggers.push(trigger);
            }
            Ok(triggers)
        }
    }
    deserializer.deserialize_any(Visitor)
}

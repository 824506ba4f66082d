//! Offers as they are written: what they are worth, whom they are for, and how each channel says them.

use crate::policy::{Class, Expression, Stage};
use crate::problem::{Code, Problem};
use crate::routes::ids::check_id;
use chrono::{DateTime, Utc};
use models::payload::Payload;
use models::segments::Language;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A proposition with a validity, rules of eligibility, a value, and one treatment for each channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": "Home insurance", "issue": "sales", "group": "insurance", "value": 45.0, "cost": 0.2,
    "eligibility": "profile.age >= 18", "items": ["home-insurance"],
    "treatments": [{ "channel": "branch", "content": { "en": { "title": "Insure your home", "text": "From 9 a month." } } }]
}))]
pub struct Offer {
    /// Its name, for people.
    pub name: String,
    /// What it is about: the coarser of two levels that policies can address.
    pub issue: String,
    /// The finer level.
    pub group: String,
    /// Money that the firm gains when it is accepted.
    pub value: f64,
    /// Money that one contact costs, unless its treatment says otherwise.
    #[serde(default)]
    pub cost: f64,
    /// default, mandatory (shown before all others where it is allowed) or transactional (a service message: no
    /// marketing, and no part of contact pressure).
    #[serde(default)]
    #[schema(value_type = String)]
    pub class: Class,
    /// Whether it may be shown at all.
    #[serde(default = "yes")]
    pub active: bool,
    /// From when on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<DateTime<Utc>>,
    /// Until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<DateTime<Utc>>,
    /// The most money that its contacts may cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<f64>,
    /// The most acceptances.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stock: Option<u64>,
    /// Whether law rules over it: it is never shown by chance.
    #[serde(default)]
    pub regulated: bool,
    /// Whether a person must look at the case before it is concluded.
    #[serde(default)]
    pub human_review_required: bool,
    /// Whether it is made to keep someone who may leave: the risk and their value then count.
    #[serde(default)]
    pub retention: bool,
    /// Offers that are not shown together with it.
    #[serde(default)]
    pub excludes: Vec<String>,
    /// The items that it promotes: they give it a place in the space of taste.
    #[serde(default)]
    pub items: Vec<String>,
    /// Who may have it: a CEL expression that must hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eligibility: Option<String>,
    /// Whom it makes sense for now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applicability: Option<String>,
    /// Whom it is good for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suitability: Option<String>,
    /// How each channel says it. Without a treatment for its channel, a contact point does not show it.
    pub treatments: Vec<Treatment>,
    /// Anything else that rules may look at.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub attributes: Payload,
}

/// How one channel says an offer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Treatment {
    /// Which channel.
    pub channel: String,
    /// Whether it is used.
    #[serde(default = "yes")]
    pub active: bool,
    /// Money that one contact costs on this channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
    /// Words and pictures by language.
    #[serde(default)]
    pub content: BTreeMap<String, Content>,
}

/// Words and pictures in one language.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// The headline.
    pub title: String,
    /// What is said.
    #[serde(default)]
    pub text: String,
    /// Where it leads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// A picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
}

fn yes() -> bool {
    true
}

/// Money beyond this is a mistake.
const MOST_MONEY: f64 = 1e9;

/// Most texts of one kind: treatments, excluded offers, promoted items.
const MOST_PARTS: usize = 1_000;

/// Longest name and text in bytes.
const MOST_TEXT: usize = 10_000;

impl Offer {
    /// Refuses an offer that cannot be meant, naming the field by its JSON path under a place such as `$`.
    ///
    /// # Errors
    /// [`Code::InvalidField`].
    pub fn check(&self, place: &str) -> Result<(), Problem> {
        for (field, word) in [("issue", &self.issue), ("group", &self.group)] {
            check_id(word, field, place)?;
        }
        let texts = self.treatments.iter().flat_map(|treatment| treatment.content.values());
        let longest = texts.map(|content| content.title.len().max(content.text.len())).max().unwrap_or(0);
        require(!self.name.trim().is_empty(), place, "name", "must not be empty")?;
        require(
            longest.max(self.name.len()) <= MOST_TEXT,
            place,
            "treatments",
            "hold texts beyond 10,000 bytes",
        )?;
        self.check_money(place)?;
        let (from, until) = (self.valid_from, self.valid_until);
        require(
            from.is_none_or(|from| until.is_none_or(|until| from < until)),
            place,
            "valid_until",
            "must be after valid_from",
        )?;
        let parts = [
            ("treatments", self.treatments.len()),
            ("excludes", self.excludes.len()),
            ("items", self.items.len()),
        ];
        for (field, count) in parts {
            require(count <= MOST_PARTS, place, field, "has more than 1,000 entries")?;
        }
        for (field, ids) in [("excludes", &self.excludes), ("items", &self.items)] {
            ids.iter().try_for_each(|id| check_id(id, field, place))?;
        }
        self.check_treatments(place)?;
        self.rules(place).map(|_| ())
    }

    fn check_money(&self, place: &str) -> Result<(), Problem> {
        let costs = self.treatments.iter().filter_map(|treatment| treatment.cost);
        let amounts = [("cost", Some(self.cost)), ("budget", self.budget)].into_iter();
        for (field, amount) in amounts.chain(costs.map(|cost| ("treatments", Some(cost)))) {
            let sound = amount.is_none_or(|amount| (0.0..=MOST_MONEY).contains(&amount));
            require(sound, place, field, "must be money from 0 to 1e9")?;
        }
        require(
            self.value.is_finite() && self.value.abs() <= MOST_MONEY,
            place,
            "value",
            "must be money from -1e9 to 1e9: what the firm gains when the offer is accepted",
        )
    }

    fn check_treatments(&self, place: &str) -> Result<(), Problem> {
        require(
            !self.treatments.is_empty(),
            place,
            "treatments",
            "must have one entry for each channel that says it",
        )?;
        for (row, treatment) in self.treatments.iter().enumerate() {
            let at = format!("{place}.treatments[{row}]");
            check_id(&treatment.channel, "channel", &at)?;
            let twice = self.treatments[..row].iter().any(|other| other.channel == treatment.channel);
            require(!twice, &at, "channel", "has a treatment already")?;
        }
        Ok(())
    }

    /// Its own rules, compiled, with the stage that each belongs to.
    ///
    /// # Errors
    /// [`Code::InvalidField`] with the position inside the expression.
    pub fn rules(&self, place: &str) -> Result<Vec<(Stage, Expression)>, Problem> {
        let rules = [
            (Stage::Eligibility, "eligibility", &self.eligibility),
            (Stage::Applicability, "applicability", &self.applicability),
            (Stage::Suitability, "suitability", &self.suitability),
        ];
        let written =
            rules.into_iter().filter_map(|(stage, field, source)| Some((stage, field, source.as_ref()?)));
        written
            .map(|(stage, field, source)| {
                let fault = |fault: crate::policy::Fault| {
                    Problem::new(Code::InvalidField, format!("{field}: {fault}"))
                        .at(format!("{place}.{field}"))
                };
                Ok((stage, Expression::compile(source).map_err(fault)?))
            })
            .collect()
    }

    /// The treatment of a channel, where it is used.
    pub fn treatment(&self, channel: &str) -> Option<&Treatment> {
        self.treatments.iter().find(|treatment| treatment.active && treatment.channel == channel)
    }

    /// What one contact costs on a treatment's channel.
    pub fn cost_of(&self, treatment: &Treatment) -> f64 {
        treatment.cost.unwrap_or(self.cost)
    }
}

impl Treatment {
    /// The content in a language, else in English, else in whichever comes first.
    pub fn content_in(&self, language: Language) -> Option<(&str, &Content)> {
        let wanted = [language_word(language), "en"];
        let found = wanted.into_iter().find_map(|word| self.content.get_key_value(word));
        found
            .or_else(|| self.content.first_key_value())
            .map(|(language, content)| (language.as_str(), content))
    }
}

/// A language as it is written.
pub fn language_word(language: Language) -> &'static str {
    match language {
        Language::En => "en",
        Language::Fr => "fr",
    }
}

fn require(holds: bool, place: &str, field: &str, fault: &str) -> Result<(), Problem> {
    if holds {
        return Ok(());
    }
    Err(Problem::new(Code::InvalidField, format!("{field} {fault}")).at(format!("{place}.{field}")))
}

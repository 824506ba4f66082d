//! A standing in a few bytes: what lists of customers are filtered and sorted by.

use super::{Place, Standing};
use crate::churn::RiskBand;
use crate::payload::{Payload, PayloadValue};
use crate::segments::{Cell, Rfm, Stage};

/// What is kept of the standing of every customer.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Score {
    /// The stage of their life cycle; absent where nothing may be computed of them.
    pub stage: Option<Stage>,
    /// The probability of leaving within the horizon.
    pub churn: Option<f32>,
    /// What that means among all.
    pub band: Option<RiskBand>,
    /// What they are expected to be worth.
    pub clv: Option<f32>,
    /// Recency, frequency and money by fifths.
    pub rfm: Option<Rfm>,
    /// Value by intensity.
    pub cell: Option<Cell>,
    /// The nearest typical portrait.
    pub portrait: Option<u16>,
    /// How many acts it rests on.
    pub acts: u32,
    /// Orders so far.
    pub orders: u32,
    /// Money bought less money brought back.
    pub net: f32,
    /// Days until the stage changes if nothing happens.
    pub next_stage_days: Option<f32>,
}

/// The names under which a score is filtered. An attribute of the same name cannot be filtered by.
pub const SCORE_KEYS: [&str; 9] =
    ["stage", "churn", "risk", "clv", "rfm", "segment", "portrait", "orders", "spend"];

impl Score {
    /// That of a standing and a place.
    pub fn of(standing: &Standing, place: Option<&Place>) -> Self {
        let risk = standing.churn.ok();
        Self {
            stage: Some(standing.stage),
            churn: risk.map(|risk| risk.probability as f32),
            band: risk.map(|risk| risk.band),
            clv: standing.value.as_ref().ok().and_then(|worth| worth.money).map(|money| money.clv as f32),
            rfm: standing.rfm,
            cell: standing.cell,
            portrait: place.and_then(|place| u16::try_from(place.portrait).ok()),
            acts: standing.facts.acts,
            orders: standing.facts.orders,
            net: standing.facts.net() as f32,
            next_stage_days: standing.next_stage.map(|(days, _)| days),
        }
    }

    /// As attributes, by [`SCORE_KEYS`]; what is absent has none.
    pub fn payload(&self) -> Payload {
        let text = |word: &str| PayloadValue::Text(word.into());
        let number = |value: f32| PayloadValue::Number(f64::from(value));
        let values = [
            ("stage", self.stage.map(|stage| text(stage.code()))),
            ("churn", self.churn.map(number)),
            ("risk", self.band.map(|band| text(band.code()))),
            ("clv", self.clv.map(number)),
            ("rfm", self.rfm.map(|rfm| PayloadValue::Text(rfm.to_string()))),
            ("segment", self.cell.map(|cell| text(cell.code()))),
            ("portrait", self.portrait.map(|portrait| PayloadValue::Number(f64::from(portrait)))),
            ("orders", self.stage.map(|_| PayloadValue::Number(f64::from(self.orders)))),
            ("spend", self.stage.map(|_| number(self.net))),
        ];
        values.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
    }
}

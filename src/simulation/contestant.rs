//! Who competes, and what they offer.

use crate::offers::Offer;
use crate::offers::offer::Treatment;
use crate::policy::Class;
use chrono::{DateTime, TimeDelta, Utc};
use models::payload::Payload;
use models::world::World;
use std::collections::BTreeMap;

/// A way to decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Contestant {
    /// The full policy: P × C × V × L, exploring as often as an offer may be the best (Thompson sampling).
    Full,
    /// The full policy, exploring one time in twenty (ε-greedy).
    EpsilonGreedy,
    /// The full policy without exploration.
    Greedy,
    /// By propensity alone.
    PropensityOnly,
    /// Anything that is allowed.
    Random,
}

impl Contestant {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Full, Self::EpsilonGreedy, Self::Greedy, Self::PropensityOnly, Self::Random];

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full policy, Thompson",
            Self::EpsilonGreedy => "full policy, ε-greedy",
            Self::Greedy => "greedy",
            Self::PropensityOnly => "propensity only",
            Self::Random => "random",
        }
    }
}

/// The policy document of a contestant: at most four e-mails in 30 days, a month's rest for what was refused.
pub fn policy(contestant: Contestant) -> String {
    let (shares, exploration) = match contestant {
        Contestant::Full => ("nba = 1.0", "method = \"thompson\"\nfloor = 0.01"),
        Contestant::EpsilonGreedy => {
            ("nba = 1.0", "method = \"epsilon_greedy\"\nepsilon = 0.05\nfloor = 0.01")
        }
        Contestant::Greedy => ("nba = 1.0", "method = \"off\""),
        Contestant::PropensityOnly => ("nba = 0.0, propensity_only = 1.0", "method = \"off\""),
        Contestant::Random => ("nba = 0.0, random = 1.0", "method = \"off\""),
    };
    format!(
        r#"name = "simulation"

[[pressure.caps]]
name = "emails"
channels = ["email"]
at_most = 4
within_days = 30

[[pressure.cool_offs]]
name = "refused"
after = "refused"
blocks = "offer"
days = 30
directions = ["inbound", "outbound"]

[propensity]
prior = 0.05
prior_strength = 50

[exploration]
{exploration}

[arms]
salt = "simulation"
shares = {{ {shares} }}

[responses]
wait_hours = 24
"#
    )
}

/// The id of an offer of the world.
pub fn offer_id(offer: usize) -> String {
    format!("offer-{offer}")
}

/// The offers of the world as a firm would write them: it knows what they promote and are worth, not who likes them.
pub fn offers(world: &World, start: DateTime<Utc>) -> Vec<(String, Offer)> {
    let per_taste = world.params().items_per_taste;
    let offer = |(position, known): (usize, &models::world::TrueOffer)| {
        let first = known.taste * per_taste;
        let treatment = |channel: &str| Treatment {
            channel: channel.to_owned(),
            active: true,
            cost: None,
            content: BTreeMap::new(),
        };
        let offer = Offer {
            name: format!("Offer {position}"),
            issue: "sales".into(),
            group: format!("taste-{}", known.taste),
            value: known.value,
            cost: 0.0,
            class: Class::Default,
            active: true,
            valid_from: Some(start + TimeDelta::days(i64::from(known.launch_day))),
            valid_until: None,
            budget: None,
            stock: None,
            regulated: false,
            human_review_required: false,
            retention: false,
            excludes: Vec::new(),
            items: (first..first + per_taste.min(10)).map(|item| format!("item-{item}")).collect(),
            eligibility: None,
            applicability: None,
            suitability: None,
            treatments: ["web", "email"].map(treatment).into(),
            attributes: Payload::new(),
        };
        (offer_id(position), offer)
    };
    world.offers().iter().enumerate().map(offer).collect()
}

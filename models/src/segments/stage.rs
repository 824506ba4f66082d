//! The stage of life of a customer: exactly one on any date, with its reason, and when it changes by itself.
//!
//! The first that holds counts:
//!
//! ```text
//! closed        the relationship was ended
//! dissatisfied  a complaint, or many returns, less than `complaint_days` ago
//! prospect      no order yet
//! lost          no order for lost_after_gaps · g, and for lost_after_days
//! inactive      no order for inactive_after_gaps · g, and for inactive_after_days
//! new           first order less than new_for_days ago, and at most new_orders orders
//! satisfied     all others
//! ```
//!
//! g is the customer's own mean gap between orders, shrunk to that of all by who calls: after two weeks of silence a
//! weekly buyer is late and a yearly one is not.

use super::language::{Language, Words};
use super::reason::{Rhythm, StageReason};
use crate::error::{Result, require};
use serde::{Deserialize, Serialize};

/// A stage of life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Known, without an order.
    Prospect,
    /// Ordered for the first time lately.
    New,
    /// Orders as usual.
    Satisfied,
    /// Complained or sent much back lately.
    Dissatisfied,
    /// Stays away for longer than usual.
    Inactive,
    /// Stays away for so long that a return would be a surprise.
    Lost,
    /// Ended the relationship.
    Closed,
}

impl Stage {
    /// All stages, in the order of a life.
    pub const ALL: [Self; 7] = [
        Self::Prospect,
        Self::New,
        Self::Satisfied,
        Self::Dissatisfied,
        Self::Inactive,
        Self::Lost,
        Self::Closed,
    ];

    /// What the API calls it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Prospect => "prospect",
            Self::New => "new",
            Self::Satisfied => "satisfied",
            Self::Dissatisfied => "dissatisfied",
            Self::Inactive => "inactive",
            Self::Lost => "lost",
            Self::Closed => "closed",
        }
    }

    /// What people call it.
    pub fn name(self, language: Language) -> &'static str {
        let words = match self {
            Self::Prospect => Words::new("Prospect", "Prospect"),
            Self::New => Words::new("New", "Nouveau"),
            Self::Satisfied => Words::new("Satisfied", "Satisfait"),
            Self::Dissatisfied => Words::new("Dissatisfied", "Mécontent"),
            Self::Inactive => Words::new("Inactive", "Inactif"),
            Self::Lost => Words::new("Lost", "Perdu"),
            Self::Closed => Words::new("Closed", "Clôturé"),
        };
        words.of(language)
    }
}

/// What is known of a customer on a date. Days that are negative or not a number count as 0, more than a century as a
/// century.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Situation {
    /// Whether the relationship was ended.
    pub closed: bool,
    /// Orders so far.
    pub orders: u32,
    /// Days since the first order.
    pub days_since_first: f32,
    /// Days since the last order.
    pub days_since_last: f32,
    /// Mean days between the customer's orders, shrunk to that of all. What is not above 0 is unknown: the rules' days
    /// alone then count.
    pub gap_days: f32,
    /// Days since the last complaint, or since more was sent back than is acceptable.
    pub days_since_complaint: Option<f32>,
}

impl Situation {
    /// The situation so many days later, if nothing happens.
    pub fn after(&self, days: f32) -> Self {
        let later = |age: f32| known_days(age) + known_days(days);
        Self {
            days_since_first: later(self.days_since_first),
            days_since_last: later(self.days_since_last),
            days_since_complaint: self.days_since_complaint.map(later),
            ..*self
        }
    }

    fn gap(&self) -> Option<f32> {
        Some(known_days(self.gap_days)).filter(|gap| *gap > 0.0)
    }

    fn rhythm(&self) -> Option<Rhythm> {
        let of = |gap_days| {
            if self.orders > 1 { Rhythm::Own { gap_days } } else { Rhythm::Others { gap_days } }
        };
        self.gap().map(of)
    }
}

const CENTURY_DAYS: f32 = 36_525.0;

fn known_days(days: f32) -> f32 {
    if days > 0.0 { days.min(CENTURY_DAYS) } else { 0.0 }
}

/// What a user may set.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StageRules {
    /// Own gaps without an order after which a customer is inactive,
    pub inactive_after_gaps: f32,
    /// but not before so many days.
    pub inactive_after_days: f32,
    /// Own gaps without an order after which a customer is lost,
    pub lost_after_gaps: f32,
    /// but not before so many days.
    pub lost_after_days: f32,
    /// Days after the first order for which a customer is new,
    pub new_for_days: f32,
    /// while they have at most so many orders.
    pub new_orders: u32,
    /// Days for which a complaint counts.
    pub complaint_days: f32,
}

impl Default for StageRules {
    fn default() -> Self {
        Self {
            inactive_after_gaps: 2.0,
            inactive_after_days: 30.0,
            lost_after_gaps: 4.0,
            lost_after_days: 90.0,
            new_for_days: 60.0,
            new_orders: 3,
            complaint_days: 90.0,
        }
    }
}

/// Rules in range.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "StageRules", into = "StageRules")]
pub struct ValidStageRules(StageRules);

impl TryFrom<StageRules> for ValidStageRules {
    type Error = crate::Error;

    fn try_from(rules: StageRules) -> Result<Self> {
        rules.check()
    }
}

impl From<ValidStageRules> for StageRules {
    fn from(rules: ValidStageRules) -> Self {
        rules.0
    }
}

impl StageRules {
    /// # Errors
    /// [`crate::Error::OutOfRange`] for gaps outside 0.1 to 1000, days outside 0 to a century, and customers who would
    /// be lost before they are inactive.
    pub fn check(self) -> Result<ValidStageRules> {
        let gaps = [
            ("stages.inactive_after_gaps", self.inactive_after_gaps),
            ("stages.lost_after_gaps", self.lost_after_gaps),
        ];
        for (name, gaps) in gaps {
            require((0.1..=1000.0).contains(&gaps), name, gaps, "between 0.1 and 1000")?;
        }
        let days = [
            ("stages.inactive_after_days", self.inactive_after_days),
            ("stages.lost_after_days", self.lost_after_days),
            ("stages.new_for_days", self.new_for_days),
            ("stages.complaint_days", self.complaint_days),
        ];
        for (name, days) in days {
            require((0.0..=CENTURY_DAYS).contains(&days), name, days, "between 0 and 36525")?;
        }
        let lost = (self.lost_after_gaps, self.lost_after_days);
        let (later, longer) = (lost.0 > self.inactive_after_gaps, lost.1 > self.inactive_after_days);
        require(later, "stages.lost_after_gaps", lost.0, "above stages.inactive_after_gaps")?;
        require(longer, "stages.lost_after_days", lost.1, "above stages.inactive_after_days")?;
        Ok(ValidStageRules(self))
    }
}

impl ValidStageRules {
    /// The stage of a customer and why.
    pub fn stage(&self, situation: &Situation) -> (Stage, StageReason) {
        let days = known_days(situation.days_since_last);
        let days_since_first = known_days(situation.days_since_first).max(days);
        let rhythm = situation.rhythm();
        if situation.closed {
            return (Stage::Closed, StageReason::Closed);
        }
        if let Some(ago) = situation.days_since_complaint.map(known_days)
            && ago < self.0.complaint_days
        {
            return (Stage::Dissatisfied, StageReason::Complaint { days_ago: ago });
        }
        if situation.orders == 0 {
            return (Stage::Prospect, StageReason::NoOrderYet);
        }
        let limits = self.limits(situation);
        if days >= limits.lost {
            return (Stage::Lost, StageReason::Silence { days, rhythm });
        }
        if days >= limits.inactive {
            return (Stage::Inactive, StageReason::Silence { days, rhythm });
        }
        if days_since_first < limits.new {
            return (Stage::New, StageReason::FirstOrders { days_since_first, orders: situation.orders });
        }
        (Stage::Satisfied, StageReason::InRhythm { days_since_last: days, rhythm })
    }

    /// In how many days, and to what, the stage changes if nothing happens; nothing when it never does.
    ///
    /// [`Situation::after`] so many days is in the new stage; its own next change follows.
    pub fn next_change(&self, situation: &Situation) -> Option<(f32, Stage)> {
        let (now, _) = self.stage(situation);
        let limits = self.limits(situation);
        let last = known_days(situation.days_since_last);
        let first = known_days(situation.days_since_first).max(last);
        let calm = situation.days_since_complaint.map(known_days);
        let mut moments = [
            until(limits.inactive, last),
            until(limits.lost, last),
            until(limits.new, first),
            calm.map_or(0.0, |ago| until(self.0.complaint_days, ago)),
        ];
        moments.sort_by(f32::total_cmp);
        let then = |days: f32| (days, self.stage(&situation.after(days)).0);
        moments.into_iter().filter(|days| *days > 0.0).map(then).find(|(_, stage)| *stage != now)
    }

    fn limits(&self, situation: &Situation) -> Limits {
        let rules = &self.0;
        let gap = situation.gap().unwrap_or(0.0);
        Limits {
            inactive: (rules.inactive_after_gaps * gap).max(rules.inactive_after_days),
            lost: (rules.lost_after_gaps * gap).max(rules.lost_after_days),
            new: if situation.orders <= rules.new_orders { rules.new_for_days } else { 0.0 },
        }
    }
}

/// Days since the last order from which a customer is inactive or lost, and days since the first until which they are
/// new.
struct Limits {
    inactive: f32,
    lost: f32,
    new: f32,
}

/// The days to add to an age to reach a limit, with the rounding of the addition: what is waited for has then come.
fn until(limit: f32, age: f32) -> f32 {
    let days = limit - age;
    if age + days < limit { days.next_up() } else { days }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rules() -> ValidStageRules {
        StageRules::default().check().unwrap()
    }

    /// A customer of a year who orders every 21 days.
    fn regular() -> Situation {
        Situation {
            orders: 17,
            days_since_first: 360.0,
            days_since_last: 5.0,
            gap_days: 21.0,
            ..Default::default()
        }
    }

    #[test]
    fn the_first_stage_that_holds_counts() {
        let at = |days: f32| regular().after(days - 5.0);
        let complains = |situation| Situation { days_since_complaint: Some(10.0), ..situation };
        let newcomer =
            Situation { orders: 1, days_since_first: 8.0, days_since_last: 8.0, ..Default::default() };
        let cases = [
            ("as usual", at(5.0), Stage::Satisfied),
            ("twice the gap is not over", at(41.9), Stage::Satisfied),
            ("twice the gap", at(42.0), Stage::Inactive),
            ("four gaps, but not the days", at(89.0), Stage::Inactive),
            ("days and gaps", at(90.0), Stage::Lost),
            ("a yearly buyer", Situation { gap_days: 365.0, ..at(300.0) }, Stage::Satisfied),
            ("a complaint, though lost", complains(at(500.0)), Stage::Dissatisfied),
            ("a complaint forgotten", complains(regular()).after(81.0), Stage::Inactive),
            ("closed, though dissatisfied", Situation { closed: true, ..complains(at(5.0)) }, Stage::Closed),
            ("nothing known", Situation::default(), Stage::Prospect),
            ("a prospect who complains", complains(Situation::default()), Stage::Dissatisfied),
            ("a newcomer", newcomer, Stage::New),
            ("many orders at once", Situation { orders: 4, ..newcomer }, Stage::Satisfied),
            ("a newcomer without a second order", newcomer.after(30.0), Stage::Inactive),
        ];
        for (who, situation, expected) in cases {
            assert_eq!(rules().stage(&situation).0, expected, "{who}");
        }
        assert_eq!(rules().next_change(&regular()), Some((37.0, Stage::Inactive)));
        let said = rules().stage(&at(74.0)).1.words(Language::En);
        assert_eq!(said, "no order for 74 days; usually one every 21 days");
    }

    #[test]
    fn rules_that_contradict_each_other_are_refused_by_name() {
        let broken = [
            (StageRules { lost_after_gaps: 2.0, ..Default::default() }, "lost_after_gaps"),
            (StageRules { lost_after_days: 30.0, ..Default::default() }, "lost_after_days"),
            (StageRules { inactive_after_gaps: f32::NAN, ..Default::default() }, "inactive_after_gaps"),
            (StageRules { new_for_days: -1.0, ..Default::default() }, "new_for_days"),
        ];
        for (rules, name) in broken {
            let message = rules.check().unwrap_err().to_string();
            assert!(message.contains(name), "{message}");
        }
        assert!(serde_json::from_str::<StageRules>(r#"{"lost_after_gap":3}"#).is_err());
        for stage in Stage::ALL {
            assert_eq!(serde_json::to_string(&stage).unwrap(), format!("\"{}\"", stage.code()));
        }
    }

    /// Any situation, with nonsense among it.
    fn situations() -> impl Strategy<Value = Situation> {
        let days = || prop_oneof![8 => 0f32..400.0, 1 => Just(f32::NAN), 1 => any::<f32>()];
        let counts = (prop::bool::weighted(0.1), 0u32..6);
        (counts, days(), days(), days(), prop::option::of(days())).prop_map(
            |((closed, orders), first, last, gap, complaint)| Situation {
                closed,
                orders,
                days_since_first: first,
                days_since_last: last,
                gap_days: gap,
                days_since_complaint: complaint,
            },
        )
    }

    proptest! {
        #[test]
        fn time_alone_changes_the_stage_exactly_when_it_was_said_and_only_forward(
            start in situations(), share in 0f32..0.9999,
        ) {
            use Stage::{Dissatisfied, Inactive, Lost, New, Satisfied};
            let mut situation = start;
            for step in 0.. {
                let (now, reason) = rules().stage(&situation);
                prop_assert!(!reason.words(Language::Fr).contains("NaN"));
                let Some((days, next)) = rules().next_change(&situation) else {
                    prop_assert_eq!(rules().stage(&situation.after(share * 2e6)).0, now);
                    break;
                };
                prop_assert!(step < 4 && days > 0.0 && days.is_finite());
                prop_assert_eq!(rules().stage(&situation.after(days * share)).0, now);
                situation = situation.after(days);
                prop_assert_eq!(rules().stage(&situation).0, next);
                let forward = match now {
                    New => matches!(next, Satisfied | Inactive),
                    Satisfied => next == Inactive,
                    Inactive => next == Lost,
                    Dissatisfied => next != Stage::Closed,
                    _ => false,
                };
                prop_assert!(forward, "{now:?} became {next:?}");
            }
        }
    }
}

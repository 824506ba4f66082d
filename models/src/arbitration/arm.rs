//! The arms of the standing experiment: what the whole of arbitration brings, and what each part of it does.

use super::exploration::Exploration;
use super::factors::Switches;
use serde::{Deserialize, Serialize};

/// How the offers of a unit are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arm {
    /// The next best offer: everything as the policy says.
    Nba,
    /// Every contender that may be explored is equally likely.
    Random,
    /// By propensity alone: context, value and levers are 1, and nothing is explored.
    PropensityOnly,
    /// Levers are 1: what the wishes of the business cost.
    NoLevers,
    /// Nothing is shown: what offers bring at all.
    Control,
}

impl Arm {
    /// All arms, in the order in which they are listed.
    pub const ALL: [Self; 5] = [Self::Nba, Self::Random, Self::PropensityOnly, Self::NoLevers, Self::Control];

    /// As it is written.
    pub fn code(self) -> &'static str {
        match self {
            Self::Nba => "nba",
            Self::Random => "random",
            Self::PropensityOnly => "propensity_only",
            Self::NoLevers => "no_levers",
            Self::Control => "control",
        }
    }

    /// Which of the factors that a policy switches on count in this arm. The arm by propensity alone uses propensity even
    /// where the policy does not.
    pub fn switches(self, policy: Switches) -> Switches {
        match self {
            Self::PropensityOnly => {
                Switches { propensity: true, context: false, value: false, levers: false }
            }
            Self::NoLevers => Switches { levers: false, ..policy },
            Self::Nba | Self::Random | Self::Control => policy,
        }
    }

    /// What is left to chance in this arm.
    pub fn exploration(self, policy: Exploration) -> Exploration {
        match self {
            Self::Nba | Self::NoLevers => policy,
            Self::Random => Exploration::EVERYONE_ALIKE,
            Self::PropensityOnly | Self::Control => Exploration::Off,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_arm_changes_what_it_is_named_for_and_nothing_else() {
        let policy = Switches { context: false, ..Switches::default() };
        let explored = Exploration::EpsilonGreedy { epsilon: 0.1, floor: 0.01 };
        assert_eq!((Arm::Nba.switches(policy), Arm::Nba.exploration(explored)), (policy, explored));
        assert_eq!(Arm::NoLevers.switches(policy), Switches { levers: false, ..policy });
        assert_eq!(Arm::NoLevers.exploration(explored), explored);
        let only = Arm::PropensityOnly.switches(Switches { propensity: false, ..policy });
        assert_eq!(only, Switches { propensity: true, context: false, value: false, levers: false });
        assert_eq!(Arm::PropensityOnly.exploration(explored), Exploration::Off);
        assert_eq!(Arm::Random.exploration(Exploration::Off), Exploration::EVERYONE_ALIKE);
    }

    #[test]
    fn an_arm_is_written_as_its_code() {
        for arm in Arm::ALL {
            assert_eq!(serde_json::to_string(&arm).unwrap(), format!("\"{}\"", arm.code()));
        }
    }
}

//! A world of customers whose minds are known: what they like, what tires them, when they leave.
//!
//! Nothing here is learned. It is the truth against which policies, caps and estimators are measured: a policy sees what a
//! firm would see, purchases and answers, and this module says what would have happened otherwise.
//!
//! ```text
//! log odds of acceptance = appeal of the offer + pull × (own liking of the offer's taste − mean liking)
//!                        + weekend − weariness × contacts of 30 days − boredom × showings of the same offer in 30 days
//! ```
//!
//! Customers who are contacted too often leave for good, and offers are launched over time, so that there is always something
//! to find out.

mod people;

pub use people::{Person, Purchase};

use crate::error::{Result, require};
use people::{draw_person, purchases};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};

/// How a world is made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WorldParams {
    /// Customers.
    pub customers: usize,
    /// Kinds of taste; each has its own items.
    pub tastes: usize,
    /// Items of each taste.
    pub items_per_taste: usize,
    /// Offers; they promote the tastes in turn.
    pub offers: usize,
    /// Days of history before the first offer.
    pub history_days: u32,
    /// How strongly liking moves the log odds of acceptance.
    pub pull: f64,
    /// What each contact of the last 30 days takes from the log odds.
    pub weariness: f64,
    /// What each showing of the same offer in the last 30 days takes from the log odds.
    pub boredom: f64,
    /// Every third offer is launched on the first day, every third after so many days, and every third after twice as many.
    pub launch_days: u32,
    /// The seed of everything.
    pub seed: u64,
}

impl Default for WorldParams {
    fn default() -> Self {
        Self {
            customers: 600,
            tastes: 5,
            items_per_taste: 30,
            offers: 15,
            history_days: 240,
            pull: 3.0,
            weariness: 0.06,
            boredom: 0.35,
            launch_days: 30,
            seed: 1,
        }
    }
}

/// Parameters in range.
#[derive(Clone, Debug)]
pub struct ValidWorldParams(WorldParams);

impl WorldParams {
    /// # Errors
    /// [`crate::Error::OutOfRange`] with the parameter, its value and its range.
    pub fn check(self) -> Result<ValidWorldParams> {
        require(
            (1..=1_000_000).contains(&self.customers),
            "customers",
            self.customers,
            "from 1 to 1,000,000",
        )?;
        require((1..=100).contains(&self.tastes), "tastes", self.tastes, "from 1 to 100")?;
        require(
            (1..=1_000).contains(&self.items_per_taste),
            "items_per_taste",
            self.items_per_taste,
            "from 1 to 1,000",
        )?;
        require((1..=1_000).contains(&self.offers), "offers", self.offers, "from 1 to 1,000")?;
        require(
            (30..=3_650).contains(&self.history_days),
            "history_days",
            self.history_days,
            "from 30 to 3,650",
        )?;
        for (name, number) in [("pull", self.pull), ("weariness", self.weariness), ("boredom", self.boredom)]
        {
            require((0.0..=20.0).contains(&number), name, number, "from 0 to 20")?;
        }
        Ok(ValidWorldParams(self))
    }
}

/// An offer as it really is.
#[derive(Clone, Debug, PartialEq)]
pub struct TrueOffer {
    /// The taste that it is for.
    pub taste: usize,
    /// What an acceptance is worth.
    pub value: f64,
    /// The log odds of acceptance by someone of mean liking, on a weekday, never contacted before.
    pub appeal: f64,
    /// What a weekend adds to the log odds.
    pub weekend: f64,
    /// The day on which it is launched.
    pub launch_day: u32,
}

/// What lies behind a customer when an offer is made.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Burden {
    /// Contacts of the last 30 days.
    pub contacts: u32,
    /// Showings of the same offer in the last 30 days.
    pub showings: u32,
    /// Whether it is a weekend.
    pub weekend: bool,
}

/// The world.
#[derive(Clone, Debug)]
pub struct World {
    params: WorldParams,
    people: Vec<Person>,
    offers: Vec<TrueOffer>,
}

impl ValidWorldParams {
    /// Makes the world.
    pub fn make(&self) -> World {
        let params = self.0.clone();
        let mut random = Xoshiro256PlusPlus::seed_from_u64(params.seed);
        let people = (0..params.customers).map(|_| draw_person(params.tastes, &mut random)).collect();
        let offer = |at: usize| TrueOffer {
            taste: at % params.tastes,
            value: 10.0 * 2_f64.powf(random.random_range(0.0..3.0)),
            appeal: random.random_range(-4.0..-2.0),
            weekend: if at.is_multiple_of(4) { 0.8 } else { 0.0 },
            launch_day: params.launch_days.saturating_mul((at % 3) as u32),
        };
        let offers = (0..params.offers).map(offer).collect();
        World { params, people, offers }
    }
}

impl World {
    /// The customers.
    pub fn people(&self) -> &[Person] {
        &self.people
    }

    /// The offers.
    pub fn offers(&self) -> &[TrueOffer] {
        &self.offers
    }

    /// What it was made from.
    pub fn params(&self) -> &WorldParams {
        &self.params
    }

    /// What customers bought before the first offer, customer by customer, oldest first. Items are numbered taste by taste.
    pub fn purchases(&self) -> Vec<Purchase> {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(self.params.seed ^ 0x5EED);
        let people = self.people.iter().enumerate();
        people.flat_map(|(customer, person)| purchases(customer, person, &self.params, &mut random)).collect()
    }

    /// The true probability that a customer accepts an offer.
    pub fn acceptance(&self, customer: usize, offer: usize, burden: &Burden) -> f64 {
        let (person, offer) = (&self.people[customer], &self.offers[offer]);
        let mean = 1.0 / self.params.tastes as f64;
        let weekend = if burden.weekend { offer.weekend } else { 0.0 };
        let odds = offer.appeal + self.params.pull * (person.liking[offer.taste] - mean) + weekend
            - self.params.weariness * f64::from(burden.contacts)
            - self.params.boredom * f64::from(burden.showings);
        1.0 / (1.0 + (-odds).exp())
    }

    /// The probability that a customer leaves for good on a day, by how often they were contacted in the last 30 days.
    pub fn leaving(&self, customer: usize, contacts: u32) -> f64 {
        let over = (f64::from(contacts) - self.people[customer].patience).max(0.0);
        (0.0005 + 0.004 * over).min(0.5)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world() -> World {
        WorldParams { customers: 200, ..WorldParams::default() }.check().unwrap().make()
    }

    #[test]
    fn a_world_is_the_same_for_the_same_seed_and_another_for_another() {
        let (one, same) = (world(), world());
        assert_eq!(
            (one.people(), one.offers(), one.purchases()),
            (same.people(), same.offers(), same.purchases())
        );
        let other = WorldParams { customers: 200, seed: 2, ..WorldParams::default() }.check().unwrap().make();
        assert_ne!(one.offers(), other.offers());
    }

    #[test]
    fn people_buy_what_they_like_and_accept_it_until_it_tires_them() {
        let world = world();
        let per_taste = world.params().items_per_taste;
        let favourite = |customer: usize| {
            let liking = &world.people()[customer].liking;
            (0..liking.len()).max_by(|a, b| liking[*a].total_cmp(&liking[*b])).unwrap()
        };
        let purchases = world.purchases();
        let of_favourites =
            purchases.iter().filter(|bought| bought.item / per_taste == favourite(bought.customer));
        assert!(
            of_favourites.count() * 2 > purchases.len(),
            "one of five tastes is more than half of what they buy"
        );
        let favourite = favourite(0);
        let fresh = world.acceptance(0, favourite, &Burden::default());
        let tired = world.acceptance(0, favourite, &Burden { contacts: 8, showings: 3, weekend: false });
        assert!(tired < fresh / 2.0 && fresh > 0.0 && fresh < 1.0);
        assert!(world.leaving(0, 20) > world.leaving(0, 0));
    }

    #[test]
    fn parameters_out_of_range_are_refused_by_name() {
        let fault = WorldParams { tastes: 0, ..WorldParams::default() }.check().unwrap_err().to_string();
        assert!(fault.contains("tastes must be from 1 to 100, but is 0"), "{fault}");
        assert!(WorldParams { pull: f64::NAN, ..WorldParams::default() }.check().is_err());
    }
}

//! Interactions: what each customer did with each item, summed, as a compressed sparse row matrix.
//!
//! One [`Interaction`] sums all events of one customer with one item. It keeps counts and a date rather than a
//! finished weight, so that every model derives its own weight from it ([`Confidence`] for factorisation), and so
//! that a live event is added to a stored row by the same arithmetic that built it ([`Interaction::add`]).

use crate::attributes::Feature;
use crate::error::require;
use crate::events::{Event, EventKind, Timestamp};
use crate::ids::{CustomerIx, ItemIx, Ix};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// All that one customer did with one item.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interaction {
    /// Which item.
    pub item: ItemIx,
    /// How often, in purchases: each event counts the weight of its kind, a return counts −1.
    pub times: f32,
    /// Net units bought.
    pub quantity: f32,
    /// The latest event that was not a return.
    pub last: Timestamp,
}

impl Interaction {
    /// An interaction in which nothing has happened yet.
    pub fn none(item: ItemIx) -> Self {
        Self { item, times: 0.0, quantity: 0.0, last: Timestamp(i64::MIN) }
    }

    /// Adds one event, at the weight that `weights` gives its kind.
    pub fn add(&mut self, event: &Event, weights: &KindWeights) {
        let weight = weights.of(event.kind);
        if event.kind == EventKind::Purchase {
            self.quantity += event.quantity;
        }
        if event.quantity < 0.0 {
            self.times -= weight;
        } else if weight > 0.0 {
            self.times += weight;
            self.last = self.last.max(event.at);
        }
    }

    /// Whether anything is left of it once returns are netted out.
    pub fn counts(&self) -> bool {
        self.times > 0.0 && self.quantity >= 0.0 && self.last.0 > i64::MIN
    }
}

/// How much an event of each kind says about taste, in purchases.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KindWeights {
    /// A purchase; the unit.
    pub purchase: f32,
    /// Put in the basket.
    pub basket: f32,
    /// A click.
    pub click: f32,
    /// A page view.
    pub view: f32,
}

impl Default for KindWeights {
    fn default() -> Self {
        Self { purchase: 1.0, basket: 0.5, click: 0.2, view: 0.1 }
    }
}

impl KindWeights {
    /// The weight of one kind; a complaint says nothing of what to show next.
    pub fn of(&self, kind: EventKind) -> f32 {
        match kind {
            EventKind::Purchase => self.purchase,
            EventKind::Basket => self.basket,
            EventKind::Click => self.click,
            EventKind::View => self.view,
            EventKind::Complaint => 0.0,
        }
    }
}

/// What a model knows of the person it scores for: their interactions in item order, seen from `as_of`.
#[derive(Clone, Copy, Debug)]
pub struct History<'a> {
    /// Sorted by item, one entry per item.
    pub interactions: &'a [Interaction],
    /// The moment from which recency is counted: the release's data cut-off.
    pub as_of: Timestamp,
    /// What their profile says, as features of the prior of taste; empty where it is not known.
    pub profile: &'a [Feature],
}

impl<'a> History<'a> {
    /// A history of someone without a profile.
    pub fn new(interactions: &'a [Interaction], as_of: Timestamp) -> Self {
        Self { interactions, as_of, profile: &[] }
    }

    /// The same of someone whose profile is known.
    pub fn with_profile(self, profile: &'a [Feature]) -> Self {
        Self { profile, ..self }
    }
}

/// The interactions, sorted by item, with one event of a kind for each of some items at a moment.
pub fn with_events(
    interactions: &[Interaction],
    items: &[ItemIx],
    (kind, at): (EventKind, Timestamp),
    weights: &KindWeights,
) -> Vec<Interaction> {
    let mut cells: BTreeMap<ItemIx, Interaction> =
        interactions.iter().map(|&cell| (cell.item, cell)).collect();
    for &item in items {
        let event = Event { at, item, quantity: 1.0, kind, ..Event::default() };
        cells.entry(item).or_insert_with(|| Interaction::none(item)).add(&event, weights);
    }
    cells.into_values().filter(Interaction::counts).collect()
}

/// Confidence in an interaction from its number of purchases, its quantity and its age:
/// `(1 + times_weight·ln(times⁺) + quantity_weight·ln(1 + quantity)) · 2^(−age / half_life)`, with `times⁺ = max(times, 1)`,
/// and never below `floor`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Confidence {
    /// Weight of the logarithm of the number of purchases.
    pub times_weight: f32,
    /// Weight of the logarithm of the net quantity.
    pub quantity_weight: f32,
    /// Age in days at which confidence is halved; `None` for no decay.
    pub half_life_days: Option<f32>,
    /// What even the oldest interaction keeps.
    pub floor: f32,
}

impl Default for Confidence {
    fn default() -> Self {
        Self { times_weight: 2.0, quantity_weight: 0.0, half_life_days: Some(120.0), floor: 0.05 }
    }
}

impl Confidence {
    /// # Errors
    /// [`crate::Error::OutOfRange`] for a negative or non-finite weight or floor, or a half-life that is not above 0.
    pub fn check(&self) -> crate::Result<()> {
        let at_least_zero = [
            ("confidence.times_weight", self.times_weight),
            ("confidence.quantity_weight", self.quantity_weight),
            ("confidence.floor", self.floor),
        ];
        for (name, value) in at_least_zero {
            require(value.is_finite() && value >= 0.0, name, value, "a number of at least 0")?;
        }
        let half_life = self.half_life_days.unwrap_or(1.0);
        let holds = half_life.is_finite() && half_life > 0.0;
        require(holds, "confidence.half_life_days", half_life, "above 0, or absent")
    }

    /// The confidence in one interaction as of a moment; later interactions count as fresh.
    pub fn of(&self, interaction: &Interaction, as_of: Timestamp) -> f32 {
        let times = interaction.times.max(1.0).ln();
        let quantity = interaction.quantity.max(0.0).ln_1p();
        let strength = 1.0 + self.times_weight * times + self.quantity_weight * quantity;
        // Less than one purchase (a click, a view) is weaker evidence, not a weaker logarithm.
        let strength = strength * interaction.times.min(1.0);
        let Some(half_life) = self.half_life_days else { return strength };
        let age = as_of.days_since(interaction.last).max(0.0) as f32;
        (strength * (-age / half_life).exp2()).max(self.floor * strength)
    }
}

/// Customers × items, each cell one [`Interaction`], rows sorted by item.
#[derive(Clone, Debug, Default)]
pub struct Interactions {
    starts: Vec<usize>,
    cells: Vec<Interaction>,
    n_items: usize,
}

impl Interactions {
    /// Sums events per customer and item; cells that returns cancel are left out.
    ///
    /// Two passes, no hashing: count events per customer, place them, then sort and sum each row.
    pub fn from_events(events: &[Event], n_customers: usize, n_items: usize, weights: &KindWeights) -> Self {
        let mut ends = vec![0usize; n_customers + 1];
        for event in events {
            ends[event.customer.position() + 1] += 1;
        }
        for row in 0..n_customers {
            ends[row + 1] += ends[row];
        }
        let mut next = ends.clone();
        let mut order = vec![0u32; events.len()];
        for (position, event) in events.iter().enumerate() {
            let slot = &mut next[event.customer.position()];
            order[*slot] = position as u32;
            *slot += 1;
        }
        let mut matrix = Self { starts: Vec::with_capacity(n_customers + 1), cells: Vec::new(), n_items };
        matrix.starts.push(0);
        for row in 0..n_customers {
            let members = &mut order[ends[row]..ends[row + 1]];
            members.sort_by_key(|&position| events[position as usize].item);
            for same_item in members.chunk_by(|&a, &b| events[a as usize].item == events[b as usize].item) {
                let mut cell = Interaction::none(events[same_item[0] as usize].item);
                for &position in same_item {
                    cell.add(&events[position as usize], weights);
                }
                matrix.cells.extend(cell.counts().then_some(cell));
            }
            matrix.starts.push(matrix.cells.len());
        }
        matrix
    }

    /// Rebuilds a matrix from its parts, for a release that is read back.
    ///
    /// # Errors
    /// [`crate::Error::Shape`] when `starts` does not partition `cells`, or a row is not strictly sorted by item,
    /// or an item is outside the catalogue; [`crate::Error::NotFinite`] for a NaN or an infinity.
    pub fn from_parts(starts: Vec<usize>, cells: Vec<Interaction>, n_items: usize) -> crate::Result<Self> {
        let shape = |expected: &str, found: String| crate::Error::Shape {
            what: "interactions".into(),
            expected: expected.into(),
            found,
        };
        if starts.first() != Some(&0) || starts.last() != Some(&cells.len()) || !starts.is_sorted() {
            return Err(shape("row starts that partition its cells", format!("{} starts", starts.len())));
        }
        for row in starts.windows(2) {
            let row = &cells[row[0]..row[1]];
            if !row.is_sorted_by(|a, b| a.item < b.item)
                || row.last().is_some_and(|c| c.item.position() >= n_items)
            {
                return Err(shape("rows strictly sorted by item of the catalogue", "one that is not".into()));
            }
        }
        match cells.iter().position(|c| !c.times.is_finite() || !c.quantity.is_finite()) {
            Some(at) => Err(crate::Error::NotFinite { what: "interactions", at: format!("cell {at}") }),
            None => Ok(Self { starts, cells, n_items }),
        }
    }

    /// The same matrix with the rows of some customers replaced; each must be sorted by item and inside the catalogue.
    pub fn with_rows(&self, rows: &BTreeMap<CustomerIx, Vec<Interaction>>) -> Self {
        let mut matrix =
            Self { starts: vec![0], cells: Vec::with_capacity(self.cells.len()), n_items: self.n_items };
        for (customer, row) in self.rows() {
            matrix.cells.extend_from_slice(rows.get(&customer).map_or(row, Vec::as_slice));
            matrix.starts.push(matrix.cells.len());
        }
        matrix
    }

    /// One customer's interactions, sorted by item; empty for an index beyond the matrix.
    pub fn row(&self, customer: CustomerIx) -> &[Interaction] {
        match self.starts.get(customer.position()..customer.position() + 2) {
            Some(bounds) => &self.cells[bounds[0]..bounds[1]],
            None => &[],
        }
    }

    /// All customers with their interactions.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = (CustomerIx, &[Interaction])> {
        self.starts
            .windows(2)
            .enumerate()
            .map(|(row, bounds)| (CustomerIx::at(row), &self.cells[bounds[0]..bounds[1]]))
    }

    /// Where each row starts in [`Self::cells`], with one entry more than rows.
    pub fn starts(&self) -> &[usize] {
        &self.starts
    }

    /// All cells, row after row.
    pub fn cells(&self) -> &[Interaction] {
        &self.cells
    }

    /// Number of rows.
    pub fn n_customers(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// Number of columns.
    pub fn n_items(&self) -> usize {
        self.n_items
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(customer: u32, item: u32, at: i64, quantity: f32) -> Event {
        Event {
            at: Timestamp(at),
            customer: CustomerIx(customer),
            item: ItemIx(item),
            quantity,
            ..Event::default()
        }
    }

    #[test]
    fn events_are_summed_per_customer_and_item_and_returns_net_out() {
        let events = [
            event(1, 2, 10, 3.0),
            event(1, 0, 11, 1.0),
            event(0, 2, 12, 1.0),
            event(1, 2, 13, -3.0),
            event(1, 0, 14, 1.0),
        ];
        let matrix = Interactions::from_events(&events, 3, 3, &KindWeights::default());
        assert_eq!(matrix.row(CustomerIx(0)).len(), 1);
        let row = matrix.row(CustomerIx(1));
        assert_eq!(row.len(), 1, "the returned item is gone: {row:?}");
        assert_eq!(
            (row[0].item, row[0].times, row[0].quantity, row[0].last),
            (ItemIx(0), 2.0, 2.0, Timestamp(14))
        );
        assert!(matrix.row(CustomerIx(2)).is_empty());
        assert!(matrix.row(CustomerIx(9)).is_empty());
    }

    #[test]
    fn parts_that_do_not_fit_are_refused() {
        let cell = |item, times| Interaction { item: ItemIx(item), times, quantity: 1.0, last: Timestamp(0) };
        assert!(
            Interactions::from_parts(vec![0, 2], vec![cell(1, 1.0), cell(0, 1.0)], 2).is_err(),
            "unsorted"
        );
        assert!(Interactions::from_parts(vec![0, 1], vec![cell(5, 1.0)], 2).is_err(), "outside");
        assert!(Interactions::from_parts(vec![0, 1], vec![cell(0, f32::NAN)], 2).is_err(), "NaN");
        assert!(Interactions::from_parts(vec![0, 3], vec![cell(0, 1.0)], 2).is_err(), "starts");
    }
}

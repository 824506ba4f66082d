//! k-means: k-means++ seeds (Arthur & Vassilvitskii 2007), then Lloyd's two steps until no row moves.

use crate::error::{Error, Result};
use ndarray::ArrayView2;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};

/// What nearness means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Geometry {
    /// The distance between vectors.
    #[default]
    Plain,
    /// The distance between their directions, from 0 to 2: length does not count.
    Spherical,
}

/// The nearest group, and how far its centre is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Nearest {
    /// The position of the group.
    pub group: usize,
    /// From its centre.
    pub distance: f32,
}

/// Vectors of equal length, one after another.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rows {
    data: Vec<f32>,
    d: usize,
}

impl Rows {
    /// No rows of a length of at least 1.
    pub(super) fn new(d: usize) -> Self {
        Self { data: Vec::new(), d: d.max(1) }
    }

    pub(super) fn push(&mut self, row: &[f32]) {
        self.data.extend_from_slice(row);
    }

    pub(super) fn len(&self) -> usize {
        self.data.len() / self.d
    }

    pub(super) fn row(&self, at: usize) -> &[f32] {
        &self.data[at * self.d..(at + 1) * self.d]
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[f32]> {
        self.data.chunks_exact(self.d)
    }

    /// The mean, or the mean direction, of the rows of each group; 0 for a group without rows.
    pub(super) fn means(rows: &Self, labels: &[usize], groups: usize, geometry: Geometry) -> Self {
        let mut centres = Self { data: vec![0.0; groups * rows.d], d: rows.d };
        move_to_means(&mut centres, rows, labels, geometry);
        centres
    }

    pub(super) fn select(&self, positions: &[usize]) -> Self {
        let mut chosen = Self::new(self.d);
        for &at in positions {
            chosen.push(self.row(at));
        }
        chosen
    }
}

/// How a partition is looked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Search {
    /// Groups.
    pub(super) k: usize,
    /// What nearness means; rows are of unit length where it is [`Geometry::Spherical`].
    pub(super) geometry: Geometry,
    /// The best of so many starts is kept.
    pub(super) restarts: usize,
    /// Of the starts.
    pub(super) seed: u64,
}

/// Rows in groups, the largest group first and none without rows.
#[derive(Clone, Debug)]
pub(super) struct Partition {
    pub(super) centres: Rows,
    /// The group of each row.
    pub(super) labels: Vec<usize>,
    /// Sum of the squared distances to the centres.
    pub(super) spread: f64,
}

/// Rounds after which a start is taken as it is; far more than it takes.
const MOST_ROUNDS: usize = 100;

impl Search {
    /// The best partition found. Fewer distinct rows than groups give fewer groups.
    pub(super) fn partition(&self, rows: &Rows) -> Partition {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(self.seed);
        let mut best = self.once(rows, &mut random);
        for _ in 1..self.restarts {
            let next = self.once(rows, &mut random);
            if next.spread < best.spread {
                best = next;
            }
        }
        best.largest_first()
    }

    fn once(&self, rows: &Rows, random: &mut Xoshiro256PlusPlus) -> Partition {
        let mut centres = spread_seeds(rows, self.k, random);
        let mut labels = assign(rows, &centres);
        for _ in 0..MOST_ROUNDS {
            move_to_means(&mut centres, rows, &labels, self.geometry);
            let moved = assign(rows, &centres);
            if moved == labels {
                break;
            }
            labels = moved;
        }
        let distances = rows.iter().zip(&labels).map(|(row, &at)| squared_distance(row, centres.row(at)));
        let spread = distances.map(f64::from).sum();
        Partition { centres, labels, spread }
    }
}

/// Each next seed is drawn in proportion to the squared distance from those before.
fn spread_seeds(rows: &Rows, k: usize, random: &mut Xoshiro256PlusPlus) -> Rows {
    let mut centres = Rows::new(rows.d);
    if rows.len() == 0 {
        return centres;
    }
    centres.push(rows.row(random.random_range(0..rows.len())));
    let mut distances = vec![f32::INFINITY; rows.len()];
    while centres.len() < k {
        let last = centres.row(centres.len() - 1);
        for (row, distance) in rows.iter().zip(&mut distances) {
            *distance = distance.min(squared_distance(row, last));
        }
        let total: f64 = distances.iter().copied().map(f64::from).sum();
        let mut left = random.random::<f64>() * total;
        let apart = |at: &usize| distances[*at] > 0.0;
        let drawn = (0..rows.len()).filter(apart).find(|&at| {
            left -= f64::from(distances[at]);
            left < 0.0
        });
        // Rounding may leave a little over after the last row that is apart from all centres.
        let Some(at) = drawn.or_else(|| (0..rows.len()).rfind(apart)) else { break };
        centres.push(rows.row(at));
    }
    centres
}

fn assign(rows: &Rows, centres: &Rows) -> Vec<usize> {
    rows.iter().map(|row| nearest_two(centres.iter(), row).0.0).collect()
}

/// Moves every centre to the mean of its rows; without rows, or without a direction, it stays.
fn move_to_means(centres: &mut Rows, rows: &Rows, labels: &[usize], geometry: Geometry) {
    let d = rows.d;
    let (mut sums, mut sizes) = (vec![0f64; centres.data.len()], vec![0usize; centres.len()]);
    for (row, &label) in rows.iter().zip(labels) {
        sizes[label] += 1;
        for (sum, &value) in sums[label * d..(label + 1) * d].iter_mut().zip(row) {
            *sum += f64::from(value);
        }
    }
    for ((centre, sum), &size) in centres.data.chunks_exact_mut(d).zip(sums.chunks_exact(d)).zip(&sizes) {
        let divisor = match geometry {
            Geometry::Plain => size as f64,
            Geometry::Spherical => sum.iter().map(|value| value * value).sum::<f64>().sqrt(),
        };
        if divisor > 0.0 {
            for (value, &sum) in centre.iter_mut().zip(sum) {
                *value = (sum / divisor) as f32;
            }
        }
    }
}

impl Partition {
    fn largest_first(self) -> Self {
        let mut sizes = vec![0usize; self.centres.len()];
        for &label in &self.labels {
            sizes[label] += 1;
        }
        let mut order: Vec<usize> = (0..sizes.len()).filter(|&at| sizes[at] > 0).collect();
        order.sort_by_key(|&at| std::cmp::Reverse(sizes[at]));
        let mut places = vec![0; sizes.len()];
        for (place, &at) in order.iter().enumerate() {
            places[at] = place;
        }
        let labels = self.labels.iter().map(|&label| places[label]).collect();
        Self { centres: self.centres.select(&order), labels, spread: self.spread }
    }
}

/// The nearest centre with its squared distance, the first of equals, and the squared distance of the second nearest.
pub(super) fn nearest_two<'a>(centres: impl Iterator<Item = &'a [f32]>, row: &[f32]) -> ((usize, f32), f32) {
    let (mut first, mut second) = ((0, f32::INFINITY), f32::INFINITY);
    for (at, centre) in centres.enumerate() {
        let distance = squared_distance(row, centre);
        if distance < first.1 {
            second = first.1;
            first = (at, distance);
        } else if distance < second {
            second = distance;
        }
    }
    (first, second)
}

/// The nearest centre.
pub(super) fn nearest<'a>(centres: impl Iterator<Item = &'a [f32]>, row: &[f32]) -> Nearest {
    let (group, squared) = nearest_two(centres, row).0;
    Nearest { group, distance: squared.sqrt() }
}

/// Eight sums at once, which compilers turn into vector instructions.
fn squared_distance(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 8;
    let (a_lanes, a_rest) = a.as_chunks::<LANES>();
    let (b_lanes, b_rest) = b.as_chunks::<LANES>();
    let mut sums = [0f32; LANES];
    for (a, b) in a_lanes.iter().zip(b_lanes) {
        for lane in 0..LANES {
            sums[lane] += (a[lane] - b[lane]) * (a[lane] - b[lane]);
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| (a - b) * (a - b)).sum();
    sums.iter().sum::<f32>() + rest
}

/// The rows to learn from: all of them, or as many as allowed, drawn by chance and in their order.
pub(super) fn sample(rows: usize, most: usize, seed: u64) -> Vec<usize> {
    if rows <= most {
        return (0..rows).collect();
    }
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut drawn = rand::seq::index::sample(&mut random, rows, most).into_vec();
    drawn.sort_unstable();
    drawn
}

/// Numbers beyond it have squares, and sums of squares, that f32 cannot hold.
const LARGEST: f32 = 1e15;

/// Refuses a matrix without rows or columns, and numbers that are not finite or too large to be squared.
pub(super) fn require_numbers(matrix: &ArrayView2<'_, f32>, what: &'static str) -> Result<()> {
    if matrix.is_empty() {
        return Err(Error::Empty { what, remedy: "give at least one customer and one column" });
    }
    let wrong = matrix.indexed_iter().find(|(_, value)| !is_sound(**value));
    wrong.map_or(Ok(()), |((row, column), value)| {
        Err(unsound(what, *value, format!("row {row}, column {column}")))
    })
}

/// Refuses a row of another length, and numbers that are not finite or too large to be squared.
pub(super) fn require_row(row: &[f32], d: usize, what: &'static str) -> Result<()> {
    if row.len() != d {
        let (expected, found) = (format!("{d} numbers"), format!("{} numbers", row.len()));
        return Err(Error::Shape { what: what.into(), expected, found });
    }
    let wrong = row.iter().position(|value| !is_sound(*value));
    wrong.map_or(Ok(()), |at| Err(unsound(what, row[at], format!("number {at}"))))
}

fn is_sound(value: f32) -> bool {
    value.abs() <= LARGEST
}

fn unsound(what: &'static str, value: f32, at: String) -> Error {
    if value.is_finite() {
        let value = format!("{value} at {at}");
        return Error::OutOfRange { name: what, value, expected: "numbers between -1e15 and 1e15" };
    }
    Error::NotFinite { what, at }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rows_of(points: &[(i8, i8)]) -> Rows {
        let data = points.iter().flat_map(|&(x, y)| [f32::from(x), f32::from(y)]).collect();
        Rows { data, d: 2 }
    }

    /// The least spread of all ways to put every point into one of two groups.
    fn least_spread(rows: &Rows) -> f64 {
        let spread = |mask: usize| {
            let labels: Vec<usize> = (0..rows.len()).map(|at| mask >> at & 1).collect();
            let centres = Rows::means(rows, &labels, 2, Geometry::Plain);
            let distances = rows.iter().zip(&labels).map(|(row, &at)| squared_distance(row, centres.row(at)));
            distances.map(f64::from).sum::<f64>()
        };
        (0..1 << rows.len()).map(spread).fold(f64::INFINITY, f64::min)
    }

    proptest! {
        #[test]
        fn two_groups_of_a_few_points_are_nearly_the_best_of_all(
            points in prop::collection::vec((-20i8..20, -20i8..20), 1..9),
        ) {
            let rows = rows_of(&points);
            let search = Search { k: 2, geometry: Geometry::Plain, restarts: 40, seed: 1 };
            let found = search.partition(&rows);
            let least = least_spread(&rows);
            // Moving one centre at a time ends beside the best now and then, never far from it.
            prop_assert!(found.spread >= least * (1.0 - 1e-4) - 1e-4, "{} {least}", found.spread);
            prop_assert!(found.spread <= least * 1.25 + 1e-4, "{} {least}", found.spread);
            let size = |group| found.labels.iter().filter(|&&label| label == group).count();
            let sizes: Vec<usize> = (0..found.centres.len()).map(size).collect();
            prop_assert!(sizes.is_sorted_by(|a, b| a >= b) && !sizes.contains(&0), "{sizes:?}");
        }
    }

    #[test]
    fn fewer_distinct_rows_than_groups_give_fewer_groups() {
        let search = Search { k: 5, geometry: Geometry::Plain, restarts: 3, seed: 1 };
        let found = search.partition(&rows_of(&[(1, 1), (1, 1), (4, 4), (1, 1)]));
        assert_eq!((found.labels, found.spread), (vec![0, 0, 1, 0], 0.0));
    }
}

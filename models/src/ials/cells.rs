//! Confidences as compressed sparse rows, both ways round, and how rows are shared out over threads.

use crate::events::Timestamp;
use crate::ids::Ix;
use crate::interactions::{Confidence, Interaction, Interactions};
use std::ops::Range;

/// One observed pair, seen from its row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cell {
    /// The position of the other side's vector.
    pub(super) column: u32,
    /// Above 0 and finite.
    pub(super) confidence: f32,
}

/// The cells of one person's history; interactions outside the catalogue or without weight are left out.
pub(super) fn row_cells<'a>(
    interactions: &'a [Interaction],
    n_items: usize,
    confidence: &'a Confidence,
    as_of: Timestamp,
) -> impl Iterator<Item = Cell> + 'a {
    interactions
        .iter()
        .filter(move |interaction| interaction.item.position() < n_items)
        .map(move |interaction| Cell {
            column: interaction.item.0,
            confidence: confidence.of(interaction, as_of),
        })
        .filter(|cell| cell.confidence.is_finite() && cell.confidence > 0.0)
}

/// All cells, row after row.
pub(super) struct Cells {
    starts: Vec<usize>,
    cells: Vec<Cell>,
}

impl Cells {
    pub(super) fn new(interactions: &Interactions, confidence: &Confidence, as_of: Timestamp) -> Self {
        let mut all = Self { starts: vec![0], cells: Vec::with_capacity(interactions.cells().len()) };
        for (_, row) in interactions.rows() {
            all.cells.extend(row_cells(row, interactions.n_items(), confidence, as_of));
            all.starts.push(all.cells.len());
        }
        all
    }

    pub(super) fn n_rows(&self) -> usize {
        self.starts.len() - 1
    }

    pub(super) fn row(&self, row: usize) -> &[Cell] {
        &self.cells[self.starts[row]..self.starts[row + 1]]
    }

    pub(super) fn n_cells(&self) -> usize {
        self.cells.len()
    }

    pub(super) fn longest_row(&self) -> usize {
        self.starts.windows(2).map(|bounds| bounds[1] - bounds[0]).max().unwrap_or_default()
    }

    /// How many rows have any cell.
    pub(super) fn n_active_rows(&self) -> usize {
        self.starts.windows(2).filter(|bounds| bounds[0] < bounds[1]).count()
    }

    /// The sum of all confidences.
    pub(super) fn total(&self) -> f64 {
        self.cells.iter().map(|cell| f64::from(cell.confidence)).sum()
    }

    /// Counts, then places: cells of a row are in the order of their columns.
    pub(super) fn transposed(&self, n_columns: usize) -> Self {
        let mut starts = vec![0usize; n_columns + 1];
        for cell in &self.cells {
            starts[cell.column as usize + 1] += 1;
        }
        for column in 0..n_columns {
            starts[column + 1] += starts[column];
        }
        let mut next = starts.clone();
        let mut cells = vec![Cell { column: 0, confidence: 0.0 }; self.cells.len()];
        for row in 0..self.n_rows() {
            for cell in self.row(row) {
                let slot = &mut next[cell.column as usize];
                cells[*slot] = Cell { column: row as u32, confidence: cell.confidence };
                *slot += 1;
            }
        }
        Self { starts, cells }
    }

    /// Cuts the rows into consecutive blocks of about equal work, many more than threads.
    ///
    /// A row of n cells costs about `n·d·min(n, d)`, however it is solved.
    pub(super) fn blocks(&self, d: usize) -> Vec<Range<usize>> {
        const BLOCKS: usize = 256;
        let cost = |row: usize| {
            let n = self.row(row).len();
            (n * n.min(d) + n + 1) * d
        };
        let share = (0..self.n_rows()).map(cost).sum::<usize>() / BLOCKS + 1;
        let (mut blocks, mut start, mut work) = (Vec::with_capacity(BLOCKS), 0, 0);
        for row in 0..self.n_rows() {
            work += cost(row);
            if work >= share || row + 1 == self.n_rows() {
                blocks.push(start..row + 1);
                (start, work) = (row + 1, 0);
            }
        }
        blocks
    }
}

//! Confidences as compressed sparse rows, both ways round, and how rows are shared out over threads.

use crate::error::{Error, Result};
use crate::events::Timestamp;
use crate::ids::Ix;
use crate::interactions::{Confidence, Interaction, Interactions};
use std::ops::Range;

/// One observed pair, seen from its row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Cell {
    /// The position of the other side's vector.
    pub(crate) column: u32,
    /// Above 0 and finite.
    pub(crate) confidence: f32,
}

/// The cells of one person's history; interactions outside the catalogue or without weight are left out.
pub(crate) fn row_cells<'a>(
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
#[derive(Clone)]
pub(crate) struct Cells {
    starts: Vec<usize>,
    cells: Vec<Cell>,
}

impl Cells {
    /// The confidences of a history as of a moment.
    ///
    /// # Errors
    /// [`Error::Empty`] when no interaction has any.
    pub(crate) fn new(
        interactions: &Interactions,
        confidence: &Confidence,
        as_of: Timestamp,
    ) -> Result<Self> {
        let mut all = Self { starts: vec![0], cells: Vec::with_capacity(interactions.cells().len()) };
        for (_, row) in interactions.rows() {
            all.cells.extend(row_cells(row, interactions.n_items(), confidence, as_of));
            all.starts.push(all.cells.len());
        }
        if all.cells.is_empty() {
            return Err(Error::Empty {
                what: "the history",
                remedy: "give purchases before the moment of training",
            });
        }
        Ok(all)
    }

    /// The same rows, those of more than `longest` cells by an even sample of them: bounds work that grows with the
    /// square of a row's length, while a huge row says little about each of its pairs.
    pub(crate) fn thinned(&self, longest: usize) -> Self {
        let mut thinned = Self { starts: vec![0], cells: Vec::with_capacity(self.cells.len()) };
        for row in 0..self.n_rows() {
            let (cells, kept) = (self.row(row), self.row(row).len().min(longest));
            let sampled = |at: usize| (at + 1) * kept / cells.len() > at * kept / cells.len();
            thinned.cells.extend((0..cells.len()).filter(|&at| sampled(at)).map(|at| cells[at]));
            thinned.starts.push(thinned.cells.len());
        }
        thinned
    }

    /// Multiplies every cell by the factor of its row and that of its column.
    pub(crate) fn scale(&mut self, rows: &[f32], columns: &[f32]) {
        for (row, factor) in rows.iter().enumerate() {
            for cell in &mut self.cells[self.starts[row]..self.starts[row + 1]] {
                cell.confidence *= factor * columns[cell.column as usize];
            }
        }
    }

    /// The sum of the confidences of each row.
    pub(crate) fn row_sums(&self) -> Vec<f64> {
        let sum = |row| self.row(row).iter().map(|cell| f64::from(cell.confidence)).sum();
        (0..self.n_rows()).map(sum).collect()
    }

    /// The same, at least 1: what hardly anyone has must not be blown up by a power of its sum.
    pub(crate) fn degrees(&self) -> Vec<f64> {
        self.row_sums().into_iter().map(|sum| sum.max(1.0)).collect()
    }

    pub(crate) fn n_rows(&self) -> usize {
        self.starts.len() - 1
    }

    pub(crate) fn row(&self, row: usize) -> &[Cell] {
        &self.cells[self.starts[row]..self.starts[row + 1]]
    }

    pub(crate) fn n_cells(&self) -> usize {
        self.cells.len()
    }

    pub(crate) fn longest_row(&self) -> usize {
        self.starts.windows(2).map(|bounds| bounds[1] - bounds[0]).max().unwrap_or_default()
    }

    /// How many rows have any cell.
    pub(crate) fn n_active_rows(&self) -> usize {
        self.starts.windows(2).filter(|bounds| bounds[0] < bounds[1]).count()
    }

    /// The sum of all confidences.
    pub(crate) fn total(&self) -> f64 {
        self.cells.iter().map(|cell| f64::from(cell.confidence)).sum()
    }

    /// Counts, then places: cells of a row are in the order of their columns.
    pub(crate) fn transposed(&self, n_columns: usize) -> Self {
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
    pub(crate) fn blocks(&self, d: usize) -> Vec<Range<usize>> {
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

//! Vectors in one byte per number, with a bound on what that loses.
//!
//! A row `x` is stored as `x̂ = step·codes`, codes in −127..=127. A query `q` becomes `q̂`, codes of 14 bits, so
//! that nearly all of the error is the row's. By Cauchy and Schwarz
//!
//! `|x·q − x̂·q̂| ≤ ‖x − x̂‖·‖q‖ + ‖x̂‖·‖q − q̂‖`,
//!
//! and every factor is known when the row or the query is coded. Hence `x̂·q̂ + bound` is an **upper bound** of
//! the true score: a row whose upper bound is below the n-th best score so far needs no second look, and a scan
//! that looks again at all others is exact. For factors of 64 dimensions the bound is about 0.6 % of
//! `‖x‖·‖q‖`, a twentieth of the scores' spread, and costs a fifth more second looks than no bound at all.
//!
//! A whole block of rows is known by the longest of them: none scores more than `longest·‖q‖`. Rows in the order of their
//! length, longest first, leave the later blocks of a pass unread (as in LEMP, Teflioudi et al. 2015).

use super::MAX_DIMENSIONS;
use super::simd::{Kernels, padded};
use pulp::{Simd, WithSimd};

const ROW_LEVELS: f32 = 127.0;
const QUERY_LEVELS: f32 = 8191.0;
/// No sum of products leaves an `i32`.
const _: () = assert!(127 * 8191 * MAX_DIMENSIONS as i64 <= i32::MAX as i64);
/// More than what rounding in `f32` can add to a dot product of [`MAX_DIMENSIONS`] numbers, as a part of
/// `‖x‖·‖q‖`.
const ROUNDING: f64 = 1e-4;

/// More than what products below the smallest normal number can lose: half the smallest of all numbers per code,
/// for as many as an `i32` counts.
const UNDERFLOW: f32 = 4e-36;

/// Rows handled at a time: their bounds stay in the fastest cache.
pub const BLOCK: usize = 256;
/// Queries handled in one pass over the rows.
pub const QUERIES_PER_PASS: usize = 4;

/// Coded rows.
#[derive(Clone, Debug)]
pub struct QuantisedRows {
    width: usize,
    codes: Vec<i8>,
    scales: Vec<Scale>,
    /// For each block, at least the length of each of its rows.
    longest: Vec<f32>,
    kernels: Kernels,
}

/// What turns a row's integer sum into an upper bound.
#[derive(Clone, Copy, Debug, Default)]
struct Scale {
    /// The value of one code.
    step: f32,
    /// The bound on the error, as a multiple of `‖q‖`.
    error: f32,
}

/// A coded query.
#[derive(Clone, Debug)]
pub struct QuantisedQuery {
    codes: Vec<i16>,
    step: f32,
    norm: f32,
}

impl QuantisedRows {
    /// No rows yet, for vectors of `dimensions` numbers.
    pub fn new(dimensions: usize) -> Self {
        Self {
            width: padded(dimensions),
            codes: Vec::new(),
            scales: Vec::new(),
            longest: Vec::new(),
            kernels: Kernels::default(),
        }
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.scales.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.scales.is_empty()
    }

    /// Codes a row, which is at most one beyond the last.
    pub fn set(&mut self, row: usize, vector: &[f32]) {
        if row == self.len() {
            self.scales.push(Scale::default());
            self.codes.resize(self.scales.len() * self.width, 0);
            self.longest.resize(self.scales.len().div_ceil(BLOCK), 0.0);
        }
        let step = largest(vector) / ROW_LEVELS;
        let codes = &mut self.codes[row * self.width..][..self.width];
        let (mut lost, mut kept, mut whole) = (0.0_f64, 0.0_f64, 0.0_f64);
        for (code, &number) in codes.iter_mut().zip(vector) {
            *code = if step > 0.0 { (number / step).round().clamp(-ROW_LEVELS, ROW_LEVELS) as i8 } else { 0 };
            let coded = f64::from(*code) * f64::from(step);
            lost += (f64::from(number) - coded).powi(2);
            kept += coded.powi(2);
            whole += f64::from(number).powi(2);
        }
        // The query's error is at most half a step per number, and its largest number at most its norm.
        let of_query = 0.5 * (self.width as f64).sqrt() / f64::from(QUERY_LEVELS);
        let error = lost.sqrt() + kept.sqrt() * of_query + whole.sqrt() * ROUNDING;
        let coarse = is_coarse(vector, step);
        let error = if coarse { f64::INFINITY } else { error };
        self.scales[row] = Scale { step, error: error as f32 };
        let length = if coarse { f64::INFINITY } else { whole.sqrt() * (1.0 + 2.0 * ROUNDING) };
        let longest = &mut self.longest[row / BLOCK];
        *longest = longest.max(length as f32);
    }

    /// An upper bound of the scores of all rows of the block that begins at `start`; not a number where nothing is known.
    pub fn block_bound(&self, start: usize, query: &QuantisedQuery) -> f32 {
        self.longest[start / BLOCK] * query.norm + UNDERFLOW
    }

    /// Writes, for rows from `start` on and for each query, an upper bound of the score; returns for how many
    /// rows, at most [`BLOCK`]. At most [`QUERIES_PER_PASS`] queries.
    pub fn upper_bounds(
        &self,
        start: usize,
        queries: &[&QuantisedQuery],
        bounds: &mut [[f32; BLOCK]; QUERIES_PER_PASS],
    ) -> usize {
        let end = self.len().min(start + BLOCK);
        let codes = &self.codes[start * self.width..end * self.width];
        let scales = &self.scales[start..end];
        let arch = self.kernels.0;
        match *queries {
            [] => {}
            [a] => arch.dispatch(Pass { codes, scales, queries: [a], bounds }),
            [a, b] => arch.dispatch(Pass { codes, scales, queries: [a, b], bounds }),
            [a, b, c] => arch.dispatch(Pass { codes, scales, queries: [a, b, c], bounds }),
            [a, b, c, d, ..] => arch.dispatch(Pass { codes, scales, queries: [a, b, c, d], bounds }),
        }
        end - start
    }
}

/// A block of rows on its way past some queries.
struct Pass<'a, const Q: usize> {
    codes: &'a [i8],
    scales: &'a [Scale],
    queries: [&'a QuantisedQuery; Q],
    bounds: &'a mut [[f32; BLOCK]; QUERIES_PER_PASS],
}

/// A row is read once for all queries. The products are summed as integers, which compilers turn into the
/// processor's multiply-and-add of 16-bit pairs.
impl<const Q: usize> WithSimd for Pass<'_, Q> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let width = self.codes.len() / self.scales.len().max(1);
        for (row, (codes, scale)) in self.codes.chunks_exact(width.max(1)).zip(self.scales).enumerate() {
            for (query, bounds) in self.queries.iter().zip(self.bounds.iter_mut()) {
                let products = codes.iter().zip(&query.codes).map(|(&x, &q)| i32::from(x) * i32::from(q));
                let sum: i32 = products.sum();
                bounds[row] = sum as f32 * (scale.step * query.step) + scale.error * query.norm + UNDERFLOW;
            }
        }
    }
}

impl QuantisedQuery {
    /// Codes a padded query.
    pub fn new(vector: &[f32]) -> Self {
        let step = largest(vector) / QUERY_LEVELS;
        let code = |&number: &f32| {
            if step > 0.0 { (number / step).round().clamp(-QUERY_LEVELS, QUERY_LEVELS) as i16 } else { 0 }
        };
        let squares: f64 = vector.iter().map(|&number| f64::from(number).powi(2)).sum();
        let norm = if is_coarse(vector, step) { f32::INFINITY } else { squares.sqrt() as f32 };
        Self { codes: vector.iter().map(code).collect(), step, norm }
    }
}

/// Whether a step lies among the subnormal numbers, or below, where dividing by it is no longer exact to a few
/// digits. Its codes bound nothing, which an infinite error says.
fn is_coarse(vector: &[f32], step: f32) -> bool {
    step < f32::MIN_POSITIVE && largest(vector) > 0.0
}

fn largest(vector: &[f32]) -> f32 {
    vector.iter().fold(0.0, |largest, number| number.abs().max(largest))
}

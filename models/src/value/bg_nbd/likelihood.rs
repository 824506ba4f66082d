//! How likely parameters of BG/NBD make what was observed.
//!
//! ```text
//! L(r, α, a, b | x, t_x, T) = Γ(r+x)/Γ(r) · α^r · B(a, b+x)/B(a, b)
//!                           · [ (α+T)^−(r+x) + (x > 0) · a/(b+x−1) · (α+t_x)^−(r+x) ]
//! ```

use super::super::search::Terms;
use super::super::summary::Summary;

/// Customers with the same numbers.
struct Row {
    customers: f64,
    frequency: f64,
    recency: f64,
    age: f64,
}

/// What a search looks at again and again, with times in units of the mean age.
pub(super) struct Observed {
    rows: Vec<Row>,
    /// How many customers have more repeat orders than 0, than 1, …; of these, Γ(r+x)/Γ(r) = Π (r+i) needs no more.
    with_more: Vec<f64>,
    pub(super) customers: f64,
    pub(super) repeats: f64,
    /// The mean age, in the unit of the summaries.
    pub(super) scale: f64,
}

impl Observed {
    /// Of checked summaries, whose mean age is above 0.
    pub(super) fn new(summaries: &[Summary]) -> Self {
        let customers = summaries.len() as f64;
        let scale = summaries.iter().map(|summary| summary.age).sum::<f64>() / customers;
        let mut keys: Vec<(u32, f64, f64)> =
            summaries.iter().map(|summary| (summary.frequency, summary.recency, summary.age)).collect();
        keys.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.total_cmp(&b.2)));
        let row = |same: &[(u32, f64, f64)]| Row {
            customers: same.len() as f64,
            frequency: f64::from(same[0].0),
            recency: same[0].1 / scale,
            age: same[0].2 / scale,
        };
        let with_more = (0..keys.last().map_or(0, |most| most.0))
            .map(|repeats| (keys.len() - keys.partition_point(|key| key.0 <= repeats)) as f64)
            .collect();
        let rows: Vec<Row> = keys.chunk_by(|a, b| a == b).map(row).collect();
        let repeats = rows.iter().map(|row| row.customers * row.frequency).sum();
        Self { rows, with_more, customers, repeats, scale }
    }

    /// The logarithm of the likelihood per customer, with times in units of the mean age, at logarithms of r, α, a, b.
    pub(super) fn log_likelihood(&self, logarithms: &[f64; 4]) -> Terms<4> {
        let parameters = logarithms.map(f64::exp);
        let [r, alpha, a, b] = parameters;
        let n = self.customers;
        let mut terms = Terms::ZERO;
        terms.value = n * r * logarithms[1];
        terms.slope = [n * logarithms[1], n * r / alpha, 0.0, 0.0];
        terms.curvature[0][1] = n / alpha;
        terms.curvature[1][1] = -n * r / (alpha * alpha);
        for (i, customers) in self.with_more.iter().enumerate() {
            let i = i as f64;
            let [of_r, of_b, of_both] = [r + i, b + i, a + b + i].map(|sum| customers / sum);
            terms.value += customers * ((r + i) * (b + i) / (a + b + i)).ln();
            terms.slope[0] += of_r;
            terms.slope[2] -= of_both;
            terms.slope[3] += of_b - of_both;
            terms.curvature[0][0] -= of_r / (r + i);
            terms.curvature[2][2] += of_both / (a + b + i);
            terms.curvature[2][3] += of_both / (a + b + i);
            terms.curvature[3][3] += of_both / (a + b + i) - of_b / (b + i);
        }
        terms.add_rows(&self.rows, |terms, row| row.add(&parameters, terms));
        terms.by_logarithms(&parameters, n)
    }
}

impl Row {
    /// Adds ln[ … ], the sum of "still a customer" and "stopped after the last order".
    fn add(&self, &[r, alpha, a, b]: &[f64; 4], terms: &mut Terms<4>) {
        let (n, shape, alive) = (self.customers, r + self.frequency, alpha + self.age);
        let ln_alive = -shape * alive.ln();
        let slope = [-alive.ln(), -shape / alive];
        if self.frequency == 0.0 {
            terms.value += n * ln_alive;
            terms.slope[0] += n * slope[0];
            terms.slope[1] += n * slope[1];
            terms.curvature[0][1] -= n / alive;
            terms.curvature[1][1] += n * shape / (alive * alive);
            return;
        }
        let (stopped, kept) = (alpha + self.recency, b + self.frequency - 1.0);
        let ln_stopped = (a / kept).ln() - shape * stopped.ln();
        // The share of "stopped" in the sum, with the larger of the two taken out before it is raised.
        let odds = (-(ln_stopped - ln_alive).abs()).exp();
        let share = if ln_stopped > ln_alive { 1.0 } else { odds } / (1.0 + odds);
        let other = 1.0 - share;
        terms.value += n * (ln_alive.max(ln_stopped) + odds.ln_1p());
        let by_stopping = [-stopped.ln(), -shape / stopped, 1.0 / a, -1.0 / kept];
        let difference =
            [by_stopping[0] - slope[0], by_stopping[1] - slope[1], by_stopping[2], by_stopping[3]];
        let by_living = [slope[0], slope[1], 0.0, 0.0];
        for i in 0..4 {
            terms.slope[i] += n * (other * by_living[i] + share * by_stopping[i]);
            for j in i..4 {
                terms.curvature[i][j] += n * share * other * difference[i] * difference[j];
            }
        }
        terms.curvature[0][1] -= n * (other / alive + share / stopped);
        terms.curvature[1][1] += n * shape * (other / (alive * alive) + share / (stopped * stopped));
        terms.curvature[2][2] -= n * share / (a * a);
        terms.curvature[3][3] += n * share / (kept * kept);
    }
}

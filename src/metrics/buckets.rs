//! Upper bounds of the buckets of histograms.

/// Seconds of requests, stages and writes: 0.25 ms to 10 s.
pub(super) const SECONDS: &[f64] = &[
    0.000_25, 0.000_5, 0.001, 0.002, 0.003, 0.005, 0.007_5, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
    10.0,
];

/// Seconds of reads and searches, of which there are many kinds: 0.1 ms to 5 s.
pub(super) const READ_SECONDS: &[f64] = &[0.000_1, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.05, 0.25, 1.0, 5.0];

/// Seconds between an act and the moment that we hear of it: half a second to a week.
pub(super) const LAG_SECONDS: &[f64] =
    &[0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0, 86_400.0, 604_800.0];

/// Rows that share a transaction.
pub(super) const ROWS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0];

/// Probabilities of acceptance.
pub(super) const PROBABILITIES: &[f64] =
    &[0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75];

/// Scores of items, whose scale is that of the release.
pub(super) const SCORES: &[f64] =
    &[0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 7.5, 10.0, 15.0, 20.0, 30.0, 50.0, 100.0];

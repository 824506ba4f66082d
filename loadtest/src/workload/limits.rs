//! Numbers beyond which nobody can mean it, in a file as on the command line.

use std::ops::RangeInclusive;

/// Requests a second.
pub const RATE: RangeInclusive<f64> = 0.01..=1e6;
/// Seconds that are measured.
pub const SECONDS: RangeInclusive<f64> = 0.01..=604_800.0;
/// Seconds before that.
pub const WARM_UP_SECONDS: RangeInclusive<f64> = 0.0..=86_400.0;
/// Connections: an address has no more ports.
pub const CONNECTIONS: RangeInclusive<f64> = 1.0..=60_000.0;
/// Milliseconds after which a request has failed.
pub const TIMEOUT_MS: RangeInclusive<f64> = 1.0..=600_000.0;

/// A number beyond its limits.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{name} must be from {} to {}, but is {value:?}", limits.start(), limits.end())]
pub struct OutOfLimits {
    name: String,
    value: f64,
    limits: RangeInclusive<f64>,
}

/// Whether a number is within its limits; `name` is what an error calls it.
///
/// # Errors
/// [`OutOfLimits`].
pub fn check(name: &str, value: f64, limits: &RangeInclusive<f64>) -> Result<(), OutOfLimits> {
    let refused = || OutOfLimits { name: name.to_owned(), value, limits: limits.clone() };
    limits.contains(&value).then_some(()).ok_or_else(refused)
}

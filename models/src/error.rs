//! The one error type of this crate. Every message names the value and the remedy.

/// What can go wrong in a pure computation.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A hyper-parameter is outside the range in which the method is defined.
    #[error("{name} must be {expected}, but is {value}")]
    OutOfRange {
        /// The parameter as users write it.
        name: &'static str,
        /// What was given.
        value: String,
        /// The range, in words.
        expected: &'static str,
    },
    /// There is nothing to learn from.
    #[error("{what} is empty: {remedy}")]
    Empty {
        /// What is empty.
        what: &'static str,
        /// What would help.
        remedy: &'static str,
    },
    /// There is something to learn from, but too little.
    #[error(
        "at least {needed} {what} are needed, but there are {found}: give a longer history or more customers"
    )]
    TooFew {
        /// What is counted.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many would suffice.
        needed: usize,
    },
    /// Times in two units met; none is converted unasked.
    #[error("{what} is in {found}, but the model in {expected}: convert it to {expected} first")]
    Unit {
        /// What came in.
        what: &'static str,
        /// The model's unit.
        expected: crate::value::Unit,
        /// The unit that came in.
        found: crate::value::Unit,
    },
    /// A NaN or an infinity was met; such numbers are refused where they enter.
    #[error("{what} holds a number that is not finite, at {at}")]
    NotFinite {
        /// Which array or field.
        what: &'static str,
        /// Where in it.
        at: String,
    },
    /// Two parts that belong together do not fit each other.
    #[error("{what} should have {expected}, but has {found}")]
    Shape {
        /// Which part.
        what: String,
        /// The shape that the rest implies.
        expected: String,
        /// The shape found.
        found: String,
    },
    /// A part of a release cannot be read.
    #[error("{part} cannot be read: {reason}")]
    Unreadable {
        /// The file's name inside the release.
        part: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A linear system could not be solved, although regularisation should make it positive definite.
    #[error("{what} is not positive definite: raise the regularisation")]
    NotPositiveDefinite {
        /// Which system.
        what: &'static str,
    },
}

/// A result whose error is [`enum@Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// [`Error::OutOfRange`] unless `holds`.
pub(crate) fn require(
    holds: bool,
    name: &'static str,
    value: impl std::fmt::Display,
    expected: &'static str,
) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::OutOfRange { name, value: value.to_string(), expected }) }
}

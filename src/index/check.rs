//! What every index refuses, so that a question or an item means the same in all of them.

use super::{IndexError, IndexPoint, IndexQuery};
use models::ids::Ix;
use models::payload::{Condition, Match, PayloadValue, name_fault};
use std::time::Instant;

/// Refuses a deadline that has passed.
pub(super) fn deadline(deadline: Instant) -> Result<(), IndexError> {
    if Instant::now() < deadline { Ok(()) } else { Err(IndexError::Timeout) }
}

/// Refuses vectors and filters that an index cannot answer.
pub(super) fn queries(queries: &[IndexQuery], dimensions: usize) -> Result<(), IndexError> {
    for query in queries {
        vector("the query vector", &query.vector, dimensions)?;
        let filter = &query.filter;
        filter.must.iter().chain(&filter.should).chain(&filter.must_not).try_for_each(condition)?;
    }
    Ok(())
}

/// Refuses vectors and payloads that an index cannot keep.
pub(super) fn points(points: &[IndexPoint], dimensions: usize) -> Result<(), IndexError> {
    for point in points {
        // By their number: they may be customers, and what is refused is logged.
        let number = point.item.position();
        vector(&format!("the vector of point {number}"), &point.vector, dimensions)?;
        for (name, value) in &point.payload {
            key(name)?;
            if matches!(value, PayloadValue::Number(number) if !number.is_finite()) {
                return Err(invalid(format!("`{name}` of point {number} is not a finite number")));
            }
        }
    }
    Ok(())
}

fn vector(what: &str, vector: &[f32], dimensions: usize) -> Result<(), IndexError> {
    if vector.len() != dimensions {
        return Err(invalid(format!("{what} has {} numbers instead of {dimensions}", vector.len())));
    }
    match vector.iter().position(|number| !number.is_finite()) {
        Some(at) => Err(invalid(format!("{what} is not finite at position {at}"))),
        None => Ok(()),
    }
}

fn condition(condition: &Condition) -> Result<(), IndexError> {
    let name = &condition.key;
    key(name)?;
    let wanted = match &condition.matches {
        None if condition.range.is_none() => {
            return Err(invalid(format!("the condition on `{name}` needs `match` or `range`")));
        }
        None => [].as_slice(),
        Some(Match::Value(value)) => std::slice::from_ref(value),
        Some(Match::Any(values)) => values,
    };
    match wanted.iter().any(|value| matches!(value, PayloadValue::Texts(_))) {
        true => Err(invalid(format!("`{name}` is matched with one list: match `any` of its words instead"))),
        false => Ok(()),
    }
}

fn key(name: &str) -> Result<(), IndexError> {
    match name_fault(name) {
        Some(fault) => Err(invalid(format!("the name `{name}` of an attribute {fault}"))),
        None => Ok(()),
    }
}

fn invalid(reason: String) -> IndexError {
    IndexError::Invalid(reason)
}

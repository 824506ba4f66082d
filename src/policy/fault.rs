//! What is wrong with a policy, and where.

use serde::Serialize;
use std::fmt;
use utoipa::ToSchema;

/// One thing that is wrong with a policy or an expression.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Fault {
    /// The key path, such as `rules[2].when`; empty for the whole document or a lone expression.
    pub path: String,
    /// The line, from 1.
    pub line: Option<usize>,
    /// The column inside the expression, from 1.
    pub column: Option<usize>,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.column) {
            (Some(line), Some(column)) => write!(formatter, "line {line}, column {column}: ")?,
            (Some(line), None) => write!(formatter, "line {line}: ")?,
            _ => {}
        }
        if !self.path.is_empty() {
            write!(formatter, "{}: ", self.path)?;
        }
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

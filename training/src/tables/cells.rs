//! One cell of a table, by the type of its column.

use models::payload::PayloadValue;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What the cells of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    /// A word or a text, kept as written.
    Text,
    /// A finite number.
    Number,
    /// `true` or `false`, in any case.
    Flag,
    /// Several words.
    Texts,
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Text => "text",
            Self::Number => "number",
            Self::Flag => "flag",
            Self::Texts => "texts",
        })
    }
}

impl ColumnType {
    /// The value of a cell that is not empty; `None` when it is not of this type.
    pub(super) fn value(self, cell: &str, list_separator: char) -> Option<PayloadValue> {
        Some(match self {
            Self::Text => PayloadValue::Text(cell.into()),
            Self::Number => PayloadValue::Number(number(cell)?),
            Self::Flag => PayloadValue::Flag(flag(cell)?),
            Self::Texts => {
                let words = cell.split(list_separator).map(str::trim).filter(|word| !word.is_empty());
                PayloadValue::Texts(words.map(String::from).collect())
            }
        })
    }
}

/// The type that all the cells have; text where there is none.
pub(super) fn infer<'a>(cells: impl Iterator<Item = &'a str>) -> ColumnType {
    let (mut any, mut numbers, mut flags) = (false, true, true);
    for cell in cells {
        any = true;
        numbers = numbers && number(cell).is_some() && !is_code(cell);
        flags = flags && flag(cell).is_some();
        if !numbers && !flags {
            return ColumnType::Text;
        }
    }
    match (any, flags) {
        (false, _) => ColumnType::Text,
        (true, true) => ColumnType::Flag,
        (true, false) => ColumnType::Number,
    }
}

fn number(cell: &str) -> Option<f64> {
    cell.trim_ascii().parse().ok().filter(|number: &f64| number.is_finite())
}

fn flag(cell: &str) -> Option<bool> {
    let cell = cell.trim_ascii();
    if cell.eq_ignore_ascii_case("true") {
        return Some(true);
    }
    cell.eq_ignore_ascii_case("false").then_some(false)
}

/// Digits with a leading zero: a code whose zeros must stay.
fn is_code(cell: &str) -> bool {
    let digits = cell.trim_ascii();
    digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit())
}

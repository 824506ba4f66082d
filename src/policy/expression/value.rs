//! The types of expressions, and the values that they have.

use models::payload::PayloadValue;
use std::borrow::Cow;
use std::fmt;

/// What the checker knows of a part of an expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Type {
    Flag,
    Number,
    Text,
    List(Box<Type>),
    /// Known only when it is evaluated.
    Dynamic,
}

/// A value while an expression is evaluated; it borrows from the facts and from the expression where it can.
#[derive(Clone, Debug)]
pub(super) enum Value<'a> {
    Flag(bool),
    Number(f64),
    Text(Cow<'a, str>),
    /// A list of texts among the facts.
    Texts(&'a [String]),
    /// A list that the expression wrote.
    List(Vec<Value<'a>>),
}

impl Type {
    /// Whether a value of one type can be one of the other.
    pub(super) fn fits(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Dynamic, _) | (_, Self::Dynamic) => true,
            (Self::List(one), Self::List(another)) => one.fits(another),
            _ => self == other,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Flag => "true or false",
            Self::Number => "a number",
            Self::Text => "a text",
            Self::List(_) => "a list",
            Self::Dynamic => "an attribute",
        })
    }
}

impl<'a> Value<'a> {
    pub(super) fn of_attribute(attribute: &'a PayloadValue) -> Self {
        match attribute {
            PayloadValue::Flag(flag) => Self::Flag(*flag),
            PayloadValue::Number(number) => Self::Number(*number),
            PayloadValue::Text(text) => Self::Text(Cow::Borrowed(text)),
            PayloadValue::Texts(texts) => Self::Texts(texts),
        }
    }

    /// The type's words, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Flag(_) => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::Texts(_) | Self::List(_) => "a list",
        }
    }

    /// How many elements a list has.
    pub(super) fn elements(&self) -> Option<usize> {
        match self {
            Self::Texts(texts) => Some(texts.len()),
            Self::List(values) => Some(values.len()),
            _ => None,
        }
    }

    /// One element of a list.
    pub(super) fn element(&self, index: usize) -> Option<Value<'a>> {
        match self {
            Self::Texts(texts) => texts.get(index).map(|text| Value::Text(Cow::Borrowed(text))),
            Self::List(values) => values.get(index).cloned(),
            _ => None,
        }
    }

    /// Whether two values are equal; `None` when their types differ.
    pub(super) fn equals(&self, other: &Value<'_>) -> Option<bool> {
        match (self, other) {
            (Self::Flag(one), Value::Flag(another)) => Some(one == another),
            (Self::Number(one), Value::Number(another)) => Some(one == another),
            (Self::Text(one), Value::Text(another)) => Some(one == another),
            _ => {
                let (one, another) = (self.elements()?, other.elements()?);
                if one != another {
                    return Some(false);
                }
                let mut equal = true;
                for index in 0..one {
                    equal &= self.element(index)?.equals(&other.element(index)?)?;
                }
                Some(equal)
            }
        }
    }
}

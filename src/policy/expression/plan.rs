//! An expression that was understood: every name is found, every type fits, every pattern is compiled.

use super::schema::{Field, Map};
use crate::policy::facts::{Facts, OfferFacts};
use regex::Regex;

/// A part of an expression.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Flag(bool),
    Number(f64),
    Text(String),
    /// A list written in the expression.
    List(Vec<Node>),
    Fact(&'static Field<Facts>),
    OfferFact(&'static Field<OfferFacts>),
    /// `profile.age`, `profile["age"]`.
    Attribute(Map, Box<Node>),
    /// The variable of the quantifier that is so many levels from the outermost.
    Element(usize),
    /// `has(churn.probability)`.
    HasFact(&'static Field<Facts>),
    HasOfferFact(&'static Field<OfferFacts>),
    /// `has(profile.age)`, `"age" in profile`.
    HasAttribute(Map, Box<Node>),
    Not(Box<Node>),
    Negative(Box<Node>),
    And(Box<[Node; 2]>),
    Or(Box<[Node; 2]>),
    /// `condition ? one : other`.
    If(Box<[Node; 3]>),
    Compared(Comparison, Box<[Node; 2]>),
    Computed(Operation, Box<[Node; 2]>),
    /// `x in list`.
    In(Box<[Node; 2]>),
    /// `list[0]`.
    Index(Box<[Node; 2]>),
    /// The characters of a text, the elements of a list.
    Size(Box<Node>),
    Tested(TextTest, Box<[Node; 2]>),
    Matches(Box<Node>, Regex),
    Converted(Conversion, Box<Node>),
    /// `list.exists(x, test)`: the list, and the test.
    Quantified(Quantifier, Box<[Node; 2]>),
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// What is computed of two numbers; a sum of texts joins them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

/// What is asked of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextTest {
    StartsWith,
    EndsWith,
    Contains,
}

/// What a value is turned into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Conversion {
    Number,
    /// A number without its fraction.
    Integer,
    Text,
}

/// For how many elements of a list a test must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quantifier {
    Exists,
    All,
    ExistsOne,
}

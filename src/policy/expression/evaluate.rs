//! What an expression is worth for the facts of a request and an offer.
//!
//! As in CEL, `&&` and `||` forgive a side that fails when the other side decides. Unlike in CEL, numbers have one type
//! (so `7 / 2` is 3.5), and values of different types are a failure rather than unequal.

use super::plan::{Comparison, Conversion, Node, Operation, Quantifier, TextTest};
use super::schema::{Map, Read};
use super::value::Value;
use crate::policy::facts::{Facts, OfferFacts};
use models::payload::Payload;
use std::borrow::Cow;
use std::cmp::Ordering;

/// How many parts one evaluation may look at: what a list of ten thousand elements takes, and no more.
const MOST_STEPS: u32 = 100_000;

/// Why an expression has no value.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error("{0} is absent: ask has({0}) first")]
    Absent(&'static str),
    #[error("{0}.{1} is absent: ask has({0}.{1}) first")]
    NoAttribute(&'static str, String),
    #[error("there is no offer to look at")]
    NoOffer,
    #[error("{wanted} is needed, but this is {found}")]
    Kind { wanted: &'static str, found: &'static str },
    #[error("{0} is compared with {1}")]
    Incomparable(&'static str, &'static str),
    #[error("the list has {size} elements, so none at {index}")]
    NoElement { index: f64, size: usize },
    #[error("{0:?} is no number")]
    NoNumber(String),
    #[error("the number that was computed is not finite")]
    NotFinite,
    #[error("the lists are too long: more than {MOST_STEPS} steps")]
    TooLong,
}

/// What an evaluation sees.
pub(super) struct Scope<'a> {
    facts: &'a Facts,
    offer: Option<&'a OfferFacts>,
    /// The elements that quantifiers look at, outermost first.
    elements: Vec<Value<'a>>,
    steps: u32,
}

type Evaluated<'a> = Result<Value<'a>, Trouble>;

impl<'a> Scope<'a> {
    pub(super) fn new(facts: &'a Facts, offer: Option<&'a OfferFacts>) -> Self {
        Self { facts, offer, elements: Vec::new(), steps: 0 }
    }

    /// The value of a part that is true or false.
    pub(super) fn flag(&mut self, node: &'a Node) -> Result<bool, Trouble> {
        match self.value(node)? {
            Value::Flag(flag) => Ok(flag),
            other => Err(Trouble::Kind { wanted: "true or false", found: other.kind() }),
        }
    }

    /// The value of a part that is a number.
    pub(super) fn number(&mut self, node: &'a Node) -> Result<f64, Trouble> {
        match self.value(node)? {
            Value::Number(number) => Ok(number),
            other => Err(Trouble::Kind { wanted: "a number", found: other.kind() }),
        }
    }

    fn text(&mut self, node: &'a Node) -> Result<Cow<'a, str>, Trouble> {
        match self.value(node)? {
            Value::Text(text) => Ok(text),
            other => Err(Trouble::Kind { wanted: "a text", found: other.kind() }),
        }
    }

    fn value(&mut self, node: &'a Node) -> Evaluated<'a> {
        self.step()?;
        match node {
            Node::Flag(flag) => Ok(Value::Flag(*flag)),
            Node::Number(number) => Ok(Value::Number(*number)),
            Node::Text(text) => Ok(Value::Text(Cow::Borrowed(text))),
            Node::List(nodes) => {
                Ok(Value::List(nodes.iter().map(|node| self.value(node)).collect::<Result<_, _>>()?))
            }
            Node::Fact(field) => read(&field.read, self.facts).ok_or(Trouble::Absent(field.name)),
            Node::OfferFact(field) => read(&field.read, self.offer()?).ok_or(Trouble::Absent(field.name)),
            Node::Attribute(map, name) => {
                let name = self.text(name)?;
                let attribute = self.attributes(*map)?.get(name.as_ref());
                attribute
                    .map(Value::of_attribute)
                    .ok_or_else(|| Trouble::NoAttribute(map.name(), name.into_owned()))
            }
            Node::Element(index) => self.elements.get(*index).cloned().ok_or(Trouble::Absent("an element")),
            Node::HasFact(field) => Ok(Value::Flag(read(&field.read, self.facts).is_some())),
            Node::HasOfferFact(field) => Ok(Value::Flag(read(&field.read, self.offer()?).is_some())),
            Node::HasAttribute(map, name) => {
                let name = self.text(name)?;
                Ok(Value::Flag(self.attributes(*map)?.contains_key(name.as_ref())))
            }
            Node::Index(parts) => self.element(&parts[0], &parts[1]),
            Node::If(parts) => {
                let chosen = if self.flag(&parts[0])? { &parts[1] } else { &parts[2] };
                self.value(chosen)
            }
            Node::Negative(node) => Ok(Value::Number(-self.number(node)?)),
            Node::Computed(operation, parts) => self.computed(*operation, &parts[0], &parts[1]),
            Node::Size(node) => match self.value(node)? {
                Value::Text(text) => Ok(Value::Number(text.chars().count() as f64)),
                other => sized(&other).map(|size| Value::Number(size as f64)),
            },
            Node::Converted(conversion, node) => {
                let value = self.value(node)?;
                converted(*conversion, value)
            }
            _ => self.judged(node).map(Value::Flag),
        }
    }

    /// The parts that are always true or false.
    fn judged(&mut self, node: &'a Node) -> Result<bool, Trouble> {
        match node {
            Node::Not(node) => Ok(!self.flag(node)?),
            Node::And(sides) => self.connected(&sides[0], &sides[1], Decides(false)),
            Node::Or(sides) => self.connected(&sides[0], &sides[1], Decides(true)),
            Node::Compared(comparison, sides) => {
                let left = self.value(&sides[0])?;
                compared(*comparison, &left, &self.value(&sides[1])?)
            }
            Node::In(parts) => self.contained(&parts[0], &parts[1]),
            Node::Tested(test, parts) => {
                let (text, part) = (self.text(&parts[0])?, self.text(&parts[1])?);
                Ok(match test {
                    TextTest::StartsWith => text.starts_with(part.as_ref()),
                    TextTest::EndsWith => text.ends_with(part.as_ref()),
                    TextTest::Contains => text.contains(part.as_ref()),
                })
            }
            Node::Matches(text, pattern) => Ok(pattern.is_match(&self.text(text)?)),
            Node::Quantified(quantifier, parts) => self.quantified(*quantifier, &parts[0], &parts[1]),
            _ => self.flag(node),
        }
    }

    fn step(&mut self) -> Result<(), Trouble> {
        self.steps += 1;
        if self.steps > MOST_STEPS { Err(Trouble::TooLong) } else { Ok(()) }
    }

    fn offer(&self) -> Result<&'a OfferFacts, Trouble> {
        self.offer.ok_or(Trouble::NoOffer)
    }

    fn attributes(&self, map: Map) -> Result<&'a Payload, Trouble> {
        match map {
            Map::Profile => Ok(&self.facts.profile),
            Map::Context => Ok(&self.facts.context.extra),
            Map::OfferAttributes => Ok(&self.offer()?.attributes),
        }
    }

    fn connected(&mut self, one: &'a Node, other: &'a Node, decides: Decides) -> Result<bool, Trouble> {
        let first = self.flag(one);
        if matches!(first, Ok(flag) if flag == decides.0) {
            return first;
        }
        let second = self.flag(other)?;
        if second == decides.0 { Ok(second) } else { first }
    }

    fn computed(&mut self, operation: Operation, one: &'a Node, other: &'a Node) -> Evaluated<'a> {
        let (left, right) = match (self.value(one)?, self.value(other)?) {
            (Value::Number(left), Value::Number(right)) => (left, right),
            (Value::Text(left), Value::Text(right)) if operation == Operation::Add => {
                self.steps += (left.len() + right.len()) as u32 / 64;
                return Ok(Value::Text(left + right));
            }
            (Value::Number(_), other) | (other, _) => {
                return Err(Trouble::Kind { wanted: "a number", found: other.kind() });
            }
        };
        finite(match operation {
            Operation::Add => left + right,
            Operation::Subtract => left - right,
            Operation::Multiply => left * right,
            Operation::Divide => left / right,
            Operation::Remainder => left % right,
        })
    }

    fn element(&mut self, list: &'a Node, index: &'a Node) -> Evaluated<'a> {
        let (list, index) = (self.value(list)?, self.number(index)?);
        let size = sized(&list)?;
        let whole = index >= 0.0 && index.fract() == 0.0 && index < size as f64;
        let element = if whole { list.element(index as usize) } else { None };
        element.ok_or(Trouble::NoElement { index, size })
    }

    fn contained(&mut self, element: &'a Node, list: &'a Node) -> Result<bool, Trouble> {
        let element = self.value(element)?;
        // A list that is written out is compared one by one, without being built.
        if let Node::List(nodes) = list {
            for node in nodes {
                if compared(Comparison::Equal, &element, &self.value(node)?)? {
                    return Ok(true);
                }
            }
            return Ok(false);
        }
        let list = self.value(list)?;
        let size = sized(&list)?;
        self.steps = self.steps.saturating_add(size as u32 / 8);
        match (&list, &element) {
            (Value::Texts(texts), Value::Text(text)) => Ok(texts.iter().any(|one| one == text)),
            _ => {
                for index in 0..size {
                    let one = list.element(index).ok_or(Trouble::Absent("an element"))?;
                    if compared(Comparison::Equal, &element, &one)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
        }
    }

    /// As in CEL, an element whose test fails is forgiven when another one decides.
    fn quantified(
        &mut self,
        quantifier: Quantifier,
        list: &'a Node,
        test: &'a Node,
    ) -> Result<bool, Trouble> {
        let list = self.value(list)?;
        let mut failed = None;
        let mut held = 0_usize;
        for index in 0..sized(&list)? {
            self.step()?;
            self.elements.push(list.element(index).ok_or(Trouble::Absent("an element"))?);
            let holds = self.flag(test);
            self.elements.pop();
            match (quantifier, holds) {
                (_, Err(Trouble::TooLong)) => return Err(Trouble::TooLong),
                (Quantifier::Exists, Ok(true)) => return Ok(true),
                (Quantifier::All, Ok(false)) => return Ok(false),
                (Quantifier::ExistsOne, Err(trouble)) => return Err(trouble),
                (_, Err(trouble)) => failed = Some(trouble),
                (_, Ok(holds)) => held += usize::from(holds),
            }
        }
        match (quantifier, failed) {
            (_, Some(trouble)) => Err(trouble),
            (Quantifier::Exists, None) => Ok(false),
            (Quantifier::All, None) => Ok(true),
            (Quantifier::ExistsOne, None) => Ok(held == 1),
        }
    }
}

/// The side that settles `&&` (false) or `||` (true) alone.
#[derive(Clone, Copy)]
struct Decides(bool);

fn read<'a, F>(read: &Read<F>, facts: &'a F) -> Option<Value<'a>> {
    match read {
        Read::Flag(read) => read(facts).map(Value::Flag),
        Read::Number(read) => read(facts).map(Value::Number),
        Read::Text(read) => read(facts).map(|text| Value::Text(Cow::Borrowed(text))),
        Read::Texts(read) => read(facts).map(Value::Texts),
    }
}

fn sized(value: &Value<'_>) -> Result<usize, Trouble> {
    value.elements().ok_or(Trouble::Kind { wanted: "a list", found: value.kind() })
}

fn finite<'a>(number: f64) -> Evaluated<'a> {
    if number.is_finite() { Ok(Value::Number(number)) } else { Err(Trouble::NotFinite) }
}

fn compared(comparison: Comparison, left: &Value<'_>, right: &Value<'_>) -> Result<bool, Trouble> {
    let incomparable = || Trouble::Incomparable(left.kind(), right.kind());
    let ordering = match comparison {
        Comparison::Equal => return left.equals(right).ok_or_else(incomparable),
        Comparison::Unequal => return left.equals(right).map(|equal| !equal).ok_or_else(incomparable),
        _ => match (left, right) {
            (Value::Number(left), Value::Number(right)) => left.total_cmp(right),
            (Value::Text(left), Value::Text(right)) => left.cmp(right),
            _ => return Err(incomparable()),
        },
    };
    Ok(match comparison {
        Comparison::Less => ordering == Ordering::Less,
        Comparison::LessOrEqual => ordering != Ordering::Greater,
        Comparison::Greater => ordering == Ordering::Greater,
        _ => ordering != Ordering::Less,
    })
}

fn converted(conversion: Conversion, value: Value<'_>) -> Evaluated<'_> {
    match (conversion, value) {
        (Conversion::Text, Value::Text(text)) => Ok(Value::Text(text)),
        (Conversion::Text, Value::Number(number)) => Ok(Value::Text(number.to_string().into())),
        (Conversion::Text, Value::Flag(flag)) => Ok(Value::Text(flag.to_string().into())),
        (Conversion::Number, Value::Number(number)) => Ok(Value::Number(number)),
        (Conversion::Integer, Value::Number(number)) => Ok(Value::Number(number.trunc())),
        (_, Value::Flag(flag)) => Ok(Value::Number(f64::from(u8::from(flag)))),
        (_, Value::Text(text)) => match text.trim().parse::<f64>() {
            Ok(number) if number.is_finite() && conversion == Conversion::Number => Ok(Value::Number(number)),
            Ok(number) if number.is_finite() => Ok(Value::Number(number.trunc())),
            _ => Err(Trouble::NoNumber(text.into_owned())),
        },
        (_, other) => Err(Trouble::Kind { wanted: "one value", found: other.kind() }),
    }
}

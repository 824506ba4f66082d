//! Operators and functions: what they take, and what they give.

use super::check::{Asked, Checked, Checker, Mistake, attribute, conversion, mistake};
use super::plan::{Comparison, Node, Operation, TextTest};
use super::value::Type;
use cel::IdedExpr;
use cel::common::ast::{CallExpr, Expr, operators};
use regex::RegexBuilder;

/// The functions that there are, for messages.
const FUNCTIONS: &str =
    "has, size, startsWith, endsWith, contains, matches, exists, exists_one, all, double, int, string";

/// A compiled pattern may take so many bytes.
const LARGEST_PATTERN: usize = 1 << 18;

/// Checks an operator or a function with its arguments.
pub(super) fn check(checker: &mut Checker, expr: &IdedExpr, call: &CallExpr) -> Checked {
    // The target of a method stands before its arguments: `a.size()` is `size(a)`.
    let arguments: Vec<&IdedExpr> = call.target.as_deref().into_iter().chain(&call.args).collect();
    match (call.func_name.as_str(), arguments.as_slice()) {
        (operators::LOGICAL_NOT, [one]) => {
            Ok((Type::Flag, Node::Not(Box::new(checker.expect(one, &Type::Flag)?))))
        }
        (operators::NEGATE, [one]) => {
            Ok((Type::Number, Node::Negative(Box::new(checker.expect(one, &Type::Number)?))))
        }
        (operators::LOGICAL_AND, [one, other]) => {
            Ok((Type::Flag, Node::And(both(checker, one, other, &Type::Flag)?)))
        }
        (operators::LOGICAL_OR, [one, other]) => {
            Ok((Type::Flag, Node::Or(both(checker, one, other, &Type::Flag)?)))
        }
        (operators::CONDITIONAL, [condition, one, other]) => {
            let condition = checker.expect(condition, &Type::Flag)?;
            let (kind, one) = checker.check(one)?;
            let other = checker.expect(other, &kind)?;
            Ok((kind, Node::If(Box::new([condition, one, other]))))
        }
        (operators::IN, [element, list]) => membership(checker, element, list),
        (operators::INDEX, [list, index]) => element(checker, list, index),
        (operators::ADD, [one, other]) => sum(checker, one, other),
        (name, [one, other]) if operation(name).is_some() => {
            let operation = operation(name).unwrap_or(Operation::Subtract);
            Ok((Type::Number, Node::Computed(operation, both(checker, one, other, &Type::Number)?)))
        }
        (name, [one, other]) if comparison(name).is_some() => {
            compared(checker, comparison(name).unwrap_or(Comparison::Equal), one, other)
        }
        (name, arguments) => function(checker, expr, name, arguments),
    }
}

fn function(checker: &mut Checker, expr: &IdedExpr, name: &str, arguments: &[&IdedExpr]) -> Checked {
    match (name, arguments) {
        ("size", [one]) => {
            let (kind, node) = checker.check(one)?;
            match kind {
                Type::Flag | Type::Number => mistake(one, format!("is {kind}, which has no size")),
                _ => Ok((Type::Number, Node::Size(Box::new(node)))),
            }
        }
        ("startsWith" | "endsWith" | "contains", [one, other]) => {
            let test = match name {
                "startsWith" => TextTest::StartsWith,
                "endsWith" => TextTest::EndsWith,
                _ => TextTest::Contains,
            };
            Ok((Type::Flag, Node::Tested(test, both(checker, one, other, &Type::Text)?)))
        }
        ("matches", [text, pattern]) => {
            let text = checker.expect(text, &Type::Text)?;
            let Node::Text(source) = checker.expect(pattern, &Type::Text)? else {
                return mistake(pattern, "a pattern must be written in the expression".into());
            };
            match RegexBuilder::new(&source).size_limit(LARGEST_PATTERN).build() {
                Ok(pattern) => Ok((Type::Flag, Node::Matches(Box::new(text), pattern))),
                Err(error) => mistake(pattern, format!("{source:?} is not a regular expression: {error}")),
            }
        }
        (name, [one]) if let Some((conversion, kind)) = conversion(name) => {
            let (from, node) = checker.check(one)?;
            match from {
                Type::List(_) => mistake(one, format!("is a list, which {name} cannot convert")),
                _ => Ok((kind, Node::Converted(conversion, Box::new(node)))),
            }
        }
        ("size" | "double" | "int" | "string", _) => arity(expr, name, 1, arguments.len()),
        ("startsWith" | "endsWith" | "contains" | "matches", _) => arity(expr, name, 2, arguments.len()),
        ("has", _) => mistake(expr, "has asks for one field: has(churn.probability)".into()),
        ("exists" | "exists_one" | "all", _) => {
            mistake(expr, format!("{name} is written list.{name}(x, condition on x)"))
        }
        _ => mistake(expr, format!("there is no function {name}; there are {FUNCTIONS}")),
    }
}

fn arity(expr: &IdedExpr, name: &str, wanted: usize, found: usize) -> Checked {
    mistake(expr, format!("{name} takes {wanted} (with what stands before its dot), but is given {found}"))
}

fn both(
    checker: &mut Checker,
    one: &IdedExpr,
    other: &IdedExpr,
    wanted: &Type,
) -> Result<Box<[Node; 2]>, Mistake> {
    Ok(Box::new([checker.expect(one, wanted)?, checker.expect(other, wanted)?]))
}

fn compared(checker: &mut Checker, comparison: Comparison, one: &IdedExpr, other: &IdedExpr) -> Checked {
    let (kind, left) = checker.check(one)?;
    let (other_kind, right) = checker.check(other)?;
    if !kind.fits(&other_kind) {
        return mistake(other, format!("is {other_kind}, but is compared with {kind}"));
    }
    let ordered = !matches!(comparison, Comparison::Equal | Comparison::Unequal);
    if let Some(kind) =
        [&kind, &other_kind].into_iter().find(|kind| matches!(kind, Type::Flag | Type::List(_)))
        && ordered
    {
        return mistake(one, format!("{kind} is neither less nor more: compare with == or !="));
    }
    Ok((Type::Flag, Node::Compared(comparison, Box::new([left, right]))))
}

fn sum(checker: &mut Checker, one: &IdedExpr, other: &IdedExpr) -> Checked {
    let (kind, left) = checker.check(one)?;
    let (other_kind, right) = checker.check(other)?;
    if !kind.fits(&other_kind) {
        return mistake(other, format!("is {other_kind}, but is added to {kind}"));
    }
    if let Some(kind) =
        [&kind, &other_kind].into_iter().find(|kind| matches!(kind, Type::Flag | Type::List(_)))
    {
        return mistake(one, format!("{kind} cannot be added"));
    }
    let kind = if kind == Type::Dynamic { other_kind } else { kind };
    Ok((kind, Node::Computed(Operation::Add, Box::new([left, right]))))
}

fn membership(checker: &mut Checker, element: &IdedExpr, list: &IdedExpr) -> Checked {
    if let Some(map) = checker.map(list) {
        let name = checker.expect(element, &Type::Text)?;
        return Ok(attribute(map, name, Asked::Presence));
    }
    let (element_kind, element_node) = checker.check(element)?;
    let (kind, list_node) = checker.check(list)?;
    match kind {
        Type::List(kind) if !kind.fits(&element_kind) => {
            mistake(element, format!("is {element_kind}, but is sought in a list of which another is {kind}"))
        }
        Type::List(_) | Type::Dynamic => Ok((Type::Flag, Node::In(Box::new([element_node, list_node])))),
        Type::Text => mistake(list, "is a text; write text.contains(part)".into()),
        other => mistake(list, format!("is {other}, but a list is needed here")),
    }
}

/// `list[0]`, `profile["home city"]`.
fn element(checker: &mut Checker, list: &IdedExpr, index: &IdedExpr) -> Checked {
    if let Some(map) = checker.map(list) {
        let name = checker.expect(index, &Type::Text)?;
        return Ok(attribute(map, name, Asked::Value));
    }
    let (kind, node) = checker.check(list)?;
    let index = checker.expect(index, &Type::Number)?;
    let node = Node::Index(Box::new([node, index]));
    match kind {
        Type::List(element) => Ok((*element, node)),
        Type::Dynamic => Ok((Type::Dynamic, node)),
        other if matches!(list.expr, Expr::Ident(_)) => {
            mistake(list, format!("is {other}, which has no elements"))
        }
        other => mistake(list, format!("is {other}, but a list is needed here")),
    }
}

fn operation(name: &str) -> Option<Operation> {
    match name {
        operators::SUBSTRACT => Some(Operation::Subtract),
        operators::MULTIPLY => Some(Operation::Multiply),
        operators::DIVIDE => Some(Operation::Divide),
        operators::MODULO => Some(Operation::Remainder),
        _ => None,
    }
}

fn comparison(name: &str) -> Option<Comparison> {
    match name {
        operators::EQUALS => Some(Comparison::Equal),
        operators::NOT_EQUALS => Some(Comparison::Unequal),
        operators::LESS => Some(Comparison::Less),
        operators::LESS_EQUALS => Some(Comparison::LessOrEqual),
        operators::GREATER => Some(Comparison::Greater),
        operators::GREATER_EQUALS => Some(Comparison::GreaterOrEqual),
        _ => None,
    }
}

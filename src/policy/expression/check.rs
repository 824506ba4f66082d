//! From the syntax tree of CEL to a plan, or the mistake and where it is.

use super::calls;
use super::plan::{Conversion, Node, Quantifier};
use super::schema::{self, Field, Map};
use super::value::Type;
use crate::policy::facts::Facts;
use cel::IdedExpr;
use cel::common::ast::{ComprehensionExpr, Expr, LiteralValue, SelectExpr, operators};

/// How deep a syntax tree may be: it is walked by recursion. A chain of `&&` is balanced, so it is not deep.
const DEEPEST: usize = 64;

/// Quantifiers inside each other: each multiplies the work.
const MOST_QUANTIFIERS: usize = 2;

/// What is wrong, and at which node of the syntax tree.
pub(super) struct Mistake {
    pub(super) node: u64,
    pub(super) message: String,
}

/// A part of an expression with its type.
pub(super) type Checked = Result<(Type, Node), Mistake>;

/// Walks one expression.
#[derive(Default)]
pub(super) struct Checker {
    /// Whether the expression looks at the offer.
    pub(super) mentions_offer: bool,
    /// The variables of the quantifiers around, outermost first.
    elements: Vec<(String, Type)>,
    depth: usize,
}

impl Checker {
    /// Checks a part of the expression.
    pub(super) fn check(&mut self, expr: &IdedExpr) -> Checked {
        if self.depth == DEEPEST {
            return mistake(expr, format!("is nested more than {DEEPEST} deep: split it into several rules"));
        }
        self.depth += 1;
        let checked = match &expr.expr {
            Expr::Literal(literal) => constant(expr, literal),
            Expr::Ident(name) => self.variable(expr, name),
            Expr::Select(select) => self.select(expr, select),
            Expr::List(list) => self.list(expr, &list.elements),
            Expr::Call(call) => calls::check(self, expr, call),
            Expr::Comprehension(comprehension) => self.quantifier(expr, comprehension),
            Expr::Map(_) | Expr::Struct(_) => mistake(expr, "maps cannot be written here".into()),
            Expr::Unspecified => mistake(expr, "is not understood".into()),
        };
        self.depth -= 1;
        checked
    }

    /// Checks a part that must have a type.
    pub(super) fn expect(&mut self, expr: &IdedExpr, wanted: &Type) -> Result<Node, Mistake> {
        let (kind, node) = self.check(expr)?;
        if kind.fits(wanted) {
            Ok(node)
        } else {
            mistake(expr, format!("is {kind}, but {wanted} is needed here"))
        }
    }

    /// The set of attributes that an expression names, if it names one.
    pub(super) fn map(&mut self, expr: &IdedExpr) -> Option<Map> {
        match &expr.expr {
            Expr::Ident(name) if self.element(name).is_none() => match name.as_str() {
                "profile" => Some(Map::Profile),
                "context" => Some(Map::Context),
                _ => None,
            },
            Expr::Select(select) if !select.test && select.field == "attributes" => {
                let Expr::Ident(name) = &select.operand.expr else { return None };
                if name != "offer" || self.element(name).is_some() {
                    return None;
                }
                self.mentions_offer = true;
                Some(Map::OfferAttributes)
            }
            _ => None,
        }
    }

    fn element(&self, name: &str) -> Option<usize> {
        self.elements.iter().rposition(|(element, _)| element == name)
    }

    fn variable(&self, expr: &IdedExpr, name: &str) -> Checked {
        if let Some(index) = self.element(name) {
            return Ok((self.elements[index].1.clone(), Node::Element(index)));
        }
        if schema::VARIABLES.contains(&name) {
            let hint = if name == "profile" {
                "one of its attributes: profile.city".to_owned()
            } else {
                format!("one of its fields: {}", schema::fields_of(name).join(", "))
            };
            return mistake(expr, format!("{name} is not a value by itself; name {hint}"));
        }
        mistake(expr, format!("there is no variable {name}; there are {}", schema::VARIABLES.join(", ")))
    }

    /// `a.b`, or `has(a.b)`.
    fn select(&mut self, expr: &IdedExpr, select: &SelectExpr) -> Checked {
        let asked = if select.test { Asked::Presence } else { Asked::Value };
        let Expr::Ident(variable) = &select.operand.expr else {
            if let Some(map) = self.map(&select.operand) {
                return Ok(attribute(map, Node::Text(select.field.clone()), asked));
            }
            self.check(&select.operand)?;
            return mistake(expr, format!("{} has no fields", words_of(&select.operand)));
        };
        if self.element(variable).is_some() || !schema::VARIABLES.contains(&variable.as_str()) {
            let (kind, _) = self.variable(&select.operand, variable)?;
            return mistake(expr, format!("{variable} is {kind}, which has no fields"));
        }
        let name = format!("{variable}.{}", select.field);
        if let Some(field) = schema::fact(&name) {
            return Ok(fact(field, asked));
        }
        if let Some(field) = schema::offer_fact(&name) {
            self.mentions_offer = true;
            return Ok(match asked {
                Asked::Value => (field.read.kind(), Node::OfferFact(field)),
                Asked::Presence => (Type::Flag, Node::HasOfferFact(field)),
            });
        }
        match self.map(&select.operand) {
            Some(map) => Ok(attribute(map, Node::Text(select.field.clone()), asked)),
            None if name == "offer.attributes" => {
                mistake(expr, "name one of the attributes: offer.attributes.rate".into())
            }
            None => {
                let fields = schema::fields_of(variable).join(", ");
                mistake(expr, format!("{variable} has no field {}; it has {fields}", select.field))
            }
        }
    }

    fn list(&mut self, expr: &IdedExpr, elements: &[IdedExpr]) -> Checked {
        let mut kind: Option<Type> = None;
        let mut nodes = Vec::with_capacity(elements.len());
        for element in elements {
            let (element_kind, node) = self.check(element)?;
            match &kind {
                Some(kind) if !kind.fits(&element_kind) => {
                    return mistake(
                        element,
                        format!("is {element_kind} in a list of which another is {kind}"),
                    );
                }
                Some(kind) if *kind != Type::Dynamic => {}
                _ => kind = Some(element_kind),
            }
            nodes.push(node);
        }
        let kind = kind.ok_or(Mistake { node: expr.id, message: "an empty list holds nothing".into() })?;
        Ok((Type::List(Box::new(kind)), Node::List(nodes)))
    }

    /// `list.exists(x, test)` and its like, which CEL's parser spells out as loops.
    fn quantifier(&mut self, expr: &IdedExpr, loop_: &ComprehensionExpr) -> Checked {
        let Some((quantifier, test)) = quantified(loop_) else {
            return mistake(expr, "only exists, exists_one and all may go through a list".into());
        };
        if self.elements.len() == MOST_QUANTIFIERS {
            return mistake(
                expr,
                format!("more than {MOST_QUANTIFIERS} lists are gone through inside each other"),
            );
        }
        let (kind, list) = self.check(&loop_.iter_range)?;
        let element = match kind {
            Type::List(element) => *element,
            Type::Dynamic => Type::Dynamic,
            other => return mistake(&loop_.iter_range, format!("is {other}, but a list is needed here")),
        };
        self.elements.push((loop_.iter_var.clone(), element));
        let test = self.expect(test, &Type::Flag);
        self.elements.pop();
        Ok((Type::Flag, Node::Quantified(quantifier, Box::new([list, test?]))))
    }
}

/// What is asked of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Value,
    Presence,
}

/// A field of a set of attributes; those of `context` that are always there have a type.
pub(super) fn attribute(map: Map, name: Node, asked: Asked) -> (Type, Node) {
    if let (Map::Context, Node::Text(text)) = (map, &name)
        && let Some(field) = schema::fact(&format!("context.{text}"))
    {
        return fact(field, asked);
    }
    let name = Box::new(name);
    match asked {
        Asked::Value => (Type::Dynamic, Node::Attribute(map, name)),
        Asked::Presence => (Type::Flag, Node::HasAttribute(map, name)),
    }
}

fn fact(field: &'static Field<Facts>, asked: Asked) -> (Type, Node) {
    match asked {
        Asked::Value => (field.read.kind(), Node::Fact(field)),
        Asked::Presence => (Type::Flag, Node::HasFact(field)),
    }
}

/// A mistake at a node.
pub(super) fn mistake<T>(expr: &IdedExpr, message: String) -> Result<T, Mistake> {
    Err(Mistake { node: expr.id, message })
}

/// A number or a text from an attribute, as an expression that is compared with `number`.
pub(super) fn conversion(name: &str) -> Option<(Conversion, Type)> {
    match name {
        "double" => Some((Conversion::Number, Type::Number)),
        "int" => Some((Conversion::Integer, Type::Number)),
        "string" => Some((Conversion::Text, Type::Text)),
        _ => None,
    }
}

/// Numbers have one type, so that whole numbers and fractions mix.
fn constant(expr: &IdedExpr, literal: &LiteralValue) -> Checked {
    match literal {
        LiteralValue::Boolean(flag) => Ok((Type::Flag, Node::Flag(*flag.inner()))),
        LiteralValue::Double(number) => Ok((Type::Number, Node::Number(*number.inner()))),
        LiteralValue::Int(number) => Ok((Type::Number, Node::Number(*number.inner() as f64))),
        LiteralValue::UInt(number) => Ok((Type::Number, Node::Number(*number.inner() as f64))),
        LiteralValue::String(text) => Ok((Type::Text, Node::Text(text.inner().to_owned()))),
        LiteralValue::Null => mistake(expr, "nothing here is null; ask has(…) whether it is known".into()),
        LiteralValue::Bytes(_) => mistake(expr, "bytes are not known here; write a text".into()),
    }
}

/// Which quantifier a loop is, and its test.
fn quantified(loop_: &ComprehensionExpr) -> Option<(Quantifier, &IdedExpr)> {
    let Expr::Call(step) = &loop_.loop_step.expr else { return None };
    let accumulates = |expr: &IdedExpr| matches!(&expr.expr, Expr::Ident(name) if *name == loop_.accu_var);
    match (step.func_name.as_str(), step.args.as_slice()) {
        (operators::LOGICAL_OR, [before, test]) if accumulates(before) => Some((Quantifier::Exists, test)),
        (operators::LOGICAL_AND, [before, test]) if accumulates(before) => Some((Quantifier::All, test)),
        // The loop of `exists_one` counts; that of `filter` has the same step, but collects a list.
        (operators::CONDITIONAL, [test, _, after])
            if accumulates(after) && matches!(loop_.accu_init.expr, Expr::Literal(LiteralValue::Int(_))) =>
        {
            Some((Quantifier::ExistsOne, test))
        }
        _ => None,
    }
}

fn words_of(expr: &IdedExpr) -> String {
    match &expr.expr {
        Expr::Select(select) => format!("{}.{}", words_of(&select.operand), select.field),
        Expr::Ident(name) => name.clone(),
        _ => "this".into(),
    }
}

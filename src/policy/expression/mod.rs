//! Conditions and numbers written in CEL (the Common Expression Language), over the facts of a request and an offer.
//!
//! The crate `cel` parses; `check` gives every part a type by the table of facts in `schema`, so that a wrong name or a
//! number compared with a text is refused before a policy is published; `evaluate` walks what was checked. The
//! interpreter of `cel` is its slow twin in tests: it knows neither our types nor a bound on work, compiles a pattern anew each
//! time, and takes an integer and a fraction for strangers.
//!
//! Allowed are `! && || ?: == != < <= > >= + - * / % in`, lists, `list[0]`, `has(…)`, `exists`, `exists_one`, `all`,
//! `size`, `startsWith`, `endsWith`, `contains`, `matches`, `double`, `int` and `string`. Attributes of `profile`, of
//! `context` and of `offer.attributes` are typed by what they hold.

mod calls;
mod check;
mod evaluate;
mod evaluation;
mod plan;
mod schema;
#[cfg(test)]
mod tests;
mod value;

pub use evaluation::{Evaluation, RuleFault};

use super::fault::Fault;
use cel::parser::Parser;
use check::Checker;
use plan::Node;
use std::sync::atomic::{AtomicU64, Ordering};
use value::Type;

/// Longest expression, in bytes.
pub const LONGEST: usize = 2_000;

/// How deep brackets may stand inside each other, and how many operators an expression may have: the parser recurses.
const DEEPEST_BRACKETS: usize = 24;
const MOST_OPERATORS: usize = 200;

/// A condition that was parsed and checked: its value is true or false.
#[derive(Clone, Debug)]
pub struct Expression {
    /// Tells expressions apart within the process.
    id: u64,
    source: String,
    plan: Node,
    mentions_offer: bool,
    mentions_affinity: bool,
}

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// A [`Fault`] with line and column inside the source.
    pub fn compile(source: &str) -> Result<Self, Fault> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        limit(source)?;
        let parser = Parser::default().max_recursion_depth(48);
        let (tree, places) = parser.parse_with_source_info(source).map_err(|errors| {
            let error = errors.errors.first();
            let (line, column) = error.map_or((1, 1), |error| error.pos);
            let message = error.map_or("it cannot be read", |error| error.msg.as_str());
            fault((line.max(1).unsigned_abs(), column.max(1).unsigned_abs()), message.to_owned())
        })?;
        let mut checker = Checker::default();
        let plan = checker.expect(&tree, &Type::Flag).map_err(|mistake| {
            let offset = places.offset_for(mistake.node).map_or(0, |(start, _)| start as usize);
            fault(position(source, offset), mistake.message)
        })?;
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        // To be wrong about it costs a copy.
        let mentions_affinity = source.contains("affinity");
        Ok(Self {
            id,
            source: source.to_owned(),
            plan,
            mentions_offer: checker.mentions_offer,
            mentions_affinity,
        })
    }

    /// As it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether its value depends on the offer.
    pub fn mentions_offer(&self) -> bool {
        self.mentions_offer
    }

    /// Whether its value may depend on the customer's taste for the offer.
    pub fn mentions_affinity(&self) -> bool {
        self.mentions_affinity
    }
}

/// Refuses what would keep the parser busy or make it recurse too deeply.
fn limit(source: &str) -> Result<(), Fault> {
    if source.len() > LONGEST {
        let length = source.len();
        return Err(fault((1, 1), format!("has {length} bytes, but {LONGEST} are allowed: split the rule")));
    }
    if source.trim().is_empty() {
        return Err(fault((1, 1), "is empty: write a condition such as history.orders >= 2".into()));
    }
    let (mut depth, mut operators) = (0_usize, 0_usize);
    for (at, character) in source.char_indices() {
        match character {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            '!' | '-' | '+' | '*' | '/' | '%' | '?' | '<' | '>' | '=' | '&' | '|' | '.' => operators += 1,
            _ => {}
        }
        if depth > DEEPEST_BRACKETS {
            return Err(fault(
                position(source, at),
                "has brackets too deep inside each other: split the rule".into(),
            ));
        }
    }
    if operators > MOST_OPERATORS {
        return Err(fault((1, 1), format!("has more than {MOST_OPERATORS} operators: split the rule")));
    }
    Ok(())
}

/// The line and column at a byte, counted from 1; a column is a character.
fn position(source: &str, offset: usize) -> (usize, usize) {
    let before = source.char_indices().take_while(|(at, _)| *at < offset);
    before.fold(
        (1, 1),
        |(line, column), (_, character)| {
            if character == '\n' { (line + 1, 1) } else { (line, column + 1) }
        },
    )
}

fn fault((line, column): (usize, usize), message: String) -> Fault {
    Fault { path: String::new(), line: Some(line), column: Some(column), message }
}

//! The values of many expressions for one request.

use super::Expression;
use super::evaluate::{Scope, Trouble};
use crate::policy::facts::{Facts, OfferFacts};
use std::cell::RefCell;
use std::collections::HashMap;

/// An expression that has no value for the facts at hand.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("`{expression}` cannot be judged: {message}")]
pub struct RuleFault {
    /// As it was written.
    pub expression: String,
    /// Why not.
    pub message: String,
}

/// The facts of one request, with the values of expressions that do not look at the offer: for them, five hundred offers
/// cost one evaluation.
#[derive(Debug)]
pub struct Evaluation<'a> {
    facts: &'a Facts,
    flags: RefCell<HashMap<u64, Result<bool, RuleFault>>>,
}

impl<'a> Evaluation<'a> {
    /// Starts with nothing evaluated.
    pub fn new(facts: &'a Facts) -> Self {
        Self { facts, flags: RefCell::default() }
    }

    /// Whether a condition holds.
    ///
    /// # Errors
    /// [`RuleFault`] when a fact is absent or has another type than the expression needs.
    pub fn holds(&self, expression: &Expression, offer: Option<&OfferFacts>) -> Result<bool, RuleFault> {
        let judge = |offer| {
            let flag = Scope::new(self.facts, offer).flag(&expression.plan);
            flag.map_err(|trouble| fault(expression, &trouble))
        };
        if expression.mentions_offer {
            return judge(offer);
        }
        if let Some(kept) = self.flags.borrow().get(&expression.id) {
            return kept.clone();
        }
        let flag = judge(None);
        self.flags.borrow_mut().insert(expression.id, flag.clone());
        flag
    }
}

fn fault(expression: &Expression, trouble: &Trouble) -> RuleFault {
    RuleFault { expression: expression.source.clone(), message: trouble.to_string() }
}

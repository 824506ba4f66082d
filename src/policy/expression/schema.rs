//! The names that expressions know, with their types and how each is read: one table for the checker and the evaluation.

use super::value::Type;
use crate::config::Direction;
use crate::policy::facts::{Facts, OfferFacts};

/// A fact with a name and a type.
pub(super) struct Field<F: 'static> {
    /// As expressions write it: `churn.probability`.
    pub(super) name: &'static str,
    pub(super) read: Read<F>,
}

/// How a fact is read; `None` when it is absent.
pub(super) enum Read<F: 'static> {
    Flag(fn(&F) -> Option<bool>),
    Number(fn(&F) -> Option<f64>),
    Text(for<'a> fn(&'a F) -> Option<&'a str>),
    Texts(for<'a> fn(&'a F) -> Option<&'a [String]>),
}

/// A set of attributes that are typed by what they hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Map {
    Profile,
    Context,
    OfferAttributes,
}

/// The variables; all but `profile` are records of fields.
pub(super) const VARIABLES: &[&str] =
    &["customer", "profile", "segment", "churn", "value", "history", "contacts", "context", "offer"];

impl<F> Read<F> {
    pub(super) fn kind(&self) -> Type {
        match self {
            Self::Flag(_) => Type::Flag,
            Self::Number(_) => Type::Number,
            Self::Text(_) => Type::Text,
            Self::Texts(_) => Type::List(Box::new(Type::Text)),
        }
    }
}

impl<F> std::fmt::Debug for Field<F> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name)
    }
}

impl Map {
    /// As expressions write it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Profile => "profile",
            Self::Context => "context",
            Self::OfferAttributes => "offer.attributes",
        }
    }
}

/// The field of a request's facts with this name.
pub(super) fn fact(name: &str) -> Option<&'static Field<Facts>> {
    FACTS.iter().find(|field| field.name == name)
}

/// The field of an offer with this name.
pub(super) fn offer_fact(name: &str) -> Option<&'static Field<OfferFacts>> {
    OFFER.iter().find(|field| field.name == name)
}

/// The names of a variable's fields, for messages.
pub(super) fn fields_of(variable: &str) -> Vec<&'static str> {
    let names = FACTS.iter().map(|field| field.name).chain(OFFER.iter().map(|field| field.name));
    names.filter_map(|name| name.strip_prefix(variable)?.strip_prefix('.')).collect()
}

const fn flag<F>(name: &'static str, read: fn(&F) -> Option<bool>) -> Field<F> {
    Field { name, read: Read::Flag(read) }
}

const fn number<F>(name: &'static str, read: fn(&F) -> Option<f64>) -> Field<F> {
    Field { name, read: Read::Number(read) }
}

const fn text<F>(name: &'static str, read: for<'a> fn(&'a F) -> Option<&'a str>) -> Field<F> {
    Field { name, read: Read::Text(read) }
}

static FACTS: &[Field<Facts>] = &[
    text("customer.id", |facts| Some(&facts.customer.id)),
    text("customer.evidence", |facts| Some(&facts.customer.evidence)),
    flag("customer.profiled", |facts| Some(facts.customer.profiled)),
    text("customer.household_id", |facts| facts.customer.household_id.as_deref()),
    text("segment.stage", |facts| facts.segment.stage.as_deref()),
    text("segment.rfm", |facts| facts.segment.rfm.as_deref()),
    text("segment.cell", |facts| facts.segment.cell.as_deref()),
    number("segment.cluster", |facts| facts.segment.cluster.map(f64::from)),
    number("segment.portrait", |facts| facts.segment.portrait.map(f64::from)),
    number("churn.probability", |facts| facts.churn.probability),
    text("churn.risk", |facts| facts.churn.risk.as_deref()),
    number("churn.horizon_days", |facts| facts.churn.horizon_days),
    number("value.clv", |facts| facts.value.clv),
    number("value.expected_orders", |facts| facts.value.expected_orders),
    number("value.expected_basket", |facts| facts.value.expected_basket),
    number("history.orders", |facts| Some(facts.history.orders as f64)),
    number("history.spend", |facts| Some(facts.history.spend)),
    number("history.basket", |facts| Some(facts.history.basket)),
    number("history.tenure_days", |facts| Some(facts.history.tenure_days)),
    number("history.days_since_last_order", |facts| facts.history.days_since_last_order),
    number("history.days_since_last_act", |facts| facts.history.days_since_last_act),
    number("history.distinct_items", |facts| Some(facts.history.distinct_items as f64)),
    number("history.complaints", |facts| Some(facts.history.complaints as f64)),
    number("history.return_share", |facts| Some(facts.history.return_share)),
    Field { name: "history.items", read: Read::Texts(|facts| Some(&facts.history.items)) },
    number("contacts.last_7_days", |facts| Some(facts.contacts.last_7_days as f64)),
    number("contacts.last_30_days", |facts| Some(facts.contacts.last_30_days as f64)),
    number("contacts.days_since_last", |facts| facts.contacts.days_since_last),
    number("contacts.refusals", |facts| Some(facts.contacts.refusals as f64)),
    number("contacts.days_since_refusal", |facts| facts.contacts.days_since_refusal),
    number("contacts.complaints", |facts| Some(facts.contacts.complaints as f64)),
    number("contacts.days_since_complaint", |facts| facts.contacts.days_since_complaint),
    text("context.contact_point", |facts| Some(&facts.context.contact_point)),
    text("context.channel", |facts| Some(&facts.context.channel)),
    text("context.direction", |facts| match facts.context.direction {
        Direction::Inbound => Some("inbound"),
        Direction::Outbound => Some("outbound"),
    }),
    text("context.language", |facts| Some(&facts.context.language)),
    number("context.hour", |facts| Some(f64::from(facts.context.hour))),
    text("context.weekday", |facts| Some(&facts.context.weekday)),
];

static OFFER: &[Field<OfferFacts>] = &[
    text("offer.id", |offer| Some(&offer.id)),
    text("offer.issue", |offer| Some(&offer.issue)),
    text("offer.group", |offer| Some(&offer.group)),
    text("offer.class", |offer| Some(offer.class.word())),
    number("offer.value", |offer| Some(offer.value)),
    number("offer.cost", |offer| Some(offer.cost)),
    flag("offer.regulated", |offer| Some(offer.regulated)),
    flag("offer.human_review_required", |offer| Some(offer.human_review_required)),
    flag("offer.retention", |offer| Some(offer.retention)),
    number("offer.affinity", |offer| Some(offer.affinity)),
];

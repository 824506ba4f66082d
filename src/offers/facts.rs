//! What rules look at, from what is known of a customer at this moment.

use super::book::Point;
use super::wire::OffersRequest;
use crate::config::Direction;
use crate::customers::{Evidence, Insight};
use crate::offers::offer::language_word;
use crate::policy::{
    ChurnFacts, ContactFacts, ContextFacts, CustomerFacts, Facts, HistoryFacts, SegmentFacts, ValueFacts,
};
use crate::store::{Ledger, ResponseKind};
use chrono::{DateTime, Datelike, TimeDelta, Timelike, Utc};
use chrono_tz::Tz;
use models::customers::Standing;
use models::payload::Payload;
use models::segments::{Cell, Language, Stage};
use std::collections::HashSet;

/// What stands around a request.
pub struct Around<'a> {
    /// The request.
    pub request: &'a OffersRequest,
    /// The contact point that it names.
    pub point: &'a Point,
    /// The language of words.
    pub language: Language,
    /// Whose time it is.
    pub zone: Tz,
    /// The moment.
    pub now: DateTime<Utc>,
}

/// The facts of one request. Of who refuses to be profiled only the contacts count, which protect them.
pub fn facts(around: &Around<'_>, known: (&Payload, Option<&Insight>, Evidence), ledger: &Ledger) -> Facts {
    let (attributes, insight, evidence) = known;
    let standing = insight.and_then(|insight| insight.standing.as_ref());
    Facts {
        customer: CustomerFacts {
            id: around.request.customer_id.clone(),
            evidence: word_of(evidence).to_owned(),
            profiled: evidence != Evidence::None,
            household_id: None,
        },
        profile: attributes.clone(),
        segment: standing.map_or_else(SegmentFacts::default, |standing| segment(standing, insight)),
        churn: standing.and_then(|standing| standing.churn.ok()).map_or_else(ChurnFacts::default, |risk| {
            ChurnFacts {
                probability: Some(risk.probability),
                risk: Some(risk.band.code().to_owned()),
                horizon_days: None,
            }
        }),
        value: standing.map_or_else(ValueFacts::default, value),
        history: insight.and_then(history).unwrap_or_default(),
        contacts: contacts(&around.request.customer_id, ledger, around.now),
        context: context(around),
    }
}

fn word_of(evidence: Evidence) -> &'static str {
    match evidence {
        Evidence::None => "none",
        Evidence::Profile => "profile",
        Evidence::Session => "session",
        Evidence::Few => "few",
        Evidence::History => "history",
    }
}

fn segment(standing: &Standing, insight: Option<&Insight>) -> SegmentFacts {
    let place = insight.and_then(|insight| insight.place.as_ref());
    SegmentFacts {
        stage: Some(Stage::code(standing.stage).to_owned()),
        rfm: standing.rfm.map(|rfm| rfm.to_string()),
        cell: standing.cell.map(|cell| Cell::code(cell).to_owned()),
        cluster: standing.cluster.map(|cluster| cluster as u32),
        portrait: place.map(|place| place.portrait as u32),
    }
}

fn value(standing: &Standing) -> ValueFacts {
    let Ok(worth) = &standing.value else { return ValueFacts::default() };
    ValueFacts {
        clv: worth.money.as_ref().map(|money| money.clv),
        expected_orders: Some(worth.expected_orders),
        expected_basket: worth.money.as_ref().map(|money| money.expected_basket),
    }
}

fn history(insight: &Insight) -> Option<HistoryFacts> {
    let facts = &insight.standing.as_ref()?.facts;
    let last_act = insight.last_act.map(|at| insight.as_of.days_since(at));
    Some(HistoryFacts {
        orders: u64::from(facts.orders),
        spend: facts.net(),
        basket: facts.basket(),
        tenure_days: facts.tenure_days,
        days_since_last_order: (facts.orders > 0).then_some(facts.silence_days),
        days_since_last_act: last_act,
        distinct_items: u64::from(facts.distinct[0]),
        complaints: u64::from(facts.recent_complaints),
        return_share: facts.return_share(),
        items: Vec::new(),
    })
}

fn contacts(customer_id: &str, ledger: &Ledger, now: DateTime<Utc>) -> ContactFacts {
    let own = || {
        let contacts = ledger.contacts.iter();
        contacts
            .filter(|contact| contact.customer_id == customer_id && contact.direction == Direction::Outbound)
    };
    // An e-mail with three offers is one contact.
    let within = |days| {
        let recent = own().filter(|contact| contact.at > now - TimeDelta::days(days));
        recent.map(|contact| &contact.decision_id).collect::<HashSet<_>>().len() as u64
    };
    let days_since = |at: DateTime<Utc>| (now - at).num_seconds().max(0) as f64 / 86_400.0;
    let of_kind = |kind| ledger.responses.iter().filter(move |response| response.kind == kind);
    let last = |kind| of_kind(kind).map(|response| response.at).max().map(days_since);
    ContactFacts {
        last_7_days: within(7),
        last_30_days: within(30),
        days_since_last: own().map(|contact| contact.at).max().map(days_since),
        refusals: of_kind(ResponseKind::Refused).count() as u64,
        days_since_refusal: last(ResponseKind::Refused),
        complaints: of_kind(ResponseKind::Complaint).count() as u64,
        days_since_complaint: last(ResponseKind::Complaint),
    }
}

fn context(around: &Around<'_>) -> ContextFacts {
    let local = around.now.with_timezone(&around.zone);
    let weekday = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
        [local.weekday().num_days_from_monday() as usize];
    ContextFacts {
        contact_point: around.point.name.clone(),
        channel: around.point.channel.clone(),
        direction: around.point.direction,
        language: language_word(around.language).to_owned(),
        hour: local.hour(),
        weekday: weekday.to_owned(),
        extra: around.request.context.clone(),
    }
}

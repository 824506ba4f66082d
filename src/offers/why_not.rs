//! Why an offer is not shown: the first stage that blocks it, the rule, and when that passes.

use super::chain::Chain;
use super::score::{Rating, must_be_said};
use super::situation::{Situation, Sources};
use super::wire::WhyNot;
use crate::policy::{Stage, Words};
use models::arbitration::Arm;

/// Says why one offer of the book is not shown in a situation, or where it stands among those that may be.
pub fn why_not(sources: &Sources<'_>, situation: &Situation, position: usize) -> WhyNot {
    let (usage, live) = (sources.offers.usage(), sources.offers.live());
    let chain = Chain::new(situation, &usage);
    let entry = &situation.book.entries[position];
    let mut answer = WhyNot {
        customer_id: situation.subject.customer_id.clone(),
        offer_id: entry.id.clone(),
        contact_point: situation.point.name.clone(),
        allowed: false,
        stage: None,
        rule: None,
        text: String::new(),
        next_allowed_at: None,
        place: None,
        factors: None,
    };
    if let Some(stopped) = chain.why_not(position) {
        answer.stage = Some(stopped.stage);
        answer.rule = Some(stopped.rule);
        answer.text = stopped.text.of(situation.language).to_owned();
        answer.next_allowed_at = stopped.until;
        return answer;
    }
    if situation.arm == Arm::Control && !must_be_said(entry) {
        let text = words(
            "the household belongs to the control group, which is shown nothing",
            "le foyer fait partie du groupe témoin, à qui rien n’est montré",
        );
        answer.stage = Some(Stage::Arbitration);
        answer.rule = Some("arm.control".into());
        answer.text = text.of(situation.language).to_owned();
        return answer;
    }
    let rated = Rating { situation, chain: &chain, propensities: sources.propensities(), live: &live }
        .rate(chain.judge().passed);
    let own = rated.iter().find(|rated| rated.passed.entry == position);
    let Some(own) = own else { return answer };
    let before = rated.iter().filter(|other| {
        let above = other.factors.priority().total_cmp(&own.factors.priority());
        above.is_gt() || (above.is_eq() && other.passed.entry < position)
    });
    let place = before.count() + 1;
    let text = words(
        &format!("it may be shown, and is number {place} of {} by priority", rated.len()),
        &format!("elle peut être montrée ; elle est la {place}e de {} par priorité", rated.len()),
    );
    answer.allowed = true;
    answer.place = Some(place);
    answer.factors = Some(own.factors);
    answer.text = text.of(situation.language).to_owned();
    answer
}

fn words(en: &str, fr: &str) -> Words {
    Words { en: en.into(), fr: fr.into() }
}

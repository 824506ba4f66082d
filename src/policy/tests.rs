use super::*;
use crate::store::{Consent, ConsentStatus, Contact, LedgerResponse, ResponseKind, ResultState};
use models::segments::Language;
use std::collections::BTreeSet;

const FRENCH: &str = include_str!("../../policies/french_bank.toml");

pub(super) fn french() -> Policy {
    Policy::read(FRENCH, PolicyFormat::Toml).unwrap()
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn faults(text: &str, format: PolicyFormat) -> Vec<String> {
    Policy::read(text, format).unwrap_err().iter().map(ToString::to_string).collect()
}

fn call(facts: &Evaluation<'_>, judge: impl FnOnce(&Proposal<'_>)) {
    judge(&Proposal {
        customer_id: "c",
        household_id: Some("h"),
        channel: "phone",
        contact_point: "call_centre",
        direction: Direction::Outbound,
        offer_id: "loan",
        issue: "growth",
        group: "credit",
        class: Class::Default,
        time_zone: Tz::Europe__Paris,
        facts,
    });
}

fn contact(customer: &str, moment: &str) -> Contact {
    Contact {
        decision_id: moment.into(),
        customer_id: customer.into(),
        household_id: Some("h".into()),
        channel: "phone".into(),
        contact_point: "call_centre".into(),
        direction: Direction::Outbound,
        offer_id: "card".into(),
        issue: "growth".into(),
        group: "cards".into(),
        class: "default".into(),
        state: ResultState::Delivered,
        at: at(moment),
    }
}

fn consent(channel: &str, status: ConsentStatus, moment: &str) -> Consent {
    Consent {
        customer_id: "c".into(),
        purpose: "marketing".into(),
        channel: channel.into(),
        status,
        source: "web".into(),
        text_version: None,
        proof: Some("proof".into()),
        at: at(moment),
    }
}

fn agreed() -> Ledger {
    let consents = vec![consent("phone", ConsentStatus::Granted, "2026-01-01T00:00:00Z")];
    Ledger { consents, ..Ledger::default() }
}

/// The rule that blocks a call to a customer without attributes, and until when.
fn blocked(policy: &Policy, ledger: &Ledger, now: &str) -> Option<(String, Option<DateTime<Utc>>)> {
    let facts = Facts::default();
    let facts = Evaluation::new(&facts);
    let mut blocked = None;
    call(&facts, |call| blocked = policy.admit(ledger, call, at(now)).err());
    blocked.map(|blocked| (blocked.rule, blocked.until))
}

#[test]
fn the_policies_that_come_along_are_valid_and_name_known_places() {
    let known = [("call_centre", "phone"), ("email", "email"), ("sms", "sms"), ("web_home", "web")];
    for text in [NEUTRAL, FRENCH] {
        let policy = Policy::read(text, PolicyFormat::Toml).unwrap_or_else(|faults| panic!("{faults:#?}"));
        assert_eq!(policy.unknown_places(known), []);
        let json = serde_json::to_string_pretty(policy.document()).unwrap();
        let again = Policy::read(&json, PolicyFormat::Json).unwrap_or_else(|faults| panic!("{faults:#?}"));
        assert_eq!(again.document(), policy.document(), "JSON says the same");
        let toml = toml::to_string(policy.document()).unwrap();
        assert_eq!(Policy::read(&toml, PolicyFormat::Toml).unwrap().document(), policy.document());
    }
    let unknown = french().unknown_places([("web_home", "web")]);
    assert!(unknown.iter().any(|fault| fault.to_string().contains("phone is not known; there are web")));
    assert!(unknown.iter().all(|fault| fault.line.is_some_and(|line| line > 1)));
}

#[test]
fn what_the_neutral_policy_writes_is_what_is_left_out() {
    let neutral = Policy::read(NEUTRAL, PolicyFormat::Toml).unwrap();
    let bare = Policy::read("name = 'bare'", PolicyFormat::Toml).unwrap();
    let expected = PolicyDocument {
        name: neutral.document().name.clone(),
        description: neutral.document().description.clone(),
        consent: neutral.document().consent.clone(),
        pressure: neutral.document().pressure.clone(),
        ..bare.document().clone()
    };
    assert_eq!(*neutral.document(), expected);
}

#[test]
fn all_faults_are_told_at_once_with_their_lines() {
    let text = r#"name = "x"
colour = "red"

[time]
zone = "Europe/Pariss"
holidays = ["05-01", "May"]

[[rules]]
name = "a"
stage = "eligibilty"
when = "true"

[[rules]]
name = "b"
stage = "consent"
when = '''
true
&& history.orderz > 1
'''

[[rules]]
name = "b"
stage = "suitability"
when = "history.orders"
offers = { grups = ["x"] }

[[pressure.caps]]
name = "cap"
at_most = "four"
within_days = 30

[[pressure.hours]]
name = "hours"
days = ["monday"]
between = [["10:00", "13:00"], ["12:00", "14:00"], ["25:00", "26:00"]]

[[consent.rules]]
name = "cap"
purpose = "marketing"
default = "granted"
proof_required = true
unless = "offer.value > 3"

[exploration]
epsilon = 1.5
floor = 0.3

[arms.shares]
nba = 0.8
control = 0.1
"#;
    let expected = [
        (2, "colour: is not a key here; there are name,"),
        (5, "time.zone: must be a time zone such as Europe/Paris, but is Europe/Pariss"),
        (6, "time.holidays[1]: must be MM-DD"),
        (10, "rules[0].stage: unknown variant `eligibilty`"),
        (15, "rules[1].stage: must be eligibility, applicability or suitability"),
        (18, "column 11: rules[1].when: history has no field orderz"),
        (25, "rules[2].offers.grups: unknown field `grups`"),
        (29, "pressure.caps[0].at_most: invalid type: string \"four\""),
        (35, "pressure.hours[0].between[2]: must be two times"),
        (35, "pressure.hours[0].between: must be windows apart"),
        (40, "consent.rules[0].default: must be \"refused\" where proof is required"),
        (42, "consent.rules[0].unless: must be about the customer"),
        (45, "exploration.epsilon: must be from 0 to 1, but is 1.5"),
        (46, "exploration.floor: must be from 0 to 0.2, but is 0.3"),
        (48, "arms.shares: must be together 1, but is together 0.9"),
    ];
    let found = faults(text, PolicyFormat::Toml);
    for (line, part) in expected {
        let told =
            found.iter().any(|fault| fault.starts_with(&format!("line {line}")) && fault.contains(part));
        assert!(told, "line {line}: {part} in {found:#?}");
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
}

#[test]
fn json_is_refused_with_lines_as_well() {
    let text = "{\n \"name\": \"x\",\n \"rules\": [\n  {\"name\": \"a\", \"stage\": \"suitability\",\n   \"when\": \"tru\"}\n ],\n \"arms\": {\"salt\": 3}\n}";
    let found = faults(text, PolicyFormat::Json);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("line 5, column 1: rules[0].when: there is no variable tru"), "{found:?}");
    assert!(found[1].starts_with("line 7: arms.salt: invalid type: integer `3`"), "{found:?}");
    for broken in
        ["", "{", "[]", "{\"name\": \"a\", \"name\": \"b\"}", "{\"name\": 1e999}", "nil", "{\"name\": null}"]
    {
        assert!(!faults(broken, PolicyFormat::Json).is_empty(), "{broken}");
    }
    let deep = format!("{{\"name\": {}{}}}", "[".repeat(100), "]".repeat(100));
    assert!(faults(&deep, PolicyFormat::Json)[0].contains("deep"));
    for broken in ["name = ", "name = 'a'\nname = 'b'", "name = 'a'\n[time", "name = 'a'\n[time]\nzone = nan"]
    {
        let found = faults(broken, PolicyFormat::Toml);
        assert!(found[0].starts_with("line "), "{found:?}");
    }
}

#[test]
fn duplicate_names_are_refused_over_all_rules() {
    let text = "name = 'x'\n[[pressure.caps]]\nname = 'a'\nat_most = 1\nwithin_days = 1\n[[rules]]\nname = 'a'\nstage = 'suitability'\nwhen = 'true'\n";
    let found = faults(text, PolicyFormat::Toml);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("must be a name that no other rule has, but is a"), "{found:?}");
}

#[test]
fn the_words_of_rules_are_made_from_them() {
    let policy = french();
    let words = |rule: &str, ledger: &Ledger, now: &str| {
        let facts = Facts::default();
        let facts = Evaluation::new(&facts);
        let mut words = Vec::new();
        call(&facts, |call| {
            let blocked = policy.admit(ledger, call, at(now)).unwrap_err();
            assert_eq!(blocked.rule, rule);
            words = vec![blocked.text.of(Language::En).to_owned(), blocked.text.of(Language::Fr).to_owned()];
        });
        words
    };
    let mut ledger = agreed();
    let sunday = "2026-09-06T09:00:00Z";
    assert_eq!(
        words("hours of calls", &ledger, sunday),
        [
            "calls only Monday to Friday, 10:00–13:00 and 14:00–20:00, not on public holidays",
            "appels seulement du lundi au vendredi, 10:00–13:00 et 14:00–20:00, hors jours fériés",
        ]
    );
    for day in 1..=4 {
        ledger.contacts.push(contact("c", &format!("2026-09-0{day}T09:00:00Z")));
    }
    assert_eq!(
        words("four calls", &ledger, "2026-09-07T09:00:00Z"),
        ["4 calls in 30 days are reached", "4 appels en 30 jours : plafond atteint"]
    );
    let said = LedgerResponse {
        kind: ResponseKind::Refused,
        at: at("2026-09-04T09:00:00Z"),
        offer_id: "card".into(),
        issue: "growth".into(),
        group: "cards".into(),
        channel: "phone".into(),
    };
    ledger.responses.push(said);
    assert_eq!(
        words("silence after a refused call", &ledger, "2026-09-07T09:00:00Z"),
        ["60 days of silence after a refusal (phone)", "60 jours de silence après un refus (phone)"]
    );
}

#[test]
fn the_moment_at_which_all_rules_let_pass_is_a_fixed_point() {
    let policy = french();
    let mut ledger = agreed();
    // Friday evening: Monday, 10 o'clock in Paris.
    let monday = Some(("hours of calls".to_owned(), Some(at("2026-09-07T08:00:00Z"))));
    assert_eq!(blocked(&policy, &ledger, "2026-09-04T18:00:00Z"), monday);
    // At noon: 14 o'clock; and at the second before an hour ends.
    let afternoon = Some(("hours of calls".to_owned(), Some(at("2026-09-04T12:00:00Z"))));
    assert_eq!(blocked(&policy, &ledger, "2026-09-04T11:00:00Z"), afternoon);
    assert_eq!(blocked(&policy, &ledger, "2026-09-04T10:59:59.999Z"), None);
    // Easter Monday 2027 is the 29th of March, the day after the clocks change.
    let tuesday = Some(("hours of calls".to_owned(), Some(at("2027-03-30T08:00:00Z"))));
    assert_eq!(blocked(&policy, &ledger, "2027-03-26T19:30:00Z"), tuesday);
    // The first of four calls leaves the window on a Saturday.
    for moment in
        ["2026-08-06T09:00:00.5Z", "2026-08-20T09:00:00Z", "2026-08-21T09:00:00Z", "2026-08-24T09:00:00Z"]
    {
        ledger.contacts.push(contact("c", moment));
    }
    let four = Some(("four calls".to_owned(), Some(at("2026-09-07T08:00:00Z"))));
    assert_eq!(blocked(&policy, &ledger, "2026-09-04T09:00:00Z"), four);
    // A contact counts through its whole window, to the very end.
    ledger.contacts[0].at = at("2026-08-05T09:00:00Z");
    let second = Some(("four calls".to_owned(), Some(at("2026-09-04T09:00:01Z"))));
    assert_eq!(blocked(&policy, &ledger, "2026-09-04T09:00:00Z"), second);
    assert_eq!(blocked(&policy, &ledger, "2026-09-04T09:00:01Z"), None);
    // One from a clock that was ahead counts as well.
    ledger.contacts[0].at = at("2026-09-30T09:00:00Z");
    let later = Some(("four calls".to_owned(), Some(at("2026-09-21T08:00:00Z"))));
    assert_eq!(blocked(&policy, &ledger, "2026-09-04T09:00:00Z"), later);
}

#[test]
fn consent_is_the_latest_line_and_needs_its_proof() {
    let policy = french();
    let now = "2026-09-04T09:00:00Z";
    let no_consent = Some(("telephone by consent".to_owned(), None));
    assert_eq!(blocked(&policy, &Ledger::default(), now), no_consent);
    let mut ledger = agreed();
    assert_eq!(blocked(&policy, &ledger, now), None);
    // A withdrawal on all channels is later, and holds at once.
    ledger.consents.push(consent("*", ConsentStatus::Withdrawn, "2026-09-04T08:59:59Z"));
    assert_eq!(blocked(&policy, &ledger, now), no_consent);
    // Granted at the same moment, but further down in the ledger; then without its proof.
    ledger.consents.push(consent("phone", ConsentStatus::Granted, "2026-09-04T08:59:59Z"));
    assert_eq!(blocked(&policy, &ledger, now), None);
    ledger.consents[2].proof = Some(" ".into());
    assert_eq!(blocked(&policy, &ledger, now), no_consent);
    // Consent to something else is none.
    ledger.consents[1].purpose = "profiling".into();
    ledger.consents[0].purpose = "profiling".into();
    assert_eq!(blocked(&policy, &ledger, now), no_consent);
    assert!(refuses_profiling(&ledger.consents));
    assert!(!refuses_profiling(&Ledger::default().consents));
}

#[test]
fn a_contract_in_progress_needs_no_consent_but_obeys_an_objection() {
    let policy = french();
    let mut facts = Facts::default();
    facts.profile.insert("contract_in_progress".into(), PayloadValue::Flag(true));
    let facts = Evaluation::new(&facts);
    let now = at("2026-09-04T09:00:00Z");
    call(&facts, |call| {
        assert_eq!(policy.admit(&Ledger::default(), call, now), Ok(()));
        let objection = consent("*", ConsentStatus::Refused, "2026-01-01T00:00:00Z");
        let ledger = Ledger { consents: vec![objection], ..Ledger::default() };
        let blocked = policy.admit(&ledger, call, now).unwrap_err();
        assert_eq!((blocked.stage, blocked.rule.as_str()), (Stage::Consent, "no objection"));
        // Service messages need no consent, and pass whatever the pressure.
        let service = Proposal { class: Class::Transactional, ..*call };
        assert_eq!(policy.admit(&ledger, &service, at("2026-09-06T23:00:00Z")), Ok(()));
        let inbound = Proposal { direction: Direction::Inbound, ..*call };
        assert_eq!(policy.admit(&agreed(), &inbound, at("2026-09-06T23:00:00Z")), Ok(()));
    });
}

#[test]
fn an_email_with_three_offers_is_one_contact() {
    let policy = french();
    let mut ledger = agreed();
    for (decision, offer) in [("1", "a"), ("1", "b"), ("1", "c"), ("2", "a"), ("3", "b")] {
        let one = contact("c", "2026-09-01T09:00:00Z");
        ledger.contacts.push(Contact { decision_id: decision.into(), offer_id: offer.into(), ..one });
    }
    assert_eq!(blocked(&policy, &ledger, "2026-09-04T09:00:00Z"), None);
    let fourth = contact("c", "2026-09-02T09:00:00Z");
    ledger.contacts.push(fourth);
    let reached = blocked(&policy, &ledger, "2026-09-04T09:00:00Z");
    assert_eq!(reached.map(|(rule, _)| rule).as_deref(), Some("four calls"));
}

#[test]
fn a_household_counts_all_its_members_and_no_service_messages() {
    let text =
        "name = 'x'\n[[pressure.caps]]\nname = 'home'\nper = 'household'\nat_most = 2\nwithin_days = 7\n";
    let policy = Policy::read(text, PolicyFormat::Toml).unwrap();
    let now = "2026-09-04T09:00:00Z";
    let mut ledger = Ledger::default();
    ledger.contacts.push(contact("another", "2026-09-03T09:00:00Z"));
    ledger.contacts.push(contact("c", "2026-09-02T09:00:00Z"));
    let blocked_until = at("2026-09-09T09:00:01Z");
    assert_eq!(blocked(&policy, &ledger, now), Some(("home".into(), Some(blocked_until))));
    ledger.contacts[0].household_id = None;
    assert_eq!(blocked(&policy, &ledger, now), None, "no longer of the household");
    ledger.contacts[0].household_id = Some("h".into());
    ledger.contacts[0].class = "transactional".into();
    assert_eq!(blocked(&policy, &ledger, now), None, "a service message");
    ledger.contacts[0].class = "mandatory".into();
    ledger.contacts[0].direction = Direction::Inbound;
    assert_eq!(blocked(&policy, &ledger, now), None, "they came to us");
    assert_eq!(policy.lookback(), TimeDelta::days(7));
    assert_eq!(french().lookback(), TimeDelta::days(365));
}

/// A policy with one rule of hours.
fn hours(between: &str) -> Policy {
    let days = "['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday']";
    let text =
        format!("name = 'x'\n[[pressure.hours]]\nname = 'hours'\ndays = {days}\nbetween = {between}\n");
    Policy::read(&text, PolicyFormat::Toml).unwrap()
}

#[test]
fn hours_follow_the_local_clock_through_its_changes() {
    let facts = Facts::default();
    let facts = Evaluation::new(&facts);
    // Zone, window, a moment, the first open moment from it on.
    let cases = [
        // Spring: 2:00 to 3:00 do not exist; what begins within begins at 3:00.
        (Tz::Europe__Paris, "[['02:30', '04:00']]", "2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z"),
        (Tz::Europe__Paris, "[['02:10', '02:50']]", "2026-03-29T00:30:00Z", "2026-03-30T00:10:00Z"),
        // Autumn: 2:00 to 3:00 come twice, and are open twice.
        (Tz::Europe__Paris, "[['02:10', '02:20']]", "2026-10-25T00:05:00Z", "2026-10-25T00:10:00Z"),
        (Tz::Europe__Paris, "[['02:10', '02:20']]", "2026-10-25T00:30:00Z", "2026-10-25T01:10:00Z"),
        (Tz::Europe__Paris, "[['01:30', '02:30']]", "2026-10-25T00:45:00Z", "2026-10-25T01:00:00Z"),
        // Half an hour of change, and a day that Samoa left out.
        (Tz::Australia__Lord_Howe, "[['01:40', '02:00']]", "2026-04-04T15:10:00Z", "2026-04-04T15:10:00Z"),
        (Tz::Pacific__Apia, "[['10:00', '11:00']]", "2011-12-29T22:00:00Z", "2011-12-30T20:00:00Z"),
        (Tz::Asia__Kathmandu, "[['10:00', '24:00']]", "2026-06-01T00:00:00Z", "2026-06-01T04:15:00Z"),
        (Tz::Pacific__Kiritimati, "[['00:00', '01:00']]", "2026-06-01T00:00:30.5Z", "2026-06-01T10:00:00Z"),
    ];
    for (zone, between, now, expected) in cases {
        let policy = hours(between);
        call(&facts, |call| {
            let proposal = Proposal { time_zone: zone, ..*call };
            let blocked = policy.admit(&Ledger::default(), &proposal, at(now)).err();
            let open = blocked.map_or(Some(at(now)), |blocked| blocked.until);
            assert_eq!(open, Some(at(expected)), "{zone} {between} {now}");
            assert_eq!(policy.admit(&Ledger::default(), &proposal, at(expected)), Ok(()));
        });
    }
}

#[test]
fn rules_that_leave_no_moment_have_no_until() {
    let text = "name = 'x'
[[pressure.hours]]
name = 'morning'
days = ['monday']
between = [['08:00', '12:00']]
[[pressure.hours]]
name = 'afternoon'
days = ['monday']
between = [['13:00', '18:00']]
";
    let policy = Policy::read(text, PolicyFormat::Toml).unwrap();
    assert_eq!(
        blocked(&policy, &Ledger::default(), "2026-09-07T07:00:00Z"),
        Some(("afternoon".into(), None))
    );
}

#[test]
fn policies_are_shared_and_evaluations_move_between_threads() {
    fn shared<T: Send + Sync>() {}
    fn moves<T: Send>() {}
    shared::<Policy>();
    shared::<Facts>();
    moves::<Evaluation<'static>>();
}

#[test]
fn a_customer_has_their_own_time_zone_where_it_is_known() {
    let policy = french();
    let zone = |value: PayloadValue| policy.time_zone(&Payload::from([("time_zone".to_owned(), value)]));
    assert_eq!(zone(PayloadValue::Text("Indian/Reunion".into())), Tz::Indian__Reunion);
    assert_eq!(zone(PayloadValue::Text("Mars".into())), Tz::Europe__Paris);
    assert_eq!(zone(PayloadValue::Number(3.0)), Tz::Europe__Paris);
    assert_eq!(policy.time_zone(&Payload::new()), Tz::Europe__Paris);
}

#[test]
fn selectors_cover_what_meets_everything_that_is_given() {
    let offer =
        OfferFacts { id: "a".into(), group: "credit".into(), regulated: true, ..OfferFacts::default() };
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<BTreeSet<_>>();
    let covers = |selector: Selector| selector.covers(&offer);
    assert!(covers(Selector::default()));
    assert!(covers(Selector {
        groups: words(&["cards", "credit"]),
        regulated: Some(true),
        ..Selector::default()
    }));
    assert!(!covers(Selector { groups: words(&["credit"]), regulated: Some(false), ..Selector::default() }));
    assert!(!covers(Selector { groups: words(&["credit"]), ids: words(&["b"]), ..Selector::default() }));
    assert!(!covers(Selector { classes: BTreeSet::from([Class::Mandatory]), ..Selector::default() }));
}

//! From a document to the rules that are judged by, with everything about it that makes no sense.

use super::consent::ConsentRule;
use super::document::{
    CapSettings, ConsentRuleSettings, CoolOffSettings, ExplorationMethod, ExplorationSettings, HoursSettings,
    PolicyDocument, RuleSettings, Shares, Silence, WeightSettings,
};
use super::expression::Expression;
use super::fault::Fault;
use super::holidays::Holidays;
use super::pressure::{Cap, CoolOff, Hours, Pressure, Window};
use super::read::Reading;
use super::source::Source;
use super::words::{self, Stage};
use super::{Rule, Weight};
use chrono_tz::Tz;
use std::collections::BTreeSet;
use std::fmt::Display;

/// Longest window and longest silence, in days: a ledger must reach back that far.
const LONGEST_DAYS: u32 = 3_650;

/// What a document says, ready to be asked.
#[derive(Clone, Debug, Default)]
pub(super) struct Compiled {
    pub(super) zone: Tz,
    pub(super) holidays: Holidays,
    pub(super) consent: Vec<ConsentRule>,
    pub(super) rules: Vec<Rule>,
    pub(super) pressure: Pressure,
    pub(super) levers: Vec<Weight>,
    pub(super) contexts: Vec<Weight>,
}

/// Checks and compiles a document; with the faults of its reading.
pub(super) fn compile(reading: &Reading, source: &Source) -> (Compiled, Vec<Fault>) {
    let document = &reading.document;
    let mut check = Check { source, left_out: &reading.left_out, faults: Vec::new(), names: BTreeSet::new() };
    check.time(document);
    check.numbers(document);
    let mut compiled = Compiled {
        zone: document.time.zone.parse().unwrap_or(Tz::UTC),
        holidays: check.holidays(&document.time.holidays),
        consent: check.each("consent.rules", &document.consent.rules, Check::consent),
        rules: check.each("rules", &document.rules, Check::rule),
        pressure: Pressure {
            caps: check.each("pressure.caps", &document.pressure.caps, Check::cap),
            hours: check.each("pressure.hours", &document.pressure.hours, Check::hours),
            cool_offs: check.each("pressure.cool_offs", &document.pressure.cool_offs, Check::cool_off),
        },
        levers: check.each("arbitration.levers", &document.arbitration.levers, Check::weight),
        contexts: check.each("arbitration.contexts", &document.arbitration.contexts, Check::weight),
    };
    compiled.rules.sort_by_key(|rule| rule.stage);
    // What could not be read took its default, which says nothing of the document.
    let read = |fault: &Fault| reading.faults.iter().any(|known| fault.path.starts_with(&known.path));
    let mut faults = reading.faults.clone();
    faults.extend(check.faults.into_iter().filter(|fault| !read(fault)));
    faults.sort_by_key(|fault| (fault.line, fault.column));
    (compiled, faults)
}

struct Check<'s> {
    source: &'s Source,
    left_out: &'s BTreeSet<(String, usize)>,
    faults: Vec<Fault>,
    names: BTreeSet<String>,
}

impl Check<'_> {
    fn each<'d, S, R>(
        &mut self,
        path: &str,
        settings: &'d [S],
        one: impl Fn(&mut Self, &str, &'d S) -> Option<R>,
    ) -> Vec<R> {
        let left_out = self.left_out;
        let places = (0..).filter(|index| !left_out.contains(&(path.to_owned(), *index)));
        let each = places.zip(settings);
        each.filter_map(|(index, settings)| one(self, &format!("{path}[{index}]"), settings)).collect()
    }

    fn time(&mut self, document: &PolicyDocument) {
        let zone = &document.time.zone;
        self.require(zone.parse::<Tz>().is_ok(), "time.zone", zone, "a time zone such as Europe/Paris");
        let attribute = &document.time.zone_attribute;
        self.require(!attribute.is_empty(), "time.zone_attribute", attribute, "the name of an attribute");
        self.require(!document.name.trim().is_empty(), "name", &document.name, "what people call the policy");
    }

    fn holidays(&mut self, texts: &[String]) -> Holidays {
        let mut holidays = Holidays::default();
        for (index, text) in texts.iter().enumerate() {
            let understood = holidays.add(text);
            let expected = "MM-DD, YYYY-MM-DD, easter, easter+N or easter-N";
            self.require(understood, &format!("time.holidays[{index}]"), text, expected);
        }
        holidays
    }

    fn numbers(&mut self, document: &PolicyDocument) {
        let weight = document.arbitration.retention_weight;
        self.require(
            (0.0..=100.0).contains(&weight),
            "arbitration.retention_weight",
            &weight,
            "from 0 to 100",
        );
        let propensity = document.propensity;
        let prior = propensity.prior;
        self.require(prior > 0.0 && prior < 1.0, "propensity.prior", &prior, "above 0 and below 1");
        let strength = propensity.prior_strength;
        let path = "propensity.prior_strength";
        self.require(strength > 0.0 && strength <= 1e6, path, &strength, "above 0 and at most 1000000");
        self.exploration("exploration", document.exploration);
        self.shares(document.arms.shares);
        let salt = &document.arms.salt;
        let holds = !salt.is_empty() && !salt.contains('\0');
        self.require(holds, "arms.salt", &format!("{salt:?}"), "at least one character, none of them NUL");
        let responses = document.responses;
        let (wait, accept) = (responses.wait_hours, responses.accept_days);
        self.require((1..=8_760).contains(&wait), "responses.wait_hours", &wait, "from 1 to 8760");
        self.require(
            (1..=LONGEST_DAYS).contains(&accept),
            "responses.accept_days",
            &accept,
            "from 1 to 3650",
        );
        let in_time = u64::from(wait) <= u64::from(accept) * 24;
        self.require(
            in_time,
            "responses.wait_hours",
            &wait,
            "at most accept_days, or no response comes in time",
        );
        for (name, point) in &document.contact_points {
            let path = |key: &str| format!("contact_points.{name}.{key}");
            let n = point.n.unwrap_or(1);
            self.require((1..=100).contains(&n), &path("n"), &n, "from 1 to 100");
            let most = point.max_per_group.unwrap_or(1);
            self.require(most >= 1, &path("max_per_group"), &most, "at least 1; leave it out for no limit");
            let minutes = point.reserve_minutes.unwrap_or(1);
            self.require(
                (1..=525_600).contains(&minutes),
                &path("reserve_minutes"),
                &minutes,
                "from 1 to 525600",
            );
            if let Some(exploration) = point.exploration {
                self.exploration(&path("exploration"), exploration);
            }
        }
    }

    fn exploration(&mut self, path: &str, exploration: ExplorationSettings) {
        let (epsilon, floor) = (exploration.epsilon, exploration.floor);
        self.require((0.0..=1.0).contains(&epsilon), &format!("{path}.epsilon"), &epsilon, "from 0 to 1");
        let scale = exploration.scale;
        let holds = scale > 0.0 && scale <= 10.0;
        self.require(holds, &format!("{path}.scale"), &scale, "above 0 and at most 10");
        self.require((0.0..=0.2).contains(&floor), &format!("{path}.floor"), &floor, "from 0 to 0.2");
        if exploration.method == ExplorationMethod::EpsilonGreedy {
            let explores = epsilon == 0.0 || floor <= epsilon / 2.0;
            let expected = "at most half of epsilon: nobody but the best could be explored";
            self.require(explores, &format!("{path}.floor"), &floor, expected);
        }
    }

    fn shares(&mut self, shares: Shares) {
        let Shares { nba, random, propensity_only, no_levers, control } = shares;
        let named = [
            ("nba", nba),
            ("random", random),
            ("propensity_only", propensity_only),
            ("no_levers", no_levers),
            ("control", control),
        ];
        for (name, share) in named {
            self.require((0.0..=1.0).contains(&share), &format!("arms.shares.{name}"), &share, "from 0 to 1");
        }
        let sum: f64 = named.iter().map(|(_, share)| share).sum();
        // Shares are written with few digits, and sums of such numbers are off by less than this.
        self.require((sum - 1.0).abs() < 1e-9, "arms.shares", &format!("together {sum}"), "together 1");
    }

    fn consent(&mut self, path: &str, rule: &ConsentRuleSettings) -> Option<ConsentRule> {
        self.name(path, &rule.name);
        self.channels(path, &rule.channels);
        self.filled(path, "directions", &rule.directions);
        self.require(
            !rule.purpose.is_empty(),
            &format!("{path}.purpose"),
            &rule.purpose,
            "the name of a purpose",
        );
        let contradictory = rule.proof_required && rule.default == Silence::Granted;
        let expected = "\"refused\" where proof is required, as silence proves nothing";
        self.require(!contradictory, &format!("{path}.default"), &"granted", expected);
        let unless = rule.unless.as_ref().map(|source| {
            let path = format!("{path}.unless");
            let expression = self.expression(&path, source)?;
            let general = !expression.mentions_offer();
            self.require(general, &path, source, "about the customer: consent does not depend on the offer");
            Some(expression)
        });
        Some(ConsentRule { settings: rule.clone(), unless: unless.flatten(), words: words::of_consent(rule) })
    }

    fn rule(&mut self, path: &str, rule: &RuleSettings) -> Option<Rule> {
        self.name(path, &rule.name);
        self.channels_of(path, "contact_points", &rule.contact_points);
        let early = rule.stage <= Stage::Suitability;
        let expected = "eligibility, applicability or suitability; other stages have their own sections";
        self.require(early, &format!("{path}.stage"), &rule.stage.code(), expected);
        let when = self.expression(&format!("{path}.when"), &rule.when)?;
        Some(Rule {
            name: rule.name.clone(),
            stage: rule.stage,
            when,
            offers: rule.offers.clone(),
            contact_points: rule.contact_points.clone(),
            text: words::of_rule(rule),
        })
    }

    fn weight(&mut self, path: &str, weight: &WeightSettings) -> Option<Weight> {
        self.name(path, &weight.name);
        let percent = weight.percent;
        let within = (-100.0..=10_000.0).contains(&percent);
        self.require(within, &format!("{path}.percent"), &percent, "from -100 to 10000");
        let when = match &weight.when {
            Some(source) => Some(self.expression(&format!("{path}.when"), source)?),
            None => None,
        };
        Some(Weight { name: weight.name.clone(), when, offers: weight.offers.clone(), percent })
    }

    fn cap(&mut self, path: &str, cap: &CapSettings) -> Option<Cap> {
        self.name(path, &cap.name);
        self.channels(path, &cap.channels);
        self.filled(path, "directions", &cap.directions);
        let at_most = cap.at_most;
        let expected = "from 1 to 10000; a rule whose `when` is false forbids altogether";
        self.require((1..=10_000).contains(&at_most), &format!("{path}.at_most"), &at_most, expected);
        self.days(path, "within_days", cap.within_days);
        Some(Cap { settings: cap.clone(), words: words::of_cap(cap) })
    }

    fn cool_off(&mut self, path: &str, cool_off: &CoolOffSettings) -> Option<CoolOff> {
        self.name(path, &cool_off.name);
        self.channels(path, &cool_off.channels);
        self.filled(path, "directions", &cool_off.directions);
        self.filled(path, "after", &cool_off.after);
        self.days(path, "days", cool_off.days);
        Some(CoolOff { settings: cool_off.clone(), words: words::of_cool_off(cool_off) })
    }

    fn hours(&mut self, path: &str, hours: &HoursSettings) -> Option<Hours> {
        self.name(path, &hours.name);
        self.channels(path, &hours.channels);
        self.filled(path, "days", &hours.days);
        let distinct: BTreeSet<_> = hours.days.iter().collect();
        let path_of_days = format!("{path}.days");
        self.require(distinct.len() == hours.days.len(), &path_of_days, &"a day twice", "each day once");
        self.filled(path, "between", &hours.between);
        let mut windows = Vec::new();
        for (index, (from, to)) in hours.between.iter().enumerate() {
            let path = format!("{path}.between[{index}]");
            let found = format!("{from}–{to}");
            match (minutes(from), minutes(to)) {
                (Some(from), Some(to)) if from < to => windows.push(Window { from, to }),
                (Some(_), Some(_)) => {
                    let expected = "from an earlier to a later time; a night is two windows";
                    self.require(false, &path, &found, expected);
                }
                _ => self.require(false, &path, &found, "two times as \"HH:MM\", up to \"24:00\""),
            }
        }
        windows.sort_unstable();
        let apart = windows.windows(2).all(|pair| pair[0].to <= pair[1].from);
        self.require(
            apart,
            &format!("{path}.between"),
            &"windows that overlap",
            "windows apart from each other",
        );
        Some(Hours { settings: hours.clone(), windows, words: words::of_hours(hours) })
    }

    fn expression(&mut self, path: &str, source: &str) -> Option<Expression> {
        match Expression::compile(source) {
            Ok(expression) => Some(expression),
            Err(fault) => {
                let line = Some(self.source.line_within(path, fault.line.unwrap_or(1)));
                self.faults.push(Fault { path: path.to_owned(), line, ..fault });
                None
            }
        }
    }

    /// Names are unique over all rules, since answers name what blocked.
    fn name(&mut self, path: &str, name: &str) {
        let path = format!("{path}.name");
        self.require(!name.trim().is_empty(), &path, &name, "a name that no other rule has");
        let new = self.names.insert(name.to_owned());
        self.require(new, &path, &name, "a name that no other rule has");
    }

    fn channels(&mut self, path: &str, channels: &[String]) {
        self.channels_of(path, "channels", channels);
    }

    fn channels_of(&mut self, path: &str, key: &str, names: &[String]) {
        for (index, name) in names.iter().enumerate() {
            let expected = "a name; leave the list out for all";
            self.require(!name.is_empty() && name != "*", &format!("{path}.{key}[{index}]"), name, expected);
        }
    }

    fn filled<T>(&mut self, path: &str, key: &str, list: &[T]) {
        self.require(!list.is_empty(), &format!("{path}.{key}"), &"empty", "a list with something in it");
    }

    fn days(&mut self, path: &str, key: &str, days: u32) {
        let expected = "from 1 to 3650";
        self.require((1..=LONGEST_DAYS).contains(&days), &format!("{path}.{key}"), &days, expected);
    }

    fn require(&mut self, holds: bool, path: &str, value: &dyn Display, expected: &str) {
        if !holds {
            let message = format!("must be {expected}, but is {value}");
            let line = Some(self.source.line(path));
            self.faults.push(Fault { path: path.to_owned(), line, column: None, message });
        }
    }
}

/// `HH:MM` in minutes since midnight.
fn minutes(text: &str) -> Option<u32> {
    let (hours, minutes) = text.split_once(':')?;
    let digits = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(hours) || !digits(minutes) {
        return None;
    }
    let (hours, minutes): (u32, u32) = (hours.parse().ok()?, minutes.parse().ok()?);
    let total = hours * 60 + minutes;
    (minutes < 60 && total <= 24 * 60).then_some(total)
}

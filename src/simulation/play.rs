//! One contestant's days.

use super::contestant::{offer_id, offers};
use crate::config::Config;
use crate::offers::next::{Asked, Made, decide};
use crate::offers::wire::OffersRequest;
use crate::offers::{Book, Offers, Sources};
use crate::patience::Patiences;
use crate::problem::Problem;
use crate::releases::Serving;
use crate::store::{
    LoggedDecision, NewPolicy, NewResponse, OfferRecord, PolicyFormat, Publication, ResponseKind, Store,
    StoreError,
};
use chrono::{DateTime, Datelike, TimeDelta, Utc, Weekday};
use futures_util::future::join_all;
use models::payload::Payload;
use models::propensity::Propensities;
use models::world::{Burden, World};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::Arc;

/// How long, and how often people are met.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The first day, at midnight.
    pub start: DateTime<Utc>,
    /// Days.
    pub days: u32,
    /// The chance that a customer comes to the site on a day.
    pub visits: f64,
    /// The chance that a customer is written to on a day, contact pressure allowing.
    pub mails: f64,
    /// Every how many days propensities are learned anew.
    pub learn_every: u32,
    /// The seed of who comes, and of what they answer.
    pub seed: u64,
}

/// Learns propensities from the log, oldest decision first.
pub type Learn<'a> = &'a (dyn Fn(&[LoggedDecision]) -> Option<Propensities> + Sync);

/// One contestant in the world.
pub struct Play<'a> {
    /// The world.
    pub world: &'a World,
    /// What was trained on its history.
    pub serving: Arc<Serving>,
    /// The configuration: `web_home` and `email` are its contact points.
    pub config: &'a Config,
    /// An empty store.
    pub store: Arc<dyn Store>,
    /// Settings.
    pub settings: &'a Settings,
    /// How propensities are learned.
    pub learn: Learn<'a>,
}

/// One decision against the truth.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its id.
    pub decision_id: String,
    /// Whom it was for.
    pub customer: usize,
    /// The day.
    pub day: u32,
    /// What was shown.
    pub shown: Option<usize>,
    /// The expected value of what was shown.
    pub expected: f64,
    /// The expected value of the best that was allowed.
    pub best: f64,
    /// The propensity that was foretold, and whether it was accepted.
    pub foretold: f64,
    /// Whether it was accepted.
    pub accepted: bool,
    /// Whether it was an e-mail.
    pub outbound: bool,
    /// The true probabilities of all offers then.
    pub truth: Vec<f64>,
}

/// What a contestant did.
#[derive(Debug, Default)]
pub struct Played {
    /// Every decision, in order of days and customers.
    pub steps: Vec<Step>,
    /// Customers who left because they were contacted too often.
    pub left: usize,
}

/// Decisions made side by side.
const AT_ONCE: usize = 32;

/// What the world remembers of a customer.
#[derive(Clone, Debug, Default)]
struct Memory {
    contacts: Vec<(u32, usize)>,
    mails: Vec<u32>,
    left: bool,
}

/// Rows settled at one go.
const SETTLED: u32 = 5_000;

impl Play<'_> {
    /// Plays all days under a policy.
    ///
    /// # Errors
    /// [`Problem`] of the store.
    pub async fn play(&self, policy: &str) -> Result<Played, Problem> {
        self.prepare(policy).await?;
        let offers = Offers::open(
            Arc::clone(&self.store),
            Arc::new(crate::metrics::Metrics::new().map_err(|e| Problem::internal(&e))?),
        )
        .await
        .map_err(|error| Problem::internal(&error))?;
        let patience = Patiences::new(self.config);
        let mut played = Played::default();
        let mut memories = vec![Memory::default(); self.world.people().len()];
        let (mut learned, mut learned_until) = (None, DateTime::UNIX_EPOCH);
        for day in 0..self.settings.days {
            let now = self.settings.start + TimeDelta::days(i64::from(day));
            self.settle(now).await?;
            if day > 0 && day % self.settings.learn_every == 0 {
                (learned, learned_until) = (self.learn(now).await?.or(learned), now - TimeDelta::days(1));
            }
            offers.count_usage().await?;
            offers.count_treatments(learned_until, now).await?;
            let people: Vec<usize> =
                (0..memories.len()).filter(|customer| !memories[*customer].left).collect();
            for people in people.chunks(AT_ONCE) {
                let visits = people.iter().map(|&customer| {
                    let sources = Sources {
                        offers: &offers,
                        store: &*self.store,
                        config: self.config,
                        patience: &patience,
                        serving: Some(Arc::clone(&self.serving)),
                        book: offers.book(),
                        learned: learned.clone(),
                    };
                    self.meet(sources, (customer, day), &memories[customer])
                });
                for (customer, step) in people.iter().zip(join_all(visits).await) {
                    if let Some(step) = step? {
                        memories[*customer].note(&step);
                        played.steps.push(step);
                    }
                    let contacts = memories[*customer].within(day, 30).count() as u32;
                    if self.chance("leaves", *customer, day) < self.world.leaving(*customer, contacts) {
                        memories[*customer].left = true;
                        played.left += 1;
                    }
                }
            }
            offers.flush().await;
        }
        offers.close().await;
        Ok(played)
    }

    async fn prepare(&self, policy: &str) -> Result<(), StoreError> {
        let at = self.settings.start;
        let record = |(offer_id, offer)| OfferRecord {
            offer_id,
            body: serde_json::to_string(&offer).unwrap_or_default(),
            updated_at: at,
        };
        self.store.put_offers(offers(self.world, at).into_iter().map(record).collect()).await?;
        let draft = NewPolicy {
            format: PolicyFormat::Toml,
            body: policy.to_owned(),
            note: String::new(),
            actor: "simulation".into(),
            at,
        };
        let version = self.store.put_policy(draft).await?;
        self.store.publish_policy(Publication { version, actor: "simulation".into(), at }).await?;
        Ok(())
    }

    /// Who has not answered within a day will not.
    async fn settle(&self, now: DateTime<Utc>) -> Result<(), StoreError> {
        while self.store.settle(now - TimeDelta::days(1), now, SETTLED).await? == u64::from(SETTLED) {}
        Ok(())
    }

    /// Learns from the decisions of which silence has been heard.
    async fn learn(&self, now: DateTime<Utc>) -> Result<Option<Arc<Propensities>>, StoreError> {
        let mut log: Vec<LoggedDecision> = Vec::new();
        loop {
            let after = log.last().map_or(i64::MIN, |logged| logged.sequence);
            let page = self.store.decisions_after(after, SETTLED).await?;
            if page.is_empty() {
                break;
            }
            log.extend(page);
        }
        log.retain(|logged| logged.decision.at < now - TimeDelta::days(1));
        // Decisions made side by side were kept in any order.
        log.sort_by(|a, b| {
            (a.decision.at, &a.decision.decision_id).cmp(&(b.decision.at, &b.decision.decision_id))
        });
        Ok((self.learn)(&log).map(Arc::new))
    }

    /// A customer comes, or is written to, or neither.
    async fn meet(
        &self,
        sources: Sources<'_>,
        (customer, day): (usize, u32),
        memory: &Memory,
    ) -> Result<Option<Step>, Problem> {
        let settings = self.settings;
        let outbound = self.chance("mail", customer, day) < settings.mails;
        if !outbound && self.chance("visit", customer, day) >= settings.visits {
            return Ok(None);
        }
        let contact_point = if outbound { "email" } else { "web_home" };
        let Some(point) = sources.book.point(self.config, contact_point) else {
            return Err(Problem::internal(&format!("there is no contact point {contact_point}")));
        };
        let minutes = (self.chance("minute", customer, day) * 600.0) as i64;
        let now = settings.start + TimeDelta::days(i64::from(day)) + TimeDelta::minutes(8 * 60 + minutes);
        let request = OffersRequest {
            customer_id: format!("customer-{customer}"),
            contact_point: contact_point.to_owned(),
            n: Some(1),
            language: None,
            context: Payload::new(),
            exclude_ids: Vec::new(),
            explain: false,
        };
        let decision_id = format!("{customer}-{day}-{}", settings.seed);
        let made = decide(&sources, &Asked { decision_id, request, point, now }).await?;
        let step = self.judge((&made, &sources.book), (customer, day), memory, outbound);
        self.answer(&step, now).await?;
        Ok(Some(step))
    }

    /// Sets a decision against the truth.
    fn judge(
        &self,
        (made, book): (&Made, &Book),
        (customer, day): (usize, u32),
        memory: &Memory,
        outbound: bool,
    ) -> Step {
        let weekend = matches!(
            (self.settings.start + TimeDelta::days(i64::from(day))).weekday(),
            Weekday::Sat | Weekday::Sun
        );
        let contacts = memory.within(day, 30).count() as u32;
        let truth: Vec<f64> = (0..self.world.offers().len())
            .map(|offer| {
                let showings = memory.within(day, 30).filter(|(_, shown)| *shown == offer).count() as u32;
                self.world.acceptance(customer, offer, &Burden { contacts, showings, weekend })
            })
            .collect();
        let number: HashMap<String, usize> = (0..truth.len()).map(|offer| (offer_id(offer), offer)).collect();
        let worth = |offer: usize| truth[offer] * self.world.offers()[offer].value;
        let allowed = made.rated.iter().filter_map(|rated| number.get(&book.entries[rated.passed.entry].id));
        let best = allowed.map(|offer| worth(*offer)).fold(0.0, f64::max);
        let first = made.decision.results.first();
        let shown = first.and_then(|result| number.get(&result.id).copied());
        let luck = self.chance("accepts", customer, day);
        Step {
            decision_id: made.decision.decision_id.clone(),
            customer,
            day,
            shown,
            expected: shown.map_or(0.0, worth),
            best,
            foretold: made.slots.first().map_or(0.0, |slot| made.rated[slot.contender].estimate.probability),
            accepted: shown.is_some_and(|offer| luck < truth[offer]),
            outbound,
            truth,
        }
    }

    /// Says what the customer did; of those who do not accept, one in three refuses and the others are silent.
    async fn answer(&self, step: &Step, now: DateTime<Utc>) -> Result<(), StoreError> {
        let Some(offer) = step.shown else { return Ok(()) };
        let response = |kind, minutes, revenue| NewResponse {
            response_id: format!("{}/{kind:?}", step.decision_id),
            decision_id: step.decision_id.clone(),
            rank: 1,
            kind,
            at: now + TimeDelta::minutes(minutes),
            received_at: now + TimeDelta::minutes(minutes),
            revenue,
            oldest_decision: now - TimeDelta::days(90),
        };
        let mut responses = Vec::new();
        if step.outbound {
            responses.push(response(ResponseKind::Delivered, 1, None));
        }
        if step.accepted {
            responses.push(response(ResponseKind::Accepted, 2, Some(self.world.offers()[offer].value)));
        } else if self.chance("refuses", step.customer, step.day) < 1.0 / 3.0 {
            responses.push(response(ResponseKind::Refused, 2, None));
        }
        if !responses.is_empty() {
            self.store.append_responses(responses).await?;
        }
        Ok(())
    }

    /// A number from 0 to 1 that is the same for every contestant.
    fn chance(&self, what: &str, customer: usize, day: u32) -> f64 {
        let digest = Sha256::digest(format!("{}\0{what}\0{customer}\0{day}", self.settings.seed));
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&digest[..8]);
        (u64::from_be_bytes(bytes) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

impl Memory {
    fn note(&mut self, step: &Step) {
        if let Some(offer) = step.shown {
            self.contacts.push((step.day, offer));
            if step.outbound {
                self.mails.push(step.day);
            }
        }
    }

    fn within(&self, day: u32, days: u32) -> impl Iterator<Item = &(u32, usize)> {
        self.contacts.iter().filter(move |(at, _)| day - at < days)
    }
}

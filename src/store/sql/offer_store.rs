//! The offers' part of the store: which table answers what, under which lock.

use super::{Lock, SqlStore};
use super::{consents, decisions, ledger, offers, outcomes, policies, responses, results, silence, usage};
use crate::store::{
    Consent, DecisionRecord, Ledger, LoggedDecision, NewPolicy, NewResponse, OfferRecord, OfferStore,
    Outstanding, PolicyRecord, Publication, Reservation, Reserved, Responded, Result, ResultPlace, Subject,
    TreatmentCount, UnitOutcome, Usage,
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};

#[async_trait]
impl OfferStore for SqlStore {
    async fn put_offers(&self, offers: Vec<OfferRecord>) -> Result<()> {
        if offers.is_empty() {
            return Ok(());
        }
        self.writer.write(&[Lock::Offers], offers, |c, new| Box::pin(offers::put(c, new))).await
    }

    async fn delete_offer(&self, offer_id: &str) -> Result<bool> {
        let subject = offer_id.to_owned();
        self.writer.write(&[Lock::Offers], subject, |c, id| Box::pin(offers::delete(c, id))).await
    }

    async fn offers(&self) -> Result<Vec<OfferRecord>> {
        offers::all(&self.readers).await
    }

    async fn usage(&self) -> Result<Vec<Usage>> {
        usage::all(&self.readers).await
    }

    async fn revision(&self) -> Result<i64> {
        offers::revision(&self.readers).await
    }

    async fn put_policy(&self, policy: NewPolicy) -> Result<i64> {
        self.writer.write(&[Lock::Offers], policy, |c, new| Box::pin(policies::put(c, new))).await
    }

    async fn policy(&self, version: i64) -> Result<Option<PolicyRecord>> {
        policies::one(&self.readers, version).await
    }

    async fn policies(&self, limit: u32) -> Result<Vec<PolicyRecord>> {
        policies::latest(&self.readers, limit).await
    }

    async fn publish_policy(&self, publication: Publication) -> Result<bool> {
        self.writer.write(&[Lock::Offers], publication, |c, new| Box::pin(policies::publish(c, new))).await
    }

    async fn publications(&self, limit: u32) -> Result<Vec<Publication>> {
        policies::publications(&self.readers, limit).await
    }

    async fn append_consents(&self, consents: Vec<Consent>) -> Result<()> {
        if consents.is_empty() {
            return Ok(());
        }
        self.met.add(consents.iter().map(|consent| consent.customer_id.as_str()));
        self.writer.write(&[Lock::Decisions], consents, |c, new| Box::pin(consents::append(c, new))).await
    }

    async fn consents_of(&self, customer_id: &str) -> Result<Vec<Consent>> {
        consents::of(&self.readers, customer_id).await
    }

    async fn ledger(&self, subject: &Subject) -> Result<Ledger> {
        let mut connection = self.readers.acquire().await?;
        Ok(ledger::of(&mut connection, subject).await?)
    }

    async fn reserve(&self, reservation: Reservation) -> Result<Reserved> {
        self.writer
            .write(&[Lock::Decisions], reservation, |c, new| Box::pin(decisions::reserve(c, new)))
            .await
    }

    async fn append_decisions(&self, decisions: Vec<DecisionRecord>) -> Result<()> {
        if decisions.is_empty() {
            return Ok(());
        }
        self.writer.write(&[Lock::Decisions], decisions, |c, new| Box::pin(decisions::append(c, new))).await
    }

    async fn decision(&self, decision_id: &str) -> Result<Option<LoggedDecision>> {
        decisions::one(&self.readers, decision_id).await
    }

    async fn places_of(&self, decision_ids: &[String]) -> Result<Vec<ResultPlace>> {
        let mut connection = self.readers.acquire().await?;
        Ok(results::places(&mut connection, decision_ids).await?)
    }

    async fn decisions_after(&self, sequence: i64, limit: u32) -> Result<Vec<LoggedDecision>> {
        decisions::after(&self.readers, sequence, limit).await
    }

    async fn decisions_of(&self, customer_id: &str, limit: u32) -> Result<Vec<LoggedDecision>> {
        decisions::of(&self.readers, customer_id, limit).await
    }

    async fn append_responses(&self, responses: Vec<NewResponse>) -> Result<Vec<Responded>> {
        if responses.is_empty() {
            return Ok(Vec::new());
        }
        self.writer.write(&[Lock::Decisions], responses, |c, new| Box::pin(responses::append(c, new))).await
    }

    async fn expire(&self, now: DateTime<Utc>, limit: u32) -> Result<u64> {
        let until = (now, limit);
        self.writer
            .write(&[Lock::Decisions], until, |c, (now, limit)| Box::pin(silence::expire(c, *now, *limit)))
            .await
    }

    async fn outstanding(&self, overdue_at: DateTime<Utc>) -> Result<Outstanding> {
        silence::outstanding(&self.readers, overdue_at).await
    }

    async fn settle(&self, before: DateTime<Utc>, now: DateTime<Utc>, limit: u32) -> Result<u64> {
        let until = (before, now, limit);
        self.writer
            .write(&[Lock::Decisions], until, |c, (before, now, limit)| {
                Box::pin(silence::settle(c, *before, *now, *limit))
            })
            .await
    }

    async fn unit_outcomes(&self, from: DateTime<Utc>, until: DateTime<Utc>) -> Result<Vec<UnitOutcome>> {
        outcomes::of_units(&self.readers, from, until).await
    }

    async fn treatment_counts(
        &self,
        since: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Vec<TreatmentCount>> {
        outcomes::of_treatments(&self.readers, since, until).await
    }
}

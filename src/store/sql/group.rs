//! The writes of one transaction, and what each caller is answered.

use super::super::dialect::{self, Connection};
use super::{Lock, events};
use crate::store::{Appended, Fault, NewEvent, Result, StoreError};
use async_trait::async_trait;
use futures_util::future::BoxFuture;
use sqlx::Connection as _;
use std::collections::BTreeSet;
use tokio::sync::oneshot;

/// The way back to a caller.
pub(super) type Reply<T> = oneshot::Sender<Result<T>>;

/// What a write does inside the transaction.
pub(in super::super) type Work<I, O> =
    for<'a> fn(&'a mut Connection, &'a I) -> BoxFuture<'a, sqlx::Result<O>>;

/// The writes of one transaction.
#[derive(Default)]
pub(super) struct Group {
    events: Vec<NewEvent>,
    /// For each caller who appends events, how many of the events are its own.
    replies: Vec<(usize, Reply<Vec<Appended>>)>,
    jobs: Vec<Box<dyn Job>>,
}

impl Group {
    /// Adds events of one caller.
    pub(super) fn append(&mut self, events: Vec<NewEvent>, reply: Reply<Vec<Appended>>) {
        self.replies.push((events.len(), reply));
        self.events.extend(events);
    }

    /// Adds another write.
    pub(super) fn push(&mut self, job: Box<dyn Job>) {
        self.jobs.push(job);
    }

    /// How many callers wait for it.
    pub(super) fn parts(&self) -> usize {
        self.replies.len() + self.jobs.len()
    }

    /// How much work it is.
    pub(super) fn rows(&self) -> usize {
        self.events.len() + self.jobs.len()
    }

    /// Runs all of it in one transaction.
    pub(super) async fn run(&mut self, connection: &mut Connection) -> Run {
        let mut transaction = match connection.begin_with(dialect::BEGIN).await {
            Ok(transaction) => transaction,
            Err(error) => return Run { begun: false, sound: true, outcome: Err(error) },
        };
        match self.write(&mut transaction).await {
            Ok(appended) => {
                let outcome = transaction.commit().await.map(|()| appended);
                Run { begun: true, sound: outcome.is_ok(), outcome }
            }
            // Undone at once: locks must not be held until the next write.
            Err(error) => {
                let sound = transaction.rollback().await.is_ok();
                Run { begun: true, sound, outcome: Err(error) }
            }
        }
    }

    async fn write(&mut self, connection: &mut Connection) -> sqlx::Result<Vec<Appended>> {
        let locks: BTreeSet<Lock> = self.jobs.iter().flat_map(|job| job.locks()).copied().collect();
        dialect::lock(connection, &locks).await?;
        let appended = events::append(connection, &self.events).await?;
        for job in &mut self.jobs {
            job.run(connection).await?;
        }
        Ok(appended)
    }

    /// Answers every caller.
    pub(super) fn answer(self, outcome: Result<Vec<Appended>>) {
        let done = outcome.as_ref().map(|_| ()).map_err(Clone::clone);
        let mut appended = outcome.unwrap_or_default().into_iter();
        for (rows, reply) in self.replies {
            let own = appended.by_ref().take(rows).collect();
            let _ = reply.send(done.clone().map(|()| own));
        }
        for job in self.jobs {
            job.answer(done.clone());
        }
    }

    /// One group for each caller.
    pub(super) fn into_single_parts(self) -> impl Iterator<Item = Group> {
        let mut events = self.events.into_iter();
        let appends: Vec<Group> = self
            .replies
            .into_iter()
            .map(|(rows, reply)| Group {
                events: events.by_ref().take(rows).collect(),
                replies: vec![(rows, reply)],
                jobs: Vec::new(),
            })
            .collect();
        let jobs = self.jobs.into_iter().map(|job| Group { jobs: vec![job], ..Group::default() });
        appends.into_iter().chain(jobs)
    }
}

/// How a transaction went.
pub(super) struct Run {
    /// Whether anything of it was done.
    pub(super) begun: bool,
    /// Whether the connection surely stands outside any transaction now.
    pub(super) sound: bool,
    pub(super) outcome: sqlx::Result<Vec<Appended>>,
}

/// A write other than events. It can run twice: a group that fails is rolled back and its parts are tried alone.
#[async_trait]
pub(super) trait Job: Send {
    fn locks(&self) -> &'static [Lock];
    async fn run(&mut self, connection: &mut Connection) -> sqlx::Result<()>;
    fn answer(self: Box<Self>, outcome: Result<()>);
}

/// A job made of a function and its input.
pub(super) struct Write<I, O> {
    pub(super) locks: &'static [Lock],
    pub(super) input: I,
    pub(super) work: Work<I, O>,
    pub(super) output: Option<O>,
    pub(super) reply: Reply<O>,
}

#[async_trait]
impl<I: Send + Sync, O: Send> Job for Write<I, O> {
    fn locks(&self) -> &'static [Lock] {
        self.locks
    }

    async fn run(&mut self, connection: &mut Connection) -> sqlx::Result<()> {
        self.output = Some((self.work)(connection, &self.input).await?);
        Ok(())
    }

    fn answer(self: Box<Self>, outcome: Result<()>) {
        let Self { output, reply, .. } = *self;
        let missing = || StoreError::new(Fault::Bug, "a write was committed without having run");
        // A caller that went away needs no answer.
        let _ = reply.send(outcome.and_then(|()| output.ok_or_else(missing)));
    }
}

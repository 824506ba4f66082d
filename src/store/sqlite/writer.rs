//! Group commit: one task gathers the writes that wait and commits them together.
//!
//! A commit waits for the disk; while it does, the next writes queue and share the next commit. Events of all
//! waiting writes go into one insert. A caller is answered after the commit, never before.

use super::{SqliteSettings, events};
use crate::metrics::Metrics;
use crate::store::{Appended, Fault, NewEvent, Result, StoreError};
use async_trait::async_trait;
use futures_util::future::BoxFuture;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// The most rows that one transaction takes; more would make the first writer wait for the last one's rows.
const MAX_GROUP_ROWS: usize = 2_000;

/// The way to the task that writes.
pub(super) struct Writer {
    queue: mpsc::Sender<Command>,
    patience: Duration,
}

type Reply<T> = oneshot::Sender<Result<T>>;

enum Command {
    Append(Vec<NewEvent>, Reply<Vec<Appended>>),
    Run(Box<dyn Job>),
    Close(oneshot::Sender<()>),
}

/// A write other than events. It can run twice: a group that fails is rolled back and its parts are tried alone.
#[async_trait]
trait Job: Send {
    async fn run(&mut self, connection: &mut SqliteConnection) -> sqlx::Result<()>;
    fn answer(self: Box<Self>, outcome: Result<()>);
}

struct Write<I, O> {
    input: I,
    work: for<'a> fn(&'a mut SqliteConnection, &'a I) -> BoxFuture<'a, sqlx::Result<O>>,
    output: Option<O>,
    reply: Reply<O>,
}

#[async_trait]
impl<I: Send + Sync, O: Send> Job for Write<I, O> {
    async fn run(&mut self, connection: &mut SqliteConnection) -> sqlx::Result<()> {
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

impl Writer {
    /// Starts the task. It connects when the first write comes and again after the connection broke.
    pub(super) fn start(
        options: SqliteConnectOptions,
        settings: &SqliteSettings,
        metrics: Arc<Metrics>,
    ) -> Self {
        let (queue, waiting) = mpsc::channel(settings.queue);
        tokio::spawn(WriterTask { waiting, options, connection: None, metrics }.run());
        Self { queue, patience: settings.busy_timeout }
    }

    /// Appends events durably.
    pub(super) async fn append(&self, events: Vec<NewEvent>) -> Result<Vec<Appended>> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Append(events, reply)).await?;
        answer.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Runs any other write durably. `work` must depend on nothing but its input, because it may run twice.
    pub(super) async fn write<I: Send + Sync + 'static, O: Send + 'static>(
        &self,
        input: I,
        work: for<'a> fn(&'a mut SqliteConnection, &'a I) -> BoxFuture<'a, sqlx::Result<O>>,
    ) -> Result<O> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Run(Box::new(Write { input, work, output: None, reply }))).await?;
        answer.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Finishes what waits and stops the task.
    pub(super) async fn close(&self) {
        let (reply, closed) = oneshot::channel();
        if self.queue.send(Command::Close(reply)).await.is_ok() {
            let _ = closed.await;
        }
    }

    async fn send(&self, command: Command) -> Result<()> {
        self.queue.send_timeout(command, self.patience).await.map_err(|error| match error {
            mpsc::error::SendTimeoutError::Timeout(_) => {
                StoreError::new(Fault::Busy, "the queue of waiting writes stayed full")
            }
            mpsc::error::SendTimeoutError::Closed(_) => closed(),
        })
    }
}

fn closed() -> StoreError {
    StoreError::new(Fault::Unavailable, "the store is closed")
}

struct WriterTask {
    waiting: mpsc::Receiver<Command>,
    options: SqliteConnectOptions,
    connection: Option<SqliteConnection>,
    metrics: Arc<Metrics>,
}

impl WriterTask {
    async fn run(mut self) {
        let mut closing = Vec::new();
        while let Some(first) = self.waiting.recv().await {
            let mut group = Group::default();
            let mut next = Some(first);
            while let Some(command) = next {
                match command {
                    Command::Append(events, reply) => group.append(events, reply),
                    Command::Run(job) => group.jobs.push(job),
                    Command::Close(reply) => {
                        self.waiting.close();
                        closing.push(reply);
                    }
                }
                next = if group.rows() < MAX_GROUP_ROWS { self.waiting.try_recv().ok() } else { None };
            }
            self.commit(group).await;
        }
        if let Some(connection) = self.connection.take()
            && let Err(error) = connection.close().await
        {
            tracing::warn!(%error, "the store's writer did not close cleanly");
        }
        for reply in closing {
            let _ = reply.send(());
        }
    }

    /// Commits a group and answers its callers; when one part is at fault, the others do not suffer.
    async fn commit(&mut self, group: Group) {
        let mut groups = vec![group];
        while let Some(mut group) = groups.pop() {
            if group.rows() == 0 {
                continue;
            }
            self.metrics.store_group_rows.observe(group.rows() as f64);
            let started = Instant::now();
            let outcome = self.transaction(&mut group).await;
            self.metrics.store_write_seconds.observe(started.elapsed().as_secs_f64());
            match outcome {
                Err(error) if error.fault == Fault::Bug && group.replies.len() + group.jobs.len() > 1 => {
                    groups.extend(group.into_single_parts());
                }
                outcome => {
                    if let Err(error) = &outcome {
                        tracing::error!(%error, rows = group.rows(), "a group of writes was not committed");
                    }
                    group.answer(outcome);
                }
            }
        }
    }

    async fn transaction(&mut self, group: &mut Group) -> Result<Vec<Appended>> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.options.connect().await?,
        };
        let outcome = group.run(&mut connection).await.map_err(StoreError::from);
        // After trouble with the file a fresh connection sees what is really there.
        if !matches!(&outcome, Err(error) if matches!(error.fault, Fault::Unavailable | Fault::Corrupt)) {
            self.connection = Some(connection);
        }
        outcome
    }
}

/// The writes of one transaction.
#[derive(Default)]
struct Group {
    events: Vec<NewEvent>,
    /// For each caller of [`Writer::append`], how many of the events are its own.
    replies: Vec<(usize, Reply<Vec<Appended>>)>,
    jobs: Vec<Box<dyn Job>>,
}

impl Group {
    fn append(&mut self, events: Vec<NewEvent>, reply: Reply<Vec<Appended>>) {
        self.replies.push((events.len(), reply));
        self.events.extend(events);
    }

    fn rows(&self) -> usize {
        self.events.len() + self.jobs.len()
    }

    async fn run(&mut self, connection: &mut SqliteConnection) -> sqlx::Result<Vec<Appended>> {
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        let appended = events::append(&mut transaction, &self.events).await?;
        for job in &mut self.jobs {
            job.run(&mut transaction).await?;
        }
        transaction.commit().await?;
        Ok(appended)
    }

    fn answer(self, outcome: Result<Vec<Appended>>) {
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

    fn into_single_parts(self) -> impl Iterator<Item = Group> {
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

//! Group commit: one task gathers the writes that wait and commits them together.
//!
//! A commit waits for the disk; while it does, the next writes queue and share the next commit. Events of all
//! waiting writes go into one insert. A caller is answered after the commit, never before.

use super::super::dialect::{self, Connection, Options, Pool};
use super::Lock;
use super::group::{Group, Job, Reply, Run, Work, Write};
use super::met::{LOOK, Met};
use crate::metrics::{Metrics, Queue as Watched};
use crate::store::{Appended, Fault, NewEvent, Result, StoreError};
use sqlx::Connection as _;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// The most rows that one transaction takes; more would make the first writer wait for the last one's rows.
const MAX_GROUP_ROWS: usize = 2_000;

/// How many writes may wait, and how long anything may wait for a lock or a place.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Queue {
    pub(in super::super) length: usize,
    pub(in super::super) patience: Duration,
}

/// Who is told whether another process writes, too.
pub(super) struct Looks {
    pub(super) met: Arc<Met>,
    pub(super) readers: Pool,
}

/// The way to the task that writes.
pub(in super::super) struct Writer {
    queue: mpsc::Sender<Command>,
    patience: Duration,
}

enum Command {
    Append(Vec<NewEvent>, Reply<Vec<Appended>>),
    Run(Box<dyn Job>),
    Close(oneshot::Sender<()>),
}

impl Writer {
    /// Starts the task. It connects when the first write comes and again after the connection broke.
    pub(super) fn start(
        options: Options,
        Queue { length, patience }: Queue,
        looks: Looks,
        metrics: Arc<Metrics>,
    ) -> Self {
        let (queue, waiting) = mpsc::channel(length);
        metrics.watch(Watched::StoreWrites, &queue);
        let next_look = Instant::now() + LOOK;
        let task = WriterTask { waiting, options, patience, connection: None, looks, next_look, metrics };
        tokio::spawn(task.run());
        Self { queue, patience }
    }

    /// Appends events durably.
    pub(in super::super) async fn append(&self, events: Vec<NewEvent>) -> Result<Vec<Appended>> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Append(events, reply)).await?;
        answer.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Runs any other write durably, under locks. `work` must depend on nothing but its input, because it may run twice.
    pub(in super::super) async fn write<I: Send + Sync + 'static, O: Send + 'static>(
        &self,
        locks: &'static [Lock],
        input: I,
        work: Work<I, O>,
    ) -> Result<O> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Run(Box::new(Write { locks, input, work, output: None, reply }))).await?;
        answer.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Finishes what waits and stops the task.
    pub(in super::super) async fn close(&self) {
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
    options: Options,
    patience: Duration,
    connection: Option<Connection>,
    looks: Looks,
    next_look: Instant,
    metrics: Arc<Metrics>,
}

impl WriterTask {
    async fn run(mut self) {
        let mut closing = Vec::new();
        while let Some(first) = self.next().await {
            let mut group = Group::default();
            let mut next = Some(first);
            while let Some(command) = next {
                match command {
                    Command::Append(events, reply) => group.append(events, reply),
                    Command::Run(job) => group.push(job),
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

    /// The next command, between looks at what other processes do; none once all is closed.
    async fn next(&mut self) -> Option<Command> {
        if !dialect::SEES_OTHERS {
            return self.waiting.recv().await;
        }
        loop {
            if self.next_look <= Instant::now() {
                self.look().await;
                self.next_look = Instant::now() + LOOK;
            }
            if let Ok(command) = tokio::time::timeout_at(self.next_look.into(), self.waiting.recv()).await {
                return command;
            }
        }
    }

    async fn look(&mut self) {
        let version = match &mut self.connection {
            Some(connection) => dialect::version(connection).await.ok(),
            None => None,
        };
        self.looks.met.looked(version, &self.looks.readers);
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
                Err(error) if error.fault == Fault::Bug && group.parts() > 1 => {
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
        let mut repeated = false;
        loop {
            let kept = self.connection.take();
            let was_kept = kept.is_some();
            let mut connection = match kept {
                Some(connection) => connection,
                None => {
                    // Another connection counts the commits of others anew.
                    self.looks.met.looked(None, &self.looks.readers);
                    dialect::connect(&self.options, self.patience).await?
                }
            };
            let Run { begun, sound, outcome } = group.run(&mut connection).await;
            let gave_way = matches!(&outcome, Err(error) if dialect::gave_way(error));
            let outcome = outcome.map_err(StoreError::from);
            // After trouble with the file or the server a fresh connection sees what is really there.
            let broken =
                matches!(&outcome, Err(error) if matches!(error.fault, Fault::Unavailable | Fault::Corrupt));
            if sound && !broken {
                self.connection = Some(connection);
            }
            // What gave way was undone as a whole, and a connection that had died in its sleep did nothing yet.
            if repeated || !(gave_way || broken && was_kept && !begun) {
                return outcome;
            }
            repeated = true;
        }
    }
}

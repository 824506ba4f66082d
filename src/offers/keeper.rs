//! Keeps decisions that reserve nothing, in the background and many at a time.

use crate::metrics::{Metrics, Queue};
use crate::store::{DecisionRecord, Fault, Store};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Decisions that may wait: a few seconds' worth. More make the answers wait.
const MOST_WAITING: usize = 10_000;

/// Decisions kept in one go.
const MOST_AT_ONCE: usize = 200;

/// How long a decision waits for company: a commit of one costs nearly as much as a commit of many.
const COMPANY: Duration = Duration::from_millis(20);

/// How often a batch is tried while the store is busy, and how long is waited between.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(250);

/// The way to the task that keeps decisions.
pub(super) struct Keeper {
    queue: Mutex<Option<mpsc::Sender<Order>>>,
    sender: mpsc::WeakSender<Order>,
    task: Mutex<Option<JoinHandle<()>>>,
}

enum Order {
    Keep(Box<DecisionRecord>),
    /// Says when everything before it is kept.
    Tell(oneshot::Sender<()>),
}

impl Keeper {
    pub(super) fn start(store: Arc<dyn Store>, metrics: Arc<Metrics>) -> Self {
        let (queue, waiting) = mpsc::channel(MOST_WAITING);
        metrics.watch(Queue::Decisions, &queue);
        let sender = queue.downgrade();
        let task = tokio::spawn(keep_all(waiting, store, metrics));
        Self { queue: Mutex::new(Some(queue)), sender, task: Mutex::new(Some(task)) }
    }

    /// Queues a decision; waits while the queue is full. After [`Self::close`] nothing is kept any more.
    pub(super) async fn keep(&self, decision: DecisionRecord) {
        if let Some(queue) = self.sender.upgrade() {
            // The task ends after the last sender, so it takes what is sent.
            let _ = queue.send(Order::Keep(Box::new(decision))).await;
        }
    }

    /// Waits until everything that was queued is kept.
    pub(super) async fn flush(&self) {
        let Some(queue) = self.sender.upgrade() else { return };
        let (tell, kept) = oneshot::channel();
        if queue.send(Order::Tell(tell)).await.is_ok() {
            drop(queue);
            let _ = kept.await;
        }
    }

    /// Keeps what waits, then ends.
    pub(super) async fn close(&self) {
        self.queue.lock().await.take();
        if let Some(task) = self.task.lock().await.take() {
            let _ = task.await;
        }
    }
}

async fn keep_all(mut waiting: mpsc::Receiver<Order>, store: Arc<dyn Store>, metrics: Arc<Metrics>) {
    let mut orders = Vec::with_capacity(MOST_AT_ONCE);
    while waiting.recv_many(&mut orders, MOST_AT_ONCE).await > 0 {
        gather(&mut waiting, &mut orders).await;
        let (mut batch, mut told) = (Vec::new(), Vec::new());
        for order in orders.drain(..) {
            match order {
                Order::Keep(decision) => batch.push(*decision),
                Order::Tell(tell) => told.push(tell),
            }
        }
        if !batch.is_empty() {
            keep_batch(batch, &*store, &metrics).await;
        }
        for tell in told {
            let _ = tell.send(());
        }
    }
}

/// Lets decisions come for a while, unless somebody waits to be told.
async fn gather(waiting: &mut mpsc::Receiver<Order>, orders: &mut Vec<Order>) {
    let until = Instant::now() + COMPANY;
    while orders.len() < MOST_AT_ONCE && !orders.iter().any(|order| matches!(order, Order::Tell(_))) {
        let room = MOST_AT_ONCE - orders.len();
        match tokio::time::timeout_at(until, waiting.recv_many(orders, room)).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

async fn keep_batch(batch: Vec<DecisionRecord>, store: &dyn Store, metrics: &Metrics) {
    let decisions = batch.len();
    for _ in 0..TRIES {
        match store.append_decisions(batch.clone()).await {
            Ok(()) => return,
            Err(error) if error.fault == Fault::Bug && decisions > 1 => {
                // One that cannot be kept does not take the others with it.
                for decision in batch {
                    Box::pin(keep_batch(vec![decision], store, metrics)).await;
                }
                return;
            }
            Err(error) if error.fault == Fault::Bug => {
                tracing::error!(%error, "a decision was not kept");
                break;
            }
            Err(error) => {
                tracing::warn!(%error, decisions, "decisions wait for the store");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    metrics.lost_decisions.inc_by(decisions as u64);
}

//! Bounded queues: how full they are, asked when metrics are read.

use super::Metrics;
use std::sync::{Mutex, PoisonError};
use tokio::sync::mpsc::{Sender, WeakSender};

/// A bounded queue, as a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue {
    /// Writes that wait for the store's writer.
    StoreWrites,
    /// Decisions that wait to be kept.
    Decisions,
    /// Searches that wait for an in-process index of items, or are worked on.
    IndexItems,
    /// The same of customers.
    IndexCustomers,
}

impl Queue {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::StoreWrites => "store_writes",
            Self::Decisions => "decisions",
            Self::IndexItems => "index_items",
            Self::IndexCustomers => "index_customers",
        }
    }
}

/// The queues that are watched.
#[derive(Default)]
pub(super) struct Held(Mutex<Vec<(Queue, Box<dyn Watched>)>>);

/// The sending end of a queue.
trait Watched: Send {
    /// How much of how much; nothing once the queue is gone.
    fn fill(&self) -> Option<(usize, usize)>;
}

impl<T: Send> Watched for WeakSender<T> {
    fn fill(&self) -> Option<(usize, usize)> {
        let sender = self.upgrade()?;
        Some((sender.max_capacity() - sender.capacity(), sender.max_capacity()))
    }
}

impl Metrics {
    /// Watches a queue from now on, instead of an earlier one of the same name. Does not keep it open.
    pub fn watch<T: Send + 'static>(&self, queue: Queue, sender: &Sender<T>) {
        let mut watched = self.held.queues.0.lock().unwrap_or_else(PoisonError::into_inner);
        watched.retain(|(known, _)| *known != queue);
        watched.push((queue, Box::new(sender.downgrade())));
    }

    /// Looks at every queue that is watched.
    pub(super) fn look_at_queues(&self) {
        let watched = self.held.queues.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (queue, sender) in watched.iter() {
            let (length, capacity) = sender.fill().unwrap_or_default();
            self.queue_length.with_label_values(&[queue.word()]).set(length as i64);
            self.queue_capacity.with_label_values(&[queue.word()]).set(capacity as i64);
        }
    }
}

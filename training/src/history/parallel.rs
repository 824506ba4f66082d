//! Work on several threads whose results are taken in the order of the work.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// Applies `work` to every piece on `n_workers` threads, and `absorb` on this thread to the results in the order
/// of the pieces, so that the outcome does not depend on the number of threads.
///
/// At most twice as many pieces as workers are in memory. Its own threads, not a shared pool: this thread waits,
/// and in a pool of one it would wait for itself.
pub(super) fn in_order<P: Send, R: Send, E>(
    n_workers: usize,
    mut pieces: impl FnMut() -> Result<Option<P>, E>,
    work: impl Fn(P) -> R + Sync,
    mut absorb: impl FnMut(R) -> Result<(), E>,
) -> Result<(), E> {
    let n_workers = n_workers.max(1);
    let (jobs, queue) = sync_channel::<(P, SyncSender<R>)>(2 * n_workers);
    let queue = Mutex::new(queue);
    thread::scope(|scope| {
        // Moved in, so that the workers see the end of the queue however this closure is left.
        let jobs = jobs;
        for _ in 0..n_workers {
            scope.spawn(|| serve(&queue, &work));
        }
        let mut pending = VecDeque::<Receiver<R>>::new();
        loop {
            let piece = if pending.len() < 2 * n_workers { pieces()? } else { None };
            match piece {
                Some(piece) => {
                    let (result, receiver) = sync_channel(1);
                    pending.push_back(receiver);
                    if jobs.send((piece, result)).is_err() {
                        return Ok(());
                    }
                }
                None => {
                    let Some(oldest) = pending.pop_front() else { return Ok(()) };
                    // A worker that panicked sends nothing; the scope passes its panic on.
                    let Ok(result) = oldest.recv() else { return Ok(()) };
                    absorb(result)?;
                }
            }
        }
    })
}

fn serve<P, R>(queue: &Mutex<Receiver<(P, SyncSender<R>)>>, work: &impl Fn(P) -> R) {
    loop {
        let job = match queue.lock() {
            Ok(queue) => queue.recv(),
            Err(_) => return,
        };
        let Ok((piece, result)) = job else { return };
        // Nobody waits for the result once the reading has failed.
        let _ = result.send(work(piece));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_pieces_whatever_the_workers_do() {
        for n_workers in [1, 2, 7] {
            let mut next = 0..100u64;
            let mut seen = Vec::new();
            let outcome = in_order(
                n_workers,
                || Ok::<_, &str>(next.next()),
                |piece| {
                    thread::sleep(std::time::Duration::from_micros(piece % 7 * 50));
                    piece * piece
                },
                |result| {
                    seen.push(result);
                    Ok(())
                },
            );
            assert_eq!(outcome, Ok(()));
            assert_eq!(seen, (0..100).map(|n| n * n).collect::<Vec<_>>());
        }
    }

    #[test]
    fn an_error_on_either_side_ends_the_work() {
        let mut next = 0..;
        let absorbed =
            in_order(2, || Ok(next.next()), |piece: i32| piece, |r| if r < 5 { Ok(()) } else { Err(r) });
        assert_eq!(absorbed, Err(5));
        let mut next = 0..;
        let read = in_order(
            2,
            || match next.next() {
                Some(5) => Err("broken"),
                piece => Ok(piece),
            },
            |piece: i32| piece,
            |_| Ok(()),
        );
        assert_eq!(read, Err("broken"));
    }
}

//! The event loop of one thread of the generator.
//!
//! Requests become due by the clock alone. One that is due goes to the connection that has been idle for the longest,
//! so that all connections, and with them all threads of the service, get their turn; while none is idle it waits, and
//! the wait is part of its latency.

use super::alarm::Alarm;
use super::connection::{Connection, Event, Job};
use super::prepared::Prepared;
use super::source::Source;
use super::{EngineError, Plan};
use crate::arrivals::Share;
use crate::http::Answer;
use crate::tally::{Class, Finished, Outcome, Tally};
use crate::workload::Draw;
use mio::{Events, Poll, Token};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

/// How often, in nanoseconds, is looked for requests that took too long and for connections that are down.
const SWEEP: u64 = 10_000_000;

/// How long a connection that broke is left alone, in nanoseconds.
const REST: u64 = 100_000_000;

/// Room for what one read brings.
const READ_AT_ONCE: usize = 64 * 1024;

const SECOND: u64 = 1_000_000_000;

pub(super) struct Driver {
    poll: Poll,
    alarm: Alarm,
    address: SocketAddr,
    connections: Vec<Connection>,
    /// Connections without a request, the one that has been idle for the longest first.
    idle: VecDeque<usize>,
    /// Connections that the service closed while they were idle; they are opened anew when they are needed.
    asleep: Vec<usize>,
    /// Requests that are due and wait for a connection.
    queue: VecDeque<Job>,
    busy: usize,
    source: Source,
    requests: Vec<Prepared>,
    draw: Draw,
    tallies: Vec<Tally>,
    next_sweep: u64,
    room: Room,
}

/// What came of one thread's part of a plan.
pub(super) struct Part {
    /// By segment.
    pub(super) tallies: Vec<Tally>,
    /// How many customers its part of the walk has met.
    pub(super) fresh_steps: u64,
}

/// Memory that is used again and again.
#[derive(Default)]
struct Room {
    read: Vec<u8>,
    body: Vec<u8>,
    marks: Vec<bool>,
}

impl Driver {
    /// Opens one thread's connections.
    pub(super) fn connect(plan: &Plan, share: Share) -> Result<Self, EngineError> {
        let poll = Poll::new()?;
        let address = plan.target.address;
        let own = (plan.connections + share.threads - 1 - share.thread) / share.threads;
        let mut connections = Vec::with_capacity(own);
        for at in 0..own {
            let failed = |error| EngineError::Connect { at: at * share.threads + 1, address, error };
            connections.push(Connection::open(address, poll.registry(), Token(at)).map_err(failed)?);
        }
        let alarm = Alarm::new(poll.registry(), Token(own))?;
        let prepared = |request| Prepared::new(request, &plan.target, plan.timeout);
        let marks: Vec<usize> = plan.requests.iter().map(|request| request.marks.len()).collect();
        let segments = plan.pace.lengths().len();
        Ok(Self {
            alarm,
            address,
            idle: (0..own).collect(),
            asleep: Vec::new(),
            connections,
            queue: VecDeque::new(),
            busy: 0,
            source: Source::new(plan, share),
            requests: plan.requests.iter().map(prepared).collect(),
            draw: Draw::new(Arc::clone(&plan.population), Arc::clone(&plan.releases), share, plan.seed),
            tallies: (0..segments).map(|_| Tally::new(&marks)).collect::<Result<_, _>>()?,
            next_sweep: SWEEP,
            room: Room { read: vec![0; READ_AT_ONCE], ..Room::default() },
            poll,
        })
    }

    /// Asks until nothing more is due and everything is answered or given up.
    pub(super) fn run(mut self, started: Instant) -> Result<Part, EngineError> {
        let clock = || started.elapsed().as_nanos() as u64;
        // Before the start, the clock stands at 0.
        std::thread::sleep(started.saturating_duration_since(Instant::now()));
        let mut events = Events::with_capacity(self.connections.len() + 1);
        loop {
            let now = clock();
            self.turn_to_what_is_due(now);
            if now >= self.next_sweep {
                self.sweep(now);
            }
            if self.busy == 0 && self.queue.is_empty() && self.source.is_done(now) {
                return Ok(Part { fresh_steps: self.draw.fresh_steps(), tallies: self.tallies });
            }
            let timeout = self.alarm.set(clock(), self.source.next(now).min(self.next_sweep))?;
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                polled => polled?,
            }
            for event in &events {
                let Token(at) = event.token();
                if at == self.connections.len() {
                    self.alarm.went_off();
                } else {
                    let now = clock();
                    let happened = self.connections[at].ready(&mut self.room.read, now);
                    // Reading takes its time, too.
                    let now = clock();
                    self.happened(at, happened, now);
                    // An answer and the end may come as one event, and the end is then not told again.
                    if event.is_read_closed() && self.connections[at].is_idle() {
                        self.happened(at, Event::Ended, now);
                    }
                    // Many answers at once must not hold up what becomes due meanwhile.
                    self.turn_to_what_is_due(now);
                }
            }
        }
    }

    /// Takes over what is due, and sends what it can.
    fn turn_to_what_is_due(&mut self, now: u64) {
        while let Some(due) = self.source.take(now, &mut self.draw) {
            let deadline = due.at + self.requests[due.kind].timeout;
            if self.requests[due.kind].in_mix {
                self.tallies[due.segment].late.saturating_record((now - due.at) / 1000);
            }
            self.queue.push_back(Job {
                due: due.at,
                turned_to: now,
                deadline,
                kind: due.kind,
                segment: due.segment,
            });
        }
        while let Some(at) = self.idle.front().copied() {
            if self.connections[at].may_have_ended(now)
                && let event @ Event::Ended = self.connections[at].ready(&mut self.room.read, now)
            {
                self.happened(at, event, now);
                continue;
            }
            let Some(job) = self.queue.pop_front().or_else(|| self.at_will(now)) else { return };
            self.idle.pop_front();
            self.send(at, job, now);
        }
        for _ in 0..self.queue.len().min(self.asleep.len()) {
            if let Some(at) = self.asleep.pop() {
                self.reopen(at, now);
            }
        }
    }

    /// A request that nobody waited for: a free connection asks at once.
    fn at_will(&mut self, now: u64) -> Option<Job> {
        if !self.source.is_at_will(now) {
            return None;
        }
        let kind = self.source.kind(self.draw.chance());
        let deadline = now + self.requests[kind].timeout;
        Some(Job { due: now, turned_to: now, deadline, kind, segment: self.source.segment(now)? })
    }

    fn send(&mut self, at: usize, job: Job, now: u64) {
        self.waited(job, now);
        let connection = &mut self.connections[at];
        self.requests[job.kind].write(&mut self.draw, &mut self.room.body, &mut connection.request);
        self.busy += 1;
        let event = connection.send(job);
        self.happened(at, event, now);
    }

    /// Notes how long a request waited for a connection, which it has now or never had.
    fn waited(&mut self, job: Job, now: u64) {
        let waited = now.saturating_sub(job.turned_to) / 1000;
        if waited > 0 && self.requests[job.kind].in_mix {
            self.tallies[job.segment].waited.saturating_record(waited);
        }
    }

    /// Something happened to a connection.
    fn happened(&mut self, at: usize, event: Event, now: u64) {
        match event {
            Event::Nothing => {}
            Event::Connected => self.idle.push_back(at),
            Event::Answered(job, answer) => {
                self.busy -= 1;
                if now < job.deadline {
                    self.answered(at, job, &answer, now);
                } else {
                    // It came between two sweeps; nobody waits for it any more.
                    self.failed(job, Outcome::TimedOut, now);
                }
                self.connections[at].release(now);
                if answer.keep_alive {
                    self.idle.push_back(at);
                } else {
                    self.give_up(at, now, now);
                }
            }
            Event::Ended => {
                self.give_up(at, now, u64::MAX);
                self.asleep.push(at);
            }
            Event::Broken(job) => {
                self.give_up(at, now, now + REST);
                if let Some(job) = job {
                    self.busy -= 1;
                    self.failed(job, Outcome::Broken, now);
                }
            }
            Event::Malformed(job) => {
                self.busy -= 1;
                self.give_up(at, now, now);
                self.failed(job, Outcome::Malformed, now);
            }
        }
    }

    fn answered(&mut self, at: usize, job: Job, answer: &Answer, now: u64) {
        let outcome = Outcome::Status(answer.status);
        let mut met = false;
        self.room.marks.clear();
        if outcome.class() == Class::Accepted {
            let body = self.connections[at].body(answer);
            met = self.requests[job.kind].look_at(body, &mut self.room.marks, &mut self.draw);
            if let Some(segment) = self.source.segment(now) {
                self.tallies[segment].accepted_meanwhile += 1;
            }
        }
        self.count(job, outcome, met, now);
    }

    fn failed(&mut self, job: Job, outcome: Outcome, now: u64) {
        self.room.marks.clear();
        self.count(job, outcome, false, now);
    }

    fn count(&mut self, job: Job, outcome: Outcome, met: bool, now: u64) {
        let begins = self.source.begins(job.segment);
        self.tallies[job.segment].finished(&Finished {
            kind: job.kind,
            outcome,
            latency: now.saturating_sub(job.due) / 1000,
            second: (job.due.saturating_sub(begins) / SECOND) as usize,
            in_slices: self.requests[job.kind].in_mix,
            met,
            marks: &self.room.marks,
        });
    }

    /// Closes a connection, and opens it anew at once or after a rest.
    fn give_up(&mut self, at: usize, now: u64, until: u64) {
        self.connections[at].close(self.poll.registry(), until);
        self.idle.retain(|&idle| idle != at);
        if until <= now {
            self.reopen(at, now);
        }
    }

    fn reopen(&mut self, at: usize, now: u64) {
        let registry = self.poll.registry();
        if self.connections[at].reopen(self.address, registry, Token(at)).is_err() {
            self.connections[at].close(registry, now + REST);
        }
    }

    /// Gives up what took too long, and opens anew what is down.
    fn sweep(&mut self, now: u64) {
        self.next_sweep = now + SWEEP;
        for at in 0..self.connections.len() {
            let late = self.connections[at].job().copied().filter(|job| job.deadline <= now);
            if let Some(job) = late {
                self.busy -= 1;
                self.give_up(at, now, now);
                self.failed(job, Outcome::TimedOut, now);
            } else if self.connections[at].may_reopen(now) {
                self.reopen(at, now);
            }
        }
        // Requests become due in order, but those with limits of their own are not late in it.
        if self.queue.iter().any(|job| job.deadline <= now) {
            let (late, waiting) = self.queue.drain(..).partition(|job| job.deadline <= now);
            self.queue = waiting;
            let late: VecDeque<Job> = late;
            for job in late {
                self.waited(job, now);
                self.failed(job, Outcome::TimedOut, now);
            }
        }
    }
}

//! One connection that is kept alive, with at most one request under way.

use crate::http::{Answer, AnswerReader};
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

/// How long the first connecting may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// After so many nanoseconds without a request, is looked whether a connection has ended before it is used.
const LONG_IDLE: u64 = 1_000_000_000;

/// A request on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Job {
    /// Nanoseconds since the start at which it was due.
    pub(super) due: u64,
    /// When the generator turned to it.
    pub(super) turned_to: u64,
    /// When it has failed.
    pub(super) deadline: u64,
    /// Its kind.
    pub(super) kind: usize,
    /// The segment in which it was due.
    pub(super) segment: usize,
}

/// What a connection does.
#[derive(Debug)]
enum Stage {
    Connecting,
    /// Since a moment, in nanoseconds.
    Idle {
        since: u64,
    },
    Busy(Job),
    /// Up to a moment.
    Down {
        until: u64,
    },
}

/// What became of a connection that something happened to.
#[derive(Debug)]
pub(super) enum Event {
    /// Nothing that matters.
    Nothing,
    /// It can be used.
    Connected,
    /// Its request is answered; the body is kept until the connection is released.
    Answered(Job, Answer),
    /// It ended while nothing was asked.
    Ended,
    /// It broke; a request that was under way is lost.
    Broken(Option<Job>),
    /// What arrived is no answer; the connection is down.
    Malformed(Job),
}

pub(super) struct Connection {
    stream: Option<TcpStream>,
    stage: Stage,
    /// The bytes of the request, and how many of them are sent.
    pub(super) request: Vec<u8>,
    sent: usize,
    reader: AnswerReader,
}

impl Connection {
    /// Opens a connection and waits for it.
    pub(super) fn open(address: SocketAddr, registry: &Registry, token: Token) -> io::Result<Self> {
        let stream = std::net::TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        let reader = AnswerReader::default();
        Ok(Self {
            stream: Some(stream),
            stage: Stage::Idle { since: 0 },
            request: Vec::new(),
            sent: 0,
            reader,
        })
    }

    /// Opens it anew, without waiting.
    pub(super) fn reopen(
        &mut self,
        address: SocketAddr,
        registry: &Registry,
        token: Token,
    ) -> io::Result<()> {
        let mut stream = TcpStream::connect(address)?;
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        self.stream = Some(stream);
        self.stage = Stage::Connecting;
        Ok(())
    }

    /// Closes it; the request that was under way, if any.
    pub(super) fn close(&mut self, registry: &Registry, until: u64) -> Option<Job> {
        if let Some(mut stream) = self.stream.take() {
            // A stream that is dropped is not watched any more, whether or not this works.
            let _ = registry.deregister(&mut stream);
        }
        self.reader.clear();
        match std::mem::replace(&mut self.stage, Stage::Down { until }) {
            Stage::Busy(job) => Some(job),
            _ => None,
        }
    }

    /// Sends `request`, as far as the system takes it now.
    pub(super) fn send(&mut self, job: Job) -> Event {
        self.sent = 0;
        self.stage = Stage::Busy(job);
        self.flush().map_or_else(|_| Event::Broken(Some(job)), |()| Event::Nothing)
    }

    /// Something happened to it. `buffer` is room to read into.
    pub(super) fn ready(&mut self, buffer: &mut [u8], now: u64) -> Event {
        match self.stage {
            Stage::Down { .. } => Event::Nothing,
            Stage::Connecting => self.connected(now),
            Stage::Idle { .. } => match self.read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => Event::Nothing,
                // The end, or bytes that nobody asked for.
                _ => Event::Ended,
            },
            Stage::Busy(job) => {
                if self.sent < self.request.len() && self.flush().is_err() {
                    return Event::Broken(Some(job));
                }
                self.read_answer(job, buffer)
            }
        }
    }

    /// The body of the answer.
    pub(super) fn body(&self, answer: &Answer) -> &[u8] {
        self.reader.body(answer)
    }

    /// The answer is done with; the connection can be used again.
    pub(super) fn release(&mut self, now: u64) {
        self.reader.clear();
        self.stage = Stage::Idle { since: now };
    }

    pub(super) fn is_idle(&self) -> bool {
        matches!(self.stage, Stage::Idle { .. })
    }

    /// Whether it has been idle for long enough that the service may have closed it.
    pub(super) fn may_have_ended(&self, now: u64) -> bool {
        matches!(self.stage, Stage::Idle { since } if now.saturating_sub(since) > LONG_IDLE)
    }

    /// The request that is under way.
    pub(super) fn job(&self) -> Option<&Job> {
        if let Stage::Busy(job) = &self.stage { Some(job) } else { None }
    }

    /// Whether it is down and its time to be opened anew has come.
    pub(super) fn may_reopen(&self, now: u64) -> bool {
        matches!(self.stage, Stage::Down { until } if until <= now)
    }

    fn connected(&mut self, now: u64) -> Event {
        let Some(stream) = &self.stream else { return Event::Nothing };
        if matches!(stream.take_error(), Ok(Some(_)) | Err(_)) {
            return Event::Broken(None);
        }
        match stream.peer_addr() {
            Ok(_) if stream.set_nodelay(true).is_ok() => {
                self.stage = Stage::Idle { since: now };
                Event::Connected
            }
            Err(error) if error.kind() == ErrorKind::NotConnected => Event::Nothing,
            _ => Event::Broken(None),
        }
    }

    fn read_answer(&mut self, job: Job, buffer: &mut [u8]) -> Event {
        loop {
            let n = match self.read(buffer) {
                Ok(n) => n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Event::Nothing,
                Err(_) => return Event::Broken(Some(job)),
            };
            if n == 0 {
                let answer = self.reader.end();
                return answer.map_or(Event::Broken(Some(job)), |answer| Event::Answered(job, answer));
            }
            match self.reader.push(&buffer[..n]) {
                Ok(Some(answer)) => return Event::Answered(job, answer),
                Ok(None) => {}
                Err(_) => return Event::Malformed(job),
            }
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(stream) = &mut self.stream else { return Err(ErrorKind::NotConnected.into()) };
        loop {
            match stream.read(buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        let Some(stream) = &mut self.stream else { return Err(ErrorKind::NotConnected.into()) };
        while self.sent < self.request.len() {
            match stream.write(&self.request[self.sent..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(n) => self.sent += n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

//! A service for tests: one thread a connection, and any behaviour.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// Method and path.
    pub(crate) line: String,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// What is answered.
pub(crate) enum Reply {
    Answer(u16, &'static str),
    /// The same, and the connection is closed, as announced.
    LastAnswer(u16, &'static str),
    /// The same, and the connection is closed, without a word of it.
    UnexpectedlyLastAnswer(u16, &'static str),
    /// The connection is closed without a word.
    Nothing,
    /// These bytes.
    Bytes(&'static str),
}

pub(crate) const RESULTS: &str =
    r#"{"decision_id":"d-1","fallback":false,"degraded":[],"results":[{"id":"i1"}]}"#;

pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    pub(crate) requests: Arc<Mutex<Vec<Request>>>,
}

impl Service {
    /// Starts on a free port; the behaviour is told which request, from 0, it answers.
    pub(crate) fn start(behaviour: impl Fn(usize, &Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, behaviour) = (Arc::clone(&requests), Arc::new(behaviour));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (seen, behaviour) = (Arc::clone(&seen), Arc::clone(&behaviour));
                thread::spawn(move || serve(stream.unwrap(), &seen, &*behaviour));
            }
        });
        Self { address, requests }
    }

    /// What was asked for, by line.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.requests.lock().unwrap().iter().map(|request| request.line.clone()).collect()
    }

    /// The bodies that were sent, in order of their texts.
    pub(crate) fn sorted_bodies(&self) -> Vec<String> {
        let mut bodies: Vec<String> =
            self.requests.lock().unwrap().iter().map(|request| request.body.clone()).collect();
        bodies.sort();
        bodies
    }
}

fn serve(mut stream: TcpStream, seen: &Mutex<Vec<Request>>, behaviour: &dyn Fn(usize, &Request) -> Reply) {
    let mut arrived = Vec::new();
    while let Some(request) = read(&mut stream, &mut arrived) {
        let number = {
            let mut seen = seen.lock().unwrap();
            seen.push(request.clone());
            seen.len() - 1
        };
        let reply = behaviour(number, &request);
        let unexpectedly = matches!(reply, Reply::UnexpectedlyLastAnswer(..));
        let bytes = match reply {
            Reply::Answer(status, body) | Reply::UnexpectedlyLastAnswer(status, body) => {
                answer(status, "", body)
            }
            Reply::LastAnswer(status, body) => answer(status, "connection: close\r\n", body),
            Reply::Bytes(bytes) => bytes.to_owned(),
            Reply::Nothing => return,
        };
        let last = unexpectedly || bytes.contains("connection: close");
        if stream.write_all(bytes.as_bytes()).is_err() || last {
            return;
        }
    }
}

fn answer(status: u16, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status} Status\r\n{headers}content-length: {}\r\n\r\n{body}", body.len())
}

/// The next request; nothing when the client has gone.
fn read(stream: &mut TcpStream, arrived: &mut Vec<u8>) -> Option<Request> {
    let mut buffer = [0; 4096];
    loop {
        if let Some(end) = arrived.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8(arrived[..end].to_vec()).unwrap();
            let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
            let length: usize = length.map_or(0, |length| length.parse().unwrap());
            if arrived.len() >= end + 4 + length {
                let body = String::from_utf8(arrived[end + 4..end + 4 + length].to_vec()).unwrap();
                arrived.drain(..end + 4 + length);
                let line = head.lines().next().unwrap().trim_end_matches(" HTTP/1.1").to_owned();
                return Some(Request { line, head, body });
            }
        }
        let n = stream.read(&mut buffer).ok().filter(|&n| n > 0)?;
        arrived.extend_from_slice(&buffer[..n]);
    }
}

//! One request, and its answer: for what is not measured.

use super::answer::AnswerReader;
use super::target::{Target, push_body};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nobody listens there.
    #[error("nothing can be reached at {target:?}: {error}; is the service up, and is --url right?")]
    Connect {
        /// Where.
        target: Target,
        /// Why not.
        error: io::Error,
    },
    /// The connection broke or was silent for too long.
    #[error("{method} {path} was not answered: {error}")]
    Broken {
        /// How it was asked.
        method: String,
        /// What was asked for.
        path: String,
        /// What happened.
        error: io::Error,
    },
    /// The service refused.
    #[error("{method} {path} was answered with {status}: {body}")]
    Refused {
        /// How it was asked.
        method: String,
        /// What was asked for.
        path: String,
        /// The status.
        status: u16,
        /// What it said.
        body: String,
    },
}

/// Asks once, over a connection of its own, and returns the body of a 2xx answer.
///
/// # Errors
/// [`AskError`].
pub fn ask(target: &Target, method: &str, path: &str, body: Option<&[u8]>) -> Result<Vec<u8>, AskError> {
    let broken = |error| AskError::Broken { method: method.to_owned(), path: path.to_owned(), error };
    let mut stream = TcpStream::connect_timeout(&target.address, PATIENCE)
        .map_err(|error| AskError::Connect { target: target.clone(), error })?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(broken)?;
    let mut request = target.start(method);
    request.extend_from_slice(path.as_bytes());
    request.extend_from_slice(&target.headers());
    push_body(body, &mut request);
    stream.write_all(&request).map_err(broken)?;
    let mut reader = AnswerReader::default();
    let mut buffer = [0; 16 * 1024];
    let answer = loop {
        let n = stream.read(&mut buffer).map_err(broken)?;
        if n == 0 {
            break reader.end().ok_or_else(|| broken(io::ErrorKind::UnexpectedEof.into()))?;
        }
        let answer = reader.push(&buffer[..n]);
        if let Some(answer) = answer.map_err(|_| broken(io::ErrorKind::InvalidData.into()))? {
            break answer;
        }
    };
    let body = reader.body(&answer).to_vec();
    if (200..300).contains(&answer.status) {
        return Ok(body);
    }
    Err(AskError::Refused {
        method: method.to_owned(),
        path: path.to_owned(),
        status: answer.status,
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}

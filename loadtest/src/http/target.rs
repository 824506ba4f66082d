//! Where a service answers, and with which key.

use std::fmt::{self, Debug};
use std::io::{self, Write};
use std::net::{SocketAddr, ToSocketAddrs};

/// Where a service answers.
#[derive(Clone)]
pub struct Target {
    /// Its address.
    pub address: SocketAddr,
    /// What stands before each path.
    prefix: String,
    host: String,
    key: Option<String>,
}

/// Why a URL cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// It is not plain HTTP.
    #[error("the URL {0:?} must be http://HOST:PORT; put a proxy before a service that speaks only TLS")]
    Scheme(String),
    /// Its host has no address.
    #[error("the host of the URL {url:?} has no address: {error}")]
    Resolve {
        /// Which URL.
        url: String,
        /// Why not.
        error: io::Error,
    },
    /// The key cannot stand in a header.
    #[error("the key must be printable ASCII without spaces")]
    Key,
}

impl Target {
    /// Reads a URL such as `http://127.0.0.1:8080` and looks its host up.
    ///
    /// # Errors
    /// [`TargetError`]; it never shows the key.
    pub fn new(url: &str, key: Option<&str>) -> Result<Self, TargetError> {
        let rest =
            url.strip_prefix("http://").filter(|rest| rest.bytes().all(|byte| byte.is_ascii_graphic()));
        let rest = rest.ok_or_else(|| TargetError::Scheme(url.to_owned()))?;
        let (host, path) = rest.split_once('/').map_or((rest, ""), |(host, path)| (host, path));
        let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let with_port = if has_port { host.to_owned() } else { format!("{host}:80") };
        let resolve = |error| TargetError::Resolve { url: url.to_owned(), error };
        let mut addresses = with_port.to_socket_addrs().map_err(resolve)?;
        let address = addresses.next().ok_or_else(|| resolve(io::ErrorKind::NotFound.into()))?;
        if key.is_some_and(|key| key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic())) {
            return Err(TargetError::Key);
        }
        let path = path.trim_end_matches('/');
        let prefix = if path.is_empty() { String::new() } else { format!("/{path}") };
        Ok(Self { address, prefix, host: host.to_owned(), key: key.map(String::from) })
    }

    /// What comes before the path in a request.
    pub fn start(&self, method: &str) -> Vec<u8> {
        format!("{method} {}", self.prefix).into_bytes()
    }

    /// What comes after the path in a request, up to the headers of a body.
    pub fn headers(&self) -> Vec<u8> {
        let mut headers = format!(" HTTP/1.1\r\nHost: {}\r\nAccept: application/json\r\n", self.host);
        if let Some(key) = &self.key {
            headers.push_str("Authorization: Bearer ");
            headers.push_str(key);
            headers.push_str("\r\n");
        }
        headers.into_bytes()
    }
}

/// Appends the headers of a body, and the body.
pub(crate) fn push_body(body: Option<&[u8]>, out: &mut Vec<u8>) {
    match body {
        // Writing to a vector cannot fail.
        Some(body) => {
            let _ = write!(out, "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
            out.extend_from_slice(body);
        }
        None => out.extend_from_slice(b"Content-Length: 0\r\n\r\n"),
    }
}

/// A key is not shown.
impl Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target(http://{}{})", self.host, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_becomes_an_address_and_what_stands_around_a_path() {
        let target = Target::new("http://127.0.0.1:81/base/", Some("pf_secret")).unwrap();
        assert_eq!(target.address, ([127, 0, 0, 1], 81).into());
        assert_eq!(target.start("GET"), b"GET /base");
        let headers = String::from_utf8(target.headers()).unwrap();
        assert!(
            headers.contains("Host: 127.0.0.1:81\r\n") && headers.contains("Bearer pf_secret\r\n"),
            "{headers}"
        );
        assert!(!format!("{target:?}").contains("secret"));
        assert_eq!(Target::new("http://127.0.0.1", None).unwrap().address.port(), 80);
    }

    #[test]
    fn what_cannot_be_asked_is_refused() {
        for url in ["https://127.0.0.1", "127.0.0.1:80", "http://a b"] {
            assert!(matches!(Target::new(url, None), Err(TargetError::Scheme(_))), "{url}");
        }
        for key in ["", "a b", "a\r\nX: y"] {
            assert!(matches!(Target::new("http://127.0.0.1", Some(key)), Err(TargetError::Key)), "{key:?}");
        }
    }
}

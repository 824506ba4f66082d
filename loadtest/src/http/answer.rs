//! Reads answers as they arrive: a head, and a body of a known length, in chunks, or up to the end of the connection.

use std::ops::Range;

/// The longest head, and the longest answer in bytes.
const LONGEST_HEAD: usize = 64 * 1024;
const LONGEST: usize = 64 * 1024 * 1024;
const MOST_HEADERS: usize = 64;

/// What arrived is no answer in HTTP/1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// An answer that is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Whether the connection may be used again.
    pub keep_alive: bool,
    body: Body,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Body {
    /// Where it stands in what arrived.
    Plain(Range<usize>),
    /// It was put together from its chunks.
    Chunks,
}

/// Collects what arrives of one answer after the other.
#[derive(Debug, Default)]
pub struct AnswerReader {
    arrived: Vec<u8>,
    head: Option<Head>,
    /// What the chunks that were read add up to, and where the next one begins.
    chunks: Vec<u8>,
    next_chunk: usize,
}

#[derive(Clone, Copy, Debug)]
struct Head {
    status: u16,
    keep_alive: bool,
    body_begins: usize,
    length: Length,
}

#[derive(Clone, Copy, Debug)]
enum Length {
    Known(usize),
    Chunked,
    UntilTheEnd,
}

impl AnswerReader {
    /// Forgets the answer that was read, to read the next one.
    pub fn clear(&mut self) {
        self.arrived.clear();
        self.chunks.clear();
        self.head = None;
        self.next_chunk = 0;
    }

    /// Takes more bytes; the answer, when they complete it.
    ///
    /// # Errors
    /// [`Malformed`]; the connection is then of no more use.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Option<Answer>, Malformed> {
        self.arrived.extend_from_slice(bytes);
        if self.arrived.len() > LONGEST {
            return Err(Malformed);
        }
        while self.head.is_none() {
            let Some(head) = parse_head(&self.arrived)? else { return Ok(None) };
            // 100 Continue and the like announce the answer.
            if (100..200).contains(&head.status) {
                self.arrived.drain(..head.body_begins);
                continue;
            }
            self.next_chunk = head.body_begins;
            self.head = Some(head);
        }
        let Some(head) = self.head else { return Ok(None) };
        match head.length {
            Length::Known(length) => {
                let end = head.body_begins + length;
                if self.arrived.len() > end {
                    // Nobody asked for more.
                    return Err(Malformed);
                }
                let whole = self.arrived.len() == end;
                Ok(whole.then(|| head.answer(Body::Plain(head.body_begins..end))))
            }
            Length::Chunked => Ok(self.read_chunks()?.then(|| head.answer(Body::Chunks))),
            Length::UntilTheEnd => Ok(None),
        }
    }

    /// The connection has ended: the answer, when that completes it.
    pub fn end(&self) -> Option<Answer> {
        let head = self.head.filter(|head| matches!(head.length, Length::UntilTheEnd))?;
        Some(head.answer(Body::Plain(head.body_begins..self.arrived.len())))
    }

    /// The body of an answer, until `clear`.
    pub fn body(&self, answer: &Answer) -> &[u8] {
        match &answer.body {
            Body::Plain(place) => self.arrived.get(place.clone()).unwrap_or_default(),
            Body::Chunks => &self.chunks,
        }
    }

    /// Reads the chunks that are whole; whether the last one is among them.
    fn read_chunks(&mut self) -> Result<bool, Malformed> {
        loop {
            let rest = self.arrived.get(self.next_chunk..).unwrap_or_default();
            let (digits, length) = match httparse::parse_chunk_size(rest) {
                Ok(httparse::Status::Complete((digits, length))) => (digits, length as usize),
                Ok(httparse::Status::Partial) => return Ok(false),
                Err(_) => return Err(Malformed),
            };
            if length == 0 {
                // Trailers end with an empty line.
                let trailers = &rest[digits..];
                return Ok(
                    trailers.starts_with(b"\r\n") || trailers.windows(4).any(|four| four == b"\r\n\r\n")
                );
            }
            if length > LONGEST {
                return Err(Malformed);
            }
            let Some(chunk) = rest.get(digits..digits + length + 2) else { return Ok(false) };
            self.chunks.extend_from_slice(&chunk[..length]);
            self.next_chunk += digits + length + 2;
        }
    }
}

impl Head {
    fn answer(&self, body: Body) -> Answer {
        let keep_alive = self.keep_alive && !matches!(self.length, Length::UntilTheEnd);
        Answer { status: self.status, keep_alive, body }
    }
}

fn parse_head(bytes: &[u8]) -> Result<Option<Head>, Malformed> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let body_begins = match response.parse(bytes) {
        Ok(httparse::Status::Complete(end)) => end,
        Ok(httparse::Status::Partial) if bytes.len() <= LONGEST_HEAD => return Ok(None),
        _ => return Err(Malformed),
    };
    let status = response.code.ok_or(Malformed)?;
    let mut length = if matches!(status, 204 | 304) { Length::Known(0) } else { Length::UntilTheEnd };
    let mut keep_alive = response.version == Some(1);
    for header in response.headers {
        if header.name.eq_ignore_ascii_case("content-length") {
            let text = std::str::from_utf8(header.value).map_err(|_| Malformed)?;
            let known = text.trim().parse().ok().filter(|&known| known <= LONGEST).ok_or(Malformed)?;
            length = Length::Known(known);
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            length = Length::Chunked;
        } else if header.name.eq_ignore_ascii_case("connection") {
            keep_alive = !header.value.eq_ignore_ascii_case(b"close");
        }
    }
    Ok(Some(Head { status, keep_alive, body_begins, length }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nx: y\r\n\r\nhello";
    const CHUNKS: &str = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 Busy\r\ntransfer-encoding: chunked\r\n\r\n\
                          3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n";
    const UNTIL_THE_END: &str = "HTTP/1.1 200 OK\r\n\r\nhello";

    /// The status and body when the bytes arrive in pieces of a size, and whether the connection lives on.
    fn read(bytes: &str, size: usize) -> Option<(u16, String, bool)> {
        let mut reader = AnswerReader::default();
        let mut answer = None;
        for piece in bytes.as_bytes().chunks(size) {
            assert!(answer.is_none(), "it was whole before its end");
            answer = reader.push(piece).unwrap();
        }
        let answer = answer.or_else(|| reader.end())?;
        Some((answer.status, String::from_utf8(reader.body(&answer).to_vec()).unwrap(), answer.keep_alive))
    }

    #[test]
    fn answers_are_the_same_however_they_arrive() {
        for size in 1..PLAIN.len().max(CHUNKS.len()) {
            assert_eq!(read(PLAIN, size), Some((200, "hello".into(), true)), "pieces of {size}");
            assert_eq!(read(CHUNKS, size), Some((503, "hello".into(), true)), "pieces of {size}");
            assert_eq!(read(UNTIL_THE_END, size), Some((200, "hello".into(), false)), "pieces of {size}");
        }
        let closing = PLAIN.replace("x: y", "Connection: close");
        assert_eq!(read(&closing, 1000), Some((200, "hello".into(), false)));
        assert_eq!(read("HTTP/1.1 204 No Content\r\n\r\n", 7), Some((204, String::new(), true)));
    }

    #[test]
    fn a_reader_reads_one_answer_after_the_other() {
        let mut reader = AnswerReader::default();
        for _ in 0..2 {
            let answer = reader.push(PLAIN.as_bytes()).unwrap().unwrap();
            assert_eq!(reader.body(&answer), b"hello");
            reader.clear();
        }
    }

    #[test]
    fn what_is_cut_off_is_not_whole_and_what_is_no_http_is_refused() {
        for bytes in [PLAIN, CHUNKS] {
            for end in 1..bytes.len() {
                assert_eq!(read(&bytes[..end], end), None, "{end} bytes of {bytes:?}");
            }
        }
        let more = format!("{PLAIN}more");
        for bytes in ["SSH-2.0-x\r\n", "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n", &more] {
            assert_eq!(AnswerReader::default().push(bytes.as_bytes()), Err(Malformed), "{bytes:?}");
        }
    }
}

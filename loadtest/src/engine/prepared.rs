//! A kind of request made ready: bytes with gaps, and what its answer should hold.

use crate::http::{Target, push_body};
use crate::workload::{Draw, Place, Request, Text};
use memchr::memmem::Finder;
use std::time::Duration;

pub(super) struct Prepared {
    start: Vec<u8>,
    path: Text,
    headers: Vec<u8>,
    body: Option<Text>,
    expect: Vec<Finder<'static>>,
    marks: Vec<Finder<'static>>,
    decision_id: Option<Finder<'static>>,
    /// Nanoseconds after which it has failed.
    pub(super) timeout: u64,
    /// Whether it is part of the mix.
    pub(super) in_mix: bool,
}

fn finder(text: &str) -> Finder<'static> {
    Finder::new(text).into_owned()
}

impl Prepared {
    pub(super) fn new(request: &Request, target: &Target, timeout: Duration) -> Self {
        let timeout = request.timeout_ms.map_or(timeout, Duration::from_millis);
        Self {
            start: target.start(&request.method),
            path: request.path.clone(),
            headers: target.headers(),
            body: request.body.clone(),
            expect: request.expect.iter().map(|text| finder(text)).collect(),
            marks: request.marks.values().map(|text| finder(text)).collect(),
            decision_id: request.keep_decisions.then(|| finder("\"decision_id\":\"")),
            timeout: timeout.as_nanos() as u64,
            in_mix: request.is_of_the_mix(),
        }
    }

    /// Writes the request with its gaps filled. `body` is room for the body, whose length comes first.
    pub(super) fn write(&self, draw: &mut Draw, body: &mut Vec<u8>, out: &mut Vec<u8>) {
        out.clear();
        draw.next_request();
        out.extend_from_slice(&self.start);
        draw.fill(&self.path, Place::Path, out);
        out.extend_from_slice(&self.headers);
        let text = self.body.as_ref().map(|text| {
            body.clear();
            draw.fill(text, Place::Json, body);
            &body[..]
        });
        push_body(text, out);
    }

    /// Whether an answer is as expected; notes which marks it has, and keeps its decision's id where wanted.
    pub(super) fn look_at(&self, body: &[u8], marks: &mut Vec<bool>, draw: &mut Draw) -> bool {
        marks.clear();
        marks.extend(self.marks.iter().map(|mark| mark.find(body).is_some()));
        let met = self.expect.iter().all(|text| text.find(body).is_some());
        if let Some(finder) = self.decision_id.as_ref().filter(|_| met)
            && let Some(place) = finder.find(body)
        {
            let rest = &body[place + finder.needle().len()..];
            let id = rest.split(|&byte| byte == b'"').next().unwrap_or_default();
            if let Ok(id) = std::str::from_utf8(id) {
                draw.keep_decision(id);
            }
        }
        met
    }
}

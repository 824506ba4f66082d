//! Reads and checks the file of a workload: unknown keys and bad values are refused with their place.

use super::{Load, Phase, PopulationSource, Request, Text, Turn, Workload, limits};
use crate::gates::Gates;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

/// Why a workload cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WorkloadError {
    /// The file cannot be read.
    #[error("the workload {path} cannot be read: {error}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// It is no TOML, or not of this shape.
    #[error("{path}: at {at}: {error}")]
    Parse {
        /// Which file.
        path: PathBuf,
        /// Where in it.
        at: String,
        /// What is wrong.
        error: Box<toml::de::Error>,
    },
    /// Values that cannot be meant.
    #[error("{path}: {}", faults.join("; "))]
    Faults {
        /// Which file.
        path: PathBuf,
        /// Each with its place and value.
        faults: Vec<String>,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    description: String,
    load: Load,
    population: PopulationSource,
    requests: Vec<RequestDocument>,
    #[serde(default)]
    every: Vec<EveryDocument>,
    #[serde(default)]
    phases: Vec<Phase>,
    #[serde(default)]
    gates: Gates,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestDocument {
    name: String,
    weight: f64,
    method: String,
    path: String,
    body: Option<String>,
    #[serde(default)]
    expect: Vec<String>,
    #[serde(default)]
    marks: BTreeMap<String, String>,
    #[serde(default)]
    keep_decisions: bool,
    timeout_ms: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EveryDocument {
    name: String,
    seconds: f64,
    method: String,
    path: String,
    body: Option<String>,
    #[serde(default)]
    expect: Vec<String>,
    timeout_ms: Option<u64>,
}

impl Workload {
    /// Reads a file.
    ///
    /// # Errors
    /// [`WorkloadError`].
    pub fn read(path: &Path) -> Result<Self, WorkloadError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| WorkloadError::Read { path: path.to_owned(), error })?;
        let parse =
            |at: String, error| WorkloadError::Parse { path: path.to_owned(), at, error: Box::new(error) };
        let deserializer =
            toml::Deserializer::parse(&text).map_err(|error| parse("its TOML".into(), error))?;
        let document: Document = serde_path_to_error::deserialize(deserializer)
            .map_err(|error| parse(error.path().to_string(), error.into_inner()))?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let mut faults = Faults::default();
        let workload = document.checked(name, &mut faults);
        if faults.0.is_empty() {
            Ok(workload)
        } else {
            Err(WorkloadError::Faults { path: path.to_owned(), faults: faults.0 })
        }
    }
}

/// What is wrong with values, by place.
#[derive(Default)]
struct Faults(Vec<String>);

impl Faults {
    fn require(&mut self, holds: bool, at: &str, expected: &str, value: &dyn std::fmt::Debug) {
        if !holds {
            self.0.push(format!("{at} must be {expected}, but is {value:?}"));
        }
    }

    /// A number within what makes sense.
    fn between(&mut self, at: &str, value: f64, limits: &RangeInclusive<f64>) {
        self.0.extend(limits::check(at, value, limits).err().map(|error| error.to_string()));
    }

    fn text(&mut self, at: &str, text: &str) -> Option<Text> {
        Text::parse(text).map_err(|error| self.0.push(format!("{at}: {error}"))).ok()
    }
}

const WEIGHT: RangeInclusive<f64> = 1e-9..=1e9;
const OF_KNEE: RangeInclusive<f64> = 0.001..=100.0;

impl Document {
    fn checked(self, name: String, faults: &mut Faults) -> Workload {
        let load = &self.load;
        faults.between("load.rate", load.rate, &limits::RATE);
        faults.between("load.seconds", load.seconds, &limits::SECONDS);
        faults.between("load.warm_up_seconds", load.warm_up_seconds, &limits::WARM_UP_SECONDS);
        faults.between("load.connections", load.connections as f64, &limits::CONNECTIONS);
        faults.between("load.timeout_ms", load.timeout_ms as f64, &limits::TIMEOUT_MS);
        faults.require(!self.requests.is_empty(), "requests", "at least one request", &0);
        self.gates.check("gates", &mut faults.0);
        for (at, phase) in self.phases.iter().enumerate() {
            check_phase(phase, &format!("phases[{at}]"), faults);
        }
        let mut requests = Vec::new();
        for (at, request) in self.requests.into_iter().enumerate() {
            requests.extend(request.checked(&format!("requests[{at}]"), faults));
        }
        for (at, every) in self.every.into_iter().enumerate() {
            requests.extend(every.checked(&format!("every[{at}]"), faults));
        }
        for (at, request) in requests.iter().enumerate() {
            let twice = requests[..at].iter().any(|other| other.name == request.name);
            faults.require(!twice, "the name of each request", "its own", &request.name);
        }
        Workload {
            name,
            description: self.description,
            load: self.load,
            population: self.population,
            requests,
            phases: self.phases,
            gates: self.gates,
        }
    }
}

fn check_phase(phase: &Phase, at: &str, faults: &mut Faults) {
    faults.between(&format!("{at}.seconds"), phase.seconds, &limits::SECONDS);
    phase.gates.check(&format!("{at}.gates"), &mut faults.0);
    match (phase.rate, phase.of_knee) {
        (Some(rate), None) => faults.between(&format!("{at}.rate"), rate, &limits::RATE),
        (None, Some(times)) => faults.between(&format!("{at}.of_knee"), times, &OF_KNEE),
        both => faults.require(false, at, "either `rate` or `of_knee`", &both),
    }
}

impl RequestDocument {
    fn checked(self, at: &str, faults: &mut Faults) -> Option<Request> {
        faults.between(&format!("{at}.weight"), self.weight, &WEIGHT);
        check_request(at, (&self.method, &self.path), self.timeout_ms, faults);
        let path = faults.text(&format!("{at}.path"), &self.path);
        let body = self.body.map(|body| faults.text(&format!("{at}.body"), &body));
        Some(Request {
            name: self.name,
            turn: Turn::Weight(self.weight),
            method: self.method,
            path: path?,
            body: match body {
                Some(body) => Some(body?),
                None => None,
            },
            expect: self.expect,
            marks: self.marks,
            keep_decisions: self.keep_decisions,
            timeout_ms: self.timeout_ms,
        })
    }
}

impl EveryDocument {
    fn checked(self, at: &str, faults: &mut Faults) -> Option<Request> {
        faults.between(&format!("{at}.seconds"), self.seconds, &limits::SECONDS);
        let Self { name, seconds, method, path, body, expect, timeout_ms } = self;
        let (marks, keep_decisions) = (BTreeMap::new(), false);
        let alike = RequestDocument {
            name,
            weight: 1.0,
            method,
            path,
            body,
            expect,
            marks,
            keep_decisions,
            timeout_ms,
        };
        alike.checked(at, faults).map(|request| Request { turn: Turn::Every(seconds), ..request })
    }
}

fn check_request(at: &str, (method, path): (&str, &str), timeout_ms: Option<u64>, faults: &mut Faults) {
    let known = ["GET", "POST", "PUT", "DELETE"];
    faults.require(known.contains(&method), &format!("{at}.method"), "GET, POST, PUT or DELETE", &method);
    let sound = path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic());
    faults.require(sound, &format!("{at}.path"), "an absolute path in printable ASCII", &path);
    if let Some(timeout) = timeout_ms {
        faults.between(&format!("{at}.timeout_ms"), timeout as f64, &limits::TIMEOUT_MS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = r#"
description = "a test"
[load]
rate = 10
seconds = 1
warm_up_seconds = 0
connections = 2
arrivals = "poisson"
timeout_ms = 1000
[population]
customers = { from = "world", pattern = "c{n}", count = 10 }
items = { from = "world", pattern = "i{n}", count = 10, zipf = 1.0 }
[gates]
p99_ms = 5
mark_shares = { fallback = 0.1 }
[[requests]]
name = "ask"
weight = 1
method = "POST"
path = "/v1/recommend"
body = '{"customer_id":"{customer}"}'
[[phases]]
name = "all"
seconds = 1
of_knee = 0.5
"#;

    fn read(text: &str) -> Result<Workload, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.toml");
        std::fs::write(&path, text).unwrap();
        Workload::read(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn every_workload_file_of_the_project_can_be_used() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("workloads");
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&folder).unwrap() {
            let workload = Workload::read(&entry.unwrap().path()).unwrap_or_else(|error| panic!("{error}"));
            super::super::Population::open(&workload.population, &folder).unwrap();
            names.push(workload.name);
        }
        for asked_for in
            ["web_shop", "advisor_desk", "mixed_with_events", "release_swap", "overload", "cold_customers"]
        {
            assert!(names.iter().any(|name| name == asked_for), "{asked_for} is not among {names:?}");
        }
    }

    #[test]
    fn a_sound_workload_is_read() {
        let workload = read(SOUND).unwrap();
        assert_eq!((workload.name.as_str(), workload.requests.len(), workload.phases.len()), ("test", 1, 1));
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        let cases = [
            ("weight = 1", "weight = 1\nwieght = 2", "wieght"),
            (
                "weight = 1",
                "weight = -1.0",
                "requests[0].weight must be from 0.000000001 to 1000000000, but is -1.0",
            ),
            ("rate = 10", "rate = nan", "load.rate"),
            ("rate = 10", "rate = \"fast\"", "at load.rate"),
            ("arrivals = \"poisson\"", "arrivals = \"bursty\"", "at load.arrivals"),
            ("connections = 2", "connections = 0", "load.connections"),
            ("{customer}", "{custmer}", "requests[0].body: there is no placeholder \"{custmer}\""),
            (
                "\"POST\"",
                "\"FETCH\"",
                "requests[0].method must be GET, POST, PUT or DELETE, but is \"FETCH\"",
            ),
            ("\"/v1/recommend\"", "\"v1 x\"", "requests[0].path"),
            ("p99_ms = 5", "p99_ms = -5", "gates.p99_ms"),
            ("p99_ms = 5", "p98_ms = 5", "p98_ms"),
            ("fallback = 0.1", "fallback = 1.1", "gates.mark_shares.fallback"),
            ("of_knee = 0.5", "of_knee = 0.5\nrate = 5.0", "phases[0] must be either `rate` or `of_knee`"),
            (
                "from = \"world\", pattern = \"c{n}\"",
                "from = \"moon\", pattern = \"c{n}\"",
                "population.customers",
            ),
            ("[gates]", "[[[gates]", "its TOML"),
        ];
        for (from, to, expected) in cases {
            let error = read(&SOUND.replacen(from, to, 1)).unwrap_err();
            assert!(error.contains(expected) && error.contains("test.toml"), "{to}: {error}");
        }
    }
}

//! Section `[traces]`: where spans of requests go.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tonic::metadata::{Ascii, MetadataKey, MetadataMap};
use tonic::transport::Endpoint;

/// Section `[traces]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TracesConfig {
    /// The OTLP/gRPC address of a collector; empty where nothing is traced.
    pub endpoint: String,
    /// The service as the collector shows it.
    pub service_name: String,
    /// The share of requests that are traced, where the caller has not decided.
    pub sample_ratio: f64,
    /// Time for a batch to reach the collector.
    pub timeout_ms: u64,
    /// `name=value` pairs that go with each call, separated by commas. Never printed.
    #[serde(serialize_with = "super::hidden")]
    pub headers: SecretString,
}

impl TracesConfig {
    /// Time for a batch to reach the collector.
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    /// The headers of each call, or which of the pairs is none, counted from 1.
    ///
    /// # Errors
    /// The position of a pair without `=`, or whose name or value HTTP does not allow.
    pub fn metadata(&self) -> Result<MetadataMap, usize> {
        let mut metadata = MetadataMap::new();
        let pairs = self.headers.expose_secret().split(',').zip(1_usize..);
        for (pair, position) in pairs.filter(|(pair, _)| !pair.trim().is_empty()) {
            let (name, value) = pair.split_once('=').ok_or(position)?;
            let name = name.trim().to_ascii_lowercase();
            let name: MetadataKey<Ascii> = name.parse().map_err(|_| position)?;
            metadata.insert(name, value.trim().parse().map_err(|_| position)?);
        }
        Ok(metadata)
    }

    /// Every value that is out of range, as lines with its key path.
    pub(super) fn faults(&self) -> Vec<String> {
        let Self { endpoint, service_name, sample_ratio, timeout_ms, .. } = self;
        let mut faults = Vec::new();
        if !endpoint.is_empty() && !is_address(endpoint) {
            faults.push(format!(
                "traces.endpoint must be empty or like http://collector:4317, but is {endpoint:?}"
            ));
        }
        if service_name.is_empty() {
            faults.push("traces.service_name must be a name, but is empty".into());
        }
        if !(0.0..=1.0).contains(sample_ratio) {
            faults.push(format!("traces.sample_ratio must be from 0 to 1, but is {sample_ratio:?}"));
        }
        if !(10..=60_000).contains(timeout_ms) {
            faults.push(format!("traces.timeout_ms must be from 10 to 60000, but is {timeout_ms}"));
        }
        if let Err(position) = self.metadata() {
            faults.push(format!(
                "traces.headers must be name=value pairs separated by commas, but pair {position} is none (hidden)"
            ));
        }
        faults
    }
}

fn is_address(endpoint: &str) -> bool {
    let has_scheme = ["http://", "https://"].iter().any(|scheme| endpoint.starts_with(scheme));
    has_scheme && Endpoint::from_shared(endpoint.to_owned()).is_ok()
}

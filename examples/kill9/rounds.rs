//! One round: start the real binary, check what the last round acknowledged, write, kill.

use anyhow::{Context, bail};
use reqwest::Client;
use serde_json::{Value, json};
use std::fmt::{self, Display};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// Writers at once, so that transactions are shared.
const WRITERS: u32 = 8;

/// Events per request.
const BATCH: u32 = 5;

/// How long the first acknowledgement of a round may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What was seen so far.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Events answered as stored.
    pub(crate) acknowledged: u64,
    /// Of these, not found after the kill.
    pub(crate) lost: u64,
    /// Acknowledged in the last round, not verified yet.
    last: Vec<Value>,
}

impl Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} events acknowledged, {} lost", self.acknowledged, self.lost)
    }
}

/// Verifies the last round, then writes until the service is killed.
pub(crate) async fn kill_in_the_middle(
    binary: &Path,
    folder: &Path,
    round: u32,
    tally: &mut Tally,
) -> anyhow::Result<()> {
    let mut service = Service::start(binary, folder)?;
    let client = Client::builder().no_proxy().build()?;
    verify(&client, &service.address, tally).await?;
    let begun = Arc::new(Notify::new());
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            tokio::spawn(write(client.clone(), service.address.clone(), (round, writer), Arc::clone(&begun)))
        })
        .collect();
    // However slow the machine is, there is something to lose.
    tokio::time::timeout(PATIENCE, begun.notified()).await.context("no event was acknowledged in time")?;
    // Spread over the rounds, so that the kill meets every phase of a transaction.
    tokio::time::sleep(Duration::from_millis(20 + u64::from(round) * 37 % 180)).await;
    service.child.kill()?;
    service.child.wait()?;
    for writer in writers {
        tally.last.extend(writer.await?);
    }
    tally.acknowledged += tally.last.len() as u64;
    Ok(())
}

/// Verifies the last round.
pub(crate) async fn verify_the_last(binary: &Path, folder: &Path, tally: &mut Tally) -> anyhow::Result<()> {
    let service = Service::start(binary, folder)?;
    verify(&Client::builder().no_proxy().build()?, &service.address, tally).await
}

/// Sends acknowledged events again: each must be a duplicate with the same content.
async fn verify(client: &Client, address: &str, tally: &mut Tally) -> anyhow::Result<()> {
    for batch in std::mem::take(&mut tally.last).chunks(500) {
        let receipt: Value =
            client.post(format!("{address}/v1/events")).json(batch).send().await?.json().await?;
        let duplicates = receipt["duplicates"].as_u64().with_context(|| format!("no receipt: {receipt}"))?;
        tally.lost += batch.len() as u64 - duplicates;
    }
    Ok(())
}

/// Writes until the service is gone; gives back what it acknowledged.
async fn write(
    client: Client,
    address: String,
    (round, writer): (u32, u32),
    begun: Arc<Notify>,
) -> Vec<Value> {
    let mut acknowledged = Vec::new();
    for request in 0.. {
        let event = |row: u32| {
            json!({
                "event_id": format!("{round}-{writer}-{request}-{row}"), "type": "purchase",
                "customer_id": format!("c-{writer}"), "item_id": format!("i-{row}"), "quantity": request + 1
            })
        };
        let batch: Vec<Value> = (0..BATCH).map(event).collect();
        let answer = client.post(format!("{address}/v1/events")).json(&batch).send().await;
        match answer {
            Ok(answer) if answer.status() == 200 => {
                acknowledged.extend(batch);
                begun.notify_one();
            }
            _ => break,
        }
    }
    acknowledged
}

/// The real binary on a free port. It dies with this value.
struct Service {
    child: Child,
    address: String,
}

impl Service {
    fn start(binary: &Path, folder: &Path) -> anyhow::Result<Self> {
        let mut child = Command::new(binary)
            .args([
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--set",
                "auth.enabled=false",
                "--set",
                "log.format=json",
            ])
            .arg("--set")
            .arg(format!("store.path={}", folder.join("proffer.db").display()))
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("{} cannot be started; build it first", binary.display()))?;
        let mut lines = BufReader::new(child.stderr.take().context("no log")?).lines();
        for line in lines.by_ref() {
            let line: Value = serde_json::from_str(&line?)?;
            if let Some(address) = line["address"].as_str() {
                let address = format!("http://{address}");
                // Log lines must go on being read, or the service would wait for us.
                std::thread::spawn(move || lines.for_each(drop));
                return Ok(Self { child, address });
            }
        }
        bail!("the service ended before it listened: {:?}", child.wait()?)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

//! The real binary: its command line, its signals, and its death.

#[path = "../../examples/kill9/rounds.rs"]
mod rounds;

use crate::helpers::send;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::time::Duration;

const BINARY: &str = env!("CARGO_BIN_EXE_proffer");

fn proffer(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command.args(arguments).env("PROFFER__STORE__PATH", folder.join("proffer.db"));
    command.env("PROFFER__LOG__FORMAT", "json").stderr(Stdio::piped()).stdout(Stdio::piped());
    command
}

fn output(folder: &Path, arguments: &[&str]) -> (Output, String, String) {
    let output = proffer(folder, arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    (output, stdout, stderr)
}

/// The running service. It dies with this value.
pub(crate) struct Service {
    child: Child,
    pub(crate) address: String,
    log: Option<BufReader<ChildStderr>>,
}

impl Service {
    fn start(folder: &Path) -> Self {
        Self::start_with(folder, &[])
    }

    /// The same with some settings changed. Nobody reads its log before [`Self::stop`].
    pub(crate) fn start_with(folder: &Path, settings: &[&str]) -> Self {
        let arguments = settings.iter().flat_map(|setting| ["--set", setting]);
        let arguments: Vec<&str> =
            ["serve", "--listen", "127.0.0.1:0"].into_iter().chain(arguments).collect();
        let child = proffer(folder, &arguments).spawn().unwrap();
        let mut service = Self { child, address: String::new(), log: None };
        let mut log = BufReader::new(service.child.stderr.take().unwrap());
        while service.address.is_empty() {
            let mut line = String::new();
            assert!(log.read_line(&mut line).unwrap() > 0, "the service ended before it listened");
            let line: Value = serde_json::from_str(&line).unwrap();
            service.address = line["address"].as_str().map(|a| format!("http://{a}")).unwrap_or_default();
        }
        service.log = Some(log);
        service
    }

    /// Makes an administrator's key.
    pub(crate) fn key(folder: &Path) -> String {
        output(folder, &["key", "create", "--role", "admin"]).1.trim().to_owned()
    }

    /// Sends a signal and waits for the end; gives what was logged until then.
    pub(crate) fn stop(mut self, signal: &str) -> String {
        assert!(
            Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap().success()
        );
        let mut rest = String::new();
        self.log.take().unwrap().read_to_string(&mut rest).unwrap();
        assert!(self.child.wait().unwrap().success(), "{rest}");
        rest
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_printed_configuration_shows_what_file_environment_and_flags_say() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("own.toml");
    std::fs::write(&file, "[server]\nmax_batch = 7\n[index.qdrant]\napi_key = \"very-secret\"\n").unwrap();
    let file = file.to_str().unwrap();
    let (done, printed, _) =
        output(folder.path(), &["config", "print", "-c", file, "--set", "server.max_n=9"]);
    assert!(done.status.success());
    for expected in ["max_batch = 7", "max_n = 9", "format = \"json\"", "proffer.db"] {
        assert!(printed.contains(expected), "{expected} is missing in {printed}");
    }
    assert!(!printed.contains("very-secret"), "{printed}");
    let (failed, _, message) = output(folder.path(), &["serve", "--set", "server.prot=1"]);
    assert!(!failed.status.success() && message.contains("server.prot"), "{message}");
}

#[tokio::test]
async fn the_health_command_fails_unless_the_service_can_answer() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path());
    let address = service.address.strip_prefix("http://").unwrap().to_owned();
    let (lives, said, _) = output(folder.path(), &["health", "--live", "--address", &address]);
    assert!(lives.status.success() && said.contains("true"), "{said}");
    let (not_ready, said, why) = output(folder.path(), &["health", "--address", &address]);
    assert_eq!(not_ready.status.code(), Some(1));
    assert!(said.contains("no release") && why.contains("503"), "{said}{why}");
    drop(service);
    let (gone, _, why) = output(folder.path(), &["health", "--address", &address]);
    assert!(gone.status.code() == Some(1) && why.contains(&address), "{why}");

    let app = crate::world::start().await;
    let port = app.address.rsplit(':').next().unwrap().to_owned();
    // As in a container: it listens everywhere, and is asked on the loopback interface.
    let listen = format!("server.listen=0.0.0.0:{port}");
    let asked = move || output(folder.path(), &["health", "--set", &listen]);
    let (ready, said, why) = tokio::task::spawn_blocking(asked).await.unwrap();
    assert!(ready.status.success() && said.contains("\"ready\":true"), "{said}{why}");
}

#[tokio::test]
async fn keys_made_listed_and_revoked_on_the_command_line_hold_in_a_running_service() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path());
    let (_, key, _) = output(folder.path(), &["key", "create", "--role", "site", "--label", "the shop"]);
    let key = key.trim();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let event = json!({"type": "view", "customer_id": "c", "item_id": "i"});
    let post = || send(client.post(format!("{}/v1/events", service.address)).bearer_auth(key).json(&event));
    assert_eq!(post().await.status, 200);
    let (_, listed, _) = output(folder.path(), &["key", "list"]);
    let key_id = key.split('_').nth(1).unwrap();
    assert!(listed.contains(key_id) && listed.contains("the shop"), "{listed}");
    assert!(!listed.contains(key.split('_').nth(2).unwrap()), "secrets are not listed: {listed}");
    assert!(output(folder.path(), &["key", "revoke", key_id]).0.status.success());
    assert!(!output(folder.path(), &["key", "revoke", key_id]).0.status.success(), "it is revoked already");
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(post().await.status, 401);
}

#[tokio::test]
async fn a_stopping_service_answers_what_is_in_flight_and_keeps_it() {
    for signal in ["-TERM", "-INT"] {
        let folder = tempfile::tempdir().unwrap();
        let service = Service::start(folder.path());
        let key = Service::key(folder.path());
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let posts = (0..20).map(|request| {
            let event = |row| {
                json!({"event_id": format!("{request}-{row}"), "type": "view", "customer_id": "c", "item_id": "i"})
            };
            let batch: Vec<Value> = (0..1000).map(event).collect();
            client.post(format!("{}/v1/events", service.address)).bearer_auth(&key).json(&batch).send()
        });
        let posts: Vec<_> = posts.map(tokio::spawn).collect();
        // However slow the machine is, one is answered and others are on their way.
        while !posts.iter().any(tokio::task::JoinHandle::is_finished) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let log = tokio::task::spawn_blocking(move || service.stop(signal)).await.unwrap();
        assert!(log.contains("stopped"), "{log}");
        let mut acknowledged = 0;
        for post in posts {
            match post.await.unwrap() {
                Ok(answer) => {
                    assert_eq!(answer.status(), 200);
                    acknowledged += answer.json::<Value>().await.unwrap()["stored"].as_u64().unwrap();
                }
                // It came too late to be accepted.
                Err(error) => assert!(error.is_request() || error.is_connect(), "{error:?}"),
            }
        }
        assert!(acknowledged > 0, "something was in flight");
        let service = Service::start(folder.path());
        let view = client.get(format!("{}/v1/customers/c", service.address)).bearer_auth(&key);
        assert_eq!(send(view).await.json()["events"], acknowledged, "{signal}");
    }
}

#[tokio::test]
async fn acknowledged_events_survive_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let mut tally = rounds::Tally::default();
    for round in 1..=3 {
        rounds::kill_in_the_middle(Path::new(BINARY), folder.path(), round, &mut tally).await.unwrap();
    }
    rounds::verify_the_last(Path::new(BINARY), folder.path(), &mut tally).await.unwrap();
    assert!(tally.acknowledged > 0, "{tally}");
    assert_eq!(tally.lost, 0, "{tally}");
}

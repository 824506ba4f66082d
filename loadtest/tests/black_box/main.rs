//! The program as it is used, against services that behave in known ways.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod service;

use serde_json::Value;
use service::{RESULTS, Reply, Request, Service};
use std::collections::HashSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_proffer-loadtest");

/// A workload of recommendations; more can be put after it.
const WORKLOAD: &str = r#"
description = "a test"
[load]
rate = 200
seconds = 1
warm_up_seconds = 0
connections = 4
arrivals = "constant"
timeout_ms = 5000
[population]
customers = { from = "world", pattern = "c{n}", count = 50 }
items = { from = "world", pattern = "i{n}", count = 20, zipf = 1.0 }
[[requests]]
name = "recommend"
weight = 1
method = "POST"
path = "/v1/recommend"
body = '{"customer_id":"{customer}","session_items":[{items:2}]}'
expect = ['"results":[{']
marks = { fallback = '"fallback":true' }
"#;

struct Done {
    code: i32,
    /// What was printed, on both streams.
    text: String,
    json: Value,
    folder: TempDir,
}

/// Runs the program on a workload.
fn measure(command: &str, workload: &str, service: &Service, more: &[&str]) -> Done {
    measure_at(command, workload, &format!("http://{}", service.address), more)
}

fn measure_at(command: &str, workload: &str, url: &str, more: &[&str]) -> Done {
    let folder = tempfile::tempdir().unwrap();
    let (file, json) = (folder.path().join("workload.toml"), folder.path().join("result.json"));
    std::fs::write(&file, workload).unwrap();
    let mut program = Command::new(PROGRAM);
    program.arg(command).arg(&file).args(["--url", url, "--json"]).arg(&json).args(more);
    let output = program.env_remove("PROFFER_LOADTEST_KEY").output().unwrap();
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    let json = std::fs::read(&json).map_or(Value::Null, |json| serde_json::from_slice(&json).unwrap());
    Done { code: output.status.code().unwrap(), text, json, folder }
}

fn number(value: &Value, path: &str) -> f64 {
    value.pointer(path).and_then(Value::as_f64).unwrap_or_else(|| panic!("no number at {path} in {value:#}"))
}

#[test]
fn a_stall_shows_in_the_latencies_of_all_who_were_due_meanwhile() {
    let gate = Mutex::new(());
    let service = Service::start(move |number, _| {
        let _turn = gate.lock().unwrap();
        if number == 150 {
            sleep(Duration::from_secs(1));
        }
        Reply::Answer(200, RESULTS)
    });
    let done = measure("run", WORKLOAD, &service, &["--seconds", "3"]);
    assert_eq!(done.code, 0, "{}", done.text);
    let figures = &done.json["phases"][0]["figures"];
    assert_eq!((number(figures, "/due"), number(figures, "/accepted")), (600.0, 600.0));
    // 200 were due in that second; a generator that waits for answers would have sent four of them.
    assert!(number(figures, "/accepted_ms/p90") > 300.0, "{figures:#}");
    assert!(number(figures, "/accepted_ms/max") >= 950.0, "{figures:#}");
    assert!(done.text.contains("waited for a connection"), "{}", done.text);
}

#[test]
fn every_outcome_is_counted_in_its_class_and_a_poor_answer_is_not_a_good_one() {
    let service = Service::start(|number, _| match number % 10 {
        0 => Reply::Answer(503, "{}"),
        1 => Reply::Answer(429, "{}"),
        2 => Reply::Answer(500, "{}"),
        3 => Reply::Nothing,
        4 => Reply::Bytes("what is HTTP?\r\n\r\n"),
        5 => Reply::Answer(200, r#"{"fallback":true,"results":[{"id":"i1"}]}"#),
        6 => Reply::Answer(200, r#"{"fallback":true,"results":[]}"#),
        7 => Reply::Bytes(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n\"resu\r\nA\r\nlts\":[{}]}\r\n0\r\n\r\n",
        ),
        8 => Reply::LastAnswer(200, RESULTS),
        _ => Reply::Answer(200, RESULTS),
    });
    let gates = ["--gate", "error_share=0.4", "--gate", "unmet_share=0.1"];
    let done = measure("run", WORKLOAD, &service, &gates);
    let phase = &done.json["phases"][0];
    let count = |name: &str| number(phase, &format!("/figures/{name}"));
    assert_eq!(count("due"), 200.0);
    let classes = [
        ("accepted", 100.0),
        ("shed", 40.0),
        ("failed", 60.0),
        ("unmet", 20.0),
        ("marks/fallback/count", 40.0),
        ("marks/fallback/of", 100.0),
    ];
    for (class, expected) in classes {
        assert_eq!(count(class), expected, "{class}: {}", done.text);
    }
    let outcomes = &phase["kinds"][0]["outcomes"];
    for (outcome, expected) in
        [("200", 100), ("503", 20), ("429", 20), ("500", 20), ("connection broken", 20), ("not HTTP", 20)]
    {
        assert_eq!(outcomes[outcome]["count"], expected, "{outcome}: {outcomes:#}");
    }
    assert_eq!((done.code, &done.json["held"]), (1, &Value::Bool(false)), "{}", done.text);
    assert!(done.text.contains("BROKEN"), "{}", done.text);
    let loose =
        ["--gate", "error_share=0.4", "--gate", "unmet_share=0.3", "--gate", "mark_shares.fallback=0.5"];
    assert_eq!(measure("run", WORKLOAD, &service, &loose).code, 0);
}

#[test]
fn a_request_without_an_answer_fails_with_its_full_time_and_the_others_go_on() {
    let service = Service::start(|number, _| {
        if number % 40 == 20 {
            sleep(Duration::from_secs(10));
        }
        Reply::Answer(200, RESULTS)
    });
    let done = measure("run", WORKLOAD, &service, &["--timeout-ms", "2000", "--connections", "16"]);
    let phase = &done.json["phases"][0];
    let late = &phase["kinds"][0]["outcomes"]["timed out"];
    assert_eq!(late["count"], 5, "{}", done.text);
    assert!(number(late, "/ms/p50") >= 2000.0, "{late}");
    assert_eq!(number(phase, "/figures/accepted"), 195.0, "{}", done.text);
}

#[test]
fn an_answer_after_its_time_is_none() {
    // Some come just before their time is over, some just after.
    let service = Service::start(|number, _| {
        sleep(Duration::from_millis(180 + number as u64 % 40));
        Reply::Answer(200, RESULTS)
    });
    let done = measure("run", WORKLOAD, &service, &["--timeout-ms", "200", "--connections", "64"]);
    let phase = &done.json["phases"][0];
    let outcomes = &phase["kinds"][0]["outcomes"];
    let longest = outcomes["200"]["ms"]["max"].as_f64().unwrap_or(0.0);
    // Latencies are kept to three digits.
    assert!(longest < 200.2, "{outcomes:#}");
    let (accepted, failed) = (number(phase, "/figures/accepted"), number(phase, "/figures/failed"));
    assert!(accepted + failed == 200.0 && failed > 0.0, "{outcomes:#}");
}

#[test]
fn a_connection_that_ends_while_it_is_idle_costs_no_request() {
    let service = Service::start(|_, _| Reply::UnexpectedlyLastAnswer(200, RESULTS));
    let done = measure("run", WORKLOAD, &service, &["--rate", "50", "--gate", "error_share=0"]);
    assert_eq!(done.code, 0, "{}", done.text);
    assert_eq!(number(&done.json, "/phases/0/figures/accepted"), 50.0, "{}", done.text);
}

#[test]
fn what_cannot_be_measured_ends_with_2_and_says_why() {
    let nobody = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let wrong = WORKLOAD.replace("weight = 1", "weight = 1\nwieght = 2");
    let released = WORKLOAD.replace("/v1/recommend", "/v1/releases/{release}");
    let service = Service::start(|_, _| Reply::Answer(200, r#"{"releases":[{"id":"a"}]}"#));
    let here = format!("http://{}", service.address);
    let cases: [(&str, &str, &[&str], &str); 8] = [
        (WORKLOAD, &nobody, &[], "is the service up"),
        (&wrong, &here, &[], "wieght"),
        (&released, &here, &[], "needs two, but the service has 1"),
        (WORKLOAD, "https://127.0.0.1", &[], "https://127.0.0.1"),
        (WORKLOAD, &here, &["--rate", "-1"], "-1"),
        (WORKLOAD, &here, &["--gate", "p98_ms=1"], "p98_ms"),
        (WORKLOAD, &here, &["--pid", "4294967295"], "4294967295"),
        (WORKLOAD, &here, &["--compare", "/nowhere"], "/nowhere"),
    ];
    for (workload, url, more, expected) in cases {
        let done = measure_at("run", workload, url, more);
        assert_eq!(done.code, 2, "{more:?}: {}", done.text);
        assert!(done.text.contains(expected), "{more:?}: {}", done.text);
    }
}

#[test]
fn the_knee_of_a_service_of_known_capacity_is_found() {
    // One at a time, 5 ms each: 200 a second, and not one more.
    let gate = Mutex::new(());
    let service = Service::start(move |_, _| {
        let _turn = gate.lock().unwrap();
        sleep(Duration::from_millis(5));
        Reply::Answer(200, RESULTS)
    });
    let slow = WORKLOAD.replace("rate = 200", "rate = 50").replace("connections = 4", "connections = 32");
    let search = ["--knee", "--seconds", "1", "--gate", "p99_ms=150", "--knee-precision", "0.2"];
    let done = measure("run", &slow, &service, &search);
    assert_eq!(done.code, 0, "{}", done.text);
    let knee = number(&done.json, "/knee/rate");
    assert!((50.0..=220.0).contains(&knee), "{}", done.text);
    assert_eq!(number(&done.json, "/phases/0/rate"), knee, "the figures are those at the knee");
    assert_eq!(done.json["phases"][0]["name"], "knee");
}

#[test]
fn phases_follow_each_other_at_multiples_of_the_knee_and_recovery_is_told() {
    // At most 20 in each tenth of a second; the rest is turned away.
    let window = Mutex::new((Instant::now(), 0));
    let service = Service::start(move |_, _| {
        let mut window = window.lock().unwrap();
        if window.0.elapsed() > Duration::from_millis(100) {
            *window = (Instant::now(), 0);
        }
        window.1 += 1;
        if window.1 > 20 { Reply::Answer(503, "{}") } else { Reply::Answer(200, RESULTS) }
    });
    let phases = r#"
[[phases]]
name = "usual"
seconds = 1
of_knee = 0.25
[[phases]]
name = "overload"
seconds = 1
of_knee = 3
gates = { shed_share = 1.0 }
[[phases]]
name = "usual again"
seconds = 3
of_knee = 0.25
gates = { recovery_seconds = 3.0, p99_times = 100.0 }
"#;
    let workload = format!("{WORKLOAD}{phases}");
    let done = measure("run", &workload, &service, &["--knee-rate", "200"]);
    let phase = |at: usize| &done.json["phases"][at];
    let names = [0, 1, 2].map(|at| phase(at)["name"].as_str().unwrap());
    assert_eq!(names, ["usual", "overload", "usual again"]);
    let due = [0, 1, 2].map(|at| number(phase(at), "/figures/due"));
    assert_eq!(due, [50.0, 600.0, 150.0], "{}", done.text);
    assert!(number(phase(1), "/figures/shed") >= 100.0, "{}", done.text);
    assert!((0.0..=3.0).contains(&number(phase(2), "/recovery_seconds")), "{}", done.text);
    assert_eq!(done.code, 0, "{}", done.text);
    let without = measure("run", &workload, &service, &[]);
    assert_eq!(without.code, 2, "{}", without.text);
    assert!(without.text.contains("--knee-rate"), "{}", without.text);
}

#[test]
fn requests_are_whole_and_the_same_seed_asks_the_same() {
    let bodies = |seed: &str| {
        let service = Service::start(|_, _| Reply::Answer(200, RESULTS));
        let done = measure("run", WORKLOAD, &service, &["--seed", seed, "--key", "pf_key"]);
        assert_eq!(done.code, 0, "{}", done.text);
        assert!(!done.text.contains("pf_key") && !done.json.to_string().contains("pf_key"));
        for Request { line, head, body } in service.requests.lock().unwrap().iter() {
            assert_eq!(line, "POST /v1/recommend");
            assert!(head.contains("Authorization: Bearer pf_key"), "{head}");
            let body: Value = serde_json::from_str(body).unwrap();
            let customer: u32 = body["customer_id"].as_str().unwrap()[1..].parse().unwrap();
            assert!(
                (1..=50).contains(&customer) && body["session_items"].as_array().unwrap().len() == 2,
                "{body}"
            );
        }
        service.sorted_bodies()
    };
    assert_eq!(bodies("1"), bodies("1"));
    assert_ne!(bodies("1"), bodies("2"));
}

#[test]
fn each_rate_asks_something_else_and_a_whole_command_can_be_repeated() {
    let halves = || {
        let service = Service::start(|_, _| Reply::Answer(200, RESULTS));
        let done = measure("run", WORKLOAD, &service, &["--rates", "100,100"]);
        assert_eq!(done.code, 0, "{}", done.text);
        let bodies: Vec<String> =
            service.requests.lock().unwrap().iter().map(|request| request.body.clone()).collect();
        assert_eq!(bodies.len(), 200);
        let (mut first, mut second) = (bodies[..100].to_vec(), bodies[100..].to_vec());
        first.sort();
        second.sort();
        (first, second)
    };
    let (first, second) = halves();
    assert_ne!(first, second);
    assert_eq!((first, second), halves());
}

#[test]
fn no_event_and_no_fresh_customer_comes_twice_over_several_rates() {
    let events = WORKLOAD.replace("count = 50", "count = 200").replace(
        r#"{"customer_id":"{customer}","session_items":[{items:2}]}"#,
        r#"{"event_id":"{uuid}","unknown":"{unknown_customer}","customer_id":"{fresh_customer}"}"#,
    );
    let service = Service::start(|_, _| Reply::Answer(200, RESULTS));
    let done = measure("run", &events, &service, &["--rates", "100,100"]);
    assert_eq!(done.code, 0, "{}", done.text);
    let bodies: Vec<Value> =
        service.sorted_bodies().iter().map(|body| serde_json::from_str(body).unwrap()).collect();
    for key in ["event_id", "unknown", "customer_id"] {
        let ids: HashSet<&str> = bodies.iter().map(|body| body[key].as_str().unwrap()).collect();
        assert_eq!(ids.len(), 200, "{key}");
    }
    let more = measure("run", &events, &service, &["--rates", "100,100,100"]);
    assert_eq!(more.code, 2, "{}", more.text);
    assert!(more.text.contains("about 300 customers"), "{}", more.text);
    assert_eq!(service.sorted_bodies().len(), 200, "it is refused before anything is asked");
}

#[test]
fn releases_are_swapped_in_turn_beside_the_load_and_decisions_are_responded_to() {
    let service = Service::start(|_, request| match request.line.as_str() {
        "GET /v1/releases" => {
            Reply::Answer(200, r#"{"releases":[{"id":"a"},{"id":"x","error":"damaged"},{"id":"b"}]}"#)
        }
        _ => Reply::Answer(200, RESULTS),
    });
    let more = r#"
[[requests]]
name = "response"
weight = 0.2
method = "POST"
path = "/v1/responses"
body = '{"decision_id":"{decision_id}"}'
[[every]]
name = "swap"
seconds = 0.3
method = "POST"
path = "/v1/releases/{release}/activate"
"#;
    let workload = WORKLOAD.replace("marks =", "keep_decisions = true\nmarks =") + more;
    let done = measure("run", &workload, &service, &["--gate", "error_share=0"]);
    assert_eq!(done.code, 0, "{}", done.text);
    let lines = service.lines();
    let swaps: Vec<&String> = lines.iter().filter(|line| line.contains("activate")).collect();
    let swap = |id: &str| format!("POST /v1/releases/{id}/activate");
    assert_eq!(swaps, [&swap("a"), &swap("b"), &swap("a")]);
    assert!(service.sorted_bodies().iter().any(|body| body == r#"{"decision_id":"d-1"}"#));
}

#[test]
fn a_run_is_put_beside_an_earlier_one() {
    let service = Service::start(|_, _| Reply::Answer(200, RESULTS));
    let first = measure("run", WORKLOAD, &service, &["--rates", "100,200", "--seconds", "0.5"]);
    let earlier = first.folder.path().join("result.json");
    let more = ["--rates", "200,400", "--seconds", "0.5", "--compare", earlier.to_str().unwrap()];
    let second = measure("run", WORKLOAD, &service, &more);
    assert_eq!(second.code, 0, "{}", second.text);
    for expected in ["now/earlier", "Verdict", "phase \"400/s\" at this rate is new"] {
        assert!(second.text.contains(expected), "{expected}: {}", second.text);
    }
}

#[test]
fn bare_answers_the_bytes_of_a_file_and_saturation_is_called_a_closed_loop() {
    let folder = tempfile::tempdir().unwrap();
    let answer = folder.path().join("answer.json");
    std::fs::write(&answer, RESULTS).unwrap();
    let mut bare = Command::new(PROGRAM)
        .args(["bare", "--listen", "127.0.0.1:0", "--workers", "1", "--answer"])
        .arg(&answer)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(bare.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let url = line.trim().strip_prefix("listening on ").unwrap();
    let done = measure_at("saturate", WORKLOAD, url, &["--seconds", "1", "--pid", &bare.id().to_string()]);
    bare.kill().unwrap();
    bare.wait().unwrap();
    assert_eq!(done.code, 0, "{}", done.text);
    assert!(done.text.contains("CLOSED LOOP"), "{}", done.text);
    assert_eq!(done.json["mode"], "closed_loop");
    let phase = &done.json["phases"][0];
    assert!(number(phase, "/figures/accepted") > 100.0, "{}", done.text);
    assert_eq!(
        (number(phase, "/figures/failed"), number(phase, "/figures/unmet")),
        (0.0, 0.0),
        "{}",
        done.text
    );
    assert!(number(phase, "/server/resident_mb_most") > 0.0, "{}", done.text);
}

#[test]
fn offers_are_written_in_batches_that_the_service_takes() {
    let service = Service::start(|_, _| Reply::Answer(200, "{}"));
    let url = format!("http://{}", service.address);
    let arguments = ["offers", "--url", &url, "--key", "k", "--count", "450", "--items", "1000"];
    let output = Command::new(PROGRAM).args(arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let mut offers = Vec::new();
    for body in service.sorted_bodies() {
        let batch: Vec<Value> = serde_json::from_str(&body).unwrap();
        assert!(batch.len() <= 200);
        offers.extend(batch);
    }
    assert_eq!(offers.len(), 450);
    assert!(offers.iter().any(|offer| offer["offer_id"] == "load-449"));
    assert!(offers.iter().all(|offer| offer["offer"]["items"].as_array().unwrap().len() == 5));
}

#[test]
fn a_world_is_written_where_asked_and_a_mistake_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let world = |customers: &str, out: &Path| {
        let arguments = ["world", "--customers", customers, "--items", "60", "--out"];
        Command::new(PROGRAM).args(arguments).arg(out).output().unwrap()
    };
    let out = folder.path().join("new");
    assert!(world("100", &out).status.success());
    assert!(out.join("history.csv.zst").is_file() && out.join("items.csv").is_file());
    let refused = world("0", &out);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8(refused.stderr).unwrap().contains("customers"));
}

use super::*;

fn sources(file: &str) -> (tempfile::TempDir, Sources) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("proffer.toml");
    std::fs::write(&path, file).unwrap();
    (folder, Sources { file: Some(path), ..Sources::default() })
}

fn load(file: &str) -> Result<Config, String> {
    let (_folder, sources) = sources(file);
    sources.load().map_err(|e| e.to_string())
}

#[test]
fn the_documented_defaults_are_valid_and_agree_with_the_code() {
    let config = Sources::default().load().unwrap();
    assert_eq!(config.training, TrainingConfig::default());
    assert_eq!(format!("{:?}", config.index), format!("{:?}", IndexConfig::default()));
    assert_eq!(config.contact_points["web_home"], ContactPoint::default());
    assert_eq!(config.contact_points["sms"].direction, Direction::Outbound);
    assert!(config.auth.enabled);
    assert!(config.server.listen.ip().is_loopback());
}

#[test]
fn keys_that_the_example_only_mentions_exist() {
    let text = include_str!("../../proffer.example.toml");
    let assignment = |line: &str| {
        let Some((key, _)) = line.split_once(" = ") else { return false };
        !key.is_empty() && key.chars().all(|c| c.is_ascii_lowercase() || c == '_')
    };
    let uncommented: Vec<&str> = text
        .lines()
        .map(|line| line.strip_prefix("# ").filter(|rest| assignment(rest)).unwrap_or(line))
        .collect();
    assert_ne!(uncommented.join("\n"), text.trim_end(), "there is a key that the example only mentions");
    load(&uncommented.join("\n")).unwrap();
}

#[test]
fn later_layers_win_and_leave_other_keys_alone() {
    let (_folder, mut sources) = sources(
        "[server]\nworkers = 1\nmax_batch = 7\nmax_n = 9\n[contact_points.web_home]\nn = 5\n[contact_points.kiosk]\nn = 2\n",
    );
    sources.environment = vec![
        ("PROFFER__SERVER__WORKERS".into(), "2".into()),
        ("PROFFER__SERVER__MAX_BATCH".into(), "8".into()),
        ("PROFFER__INDEX__QDRANT__URLS".into(), r#"["http://a:6334", "http://b:6334"]"#.into()),
        ("PROFFER__INDEX__QDRANT__API_KEY".into(), "007".into()),
        ("PROFFER_OTHER".into(), "passed over".into()),
    ];
    sources.overrides = vec!["server.workers=3".into()];
    let config = sources.load().unwrap();
    assert_eq!((config.server.workers, config.server.max_batch, config.server.max_n), (3, 8, 9));
    assert_eq!(config.index.qdrant.urls, ["http://a:6334", "http://b:6334"]);
    assert_eq!(config.contact_points["web_home"].n, 5);
    assert_eq!(config.contact_points["web_home"].max_n, 50);
    assert_eq!(config.contact_points["kiosk"], ContactPoint { n: 2, ..ContactPoint::default() });
}

#[test]
fn a_secret_can_stand_in_a_file_that_the_environment_names() {
    let (folder, mut sources) = sources("");
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("url"), "postgres://me:very-secret@db/proffer\n").unwrap();
    std::fs::write(path("empty"), "\n").unwrap();
    let variable = |name: &str, value: String| (name.to_owned(), value);
    sources.environment = vec![variable("PROFFER__STORE__URL_FILE", path("url"))];
    let config = sources.load().unwrap();
    assert_eq!(config.store.url.expose_secret(), "postgres://me:very-secret@db/proffer");

    let name = "PROFFER__STORE__URL";
    let cases = [
        (vec![variable("PROFFER__STORE__URL_FILE", path("missing"))], "cannot be read"),
        (vec![variable("PROFFER__STORE__URL_FILE", path("empty"))], "is empty"),
        (
            vec![variable("PROFFER__STORE__URL_FILE", path("url")), variable(name, "postgres://db/b".into())],
            "remove one of them",
        ),
    ];
    for (environment, expected) in cases {
        sources.environment = environment;
        let message = sources.load().unwrap_err().to_string();
        assert!(message.contains(expected) && message.contains(name), "{expected}: {message}");
    }
}

#[test]
fn what_is_wrong_is_refused_with_its_key_and_a_remedy() {
    let cases = [
        ("[server]\nprot = 1", "prot", "an unknown key"),
        ("[serve]\nport = 1", "serve", "an unknown section"),
        (
            "[contact_points.web_home]\ncolour = 1",
            "contact_points.web_home",
            "an unknown key of a contact point",
        ),
        ("[server]\nworkers = \"many\"", "server.workers", "a wrong type"),
        ("[server]\nlisten = \"localhost\"", "server.listen", "no address"),
        ("[server]\nmax_batch = 0", "server.max_batch must be from 1", "out of range"),
        ("[index]\nkind = \"qdrant\"\n[index.qdrant]\nurls = []", "index.qdrant", "a server without address"),
        ("[contact_points.x]\nn = 60", "contact_points.x.n must be", "n above max_n"),
        ("[contact_points.x]\ndiversity = nan", "contact_points.x.diversity", "NaN"),
        ("[training.event_weights]\nclick = -1", "training.event_weights.click", "a negative weight"),
        ("[store]\nurl = \"mysql://x\"", "store.url must be", "another database"),
        ("[traces]\nendpoint = \"collector:4317\"", "traces.endpoint must be", "an address without scheme"),
        ("[traces]\nsample_ratio = nan", "traces.sample_ratio must be", "NaN"),
        ("[traces]\nheaders = \"a=b, c d\"", "pair 2", "a header without value"),
        ("[server\n", "line 1", "no TOML"),
    ];
    for (file, expected, what) in cases {
        let message = load(file).unwrap_err();
        assert!(message.contains(expected), "{what}: {message}");
    }
    let both = load("[server]\nmax_batch = 0\nmax_n = 0").unwrap_err();
    assert!(both.contains("max_batch") && both.contains("max_n"), "all faults at once: {both}");
    let missing = Sources { file: Some("/no/such/file.toml".into()), ..Sources::default() };
    assert!(missing.load().unwrap_err().to_string().contains("/no/such/file.toml"));
}

#[test]
fn the_printed_configuration_hides_secrets_and_can_be_loaded_again() {
    let with_url = load("[store]\nurl = \"postgres://me:very-secret@db/proffer\"").unwrap();
    let printed = with_url.to_toml().unwrap();
    assert!(!printed.contains("very-secret") && printed.contains("url = \"(hidden)\""), "{printed}");
    let with_headers = load("[traces]\nheaders = \"api-key=very-secret==, x=1\"").unwrap();
    assert_eq!(with_headers.traces.metadata().unwrap().get("api-key").unwrap(), "very-secret==");
    let printed = with_headers.to_toml().unwrap();
    assert!(!printed.contains("very-secret") && printed.contains("headers = \"(hidden)\""), "{printed}");
    let config = load("[index.qdrant]\napi_key = \"very-secret\"").unwrap();
    let printed = config.to_toml().unwrap();
    assert!(!printed.contains("very-secret") && printed.contains("(hidden)"), "{printed}");
    let again = load(&printed).unwrap();
    assert_eq!(again.to_toml().unwrap(), printed);
    assert!(printed.contains("click = 0.2\n"), "numbers are printed as they were written: {printed}");
}

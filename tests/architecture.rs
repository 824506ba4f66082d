//! The design rules of ARCHITECTURE.md that a test can hold.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folder: &str) -> Vec<PathBuf> {
    let mut folders = vec![root().join(folder)];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    assert!(!files.is_empty());
    files
}

/// The files of a folder whose code (not its comments) contains a word.
fn files_with(folder: &str, word: &str) -> Vec<PathBuf> {
    let holds = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap();
        text.lines().any(|line| !line.trim_start().starts_with("//") && line.contains(word))
    };
    rust_files(folder).into_iter().filter(holds).collect()
}

fn dependencies(manifest: &str) -> toml::Table {
    let manifest: toml::Table = fs::read_to_string(root().join(manifest)).unwrap().parse().unwrap();
    manifest["dependencies"].as_table().unwrap().clone()
}

#[test]
fn models_depend_on_no_other_crate_of_ours_and_training_only_on_models() {
    let (models, training) = (dependencies("models/Cargo.toml"), dependencies("training/Cargo.toml"));
    for forbidden in ["training", "proffer", "tokio", "actix-web", "tracing", "chrono"] {
        assert!(!models.contains_key(forbidden), "models depends on {forbidden}");
    }
    for forbidden in ["proffer", "actix-web", "tokio", "sqlx"] {
        assert!(!training.contains_key(forbidden), "training depends on {forbidden}");
    }
    assert!(training.contains_key("models"));
}

#[test]
fn the_load_test_shares_no_type_with_what_it_measures() {
    let loadtest = dependencies("loadtest/Cargo.toml");
    for forbidden in ["models", "training", "proffer"] {
        assert!(!loadtest.contains_key(forbidden), "loadtest depends on {forbidden}");
    }
}

#[test]
fn models_know_no_path_clock_or_environment() {
    for forbidden in ["std::path", "std::fs", "std::env", "SystemTime", "Instant::now", "std::net"] {
        let files = files_with("models/src", forbidden);
        assert!(files.is_empty(), "{forbidden} stands in {files:?}");
    }
}

#[test]
fn only_the_command_line_and_its_configuration_call_training() {
    let files: Vec<_> = files_with("src", "training::")
        .into_iter()
        .filter(|path| {
            !path.starts_with(root().join("src/cli")) && !path.starts_with(root().join("src/config"))
        })
        .collect();
    assert!(files.is_empty(), "training is used in {files:?}");
}

#[test]
fn every_stage_of_a_request_has_its_histogram() {
    let mut stages = 0;
    for file in rust_files("src") {
        // Calls may stand over several lines.
        let text: String = fs::read_to_string(&file).unwrap().split_whitespace().collect();
        for (position, call) in text.match_indices("stage(\"") {
            let name = text[position + call.len()..].split('"').next().unwrap();
            assert!(proffer::metrics::STAGES.contains(&name), "{name} in {file:?} is missing in STAGES");
            stages += 1;
        }
    }
    assert!(stages > 10, "stages are no longer found");
}

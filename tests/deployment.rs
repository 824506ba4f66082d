//! The files with which Proffer is deployed name settings that exist, and values that they may have.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use proffer::config::Sources;
use regex::Regex;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Every file at and below the deployment's, with its text.
fn files() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = vec![root.join("Dockerfile"), root.join("deploy")];
    let mut files = Vec::new();
    while let Some(path) = paths.pop() {
        if path.is_dir() {
            paths.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else if let Ok(text) = fs::read_to_string(&path) {
            files.push((path, text));
        }
    }
    files
}

/// What the loader says to one variable with a value.
fn refusal(name: &str, value: &str) -> Option<String> {
    // A secret's file exists only where it is mounted; its name without the suffix is the setting.
    let name = name.strip_suffix("_FILE").unwrap_or(name);
    let environment = vec![(name.to_owned(), value.to_owned())];
    Sources { environment, ..Sources::default() }.load().err().map(|error| error.to_string())
}

#[test]
fn every_variable_in_the_deployment_files_is_a_setting() {
    let variable = Regex::new("PROFFER__[A-Z0-9_]*[A-Z0-9]").unwrap();
    let mut seen = BTreeMap::new();
    for (path, text) in files() {
        for found in variable.find_iter(&text) {
            seen.entry(found.as_str().to_owned()).or_insert_with(|| path.clone());
        }
    }
    for expected in
        ["PROFFER__STORE__URL_FILE", "PROFFER__INDEX__QDRANT__API_KEY_FILE", "PROFFER__RELEASES__DIR"]
    {
        assert!(seen.contains_key(expected), "{expected} is not found: {seen:?}");
    }
    for (name, path) in &seen {
        let unknown = refusal(name, "x").filter(|refusal| refusal.contains("unknown field"));
        assert_eq!(unknown, None, "{name} in {}", path.display());
    }
    let misspelt = refusal("PROFFER__STORE__URI_FILE", "x").unwrap();
    assert!(misspelt.contains("unknown field"), "the test would notice: {misspelt}");
}

#[test]
fn values_that_stand_in_the_image_and_the_stack_are_valid() {
    // NAME=value of a Dockerfile, NAME: value of the stack; what another variable decides is not known here.
    let assignment = Regex::new(r"(?m)(PROFFER__[A-Z0-9_]+)(?:=|: )([^\s\\].*?)(?: \\)?$").unwrap();
    let mut checked = 0;
    for (path, text) in files() {
        if !path.ends_with("Dockerfile") && !path.ends_with("compose.yaml") {
            continue;
        }
        for found in assignment.captures_iter(&text) {
            let (name, value) = (&found[1], found[2].trim_matches(['"', '\'']));
            if value.contains("${") || name.ends_with("_FILE") {
                continue;
            }
            assert_eq!(refusal(name, value), None, "{name} = {value} in {}", path.display());
            checked += 1;
        }
    }
    assert!(checked >= 6, "only {checked} values were found");
}

#[test]
fn every_choice_of_the_stack_stands_in_the_example_of_its_environment() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy");
    let [stack, example] =
        ["compose.yaml", ".env.example"].map(|name| fs::read_to_string(root.join(name)).unwrap());
    let choice = Regex::new(r"\$\{([A-Z_]+)").unwrap();
    let missing: Vec<&str> = choice
        .captures_iter(&stack)
        .map(|found| found.get(1).unwrap().as_str())
        .filter(|name| !example.lines().any(|line| line.starts_with(&format!("{name}="))))
        .collect();
    assert!(choice.is_match(&stack) && missing.is_empty(), "{missing:?}");
}

//! The command line as a data scientist meets it.

use crate::world;
use std::path::Path;
use std::process::{Command, Output};

fn proffer(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_proffer")).current_dir(folder).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_history_is_validated_trained_on_and_turned_into_lists() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    world::write(folder);
    let validated = proffer(folder, &["validate", "--history", "history.csv"]);
    assert!(validated.status.success(), "{validated:?}");

    let small = ["--set", "training.ials.factors=6", "--publish-anyway", "--search", "2"];
    let train = ["train", "--history", "history.csv", "--items", "items.csv", "--models", "out"];
    let trained = proffer(folder, &[&train[..], &small[..]].concat());
    assert!(trained.status.success(), "{trained:?}");
    let table = text(&trained.stdout);
    for model in ["iALS", "popularity", "personal frequency", "item-kNN"] {
        assert!(table.contains(model), "{model} is missing from {table}");
    }

    std::fs::write(folder.join("who"), "c2\n\nnobody\nc3\n").unwrap();
    let lists = ["recommend", "--models", "out", "--customers", "who", "--n", "4", "--output", "lists"];
    let written = proffer(folder, &[&lists[..], &["--exclude-purchased"]].concat());
    assert!(written.status.success(), "{written:?}");
    let lists = std::fs::read_to_string(folder.join("lists")).unwrap();
    let rows: Vec<(&str, Vec<&str>)> = lists
        .lines()
        .map(|line| line.split_once('\t').unwrap())
        .map(|(id, items)| (id, items.split(' ').collect()))
        .collect();
    assert_eq!(
        rows.iter().map(|(id, items)| (*id, items.len())).collect::<Vec<_>>(),
        [("c2", 4), ("nobody", 4), ("c3", 4)]
    );
    let history = std::fs::read_to_string(folder.join("history.csv")).unwrap();
    for item in &rows[0].1 {
        assert!(!history.contains(&format!("\nc2,{item},")), "c2 has bought {item}");
    }
}

#[test]
fn a_history_without_times_is_trained_on_and_judged_by_a_file_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    world::write(folder);
    let timed = std::fs::read_to_string(folder.join("history.csv")).unwrap();
    let rows: Vec<String> =
        timed.lines().map(|line| line.split(',').take(2).collect::<Vec<_>>().join(",")).collect();
    let every = |keep: fn(usize) -> bool| -> String {
        let rows = rows.iter().enumerate().filter(|(number, _)| *number == 0 || keep(*number));
        rows.map(|(_, row)| format!("{row}\n")).collect()
    };
    std::fs::write(folder.join("known.csv"), every(|number| number % 5 != 0)).unwrap();
    std::fs::write(folder.join("later.csv"), every(|number| number % 5 == 0)).unwrap();
    let small = ["--history", "known.csv", "--set", "training.ials.factors=6"];
    let judged = proffer(folder, &[&["evaluate", "--test", "later.csv"], &small[..]].concat());
    let said = text(&judged.stdout);
    assert!(judged.status.success() && said.contains("customers of the test file"), "{judged:?}");
    assert!(said.contains("no_times"), "the missing times are mentioned: {said}");
    let trained = proffer(folder, &[&["train", "--models", "out", "--publish-anyway"], &small[..]].concat());
    assert!(text(&trained.stdout).contains("by a random fifth of their items"), "{trained:?}");
    std::fs::write(folder.join("who"), "c2\n").unwrap();
    let lists = proffer(folder, &["recommend", "--models", "out", "--customers", "who", "--n", "3"]);
    assert_eq!(text(&lists.stdout).matches("red").count(), 3, "{lists:?}");
}

#[test]
fn what_would_mislead_fails_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("thin.csv"), "customer_id,item_id,timestamp\na,b,2024-01-01\n").unwrap();
    std::fs::write(folder.join("other.csv"), "client,product,date\na,b,2024-01-01\n").unwrap();
    let cases = [("thin.csv", "customers"), ("other.csv", "client"), ("missing.csv", "missing.csv")];
    for (file, expected) in cases {
        for command in ["validate", "train", "evaluate"] {
            let output = proffer(folder, &[command, "--history", file]);
            let said = text(&output.stdout) + &text(&output.stderr);
            assert!(!output.status.success(), "{command} {file}: {output:?}");
            assert!(said.contains(expected), "{command} {file}: {said}");
        }
    }
    assert!(!folder.join("releases").exists());
    let none = proffer(folder, &["recommend", "--customers", "-"]);
    assert!(text(&none.stderr).contains("there is no release"), "{none:?}");
}

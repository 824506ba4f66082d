//! When training would mislead, the report says so; when not, it does not.

use crate::read_text;
use training::history::DataReport;

fn history(customers: usize, items: usize, days: usize, events_each: usize) -> String {
    let mut text = String::from("customer_id,item_id,timestamp,unit_price\n");
    for customer in 0..customers {
        for event in 0..events_each {
            let (item, day) = ((customer * 7 + event * 3) % items, (customer + event * 5) % days);
            text.push_str(&format!("c{customer},i{item},{}-{:02}-01,3.5\n", 2020 + day / 12, day % 12 + 1));
        }
    }
    text
}

fn problems(report: &DataReport) -> Vec<&str> {
    report.problems.iter().map(|finding| finding.code).collect()
}

#[test]
fn a_sound_history_passes_and_each_defect_is_a_problem_with_a_remedy() {
    let sound = history(60, 25, 12, 4);
    let unreadable = format!("{sound}{}", "c1,i1,never,1\n".repeat(100));
    let anonymous = format!("{sound}{}", ",i1,2020-01-01,1\n".repeat(1000));
    let cases = [
        ("sound", sound.clone(), vec![]),
        ("few customers", history(10, 25, 12, 4), vec!["too_few_customers"]),
        ("few items", history(60, 5, 12, 4), vec!["too_few_items"]),
        (
            "one day",
            history(60, 25, 12, 4).replace("-01,", "T00:00:00Z,").replace("2020-", "2020-01-"),
            vec!["too_short"],
        ),
        ("no times", history(60, 25, 12, 4).replace("timestamp", "comment"), vec![]),
        ("orders taken for customers", history(240, 25, 12, 1), vec!["no_repeat_customers"]),
        ("a column that does not parse", unreadable, vec!["malformed_rows"]),
        ("mostly anonymous", anonymous, vec!["dropped_rows"]),
        ("only a header", "customer_id,item_id,timestamp\n".into(), vec!["no_events"]),
    ];
    for (name, text, expected) in cases {
        let (_, report) = read_text("", text).unwrap();
        assert_eq!(problems(&report), expected, "{name}");
        assert_eq!(report.is_trainable(), expected.is_empty(), "{name}");
        let table = report.to_string();
        for finding in &report.problems {
            assert!(table.contains(&finding.found) && table.contains(&finding.remedy), "{name}: {table}");
        }
        serde_json::to_string(&report).unwrap();
    }
}

#[test]
fn what_deserves_a_look_is_a_warning() {
    let bags = format!(
        "{}{}",
        history(60, 25, 12, 2),
        (0..60).map(|c| format!("c{c},bag,2020-02-01,0\n")).collect::<String>()
    );
    let future = format!("{}c1,i1,2031-01-01,1\n", history(60, 25, 12, 4));
    let twice = history(60, 25, 12, 4)
        + &history(60, 25, 12, 4)["customer_id,item_id,timestamp,unit_price\n".len()..];
    let unpriced = history(60, 25, 12, 4).replace("unit_price", "other");
    for (text, code) in
        [(bags, "dominant_item"), (future, "future"), (twice, "duplicates"), (unpriced, "no_prices")]
    {
        let (_, report) = read_text("", text).unwrap();
        assert_eq!(
            report.warnings.iter().map(|finding| finding.code).collect::<Vec<_>>(),
            [code],
            "{report}"
        );
        assert!(report.is_trainable(), "{report}");
    }
}

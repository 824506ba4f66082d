//! Attributes of items and customers.

use crate::Folder;
use models::payload::{Payload, PayloadValue};
use training::history::Reason;
use training::tables::{ColumnType, TableConfig, TableKind, TableReport, read};

fn read_items(
    toml: &str,
    content: impl AsRef<[u8]>,
) -> Result<(Vec<(String, Payload)>, TableReport), String> {
    let folder = Folder::new();
    let file = folder.file("items.csv", content);
    let config: TableConfig = toml::from_str(toml).unwrap();
    read(TableKind::Items, &config, &file).map_err(|error| error.to_string())
}

fn text(word: &str) -> PayloadValue {
    PayloadValue::Text(word.into())
}

#[test]
fn the_type_of_a_column_comes_from_all_its_cells() {
    let csv = "item_id,price,code,new,size,empty,mixed\n\
               a,1.5,007,true,10,,1\n\
               b,,008,False,,,x\n\
               c,2,010,TRUE,12,,\n";
    let (items, report) = read_items("", csv).unwrap();
    let kinds: Vec<_> =
        report.columns.iter().map(|column| (column.name.as_str(), column.kind, column.filled)).collect();
    use ColumnType::{Flag, Number, Text};
    assert_eq!(
        kinds,
        [
            ("price", Number, 2),
            ("code", Text, 3),
            ("new", Flag, 3),
            ("size", Number, 2),
            ("empty", Text, 0),
            ("mixed", Text, 2)
        ]
    );
    let expected: Payload = [
        ("code".into(), text("008")),
        ("new".into(), PayloadValue::Flag(false)),
        ("mixed".into(), text("x")),
    ]
    .into();
    assert_eq!(items[1], ("b".into(), expected), "an empty cell is an absent attribute");
}

#[test]
fn stated_types_hold_and_what_does_not_fit_them_is_counted() {
    let toml =
        "ignore = ['secret']\nnull_values = ['-']\n[types]\nprice = 'number'\ntags = 'texts'\nsize = 'text'";
    let csv = "item_id,price,tags,size,secret\na,1,red | bio,10,x\nb,cheap,,11,x\nc,inf,-,-,x\n";
    let (items, report) = read_items(toml, csv).unwrap();
    assert_eq!(items[0].1["tags"], PayloadValue::Texts(vec!["red".into(), "bio".into()]));
    assert_eq!(items[0].1["size"], text("10"));
    assert!(!items[0].1.contains_key("secret"));
    assert!(items[2].1.is_empty(), "{:?}", items[2]);
    let refused = report.columns[0].refused.as_ref().unwrap();
    assert_eq!((refused.rows, refused.first.line, refused.first.value.as_str()), (2, 3, "cheap"));
}

#[test]
fn bad_rows_are_dropped_by_reason_and_the_last_of_equal_ids_wins() {
    let csv = [
        b"item_id,name\r\na,old\r\n,nobody\r\nb\r\na,new\r\nc,caf\xe9\r\n".as_slice(),
        "x".repeat(300).as_bytes(),
        b",long\r\n",
    ]
    .concat();
    let (items, report) = read_items("", csv).unwrap();
    assert_eq!(items, [("a".into(), [("name".into(), text("new"))].into())]);
    let lines: Vec<_> =
        report.rows_dropped.iter().map(|(reason, rows)| (*reason, rows.rows, rows.first.line)).collect();
    assert_eq!(
        lines,
        [
            (Reason::Ragged, 1, 4),
            (Reason::BadEncoding, 1, 6),
            (Reason::IdTooLong, 1, 7),
            (Reason::MissingItem, 1, 3),
            (Reason::Duplicate, 1, 5),
        ]
    );
}

#[test]
fn tables_that_cannot_be_used_say_why() {
    let wide = (0..300).map(|n| format!("c{n}")).collect::<Vec<_>>().join(",");
    let cases = [
        ("", "id,name\n", "one column `item_id`; found `id`, `name`"),
        ("id_column = 'sku'", "id,name\n", "one column `sku`"),
        ("types = { price = 'number' }", "item_id,name\n", "one column `price`"),
        ("ignore = ['nmae']", "item_id,name\n", "one column `nmae`"),
        ("", "item_id,name,item_id\n", "exactly one column `item_id`"),
        ("", "item_id,a\\b\na,1\n", "column `a\\b`, but the name of an attribute must be without"),
        ("", "", "is empty"),
        ("", &wide, "300 columns"),
        ("delimiter = 'é'", "item_id\n", "delimiter"),
        ("", "PAR1nonsense", "Parquet"),
    ];
    for (toml, content, expected) in cases {
        let error = read_items(toml, content).unwrap_err();
        assert!(error.contains(expected), "{content:.20}: {error}");
    }
    assert!(toml::from_str::<TableConfig>("id = 'x'").is_err(), "unknown keys are refused");
}

//! One history, whatever holds it.

use crate::{Folder, NOW, config, read_text};
use arrow::array::{
    ArrayRef, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use parquet::arrow::ArrowWriter;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use training::history::{HistoryError, Progress, read};

const CSV: &str = "customer_id,item_id,timestamp,quantity,discount,channel\n7,i1,2023-01-02,1,2.5,2\n8,i2,2023-01-03,2,,\n,i3,2023-01-03,1,0,1\n";

fn parquet(folder: &Folder, name: &str, columns: Vec<(&str, ArrayRef)>) -> PathBuf {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let file = std::fs::File::create(folder.path(name)).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    folder.path(name)
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn plain_gzip_zstd_and_parquet_hold_the_same_history() {
    let folder = Folder::new();
    let (expected, expected_report) = read_text("", CSV).unwrap();
    let days = vec![Some(19_359), Some(19_360), Some(19_360)];
    let ids: ArrayRef = Arc::new(Float64Array::from(vec![Some(7.0), Some(8.0), None]));
    let items: ArrayRef = Arc::new(StringArray::from(vec!["i1", "i2", "i3"]));
    let files = [
        // In two members and two frames, as concatenated archives are.
        folder.file("a", [gzip(&CSV.as_bytes()[..50]), gzip(&CSV.as_bytes()[50..])].concat()),
        folder.file(
            "b",
            [
                zstd::encode_all(&CSV.as_bytes()[..9], 3).unwrap(),
                zstd::encode_all(&CSV.as_bytes()[9..], 3).unwrap(),
            ]
            .concat(),
        ),
        parquet(
            &folder,
            "c",
            vec![
                ("timestamp", Arc::new(Date32Array::from(days))),
                ("unused", Arc::clone(&items)),
                ("customer_id", ids),
                ("item_id", items),
                ("quantity", Arc::new(Int64Array::from(vec![1, 2, 1]))),
                ("discount", Arc::new(Float64Array::from(vec![Some(-2.5), None, Some(0.0)]))),
                ("channel", Arc::new(Int64Array::from(vec![Some(2), None, Some(1)]))),
            ],
        ),
    ];
    for file in files {
        let (history, report) = read(&config(""), std::slice::from_ref(&file), NOW, |_| {}, None).unwrap();
        assert_eq!(history.log.events(), expected.log.events(), "{file:?}");
        assert!(history.customers.iter().eq(expected.customers.iter()), "{file:?}");
        assert!(history.channels.iter().eq(expected.channels.iter()), "{file:?}");
        assert_eq!(
            report.rows_dropped.keys().collect::<Vec<_>>(),
            expected_report.rows_dropped.keys().collect::<Vec<_>>()
        );
    }
}

#[test]
fn parquet_times_are_utc_with_a_zone_and_local_without() {
    let folder = Folder::new();
    let at = || TimestampMicrosecondArray::from(vec![1_672_617_600_000_000]);
    let ids = || -> ArrayRef { Arc::new(StringArray::from(vec!["x"])) };
    for (times, expected) in
        [(at().with_timezone("+05:00"), "2023-01-02T00:00:00Z"), (at(), "2023-01-01T23:00:00Z")]
    {
        let columns =
            vec![("customer_id", ids()), ("item_id", ids()), ("timestamp", Arc::new(times) as ArrayRef)];
        let file = parquet(&folder, "t", columns);
        let (_, report) = read(&config(r#"utc_offset = "+01:00""#), &[file], NOW, |_| {}, None).unwrap();
        assert_eq!(report.span.unwrap().first, expected);
    }
}

#[test]
fn parquet_columns_of_a_wrong_type_are_named() {
    let folder = Folder::new();
    let ids = || -> ArrayRef { Arc::new(StringArray::from(vec!["x"])) };
    let fractions: ArrayRef = Arc::new(Float64Array::from(vec![1.5]));
    let cases: [(&str, Vec<(&str, ArrayRef)>); 2] = [
        ("customer_id", vec![("customer_id", fractions.clone()), ("item_id", ids()), ("timestamp", ids())]),
        ("timestamp", vec![("customer_id", ids()), ("item_id", ids()), ("timestamp", fractions)]),
    ];
    for (column, columns) in cases {
        let file = parquet(&folder, "w", columns);
        let error = read(&config(""), &[file], NOW, |_| {}, None).unwrap_err();
        assert!(
            matches!(&error, HistoryError::ColumnType { column: found, .. } if found == column),
            "{error}"
        );
    }
}

#[test]
fn a_truncated_archive_is_an_error_and_not_a_shorter_history() {
    let text = format!("{}{}", CSV, "9,i1,2023-01-04,1,,\n".repeat(20_000));
    let folder = Folder::new();
    for whole in [gzip(text.as_bytes()), zstd::encode_all(text.as_bytes(), 3).unwrap()] {
        let file = folder.file("cut", &whole[..whole.len() - 8]);
        let error = read(&config(""), &[file], NOW, |_| {}, None).unwrap_err();
        assert!(error.to_string().contains("is the file complete?"), "{error}");
    }
}

#[test]
fn several_files_are_one_history_each_with_its_own_columns() {
    let folder = Folder::new();
    let files = [
        folder.file("1.csv", CSV),
        folder.file("2.csv", "timestamp,item_id,customer_id\n2023-02-01,i9,7\n"),
        folder.file("3.csv.gz", gzip(CSV.as_bytes())),
    ];
    let mut last = None;
    let (history, report) =
        read(&config(""), &files, NOW, |progress: Progress| last = Some(progress), None).unwrap();
    assert_eq!(report.files.iter().map(|file| file.rows_read).collect::<Vec<_>>(), [3, 1, 3]);
    assert_eq!(history.customers.iter().map(|(_, id)| id).collect::<Vec<_>>(), ["7", "8"]);
    assert_eq!(report.rows_kept, 3, "the third file repeats the first");
    let last = last.unwrap();
    assert_eq!((last.bytes_read, last.rows_kept), (last.bytes_total, 3));
}

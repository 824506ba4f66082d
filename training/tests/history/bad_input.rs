//! What real exports hold: each row is kept or dropped for a stated reason, each unusable file is a clear error.

use crate::{Folder, NOW, config, dropped, read_text};
use models::ids::ChannelIx;
use training::history::{HistoryConfig, HistoryError, Reason, read};

const HEADER: &str = "customer_id,item_id,timestamp,quantity,unit_price,order_id\n";
const GOOD: &str = "c1,i1,2023-01-02,1,2.5,o1\n";

#[test]
fn each_bad_row_is_dropped_for_its_reason_with_its_line_and_value() {
    let long = "x".repeat(257);
    let cases: &[(&str, &str, &[u8], Reason, &str)] = &[
        ("too few fields", "", b"c1,i1,2023-01-03", Reason::Ragged, "3 fields instead of 6"),
        ("too many fields", "", b"c1,i1,2023-01-03,1,2,o,more", Reason::Ragged, "7 fields instead of 6"),
        ("a stray byte", "", b"c1,caf\xe9,2023-01-03,1,2,o", Reason::BadEncoding, "caf\u{fffd}"),
        ("no customer", "", b",i1,2023-01-03,1,2,o", Reason::MissingCustomer, ""),
        ("blank customer", "", b"  ,i1,2023-01-03,1,2,o", Reason::MissingCustomer, ""),
        ("no item", "", b"c1,,2023-01-03,1,2,o", Reason::MissingItem, ""),
        ("no time", "", b"c1,i1,,1,2,o", Reason::MissingTimestamp, ""),
        ("null", r#"null_values = ["NULL"]"#, b"NULL,i1,2023-01-03,1,2,o", Reason::MissingCustomer, ""),
        ("id too long", "", long.as_bytes(), Reason::IdTooLong, "xxx"),
        ("no such day", "", b"c1,i1,2023-02-30,1,2,o", Reason::BadTimestamp, "2023-02-30"),
        ("another format", "", b"c1,i1,03/01/2023,1,2,o", Reason::BadTimestamp, "03/01/2023"),
        ("placeholder", "", b"c1,i1,1900-01-01,1,2,o", Reason::TooOld, "1900-01-01"),
        ("far future", "", b"c1,i1,2023-11-17,1,2,o", Reason::Future, "2023-11-17"),
        ("NaN", "", b"c1,i1,2023-01-03,NaN,2,o", Reason::BadNumber, "NaN"),
        ("infinity", "", b"c1,i1,2023-01-03,1,inf,o", Reason::BadNumber, "inf"),
        ("absurd", "", b"c1,i1,2023-01-03,1e300,2,o", Reason::BadNumber, "1e300"),
        ("words", "", b"c1,i1,2023-01-03,two,2,o", Reason::BadNumber, "two"),
        ("decimal comma", "", b"c1,i1,2023-01-03,1,\"2,5\",o", Reason::BadNumber, "2,5"),
        ("negative price", "", b"c1,i1,2023-01-03,1,-2,o", Reason::NegativePrice, "-2"),
        ("for nothing", r#"zero_prices = "drop""#, b"c1,i1,2023-01-03,1,0,o", Reason::ZeroPrice, "0"),
        ("no price", r#"zero_prices = "drop""#, b"c1,i1,2023-01-03,1,,o", Reason::ZeroPrice, ""),
        ("no unit", r#"zero_quantities = "drop""#, b"c1,i1,2023-01-03,0,1,o", Reason::ZeroQuantity, "0"),
        ("return", r#"returns = "drop""#, b"c1,i1,2023-01-03,-1,2,o", Reason::Return, "-1"),
        (
            "cancellation",
            "returns = \"drop\"\nreturn_order_prefixes = [\"C\"]",
            b"c1,i1,2023-01-03,1,2,C7",
            Reason::Return,
            "1",
        ),
        ("the same again", "", b"c1,i1,2023-01-02,1.0,2.50,o1", Reason::Duplicate, ""),
        ("header again", "", HEADER.trim().as_bytes(), Reason::RepeatedHeader, ""),
        ("postage", r#"exclude.items = ["POST"]"#, b"c1,POST,2023-01-03,1,2,o", Reason::ExcludedItem, "POST"),
        (
            "voucher",
            r#"exclude.item_patterns = ["gift_.*"]"#,
            b"c1,gift_0001,2023-01-03,1,2,o",
            Reason::ExcludedItem,
            "gift_0001",
        ),
        ("till", r#"exclude.customers = ["0"]"#, b"0,i1,2023-01-03,1,2,o", Reason::ExcludedCustomer, "0"),
        (
            "test account",
            r#"exclude.customer_patterns = ["test\\d+"]"#,
            b"test12,i1,2023-01-03,1,2,o",
            Reason::ExcludedCustomer,
            "test12",
        ),
    ];
    for (name, toml, row, reason, value) in cases {
        let row = if *reason == Reason::IdTooLong {
            format!("{long},i1,2023-01-03,1,2,o").into()
        } else {
            row.to_vec()
        };
        let content = [HEADER.as_bytes(), GOOD.as_bytes(), b"\r\n", &row, b"\r\n"].concat();
        let (history, report) = read_text(toml, content).unwrap();
        assert_eq!(dropped(&report), [(*reason, 1)], "{name}");
        let first = &report.rows_dropped[reason].first;
        assert_eq!(first.line, 4, "{name}: a blank line counts");
        assert!(first.value.starts_with(value) && first.value.chars().count() <= 61, "{name}: {first}");
        assert_eq!((report.rows_read, report.rows_kept), (2, 1), "{name}");
        assert_eq!(
            (history.customers.len(), history.items.len()),
            (1, 1),
            "{name}: its ids are not part of it"
        );
    }
}

#[test]
fn sound_rows_are_kept_whatever_their_ids_and_line_ends() {
    let content = concat!(
        "\u{feff}customer_id,item_id,timestamp\r\n",
        "\"a,\"\"b\"\"\",\"two\nlines\",2023-01-02T10:00:00Z\r\n",
        " spaced ,../../etc/passwd,2023-01-02 10:00:00\n",
        "\u{0},été 🍷,2023-01-02",
    );
    let (history, report) = read_text("", content).unwrap();
    assert_eq!(dropped(&report), []);
    let customers: Vec<&str> = history.customers.iter().map(|(_, id)| id).collect();
    let items: Vec<&str> = history.items.iter().map(|(_, id)| id).collect();
    assert_eq!(customers, ["a,\"b\"", " spaced ", "\u{0}"]);
    assert_eq!(items, ["two\nlines", "../../etc/passwd", "été 🍷"]);
    assert_eq!(history.n_orders, 3, "without order ids each customer's day is an order");
}

#[test]
fn numbers_times_and_bytes_are_read_as_stated() {
    let toml = r#"
        timestamp_formats = ["%d.%m.%Y %H:%M"]
        utc_offset = "+01:00"
        delimiter = ";"
        decimal_separator = ","
        encoding = "latin1"
        columns = { customer_id = "Kunde", item_id = "Artikel", timestamp = "Zeit", line_total = "Betrag" }
    "#;
    let (history, report) =
        read_text(toml, b"Zeit;Kunde;Artikel;Betrag\n02.01.2023 00:30;7;K\xe4se;3,25\n").unwrap();
    assert_eq!(dropped(&report), []);
    assert_eq!(history.items.iter().map(|(_, id)| id).collect::<Vec<_>>(), ["Käse"]);
    assert_eq!(report.span.unwrap().first, "2023-01-01T23:30:00Z");
    assert_eq!(report.sales, 3.25);
}

#[test]
fn returns_net_out_however_they_are_written() {
    let ways = [
        ("", "customer_id,item_id,timestamp,quantity\nc,i,2023-01-02,2\nc,i,2023-01-03,-2\n"),
        (
            r#"return_order_prefixes = ["C"]"#,
            "customer_id,item_id,timestamp,quantity,order_id\nc,i,2023-01-02,2,7\nc,i,2023-01-03,2,C7\n",
        ),
        ("", "customer_id,item_id,timestamp,quantity,line_total\nc,i,2023-01-02,2,9\nc,i,2023-01-03,2,-9\n"),
        (
            "",
            "customer_id,item_id,timestamp,quantity,event_type\nc,i,2023-01-02,2,purchase\nc,i,2023-01-03,2,return\n",
        ),
    ];
    for (toml, content) in ways {
        let (_, report) = read_text(toml, content).unwrap();
        let returns = &report.returns;
        assert_eq!((returns.rows, returns.units, returns.pairs_cancelled), (1, 2.0, 1), "{content}");
        assert_eq!(report.sales, 0.0, "{content}");
    }
}

#[test]
fn a_discount_is_money_off_the_line_whatever_its_sign_and_a_bad_one_drops_its_row() {
    let content = "customer_id,item_id,timestamp,quantity,line_total,discount\n\
                   c,a,2023-01-02,1,7.5,2.5\nc,b,2023-01-02,3,7.5,-2.5\nc,c,2023-01-02,1,0,4\n\
                   c,d,2023-01-02,1,5,\nc,e,2023-01-02,1,0,0\nc,f,2023-01-02,-1,-9,1\n\
                   c,g,2023-01-02,1,1,half\nc,a,2023-01-02,1,7.5,2.4\n";
    let (history, report) = read_text("", content).unwrap();
    let percent: Vec<u8> = history.log.events().iter().map(|event| event.discount_percent).collect();
    assert_eq!(percent, [24, 25, 25, 100, 0, 0, 10], "the last row is no duplicate of the first");
    assert_eq!(dropped(&report), [(Reason::BadNumber, 1)]);
    assert_eq!(report.rows_dropped[&Reason::BadNumber].first.value, "half");
    let discounts = report.discounts.as_ref().unwrap();
    assert_eq!((discounts.lines, discounts.share), (5, 5.0 / 7.0));
    assert!(report.to_string().contains("lines with a discount           71.4 %"), "{report}");
    let prices = "customer_id,item_id,timestamp,quantity,unit_price,saved\nc,a,2023-01-02,3,1,1\n";
    let (history, _) = read_text(r#"columns.discount = "saved""#, prices).unwrap();
    assert_eq!(history.log.events()[0].discount_percent, 25, "of the line, not of one unit");
}

#[test]
fn channels_are_numbered_as_they_come_and_those_beyond_254_count_as_unknown() {
    let rows = |n: usize| -> String {
        (0..n).map(|at| format!("c{at},i,2023-01-02,s{at}\nc{at},j,2023-01-02,s0\n")).collect()
    };
    let header = "customer_id,item_id,timestamp,store\n";
    let toml = r#"columns.channel = "store""#;
    let few = format!("{header},x,2023-01-02,dropped\nc,i,2023-01-01,\n{}", rows(2));
    let (history, report) = read_text(toml, few).unwrap();
    assert_eq!(history.channels.iter().map(|(_, id)| id).collect::<Vec<_>>(), ["", "s0", "s1"]);
    let channels: Vec<u8> = history.log.events().iter().map(|event| event.channel.0).collect();
    assert_eq!(channels, [0, 1, 1, 2, 1]);
    let shares: Vec<_> = report.channels.iter().map(|c| (c.channel.as_str(), c.lines, c.share)).collect();
    assert_eq!(shares, [("s0", 3, 0.6), ("s1", 1, 0.2)]);
    assert!(report.to_string().contains("  channel not known             20.0 %"), "{report}");

    let (history, report) = read_text(toml, format!("{header}{}", rows(300))).unwrap();
    assert_eq!((history.channels.len(), report.lines_of_other_channels), (255, 46));
    let unknown = history.log.events().iter().filter(|event| event.channel == ChannelIx::UNKNOWN).count();
    assert_eq!(unknown, 46);
    let warning = report.warnings.iter().find(|warning| warning.code == "too_many_channels").unwrap();
    assert_eq!(warning.found, "46 lines are of channels beyond the first 254");
    assert!(report.to_string().contains("  249 other channels"), "{report}");
}

#[test]
fn what_makes_a_file_unusable_is_an_error_that_says_where_and_what_to_do() {
    let million = format!("{HEADER}{}", GOOD.repeat(999_999));
    let changed = format!("{million}item_id,customer_id,timestamp,quantity,unit_price,order_id\n{GOOD}");
    let narrower = format!("{million}customer_id,item_id,timestamp\n{GOOD}");
    let open_quote = format!("{HEADER}{GOOD}c1,\"open,{}", GOOD.repeat(4));
    let cases: &[(&str, &str, &[u8], &str)] = &[
        ("empty", "", b"", "is empty"),
        ("blank lines", "", b"\n\n", "is empty"),
        (
            "no such column",
            "",
            b"customer,item_id,timestamp\n",
            "no column `customer_id`; found `customer`, `item_id`",
        ),
        ("two missing", "", b"a,b\n", "`customer_id`, `item_id`; found `a`, `b`"),
        (
            "times stated but missing",
            r#"columns.timestamp = "date""#,
            b"customer_id,item_id\n",
            "no column `date`",
        ),
        ("stated but missing", r#"columns.quantity = "qty""#, HEADER.as_bytes(), "no column `qty`"),
        ("wrong delimiter", r#"delimiter = ";""#, HEADER.as_bytes(), "no column"),
        ("twice", "", b"customer_id,item_id,timestamp,item_id\n", "more than one column `item_id`"),
        ("header changed", "", changed.as_bytes(), "line 1000001: a different header starts here (item_id,"),
        ("header narrower", "", narrower.as_bytes(), "line 1000001: a different header starts here"),
        ("open quote", "", open_quote.as_bytes(), "line 3: the record that starts here ends neither"),
        ("UTF-16", "", b"\xff\xfec\0u\0", "UTF-16"),
        ("zip", "", b"PK\x03\x04....", "zip archive"),
        ("xz", "", b"\xfd7zXZ\0", "xz file"),
        ("not gzip after all", "", b"\x1f\x8bnonsense", "cannot be"),
        ("not Parquet after all", "", b"PAR1nonsense", "cannot be read as Parquet"),
    ];
    for (name, toml, content, expected) in cases {
        let error = read_text(toml, content).err().unwrap_or_else(|| panic!("{name} was accepted"));
        let message = error.to_string();
        assert!(message.contains(expected), "{name}: {message}");
        assert!(message.contains("h.csv"), "{name} names the file: {message}");
    }
    let missing =
        read(&HistoryConfig::default(), &["/no/such/file.csv".into()], NOW, |_| {}, None).unwrap_err();
    assert!(matches!(&missing, HistoryError::Open { .. }), "{missing}");
    let folder = Folder::new();
    let directory = read(&HistoryConfig::default(), &[folder.path("")], NOW, |_| {}, None).unwrap_err();
    assert!(directory.to_string().contains("directory"), "{directory}");
    assert!(matches!(read(&HistoryConfig::default(), &[], NOW, |_| {}, None), Err(HistoryError::NoFiles)));
}

#[test]
fn a_configuration_that_contradicts_itself_is_refused_by_key() {
    let cases = [
        (r#"timestamp_formats = ["%d/%m/%Y", "%m/%d/%Y"]"#, "timestamp_formats"),
        (r#"timestamp_formats = ["%H:%M"]"#, "timestamp_formats"),
        ("timestamp_formats = []", "timestamp_formats"),
        (r#"utc_offset = "CET""#, "utc_offset"),
        (r#"delimiter = "é""#, "delimiter"),
        ("delimiter = '\"'", "delimiter"),
        (r#"decimal_separator = ";""#, "decimal_separator"),
        (r#"exclude.item_patterns = ["("]"#, "exclude.item_patterns"),
        (r#"columns = { unit_price = "a", line_total = "b" }"#, "columns.unit_price"),
        (r#"return_order_prefixes = [""]"#, "return_order_prefixes"),
        ("future_days = -1.0", "future_days"),
        ("minimums.max_malformed_share = 2.0", "minimums.max_malformed_share"),
        ("minimums.days = nan", "minimums.days"),
    ];
    for (toml, key) in cases {
        let error = read_text(toml, HEADER).unwrap_err().to_string();
        assert!(error.starts_with(&format!("history.{key} is ")), "{toml}: {error}");
    }
    assert!(toml::from_str::<HistoryConfig>("delimeter = ';'").is_err(), "unknown keys are refused");
}

#[test]
fn rejected_rows_are_written_as_they_are_and_only_when_all_was_read() {
    let folder = Folder::new();
    let file = folder.file("h.csv", format!("{HEADER}{GOOD}c2,\"i,2\",never,1,2,o\n{GOOD}"));
    let rejected = folder.path("rejected.csv");
    read(&config(""), std::slice::from_ref(&file), NOW, |_| {}, Some(&rejected)).unwrap();
    let mut reader = csv::Reader::from_path(&rejected).unwrap();
    assert_eq!(reader.headers().unwrap(), vec!["file", "line", "reason", "raw"]);
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let path = file.to_str().unwrap();
    assert_eq!(rows[0], vec![path, "3", "bad_timestamp", "c2,\"i,2\",never,1,2,o"]);
    assert_eq!(rows[1], vec![path, "4", "duplicate", GOOD.trim()]);

    std::fs::remove_file(&rejected).unwrap();
    let broken = folder.file("broken.csv", "a,b\n");
    assert!(read(&config(""), &[file, broken], NOW, |_| {}, Some(&rejected)).is_err());
    assert_eq!(folder.names(), ["broken.csv", "h.csv"], "nothing half-written");
}

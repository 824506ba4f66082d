//! Real histories give the figures that are known of them.

use crate::config;
use models::events::Timestamp;
use models::ids::Ix;
use std::io::Write;
use std::path::{Path, PathBuf};
use training::history::{DataReport, HistoryConfig, Reason, read};
use training::tables::{self, TableConfig, TableKind};

/// 2026-01-01.
const NOW: Timestamp = Timestamp(1_767_225_600);

fn demo(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../demo").join(name)
}

#[test]
fn the_bundled_purchases_need_no_configuration_and_give_the_stated_counts() {
    let (history, report) =
        read(&HistoryConfig::default(), &[demo("purchases.parquet")], NOW, |_| {}, None).unwrap();
    assert_eq!(report.rows_dropped.len(), 0, "{report}");
    assert_eq!(report.rows_kept, 1_469_307);
    assert_eq!((report.customers, report.orders, report.items), (2_469, 155_848, 68_509));
    assert_eq!(report.pairs, 867_688);
    assert_eq!(format!("{:.2}", report.sales), "4596039.58");
    assert_eq!(report.discounts.as_ref().unwrap().lines, 742_560);
    assert_eq!(report.channels, []);
    assert_eq!(report.span.as_ref().unwrap().first, "2017-01-01T11:53:26Z");
    assert!(report.is_trainable(), "{report}");
    assert!(history.log.events().iter().all(|event| event.order.position() < history.n_orders));

    let (products, products_report) =
        tables::read(TableKind::Items, &TableConfig::default(), &demo("products.parquet")).unwrap();
    assert_eq!(products_report.rows_dropped.len(), 0, "{products_report}");
    assert!(
        products.iter().all(|(id, _)| history.items.get(id).is_some()),
        "only what was bought is bundled"
    );
    assert_eq!(products.len(), 68_492, "17 products are unknown to the catalogue");
    let (customers, _) =
        tables::read(TableKind::Customers, &TableConfig::default(), &demo("customers.parquet")).unwrap();
    assert_eq!(customers.len(), 801);
    assert!(customers.iter().all(|(id, _)| history.customers.get(id).is_some()));
}

fn online_retail(toml: &str) -> Option<DataReport> {
    let Some(file) = std::env::var_os("PROFFER_TEST_ONLINE_RETAIL") else {
        // Past the capture of test output: a skipped test must be seen.
        let _ = writeln!(
            std::io::stderr(),
            "skipped: set PROFFER_TEST_ONLINE_RETAIL to the path of online_retail.csv(.zst)"
        );
        return None;
    };
    let mapping = r#"
        return_order_prefixes = ["C"]
        columns = { customer_id = "CustomerID", item_id = "StockCode", timestamp = "InvoiceDate", quantity = "Quantity", unit_price = "UnitPrice", order_id = "InvoiceNo" }
    "#;
    let (_, report) =
        read(&config(&format!("{toml}\n{mapping}")), &[file.into()], NOW, |_| {}, None).unwrap();
    Some(report)
}

#[test]
fn online_retail_gives_the_figures_that_are_known_of_it() {
    let toml = "returns = \"drop\"\nzero_prices = \"drop\"\nduplicates = \"keep\"";
    let Some(report) = online_retail(toml) else { return };
    assert_eq!((report.rows_read, report.rows_kept), (541_909, 397_884));
    assert_eq!(report.rows_dropped[&Reason::MissingCustomer].rows, 135_080);
    assert_eq!((report.customers, report.items, report.orders), (4_338, 3_665, 18_532));
    assert_eq!(report.pairs, 266_792);
    assert_eq!(format!("{:.2}", report.sales), "8911407.90");
}

#[test]
fn online_retail_can_be_trained_on_with_its_returns_and_without_its_postage() {
    let toml = r#"exclude = { items = ["POST", "DOT", "M", "m", "D", "S", "B", "C2", "CRUK", "PADS", "AMAZONFEE", "BANK CHARGES"], item_patterns = ["gift_.*", "DCGS.*"] }"#;
    let Some(report) = online_retail(toml) else { return };
    assert!(report.is_trainable(), "{report}");
    assert!(
        report.rows_dropped.contains_key(&Reason::ExcludedItem)
            && report.rows_dropped.contains_key(&Reason::Duplicate)
    );
    assert!(report.returns.rows > 8_000 && report.returns.pairs_cancelled > 1_000, "{report}");
}

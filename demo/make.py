"""Makes the bundled demonstration data from the folder of the Complete Journey CSV files.

    pip install pyarrow zstandard
    python make.py SOURCE_FOLDER

Purchases, products and customers get the canonical column names, so that reading them needs no mapping.
Everything is sorted and typed before it is written: that is what keeps a year of purchases below 10 MB.
"""

import io
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import zstandard

HERE = Path(__file__).parent


def table(name: str, source: Path) -> pa.Table:
    """Reads one of the source's files."""
    with (source / f"{name}.csv.zst").open("rb") as file:
        text = zstandard.ZstdDecompressor().stream_reader(file).read()
    return pyarrow.csv.read_csv(
        io.BytesIO(text),
        convert_options=pyarrow.csv.ConvertOptions(strings_can_be_null=True, null_values=[""]),
    )


def write(name: str, table: pa.Table, delta: list[str] = [], plain: list[str] = []) -> None:
    """Writes one Parquet file, as small as it gets: delta coding for what is sorted, dictionaries elsewhere."""
    pq.write_table(
        table.replace_schema_metadata(None),
        HERE / f"{name}.parquet",
        compression="zstd",
        compression_level=22,
        row_group_size=len(table),
        data_page_size=1 << 22,
        dictionary_pagesize_limit=1 << 22,
        use_dictionary=[c for c in table.column_names if c not in delta + plain],
        column_encoding={c: "DELTA_BINARY_PACKED" for c in delta},
        write_statistics=False,
        store_schema=False,
    )


def purchases(source: Path) -> pa.Table:
    t = table("transactions", source).sort_by(
        [("transaction_timestamp", "ascending"), ("basket_id", "ascending"), ("product_id", "ascending")]
    )
    # Money taken off the line is in three columns, never negative; the sum is rounded back to cents.
    discount = pc.add(pc.add(t["retail_disc"], t["coupon_disc"]), t["coupon_match_disc"])
    return pa.table(
        {
            "customer_id": t["household_id"].cast(pa.int32()),
            "item_id": t["product_id"].cast(pa.int32()),
            "timestamp": t["transaction_timestamp"].cast(pa.timestamp("ms")),
            "quantity": t["quantity"].cast(pa.int32()),
            "line_total": t["sales_value"],
            "discount": pc.round(discount, 2),
            "order_id": t["basket_id"],
        }
    )


def products(source: Path, bought: pa.ChunkedArray) -> pa.Table:
    t = table("products", source)
    t = t.filter(pc.is_in(t["product_id"], value_set=pc.unique(bought).cast(pa.int64()))).sort_by("product_id")
    return t.select(
        ["product_id", "department", "product_category", "product_type", "brand", "manufacturer_id", "package_size"]
    ).rename_columns(["item_id", "department", "category", "type", "brand", "manufacturer", "package_size"])


def main() -> None:
    source = Path(sys.argv[1])
    bought = purchases(source)
    write("purchases", bought, delta=["timestamp", "order_id"])
    write("products", products(source, bought["item_id"]))
    customer = {"household_id": "customer_id"}
    item = {"product_id": "item_id"}
    for name, origin, order in [
        ("customers", "demographics", ["customer_id"]),
        ("campaigns", "campaign_descriptions", ["campaign_id"]),
        ("campaign_customers", "campaigns", ["campaign_id", "customer_id"]),
        ("coupons", "coupons", ["campaign_id", "coupon_upc", "item_id"]),
        ("coupon_redemptions", "coupon_redemptions", ["redemption_date", "customer_id"]),
    ]:
        t = table(origin, source)
        t = t.rename_columns([(customer | item).get(c, c) for c in t.column_names])
        write(name, t.sort_by([(c, "ascending") for c in order]))
    total = sum(file.stat().st_size for file in HERE.glob("*.parquet"))
    for file in sorted(HERE.glob("*.parquet")):
        print(f"{file.stat().st_size:>10,}  {pq.read_metadata(file).num_rows:>9,} rows  {file.name}")
    assert total < 10_000_000, f"{total:,} bytes are too many to bundle"


if __name__ == "__main__":
    main()

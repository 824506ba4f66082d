"""Makes tables for compare.py, as models/examples/propensity.rs describes them, from data sets that people have.

tables.py bank FILE STEM                 Bank Marketing (UCI 222), without `duration`, which is known only after the call.
                                         Rows are in date order. STEM.csv: the first 80 % to train, the rest to test.
                                         STEM_rolling_K.csv: each tenth from the fourth on, after all rows before it.
tables.py complete_journey FOLDER STEM   Who redeems a coupon of which campaign. Campaigns that ended by a day train, those
                                         that began after it are the test; features are as of the campaign's first day.
"""
import sys

import numpy as np
import pandas as pd

KEYS = ["fold", "label", "customer", "time", "offer", "channel", "group"]


def encoded(frame):
    """Numbers as they are, with a column saying where one is missing; a 0/1 column for each word but one."""
    columns = {}
    for name in frame.columns:
        numbers = pd.to_numeric(frame[name], errors="coerce")
        if numbers.notna().mean() > 0.95:
            if numbers.isna().any():
                columns[f"{name}_missing"] = numbers.isna().astype(int)
            columns[name] = numbers.fillna(0)
        else:
            words = sorted(frame[name].astype(str).unique())
            for word in words[1:] if len(words) <= 2 else words:
                columns[f"{name}_{word}".replace(",", " ")] = (frame[name].astype(str) == word).astype(int)
    return pd.DataFrame(columns)


def write(table, path):
    features = [name for name in table.columns if name not in KEYS]
    table[KEYS + features].to_csv(path, index=False, float_format="%.6g")


def bank(file, stem):
    frame = pd.read_csv(file)
    table = encoded(frame.drop(columns=["y", "duration"]))
    n = len(frame)
    rows = np.arange(n)
    table["label"] = (frame["y"] == "yes").astype(int)
    table["customer"] = table["time"] = rows
    table["offer"], table["group"], table["channel"] = "term deposit", "savings", frame["contact"]
    write(table.assign(fold=np.where(rows < 0.8 * n, "train", "test")), f"{stem}.csv")
    for tenth in range(3, 10):
        before, inside = rows < tenth * n // 10, rows < (tenth + 1) * n // 10
        write(table.assign(fold=np.where(before, "train", "test"))[inside], f"{stem}_rolling_{tenth + 1}.csv")


# Campaigns before the first day have no history to look at; those after the last day have hardly begun at the end of the year.
FIRST, CUT, LAST = map(pd.Timestamp, ("2017-02-01", "2017-09-25", "2017-12-15"))
AGES = {"19-24": 1, "25-34": 2, "35-44": 3, "45-54": 4, "55-64": 5, "65+": 6}
INCOMES = ["Under 15K", "15-24K", "25-34K", "35-49K", "50-74K", "75-99K", "100-124K", "125-149K", "150-174K",
           "175-199K", "200-249K", "250K+"]


def demographics(frame):
    frame = frame.set_index("household_id")
    table = pd.DataFrame(index=frame.index)
    table["demo_known"] = 1
    table["demo_age"] = frame["age"].map(AGES).fillna(0)
    table["demo_income"] = frame["income"].map({word: at + 1 for at, word in enumerate(INCOMES)}).fillna(0)
    table["demo_homeowner"] = (frame["home_ownership"] == "Homeowner").astype(int)
    table["demo_married"] = (frame["marital_status"] == "Married").astype(int)
    table["demo_size"] = frame["household_size"].astype(str).str.extract(r"(\d)")[0].astype(float).fillna(0)
    table["demo_kids"] = frame["kids_count"].astype(str).str.extract(r"(\d)")[0].astype(float).fillna(0)
    return table


def behaviour(lines, baskets, day):
    """What households did before a day."""
    lines, baskets = lines[lines["at"] < day], baskets[baskets["at"] < day]
    recent = baskets[baskets["at"] >= day - pd.Timedelta(days=28)]
    by = baskets.groupby("household_id")
    table = pd.DataFrame({
        "orders": by.size(), "spend": by["sales"].sum(), "basket": by["sales"].mean(),
        "days_since_order": (day - by["at"].max()).dt.total_seconds() / 86400,
        "days_known": (day - by["at"].min()).dt.total_seconds() / 86400,
        "coupon_orders": by["coupon"].sum(),
    })
    table["orders_28"] = recent.groupby("household_id").size()
    table["spend_28"] = recent.groupby("household_id")["sales"].sum()
    table["coupon_orders_28"] = recent.groupby("household_id")["coupon"].sum()
    table["items"] = lines.groupby("household_id")["product_id"].nunique()
    by = lines.groupby("household_id")
    table["discount_share"] = by["retail_disc"].sum() / (by["sales_value"].sum() + by["retail_disc"].sum() + 0.01)
    return table.fillna(0)


def affinity(lines, day, products, categories):
    """How much of a household's spending goes to what the coupons are for."""
    lines = lines[lines["at"] < day]
    spend = lines.groupby("household_id")["sales_value"].sum() + 0.01
    table = pd.DataFrame(index=spend.index)
    mine = lines[lines["product_id"].isin(products)]
    table["affinity"] = mine.groupby("household_id")["sales_value"].sum() / spend
    table["affinity_items"] = mine.groupby("household_id")["product_id"].nunique()
    table["affinity_28"] = mine[mine["at"] >= day - pd.Timedelta(days=28)].groupby("household_id").size()
    kin = lines[lines["product_category"].isin(categories)]
    table["affinity_category"] = kin.groupby("household_id")["sales_value"].sum() / spend
    return table.fillna(0)


def past(campaigns, redemptions, day):
    """Contacts and redemptions before a day."""
    contacts = campaigns[campaigns["start_date"] < day].groupby("household_id")
    redeemed = redemptions[redemptions["redemption_date"] < day]
    by = redeemed.groupby("household_id")
    table = pd.DataFrame({"campaigns": contacts.size()})
    table = table.join(pd.DataFrame({
        "redemptions": by.size(), "campaigns_redeemed": by["campaign_id"].nunique(),
        "redeemed_lately": (by["redemption_date"].max() >= day - pd.Timedelta(days=56)).astype(int),
    }), how="outer").fillna(0)
    table["redeemed_share"] = table["campaigns_redeemed"] / table["campaigns"].clip(lower=1)
    return table


def complete_journey(folder, stem):
    def read(name, **options):
        return pd.read_csv(f"{folder}/{name}.csv.zst", **options)

    descriptions = read("campaign_descriptions", parse_dates=["start_date", "end_date"])
    products, coupons = read("products"), read("coupons")
    redemptions = read("coupon_redemptions", parse_dates=["redemption_date"])
    campaigns = read("campaigns").merge(descriptions, on="campaign_id")
    lines = read("transactions", parse_dates=["transaction_timestamp"]).rename(columns={"transaction_timestamp": "at"})
    lines = lines.merge(products[["product_id", "product_category"]], on="product_id", how="left")
    baskets = lines.groupby(["household_id", "basket_id"], as_index=False).agg(
        at=("at", "min"), sales=("sales_value", "sum"), coupon=("coupon_disc", "sum"))
    baskets["coupon"] = (baskets["coupon"] > 0).astype(int)
    people = demographics(read("demographics"))
    tables = []
    for campaign in descriptions.sort_values("start_date").itertuples():
        day = campaign.start_date
        is_train = campaign.end_date < CUT
        if day < FIRST or day > LAST or not (is_train or day >= CUT):
            continue
        mine = set(coupons.loc[coupons["campaign_id"] == campaign.campaign_id, "product_id"])
        kin = set(products.loc[products["product_id"].isin(mine), "product_category"].dropna())
        table = pd.DataFrame({"customer": campaigns.loc[campaigns["campaign_id"] == campaign.campaign_id, "household_id"]})
        for part in (behaviour(lines, baskets, day), affinity(lines, day, mine, kin), past(campaigns, redemptions, day), people):
            table = table.join(part, on="customer")
        yes = set(redemptions.loc[redemptions["campaign_id"] == campaign.campaign_id, "household_id"])
        table["label"] = table["customer"].isin(yes).astype(int)
        table["fold"] = "train" if is_train else "test"
        table["time"] = int(day.timestamp())
        table["offer"], table["group"], table["channel"] = f"campaign {campaign.campaign_id}", campaign.campaign_type, "mail"
        table["type_a"], table["type_b"] = int(campaign.campaign_type == "Type A"), int(campaign.campaign_type == "Type B")
        table["products"], table["days"] = len(mine), (campaign.end_date - day).days
        tables.append(table.fillna(0))
        print(f"{campaign.campaign_id:2} {campaign.campaign_type} {day:%m-%d} {table['fold'].iloc[0]:5} "
              f"{len(table):5} households, {table['label'].mean():.3f} redeem")
    write(pd.concat(tables), f"{stem}.csv")


if __name__ == "__main__":
    {"bank": bank, "complete_journey": complete_journey}[sys.argv[1]](*sys.argv[2:])

"""Makes tables for compare.py from data sets that people have.

tables.py telco FILE… TABLE    Telco churn; FILE are its CSVs. No times: customers in a seeded order, 60:20:20.
tables.py bank FILE TABLE      Bank Marketing (UCI 222), `bank-additional-full` or `bank-full` as CSV, may be .zst.
                               In time order, 60:20:20, without `duration`, which is known only after the call.
tables.py drawn ROWS TABLE     A drawn population: 20 features that act alone, together and not at all.
"""
import sys

import numpy as np
import pandas as pd


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
            words = words[1:] if len(words) <= 2 else words
            for word in words:
                columns[f"{name}_{word}".replace(",", " ")] = (frame[name].astype(str) == word).astype(int)
    return pd.DataFrame(columns)


def write(features, label, path, order):
    """Rows in their order: the first 60 % to fit, 20 % to calibrate, the rest to test."""
    n = len(label)
    fold = np.where(np.arange(n) < 0.6 * n, "fit", np.where(np.arange(n) < 0.8 * n, "calibrate", "test"))
    table = features.iloc[order].reset_index(drop=True)
    table.insert(0, "group", order)
    table.insert(0, "label", np.asarray(label)[order].astype(int))
    table.insert(0, "fold", fold)
    table.to_csv(path, index=False)


def telco(*paths):
    *files, path = paths
    frame = pd.concat([pd.read_csv(file) for file in files], ignore_index=True)
    frame.columns = frame.columns.str.lower()
    frame = frame.drop_duplicates("customerid").reset_index(drop=True)
    features = encoded(frame.drop(columns=["customerid", "churn"]))
    order = np.random.default_rng(1).permutation(len(frame))
    write(features, frame["churn"].isin(["Yes", 1, "1"]), path, order)


def bank(file, path):
    frame = pd.read_csv(file)
    features = encoded(frame.drop(columns=["y", "duration"]))
    write(features, frame["y"] == "yes", path, np.arange(len(frame)))


def drawn(rows, path):
    random = np.random.default_rng(7)
    n = int(rows)
    x = random.normal(size=(n, 20)).round(4)
    x[:, 10:14] = np.exp(x[:, 10:14]).round(4)
    x[:, 14] = random.integers(0, 12, n)
    log_odds = 0.8 * x[:, 0] - 0.6 * x[:, 1] + 0.9 * np.sign(x[:, 2] * x[:, 3]) + 0.5 * np.minimum(x[:, 10], 3)
    log_odds += 0.7 * np.isin(x[:, 14], [1, 4, 5, 9]) + 0.6 * (x[:, 4] > 1) * x[:, 5] - 3
    log_odds += np.linspace(0, 0.7, n)
    label = random.random(n) < 1 / (1 + np.exp(-log_odds))
    write(pd.DataFrame(x, columns=[f"x{i}" for i in range(20)]), label, path, np.arange(n))


if __name__ == "__main__":
    {"telco": telco, "bank": bank, "drawn": drawn}[sys.argv[1]](*sys.argv[2:])

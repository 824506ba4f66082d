"""Our propensities beside LightGBM and plain baselines on one table, in one run.

compare.py PROPENSITY TABLE      PROPENSITY is the built example `propensity`; TABLE as it says.

LightGBM gets the same features and 0/1 columns for channel and group, learning rate 0.05, 31 leaves, at least 20 rows in
a leaf, and rounds by early stopping on the latest fifth of the train rows before a refit on all of them. The other baselines
take part where the table has their columns: past redemptions (of equals, orders) and orders alone as scores, and a
logistic regression on demographics. Intervals draw customers anew, all rows of one together.
"""
import json
import subprocess
import sys
import tempfile

import lightgbm
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

RESAMPLES = 1000
KEYS = ["fold", "label", "customer", "time", "offer", "channel", "group"]


def lift(label, score, share=0.1):
    m = int(np.ceil(share * len(score)))
    return label[np.argsort(-score, kind="stable")[:m]].mean() / label.mean()


def ece(label, p, bins=10):
    parts = np.array_split(np.argsort(p, kind="stable"), bins)
    return sum(abs(p[part].sum() - label[part].sum()) for part in parts if len(part)) / len(p)


def log_loss(label, p):
    p = np.clip(p, 1e-15, 1 - 1e-15)
    return -np.where(label == 1, np.log(p), np.log(1 - p)).mean()


def boosted(train, test, features):
    words = pd.get_dummies(pd.concat([train, test])[["channel", "group"]], dtype=float)
    x = np.hstack([pd.concat([train, test])[features].to_numpy(float), words.to_numpy()])
    x, y, held_out = x[: len(train)], train["label"].to_numpy(), x[len(train):]
    params = dict(learning_rate=0.05, num_leaves=31, min_child_samples=20, random_state=1, verbose=-1, n_jobs=2)
    order = np.argsort(train["time"].to_numpy(), kind="stable")
    part, late = order[: int(0.8 * len(order))], order[int(0.8 * len(order)):]
    early = lightgbm.LGBMClassifier(n_estimators=2000, **params)
    early.fit(x[part], y[part], eval_set=[(x[late], y[late])], eval_metric="binary_logloss",
              callbacks=[lightgbm.early_stopping(50, verbose=False)])
    rounds = max(early.best_iteration_, 1)
    model = lightgbm.LGBMClassifier(n_estimators=rounds, **params).fit(x, y)
    return model.predict_proba(held_out)[:, 1]


def baselines(train, test, features):
    scores = {}
    if "redemptions" in features:
        scores["past redemptions"] = (test["redemptions"] * 1e6 + test["orders"]).to_numpy()
        scores["orders"] = test["orders"].to_numpy()
    demo = [name for name in features if name.startswith("demo_")]
    if demo:
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)).fit(train[demo], train["label"])
        scores["demographics"] = model.predict_proba(test[demo])[:, 1]
    return scores


def intervals(label, scores, customers, against):
    """Percentile intervals of each score's AUC and lift, and of the first less each other."""
    random = np.random.default_rng(1)
    places = pd.Series(range(len(customers))).groupby(customers).apply(np.array).tolist()
    draws = {name: [] for name in scores}
    for _ in range(RESAMPLES):
        rows = np.concatenate([places[at] for at in random.integers(0, len(places), len(places))])
        if 0 < label[rows].sum() < len(rows):
            for name, score in scores.items():
                draws[name].append((roc_auc_score(label[rows], score[rows]), lift(label[rows], score[rows])))
    bounds = {name: np.percentile(np.array(draw), [2.5, 97.5], axis=0) for name, draw in draws.items()}
    less = {name: np.percentile(np.array(draws[against]) - np.array(draw), [2.5, 97.5], axis=0)
            for name, draw in draws.items() if name != against}
    return bounds, less


def main(program, path):
    table = pd.read_csv(path)
    features = [name for name in table.columns if name not in KEYS]
    train, test = table[table["fold"] == "train"], table[table["fold"] == "test"]
    label = test["label"].to_numpy()
    print(f"{path.split('/')[-1]}: {len(train)} + {len(test)} rows, {len(features)} features, "
          f"yes {train['label'].mean():.3f} {label.mean():.3f}")
    with tempfile.NamedTemporaryFile(suffix=".csv") as out:
        report = json.loads(subprocess.run([program, path, out.name], check=True, capture_output=True).stdout)
        ours = pd.read_csv(out.name)
    scores = {"ours": ours["propensity"].to_numpy(), "ours pooled": ours["pooled"].to_numpy(),
              "lightgbm": boosted(train, test, features), **baselines(train, test, features)}
    bounds, less = intervals(label, scores, test["customer"].to_numpy(), "ours")
    rows = {}
    for name, score in scores.items():
        (auc_low, lift_low), (auc_high, lift_high) = bounds[name]
        rows[name] = {"auc": f"{roc_auc_score(label, score):.4f} [{auc_low:.4f}, {auc_high:.4f}]",
                      "lift@10%": f"{lift(label, score):.2f} [{lift_low:.2f}, {lift_high:.2f}]"}
        if score.max() <= 1:
            rows[name] |= {"log_loss": f"{log_loss(label, score):.4f}", "ece": f"{ece(label, score):.4f}",
                           "foretold/observed": f"{score.mean() / label.mean():.3f}"}
        if name in less:
            (auc_low, lift_low), (auc_high, lift_high) = less[name]
            rows[name] |= {"ours less it, auc": f"[{auc_low:+.4f}, {auc_high:+.4f}]",
                           "lift": f"[{lift_low:+.2f}, {lift_high:+.2f}]"}
    print(pd.DataFrame(rows).T.fillna("").to_string())
    treatments = pd.DataFrame({"treatment": test["offer"] + " × " + test["channel"], "label": label,
                               "foretold": scores["ours"], "basis": ours["basis"].to_numpy()})
    by = treatments.groupby("treatment").agg(rows=("label", "size"), accepted=("label", "sum"),
                                             foretold=("foretold", "sum"), basis=("basis", "first"))
    by["foretold/accepted"] = by["foretold"] / by["accepted"]
    print(by.round(3).to_string())
    print(f"ours is {report['classifier']}; fit {report['fit_seconds']:.1f} s, "
          f"{report['one_row_microseconds']:.1f} µs a row, {report['saved_bytes']} bytes\n")


if __name__ == "__main__":
    main(*sys.argv[1:])

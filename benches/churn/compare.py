"""Our churn classifier beside LightGBM (and scikit-learn's logistic regression) on one table, in one run.

compare.py CLASSIFY TABLE      CLASSIFY is the built example `classify`; TABLE as it says.

LightGBM gets what a careful user would give it: learning rate 0.05, 31 leaves, at least 20 rows in a leaf, rounds by
early stopping on a fifth of the groups of the fit rows, then a refit on all of them; Platt and isotonic calibration on
the same later rows as ours, the better of the two by five-fold log loss there. Seconds are those of the whole fit: for
ours of both classifiers, their searches and their calibration, written beside the one that was chosen.
"""
import json
import subprocess
import sys
import tempfile
import time

import lightgbm
import numpy as np
import pandas as pd
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, GroupShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

RESAMPLES = 1000


def log_losses(label, p):
    p = np.clip(p, 1e-15, 1 - 1e-15)
    return -np.where(label == 1, np.log(p), np.log(1 - p))


def ece(label, p, bins=10):
    order = np.argsort(p, kind="stable")
    parts = np.array_split(order, bins)
    return sum(abs(p[part].sum() - label[part].sum()) for part in parts if len(part)) / len(p)


def lift(label, p, share=0.1):
    m = int(np.ceil(share * len(p)))
    return label[np.argsort(-p, kind="stable")[:m]].mean() / label.mean()


def measures(label, p):
    return {
        "auc": roc_auc_score(label, p),
        "brier": np.mean((p - label) ** 2),
        "log_loss": log_losses(label, p).mean(),
        "ece": ece(label, p),
        "lift@10%": lift(label, p),
    }


def platt(margin, label):
    fitted = LogisticRegression(C=1e6).fit(margin[:, None], label)
    return lambda m: fitted.predict_proba(m[:, None])[:, 1]


def isotonic(margin, label):
    fitted = IsotonicRegression(y_min=1e-3, y_max=1 - 1e-3, out_of_bounds="clip").fit(margin, label)
    return fitted.predict


def calibrated(margin, label, group):
    """The better of both by log loss on folds of whole groups."""
    losses = {}
    for name, fit in {"platt": platt, "isotonic": isotonic}.items():
        loss = 0.0
        for outside, inside in GroupKFold(5).split(margin, label, group):
            loss += log_losses(label[inside], fit(margin[outside], label[outside])(margin[inside])).sum()
        losses[name] = loss
    name = min(losses, key=losses.get)
    return name, {"platt": platt, "isotonic": isotonic}[name](margin, label)


def boosted(fit):
    x, y, group = fit
    params = dict(learning_rate=0.05, num_leaves=31, min_child_samples=20, random_state=1, verbose=-1, n_jobs=2)
    part, held = next(GroupShuffleSplit(1, test_size=0.2, random_state=1).split(x, y, group))
    stopping = lightgbm.early_stopping(50, verbose=False)
    early = lightgbm.LGBMClassifier(n_estimators=2000, **params)
    early.fit(x[part], y[part], eval_set=[(x[held], y[held])], eval_metric="binary_logloss", callbacks=[stopping])
    rounds = max(early.best_iteration_, 1)
    model = lightgbm.LGBMClassifier(n_estimators=rounds, **params).fit(x, y)
    return rounds, lambda x: model.predict(x, raw_score=True)


def linear(fit):
    x, y, _ = fit
    model = make_pipeline(StandardScaler(), LogisticRegressionCV(Cs=5, scoring="neg_log_loss", max_iter=2000))
    model.fit(x, y)
    return None, model.decision_function


def intervals(label, first, second):
    """First less second on the same rows, drawn anew: AUC and log loss."""
    random = np.random.default_rng(1)
    losses = log_losses(label, first) - log_losses(label, second)
    auc, loss = [], []
    for _ in range(RESAMPLES):
        rows = random.integers(0, len(label), len(label))
        if 0 < label[rows].sum() < len(rows):
            auc.append(roc_auc_score(label[rows], first[rows]) - roc_auc_score(label[rows], second[rows]))
        loss.append(losses[rows].mean())
    return {name: np.percentile(v, [2.5, 97.5]).round(5).tolist() for name, v in [("auc", auc), ("log_loss", loss)]}


def main(classify, path):
    table = pd.read_csv(path)
    features = [name for name in table.columns if name not in ("fold", "label", "group")]

    def fold(name):
        part = table[table["fold"] == name]
        return part[features].to_numpy(np.float32), part["label"].to_numpy(), part["group"].to_numpy()

    fit, later, (x, y, _) = fold("fit"), fold("calibrate"), fold("test")
    print(f"{path}: {len(fit[1])} + {len(later[1])} + {len(y)} rows, {len(features)} features, "
          f"yes {fit[1].mean():.3f} {later[1].mean():.3f} {y.mean():.3f}")
    rows, theirs = {}, {}
    for name, method in {"lightgbm": boosted, "sklearn logistic": linear}.items():
        start = time.time()
        rounds, margin = method(fit)
        kind, to_probability = calibrated(margin(later[0]), later[1], later[2])
        seconds = time.time() - start
        theirs[name] = np.asarray(to_probability(margin(x)))
        rows[name] = {**measures(y, theirs[name]), "seconds": seconds, "how": f"{kind}, {rounds} rounds"}
    with tempfile.NamedTemporaryFile(suffix=".csv") as out:
        report = json.loads(subprocess.run([classify, path, out.name], check=True, capture_output=True).stdout)
        ours = pd.read_csv(out.name)
    for kind in ("logistic", "trees"):
        how = report[kind]["calibration"]
        how += f", depth {report['report']['depth']}, {report['report']['rounds']} rounds" if kind == "trees" else ""
        rows[f"ours {kind}"] = {**measures(y, ours[kind].to_numpy()), "seconds": np.nan, "how": how}
        for measure, name in (("auc", "auc"), ("log_loss", "log_loss"), ("brier", "brier")):
            assert abs(report[kind]["quality"][measure]["mean"] - rows[f"ours {kind}"][name]) < 1e-6, measure
    chosen = report["chosen"]
    rows[f"ours {chosen}"]["seconds"] = report["fit_seconds"]
    print(pd.DataFrame(rows).T.to_string(float_format=lambda v: f"{v:.4f}"))
    print(f"ours is {chosen}; competition {report['report']['competition']['difference']}")
    for kind in dict.fromkeys([chosen, "trees"]):
        print(f"ours {kind} less lightgbm, 95 %:", intervals(y, ours[kind].to_numpy(), theirs["lightgbm"]))
    print({key: round(report[chosen][key], 1) for key in
           ("batch_rows_per_second", "one_row_microseconds", "explanation_microseconds", "saved_bytes")}, "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])

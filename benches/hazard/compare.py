"""Our hazard beside Cox regression (`lifelines`), on the same random splits of data sets that two Python packages ship.

Cox runs twice: as it is by default, without a penalty, and with the penalty that is best in five folds of the training
part. Rows with gaps are left out, categories become columns of 0 and 1, and columns that are constant in the training
part are dropped, for both. Prints means over the splits of Harrell's C on the 30 % held back, the mean of the paired
differences with its standard error, and how far the mean curve is from Kaplan and Meier's at most.
"""

import argparse
import json
import subprocess
import tempfile
import warnings
from pathlib import Path

import lifelines.datasets as shipped
import numpy as np
import pandas as pd
import sksurv.datasets as others
from lifelines import CoxPHFitter
from lifelines.exceptions import ConvergenceError, ConvergenceWarning
from lifelines.utils import concordance_index

PENALTIES = (0.0, 0.001, 0.01, 0.1, 1.0)
FOLDS = 5


def lifelines_set(load, days, ended, drop=()):
    return lambda: tidy(load().drop(columns=list(drop)).rename(columns={days: "days", ended: "ended"}))


def sksurv_set(load, drop=()):
    def loaded():
        features, ends = load()
        ended, days = ends.dtype.names
        return tidy(features.drop(columns=list(drop)).assign(days=ends[days], ended=ends[ended]))

    return loaded


def tidy(frame):
    frame = frame.dropna()
    features = pd.get_dummies(frame.drop(columns=["days", "ended"]), drop_first=True).astype(float)
    spells = frame[["days", "ended"]].astype(float)
    return pd.concat([spells, features], axis=1).reset_index(drop=True)


DATA = {
    "rossi": lifelines_set(shipped.load_rossi, "week", "arrest"),
    "gbsg2": lifelines_set(shipped.load_gbsg2, "time", "cens"),
    "lung": lifelines_set(shipped.load_lung, "time", "status", ["inst"]),
    "larynx": lifelines_set(shipped.load_larynx, "time", "death"),
    "leukemia": lifelines_set(shipped.load_leukemia, "t", "status"),
    "kidney transplant": lifelines_set(shipped.load_kidney_transplant, "time", "death"),
    "regimes": lifelines_set(
        shipped.load_dd,
        "duration",
        "observed",
        ["ctryname", "cowcode2", "politycode", "un_region_name", "ehead", "leaderspellreg"],
    ),
    "regression": lifelines_set(shipped.load_regression_dataset, "T", "E"),
    "waltons": lifelines_set(shipped.load_waltons, "T", "E"),
    "veterans": sksurv_set(others.load_veterans_lung_cancer),
    "whas500": sksurv_set(others.load_whas500),
    "aids": sksurv_set(others.load_aids),
    "flchain": sksurv_set(others.load_flchain, ["chapter"]),
}


# How Cox regression is helped where it does not converge: first by short steps, then by a small penalty.
HELP = ((0.0, {}), (0.0, {"step_size": 0.2}), (0.001, {"step_size": 0.2}), (0.1, {"step_size": 0.2}))


def cox(train, penalty):
    for more, options in HELP:
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("error", ".*failed to converge", ConvergenceWarning)
                fit = CoxPHFitter(penalizer=penalty + more)
                return fit.fit(train, "days", "ended", fit_options=options)
        except (ConvergenceError, ConvergenceWarning):
            pass
    raise ConvergenceError("Cox regression does not converge")


def tuned_penalty(train, random):
    fold = random.permutation(len(train)) % FOLDS

    def held_out(penalty):
        fits = ((cox(train[fold != f], penalty), train[fold == f]) for f in range(FOLDS))
        try:
            return sum(fit.score(rows, scoring_method="log_likelihood") * len(rows) for fit, rows in fits)
        except ConvergenceError:
            return -np.inf

    return max(PENALTIES, key=held_out)


def judged(fit, test, days, seen):
    risks = fit.predict_partial_hazard(test)
    chances = fit.predict_survival_function(test, times=days).mean(axis=1).to_numpy()
    return concordance_index(test["days"], -risks, test["ended"]), np.abs(chances - seen).max()


def split(frame, seed, args, folder):
    random = np.random.default_rng(seed)
    fold = (random.permutation(len(frame)) < 0.3 * len(frame)).astype(int)
    spread = frame[fold == 0].drop(columns=["days", "ended"]).std() > 1e-9
    frame = frame[["days", "ended", *spread.index[spread]]]
    path = Path(folder) / "spells.csv"
    frame.assign(fold=fold).to_csv(path, index=False)
    told = json.loads(subprocess.check_output([args.binary, path, args.params]))
    days, chances, seen = np.array(told["mean_curve"]).T
    train, test = frame[fold == 0], frame[fold == 1]
    plain = judged(cox(train, 0.0), test, days, seen)
    tuned = judged(cox(train, tuned_penalty(train, random)), test, days, seen)
    assert told["converged"], told
    return told["concordance"], np.abs(chances - seen).max(), *plain, *tuned


def main():
    parse = argparse.ArgumentParser(description=__doc__)
    parse.add_argument("binary", help="the example `hazard` of the crate `models`")
    parse.add_argument("--splits", type=int, default=20)
    parse.add_argument("--params", default="{}", help='JSON for the binary, such as {"bins": 24}')
    parse.add_argument("--data", nargs="*", default=list(DATA), choices=list(DATA))
    args = parse.parse_args()
    warnings.filterwarnings("ignore")
    print("data                spells   ended  features    C: ours     Cox  ours − Cox        tuned  ours − tuned  ", end="")
    print("    curve off: ours    Cox")
    means = []
    for name in args.data:
        frame = DATA[name]()
        with tempfile.TemporaryDirectory() as folder:
            rows = np.array([split(frame, seed, args, folder) for seed in range(args.splits)])
        ours, off, plain, cox_off, tuned, _ = rows.mean(axis=0)
        gaps = [rows[:, 0] - rows[:, 2], rows[:, 0] - rows[:, 4]]
        gap, tuned_gap = (f"{g.mean():+.4f} ± {g.std(ddof=1) / len(g) ** 0.5:.4f}" for g in gaps)
        n_ended, n_features = int(frame["ended"].sum()), frame.shape[1] - 2
        print(f"{name:18} {len(frame):7} {n_ended:7} {n_features:9}      {ours:.4f}  {plain:.4f}  ", end="")
        print(f"{gap}  {tuned:.4f}  {tuned_gap}   {off:14.4f} {cox_off:6.4f}", flush=True)
        means.append([ours, plain, tuned])
    ours, plain, tuned = np.mean(means, axis=0)
    print(f"{'mean':46}     {ours:.4f}  {plain:.4f}  {ours - plain:+.4f}           {tuned:.4f}  {ours - tuned:+.4f}")


if __name__ == "__main__":
    main()

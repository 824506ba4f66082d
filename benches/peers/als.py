"""Our iALS and item-kNN beside those of `implicit`: equal data, factors, sweeps and threads, in one run.

Prints, per number of factors and threads: seconds per sweep (of the fastest of several fits) and Recall@20 of both,
and the ratios; then the same of item-kNN by cosine, its whole fit. `implicit` is run with its defaults and with the best of a small grid of regularisation and alpha
(chosen on a part held out from the training pairs); ours with its defaults. All lists are judged by one function.
"""

import argparse
import json
import math
import os
import subprocess
import tempfile
import time
from itertools import product
from pathlib import Path

# Before numpy: `implicit` runs its own threads and asks that BLAS does not add to them.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np  # noqa: E402
from implicit.cpu.als import AlternatingLeastSquares  # noqa: E402
from implicit.nearest_neighbours import CosineRecommender  # noqa: E402
from scipy.sparse import csr_matrix  # noqa: E402

N = 20
NEIGHBOURS = 200


def read(path):
    """Lines `user item item …` as a list of (user, [items])."""
    rows = []
    for line in Path(path).read_text().splitlines():
        user, *items = (int(word) for word in line.split())
        if items:
            rows.append((user, items))
    return rows


def matrix(rows, shape):
    users = np.concatenate([np.full(len(items), user) for user, items in rows])
    items = np.concatenate([items for _, items in rows])
    return csr_matrix((np.ones(len(users), np.float32), (users, items)), shape=shape)


def measures(lists, truth):
    """Mean Recall@20 and NDCG@20 over the users with truth."""
    recall = ndcg = 0.0
    for user, items in truth:
        hits = [rank for rank, item in enumerate(lists[user][:N]) if item in set(items)]
        recall += len(hits) / len(items)
        ideal = sum(1 / math.log2(rank + 2) for rank in range(min(N, len(items))))
        ndcg += sum(1 / math.log2(rank + 2) for rank in hits) / ideal
    return recall / len(truth), ndcg / len(truth)


def judged(model, train, test):
    """Recall and ndcg of a fitted model of `implicit`."""
    users = np.array([user for user, _ in test])
    found, _ = model.recommend(users, train[users], N=N, filter_already_liked_items=True)
    return measures(dict(zip(users.tolist(), found.tolist())), test)


def shape_of(rows):
    return max(user for user, _ in rows) + 1, max(max(items) for _, items in rows) + 1


def peer(train, test, threads, repeats, params):
    """Seconds per sweep, recall and ndcg of `implicit`."""
    seconds = math.inf
    for _ in range(repeats):
        model = AlternatingLeastSquares(num_threads=threads, random_state=1, **params)
        start = time.perf_counter()
        model.fit(train, show_progress=False)
        seconds = min(seconds, (time.perf_counter() - start) / params["iterations"])
    return seconds, *judged(model, train, test)


def ours(args, test, threads, model):
    """Seconds to fit, recall and ndcg of our example."""
    with tempfile.TemporaryDirectory() as folder:
        lists = Path(folder) / "lists"
        command = [args.binary, args.train, lists, str(args.repeats), *map(str, model)]
        environment = os.environ | {"RAYON_NUM_THREADS": str(threads)}
        told = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
        return json.loads(told)["seconds"], *measures(dict(read(lists)), test)


def our_als(args, test, threads, factors):
    seconds, *quality = ours(args, test, threads, ("ials", factors, args.sweeps))
    return seconds / args.sweeps, *quality


def peer_knn(args, train, test, threads):
    """Seconds to fit, recall and ndcg of item-kNN of `implicit`."""
    seconds = math.inf
    for _ in range(args.repeats):
        model = CosineRecommender(K=NEIGHBOURS, num_threads=threads)
        start = time.perf_counter()
        model.fit(train, show_progress=False)
        seconds = min(seconds, time.perf_counter() - start)
    return seconds, *judged(model, train, test)


def tuned(train_rows, shape, factors, sweeps, threads):
    """The best of a small grid for `implicit`, by recall on every fifth pair of the training part."""
    known = [(user, [item for at, item in enumerate(items) if at % 5 != 4]) for user, items in train_rows]
    held = [(user, items[4::5]) for user, items in train_rows if len(items) > 4]
    known = matrix(known, shape)
    grid = product([0.01, 0.1, 1.0, 10.0], [1.0, 4.0, 10.0, 30.0])
    runs = ({"regularization": r, "alpha": a, "factors": factors, "iterations": sweeps} for r, a in grid)
    return max(runs, key=lambda params: peer(known, held, threads, 1, params)[1])


def main():
    parse = argparse.ArgumentParser(description=__doc__)
    parse.add_argument("binary", help="the built example models_on_pairs")
    parse.add_argument("train", help="lines: user item item …")
    parse.add_argument("test", help="the same, of what followed")
    parse.add_argument("--factors", type=int, nargs="+", default=[64, 128])
    parse.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parse.add_argument("--sweeps", type=int, default=8)
    parse.add_argument("--repeats", type=int, default=3)
    args = parse.parse_args()
    train_rows, test = read(args.train), read(args.test)
    shape = shape_of(train_rows + test)
    train = matrix(train_rows, shape)
    print(f"{shape[0]} users, {shape[1]} items, {train.nnz} pairs, {args.sweeps} sweeps")
    print("factors threads model                                s/sweep  recall@20  ndcg@20")
    for factors in args.factors:
        plain = {"factors": factors, "iterations": args.sweeps}
        best = tuned(train_rows, shape, factors, args.sweeps, max(args.threads))
        for threads in args.threads:
            runs = {
                "ours, defaults": our_als(args, test, threads, factors),
                "implicit, defaults": peer(train, test, threads, args.repeats, plain),
                f"implicit, λ {best['regularization']}, α {best['alpha']}": peer(
                    train, test, threads, args.repeats, best
                ),
            }
            for name, (seconds, recall, ndcg) in runs.items():
                print(f"{factors:7} {threads:7} {name:36} {seconds:7.3f}     {recall:.4f}   {ndcg:.4f}")
            mine, _, theirs = runs.values()
            time_ratio, recall_ratio = mine[0] / theirs[0], mine[1] / theirs[1]
            print(f"        ours / implicit at its best: time {time_ratio:.2f}, recall {recall_ratio:.2f}", flush=True)
    print(f"item-kNN, {NEIGHBOURS} neighbours, s to fit")
    for threads in args.threads:
        mine, theirs = ours(args, test, threads, ("item-knn", NEIGHBOURS)), peer_knn(args, train, test, threads)
        for name, (seconds, recall, ndcg) in (("ours", mine), ("implicit", theirs)):
            print(f"        {threads:7} {name:36} {seconds:7.3f}     {recall:.4f}   {ndcg:.4f}")
        print(f"        ours / implicit: time {mine[0] / theirs[0]:.2f}, recall {mine[1] / theirs[1]:.2f}", flush=True)


if __name__ == "__main__":
    main()

"""A whole training of `implicit` at its own best, for comparison with `proffer train` on the same pairs.

Regularisation and alpha are those of the best of a grid at 64 factors, on a part held out from the training pairs, since
a grid at 256 factors would take hours; then one fit at full length, and item-kNN with cosine and BM25. Prints time and
peak memory of each fit alone (a process of its own), and Recall@20 and NDCG@20 on all test users.
"""

import argparse
import multiprocessing
import resource
import time

from als import judged, matrix, read, shape_of, tuned

from implicit.cpu.als import AlternatingLeastSquares
from implicit.nearest_neighbours import BM25Recommender, CosineRecommender


def run(name, kind, params, paths, answer):
    model = kind(**params)
    train_rows, test = read(paths[0]), read(paths[1])
    shape = shape_of(train_rows + test)
    train = matrix(train_rows, shape)
    start = time.perf_counter()
    model.fit(train, show_progress=False)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    answer.put((name, seconds, peak / 1e6, *judged(model, train, test)))


def main():
    parse = argparse.ArgumentParser(description=__doc__)
    parse.add_argument("train", help="lines: user item item …")
    parse.add_argument("test", help="the same, of what followed")
    parse.add_argument("--factors", type=int, default=256)
    parse.add_argument("--sweeps", type=int, default=15)
    parse.add_argument("--threads", type=int, default=2)
    args = parse.parse_args()
    train_rows, test = read(args.train), read(args.test)
    shape = shape_of(train_rows + test)
    best = tuned(train_rows, shape, 64, 8, args.threads) | {"factors": args.factors, "iterations": args.sweeps}
    threads = {"num_threads": args.threads}
    models = {
        f"ALS, {args.factors} factors, λ {best['regularization']}, α {best['alpha']}": (
            AlternatingLeastSquares,
            best | threads | {"random_state": 1},
        ),
        "item-kNN, cosine, 200 neighbours": (CosineRecommender, {"K": 200} | threads),
        "item-kNN, BM25, 200 neighbours": (BM25Recommender, {"K": 200} | threads),
    }
    # A forked process would wait for ever for the threads that the grid has used.
    fresh = multiprocessing.get_context("spawn")
    print("model                                          s to fit  GB peak  recall@20  ndcg@20")
    for name, (kind, params) in models.items():
        answer = fresh.Queue()
        child = fresh.Process(target=run, args=(name, kind, params, (args.train, args.test), answer))
        child.start()
        name, seconds, peak, recall, ndcg = answer.get()
        child.join()
        print(f"{name:46} {seconds:8.1f}  {peak:7.2f}     {recall:.4f}   {ndcg:.4f}", flush=True)


if __name__ == "__main__":
    main()

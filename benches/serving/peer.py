"""The recommendations of a release by `implicit` behind FastAPI and uvicorn, as one would run them in Python.

    peer.py RELEASE [--stored] [--workers N] [--port P]

Answers `POST /v1/recommend` to the same JSON as Proffer, with `rank`, `id` and `score` of each item. By default the
customer's vector is solved from their history at each request, as an answer needs that sees the latest purchase; with
`--stored` it is the vector of the training.

What was chosen, so that the comparison is with a stack that is set up well:

- as many workers as cores, each a process of its own, since Python's lock lets one thread at a time run; forked once
  the release is read, so that they share its memory;
- each worker listens with a socket of its own (SO_REUSEPORT), and the kernel shares connections out. `uvicorn
  --workers` has one for all, from which the worker that wakes first takes every connection of a burst: when 64 were
  opened at once and kept, one of two workers had them all, and the other nothing to do;
- one thread of BLAS and of `implicit` in each: more only wait for each other when every core has a worker;
- the handler is `async` and computes in place: FastAPI's pool of threads would only add threads that wait for the
  lock, as every core has its worker;
- uvloop and httptools (`uvicorn[standard]`), no access log;
- answers written by orjson as they are, without pydantic looking at them again;
- no collection of garbage walks the release, which is there for good (`gc.freeze`);
- each worker answers a hundred requests by itself before it listens.

It reads no live events, blends no other views, applies no filters and no caps per category, keeps no log: all that
Proffer does beside scoring is not asked of it.
"""

import argparse
import gc
import os
import signal
import socket
import sys
from datetime import UTC, datetime
from multiprocessing import connection, get_context
from pathlib import Path
from uuid import uuid4

# Before numpy reads them.
os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np  # noqa: E402
import orjson  # noqa: E402
import uvicorn  # noqa: E402
from fastapi import FastAPI, HTTPException, Response  # noqa: E402
from implicit.cpu.als import AlternatingLeastSquares  # noqa: E402
from pydantic import BaseModel, ConfigDict, Field  # noqa: E402
from release import read  # noqa: E402

# The contact points of proffer.example.toml: whether each wants again what the customer already bought.
REPEATS = {
    "web_home": True,
    "web_basket": True,
    "app": True,
    "branch_advisor": False,
    "call_centre": False,
    "email": True,
    "sms": True,
}
WARM_UP_REQUESTS = 100


class Question(BaseModel):
    model_config = ConfigDict(extra="forbid")
    customer_id: str | None = None
    contact_point: str
    n: int = Field(default=12, ge=1, le=50)


class Recommender:
    """A release as `implicit` serves it."""

    def __init__(self, folder: Path, stored: bool):
        self.release, self.stored = read(folder), stored
        self.model = AlternatingLeastSquares(
            factors=self.release.item_factors.shape[1],
            regularization=self.release.regularisation,
            num_threads=1,
        )
        self.model.item_factors = self.release.item_factors
        self.model.user_factors = self.release.customer_factors

    def recommend(self, customer: int, n: int, repeats: bool) -> tuple[np.ndarray, np.ndarray]:
        """Items and scores, best first."""
        return self.model.recommend(
            customer,
            self.release.history[customer],
            N=n,
            filter_already_liked_items=not repeats,
            recalculate_user=not self.stored,
        )

    def answer(self, question: Question) -> bytes:
        row = self.release.customers.get(question.customer_id)
        if row is None:
            items = self.release.popular[: question.n]
            scores = self.release.popularity[items]
        else:
            items, scores = self.recommend(row, question.n, REPEATS[question.contact_point])
        ids = self.release.item_ids
        pairs = zip(items.tolist(), scores.tolist())
        results = [{"rank": at, "id": ids[item], "score": score} for at, (item, score) in enumerate(pairs, 1)]
        return orjson.dumps(
            {
                "decision_id": str(uuid4()),
                "customer_id": question.customer_id,
                "contact_point": question.contact_point,
                "generated_at": datetime.now(UTC),
                "release": self.release.name,
                "fallback": row is None,
                "results": results,
            }
        )

    def warm_up(self):
        for customer in list(self.release.customers)[:WARM_UP_REQUESTS]:
            self.answer(Question(customer_id=customer, contact_point="web_home"))


def application(recommender: Recommender) -> FastAPI:
    app = FastAPI()

    @app.post("/v1/recommend")
    async def recommend(question: Question) -> Response:
        if question.contact_point not in REPEATS:
            raise HTTPException(400, f"no contact point {question.contact_point!r}; there are {', '.join(REPEATS)}")
        return Response(recommender.answer(question), media_type="application/json")

    return app


def serve(recommender: Recommender, port: int):
    """One worker. It says "Application startup complete" when it is ready."""
    recommender.warm_up()
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind(("127.0.0.1", port))
    config = uvicorn.Config(application(recommender), loop="uvloop", http="httptools", access_log=False)
    uvicorn.Server(config).run(sockets=[listener])


def main():
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("release", type=Path, help="the folder of a release, with its manifest.json")
    parse.add_argument("--stored", action="store_true", help="the customers' vectors of the training, not solved anew")
    parse.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)), help="default: one per core")
    parse.add_argument("--port", type=int, default=18082)
    args = parse.parse_args()
    recommender = Recommender(args.release, args.stored)
    gc.collect()
    gc.freeze()
    fork = get_context("fork")
    workers = [fork.Process(target=serve, args=(recommender, args.port), daemon=True) for _ in range(args.workers)]
    for worker in workers:
        worker.start()
    # Leaving ends the workers too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    connection.wait([worker.sentinel for worker in workers])
    sys.exit("a worker ended, and with it the others")


if __name__ == "__main__":
    main()

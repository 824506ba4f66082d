"""What `implicit` needs of a release: item and customer factors, and what everyone bought as a sparse matrix.

The layout is that of `models/src/release/mod.rs`. Only the columns that are used are read.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet
from safetensors import safe_open
from scipy.sparse import csr_matrix

FORMAT_VERSION = 4
SECONDS_PER_DAY = 86_400.0


@dataclass
class Release:
    name: str
    item_ids: list[str]
    # The row of each customer.
    customers: dict[str, int]
    # The items that everyone buys, the most bought first.
    popular: np.ndarray
    popularity: np.ndarray
    item_factors: np.ndarray
    customer_factors: np.ndarray
    # Customers × items, the confidences that the equations of `implicit` take.
    history: csr_matrix
    # The regularisation that goes with them.
    regularisation: float


def read(folder: Path) -> Release:
    manifest = json.loads((folder / "manifest.json").read_text())
    version = manifest["format_version"]
    if version != FORMAT_VERSION:
        raise SystemExit(f"{folder}: its format version is {version}, but {FORMAT_VERSION} is read here")
    items = parquet.read_table(folder / "items.parquet", columns=["item_id", "popularity"])
    popularity = items["popularity"].to_numpy()
    item_factors, metadata = tensor(folder, "item_factors")
    customers = parquet.read_table(folder / "customers.parquet", columns=["customer_id", "interactions"])
    history, regularisation = confidences(
        folder, customers["interactions"].to_numpy(), len(item_factors), metadata, manifest["data_cutoff"]
    )
    return Release(
        name=manifest["id"],
        item_ids=items["item_id"].to_pylist(),
        customers={customer: row for row, customer in enumerate(customers["customer_id"].to_pylist())},
        popular=np.argsort(-popularity, kind="stable"),
        popularity=popularity,
        item_factors=item_factors,
        customer_factors=tensor(folder, "customer_factors")[0],
        history=history,
        regularisation=regularisation,
    )


def tensor(folder: Path, name: str) -> tuple[np.ndarray, dict[str, str]]:
    with safe_open(folder / f"{name}.safetensors", framework="numpy") as file:
        return np.ascontiguousarray(file.get_tensor(name), dtype=np.float32), file.metadata() or {}


def confidences(folder, counts, n_items, metadata, as_of) -> tuple[csr_matrix, float]:
    """The history in the terms of `implicit`.

    Ours solves (α₀·Y'Y + λ_u·I + Σ c·y·y') x = Σ c·y. Divided by α₀, it is the equation of Hu, Koren and Volinsky that
    `implicit` solves, with the confidence 1 + c/α₀ and the regularisation λ_u/α₀, but for two things: `implicit` weighs
    y on the right by the whole confidence, and it has one regularisation for all, which is here the mean.
    """
    projection = json.loads(metadata["projection"])
    rows, confidence = projection["rows"], projection["confidence"]
    table = parquet.read_table(folder / "history.parquet", columns=["item", "times", "quantity", "last_at"])
    times, quantity = table["times"].to_numpy(), table["quantity"].to_numpy()
    strength = 1 + confidence["times_weight"] * np.log(np.maximum(times, 1))
    strength += confidence["quantity_weight"] * np.log1p(np.maximum(quantity, 0))
    strength *= np.minimum(times, 1)
    if confidence["half_life_days"] is not None:
        days = np.maximum(as_of - table["last_at"].to_numpy(), 0) / SECONDS_PER_DAY
        strength *= np.maximum(np.exp2(-days / confidence["half_life_days"]), confidence["floor"])
    starts = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int32)
    evidence = np.diff(np.concatenate([[0.0], np.cumsum(strength, dtype=np.float64)])[starts])
    ridge = rows["ridge"] * (evidence + rows["unobserved_total"]) ** rows["exponent"]
    cells = (1 + strength / rows["unobserved"]).astype(np.float32)
    items = table["item"].to_numpy().astype(np.int32)
    shape = (len(counts), n_items)
    return csr_matrix((cells, items, starts), shape=shape), float(ridge.mean() / rows["unobserved"])

"""Makes the pairs that `als.py` reads from the bundled history: TRAIN and TEST, lines `user item item …`.

Test is what a customer bought in the last tenth of the time and had not bought before.
"""

import sys
from collections import defaultdict
from pathlib import Path

import pyarrow.parquet as parquet

HISTORY = Path(__file__).parents[2] / "demo" / "purchases.parquet"


def write(path, rows):
    Path(path).write_text("".join(f"{user} {' '.join(map(str, sorted(items)))}\n" for user, items in sorted(rows.items())))


def main():
    train_path, test_path = sys.argv[1:]
    table = parquet.read_table(HISTORY, columns=["customer_id", "item_id", "timestamp"])
    times = table["timestamp"].cast("int64").to_numpy()
    cut = times.min() + 0.9 * (times.max() - times.min())
    numbers = defaultdict(lambda: len(numbers))
    train, test = defaultdict(set), defaultdict(set)
    for user, item, time in zip(table["customer_id"].to_pylist(), table["item_id"].to_pylist(), times):
        (train if time < cut else test)[user].add(numbers[item])
    new = {user: items - train[user] for user, items in test.items() if user in train}
    write(train_path, train)
    write(test_path, {user: items for user, items in new.items() if items})


if __name__ == "__main__":
    main()

#!/bin/sh
# Our iALS and item-kNN beside the Python library `implicit`: time and Recall@20, in one run.
#   benches/peers/run.sh                                  on the bundled history
#   benches/peers/run.sh TRAIN TEST [options of als.py]   on files of lines: user item item …
#   benches/peers/run.sh --whole TRAIN TEST [options of whole.py]
#       a whole training of `implicit` at its own best: time, memory, Recall@20, NDCG@20
set -eu
here=$(cd "$(dirname "$0")" && pwd)
target=${CARGO_TARGET_DIR:-$here/../../target}
venv=$target/peers-venv
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --requirement "$here/requirements.txt"
if [ "${1:-}" = --whole ]; then
    shift
    exec "$venv/bin/python" "$here/whole.py" "$@"
fi
if [ $# -eq 0 ]; then
    "$venv/bin/python" "$here/pairs.py" "$target/peers-train.txt" "$target/peers-test.txt"
    set -- "$target/peers-train.txt" "$target/peers-test.txt"
fi
cargo build --quiet --release --package models --example models_on_pairs --manifest-path "$here/../../Cargo.toml"
exec "$venv/bin/python" "$here/als.py" "$target/release/examples/models_on_pairs" "$@"

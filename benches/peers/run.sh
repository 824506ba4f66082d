#!/bin/sh
# Our iALS beside the Python library `implicit`: time per sweep and Recall@20, in one run.
#   benches/peers/run.sh                                  on the bundled history
#   benches/peers/run.sh TRAIN TEST [options of als.py]   on files of lines: user item item …
set -eu
here=$(cd "$(dirname "$0")" && pwd)
target=${CARGO_TARGET_DIR:-$here/../../target}
venv=$target/peers-venv
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --requirement "$here/requirements.txt"
if [ $# -eq 0 ]; then
    "$venv/bin/python" "$here/pairs.py" "$target/peers-train.txt" "$target/peers-test.txt"
    set -- "$target/peers-train.txt" "$target/peers-test.txt"
fi
cargo build --quiet --release --package models --example ials_on_pairs --manifest-path "$here/../../Cargo.toml"
exec "$venv/bin/python" "$here/als.py" "$target/release/examples/ials_on_pairs" "$@"

#!/bin/sh
# Our churn classifier beside LightGBM: AUC, Brier score, log loss, calibration error and lift, in one run.
#   benches/churn/run.sh                    on a drawn population of 20,000
#   benches/churn/run.sh TABLE…             on tables as models/examples/classify.rs describes; tables.py makes some
set -eu
here=$(cd "$(dirname "$0")" && pwd)
target=${CARGO_TARGET_DIR:-$here/../../target}
venv=$target/churn-venv
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --requirement "$here/requirements.txt"
if [ $# -eq 0 ]; then
    "$venv/bin/python" "$here/tables.py" drawn 20000 "$target/churn-drawn.csv"
    set -- "$target/churn-drawn.csv"
fi
cargo build --quiet --release --package models --example classify --manifest-path "$here/../../Cargo.toml"
for table in "$@"; do
    "$venv/bin/python" -W ignore "$here/compare.py" "$target/release/examples/classify" "$table"
done

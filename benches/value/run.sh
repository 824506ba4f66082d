#!/bin/sh
# Our BG/NBD and Gamma-Gamma beside the Python library `lifetimes`, on the same summaries: likelihood and seconds.
#   benches/value/run.sh online_retail FILE      the UCI data set as CSV, also compressed
#   benches/value/run.sh complete_journey FILE   its transactions as CSV, also compressed
set -eu
here=$(cd "$(dirname "$0")" && pwd)
target=${CARGO_TARGET_DIR:-$here/../../target}
venv=$target/value-venv
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --requirement "$here/requirements.txt"
cargo build --quiet --release --package models --example value --manifest-path "$here/../../Cargo.toml"
exec "$venv/bin/python" "$here/compare.py" "$target/release/examples/value" "$@"

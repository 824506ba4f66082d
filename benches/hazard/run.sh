#!/bin/sh
# Our hazard beside the Cox regression of the Python library `lifelines`: concordance and calibration on spells held back.
#   benches/hazard/run.sh [options of compare.py]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
target=${CARGO_TARGET_DIR:-$here/../../target}
venv=$target/hazard-venv
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --requirement "$here/requirements.txt"
cargo build --quiet --release --package models --example hazard --manifest-path "$here/../../Cargo.toml"
exec "$venv/bin/python" "$here/compare.py" "$target/release/examples/hazard" "$@"

#!/bin/sh
# Our propensities beside LightGBM and plain baselines: AUC, lift and calibration on later rows, in one run.
#   benches/propensity/run.sh bank FILE               Bank Marketing (UCI 222), may be .zst
#   benches/propensity/run.sh complete_journey FOLDER  coupons of Complete Journey (its seven tables as .csv.zst)
set -eu
here=$(cd "$(dirname "$0")" && pwd)
target=${CARGO_TARGET_DIR:-$here/../../target}
venv=$target/propensity-venv
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --requirement "$here/requirements.txt"
cargo build --quiet --release --package models --example propensity --manifest-path "$here/../../Cargo.toml"
tables=$target/propensity-tables
mkdir -p "$tables"
rm -f "$tables/$1"*.csv
"$venv/bin/python" "$here/tables.py" "$1" "$2" "$tables/$1"
for table in "$tables/$1"*.csv; do
    "$venv/bin/python" -W ignore "$here/compare.py" "$target/release/examples/propensity" "$table"
done

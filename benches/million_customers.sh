#!/usr/bin/env bash
# A synthetic history of a million customers (20 million rows): the study of them, and the time and memory of scoring all.
set -euo pipefail
cd "$(dirname "$0")/.."
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
target="${CARGO_TARGET_DIR:-target}"
cargo build --release --locked -p training --examples
"$target/release/examples/synthetic_history" 1000000 20000 20000000 7 "$scratch/history.csv.zst"
"$target/release/examples/customers" - "$scratch/history.csv.zst"

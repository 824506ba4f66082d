#!/usr/bin/env bash
# A synthetic history of 10 million rows (100k customers, 50k items, Zipf): import, training, peak memory.
set -euo pipefail
cd "$(dirname "$0")/.."
rows="${1:-10000000}"
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
target="${CARGO_TARGET_DIR:-target}"
cargo build --release --locked
cargo build --release --locked -p training --example synthetic_history
"$target/release/examples/synthetic_history" 100000 50000 "$rows" 7 "$scratch/history.csv"
ls -l "$scratch/history.csv"

# Prints seconds and peak memory of a command, from the system's own accounting.
measured() { command time -f "$1: %e s wall, %U s user, %M kB peak" "${@:2}"; }
measured "import alone" "$target/release/proffer" validate --history "$scratch/history.csv" >"$scratch/data"
grep -E "rows (read|kept)" "$scratch/data" || head -20 "$scratch/data"
measured "training" "$target/release/proffer" train --history "$scratch/history.csv" --models "$scratch/releases"
du -sh "$scratch/releases"

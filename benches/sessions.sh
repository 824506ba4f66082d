#!/usr/bin/env bash
# What comes next in a session: quality beside VMIS-kNN alone, item to item and popularity, and how long it takes.
#   benches/sessions.sh DAYS FILE… [-- options of proffer evaluate]
# Files of lines `SessionId ItemId Time` with tabs and a header, time in seconds; the last DAYS are judged.
set -euo pipefail
here="$(cd "$(dirname "$0")/.." && pwd)"
[ $# -ge 2 ] || { sed -n 2,4p "$0"; exit 2; }
days="$1"
shift
files=()
while [ $# -gt 0 ] && [ "$1" != "--" ]; do files+=("$1"); shift; done
[ $# -eq 0 ] || shift
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
target="${CARGO_TARGET_DIR:-$here/target}"
cargo build --quiet --release --locked --manifest-path "$here/Cargo.toml"
{
  echo "customer_id,item_id,timestamp"
  for file in "${files[@]}"; do awk 'FNR > 1 { printf "%s,%s,%d\n", $1, $2, $3 }' "$file"; done
} >"$scratch/sessions.csv"
"$target/release/proffer" evaluate --history "$scratch/sessions.csv" --set training.split.test_days="$days" \
  --set 'training.history.timestamp_formats=["epoch_seconds"]' --set training.history.minimums.days=1 \
  --set training.evaluation.max_sessions=100000 "$@"

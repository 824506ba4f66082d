#!/usr/bin/env bash
# Quality and cost on a benchmark of pairs without times, such as Gowalla in the LightGCN split.
#   benches/gowalla.sh TRAIN TEST [options of proffer evaluate]     lines: user item item …, plain or .xz
set -euo pipefail
here="$(cd "$(dirname "$0")/.." && pwd)"
[ $# -ge 2 ] || { sed -n 2,3p "$0"; exit 2; }
train="$1" test="$2"
shift 2
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
target="${CARGO_TARGET_DIR:-$here/target}"
cargo build --quiet --release --locked --manifest-path "$here/Cargo.toml"
lines() { case "$1" in *.xz) xz -dc "$1" ;; *) cat "$1" ;; esac; }
pairs() { lines "$1" | awk 'BEGIN { print "customer_id,item_id" } { for (i = 2; i <= NF; i++) print $1 "," $i }'; }
pairs "$train" >"$scratch/train.csv"
pairs "$test" >"$scratch/test.csv"
command time -f "evaluate: %e s wall, %U s user, %M kB peak" "$target/release/proffer" evaluate \
  --history "$scratch/train.csv" --test "$scratch/test.csv" --set training.evaluation.max_customers=1000000 "$@"
command time -f "train and publish: %e s wall, %U s user, %M kB peak" "$target/release/proffer" train \
  --history "$scratch/train.csv" --set training.evaluation.max_customers=1000 --models "$scratch/releases" >/dev/null

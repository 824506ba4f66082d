#!/usr/bin/env bash
# Proffer beside `implicit` behind FastAPI and uvicorn: the same release, machine, generator and requests, in one run.
#   benches/serving/run.sh RELEASE RESULTS
# RELEASE is the folder with a manifest.json; its customers are asked for, each as likely as the other. Results go into
# the folder RESULTS as JSON, text, and a table with the ratios.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
release="$(cd "${1:?give the folder of a release}" && pwd)"
mkdir -p "${2:?give a folder for the results}"
results="$(cd "$2" && pwd)"

RATES="${RATES:-50,100,200,500,1000,2000,5000}" # requests a second, open loop
RUN_SECONDS="${RUN_SECONDS:-20}"                # of each measurement
WARM_UP="${WARM_UP:-5}"                         # seconds before it
CONNECTIONS="${CONNECTIONS:-64}"
WORKERS="${WORKERS:-$(nproc)}"                  # of uvicorn
# More arguments of `proffer serve`. The peer keeps no answers, so neither does Proffer.
SERVE="${SERVE---set cache.answers_mb=0}"
PORT="${PORT:-18080}"
PEER_PORT="${PEER_PORT:-18082}"
target="${CARGO_TARGET_DIR:-$here/../../target}"
PROFFER="${PROFFER:-$target/release/proffer}"
LOADTEST="${LOADTEST:-$target/release/proffer-loadtest}"
WORKLOAD="${WORKLOAD:-$here/../../loadtest/workloads/recommend.toml}"

venv="${VENV:-$target/serving-venv}"
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --requirement "$here/requirements.txt"

awk '$1 > 0.5 { print "WARNING: the machine is busy (load " $1 "); what is measured will be of that too" > "/dev/stderr" }' /proc/loadavg
scratch="$(mktemp -d)"
service=""
trap 'kill $service 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$scratch"' EXIT
question='{"customer_id":"%s","contact_point":"web_home","n":12}'

# Measures what runs at a port: saturation, then each rate. A gate that breaks (exit code 1) is a result like another.
measure() {
  local name="$1" common
  common=("$WORKLOAD" --url "http://127.0.0.1:$2" --customers-file "$scratch/customers" --connections "$CONNECTIONS"
    --seconds "$RUN_SECONDS" --warm-up "$WARM_UP")
  printf '\n== %s (%s s)\n' "$name" "$SECONDS"
  # shellcheck disable=SC2059 # the question is a format
  curl -sf "http://127.0.0.1:$2/v1/recommend" -H 'Content-Type: application/json' \
    -d "$(printf "$question" "$(head -1 "$scratch/customers")")" -o "$results/$name-answer.json"
  "$LOADTEST" saturate "${common[@]}" --json "$results/$name-saturate.json" | tee "$results/$name-saturate.txt" || [ $? -eq 1 ]
  "$LOADTEST" run "${common[@]}" --rates "$RATES" --json "$results/$name-rates.json" | tee "$results/$name-rates.txt" || [ $? -eq 1 ]
}

# Waits for a command to succeed while the service lives; then notes the seconds and the memory of it and its workers.
started() {
  local name="$1" from="$EPOCHREALTIME" to
  shift
  until "$@" >/dev/null 2>&1; do
    kill -0 "$service" 2>/dev/null || { echo "$name ended; see $results/$name.log" >&2; exit 2; }
    sleep 0.1
  done
  to="$EPOCHREALTIME"
  awk -v a="$from" -v b="$to" 'BEGIN { printf "{ \"seconds_to_ready\": %.1f }\n", b - a }' >"$results/$name-start.json"
}

# Megabytes of the service and its workers, pages that they share counted once.
memory() {
  local pid
  for pid in "$service" $(pgrep -P "$service"); do cat "/proc/$pid/smaps_rollup"; done |
    awk '/^Pss:/ { kb += $2 } END { printf "{ \"memory_mb\": %.0f }\n", kb / 1024 }' >"$results/$1-memory.json"
}

stop() {
  kill "$service"
  wait "$service" 2>/dev/null || true
  service=""
}

peer() {
  local name="$1"
  shift
  "$venv/bin/python" "$here/peer.py" "$release" --workers "$WORKERS" --port "$PEER_PORT" "$@" >"$results/$name.log" 2>&1 &
  service=$!
  started "$name" are_up "$results/$name.log"
  measure "$name" "$PEER_PORT"
  memory "$name"
  stop
}

# Each worker of uvicorn says so when it has started.
are_up() { [ "$(grep -c 'Application startup complete' "$1")" -ge "$WORKERS" ]; }

"$venv/bin/python" - "$release" "$scratch/customers" <<'PYTHON'
import sys
import pyarrow.parquet as parquet

customers = parquet.read_table(f"{sys.argv[1]}/customers.parquet", columns=["customer_id"])["customer_id"]
open(sys.argv[2], "w").write("".join(f"{customer}\n" for customer in customers.to_pylist()))
PYTHON

# Without keys on both sides. The peer's are not measured here, and the newest of several releases would be served.
mkdir "$scratch/releases"
ln -s "$release" "$scratch/releases/"
# shellcheck disable=SC2086 # several arguments are meant
"$PROFFER" serve --listen "127.0.0.1:$PORT" --set auth.enabled=false --set "store.path=$scratch/proffer.db" \
  --set "releases.dir=$scratch/releases" --set customers.as_of=data --set log.filter=warn $SERVE >"$results/proffer.log" 2>&1 &
service=$!
started proffer curl -sf "http://127.0.0.1:$PORT/health/ready"
measure proffer "$PORT"
memory proffer
stop

peer implicit
peer implicit-stored --stored

"$venv/bin/python" "$here/table.py" "$release" "$results" | tee "$results/table.txt"

#!/usr/bin/env bash
# The figures of Proffer's speed, from nothing: world, training, service, load. Results go into a folder as JSON and text.
#
#   cargo build --release && loadtest/run.sh RESULTS
#   CUSTOMERS=20000 ITEMS=2000 loadtest/run.sh RESULTS       # a small world, in minutes
#
# Exit code: 0 when all gates held, 1 when some broke, 2 when something could not be measured.
set -Eeuo pipefail
trap 'echo "line $LINENO failed, so not everything could be measured" >&2; exit 2' ERR
[ $# -eq 1 ] || { echo "give a folder for the results" >&2; exit 2; }
cd "$(dirname "$0")/.."
results="$1"

CUSTOMERS="${CUSTOMERS:-1000000}"                 # of the world
ITEMS="${ITEMS:-100000}"
PURCHASES="${PURCHASES:-20}"                      # rows of a customer, on average
SEED="${SEED:-7}"
RATES="${RATES:-1000,2000,5000}"                  # of recommend, requests a second
OFFERS="${OFFERS:-500}"
OFFERS_RATES="${OFFERS_RATES:-250,500,1000,2000}" # of offers/next
EMAIL_RATES="${EMAIL_RATES:-100,200}"             # of offers/next that reserve
AGAIN_RATES="${AGAIN_RATES:-2000}"                # of a hundred customers, asked again and again
WEB_SHOP_RATES="${WEB_SHOP_RATES:-1000}"          # of the other workloads
COLD_RATES="${COLD_RATES:-500}"
ADVISOR_RATES="${ADVISOR_RATES:-200}"
MIXED_RATES="${MIXED_RATES:-500}"
SWAP_RATES="${SWAP_RATES:-500}"
RUN_SECONDS="${RUN_SECONDS:-30}"                  # of each measurement
CONNECTIONS="${CONNECTIONS:-64}"
OVERLOAD="${OVERLOAD:-yes}"                       # three times the knee for a minute
SOAK="${SOAK:-no}"                                # twenty minutes; needs two releases, so it trains twice
SERVE="${SERVE:-}"                                # more arguments of `proffer serve`, such as --set log.filter=warn
TRAIN="${TRAIN:-}"                                # more arguments of `proffer train`, such as --set training.ials.factors=64
WORK="${WORK:-$results/work}"                     # worlds with their releases, which are used again, and the store
PORT="${PORT:-18080}"
BARE_PORT="${BARE_PORT:-18081}"
target="${CARGO_TARGET_DIR:-target}/release"
PROFFER="${PROFFER:-$target/proffer}"
LOADTEST="${LOADTEST:-$target/proffer-loadtest}"

# Each size has a world of its own: a small one is no large one, and neither are the releases trained on it.
world="$WORK/$CUSTOMERS-$ITEMS-$PURCHASES-$SEED"
mkdir -p "$results" "$WORK"
broken=0
seed=0
service="" bare=""
trap 'kill $service $bare 2>/dev/null || true; wait 2>/dev/null || true' EXIT

step() { printf '\n== %s (%s s)\n' "$*" "$SECONDS"; }

# Runs a measurement: a broken gate is noted, anything else that fails ends the run. Each draws from seeds of its own, one
# for each of its rates: caches of the service know what was asked before.
measure() {
  local name="$1" code=0
  shift
  seed=$((seed + 1000))
  step "$name"
  "$LOADTEST" "$@" --seed "$seed" --json "$results/$name.json" | tee "$results/$name.txt" || code="${PIPESTATUS[0]}"
  if [ "$code" -eq 1 ]; then broken=1; elif [ "$code" -ne 0 ]; then exit 2; fi
}

# Seconds until a URL of a process answers with 2xx.
wait_for() {
  local started now
  started="$(date +%s.%N)"
  until curl -sf -o /dev/null "$1"; do
    kill -0 "$2" 2>/dev/null || { echo "the process behind $1 ended" >&2; exit 2; }
    sleep 0.02
  done
  now="$(date +%s.%N)"
  awk -v a="$started" -v b="$now" 'BEGIN { printf "%.2f", b - a }'
}

# Trains; what stands behind the number goes to `proffer train`.
train() {
  local log="$results/train-$1"
  shift
  # shellcheck disable=SC2086 # several arguments are meant
  command time -v "$PROFFER" train --history "$world/history.csv.zst" --items "$world/items.csv" --models "$world/releases" $TRAIN "$@" \
    >"$log.txt" 2>"$log.err" || { tail "$log.err"; exit 2; }
  tail -n 1 "$log.txt"
  grep -E "Maximum resident|Elapsed" "$log.err"
}

step "world of $CUSTOMERS customers and $ITEMS items"
if [ ! -d "$world" ]; then
  # Written aside: what was interrupted is no world.
  rm -rf "$world.new"
  "$LOADTEST" world --customers "$CUSTOMERS" --items "$ITEMS" --purchases-per-customer "$PURCHASES" --seed "$SEED" --out "$world.new"
  mv "$world.new" "$world"
fi
mkdir -p "$world/releases"
# A name with a dot before it is that of a release that was not published.
releases() { find "$world/releases" -mindepth 1 -maxdepth 1 -type d -not -name '.*' | wc -l; }
if [ "$(releases)" -lt 1 ]; then step "train"; train 1; fi
# The same training would make the same release, between which nothing could be swapped: so this one has a sweep less.
if [ "$SOAK" = yes ] && [ "$(releases)" -lt 2 ]; then step "train another release"; train 2 --set training.ials.sweeps=7; fi
du -sh "$world/releases"

step "serve"
url="http://127.0.0.1:$PORT"
store="$WORK/proffer.db"
rm -f "$store" "$store-wal" "$store-shm"
key="$("$PROFFER" key create --role admin --set "store.path=$store")"
export PROFFER_LOADTEST_KEY="$key"
# shellcheck disable=SC2086 # several arguments are meant
"$PROFFER" serve --listen "127.0.0.1:$PORT" --set "store.path=$store" --set "releases.dir=$world/releases" \
  --set customers.as_of=data --set log.filter=warn $SERVE >"$results/serve.log" 2>&1 &
service=$!
ready="$(wait_for "$url/health/ready" "$service")"
resident="$(awk '/VmRSS/ { printf "%.0f", $2 / 1024 }' "/proc/$service/status")"
printf '{ "customers": %s, "items": %s, "seconds_to_ready": %s, "resident_mb_when_ready": %s }\n' \
  "$CUSTOMERS" "$ITEMS" "$ready" "$resident" | tee "$results/start.json"

of_the_world=(--customers "$CUSTOMERS" --items "$ITEMS")
how=(--connections "$CONNECTIONS" --seconds "$RUN_SECONDS")
whom=(--url "$url" --pid "$service")
common=("${whom[@]}" "${how[@]}" "${of_the_world[@]}")
workloads=loadtest/workloads

# First, since the others ask for the same customers, whom the service then knows.
measure cold_customers run "$workloads/cold_customers.toml" "${common[@]}" --rates "$COLD_RATES"
measure recommend run "$workloads/recommend.toml" "${common[@]}" --rates "$RATES"

step "bare: the same bytes, and nothing else"
curl -sf "$url/v1/recommend" -H "Authorization: Bearer $key" -H 'Content-Type: application/json' \
  -d '{"customer_id":"c1","contact_point":"web_home","n":12}' -o "$results/answer.json"
"$LOADTEST" bare --answer "$results/answer.json" --listen "127.0.0.1:$BARE_PORT" >"$results/bare.log" 2>&1 &
bare=$!
wait_for "http://127.0.0.1:$BARE_PORT/" "$bare" >/dev/null
measure bare-saturation saturate "$workloads/recommend.toml" --url "http://127.0.0.1:$BARE_PORT" --pid "$bare" "${how[@]}" "${of_the_world[@]}"
kill "$bare" && wait "$bare" 2>/dev/null || true
bare=""
# The row "accepted/s" of the comparison is the ratio to bare.
measure recommend-saturation saturate "$workloads/recommend.toml" "${common[@]}" --compare "$results/bare-saturation.json"

# A hundred customers, however large the world is: what answers cost that are kept.
measure again run "$workloads/again.toml" "${whom[@]}" "${how[@]}" --rates "$AGAIN_RATES"
measure again-saturation saturate "$workloads/again.toml" "${whom[@]}" "${how[@]}" --compare "$results/bare-saturation.json"

measure web_shop run "$workloads/web_shop.toml" "${common[@]}" --rates "$WEB_SHOP_RATES"

step "$OFFERS offers"
"$LOADTEST" offers --url "$url" --count "$OFFERS" --items "$ITEMS"
measure offers run "$workloads/offers.toml" "${common[@]}" --rates "$OFFERS_RATES"
measure offers-saturation saturate "$workloads/offers.toml" "${common[@]}"
measure offers_email run "$workloads/offers_email.toml" "${common[@]}" --rates "$EMAIL_RATES"
measure advisor_desk run "$workloads/advisor_desk.toml" "${common[@]}" --rates "$ADVISOR_RATES"
measure mixed_with_events run "$workloads/mixed_with_events.toml" "${common[@]}" --rates "$MIXED_RATES"

if [ "$OVERLOAD" = yes ]; then
  measure overload run "$workloads/overload.toml" "${whom[@]}" "${of_the_world[@]}" --knee --seconds 10
fi
if [ "$SOAK" = yes ]; then
  measure release_swap run "$workloads/release_swap.toml" "${common[@]}" --rates "$SWAP_RATES"
  measure soak run "$workloads/soak.toml" "${whom[@]}" "${of_the_world[@]}" --knee --seconds 10
fi

step "done: $results"
exit "$broken"

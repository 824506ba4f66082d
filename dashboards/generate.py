#!/usr/bin/env python3
"""Writes the dashboards of Grafana from their definitions: dashboards/generate.py [FOLDER].

The definitions say what is asked and how it is answered; the types of grafana_foundation_sdk see to it that the
result is what Grafana reads. The folder is dashboards/grafana unless another one is given.
"""

import json
import sys
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from definitions import models, offers, recommendations, service

ALL = {
    "service": service.dashboard,
    "recommendations": recommendations.dashboard,
    "offers": offers.dashboard,
    "models": models.dashboard,
}


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "grafana"
    folder.mkdir(parents=True, exist_ok=True)
    for name, dashboard in ALL.items():
        text = json.dumps(dashboard().build(), cls=JSONEncoder, indent=2, sort_keys=True)
        (folder / f"{name}.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
